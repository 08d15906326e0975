"""Reservations as OCPP 1.6 spells them (5.1, 5.13): connectors, and no word of their end."""

from functools import partial
from typing import TYPE_CHECKING

from ocppd.csms.payload import Payload, Route, moment, route
from ocppd.csms.v16.authorization import encode_status
from ocppd.csms.v16.remote_control import decode_connector_id
from ocppd.csms.v16.tokens import decode_id_tag
from ocppd.model.reservations import Reservation, ReserveNowResult
from ocppd.station.evse import Evses

if TYPE_CHECKING:
    from ocppd.station.station import Station


def decode_reserve_now(evses: Evses, payload: Payload) -> Reservation:
    """Read ReserveNow.req; connector 0 is any."""
    number = payload["connectorId"]
    ref = decode_connector_id(evses, number) if number != 0 else None
    parent = payload.get("parentIdTag")
    return Reservation(
        payload["reservationId"],
        decode_id_tag(payload["idTag"]),
        moment(payload["expiryDate"]),
        evse_id=ref.id if ref is not None else None,
        connector_id=ref.connector_id if ref is not None else None,
        group_id_token=decode_id_tag(parent) if parent else None,
        by_connector=True,
    )


def encode_reserve_now(result: ReserveNowResult) -> Payload:
    """Write ReserveNow.conf; 1.6 has no word for why."""
    return {"status": result.status.value}


def decode_cancel_reservation(payload: Payload) -> int:
    """Read CancelReservation.req."""
    return int(payload["reservationId"])


def routes(station: "Station") -> dict[str, Route]:
    """Return what the CSMS may ask of this block."""
    block = station.reservations
    return {
        "ReserveNow": route(
            partial(decode_reserve_now, station.evses), block.reserve, encode_reserve_now
        ),
        "CancelReservation": route(decode_cancel_reservation, block.cancel, encode_status),
    }
