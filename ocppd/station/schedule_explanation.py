"""Why a limit is what it is: what each profile does at a moment, and until when."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ocppd.model.charging_profiles import (
    ChargingProfilePurpose,
    InstalledProfile,
)
from ocppd.model.charging_schedules import ChargingRateUnit, PerPhase
from ocppd.station.composite_schedule import (
    Span,
    Window,
    composite_schedule,
    concerns,
    is_of_station,
    next_start_s,
    period_at,
)
from ocppd.station.merged_period import CompositePeriod, Leading, Situation, limit_of

_HORIZON_S = 8 * 86_400
_GENERATION = ChargingProfilePurpose.LOCAL_GENERATION


class Standing(StrEnum):
    """What a profile does to the limit at a moment."""

    GIVES_LIMIT = "GivesLimit"
    ALLOWS_MORE = "AllowsMore"
    ADDS = "Adds"
    NO_LIMIT = "NoLimit"
    OVERRULED = "Overruled"
    REPLACED = "Replaced"
    NO_PERIOD = "NoPeriod"
    ADDS_UP = "AddsUp"
    ELSEWHERE = "Elsewhere"


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one profile has to say at a moment.

    `limit` is what it would give by itself, in the unit that is asked for. `by_profile_id` is
    who has a higher stack level (Overruled), or a purpose that takes its place (Replaced).
    `next_start` is when it has a period again, within the next days.
    """

    installed: InstalledProfile
    standing: Standing
    limit: PerPhase | None = None
    by_profile_id: int | None = None
    next_start: datetime | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What applies to an EVSE at a moment, until when, and what each profile does to it.

    `until` is None where nothing changes within the next eight days.
    """

    period: CompositePeriod
    until: datetime | None
    contributions: tuple[Contribution, ...]


def explain(
    profiles: Iterable[InstalledProfile],
    situation: Situation,
    moment: datetime,
    unit: ChargingRateUnit,
    spans_of: Callable[[Window], tuple[Span, ...]] | None = None,
) -> Explanation:
    """Tell what applies to an EVSE at a moment, and why.

    `spans_of` tells what applies over a window, where that is not for an EVSE alone: the station.
    """
    profiles = list(profiles)
    window = Window(moment, _HORIZON_S)
    if spans_of is None:
        spans = composite_schedule(profiles, situation, window, unit)
    else:
        spans = spans_of(window)
    now = spans[0]
    change = next((one for one in spans if one.period != now.period), None)
    contributions = (
        _contribution(one, now, situation, window, unit)
        for one in sorted(profiles, key=_by_purpose_and_level)
    )
    until = None if change is None else moment + timedelta(seconds=change.start_s)
    return Explanation(now.period, until, tuple(contributions))


@dataclass(frozen=True, slots=True)
class Band:
    """What one profile says over time: its own limit from a second until before another."""

    installed: InstalledProfile
    periods: tuple[tuple[int, int, PerPhase | None], ...]


def bands(spans: Iterable[Span], situation: Situation, unit: ChargingRateUnit) -> tuple[Band, ...]:
    """Return the profiles that lead in spans, each with the limits that it would give by itself."""
    found: dict[int, tuple[InstalledProfile, list[tuple[int, int, PerPhase | None]]]] = {}
    for span in spans:
        for leading in span.leading:
            installed = leading.installed
            _, periods = found.setdefault(installed.profile.id, (installed, []))
            limit = limit_of(leading, situation, unit)
            if periods and periods[-1][1] == span.start_s and periods[-1][2] == limit:
                periods[-1] = (periods[-1][0], span.end_s, limit)
            elif not periods or periods[-1][1] <= span.start_s:
                periods.append((span.start_s, span.end_s, limit))
    ordered = sorted(found.values(), key=lambda one: _by_purpose_and_level(one[0]))
    return tuple(Band(installed, tuple(periods)) for installed, periods in ordered)


def _by_purpose_and_level(installed: InstalledProfile) -> tuple[int, int, int]:
    profile = installed.profile
    return list(ChargingProfilePurpose).index(profile.purpose), -profile.stack_level, profile.id


def _contribution(
    installed: InstalledProfile,
    now: Span,
    situation: Situation,
    window: Window,
    unit: ChargingRateUnit,
) -> Contribution:
    if situation.evse_id == 0 and not is_of_station(installed):
        leading = next((one for one in now.leading if one.installed is installed), None)
        if leading is not None:
            return Contribution(installed, Standing.ADDS_UP, limit_of(leading, situation, unit))
        return Contribution(installed, Standing.ELSEWHERE)
    if not concerns(installed, situation):
        return Contribution(installed, Standing.ELSEWHERE)
    period = period_at(installed, situation, window.start)
    if period is None:
        starts_s = next_start_s(installed, situation, window)
        starts = None if starts_s is None else window.start + timedelta(seconds=starts_s)
        return Contribution(installed, Standing.NO_PERIOD, next_start=starts)
    limit = limit_of(Leading(installed, period), situation, unit)
    leader = next(one for one in now.leading if one.installed.group == installed.group)
    if leader.installed is not installed:
        return Contribution(
            installed, Standing.OVERRULED, limit, by_profile_id=leader.installed.profile.id
        )
    if now.period.giver is installed:
        return Contribution(installed, Standing.GIVES_LIMIT, limit)
    if installed.profile.purpose is _GENERATION:
        return Contribution(installed, Standing.ADDS, limit)
    stronger = leader.replaced_by(now.leading)
    if stronger is not None:
        return Contribution(
            installed, Standing.REPLACED, limit, by_profile_id=stronger.installed.profile.id
        )
    standing = Standing.NO_LIMIT if limit is None else Standing.ALLOWS_MORE
    return Contribution(installed, standing, limit)
