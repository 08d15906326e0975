"""A technician is told which profile limits, until when, and what each other one does."""

from datetime import timedelta

from ocppd.model.charging_profiles import ChargingProfileKind, ChargingProfilePurpose
from ocppd.model.charging_schedules import ChargingRateUnit, PerPhase
from ocppd.station.merged_period import Situation
from ocppd.station.schedule_explanation import Contribution, Standing, explain
from tests.station.test_composite_schedule import NOON, profile

A = ChargingRateUnit.A
Purpose = ChargingProfilePurpose


def test_each_profile_says_what_it_does() -> None:
    gives = profile(1, (0, 6.0), (60, 10.0), purpose=Purpose.TX_PROFILE, transaction_id="tx")
    default = profile(2, (0, 4.0), level=3)
    weaker = profile(3, (0, 3.0), level=1)
    station = profile(4, (0, 32.0), purpose=Purpose.CHARGING_STATION_MAX_PROFILE, evse_id=0)
    later = profile(5, (0, 1.0), level=9, start=NOON + timedelta(hours=1))
    other = profile(6, (0, 1.0), evse_id=2)
    over = profile(7, (0, 1.0), duration_s=0, level=8)
    added = profile(
        8, (0, 2.0), purpose=Purpose.LOCAL_GENERATION, kind=ChargingProfileKind.DYNAMIC, evse_id=0
    )
    everything = [gives, default, weaker, station, later, other, over, added]

    told = explain(everything, Situation(1, transaction_id="tx"), NOON, A)

    assert told.period.limit == PerPhase(8.0)
    assert told.until == NOON + timedelta(seconds=60)
    assert {one.installed.profile.id: one for one in told.contributions} == {
        1: Contribution(gives, Standing.GIVES_LIMIT, PerPhase(6.0)),
        2: Contribution(default, Standing.REPLACED, PerPhase(4.0), by_profile_id=1),
        3: Contribution(weaker, Standing.OVERRULED, PerPhase(3.0), by_profile_id=2),
        4: Contribution(station, Standing.ALLOWS_MORE, PerPhase(32.0)),
        5: Contribution(later, Standing.NO_PERIOD, next_start=NOON + timedelta(hours=1)),
        6: Contribution(other, Standing.ELSEWHERE),
        7: Contribution(over, Standing.NO_PERIOD),
        8: Contribution(added, Standing.ADDS, PerPhase(2.0)),
    }


def test_nothing_limits_and_nothing_will() -> None:
    told = explain([], Situation(1), NOON, A)

    assert (told.period.limit, told.until, told.contributions) == (None, None, ())
