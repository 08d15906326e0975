"""OCPP-J frames as the tools read and write them; independent of the daemon's own framing.

Text in, `Frame` out, for all five message types of OCPP-J 2.1 (CALL 2, CALLRESULT 3, CALLERROR 4,
CALLRESULTERROR 5, SEND 6). What cannot be read becomes a frame of kind `BAD` with the reason: the
tools show it and go on.
"""

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a frame is."""

    CALL = "Call"
    CALL_RESULT = "CallResult"
    CALL_ERROR = "CallError"
    CALL_RESULT_ERROR = "CallResultError"
    SEND = "Send"
    BAD = "Bad"


NUMBERS = {
    Kind.CALL: 2,
    Kind.CALL_RESULT: 3,
    Kind.CALL_ERROR: 4,
    Kind.CALL_RESULT_ERROR: 5,
    Kind.SEND: 6,
}
KINDS = {number: kind for kind, number in NUMBERS.items()}


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame, read.

    `action` is empty in answers (they do not name it). `error_code` and `description` are those of
    a CALLERROR or CALLRESULTERROR; of a BAD frame, `description` says what is wrong with it.
    """

    kind: Kind
    text: str
    message_id: str = ""
    action: str = ""
    payload: Any = field(default_factory=dict)
    error_code: str = ""
    description: str = ""


def parse(text: str | bytes) -> Frame:
    """Read one frame; never raises."""
    if isinstance(text, bytes):
        return Frame(Kind.BAD, repr(text[:200]), description="binary frame")
    try:
        parts = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Frame(Kind.BAD, text, description=f"not JSON: {str(error)[:120]}")
    if not isinstance(parts, list) or not parts:
        return Frame(Kind.BAD, text, description="not an array")
    number = parts[0]
    kind = KINDS.get(number) if isinstance(number, int) and number is not True else None
    if kind is None:
        return Frame(Kind.BAD, text, description=f"unknown message type {str(number)[:20]}")
    message_id = parts[1] if len(parts) > 1 and isinstance(parts[1], str) else ""
    if not message_id:
        return Frame(Kind.BAD, text, description="no message id")
    return _body(kind, text, message_id, parts[2:])


def _body(kind: Kind, text: str, message_id: str, rest: list[Any]) -> Frame:
    match kind, rest:
        case ((Kind.CALL | Kind.SEND), [str(action), dict(payload)]):
            return Frame(kind, text, message_id, action, payload)
        case Kind.CALL_RESULT, [dict(payload)]:
            return Frame(kind, text, message_id, payload=payload)
        case ((Kind.CALL_ERROR | Kind.CALL_RESULT_ERROR), [str(code), *more]):
            description = more[0] if more and isinstance(more[0], str) else ""
            details = more[1] if len(more) > 1 else {}
            return Frame(
                kind,
                text,
                message_id,
                payload=details,
                error_code=code,
                description=description,
            )
        case _:
            action = rest[0] if rest and isinstance(rest[0], str) else ""
            return Frame(
                Kind.BAD, text, message_id, action, description=f"wrong fields for a {kind.value}"
            )


def call(message_id: str, action: str, payload: Any) -> str:
    """Return the text of a CALL."""
    return _text([2, message_id, action, payload])


def call_result(message_id: str, payload: Any) -> str:
    """Return the text of a CALLRESULT."""
    return _text([3, message_id, payload])


def call_error(
    message_id: str, code: str, description: str = "", details: dict[str, Any] | None = None
) -> str:
    """Return the text of a CALLERROR; its description has at most 255 characters."""
    return _text([4, message_id, code, description[:255], details or {}])


def call_result_error(message_id: str, code: str, description: str = "") -> str:
    """Return the text of a CALLRESULTERROR (2.1)."""
    return _text([5, message_id, code, description[:255], {}])


def send(message_id: str, action: str, payload: Any) -> str:
    """Return the text of a SEND (2.1)."""
    return _text([6, message_id, action, payload])


def _text(parts: list[Any]) -> str:
    return json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
