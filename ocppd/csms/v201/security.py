"""SecurityEventNotification as OCPP 2.0.1 and 2.1 spell it (A04)."""

from typing import TYPE_CHECKING, Any

from ocppd.csms.payload import Payload, present, timestamp
from ocppd.csms.spelling import Message, Outgoing
from ocppd.model.requests import Nothing
from ocppd.model.security import SecurityEventNotification

if TYPE_CHECKING:
    from ocppd.station.station import Station


def encode_security_event_notification(request: SecurityEventNotification) -> Payload:
    """Return SecurityEventNotificationRequest."""
    return present(
        type=request.type, timestamp=timestamp(request.timestamp), techInfo=request.tech_info
    )


def _read_nothing(_payload: Payload) -> Nothing:
    return Nothing()


def security_messages(_station: "Station", request: SecurityEventNotification) -> list[Message]:
    """Return the message for a queued event."""
    payload = encode_security_event_notification(request)
    return [Message("SecurityEventNotification", payload, _read_nothing)]


REQUESTS: dict[type, Outgoing[Any, Any]] = {
    SecurityEventNotification: Outgoing(
        "SecurityEventNotification", encode_security_event_notification, _read_nothing
    ),
}
