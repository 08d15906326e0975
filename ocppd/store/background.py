"""A thread for files that nobody waits for: the security log and the message journal.

What is handed over is done in order. The event loop never waits for it, however slow the disk is.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

_LOG = logging.getLogger(__name__)

T = TypeVar("T")


class Background:
    """One thread, started with its first work."""

    def __init__(self, name: str = "files") -> None:
        self._name = name
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def do(self, work: Callable[[], None]) -> None:
        """Do something later; what it raises is logged."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._work.put(work)

    async def get(self, work: Callable[[], T]) -> T:
        """Do something after all that was handed over before, and return what it returns."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)

        self.do(run)
        return await asyncio.wrap_future(future)

    def close(self, timeout_s: float) -> None:
        """Do what is left, and wait for that at most so long."""
        if self._thread is not None:
            self._work.put(None)
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                work()
            except Exception:
                _LOG.exception("what was to be written is lost")
