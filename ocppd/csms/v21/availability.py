"""Status as OCPP 2.1 wants it: an event of the variable AvailabilityState (G01, B01.FR.05).

StatusNotification is deprecated there; it is sent where the CSMS asks for it by name (F06).
"""

from typing import Any

from ocppd.csms.payload import Payload
from ocppd.csms.spelling import Outgoing
from ocppd.csms.v201 import availability as v201
from ocppd.csms.v201.availability import require_spoken, routes
from ocppd.csms.v201.notify_event import notify_event
from ocppd.model.availability import ErrorNotification, StatusNotification
from ocppd.model.events import EventTrigger
from ocppd.model.requests import Nothing
from ocppd.model.variables import Component, EvseRef

__all__ = ["REQUESTS", "routes"]


def encode_status_notification(request: StatusNotification) -> Payload:
    """Return NotifyEventRequest for the connector's AvailabilityState (G01.FR.03)."""
    require_spoken(request)
    return notify_event(
        Component("Connector", evse=EvseRef(request.evse_id, request.connector_id)),
        "AvailabilityState",
        request.status.value,
        event_id=request.event_id,
        moment=request.timestamp,
        trigger=EventTrigger.DELTA,
        severity=request.severity,
    )


def encode_error_notification(request: ErrorNotification) -> Payload:
    """Return NotifyEventRequest, with how grave it is (N07.FR.21)."""
    return v201.encode_error_notification(request, severity=request.severity)


def _read_nothing(_payload: Payload) -> Nothing:
    return Nothing()


REQUESTS: dict[type, Outgoing[Any, Any]] = v201.REQUESTS | {
    StatusNotification: Outgoing("NotifyEvent", encode_status_notification, _read_nothing),
    ErrorNotification: Outgoing("NotifyEvent", encode_error_notification, _read_nothing),
}
