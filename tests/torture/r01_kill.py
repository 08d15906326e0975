"""Nothing billed is lost by kill -9, and no repeat differs.

R1: 1,000 times kill -9 at random moments (0 to 500 ms after the daemon is up, one time in five
while it starts) during 300 transactions, in each version, over TLS: no transaction message lost,
repeats only with the identical payload, back on the bus within 3 s.
"""

import asyncio
import time

from tests.bench.measure import Samples
from tests.scenario.rig import FAST, Rig
from tests.torture.figures import Figure, Options, at_least, at_most, none_of, told
from tests.torture.sessions import NO_ALIGNED_VALUES, StubbornHost, compare, until_sent
from tests.torture.tls import secured

# So often killed, the daemon sends less than it hears; thinning is the matter of R9.
_NO_THINNING = (
    "  - {component: InternalCtrlr, variable: MessageQueueSizeThreshold, value: 100000}\n"
)
VERSIONS = ("1.6", "2.0.1", "2.1")


async def run(options: Options) -> list[Figure]:
    """Kill in each version."""
    return [figure for version in VERSIONS for figure in await _in_version(version, options)]


async def _in_version(version: str, options: Options) -> list[Figure]:
    kills, transactions = options.size(6, 1_000), options.size(6, 300)
    chance = options.chance(version)
    folder = options.folder / version
    folder.mkdir()
    values = FAST + NO_ALIGNED_VALUES + _NO_THINNING
    async with Rig(
        folder, versions=[version], values=values, log="warning", **secured(folder)
    ) as rig:
        # An answer that takes its time is the moment for a repeat.
        for action in ("TransactionEvent", "StartTransaction", "StopTransaction", "MeterValues"):
            rig.csms.misbehave(action, delay_s=0.04)
        hosts = [StubbornHost(rig.client, evse_id, chance) for evse_id in (1, 2)]
        killed = asyncio.Event()
        ready_ms: list[float] = []

        async def charge(host: StubbornHost) -> None:
            while not killed.is_set() or sum(len(h.journal) for h in hosts) < transactions:
                await host.session()

        async def kill() -> None:
            for _ in range(kills):
                await asyncio.sleep(chance.random() * 0.5)
                await rig.kill()
                if chance.random() < 0.2:
                    await rig.start_daemon(wait=False)
                    await asyncio.sleep(chance.random() * 0.5)
                    await rig.kill()
                begun = time.monotonic()
                await rig.start_daemon()
                ready_ms.append((time.monotonic() - begun) * 1000)
                for host in hosts:
                    host.daemon += 1
            killed.set()

        await asyncio.gather(kill(), *(charge(host) for host in hosts))
        rig.csms.behave()
        await until_sent(rig.client, timeout_s=600)
        journal = [session for host in hosts for session in host.journal]
        verdict = compare(version, rig.csms.calls(), journal)
        health = await rig.client.get("Health")
    name = f"OCPP {version}"
    faults = [] if health["status"] == "ok" else [str(health)]
    return [
        told(f"{name}: kill -9", f"{kills} and some at start, {verdict.repeats} repeats"),
        at_least(f"{name}: transactions", transactions, len(journal)),
        none_of(f"{name}: lost or wrong", verdict.lost + verdict.extra),
        none_of(f"{name}: repeats that differ", verdict.differing),
        none_of(f"{name}: health in the end", faults),
        at_most(f"{name}: back on the bus, slowest", 3_000, max(ready_ms), "ms"),
        told(f"{name}: back on the bus, median", f"{Samples(ready_ms).p50:.0f} ms"),
    ]
