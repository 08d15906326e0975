"""Charging schedules: how long the engine takes, and how soon a change of limit is on the bus."""

import asyncio
import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from ocppd.dbus.binding import Bus, Variant
from ocppd.model.charging_profiles import (
    ChargingProfile,
    ChargingProfileKind,
    ChargingProfilePurpose,
    InstalledProfile,
    ProfilePeriod,
    ProfileSchedule,
    RecurrencyKind,
)
from ocppd.model.charging_schedules import ChargingRateUnit, PerPhase
from ocppd.station.composite_schedule import Window, composite_schedule
from ocppd.station.merged_period import Situation
from tests.bench.measure import Report, Samples
from tests.client import EVSE_MANAGER, NAME, OCPP, STATION, evse_path

START = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
_PERIODS = 100
_DAY_S = 86_400
_PURPOSES = (
    ChargingProfilePurpose.CHARGING_STATION_MAX_PROFILE,
    ChargingProfilePurpose.TX_DEFAULT_PROFILE,
)
_GOAL_MS = {1: 5.0, 20: 5.0, 100: 5.0, 300: 15.0}


def profiles(count: int, chance: random.Random, covers_s: int) -> list[InstalledProfile]:
    """Make daily profiles, at stack levels of their own, that cover so many seconds each."""
    made = []
    for number in range(count):
        starts = sorted(chance.sample(range(1, covers_s), _PERIODS - 1))
        periods = tuple(
            ProfilePeriod(at, PerPhase(chance.randint(6, 32) + chance.random()))
            for at in [0, *starts]
        )
        schedule = ProfileSchedule(
            periods,
            chance.choice(list(ChargingRateUnit)),
            start=START - timedelta(seconds=chance.randrange(_DAY_S)),
            duration_s=covers_s,
        )
        profile = ChargingProfile(
            number,
            number,
            _PURPOSES[number % len(_PURPOSES)],
            ChargingProfileKind.RECURRING,
            (schedule,),
            recurrency=RecurrencyKind.DAILY,
        )
        made.append(InstalledProfile(profile, 0, START))
    return made


def composite(report: Report) -> None:
    """Measure a composite schedule of 24 h: all day long, and an hour each, so that all matter."""
    for count, goal in _GOAL_MS.items():
        taken, _ = _measured(profiles(count, random.Random(count), _DAY_S))
        report.figure(f"composite schedule, {count} profiles of {_PERIODS}", taken, "ms", goal)
    for count in _GOAL_MS:
        taken, spans = _measured(profiles(count, random.Random(count), 3600))
        each = taken * 1000 / spans
        report.note(
            f"composite schedule, {count} profiles of an hour each: {taken:.1f} ms for {spans}"
            f" periods that matter, {each:.1f} us each"
        )


def _measured(installed: list[InstalledProfile]) -> tuple[float, int]:
    """Return the median of CPU time in ms, and how many periods came out."""
    taken: list[float] = []
    window, situation, unit = Window(START, _DAY_S), Situation(1), ChargingRateUnit.A
    for _ in range(21):
        begun = time.process_time()
        spans = composite_schedule(installed, situation, window, unit)
        taken.append((time.process_time() - begun) * 1000)
    return sorted(taken)[len(taken) // 2], len(spans)


async def limit_on_the_bus(report: Report, client: Bus, times: int = 200) -> None:
    """Measure from the call that changes a limit to PropertiesChanged of `Limit`."""
    seen = asyncio.Event()

    def hear(message: Any) -> bool:
        if message.member == "PropertiesChanged" and "Limit" in message.body[1]:
            seen.set()
        return False

    client.add_handler(hear)
    path = evse_path(1)
    await client.match(
        f"type='signal',member='PropertiesChanged',path='{path}',arg0='{EVSE_MANAGER}'"
    )
    taken: list[float] = []
    for number in range(times):
        seen.clear()
        begun = time.perf_counter()
        call = client.call(NAME, STATION, OCPP, "SetExternalLimit", "a{sv}", [_limit(number)])
        reply = asyncio.create_task(call)
        await asyncio.wait_for(seen.wait(), 5)
        taken.append((time.perf_counter() - begun) * 1000)
        await reply
    await client.call(NAME, STATION, OCPP, "ClearExternalLimit", "a{sv}", [{}])
    samples = Samples(taken[10:])
    report.figure(
        "a change of limit on the bus, p99", samples.p99, "ms", 2.0, f"median {samples.p50:.2f} ms"
    )


def _limit(number: int) -> dict[str, Variant]:
    period = {"start_period": Variant("i", 0), "limit": Variant("d", 6.0 + number % 9)}
    return {
        "evse_id": Variant("i", 1),
        "source": Variant("s", "EMS"),
        "charging_rate_unit": Variant("s", "A"),
        "charging_schedule_period": Variant("aa{sv}", [period]),
    }
