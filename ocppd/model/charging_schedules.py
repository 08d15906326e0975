"""Composite schedules, as the host is told of them (block K)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ChargingRateUnit(StrEnum):
    """ChargingRateUnitEnumType."""

    A = "A"
    W = "W"


@dataclass(frozen=True, slots=True)
class ChargingSchedulePeriod:
    """What applies from `start_period_s` after the start of the schedule."""

    start_period_s: int
    limit: float
    number_phases: int | None = None
    phase_to_use: int | None = None
    stack_level: int | None = None


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
