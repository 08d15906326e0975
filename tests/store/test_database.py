"""The writer: what a failing disk, a damaged file or a bad unit of work does to it."""

import asyncio
import logging
import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ocppd.errors import StorageFailure
from ocppd.store.database import Failure, Write, Writer
from ocppd.store.rescue import in_memory
from ocppd.store.store_file import StoreFile, connect

TABLE = "CREATE TABLE IF NOT EXISTS t (key TEXT PRIMARY KEY, value NOT NULL)"


class Disk:
    """A connection whose statements fail while `error` says so; the rest is SQLite on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.error: Exception | None = None
        self.fails_at = "COMMIT"
        self.fails_to_read = False
        self.real = self._connected()

    def _connected(self) -> sqlite3.Connection:
        connection = connect(self.path)
        connection.execute(TABLE)
        connection.execute("CREATE TABLE IF NOT EXISTS n (id INTEGER PRIMARY KEY AUTOINCREMENT)")
        return connection

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        if self.error is not None and sql.startswith(self.fails_at):
            raise self.error
        return self.real.execute(sql, parameters)

    @property
    def in_transaction(self) -> bool:
        return self.real.in_transaction

    def backup(self, target: sqlite3.Connection, **options: Any) -> None:
        if self.fails_to_read and self.error is not None:
            raise self.error
        self.real.backup(target, **options)

    def close(self) -> None:
        self.real.close()

    # The writer's opener.

    there = True

    def open(self) -> "Disk":
        self.real = self._connected()
        self.there = True
        return self

    def is_there(self) -> bool:
        return self.there

    def rescue(self) -> tuple[sqlite3.Connection, bool]:
        memory = in_memory()
        if self.fails_to_read:
            memory.execute(TABLE)
            memory.execute("CREATE TABLE n (id INTEGER PRIMARY KEY AUTOINCREMENT)")
        else:
            self._connected().backup(memory)
        return memory, False

    def merge(self, memory: sqlite3.Connection, file: Any, *, whole: bool) -> None:
        StoreFile.merge(self, memory, file, whole=True)  # type: ignore[arg-type]


class Table:
    """A writer, the table t(key, value) that it writes, and what it said of its health."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "t.db"
        self.disk = Disk(self.path)
        self.told: list[Failure | None] = []
        self.writer = Writer(self.disk, self.told.append, self.disk)  # type: ignore[arg-type]

    @property
    def health(self) -> list[str | None]:
        return [failure.text if failure else None for failure in self.told]

    def put(self, *rows: tuple[object, object]) -> None:
        self.writer.submit([Write("INSERT INTO t VALUES (?, ?)", row) for row in rows])

    def set(self, key: str, value: object) -> None:
        self.writer.submit([Write("INSERT OR REPLACE INTO t VALUES (?, ?)", (key, value))])

    async def rows(self) -> dict[str, object]:
        return await self.writer.query(
            lambda connection: dict(connection.execute("SELECT key, value FROM t").fetchall())
        )

    def on_disk(self) -> dict[str, object]:
        with sqlite3.connect(self.path) as connection:
            rows = dict(connection.execute("SELECT key, value FROM t").fetchall())
        connection.close()
        return rows


@contextmanager
def table(folder: Path) -> Iterator[Table]:
    made = Table(folder)
    try:
        yield made
    finally:
        made.writer.close(2.0)


async def soon(waiting: Any) -> Any:
    return await asyncio.wait_for(waiting, 3.0)


BAD_UNITS = {
    "a text that is no Unicode": Write("INSERT INTO t VALUES ('x', ?)", ("\ud800",)),
    "an integer beyond 64 bits": Write("INSERT INTO t VALUES ('x', ?)", (2**70,)),
    "an object": Write("INSERT INTO t VALUES ('x', ?)", (object(),)),
    "a parameter too many": Write("INSERT INTO t VALUES ('x', 1)", (1,)),
    "a constraint": Write("INSERT INTO t VALUES ('x', NULL)"),
    "no such table": Write("INSERT INTO nowhere VALUES (1)"),
    "no such column": Write("UPDATE t SET other = 1"),
    "no statement": Write("NONSENSE"),
}


@pytest.mark.parametrize("bad", BAD_UNITS.values(), ids=BAD_UNITS)
async def test_a_bad_unit_is_lost_alone_and_told(
    tmp_path: Path, bad: Write, caplog: pytest.LogCaptureFixture
) -> None:
    with table(tmp_path) as t:
        t.put(("before", 1))
        t.writer.submit([Write("INSERT INTO t VALUES ('with', 1)"), bad])
        with pytest.raises(StorageFailure, match="refused"):
            await soon(t.writer.durable())
        t.put(("after", 1))
        await soon(t.writer.durable())
        assert await soon(t.rows()) == {"before": 1, "after": 1}
        assert t.health == []
    assert "lost" in caplog.text


async def test_a_bad_unit_among_good_ones_of_one_transaction(tmp_path: Path) -> None:
    with table(tmp_path) as t:
        t.disk.error = sqlite3.OperationalError("database or disk is full")
        for key in "abcdef":
            t.put((key, None if key in "be" else 1))
        with pytest.raises(StorageFailure):
            await soon(t.writer.durable())
        t.disk.error = None
        t.put(("g", 1))
        assert await soon(t.rows()) == dict.fromkeys("acdfg", 1)
        await soon(_written(t))
    assert t.on_disk() == dict.fromkeys("acdfg", 1)


async def test_a_lost_unit_is_told_to_who_asks_later(tmp_path: Path) -> None:
    with table(tmp_path) as t:
        t.put(("a", None))
        assert await soon(t.rows()) == {}  # the unit is settled by now
        with pytest.raises(StorageFailure, match="refused"):
            await soon(t.writer.durable())
        await soon(t.writer.durable())


async def test_a_lost_unit_is_no_matter_of_who_waited_before_it(tmp_path: Path) -> None:
    with table(tmp_path) as t:
        t.put(("a", 1))
        before = asyncio.ensure_future(t.writer.durable())
        await asyncio.sleep(0)
        t.put(("b", None))
        after = asyncio.ensure_future(t.writer.durable())
        await soon(before)
        with pytest.raises(StorageFailure, match="refused"):
            await soon(after)


@pytest.mark.parametrize("fails_at", ["BEGIN", "INSERT", "COMMIT", "ROLLBACK"])
@pytest.mark.parametrize(
    "error",
    [
        sqlite3.OperationalError("disk I/O error"),
        sqlite3.DatabaseError("database disk image is malformed"),
        sqlite3.InternalError("odd"),
        MemoryError(),
        RuntimeError("nobody thought of it"),
    ],
    ids=repr,
)
async def test_whatever_fails_nothing_is_lost_nor_acknowledged(
    tmp_path: Path, error: Exception, fails_at: str
) -> None:
    with table(tmp_path) as t:
        t.disk.error, t.disk.fails_at = error, fails_at
        if fails_at == "ROLLBACK":  # a bad unit makes it roll back
            t.put(("bad", None))
        t.put(("a", 1))
        t.put(("b", 2))
        with pytest.raises(StorageFailure):
            await soon(t.writer.durable())
        t.disk.error = None
        t.put(("c", 3))
        assert await soon(t.rows()) == {"a": 1, "b": 2, "c": 3}
        await soon(_written(t))
        assert t.health == [] or t.health[-1] is None
    assert t.on_disk() == {"a": 1, "b": 2, "c": 3}


@pytest.mark.parametrize("unreadable", [False, True])
async def test_what_happens_while_the_disk_fails_can_be_read_and_is_written_later(
    tmp_path: Path, *, unreadable: bool
) -> None:
    with table(tmp_path) as t:
        t.put(("a", 1), ("b", 1))
        await soon(t.writer.durable())
        t.disk.error = sqlite3.OperationalError("disk I/O error")
        t.disk.fails_to_read = unreadable
        t.set("a", 2)
        with pytest.raises(StorageFailure, match="I/O"):
            await soon(t.writer.durable())
        t.put(("c", 3))
        with pytest.raises(StorageFailure, match="I/O"):
            await soon(t.writer.durable())
        t.writer.submit([Write("DELETE FROM t WHERE key = 'a'")])
        before = {} if unreadable else {"b": 1}
        assert await soon(t.rows()) == {"c": 3, **before}
        with pytest.raises(StorageFailure, match="I/O"):  # also who writes nothing more
            await soon(t.writer.durable())
        t.disk.error = None
        await soon(_written(t))
        assert await soon(t.rows()) == {"c": 3, **before}
        assert t.health == ["cannot write the store: disk I/O error", None]
    assert t.on_disk() == {"c": 3, **before}


async def test_a_file_that_was_removed_is_written_anew(tmp_path: Path) -> None:
    with table(tmp_path) as t:
        t.put(("a", 1))
        await soon(t.writer.durable())
        for part in tmp_path.iterdir():
            part.unlink()
        t.disk.there = False
        t.put(("b", 2))
        with pytest.raises(StorageFailure, match="not there"):
            await soon(t.writer.durable())
        await soon(_written(t))
    assert t.on_disk() == {"a": 1, "b": 2}


async def test_a_full_disk_is_told_from_a_broken_one(tmp_path: Path) -> None:
    with table(tmp_path) as t:
        t.disk.execute("PRAGMA max_page_count = 5")
        t.put(*((str(number), "x" * 3000) for number in range(20)))
        with pytest.raises(StorageFailure, match="full"):
            await soon(t.writer.durable())
        assert t.told == [Failure("cannot write the store: database or disk is full", True)]


async def test_a_query_that_fails_is_answered(tmp_path: Path) -> None:
    with table(tmp_path) as t:
        with pytest.raises(StorageFailure, match="cannot read"):
            await soon(t.writer.query(lambda connection: int("no number")))
        with pytest.raises(StorageFailure, match="cannot read"):
            await soon(t.writer.query(lambda c: c.execute("SELECT ?", ("\ud800",)).fetchall()))
        assert await soon(t.rows()) == {}


async def test_a_broken_disk_does_not_fill_the_memory(tmp_path: Path) -> None:
    with table(tmp_path) as t:
        t.disk.error = sqlite3.OperationalError("disk I/O error")
        t.put(("first", 1))
        with pytest.raises(StorageFailure):
            await soon(t.writer.durable())
        tracemalloc.start()
        for number in range(3000):
            t.set("same", f"{number:200}")
            t.put((f"queued {number}", "x" * 200))
            t.writer.submit([Write("DELETE FROM t WHERE key = ?", (f"queued {number}",))])
            if number % 100 == 0:
                await soon(t.rows())
        assert await soon(t.rows()) == {"first": 1, "same": f"{2999:200}"}
        grown, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert grown < 100_000
        t.disk.error = None
        await soon(_written(t))
    assert t.on_disk() == {"first": 1, "same": f"{2999:200}"}


async def _written(t: Table) -> None:
    while True:
        try:
            return await t.writer.durable()
        except StorageFailure:
            await asyncio.sleep(0.05)


async def test_a_closed_store_answers_nobody_with_silence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    with table(tmp_path) as t:
        t.disk.error = sqlite3.OperationalError("disk I/O error")
        t.put(("a", 1))
        t.writer.close(2.0)
        with pytest.raises(StorageFailure):
            await soon(t.writer.durable())
        with pytest.raises(StorageFailure, match="closed"):
            await soon(t.rows())
    assert "what was not written is lost" in caplog.text
