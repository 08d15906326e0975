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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ocppd.errors import StorageFailure

_LOG = logging.getLogger(__name__)
_RETRY_S = 1.0

T = TypeVar("T")
Write = tuple[str, Sequence[Any]]


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
            StorageFailure: they are not, and wait in memory for the disk

        """
        if self._committed >= self._submitted:
            return
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append((self._submitted, future))
        await future

    async def query(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """Read from the database, after all units submitted so far are committed."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._work.put(_Query(read, future))
        return await future

    def close(self, timeout_s: float) -> None:
        """Commit what is left and close; wait for that at most so long."""
        self._work.put(_Close())
        self._thread.join(timeout_s)

    def _settle(self, committed: int, failure: str | None) -> None:
        """Note how far the writer came; runs in the event loop."""
        self._committed = max(self._committed, committed)
        while self._waiting and (failure or self._waiting[0][0] <= committed):
            number, future = self._waiting.popleft()
            if future.done():
                continue
            if number <= committed:
                future.set_result(None)
            else:
                future.set_exception(StorageFailure(failure))
        if failure != self._failure:
            self._failure = failure
            self._on_health(failure)

    # What the thread does.

    def _run(self) -> None:
        pending: list[_Unit] = []
        while True:
            closing, queries = self._collect(pending)
            failure = self._commit(pending)
            for query in queries:
                self._answer(query)
            if closing:
                self._connection.close()
                return
            if failure is None:
                pending.clear()

    def _collect(self, pending: list[_Unit]) -> tuple[bool, list[_Query]]:
        """Wait for work, then take all there is."""
        queries: list[_Query] = []
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
            return closing, queries

    def _commit(self, pending: list[_Unit]) -> str | None:
        """Write all pending units in one transaction; return why not."""
        if not pending:
            return None
        failure = None
        try:
            self._write(pending)
        except sqlite3.OperationalError as error:  # full, read-only, failing: it may come back
            failure = f"cannot write the store: {error}"
            _LOG.debug("%s", failure)
        except sqlite3.Error:
            self._write_one_by_one(pending)
        self._tell(pending[-1].number if failure is None else 0, failure)
        return failure

    def _write(self, units: Sequence[_Unit]) -> None:
        execute = self._connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            for unit in units:
                for sql, parameters in unit.writes:
                    execute(sql, parameters)
            execute("COMMIT")
        except sqlite3.Error:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise

    def _write_one_by_one(self, pending: Sequence[_Unit]) -> None:
        """Keep one unit that the database refuses from taking the others with it."""
        for unit in pending:
            try:
                self._write([unit])
            except sqlite3.Error:
                _LOG.exception("the store refused a unit of work; it is lost")

    def _answer(self, query: _Query) -> None:
        try:
            result = query.read(self._connection)
        except sqlite3.Error as error:
            self._call(_resolve, query.future, None, StorageFailure(f"cannot read: {error}"))
        else:
            self._call(_resolve, query.future, result, None)

    def _tell(self, committed: int, failure: str | None) -> None:
        self._call(self._settle, committed, failure)

    def _call(self, call: Callable[..., None], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *args)
        except RuntimeError:  # the loop has ended; nobody waits any more
            return


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
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "wal_autocheckpoint = 100",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection
