"""The durable queue, drained in order, one message at a time (E13; 1.6, 3.7 and 4.1).

An entry is sent when it is on disk, and deleted in one unit of work with what its answer changed.
A resend has the message id of the first try, which 4.1.4 of part 4 (2.1; errata 2024-09 of 2.0.1)
and the errata 2025-04 of 1.6-J allow: so the CSMS can tell that it is one.

A connection that ends is no refusal: being offline uses up no attempt. But a CSMS that falls over
one message would get it first on each new connection, and nothing else ever. So from the third
connection in a row on that the CSMS ended before it had answered the same entry, an end is an
attempt. What the station ended itself, because of pongs that did not come or new settings, is not.

What is tried again waits first (E13.FR.03), and with it what is behind it: of transactions the rest
of them, of anything else the rest of that. Neither waits for the other. Each try may take as long
as any message (MessageTimeout; 1.6: errata sheet, 9.1.15): the time limit does not grow with the
attempts.

What is set aside after the last attempt can be put back (`release`): to its old place, before what
was queued later, so that the events of a transaction go out in the order of their numbers.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any, Protocol, TypeVar

from ocppd.clock import Clock, Timer
from ocppd.csms.fitting import messages_of
from ocppd.csms.link import Link, NotSent
from ocppd.errors import NoAnswer, NotSpoken, Refused, StorageFailure
from ocppd.model.queue import Durable, QueueEntry, TransactionFacts, is_of_transactions
from ocppd.model.security import SecurityEventNotification
from ocppd.model.transactions import (
    TransactionEvent,
    TransactionEventResponse,
    TransactionEventType,
)
from ocppd.ocppj.frames import MAX_ID_LENGTH

_LOG = logging.getLogger(__name__)

_PAGE = 50
# How often it is noted how long the rest of a transaction waits for a CSMS of its generation.
_NOTED_EVERY_S = 3600.0
ORPHAN_AFTER_S = 72 * 3600.0
"""How long the rest of a transaction waits for its generation where nothing else is configured."""
# Updates of transactions that need not be noted on disk as told when the next message is sent, so
# that a kill repeats so many. Anything else is told again only if it was in flight.
_MOST_UNSYNCED = 4
# An entry is a few messages at most (StartTransaction and MeterValues).
_MOST_MESSAGES = 4
# A CSMS that ends this many connections in a row over the same entry refuses it.
_CUTS_THAT_REFUSE = 3
# Seconds before a message is sent that found no place in the line.
_BUSY_PAUSE_S = 1.0
# How long to wait after a fault of our own before the queue is looked at again.
_AFTER_A_FAULT_S = 10.0
_ORPHANS = "orphans"
# Codes that say: this CSMS will never take it.
_UNKNOWN_TO_CSMS = frozenset({"NotImplemented", "NotSupported"})


D = TypeVar("D")
MAX_MESSAGE_SIZE = 65000
"""Bytes of the largest message where nothing else is configured."""


class _Outcome(Enum):
    """What became of a try to deliver an entry."""

    SETTLED = auto()
    TO_BE_TRIED_AGAIN = auto()
    CONNECTION_ENDED = auto()


@dataclass(frozen=True, slots=True)
class OrphansWaited:
    """How long the rest of transactions waited while only the other generation was spoken.

    `generation` is the one that was spoken; the seconds are those during which the daemon ran.
    """

    generation: str = ""
    seconds: float = 0.0


class Queue(Protocol):
    """The durable queue, and the units of work in which it changes."""

    async def durable(self) -> None:
        """Wait until everything written so far is on disk; raises StorageFailure."""

    async def waiting(
        self, generation: str, limit: int, *, of_transactions: bool | None = None
    ) -> list[QueueEntry]:
        """Return the next entries on disk that may go out in a generation, in order.

        With `of_transactions` only those of transactions, or only the others.
        """

    async def waiting_in(self, generation: str, limit: int) -> list[QueueEntry]:
        """Return those of them whose transaction was acknowledged in that generation."""

    def atomically(self) -> AbstractContextManager[None]:
        """Write all or nothing of what the block holds."""

    def dequeue(self, entry: QueueEntry) -> None:
        """Remove an entry."""

    def entry_failed(self, entry: QueueEntry) -> None:
        """Count a send that was refused or not answered."""

    def set_aside(self, entry: QueueEntry, reason: str) -> None:
        """Take an entry out of the order, visibly."""

    def queue(self, request: Durable) -> None:
        """Append a request."""

    def still_waits(self, entry: QueueEntry) -> bool:
        """Tell whether an entry was neither removed nor set aside since it was read."""

    def save(self, key: str, document: object) -> None:
        """Save a dataclass under its type and a key."""

    def load(self, kind: type[D]) -> Mapping[str, D]:
        """Return all documents of a type as they were when the store was opened."""

    def queued_for(self, transaction_id: str | None) -> int:
        """Return how many messages of a transaction, or of all, wait for the CSMS."""

    def forget_transaction_facts(self, transaction_id: str) -> None:
        """Forget a transaction that is over and has nothing left to send."""

    def facts_of(self, transaction_id: str) -> TransactionFacts:
        """Return what is known of a transaction now."""

    def save_transaction_facts(
        self, transaction_id: str, generation: str, csms_id: str | None
    ) -> None:
        """Note in which generation, and under which number, the CSMS acknowledged a transaction."""


class Delivery:
    """Drains the queue over one link after the other.

    `may_send` tells whether the CSMS has accepted the station; `on_answered` takes an entry and its
    response, and has its effects in the unit of work that removes the entry; `on_given_up` takes an
    entry that was set aside, and why. The others are asked whenever they matter: `attempts` and
    `interval_s` are MessageAttempts and MessageAttemptInterval for TransactionEvent,
    `resume_delay_s` is how long the queue rests after the connection is made again, `pace_s` the
    least time between two messages of it, `max_size` the bytes of the largest message. After
    `orphan_after_s` of waiting for a CSMS of its own generation, the rest of a transaction is set
    aside.
    """

    def __init__(
        self,
        queue: Queue,
        clock: Clock,
        *,
        may_send: Callable[[], bool],
        attempts: Callable[[], int],
        interval_s: Callable[[], float],
        resume_delay_s: Callable[[], float] = lambda: 0.0,
        pace_s: Callable[[], float] = lambda: 0.0,
        max_size: Callable[[], int] = lambda: MAX_MESSAGE_SIZE,
        orphan_after_s: float = ORPHAN_AFTER_S,
        on_answered: Callable[[QueueEntry, Any], None],
        on_given_up: Callable[[QueueEntry, str], None],
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._may_send = may_send
        self._attempts = attempts
        self._interval_s = interval_s
        self._on_answered = on_answered
        self._on_given_up = on_given_up
        self._resume_delay_s = resume_delay_s
        self._pace_s = pace_s
        self._max_size = max_size
        self._orphan_after_s = orphan_after_s
        self._woken = asyncio.Event()
        self._was_connected = False
        self._waited = queue.load(OrphansWaited).get(_ORPHANS, OrphansWaited())
        # Since when more of that is to be counted.
        self._waiting_since: float | None = None
        self._orphans_timer: Timer | None = None
        self._unsynced = 0
        self._last_sent = float("-inf")
        self._sending: QueueEntry | None = None
        # Of transactions, or not: what has to wait because its first entry was not taken.
        self._resting: set[bool] = set()
        # The entry over which the CSMS ended the last connections, and how many.
        self._cuts: tuple[int, int] = (0, 0)

    def wake(self) -> None:
        """Look at the queue: something was added, or may be sent now."""
        self._woken.set()

    async def run(self, link: Link) -> None:
        """Deliver over a link until it ends."""
        self._woken.set()
        if self._waited.generation != link.spelling.generation:
            self._forget_waited(link.spelling.generation)
        if self._waiting_since is None:
            self._waiting_since = self._clock.monotonic()
        try:
            if self._was_connected:
                await self._pause(self._resume_delay_s())
            self._was_connected = True
            await self._drain_whenever_woken(link)
        finally:
            self._note_waited()
            if self._orphans_timer is not None:
                self._orphans_timer.cancel()
                self._orphans_timer = None
            self._note_cut(link)

    async def _drain_whenever_woken(self, link: Link) -> None:
        generation = link.spelling.generation
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                if await self._drain(link) is _Outcome.CONNECTION_ENDED:
                    return
                await self._look_after_orphans(generation)
            except Exception:  # whatever it is, what waits is tried again
                _LOG.exception("the queue was not delivered; it is tried again")
                self._clock.call_later(_AFTER_A_FAULT_S, self.wake)

    async def _drain(self, link: Link) -> _Outcome:
        """Deliver what waits, as far as it may be sent now; tells if the connection ended."""
        while self._may_send():
            entries = await self._read(self._next, link.spelling.generation)
            if not entries:
                break
            for entry in entries:
                if not self._queue.still_waits(entry):
                    continue  # dropped meanwhile, because too much waits
                await self._keep_pace()
                outcome = await self._deliver(entry, link)
                if outcome is _Outcome.CONNECTION_ENDED:
                    return outcome
                if outcome is _Outcome.TO_BE_TRIED_AGAIN or not self._may_send():
                    break
            await self._on_disk()
        return _Outcome.SETTLED

    async def _next(self, generation: str, limit: int) -> list[QueueEntry]:
        """Return the next entries that need not wait for one that is to be tried again."""
        if len(self._resting) > 1:
            return []
        of_transactions = False if True in self._resting else True if self._resting else None
        return await self._queue.waiting(generation, limit, of_transactions=of_transactions)

    def _rest(self, entry: QueueEntry, seconds: float) -> None:
        """Let an entry, and what is behind it, wait before it is tried again."""
        of_transactions = is_of_transactions(entry.request)

        def over() -> None:
            self._resting.discard(of_transactions)
            self.wake()

        if seconds > 0:
            self._resting.add(of_transactions)
            self._clock.call_later(seconds, over)

    async def _keep_pace(self) -> None:
        """Leave the CSMS the time that it is to have between two messages of the queue."""
        pace_s = self._pace_s()
        if pace_s > 0:
            await self._pause(self._last_sent + pace_s - self._clock.monotonic())
        self._last_sent = self._clock.monotonic()

    async def _on_disk(self) -> None:
        """Wait until it is on disk what was settled, so that a kill repeats only a few messages.

        A broken disk does not stop the delivery; a repeated message has the same id and payload.
        """
        self._unsynced = 0
        try:
            await self._queue.durable()
        except StorageFailure as error:
            _LOG.debug("delivering from memory: %s", error)

    async def _read(
        self, read: Callable[[str, int], Awaitable[list[QueueEntry]]], generation: str
    ) -> list[QueueEntry]:
        try:
            return await read(generation, _PAGE)
        except StorageFailure as error:
            _LOG.error("the queue cannot be read: %s", error)
            self._clock.call_later(10.0, self.wake)
            return []

    # What belongs to the other generation.

    async def _look_after_orphans(self, generation: str) -> None:
        """Count how long the rest of transactions waits for its generation; then set it aside."""
        other = "2.x" if generation == "1.6" else "1.6"
        orphans: list[QueueEntry] = []
        if self._queue.queued_for(None) > 0:
            orphans = await self._read(self._queue.waiting_in, other)
        if not orphans:
            self._forget_waited(generation)
            return
        if self._waiting_since is None:
            self._waiting_since = self._clock.monotonic()
        self._note_waited()
        left_s = self._orphan_after_s - self._waited.seconds
        if left_s > 0:
            if self._orphans_timer is not None:
                self._orphans_timer.cancel()
            # Not to the instant: a timer may be early by a little.
            self._orphans_timer = self._clock.call_later(
                min(_NOTED_EVERY_S, left_s + 1.0), self.wake
            )
            return
        while orphans:
            for entry in orphans:
                self._put_aside(
                    entry,
                    f"the transaction is known to a CSMS of OCPP {other}, and none was connected"
                    f" for {self._orphan_after_s / 3600:.0f} hours",
                )
            orphans = await self._read(self._queue.waiting_in, other)
        self._forget_waited(generation)

    def _note_waited(self) -> None:
        """Write down how long orphans have waited, for a daemon that starts later."""
        if self._waiting_since is None:
            return
        now = self._clock.monotonic()
        seconds = self._waited.seconds + now - self._waiting_since
        self._waiting_since = now
        if seconds > self._waited.seconds:
            self._waited = replace(self._waited, seconds=seconds)
            self._queue.save(_ORPHANS, self._waited)

    def _forget_waited(self, generation: str) -> None:
        self._waiting_since = None
        if self._waited.seconds > 0:
            self._queue.save(_ORPHANS, OrphansWaited(generation))
        self._waited = OrphansWaited(generation)

    # One entry.

    async def _deliver(self, entry: QueueEntry, link: Link) -> _Outcome:
        """Try once to bring an entry to the CSMS; it is set aside if that was the last attempt."""
        self._sending = entry
        while True:
            try:
                response, facts = await self._send(entry, link)
            except Refused as error:
                failure = str(error)
                if error.code in _UNKNOWN_TO_CSMS and isinstance(
                    entry.request, SecurityEventNotification
                ):
                    # 1.6 without the security extension: no try will ever do better.
                    _LOG.info("the CSMS does not take security events: %s", failure)
                    await self._settle(entry, None, None)
                    return _Outcome.SETTLED
            except NotSpoken as error:
                self._put_aside(entry, str(error))
                return _Outcome.SETTLED
            except NotSent as error:
                if link.closed:
                    return _Outcome.CONNECTION_ENDED
                _LOG.debug("queued message %d waits: %s", entry.id, error)
                await self._pause(_BUSY_PAUSE_S)
                continue
            except NoAnswer as error:
                if link.closed:  # being cut off is not the CSMS's refusal (E04, E12)
                    return _Outcome.CONNECTION_ENDED
                failure = str(error)
            except Exception as error:
                _LOG.exception("queued message %d cannot be told", entry.id)
                reason = f"{type(error).__name__}: {error}"[:200]
                self._put_aside(entry, reason)
                return _Outcome.SETTLED
            else:
                await self._settle(entry, response, facts)
                return _Outcome.SETTLED
            break
        self._sending = None
        entry = replace(entry, attempts=entry.attempts + 1)
        if self._is_given_up(entry, failure):
            return _Outcome.SETTLED
        self._rest(entry, self._interval_s() * entry.attempts)  # E13.FR.03
        return _Outcome.TO_BE_TRIED_AGAIN

    def _is_given_up(self, entry: QueueEntry, failure: str) -> bool:
        """Count a failed attempt, and set the entry aside if it was the last."""
        if entry.attempts >= max(self._attempts(), 1):  # E13.FR.04, but never silently
            self._put_aside(entry, f"tried {entry.attempts} times: {failure}")
            return True
        self._queue.entry_failed(entry)
        return False

    def _note_cut(self, link: Link) -> None:
        """Count the end of a connection as an attempt if the same entry ends each one."""
        entry, self._sending = self._sending, None
        if link.cut_during is None:
            return
        if entry is None or link.cut_during not in (
            _message_id(entry.message_id, at) for at in range(_MOST_MESSAGES)
        ):
            self._cuts = (0, 0)  # it ends connections for other reasons too
            return
        last, count = self._cuts
        count = count + 1 if last == entry.id else 1
        self._cuts = (entry.id, count)
        if count >= _CUTS_THAT_REFUSE:
            entry = replace(entry, attempts=entry.attempts + 1)
            self._is_given_up(entry, "the CSMS ended the connection over it each time")

    async def _send(self, entry: QueueEntry, link: Link) -> tuple[object, TransactionFacts | None]:
        """Send the messages of an entry, one after the other.

        Returns what was answered last, and what is known of the transaction now; both are None if
        this version has nothing to say of the entry. What the first answer tells of the transaction
        is in the second message, and in the store before that is sent: however it fares, and
        whatever is cut, the start of a transaction that has its number is not told again.
        """
        facts = self._facts_of(entry)
        messages = messages_of(link.spelling, entry, facts, self._max_size())
        if not messages:
            return None, None
        response: object = None
        at = 0
        if len(messages) > 1 and facts.generation == link.spelling.generation:
            at = 1  # only the answer to the first of two tells of the transaction: it was told
        while at < len(messages):
            response = await link.exchange(messages[at], _message_id(entry.message_id, at))
            at += 1
            if (
                isinstance(response, TransactionEventResponse)
                and response.csms_transaction_id is not None
            ):
                facts = TransactionFacts(link.spelling.generation, response.csms_transaction_id)
                if at < len(messages):
                    messages = messages_of(link.spelling, entry, facts, self._max_size())
                    await self._note_number(entry, response, facts)
        if at > 1 and isinstance(response, TransactionEventResponse) and not response.id_token_info:
            response = None  # the answer that mattered was the first, and has been used
        return response, replace(facts, generation=link.spelling.generation)

    async def _note_number(
        self, entry: QueueEntry, response: TransactionEventResponse, facts: TransactionFacts
    ) -> None:
        """Keep what the first of several messages was answered, before the next is sent."""
        with self._queue.atomically():
            self._save_facts(entry, facts)
            self._use_answer(entry, response)
        await self._on_disk()

    def _facts_of(self, entry: QueueEntry) -> TransactionFacts:
        if isinstance(entry.request, TransactionEvent):
            return self._queue.facts_of(entry.request.transaction_id)
        return TransactionFacts()

    async def _settle(
        self, entry: QueueEntry, response: object, facts: TransactionFacts | None
    ) -> None:
        """Remove an entry together with what its answer changes.

        Where the CSMS gave a transaction its number, that has to be on disk before anything else
        is said: told of the start again, it would give another one.
        """
        self._sending, self._cuts = None, (0, 0)
        request = entry.request
        named = isinstance(response, TransactionEventResponse) and response.csms_transaction_id
        with self._queue.atomically():
            if facts is not None:
                self._save_facts(entry, facts)
            if response is not None:
                self._use_answer(entry, response)
            self._queue.dequeue(entry)
            if (
                isinstance(request, TransactionEvent)
                and request.event_type is TransactionEventType.ENDED
                and self._queue.queued_for(request.transaction_id) == 0
            ):
                self._queue.forget_transaction_facts(request.transaction_id)
        self._unsynced += 1
        if named or not _is_update(request) or self._unsynced >= _MOST_UNSYNCED:
            await self._on_disk()

    def _save_facts(self, entry: QueueEntry, facts: TransactionFacts) -> None:
        request = entry.request
        if (
            isinstance(request, TransactionEvent)
            and facts.generation is not None
            and facts != self._queue.facts_of(request.transaction_id)
        ):
            self._queue.save_transaction_facts(
                request.transaction_id, facts.generation, facts.csms_transaction_id
            )

    def _use_answer(self, entry: QueueEntry, response: object) -> None:
        try:
            self._on_answered(entry, response)
        except Exception:
            _LOG.exception("the answer to queued message %d was not used", entry.id)

    def _put_aside(self, entry: QueueEntry, reason: str) -> None:
        _LOG.error("queued message %d is set aside: %s", entry.id, reason)
        self._sending = None
        self._queue.set_aside(entry, reason)
        try:
            self._on_given_up(entry, reason)
        except Exception:
            _LOG.exception("that queued message %d was given up was not noted", entry.id)

    async def _pause(self, seconds: float) -> None:
        if seconds <= 0:
            return
        over = asyncio.Event()
        timer = self._clock.call_later(seconds, over.set)
        try:
            await over.wait()
        finally:
            timer.cancel()


def _is_update(request: Durable) -> bool:
    return (
        isinstance(request, TransactionEvent)
        and request.event_type is TransactionEventType.UPDATED
        and not request.authorizes
    )


def _message_id(message_id: str, at: int) -> str:
    """Return the id of the first or a further message of an entry, the same at each try."""
    if at == 0:
        return message_id
    suffix = f"-{at + 1}"
    return message_id.replace("-", "")[: MAX_ID_LENGTH - len(suffix)] + suffix
