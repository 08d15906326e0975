"""Charging profiles: what limits charging, and when (block K, chapter 3)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ocppd.model.charging_schedules import ChargingRateUnit, OperationMode, PerPhase


class ChargingProfilePurpose(StrEnum):
    """ChargingProfilePurposeEnumType of 2.1; 1.6 says ChargePointMaxProfile for the first."""

    CHARGING_STATION_MAX_PROFILE = "ChargingStationMaxProfile"
    CHARGING_STATION_EXTERNAL_CONSTRAINTS = "ChargingStationExternalConstraints"
    TX_DEFAULT_PROFILE = "TxDefaultProfile"
    TX_PROFILE = "TxProfile"
    PRIORITY_CHARGING = "PriorityCharging"
    LOCAL_GENERATION = "LocalGeneration"


class ChargingProfileKind(StrEnum):
    """ChargingProfileKindEnumType."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"
    DYNAMIC = "Dynamic"


class RecurrencyKind(StrEnum):
    """RecurrencyKindEnumType."""

    DAILY = "Daily"
    WEEKLY = "Weekly"

    @property
    def interval_s(self) -> int:
        """The seconds from one start to the next."""
        return 86_400 if self is RecurrencyKind.DAILY else 7 * 86_400


@dataclass(frozen=True, slots=True)
class ProfilePeriod:
    """ChargingSchedulePeriodType: what applies from `start_period_s` after the schedule's start.

    A discharge limit is never above 0; a negative setpoint is discharging.
    """

    start_period_s: int
    limit: PerPhase | None = None
    number_phases: int | None = None
    phase_to_use: int | None = None
    discharge_limit: PerPhase | None = None
    setpoint: PerPhase | None = None
    setpoint_reactive: PerPhase | None = None
    operation_mode: OperationMode | None = None
    evse_sleep: bool | None = None
    preconditioning_request: bool | None = None
    v2x_baseline: float | None = None


@dataclass(frozen=True, slots=True)
class LimitAtSoC:
    """From a state of charge of `soc` percent on, no more than `limit` (K01.FR.100)."""

    soc: int
    limit: float


@dataclass(frozen=True, slots=True)
class ProfileSchedule:
    """ChargingScheduleType.

    With `use_local_time`, `start` is the time on the wall, whatever its zone (K01.FR.90).
    """

    periods: tuple[ProfilePeriod, ...]
    unit: ChargingRateUnit
    id: int = 0
    start: datetime | None = None
    duration_s: int | None = None
    min_charging_rate: float | None = None
    use_local_time: bool = False
    randomized_delay_s: int = 0
    limit_at_soc: LimitAtSoC | None = None


@dataclass(frozen=True, slots=True)
class ChargingProfile:
    """ChargingProfileType; the first of `schedules` is the one that is used (K01.FR.34).

    `transaction_id` is the station's own, also where 1.6 knows a number.
    """

    id: int
    stack_level: int
    purpose: ChargingProfilePurpose
    kind: ChargingProfileKind
    schedules: tuple[ProfileSchedule, ...]
    recurrency: RecurrencyKind | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    transaction_id: str | None = None
    max_offline_duration_s: int | None = None
    invalid_after_offline_duration: bool = False
    dyn_update_interval_s: int | None = None
    dyn_update_time: datetime | None = None

    @property
    def schedule(self) -> ProfileSchedule:
        """The schedule that is used."""
        return self.schedules[0]


@dataclass(frozen=True, slots=True)
class InstalledProfile:
    """A profile, for which EVSE (0: the station), and from whom.

    `source` is a ChargingLimitSourceEnumType: EMS, Other, SO or CSO. `delays_s` has the random
    delay of each period, once they are drawn (K01.FR.93).
    """

    profile: ChargingProfile
    evse_id: int
    installed_at: datetime
    source: str = "CSO"
    delays_s: tuple[int, ...] = ()

    @property
    def group(self) -> tuple[str, ...]:
        """Those of the same group overrule each other by their stack level."""
        purpose = self.profile.purpose
        if purpose is ChargingProfilePurpose.CHARGING_STATION_EXTERNAL_CONSTRAINTS:
            return (purpose, self.source, str(self.evse_id))
        return (purpose,)
