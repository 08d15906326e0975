"""Block H as OCPP 2.0.1 and 2.1 spell it."""

from typing import TYPE_CHECKING, Any

from ocppd.csms.payload import Payload, Route, moment, present, route
from ocppd.csms.spelling import Outgoing
from ocppd.csms.v201.status_info import encode_status_info, encode_status_result
from ocppd.csms.v201.tokens import decode_group_id_token, decode_id_token
from ocppd.model.requests import Nothing
from ocppd.model.reservations import Reservation, ReservationStatusUpdate, ReserveNowResult

if TYPE_CHECKING:
    from ocppd.station.station import Station


def decode_reserve_now(payload: Payload) -> Reservation:
    """Read ReserveNowRequest."""
    group = payload.get("groupIdToken")
    return Reservation(
        payload["id"],
        decode_id_token(payload["idToken"]),
        moment(payload["expiryDateTime"]),
        evse_id=payload.get("evseId"),
        connector_type=payload.get("connectorType"),
        group_id_token=decode_group_id_token(group) if group is not None else None,
    )


def encode_reserve_now(result: ReserveNowResult) -> Payload:
    """Write ReserveNowResponse."""
    return present(status=result.status.value, statusInfo=encode_status_info(result.status_info))


def decode_cancel_reservation(payload: Payload) -> int:
    """Read CancelReservationRequest."""
    return int(payload["reservationId"])


def encode_reservation_status_update(request: ReservationStatusUpdate) -> Payload:
    """Write ReservationStatusUpdateRequest."""
    return {
        "reservationId": request.reservation_id,
        "reservationUpdateStatus": request.status.value,
    }


def _read_nothing(_payload: Payload) -> Nothing:
    return Nothing()


def routes(station: "Station") -> dict[str, Route]:
    """Return what the CSMS may ask of this block."""
    block = station.reservations
    return {
        "ReserveNow": route(decode_reserve_now, block.reserve, encode_reserve_now),
        "CancelReservation": route(decode_cancel_reservation, block.cancel, encode_status_result),
    }


REQUESTS: dict[type, Outgoing[Any, Any]] = {
    ReservationStatusUpdate: Outgoing(
        "ReservationStatusUpdate", encode_reservation_status_update, _read_nothing
    ),
}
