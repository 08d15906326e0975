"""The engine equals the slow model, whatever the profiles; and a few cases that tell why."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
from ocppd.model.charging_schedules import ChargingRateUnit, PerPhase
from ocppd.station.composite_schedule import (
    MOST_PERIODS,
    Span,
    Window,
    composite_schedule,
    next_start_s,
    period_at,
    station_schedule,
)
from ocppd.station.merged_period import Situation
from tests.station import slow_schedule

A, W = ChargingRateUnit.A, ChargingRateUnit.W
Purpose = ChargingProfilePurpose
Kind = ChargingProfileKind
NOON = datetime(2026, 3, 29, 0, 59, 30, tzinfo=UTC)  # half a minute before clocks go forward
BERLIN = ZoneInfo("Europe/Berlin")
CASES = int(os.environ.get("OCPPD_SCHEDULES", "600"))
WINDOW_S = 60


def profile(
    number: int,
    *limits: tuple[int, float],
    purpose: Purpose = Purpose.TX_DEFAULT_PROFILE,
    level: int = 0,
    kind: Kind = Kind.ABSOLUTE,
    start: datetime | None = NOON,
    unit: ChargingRateUnit = A,
    evse_id: int = 1,
    duration_s: int | None = None,
    phases: int | None = None,
    **more: object,
) -> InstalledProfile:
    """Make a profile of limits by second."""
    schedule_members = {"use_local_time", "limit_at_soc", "min_charging_rate"}
    periods = tuple(ProfilePeriod(at, PerPhase(limit), phases) for at, limit in limits)
    schedule = ProfileSchedule(
        periods,
        unit,
        start=None if kind is Kind.RELATIVE else start,
        duration_s=duration_s,
        **{name: value for name, value in more.items() if name in schedule_members},  # type: ignore[arg-type]
    )
    rest = {name: value for name, value in more.items() if name not in schedule_members}
    return InstalledProfile(
        ChargingProfile(number, level, purpose, kind, (schedule,), **rest),  # type: ignore[arg-type]
        evse_id,
        NOON,
    )


def limits(spans: tuple[Span, ...]) -> list[tuple[int, float | None]]:
    """Return the limits by second."""
    return [(one.start_s, one.period.limit.l1 if one.period.limit else None) for one in spans]


# Against the slow model

_MOMENTS = st.builds(
    lambda seconds, fraction: NOON + timedelta(seconds=seconds, microseconds=fraction),
    st.integers(-60, 80),
    st.sampled_from([0, 0, 0, 1, 500_000, 999_999]),
)
_FAR = st.builds(
    lambda moment, days: moment - timedelta(days=days), _MOMENTS, st.sampled_from([0, 0, 1, 7, 8])
)


@st.composite
def _schedules(draw: st.DrawFn, kind: Kind) -> tuple[ProfileSchedule, tuple[int, ...]]:
    count = 1 if kind is Kind.DYNAMIC else draw(st.integers(1, 5))
    gaps = draw(st.lists(st.integers(1, 20), min_size=count - 1, max_size=count - 1))
    starts = [sum(gaps[:at]) for at in range(count)]
    periods = tuple(
        ProfilePeriod(
            start,
            draw(st.none() | st.sampled_from([PerPhase(0.0), PerPhase(6.0), PerPhase(11.5)]))
            if draw(st.booleans())
            else PerPhase(draw(st.sampled_from([0.0, 6.0, 16.0, 32.0, 4140.0, 11_000.0]))),
            draw(st.sampled_from([None, None, 1, 2, 3])),
        )
        for start in starts
    )
    local = kind in (Kind.ABSOLUTE, Kind.RECURRING) and draw(st.booleans())
    start = None if kind in (Kind.RELATIVE, Kind.DYNAMIC) else draw(_FAR)
    if local and start is not None:
        start += timedelta(hours=draw(st.sampled_from([1, 2])))
    schedule = ProfileSchedule(
        periods,
        draw(st.sampled_from([A, W])),
        start=start,
        duration_s=draw(st.none() | st.integers(0, 60)),
        use_local_time=local,
        limit_at_soc=draw(st.none() | st.just(LimitAtSoC(80, 10.0))),
    )
    delays = draw(
        st.just(())
        | st.lists(st.integers(0, 15), min_size=count, max_size=count).map(
            lambda drawn: (0, *drawn[1:])
        )
    )
    return schedule, delays


@st.composite
def _profiles(draw: st.DrawFn) -> list[InstalledProfile]:
    found = []
    for number, purpose in enumerate(draw(st.lists(st.sampled_from(list(Purpose)), max_size=7))):
        kind = draw(st.sampled_from(list(Kind)))
        schedule, delays = draw(_schedules(kind))
        found.append(
            InstalledProfile(
                ChargingProfile(
                    number,
                    number,  # no two of a purpose have the same level, as K01.FR.06 wants
                    purpose,
                    kind,
                    (schedule,),
                    draw(st.sampled_from(list(RecurrencyKind))) if kind is Kind.RECURRING else None,
                    draw(st.none() | _MOMENTS),
                    draw(st.none() | _MOMENTS),
                    draw(st.sampled_from(["tx", "tx", "other"])),
                    draw(st.none() | st.integers(0, 90)),
                ),
                draw(st.sampled_from([0, 1, 1, 2])),
                draw(_MOMENTS),
                delays_s=delays,
            )
        )
    return draw(st.permutations(found))


_SITUATIONS = st.builds(
    Situation,
    evse_id=st.just(1),
    voltage=st.sampled_from([230.0, 110.0]),
    phases=st.sampled_from([1, 3]),
    transaction_id=st.sampled_from([None, "tx"]),
    power_path_closed=st.none() | _MOMENTS,
    priority_charging=st.booleans(),
    soc=st.sampled_from([None, 50.0, 80.0, 90.5]),
    offline_since=st.none() | _MOMENTS,
    ignored_offline=st.frozensets(st.sampled_from(list(Purpose)), max_size=2),
    time_zone=st.sampled_from([BERLIN, UTC]),
)


@pytest.mark.requirement(
    "SC.01", "K01.FR.11", "K01.FR.12", "K01.FR.13", "K01.FR.17", "K01.FR.36", "K01.FR.37"
)
@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    profiles=_profiles(),
    situation=_SITUATIONS,
    fraction=st.sampled_from([0, 0, 1, 250_000]),
    unit=st.sampled_from([A, W]),
)
def test_each_second_is_what_the_standard_says(
    profiles: list[InstalledProfile],
    situation: Situation,
    fraction: int,
    unit: ChargingRateUnit,
) -> None:
    start = NOON + timedelta(microseconds=fraction)
    spans = composite_schedule(profiles, situation, Window(start, WINDOW_S), unit)

    assert [one.start_s for one in spans] == [0, *(one.end_s for one in spans[:-1])]
    assert spans[-1].end_s == WINDOW_S
    for span in spans:
        for second in range(span.start_s, span.end_s):
            moment = start + timedelta(seconds=second)
            wanted = slow_schedule.at(profiles, situation, moment, start, unit)
            limit = span.period.limit
            seen = None if limit is None else limit.l1
            wanted_limit = wanted.limit if wanted.limit is None else pytest.approx(wanted.limit)
            assert seen == wanted_limit, second
            assert span.period.number_phases == wanted.phases
            if wanted.giver is not None and span.period.giver is not None:
                assert span.period.giver.profile.id == wanted.giver


# Cases that tell why


def test_without_profiles_there_is_no_limit() -> None:
    assert limits(composite_schedule([], Situation(1), Window(NOON, 60), A)) == [(0, None)]


@pytest.mark.requirement("K01.FR.30")
def test_a_schedule_that_begins_later_begins_later() -> None:
    later = profile(1, (0, 10.0), start=NOON + timedelta(seconds=20))

    spans = composite_schedule([later], Situation(1), Window(NOON, 60), A)

    assert limits(spans) == [(0, None), (20, 10.0)]


def test_a_duration_of_zero_never_applies_and_a_limit_of_zero_does() -> None:
    over = profile(1, (0, 6.0), duration_s=0, level=1)
    nothing = profile(2, (0, 0.0))

    spans = composite_schedule([over, nothing], Situation(1), Window(NOON, 60), A)

    assert limits(spans) == [(0, 0.0)]


@pytest.mark.requirement("K01.FR.42")
def test_a_relative_schedule_counts_from_when_power_may_flow() -> None:
    relative = profile(1, (0, 6.0), (30, 16.0), kind=Kind.RELATIVE)
    before = Situation(1, power_path_closed=NOON - timedelta(seconds=10))

    assert limits(composite_schedule([relative], before, Window(NOON, 60), A)) == [
        (0, 6.0),
        (20, 16.0),
    ]
    # K08.FR.06: without a transaction as if one began now.
    assert limits(composite_schedule([relative], Situation(1), Window(NOON, 60), A)) == [
        (0, 6.0),
        (30, 16.0),
    ]


@pytest.mark.requirement("K01.FR.90", "K01.FR.91")
def test_local_time_skips_the_hour_that_is_not_there() -> None:
    # 02:00 to 03:00 on the wall does not exist on this day: from 01:59:59 it is 03:00:00.
    wall = datetime(2026, 3, 28, 0, 0, tzinfo=UTC)
    nights = profile(
        1,
        (0, 32.0),
        (2 * 3600, 10.0),
        (3 * 3600, 6.0),
        kind=Kind.RECURRING,
        start=wall,
        recurrency=RecurrencyKind.DAILY,
        use_local_time=True,
    )

    spans = composite_schedule([nights], Situation(1, time_zone=BERLIN), Window(NOON, 60), A)

    assert limits(spans) == [(0, 32.0), (30, 6.0)]


@pytest.mark.requirement("K01.FR.50", "K01.FR.51")
def test_power_is_current_of_its_phases_and_back() -> None:
    power = profile(1, (0, 11_040.0), unit=W, purpose=Purpose.CHARGING_STATION_MAX_PROFILE)
    current = profile(2, (0, 32.0), phases=1, purpose=Purpose.TX_DEFAULT_PROFILE)

    [amps] = composite_schedule([power, current], Situation(1), Window(NOON, 60), A)
    [watts] = composite_schedule([power, current], Situation(1), Window(NOON, 60), W)

    assert amps.period.limit == PerPhase(16.0)
    assert watts.period.limit == PerPhase(7360.0)
    assert amps.period.number_phases == watts.period.number_phases == 1


def test_phases_told_apart_are_compared_one_by_one() -> None:
    uneven = profile(1, (0, 16.0))
    [period] = uneven.profile.schedule.periods
    schedule = replace(
        uneven.profile.schedule, periods=(replace(period, limit=PerPhase(16.0, 10.0, 6.0)),)
    )
    uneven = replace(uneven, profile=replace(uneven.profile, schedules=(schedule,)))
    station = profile(2, (0, 8.0), purpose=Purpose.CHARGING_STATION_MAX_PROFILE, evse_id=0)

    [span] = composite_schedule([uneven, station], Situation(1), Window(NOON, 60), A)

    assert span.period.limit == PerPhase(8.0, 8.0, 6.0)


@pytest.mark.requirement("K08.FR.03")
def test_the_station_draws_what_its_evses_do_within_its_own_limit() -> None:
    one = profile(1, (0, 10.0), (30, 32.0), evse_id=1)
    whole = profile(2, (0, 40.0), purpose=Purpose.CHARGING_STATION_MAX_PROFILE, evse_id=0)
    evses = [Situation(1), Situation(2)]

    spans = station_schedule([one, whole], Situation(0), evses, 20.0, Window(NOON, 60), A)

    assert limits(spans) == [(0, 30.0), (30, 40.0)]
    assert limits(station_schedule([], Situation(0), evses, 20.0, Window(NOON, 60), A)) == [
        (0, None)
    ]


def test_a_profile_by_itself_tells_its_period_and_when_it_begins() -> None:
    later = profile(1, (0, 10.0), start=NOON + timedelta(seconds=20), duration_s=10)

    assert period_at(later, Situation(1), NOON) is None
    assert next_start_s(later, Situation(1), Window(NOON, 60)) == 20
    assert period_at(later, Situation(1), NOON + timedelta(seconds=20)) is not None
    assert next_start_s(later, Situation(1), Window(NOON + timedelta(seconds=30), 60)) is None


def test_a_year_of_minutes_is_told_as_far_as_it_is_worked_out() -> None:
    minutes = profile(
        1,
        *[(at * 60, 6.0 + at % 2) for at in range(1024)],
        kind=Kind.RECURRING,
        recurrency=RecurrencyKind.DAILY,
    )
    year = Window(NOON, 365 * 86_400)

    spans = composite_schedule([minutes], Situation(1), year, A)
    whole = station_schedule([minutes], Situation(0), [Situation(1)], 48.0, year, A)

    assert len(spans) == MOST_PERIODS
    assert spans[-1].end_s == whole[-1].end_s == 2 * 86_400
    assert limits(spans)[1023:1026] == [(1023 * 60, 7.0), (86_400, 6.0), (86_460, 7.0)]


@pytest.mark.requirement("K01.FR.101")
def test_offline_for_ever_and_the_year_one_are_times_like_others() -> None:
    patient = profile(1, (0, 6.0), max_offline_duration_s=999_999_999_999)
    old = profile(
        2,
        (0, 9.0),
        purpose=Purpose.CHARGING_STATION_MAX_PROFILE,
        start=datetime(1, 1, 1, tzinfo=UTC),
        use_local_time=True,
    )
    offline = Situation(1, offline_since=NOON - timedelta(days=1), time_zone=BERLIN)

    assert limits(composite_schedule([patient, old], offline, Window(NOON, 60), A)) == [(0, 6.0)]
