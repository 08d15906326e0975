"""Charging schedules and limits: those that are published, and those for the energy management."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ocppd.dbus.binding import Variant
from ocppd.dbus.marshalling.plain import rfc3339, variants
from ocppd.dbus.marshalling.schema import argument, choice, integer
from ocppd.model.charging_schedules import (
    ChargingRateUnit,
    ChargingSchedule,
    ChargingSchedulePeriod,
    PerPhase,
)
from ocppd.model.smart_charging import ExternalLimit

UNIT = choice(ChargingRateUnit)
_DURATION = integer(1, 365 * 86_400)
_SOURCE = "OCPP"


def schedule_request(duration_s: int, unit: str) -> tuple[int, ChargingRateUnit]:
    """Read the arguments of GetCompositeSchedules; raises InvalidArgument."""
    return argument("duration_s", _DURATION, "i", duration_s), argument("unit", UNIT, "s", unit)


def phases(name: str, value: PerPhase | None) -> dict[str, float]:
    """Return the keys of a limit or setpoint: those of L2 and L3 where the phases differ."""
    if value is None:
        return {}
    keys = ((name, value.l1), (f"{name}_L2", value.l2), (f"{name}_L3", value.l3))
    return {key: float(one) for key, one in keys if one is not None}


def _period(period: ChargingSchedulePeriod) -> dict[str, Variant]:
    return variants(
        {
            "start_period": period.start_period_s,
            **phases("limit", period.limits),
            "number_phases": period.number_phases,
            "phase_to_use": period.phase_to_use,
            "stack_level": period.stack_level,
            **phases("discharge_limit", period.discharge_limit),
            **phases("setpoint", period.setpoint),
            **phases("setpoint_reactive", period.setpoint_reactive),
            "preconditioning_request": period.preconditioning_request,
            "evse_sleep": period.evse_sleep,
            "v2x_baseline": None if period.v2x_baseline is None else float(period.v2x_baseline),
            "operation_mode": period.operation_mode,
            "profile_id": period.profile_id,
            "from_profile": period.from_profile,
        }
    )


def schedule(schedule: ChargingSchedule) -> dict[str, Variant]:
    """Write one composite schedule."""
    rate = schedule.min_charging_rate
    return variants(
        {
            "evse": schedule.evse_id,
            "charging_rate_unit": schedule.charging_rate_unit,
            "duration": schedule.duration_s,
            "start_schedule": schedule.start_schedule,
            "charging_schedule_period": Variant(
                "aa{sv}", [_period(period) for period in schedule.periods]
            ),
            "min_charging_rate": None if rate is None else float(rate),
        }
    )


def charging_schedules(schedules: Sequence[ChargingSchedule]) -> dict[str, Variant]:
    """Write composite schedules."""
    return {"schedules": Variant("aa{sv}", [schedule(each) for each in schedules])}


# -- the host's energy management ----------------------------------------------------------------


def external_limits(steps: Sequence[ExternalLimit], setpoint_priority: int) -> dict[str, Variant]:
    """Write ExternalLimits of EVerest: import, export (positive too) and setpoints."""
    return {
        "schedule_import": _entries(_flows((one, one.limit) for one in steps)),
        "schedule_export": _entries(
            _flows((one, _positive(one.discharge_limit)) for one in steps)
            if any(one.discharge_limit is not None for one in steps)
            else ()
        ),
        "schedule_setpoints": _entries(
            _setpoints(steps, setpoint_priority)
            if any(one.setpoint is not None for one in steps)
            else ()
        ),
    }


def _entries(entries: Any) -> Variant:
    return Variant("aa{sv}", [variants(entry) for entry in entries])


def _positive(value: PerPhase | None) -> PerPhase | None:
    return None if value is None else value.each(abs)


def _flows(values: Iterator[tuple[ExternalLimit, PerPhase | None]]) -> Iterator[Mapping[str, Any]]:
    for step, value in values:
        limits: dict[str, Any] = {}
        if value is not None:
            source = _source(step)
            if step.unit is ChargingRateUnit.A:
                limits["ac_max_current_A"] = {"value": _every_phase(value), "source": source}
            else:
                limits["total_power_W"] = {"value": _total(value, step), "source": source}
            if step.number_phases is not None:
                limits["ac_max_phase_count"] = {"value": step.number_phases, "source": source}
        yield {
            "timestamp": rfc3339(step.timestamp),
            "limits_to_root": limits,
            "limits_to_leaves": {},
        }


def _setpoints(
    steps: Sequence[ExternalLimit], setpoint_priority: int
) -> Iterator[Mapping[str, Any]]:
    for step in steps:
        entry: dict[str, Any] = {"timestamp": rfc3339(step.timestamp)}
        if step.setpoint is not None:
            in_amps = step.unit is ChargingRateUnit.A
            value = _every_phase(step.setpoint) if in_amps else _total(step.setpoint, step)
            entry["setpoint"] = {
                "ac_current_A" if in_amps else "total_power_W": value,
                "priority": setpoint_priority,
                "source": _source(step),
            }
        yield entry


def _source(step: ExternalLimit) -> str:
    """Return whose value it is; of several EVSEs together no profile can be named."""
    return _SOURCE if step.profile_id is None else f"{_SOURCE} profile {step.profile_id}"


def _every_phase(value: PerPhase) -> float:
    """Return what each phase may have: EVerest knows one value for all, so that of the weakest."""
    if value.l2 is None or value.l3 is None:
        return float(value.l1)
    return float(min(value.l1, value.l2, value.l3, key=abs))


def _total(value: PerPhase, step: ExternalLimit) -> float:
    """Return the power of all phases, of which none gets more than its own."""
    if not value.is_apart:
        return float(value.l1)
    return _every_phase(value) * (step.number_phases or 3)
