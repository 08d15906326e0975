"""Dates of before the clock was known: how they are told from others, and moved."""

from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

KNOWN_FROM = datetime(2026, 1, 1, tzinfo=UTC)
"""No clock that is right says less: this program is not older."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Redating:
    """What was queued up to an entry has dates that are wrong by so many seconds."""

    up_to: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Redatings:
    """All of them that still matter, in the order in which they became known."""

    items: tuple[Redating, ...] = ()


def is_unknown(moment: datetime) -> bool:
    """Tell whether a date was given by a clock that did not know the time."""
    return moment < KNOWN_FROM


def redated(value: T, by: timedelta) -> T:
    """Return a value with each date in it, that is of before the clock was known, moved.

    A date that cannot be moved so far, such as a year 1 that stands for "none", stays as it is.
    """
    moved: Any = _moved(value, by)
    result: T = moved
    return result


def _moved(value: Any, by: timedelta) -> Any:
    if isinstance(value, datetime):
        if not is_unknown(value):
            return value
        try:
            return value + by
        except OverflowError:
            return value
    if isinstance(value, tuple):
        items = tuple(_moved(item, by) for item in value)
        return items if items != value else value
    if is_dataclass(value) and not isinstance(value, type):
        changes = {}
        for field in fields(value):
            before = getattr(value, field.name)
            after = _moved(before, by)
            if after is not before:
                changes[field.name] = after
        return replace(value, **changes) if changes else value
    return value
