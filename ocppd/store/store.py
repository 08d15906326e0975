"""The store: documents, the durable queue and changed variables, in one SQLite file."""

import asyncio
import logging
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ocppd.errors import StorageFailure
from ocppd.model.queue import Durable, QueueEntry, TransactionFacts, Unreadable
from ocppd.model.redating import Redating, Redatings, redated
from ocppd.model.requests import CsmsRequest
from ocppd.model.variables import AttributeType, Component, ComponentVariable, EvseRef, Variable
from ocppd.store import codec
from ocppd.store.database import Failure, Write, Writer, is_full
from ocppd.store.migrate import CannotMigrate
from ocppd.store.store_file import Damage, StoreFile
from ocppd.store.waiting import DEFAULT_LIMIT, Waiting, place_of, stored_place

_LOG = logging.getLogger(__name__)
_COLUMNS = "id, message_id, kind, transaction_id, body, queued_at, attempts, set_aside"
_OF_TRANSACTIONS = "('TransactionEvent', 'MeterValues')"
_LISTED = 1000
_LONGEST_WAIT_S = 10.0
# The facts that still matter: of open transactions, which are young, and of those in the queue.
_FACTS_THAT_MATTER = (
    "rowid IN (SELECT rowid FROM transaction_facts ORDER BY rowid DESC LIMIT 1000)"
    " OR transaction_id IN (SELECT transaction_id FROM queue WHERE transaction_id IS NOT NULL)"
)

D = TypeVar("D")
StoredVariables = dict[tuple[ComponentVariable, AttributeType], tuple[str, str]]
_Row = tuple[int, str, str, str | None, str, str, int, str | None]
"""What is selected by `_COLUMNS`."""


@dataclass(frozen=True, slots=True)
class _Contents:
    """What a file holds when it is opened."""

    documents: dict[str, dict[str, str]]
    facts: dict[str, TransactionFacts]
    variables: StoredVariables
    waiting: Waiting
    aside: dict[int, "_Aside"]
    last_entry: int


class _Aside(NamedTuple):
    """What is known of an entry that was set aside."""

    transaction_id: str | None
    reason: str


class SqliteStore:
    """The ports `Store` and `Outbox`, and the device model's `VariableStore`."""

    def __init__(
        self,
        path: Path,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        on_health: Callable[[Failure | None], None],
        on_damage: Callable[[Damage], None] = lambda damage: None,
        on_joined: Callable[[int], None] = lambda unread: None,
    ) -> None:
        """Open the file, making or migrating it; a damaged one is kept aside and put right.

        Must be called from the event loop. What follows is told later and in the event loop:
        `on_health` hears why writes fail, None when well; what is wrong from the start is told by
        `failure`. `on_damage` hears of a damaged file, the one of the start included. `on_joined`
        hears that a file that could not be read at the start was found and is used now, and how
        many of its documents and variables are only read at the next start.
        """
        self._now = now
        self._new_id = new_id
        self._on_joined = on_joined
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        file = StoreFile(
            path,
            now,
            on_damage=lambda damage: self._tell(on_damage, damage),
            on_merged=lambda unread: self._tell(self._start, lambda: self._join(unread)),
        )
        failure: Failure | None = None
        whole = True
        try:
            connection = file.open()
        except (sqlite3.Error, CannotMigrate, OSError) as error:
            failure = Failure(f"cannot open the store: {error}", is_full(error))
            _LOG.error("%s; going on in memory", failure.text)
            connection, whole = file.rescue()
        contents = _contents(connection)
        self._documents = contents.documents
        self._facts = contents.facts
        self._by_csms_id = {
            facts.csms_transaction_id: transaction_id
            for transaction_id, facts in self._facts.items()
            if facts.csms_transaction_id is not None
        }
        self.variables = contents.variables
        self._waiting = contents.waiting
        self._aside = contents.aside
        # Failed sends that a broken disk may not have counted yet.
        self._attempts: dict[int, int] = {}
        self._whole = whole
        self._redatings = self.load(Redatings).get("queue", Redatings())
        self._most_waiting: Callable[[], int] = lambda: DEFAULT_LIMIT
        self._last_entry = self._before_start = contents.last_entry
        self._unreadable: set[int] = set()
        self._unit: list[Write] | None = None
        self._writer = Writer(connection, on_health, file, failure=failure, whole=whole)
        self._write(f"DELETE FROM transaction_facts WHERE NOT ({_FACTS_THAT_MATTER})")  # noqa: S608
        if self._redatings.items and self._redatings_that_matter() != self._redatings.items:
            self._save_redatings(self._redatings_that_matter())

    @property
    def failure(self) -> Failure | None:
        """Why what is written is in memory alone now, if so."""
        return self._writer.failure

    def _tell(self, call: Callable[..., None], *arguments: object) -> None:
        """Call in the event loop, from whatever thread."""
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(call, *arguments)

    def _start(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        task = self._loop.create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _LOG.error("what waited for the disk failed", exc_info=task.exception())

    async def _join(self, unread: int) -> None:
        """Take in what a file holds that could not be read at the start: its queue comes first."""
        try:
            rows, facts = await self._writer.query(
                lambda connection: (
                    [
                        (entry_id, stored_place(kind, transaction_id, body), aside)
                        for entry_id, transaction_id, kind, body, aside in connection.execute(
                            "SELECT id, transaction_id, kind, body, set_aside FROM queue"
                            " WHERE id <= ? ORDER BY id",
                            (self._before_start,),
                        )
                    ],
                    _facts(connection),
                )
            )
        except StorageFailure as error:
            _LOG.error("what the store held before is not read: %s", error)
            return
        self._aside |= {
            entry_id: _Aside(place.transaction_id, reason)
            for entry_id, place, reason in rows
            if reason is not None
        }
        self._waiting.put_back_all(
            (entry_id, place)
            for entry_id, place, reason in rows
            if reason is None and entry_id not in self._waiting
        )
        for transaction_id, each in facts.items():
            if transaction_id not in self._facts:
                self._facts[transaction_id] = each
                if each.csms_transaction_id is not None:
                    self._by_csms_id[each.csms_transaction_id] = transaction_id
        _LOG.warning("the store is found: %d messages more in the queue", len(rows))
        self._on_joined(unread)

    def close(self, timeout_s: float = 1.0) -> None:
        """Commit what is left and close the file."""
        self._writer.close(timeout_s)

    # Store: units of work.

    @contextmanager
    def atomically(self) -> Iterator[None]:
        """Collect writes into one unit; nested calls join the outermost.

        What was collected before an exception is still written: the memory it describes has
        changed already.
        """
        if self._unit is not None:
            yield
            return
        self._unit = []
        try:
            yield
        finally:
            writes, self._unit = self._unit, None
            if writes:
                self._writer.submit(writes)

    def _write(self, sql: str, *parameters: object) -> None:
        write = Write(sql, parameters)
        if self._unit is None:
            self._writer.submit([write])
        else:
            self._unit.append(write)

    def when_durable(self, then: Callable[[], None]) -> None:
        """Call `then` when everything written so far is on disk, or the disk fails."""

        async def wait() -> None:
            try:
                async with asyncio.timeout(_LONGEST_WAIT_S):
                    await self._writer.durable()
            except (StorageFailure, TimeoutError) as error:
                _LOG.error("going on without the disk: %s", error or "it takes too long")
            then()

        self._start(wait)

    # Store: documents.

    def save(self, key: str, document: object) -> None:
        """Save a dataclass under its type and a key."""
        kind = type(document).__name__
        self._write(
            "INSERT OR REPLACE INTO document VALUES (?, ?, ?)",
            kind,
            key,
            codec.encode(document),
        )

    def forget(self, kind: type, key: str) -> None:
        """Forget a document."""
        self._write(
            "DELETE FROM document WHERE kind = ? AND key = ?",
            kind.__name__,
            key,
        )

    def load(self, kind: type[D]) -> Mapping[str, D]:
        """Return the documents of a type as they were when the store was opened."""
        loaded: dict[str, D] = {}
        for key, body in self._documents.pop(kind.__name__, {}).items():
            try:
                loaded[key] = codec.decode(kind, body)
            except (ValueError, TypeError, KeyError, AttributeError):
                _LOG.exception("the stored %s %s is not readable; left out", kind.__name__, key)
        return loaded

    # Store: the queue.

    def limit_queue(self, most: Callable[[], int]) -> None:
        """Drop updates of transactions where more than `most()` messages wait for the CSMS."""
        self._most_waiting = most

    def queue(self, request: Durable) -> None:
        """Append a request to the durable queue; where it is too long, others are dropped."""
        self._last_entry += 1
        place = place_of(request)
        self._waiting.add(self._last_entry, place)
        with self.atomically():
            self._write(
                "INSERT INTO queue (id, message_id, kind, transaction_id, body, queued_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                self._last_entry,
                self._new_id(),
                type(request).__name__,
                place.transaction_id,
                codec.encode(request),
                self._now().isoformat(),
            )
            self._thin_out()

    def _thin_out(self) -> None:
        most = self._most_waiting()
        dropped = self._waiting.thin_out(most)
        for entry_id in dropped:
            self._write("DELETE FROM queue WHERE id = ?", entry_id)
        if dropped:
            by_rank = Counter(place.rank for place in dropped.values())
            _LOG.warning(
                "more than %d messages wait for the CSMS: dropped %s",
                most,
                ", ".join(f"{count} {rank.plural}" for rank, count in sorted(by_rank.items())),
            )

    def dequeue(self, entry: QueueEntry) -> None:
        """Remove an entry that the CSMS acknowledged."""
        self._waiting.remove(entry.id)
        self._attempts.pop(entry.id, None)
        self._write("DELETE FROM queue WHERE id = ?", entry.id)

    def entry_failed(self, entry: QueueEntry) -> None:
        """Note how often the send of an entry was refused or not answered by now."""
        self._attempts[entry.id] = entry.attempts
        self._write("UPDATE queue SET attempts = ? WHERE id = ?", entry.attempts, entry.id)

    def still_waits(self, entry: QueueEntry) -> bool:
        """Tell whether an entry was neither removed nor set aside since it was read."""
        return entry.id in self._waiting

    def redate(self, by: timedelta) -> None:
        """Move all dates in the queue that are of before the clock was known."""
        if self._last_entry == 0:
            return
        latest = Redating(self._last_entry, by.total_seconds())
        self._save_redatings((*self._redatings_that_matter(), latest))

    def _redatings_that_matter(self) -> tuple[Redating, ...]:
        """Return the corrections of dates but for those of entries that are all gone."""
        if not self._whole:
            return self._redatings.items  # who knows what the file holds that was not read
        oldest = min([self._waiting.first or self._last_entry + 1, *self._aside])
        return tuple(each for each in self._redatings.items if each.up_to >= oldest)

    def _save_redatings(self, items: tuple[Redating, ...]) -> None:
        self._redatings = Redatings(items)
        if items:
            self.save("queue", self._redatings)
        else:
            self.forget(Redatings, "queue")

    def set_aside(self, entry: QueueEntry, reason: str) -> None:
        """Take an entry out of the order, visibly."""
        self._attempts[entry.id] = entry.attempts
        self._put_aside(entry.id, place_of(entry.request).transaction_id, reason)
        self._write(
            "UPDATE queue SET set_aside = ?, attempts = ? WHERE id = ?",
            reason,
            entry.attempts,
            entry.id,
        )

    def _put_aside(self, entry_id: int, transaction_id: str | None, reason: str) -> None:
        self._waiting.remove(entry_id)
        self._aside[entry_id] = _Aside(transaction_id, reason)

    async def release(self, entry_id: int) -> bool:
        """Put an entry that was set aside back where it was, to be tried anew.

        Its place is by its id: before everything that was queued later, so that the events of a
        transaction that still wait go out in the order of their numbers. False if it is not set
        aside, or not readable; raises StorageFailure.
        """
        if entry_id not in self._aside:
            return False
        entries = await self._read("id = ?", (entry_id,))
        if not entries or isinstance(entries[0].request, Unreadable):
            return False
        if self._aside.pop(entry_id, None) is None:
            return False
        self._attempts[entry_id] = 0
        self._waiting.put_back(entry_id, place_of(entries[0].request))
        self._write("UPDATE queue SET set_aside = NULL, attempts = 0 WHERE id = ?", entry_id)
        return True

    def drop(self, entry_id: int) -> bool:
        """Delete an entry that was set aside; False if it is not."""
        aside = self._aside.pop(entry_id, None)
        if aside is None:
            return False
        of = f" of transaction {aside.transaction_id}" if aside.transaction_id else ""
        _LOG.warning("queued message %d%s is deleted unsent: %s", entry_id, of, aside.reason)
        self._attempts.pop(entry_id, None)
        self._write("DELETE FROM queue WHERE id = ?", entry_id)
        return True

    def queued_for(self, transaction_id: str | None) -> int:
        """Return how many messages of a transaction, or of all, wait for the CSMS."""
        return self._waiting.count(transaction_id)

    def save_transaction_facts(
        self, transaction_id: str, generation: str, csms_id: str | None
    ) -> None:
        """Note in which generation, and under which number, the CSMS acknowledged a transaction."""
        self._facts[transaction_id] = TransactionFacts(generation, csms_id)
        if csms_id is not None:
            self._by_csms_id[csms_id] = transaction_id
        self._write(
            "INSERT OR REPLACE INTO transaction_facts VALUES (?, ?, ?)",
            transaction_id,
            generation,
            csms_id,
        )

    def forget_transaction_facts(self, transaction_id: str) -> None:
        """Forget a transaction that is over and has nothing left to send, nor to release."""
        if any(aside.transaction_id == transaction_id for aside in self._aside.values()):
            return
        facts = self._facts.pop(transaction_id, None)
        if facts is None:
            return
        if facts.csms_transaction_id is not None:
            self._by_csms_id.pop(facts.csms_transaction_id, None)
        self._write("DELETE FROM transaction_facts WHERE transaction_id = ?", transaction_id)

    def transaction_of(self, csms_id: str) -> str | None:
        """Return the transaction that a CSMS knows under this 1.6 number or 2.x id."""
        if csms_id in self._by_csms_id:
            return self._by_csms_id[csms_id]
        return csms_id if csms_id in self._facts else None

    # Store: variables.

    def save_attribute(
        self,
        address: ComponentVariable,
        attribute_type: AttributeType,
        value: str | None,
        source: str,
    ) -> None:
        """Save the value of a variable's attribute; None is back to the factory value."""
        component, variable = address.component, address.variable
        evse = component.evse
        key = (
            component.name,
            component.instance or "",
            evse.id if evse else 0,
            (evse.connector_id or 0) if evse else 0,
            variable.name,
            variable.instance or "",
            attribute_type.value,
        )
        if value is None:
            self._write(
                "DELETE FROM variable WHERE component = ? AND component_instance = ?"
                " AND evse_id = ? AND connector_id = ? AND variable = ?"
                " AND variable_instance = ? AND attribute_type = ?",
                *key,
            )
        else:
            self._write(
                "INSERT OR REPLACE INTO variable VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                *key,
                value,
                source,
            )

    # Outbox.

    @property
    def written(self) -> int:
        """How many units of work were handed over: unchanged, there is nothing new to wait for."""
        return self._writer.submitted

    async def durable(self) -> None:
        """Wait until everything written so far is on disk; raises StorageFailure."""
        await self._writer.durable()

    async def waiting(
        self, generation: str, limit: int, *, of_transactions: bool | None = None
    ) -> list[QueueEntry]:
        """Return the next committed entries that may go out in a generation, in order."""
        which = "set_aside IS NULL AND (generation IS NULL OR generation = ?)"
        if of_transactions is not None:
            which += f" AND kind {'' if of_transactions else 'NOT'} IN {_OF_TRANSACTIONS}"
        return await self._waiting_rows(which, generation, limit)

    async def waiting_in(self, generation: str, limit: int) -> list[QueueEntry]:
        """Return those of them whose transaction was acknowledged in that generation."""
        return await self._waiting_rows("set_aside IS NULL AND generation = ?", generation, limit)

    async def _waiting_rows(self, which: str, generation: str, limit: int) -> list[QueueEntry]:
        """Return entries that wait; what a broken disk still has beside them is left out."""
        entries: list[QueueEntry] = []
        after = self._waiting.first - 1
        while True:
            wanted = limit - len(entries)
            rows = await self._rows(
                f"{which} AND id > ? ORDER BY id LIMIT ?", (generation, after, wanted)
            )
            read = [self._entry(row) for row in rows if row[0] in self._waiting]
            entries += [entry for entry in read if not isinstance(entry.request, Unreadable)]
            if len(rows) < wanted or len(entries) == limit:
                return entries
            after = rows[-1][0]  # what is not readable must not hide what is behind it

    async def _rows(self, which: str, parameters: tuple[object, ...]) -> list[_Row]:
        return await self._writer.query(
            lambda connection: connection.execute(
                f"SELECT {_COLUMNS} FROM queue LEFT JOIN transaction_facts"  # noqa: S608
                f" USING (transaction_id) WHERE {which}",
                parameters,
            ).fetchall()
        )

    async def _read(self, which: str, parameters: tuple[object, ...]) -> list[QueueEntry]:
        return [self._entry(row) for row in await self._rows(which, parameters)]

    def facts_of(self, transaction_id: str) -> TransactionFacts:
        """Return what is known of a transaction now."""
        return self._facts.get(transaction_id, TransactionFacts())

    async def all_entries(self) -> list[QueueEntry]:
        """Return the whole queue, set aside or not, readable or not, at most 1,000 entries."""
        listed = await self._read("TRUE ORDER BY id LIMIT ?", (_LISTED,))
        return [entry for entry in listed if entry.id in self._waiting or entry.set_aside]

    def _entry(self, row: _Row) -> QueueEntry:
        """Return an entry; one that is not readable is set aside, with a stand-in for it."""
        entry_id, message_id, kind, transaction_id, body, queued_at, attempts, set_aside = row
        queued = _date_of(queued_at)  # a damaged date is no reason to keep a message back
        request: Durable
        try:
            request = codec.decode(_kind_named(kind), body)
            for by in self._corrections_of(entry_id):
                request, queued = redated(request, by), redated(queued, by)
        except Exception:  # whatever one row holds: the others have to go on
            if set_aside is None and entry_id not in self._unreadable:
                self._unreadable.add(entry_id)  # once, though the disk may not take it yet
                self._put_aside(entry_id, transaction_id, "not readable")
                _LOG.exception("queued message %d is not readable; set aside", entry_id)
                self._write("UPDATE queue SET set_aside = ? WHERE id = ?", "not readable", entry_id)
            request = Unreadable(kind, transaction_id)
        attempts = self._attempts.get(entry_id, attempts)
        aside = self._aside.get(entry_id)
        return QueueEntry(
            entry_id, message_id, request, queued, attempts, aside.reason if aside else None
        )

    def _corrections_of(self, entry_id: int) -> list[timedelta]:
        return [
            timedelta(seconds=each.seconds)
            for each in self._redatings.items
            if entry_id <= each.up_to
        ]


def _date_of(queued_at: object) -> datetime:
    """Return when something was queued, or if that is not readable, the epoch."""
    with suppress(ValueError):
        if (found := datetime.fromisoformat(str(queued_at))).tzinfo is not None:
            return found
    return datetime.fromtimestamp(0, UTC)


def _kind_named(name: str) -> type[Durable]:
    """Return the class of a queued request; KeyError if there is none of that name."""
    kinds: list[type[Any]] = [CsmsRequest]
    for kind in kinds:
        # A dataclass with slots is another class than the one that it was made from.
        if kind.__name__ == name and getattr(sys.modules[kind.__module__], name, None) is kind:
            found: type[Durable] = kind
            return found
        kinds += kind.__subclasses__()
    raise KeyError(name)


def _facts(connection: sqlite3.Connection) -> dict[str, TransactionFacts]:
    return {
        transaction_id: TransactionFacts(generation, csms_id)
        for transaction_id, generation, csms_id in connection.execute(
            "SELECT transaction_id, generation, csms_id FROM transaction_facts"  # noqa: S608
            f" WHERE {_FACTS_THAT_MATTER}"
        )
    }


def _contents(connection: sqlite3.Connection) -> _Contents:
    documents: dict[str, dict[str, str]] = {}
    for kind, key, body in connection.execute("SELECT kind, key, body FROM document"):
        documents.setdefault(kind, {})[key] = body
    waiting = Waiting(
        (entry_id, stored_place(kind, transaction_id, body))
        for entry_id, transaction_id, kind, body in connection.execute(
            "SELECT id, transaction_id, kind, body FROM queue WHERE set_aside IS NULL ORDER BY id"
        )
    )
    aside = {
        entry_id: _Aside(transaction_id, reason)
        for entry_id, transaction_id, reason in connection.execute(
            "SELECT id, transaction_id, set_aside FROM queue WHERE set_aside IS NOT NULL"
        )
    }
    [last_entry] = connection.execute(
        "SELECT coalesce(max(seq), 0) FROM (SELECT seq FROM sqlite_sequence"
        " WHERE name = 'queue' UNION ALL SELECT max(id) FROM queue)"
    ).fetchone()
    return _Contents(
        documents, _facts(connection), _variables(connection), waiting, aside, last_entry
    )


def _variables(connection: sqlite3.Connection) -> StoredVariables:
    variables: StoredVariables = {}
    for row in connection.execute("SELECT * FROM variable"):
        try:
            address, kind = _address(*row[:7])
        except (ValueError, TypeError):
            _LOG.exception("a stored variable is not readable; left out")
        else:
            variables[address, kind] = (row[7], row[8])
    return variables


def _address(
    name: str,
    instance: str,
    evse_id: int,
    connector_id: int,
    variable: str,
    variable_instance: str,
    kind: str,
) -> tuple[ComponentVariable, AttributeType]:
    evse = EvseRef(evse_id, connector_id or None) if evse_id else None
    address = ComponentVariable(
        Component(name, instance or None, evse), Variable(variable, variable_instance or None)
    )
    return address, AttributeType(kind)
