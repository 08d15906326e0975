"""A client of the daemon on the bus, independent of the library that the daemon uses.

Dictionaries go in and come out plain: `{"name": "x"}` for `a{sv}`, lists of them for `aa{sv}`.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from jeepney import (
    DBusAddress,
    HeaderFields,
    MatchRule,
    Message,
    MessageType,
    message_bus,
    new_method_call,
)
from jeepney.io.asyncio import DBusRouter, open_dbus_connection
from jeepney.wrappers import Properties

NAME = "org.everest.Ocpp"
STATION = "/org/everest/Ocpp"
OCPP = "org.everest.Ocpp"
EVSE_MANAGER = "org.everest.Ocpp.EvseManager"


def evse_path(evse_id: int) -> str:
    return f"{STATION}/Evse/{evse_id}"


class BusError(Exception):
    """An error reply: `name` is the whole D-Bus name, `text` its message."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text


@dataclass(frozen=True)
class Signal:
    path: str
    interface: str
    member: str
    body: tuple[Any, ...]

    @property
    def value(self) -> Any:
        """The only argument."""
        [value] = self.body
        return value


def variant(value: Any) -> tuple[str, Any]:
    """Return a plain value with its signature, as a variant."""
    if isinstance(value, bool):
        return "b", value
    if isinstance(value, int):
        return ("i", value) if -(2**31) <= value < 2**31 else ("x", value)
    if isinstance(value, float):
        return "d", value
    if isinstance(value, str):
        return "s", value
    if isinstance(value, dict):
        return "a{sv}", dictionary(value)
    if isinstance(value, list):
        if all(isinstance(item, str) for item in value) and value:
            return "as", value
        if all(isinstance(item, int) and not isinstance(item, bool) for item in value) and value:
            return "ai", value
        return "aa{sv}", [dictionary(item) for item in value]
    raise TypeError(f"no variant for {value!r}")


def dictionary(plain: dict[str, Any]) -> dict[str, tuple[str, Any]]:
    return {key: variant(value) for key, value in plain.items()}


def plain(signature: str, value: Any) -> Any:
    """Undo `variant` for a value of this signature."""
    if signature == "v":
        return plain(*value)
    if signature == "a{sv}":
        return {key: plain(*item) for key, item in value.items()}
    if signature.startswith("a{s("):
        return dict(value)
    if signature.startswith("aa{sv}"):
        return [plain("a{sv}", item) for item in value]
    if signature == "av":
        return [plain("v", item) for item in value]
    return value


def _arguments(signature: str) -> list[str]:
    """Split a signature into its complete types, as far as our interfaces go."""
    types, rest = [], signature
    while rest:
        size = next(
            len(known)
            for known in ("aa{sv}", "a{sv}", "a{s(so)}", "as", "av", rest[0])
            if rest.startswith(known)
        )
        types.append(rest[:size])
        rest = rest[size:]
    return types


def _wrapped(signature: str, value: Any) -> Any:
    if signature == "a{sv}":
        return dictionary(value)
    if signature == "aa{sv}":
        return [dictionary(item) for item in value]
    return variant(value) if signature == "v" else value


class Client:
    """`async with Client(address) as client:`; hears all signals of the daemon."""

    def __init__(self, address: str, name: str = NAME) -> None:
        self._address = address
        self._name = name
        self.signals: list[Signal] = []
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._connection = await open_dbus_connection(self._address)
        self._router = DBusRouter(self._connection)
        await self._router.__aenter__()
        rule = MatchRule(type="signal", sender=self._name)
        await self._router.send_and_get_reply(message_bus.AddMatch(rule))
        self._filter = self._router.filter(MatchRule(type="signal"), bufsize=100_000)
        self._queue = self._filter.__enter__()
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listening.cancel()
        with suppress(asyncio.CancelledError):
            await self._listening
        self._filter.__exit__(kind, error, traceback)
        with suppress(EOFError):  # the bus may be gone before us
            await self._router.__aexit__(kind, error, traceback)
        await self._connection.close()

    async def _listen(self) -> None:
        while True:
            message = await self._queue.get()
            fields = message.header.fields
            interface = fields[HeaderFields.interface]
            if interface == "org.freedesktop.DBus":
                continue
            body = tuple(
                plain(signature, value)
                for signature, value in zip(
                    _arguments(fields.get(HeaderFields.signature, "")), message.body, strict=True
                )
            )
            async with self._changed:
                self.signals.append(
                    Signal(fields[HeaderFields.path], interface, fields[HeaderFields.member], body)
                )
                self._changed.notify_all()

    async def call(
        self,
        member: str,
        signature: str = "",
        *arguments: Any,
        path: str = STATION,
        interface: str = OCPP,
        timeout_s: float = 30,
    ) -> Any:
        """Call a method and return its result: None, a value, or a tuple of them."""
        types = _arguments(signature)
        body = tuple(_wrapped(one, value) for one, value in zip(types, arguments, strict=True))
        address = DBusAddress(path, self._name, interface)
        message = new_method_call(address, member, signature or None, body)
        reply = await asyncio.wait_for(self._router.send_and_get_reply(message), timeout_s)
        return _result(reply)

    async def evse(self, evse_id: int, member: str, signature: str = "", *arguments: Any) -> Any:
        """Call a method of an EVSE's EvseManager."""
        return await self.call(
            member, signature, *arguments, path=evse_path(evse_id), interface=EVSE_MANAGER
        )

    async def get(self, name: str, *, path: str = STATION, interface: str = OCPP) -> Any:
        """Read a property."""
        address = DBusAddress(path, self._name, interface)
        reply = await asyncio.wait_for(
            self._router.send_and_get_reply(Properties(address).get(name)), 15
        )
        return _result(reply)

    def heard(self, member: str) -> list[Signal]:
        """All signals of one name so far."""
        return [signal for signal in self.signals if signal.member == member]

    async def wait_for(
        self,
        member: str,
        match: Callable[[Any], bool] = lambda _: True,
        *,
        since: int = 0,
        timeout_s: float = 30,
    ) -> Signal:
        """Return the first signal of this name whose arguments fit, heard or still to come."""
        position = since
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                while True:
                    for signal in self.signals[position:]:
                        argument = signal.body[0] if len(signal.body) == 1 else signal.body
                        if signal.member == member and match(argument):
                            return signal
                    position = len(self.signals)
                    await self._changed.wait()
        except TimeoutError:
            names = [signal.member for signal in self.signals[since:]]
            raise TimeoutError(f"no {member} within {timeout_s:g} s; heard: {names}") from None

    async def wait_until_owned(self, timeout_s: float = 60) -> None:
        """Wait until the daemon has its name."""
        async with asyncio.timeout(timeout_s):
            while not (
                await self._router.send_and_get_reply(message_bus.NameHasOwner(self._name))
            ).body[0]:
                await asyncio.sleep(0.02)


def _result(reply: Message) -> Any:
    fields = reply.header.fields
    if reply.header.message_type is MessageType.error:
        text = reply.body[0] if reply.body else ""
        raise BusError(fields[HeaderFields.error_name], text)
    values = [
        plain(signature, value)
        for signature, value in zip(
            _arguments(fields.get(HeaderFields.signature, "")), reply.body, strict=True
        )
    ]
    if not values:
        return None
    return values[0] if len(values) == 1 else tuple(values)
