"""On a full disk charging and the bus go on, and nothing is lost when space returns.

R10: the state folder is on a disk of 8 MiB that is filled while sessions run: every call is
answered, at once, and says StorageFailure where it must; Health says degraded, and the event
MemoryExhaustion is raised; 10 s after space returns all is well again. The CSMS gets every session,
those that were told to a full disk too; and also when the daemon is killed and started on it.
"""

import asyncio
import time
from contextlib import suppress

from tests.scenario.host import Host
from tests.scenario.rig import FAST, Rig
from tests.torture.figures import Figure, Options, at_least, at_most, exactly, none_of, told
from tests.torture.sessions import (
    NO_ALIGNED_VALUES,
    BraveHost,
    Calls,
    Session,
    StubbornHost,
    compare,
    until_sent,
    until_well,
)
from tests.torture.small_disk import SmallDisk, small_disk
from tests.torture.tls import secured

_VERSIONS = ("1.6", "2.1")
_VARIABLE = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "OfflineThreshold"}}


async def run(options: Options) -> list[Figure]:
    """Fill the disk in each generation."""
    figures: list[Figure] = []
    for version in _VERSIONS:
        folder = options.folder / version
        folder.mkdir()
        with small_disk(folder / "disk") as disk:
            rig = Rig(
                folder,
                versions=[version],
                values=FAST + NO_ALIGNED_VALUES,
                log="info",
                **secured(folder),
            )
            rig.state = disk.folder / "state"
            async with rig:
                figures += await _Filled(rig, disk, version, options).run()
    return figures


class _Filled:
    """One daemon on one small disk."""

    def __init__(self, rig: Rig, disk: SmallDisk, version: str, options: Options) -> None:
        self._rig = rig
        self._disk = disk
        self._version = version
        self._rounds = options.size(1, 20)
        self._chance = options.chance(version)
        self._recovery_ms = 0.0
        self._start_ms = 0.0
        self._calls = Calls()
        self._journal: list[Session] = []
        self._faults: list[str] = []

    @property
    def _pid(self) -> int:
        assert self._rig.process is not None
        return self._rig.process.pid

    async def run(self) -> list[Figure]:
        rig = self._rig
        await rig.booted()
        hosts = [BraveHost(Host(rig.client, evse_id), self._calls) for evse_id in (1, 2)]
        for host in hosts:
            await host.host.ready()
        for _ in range(self._rounds):
            await self._charge(hosts)
            self._disk.fill(self._pid)
            refused = self._calls.refused
            await self._charge(hosts)
            # Where SQLite still has room in its log, nothing has failed yet.
            await self._goes_on(degraded=self._calls.refused > refused)
            await self._charge(hosts)
            await self._recovers()
        await self._started_filled(hosts)
        await until_sent(rig.client)
        before = compare(self._version, rig.csms.calls(), self._journal)
        await self._killed_meanwhile()
        await until_sent(rig.client)
        verdict = compare(self._version, rig.csms.calls(), self._journal)
        heard = {signal.value["type"] for signal in rig.client.heard("SecurityEvent")}
        with suppress(TimeoutError):
            await rig.csms.wait_for(
                "SecurityEventNotification", type="MemoryExhaustion", timeout_s=5
            )
        sent = rig.csms.calls("SecurityEventNotification", type="MemoryExhaustion")
        name = f"OCPP {self._version}"
        return [
            told(f"{name}: disk", f"{self._disk.kind}, filled {self._rounds + 2} times"),
            at_least(f"{name}: calls that were told StorageFailure", 1, self._calls.refused),
            at_most(f"{name}: slowest call on a full disk", 1_000, self._calls.slowest_ms, "ms"),
            at_most(f"{name}: on the bus on a full disk", 5_000, self._start_ms, "ms"),
            none_of(f"{name}: what did not go on", self._faults),
            exactly(f"{name}: event on the bus", True, "MemoryExhaustion" in heard),
            exactly(f"{name}: event at the CSMS", True, bool(sent)),
            at_most(f"{name}: recovery", 10_000, self._recovery_ms, "ms"),
            none_of(f"{name}: lost or wrong", verdict.lost + before.extra),
            none_of(f"{name}: repeats that differ", before.differing),
            # A power cut on a full disk: what was sent from memory is not known any more.
            told(
                f"{name}: sent anew after kill -9 on a full disk",
                f"{len(verdict.extra) + len(verdict.differing)}",
            ),
            told(f"{name}: sessions", f"{len(self._journal)}"),
        ]

    async def _charge(self, hosts: list[BraveHost]) -> None:
        self._journal += await asyncio.gather(*(host.session() for host in hosts))

    async def _goes_on(self, *, degraded: bool) -> None:
        """Look what the daemon says and does while the disk is full."""
        health = await self._rig.client.get("Health")
        if degraded and health["status"] != "degraded":
            self._faults.append(f"Health is {health}")
        if not await self._rig.client.get("IsConnected"):
            self._faults.append("the connection was lost")
        ask = [{"component_variable": _VARIABLE}]
        [answer] = await self._rig.client.call("GetVariables", "aa{sv}", ask)
        if answer["status"] != "Accepted":
            self._faults.append(f"GetVariables: {answer}")
        key = {"key": ["HeartbeatInterval"]}
        if self._version == "1.6":
            await self._rig.csms.call("GetConfiguration", key)
        else:
            await self._rig.csms.call("GetVariables", {"getVariableData": [_VARIABLE]})

    async def _recovers(self) -> None:
        self._disk.free(self._pid)
        self._recovery_ms = max(self._recovery_ms, await until_well(self._rig.client))

    async def _killed_meanwhile(self) -> None:
        """Fill the disk, kill and start on it; what was acknowledged before must be there."""
        hosts = [StubbornHost(self._rig.client, evse_id, self._chance, 0.05) for evse_id in (1, 2)]
        for host, energy_wh in zip(hosts, (500_000.0, 600_000.0), strict=True):
            host.host.energy_wh = energy_wh  # other registers than before
        going = [asyncio.create_task(host.session()) for host in hosts]
        await asyncio.sleep(self._chance.random() * 0.2)
        self._disk.fill(self._pid)
        await asyncio.sleep(0.2)
        await self._rig.kill()
        await self._start_filled()
        for host in hosts:
            host.daemon += 1
        await asyncio.sleep(0.3)
        await self._recovers()
        await asyncio.gather(*going)
        self._journal += [session for host in hosts for session in host.journal]

    async def _started_filled(self, hosts: list[BraveHost]) -> None:
        """Start on a full disk where SQLite has no file of its own to reuse."""
        await self._rig.end_daemon()
        self._disk.fill(self._pid, running=False)
        await self._start_filled()
        for host in hosts:
            await self._calls.make(host.host.ready())
        await self._charge(hosts)
        await self._goes_on(degraded=True)
        await self._recovers()

    async def _start_filled(self) -> None:
        begun = time.monotonic()
        await self._rig.start_daemon(wait=False)
        self._disk.fill(self._pid)
        await self._rig.client.wait_until_owned(30)
        self._start_ms = max(self._start_ms, (time.monotonic() - begun) * 1000)
