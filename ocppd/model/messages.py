"""What was said between the station and the CSMS, as the message journal has it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class JournalMessage:
    """One frame that was sent or came, with its secrets masked.

    `number` counts up over restarts. `action` is that of the request, for an answer too. `reason`
    says why it was refused or dropped; `size` is the length of a text that was too long to keep
    whole; `lost` counts the messages right before this one that could not be kept.
    """

    number: int
    timestamp: datetime
    direction: str
    version: str
    text: str
    message_id: str | None = None
    action: str | None = None
    masked: bool = False
    reason: str | None = None
    size: int | None = None
    lost: int = 0


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Which messages are wanted: the newest `limit` of those to which all the rest applies."""

    limit: int = 100
    direction: str | None = None
    action: str | None = None
    message_id: str | None = None
    since: datetime | None = None
    after: int = 0
    refused: bool = False

    def admits(self, message: JournalMessage) -> bool:
        """Tell whether a message is wanted, but for the limit."""
        return (
            message.number > self.after
            and (not self.refused or message.reason is not None)
            and self.direction in (None, message.direction)
            and self.action in (None, message.action)
            and self.message_id in (None, message.message_id)
            and (self.since is None or message.timestamp >= self.since)
        )
