"""Composite schedules, as the host is told of them (block K)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ChargingRateUnit(StrEnum):
    """ChargingRateUnitEnumType."""

    A = "A"
    W = "W"


class OperationMode(StrEnum):
    """OperationModeEnumType of 2.1."""

    IDLE = "Idle"
    CHARGING_ONLY = "ChargingOnly"
    CENTRAL_SETPOINT = "CentralSetpoint"
    EXTERNAL_SETPOINT = "ExternalSetpoint"
    EXTERNAL_LIMITS = "ExternalLimits"
    CENTRAL_FREQUENCY = "CentralFrequency"
    LOCAL_FREQUENCY = "LocalFrequency"
    LOCAL_LOAD_BALANCING = "LocalLoadBalancing"


@dataclass(frozen=True, slots=True)
class PerPhase:
    """A limit or a setpoint, in the unit of its schedule.

    In A it is the current of each phase, in W the power of all of them (K01.FR.50, FR.51). Where
    `l2` and `l3` are given, `l1` is that of the first phase alone.
    """

    l1: float
    l2: float | None = None
    l3: float | None = None

    @property
    def is_apart(self) -> bool:
        """Whether each phase is told for itself."""
        return self.l2 is not None and self.l3 is not None

    def whole(self, unit: ChargingRateUnit) -> float:
        """Return the current of the phase that has most, or the power of all phases."""
        if self.l2 is None or self.l3 is None:
            return self.l1
        phases = (self.l1, self.l2, self.l3)
        return max(phases) if unit is ChargingRateUnit.A else sum(phases)

    def each(self, change: Callable[[float], float]) -> "PerPhase":
        """Return what a change of each phase makes of it."""
        l2, l3 = (None if one is None else change(one) for one in (self.l2, self.l3))
        return PerPhase(change(self.l1), l2, l3)


@dataclass(frozen=True, slots=True)
class ChargingSchedulePeriod:
    """What applies from `start_period_s` after the start of the schedule.

    `limit_l2` and `limit_l3` are there where the phases differ; `limit` is then that of the first.
    `stack_level` and `profile_id` are those of the profile whose limit it is: none where only the
    default limit applies, or several EVSEs together. `from_profile` is False where only the default
    limit applies.
    """

    start_period_s: int
    limit: float
    number_phases: int | None = None
    phase_to_use: int | None = None
    stack_level: int | None = None
    profile_id: int | None = None
    limit_l2: float | None = None
    limit_l3: float | None = None
    discharge_limit: PerPhase | None = None
    setpoint: PerPhase | None = None
    operation_mode: OperationMode | None = None
    setpoint_reactive: PerPhase | None = None
    evse_sleep: bool | None = None
    preconditioning_request: bool | None = None
    v2x_baseline: float | None = None
    from_profile: bool = False

    @property
    def limits(self) -> PerPhase:
        """The limit of each phase."""
        return PerPhase(self.limit, self.limit_l2, self.limit_l3)


@dataclass(frozen=True, slots=True)
class ChargingSchedule:
    """The limits of one EVSE over time; EVSE 0 is the station.

    `from_profile` is False where nothing but the configured default limits applies.
    """

    evse_id: int
    charging_rate_unit: ChargingRateUnit
    periods: tuple[ChargingSchedulePeriod, ...]
    duration_s: int
    start_schedule: datetime
    min_charging_rate: float | None = None
    from_profile: bool = False
