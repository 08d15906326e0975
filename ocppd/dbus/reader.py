"""What comes in from the bus: bounded, a few messages at a time.

The readers of dbus-next and dbus-fast take up to 128 MiB into memory before anybody can look at a
message, serve as many as have come before anything else has its turn, and end the connection over
one that they do not understand. This one stands in for either.
"""

import logging
import socket
from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Any, Literal

from ocppd.dataclass import dataclass

_LOG = logging.getLogger(__name__)

# Every message of more bytes is thrown away while it arrives. The largest call that means something
# is SetVariables with 1,000 values of 2,500 characters.
MAX_MESSAGE = 4 * 1024 * 1024
# After so many messages, timers, the disk and the CSMS have their turn.
_BATCH = 32
_CHUNK = 64 * 1024
_FIXED = 16
_LARGEST_HEADER = 64 * 1024
_TEXTS = frozenset(b"so")
_FIELDS = {1: "path", 2: "interface", 3: "member", 5: "reply_serial", 7: "sender"}


@dataclass(frozen=True, slots=True)
class Oversized:
    """A message that is too large, as far as its header tells."""

    message_type: int
    flags: int
    serial: int
    size: int
    sender: str | None = None
    path: str | None = None
    interface: str | None = None
    member: str | None = None
    reply_serial: int | None = None


class Reader:
    """Reads messages from the socket of a connection and hands them on one by one.

    `take` gets the bytes of each message. Of one of more than MAX_MESSAGE bytes `refuse` gets the
    header; the rest is thrown away as it comes. `lost` is called at the end of the connection.
    """

    def __init__(
        self,
        sock: socket.socket,
        loop: AbstractEventLoop,
        *,
        take: Callable[[bytes], None],
        refuse: Callable[[Oversized], None],
        lost: Callable[[Exception], None],
    ) -> None:
        self._socket = sock
        self._loop = loop
        self._take = take
        self._refuse = refuse
        self._lost = lost
        self._buffer = bytearray()
        self._skip = 0
        self._more = False
        self._held = False
        self._ended = False

    def start(self) -> None:
        """Read whatever comes from now on."""
        self._loop.add_reader(self._socket.fileno(), self._read)

    def hold(self, held: bool) -> None:
        """Read nothing for a while, or (False) go on: then the bus keeps what is sent to us."""
        if held == self._held or self._ended:
            return
        self._held = held
        if held:
            self._loop.remove_reader(self._socket.fileno())
        else:
            self.start()
            self._go_on()

    def end(self) -> None:
        """Hand on nothing more."""
        self._ended = True
        self._buffer.clear()

    def _read(self) -> None:
        if self._more or self._ended:
            return  # what is there comes first
        try:
            data = self._socket.recv(_CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lost(error)
            return
        if not data:
            self._lost(EOFError("the bus ended the connection"))
            return
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        self._buffer += data
        self._hand_on()

    def _go_on(self) -> None:
        if not self._more and not self._ended:
            self._more = True
            self._loop.call_soon(self._hand_on_again)

    def _hand_on_again(self) -> None:
        self._more = False
        self._hand_on()

    def _hand_on(self) -> None:
        buffer = self._buffer
        position = 0
        for _ in range(_BATCH):
            if self._held or self._ended or len(buffer) - position < _FIXED:
                break
            size, header = self._sizes(position)
            if size > MAX_MESSAGE:
                if not self._drop(position, size, header):
                    break
                position += min(size, len(buffer) - position)
                continue
            if len(buffer) - position < size:
                break
            message = bytes(memoryview(buffer)[position : position + size])
            position += size
            try:
                self._take(message)
            except Exception:
                _LOG.exception("a message from the bus was not understood")
        else:
            self._go_on()
        if self._ended:
            return
        del buffer[:position]

    def _sizes(self, position: int) -> tuple[int, int]:
        """Return the size of a message, and of its header alone."""
        fixed = self._buffer[position : position + _FIXED]
        order = _order(fixed)
        header = _FIXED + _padded(int.from_bytes(fixed[12:16], order), 8)
        return header + int.from_bytes(fixed[4:8], order), header

    def _drop(self, position: int, size: int, header: int) -> bool:
        """Throw a message away; False until enough of it is there to say whose it is."""
        there = len(self._buffer) - position
        if header <= _LARGEST_HEADER:
            if there < header:
                return False
            self._refuse(_oversized(bytes(self._buffer[position : position + header]), size))
        else:
            _LOG.warning("a message with a header of %d bytes is thrown away", header)
        self._skip = max(size - there, 0)
        return True


def _order(header: bytes | bytearray) -> Literal["little", "big"]:
    return "big" if header[0] == ord("B") else "little"


def _padded(position: int, alignment: int) -> int:
    return -(-position // alignment) * alignment


def _oversized(header: bytes, size: int) -> Oversized:
    """Read the header of a message; of what is not as the specification has it, what is."""
    order = _order(header)
    found: dict[str, Any] = {}
    end = _FIXED + int.from_bytes(header[12:16], order)
    position = _FIXED
    while position + 8 <= end:
        # A struct of a byte and a variant: code, length of the signature (1), signature, NUL.
        code, length, signature = header[position : position + 3]
        if length != 1:
            break  # a field that nobody has defined, of a type with more than one letter
        position += 4  # which is aligned for all that follows, as the struct is to 8
        number = int.from_bytes(header[position : position + 4], order)
        if signature == ord("u"):
            value: Any = number
            position += 4
        elif signature in _TEXTS:
            value = header[position + 4 : position + 4 + number].decode(errors="replace")
            position += 4 + number + 1
        elif signature == ord("g"):
            value = None
            position += header[position] + 2
        else:
            break
        if code in _FIELDS:
            found[_FIELDS[code]] = value
        position = _padded(position, 8)
    serial = int.from_bytes(header[8:12], order)
    return Oversized(header[1], header[2], serial, size, **found)


__all__ = ["MAX_MESSAGE", "Oversized", "Reader"]
