"""Each reason for which a charging profile cannot be installed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ocppd.model.charging_profiles import (
    ChargingProfile,
    ChargingProfileKind,
    ChargingProfilePurpose,
    InstalledProfile,
    LimitAtSoC,
    ProfilePeriod,
    ProfileSchedule,
    RecurrencyKind,
)
from ocppd.model.charging_schedules import ChargingRateUnit, OperationMode, PerPhase
from ocppd.station.profile_validation import Abilities, problem_with

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
Purpose = ChargingProfilePurpose
Kind = ChargingProfileKind
SIX = PerPhase(6.0)


def schedule(**changes: Any) -> ProfileSchedule:
    return replace(
        ProfileSchedule((ProfilePeriod(0, SIX),), ChargingRateUnit.A, start=NOW), **changes
    )


def profile(*, of_schedule: dict[str, Any] | None = None, **changes: Any) -> ChargingProfile:
    whole = ChargingProfile(
        1, 0, Purpose.TX_DEFAULT_PROFILE, Kind.ABSOLUTE, (schedule(**(of_schedule or {})),)
    )
    return replace(whole, **changes)


def periods(*some: ProfilePeriod) -> dict[str, Any]:
    return {"of_schedule": {"periods": some}}


def reason(
    wanted: ChargingProfile,
    evse_id: int = 1,
    *others: InstalledProfile,
    abilities: Abilities | None = None,
    replaces: bool = False,
) -> str | None:
    found = problem_with(
        wanted, evse_id, others, abilities or Abilities(), replaces_same_level=replaces
    )
    return None if found is None else found.reason_code


def test_a_plain_profile_has_no_problem() -> None:
    assert reason(profile()) is None


@pytest.mark.requirement(
    "K01.FR.16",
    "K01.FR.19",
    "K01.FR.20",
    "K01.FR.22",
    "K01.FR.31",
    "K01.FR.35",
    "K01.FR.38",
    "K01.FR.40",
    "K01.FR.41",
    "K01.FR.48",
    "K01.FR.120",
    "K01.FR.121",
    "K01.FR.122",
)
@pytest.mark.parametrize(
    ("wanted", "evse_id", "why"),
    [
        (profile(purpose=Purpose.CHARGING_STATION_EXTERNAL_CONSTRAINTS), 0, "InvalidProfile"),
        (profile(purpose=Purpose.PRIORITY_CHARGING), 1, "UnsupportedPurpose"),
        (profile(purpose=Purpose.TX_PROFILE), 0, "InvalidProfile"),
        (profile(purpose=Purpose.CHARGING_STATION_MAX_PROFILE), 1, "InvalidProfile"),
        (profile(stack_level=256), 1, "InvalidStackLevel"),
        (profile(stack_level=-1), 1, "InvalidStackLevel"),
        (profile(kind=Kind.DYNAMIC), 1, "UnsupportedKind"),
        (profile(dyn_update_interval_s=5), 1, "InvalidProfile"),
        (profile(kind=Kind.RELATIVE), 1, "InvalidSchedule"),
        (
            profile(
                kind=Kind.RELATIVE,
                purpose=Purpose.CHARGING_STATION_MAX_PROFILE,
                of_schedule={"start": None},
            ),
            0,
            "InvalidProfile",
        ),
        (profile(of_schedule={"start": None}), 1, "InvalidSchedule"),
        (profile(kind=Kind.RECURRING), 1, "InvalidProfile"),
        (profile(valid_from=NOW, valid_to=NOW), 1, "InvalidProfile"),
        (profile(schedules=(schedule(), schedule())), 1, "InvalidProfile"),
        (profile(of_schedule={"periods": ()}), 1, "InvalidSchedule"),
        (profile(**periods(ProfilePeriod(1, SIX))), 1, "InvalidSchedule"),
        (profile(**periods(ProfilePeriod(0, SIX), ProfilePeriod(0, SIX))), 1, "InvalidSchedule"),
        (profile(of_schedule={"duration_s": -1}), 1, "InvalidSchedule"),
        (profile(of_schedule={"min_charging_rate": -1.0}), 1, "InvalidSchedule"),
        (profile(**periods(ProfilePeriod(0))), 1, "MissingParam"),
        (profile(**periods(ProfilePeriod(0, SIX, setpoint=SIX))), 1, "UnsupportedParam"),
        (profile(**periods(ProfilePeriod(0, PerPhase(-1.0)))), 1, "InvalidValue"),
        (profile(**periods(ProfilePeriod(0, PerPhase(float("nan"))))), 1, "InvalidValue"),
        (profile(**periods(ProfilePeriod(0, PerPhase(6.0, -1.0, 6.0)))), 1, "InvalidValue"),
        (profile(**periods(ProfilePeriod(0, SIX, 4))), 1, "InvalidSchedule"),
        (profile(**periods(ProfilePeriod(0, SIX, 3, 1))), 1, "InvalidSchedule"),
        (profile(**periods(ProfilePeriod(0, SIX, 1, 1))), 1, "InvalidSchedule"),
        (
            profile(**periods(ProfilePeriod(0, SIX, operation_mode=OperationMode.IDLE))),
            1,
            "InvalidSchedule",
        ),
    ],
)
def test_what_is_wrong_in_itself(wanted: ChargingProfile, evse_id: int, why: str) -> None:
    assert reason(wanted, evse_id) == why


@pytest.mark.requirement(
    "K01.FR.26",
    "K01.FR.44",
    "K01.FR.81",
    "K01.FR.95",
    "K01.FR.123",
    "K01.FR.124",
    "K01.FR.125",
    "K01.FR.126",
)
@pytest.mark.parametrize(
    ("wanted", "has_not", "has", "why"),
    [
        (profile(), {"units": frozenset({ChargingRateUnit.W})}, {}, "UnsupportedRateUnit"),
        (profile(), {"most_periods": 0}, {}, "InvalidSchedule"),
        (profile(), {"most_profiles": 0}, {}, "TooManyElements"),
        (profile(), {"highest_external_id": 1}, {"highest_external_id": 0}, "InvalidProfileId"),
        (
            profile(max_offline_duration_s=5),
            {},
            {"max_offline_duration": True},
            "UnsupportedParam",
        ),
        (
            profile(of_schedule={"use_local_time": True}),
            {},
            {"local_time": True},
            "InvalidSchedule",
        ),
        (
            profile(of_schedule={"randomized_delay_s": 5}),
            {},
            {"randomized_delay": True},
            "InvalidSchedule",
        ),
        (
            profile(of_schedule={"limit_at_soc": LimitAtSoC(80, 6.0)}),
            {},
            {"limit_at_soc": True},
            "InvalidSchedule",
        ),
        (
            profile(**periods(ProfilePeriod(0, SIX, evse_sleep=True))),
            {},
            {"evse_sleep": True},
            "InvalidSchedule",
        ),
        (
            profile(**periods(ProfilePeriod(0, SIX, 3))),
            {"direct_current": True},
            {},
            "NoPhaseForDC",
        ),
        (
            profile(**periods(ProfilePeriod(0, SIX, 1, 2))),
            {},
            {"phase_switching": True},
            "InvalidSchedule",
        ),
        (profile(of_schedule={"start": None}), {}, {"without_start": True}, "InvalidSchedule"),
        (
            profile(kind=Kind.DYNAMIC, of_schedule={"start": None}),
            {},
            {"dynamic": True},
            "UnsupportedKind",
        ),
    ],
)
def test_what_a_station_cannot_do(
    wanted: ChargingProfile, has_not: dict[str, Any], has: dict[str, Any], why: str
) -> None:
    assert reason(wanted, abilities=Abilities(**has_not)) == why
    assert reason(wanted, abilities=Abilities(**has)) is None


@pytest.mark.requirement("K28.FR.01", "K28.FR.03")
def test_a_dynamic_profile_has_one_period() -> None:
    wanted = profile(kind=Kind.DYNAMIC, **periods(ProfilePeriod(0, SIX), ProfilePeriod(9, SIX)))
    assert reason(wanted, abilities=Abilities(dynamic=True)) == "InvalidSchedule"


@pytest.mark.requirement("K01.FR.70", "K01.FR.71", "K01.FR.95")
def test_priority_charging_has_no_end_and_charges_alone() -> None:
    able = Abilities(
        additional_purposes=frozenset({Purpose.PRIORITY_CHARGING}),
        randomized_delay=True,
        modes=frozenset(OperationMode),
    )
    wanted = profile(purpose=Purpose.PRIORITY_CHARGING)
    assert reason(wanted, abilities=able) is None
    for change in (
        {"of_schedule": {"duration_s": 60}},
        {"of_schedule": {"randomized_delay_s": 60}},
        periods(ProfilePeriod(0, SIX, operation_mode=OperationMode.CENTRAL_SETPOINT)),
    ):
        wanted = profile(purpose=Purpose.PRIORITY_CHARGING, **change)
        assert reason(wanted, abilities=able) == "InvalidSchedule"


# What is installed already


def installed(wanted: ChargingProfile, evse_id: int = 1) -> InstalledProfile:
    return InstalledProfile(wanted, evse_id, NOW)


@pytest.mark.requirement("K01.FR.05", "K01.FR.06", "K01.FR.39", "K01.FR.52", "K01.FR.53")
def test_a_stack_level_is_taken_once() -> None:
    first = installed(profile(id=9))
    assert reason(profile(), 1, first) == "DuplicateProfile"
    assert reason(profile(), 0, first) == "DuplicateProfile"
    assert reason(profile(), 2, first) is None
    assert reason(profile(id=9), 1, first) is None
    assert reason(profile(stack_level=1), 1, first) is None
    assert reason(profile(), 1, first, replaces=True) is None
    earlier = installed(profile(id=9, valid_to=NOW))
    assert reason(profile(valid_from=NOW), 1, earlier) is None
    assert reason(profile(valid_from=NOW - DAY), 1, earlier) == "DuplicateProfile"
    other = installed(profile(id=9, purpose=Purpose.TX_PROFILE, transaction_id="a"))
    assert reason(profile(purpose=Purpose.TX_PROFILE, transaction_id="b"), 1, other) is None


def test_what_is_replaced_makes_room() -> None:
    full = Abilities(most_profiles=1)
    first = installed(profile(id=9))
    assert reason(profile(stack_level=3), 1, first, abilities=full) == "TooManyElements"
    assert reason(profile(), 1, first, abilities=full, replaces=True) is None
    assert reason(profile(id=9, stack_level=3), 1, first, abilities=full) is None


def test_a_phase_must_not_contradict_that_of_the_station() -> None:
    able = Abilities(phase_switching=True)
    whole = installed(
        profile(
            id=9,
            purpose=Purpose.CHARGING_STATION_MAX_PROFILE,
            **periods(ProfilePeriod(0, SIX, 1, 1)),
        ),
        0,
    )
    assert reason(profile(**periods(ProfilePeriod(0, SIX, 1, 1))), 1, whole, abilities=able) is None
    other = profile(**periods(ProfilePeriod(0, SIX, 1, 3)))
    assert reason(other, 1, whole, abilities=able) == "InvalidSchedule"


def test_a_recurring_profile_names_its_recurrence() -> None:
    assert reason(profile(kind=Kind.RECURRING, recurrency=RecurrencyKind.DAILY)) is None
