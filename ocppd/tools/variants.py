"""Python values as D-Bus variants, as jeepney takes them: (signature, value)."""

from collections.abc import Mapping
from typing import Any


def variants(values: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """Return a dictionary as `a{sv}`; its values may be dictionaries, and lists of them.

    Raises:
        TypeError: a value has no D-Bus type that ocppd takes

    """
    return {key: _variant(value) for key, value in values.items()}


def _variant(value: Any) -> tuple[str, Any]:
    match value:
        case bool():
            return "b", value
        case int():
            return "i", value
        case float():
            return "d", value
        case str():
            return "s", value
        case dict():
            return "a{sv}", variants(value)
        case list():
            return "aa{sv}", [variants(item) for item in value]
        case _:
            raise TypeError(f"no D-Bus type for {type(value).__name__}")
