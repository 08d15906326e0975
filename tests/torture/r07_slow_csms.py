"""A CSMS that answers after 90 % of the time limit: one CALL at a time, in order, the bus is quick.

Required: never a second CALL before the first is answered; the messages of each transaction in the
order of the reports; no message twice; calls on the bus answered within 20 ms (99 %) meanwhile;
in the short form, which shares its machine with other tests, within 100 ms.
"""

import asyncio
import time
from collections import defaultdict
from typing import Any

from tests.bench.measure import Samples
from tests.scenario.host import Host
from tests.torture.figures import Figure, Options, at_most, exactly, none_of, told
from tests.torture.wire import WireCsms, site, values

TIMEOUT_S = 2


class Watch:
    """What the CSMS saw: how many CALLs were open at a time, and their order."""

    def __init__(self, wire: WireCsms) -> None:
        self.most_open = 0
        self.ids: list[str] = []
        self.events: dict[str, list[int]] = defaultdict(list)
        self.sixteen: list[str] = []
        self._open: set[str] = set()
        self._wire = wire
        wire.heard = self._heard

    def _heard(self, frame: list[Any]) -> None:
        if frame[0] != 2:
            return
        _, message_id, action, payload = frame
        self.ids.append(message_id)
        self._open.add(message_id)
        self.most_open = max(self.most_open, len(self._open))
        asyncio.get_running_loop().call_later(
            self._wire.delay_s * 0.98, self._open.discard, message_id
        )
        if action == "TransactionEvent":
            self.events[payload["transactionInfo"]["transactionId"]].append(payload["seqNo"])
        elif action in ("StartTransaction", "StopTransaction"):
            self.sixteen.append(action)

    def out_of_order(self) -> list[str]:
        """Return the transactions whose numbers are not 0, 1, 2, …"""
        return [
            f"{transaction}: {numbers}"
            for transaction, numbers in self.events.items()
            if numbers != list(range(len(numbers)))
        ]


async def run(options: Options) -> list[Figure]:
    figures: list[Figure] = []
    for version in ("1.6", "2.0.1", "2.1") if options.full else ("2.0.1",):
        figures += await _slow(version, options)
    return figures


async def _slow(version: str, options: Options) -> list[Figure]:
    more = values()
    async with site(
        options.folder / version, version, values=more, message_timeout_s=TIMEOUT_S
    ) as (rig, wire):
        watch = Watch(wire)
        wire.delay_s = 0.9 * TIMEOUT_S
        hosts = [Host(rig.client, evse_id) for evse_id in (1, 2)]
        for host in hosts:
            await host.ready()
        sessions = options.size(1, 20)
        charging = asyncio.gather(*(_charge(host, sessions) for host in hosts))
        latencies: list[float] = []
        began = time.monotonic()
        while not charging.done() or any(e["state"] == "waiting" for e in await rig.queue()):
            started = time.perf_counter()
            await rig.client.evse(1, "ReportPowermeter", "a{sv}", _reading(hosts[0]))
            latencies.append((time.perf_counter() - started) * 1000)
            started = time.perf_counter()
            await rig.client.get("IsConnected")
            latencies.append((time.perf_counter() - started) * 1000)
            await asyncio.sleep(0.05)
            if time.monotonic() - began > sessions * 120:
                break
        await charging
        left = len([e for e in await rig.queue() if e["state"] == "waiting"])
        repeated = [one for one in watch.ids if watch.ids.count(one) > 1]
    starts = watch.sixteen.count("StartTransaction") if version == "1.6" else len(watch.events)
    return [
        told(f"{version}: CALLs", f"{len(watch.ids)} in {time.monotonic() - began:.0f} s"),
        exactly(f"{version}: CALLs open at a time", 1, watch.most_open),
        none_of(f"{version}: transactions out of order", watch.out_of_order()),
        none_of(f"{version}: messages repeated", repeated),
        exactly(f"{version}: transactions told", 2 * sessions, starts),
        exactly(f"{version}: messages left", 0, left),
        at_most(
            f"{version}: a call on the bus, p99",
            options.size(100, 20),
            Samples(latencies).p99,
            "ms",
        ),
    ]


async def _charge(host: Host, sessions: int) -> None:
    for _ in range(sessions):
        await host.charge_once()
        await asyncio.sleep(0.05)


def _reading(host: Host) -> dict[str, Any]:
    return {"timestamp": host.now(), "energy_Wh_import": {"total": host.energy_wh}}
