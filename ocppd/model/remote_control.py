"""Remote control and reset (blocks F and B11, B12)."""

from dataclasses import dataclass, field
from enum import StrEnum

from ocppd.model.charging_profiles import ChargingProfile
from ocppd.model.tokens import IdToken
from ocppd.model.variables import EvseRef, StatusInfo


class RequestStartStopStatus(StrEnum):
    """RequestStartStopStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


@dataclass(frozen=True, slots=True)
class StartTransaction:
    """RequestStartTransactionRequest.

    `by_connector` is how 1.6 means it: a connector that is Finishing is not free, and the keys
    for requests without connectorId apply.
    """

    id_token: IdToken
    remote_start_id: int | None = None
    evse_id: int | None = None
    connector_id: int | None = None
    group_id_token: IdToken | None = None
    charging_profile: ChargingProfile | None = field(default=None, repr=False)
    by_connector: bool = False


@dataclass(frozen=True, slots=True)
class StartTransactionResult:
    """RequestStartTransactionResponse."""

    status: RequestStartStopStatus
    transaction_id: str | None = None
    status_info: StatusInfo | None = None


@dataclass(frozen=True, slots=True)
class StopTransaction:
    """RequestStopTransactionRequest, by the id that the CSMS knows (2.x's, or 1.6's number)."""

    transaction_id: str


class UnlockStatus(StrEnum):
    """UnlockStatusEnumType, and what only 1.6 has."""

    UNLOCKED = "Unlocked"
    UNLOCK_FAILED = "UnlockFailed"
    ONGOING_AUTHORIZED_TRANSACTION = "OngoingAuthorizedTransaction"
    UNKNOWN_CONNECTOR = "UnknownConnector"
    NOT_SUPPORTED = "NotSupported"


class TriggerMessageStatus(StrEnum):
    """TriggerMessageStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    NOT_IMPLEMENTED = "NotImplemented"


@dataclass(frozen=True, slots=True)
class StatusResult:
    """An answer of nothing but a status word of its action, and perhaps why."""

    status: str
    status_info: StatusInfo | None = None


class MessageTrigger(StrEnum):
    """MessageTriggerEnumType of 2.1, and what only 1.6 has."""

    BOOT_NOTIFICATION = "BootNotification"
    LOG_STATUS_NOTIFICATION = "LogStatusNotification"
    FIRMWARE_STATUS_NOTIFICATION = "FirmwareStatusNotification"
    HEARTBEAT = "Heartbeat"
    METER_VALUES = "MeterValues"
    SIGN_CHARGING_STATION_CERTIFICATE = "SignChargingStationCertificate"
    SIGN_V2G_CERTIFICATE = "SignV2GCertificate"
    SIGN_V2G20_CERTIFICATE = "SignV2G20Certificate"
    SIGN_COMBINED_CERTIFICATE = "SignCombinedCertificate"
    STATUS_NOTIFICATION = "StatusNotification"
    TRANSACTION_EVENT = "TransactionEvent"
    PUBLISH_FIRMWARE_STATUS_NOTIFICATION = "PublishFirmwareStatusNotification"
    CUSTOM_TRIGGER = "CustomTrigger"
    DIAGNOSTICS_STATUS_NOTIFICATION = "DiagnosticsStatusNotification"


@dataclass(frozen=True, slots=True)
class TriggerMessage:
    """TriggerMessageRequest; EVSE 0 is the station, none is wherever the message makes sense.

    `lenient` is how 1.6 means it: a BootNotification may be asked for at any time, a
    StatusNotification of everything at once.
    """

    requested_message: MessageTrigger
    evse: EvseRef | None = None
    lenient: bool = False


class ResetType(StrEnum):
    """ResetEnumType: in 1.6 Soft and Hard say whether the hardware restarts."""

    IMMEDIATE = "Immediate"
    ON_IDLE = "OnIdle"
    IMMEDIATE_AND_RESUME = "ImmediateAndResume"


@dataclass(frozen=True, slots=True)
class Reset:
    """ResetRequest; `host_type` is what the host is told: Soft, Hard or NotSpecified."""

    type: ResetType
    evse_id: int | None = None
    host_type: str = "NotSpecified"


@dataclass(frozen=True, slots=True)
class UnlockConnector:
    """UnlockConnectorRequest.

    A transaction at the connector prevents it; in 1.6 it is finished first
    (`finishes_transaction`).
    """

    evse_id: int
    connector_id: int
    finishes_transaction: bool = False
