"""A million messages leave no trace in the daemon's memory, descriptors, or threads.

R15: 1,000,000 messages in both directions (calls of the CSMS, calls on the bus, and messages of
transactions): after the warm-up resident memory grows by 3 MiB at most and stays under 64 MiB;
descriptors and threads stay as many as they are.
"""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from ocppd.dbus.binding import Bus
from tests.bench.__main__ import Sessions, ask_variables, requests, variants
from tests.bench.measure import Process
from tests.bench.raw_csms import RawCsms
from tests.client import EVSE_MANAGER, NAME, OCPP, STATION, evse_path
from tests.scenario.rig import FAST, Rig
from tests.torture.figures import Figure, Options, at_least, at_most, told
from tests.torture.sessions import NO_ALIGNED_VALUES

_IN_FLIGHT = 8


async def run(options: Options) -> list[Figure]:
    """Warm up with a fifth, then go on."""
    messages = options.size(12_000, 1_000_000)
    async with RawCsms() as csms:
        rig = Rig(
            options.folder,
            versions=["2.0.1"],
            values=FAST + NO_ALIGNED_VALUES,
            log="error",
            start_csms=False,
        )
        async with rig:
            await rig.end_daemon()
            rig.write_config(csms.url)
            await rig.start_daemon()
            assert rig.process is not None
            await asyncio.wait_for(csms.connected.wait(), 10)
            await asyncio.sleep(1)
            traffic = _Traffic(csms, await Bus.connect(rig.bus.address))
            process, seen = Process(rig.process.pid), _Seen(rig.process.pid)
            await traffic.until(messages // 5)
            before_mib, before = await _settled(process), seen.counts()
            begun = time.monotonic()
            await traffic.until(messages)
            seconds = time.monotonic() - begun
            after_mib, after = await _settled(process), seen.counts()
            traffic.bus.close()
    return [
        at_least("messages", messages, traffic.messages),
        told("messages a second", f"{messages * 0.8 / seconds:.0f}"),
        at_most("growth after the warm-up", 3.0, after_mib - before_mib, "MiB"),
        at_most("resident in all", 64.0, after_mib, "MiB"),
        at_most("descriptors more", 0, after["fd"] - before["fd"]),
        at_most("threads more", 0, after["task"] - before["task"]),
    ]


class _Seen:
    """How many descriptors and threads a process has."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")

    def counts(self) -> dict[str, int]:
        return {name: len(list((self._folder / name).iterdir())) for name in ("fd", "task")}


class _Traffic:
    """Everything at once: the CSMS asks, the bus asks, and a host charges."""

    def __init__(self, csms: RawCsms, bus: Bus) -> None:
        self.bus = bus
        self._csms = csms
        self._asked = 0
        self._sessions: Sessions | None = None

    @property
    def messages(self) -> int:
        """How many OCPP requests were answered and bus calls made, in either direction."""
        return self._asked + self._csms.received

    async def until(self, messages: int) -> None:
        if self._sessions is None:
            await self.bus.call(NAME, evse_path(1), EVSE_MANAGER, "ReportReady", "b", [True])
            self._sessions = Sessions(self.bus)
        work = [self._ask_by_csms(messages) for _ in range(_IN_FLIGHT // 2)]
        work += [self._ask_by_bus(messages) for _ in range(_IN_FLIGHT // 2)]
        await asyncio.gather(*work, self._charge(messages))

    async def _ask_by_csms(self, messages: int) -> None:
        while self.messages < messages:
            self._asked += 1
            message_id = f"torture-{self._asked:08d}"
            answer = json.loads(await self._csms.ask(message_id, ask_variables(message_id, 4)))
            assert answer[0] == 3, answer

    async def _ask_by_bus(self, messages: int) -> None:
        body: list[Any] = [[variants(item) for item in requests(4)]]
        while self.messages < messages:
            self._asked += 1
            await self.bus.call(NAME, STATION, OCPP, "GetVariables", "aa{sv}", body)

    async def _charge(self, messages: int) -> None:
        assert self._sessions is not None
        while self.messages < messages:
            await self._sessions.one()
            await asyncio.sleep(0)


async def _settled(process: Process) -> float:
    """Return resident memory once the traffic is over."""
    await asyncio.sleep(1)
    return process.resident_mib()
