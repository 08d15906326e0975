"""Reservations, as the bus has them."""

from typing import Any

from ocppd.dbus.binding import Variant
from ocppd.dbus.marshalling.plain import variants
from ocppd.dbus.marshalling.schema import Reader, choice, dictionary, from_dict, integer, required
from ocppd.model.reservations import Reservation, ReservationStatus, ReservationUpdate
from ocppd.model.tokens import IdToken

_UPDATE: Reader[ReservationUpdate] = dictionary(
    ReservationUpdate,
    required("reservation_id", integer()),
    required("reservation_status", choice(ReservationStatus), "status"),
)


def read_update(update: dict[str, Variant]) -> ReservationUpdate:
    """Read the argument of ReportReservationUpdate; raises InvalidArgument."""
    return from_dict("update", _UPDATE, update)


def reserve_now(request: Reservation) -> dict[str, Variant]:
    """Write the argument of the agent's ReserveNow."""
    return variants(_fields(request))


def reservation(each: Reservation) -> dict[str, Variant]:
    """Write one reservation that is listed; whom it is for is for the host alone."""
    fields = _fields(each)
    del fields["id_token"], fields["parent_id_token"]
    return variants(fields | {"kept_by": "host" if each.by_host else "ocppd"})


def exists_reservation(
    evse_id: int, id_token: IdToken, group_id_token: IdToken | None
) -> dict[str, Variant]:
    """Write the argument of the agent's ExistsReservation."""
    group = group_id_token.value if group_id_token is not None else None
    return variants({"id_token": id_token.value, "evse_id": evse_id, "group_id_token": group})


def _fields(request: Reservation) -> dict[str, Any]:
    group = request.group_id_token
    return {
        "reservation_id": request.id,
        "id_token": request.id_token.value,
        "expiry_time": request.expiry,
        "evse_id": request.evse_id,
        "parent_id_token": group.value if group is not None else None,
        "connector_type": request.connector_type,
    }
