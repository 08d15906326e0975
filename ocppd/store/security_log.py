"""The security log: a bounded text file, one event a line (A04.FR.04).

It is written in the background, in order, and synced. While the disk fails, lines wait in memory.
"""

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ocppd.store.background import Background

_LOG = logging.getLogger(__name__)
_LARGEST = 1 << 20
_MOST_WAITING = 1000
_RETRY_S = 5.0


class SecurityLogFile:
    """The port `SecurityLog`; when the file is full it becomes `….1`, and an older one goes.

    Whoever rotates it otherwise may do so: it is opened for each line. `on_cleared` is called, in
    the event loop, when events were lost: with the oldest file, because somebody removed or cut
    the file, or because too many waited for the disk (event SecurityLogWasCleared).
    """

    def __init__(
        self,
        path: Path,
        on_cleared: Callable[[], None],
        background: Background,
        largest: int = _LARGEST,
    ) -> None:
        self._on_cleared = on_cleared
        self._background = background
        self._file = _File(path, largest)
        self._waiting = 0
        self._retry: asyncio.TimerHandle | None = None

    def append(self, line: str) -> None:
        """Add a line; returns at once."""
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        if self._waiting >= _MOST_WAITING:  # the disk stalls, and does not even fail
            self._file.lost = True
            return
        self._waiting += 1
        self._hand_over(data)

    def _hand_over(self, data: bytes | None) -> None:
        loop = asyncio.get_running_loop()

        def write() -> None:
            cleared = False
            try:
                cleared = self._file.write(data)
            finally:
                with suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(self._written, data is not None, cleared)

        self._background.do(write)

    def _written(self, counted: bool, cleared: bool) -> None:
        self._waiting -= counted
        if cleared:
            self._on_cleared()
        if self._file.failed and self._retry is None:
            self._retry = asyncio.get_running_loop().call_later(_RETRY_S, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        self._hand_over(None)


class _File:
    """The file, as the background's thread sees it."""

    def __init__(self, path: Path, largest: int) -> None:
        self._path = path
        self._older = path.with_name(f"{path.name}.1")
        self._largest = largest
        self._pending: deque[bytes] = deque(maxlen=_MOST_WAITING)
        self._known: tuple[int, int] | None = None
        """Inode and size of the file as it was left."""
        self.failed = False
        self.lost = False

    def write(self, line: bytes | None) -> bool:
        """Write what waits and a line; returns whether events of before are lost."""
        if line is not None:
            self.lost |= len(self._pending) == self._pending.maxlen
            self._pending.append(line)
        try:
            while self._pending:
                self._write(self._pending[0])
                self._pending.popleft()
        except OSError as error:
            if not self.failed:
                _LOG.error("cannot write the security log: %s", error)
            self.failed = True
            return False
        self.failed = False
        cleared, self.lost = self.lost, False
        return cleared

    def _write(self, line: bytes) -> None:
        inode, size = self._present()
        if self._known is not None and (inode != self._known[0] or size < self._known[1]):
            moved = inode != self._known[0] and self._inode_of(self._older) == self._known[0]
            self.lost |= not moved
        if size and size + len(line) > self._largest:
            self.lost |= self._older.exists()
            self._path.replace(self._older)
            size = 0
        descriptor = os.open(
            self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640
        )
        try:
            try:
                if os.write(descriptor, line) != len(line):
                    raise OSError("the line was cut")
                os.fdatasync(descriptor)
            except OSError:
                with suppress(OSError):  # no half lines, and none twice
                    os.ftruncate(descriptor, size)
                raise
            status = os.fstat(descriptor)
            self._known = (status.st_ino, status.st_size)
        finally:
            os.close(descriptor)

    def _present(self) -> tuple[int, int]:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return 0, 0
        return status.st_ino, status.st_size

    @staticmethod
    def _inode_of(path: Path) -> int:
        try:
            return path.stat().st_ino
        except OSError:
            return 0
