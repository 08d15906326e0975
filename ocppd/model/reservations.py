"""Reservations (block H): an EVSE is kept for a driver until some time."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ocppd.model.requests import CsmsRequest, Nothing
from ocppd.model.tokens import IdToken
from ocppd.model.variables import StatusInfo


class ReserveNowStatus(StrEnum):
    """ReserveNowStatusEnumType."""

    ACCEPTED = "Accepted"
    FAULTED = "Faulted"
    OCCUPIED = "Occupied"
    REJECTED = "Rejected"
    UNAVAILABLE = "Unavailable"


class ReservationStatus(StrEnum):
    """What became of a reservation, in EVerest's words; OCPP is told the first two."""

    EXPIRED = "Expired"
    REMOVED = "Removed"
    PLACED = "Placed"
    CANCELLED = "Cancelled"
    USED = "Used"


class ReservationMatch(StrEnum):
    """What the host answers to ExistsReservation."""

    NOT_RESERVED = "NotReserved"
    FOR_DRIVER = "ReservedForToken"
    FOR_OTHERS = "ReservedForOtherToken"
    FOR_OTHERS_WITH_PARENT = "ReservedForOtherTokenAndHasParentToken"


@dataclass(frozen=True, slots=True)
class Reservation:
    """ReserveNowRequest, and what the station keeps of it.

    Without EVSE any will do, or any with a connector of the type. `by_connector` is how 1.6 means
    it: its keys decide about a request without connector. `by_host`: the host's agent keeps it.
    """

    id: int
    id_token: IdToken
    expiry: datetime
    evse_id: int | None = None
    connector_id: int | None = None
    connector_type: str | None = None
    group_id_token: IdToken | None = None
    by_connector: bool = False
    by_host: bool = False

    def is_for(self, id_token: IdToken | None, group_id_token: IdToken | None) -> bool:
        """Tell whether a driver may use it (H03.FR.01 to FR.06)."""
        if self.id_token.same_as(id_token):
            return True
        return self.group_id_token is not None and self.group_id_token.same_as(group_id_token)


@dataclass(frozen=True, slots=True)
class ReserveNowResult:
    """ReserveNowResponse."""

    status: ReserveNowStatus
    status_info: StatusInfo | None = None


@dataclass(frozen=True, slots=True)
class ReservationUpdate:
    """What the host reports of a reservation."""

    reservation_id: int
    status: ReservationStatus


@dataclass(frozen=True, slots=True)
class ReservationStatusUpdate(CsmsRequest[Nothing]):
    """ReservationStatusUpdateRequest: it ended unused; 1.6 has no such message."""

    reservation_id: int
    status: ReservationStatus
