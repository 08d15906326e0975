"""What the agent ExternalEnergyLimits is told, and when."""

from datetime import timedelta

from ocppd.model.charging_schedules import PerPhase
from ocppd.model.smart_charging import ClearChargingProfile, ExternalLimit
from ocppd.station.energy_limits import INTERFACE
from tests.station.test_smart_charging import A, Bench, profile


async def told(bench: Bench) -> list[tuple[int, list[tuple[float, PerPhase | None]]]]:
    """EVSE and steps, in seconds from now, of what was told since the last time."""
    await bench.world.tasks.settle()
    calls = bench.world.agents.of("set_external_limits")
    bench.world.agents.calls.clear()
    now = bench.world.clock.now()
    return [
        (evse, [((step.timestamp - now).total_seconds(), step.limit) for step in steps])
        for evse, steps, _ in calls
    ]


async def test_limits_are_told_when_they_change_and_to_a_new_agent() -> None:
    bench = Bench(interval_s=30)
    bench.set(1, profile(1, (0, 10.0), (40, 16.0)))
    assert await told(bench) == []

    bench.world.agents.interfaces.add(INTERFACE)
    bench.block.on_agent_registered(INTERFACE)
    own = [(0, PerPhase(10)), (40, PerPhase(16))]
    assert [evse for evse, _ in await told(bench)] == [0, 1, 2]

    bench.charge(1, "tx")
    bench.block.publish()
    bench.world.clock.advance(30)
    assert await told(bench) == []  # the same steps, a little nearer

    bench.world.clock.advance(10)
    [(_, station), (evse, steps)] = await told(bench)
    assert (evse, steps, own[1][1]) == (1, [(0, PerPhase(16))], PerPhase(16))
    assert station == [(0, PerPhase(64))]

    bench.block.clear_profiles(ClearChargingProfile(1)).then()
    assert await told(bench) == [(0, [(0, None)]), (1, [(0, None)])]


async def test_what_the_agent_did_not_take_is_told_again() -> None:
    bench = Bench()
    bench.world.agents.interfaces.add(INTERFACE)
    bench.world.agents.failing.add("set_external_limits")
    bench.block.publish()
    assert [evse for evse, _ in await told(bench)] == [0, 1, 2]

    bench.world.agents.failing.clear()
    bench.block.publish()
    assert [evse for evse, _ in await told(bench)] == [0, 1, 2]
    bench.block.publish()
    assert await told(bench) == []


async def test_a_default_limit_is_no_limit() -> None:
    bench = Bench()
    bench.world.agents.interfaces.add(INTERFACE)
    bench.block.publish()
    await bench.world.tasks.settle()
    for _, steps, priority in bench.world.agents.of("set_external_limits"):
        assert steps == (ExternalLimit(bench.world.clock.now(), A),)
        assert priority == 0
    assert bench.world.clock.now() + timedelta() == steps[0].timestamp
