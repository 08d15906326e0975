"""What goes out on the bus: written without blocking, in order, and bounded.

The writers of dbus-next and dbus-fast take a full socket (EAGAIN) for the end of the connection,
and queue without limit. This one stands in for either.
"""

import logging
from asyncio import AbstractEventLoop, Future
from collections import deque
from collections.abc import Callable
from typing import Any

_LOG = logging.getLogger(__name__)

MAX_SIGNALS = 4096
MAX_SIGNAL_BYTES = 16 * 1024 * 1024
MAX_BACKLOG = 8 * 1024 * 1024


class _Outgoing:
    """A message in the queue; `data` is what is left to write, None when nothing is."""

    __slots__ = ("data", "future", "size")

    def __init__(self, data: memoryview, future: "Future[None] | None") -> None:
        self.data: memoryview | None = data
        self.size = len(data)
        self.future = future

    def done(self) -> None:
        """Tell whoever waits for the message to be out."""
        if self.future is not None and not self.future.done():
            self.future.set_result(None)


class Writer:
    """Writes messages to the socket of a connection, as soon as it takes them.

    While the bus does not read, at most MAX_SIGNALS signals of together MAX_SIGNAL_BYTES are
    kept: beyond that the oldest of them go, which is logged once. Replies and calls are kept; when
    MAX_BACKLOG of them wait, `hold(True)` asks that no more calls are read, `hold(False)` ends it.
    """

    def __init__(
        self,
        bus: Any,
        loop: AbstractEventLoop,
        hold: Callable[[bool], None] = lambda held: None,
    ) -> None:
        self._hold = hold
        self._kept_bytes = 0
        self._bus = bus
        self._socket = bus._sock
        self._fd: int = bus._fd
        self._loop = loop
        self._queue: deque[_Outgoing] = deque()
        self._signals: deque[_Outgoing] = deque()
        self._signal_bytes = 0
        self._waiting = False
        self._dropped = 0

    def schedule_write(self, message: Any = None, future: "Future[None] | None" = None) -> None:
        """Send a message, now if the socket takes it; the library calls this."""
        if message is not None:
            outgoing = _Outgoing(memoryview(self._bus.marshalled(message)), future)
            self._queue.append(outgoing)
            if self._waiting:
                if message.message_type.name == "SIGNAL":
                    self._bound(outgoing)
                else:
                    self._kept_bytes += outgoing.size
                    if self._kept_bytes > MAX_BACKLOG:
                        self._hold(True)
        if not self._waiting and self._bus.unique_name:
            self._write()

    def _bound(self, outgoing: _Outgoing) -> None:
        self._signals.append(outgoing)
        self._signal_bytes += outgoing.size
        while len(self._signals) > MAX_SIGNALS or self._signal_bytes > MAX_SIGNAL_BYTES:
            oldest = self._signals.popleft()
            self._signal_bytes -= oldest.size
            if oldest.data is None or oldest is self._queue[0]:
                continue  # all of it is written, or perhaps a part
            oldest.data = None
            oldest.done()
            if not self._dropped:
                _LOG.warning("the bus does not take our signals: the oldest are dropped")
            self._dropped += 1

    def _write(self) -> None:
        try:
            while self._queue:
                outgoing = self._queue[0]
                while outgoing.data is not None:
                    sent = self._socket.send(outgoing.data)
                    if sent == len(outgoing.data):
                        outgoing.data = None
                        outgoing.done()
                    else:
                        outgoing.data = outgoing.data[sent:]
                self._queue.popleft()
        except (BlockingIOError, InterruptedError):
            if not self._waiting:
                self._waiting = True
                self._loop.add_writer(self._fd, self._write)
            return
        except OSError as error:
            self._bus._finalize(error)
            return
        if self._waiting:
            self._waiting = False
            self._loop.remove_writer(self._fd)
            self._signals.clear()
            self._signal_bytes = self._kept_bytes = 0
            self._hold(False)
            if self._dropped:
                _LOG.warning("the bus takes signals again, %d were dropped", self._dropped)
                self._dropped = 0
