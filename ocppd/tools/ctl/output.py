"""What ocppctl prints: tables for people, JSON for programs."""

import json
import sys
from collections.abc import Sequence
from typing import Any


def as_json(value: Any) -> None:
    """Print a value as JSON, indented."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def as_json_line(value: Any) -> None:
    """Print a value as one line of JSON, at once."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def clean(text: Any) -> str:
    """Return a text without what a terminal would obey."""
    return "".join(character if character.isprintable() else "?" for character in str(text))


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table: with `rich` on a terminal where that is installed, else as plain columns."""
    cells = [["" if cell is None else clean(cell) for cell in row] for row in rows]
    if sys.stdout.isatty() and _rich(columns, cells):
        return
    widths = [
        max(len(column), *(len(row[position]) for row in cells)) if cells else len(column)
        for position, column in enumerate(columns)
    ]
    for line in [[column.upper() for column in columns], *cells]:
        parts = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        print("  ".join(parts).rstrip())


def _rich(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> bool:
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return False
    grid = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        grid.add_column(column.upper())
    for row in cells:
        grid.add_row(*(Text(cell, style=_style(cell)) for cell in row))
    Console().print(grid)
    return True


def _style(cell: str) -> str:
    if cell in ("Available", "Accepted", "Operative", "ok", "connected"):
        return "green"
    if cell in ("Faulted", "Rejected", "degraded", "set aside") or cell.startswith("not connected"):
        return "red"
    if cell in ("Unavailable", "Inoperative", "Pending", "RebootRequired", "Scheduled"):
        return "yellow"
    return ""


def pairs(rows: Sequence[tuple[str, Any]]) -> None:
    """Print names and values, the values below each other."""
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        print(f"{name.ljust(width)}  {clean(value)}".rstrip())
