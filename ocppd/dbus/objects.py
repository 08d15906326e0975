"""The exported objects: which interfaces are where, and who answers a call to them.

One dispatcher for dbus-fast and dbus-next: theirs differ in what they tell a caller of a failure,
in introspection, and in what they do with a getter that raises.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import Any, Protocol

from ocppd.dbus.access import Access, Callers
from ocppd.dbus.binding import (
    CURRENT,
    LIMITS_EXCEEDED,
    Bus,
    DBusError,
    Message,
    MessageFlag,
    MessageType,
    Variant,
)
from ocppd.dbus.exported import PROPERTIES, Interface, Method, Property
from ocppd.dbus.introspection import introspection
from ocppd.dbus.limits import Admission, Limits
from ocppd.errors import (
    AccessDenied,
    InvalidArgument,
    NotReady,
    NotSupported,
    OcppdError,
    StorageFailure,
    UnknownEvse,
    UnknownSession,
)

_LOG = logging.getLogger(__name__)

ERRORS = "org.everest.Ocpp.Error."
_DBUS_ERRORS = "org.freedesktop.DBus.Error."
_TOLD = (
    AccessDenied,
    InvalidArgument,
    NotReady,
    StorageFailure,
    UnknownEvse,
    UnknownSession,
)
_INTEGERS = frozenset("ynqiuxt")
_PEER = "org.freedesktop.DBus.Peer"
_STANDARD = frozenset(
    {
        PROPERTIES,
        "org.freedesktop.DBus.Introspectable",
        "org.freedesktop.DBus.ObjectManager",
        _PEER,
    }
)
_INT32 = range(-(2**31), 2**31)

# The connection over which the call came: on another bus the caller's name is somebody else's.
_ORIGIN: ContextVar[Bus] = ContextVar("origin")


class Durable(Protocol):
    """Waits until everything written so far is on disk; raises StorageFailure."""

    def __call__(self) -> Awaitable[None]:
        """Wait."""


class Later(Protocol):
    """What an exported method returns when something follows from its reply."""

    @property
    def result(self) -> Any:
        """The value to reply."""

    @property
    def then(self) -> Callable[[], None]:
        """What to do once the reply is out."""


async def _at_once() -> None:
    """Promise nothing."""


class _Refusal(Exception):
    """A call that is answered with an error of this name."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


def error_of(error: Exception, what: str) -> tuple[str, str]:
    """Return the name and text under which a caller is told of a failure; logs bugs."""
    match error:
        case _Refusal():
            return error.name, str(error)
        case DBusError():
            return error.type, str(error.text)
        case NotSupported():
            return _DBUS_ERRORS + "NotSupported", str(error)
        case OcppdError():
            # What went wrong with a third party (the CSMS, an agent) is for the caller a state.
            kind = type(error) if isinstance(error, _TOLD) else NotReady
            return ERRORS + kind.__name__, str(error)
        case _:
            _LOG.error("%s failed", what, exc_info=error)
            return ERRORS + "Internal", "internal error"


def _end(admission: Admission | None) -> None:
    if admission is not None:
        admission.end()


class Objects:
    """Interfaces by path, on a bus that may change: `attach` it to each new one.

    Without `callers` everybody may call everything that the bus lets through.
    """

    def __init__(self, callers: Callers | None = None, durable: Durable = _at_once) -> None:
        self._callers = callers
        self._durable = durable
        self._objects: dict[str, dict[str, Interface]] = {}
        self._bus: Bus | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._limits = Limits()
        # Calls that wait until the bus has said who their sender is, in order.
        # A name means somebody else on another bus.
        self._waiting: dict[tuple[Bus, str], deque[tuple[Message, Admission]]] = {}

    def export(self, path: str, *interfaces: Interface) -> None:
        """Export interfaces at a path."""
        here = self._objects.setdefault(path, {})
        for interface in interfaces:
            here[interface.NAME] = interface
            interface.appear(path, self)

    def attach(self, bus: Bus) -> None:
        """Answer calls that come over this bus, and send signals there."""
        self._bus = bus
        bus.add_handler(lambda message: self._handle(bus, message))

    def detach(self) -> None:
        """Be without a bus until the next `attach`."""
        self._bus = None
        self._limits.clear()
        for waiting in self._waiting.values():
            for _, admission in waiting:
                admission.end()
        self._waiting.clear()

    def left(self, sender: str) -> None:
        """Forget what a connection used that left the bus."""
        self._limits.left(sender)

    def send(self, message: Message) -> None:
        """Send a message, or drop it while there is no bus."""
        if self._bus is not None:
            self._bus.send(message)

    def _handle(self, bus: Bus, message: Message) -> bool:
        if message.message_type is not MessageType.METHOD_CALL:
            return False
        if message.interface == _PEER and message.member != "Ping":
            return False  # the library answers GetMachineId
        _ORIGIN.set(bus)
        if self._callers is None:
            self._serve(message, Access.SECURE, None)
            return True
        sender = str(message.sender)
        caller = self._callers.caller(sender)
        admission = self._limits.admit(sender, caller)
        if admission is None:
            self._reply_error(
                message, _Refusal(LIMITS_EXCEEDED, "too many calls: wait for answers, call less")
            )
        elif (waiting := self._waiting.get((bus, sender))) is not None:
            waiting.append((message, admission))
        elif caller is None:
            self._waiting[bus, sender] = deque([(message, admission)])
            self._start(self._ask_and_serve(self._callers, bus, sender))
        else:
            self._serve(message, caller.access, admission)
        return True

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask_and_serve(self, callers: Callers, bus: Bus, sender: str) -> None:
        """Serve the calls of a sender, in order, once it is known who it is."""
        access = await callers.of(sender)
        waiting = self._waiting.pop((bus, sender), deque())
        for message, admission in waiting:
            if bus is self._bus:
                self._serve(message, access, admission)
            else:  # whoever asked has lost us
                admission.end()

    def _serve(self, message: Message, access: Access, admission: Admission | None) -> None:
        try:
            interface, method = self._find(message)
            arguments = self._arguments(message, method) if method else []
            self._permit(message, method, access)
        except Exception as error:
            self._reply_error(message, error)
            _end(admission)
            return
        if interface is None or method is None:
            self._answer_standard(message)
            _end(admission)
            return
        token = CURRENT.set(message)
        try:
            if method.is_coroutine or method.durable:
                self._start(self._answer(message, interface, method, arguments, admission))
            else:
                self._answer_now(message, interface, method, arguments)
                _end(admission)
        finally:
            CURRENT.reset(token)

    def _find(self, message: Message) -> tuple[Interface | None, Method | None]:
        """Return what a call is for; no method if it is one of the standard interfaces'."""
        member = str(message.member)
        if message.interface in _STANDARD:
            return None, None
        here = self._objects.get(str(message.path))
        if here is None:
            raise _Refusal(_DBUS_ERRORS + "UnknownObject", f"no object {message.path}")
        if message.interface:
            interface = here.get(message.interface)
            if interface is None:
                raise _Refusal(
                    _DBUS_ERRORS + "UnknownInterface", f"no {message.interface} at {message.path}"
                )
            candidates = [interface]
        else:
            candidates = list(here.values())
        for each in candidates:
            if (method := each.METHODS.get(member)) is not None:
                return each, method
        raise _Refusal(_DBUS_ERRORS + "UnknownMethod", f"no method {member} at {message.path}")

    def _arguments(self, message: Message, method: Method) -> list[Any]:
        expected, given = method.in_signature, message.signature
        if expected == given:
            return list(message.body)
        fits = len(expected) == len(given) and all(
            want == have or (want == "i" and have in _INTEGERS)
            for want, have in zip(expected, given, strict=True)
        )
        if not fits:
            raise InvalidArgument(f'{method.name} takes "{expected}", not "{given}"')
        arguments = list(message.body)
        for (name, signature), value in zip(method.arguments, arguments, strict=True):
            if signature == "i" and value not in _INT32:
                raise InvalidArgument(f"{name}: out of range")
        return arguments

    def _permit(self, message: Message, method: Method | None, access: Access) -> None:
        wanted = Access.OBSERVE if method is None else method.access
        if access < wanted:
            raise AccessDenied(
                f"{message.member} is for callers of the class {wanted.name.lower()}"
            )

    def _answer_now(
        self, message: Message, interface: Interface, method: Method, arguments: list[Any]
    ) -> None:
        """Answer a call for which nothing has to be waited."""
        try:
            result = method.function(interface, *arguments)
            self._reply(message, method.out_signature, result)
        except Exception as error:
            self._reply_error(message, error)

    async def _answer(
        self,
        message: Message,
        interface: Interface,
        method: Method,
        arguments: list[Any],
        admission: Admission | None,
    ) -> None:
        then: Callable[[], None] | None = None
        try:
            result = method.function(interface, *arguments)
            if method.is_coroutine:
                result = await result
            if hasattr(result, "then"):
                then, result = result.then, result.result
            if method.durable:
                await self._durable()
            self._reply(message, method.out_signature, result)
        except Exception as error:
            self._reply_error(message, error)
        finally:
            _end(admission)
        if then is not None:
            # Also after a StorageFailure: what was decided is in force (design, section 4).
            try:
                then()
            except Exception:
                _LOG.exception("what follows from %s failed", method.name)

    def _reply(self, message: Message, signature: str, result: Any) -> None:
        if message.flags & MessageFlag.NO_REPLY_EXPECTED:
            return
        body = [] if not signature else [result]
        _ORIGIN.get().send(Message.new_method_return(message, signature, body))

    def _reply_error(self, message: Message, error: Exception) -> None:
        name, text = error_of(error, f"{message.interface}.{message.member}")
        if not message.flags & MessageFlag.NO_REPLY_EXPECTED:
            _ORIGIN.get().send(Message.new_error(message, name, text))

    # -- the standard interfaces ----------------------------------------------------------------

    def _answer_standard(self, message: Message) -> None:
        try:
            match (message.interface, message.member, message.signature):
                case ("org.freedesktop.DBus.Peer", "Ping", ""):
                    self._reply(message, "", None)
                case ("org.freedesktop.DBus.Introspectable", "Introspect", ""):
                    self._reply(message, "s", self._introspect(str(message.path)))
                case ("org.freedesktop.DBus.ObjectManager", "GetManagedObjects", ""):
                    self._reply(message, "a{oa{sa{sv}}}", self._managed(str(message.path)))
                case (_, "Get", "ss"):
                    interface, each = self._property(message)
                    value = each.function(interface)
                    self._reply(message, "v", Variant(each.signature, value))
                case (_, "GetAll", "s"):
                    self._reply(message, "a{sv}", self._all(message))
                case (_, "Set", "ssv"):
                    self._property(message)
                    raise _Refusal(_DBUS_ERRORS + "PropertyReadOnly", "read only")
                case _:
                    raise _Refusal(_DBUS_ERRORS + "UnknownMethod", f"no method {message.member}")
        except Exception as error:
            self._reply_error(message, error)

    def _interface(self, message: Message) -> Interface:
        here = self._objects.get(str(message.path))
        if here is None:
            raise _Refusal(_DBUS_ERRORS + "UnknownObject", f"no object {message.path}")
        interface = here.get(message.body[0])
        if interface is None:
            raise _Refusal(
                _DBUS_ERRORS + "UnknownInterface", f"no {message.body[0]} at {message.path}"
            )
        return interface

    def _property(self, message: Message) -> tuple[Interface, Property]:
        interface = self._interface(message)
        each = interface.PROPERTIES.get(message.body[1])
        if each is None:
            raise _Refusal(_DBUS_ERRORS + "UnknownProperty", f"no property {message.body[1]}")
        return interface, each

    def _all(self, message: Message) -> dict[str, Variant]:
        if message.body[0] in _STANDARD and str(message.path) in self._objects:
            return {}
        return self._values(self._interface(message))

    def _values(self, interface: Interface) -> dict[str, Variant]:
        """Return all properties; one that cannot be read does not hide the others."""
        values = {}
        for name, each in interface.PROPERTIES.items():
            try:
                values[name] = Variant(each.signature, each.function(interface))
            except Exception:
                _LOG.exception("property %s.%s failed", interface.NAME, name)
        return values

    def _managed(self, path: str) -> dict[str, dict[str, dict[str, Variant]]]:
        below = path.rstrip("/") + "/"
        return {
            each: {name: self._values(interface) for name, interface in here.items()}
            for each, here in self._objects.items()
            if each.startswith(below)
        }

    def _introspect(self, path: str) -> str:
        here = self._objects.get(path)
        below = path.rstrip("/") + "/"
        children = {
            each.removeprefix(below).split("/", 1)[0]
            for each in self._objects
            if each.startswith(below)
        }
        if here is None and not children:
            raise _Refusal(_DBUS_ERRORS + "UnknownObject", f"no object {path}")
        return introspection([type(each) for each in (here or {}).values()], sorted(children))
