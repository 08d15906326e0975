"""What waits in the queue, as far as it is in memory: how much it is, and what may be left out.

Where the CSMS is away for long, the queue has a limit. Beyond it the oldest of what is no matter
of transactions goes first (QueueAllMessages: "drop TransactionEvent messages last"), then samples
between the first and the last waiting message of a transaction, then its other updates: every
second one, not from one end (E04.FR.07, E04.FR.08; E12.FR.04, E12.FR.05; J02.FR.12, J02.FR.13).
Once all that has an odd number is gone, what is no multiple of four goes, and so on: so what was
thinned out often is no sparser where it is older, and no transaction sparser than another. The
numbers of the others stay: the gap tells the CSMS that something is missing, which is true. What
starts, ends or authorizes a transaction, tells of a limit, or is a security event, always stays.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from typing import Any, NamedTuple

from ocppd.model.queue import Durable
from ocppd.model.security import SecurityEventNotification
from ocppd.model.transactions import (
    MeterValues,
    TransactionEvent,
    TransactionEventType,
    TriggerReason,
)

DEFAULT_LIMIT = 1000
"""Messages that wait at most before some are dropped, where nothing else is configured."""

# What is said once, so that a message with it cannot be spared. In 1.6 the one that authorizes is
# StartTransaction.
_SAID_ONCE = ("id_token", "authorizes", "evse_told", "remote_start_id")
_SAMPLES = frozenset({TriggerReason.METER_VALUE_CLOCK, TriggerReason.METER_VALUE_PERIODIC})
# E12.FR.04
_NEVER_DROPPED = frozenset(
    {
        TriggerReason.LIMIT_SET,
        TriggerReason.COST_LIMIT_REACHED,
        TriggerReason.ENERGY_LIMIT_REACHED,
        TriggerReason.TIME_LIMIT_REACHED,
        TriggerReason.SOC_LIMIT_REACHED,
    }
)


class Rank(IntEnum):
    """How dear a message is; the highest is dropped first."""

    KEPT = 0
    UPDATE = 1
    SAMPLE = 2
    PASSING = 3

    @property
    def plural(self) -> str:
        """What it is, for the log."""
        return _PLURALS[self]


_PLURALS = {
    Rank.KEPT: "others",
    Rank.UPDATE: "updates of transactions",
    Rank.SAMPLE: "samples",
    Rank.PASSING: "messages that are no matter of transactions",
}


class Place(NamedTuple):
    """What the limit has to know of a message.

    `row` is what it belongs to, so that the first and the last of it are kept: a transaction, or
    the readings of an idle EVSE. `number` is its number there, None where it is to be counted.
    """

    transaction_id: str | None
    rank: Rank
    row: str | None = None
    number: int | None = None


def place_of(request: Durable) -> Place:
    """Return the place of a message that is being queued."""
    match request:
        case TransactionEvent():
            rank = _rank_of_event(
                request.event_type,
                request.trigger_reason,
                said_once=any(getattr(request, name) for name in _SAID_ONCE),
            )
            transaction_id = request.transaction_id
            return Place(transaction_id, rank, transaction_id, request.seq_no)
        case MeterValues():
            return _place_of_reading(request.evse.id)
        case SecurityEventNotification():
            return Place(None, Rank.KEPT)
        case _:
            return Place(None, Rank.PASSING)


def stored_place(kind: str, transaction_id: str | None, body: str) -> Place:
    """Return the place of a message as it is stored; one that is not readable is kept."""
    try:
        if kind == TransactionEvent.__name__:
            event: Mapping[str, Any] = json.loads(body)
            rank = _rank_of_event(
                TransactionEventType(event["event_type"]),
                TriggerReason(event["trigger_reason"]),
                said_once=any(event.get(name) for name in _SAID_ONCE),
            )
            return Place(transaction_id, rank, transaction_id, int(event["seq_no"]))
        if kind == MeterValues.__name__:
            return _place_of_reading(int(json.loads(body)["evse"]["id"]))
    except (ValueError, TypeError, KeyError, AttributeError):
        return Place(transaction_id, Rank.KEPT)
    passing = kind != SecurityEventNotification.__name__
    return Place(None, Rank.PASSING if passing else Rank.KEPT)


def _rank_of_event(
    event_type: TransactionEventType, trigger: TriggerReason, *, said_once: bool
) -> Rank:
    if event_type is not TransactionEventType.UPDATED or said_once or trigger in _NEVER_DROPPED:
        return Rank.KEPT
    return Rank.SAMPLE if trigger in _SAMPLES else Rank.UPDATE


def _place_of_reading(evse_id: int) -> Place:
    return Place(None, Rank.SAMPLE, f"readings of EVSE {evse_id}")


class Waiting:
    """The entries that wait, oldest first, by id."""

    def __init__(self, entries: Iterable[tuple[int, Place]] = ()) -> None:
        self._entries: dict[int, Place] = {}
        self._count: Counter[str | None] = Counter()
        self._numbered: Counter[str | None] = Counter()
        self._thin_from = 0
        for entry in entries:
            self.add(*entry)

    def __contains__(self, entry_id: int) -> bool:
        return entry_id in self._entries

    @property
    def first(self) -> int:
        """The oldest entry's id; 0 if nothing waits."""
        return next(iter(self._entries), 0)

    def add(self, entry_id: int, place: Place) -> None:
        """Note an entry at the end of the queue."""
        if place.number is None:
            place = place._replace(number=self._numbered[place.row])
            self._numbered[place.row] += 1
        self._entries[entry_id] = place
        self._count[place.transaction_id] += 1

    def put_back(self, entry_id: int, place: Place) -> None:
        """Note an entry at the place where its id belongs."""
        self.put_back_all([(entry_id, place)])

    def put_back_all(self, entries: Iterable[tuple[int, Place]]) -> None:
        """Note entries at the places where their ids belong."""
        for entry_id, place in entries:
            self.add(entry_id, place)
        self._entries = dict(sorted(self._entries.items()))

    def remove(self, entry_id: int) -> None:
        """Forget an entry; nothing happens if it is not there any more."""
        place = self._entries.pop(entry_id, None)
        if place is None:
            return
        self._count[place.transaction_id] -= 1
        if self._count[place.transaction_id] <= 0:
            del self._count[place.transaction_id]

    def count(self, transaction_id: str | None) -> int:
        """Return how many entries of a transaction, or of all, wait."""
        return len(self._entries) if transaction_id is None else self._count[transaction_id]

    def thin_out(self, limit: int) -> dict[int, Place]:
        """Forget what is to be dropped if more than `limit` entries wait; returns it by id.

        It makes room for a tenth of the limit, as far as there is anything to drop.
        """
        total = len(self._entries)
        if total <= limit:
            self._thin_from = 0
            return {}
        if total < self._thin_from:
            return {}  # there was nothing more to drop a moment ago
        room = max(limit // 10, 1)
        surplus = total - limit + room
        dropped: list[int] = []
        for some in self._in_order():
            dropped += some[:surplus] if self._entries[some[0]].rank is Rank.PASSING else some
            if len(dropped) >= surplus:
                break
        places = {entry_id: self._entries[entry_id] for entry_id in dropped}
        for entry_id in dropped:
            self.remove(entry_id)
        self._thin_from = len(self._entries) + room
        return places

    def _in_order(self) -> Iterator[list[int]]:
        """Return what may be dropped, in groups: what is spared best first, none empty."""
        by_rank: dict[Rank, list[int]] = {rank: [] for rank in Rank}
        last = {place.row: entry_id for entry_id, place in self._entries.items()}
        begun: set[str | None] = set()
        for entry_id, place in self._entries.items():
            at_an_end = place.row is not None and (
                place.row not in begun or last[place.row] == entry_id
            )
            begun.add(place.row)
            if not at_an_end:
                by_rank[place.rank].append(entry_id)
        if by_rank[Rank.PASSING]:
            yield by_rank[Rank.PASSING]
        for rank in (Rank.SAMPLE, Rank.UPDATE):
            left, stride = by_rank[rank], 2
            while left:
                odd = [each for each in left if (self._entries[each].number or 0) % stride]
                if odd:
                    yield odd
                    gone = set(odd)
                    left = [each for each in left if each not in gone]
                elif all(not self._entries[each].number for each in left):
                    break
                stride *= 2
