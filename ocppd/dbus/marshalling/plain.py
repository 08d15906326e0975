"""Values of Python to and from variants, without a schema: for clients, and for what goes out."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ocppd.dbus.binding import Variant


def rfc3339(moment: datetime) -> str:
    """Return a date-time as it goes over the bus: UTC, milliseconds, "Z"."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def variant(value: Any) -> Variant:
    """Return a value as a variant: a dict as a{sv}, a list by its first item, an integer as i.

    Raises:
        TypeError: a value that the interfaces have no type for

    """
    match value:
        case Variant():
            return value
        case bool():
            return Variant("b", value)
        case int():
            return Variant("i" if -(2**31) <= value < 2**31 else "x", value)
        case float():
            return Variant("d", value)
        case str():
            return Variant("s", str(value))
        case datetime():
            return Variant("s", rfc3339(value))
        case Mapping():
            return Variant("a{sv}", variants(value))
        case list() | tuple():
            return _array(value)
        case _:
            raise TypeError(f"no D-Bus type for {type(value).__name__}")


def _array(items: Sequence[Any]) -> Variant:
    match items:
        case []:
            return Variant("as", [])
        case [str(), *_]:
            return Variant("as", [str(item) for item in items])
        case [bool(), *_]:
            return Variant("ab", list(items))
        case [int(), *_]:
            return Variant("ai", list(items))
        case [float(), *_]:
            return Variant("ad", list(items))
        case [Mapping(), *_]:
            return Variant("aa{sv}", [variants(item) for item in items])
        case _:
            return Variant("av", [variant(item) for item in items])


def variants(values: Mapping[str, Any]) -> dict[str, Variant]:
    """Return a dict as a{sv}; keys whose value is None are left out."""
    return {key: variant(value) for key, value in values.items() if value is not None}


def plain(value: Any) -> Any:
    """Return a value from the bus without any variant in it."""
    match value:
        case Variant():
            return plain(value.value)
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case tuple():
            return [plain(item) for item in value]
        case _:
            return value
