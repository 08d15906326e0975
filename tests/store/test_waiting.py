"""The limit of the durable queue: what is dropped when too much waits for the CSMS."""

from dataclasses import replace
from pathlib import Path

import pytest

from ocppd.model.security import SecurityEventNotification
from ocppd.model.tokens import IdToken, IdTokenType
from ocppd.model.transactions import TransactionEvent, TransactionEventType
from ocppd.store.store import SqliteStore
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
