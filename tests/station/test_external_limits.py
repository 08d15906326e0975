"""Limits of external systems: profiles, what the CSMS is told, and what transactions tell."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ocppd.device_model.names import SmartChargingCtrlr
from ocppd.errors import InvalidArgument, NotReady, NotSpoken, UnknownEvse
from ocppd.model.charging_profiles import (
    ChargingProfileKind,
    ChargingProfilePurpose,
    ProfilePeriod,
    ProfileSchedule,
)
from ocppd.model.charging_schedules import PerPhase
from ocppd.model.requests import Nothing
from ocppd.model.smart_charging import (
    ClearChargingProfile,
    ClearedChargingLimit,
    GetChargingProfiles,
    HostLimit,
    NotifyChargingLimit,
)
from ocppd.model.transactions import TriggerReason
from ocppd.station.external_limits import ExternalLimits
from tests.station.test_smart_charging import A, Bench, profile

EXTERNAL = ChargingProfilePurpose.CHARGING_STATION_EXTERNAL_CONSTRAINTS


def limit(*amounts: float, evse_id: int = 0, source: str = "EMS") -> HostLimit:
    periods = tuple(
        ProfilePeriod(60 * at, PerPhase(amount)) for at, amount in enumerate(amounts or (20.0,))
    )
    return HostLimit(evse_id, source, ProfileSchedule(periods, A, id=1))


class External(Bench):
    def __init__(self) -> None:
        super().__init__()
        self.announced: list[tuple[int, TriggerReason]] = []
        self.limits = ExternalLimits(
            self.world.outside,
            self.model,
            self.evses,
            self.block,
            lambda *told: self.announced.append(told),
        )
        self.limits.start()
        for kind in (NotifyChargingLimit, ClearedChargingLimit):
            self.world.csms.replies[kind] = lambda _: Nothing()

    async def told(self) -> list[object]:
        """What the CSMS was told since the last time."""
        await self.world.tasks.settle()
        sent = list(self.world.csms.sent)
        self.world.csms.sent.clear()
        return sent


@pytest.mark.requirement("K11.FR.01", "K11.FR.02", "K11.FR.05", "K11.FR.06", "K12.FR.01")
async def test_an_external_limit_is_a_profile_and_is_told() -> None:
    bench = External()
    number = bench.limits.set(limit(20.0))
    assert number == -1
    assert [one.periods[0].limit for one in bench.block.schedules] == [20, 20, 20]
    [installed] = bench.block.profiles
    assert (installed.source, installed.profile.purpose) == ("EMS", EXTERNAL)
    assert installed.profile.kind is ChargingProfileKind.ABSOLUTE
    assert await bench.told() == [NotifyChargingLimit(0, "EMS")]
    assert bench.block.get_profiles(GetChargingProfiles(1, sources=("EMS",))).result.found


@pytest.mark.requirement("K11.FR.02")
async def test_a_change_is_told_once_it_is_significant() -> None:
    bench = External()
    bench.model.set_actual(SmartChargingCtrlr.LimitChangeSignificance, "10.0")
    bench.limits.set(limit(20.0))
    await bench.told()
    bench.limits.set(limit(21.0))
    assert (bench.limit(), await bench.told()) == (21.0, [])
    bench.limits.set(limit(22.5))  # by 2.5 A of what the CSMS knows
    assert await bench.told() == [NotifyChargingLimit(0, "EMS")]
    bench.limits.set(limit(22.5, 10.0))
    assert await bench.told() == [NotifyChargingLimit(0, "EMS")]


@pytest.mark.requirement("K11.FR.03")
async def test_schedules_are_told_if_wanted() -> None:
    bench = External()
    bench.model.set_actual(SmartChargingCtrlr.NotifyChargingLimitWithSchedules, "true")
    bench.limits.set(replace(limit(8.0, 9.0, evse_id=2, source="SO"), grid_critical=True))
    [told] = await bench.told()
    assert isinstance(told, NotifyChargingLimit)
    assert (told.evse_id, told.source, told.grid_critical) == (2, "SO", True)
    [schedule] = told.schedules
    assert [one.limit for one in schedule.periods] == [PerPhase(8.0), PerPhase(9.0)]
    assert schedule.start == bench.world.clock.now()


@pytest.mark.requirement("K11.FR.04", "K13.FR.01", "K13.FR.02", "K13.FR.03")
async def test_transactions_tell_that_their_rate_changed() -> None:
    bench = External()
    bench.charge(1, "tx")
    bench.limits.set(limit(60.0))
    bench.announced.clear()
    bench.limits.set(limit(20.0))
    assert bench.announced == [(1, TriggerReason.CHARGING_RATE_CHANGED)]
    await bench.told()

    assert bench.limits.clear(source="SO") == 0
    assert bench.limits.clear(source="EMS") == 1
    assert bench.limit() == 48.0
    assert bench.announced == [(1, TriggerReason.CHARGING_RATE_CHANGED)] * 2
    assert await bench.told() == [ClearedChargingLimit(0, "EMS")]


async def test_the_lowest_of_several_sources_counts() -> None:
    bench = External()
    bench.limits.set(limit(10.0, source="SO"))
    bench.limits.set(limit(20.0, source="EMS"))
    bench.limits.set(limit(15.0, evse_id=1, source="SO"))
    assert (bench.limit(1), bench.limit(2)) == (10.0, 10.0)
    bench.limits.clear(0, "SO")
    assert (bench.limit(1), bench.limit(2)) == (15.0, 20.0)


@pytest.mark.requirement("K11.FR.07")
async def test_the_csms_may_forbid_external_limits() -> None:
    bench = External()
    bench.limits.set(limit())
    await bench.told()
    bench.model.set_actual(SmartChargingCtrlr.ExternalConstraintsProfileDisallowed, "true")
    assert await bench.told() == [ClearedChargingLimit(0, "EMS")]
    with pytest.raises(NotReady, match="ExternalConstraintsProfileDisallowed"):
        bench.limits.set(limit())
    bench.model.set_actual(SmartChargingCtrlr.ExternalConstraintsProfileDisallowed, "false")
    bench.model.set_actual(SmartChargingCtrlr.ExternalControlSignalsEnabled, "false")
    with pytest.raises(NotReady, match="ExternalControlSignalsEnabled"):
        bench.limits.set(limit())


@pytest.mark.requirement("K01.FR.82")
async def test_ids_stay_below_those_of_the_csms() -> None:
    bench = External()
    bench.model.set_actual(SmartChargingCtrlr.MaxExternalConstraintsId, "100")
    assert bench.limits.set(limit()) == 100
    assert bench.limits.set(limit(source="SO")) == 99
    assert bench.limits.set(limit(5.0)) == 100


@pytest.mark.requirement("K10.FR.04", "K01.FR.05")
async def test_the_csms_can_neither_clear_nor_replace_them() -> None:
    bench = External()
    number = bench.limits.set(limit())
    assert bench.block.clear_profiles(ClearChargingProfile(number)).result.status == "Unknown"
    assert bench.set(0, profile(number)) == "Rejected"


async def test_what_could_not_be_told_is_told_when_the_csms_is_back() -> None:
    bench = External()
    bench.world.csms.connected = False
    bench.limits.set(limit())
    assert await bench.told() == []
    bench.world.csms.connected = True
    bench.limits.on_online()
    assert await bench.told() == [NotifyChargingLimit(0, "EMS")]
    bench.limits.on_online()
    assert await bench.told() == []


async def test_a_csms_without_words_for_it_is_not_told_again() -> None:
    bench = External()

    def refuse(_request: object) -> None:
        raise NotSpoken("1.6 has no words for it")

    bench.world.csms.replies[NotifyChargingLimit] = refuse
    bench.limits.set(limit())
    await bench.told()
    bench.limits.on_online()
    assert await bench.told() == []


async def test_limits_survive_a_power_cut() -> None:
    bench = External()
    bench.limits.set(limit(12.0))
    again = Bench(bench.world.store.reopened())
    assert again.limit() == 12.0
    again.world.clock.advance(timedelta(days=1).total_seconds())
    assert again.limit() == 12.0


async def test_what_makes_no_sense_is_refused() -> None:
    bench = External()
    with pytest.raises(UnknownEvse):
        bench.limits.set(limit(evse_id=3))
    for at in range(100):
        bench.limits.set(limit(source=f"S{at}"))
    with pytest.raises(InvalidArgument, match="more than 100"):
        bench.limits.set(limit(source="one more"))
