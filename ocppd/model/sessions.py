"""What the host reports of its EVSEs, in EVerest's words.

A session is EVerest's, from plug-in (or authorization) to plug-out; a transaction is OCPP's.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ocppd.model.tokens import ProvidedIdToken


class SessionEventType(StrEnum):
    """What happened in a session."""

    AUTHORIZED = "Authorized"
    DEAUTHORIZED = "Deauthorized"
    ENABLED = "Enabled"
    DISABLED = "Disabled"
    SESSION_STARTED = "SessionStarted"
    AUTH_REQUIRED = "AuthRequired"
    TRANSACTION_STARTED = "TransactionStarted"
    PREPARE_CHARGING = "PrepareCharging"
    CHARGING_STARTED = "ChargingStarted"
    CHARGING_PAUSED_EV = "ChargingPausedEV"
    CHARGING_PAUSED_EVSE = "ChargingPausedEVSE"
    CHARGING_RESUMED = "ChargingResumed"
    STOPPING_CHARGING = "StoppingCharging"
    CHARGING_FINISHED = "ChargingFinished"
    TRANSACTION_FINISHED = "TransactionFinished"
    SESSION_FINISHED = "SessionFinished"
    RESERVATION_START = "ReservationStart"
    RESERVATION_END = "ReservationEnd"
    SESSION_RESUMED = "SessionResumed"
    PLUGIN_TIMEOUT = "PluginTimeout"
    SWITCHING_PHASES = "SwitchingPhases"
    REPLUG_STARTED = "ReplugStarted"
    REPLUG_FINISHED = "ReplugFinished"


class SessionStartReason(StrEnum):
    """Why a session started."""

    EV_CONNECTED = "EVConnected"
    AUTHORIZED = "Authorized"


class StopReason(StrEnum):
    """Why a transaction finished, in EVerest's words (its StopTransactionReason)."""

    DE_AUTHORIZED = "DeAuthorized"
    EMERGENCY_STOP = "EmergencyStop"
    ENERGY_LIMIT_REACHED = "EnergyLimitReached"
    EV_DISCONNECTED = "EVDisconnected"
    GROUND_FAULT = "GroundFault"
    HARD_RESET = "HardReset"
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
    SOFT_RESET = "SoftReset"
    STOPPED_BY_EV = "StoppedByEV"
    TIME_LIMIT_REACHED = "TimeLimitReached"
    TIMEOUT = "Timeout"
    UNLOCK_COMMAND = "UnlockCommand"
    EVSE_DISABLED = "EVSEDisabled"
    REQ_ENERGY_TRANSFER_REJECTED = "ReqEnergyTransferRejected"


class PauseReason(StrEnum):
    """Why the EVSE pauses."""

    USER_PAUSE = "UserPause"
    ERROR = "Error"
    NO_ENERGY = "NoEnergy"


@dataclass(frozen=True, slots=True)
class SignedMeterValue:
    """A reading signed by the meter (SignedMeterValueType)."""

    signed_meter_data: str
    signing_method: str
    encoding_method: str
    public_key: str | None = None
    timestamp: datetime | None = None


@dataclass(frozen=True, slots=True)
class PerPhase:
    """A quantity in total and by conductor; absent where the meter does not tell."""

    total: float | None = None
    dc: float | None = None
    l1: float | None = None
    l2: float | None = None
    l3: float | None = None
    n: float | None = None


@dataclass(frozen=True, slots=True)
class SignedPerPhase:
    """Signed readings in total and by conductor."""

    total: SignedMeterValue | None = None
    dc: SignedMeterValue | None = None
    l1: SignedMeterValue | None = None
    l2: SignedMeterValue | None = None
    l3: SignedMeterValue | None = None
    n: SignedMeterValue | None = None


@dataclass(frozen=True, slots=True)
class Temperature:
    """A temperature in degrees Celsius, and where it was taken."""

    temperature: float
    identification: str | None = None
    location: str | None = None


@dataclass(frozen=True, slots=True)
class Powermeter:
    """One reading of an EVSE's meter: Wh, W, var, V, A, Hz."""

    timestamp: datetime
    energy_wh_import: PerPhase
    energy_wh_export: PerPhase | None = None
    power_w: PerPhase | None = None
    var: PerPhase | None = None
    voltage_v: PerPhase | None = None
    current_a: PerPhase | None = None
    frequency_hz: PerPhase | None = None
    energy_wh_import_signed: SignedPerPhase | None = None
    energy_wh_export_signed: SignedPerPhase | None = None
    power_w_signed: SignedPerPhase | None = None
    var_signed: SignedPerPhase | None = None
    voltage_v_signed: SignedPerPhase | None = None
    current_a_signed: SignedPerPhase | None = None
    frequency_hz_signed: SignedPerPhase | None = None
    signed_meter_value: SignedMeterValue | None = None
    meter_id: str | None = None
    phase_seq_error: bool | None = None
    temperatures: tuple[Temperature, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionEvent:
    """One report of `ReportSessionEvent`, its optional parts flattened.

    Attributes:
        uuid: the session, at most 36 characters
        timestamp: when it happened, by the host's clock
        connector_id: the connector of the EVSE (1..m)
        meter_value: the reading that belongs to the event
        id_token: of TransactionStarted, TransactionFinished and SessionStarted
        start_reason: of SessionStarted
        stop_reason: of TransactionFinished
        pause_reasons: of ChargingPausedEVSE

    """

    uuid: str
    timestamp: datetime
    event: SessionEventType
    connector_id: int = 1
    meter_value: Powermeter | None = None
    signed_meter_value: SignedMeterValue | None = None
    start_signed_meter_value: SignedMeterValue | None = None
    id_token: ProvidedIdToken | None = None
    reservation_id: int | None = None
    start_reason: SessionStartReason | None = None
    stop_reason: StopReason | None = None
    pause_reasons: tuple[PauseReason, ...] = ()
    source: str | None = None
    logging_path: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class EvInfo:
    """What the car tells of itself: percent, V, A, W, Wh."""

    soc: float | None = None
    evcc_id: str | None = None
    present_voltage: float | None = None
    present_current: float | None = None
    target_voltage: float | None = None
    target_current: float | None = None
    maximum_current_limit: float | None = None
    minimum_current_limit: float | None = None
    maximum_voltage_limit: float | None = None
    maximum_power_limit: float | None = None
    estimated_time_full: datetime | None = None
    departure_time: datetime | None = None
    remaining_energy_needed: float | None = None
    battery_capacity: float | None = None
    battery_full_soc: float | None = None
    battery_bulk_soc: float | None = None


@dataclass(frozen=True, slots=True)
class HwCapabilities:
    """What the EVSE's hardware can do: amperes and phases, import and export."""

    max_current_a_import: float
    min_current_a_import: float
    max_phase_count_import: int
    min_phase_count_import: int
    max_current_a_export: float
    min_current_a_export: float
    max_phase_count_export: int
    min_phase_count_export: int
    supports_changing_phases_during_charging: bool
    connector_type: str
    supports_cp_state_e: bool | None = None
    max_plug_temperature_c: float | None = None


@dataclass(frozen=True, slots=True)
class EvseLimits:
    """What the EVSE offers the car at present (Current.Offered, Power.Offered)."""

    uuid: str | None
    max_current: float
    nr_of_phases_available: int
