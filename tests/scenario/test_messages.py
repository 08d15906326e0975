"""The message journal, from the wire to the bus, over a restart and a kill."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.client import BusError
from tests.scenario.rig import PASSWORD, Rig

SECRET = "correct-horse-battery"


async def messages(rig: Rig, **wanted: Any) -> list[dict[str, Any]]:
    return list(await rig.client.call("GetMessages", "a{sv}", wanted))


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_what_was_said_is_kept_over_a_restart(version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version]) as rig:
        await rig.booted()
        await rig.csms.call("ClearCache", {})
        with pytest.raises(Exception, match=r"NotImplemented|NotSupported"):
            await rig.csms.call("Nonsense", {})
        boot = await messages(rig, action="BootNotification")
        assert [one["direction"] for one in boot] == [
            "ChargingStationToCSMS",
            "CSMSToChargingStation",
        ]
        assert json.loads(boot[1]["message"])[2]["status"] == "Accepted"
        assert boot[0]["message_id"] == boot[1]["message_id"]
        assert boot[0]["version"] == version
        [refused] = await messages(rig, refused=True)
        assert refused["action"] == "Nonsense"
        assert refused["reason"] == "Nonsense is not supported"
        numbers = [one["number"] for one in await messages(rig)]
        assert numbers == list(range(1, len(numbers) + 1))

        await rig.end_daemon()
        await rig.start_daemon()
        await rig.csms.wait_until(lambda: len(rig.csms.calls("BootNotification")) == 2)
        await asyncio.sleep(0.7)
        await rig.end_daemon(signal.SIGKILL)
        await rig.start_daemon()
        again = await messages(rig, action="BootNotification", after=numbers[-1])
        assert len(again) >= 2
        assert {one["number"] for one in again}.isdisjoint(numbers)


async def test_no_secret_is_in_it(tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=["2.0.1"]) as rig:
        await rig.booted()
        item = {
            "component": {"name": "SecurityCtrlr"},
            "variable": {"name": "BasicAuthPassword"},
            "attributeValue": SECRET,
        }
        await rig.csms.call("SetVariables", {"setVariableData": [item]})
        [asked, _] = await messages(rig, action="SetVariables")
        assert asked["masked"] is True
        await rig.end_daemon()
        journal = (rig.state / "messages.jsonl").read_text()
        assert "SetVariables" in journal
        for secret in (SECRET, PASSWORD):
            assert secret not in journal
            assert secret not in rig.log


async def test_a_bad_filter_is_refused_by_its_path(tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=["2.0.1"], start_csms=False) as rig:
        for wanted, complaint in (
            ({"limit": 0}, "filter.limit: 0 is not in 1 to 1000"),
            ({"since": "yesterday"}, "filter.since"),
            ({"colour": "red"}, "filter.colour: unknown key"),
            ({"direction": "up"}, "filter.direction"),
        ):
            with pytest.raises(BusError) as error:
                await messages(rig, **wanted)
            assert error.value.name == "org.everest.Ocpp.Error.InvalidArgument"
            assert complaint in str(error.value)
