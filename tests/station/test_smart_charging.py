"""Profiles over the life of transactions, connections and the daemon, and what the host is told."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ocppd.device_model.names import SmartChargingCtrlr
from ocppd.model.charging_profiles import (
    ChargingProfile,
    ChargingProfileKind,
    ChargingProfilePurpose,
    LimitAtSoC,
    ProfilePeriod,
    ProfileSchedule,
)
from ocppd.model.charging_schedules import ChargingRateUnit, ChargingSchedule, PerPhase
from ocppd.model.sessions import EvInfo
from ocppd.model.smart_charging import SetChargingProfile
from ocppd.model.tokens import IdToken, IdTokenType
from ocppd.station.evse import Evses, RemoteStart
from ocppd.station.limit_publication import Limit, Publication
from ocppd.station.smart_charging import SmartCharging
from tests.fakes import MemoryStore, World
from tests.station.models import shipped_device_model

A = ChargingRateUnit.A
TOKEN = IdToken("T", IdTokenType.ISO14443)
TX = ChargingProfilePurpose.TX_PROFILE
DEFAULT = ChargingProfilePurpose.TX_DEFAULT_PROFILE


def profile(
    number: int = 1,
    *limits: tuple[int, float],
    purpose: ChargingProfilePurpose = DEFAULT,
    **changes: object,
) -> ChargingProfile:
    periods = tuple(ProfilePeriod(at, PerPhase(limit)) for at, limit in limits or ((0, 10.0),))
    delay = changes.pop("randomized_delay_s", 0)
    schedule = ProfileSchedule(periods, A, randomized_delay_s=delay)  # type: ignore[arg-type]
    return ChargingProfile(number, 0, purpose, ChargingProfileKind.RELATIVE, (schedule,), **changes)  # type: ignore[arg-type]


class Bench:
    def __init__(self, store: MemoryStore | None = None, interval_s: int = 0) -> None:
        self.world = World()
        if store is not None:
            self.world.store = store
        self.model = shipped_device_model(self.world.store, {SmartChargingCtrlr.Available: True})
        self.evses = Evses([["cType2"], ["cType2"]])
        self.block = SmartCharging(
            self.world.outside, self.model, self.evses, Publication(interval_s, 600, A)
        )
        self.block.start()

    def set(self, evse_id: int, wanted: ChargingProfile) -> str:
        answer = self.block.set_profile(SetChargingProfile(evse_id, wanted))
        answer.then()
        return answer.result.status.value

    def charge(self, evse_id: int, transaction_id: str | None) -> None:
        evse = self.evses[evse_id]
        evse.session_id = evse.transaction_id = evse.csms_transaction_id = transaction_id
        evse.authorized = evse.connectors[1].occupied = transaction_id is not None
        self.block.on_transaction(evse)

    def limit(self, evse_id: int = 1) -> float:
        limit = self.block.limit_of(evse_id)
        assert limit is not None
        return limit.limit

    @property
    def published(self) -> list[tuple[ChargingSchedule, ...]]:
        return self.world.host.of("charging_schedules")


def test_a_limit_changes_in_its_second() -> None:
    bench = Bench()
    bench.set(1, profile(1, (0, 10.0), (40, 16.0)))
    bench.charge(1, "tx")
    now = bench.world.clock.now()
    assert bench.block.limit_of(1) == Limit(10.0, A, 3, 1, now + timedelta(seconds=40))
    told = len(bench.published)

    bench.world.clock.advance(39.9)
    assert (bench.limit(), len(bench.published)) == (10.0, told)

    bench.world.clock.advance(0.1)
    assert bench.block.limit_of(1) == Limit(16.0, A, 3, 1, None)
    assert bench.limit(2) == 48.0
    assert len(bench.published) == told + 1


def test_a_limit_that_comes_from_no_profile_names_none() -> None:
    bench = Bench()
    assert bench.block.limit_of(1) == Limit(48.0, A, 3, None, None)
    [station, *evses] = bench.block.schedules
    assert not station.from_profile
    assert [one.periods[0].stack_level for one in evses] == [None, None]


def test_schedules_are_published_every_interval_too() -> None:
    bench = Bench(interval_s=30)
    told = len(bench.published)
    bench.world.clock.advance(90)
    assert len(bench.published) == told + 3


@pytest.mark.requirement("K05.FR.02", "F01.FR.08")
def test_the_profile_of_a_remote_start_is_for_the_transaction_that_follows() -> None:
    bench = Bench()
    until = bench.world.clock.now() + timedelta(minutes=1)
    start = RemoteStart(TOKEN, 1, None, until, profile(5, (0, 8.0), purpose=TX))
    bench.block.on_remote_start(bench.evses[1], start)
    assert bench.limit() == 48.0

    bench.charge(1, "tx")
    assert bench.limit() == 8.0

    bench.charge(1, None)
    assert bench.limit() == 48.0


def test_the_profile_of_a_remote_start_that_came_to_nothing_is_forgotten() -> None:
    bench = Bench()
    until = bench.world.clock.now() + timedelta(minutes=1)
    start = RemoteStart(TOKEN, 1, None, until, profile(5, purpose=TX))
    bench.block.on_remote_start(bench.evses[1], start)
    bench.charge(1, None)
    bench.charge(1, "tx")
    assert bench.limit() == 48.0


@pytest.mark.requirement("K01.FR.27", "K01.FR.55", "K06.FR.01")
@pytest.mark.parametrize("persistent", [True, False])
def test_profiles_survive_a_restart_as_the_variables_say(persistent: bool) -> None:
    bench = Bench()
    bench.model.set_actual(SmartChargingCtrlr.ChargingProfilePersistence_TxProfile, persistent)
    bench.charge(1, "tx")
    bench.set(1, profile(1, (0, 12.0)))
    bench.set(1, profile(2, (0, 6.0), purpose=TX, transaction_id="tx"))
    assert bench.limit() == 6.0

    again = Bench(bench.world.store.reopened())
    again.charge(1, "tx")

    assert again.limit() == (6.0 if persistent else 12.0)


@pytest.mark.requirement("K01.FR.42")
def test_a_relative_schedule_goes_on_after_a_restart() -> None:
    bench = Bench()
    bench.set(1, profile(1, (0, 10.0), (40, 16.0)))
    bench.charge(1, "tx")
    bench.world.clock.advance(30)

    again = Bench(bench.world.store.reopened())
    again.world.clock.advance(30)
    again.charge(1, "tx")

    limit = again.block.limit_of(1)
    assert limit is not None
    assert limit.until == again.world.clock.now() + timedelta(seconds=10)


@pytest.mark.requirement("K01.FR.101", "K01.FR.102", "K01.FR.103")
def test_a_profile_may_end_offline_and_come_back_or_not() -> None:
    bench = Bench()
    stays, comes_back, ends = profile(1, (0, 20.0)), profile(2, (0, 10.0)), profile(3, (0, 6.0))
    bench.set(1, stays)
    bench.set(1, replace(comes_back, stack_level=1, max_offline_duration_s=60))
    bench.set(
        1,
        replace(
            ends, stack_level=2, max_offline_duration_s=30, invalid_after_offline_duration=True
        ),
    )
    bench.block.on_connection(connected=False)
    assert bench.limit() == 6.0
    bench.world.clock.advance(31)
    assert bench.limit() == 10.0
    bench.world.clock.advance(30)
    assert bench.limit() == 20.0

    bench.block.on_connection(connected=True)

    assert bench.limit() == 10.0


def test_purposes_may_be_ignored_offline() -> None:
    bench = Bench()
    bench.model.set_actual(SmartChargingCtrlr.IgnoredProfilePurposesOffline, "TxDefaultProfile")
    bench.set(1, profile(1, (0, 10.0)))
    assert bench.limit() == 10.0
    bench.block.on_connection(connected=False)
    assert bench.limit() == 48.0
    bench.block.on_connection(connected=True)
    assert bench.limit() == 10.0


@pytest.mark.requirement("K01.FR.92", "K01.FR.93")
def test_random_delays_are_drawn_for_each_transaction_and_stay() -> None:
    bench = Bench()
    bench.set(1, profile(1, (0, 10.0), (100, 16.0), randomized_delay_s=50))
    bench.charge(1, "tx-1")
    first = bench.block.limit_of(1)
    assert first is not None
    assert first.until is not None
    delay_s = (first.until - bench.world.clock.now()).total_seconds() - 100
    assert 0 <= delay_s <= 50

    bench.block.publish()

    assert bench.block.limit_of(1) == first


def test_too_many_profiles_are_refused() -> None:
    bench = Bench()
    bench.model.describe(SmartChargingCtrlr.Entries_ChargingProfiles, max_limit=1)
    assert bench.set(1, profile(1)) == "Accepted"
    assert bench.set(1, profile(1, (0, 6.0))) == "Accepted"
    assert bench.set(2, profile(2)) == "Rejected"
    assert bench.model.integer(SmartChargingCtrlr.Entries_ChargingProfiles) == 1


@pytest.mark.requirement("K01.FR.100")
def test_a_limit_at_a_state_of_charge_begins_when_it_is_reported() -> None:
    bench = Bench()
    wanted = profile(1, (0, 16.0))
    schedule = replace(wanted.schedule, limit_at_soc=LimitAtSoC(80, 6.0))
    bench.set(1, replace(wanted, schedules=(schedule,)))
    told = len(bench.published)
    for soc, limit, more in ((79.0, 16.0, 0), (80.0, 6.0, 1), (85.0, 6.0, 1), (70.0, 16.0, 2)):
        bench.evses[1].ev_info = EvInfo(soc=soc)
        bench.block.on_ev_info(1)
        assert (bench.limit(), len(bench.published) - told) == (limit, more)
