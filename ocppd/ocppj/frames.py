"""Frames of OCPP-J: text to values and back, for any bytes that a peer may send.

`parse` never raises: what is not a frame becomes a `BadFrame` that says what is wrong, and
`refusal_of` says what to answer, which differs between the versions. What JSON leaves open is
closed here: NaN, Infinity and numbers that overflow, integers beyond 64 bits, doubled keys and
lone surrogates are refused, because the next reader would take them for something else.
"""

import json
import re
from dataclasses import dataclass, field
from enum import Enum
from math import isinf
from typing import Any, NoReturn

Payload = dict[str, Any]

MAX_ID_LENGTH = 36
"""Characters in a message id (1.6 J 4.1.4, 2.x part 4 4.1.4)."""
MAX_DESCRIPTION_LENGTH = 255
"""Characters in an error description (2.x part 4, table 7)."""
UNREADABLE_ID = "-1"
"""The id that a CALLERROR of 2.x bears when it cannot name the message (part 4, 4.2.3)."""

# An id that is too long is echoed up to here, so that its sender can find its own message.
_MAX_ECHOED_ID_LENGTH = 255
# Far beyond what any message has. How deep Python itself goes depends on its version.
_MAX_DEPTH = 100


class Dialect(Enum):
    """What of OCPP-J differs between the versions."""

    OCPP_16 = "1.6"
    OCPP_201 = "2.0.1"
    OCPP_21 = "2.1"

    @property
    def has_results_refused(self) -> bool:
        """Whether there are CALLRESULTERROR and SEND."""
        return self is Dialect.OCPP_21

    def spelled(self, code: str) -> str:
        """Return an error code of 2.x as this version spells it.

        The misspelling is that of the 1.6 specification, which its errata keep (5.1, 5.2).
        """
        return _CODES_OF_16.get(code, code) if self is Dialect.OCPP_16 else code


_CODES_OF_16 = {
    "FormatViolation": "FormationViolation",
    "OccurrenceConstraintViolation": "OccurenceConstraintViolation",
    "RpcFrameworkError": "FormationViolation",
}


@dataclass(frozen=True, slots=True)
class Call:
    """A request, in either direction."""

    message_id: str
    action: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class CallResult:
    """The response to a `Call`."""

    message_id: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class CallError:
    """The refusal of a `Call`."""

    message_id: str
    code: str
    description: str = ""
    details: Payload = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallResultError:
    """The refusal of a `CallResult` (2.1)."""

    message_id: str
    code: str
    description: str = ""
    details: Payload = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Send:
    """A message without an answer (2.1)."""

    message_id: str
    action: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class BadFrame:
    """What is not a frame of OCPP-J.

    `message_type` and `message_id` are what could be read of it.
    """

    reason: str
    message_type: int | None = None
    message_id: str | None = None
    code: str = "RpcFrameworkError"


@dataclass(frozen=True, slots=True)
class IgnoredFrame:
    """A message of a type that this version does not have, which is to be ignored (4.1.3)."""

    message_type: int


Frame = Call | CallResult | CallError | CallResultError | Send
Parsed = Frame | BadFrame | IgnoredFrame


class _Refused(ValueError):
    """JSON that is grammatical and still not acceptable."""


def _refuse_constant(text: str) -> NoReturn:
    raise _Refused(f"{text} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise _Refused("a number is too large")
    # 300.0 is an integer to JSON schema, so the reader of an integer shall get one.
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _bounded(text: str) -> int:
    if len(text) > 18 and not -(2**63) <= (int(text) if len(text) < 21 else 2**63) < 2**63:
        raise _Refused("an integer has more than 64 bits")
    return int(text)


def _unique(pairs: list[tuple[str, Any]]) -> Payload:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Refused("a key appears twice in an object")
    return members


def _check_depth(frame: Any) -> None:
    """Refuse what later recursive readers could not take."""
    level = [frame] if type(frame) in (dict, list) else []
    for _ in range(_MAX_DEPTH):
        level = [
            child
            for each in level
            for child in (each.values() if type(each) is dict else each)
            if type(child) in (dict, list)
        ]
        if not level:
            return
    raise _Refused("nested too deeply")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_constant=_refuse_constant,
    parse_float=_finite,
    parse_int=_bounded,
)
# ASCII alone: whatever a text holds, the frame can be encoded.
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False)


def parse(data: str | bytes, dialect: Dialect) -> Parsed:
    """Read what the peer sent: a frame, or what is wrong with it. Never raises."""
    if not isinstance(data, str):
        return BadFrame("binary frame")
    try:
        frame = _DECODER.decode(data)
        if data.count("[") + data.count("{") > _MAX_DEPTH:
            _check_depth(frame)
        if not data.isascii():
            data.encode()
        if "\\ud" in data or "\\uD" in data:
            json.dumps(frame, ensure_ascii=False).encode()
    except RecursionError:
        return _unreadable(data, "nested too deeply")
    except UnicodeEncodeError:
        return _unreadable(data, "a text has half of a surrogate pair")
    except _Refused as error:
        return _unreadable(data, str(error))
    except ValueError:
        return _unreadable(data, "not JSON")
    if type(frame) is not list or not frame:
        return BadFrame("not an array with a message type")
    return _framed(frame, dialect)


# The start of a CALL, CALLRESULT or error whose rest cannot be read.
_START = re.compile(r'\s*\[\s*([2-6])\s*,\s*"([ !#-\[\]-~]{0,36})"\s*,')


def _unreadable(text: str, reason: str) -> BadFrame:
    """Say what is wrong with a text; its message id is saved, if it is plain to see."""
    start = _START.match(text)
    if start is None:
        return BadFrame(reason)
    return BadFrame(reason, int(start[1]), start[2], "FormatViolation")


def _framed(frame: list[Any], dialect: Dialect) -> Parsed:
    """Tell the types of messages apart."""
    match frame:
        case [2, str(message_id), str(action), dict() | None as payload] if (
            type(frame[0]) is int and len(message_id) <= MAX_ID_LENGTH
        ):
            return Call(message_id, action, payload or {})
        case [3, str(message_id), dict() | None as payload] if type(frame[0]) is int:
            return CallResult(message_id, payload or {})
        case [message_type, *_] if type(message_type) is not int:
            return BadFrame("the message type is not an integer", None, _readable_id(frame))
        case [4, str(message_id), str(code), *rest]:
            return CallError(message_id, code, *_description_and_details(rest))
        case [5, str(message_id), str(code), *rest] if dialect.has_results_refused:
            return CallResultError(message_id, code, *_description_and_details(rest))
        case [6, str(message_id), str(action), dict() | None as payload] if (
            dialect.has_results_refused
        ):
            return Send(message_id, action, payload or {})
        case [2 | 3 | 4, *_]:
            return _fault(frame)
        case [5 | 6, *_] if dialect.has_results_refused:
            return _fault(frame)
        case _:
            return IgnoredFrame(frame[0])


def _readable_id(frame: list[Any]) -> str | None:
    match frame:
        case [_, str(message_id), *_] if len(message_id) <= _MAX_ECHOED_ID_LENGTH:
            return message_id
        case _:
            return None


def _description_and_details(rest: list[Any]) -> tuple[str, Payload]:
    """Read the end of an error leniently: it is the peer's last word on the matter anyway."""
    match rest:
        case [str(description), dict(details), *_]:
            return description, details
        case [str(description), *_]:
            return description, {}
        case _:
            return "", {}


_LENGTHS = {2: 4, 3: 3, 4: 5, 5: 5, 6: 4}


def _fault(frame: list[Any]) -> BadFrame:
    """Say what is wrong with a message of a known type."""
    message_type: int = frame[0]
    message_id = _readable_id(frame)
    length = _LENGTHS[message_type]
    if len(frame) < 2 or not isinstance(frame[1], str):
        reason = "the message id is not a string"
    elif message_type == 2 and len(frame[1]) > MAX_ID_LENGTH:
        reason = f"the message id has {len(frame[1])} characters, at most {MAX_ID_LENGTH} are valid"
    elif len(frame) != length:
        reason = f"a message of type {message_type} has {length} elements, not {len(frame)}"
    elif not isinstance(frame[2], str) and length > 3:
        reason = "the third element is not a string"
    else:
        return BadFrame("the payload is not an object", message_type, message_id, "FormatViolation")
    return BadFrame(reason, message_type, message_id)


def refusal_of(bad: BadFrame, dialect: Dialect) -> CallError | CallResultError | None:
    """Return what to answer to a bad frame, if anything.

    An error answers a CALL, or what may have been one; an unreadable id is `-1` in 2.x (part 4,
    4.2.3), while 1.6 has no such convention and answers nothing. A bad CALLRESULT is refused in
    2.1, where there is a message for it. An error is never answered with an error.
    """
    if bad.message_type in (4, 5, 6):
        return None
    code = dialect.spelled(bad.code)
    if bad.message_type == 3:
        if dialect.has_results_refused and bad.message_id is not None:
            return CallResultError(bad.message_id, code, bad.reason)
        return None
    if bad.message_id is not None:
        return CallError(bad.message_id, code, bad.reason)
    return None if dialect is Dialect.OCPP_16 else CallError(UNREADABLE_ID, code, bad.reason)


def text_of(frame: Frame) -> str:
    """Return the text of a frame; it is ASCII, so it can always be encoded.

    Raises ValueError or TypeError if the payload cannot be JSON (NaN, bytes); the errors, which
    answer for that, hold none of it.
    """
    match frame:
        case CallResult(message_id, payload):
            return _ENCODER.encode((3, message_id, payload))
        case Call(message_id, action, payload):
            return _ENCODER.encode((2, message_id, action, payload))
        case CallError():
            return _error_text(4, frame)
        case CallResultError():
            return _error_text(5, frame)
        case Send(message_id, action, payload):
            return _ENCODER.encode((6, message_id, action, payload))


def _error_text(message_type: int, error: CallError | CallResultError) -> str:
    description = error.description[:MAX_DESCRIPTION_LENGTH]
    parts = [message_type, error.message_id, error.code, clean(description)]
    try:
        return _ENCODER.encode([*parts, error.details])
    except (TypeError, ValueError, RecursionError):
        return _ENCODER.encode([*parts, {}])


def clean(text: str) -> str:
    """Return a text without lone surrogates, which have no place in UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
