"""Availability and connector status (block G), and the host's errors."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ocppd.model.requests import CsmsRequest, Nothing
from ocppd.model.variables import Component, EvseRef, StatusInfo


class OperationalStatus(StrEnum):
    """OperationalStatusEnumType."""

    INOPERATIVE = "Inoperative"
    OPERATIVE = "Operative"


class ConnectorStatus(StrEnum):
    """ConnectorStatusEnumType."""

    AVAILABLE = "Available"
    OCCUPIED = "Occupied"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class Activity(StrEnum):
    """What an occupied connector is busy with; 1.6 has a status for each."""

    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    FINISHING = "Finishing"


class ChangeAvailabilityStatus(StrEnum):
    """ChangeAvailabilityStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    SCHEDULED = "Scheduled"


_ERROR = 4
_INFORMATIONAL = 8
_SEVERITIES = {"High": 3, "Medium": _ERROR, "Low": 6}
"""EVerest's severities as critical, error and warning of SetVariableMonitoring (N04)."""


@dataclass(frozen=True, slots=True)
class ChangeAvailability:
    """ChangeAvailabilityRequest: the station without `evse`."""

    operational_status: OperationalStatus
    evse: EvseRef | None = None


@dataclass(frozen=True, slots=True)
class ChangeAvailabilityResponse:
    """ChangeAvailabilityResponse."""

    status: ChangeAvailabilityStatus
    status_info: StatusInfo | None = None


@dataclass(frozen=True, slots=True)
class StationError:
    """An error of the host's global error list (interface ErrorHistory).

    `type` is EVerest's, `interface/Name`; without `evse_id` it is the station's.
    """

    uuid: str
    type: str
    sub_type: str
    message: str
    description: str
    severity: str
    timestamp: datetime
    evse_id: int | None = None
    connector_id: int | None = None


@dataclass(frozen=True, slots=True)
class StatusNotification(CsmsRequest[Nothing]):
    """StatusNotificationRequest, with what 1.6 says beyond it.

    `status_changed` tells whether the status in 2.x's words differs from the one told before;
    when it does not (Preparing to Charging), 2.x has nothing to say. In 1.6 `activity` refines
    Occupied, and goes before Available and Reserved. EVSE 0 is the station as a whole, which only
    1.6 reports. `event_id` is for 2.1, where the status is an event of a variable.
    """

    timestamp: datetime
    evse_id: int
    connector_id: int
    status: ConnectorStatus
    activity: Activity | None = None
    error: StationError | None = None
    info: str | None = None
    status_changed: bool = True
    event_id: int = 0

    @property
    def severity(self) -> int:
        """How grave it is where it is told as an event: informational."""
        return _INFORMATIONAL


@dataclass(frozen=True, slots=True)
class RequestedStatus(StatusNotification):
    """A StatusNotification for which the CSMS asked by its name (F06)."""


@dataclass(frozen=True, slots=True)
class ErrorNotification(CsmsRequest[Nothing]):
    """An error of the host was raised or cleared: NotifyEvent in 2.x, StatusNotification in 1.6.

    `component` is where 2.x looks for it. `remaining` is the newest error still there at the same
    connector, `status` and `activity` the connector's own state, which the error leaves as it is.
    """

    error: StationError
    component: Component
    cleared: bool
    event_id: int
    timestamp: datetime
    status: ConnectorStatus
    activity: Activity | None = None
    remaining: StationError | None = None

    @property
    def severity(self) -> int:
        """How grave the error is, on the scale of monitors: 0 is danger, 9 debug (N07.FR.21)."""
        return _SEVERITIES.get(self.error.severity, _ERROR)
