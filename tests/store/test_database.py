"""The writer: what a failing disk, a damaged file or a bad unit of work does to it."""

import asyncio
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ocppd.errors import StorageFailure
from ocppd.store.database import Write, Writer, connect


class Disk:
    """A connection whose statements fail while `error` says so; the rest is SQLite on disk."""

    def __init__(self, path: Path) -> None:
        self.real = connect(path)
        self.error: Exception | None = None
        self.fails_at = "COMMIT"

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        if self.error is not None and sql.startswith(self.fails_at):
            raise self.error
        return self.real.execute(sql, parameters)

    @property
    def in_transaction(self) -> bool:
        return self.real.in_transaction

    def close(self) -> None:
        self.real.close()


class Table:
    """A writer, the table t(key, value) that it writes, and what it said of its health."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "t.db"
        self.disk = Disk(self.path)
        self.disk.execute("CREATE TABLE t (key TEXT PRIMARY KEY, value NOT NULL)")
        self.health: list[str | None] = []
        self.writer = Writer(self.disk, self.health.append)  # type: ignore[arg-type]

    def put(self, *rows: tuple[object, object]) -> None:
        self.writer.submit([Write("INSERT INTO t VALUES (?, ?)", row) for row in rows])

    def set(self, key: str, value: object) -> None:
        self.writer.submit([Write("INSERT OR REPLACE INTO t VALUES (?, ?)", (key, value), key)])

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
        await asyncio.sleep(0)
        await soon(t.writer.durable())


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
        await asyncio.sleep(0)
        await soon(t.writer.durable())
        assert t.health == [] or t.health[-1] is None
    assert t.on_disk() == {"a": 1, "b": 2, "c": 3}


async def test_a_file_damaged_while_it_is_open_is_told_and_not_acknowledged(tmp_path: Path) -> None:
    with table(tmp_path) as t:
        t.put(*((f"key {number}", "x" * 500) for number in range(200)))
        await soon(t.writer.durable())
        t.disk.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        t.disk.execute("PRAGMA cache_size = 0")
        size = t.path.stat().st_size
        with t.path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (size - 4096))

        t.set("key 7", "new")
        with pytest.raises(StorageFailure, match="malformed"):
            await soon(t.writer.durable())
        assert t.health == ["cannot write the store: database disk image is malformed"]
        with pytest.raises(StorageFailure, match="malformed"):
            await soon(t.rows())
        t.set("key 8", "new")
        with pytest.raises(StorageFailure, match="malformed"):
            await soon(t.writer.durable())


async def test_a_query_that_fails_is_answered(tmp_path: Path) -> None:
    with table(tmp_path) as t:
        with pytest.raises(StorageFailure, match="cannot read"):
            await soon(t.writer.query(lambda connection: int("no number")))
        with pytest.raises(StorageFailure, match="cannot read"):
            await soon(t.writer.query(lambda c: c.execute("SELECT ?", ("\ud800",)).fetchall()))
        assert await soon(t.rows()) == {}


async def test_a_broken_disk_does_not_fill_the_memory(tmp_path: Path) -> None:
    with table(tmp_path) as t:
        units = _units_of_writer(t.writer)
        t.disk.error = sqlite3.OperationalError("disk I/O error")
        for number in range(500):
            t.set("same", number)
            t.writer.submit(
                [
                    Write("INSERT INTO t VALUES (?, ?)", (f"queued {number}", number)),
                    Write("DELETE FROM t WHERE key = ?", ("other",), "other"),
                    Write("INSERT OR REPLACE INTO t VALUES ('other', ?)", (number,), "other"),
                ]
            )
        t.writer.submit([Write("DELETE FROM t WHERE key = 'same'", (), "same")])
        assert await soon(t.rows()) == {}  # it has tried to write them all by now
        assert sum(len(unit.writes) for unit in units()) == 500 + 1 + 1

        t.set("same", "last")
        assert await soon(t.rows()) == {}  # it has tried to write them all by now
        assert sum(len(unit.writes) for unit in units()) == 500 + 1 + 1
        t.disk.error = None
        await soon(_written(t))
    queued = {f"queued {number}": number for number in range(500)}
    assert t.on_disk() == {"same": "last", "other": 499, **queued}


async def _written(t: Table) -> None:
    while True:
        try:
            return await t.writer.durable()
        except StorageFailure:
            await asyncio.sleep(0.05)


def _units_of_writer(writer: Writer) -> Any:
    """Return a function that tells what the writer keeps, as its thread last looked at it."""
    kept: list[Any] = []
    commit = writer._commit

    def seen(pending: list[Any]) -> None:
        commit(pending)
        kept[:] = pending

    writer._commit = seen  # type: ignore[method-assign]
    return lambda: list(kept)


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
    assert "1 units of work are lost" in caplog.text
