"""Write the man pages into debian/man/, out of the documentation in docs/.

Knows what docs/ uses of Markdown: headings, paragraphs, code (indented or fenced), tables and
lists; `code`, *stress*, **strong** and links within a line. The first code block before any second
heading is the synopsis.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = {
    "ocppd.8": ("ocppd.md", "OCPP client of a charging station"),
    "ocppd.yaml.5": ("configuration.md", "configuration of ocppd"),
    "ocppctl.1": ("ocppctl.md", "see and control ocppd"),
    "ocppd-sim.1": ("ocppd-sim.md", "simulated charger for ocppd"),
    "ocppd-csms.1": ("ocppd-csms.md", "small CSMS for demonstrations and tests"),
}
_CELLS = re.compile(r"(?<!\\)\|")


def main() -> None:
    """Write all pages."""
    folder = ROOT / "debian/man"
    folder.mkdir(exist_ok=True)
    [version] = re.findall(r'__version__ = "(.+)"', (ROOT / "ocppd/__init__.py").read_text())
    for page, (source, brief) in PAGES.items():
        text = (ROOT / "docs" / source).read_text("utf-8")
        (folder / page).write_text(roff(page, brief, version, text), "utf-8")


def roff(page: str, brief: str, version: str, text: str) -> str:
    """Return a Markdown text as the source of a man page."""
    name, _, section = page.rpartition(".")
    lines = [
        f'.TH {name.upper()} {section} "" "ocppd {version}"',
        ".nh",
        ".ad l",
        ".SH NAME",
        f"{name} \\- {brief}",
    ]
    blocks = _blocks(text)
    code = next((block for kind, block in _before_heading(blocks) if kind == "code"), None)
    if code is not None and section in "18":
        lines += [".SH SYNOPSIS", *_code(code)]
    lines.append(".SH DESCRIPTION")
    for kind, block in blocks:
        if block is code and section in "18":
            continue
        lines += _WRITERS[kind](block)
    others = [each.rpartition(".") for each in PAGES if each != page]
    lines += [".SH SEE ALSO", *(f".BR {other} ({number})," for other, _, number in others)]
    lines[-1] = lines[-1].rstrip(",")
    return "\n".join(lines) + "\n"


def _before_heading(blocks: list[tuple[str, list[str]]]) -> list[tuple[str, list[str]]]:
    ends = [index for index, (kind, _) in enumerate(blocks) if kind == "heading"]
    return blocks[: ends[0]] if ends else blocks


def _blocks(text: str) -> list[tuple[str, list[str]]]:
    blocks: list[tuple[str, list[str]]] = []
    fenced = False
    previous = "blank"
    for line in text.splitlines()[1:]:  # the title is NAME
        if line.startswith("```"):
            fenced = not fenced
            if fenced:
                blocks.append(("code", []))
            previous = "blank"
            continue
        kind = "code" if fenced else _kind(line, previous, blocks)
        if kind == "blank":
            if previous == "code":
                blocks[-1][1].append("")
            previous = "code" if previous == "code" else kind
            continue
        if not fenced and (kind != previous or kind == "heading"):
            blocks.append((kind, []))
        blocks[-1][1].append(line if fenced else line.removeprefix("    "))
        previous = kind
    return blocks


def _kind(line: str, previous: str, blocks: list[tuple[str, list[str]]]) -> str:
    if not line.strip():
        return "blank"
    if line.startswith("#"):
        return "heading"
    if line.startswith("|"):
        return "table"
    if line.startswith(("- ", "* ")) or (previous == "list" and line.startswith("  ")):
        return "list"
    if line.startswith("    "):
        return "code"
    return "text"


def _heading(block: list[str]) -> list[str]:
    level, _, title = block[0].partition(" ")
    return [f".SH {_inline(title).upper()}" if level == "##" else f".SS {_inline(title)}"]


def _text(block: list[str]) -> list[str]:
    return [".PP", *(_line(line) for line in _inline("\n".join(block)).split("\n"))]


def _code(block: list[str]) -> list[str]:
    while block and not block[-1].strip():
        block.pop()
    return [".PP", ".RS 4", ".nf", *(_line(_plain(line)) for line in block), ".fi", ".RE"]


def _list(block: list[str]) -> list[str]:
    lines = []
    for line in _inline("\n".join(block)).split("\n"):
        if line.startswith(("- ", "* ")):
            lines += [".IP \\(bu 2", _line(line[2:])]
        else:
            lines.append(_line(line.strip()))
    return lines


def _table(block: list[str]) -> list[str]:
    """One tagged paragraph for a row: the first cell, then the others with what they are."""
    rows = [[cell.strip() for cell in _CELLS.split(row.strip()[1:-1])] for row in block]
    heads = rows[0]
    lines = []
    for row in rows[2:]:
        lines += [".TP", _line(_inline(row[0]))]
        *facts, last = row[1:]
        told = [
            f"{head}: {_inline(cell)}" if head == "default" else _inline(cell)
            for head, cell in zip(heads[1:], facts, strict=False)
            if cell
        ]
        lines.append(_line("; ".join([*told, *([_inline(last)] if last else [])]) or "\\&"))
    return lines


_WRITERS = {"heading": _heading, "text": _text, "code": _code, "list": _list, "table": _table}


def _plain(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")


def _inline(text: str) -> str:
    """Return text of a paragraph with its marks; what is `code` has no marks within."""
    parts = re.split(r"`([^`]+)`", text.replace("\\|", "|"))
    for index, part in enumerate(parts):
        if index % 2:
            parts[index] = f"\\fB{_plain(part)}\\fR"
            continue
        marked = part.replace("\\", "\\e").replace("'", "\\(aq")
        marked = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", marked)
        marked = re.sub(r"\*\*([^*]+)\*\*", r"\\fB\1\\fR", marked)
        parts[index] = re.sub(r"\*([^*\n]+)\*", r"\\fI\1\\fR", marked)
    joined = "".join(parts)
    return re.sub(r"\[([^\]\[]*)\]\([^)\s]*\.md\)", r"\1", joined)


def _line(line: str) -> str:
    """Return a line that roff takes for text."""
    return f"\\&{line}" if line.startswith((".", "'")) else line


if __name__ == "__main__":
    main()
