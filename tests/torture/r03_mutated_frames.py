"""Mutated frames: no exit, every CALL with a readable id answered, quick, no growth of memory.

Recorded frames of each version, changed byte by byte and in their structure, go to the daemon
through a CSMS with a raw port, up to eight at a time. Required in full: 100,000 frames for each
version, 0 exits, no CALL without an answer, 99 % of the answers within 50 ms, at most 5 MiB more
memory than after the first 2,000 frames. The short form shares its machine with other tests, so it
allows the answers more time.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from tests.bench.measure import Samples
from tests.scenario.host import Host
from tests.torture.figures import Figure, Options, at_most, exactly, none_of, told
from tests.torture.mutation import Mutator, id_to_answer
from tests.torture.wire import WireCsms, eventually, site, values

VERSIONS = ("1.6", "2.0.1", "2.1")
_IN_FLIGHT = 8
_ANSWER_LIMIT_S = 10.0
# Longer ones end the connection, as R4 shows.
_MOST_CHARACTERS = 150_000
# What the ids of mutated frames never look like.
_SENTINEL = "sentinel-{}"


class Asker:
    """Sends frames, and knows which answers are owed."""

    def __init__(self, wire: WireCsms) -> None:
        self._wire = wire
        self._owed: Counter[str] = Counter()
        self._texts: dict[str, tuple[str, float]] = {}
        self._changed = asyncio.Event()
        self._sentinels = 0
        self.latencies_ms: list[float] = []
        self.answered = 0
        self.refused = 0
        self.unanswered: list[str] = []
        self.reconnects = 0
        wire.heard = self._heard

    def _heard(self, frame: list[Any]) -> None:
        if frame[0] not in (3, 4) or self._owed[frame[1]] <= 0:
            return
        self._owed[frame[1]] -= 1
        if not self._owed[frame[1]]:
            del self._owed[frame[1]]
        _, sent_at = self._texts.pop(frame[1], ("", None))
        if sent_at is not None:
            self.latencies_ms.append((time.perf_counter() - sent_at) * 1000)
        self.answered += 1
        self.refused += frame[0] == 4
        self._changed.set()

    async def send(self, text: str) -> None:
        """Send one frame when there is room; after a cut the owed answers are nobody's."""
        message_id = id_to_answer(text)
        await self._until(lambda: self._owed.total() < _IN_FLIGHT)
        if message_id is not None:
            self._owed[message_id] += 1
            self._texts[message_id] = (text, time.perf_counter())
        try:
            await self._wire.say(text)
        except ConnectionClosed:
            await self._again()

    async def sentinel(self, text: str) -> None:
        """Send a sound CALL and wait until all that is owed has come."""
        self._sentinels += 1
        message_id = _SENTINEL.format(self._sentinels)
        await self.send(text.replace("{id}", message_id))
        await self._until(lambda: not self._owed)

    async def _again(self) -> None:
        """Wait for the next connection: the station may have been told to make a new one."""
        self.reconnects += 1
        self._forget()
        await eventually(
            lambda: self._wire.connected.is_set() and self._wire.connection.state is State.OPEN, 30
        )

    def _forget(self) -> None:
        self._owed.clear()
        self._texts.clear()

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that answers bring about; what stays away is noted."""
        deadline = time.perf_counter() + _ANSWER_LIMIT_S
        while not condition():
            if not self._wire.connected.is_set():
                await self._again()
                continue
            if time.perf_counter() > deadline:
                self.unanswered += [self._texts.get(one, (one,))[0][:300] for one in self._owed]
                self._forget()
                continue
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await self._changed.wait()


SENTINELS = {
    "1.6": ("GetConfiguration", {"key": ["HeartbeatInterval"]}),
    "2.0.1": (
        "GetVariables",
        {
            "getVariableData": [
                {
                    "component": {"name": "OCPPCommCtrlr"},
                    "variable": {"name": "HeartbeatInterval"},
                }
            ]
        },
    ),
}
SENTINELS["2.1"] = SENTINELS["2.0.1"]


async def run(options: Options) -> list[Figure]:
    figures: list[Figure] = []
    for version in VERSIONS:
        figures += await _mutated(version, options)
    return figures


async def _mutated(version: str, options: Options) -> list[Figure]:
    count, warm_up = options.size(1_200, 100_000), options.size(400, 2_000)
    mutator = Mutator(version, options.chance(f"R3 {version}"))
    action, payload = SENTINELS[version]
    sentinel = json.dumps([2, "{id}", action, payload])
    async with site(
        options.folder / version, version, values=values(), evses=(("cType2",), ("cType2",))
    ) as (rig, wire):
        asker = Asker(wire)
        before_mib = after_mib = 0.0
        for number in range(warm_up + count):
            if number == warm_up:
                await asker.sentinel(sentinel)
                before_mib = rig.daemon.resident_mib()
                asker.latencies_ms.clear()
            frame = mutator.frame()
            if len(frame) < _MOST_CHARACTERS:
                await asker.send(frame)
            if number % 100 == 0:
                await asker.sentinel(sentinel)
                rig.client.signals.clear()
            if not rig.alive:
                break
        exits = 0 if rig.alive else 1
        if rig.alive:
            await asker.sentinel(sentinel)
            after_mib = rig.daemon.resident_mib()
            host = Host(rig.client)
            await host.ready()
            await host.charge_once()
            told_of = "StopTransaction" if version == "1.6" else "TransactionEvent"
            async with asyncio.timeout(30):
                while not wire.calls[told_of]:
                    await asyncio.sleep(0.05)
        latencies = Samples(asker.latencies_ms)
        tracebacks = rig.log.count("Traceback")
    return [
        told(
            f"{version}: frames",
            f"{warm_up + count:,}, {asker.answered:,} answered, {asker.refused:,} of them refused,"
            f" {asker.reconnects} new connections",
        ),
        exactly(f"{version}: exits", 0, exits),
        none_of(f"{version}: CALLs without an answer", asker.unanswered),
        exactly(f"{version}: tracebacks in the log", 0, tracebacks),
        at_most(f"{version}: answer, p99", options.size(250, 50), latencies.p99, "ms"),
        at_most(f"{version}: memory", 5, after_mib - before_mib, "MiB more"),
    ]
