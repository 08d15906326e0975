"""Booting, heartbeats and the connection (block B)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ocppd.model.requests import CsmsRequest
from ocppd.model.variables import StatusInfo


class RegistrationStatus(StrEnum):
    """RegistrationStatusEnumType."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class BootReason(StrEnum):
    """BootReasonEnumType."""

    APPLICATION_RESET = "ApplicationReset"
    FIRMWARE_UPDATE = "FirmwareUpdate"
    LOCAL_RESET = "LocalReset"
    POWER_UP = "PowerUp"
    REMOTE_RESET = "RemoteReset"
    SCHEDULED_RESET = "ScheduledReset"
    TRIGGERED = "Triggered"
    UNKNOWN = "Unknown"
    WATCHDOG = "Watchdog"


@dataclass(frozen=True, slots=True)
class BootNotificationResponse:
    """BootNotificationResponse: `interval_s` is for heartbeats, or until the next try.

    `sets_clock` is for a version without the variable TimeSource: the clock follows in any case.
    """

    status: RegistrationStatus
    current_time: datetime
    interval_s: int
    status_info: StatusInfo | None = None
    sets_clock: bool = False


@dataclass(frozen=True, slots=True)
class BootNotification(CsmsRequest[BootNotificationResponse]):
    """BootNotificationRequest; what 2.x leaves out is for 1.6."""

    reason: BootReason
    vendor_name: str
    model: str
    serial_number: str | None = None
    firmware_version: str | None = None
    iccid: str | None = None
    imsi: str | None = None
    charge_box_serial_number: str | None = None
    meter_type: str | None = None
    meter_serial_number: str | None = None


@dataclass(frozen=True, slots=True)
class HeartbeatResponse:
    """HeartbeatResponse; `sets_clock` as in BootNotificationResponse."""

    current_time: datetime
    sets_clock: bool = False


@dataclass(frozen=True, slots=True)
class Heartbeat(CsmsRequest[HeartbeatResponse]):
    """HeartbeatRequest."""


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """The var `connection_status`, and why there is no connection."""

    connected: bool
    csms_url: str | None = None
    identity: str | None = None
    security_profile: int | None = None
    configuration_slot: int | None = None
    ocpp_interface: str | None = None
    ocpp_transport: str | None = None
    ocpp_version: str | None = None
    reason: str | None = None
