"""Methods, properties and signals of an interface, as Python classes declare them."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar, overload

from ocppd.dbus.access import Access
from ocppd.dbus.binding import Message, Variant

F = TypeVar("F", bound=Callable[..., Any])
PROPERTIES = "org.freedesktop.DBus.Properties"


@dataclass(frozen=True, slots=True)
class Method:
    """A method on the bus; `durable`: the reply waits until what it caused is on disk."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[tuple[str, str], ...]
    out_signature: str
    access: Access
    durable: bool
    is_coroutine: bool

    @property
    def in_signature(self) -> str:
        """The signature of all arguments together."""
        return "".join(signature for _, signature in self.arguments)


@overload
def exported(function: F) -> F: ...


@overload
def exported(*, access: Access = ..., durable: bool = ...) -> Callable[[F], F]: ...


def exported(
    function: F | None = None, *, access: Access = Access.CONTROL, durable: bool = True
) -> F | Callable[[F], F]:
    """Export a function or coroutine as a D-Bus method that fails by name, never by traceback.

    Its annotations are signatures (`ocppd.dbus.signatures`). It returns the value to reply, or an
    Answer, whose `then` runs after the reply. An OcppdError becomes `org.everest.Ocpp.Error.` and
    its class, NotSupported `org.freedesktop.DBus.Error.NotSupported`; anything else is logged and
    becomes Internal. Without `durable` the reply does not wait for the disk: for what only reads.
    """

    def decorate(function: F) -> F:
        parameters = list(inspect.signature(function).parameters.values())[1:]
        returned = inspect.signature(function).return_annotation
        method = Method(
            name=function.__name__,
            function=function,
            arguments=tuple((parameter.name, parameter.annotation) for parameter in parameters),
            out_signature=returned if isinstance(returned, str) else "",
            access=access,
            durable=durable,
            is_coroutine=inspect.iscoroutinefunction(function),
        )
        function.__exported__ = method  # type: ignore[attr-defined]
        return function

    return decorate if function is None else decorate(function)


@dataclass(frozen=True, slots=True)
class Property:
    """A property on the bus, read only; `emits` is its EmitsChangedSignal."""

    name: str
    function: Callable[..., Any]
    signature: str
    emits: str


def readable(function: F | None = None, *, emits: str = "true") -> Any:
    """Export a method without arguments as a property, by its return annotation."""

    def decorate(function: F) -> F:
        signature: Any = inspect.signature(function).return_annotation
        function.__exported__ = Property(  # type: ignore[attr-defined]
            function.__name__, function, signature, emits
        )
        return function

    return decorate if function is None else decorate(function)


class Signal:
    """A signal on the bus: called on an instance, it is sent with these arguments.

    `name` is for one that is named as another member is.
    """

    def __init__(self, signature: str, name: str | None = None) -> None:
        self.signature = signature
        self.name = name or ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = self.name or name

    def __get__(self, instance: "Interface", owner: type) -> Callable[..., None]:
        def send(*arguments: Any) -> None:
            instance.send(instance.NAME, self.name, self.signature, list(arguments))

        return send


class Sender(Protocol):
    """Where the messages of an interface go out."""

    def send(self, message: Message) -> None:
        """Send a message, or drop it while there is no bus."""


class Interface:
    """Base of every interface that is exported: NAME, and members by the decorators above."""

    NAME: ClassVar[str]
    METHODS: ClassVar[dict[str, Method]] = {}
    PROPERTIES: ClassVar[dict[str, Property]] = {}
    SIGNALS: ClassVar[dict[str, Signal]] = {}

    def __init_subclass__(cls) -> None:
        """Collect the members that the class declares."""
        members = [member for base in reversed(cls.__mro__) for member in vars(base).values()]
        marks = [getattr(member, "__exported__", None) for member in members]
        cls.METHODS = {mark.name: mark for mark in marks if isinstance(mark, Method)}
        cls.PROPERTIES = {mark.name: mark for mark in marks if isinstance(mark, Property)}
        cls.SIGNALS = {member.name: member for member in members if isinstance(member, Signal)}

    def __init__(self) -> None:
        self.path = ""
        self._sender: Sender | None = None
        self._told: dict[str, Any] = {}

    def appear(self, path: str, sender: Sender) -> None:
        """Be exported at a path; what the properties are now is taken as known there."""
        self.path = path
        self._sender = sender
        self._told = {name: each.function(self) for name, each in self.PROPERTIES.items()}

    def send(self, interface: str, member: str, signature: str, body: list[Any]) -> None:
        """Send a signal of this object; nothing happens before it is exported."""
        if self._sender is not None:
            self._sender.send(
                Message.new_signal(
                    path=self.path,
                    interface=interface,
                    member=member,
                    signature=signature,
                    body=body,
                )
            )

    def changed(self, *names: str) -> None:
        """Tell the values of these properties, whether or not they differ from before."""
        values = {}
        for name in names:
            each = self.PROPERTIES[name]
            value = self._told[name] = each.function(self)
            values[name] = Variant(each.signature, value)
        self.send(PROPERTIES, "PropertiesChanged", "sa{sv}as", [self.NAME, values, []])

    def refresh(self) -> None:
        """Tell the values of those properties that differ from what was told last."""
        names = [
            name
            for name, each in self.PROPERTIES.items()
            if each.emits == "true" and each.function(self) != self._told.get(name)
        ]
        if names:
            self.changed(*names)
