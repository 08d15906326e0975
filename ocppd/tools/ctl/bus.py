"""The bus, as ocppctl uses it: blocking calls, properties and signals, and values without types."""

import os
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from jeepney import (
    DBusAddress,
    DBusErrorResponse,
    HeaderFields,
    MatchRule,
    MessageFlag,
    MessageType,
    message_bus,
    new_method_call,
)
from jeepney.auth import AuthenticationError
from jeepney.io.blocking import DBusConnection, open_dbus_connection
from jeepney.low_level import Message

from ocppd.tools.ctl.errors import Exit, NoSuchMember, Problem

NAME = "org.everest.Ocpp"
STATION = "/org/everest/Ocpp"
EVSE_MANAGER = "org.everest.Ocpp.EvseManager"
PROPERTIES = "org.freedesktop.DBus.Properties"
_ERRORS = "org.everest.Ocpp.Error."
_ABSENT = (
    "org.freedesktop.DBus.Error.ServiceUnknown",
    "org.freedesktop.DBus.Error.NameHasNoOwner",
    "org.freedesktop.DBus.Error.Disconnected",
)
_NO_MEMBER = (
    "org.freedesktop.DBus.Error.UnknownMethod",
    "org.freedesktop.DBus.Error.UnknownInterface",
    "org.freedesktop.DBus.Error.UnknownObject",
    "org.freedesktop.DBus.Error.UnknownProperty",
    "org.freedesktop.DBus.Error.NotSupported",
)


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal that arrived, its arguments without types."""

    path: str
    interface: str
    member: str
    arguments: tuple[Any, ...]


class Bus:
    """A connection to the bus that ocppd is on."""

    def __init__(self, connection: DBusConnection, timeout_s: float) -> None:
        self._connection = connection
        self._timeout_s = timeout_s
        self._early: deque[Message] = deque()

    @classmethod
    def connect(cls, address: str | None, timeout_s: float) -> Self:
        """Connect to a bus, by default the system bus.

        Raises Problem.
        """
        where = address or os.environ.get("DBUS_SYSTEM_BUS_ADDRESS") or "the system bus"
        try:
            return cls(open_dbus_connection(address or "SYSTEM", auth_timeout=5.0), timeout_s)
        except AuthenticationError as error:
            text = f"the message bus at {where} refuses this user: {error}"
            raise Problem(text, Exit.DENIED) from error
        except (ValueError, StopIteration) as error:
            text = f"cannot reach the message bus at {where}: this is no address of a bus"
            raise Problem(text, Exit.ABSENT) from error
        except (OSError, RuntimeError, DBusErrorResponse) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            text = f"cannot reach the message bus at {where}: {reason}"
            raise Problem(text, Exit.ABSENT) from error

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def call(
        self,
        member: str,
        signature: str = "",
        *arguments: Any,
        interface: str = NAME,
        path: str = STATION,
    ) -> Any:
        """Call a method of ocppd and return its result, one value or None.

        Raises Problem.
        """
        address = DBusAddress(path, bus_name=NAME, interface=interface)
        message = new_method_call(address, member, signature or None, arguments)
        # To look at ocppd must not start it.
        message.header.flags |= MessageFlag.no_auto_start
        reply = self._exchange(message)
        if reply.header.message_type is MessageType.error:
            raise problem(reply, member)
        return plain(reply.body[0]) if reply.body else None

    def _exchange(self, message: Message) -> Message:
        """Send a call and return its reply; signals that come before it are kept."""
        deadline = time.monotonic() + self._timeout_s
        serial = next(self._connection.outgoing_serial)
        try:
            self._connection.send(message, serial=serial)
            while True:
                left = max(deadline - time.monotonic(), 0)
                found = self._connection.receive(timeout=left)
                if found.header.fields.get(HeaderFields.reply_serial) == serial:
                    return found
                self._early.append(found)
        except TimeoutError as error:
            text = f"ocppd did not answer within {self._timeout_s:g} s"
            raise Problem(text) from error
        except OSError as error:
            raise Problem(f"the message bus went away: {error.strerror}", Exit.ABSENT) from error

    def properties(self, interface: str = NAME, path: str = STATION) -> dict[str, Any]:
        """Return all properties of an interface.

        Raises Problem.
        """
        found = self.call("GetAll", "s", interface, interface=PROPERTIES, path=path)
        return dict(found)

    def objects(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Return the objects below the station: path to interface to properties.

        Raises Problem.
        """
        found = self.call("GetManagedObjects", interface="org.freedesktop.DBus.ObjectManager")
        return dict(found)

    def evses(self) -> list[dict[str, Any]]:
        """Return the EvseManager properties of each EVSE, ordered by its id.

        Raises Problem.
        """
        found = [
            interfaces[EVSE_MANAGER]
            for interfaces in self.objects().values()
            if EVSE_MANAGER in interfaces
        ]
        return sorted(found, key=lambda evse: int(evse.get("EvseId", 0)))

    def subscribe(self, **wanted: str) -> None:
        """Ask the bus for signals of ocppd, whoever is it then.

        Raises Problem.
        """
        self._add_match(MatchRule(type="signal", sender=NAME, **wanted))

    def subscribe_presence(self) -> None:
        """Ask the bus to tell when ocppd comes and goes.

        Raises Problem.
        """
        rule = MatchRule(type="signal", sender="org.freedesktop.DBus", member="NameOwnerChanged")
        rule.add_arg_condition(0, NAME)
        self._add_match(rule)

    def _add_match(self, rule: MatchRule) -> None:
        reply = self._exchange(message_bus.AddMatch(rule))
        if reply.header.message_type is MessageType.error:
            raise problem(reply, "AddMatch")

    def present(self) -> bool:
        """Say whether ocppd is on the bus.

        Raises Problem.
        """
        reply = self._exchange(message_bus.NameHasOwner(NAME))
        return reply.header.message_type is not MessageType.error and bool(reply.body[0])

    def signals(self, until: float | None = None) -> Iterator[Signal]:
        """Yield signals as they come, until a time of the monotonic clock.

        Raises Problem when the bus goes away.
        """
        while True:
            left = None if until is None else max(until - time.monotonic(), 0)
            try:
                early = self._early.popleft() if self._early else None
                message = early or self._connection.receive(timeout=left)
            except TimeoutError:
                return
            except OSError as error:
                text = f"the message bus went away: {error.strerror}"
                raise Problem(text, Exit.ABSENT) from error
            if message.header.message_type is MessageType.signal:
                fields = message.header.fields
                yield Signal(
                    fields.get(HeaderFields.path, ""),
                    fields.get(HeaderFields.interface, ""),
                    fields.get(HeaderFields.member, ""),
                    tuple(plain(value) for value in message.body),
                )


def problem(reply: Message, member: str) -> Problem:
    """Return an error reply as a sentence with its exit code."""
    name = str(reply.header.fields.get(HeaderFields.error_name, ""))
    text = str(reply.body[0]) if reply.body and isinstance(reply.body[0], str) else ""
    if name in _ABSENT or ".Spawn." in name or name.startswith("org.freedesktop.systemd1."):
        return Problem(f"ocppd is not running: nobody is {NAME} on this bus", Exit.ABSENT)
    if name.endswith(".AccessDenied"):
        detail = f" ({text})" if name.startswith(_ERRORS) and text else ""
        return Problem(
            f"access denied: this user may not use {member}{detail}; root may, and the groups "
            "ocpp-observe (to look), ocpp (to control) and ocpp-admin (credentials, network)",
            Exit.DENIED,
        )
    if name in _NO_MEMBER:
        return NoSuchMember(f"this ocppd does not have {member}: {text or name}")
    if name == _ERRORS + "InvalidArgument":
        return Problem(f"not accepted as input: {text}", Exit.WRONG)
    if name == "org.freedesktop.DBus.Error.NoReply":
        return Problem(f"ocppd went away before it answered {member}")
    short = name.removeprefix(_ERRORS).rpartition(".")[2] if name.startswith(_ERRORS) else name
    return Problem(f"{member} failed: {short}: {text}".rstrip(": "))


def plain(value: Any) -> Any:
    """Return a value from the bus without its types: variants are opened, at any depth."""
    if isinstance(value, tuple) and len(value) == 2 and _is_signature(value[0]):
        return plain(value[1])
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def _is_signature(text: Any) -> bool:
    """Tell a variant from a struct of two; ocppd has structs of a name and a path alone."""
    return isinstance(text, str) and text != "" and all(c in "ybnqiuxtdsogavh(){}" for c in text)
