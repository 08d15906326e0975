"""What can be read of a store that cannot be opened: damaged, newer, or on a disk that fails.

The file is read as it is, with what its write-ahead log has committed. Tables that SQLite can read
are taken from it, by the names of their columns. Of the others each page is looked at by itself:
rows are known by the shape of their columns.
"""

import logging
import sqlite3
import struct
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

_LOG = logging.getLogger(__name__)

_MAGIC = b"SQLite format 3\x00"
_USUAL_PAGE = 4096
_LARGEST_FILE = 256 << 20
_TABLE_LEAF, _INDEX_LEAF, _INDEX_INTERIOR = 0x0D, 0x0A, 0x02
# Columns that a later migration may have added: an older row has fewer.
_MOST_MISSING = 4
# Texts that a row can do without: since when, and from whom it is.
_DISPENSABLE = frozenset(("queued_at", "source"))
# Numbers of rows that no page shows, but SQLite may find.
_WIDEST_GAP = 100
_MOST_NUMBERS = 20_000
# The text of an error, or the name of a column, may itself be damaged (UnicodeDecodeError).
_UNREADABLE = (sqlite3.Error, MemoryError, OverflowError, UnicodeDecodeError)

Row = tuple[Any, ...]


def in_memory() -> sqlite3.Connection:
    """Return an empty database that is nowhere but in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    tolerate_any_text(connection)
    return connection


def tolerate_any_text(connection: sqlite3.Connection) -> None:
    """Let a damaged text be read with a mark in it: else its row could not be read at all."""
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")


# The file as it is.


def image_of(path: Path) -> bytes:
    """Return the database with what its write-ahead log has committed, as one file without a log.

    Raises:
        OSError: it cannot be read, or is too large to be a store

    """
    if path.stat().st_size > _LARGEST_FILE:
        raise OSError(f"{path.name} is larger than {_LARGEST_FILE >> 20} MiB")
    image = bytearray(path.read_bytes())
    wal = b""
    with suppress(OSError):
        wal = path.with_name(f"{path.name}-wal").read_bytes()
    for number, page in _committed(wal).items():
        at = (number - 1) * len(page)
        if at > len(image) + _LARGEST_FILE:
            continue
        if len(image) < at + len(page):
            image.extend(bytes(at + len(page) - len(image)))
        image[at : at + len(page)] = page
    if image[:16] == _MAGIC:
        image[18:20] = b"\x01\x01"  # no write-ahead log any more
    return bytes(image)


def _committed(wal: bytes) -> dict[int, bytes]:
    """Return the pages of a write-ahead log up to its last sound commit."""
    if len(wal) < 32:
        return {}
    magic, _, size, _, salt1, salt2, sum1, sum2 = struct.unpack_from(">8I", wal)
    if magic not in (0x377F0682, 0x377F0683) or not 512 <= size <= 65536:
        return {}
    order = ">" if magic & 1 else "<"
    checksum = _checksum(wal[:24], (0, 0), order)
    if checksum != (sum1, sum2):
        return {}
    pages: dict[int, bytes] = {}
    uncommitted: dict[int, bytes] = {}
    for at in range(32, len(wal) - size - 23, 24 + size):
        number, length, *rest = struct.unpack_from(">6I", wal, at)
        page = wal[at + 24 : at + 24 + size]
        checksum = _checksum(page, _checksum(wal[at : at + 8], checksum, order), order)
        if rest != [salt1, salt2, *checksum] or number == 0:
            break
        uncommitted[number] = page
        if length:
            pages |= uncommitted
            uncommitted = {}
    return pages


def _checksum(data: bytes, start: tuple[int, int], order: str) -> tuple[int, int]:
    first, second = start
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for one, two in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + two + first) & 0xFFFFFFFF
    return first, second


def opened(image: bytes) -> sqlite3.Connection:
    """Return an image as a database in memory; raises sqlite3.Error if it is none."""
    connection = in_memory()
    try:
        connection.deserialize(image)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


# What is in it.


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    kind: str
    required: bool
    key: int
    has_default: bool

    @property
    def is_needed(self) -> bool:
        """Whether a row without it is worth nothing."""
        return self.required and not self.has_default and self.name not in _DISPENSABLE

    def takes(self, value: object) -> bool:
        """Tell whether a value may stand here; the key of numbered rows is left out there."""
        if value is None:
            return not self.required and (not self.key or self.kind == "INTEGER")
        return isinstance(value, int if self.kind == "INTEGER" else str)


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    columns: tuple[_Column, ...]
    has_rowid: bool

    def fits(self, row: Row) -> bool:
        """Tell whether a row, as it lies in a page, may be one of this table."""
        missing = len(self.columns) - len(row)
        if not 0 <= missing <= _MOST_MISSING:
            return False
        return all(
            column.takes(value) for column, value in zip(self.columns, row, strict=False)
        ) and not any(column.key for column in self.columns[len(row) :])

    @property
    def number(self) -> str | None:
        """The column that is the row's number, if one is."""
        keys = [column for column in self.columns if column.key]
        alone = self.has_rowid and len(keys) == 1 and keys[0].kind == "INTEGER"
        return keys[0].name if alone else None

    def bears(self, names: list[str]) -> bool:
        """Tell whether a row is still worth something with these columns alone."""
        missing = [column for column in self.columns if column.name not in names]
        return not any(column.key or column.is_needed for column in missing)

    def mended(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row in which a damaged value, if it is no key, is what stands for none."""
        mended = dict(row)
        for column in self.columns:
            value = row.get(column.name)
            if column.key or (column.name in row and column.takes(value)):
                continue
            if isinstance(value, bytes) and column.kind == "TEXT":
                mended[column.name] = value.decode(errors="replace")
            elif column.has_default:
                mended.pop(column.name, None)
            elif column.name in _DISPENSABLE:
                mended[column.name] = ""
            elif not column.required:
                mended[column.name] = None
        return mended


def tables(connection: sqlite3.Connection) -> list[str]:
    """Return the names of the tables that hold what is kept."""
    return [
        name
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            " AND name != 'migration' ORDER BY name"
        )
    ]


def _described(connection: sqlite3.Connection, name: str) -> _Table:
    [sql] = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()
    columns = tuple(
        _Column(column, kind, bool(required), key, default is not None)
        for _, column, kind, required, default, key in connection.execute(
            f'PRAGMA table_info("{name}")'
        )
    )
    return _Table(name, columns, "WITHOUT ROWID" not in sql.upper())


def salvage(image: bytes, target: sqlite3.Connection) -> dict[str, int]:
    """Put into an empty store what can be read of an image; returns how much of each table.

    Raises:
        sqlite3.Error: the target cannot be written

    """
    source: sqlite3.Connection | None = None
    with suppress(*_UNREADABLE):
        source = opened(image)
    saved: dict[str, int] = {}
    try:
        described = [_described(target, name) for name in tables(target)]
        unread: list[_Table] = []
        numbers = {number for _, number, _ in _records(image) if number is not None}
        target.execute("BEGIN IMMEDIATE")
        try:
            for table in described:
                rows, whole = _by_sql(source, table) if source is not None else ([], False)
                if not whole:
                    unread.append(table)
                    if source is not None:  # what is asked for by number is surely that row
                        rows = _by_number(source, table, numbers) + rows
                saved[table.name] = _insert(target, table.name, map(table.mended, rows))
            if unread:
                for name, found in _by_page(image, described, unread):
                    saved[name] += _insert(target, name, [found])
            _keep_numbers(source, target)
            target.execute("COMMIT")
        except BaseException:
            if target.in_transaction:
                target.execute("ROLLBACK")
            raise
    finally:
        if source is not None:
            source.close()
    return saved


def _insert(target: sqlite3.Connection, table: str, rows: Iterable[dict[str, Any]]) -> int:
    saved = 0
    for row in rows:
        names = ", ".join(row)
        marks = ", ".join("?" * len(row))
        try:
            cursor = target.execute(
                f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})",  # noqa: S608
                tuple(row.values()),
            )
        except (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, OverflowError):
            continue
        saved += cursor.rowcount
    return saved


def _keep_numbers(source: sqlite3.Connection | None, target: sqlite3.Connection) -> None:
    """Never give a number twice."""
    if source is None:
        return
    with suppress(sqlite3.Error, TypeError, ValueError):  # UnicodeDecodeError is a ValueError
        for name, last in source.execute("SELECT name, seq FROM sqlite_sequence").fetchall():
            if isinstance(last, int) and 0 <= last < 1 << 52:
                raise_sequence(target, name, last)


def raise_sequence(connection: sqlite3.Connection, table: str, last: int) -> None:
    """Let a table's next number be above `last`."""
    cursor = connection.execute(
        "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (last, table)
    )
    if cursor.rowcount == 0:
        connection.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (table, last))


def _by_sql(source: sqlite3.Connection, table: _Table) -> tuple[list[dict[str, Any]], bool]:
    """Return the rows that SQLite can read, and whether it could read to the end.

    A record is read from its beginning: where an end of it is damaged, a scan that does not ask for
    the last columns comes further.
    """
    rows: list[dict[str, Any]] = []
    try:
        names = _names(source, table)
        if not names:
            return rows, False
        if _scan(source, table, names, rows):
            [verdict] = source.execute(f"PRAGMA quick_check({table.name})").fetchone()
            return rows, verdict == "ok"
        while table.bears(names := names[:-1]):
            _scan(source, table, names, rows)
    except _UNREADABLE as error:
        _LOG.info("the table %s is damaged: %s", table.name, error)
    return rows, False


def _scan(
    source: sqlite3.Connection, table: _Table, names: list[str], rows: list[dict[str, Any]]
) -> bool:
    """Add the rows up to the first that SQLite cannot read; True if there is none."""
    query = f"SELECT {', '.join(names)} FROM {table.name}"  # noqa: S608
    try:
        with closing(source.execute(query)) as cursor:
            for row in cursor:
                rows.append(dict(zip(names, row, strict=True)))  # noqa: PERF401
    except _UNREADABLE as error:
        _LOG.info("the table %s is damaged: %s", table.name, error)
        return False
    return True


def _names(source: sqlite3.Connection, table: _Table) -> list[str]:
    """Return the columns to read; none of another table of this name, or if one was renamed."""
    present = {row[1] for row in source.execute(f'PRAGMA table_info("{table.name}")')}
    if any(column.required and column.name not in present for column in table.columns):
        return []
    return [column.name for column in table.columns if column.name in present]


def _by_number(
    source: sqlite3.Connection, table: _Table, numbers: set[int]
) -> list[dict[str, Any]]:
    """Return the rows of a numbered table that SQLite finds one by one.

    It comes to them from the root, so it finds some that it does not come to in their order, and
    takes none for another whose number is damaged. `numbers` are those that lie in any page.
    """
    rows: list[dict[str, Any]] = []
    try:
        names = _names(source, table)
    except _UNREADABLE:
        return rows
    if not names or table.number is None:
        return rows
    for number in _with_gaps(numbers):
        asked = names
        while table.bears(asked):
            query = f"SELECT {', '.join(asked)} FROM {table.name} WHERE {table.number} = ?"  # noqa: S608
            try:
                row = source.execute(query, (number,)).fetchone()
            except _UNREADABLE:
                asked = asked[:-1]
                continue
            if row is not None:
                rows.append(dict(zip(asked, row, strict=True)))
            break
    return rows


def _with_gaps(numbers: set[int]) -> list[int]:
    """Return numbers with those that are missing between them, unless very many are."""
    found: list[int] = []
    for number in sorted(numbers):
        if found and number - found[-1] <= _WIDEST_GAP and len(found) < _MOST_NUMBERS:
            found.extend(range(found[-1] + 1, number))
        found.append(number)
    return found


def _by_page(
    image: bytes, described: list[_Table], wanted: list[_Table]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows of the wanted tables that lie in any page that is not free."""
    for has_rowid, number, row in _records(image):
        candidates = [
            table for table in described if table.has_rowid is has_rowid and table.fits(row)
        ]
        if not candidates:
            continue
        table = min(candidates, key=lambda each: len(each.columns) - len(row))
        if table not in wanted:
            continue
        found = {
            column.name: number if has_rowid and column.key and value is None else value
            for column, value in zip(table.columns, row, strict=False)
        }
        yield table.name, found


def _records(image: bytes) -> Iterator[tuple[bool, int | None, Row]]:
    """Yield what lies in the pages: whether it has a row number, that number, and the values."""
    size, usable = _USUAL_PAGE, _USUAL_PAGE
    if image[:16] == _MAGIC:
        [told] = struct.unpack_from(">H", image, 16)
        told = 65536 if told == 1 else told
        if told >= 512 and told & (told - 1) == 0:
            size, usable = told, told - image[20]
    free = _free_pages(image, size)
    for number in range(1, len(image) // size + 1):
        if number in free:
            continue
        page = image[(number - 1) * size : number * size]
        head = 100 if number == 1 else 0
        kind = page[head]
        if kind not in (_TABLE_LEAF, _INDEX_LEAF, _INDEX_INTERIOR):
            continue
        [count] = struct.unpack_from(">H", page, head + 3)
        start = head + (12 if kind == _INDEX_INTERIOR else 8)
        for cell in range(min(count, (size - start) // 2)):
            [at] = struct.unpack_from(">H", page, start + 2 * cell)
            with suppress(IndexError, struct.error, ValueError, OverflowError):
                yield _record(image, page, at, kind, size, usable)


def _free_pages(image: bytes, size: int) -> set[int]:
    """Return the pages that are in no table: what lies there was deleted."""
    free: set[int] = set()
    if image[:16] != _MAGIC:
        return free
    [trunk] = struct.unpack_from(">I", image, 32)
    while trunk and trunk not in free and trunk * size <= len(image):
        free.add(trunk)
        at = (trunk - 1) * size
        following, count = struct.unpack_from(">2I", image, at)
        count = min(count, size // 4 - 2)
        free.update(struct.unpack_from(f">{count}I", image, at + 8))
        trunk = following
    return free


def _record(
    image: bytes, page: bytes, at: int, kind: int, size: int, usable: int
) -> tuple[bool, int | None, Row]:
    if kind == _INDEX_INTERIOR:
        at += 4
    length, at = _varint(page, at)
    number: int | None = None
    if kind == _TABLE_LEAF:
        number, at = _varint(page, at)
    payload = _payload(image, page, at, length, kind, size, usable)
    header, at = _varint(payload, 0)
    types = []
    while at < header:
        each, at = _varint(payload, at)
        types.append(each)
    values = []
    at = header
    for each in types:
        value, at = _value(payload, at, each)
        values.append(value)
    return kind == _TABLE_LEAF, number, tuple(values)


def _payload(
    image: bytes, page: bytes, at: int, length: int, kind: int, size: int, usable: int
) -> bytes:
    """Return a whole record, of which the end may lie in further pages."""
    if length > len(image):
        raise ValueError("too long")
    most = usable - 35 if kind == _TABLE_LEAF else (usable - 12) * 64 // 255 - 23
    if length <= most:
        if at + length > len(page):
            raise IndexError
        return page[at : at + length]
    least = (usable - 12) * 32 // 255 - 23
    local = least + (length - least) % (usable - 4)
    local = local if local <= most else least
    payload = bytearray(page[at : at + local])
    [following] = struct.unpack_from(">I", page, at + local)
    for _ in range(length // (usable - 4) + 1):
        if len(payload) >= length or following == 0:
            break
        start = (following - 1) * size
        [following] = struct.unpack_from(">I", image, start)
        payload += image[start + 4 : start + usable]
    if len(payload) < length:
        raise IndexError
    return bytes(payload[:length])


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for _ in range(8):
        byte = data[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at
    return value << 8 | data[at], at + 1


_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


def _value(data: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind == 0:
        return None, at
    if kind in (8, 9):
        return kind - 8, at
    if kind == 7:
        return struct.unpack_from(">d", data, at)[0], at + 8
    length = _INTEGERS.get(kind, (kind - 12) // 2)
    end = at + length
    if length < 0 or end > len(data):
        raise IndexError
    if kind in _INTEGERS:
        return int.from_bytes(data[at:end], "big", signed=True), end
    text = data[at:end]
    return (text.decode("utf-8", "replace") if kind & 1 else text), end
