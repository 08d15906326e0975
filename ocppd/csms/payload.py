"""JSON payloads, and the route of a CALL through the station.

What the modules of a version are written with: `route()` wraps a station method in its JSON,
`present()` leaves out what has no value, `timestamp()` and `moment()` are OCPP's dateTime, and
`RpcError` refuses a CALL with a code of OCPP-J.
"""

import math
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from ocppd.station.answer import Answer

Payload = dict[str, Any]
Route = Callable[[Payload], Awaitable[Answer[Payload]]]

Q = TypeVar("Q")
R = TypeVar("R")


class RpcError(Exception):
    """A CALL is answered with a CALLERROR.

    Raised by a decoder or a handler when no response of the schema can say what is wrong. The
    codes are those of OCPP-J 2.0.1 (part 4, 4.3), such as `PropertyConstraintViolation`; the
    link writes them as 1.6 spells them.
    """

    def __init__(
        self, code: str, description: str = "", details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(f"{code}: {description}" if description else code)
        self.code = code
        self.description = description
        self.details = details


def route(
    decode: Callable[[Payload], Q],
    handle: Callable[[Q], Answer[R] | Awaitable[Answer[R]]],
    encode: Callable[[R], Payload],
) -> Route:
    """Wrap a station method, plain or coroutine, in the JSON of one OCPP version.

    The payload that comes in has passed the schema of its action, so `decode` may index what the
    schema requires. It may raise `RpcError` for what the schema cannot say.
    """

    async def answer(payload: Payload) -> Answer[Payload]:
        answer = handle(decode(payload))
        if not isinstance(answer, Answer):
            answer = await answer
        return Answer(encode(answer.result), answer.then, answer.unsaid)

    return answer


def present(**members: object) -> Payload:
    """Return the members that have a value; OCPP-J wants absent ones left out, never null."""
    return {name: value for name, value in members.items() if value is not None}


def rounded(limit: float) -> float:
    """Return a limit with the one digit of fraction that OCPP takes, never more than it is."""
    return math.floor(limit * 10 + 1e-6) / 10


def timestamp(moment: datetime) -> str:
    """Return a moment as RFC 3339 in UTC with `Z` and milliseconds, as all versions accept it.

    A moment without a zone is taken for UTC.
    """
    if moment.tzinfo is not UTC:
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def moment(text: str) -> datetime:
    """Return the moment of an ISO 8601 text in UTC; a text without an offset is taken for UTC.

    Any offset and any number of fraction digits is accepted; a leap second is the second after it.
    Raises `RpcError` (`PropertyConstraintViolation`) for what is not a date and time.
    """
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = _unusual_moment(text)
    if parsed.tzinfo is None:
        return parsed.replace(tzinfo=UTC)
    try:
        return parsed.astimezone(UTC)
    except OverflowError:
        raise _not_a_moment(text) from None


def _unusual_moment(text: str) -> datetime:
    """Read what RFC 3339 allows and Python does not: small letters and second 60."""
    usual, leap_seconds = re.subn(r"(?<=:\d\d:)60", "59", text.upper())
    try:
        return datetime.fromisoformat(usual) + timedelta(seconds=leap_seconds)
    except (ValueError, OverflowError):
        raise _not_a_moment(text) from None


def _not_a_moment(text: str) -> RpcError:
    return RpcError("PropertyConstraintViolation", f"{text[:60]!r}: not a date and time")
