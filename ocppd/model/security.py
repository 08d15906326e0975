"""Security events (block A)."""

from dataclasses import dataclass
from datetime import datetime

from ocppd.model.requests import CsmsRequest, Nothing


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """A security event: `type` at most 50 characters, `info` at most 255.

    `critical` overrides the table of the standard: True sends it, False only logs it.
    """

    type: str
    info: str | None = None
    critical: bool | None = None
    timestamp: datetime | None = None


@dataclass(frozen=True, slots=True)
class SecurityEventNotification(CsmsRequest[Nothing]):
    """SecurityEventNotificationRequest (A04), with the type in 2.x's words.

    `insisted` is whether somebody asked for it to be sent, whatever the table of the version says.
    """

    type: str
    timestamp: datetime
    tech_info: str | None = None
    insisted: bool = False
