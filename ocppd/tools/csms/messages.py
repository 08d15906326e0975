"""What the CSMS records of each frame, in both directions."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from ocppd.tools.frames import Frame, Kind


class Direction(StrEnum):
    """Who sent a frame."""

    IN = "in"
    """The station."""
    OUT = "out"
    """The CSMS."""


@dataclass(frozen=True, slots=True)
class Message:
    """A frame as it passed, with the action that an answer belongs to.

    `connection` counts the connections that this CSMS has accepted, from 1; `index` is the place
    of the message among all that it saw.
    """

    index: int
    at: datetime
    station: str
    version: str
    connection: int
    direction: Direction
    frame: Frame
    action: str
    """Of an answer: the action of its request; empty when nobody asked."""

    @property
    def kind(self) -> Kind:
        """What the frame is."""
        return self.frame.kind

    @property
    def payload(self) -> Any:
        """The payload, or the details of an error."""
        return self.frame.payload

    @property
    def message_id(self) -> str:
        """The message id; empty in a frame that cannot be read."""
        return self.frame.message_id

    def has(self, fields: dict[str, Any]) -> bool:
        """Say whether the payload has these values at its top level."""
        payload = self.payload
        return isinstance(payload, dict) and all(
            name in payload and payload[name] == value for name, value in fields.items()
        )

    def record(self) -> dict[str, Any]:
        """Return the message as one entry of the JSONL log."""
        entry: dict[str, Any] = {
            "time": timestamp(self.at),
            "station": self.station,
            "version": self.version,
            "connection": self.connection,
            "direction": self.direction.value,
            "kind": self.kind.value,
            "id": self.message_id,
            "action": self.action,
        }
        if self.kind is Kind.BAD:
            entry |= {"text": self.frame.text, "reason": self.frame.description}
            return entry
        if self.frame.error_code:
            entry |= {"code": self.frame.error_code, "description": self.frame.description}
        return entry | {"payload": self.payload}


def timestamp(at: datetime) -> str:
    """Return a time as RFC 3339 with milliseconds in UTC."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(UTC)
