"""Dataclasses to and from JSON text.

Members at their default are left out, unknown ones are ignored: an older program reads what a
newer one wrote.
"""

import json
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

D = TypeVar("D")
Convert = Callable[[Any], Any]


def encode(document: object) -> str:
    """Return a dataclass as JSON text; enumerations by value, times in ISO 8601."""
    return json.dumps(_plain(document), separators=(",", ":"))


def decode(kind: type[D], text: str) -> D:
    """Return the dataclass that `encode` wrote.

    Raises:
        ValueError, TypeError, KeyError: the text is something else

    """
    read: Convert = _reader(kind)  # type: ignore[arg-type]
    document: D = read(json.loads(text))
    return document


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple | list | frozenset | set):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    plain = {}
    for name, default in _defaults(type(value)):  # type: ignore[arg-type]
        member = getattr(value, name)
        if default is MISSING or member != default:
            plain[name] = _plain(member)
    return plain


@cache
def _defaults(kind: type) -> list[tuple[str, Any]]:
    """Return the fields of a dataclass with the defaults that need not be written."""
    return [
        (field.name, field.default_factory() if field.default is MISSING else field.default)
        if field.default_factory is not MISSING
        else (field.name, field.default)
        for field in fields(kind)
    ]


@cache
def _reader(hint: Any) -> Convert:
    """Return a function that makes a value of this type from plain JSON."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        members = [member for member in get_args(hint) if member is not NoneType]
        read = _reader(members[0]) if len(members) == 1 else _as_it_is
        return lambda plain: None if plain is None else read(plain)
    if origin in (tuple, list, frozenset, set):
        read_item = _reader(get_args(hint)[0])
        return lambda plain: origin(read_item(item) for item in plain)
    if origin is dict:
        read_key, read_item = (_reader(member) for member in get_args(hint))
        return lambda plain: {read_key(key): read_item(item) for key, item in plain.items()}
    if hint is datetime:
        return datetime.fromisoformat
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    if isinstance(hint, type) and is_dataclass(hint):
        return _dataclass_reader(hint)
    return hint if hint in (str, int, float, bool) else _as_it_is


def _dataclass_reader(kind: type) -> Convert:
    hints = get_type_hints(kind)
    readers = {field.name: _reader(hints[field.name]) for field in fields(kind)}

    def read(plain: dict[str, Any]) -> Any:
        return kind(
            **{name: readers[name](value) for name, value in plain.items() if name in readers}
        )

    return read


def _as_it_is(plain: Any) -> Any:
    return plain
