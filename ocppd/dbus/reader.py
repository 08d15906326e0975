"""What comes in from the bus: bounded, a few messages at a time, and of trusted senders first.

The readers of dbus-next and dbus-fast take up to 128 MiB into memory before anybody can look at a
message, serve as many as have come before anything else has its turn, and end the connection over
one that they do not understand. This one stands in for either.

The bus hands on everybody's messages in one line. Whoever floods it would make the host wait for
its turn, so the line is read ahead: messages of senders that are not trusted, or not known yet,
are put into a second line of limited length, which is served a little in each round.
"""

import logging
import socket
from asyncio import AbstractEventLoop
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

_LOG = logging.getLogger(__name__)

# Every message of more bytes is thrown away while it arrives. The largest call that means something
# is SetVariables with 1,000 values of 2,500 characters.
MAX_MESSAGE = 4 * 1024 * 1024
# After so many messages, timers, the disk and the CSMS have their turn.
_BATCH = 32
_CHUNK = 64 * 1024
# So many bytes may wait in the second line, of which so many messages are served in each round.
_MOST_WAITING = 2 * 1024 * 1024
_SECOND_BATCH = 8
# Senders that are not known yet, of which one message each was served at once.
_MOST_STRANGERS = 4096
_ANSWERS = (2, 3)
_OF_THE_BUS = b"org.freedesktop.DBus"
# How the header's field of the sender begins, at a multiple of 8: code 7, a variant of type "s".
_SENDER = b"\x07\x01s\x00"
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
    `trusted` tells whether a sender's messages come first, None while that is not known. Messages
    of one sender keep their order.
    """

    def __init__(
        self,
        sock: socket.socket,
        loop: AbstractEventLoop,
        *,
        take: Callable[[bytes], None],
        refuse: Callable[[Oversized], None],
        lost: Callable[[Exception], None],
        trusted: Callable[[str], bool | None] = lambda sender: True,
    ) -> None:
        self._socket = sock
        self._loop = loop
        self._take = take
        self._refuse = refuse
        self._lost = lost
        self._trusted = trusted
        self._buffer = bytearray()
        self._skip = 0
        self._behind = False
        self._second: deque[tuple[bytes, bytes]] = deque()
        self._waiting = 0
        self._waiting_of: Counter[bytes] = Counter()
        self._strangers: set[bytes] = set()
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
        self._second.clear()

    def _read(self) -> None:
        if self._behind or self._ended:
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
        self._behind = self._hand_on_first()
        self._hand_on_second()
        if self._behind or self._second:
            self._go_on()

    def _hand_on_first(self) -> bool:
        """Go through what has come; True if there is more than may be served at once."""
        buffer = self._buffer
        position = taken = 0
        behind = False
        while not self._held and not self._ended and len(buffer) - position >= _FIXED:
            if taken == _BATCH:
                behind = True
                break
            size, header = self._sizes(position)
            if size > MAX_MESSAGE:
                if not self._drop(position, size, header):
                    break
                position += min(size, len(buffer) - position)
                taken += 1
                continue
            if len(buffer) - position < size:
                break
            message = bytes(memoryview(buffer)[position : position + size])
            sender = _sender_of(message, header)
            if self._comes_first(message, sender):
                taken += 1
                position += size
                self._hand(message)
            elif self._second and self._waiting + size > _MOST_WAITING:
                behind = True
                break
            else:
                position += size
                self._second.append((message, sender))
                self._waiting += size
                self._waiting_of[sender] += 1
        if not self._ended:
            del buffer[:position]
        return behind

    def _comes_first(self, message: bytes, sender: bytes) -> bool:
        if message[1] in _ANSWERS:
            return True
        if sender == _OF_THE_BUS:  # what it says of a sender comes after what that one said
            return not self._second
        if sender in self._waiting_of:
            return False
        trusted = self._trusted(sender.decode(errors="replace"))
        if trusted is not None:
            return trusted
        if sender in self._strangers:
            return False
        # The first message makes the daemon ask who it is.
        if len(self._strangers) >= _MOST_STRANGERS:
            self._strangers.clear()
        self._strangers.add(sender)
        return True

    def _hand_on_second(self) -> None:
        for _ in range(_SECOND_BATCH):
            if not self._second or self._held or self._ended:
                return
            message, sender = self._second.popleft()
            self._waiting -= len(message)
            self._waiting_of[sender] -= 1
            if not self._waiting_of[sender]:
                del self._waiting_of[sender]
            self._hand(message)

    def _hand(self, message: bytes) -> None:
        try:
            self._take(message)
        except Exception:
            _LOG.exception("a message from the bus was not understood")

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


def _sender_of(message: bytes, header: int) -> bytes:
    """Return the sender of a message, as the bus has put it there; empty if there is none."""
    at = message.find(_SENDER, _FIXED, header)
    while at % 8 and at >= 0:
        at = message.find(_SENDER, at + 1, header)
    if at < 0:
        return b""
    length = int.from_bytes(message[at + 4 : at + 8], _order(message))
    return message[at + 8 : at + 8 + length]


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
