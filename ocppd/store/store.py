"""The store: documents, the durable queue and changed variables, in one SQLite file."""

import logging
import sqlite3
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from ocppd.errors import StorageFailure
from ocppd.model.queue import Durable, QueueEntry, TransactionFacts
from ocppd.model.security import SecurityEventNotification
from ocppd.model.transactions import MeterValues, TransactionEvent
from ocppd.model.variables import AttributeType, Component, ComponentVariable, EvseRef, Variable
from ocppd.store import codec
from ocppd.store.database import Write, Writer, connect, is_schema_error
from ocppd.store.migrate import CannotMigrate, migrate, shipped
from ocppd.store.waiting import DEFAULT_LIMIT, Waiting, is_spare

_LOG = logging.getLogger(__name__)
_QUEUED_KINDS: dict[str, type[Durable]] = {
    kind.__name__: kind for kind in (TransactionEvent, SecurityEventNotification, MeterValues)
}
_COLUMNS = "id, message_id, kind, body, queued_at, attempts, set_aside"
_LISTED = 1000
# The facts that still matter: of open transactions, which are young, and of those in the queue.
_FACTS_THAT_MATTER = (
    "rowid IN (SELECT rowid FROM transaction_facts ORDER BY rowid DESC LIMIT 1000)"
    " OR transaction_id IN (SELECT transaction_id FROM queue WHERE transaction_id IS NOT NULL)"
)

D = TypeVar("D")
StoredVariables = dict[tuple[ComponentVariable, AttributeType], tuple[str, str]]
_Row = tuple[int, str, str, str, str, int, str | None]
"""What is selected by `_COLUMNS`."""


@dataclass(frozen=True, slots=True)
class _Contents:
    """What a file holds when it is opened."""

    documents: dict[str, dict[str, str]]
    facts: dict[str, TransactionFacts]
    variables: StoredVariables
    waiting: Waiting
    last_entry: int


class SqliteStore:
    """The ports `Store` and `Outbox`, and the device model's `VariableStore`."""

    def __init__(
        self,
        path: Path,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        on_health: Callable[[str | None], None],
    ) -> None:
        """Open the file, making or migrating it; a damaged one is set aside and said so.

        Must be called from the event loop. `on_health` hears, later and in the event loop, why
        writes fail, None when well; what is wrong from the start is told by `unusable`.
        """
        self._now = now
        self._new_id = new_id
        self._tell_health = on_health
        self.set_aside_file: Path | None = None
        self.unusable: str | None = None
        """Why nothing that is written survives a restart, if so."""
        connection, contents = self._open(path)
        self._documents = contents.documents
        self._facts = contents.facts
        self._by_csms_id = {
            facts.csms_transaction_id: transaction_id
            for transaction_id, facts in self._facts.items()
            if facts.csms_transaction_id is not None
        }
        self.variables = contents.variables
        self._waiting = contents.waiting
        self._most_waiting: Callable[[], int] = lambda: DEFAULT_LIMIT
        self._last_entry = contents.last_entry
        self._unreadable: set[int] = set()
        self._unit: list[Write] | None = None
        self._writer = Writer(connection, self._on_health)
        self._write(f"DELETE FROM transaction_facts WHERE NOT ({_FACTS_THAT_MATTER})")  # noqa: S608

    def _open(self, path: Path) -> tuple[sqlite3.Connection, _Contents]:
        """Return a connection that works, and what the file held."""
        try:
            try:
                return _ready(path)
            except (sqlite3.Error, CannotMigrate) as error:
                if isinstance(error, sqlite3.OperationalError) and not is_schema_error(error):
                    raise  # read-only, full, locked: not the file's fault
                self._set_aside(path, error)
                return _ready(path)
        except (sqlite3.Error, CannotMigrate, OSError) as error:
            self.unusable = f"cannot open the store: {error}"
            _LOG.error("%s; nothing will survive a restart", self.unusable)
            return _ready(Path(":memory:"))

    def _set_aside(self, path: Path, error: Exception) -> None:
        damaged = path.with_name(f"{path.name}.damaged-{self._now():%Y%m%dT%H%M%S}")
        _LOG.error("the store is unusable (%s); kept as %s, starting anew", error, damaged)
        for suffix in ("", "-wal", "-shm"):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.rename(damaged.with_name(damaged.name + suffix))
        self.set_aside_file = damaged

    def _on_health(self, failure: str | None) -> None:
        # That the memory is written again does not bring the file back.
        self._tell_health(failure if failure is not None else self.unusable)

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

    def _write(self, sql: str, *parameters: object, key: Hashable | None = None) -> None:
        write = Write(sql, parameters, key)
        if self._unit is None:
            self._writer.submit([write])
        else:
            self._unit.append(write)

    # Store: documents.

    def save(self, key: str, document: object) -> None:
        """Save a dataclass under its type and a key."""
        kind = type(document).__name__
        self._write(
            "INSERT OR REPLACE INTO document VALUES (?, ?, ?)",
            kind,
            key,
            codec.encode(document),
            key=("document", kind, key),
        )

    def forget(self, kind: type, key: str) -> None:
        """Forget a document."""
        self._write(
            "DELETE FROM document WHERE kind = ? AND key = ?",
            kind.__name__,
            key,
            key=("document", kind.__name__, key),
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
        transaction_id = transaction_of(request)
        kind, body = type(request).__name__, codec.encode(request)
        self._waiting.add(self._last_entry, transaction_id, is_spare(kind, body))
        with self.atomically():
            self._write(
                "INSERT INTO queue (id, message_id, kind, transaction_id, body, queued_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                self._last_entry,
                self._new_id(),
                kind,
                transaction_id,
                body,
                self._now().isoformat(),
            )
            self._thin_out()

    def _thin_out(self) -> None:
        most = self._most_waiting()
        dropped = self._waiting.thin_out(most)
        for entry_id in dropped:
            self._write("DELETE FROM queue WHERE id = ?", entry_id)
        if dropped:
            _LOG.warning(
                "more than %d messages wait for the CSMS: dropped %d updates of transactions",
                most,
                len(dropped),
            )

    def dequeue(self, entry: QueueEntry) -> None:
        """Remove an entry that the CSMS acknowledged."""
        self._waiting.remove(entry.id)
        self._write("DELETE FROM queue WHERE id = ?", entry.id)

    def entry_failed(self, entry: QueueEntry) -> None:
        """Count a send that was refused or not answered."""
        self._write("UPDATE queue SET attempts = attempts + 1 WHERE id = ?", entry.id)

    def set_aside(self, entry: QueueEntry, reason: str) -> None:
        """Take an entry out of the order, visibly."""
        self._waiting.remove(entry.id)
        self._write("UPDATE queue SET set_aside = ? WHERE id = ?", reason, entry.id)

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
        """Forget a transaction that is over and has nothing left to send."""
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
                key=("variable", *key),
            )
        else:
            self._write(
                "INSERT OR REPLACE INTO variable VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                *key,
                value,
                source,
                key=("variable", *key),
            )

    # Outbox.

    @property
    def written(self) -> int:
        """How many units of work were handed over: unchanged, there is nothing new to wait for."""
        return self._writer.submitted

    async def durable(self) -> None:
        """Wait until everything written so far is on disk; raises StorageFailure."""
        if self.unusable is not None:
            raise StorageFailure(self.unusable)
        await self._writer.durable()

    async def waiting(self, generation: str, limit: int) -> list[QueueEntry]:
        """Return the next committed entries that may go out in a generation, in order."""
        entries: list[QueueEntry] = []
        after = 0
        while True:
            wanted = limit - len(entries)
            rows = await self._waiting_rows(generation, after, wanted)
            entries += [entry for row in rows if (entry := self._entry(row)) is not None]
            if len(rows) < wanted or len(entries) == limit:
                return entries
            after = rows[-1][0]  # what is not readable must not hide what is behind it

    async def _waiting_rows(self, generation: str, after: int, limit: int) -> list[_Row]:
        return await self._writer.query(
            lambda connection: connection.execute(
                f"SELECT {_COLUMNS} FROM queue LEFT JOIN transaction_facts"  # noqa: S608
                " USING (transaction_id)"
                " WHERE set_aside IS NULL AND (generation IS NULL OR generation = ?)"
                " AND id > ? ORDER BY id LIMIT ?",
                (generation, after, limit),
            ).fetchall()
        )

    async def waiting_in(self, generation: str, limit: int) -> list[QueueEntry]:
        """Return those of them whose transaction was acknowledged in that generation."""
        rows = await self._writer.query(
            lambda connection: connection.execute(
                f"SELECT {_COLUMNS} FROM queue JOIN transaction_facts"  # noqa: S608
                " USING (transaction_id)"
                " WHERE set_aside IS NULL AND generation = ? ORDER BY id LIMIT ?",
                (generation, limit),
            ).fetchall()
        )
        return [entry for row in rows if (entry := self._entry(row)) is not None]

    def facts_of(self, transaction_id: str) -> TransactionFacts:
        """Return what is known of a transaction now."""
        return self._facts.get(transaction_id, TransactionFacts())

    async def all_entries(self) -> list[QueueEntry]:
        """Return the whole queue, set aside or not, at most 1,000 entries."""
        rows = await self._writer.query(
            lambda connection: connection.execute(
                f"SELECT {_COLUMNS} FROM queue ORDER BY id LIMIT ?",  # noqa: S608
                (_LISTED,),
            ).fetchall()
        )
        return [entry for row in rows if (entry := self._entry(row)) is not None]

    def _entry(self, row: _Row) -> QueueEntry | None:
        entry_id, message_id, kind, body, queued_at, attempts, set_aside = row
        try:
            request = codec.decode(_QUEUED_KINDS[kind], body)
            queued = datetime.fromisoformat(queued_at)
        except (ValueError, TypeError, KeyError, AttributeError):
            if set_aside is None and entry_id not in self._unreadable:
                self._unreadable.add(entry_id)  # once, though the disk may not take it yet
                self._waiting.remove(entry_id)
                _LOG.exception("queued message %d is not readable; set aside", entry_id)
                self._write("UPDATE queue SET set_aside = ? WHERE id = ?", "not readable", entry_id)
            return None
        return QueueEntry(entry_id, message_id, request, queued, attempts, set_aside)


def transaction_of(request: Durable) -> str | None:
    """Return the transaction that a queued request belongs to."""
    return request.transaction_id if isinstance(request, TransactionEvent) else None


def _ready(path: Path) -> tuple[sqlite3.Connection, _Contents]:
    connection = connect(path)
    try:
        migrate(connection, shipped())
        [verdict] = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        return connection, _contents(connection)
    except (sqlite3.Error, CannotMigrate):
        connection.close()
        raise


def _contents(connection: sqlite3.Connection) -> _Contents:
    documents: dict[str, dict[str, str]] = {}
    for kind, key, body in connection.execute("SELECT kind, key, body FROM document"):
        documents.setdefault(kind, {})[key] = body
    facts = {
        transaction_id: TransactionFacts(generation, csms_id)
        for transaction_id, generation, csms_id in connection.execute(
            "SELECT transaction_id, generation, csms_id FROM transaction_facts"  # noqa: S608
            f" WHERE {_FACTS_THAT_MATTER}"
        )
    }
    waiting = Waiting(
        (entry_id, transaction_id, is_spare(kind, body))
        for entry_id, transaction_id, kind, body in connection.execute(
            "SELECT id, transaction_id, kind, body FROM queue WHERE set_aside IS NULL ORDER BY id"
        )
    )
    [last_entry] = connection.execute(
        "SELECT coalesce(max(seq), 0) FROM (SELECT seq FROM sqlite_sequence"
        " WHERE name = 'queue' UNION ALL SELECT max(id) FROM queue)"
    ).fetchone()
    return _Contents(documents, facts, _variables(connection), waiting, last_entry)


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
