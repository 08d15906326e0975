"""Whether a charging profile may be installed, and if not, why (K01, K05, K28).

Reason codes are those of the 2.1 appendix; 1.6 says Rejected for all of them.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ocppd.model.charging_profiles import (
    ChargingProfile,
    ChargingProfileKind,
    ChargingProfilePurpose,
    InstalledProfile,
    ProfilePeriod,
    ProfileSchedule,
)
from ocppd.model.charging_schedules import ChargingRateUnit, OperationMode, PerPhase
from ocppd.model.variables import StatusInfo

Purpose = ChargingProfilePurpose
_MOST = 1e9  # A or W: sums and conversions of it are numbers still
_PLAIN = frozenset(
    {Purpose.CHARGING_STATION_MAX_PROFILE, Purpose.TX_DEFAULT_PROFILE, Purpose.TX_PROFILE}
)
# Table 95 of 2.1, without those that need a car that gives energy back.
_MODES = {
    Purpose.PRIORITY_CHARGING: {OperationMode.CHARGING_ONLY},
    Purpose.CHARGING_STATION_MAX_PROFILE: {OperationMode.CHARGING_ONLY},
}


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the station can do with profiles, by its variables.

    `additional_purposes` is SupportedAdditionalPurposes; `dynamic` to `evse_sleep` are the
    instances of SupportsFeature. `without_start` is the key
    AllowChargingProfileWithoutStartSchedule. `modes` are the operation modes that the EVSE has.
    """

    highest_level: int = 255
    most_periods: int = 1024
    most_profiles: int = 500
    units: frozenset[ChargingRateUnit] = frozenset(ChargingRateUnit)
    additional_purposes: frozenset[Purpose] = frozenset()
    highest_external_id: int | None = None
    dynamic: bool = False
    local_time: bool = False
    randomized_delay: bool = False
    limit_at_soc: bool = False
    max_offline_duration: bool = False
    evse_sleep: bool = False
    without_start: bool = False
    phase_switching: bool = False
    several_schedules: bool = False
    direct_current: bool = False
    modes: frozenset[OperationMode] = field(default=frozenset({OperationMode.CHARGING_ONLY}))


def problem_with(
    profile: ChargingProfile,
    evse_id: int,
    others: Iterable[InstalledProfile],
    abilities: Abilities,
    *,
    replaces_same_level: bool,
) -> StatusInfo | None:
    """Return why a profile cannot be installed at an EVSE; None if it can.

    `others` are the installed ones; whether a transaction is there is the caller's to know.
    `replaces_same_level` is how 1.6 thinks: a profile takes the place of one of the same purpose
    and stack level (3.13.2).
    """
    return (
        _problem_with_purpose(profile, evse_id, abilities)
        or _problem_with_kind(profile, abilities)
        or _problem_with_validity(profile, abilities)
        or next(
            filter(
                None, (_problem_with_schedule(profile, one, abilities) for one in profile.schedules)
            ),
            None,
        )
        or _problem_with_others(
            profile, evse_id, list(others), abilities, replaces_same_level=replaces_same_level
        )
    )


def same_place(
    profile: ChargingProfile, evse_id: int, others: Iterable[InstalledProfile]
) -> list[InstalledProfile]:
    """Return those of the same purpose and stack level at the EVSE (or of its transaction)."""
    return [
        one
        for one in others
        if one.profile.purpose is profile.purpose
        and one.profile.stack_level == profile.stack_level
        and one.evse_id == evse_id
        and one.profile.transaction_id == profile.transaction_id
    ]


def _problem_with_purpose(
    profile: ChargingProfile, evse_id: int, abilities: Abilities
) -> StatusInfo | None:
    purpose = profile.purpose
    if purpose is Purpose.CHARGING_STATION_EXTERNAL_CONSTRAINTS:  # K01.FR.22
        return StatusInfo("InvalidProfile", "external constraints do not come from the CSMS")
    if purpose not in _PLAIN | abilities.additional_purposes:  # K01.FR.120
        return StatusInfo("UnsupportedPurpose", purpose.value)
    if purpose is Purpose.TX_PROFILE and evse_id == 0:  # K01.FR.16
        return StatusInfo("InvalidProfile", "a TxProfile needs an EVSE")
    if purpose is Purpose.CHARGING_STATION_MAX_PROFILE and evse_id != 0:
        return StatusInfo("InvalidProfile", "ChargingStationMaxProfile is of the station, EVSE 0")
    highest = abilities.highest_external_id
    if highest is not None and profile.id <= highest:  # K01.FR.81
        return StatusInfo("InvalidProfileId", f"ids up to {highest} are the station's own")
    if not 0 <= profile.stack_level <= abilities.highest_level:
        return StatusInfo("InvalidStackLevel", f"0..{abilities.highest_level} are possible")
    return None


def _problem_with_kind(profile: ChargingProfile, abilities: Abilities) -> StatusInfo | None:
    kind = profile.kind
    starts = [schedule.start is not None for schedule in profile.schedules]
    if kind is ChargingProfileKind.DYNAMIC:
        if not abilities.dynamic:  # K01.FR.121
            return StatusInfo("UnsupportedKind", kind.value)
        periods = [period for schedule in profile.schedules for period in schedule.periods]
        if len(profile.schedules) != 1 or len(periods) != 1:  # K28.FR.01, FR.03
            return StatusInfo("InvalidSchedule", "a dynamic profile has one schedule of one period")
        return None
    if profile.dyn_update_interval_s is not None or profile.dyn_update_time is not None:
        return StatusInfo("InvalidProfile", "dynUpdate… is for dynamic profiles")  # K01.FR.122
    if kind is ChargingProfileKind.RELATIVE:
        if profile.purpose is Purpose.CHARGING_STATION_MAX_PROFILE:  # K01.FR.38
            return StatusInfo("InvalidProfile", "ChargingStationMaxProfile cannot be relative")
        if any(starts):  # K01.FR.41
            return StatusInfo("InvalidSchedule", "startSchedule in a relative profile")
        return None
    if not all(starts) and not abilities.without_start:  # K01.FR.40
        return StatusInfo("InvalidSchedule", "startSchedule is missing")
    if kind is ChargingProfileKind.RECURRING and profile.recurrency is None:
        return StatusInfo("InvalidProfile", "recurrencyKind is missing")
    return None


def _problem_with_validity(profile: ChargingProfile, abilities: Abilities) -> StatusInfo | None:
    if (
        profile.valid_from is not None
        and profile.valid_to is not None
        and profile.valid_from >= profile.valid_to
    ):
        return StatusInfo("InvalidProfile", "validTo is not after validFrom")
    if profile.max_offline_duration_s is not None and not abilities.max_offline_duration:
        return StatusInfo("UnsupportedParam", "maxOfflineDuration")
    if len(profile.schedules) > 1 and not abilities.several_schedules:  # K01.FR.34
        return StatusInfo("InvalidProfile", "more than one schedule needs ISO 15118")
    return None


def _problem_with_schedule(
    profile: ChargingProfile, schedule: ProfileSchedule, abilities: Abilities
) -> StatusInfo | None:
    if schedule.unit not in abilities.units:  # K01.FR.26
        return StatusInfo("UnsupportedRateUnit", schedule.unit.value)
    if len(schedule.periods) > abilities.most_periods:
        return StatusInfo("InvalidSchedule", f"more than {abilities.most_periods} periods")
    starts = [period.start_period_s for period in schedule.periods]
    if starts[:1] != [0]:  # K01.FR.31
        return StatusInfo("InvalidSchedule", "the first period does not start at 0")
    if any(later <= earlier for earlier, later in pairwise(starts)):  # K01.FR.35
        return StatusInfo("InvalidSchedule", "the periods do not ascend")
    if schedule.duration_s is not None and schedule.duration_s < 0:
        return StatusInfo("InvalidSchedule", "duration is below 0")
    if schedule.min_charging_rate is not None and not _is_amount(schedule.min_charging_rate):
        return StatusInfo("InvalidSchedule", "minChargingRate is below 0")
    if schedule.use_local_time and not abilities.local_time:  # K01.FR.123
        return StatusInfo("InvalidSchedule", "useLocalTime is not supported")
    if schedule.randomized_delay_s > 0:
        of_transaction = profile.purpose in (Purpose.TX_PROFILE, Purpose.TX_DEFAULT_PROFILE)
        if not abilities.randomized_delay or not of_transaction:  # K01.FR.124, FR.95
            return StatusInfo("InvalidSchedule", "randomizedDelay is not possible here")
    if schedule.limit_at_soc is not None and not abilities.limit_at_soc:  # K01.FR.125
        return StatusInfo("InvalidSchedule", "limitAtSoC is not supported")
    if profile.purpose is Purpose.PRIORITY_CHARGING and schedule.duration_s is not None:
        return StatusInfo("InvalidSchedule", "PriorityCharging has no duration")  # K01.FR.70
    for at, period in enumerate(schedule.periods):
        problem = _problem_with_period(profile, period, abilities)
        if problem is not None:
            return StatusInfo(problem.reason_code, f"period {at}: {problem.additional_info}")
    return None


def _problem_with_period(
    profile: ChargingProfile, period: ProfilePeriod, abilities: Abilities
) -> StatusInfo | None:
    mode = period.operation_mode or OperationMode.CHARGING_ONLY
    if mode not in abilities.modes & _MODES.get(profile.purpose, abilities.modes):  # K01.FR.71
        return StatusInfo("InvalidSchedule", f"{mode.value} is not possible")
    if mode is OperationMode.CHARGING_ONLY:
        if period.limit is None:
            return StatusInfo("MissingParam", "limit is missing")
        if period.discharge_limit is not None or period.setpoint is not None:
            return StatusInfo("UnsupportedParam", "ChargingOnly has a limit alone")
    if not _are_amounts(period.limit):
        return StatusInfo("InvalidValue", "limit is below 0")
    discharge = period.discharge_limit
    if discharge is not None and not _are_amounts(discharge.each(lambda value: -value)):
        return StatusInfo("InvalidValue", "dischargeLimit is above 0")
    if period.evse_sleep and not abilities.evse_sleep:  # K01.FR.126
        return StatusInfo("InvalidSchedule", "evseSleep is not supported")
    return _problem_with_phases(period, abilities)


def _problem_with_phases(period: ProfilePeriod, abilities: Abilities) -> StatusInfo | None:
    phases, to_use = period.number_phases, period.phase_to_use
    if phases is None and to_use is None:
        return None
    if abilities.direct_current:  # K01.FR.44
        return StatusInfo("NoPhaseForDC", "the EVSE is of direct current")
    if phases is not None and not 1 <= phases <= 3:
        return StatusInfo("InvalidSchedule", "numberPhases is not within 1..3")
    if to_use is None:
        return None
    if phases != 1:  # K01.FR.19
        return StatusInfo("InvalidSchedule", "phaseToUse needs numberPhases 1")
    if not 1 <= to_use <= 3:
        return StatusInfo("InvalidSchedule", "phaseToUse is not within 1..3")
    if not abilities.phase_switching:  # K01.FR.20, FR.48
        return StatusInfo("InvalidSchedule", "phases cannot be switched")
    return None


def _problem_with_others(
    profile: ChargingProfile,
    evse_id: int,
    others: list[InstalledProfile],
    abilities: Abilities,
    *,
    replaces_same_level: bool,
) -> StatusInfo | None:
    others = [one for one in others if one.profile.id != profile.id]  # K01.FR.05: replaced
    if not replaces_same_level:
        if any(_overlaps(profile, one.profile) for one in same_place(profile, evse_id, others)):
            return StatusInfo("DuplicateProfile", "the same stack level is taken")  # K01.FR.06, 39
        if profile.purpose is Purpose.TX_DEFAULT_PROFILE and any(
            one.profile.purpose is Purpose.TX_DEFAULT_PROFILE
            and one.profile.stack_level == profile.stack_level
            and (one.evse_id == 0) != (evse_id == 0)
            for one in others
        ):  # K01.FR.52, FR.53
            return StatusInfo("DuplicateProfile", "the stack level is taken at another EVSE")
    replaced = same_place(profile, evse_id, others) if replaces_same_level else []
    if len(others) - len(replaced) >= abilities.most_profiles:
        return StatusInfo("TooManyElements", f"{abilities.most_profiles} profiles are installed")
    return _phase_conflict(profile, others)


def _overlaps(one: ChargingProfile, other: ChargingProfile) -> bool:
    """Tell whether two profiles are ever valid at the same time."""
    return not (
        (
            one.valid_to is not None
            and other.valid_from is not None
            and one.valid_to <= other.valid_from
        )
        or (
            other.valid_to is not None
            and one.valid_from is not None
            and other.valid_to <= one.valid_from
        )
    )


def _phase_conflict(
    profile: ChargingProfile, others: Sequence[InstalledProfile]
) -> StatusInfo | None:
    """Refuse a phase that contradicts that of the station's limits, or the other way (3.8)."""
    wide = (Purpose.CHARGING_STATION_MAX_PROFILE, Purpose.CHARGING_STATION_EXTERNAL_CONSTRAINTS)
    own = _phases_of(profile)
    if not own:
        return None
    for other in others:
        theirs = _phases_of(other.profile)
        crosses = (profile.purpose in wide) != (other.profile.purpose in wide)
        if crosses and theirs and len(own | theirs) > 1 and _overlaps(profile, other.profile):
            return StatusInfo("InvalidSchedule", f"profile {other.profile.id} uses another phase")
    return None


def _phases_of(profile: ChargingProfile) -> frozenset[int]:
    return frozenset(
        period.phase_to_use
        for schedule in profile.schedules
        for period in schedule.periods
        if period.phase_to_use is not None
    )


def _are_amounts(value: PerPhase | None) -> bool:
    return value is None or all(
        one is None or _is_amount(one) for one in (value.l1, value.l2, value.l3)
    )


def _is_amount(value: float) -> bool:
    return math.isfinite(value) and 0 <= value <= _MOST
