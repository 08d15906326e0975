"""Availability and status as OCPP 2.0.1 spells them (G01, G03, G04); 2.1 differs in the status."""

from typing import TYPE_CHECKING, Any

from ocppd.csms.payload import Payload, Route, present, route, timestamp
from ocppd.csms.spelling import Outgoing
from ocppd.csms.v201.notify_event import notify_event
from ocppd.csms.v201.status_info import encode_status_info
from ocppd.errors import NotSpoken
from ocppd.model.availability import (
    ChangeAvailability,
    ChangeAvailabilityResponse,
    ErrorNotification,
    OperationalStatus,
    RequestedStatus,
    StatusNotification,
)
from ocppd.model.events import EventTrigger
from ocppd.model.requests import Nothing
from ocppd.model.variables import EvseRef
from ocppd.station import mrec

if TYPE_CHECKING:
    from ocppd.station.station import Station


def decode_change_availability(payload: Payload) -> ChangeAvailability:
    """Read ChangeAvailabilityRequest; without EVSE it is about the station (G04.FR.01)."""
    evse = payload.get("evse")
    return ChangeAvailability(
        OperationalStatus(payload["operationalStatus"]),
        EvseRef(evse["id"], evse.get("connectorId")) if evse is not None else None,
    )


def encode_change_availability_response(response: ChangeAvailabilityResponse) -> Payload:
    """Return ChangeAvailabilityResponse."""
    return present(
        status=response.status.value, statusInfo=encode_status_info(response.status_info)
    )


def encode_status_notification(request: StatusNotification) -> Payload:
    """Return StatusNotificationRequest; NotSpoken for what only 1.6 tells."""
    require_spoken(request)
    return {
        "timestamp": timestamp(request.timestamp),
        "connectorStatus": request.status.value,
        "evseId": request.evse_id,
        "connectorId": request.connector_id,
    }


def require_spoken(request: StatusNotification) -> None:
    """Raise NotSpoken for the station's status, and for a change that only 1.6 has a word for."""
    if request.evse_id == 0:
        raise NotSpoken("2.x reports the status of connectors alone")
    if not request.status_changed:
        raise NotSpoken("the status is the same in 2.x")


def encode_error_notification(
    request: ErrorNotification, *, severity: int | None = None
) -> Payload:
    """Return NotifyEventRequest: the component has a problem, or no longer."""
    error = request.error
    return notify_event(
        request.component,
        "Problem",
        "false" if request.cleared else "true",
        event_id=request.event_id,
        moment=request.timestamp,
        trigger=EventTrigger.ALERTING,
        tech_code=mrec.code_of(error.type) or error.type,
        tech_info=error.description or error.message,
        cleared=True if request.cleared else None,
        severity=severity,
    )


def _read_nothing(_payload: Payload) -> Nothing:
    return Nothing()


def routes(station: "Station") -> dict[str, Route]:
    """Return the CALLs of the CSMS about availability."""
    return {
        "ChangeAvailability": route(
            decode_change_availability,
            station.availability.change,
            encode_change_availability_response,
        ),
    }


REQUESTS: dict[type, Outgoing[Any, Any]] = {
    StatusNotification: Outgoing("StatusNotification", encode_status_notification, _read_nothing),
    RequestedStatus: Outgoing("StatusNotification", encode_status_notification, _read_nothing),
    ErrorNotification: Outgoing("NotifyEvent", encode_error_notification, _read_nothing),
}
