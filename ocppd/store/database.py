"""The database as one thread writes it.

The event loop never waits for the disk. It hands units of work to the writer, which commits
them in order, several at once when they queue up; `durable()` waits for what was handed over
so far.
"""

import asyncio
import errno
import logging
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from ocppd.errors import StorageFailure
from ocppd.store.rescue import in_memory

_LOG = logging.getLogger(__name__)
_FIRST_RETRY_S = 0.25
_LONGEST_RETRY_S = 5.0
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
    """A statement."""

    sql: str
    parameters: Sequence[Any] = ()


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
    """How far the writer came: up to unit `taken`, but for those it had to leave out."""

    taken: int = 0
    first_refused: int | None = None
    failure: "Failure | None" = None
    """Why that is in memory alone."""


class Opener(Protocol):
    """Where the writer gets the database from, again and again."""

    def open(self) -> sqlite3.Connection:
        """Open the file, made and migrated; raises sqlite3.Error, OSError or another error."""

    def is_there(self) -> bool:
        """Tell whether the file is still the one that was opened last."""

    def rescue(self) -> tuple[sqlite3.Connection, bool]:
        """Return what can be read of the file in memory, and whether that is all there is."""

    def merge(self, memory: sqlite3.Connection, file: sqlite3.Connection, *, whole: bool) -> None:
        """Make the file what the memory is; if the memory is not `whole`, only add to it."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why nothing is written; `is_full`: because there is no space left."""

    text: str
    is_full: bool = False


class Writer:
    """The thread that owns the connection.

    While the file cannot be written, a copy in memory takes its place, and is read and written in
    its stead. From time to time the file is opened anew; when that works, it is made what the copy
    is. So nothing piles up but what is stored.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        on_health: Callable[[Failure | None], None],
        opener: Opener,
        *,
        failure: Failure | None = None,
        whole: bool = True,
    ) -> None:
        """Take over a connection; `on_health` hears why writes fail, and None when they do not.

        With a `failure` the connection is to a copy in memory already, of the `whole` file or not.
        """
        self._connection = connection
        self._on_health = on_health
        self._opener = opener
        self._loop = asyncio.get_running_loop()
        self._work: queue.SimpleQueue[_Unit | _Query | _Close] = queue.SimpleQueue()
        self._submitted = 0
        self._committed = 0
        self._taken = 0
        self._failure = failure
        self._lost_untold = False
        self._closed = False
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        # What the thread alone looks at.
        self._fails = failure
        self._whole = whole
        self._last = 0
        self._wait_s = _FIRST_RETRY_S
        self._try_at = time.monotonic() + self._wait_s
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

    @property
    def failure(self) -> Failure | None:
        """Why nothing is written now, as far as the event loop has heard."""
        return self._failure

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
        if self._failure is not None and self._taken >= self._submitted:
            raise StorageFailure(self._failure.text)
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
        self._taken = max(self._taken, progress.taken)
        if progress.failure is None:
            self._committed = self._taken
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
            elif number <= self._committed:
                future.set_result(None)
            elif progress.failure is not None:
                future.set_exception(StorageFailure(progress.failure.text))
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
                if self._fails is None and not self._opener.is_there():
                    self._degrade(OSError("the file is not there any more"))
                self._commit(pending)
                if self._fails is not None and (closing or time.monotonic() >= self._try_at):
                    self._recover()
            except Exception as error:  # without this thread, everybody would wait for ever
                _LOG.exception("the writer of the store stumbled; it tries again")
                self._tell(Failure(f"cannot write the store: {error!r}"))
            for query in queries:
                self._answer(query)
        if pending or self._fails is not None:
            _LOG.error("closing the store; what was not written is lost")
        self._connection.close()

    def _collect(self, pending: list[_Unit], queries: list[_Query]) -> bool:
        """Wait for work, then take all there is; return whether to close after it."""
        closing = False
        timeout_s: float | None = None
        if self._fails is not None:
            timeout_s = max(self._try_at - time.monotonic(), 0.01)
        elif pending:
            timeout_s = _FIRST_RETRY_S
        try:
            item = self._work.get(timeout=timeout_s)
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
        """Write all pending units in one transaction, to the file or else to the copy."""
        if not pending:
            return
        last = pending[-1].number
        first_refused: int | None = None
        while pending:
            try:
                self._write(pending)
            except _UnitRefused as refused:
                # One bad unit must not take the others with it, nor hold them up.
                _LOG.error("the store refused a unit of work; it is lost", exc_info=refused)
                pending.remove(refused.unit)
                number = refused.unit.number
                first_refused = number if first_refused is None else min(first_refused, number)
            except Exception as error:  # full, read-only, damaged: it may come back
                if self._fails is not None:
                    raise  # not even the memory
                self._degrade(error)
            else:
                pending.clear()
        self._last = last
        self._tell(self._fails, first_refused)

    def _degrade(self, error: Exception) -> None:
        """Go on with a copy of the database in memory."""
        failure = Failure(f"cannot write the store: {error}", is_full(error))
        copy = in_memory()
        whole = True
        try:
            self._roll_back()
            self._connection.backup(copy, progress=_no_waiting)
            [verdict] = copy.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)
        except Exception as unreadable:
            _LOG.warning("the store cannot be read as it is: %s", unreadable)
            copy.close()
            with suppress(Exception):  # rolls back what is not committed
                self._connection.close()
            copy, whole = self._opener.rescue()
        else:
            with suppress(Exception):
                self._connection.close()
        self._connection, self._fails, self._whole = copy, failure, whole
        self._wait_s = _FIRST_RETRY_S
        self._try_at = time.monotonic() + self._wait_s
        self._tell(failure)

    def _recover(self) -> None:
        """Open the file, and make it what the copy is; or wait a little longer."""
        file: sqlite3.Connection | None = None
        try:
            file = self._opener.open()
            self._opener.merge(self._connection, file, whole=self._whole)
        except Exception as error:
            _LOG.debug("the store is still not written", exc_info=True)
            if file is not None:
                with suppress(Exception):
                    file.close()
            assert self._fails is not None
            if is_full(error) != self._fails.is_full:
                self._fails = Failure(f"cannot write the store: {error}", is_full(error))
                self._tell(self._fails)
            self._wait_s = min(self._wait_s * 2, _LONGEST_RETRY_S)
            self._try_at = time.monotonic() + self._wait_s
            return
        self._connection.close()
        self._connection, self._fails, self._whole = file, None, True
        self._tell(None)

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
                    for sql, parameters in unit.writes:
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

    def _tell(self, failure: Failure | None, first_refused: int | None = None) -> None:
        self._call(self._settle, _Progress(self._last, first_refused, failure))

    def _call(self, call: Callable[..., None], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *args)
        except RuntimeError:  # the loop has ended; nobody waits any more
            return


def _no_waiting(status: int, _remaining: int, _total: int) -> None:
    # Python would wait for ever for a database that is locked by ourselves.
    if status not in (sqlite3.SQLITE_OK, sqlite3.SQLITE_DONE):
        raise sqlite3.OperationalError(f"error {status} while reading")


def is_full(error: BaseException) -> bool:
    """Tell whether something failed because there is no space left."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


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
