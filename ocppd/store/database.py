"""The database: opened, migrated, and written by one thread.

The event loop never waits for the disk. It hands units of work to the writer, which commits
them in order, several at once when they queue up; `durable()` waits for what was handed over
so far.
"""

import asyncio
import logging
import queue
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ocppd.errors import StorageFailure

_LOG = logging.getLogger(__name__)
_RETRY_S = 1.0
_CLOSED = "the store is closed"
_LOST = "the store refused what was to be kept; it is lost"

# What SQLite and its binding say of a statement or its parameters; no second try does better.
_FAULTS_OF_A_UNIT = (
    sqlite3.IntegrityError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.DataError,
    sqlite3.Warning,
    ValueError,
    OverflowError,
    TypeError,
)

T = TypeVar("T")


class Write(NamedTuple):
    """A statement.

    `key` names the one row that it sets or deletes, whatever was there: an earlier write of the
    same key need not be made. None: it counts.
    """

    sql: str
    parameters: Sequence[Any] = ()
    key: Hashable | None = None


@dataclass(frozen=True, slots=True)
class _Unit:
    number: int
    writes: list[Write]


@dataclass(frozen=True, slots=True)
class _Query:
    read: Callable[[sqlite3.Connection], Any]
    future: "asyncio.Future[Any]"


class _Close:
    pass


class _UnitRefused(Exception):
    """The database takes everything but this unit of work."""

    def __init__(self, unit: _Unit) -> None:
        super().__init__(unit.number)
        self.unit = unit


@dataclass(frozen=True, slots=True)
class _Progress:
    """How far the writer came: up to unit `done`, but for those it had to leave out."""

    done: int = 0
    first_refused: int | None = None
    failure: str | None = None
    """Why it came no further."""


class Writer:
    """The thread that owns the connection."""

    def __init__(
        self, connection: sqlite3.Connection, on_health: Callable[[str | None], None]
    ) -> None:
        """Take over a connection; `on_health` hears why writes fail, and None when they do not."""
        self._connection = connection
        self._on_health = on_health
        self._loop = asyncio.get_running_loop()
        self._work: queue.SimpleQueue[_Unit | _Query | _Close] = queue.SimpleQueue()
        self._submitted = 0
        self._committed = 0
        self._failure: str | None = None
        self._lost_untold = False
        self._closed = False
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._thread.start()

    # What the event loop calls.

    def submit(self, writes: list[Write]) -> None:
        """Hand over a unit of work, to be on disk whole or not at all."""
        self._submitted += 1
        self._work.put(_Unit(self._submitted, writes))

    @property
    def submitted(self) -> int:
        """How many units were handed over so far."""
        return self._submitted

    async def durable(self) -> None:
        """Wait until all units submitted so far are on disk.

        Raises:
            StorageFailure: they are not, and wait in memory for the disk; or one of them was
                refused by the database and is lost

        """
        if self._lost_untold:
            self._lost_untold = False
            raise StorageFailure(_LOST)
        if self._committed >= self._submitted:
            return
        if self._closed:
            raise StorageFailure(_CLOSED)
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append((self._submitted, future))
        await future

    async def query(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """Read from the database, after all units submitted so far are committed.

        Raises:
            StorageFailure: it cannot be read

        """
        if self._closed:
            raise StorageFailure(_CLOSED)
        future: asyncio.Future[T] = self._loop.create_future()
        self._work.put(_Query(read, future))
        return await future

    def close(self, timeout_s: float) -> None:
        """Commit what is left and close; wait for that at most so long."""
        self._closed = True
        self._work.put(_Close())
        self._thread.join(timeout_s)

    def _settle(self, progress: _Progress) -> None:
        """Note how far the writer came; runs in the event loop."""
        self._committed = max(self._committed, progress.done)
        refused = progress.first_refused
        # Somebody has to hear of a lost unit: whoever waits for it now, or who asks next.
        self._lost_untold |= refused is not None
        still_waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        for number, future in self._waiting:
            if future.done():
                continue
            if refused is not None and number >= refused:
                future.set_exception(StorageFailure(_LOST))
                self._lost_untold = False
            elif number <= progress.done:
                future.set_result(None)
            elif progress.failure is not None:
                future.set_exception(StorageFailure(progress.failure))
            else:
                still_waiting.append((number, future))
        self._waiting = still_waiting
        if progress.failure != self._failure:
            self._failure = progress.failure
            self._on_health(progress.failure)

    # What the thread does.

    def _run(self) -> None:
        pending: list[_Unit] = []
        closing = False
        while not closing:
            queries: list[_Query] = []
            try:
                closing = self._collect(pending, queries)
                self._commit(pending)
            except Exception as error:  # without this thread, everybody would wait for ever
                _LOG.exception("the writer of the store stumbled; it tries again")
                self._tell(_Progress(failure=f"cannot write the store: {error!r}"))
            for query in queries:
                self._answer(query)
        if pending:
            _LOG.error("closing the store; %d units of work are lost", len(pending))
        self._connection.close()

    def _collect(self, pending: list[_Unit], queries: list[_Query]) -> bool:
        """Wait for work, then take all there is; return whether to close after it."""
        closing = False
        try:
            item = self._work.get(timeout=_RETRY_S if pending else None)
            while True:
                match item:
                    case _Unit():
                        pending.append(item)
                    case _Query():
                        queries.append(item)
                    case _:
                        closing = True
                item = self._work.get_nowait()
        except queue.Empty:
            return closing

    def _commit(self, pending: list[_Unit]) -> None:
        """Write all pending units in one transaction; what cannot be written yet stays pending."""
        if not pending:
            return
        last = pending[-1].number
        first_refused: int | None = None
        failure: str | None = None
        while pending:
            try:
                self._write(pending)
            except _UnitRefused as refused:
                # One bad unit must not take the others with it, nor hold them up.
                _LOG.error("the store refused a unit of work; it is lost", exc_info=refused)
                pending.remove(refused.unit)
                number = refused.unit.number
                first_refused = number if first_refused is None else min(first_refused, number)
            except sqlite3.Error as error:  # full, read-only, damaged: it may come back
                failure = f"cannot write the store: {error}"
                _LOG.debug("%s", failure)
                pending[:] = _coalesced(pending)
                break
            else:
                pending.clear()
        done = last if failure is None else 0
        self._tell(_Progress(done, first_refused, failure))

    def _write(self, units: Sequence[_Unit]) -> None:
        """Write units in one transaction, or nothing of them.

        Raises:
            _UnitRefused: a unit that no second try will write
            sqlite3.Error: the database cannot be written now

        """
        connection = self._connection
        self._roll_back()
        try:
            connection.execute("BEGIN IMMEDIATE")
            for unit in units:
                try:
                    for sql, parameters, _ in unit.writes:
                        connection.execute(sql, parameters)
                except Exception as error:
                    if isinstance(error, _FAULTS_OF_A_UNIT) or is_schema_error(error):
                        raise _UnitRefused(unit) from error
                    raise
            connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        # A disk that fails has often rolled back by itself; else the next BEGIN fails, and tells.
        with suppress(Exception):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _answer(self, query: _Query) -> None:
        try:
            result = query.read(self._connection)
        except Exception as error:
            _LOG.debug("cannot read the store", exc_info=True)
            self._call(_resolve, query.future, None, StorageFailure(f"cannot read: {error}"))
        else:
            self._call(_resolve, query.future, result, None)

    def _tell(self, progress: _Progress) -> None:
        self._call(self._settle, progress)

    def _call(self, call: Callable[..., None], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *args)
        except RuntimeError:  # the loop has ended; nobody waits any more
            return


def _coalesced(units: Sequence[_Unit]) -> list[_Unit]:
    """Leave out what a later unit overwrites: a broken disk must not fill the memory.

    The units are written in one transaction, so nobody ever sees the state between them.
    """
    seen: set[Hashable] = set()
    kept: list[_Unit] = []
    for unit in reversed(units):
        writes: list[Write] = []
        for write in reversed(unit.writes):
            if write.key is None or write.key not in seen:
                writes.append(write)
            if write.key is not None:
                seen.add(write.key)
        if writes:
            kept.append(_Unit(unit.number, writes[::-1]))
    return kept[::-1]


def is_schema_error(error: BaseException) -> bool:
    """Return whether the database has not the tables that a statement speaks of."""
    return (
        isinstance(error, sqlite3.OperationalError)
        and getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR
    )


def _resolve(future: "asyncio.Future[Any]", result: object, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def connect(path: Path) -> sqlite3.Connection:
    """Open the database for one writer: WAL, and each commit on disk before it returns."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "wal_autocheckpoint = 100",
            "foreign_keys = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
