import asyncio
import itertools
import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ocppd.errors import StorageFailure
from ocppd.model.availability import ConnectorStatus, StatusNotification
from ocppd.model.queue import TransactionFacts, Unreadable
from ocppd.model.security import SecurityEventNotification
from ocppd.model.transactions import TransactionEvent, TransactionEventType, TriggerReason
from ocppd.model.variables import AttributeType, Component, ComponentVariable, EvseRef, Variable
from ocppd.store.database import Failure
from ocppd.store.store import SqliteStore
from ocppd.store.store_file import Damage, connect

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ADDRESS = ComponentVariable(Component("EVSE", None, EvseRef(1, 2)), Variable("Power", "x"))


@dataclass(frozen=True, slots=True)
class Note:
    text: str


def event(transaction_id: str, seq_no: int) -> TransactionEvent:
    kind = TransactionEventType.STARTED if seq_no == 0 else TransactionEventType.UPDATED
    return TransactionEvent(
        kind, NOW, TriggerReason.AUTHORIZED, seq_no, transaction_id, "session", EvseRef(1, 1)
    )


class Health:
    def __init__(self) -> None:
        self.told: list[Failure | None] = []
        self.damages: list[Damage] = []
        self.joined = 0
        self.unread = 0

    @property
    def said(self) -> list[str | None]:
        return [failure.text if failure else None for failure in self.told]

    def join(self, unread: int) -> None:
        self.joined += 1
        self.unread = unread


@contextmanager
def opened(folder: Path, health: Health | None = None) -> Iterator[SqliteStore]:
    ids = itertools.count(1)
    health = health or Health()
    store = SqliteStore(
        folder / "ocppd.db",
        now=lambda: NOW,
        new_id=lambda: f"id-{next(ids)}",
        on_health=health.told.append,
        on_damage=health.damages.append,
        on_joined=health.join,
    )
    try:
        yield store
    finally:
        store.close()


async def test_documents_come_back_after_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.save("a", Note("first"))
        store.save("a", Note("second"))
        store.save("b", Note("gone"))
        store.forget(Note, "b")
        await store.durable()

    with opened(tmp_path) as store:
        assert store.load(Note) == {"a": Note("second")}


async def test_a_document_that_is_not_readable_spoils_no_other(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.save("a", Note("kept"))
        store.save("b", Note("spoilt"))
        await store.durable()
    with sqlite3.connect(tmp_path / "ocppd.db") as database:
        database.execute("UPDATE document SET body = '{}' WHERE key = 'b'")
    database.close()

    with opened(tmp_path) as store:
        assert store.load(Note) == {"a": Note("kept")}


async def test_the_queue_keeps_order_ids_and_counts(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        with store.atomically():
            store.queue(event("tx", 0))
            store.queue(SecurityEventNotification("StartupOfTheDevice", NOW))
            store.queue(event("tx", 1))
        first, second, third = await store.waiting("2.x", 10)
        store.entry_failed(replace(first, attempts=1))
        store.dequeue(second)
        await store.durable()

    with opened(tmp_path) as store:
        entries = await store.waiting("2.x", 10)
        assert [entry.request for entry in entries] == [event("tx", 0), event("tx", 1)]
        assert [entry.message_id for entry in entries] == [first.message_id, third.message_id]
        assert [entry.attempts for entry in entries] == [1, 0]
        assert store.queued_for("tx") == 2
        assert store.queued_for(None) == 2
        store.queue(event("tx", 2))
        assert (await store.waiting("2.x", 10))[-1].id > third.id


async def test_numbers_of_the_queue_are_never_given_twice(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.queue(event("tx", 0))
        [entry] = await store.waiting("2.x", 10)
        store.dequeue(entry)
        await store.durable()

    with opened(tmp_path) as store:
        store.queue(event("tx", 1))
        [later] = await store.waiting("2.x", 10)
        assert later.id > entry.id


async def test_what_was_acknowledged_in_one_generation_waits_for_it(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.queue(event("old", 1))
        store.queue(event("new", 0))
        store.save_transaction_facts("old", "1.6", "42")

        assert [e.request.transaction_id for e in await store.waiting("2.x", 10)] == ["new"]
        assert [e.request.transaction_id for e in await store.waiting("1.6", 10)] == ["old", "new"]
        assert store.transaction_of("42") == "old"
        await store.durable()

    with opened(tmp_path) as store:
        assert store.facts_of("old") == TransactionFacts("1.6", "42")
        assert store.facts_of("new") == TransactionFacts()
        assert store.transaction_of("42") == "old"
        assert store.transaction_of("old") == "old"
        store.forget_transaction_facts("old")
        assert store.transaction_of("42") is None


async def test_what_is_set_aside_is_shown_and_not_sent(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.queue(event("tx", 0))
        [entry] = await store.waiting("2.x", 10)
        store.set_aside(entry, "refused 5 times")

        assert await store.waiting("2.x", 10) == []
        [shown] = await store.all_entries()
        assert shown.set_aside == "refused 5 times"
        assert store.queued_for("tx") == 0


async def test_changed_variables_come_back(tmp_path: Path) -> None:
    other = ComponentVariable(Component("AuthCtrlr"), Variable("Enabled"))
    with opened(tmp_path) as store:
        store.save_attribute(ADDRESS, AttributeType.ACTUAL, "7", "csms")
        store.save_attribute(ADDRESS, AttributeType.TARGET, "8", "csms")
        store.save_attribute(other, AttributeType.ACTUAL, "true", "internal")
        store.save_attribute(other, AttributeType.ACTUAL, None, "internal")
        await store.durable()

    with opened(tmp_path) as store:
        assert store.variables == {
            (ADDRESS, AttributeType.ACTUAL): ("7", "csms"),
            (ADDRESS, AttributeType.TARGET): ("8", "csms"),
        }


async def test_a_unit_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        with store.atomically():
            store.save("a", Note("one"))
            store._write("INSERT INTO nowhere VALUES (1)")
        store.save("b", Note("two"))
        with pytest.raises(StorageFailure):
            await store.durable()

    with opened(tmp_path) as store:
        assert "a" not in store.load(Note)


async def test_nested_units_join_the_outermost(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        before = store.written
        with store.atomically():
            with store.atomically():
                store.save("a", Note("one"))
            assert store.written == before
        assert store.written == before + 1


async def test_a_store_that_cannot_be_opened_works_from_memory_until_it_can(tmp_path: Path) -> None:
    health = Health()
    folder = tmp_path / "missing"
    with opened(folder, health) as store:
        assert store.failure is not None
        assert store.failure.text == "cannot open the store: unable to open database file"
        store.queue(event("tx", 0))
        store.save("a", Note("kept"))
        assert [entry.request.seq_no for entry in await store.waiting("2.x", 10)] == [0]
        with pytest.raises(StorageFailure, match="cannot open the store"):
            await store.durable()
        folder.mkdir()
        await written(store)
        assert store.failure is None
        assert health.said == [None]
        store.queue(event("tx", 1))
        await store.durable()
    with opened(folder) as store:
        assert store.load(Note) == {"a": Note("kept")}
        assert [e.request for e in await store.waiting("2.x", 10)] == [
            event("tx", 0),
            event("tx", 1),
        ]


async def test_a_store_that_comes_late_is_joined_with_what_happened(tmp_path: Path) -> None:
    real, there = tmp_path / "real", tmp_path / "there"
    real.mkdir()
    with opened(real) as store:
        store.save("a", Note("old"))
        store.save("b", Note("older"))
        store.save_transaction_facts("tx", "1.6", "42")
        for number in range(3):
            store.queue(event("tx", number))
        [gone, *_] = await store.waiting("1.6", 1)
        store.dequeue(gone)
        await store.durable()

    for round_ in range(2):  # twice: the second time its own numbers are in the file
        health = Health()
        with opened(there, health) as store:
            store.save("a", Note(f"new {round_}"))
            store.queue(event(f"new {round_}", 0))
            [entry] = await store.waiting("2.x", 10)
            there.symlink_to(real)
            await written(store)
            while not health.joined:
                await asyncio.sleep(0.02)
            assert health.unread == 1, "the document b"
            waiting = await store.waiting("1.6", 10)
            assert [(e.request.transaction_id, e.request.seq_no) for e in waiting[:2]] == [
                ("tx", 1),
                ("tx", 2),
            ]
            assert waiting[-1].id == entry.id
            assert store.queued_for("tx") == 2
            assert store.queued_for(None) == 3 + round_
            assert store.facts_of("tx") == TransactionFacts("1.6", "42")
            assert store.transaction_of("42") == "tx"
            await store.durable()
        there.unlink()
    with opened(real) as store:
        assert store.load(Note) == {"a": Note("new 1"), "b": Note("older")}
        assert [e.request.transaction_id for e in await store.waiting("1.6", 10)] == [
            "tx",
            "tx",
            "new 0",
            "new 1",
        ]


async def written(store: SqliteStore) -> None:
    async with asyncio.timeout(8):
        while True:
            try:
                return await store.durable()
            except StorageFailure:
                await asyncio.sleep(0.05)


async def test_a_disk_that_fails_delays_what_is_kept_and_loses_nothing(tmp_path: Path) -> None:
    health = Health()
    with opened(tmp_path, health) as store:
        await store.durable()
        blocker = sqlite3.connect(tmp_path / "ocppd.db", isolation_level=None)
        store._writer._connection.execute("PRAGMA busy_timeout = 0")
        blocker.execute("BEGIN IMMEDIATE")
        store.save("a", Note("waits"))
        with pytest.raises(StorageFailure, match="locked"):
            await store.durable()
        assert health.said == ["cannot write the store: database is locked"]

        blocker.execute("ROLLBACK")
        blocker.close()
        store.save("b", Note("goes through"))
        await written(store)
        assert health.said[-1] is None

    with opened(tmp_path) as store:
        assert store.load(Note) == {"a": Note("waits"), "b": Note("goes through")}


async def test_unreadable_messages_hide_nothing_and_are_not_counted(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        for number in range(6):
            store.queue(event("tx", number))
        await store.durable()
    with sqlite3.connect(tmp_path / "ocppd.db") as database:
        database.execute("UPDATE queue SET body = '{' WHERE id IN (1, 2, 3, 5)")
    database.close()

    with opened(tmp_path) as store:
        assert store.queued_for("tx") == 6
        entries = await store.waiting("2.x", 2)
        assert [entry.request for entry in entries] == [event("tx", 3), event("tx", 5)]
        assert store.queued_for("tx") == store.queued_for(None) == 2
        await store.durable()
    with opened(tmp_path) as store:
        assert store.queued_for("tx") == 2
        assert len(await store.waiting("2.x", 10)) == 2


async def test_unreadable_messages_are_counted_once_while_the_disk_fails(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.queue(event("tx", 0))
        store.queue(event("tx", 1))
        await store.durable()
    with sqlite3.connect(tmp_path / "ocppd.db") as database:
        database.execute("UPDATE queue SET body = '{' WHERE id = 1")
    database.close()

    with opened(tmp_path) as store:
        await store.durable()
        store._writer._connection.execute("PRAGMA query_only = ON")
        for _ in range(3):
            assert len(await store.waiting("2.x", 1)) == 1
        assert store.queued_for("tx") == 1


async def test_a_disk_that_is_read_only_from_the_start_is_read_and_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as store:
        store.save("a", Note("known"))
        store.save_transaction_facts("tx", "2.x", None)
        await store.durable()

    def read_only(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.execute("PRAGMA query_only = ON")
        return connection

    monkeypatch.setattr("ocppd.store.store_file.connect", read_only)
    health = Health()
    with opened(tmp_path, health) as store:
        assert store.load(Note) == {"a": Note("known")}
        store.save("b", Note("later"))
        with pytest.raises(StorageFailure, match="readonly"):
            await store.durable()
        assert health.said == ["cannot write the store: attempt to write a readonly database"]
        monkeypatch.undo()
        await written(store)  # it is tried again without being asked
        assert health.said[-1] is None
    with opened(tmp_path) as store:
        assert store.load(Note) == {"a": Note("known"), "b": Note("later")}


@pytest.mark.parametrize("blocked", ["ocppd.db", "ocppd.db-wal"])
async def test_a_folder_in_place_of_a_file_leaves_the_memory(tmp_path: Path, blocked: str) -> None:
    with opened(tmp_path) as store:
        store.save("a", Note("known"))
        await store.durable()
    (tmp_path / blocked).unlink(missing_ok=True)
    (tmp_path / blocked).mkdir()

    with opened(tmp_path) as store:
        assert store.failure is not None
        store.queue(event("tx", 0))
        assert len(await store.waiting("2.x", 10)) == 1
        (tmp_path / blocked).rmdir()
        await written(store)
    with opened(tmp_path) as store:
        assert len(await store.waiting("2.x", 10)) == 1


@pytest.mark.parametrize("step", ["rename", "anew"])
async def test_a_damaged_file_that_cannot_be_replaced_leaves_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    file = tmp_path / "ocppd.db"
    file.write_bytes(b"no database" * 1000)

    def refuse(self: Path, target: Path) -> None:
        raise OSError(30, "Read-only file system")

    def full_after_rename(path: Path) -> sqlite3.Connection:
        if path == file and not file.exists():
            raise sqlite3.OperationalError("database or disk is full")
        return connect(path)

    if step == "rename":
        monkeypatch.setattr(Path, "rename", refuse)
    else:
        monkeypatch.setattr("ocppd.store.store_file.connect", full_after_rename)

    with opened(tmp_path) as store:
        assert store.failure is not None
        assert ("Read-only" if step == "rename" else "full") in store.failure.text
        store.queue(event("tx", 0))
        assert len(await store.waiting("2.x", 10)) == 1
        monkeypatch.undo()
        await written(store)
    assert len(list(tmp_path.glob("ocppd.db.damaged-*"))) == 1
    with opened(tmp_path) as store:
        assert len(await store.waiting("2.x", 10)) == 1


async def test_a_file_without_its_tables_counts_as_damaged(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.queue(event("tx", 0))
        await store.durable()
    with sqlite3.connect(tmp_path / "ocppd.db") as database:
        database.execute("DROP TABLE document")
    database.close()

    health = Health()
    with opened(tmp_path, health) as store:
        assert [e.request for e in await store.waiting("2.x", 10)] == [event("tx", 0)]
        assert health.damages[0].saved["queue"] == 1
        store.save("a", Note("goes on"))
        await store.durable()


async def test_a_renamed_column_counts_as_damage_and_loses_no_message(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.queue(event("tx", 0))
        await store.durable()
    with sqlite3.connect(tmp_path / "ocppd.db") as database:
        database.execute("ALTER TABLE queue RENAME COLUMN body TO text")
    database.close()

    with opened(tmp_path) as store:
        assert [e.request for e in await store.waiting("2.x", 10)] == [event("tx", 0)]
        await store.durable()


async def test_a_variable_that_is_not_readable_is_left_out(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.save_attribute(ADDRESS, AttributeType.ACTUAL, "7", "csms")
        store.save_attribute(ADDRESS, AttributeType.TARGET, "8", "csms")
        await store.durable()
    with sqlite3.connect(tmp_path / "ocppd.db") as database:
        database.execute("UPDATE variable SET attribute_type = 'Odd' WHERE value = '8'")
    database.close()

    with opened(tmp_path) as store:
        assert store.variables == {(ADDRESS, AttributeType.ACTUAL): ("7", "csms")}


@pytest.mark.parametrize("round_", range(5))
async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, round_: int) -> None:
    script = textwrap.dedent("""
        import asyncio, itertools, pathlib, sys
        sys.path.insert(0, ".")
        from tests.store.test_store import NOW, event
        from ocppd.store.store import SqliteStore

        async def main():
            ids = itertools.count()
            store = SqliteStore(pathlib.Path(sys.argv[1]), now=lambda: NOW,
                                new_id=lambda: str(next(ids)), on_health=print)
            for number in itertools.count():
                store.queue(event("tx", number))
                await store.durable()
                print(number, flush=True)

        asyncio.run(main())
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "ocppd.db")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    acknowledged = -1
    for line in process.stdout:
        acknowledged = int(line)
        if acknowledged == 20 + 37 * round_:
            os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()

    with opened(tmp_path) as store:
        kept = [entry.request.seq_no for entry in await store.waiting("2.x", 10_000)]
    assert kept == list(range(len(kept)))
    assert len(kept) > acknowledged


async def test_unreadable_messages_are_shown_and_deleted_but_never_sent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path) as store:
        for number in range(3):
            store.queue(event("tx", number))
        await store.durable()
    with sqlite3.connect(tmp_path / "ocppd.db") as database:
        database.execute("UPDATE queue SET body = '{' WHERE id = 1")
        database.execute("UPDATE queue SET queued_at = 'yesterday' WHERE id = 2")
    database.close()

    for _ in range(2):  # when they are found, and after another start
        with opened(tmp_path) as store:
            first, second, third = await store.all_entries()
            assert first.request == Unreadable("TransactionEvent", "tx")
            assert (first.queued_at, first.set_aside) == (NOW, "not readable")
            assert second.set_aside is third.set_aside is None, "a date keeps nothing back"
            assert not await store.release(1)
            assert [entry.id for entry in await store.waiting("2.x", 10)] == [2, 3]
            await store.durable()
    with opened(tmp_path) as store:
        assert store.drop(1)
        assert "queued message 1 of transaction tx is deleted unsent: not readable" in caplog.text
        assert not store.drop(1)
        assert [entry.id for entry in await store.all_entries()] == [2, 3]


async def test_nothing_that_a_row_holds_keeps_back_the_others(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        for number in range(5):
            store.queue(event("tx", number))
        store.redate(timedelta(days=-1))
        await store.durable()
    year_1 = json.dumps({"type": "x", "timestamp": "0001-01-01T00:00:00+00:00"})
    no_zone = json.dumps({"type": "x", "timestamp": "1970-01-01T00:00:00"})
    with sqlite3.connect(tmp_path / "ocppd.db") as database:
        damaged = "UPDATE queue SET kind = ?, body = ? WHERE id = ?"
        for number, body in ((1, year_1), (2, no_zone), (3, "[" * 100_000), (4, "9" * 5000)):
            database.execute(damaged, ("SecurityEventNotification", body, number))
    database.close()
    with opened(tmp_path) as store:
        old, last = await store.waiting("2.x", 10)
        assert (old.id, last.id) == (1, 5)
        assert old.request.timestamp == datetime(1, 1, 1, tzinfo=UTC), "it cannot be moved"
        aside = [entry.id for entry in await store.all_entries() if entry.set_aside]
        assert aside == [2, 3, 4]


async def test_corrections_of_dates_last_as_long_as_what_they_correct(tmp_path: Path) -> None:
    """Each boot without a clock makes one; a thousand of them make no list of a thousand."""
    early = datetime(1970, 1, 1, tzinfo=UTC)
    with opened(tmp_path) as store:
        store.queue(replace(event("tx", 0), timestamp=early))
        store.redate(timedelta(days=1))
        store.queue(event("tx", 1))
        for _ in range(10):
            [first, *_] = await store.waiting("2.x", 10)
            assert first.request.timestamp == early + timedelta(days=1)
            await store.durable()
        store.set_aside(first, "refused")
        store.redate(timedelta(days=1))
        assert len(store._redatings.items) == 2, "it may be released"
        store.drop(first.id)
        store.redate(timedelta(days=1))
        assert [each.up_to for each in store._redatings.items] == [2, 2]
        for entry in await store.waiting("2.x", 10):
            store.dequeue(entry)
        await store.durable()
    with opened(tmp_path) as store:
        assert store._redatings.items == ()
        for _ in range(5):
            store.redate(timedelta(days=1))
        assert len(store._redatings.items) == 1
    with opened(tmp_path) as store:
        await store.durable()
    with sqlite3.connect(tmp_path / "ocppd.db") as database:
        [count] = database.execute(
            "SELECT count(*) FROM document WHERE kind = 'Redatings'"
        ).fetchone()
    database.close()
    assert count == 0


async def test_what_is_dropped_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with opened(tmp_path) as store:
        store.limit_queue(lambda: 10)
        status = StatusNotification(NOW, 1, 1, ConnectorStatus.OCCUPIED)
        store.queue(status)
        for number in range(10):
            store.queue(event("tx", number))
        await store.durable()
    assert "more than 10 messages wait for the CSMS: dropped " in caplog.text
    assert "1 messages that are no matter of transactions" in caplog.text
    assert "samples" in caplog.text or "updates of transactions" in caplog.text


async def test_one_kind_is_read_past_any_number_of_the_other(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        for number in range(20):
            store.queue(event("tx", number))
        store.queue(StatusNotification(NOW, 1, 1, ConnectorStatus.OCCUPIED))
        await store.durable()
        [other] = await store.waiting("2.x", 5, of_transactions=False)
        assert isinstance(other.request, StatusNotification)
        entries = await store.waiting("2.x", 5, of_transactions=True)
        assert [entry.id for entry in entries] == [1, 2, 3, 4, 5]
