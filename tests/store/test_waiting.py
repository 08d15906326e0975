"""The limit of the durable queue: what is dropped when too much waits for the CSMS."""

import itertools
import sqlite3
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ocppd.model.availability import ConnectorStatus, StatusNotification
from ocppd.model.security import SecurityEventNotification
from ocppd.model.tokens import IdToken, IdTokenType
from ocppd.model.transactions import (
    MeterValues,
    TransactionEvent,
    TransactionEventType,
    TriggerReason,
)
from ocppd.model.variables import EvseRef
from ocppd.store.store import SqliteStore
from ocppd.store.waiting import Place, Rank, Waiting
from tests.store.test_store import NOW, event, opened

TOKEN = IdToken("04A224B2", IdTokenType.ISO14443)
ENDED = TransactionEventType.ENDED


def fill(store: SqliteStore, transaction_id: str, numbers: range) -> None:
    for number in numbers:
        store.queue(event(transaction_id, number))


async def numbers(store: SqliteStore, transaction_id: str) -> list[int]:
    return [
        entry.request.seq_no
        for entry in await store.waiting("2.x", 10_000)
        if isinstance(entry.request, TransactionEvent)
        and entry.request.transaction_id == transaction_id
    ]


@pytest.mark.requirement("E04.FR.07", "E04.FR.08", "J02.FR.12", "J02.FR.13")
async def test_every_second_update_is_dropped_where_too_many_messages_wait(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path) as store:
        store.limit_queue(lambda: 20)
        fill(store, "a", range(11))
        store.queue(replace(event("a", 11), event_type=ENDED))
        fill(store, "b", range(8))
        assert store.queued_for(None) == 20
        assert not caplog.records
        fill(store, "b", range(8, 9))
        assert await numbers(store, "a") == [0, 2, 4, 6, 8, 10, 11]
        assert await numbers(store, "b") == [0, 2, 4, 6, 8], "first and last are kept"
        assert store.queued_for("a") == 7
        assert store.queued_for("b") == 5
        assert store.queued_for(None) == 12
        [record] = caplog.records
        assert "more than 20 messages wait for the CSMS: dropped 9 updates" in record.getMessage()
    with opened(tmp_path) as store:
        assert store.queued_for(None) == 12
        assert await numbers(store, "a") == [0, 2, 4, 6, 8, 10, 11]


async def test_without_a_setting_a_thousand_may_wait(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fill(store, "a", range(1000))
        assert store.queued_for(None) == 1000
        fill(store, "a", range(1000, 1001))
        assert store.queued_for(None) == 501


@pytest.mark.parametrize(
    "said",
    [
        {"id_token": TOKEN},
        {"authorizes": True, "starting_token": TOKEN},
        {"evse_told": True},
        {"remote_start_id": 7},
        {"event_type": TransactionEventType.STARTED},
        {"event_type": ENDED},
    ],
)
async def test_what_is_said_once_is_never_dropped(tmp_path: Path, said: dict[str, object]) -> None:
    with opened(tmp_path) as store:
        store.limit_queue(lambda: 4)
        for number in range(30):
            store.queue(replace(event("a", number), **said))  # type: ignore[arg-type]
        store.queue(SecurityEventNotification("StartupOfTheDevice", NOW))
        assert await numbers(store, "a") == list(range(30))
        assert store.queued_for(None) == 31


async def test_what_was_queued_before_a_restart_is_thinned_out_too(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fill(store, "a", range(9))
    with opened(tmp_path) as store:
        store.limit_queue(lambda: 9)
        store.queue(SecurityEventNotification("StartupOfTheDevice", NOW))
        assert await numbers(store, "a") == [0, 2, 4, 6, 8]


async def test_an_entry_that_is_dropped_while_it_is_sent_is_counted_once(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.limit_queue(lambda: 5)
        fill(store, "a", range(5))
        page = await store.waiting("2.x", 50)
        fill(store, "a", range(5, 6))
        assert await numbers(store, "a") == [0, 2, 4, 5]
        for entry in page[:2]:
            store.dequeue(entry)
        assert store.queued_for("a") == 3
        assert await numbers(store, "a") == [2, 4, 5]
        store.set_aside(page[3], "not there any more")
        assert store.queued_for("a") == 3
        assert len(await store.all_entries()) == 3


async def test_entries_of_a_generation_alone(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fill(store, "new", range(3))
        fill(store, "old", range(3))
        fill(store, "other", range(3))
        store.save_transaction_facts("old", "1.6", "42")
        store.save_transaction_facts("other", "2.x", None)
        store.set_aside((await store.waiting_in("1.6", 1))[0], "for a test")
        found = await store.waiting_in("1.6", 50)
        assert [(entry.request.transaction_id, entry.request.seq_no) for entry in found] == [
            ("old", 1),
            ("old", 2),
        ]


async def test_what_was_set_aside_comes_back_to_its_place(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fill(store, "a", range(4))
        first, second, *_ = await store.waiting("2.x", 50)
        store.set_aside(replace(first, attempts=3), "tried 3 times: no")
        store.set_aside(second, "tried 3 times: no")
        assert await numbers(store, "a") == [2, 3]
        assert store.queued_for("a") == 2
        assert not store.still_waits(first)
        assert not await store.release(4), "it waits"
        assert not await store.release(99), "there is none"
    with opened(tmp_path) as store:
        assert await store.release(first.id)
        assert not await store.release(first.id)
        assert await numbers(store, "a") == [0, 2, 3]
        assert store.queued_for("a") == 3
        assert (await store.waiting("2.x", 1))[0].attempts == 0, "tried anew"
        assert not store.drop(first.id), "what waits is not dropped"
        assert store.drop(second.id)
        assert not store.drop(second.id)
        assert [entry.id for entry in await store.all_entries()] == [1, 3, 4]
    with opened(tmp_path) as store:
        assert await numbers(store, "a") == [0, 2, 3]
        assert (await store.waiting("2.x", 1))[0].message_id == first.message_id


async def test_the_number_of_a_transaction_is_kept_for_what_may_be_released(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fill(store, "a", range(2))
        store.save_transaction_facts("a", "1.6", "42")
        poison, end = await store.waiting("1.6", 50)
        store.set_aside(poison, "for a test")
        store.dequeue(end)
        store.forget_transaction_facts("a")
        assert store.facts_of("a").csms_transaction_id == "42"
        assert store.drop(poison.id)
        store.forget_transaction_facts("a")
        assert store.facts_of("a").csms_transaction_id is None


PERIODIC = TriggerReason.METER_VALUE_PERIODIC


def sample(transaction_id: str, number: int) -> TransactionEvent:
    return replace(event(transaction_id, number), trigger_reason=PERIODIC)


@pytest.mark.requirement("E04.FR.08", "E12.FR.05", "J02.FR.12", "J02.FR.13")
async def test_thinned_out_again_and_again_a_transaction_is_even(tmp_path: Path) -> None:
    """Thirty days of one reading a minute: no part of a transaction is sparser than another."""
    with opened(tmp_path) as store:
        store.limit_queue(lambda: 100)
        store.queue(event("a", 0))
        store.queue(event("b", 0))
        for number in range(1, 3000):
            store.queue(sample("a", number))
            if number % 2 == 0:
                store.queue(sample("b", number // 2))
            assert store.queued_for(None) <= 101
        for name, last in (("a", 2999), ("b", 1499)):
            told = await numbers(store, name)
            assert (told[0], told[-1]) == (0, last)
            gaps = {after - before for before, after in itertools.pairwise(told[:-1])}
            coarsest = max(gaps)
            assert coarsest & (coarsest - 1) == 0, "whole halvings"
            # All but the newest readings are equally far apart.
            settled = [number for number in told if number <= last * 0.6]
            assert {b - a for a, b in itertools.pairwise(settled)} == {coarsest}


async def test_what_is_no_transaction_goes_first_and_samples_before_other_updates(
    tmp_path: Path,
) -> None:
    def status(number: int) -> StatusNotification:
        return StatusNotification(NOW, 1, 1, ConnectorStatus.AVAILABLE, event_id=number)

    async def kinds() -> list[str]:
        return [
            entry.request.trigger_reason.value
            if isinstance(entry.request, TransactionEvent)
            else f"{type(entry.request).__name__} {getattr(entry.request, 'event_id', '')}".strip()
            for entry in await store.waiting("2.x", 100)
        ]

    with opened(tmp_path) as store:
        store.limit_queue(lambda: 10)
        store.queue(event("a", 0))
        for number in range(1, 4):
            store.queue(status(number))
        store.queue(SecurityEventNotification("StartupOfTheDevice", NOW))
        for number in range(1, 4):
            store.queue(sample("a", number))
        for number in range(4, 7):
            store.queue(event("a", number))
        assert (await kinds()).count("StatusNotification 3") == 1, "the oldest go first"
        assert "StatusNotification 1" not in await kinds()
        assert store.queued_for("a") == 7
    with opened(tmp_path) as store:
        store.limit_queue(lambda: 7)
        store.queue(event("a", 7))
        assert [each for each in await kinds() if each.startswith("Status")] == []
        assert await numbers(store, "a") == [0, 4, 5, 6, 7], "samples, while there are any"


@pytest.mark.requirement("E12.FR.04")
@pytest.mark.parametrize(
    "trigger",
    [
        TriggerReason.LIMIT_SET,
        TriggerReason.COST_LIMIT_REACHED,
        TriggerReason.ENERGY_LIMIT_REACHED,
        TriggerReason.TIME_LIMIT_REACHED,
        TriggerReason.SOC_LIMIT_REACHED,
    ],
)
async def test_what_tells_of_a_limit_is_never_dropped(
    tmp_path: Path, trigger: TriggerReason
) -> None:
    with opened(tmp_path) as store:
        store.limit_queue(lambda: 4)
        for number in range(20):
            store.queue(replace(event("a", number), trigger_reason=trigger))
        assert await numbers(store, "a") == list(range(20))


async def test_idle_readings_are_thinned_out_by_evse(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.limit_queue(lambda: 20)
        for _ in range(30):
            store.queue(MeterValues(EvseRef(1), ()))
            store.queue(MeterValues(EvseRef(2), ()))
        evses = [entry.request.evse.id for entry in await store.waiting("1.6", 100)]
        assert len(evses) <= 20
        assert abs(evses.count(1) - evses.count(2)) <= 1


async def test_attempts_are_counted_on_a_broken_disk(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        fill(store, "a", range(1))
        [entry] = await store.waiting("2.x", 5)
        blocker = sqlite3.connect(tmp_path / "ocppd.db", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        try:
            store.entry_failed(replace(entry, attempts=2))
            assert (await store.waiting("2.x", 5))[0].attempts == 2
        finally:
            blocker.execute("ROLLBACK")
            blocker.close()


async def test_dates_of_before_the_clock_was_known_are_moved_also_after_a_restart(
    tmp_path: Path,
) -> None:
    early = datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
    with opened(tmp_path) as store:
        store.queue(replace(event("a", 0), timestamp=early))
        store.queue(event("a", 1))
        store.redate(timedelta(days=1))
        store.queue(replace(event("b", 0), timestamp=early))
        store.redate(NOW - early)
    with opened(tmp_path) as store:
        told = [entry.request.timestamp for entry in await store.waiting("2.x", 10)]
        assert told == [NOW + timedelta(days=1), NOW, NOW]


def test_what_was_not_readable_at_the_start_is_put_back_in_one_go() -> None:
    """Some 10,000 messages of an offline month must not stop everything else for seconds."""
    waiting = Waiting(((1 << 30) + number, Place("b", Rank.KEPT, "b", number)) for number in (1, 2))
    began = time.process_time()
    waiting.put_back_all(
        (number, Place("a", Rank.KEPT, "a", number)) for number in range(1, 20_001)
    )
    assert time.process_time() - began < 1.0
    assert waiting.first == 1
    assert (waiting.count("a"), waiting.count("b")) == (20_000, 2)
    assert list(waiting._entries) == [*range(1, 20_001), (1 << 30) + 1, (1 << 30) + 2]
