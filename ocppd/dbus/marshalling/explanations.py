"""Why a limit is what it is, as the bus tells it; and limits that an external system sets."""

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from ocppd.dbus.binding import Variant
from ocppd.dbus.marshalling.plain import variants
from ocppd.dbus.marshalling.schedules import UNIT, phases, schedule
from ocppd.dbus.marshalling.schema import (
    Mistake,
    Reader,
    argument,
    array,
    boolean,
    dictionary,
    from_dict,
    integer,
    moment,
    number,
    optional,
    required,
    text,
)
from ocppd.errors import InvalidArgument
from ocppd.model.charging_profiles import InstalledProfile, ProfilePeriod, ProfileSchedule
from ocppd.model.charging_schedules import ChargingRateUnit, ChargingSchedule, PerPhase
from ocppd.model.smart_charging import HostLimit
from ocppd.station.schedule_explanation import Band, Contribution, Explanation

_LONGEST_S = 7 * 86_400
_DURATION = integer(1, _LONGEST_S)
_MOST_PERIODS = 1024
_LONGEST_PROFILE = 200_000


# -- questions -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WhatIf:
    """A profile in OCPP's words that is not installed, and at which EVSE it would be."""

    profile: str | None = None
    evse_id: int | None = None


_WHAT_IF: Reader[WhatIf] = dictionary(
    WhatIf,
    optional("profile", text(_LONGEST_PROFILE, minimum=1)),
    optional("evse_id", integer(0)),
)


def read_what_if(what_if: dict[str, Variant]) -> WhatIf:
    """Read the argument what_if; raises InvalidArgument."""
    return from_dict("what_if", _WHAT_IF, what_if)


def read_at(at: str) -> datetime | None:
    """Read a moment; empty is now. Raises InvalidArgument."""
    return argument("at", moment, "s", at) if at else None


def read_unit(unit: str) -> ChargingRateUnit:
    """Read a unit; raises InvalidArgument."""
    return argument("unit", UNIT, "s", unit)


def read_duration(duration_s: int) -> int:
    """Read for how long to explain; raises InvalidArgument."""
    return argument("duration_s", _DURATION, "i", duration_s)


# -- answers -------------------------------------------------------------------------------------


def _profile(installed: InstalledProfile, supposed: int | None) -> dict[str, Any]:
    profile = installed.profile
    return {
        "profile_id": profile.id,
        "purpose": profile.purpose,
        "stack_level": profile.stack_level,
        "evse_id": installed.evse_id,
        "source": installed.source,
        "transaction_id": profile.transaction_id,
        "what_if": True if profile.id == supposed else None,
    }


def _contribution(one: Contribution, supposed: int | None) -> dict[str, Variant]:
    return variants(
        {
            **_profile(one.installed, supposed),
            "standing": one.standing,
            **phases("limit", one.limit),
            "by_profile_id": one.by_profile_id,
            "next_start": one.next_start,
        }
    )


def explanation(
    told: Explanation,
    unit: ChargingRateUnit,
    default_limit: float,
    supposed: int | None = None,
) -> dict[str, Variant]:
    """Write why a limit is what it is; `supposed` is the id of a profile that is not installed."""
    period = told.period
    giver = period.giver
    return variants(
        {
            **phases("limit", period.limit or PerPhase(default_limit)),
            "unit": unit,
            "from_profile": period.limit is not None,
            "number_phases": period.number_phases,
            "profile_id": None if giver is None else giver.profile.id,
            "until": told.until,
            "contributions": Variant(
                "aa{sv}", [_contribution(one, supposed) for one in told.contributions]
            ),
        }
    )


def explained_schedule(
    whole: ChargingSchedule, bands: tuple[Band, ...], supposed: int | None = None
) -> dict[str, Variant]:
    """Write a schedule, and what each profile that leads in it would give by itself."""
    return {
        "schedule": Variant("a{sv}", schedule(whole)),
        "profiles": Variant("aa{sv}", [_band(band, supposed) for band in bands]),
    }


def _band(band: Band, supposed: int | None) -> dict[str, Variant]:
    periods = [
        variants({"start_period": begin, "end_period": end, **phases("limit", limit)})
        for begin, end, limit in band.periods
    ]
    return variants({**_profile(band.installed, supposed), "periods": Variant("aa{sv}", periods)})


# -- external limits -----------------------------------------------------------------------------


def _amounts(*keys: tuple[str, float, float]) -> Any:
    return tuple(
        optional(f"{name}{phase}", number(low, high))
        for name, low, high in keys
        for phase in ("", "_L2", "_L3")
    )


def _per_phase(read: dict[str, Any], name: str) -> PerPhase | None:
    l1, l2, l3 = (read.get(f"{name}{phase}") for phase in ("", "_L2", "_L3"))
    if l1 is None:
        if l2 is not None or l3 is not None:
            raise Mistake("missing", f".{name}")
        return None
    if l2 is None and l3 is None:
        return PerPhase(l1)
    return PerPhase(l1, l1 if l2 is None else l2, l1 if l3 is None else l3)


def _make_period(**read: Any) -> ProfilePeriod:
    return ProfilePeriod(
        read["start_period"],
        _per_phase(read, "limit"),
        number_phases=read.get("number_phases"),
        discharge_limit=_per_phase(read, "discharge_limit"),
        setpoint=_per_phase(read, "setpoint"),
    )


_HIGH = 1e9
_PERIOD: Reader[ProfilePeriod] = dictionary(
    _make_period,
    required("start_period", integer(0)),
    optional("number_phases", integer(1, 3)),
    *_amounts(("limit", 0, _HIGH), ("discharge_limit", -_HIGH, 0), ("setpoint", -_HIGH, _HIGH)),
)


def _make_limit(**read: Any) -> HostLimit:
    periods: tuple[ProfilePeriod, ...] = read["charging_schedule_period"]
    if periods[0].start_period_s != 0:
        raise Mistake("the first one is 0", ".charging_schedule_period[0].start_period")
    for index, (earlier, later) in enumerate(pairwise(periods), start=1):
        if later.start_period_s <= earlier.start_period_s:
            raise Mistake(
                "not after the one before", f".charging_schedule_period[{index}].start_period"
            )
    for index, one in enumerate(periods):
        if one.limit is None and one.discharge_limit is None and one.setpoint is None:
            raise Mistake("limits nothing", f".charging_schedule_period[{index}]")
    if read["source"] == "CSO":  # K11.FR.05
        raise Mistake("the CSO limits by charging profiles", ".source")
    return HostLimit(
        read["evse_id"],
        read["source"],
        ProfileSchedule(
            periods,
            read["charging_rate_unit"],
            id=1,
            start=read.get("start_schedule"),
            duration_s=read.get("duration"),
        ),
        read.get("is_grid_critical"),
    )


_LIMIT: Reader[HostLimit] = dictionary(
    _make_limit,
    required("evse_id", integer(0)),
    required("source", text(20, minimum=1)),
    required("charging_rate_unit", UNIT),
    required("charging_schedule_period", array(_PERIOD, _MOST_PERIODS, minimum=1)),
    optional("start_schedule", moment),
    optional("duration", integer(1)),
    optional("is_grid_critical", boolean),
)


def read_limit(limit: dict[str, Variant]) -> HostLimit:
    """Read the argument of SetExternalLimit; raises InvalidArgument."""
    return from_dict("limit", _LIMIT, limit)


_WHICH: Reader[dict[str, Any]] = dictionary(
    dict[str, Any], optional("evse_id", integer(0)), optional("source", text(20, minimum=1))
)


def read_which(which: dict[str, Variant]) -> tuple[int | None, str | None]:
    """Read the argument of ClearExternalLimit: EVSE and source; raises InvalidArgument."""
    read = from_dict("which", _WHICH, which)
    return read.get("evse_id"), read.get("source")


def no_reader(_text: str) -> tuple[int | None, Any]:
    """Refuse profiles where nobody said how they are read."""
    raise InvalidArgument("what_if.profile: profiles are not read here")
