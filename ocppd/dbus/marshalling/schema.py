"""Strict reading of what callers send, by tables: required and optional keys, types, ranges.

A Reader takes the signature and the value of one thing and returns what the model makes of it,
or raises a Mistake. Readers are made once, when a module is imported, and combine.
"""

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from ocppd.dbus.binding import Variant
from ocppd.errors import InvalidArgument

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

Reader = Callable[[str, Any], T]

_INTEGERS = frozenset("ynqiuxt")
_DICT = "a{sv}"

_WORDS = {
    "s": "a string",
    "b": "a boolean",
    "d": "a number",
    "as": "an array of strings",
    _DICT: "a dictionary",
    "aa{sv}": "an array of dictionaries",
}


class Mistake(Exception):
    """What is wrong with an argument; the path grows from the inside out."""

    def __init__(self, text: str, *path: str) -> None:
        super().__init__(text)
        self.path = list(path)

    def told(self, argument: str) -> InvalidArgument:
        """Return the error for the caller: path and text."""
        return InvalidArgument(f"{argument}{''.join(reversed(self.path))}: {self}")


def wrong_type(expected: str, given: str) -> Mistake:
    """Return the mistake of a value that has the wrong signature."""
    return Mistake(f"must be {_WORDS.get(expected, expected)}, is {_WORDS.get(given, given)}")


def text(maximum: int, minimum: int = 0) -> Reader[str]:
    """Read a string of so many characters."""

    def read(signature: str, value: Any) -> str:
        if signature != "s":
            raise wrong_type("s", signature)
        if len(value) > maximum:
            raise Mistake(f"longer than {maximum} characters")
        if len(value) < minimum:
            raise Mistake("empty" if minimum == 1 else f"shorter than {minimum} characters")
        return str(value)

    return read


def integer(lowest: int = -(2**31), highest: int = 2**31 - 1) -> Reader[int]:
    """Read an integer of any width."""

    def read(signature: str, value: Any) -> int:
        if signature not in _INTEGERS:
            raise wrong_type("an integer", signature)
        if not lowest <= value <= highest:
            raise Mistake(f"{value} is not in {lowest} to {highest}")
        return int(value)

    return read


def number(lowest: float = -math.inf, highest: float = math.inf) -> Reader[float]:
    """Read a double, or an integer of any width; infinities and NaN are no numbers."""

    def read(signature: str, value: Any) -> float:
        if signature != "d" and signature not in _INTEGERS:
            raise wrong_type("d", signature)
        if not math.isfinite(value):
            raise Mistake("not a finite number")
        if not lowest <= value <= highest:
            raise Mistake(f"{value:g} is not in {lowest:g} to {highest:g}")
        return float(value)

    return read


def boolean(signature: str, value: Any) -> bool:
    """Read a boolean."""
    if signature != "b":
        raise wrong_type("b", signature)
    return bool(value)


def choice(kind: type[E]) -> Reader[E]:
    """Read a word of an enumeration, spelled exactly so."""
    words = {member.value: member for member in kind}

    def read(signature: str, value: Any) -> E:
        if signature != "s":
            raise wrong_type("s", signature)
        member = words.get(value)
        if member is None:
            raise Mistake(f"{shown(value)} is none of {', '.join(words)}")
        return member

    return read


def word(*words: str) -> Reader[str]:
    """Read one of a few words that have no enumeration in the model."""

    def read(signature: str, value: Any) -> str:
        if signature != "s":
            raise wrong_type("s", signature)
        if value not in words:
            raise Mistake(f"{shown(value)} is none of {', '.join(words)}")
        return str(value)

    return read


_RFC_3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_FRACTION = re.compile(r"(\.\d{6})\d+")
_EPOCH = datetime.fromtimestamp(0, UTC)


def moment(signature: str, value: Any) -> datetime:
    """Read a date-time of RFC 3339 from 1970 on; what is finer than microseconds is cut.

    No clock of a machine says less than 1970, however wrong it is: the year 1 of some libraries is
    a date that was never set.
    """
    if signature != "s":
        raise wrong_type("s", signature)
    if not _RFC_3339.fullmatch(value):
        raise Mistake(f"{shown(value)} is no date-time of RFC 3339")
    try:
        read = datetime.fromisoformat(_FRACTION.sub(r"\1", value.upper())).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Mistake(f"{shown(value)} is no date-time of RFC 3339") from None
    if read < _EPOCH:
        raise Mistake(f"{shown(value)} is before 1970")
    return read


def array(item: Reader[T], maximum: int, minimum: int = 0) -> Reader[tuple[T, ...]]:
    """Read an array, typed or of variants."""

    def read(signature: str, value: Any) -> tuple[T, ...]:
        if (
            not signature.startswith("a")
            or signature == _DICT
            or not isinstance(value, list | bytes)
        ):
            raise wrong_type("an array", signature)
        if len(value) > maximum:
            raise Mistake(f"more than {maximum} items")
        if len(value) < minimum:
            raise Mistake(f"fewer than {minimum} items")
        inner = signature[1:]
        items: Any = value
        result: list[T] = []
        try:
            for each in items:
                if inner == "v":
                    result.append(item(each.signature, each.value))
                else:
                    result.append(item(inner, each))
        except Mistake as mistake:
            mistake.path.append(f"[{len(result)}]")
            raise
        return tuple(result)

    return read


class Key:
    """One key of a dictionary: how to read it, and where it goes in the model."""

    __slots__ = ("attribute", "name", "reader", "required")

    def __init__(
        self,
        name: str,
        reader: Reader[Any],
        *,
        attribute: str | None = None,
        required: bool,
    ) -> None:
        self.name = name
        self.reader = reader
        self.attribute = attribute or name
        self.required = required


def required(name: str, reader: Reader[Any], attribute: str | None = None) -> Key:
    """Describe a key that must be there."""
    return Key(name, reader, attribute=attribute, required=True)


def optional(name: str, reader: Reader[Any], attribute: str | None = None) -> Key:
    """Describe a key that may be absent; the model's default stands then."""
    return Key(name, reader, attribute=attribute, required=False)


def dictionary(make: Callable[..., T], *keys: Key) -> Reader[T]:
    """Read a dictionary with these keys and no others."""
    table = {key.name: (key.attribute, key.reader) for key in keys}
    needed = {key.attribute: key.name for key in keys if key.required}

    def read(signature: str, value: Any) -> T:
        if signature != _DICT:
            raise wrong_type(_DICT, signature)
        arguments: dict[str, Any] = {}
        name = ""
        try:
            for name, variant in value.items():
                attribute, reader = table[name]
                arguments[attribute] = reader(variant.signature, variant.value)
        except Mistake as mistake:
            mistake.path.append(f".{name}")
            raise
        except KeyError:
            if name in table:
                raise
            raise Mistake("unknown key", f".{shown(name, quoted=False)}") from None
        for attribute, key in needed.items():
            if attribute not in arguments:
                raise Mistake("missing", f".{key}")
        return make(**arguments)

    return read


def shown(value: str, *, quoted: bool = True) -> str:
    """Return a caller's text as it may stand in an error: short and printable."""
    short = value if len(value) <= 50 else value[:47] + "…"
    printable = "".join(character if character.isprintable() else "?" for character in short)
    return f'"{printable}"' if quoted else printable


def argument(name: str, reader: Reader[T], signature: str, value: Any) -> T:
    """Read one argument of a method.

    Raises:
        InvalidArgument: with the path of the first mistake

    """
    try:
        return reader(signature, value)
    except Mistake as mistake:
        raise mistake.told(name) from None


def from_dict(name: str, reader: Reader[T], value: dict[str, Variant]) -> T:
    """Read an argument of type a{sv}; raises InvalidArgument."""
    return argument(name, reader, _DICT, value)


def from_dicts(
    name: str, reader: Reader[T], value: Sequence[dict[str, Variant]], maximum: int
) -> list[T]:
    """Read an argument of type aa{sv}; raises InvalidArgument."""
    if len(value) > maximum:
        raise InvalidArgument(f"{name}: more than {maximum} items")
    result: list[T] = []
    try:
        for item in value:
            result.append(reader(_DICT, item))  # noqa: PERF401 - its length tells which failed
    except Mistake as mistake:
        mistake.path.append(f"[{len(result)}]")
        raise mistake.told(name) from None
    return result
