"""Availability and status as OCPP 1.6 spells them (4.9, 5.2).

A connector has a number over the whole station, and 0 is the station. A status comes with an error
code, and an error with a status.
"""

from typing import TYPE_CHECKING, Any

from ocppd.csms.payload import Payload, Route, present, route, timestamp
from ocppd.csms.spelling import Outgoing
from ocppd.csms.v16.error_codes import ErrorWords, words_of
from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import OCPP16LegacyCtrlr
from ocppd.model.availability import (
    Activity,
    ChangeAvailability,
    ChangeAvailabilityResponse,
    ConnectorStatus,
    ErrorNotification,
    OperationalStatus,
    RequestedStatus,
    StatusNotification,
)
from ocppd.model.requests import Nothing
from ocppd.model.variables import EvseRef
from ocppd.station.evse import Evses

if TYPE_CHECKING:
    from ocppd.station.station import Station

_LONGEST_INFO = 50


def decode_change_availability(evses: Evses, payload: Payload) -> ChangeAvailability:
    """Read ChangeAvailability.req; a number without connector becomes one that nobody has."""
    number = payload["connectorId"]
    wanted = OperationalStatus(payload["type"])
    if number == 0:
        return ChangeAvailability(wanted)
    return ChangeAvailability(wanted, evses.by_number(number) or EvseRef(0, number))


def encode_change_availability_response(response: ChangeAvailabilityResponse) -> Payload:
    """Return ChangeAvailability.conf; 1.6 has no word for why."""
    return {"status": response.status.value}


def encode_status_notification(evses: Evses, request: StatusNotification) -> Payload:
    """Return StatusNotification.req for a change of status."""
    words = words_of(request.error)
    return present(
        connectorId=_number(evses, request.evse_id, request.connector_id),
        errorCode=words.error_code,
        status=status_word(request.status, request.activity),
        info=words.info or (request.info[:_LONGEST_INFO] if request.info else None),
        timestamp=timestamp(request.timestamp),
        vendorId=words.vendor_id,
        vendorErrorCode=words.vendor_error_code,
    )


def encode_error_notification(
    evses: Evses, device_model: DeviceModel, request: ErrorNotification
) -> Payload:
    """Return StatusNotification.req for an error, with the status as it is.

    After an error was cleared it tells of the newest one that is left.
    """
    error = request.error
    if not request.cleared:
        words = words_of(error)
    else:
        words = words_of(request.remaining)
        if device_model.flag(OCPP16LegacyCtrlr.ReportClearedErrors):
            resolved = f"{words_of(error).vendor_error_code} resolved"[-_LONGEST_INFO:]
            words = ErrorWords(words.error_code, resolved, words.vendor_id, words.vendor_error_code)
    return present(
        connectorId=_number(evses, error.evse_id or 0, error.connector_id or 0),
        errorCode=words.error_code,
        status=status_word(request.status, request.activity),
        info=words.info,
        timestamp=timestamp(request.timestamp),
        vendorId=words.vendor_id,
        vendorErrorCode=words.vendor_error_code,
    )


def status_word(status: ConnectorStatus, activity: Activity | None) -> str:
    """Return ChargePointStatus, which splits Occupied by what the connector is busy with (4.9).

    A driver who has no car there yet makes a connector Preparing that 2.x calls Available.
    """
    if status is ConnectorStatus.OCCUPIED:
        return (activity or Activity.PREPARING).value
    if activity is not None and status in (ConnectorStatus.AVAILABLE, ConnectorStatus.RESERVED):
        return activity.value
    return status.value


def _number(evses: Evses, evse_id: int, connector_id: int) -> int:
    return evses.number_of(EvseRef(evse_id, connector_id or None))


def _read_nothing(_payload: Payload) -> Nothing:
    return Nothing()


def routes(station: "Station") -> dict[str, Route]:
    """Return the CALLs of the CSMS about availability."""
    return {
        "ChangeAvailability": route(
            lambda payload: decode_change_availability(station.evses, payload),
            station.availability.change,
            encode_change_availability_response,
        ),
    }


def requests(station: "Station") -> dict[type, Outgoing[Any, Any]]:
    """Return what the station tells of its status, and how."""
    evses, device_model = station.evses, station.device_model
    status: Outgoing[StatusNotification, Nothing] = Outgoing(
        "StatusNotification",
        lambda request: encode_status_notification(evses, request),
        _read_nothing,
    )
    return {
        StatusNotification: status,
        RequestedStatus: status,
        ErrorNotification: Outgoing(
            "StatusNotification",
            lambda request: encode_error_notification(evses, device_model, request),
            _read_nothing,
        ),
    }
