"""One call to a running simulator, over a blocking connection: starts fast."""

from collections.abc import Iterator, Sequence
from typing import Any

from jeepney import (
    DBusAddress,
    HeaderFields,
    MatchRule,
    Message,
    MessageType,
    message_bus,
    new_method_call,
)
from jeepney.io.blocking import DBusConnection, open_dbus_connection

NAME = "org.everest.OcppSim"
_ADDRESS = DBusAddress("/org/everest/OcppSim", NAME, NAME)
_TIMEOUT_S = 100.0
_NOBODY = (
    "org.freedesktop.DBus.Error.ServiceUnknown",
    "org.freedesktop.DBus.Error.NameHasNoOwner",
)


class Failure(Exception):
    """The call failed; the text says why, for people."""


def plain(value: Any, signature: str) -> Any:
    """Return a value from the bus without signatures in it."""
    match signature:
        case "v":
            inner, contents = value
            return plain(contents, inner)
        case "a{sv}":
            return {key: plain(item, "v") for key, item in value.items()}
        case "aa{sv}" | "av":
            return [plain(item, signature[1:]) for item in value]
        case _:
            return value


class Client:
    """A connection to the bus of a running simulator."""

    def __init__(self, address: str | None) -> None:
        """Connect to a bus, by default the system bus; raises Failure."""
        try:
            self._connection: DBusConnection = open_dbus_connection(address or "SYSTEM")
        except (OSError, ValueError, RuntimeError) as error:
            raise Failure(
                f"there is no bus at {address or 'the system address'}: {error}"
            ) from error

    def call(self, member: str, signature: str = "", arguments: Sequence[Any] = ()) -> Any:
        """Call a method and return its result, or None; raises Failure."""
        message = new_method_call(_ADDRESS, member, signature or None, tuple(arguments))
        try:
            reply = self._connection.send_and_get_reply(message, timeout=_TIMEOUT_S)
        except (OSError, TimeoutError) as error:
            raise Failure(f"no answer: {error}") from error
        if reply.header.message_type is MessageType.error:
            raise Failure(_explained(reply))
        if not reply.body:
            return None
        return plain(reply.body[0], reply.header.fields[HeaderFields.signature])

    def happenings(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Return what happens from now on, until the simulator's bus ends."""
        rule = MatchRule(type="signal", sender=NAME, interface=NAME, member="Happened")
        self._connection.send_and_get_reply(message_bus.AddMatch(rule))
        with self._connection.filter(MatchRule(type="signal", interface=NAME)) as queue:
            while True:
                what, details = self._connection.recv_until_filtered(queue).body
                yield what, plain(details, "a{sv}")

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


def _explained(reply: Message) -> str:
    name = reply.header.fields[HeaderFields.error_name]
    text = str(reply.body[0]) if reply.body else ""
    if name in _NOBODY:
        return "no simulator runs on this bus; start one with: ocppd-sim run"
    if name == "org.freedesktop.DBus.Error.AccessDenied":
        return "the bus does not let you: the simulator is for root and the group ocpp"
    if name == "org.everest.Ocpp.Error.InvalidArgument":
        return text
    return f"{name.rpartition('.')[2]}: {text}"
