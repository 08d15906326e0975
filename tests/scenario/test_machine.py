"""Nobody registers for System: login1 and timedate1 do it, as python-dbusmock has them."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.client import Client
from tests.private_bus import PrivateBus
from tests.scenario.rig import FAST, Rig

VERSIONS = ("1.6", "2.0.1", "2.1")


@asynccontextmanager
async def machine(
    bus: PrivateBus, template: str, log: Path, **parameters: str
) -> AsyncIterator[None]:
    """One of dbusmock's templates on the bus; `log` gets each call."""
    names = {"logind": "org.freedesktop.login1", "timedated": "org.freedesktop.timedate1"}
    mock = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "dbusmock",
        "--system",
        "--template",
        template,
        "--parameters",
        json.dumps(parameters),
        "--logfile",
        str(log),
        env={**bus.environment, "PYTHONWARNINGS": "ignore"},
        cwd="/",
    )
    try:
        async with Client(bus.address, names[template]) as client:
            await client.wait_until_owned()
            # It has its name before it has loaded the template, and then begins to answer.
            path = "/" + names[template].replace(".", "/")
            await client.call(
                "Introspect", path=path, interface="org.freedesktop.DBus.Introspectable"
            )
            yield
    finally:
        mock.kill()
        await mock.wait()


async def called(log: Path, what: str) -> str:
    """Wait for a call and return its line of the mock's log."""
    async with asyncio.timeout(15):
        while True:
            lines = log.read_text().splitlines() if log.exists() else []
            for line in lines:
                if what in line:
                    return line
            await asyncio.sleep(0.05)


@pytest.mark.requirement("B11.FR.01", "B12.FR.01")
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_reset_restarts_the_machine(version: str, tmp_path: Path) -> None:
    log = tmp_path / "logind.log"
    async with Rig(tmp_path / "rig", versions=[version]) as rig:
        await rig.booted()
        async with machine(rig.bus, "logind", log):
            request = {"type": "Hard" if version == "1.6" else "Immediate"}
            assert (await rig.csms.call("Reset", request))["status"] == "Accepted"
            assert (await called(log, " Reboot ")).endswith("Reboot False")
        assert await rig.end_daemon() == 0
        since = rig.csms.mark()
        await rig.start_daemon()
        boot = await rig.csms.wait_for("BootNotification", since=since)
        if version != "1.6":  # the reason is that of the last request
            assert boot.payload["reason"] == "RemoteReset"


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("challenge", "polkit wants a password to restart this machine"),
        ("no", "polkit forbids ocppd to restart this machine"),
        ("na", "this machine cannot be restarted"),
    ],
)
async def test_a_machine_that_refuses_is_told_before_anybody_asks(
    word: str, why: str, tmp_path: Path
) -> None:
    log = tmp_path / "logind.log"
    rig = Rig(tmp_path / "rig", versions=["2.0.1"])
    async with rig:
        await rig.end_daemon()
        async with machine(rig.bus, "logind", log, CanReboot=word):
            await rig.start_daemon()
            await rig.csms.wait_until(lambda: len(rig.csms.calls("BootNotification")) == 2)
            reason = f"the CSMS cannot reset this station: {why}"
            async with asyncio.timeout(15):
                while True:
                    reasons = (await rig.client.get("Health"))["reasons"]
                    if [each[: len(reason)] for each in reasons] == [reason]:
                        break
                    await asyncio.sleep(0.05)
            answer = await rig.csms.call("Reset", {"type": "Immediate"})
            assert answer["status"] == "Rejected"
            assert why in answer["statusInfo"]["additionalInfo"]
            assert why in rig.log
        assert " Reboot " not in log.read_text()


@pytest.mark.requirement("B04.FR.01")
async def test_the_clock_is_set_by_timedated(tmp_path: Path) -> None:
    log = tmp_path / "timedated.log"
    values = FAST + "  - {component: ClockCtrlr, variable: TimeSource, value: Heartbeat}\n"
    async with Rig(tmp_path / "rig", versions=["2.0.1"], values=values) as rig:
        await rig.end_daemon()
        rig.csms.on(
            "BootNotification",
            lambda _station, _payload: {
                "currentTime": "2031-01-02T03:04:05Z",
                "interval": 300,
                "status": "Accepted",
            },
        )
        async with machine(rig.bus, "timedated", log):
            await rig.start_daemon()
            line = await called(log, " SetTime ")
            microseconds = int(line.split(" SetTime ")[1].split()[0])
            assert abs(microseconds / 1e6 - 1_925_089_445) < 30


async def test_it_can_be_turned_off(tmp_path: Path) -> None:
    log = tmp_path / "logind.log"
    config = "host: {builtin_system: false}"
    async with Rig(tmp_path / "rig", versions=["2.0.1"], more_config=config) as rig:
        await rig.booted()
        async with machine(rig.bus, "logind", log):
            answer = await rig.csms.call("Reset", {"type": "Immediate"})
            assert answer["status"] == "Rejected"
            assert "turned off" in answer["statusInfo"]["additionalInfo"]
            await asyncio.sleep(0.2)
        assert "Reboot" not in log.read_text()
