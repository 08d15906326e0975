"""A CSMS that is down for a day, or comes and goes: the back-off is kept, nothing piles up.

In virtual time, on real sockets. Required: no wait shorter than RetryBackOff* says, nor longer;
never two connections or dials at once; descriptors and tasks as many at the end as after the
first hundred; in 24 hours without a CSMS less than 1 % of one processor; 10,000 connections that
end at once, each without a word.
"""

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

import ocppd.csms.connection as connection_module
from ocppd.device_model.names import OCPPCommCtrlr
from tests.csms.server import Station, csms, station, variables
from tests.fakes import FakeClock
from tests.torture.figures import Figure, Options, at_most, exactly, none_of, told
from tests.torture.wire import free_port

MINIMUM_S, RANGE_S, DOUBLINGS = 3, 10, 3
_DAY_S = 86_400


class Dials:
    """Watches each dial: when it was made, and whether another one was still under way."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.at_s: list[float] = []
        self.ended_at_s: list[float] = []
        self.at_once = 0
        self.open = 0
        self.most_open = 0

    def watch(self, dial: Callable[..., Any]) -> Callable[..., Any]:
        async def watched(*args: Any, **options: Any) -> Any:
            self.at_s.append(self._clock.monotonic())
            self.open += 1
            self.most_open = max(self.most_open, self.open)
            try:
                return await dial(*args, **options)
            finally:
                self.open -= 1
                self.ended_at_s.append(self._clock.monotonic())

        return watched


def _values(url: str) -> dict[Any, Any]:
    return variables(url, versions="ocpp2.0.1") | {
        OCPPCommCtrlr.RetryBackOffWaitMinimum: MINIMUM_S,
        OCPPCommCtrlr.RetryBackOffRandomRange: RANGE_S,
        OCPPCommCtrlr.RetryBackOffRepeatTimes: DOUBLINGS,
        OCPPCommCtrlr.NetworkProfileConnectionAttempts: 3,
    }


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def _until(condition: Callable[[], bool], limit_s: float = 10) -> None:
    """Let real work be done, while virtual time stands still."""
    deadline = time.monotonic() + limit_s
    idle = 0
    while not condition():
        await asyncio.sleep(0 if idle < 20 else 0.001)
        idle += 1
        if time.monotonic() > deadline:
            raise TimeoutError("the connection makes no progress")


async def run(options: Options) -> list[Figure]:
    with pytest.MonkeyPatch.context() as patch:
        down = await _down(options, patch)
    with pytest.MonkeyPatch.context() as patch:
        flapping = await _flapping(options, patch)
    return down + flapping


def _faults(waits: list[float]) -> list[str]:
    """Tell which waits are not as RetryBackOff* has them: the longer, the more failed in a row.

    A connection that the CSMS ends at once counts as a failure after the first.
    """
    faults = []
    for number, wait in enumerate(waits):
        least = MINIMUM_S * 2 ** min(number, DOUBLINGS)
        if not least <= wait <= least + RANGE_S + 0.001:
            faults.append(f"wait {number} is {wait:.2f} s, not {least} to {least + RANGE_S} s")
    return faults


async def _down(options: Options, patch: pytest.MonkeyPatch) -> list[Figure]:
    clock = FakeClock()
    dials = Dials(clock)
    patch.setattr(connection_module, "dial", dials.watch(connection_module.dial))
    chance = options.chance("R5 down")
    url = f"ws://127.0.0.1:{free_port()}"
    duration_s = options.size(4 * 3600, _DAY_S)
    folder = _folder(options, "down")
    async with station(folder, _values(url), clock=clock, random=chance.random) as client:
        cpu_s = descriptors = tasks = 0.0
        while clock.monotonic() < duration_s:
            made = len(dials.at_s)
            await _until(lambda: clock.timers > 0 and dials.open == 0)
            _pass_to_next(clock)
            await _until(lambda: len(dials.ended_at_s) > made)  # noqa: B023
            await asyncio.sleep(0)
            if len(dials.at_s) == 100:
                descriptors, tasks = _descriptors(), len(asyncio.all_tasks())
                cpu_s, since_s = time.process_time(), clock.monotonic()
        cpu = (time.process_time() - cpu_s) / (clock.monotonic() - since_s)
        more = [_descriptors() - descriptors, len(asyncio.all_tasks()) - tasks]
        # Each failure is told to the station, which tells the host what is new.
        changes = sum(1 for _ in groupby(client.listener.statuses))
    waits = [b - a for a, b in zip(dials.ended_at_s, dials.at_s[1:], strict=False)]
    return [
        told("down: attempts", f"{len(dials.at_s):,} in {clock.monotonic() / 3600:.1f} h"),
        none_of("down: waits that are not RetryBackOff*", _faults(waits)),
        exactly("down: dials at the same time", 1, dials.most_open),
        at_most("down: more descriptors, tasks", 0, max(more)),
        at_most("down: processor", 1.0, cpu * 100, "%"),
        at_most("down: times that the host was told the same", 2, changes),
    ]


def _pass_to_next(clock: FakeClock) -> None:
    """Let time pass up to what is due next."""
    before = clock.monotonic()
    step = 0.5
    while clock.monotonic() == before or clock.timers:
        waiting = clock.timers
        clock.advance(step)
        if clock.timers < waiting:
            return


def _folder(options: Options, name: str) -> Path:
    folder = options.folder / name
    folder.mkdir()
    return folder


async def _flapping(options: Options, patch: pytest.MonkeyPatch) -> list[Figure]:
    clock = FakeClock()
    dials = Dials(clock)
    patch.setattr(connection_module, "dial", dials.watch(connection_module.dial))
    chance = options.chance("R5 flapping")
    count = options.size(300, 10_000)
    at_once: list[int] = []
    open_now = 0

    async def hang_up(visitor: Station) -> None:
        nonlocal open_now
        open_now += 1
        at_once.append(open_now)
        try:
            match chance.randrange(4):
                case 0:
                    visitor.socket.transport.abort()
                case 1:
                    await visitor.socket.close(1001)
                case 2:
                    await visitor.socket.send("not a frame")
                    visitor.socket.transport.abort()
                case _:
                    await visitor.say(2, "1", "GetVariables", {})
                    await visitor.socket.close(1000)
            with suppress(ConnectionClosed):
                await visitor.socket.wait_closed()
        finally:
            open_now -= 1

    async with csms() as server:
        server.handler = hang_up
        url = f"ws://127.0.0.1:{server.port}"
        folder = _folder(options, "flapping")
        async with station(folder, _values(url), clock=clock, random=chance.random) as client:
            ends = client.listener.statuses
            descriptors = tasks = 0
            lost_at_s: list[float] = []
            while len(lost_at_s) < count:
                number = len(lost_at_s) + 1
                await _until(
                    lambda: sum(not one.connected for one in ends) >= number,  # noqa: B023
                )
                lost_at_s.append(clock.monotonic())
                client.traffic.clear()
                server.stations.clear()
                if number == 100:
                    descriptors, tasks = _descriptors(), len(asyncio.all_tasks())
                await _until(lambda: dials.open == 0 and clock.timers > 0)
                _pass_to_next(clock)

            def more() -> int:
                return max(_descriptors() - descriptors, len(asyncio.all_tasks()) - tasks)

            with suppress(TimeoutError):
                await _until(lambda: more() <= 3)  # the last one is being closed
            left = more()
    waits = [b - a for a, b in zip(lost_at_s, dials.at_s[1:], strict=False)]
    return [
        told("flapping: connections", f"{count:,}"),
        none_of("flapping: waits that are not RetryBackOff*", _faults(waits)),
        exactly("flapping: connections at the same time", 1, max(at_once)),
        at_most("flapping: more descriptors, tasks", 3, left),
    ]
