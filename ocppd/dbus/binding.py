"""The D-Bus library: dbus-fast where it is installed, else dbus-next.

Nothing else imports either. OCPPD_DBUS_LIBRARY ("dbus-fast" or "dbus-next") decides otherwise.
"""

import asyncio
import contextlib
import io
import os
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Self

from ocppd.dbus.reader import MAX_MESSAGE, Oversized, Reader
from ocppd.dbus.writer import Writer

LIBRARY = os.environ.get("OCPPD_DBUS_LIBRARY") or (
    "dbus-fast" if find_spec("dbus_fast") else "dbus-next"
)

if TYPE_CHECKING or LIBRARY == "dbus-fast":
    from dbus_fast import BusType, DBusError, Message, MessageFlag, MessageType, Variant
    from dbus_fast._private.unmarshaller import Unmarshaller
    from dbus_fast.aio import MessageBus
else:
    from dbus_next import BusType, DBusError, Message, MessageFlag, MessageType, Variant
    from dbus_next._private.unmarshaller import Unmarshaller
    from dbus_next.aio import MessageBus

__all__ = ["LIBRARY", "Bus", "DBusError", "Message", "MessageFlag", "MessageType", "Variant"]

DAEMON = "org.freedesktop.DBus"
DAEMON_PATH = "/org/freedesktop/DBus"

CURRENT: ContextVar[Message] = ContextVar("current message")
"""The method call that is being served."""


def _checks_text() -> bool:
    """Tell whether the library looks at every text while it marshals, and says so.

    A recent dbus-fast does. dbus-next and what Debian 13 has of dbus-fast send a NUL, upon which
    the message bus ends the connection.
    """
    message = Message(path="/", interface="a.b", member="C", signature="s", body=["\0"])
    try:
        message._marshall(False)
    except Exception:
        return True
    return False


_CHECKS_TEXT = _checks_text()

LIMITS_EXCEEDED = "org.freedesktop.DBus.Error.LimitsExceeded"
NAME_IN_USE = 3  # reply of RequestName with DO_NOT_QUEUE
DO_NOT_QUEUE = 4


def clean_text(text: str) -> str:
    """Return a text without what D-Bus cannot carry: NUL and lone surrogates."""
    if "\0" in text:
        text = text.replace("\0", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="ignore").decode()
    return text


def _clean(value: Any) -> Any:
    """Return a value of a body with every text in it cleaned, or the value itself."""
    match value:
        case str():
            return clean_text(value)
        case Variant():
            inner = _clean(value.value)
            return value if inner is value.value else Variant(value.signature, inner)
        case dict():
            return {_clean(key): _clean(item) for key, item in value.items()}
        case list():
            return [_clean(item) for item in value]
        case tuple():
            return tuple(_clean(item) for item in value)
        case _:
            return value


class _Loop:
    """The event loop, as the library sees it: what it adds to read the bus is our reader."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: "_Connection",
        trusted: Callable[[str], bool | None],
    ) -> None:
        self._loop = loop
        self._connection = connection
        self._trusted = trusted
        self.reader: Reader | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def add_reader(self, _fd: int, _reader: Callable[..., object], *_arguments: Any) -> None:
        """Read with limits, whatever the library has for it."""
        connection = self._connection
        assert connection._sock is not None
        self.reader = Reader(
            connection._sock,
            self._loop,
            take=connection.take,
            refuse=connection.refuse,
            lost=connection._finalize,
            trusted=self._trusted,
        )
        self.reader.start()

    def remove_reader(self, fd: int) -> bool:
        """Read nothing more."""
        if self.reader is not None:
            self.reader.end()
        return self._loop.remove_reader(fd)


class _Connection(MessageBus):
    """The library's connection, with the things mended that lose it or have no limits."""

    __slots__ = ()

    def take(self, data: bytes) -> None:
        """Process a message that has come."""
        stream: Any = io.BytesIO(data)
        message = Unmarshaller(stream).unmarshall()
        if message is not None:
            self._process_message(message)

    def refuse(self, oversized: Oversized) -> None:
        """Answer a call that is too large, or take an answer that is for a failure."""
        text = f"{oversized.size} bytes; at most {MAX_MESSAGE} are read"
        match MessageType(oversized.message_type):
            case MessageType.METHOD_CALL:
                if oversized.flags & MessageFlag.NO_REPLY_EXPECTED.value:
                    return
                self.send(
                    Message(
                        message_type=MessageType.ERROR,
                        destination=oversized.sender,
                        reply_serial=oversized.serial,
                        error_name=LIMITS_EXCEEDED,
                        signature="s",
                        body=[text],
                    )
                )
            case MessageType.METHOD_RETURN | MessageType.ERROR:
                self._process_message(
                    Message(
                        message_type=MessageType.ERROR,
                        sender=oversized.sender,
                        reply_serial=oversized.reply_serial,
                        error_name=LIMITS_EXCEEDED,
                        signature="s",
                        body=[text],
                    )
                )
            case _:
                pass

    def marshalled(self, message: Message) -> bytes | bytearray:
        """Return the bytes of a message; text that cannot go out is left out of it."""
        marshal: Callable[[bool], bytes | bytearray] = message._marshall
        if not _CHECKS_TEXT:
            message.body = _clean(message.body)
            return marshal(False)
        try:
            return marshal(False)
        except Exception:
            message.body = _clean(message.body)
            return marshal(False)


class Bus:
    """One connection to a message bus; once lost it stays so, make another."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._lost: asyncio.Future[None] = asyncio.ensure_future(self._wait())

    @classmethod
    async def connect(
        cls,
        address: str | None = None,
        trusted: Callable[[str], bool | None] = lambda sender: True,
    ) -> Self:
        """Connect to a bus, by default the system bus.

        Messages of senders that are `trusted` (None: not known yet) are served before others'.

        Raises:
            OSError: nobody listens there
            Exception: what the library makes of a refused authentication

        """
        connection = _Connection(bus_address=address, bus_type=BusType.SYSTEM)
        loop = _Loop(asyncio.get_running_loop(), connection, trusted)
        connection._loop = loop  # type: ignore[assignment]
        try:
            await connection.connect()
        except BaseException:
            connection.disconnect()
            raise
        reader = loop.reader
        assert reader is not None
        connection._writer = Writer(  # type: ignore[assignment]
            connection, asyncio.get_running_loop(), hold=reader.hold
        )
        return cls(connection)

    async def _wait(self) -> None:
        with contextlib.suppress(Exception):  # whatever it was, the connection is gone
            await self._connection.wait_for_disconnect()

    @property
    def unique_name(self) -> str:
        """Our own name, such as ":1.7"."""
        return self._connection.unique_name or ""

    @property
    def connected(self) -> bool:
        """Whether messages can be sent."""
        return not self._lost.done() and self._connection.connected

    async def wait_until_lost(self) -> None:
        """Return when the connection has ended, by whomever."""
        await asyncio.shield(self._lost)

    def close(self) -> None:
        """End the connection; what is queued may not get out."""
        self._connection.disconnect()

    def send(self, message: Message) -> None:
        """Send a message; it is dropped if the connection is lost.

        Raises:
            Exception: the body does not fit the signature

        """
        if self.connected:
            self._connection.send(message)

    def add_handler(self, handler: Callable[[Message], bool | None]) -> None:
        """Have every incoming message shown to a function, which returns True if it took it."""
        self._connection.add_message_handler(handler)

    async def call(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: Sequence[Any] = (),
        *,
        timeout_s: float = 25.0,
    ) -> list[Any]:
        """Call a method and return the body of its reply.

        Raises:
            DBusError: the error reply
            TimeoutError: no reply in time
            ConnectionError: the bus is lost

        """
        message = Message(
            destination=destination,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(body),
        )
        if not self.connected:
            raise ConnectionError("no connection to the bus")
        reply = asyncio.ensure_future(self._connection.call(message))
        try:
            await asyncio.wait(
                (reply, self._lost), timeout=timeout_s, return_when="FIRST_COMPLETED"
            )
        except asyncio.CancelledError:
            reply.cancel()  # or its failure is never looked at
            raise
        if not reply.done():
            reply.cancel()
            if self._lost.done():
                raise ConnectionError("the connection to the bus was lost")
            raise TimeoutError(f"{member} of {destination} did not answer in {timeout_s:g} s")
        try:
            answer = reply.result()
        except (OSError, EOFError) as error:
            raise ConnectionError("the connection to the bus was lost") from error
        if answer is None:
            raise ConnectionError("the connection to the bus was lost")
        if answer.message_type is MessageType.ERROR:
            text = answer.body[0] if answer.body and isinstance(answer.body[0], str) else ""
            raise DBusError(answer.error_name or "org.freedesktop.DBus.Error.Failed", text, answer)
        return list(answer.body)

    async def daemon(self, member: str, signature: str = "", *body: Any) -> list[Any]:
        """Call a method of the message bus itself."""
        return await self.call(DAEMON, DAEMON_PATH, DAEMON, member, signature, body)

    async def request_name(self, name: str) -> bool:
        """Own a name; False if somebody else has it."""
        [code] = await self.daemon("RequestName", "su", name, DO_NOT_QUEUE)
        return bool(code != NAME_IN_USE)

    async def match(self, rule: str) -> None:
        """Receive the broadcasts that a match rule names."""
        await self.daemon("AddMatch", "s", rule)
