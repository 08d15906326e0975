"""Databases that are broken in every way that storage breaks them, and what is left in them."""

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

NAME = "ocppd.db"
_PARTS = (NAME, f"{NAME}-wal", f"{NAME}-shm")
_PAGE = 4096
QUEUE = "SELECT id, message_id, kind, body FROM queue"
VARIABLES = (
    "SELECT rowid, component, component_instance, evse_id, connector_id, variable,"
    " variable_instance, attribute_type, value FROM variable"
)


def copy_state(source: Path, target: Path) -> None:
    """Copy the database with its log; the daemon makes the rest of a state folder anew."""
    target.mkdir()
    for name in _PARTS:
        if (source / name).exists():
            shutil.copy(source / name, target / name)


def _flips(name: str) -> Callable[[Path, random.Random], str]:
    def damage(state: Path, chance: random.Random) -> str:
        path = state / name
        data = bytearray(path.read_bytes())
        count = chance.choice((1, 1, 4, 32, 256))
        for _ in range(count):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        return f"{count} bits of {name} flipped"

    return damage


def _truncated(name: str) -> Callable[[Path, random.Random], str]:
    def damage(state: Path, chance: random.Random) -> str:
        path = state / name
        size = chance.randrange(path.stat().st_size)
        with path.open("r+b") as file:
            file.truncate(size)
        return f"{name} cut to {size} bytes"

    return damage


def _page_of(fill: Callable[[random.Random], bytes]) -> Callable[[Path, random.Random], str]:
    def damage(state: Path, chance: random.Random) -> str:
        path = state / NAME
        pages = max(path.stat().st_size // _PAGE, 1)
        count = chance.choice((1, 2, 8))
        with path.open("r+b") as file:
            for _ in range(count):
                file.seek(chance.randrange(pages) * _PAGE)
                file.write(fill(chance))
        return f"{count} pages of {pages} overwritten"

    return damage


def _misplaced(state: Path, chance: random.Random) -> str:
    """Put one page where another belongs, as flash does that mixed up its blocks."""
    path = state / NAME
    data = path.read_bytes()
    pages = len(data) // _PAGE
    source, target = chance.randrange(pages), chance.randrange(pages)
    with path.open("r+b") as file:
        file.seek(target * _PAGE)
        file.write(data[source * _PAGE : (source + 1) * _PAGE])
    return f"page {source} in place of page {target} of {pages}"


def _header(state: Path, chance: random.Random) -> str:
    with (state / NAME).open("r+b") as file:
        file.write(chance.randbytes(100))
    return "header overwritten"


def _nonsense(state: Path, chance: random.Random) -> str:
    (state / NAME).write_bytes(chance.randbytes(chance.randrange(1, 100_000)))
    return "no database at all"


def _empty(state: Path, _chance: random.Random) -> str:
    (state / NAME).write_bytes(b"")
    return "zero length"


def _by_sql(*statements: str) -> Callable[[Path, random.Random], str]:
    def damage(state: Path, _chance: random.Random) -> str:
        with closing(sqlite3.connect(state / NAME, isolation_level=None)) as database:
            for statement in statements:
                database.execute(statement)
        return "; ".join(statements)

    return damage


KINDS: tuple[Callable[[Path, random.Random], str], ...] = (
    _flips(NAME),
    _truncated(NAME),
    _page_of(lambda _chance: bytes(_PAGE)),
    _page_of(lambda chance: chance.randbytes(_PAGE)),
    _flips(NAME),
    _misplaced,
    _header,
    _nonsense,
    _empty,
    _by_sql("PRAGMA user_version = 99"),
    _by_sql("DROP TABLE variable"),
    _by_sql("ALTER TABLE queue RENAME COLUMN body TO text"),
    _by_sql("UPDATE queue SET body = substr(body, 2) WHERE id % 7 = 0"),
    _flips(f"{NAME}-wal"),
    _truncated(f"{NAME}-wal"),
)
"""Every kind once; one in two concerns single bits or pages, which is what happens."""


@dataclass(slots=True)
class Readable:
    """What SQLite can still read of a database, row by row."""

    queue: dict[int, tuple[object, ...]] = field(default_factory=dict)
    variables: dict[int, tuple[object, ...]] = field(default_factory=dict)
    errors: int = 0
    verdict: str = ""
    """What integrity_check says, or why it cannot."""

    def messages(self) -> list[tuple[object, ...]]:
        """Message id, kind and body of the queue, in its order."""
        return [self.queue[number][1:] for number in sorted(self.queue)]


def readable(state: Path, scratch: Path, known: "Readable | None" = None) -> Readable:
    """Read a database from a copy; `known` are the rows to ask for, one by one."""
    copy_state(state, scratch)
    found = Readable()
    try:
        with closing(sqlite3.connect(scratch / NAME)) as database:
            # A flipped bit in a text makes another text; what is not the original does not count.
            database.text_factory = partial(str, encoding="utf-8", errors="replace")
            found.queue = _rows(database, QUEUE, "id", known and known.queue, found)
            by_rowid = VARIABLES.replace("rowid", "0")
            found.variables = _all(database, by_rowid, found)
            try:
                found.verdict = str(database.execute("PRAGMA integrity_check(1)").fetchone()[0])
            except (sqlite3.Error, UnicodeDecodeError) as error:
                found.verdict = str(error)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        found.verdict = str(error)
    shutil.rmtree(scratch)
    return found


def _rows(
    database: sqlite3.Connection,
    query: str,
    key: str,
    known: dict[int, tuple[object, ...]] | None,
    found: Readable,
) -> dict[int, tuple[object, ...]]:
    if known is None:
        return {row[0]: row for row in database.execute(query)}
    rows = {}
    for number in known:
        try:
            row = database.execute(f"{query} WHERE {key} = ?", (number,)).fetchone()
        except (sqlite3.Error, ValueError):
            found.errors += 1
        else:
            if row is not None:
                rows[number] = row
    return rows


def _all(
    database: sqlite3.Connection, query: str, found: Readable
) -> dict[int, tuple[object, ...]]:
    rows: dict[int, tuple[object, ...]] = {}
    try:
        for row in database.execute(query):
            rows[len(rows)] = row
    except (sqlite3.Error, ValueError):
        found.errors += 1
    return rows
