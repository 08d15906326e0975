"""The buttons of the simulator: over the bus, and from the command line."""

import asyncio
import json
import os
import signal
import sys
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from ocppd.tools.sim.commands import setting
from ocppd.tools.sim.control import NAME, PATH, OcppSim, control
from ocppd.tools.sim.settings import ChargerSettings
from ocppd.tools.sim.simulator import Simulator
from tests.client import BusError, Client
from tests.templates.standin import StandIn

ROOT = Path(__file__).parents[3]
QUICK = ChargerSettings(meter_interval_s=0.1, reboot_s=0.1)


class Buttons(Client):
    def __init__(self, address: str) -> None:
        super().__init__(address, NAME)

    async def press(self, member: str, signature: str = "", *arguments: Any) -> Any:
        return await self.call(member, signature, *arguments, path=PATH, interface=NAME)


@asynccontextmanager
async def pressed() -> AsyncIterator[tuple[StandIn, Simulator, Buttons]]:
    async with StandIn() as ocppd, Simulator(ocppd.address, QUICK) as host:
        task = asyncio.create_task(control(host, ocppd.address))
        try:
            async with Buttons(ocppd.address) as buttons:
                await buttons.wait_until_owned()
                await host.ready()
                yield ocppd, host, buttons
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def test_a_session_by_buttons() -> None:
    async with pressed() as (ocppd, host, buttons):
        await buttons.press("SetEv", "ia{sv}", 1, {"prepare_s": 0.05, "soc": 50.0, "phases": 3})
        await buttons.press("PlugIn", "ii", 1, 1)
        assert await buttons.press("Swipe", "ssi", "04A224B2", "", 0) == "UsedToStart"
        await host.wait_for("ChargingStarted", evse_id=1)
        await buttons.press("PauseEv", "i", 1)
        await buttons.press("ResumeEv", "i", 1)
        state = await buttons.press("State")
        assert state["evses"][0]["phase"] == "Charging"
        assert state["evses"][0]["token"] == "04A224B2"
        assert state["evses"][0]["power_w"] == pytest.approx(11_040, rel=0.01)
        assert state["evses"][1]["phase"] == "Idle"
        assert await buttons.press("StopTransaction", "is", 1, "") is True
        await buttons.press("Unplug", "i", 1)
        heard = await buttons.wait_for("Happened", lambda body: body[0] == "SessionFinished")
        assert heard.body[1]["evse_id"] == 1
        await host.all_acknowledged()
        assert "ChargingPausedEV" in await ocppd.events(1)


async def test_the_other_buttons() -> None:
    async with pressed() as (_, host, buttons):
        token = {
            "id_token": {"value": "02:00:00:00:00:01", "type": "MacAddress"},
            "authorization_type": "Autocharge",
        }
        assert await buttons.press("PresentToken", "a{sv}", token) == "Accepted"
        options = {"connector_id": 1, "severity": "Low", "message": "hot"}
        uuid = await buttons.press(
            "RaiseFault", "isa{sv}", 2, "evse_board_support/MREC3HighTemperature", options
        )
        assert list(host.charger.evses[2].faults) == [uuid]
        assert await buttons.press("ClearFault", "is", 0, "") == 1
        off = {"enable_source": "LocalKeyLock", "enable_state": "Disable", "enable_priority": 1}
        assert await buttons.press("EnableDisable", "iia{sv}", 1, 0, off) is False
        await buttons.press("SetSpeed", "d", 60.0)
        await buttons.press("PowerCut")
        assert (await buttons.press("State"))["powered"] is False
        await buttons.press("PowerOn", "b", True)
        await buttons.press("Reboot")
        await host.wait_for("PowerBack", since=host.position)
        assert (await buttons.press("State"))["boot_reason"] == "LocalReset"


@pytest.mark.parametrize(
    ("member", "signature", "arguments", "text"),
    [
        ("PlugIn", "ii", (9, 1), "no EVSE 9"),
        ("Unplug", "i", (1,), "no car"),
        ("Swipe", "ssi", ("", "", 0), "1 to 36"),
        ("Swipe", "ssi", ("A", "Punchcard", 0), "Punchcard"),
        ("PresentToken", "a{sv}", ({},), "id_token"),
        ("SetEv", "ia{sv}", (1, {"wheels": 4}), "wheels"),
        ("RaiseFault", "isa{sv}", (1, "a/B", {"colour": "red"}), "colour"),
        ("EnableDisable", "iia{sv}", (1, 0, {"enable_source": "Cat"}), "Cat"),
        ("PowerOn", "b", (True,), "has power"),
        ("SetSpeed", "d", (0.0,), "speed"),
    ],
)
async def test_what_cannot_be_done_is_refused_with_the_reason(
    member: str, signature: str, arguments: tuple[Any, ...], text: str
) -> None:
    async with pressed() as (_, _, buttons):
        with pytest.raises(BusError, match=text) as refused:
            await buttons.press(member, signature, *arguments)
        assert refused.value.name == "org.everest.Ocpp.Error.InvalidArgument"


async def test_introspection_is_the_documented_interface() -> None:
    async with pressed() as (_, _, buttons):
        text = await buttons.call(
            "Introspect", path=PATH, interface="org.freedesktop.DBus.Introspectable"
        )
    told = members(ET.fromstring(text))
    documented = members(ET.parse(ROOT / "dbus" / f"{NAME}.xml").getroot())
    assert told == documented
    assert {name for kind, name, _ in documented if kind == "method"} == set(OcppSim.METHODS)
    for name, method in OcppSim.METHODS.items():
        assert ("method", name, method.in_signature + "->" + method.out_signature) in documented


def members(root: ET.Element) -> set[tuple[str, str, str]]:
    interface = next(each for each in root.iter("interface") if each.get("name") == NAME)
    found = set()
    for member in interface:
        ways = {"in": "", "out": ""}
        for argument in member.iter("arg"):
            ways[argument.get("direction", "out")] += argument.get("type", "")
        found.add((member.tag, member.get("name", ""), ways["in"] + "->" + ways["out"]))
    return found


# --- The command line ----------------------------------------------------------------------------


async def sim(address: str, *words: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ocppd.tools.sim",
        "--bus",
        address,
        *words,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_a_session_from_the_command_line() -> None:
    async with StandIn() as ocppd:
        run = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "ocppd.tools.sim", "run", "--bus", ocppd.address, "--json"),
            *("--evse", "cType2", "--evse", "cCCS2+cG105", "--speed", "10", "--register", "1000"),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            async with Buttons(ocppd.address) as buttons:
                await buttons.wait_until_owned()
                await buttons.wait_for("Happened", lambda body: body[0] == "OcppdFound")

            async def expect(status: int, text: str, *words: str) -> None:
                given, output = await sim(ocppd.address, *words)
                assert (given, text in output) == (status, True), output

            await expect(0, "", "plug", "2", "--set", "soc=40", "--set", "prepare_s=0.05")
            await expect(1, "already plugged in", "plug", "2")
            await expect(0, "UsedToStart", "swipe", "04A224B2", "--type", "ISO14443")
            await asyncio.sleep(0.3)
            await expect(0, "EVSE 2: Charging, car at connector 1", "state")
            await expect(0, '"phase": "Charging"', "state", "--json")
            await expect(0, "", "pause", "2")
            await expect(0, "PausedEV", "state")
            await expect(0, "", "resume", "2")
            await expect(0, "", "ev", "2", "target_soc=80")
            await expect(1, "wheels: unknown", "ev", "2", "wheels=4")
            await expect(0, "UsedToStop", "swipe", "04a224b2")
            await expect(1, "NoEvseAvailable", "swipe", "04A224B2", "--evse", "2")
            await expect(1, "no transaction", "stop", "2")
            await expect(0, "", "unplug", "2")
            await expect(0, "disabled", "disable", "1")
            await expect(0, "enabled", "unassign", "1")
            await expect(0, "", "fault", "--evse", "1", "--severity", "Low", "powermeter/X")
            await expect(0, "1 cleared", "clear")
            await expect(0, "", "power", "off")
            await expect(0, "power off", "state")
            await expect(0, "", "power", "on", "--end")
            await expect(0, "", "speed", "1")
        finally:
            run.send_signal(signal.SIGTERM)
            output, _ = await asyncio.wait_for(run.communicate(), 5)
        assert run.returncode == 0
        happened = [json.loads(line) for line in output.decode().splitlines()]
        names = [each["what"] for each in happened]
        assert names.index("TransactionStarted") < names.index("TransactionFinished")
        assert "TransactionFinished" in await ocppd.events(2)


async def test_commands_say_when_nobody_is_there() -> None:
    async with StandIn(start=False) as ocppd:
        status, output = await sim(ocppd.address, "state")
        assert (status, "no simulator runs" in output) == (1, True)
    status, output = await sim("unix:path=/nowhere", "state")
    assert (status, "there is no bus" in output) == (1, True)


async def test_a_second_simulator_on_a_bus_says_so_and_ends() -> None:
    async with pressed() as (ocppd, _, _):
        status, output = await sim(ocppd.address, "run")
        assert status == 1
        assert "another simulator" in output


@pytest.mark.parametrize("words", [("--evse", "cToaster"), ("--speed", "0"), ("--evses", "0")])
async def test_a_charger_that_cannot_be_is_not_started(words: tuple[str, ...]) -> None:
    status, output = await sim("unix:path=/nowhere", "run", *words)
    assert status == 2
    assert output.startswith("ocppd-sim: ")


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("soc=40", ("soc", 40.0)),
        ("wants=false", ("wants", False)),
        ("kind=DC", ("kind", "DC")),
        ("evcc_id=02:00", ("evcc_id", "02:00")),
    ],
)
def test_settings_are_what_they_look_like(text: str, pair: tuple[str, Any]) -> None:
    assert setting(text) == pair


def test_the_command_line_starts_without_the_d_bus_library() -> None:
    import subprocess

    code = (
        "import sys, ocppd.tools.sim.__main__ as m; m.parser();"
        "print(sorted({'asyncio', 'dbus_fast', 'dbus_next', 'cryptography'} & set(sys.modules)))"
    )
    output = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    assert output.strip() == "[]"


async def test_the_prompt_takes_commands_on_a_terminal() -> None:
    async with StandIn() as ocppd:
        ours, theirs = os.openpty()
        run = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "ocppd.tools.sim", "run", "--bus", ocppd.address),
            cwd=ROOT,
            stdin=theirs,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        os.close(theirs)
        try:
            async with Buttons(ocppd.address) as buttons:
                await buttons.wait_until_owned()
                await buttons.wait_for("Happened", lambda body: body[0] == "OcppdFound")
                for text in ("plug 1", "", "plug 1", "dance", "plug 'x", "swipe A1", "state"):
                    os.write(ours, f"{text}\n".encode())
                await buttons.wait_for("Happened", lambda body: body[0] == "ChargingStarted")
            os.write(ours, b"quit\n")
            output, _ = await asyncio.wait_for(run.communicate(), 10)
        finally:
            os.close(ours)
        text = output.decode()
        assert run.returncode == 0
        for part in (
            "commands: plug, unplug, swipe",
            "EVSE 1   SessionStarted: EVConnected, 0.0 Wh",
            "already plugged in",
            "invalid choice: 'dance'",
            "No closing quotation",
            "UsedToStart",
            "EVSE 1: Preparing, car at connector 1, 30.0 %, token A1",
        ):
            assert part in text, text
