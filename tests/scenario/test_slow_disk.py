"""A disk that stalls for two seconds delays what waits for it, and nothing else."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.scenario.host import Host
from tests.scenario.rig import Rig
from tests.torture.unsynced import Disk

STALL_S = 2.0


async def test_a_stall_delays_acknowledgements_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state").mkdir()
    disk = Disk(tmp_path / "state", tmp_path / "disk", log=False)
    for name, value in disk.env.items():
        monkeypatch.setenv(name, value)
    async with Rig(tmp_path, versions=["2.0.1"]) as rig:
        for name in disk.env:
            monkeypatch.delenv(name)
        await rig.booted()
        host = Host(rig.client)
        await host.ready()
        await host.plug_in()
        disk.stall(STALL_S, "sync")
        began = time.monotonic()
        start = asyncio.create_task(host.start())
        event = {"type": "Tamper", "critical": True}
        report = asyncio.create_task(rig.client.call("SecurityEvent", "a{sv}", event))
        slowest = 0.0
        requests = [
            {
                "component_variable": {
                    "component": {"name": "OCPPCommCtrlr"},
                    "variable": {"name": "HeartbeatInterval"},
                }
            }
        ]
        while time.monotonic() - began < STALL_S - 0.5:
            once = time.monotonic()
            await rig.client.call("GetVariables", "aa{sv}", requests)
            await rig.csms.call("TriggerMessage", {"requestedMessage": "Heartbeat"})
            slowest = max(slowest, time.monotonic() - once)
            assert not start.done()
            assert not report.done()
            await asyncio.sleep(0.05)
        assert slowest < 0.5
        await asyncio.wait_for(asyncio.gather(start, report), 3 * STALL_S + 3)
        assert time.monotonic() - began >= STALL_S
        disk.heal()
        assert (await rig.client.get("Health"))["status"] == "ok"


@pytest.mark.parametrize("file", ["security.log", "messages.jsonl"])
async def test_a_stall_of_a_log_delays_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    (tmp_path / "state").mkdir()
    disk = Disk(tmp_path / "state", tmp_path / "disk", log=False)
    for name, value in disk.env.items():
        monkeypatch.setenv(name, value)
    async with Rig(tmp_path, versions=["2.0.1"]) as rig:
        for name in disk.env:
            monkeypatch.delenv(name)
        await rig.booted()
        disk.stall(STALL_S, "open", "write", "sync", match=file)
        began = time.monotonic()
        for _ in range(5):
            await rig.client.call("SecurityEvent", "a{sv}", {"type": "Tamper", "critical": True})
            await rig.csms.call("TriggerMessage", {"requestedMessage": "Heartbeat"})
        assert time.monotonic() - began < STALL_S / 2
        disk.heal()
