"""Values of variables as OCPP writes them, and whether one fits its variable (B05.FR.07, FR.08)."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from math import isfinite

from ocppd.model.variables import Characteristics, DataType, StatusInfo

Value = str | bool | int | float | datetime | Iterable[str] | None
"""What the code may set a variable to; None is no value."""

_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    r"(?:[Zz]|[-+][0-9]{2}:[0-9]{2})"
)
_LONGEST_NUMBER = 40
# OCPP's integers have 32 bits (2.1 part 2, 2.1.4).
_LEAST_INTEGER, _MOST_INTEGER = -(2**31), 2**31 - 1


def spell(value: Value) -> str | None:
    """Return a value as OCPP writes it."""
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _spell_number(value)
        case datetime():
            moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
            return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
        case _:
            return ",".join(value)


def _spell_number(value: float) -> str:
    """Write a number without exponent and without needless zeros; what is not finite is nothing."""
    if not isfinite(value):
        return ""
    if float(value).is_integer():
        return str(int(value))
    text = f"{value:.6f}".rstrip("0")
    return "0" if text in ("0.", "-0.") else text


def members_of(text: str) -> tuple[str, ...]:
    """Return the elements of a SequenceList or MemberList."""
    if "," not in text:
        text = text.strip()
        return (text,) if text else ()
    return tuple(part for part in (part.strip() for part in text.split(",")) if part)


def moment_of(text: str) -> datetime | None:
    """Return the moment of an RFC 3339 text in UTC; None if it is none."""
    if not _DATE_TIME.fullmatch(text):
        return None
    text = text.upper()
    leap_second = text[17:19] == "60"
    try:
        moment = datetime.fromisoformat(text[:17] + "59" + text[19:] if leap_second else text)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def complaint(
    value: str, characteristics: Characteristics, *, zero_allowed: bool = False
) -> StatusInfo | None:
    """Say why a value does not fit a variable; None if it does."""
    match characteristics.data_type:
        case DataType.BOOLEAN:
            if value not in ("true", "false"):
                return _invalid("is not true or false")
        case DataType.INTEGER | DataType.DECIMAL:
            return _complaint_about_number(value, characteristics, zero_allowed=zero_allowed)
        case DataType.DATE_TIME:
            # An empty text withdraws a date, such as the one of the next change to summer time.
            if value and moment_of(value) is None:
                return _invalid("is not a date and time of RFC 3339")
        case DataType.OPTION_LIST:
            if characteristics.values_list and value not in characteristics.values_list:
                return _invalid("is not one of " + ",".join(characteristics.values_list))
            return _complaint_about_length(value, characteristics)
        case DataType.SEQUENCE_LIST | DataType.MEMBER_LIST:
            return _complaint_about_members(value, characteristics)
        case _:
            return _complaint_about_length(value, characteristics)
    return None


def _complaint_about_number(
    text: str, characteristics: Characteristics, *, zero_allowed: bool
) -> StatusInfo | None:
    integer = characteristics.data_type is DataType.INTEGER
    pattern = _INTEGER if integer else _DECIMAL
    if len(text) > _LONGEST_NUMBER or not pattern.fullmatch(text) or not isfinite(float(text)):
        return _invalid("is not an integer" if integer else "is not a decimal number")
    number = int(text) if integer else float(text)
    if zero_allowed and number == 0:
        return None
    low, high = characteristics.min_limit, characteristics.max_limit
    if integer:
        low = _LEAST_INTEGER if low is None else max(low, _LEAST_INTEGER)
        high = _MOST_INTEGER if high is None else min(high, _MOST_INTEGER)
    if low is not None and number < low:
        return StatusInfo("ValueTooLow", f"the least is {_spell_number(low)}")
    if high is not None and number > high:
        return StatusInfo("ValueTooHigh", f"the most is {_spell_number(high)}")
    return None


def _complaint_about_members(text: str, characteristics: Characteristics) -> StatusInfo | None:
    members = members_of(text)
    if text.strip() and len(members) != text.count(",") + 1:
        return _invalid("has an empty element")
    if characteristics.values_list:
        for member in members:
            if member not in characteristics.values_list:
                return _invalid(
                    f"{member[:50]} is not one of " + ",".join(characteristics.values_list)
                )
    most = characteristics.max_elements
    if most is not None and len(members) > most:
        return StatusInfo("TooManyElements", f"the most is {most}")
    return _complaint_about_length(text, characteristics)


def _complaint_about_length(text: str, characteristics: Characteristics) -> StatusInfo | None:
    """Hold the length against the limits: for a text and a list they mean that."""
    low, high = characteristics.min_limit, characteristics.max_limit
    if high is not None and len(text) > high:
        return StatusInfo("TooLargeElement", f"the longest is {_spell_number(high)} characters")
    if low is not None and len(text) < low:
        return _invalid(f"is shorter than {_spell_number(low)} characters")
    return None


def _invalid(text: str) -> StatusInfo:
    return StatusInfo("InvalidValue", text[:1024])
