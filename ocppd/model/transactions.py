"""Transactions and meter values (blocks E and J)."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ocppd.model.requests import CsmsRequest, Nothing
from ocppd.model.sessions import SignedMeterValue, StopReason
from ocppd.model.tokens import IdToken, IdTokenInfo, MessageContent
from ocppd.model.variables import EvseRef


class TransactionEventType(StrEnum):
    """TransactionEventEnumType."""

    STARTED = "Started"
    UPDATED = "Updated"
    ENDED = "Ended"


class TriggerReason(StrEnum):
    """TriggerReasonEnumType of 2.1; the last eight are not in 2.0.1."""

    AUTHORIZED = "Authorized"
    CABLE_PLUGGED_IN = "CablePluggedIn"
    CHARGING_RATE_CHANGED = "ChargingRateChanged"
    CHARGING_STATE_CHANGED = "ChargingStateChanged"
    DEAUTHORIZED = "Deauthorized"
    ENERGY_LIMIT_REACHED = "EnergyLimitReached"
    EV_COMMUNICATION_LOST = "EVCommunicationLost"
    EV_CONNECT_TIMEOUT = "EVConnectTimeout"
    METER_VALUE_CLOCK = "MeterValueClock"
    METER_VALUE_PERIODIC = "MeterValuePeriodic"
    TIME_LIMIT_REACHED = "TimeLimitReached"
    TRIGGER = "Trigger"
    UNLOCK_COMMAND = "UnlockCommand"
    STOP_AUTHORIZED = "StopAuthorized"
    EV_DEPARTED = "EVDeparted"
    EV_DETECTED = "EVDetected"
    REMOTE_STOP = "RemoteStop"
    REMOTE_START = "RemoteStart"
    ABNORMAL_CONDITION = "AbnormalCondition"
    SIGNED_DATA_RECEIVED = "SignedDataReceived"
    RESET_COMMAND = "ResetCommand"
    OPERATION_MODE_CHANGED = "OperationModeChanged"
    RUNNING_COST = "RunningCost"
    SOC_LIMIT_REACHED = "SoCLimitReached"
    TARIFF_CHANGED = "TariffChanged"
    TARIFF_NOT_ACCEPTED = "TariffNotAccepted"
    TX_RESUMED = "TxResumed"
    COST_LIMIT_REACHED = "CostLimitReached"
    LIMIT_SET = "LimitSet"


class ChargingState(StrEnum):
    """ChargingStateEnumType."""

    EV_CONNECTED = "EVConnected"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    IDLE = "Idle"


class StoppedReason(StrEnum):
    """ReasonEnumType of 2.1; ReqEnergyTransferRejected is not in 2.0.1."""

    DE_AUTHORIZED = "DeAuthorized"
    EMERGENCY_STOP = "EmergencyStop"
    ENERGY_LIMIT_REACHED = "EnergyLimitReached"
    EV_DISCONNECTED = "EVDisconnected"
    GROUND_FAULT = "GroundFault"
    IMMEDIATE_RESET = "ImmediateReset"
    LOCAL = "Local"
    LOCAL_OUT_OF_CREDIT = "LocalOutOfCredit"
    MASTER_PASS = "MasterPass"  # noqa: S105
    OTHER = "Other"
    OVERCURRENT_FAULT = "OvercurrentFault"
    POWER_LOSS = "PowerLoss"
    POWER_QUALITY = "PowerQuality"
    REBOOT = "Reboot"
    REMOTE = "Remote"
    SOC_LIMIT_REACHED = "SOCLimitReached"
    STOPPED_BY_EV = "StoppedByEV"
    TIME_LIMIT_REACHED = "TimeLimitReached"
    TIMEOUT = "Timeout"
    REQ_ENERGY_TRANSFER_REJECTED = "ReqEnergyTransferRejected"


class ReadingContext(StrEnum):
    """ReadingContextEnumType."""

    INTERRUPTION_BEGIN = "Interruption.Begin"
    INTERRUPTION_END = "Interruption.End"
    OTHER = "Other"
    SAMPLE_CLOCK = "Sample.Clock"
    SAMPLE_PERIODIC = "Sample.Periodic"
    TRANSACTION_BEGIN = "Transaction.Begin"
    TRANSACTION_END = "Transaction.End"
    TRIGGER = "Trigger"


@dataclass(frozen=True, slots=True)
class SampledValue:
    """One value of a reading; measurand, phase, unit and location in OCPP 2.1's words."""

    value: float
    measurand: str
    unit: str
    context: ReadingContext = ReadingContext.SAMPLE_PERIODIC
    phase: str | None = None
    location: str = "Outlet"
    signed: SignedMeterValue | None = None


@dataclass(frozen=True, slots=True)
class MeterValue:
    """The values of one moment."""

    timestamp: datetime
    sampled_values: tuple[SampledValue, ...]


@dataclass(frozen=True, slots=True)
class TransactionEventResponse:
    """TransactionEventResponse; in 1.6 what StartTransaction.conf and StopTransaction.conf say.

    `names_transaction` says that this CSMS gives transactions a name of its own (1.6);
    `csms_transaction_id` is that name, where this is the answer that brings it.
    """

    id_token_info: IdTokenInfo | None = None
    total_cost: float | None = None
    charging_priority: int | None = None
    personal_messages: tuple[MessageContent, ...] = ()
    names_transaction: bool = False
    csms_transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class TransactionEvent(CsmsRequest[TransactionEventResponse]):
    """TransactionEventRequest, with what 1.6 needs to say the same.

    `id_token` is present where 2.x says it (E03, E07); `starting_token` always is once the
    transaction is authorized, because StartTransaction.req of 1.6 needs it. `authorizes` marks
    the one event that tells the starting token first: in 1.6 the transaction starts there.
    `meter_wh` is the import register at `timestamp`, `authorized_meter_wh` the one when it was
    authorized. `stop_token` is who ended it (E07), `host_stop_reason` why in the host's words,
    which are those of 1.6 and some more. `evse` is where it is; `evse_told` says that 2.x has to
    be told in this event. `host_lacks_id` says that the host was told of the beginning without
    an id, which the answer will bring. `connector_number` is what 1.6 called the connector when it
    happened, whatever the topology is by the time that it is told; 0 is unknown.
    """

    event_type: TransactionEventType
    timestamp: datetime
    trigger_reason: TriggerReason
    seq_no: int
    transaction_id: str
    session_id: str
    evse: EvseRef
    evse_told: bool = False
    offline: bool = False
    charging_state: ChargingState | None = None
    stopped_reason: StoppedReason | None = None
    host_stop_reason: StopReason | None = None
    time_spent_charging_s: int | None = None
    remote_start_id: int | None = None
    id_token: IdToken | None = None
    starting_token: IdToken | None = None
    authorizes: bool = False
    stop_token: IdToken | None = None
    reservation_id: int | None = None
    number_of_phases_used: int | None = None
    cable_max_current_a: int | None = None
    meter_values: tuple[MeterValue, ...] = ()
    meter_wh: int | None = None
    authorized_at: datetime | None = None
    authorized_meter_wh: int | None = None
    evcc_id: str | None = field(default=None, repr=False)
    host_lacks_id: bool = False
    connector_number: int = 0


@dataclass(frozen=True, slots=True)
class MeterValues(CsmsRequest[Nothing]):
    """MeterValuesRequest: readings outside of a transaction; EVSE 0 is the station.

    What the CSMS triggers may be read during a transaction: `csms_transaction_id` is then the
    number that a 1.6 CSMS gave it.
    """

    evse: EvseRef
    meter_values: tuple[MeterValue, ...]
    csms_transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """A transaction that is open now, for people; `energy_wh` since its start."""

    transaction_id: str
    session_id: str
    evse: EvseRef
    charging_state: ChargingState
    started_at: datetime
    seq_no: int
    energy_wh: int | None = None
    csms_transaction_id: str | None = None
    id_token: IdToken | None = None


@dataclass(frozen=True, slots=True)
class OcppTransactionEvent:
    """The var `ocpp_transaction_event` (contract 1.2)."""

    transaction_event: TransactionEventType
    session_id: str
    evse: EvseRef | None = None
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class OcppTransactionEventResponse:
    """The var `ocpp_transaction_event_response` (contract 1.2)."""

    original_transaction_event: OcppTransactionEvent
    total_cost: float | None = None
    charging_priority: int | None = None
    personal_message: MessageContent | None = None
