"""The composite schedule as the standard tells it: slow, obvious, one second at a time.

Everything is asked anew for each moment; nothing is shared with the engine but the vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ocppd.model.charging_profiles import (
    ChargingProfileKind,
    ChargingProfilePurpose,
    InstalledProfile,
    ProfilePeriod,
    RecurrencyKind,
)
from ocppd.model.charging_schedules import ChargingRateUnit
from ocppd.station.merged_period import Situation

Purpose = ChargingProfilePurpose
EXTERNAL = Purpose.CHARGING_STATION_EXTERNAL_CONSTRAINTS
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Moment:
    """What applies at one moment; everything is None where no profile does."""

    limit: float | None
    phases: int | None
    giver: int | None


def at(
    profiles: Sequence[InstalledProfile],
    situation: Situation,
    moment: datetime,
    asked_at: datetime,
    unit: ChargingRateUnit,
) -> Moment:
    """Return what applies to an EVSE at a moment."""
    leading: dict[object, tuple[InstalledProfile, ProfilePeriod]] = {}
    kinds: list[object] = [one for one in Purpose if one is not EXTERNAL]
    kinds += [(one.source, one.evse_id) for one in profiles if one.profile.purpose is EXTERNAL]
    for purpose in kinds:
        there = [
            (installed, period)
            for installed in profiles
            if purpose
            == (
                installed.profile.purpose
                if installed.profile.purpose is not EXTERNAL
                else (installed.source, installed.evse_id)
            )
            and _about(installed, situation)
            and _valid(installed, situation, moment)
            and (period := _period(installed, situation, moment, asked_at)) is not None
        ]
        if there:
            highest = max(installed.profile.stack_level for installed, _ in there)
            [leading[purpose]] = [
                one for one in there if one[0].profile.stack_level == highest
            ]  # the generator makes no two of them
    for weaker, stronger in (
        (Purpose.TX_PROFILE, Purpose.PRIORITY_CHARGING),
        (Purpose.TX_DEFAULT_PROFILE, Purpose.PRIORITY_CHARGING),
        (Purpose.TX_DEFAULT_PROFILE, Purpose.TX_PROFILE),
    ):
        if stronger in leading:
            leading.pop(weaker, None)
    generation = leading.pop(Purpose.LOCAL_GENERATION, None)
    if not leading:
        return Moment(None, situation.phases, None)
    phases = min(period.number_phases or situation.phases for _, period in leading.values())
    limits = {
        installed.profile.id: _in_unit(installed, period, phases, situation, unit)
        for installed, period in leading.values()
        if period.limit is not None
    }
    if not limits:
        return Moment(None, phases, None)
    lowest = min(limits.values())
    added = 0.0
    if generation is not None and generation[1].limit is not None:
        added = _in_unit(*generation, phases, situation, unit)
    givers = [one for one, limit in limits.items() if limit == lowest]
    return Moment(lowest + added, phases, givers[0] if len(givers) == 1 else None)


def _about(installed: InstalledProfile, situation: Situation) -> bool:
    profile = installed.profile
    if installed.evse_id != 0 and installed.evse_id != situation.evse_id:
        return False
    if profile.purpose is Purpose.TX_PROFILE:
        return profile.transaction_id == situation.transaction_id
    if profile.purpose is Purpose.PRIORITY_CHARGING:
        return situation.priority_charging
    return True


def _valid(installed: InstalledProfile, situation: Situation, moment: datetime) -> bool:
    profile = installed.profile
    if profile.valid_from is not None and moment < profile.valid_from:
        return False
    if profile.valid_to is not None and moment >= profile.valid_to:
        return False
    if situation.offline_since is not None:
        if profile.purpose in situation.ignored_offline:
            return False
        offline = moment - situation.offline_since
        longest = profile.max_offline_duration_s
        if longest is not None and offline > timedelta(seconds=longest):
            return False
    return True


def _period(
    installed: InstalledProfile, situation: Situation, moment: datetime, asked_at: datetime
) -> ProfilePeriod | None:
    profile = installed.profile
    schedule = profile.schedule
    now = moment
    match profile.kind:
        case ChargingProfileKind.RELATIVE:
            start = situation.power_path_closed or asked_at
            if profile.purpose is Purpose.CHARGING_STATION_EXTERNAL_CONSTRAINTS:
                start = installed.installed_at
        case ChargingProfileKind.DYNAMIC:
            start = installed.installed_at
        case _:
            assert schedule.start is not None
            start = schedule.start
            if schedule.use_local_time:
                now = moment.astimezone(situation.time_zone).replace(tzinfo=UTC)
    if now < start:
        return None
    since = now - start
    if profile.kind is ChargingProfileKind.RECURRING:
        since %= DAY if profile.recurrency is RecurrencyKind.DAILY else 7 * DAY
    if schedule.duration_s is not None and since >= timedelta(seconds=schedule.duration_s):
        return None
    delays = installed.delays_s or (0,) * len(schedule.periods)
    found = None
    for period, delay in zip(schedule.periods, delays, strict=True):
        if timedelta(seconds=period.start_period_s + delay) <= since:
            found = period
    return found


def _in_unit(
    installed: InstalledProfile,
    period: ProfilePeriod,
    phases: int,
    situation: Situation,
    unit: ChargingRateUnit,
) -> float:
    schedule = installed.profile.schedule
    assert period.limit is not None
    limit = period.limit.l1
    soc = schedule.limit_at_soc
    if soc is not None and situation.soc is not None and situation.soc >= soc.soc:
        limit = min(limit, soc.limit)
    if schedule.unit is unit:
        return limit
    if unit is ChargingRateUnit.W:
        return limit * (situation.voltage * phases)
    return limit / (situation.voltage * (period.number_phases or situation.phases))
