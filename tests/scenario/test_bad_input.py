"""Whatever comes, from either side: a clear answer, nothing lost, and the daemon goes on."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.client import BusError, Client
from tests.scenario.host import Host
from tests.scenario.rig import Rig

FRAMES = [
    "",
    "null",
    "{}",
    "[]",
    "[2]",
    '[2,"a"]',
    '[2,"a","Heartbeat"]',
    '[2,1,"Heartbeat",{}]',
    '["2","a","Heartbeat",{}]',
    '[2,"a",["Heartbeat"],{}]',
    '[2,"a","Heartbeat",[]]',
    '[2,"a","Heartbeat",{},{}]',
    '[2,"' + "x" * 5000 + '","Heartbeat",{}]',
    "[" * 5000 + "]" * 5000,
    '[2,"a","X",{"a":' + "[" * 5000 + "]" * 5000 + "}]",
    '[2,"a","X",{"a":' + "9" * 5000 + "}]",
    '[2,"a","X",{"a":NaN}]',
    '[2,"a","X",{"a":-Infinity}]',
    '[2,"a","X",{"a":1e999}]',
    '[2,"a","X",{"a":"\\ud800"}]',
    '[2,"a","X",{"a":"é\\ud800"}]',
    '[2,"a","X",{"\\ud800":1}]',
    '[2,"a","X",{"a":1,"a":2}]',
    '[2,"\\u0000","X",{}]',
    '[2,"a","NoSuchAction",{}]',
    '[3,"nobody asked",{}]',
    '[4,"nobody asked","GenericError","",{}]',
    '[4,"a"]',
    '[5,"a","InternalError","",{}]',
    '[6,"a","NotifyPeriodicEventStream",{}]',
    '[7,"a",{}]',
    '[2,"a","Reset",{"type":"Sideways"}]',
    '[2,"b","ChangeAvailability",{}]',
    "\ud7ff\x00\x01",
]


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_frames_of_all_kinds(version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version]) as rig:
        await rig.booted()
        station = await rig.csms.connected()
        for frame in FRAMES:
            await station.send_text(frame)
        for _ in range(50):
            await station.send_text(os.urandom(60).decode("latin-1"))
        action, payload, key = {
            "1.6": ("GetConfiguration", {"key": ["HeartbeatInterval"]}, "configurationKey"),
        }.get(
            version,
            (
                "GetVariables",
                {
                    "getVariableData": [
                        {
                            "component": {"name": "OCPPCommCtrlr"},
                            "variable": {"name": "HeartbeatInterval"},
                        }
                    ]
                },
                "getVariableResult",
            ),
        )
        assert (await rig.csms.call(action, payload))[key]
        unknown = [
            message.frame
            for message in rig.csms.received
            if message.message_id == "a" and message.payload is not None
        ]
        assert unknown, "a CALL with a readable id is answered"
        await host_still_works(rig, version)
        assert "Traceback" not in rig.log


async def host_still_works(rig: Rig, version: str) -> None:
    host = Host(rig.client)
    await host.ready()
    await host.charge_once()
    if version == "1.6":
        await rig.csms.wait_for("StopTransaction")
    else:
        await rig.csms.wait_for("TransactionEvent", eventType="Ended")


async def test_a_frame_over_the_limit_closes_with_1009_and_the_station_comes_back(
    tmp_path: Path,
) -> None:
    async with Rig(tmp_path, versions=["2.0.1"], more_config="max_message_size: 65536") as rig:
        await rig.booted()
        station = await rig.csms.connected()
        await station.send_text(json.dumps([2, "big", "DataTransfer", {"vendorId": "x" * 70_000}]))
        await rig.csms.disconnected()
        status = await rig.client.wait_for(
            "PropertiesChanged", lambda body: body[1].get("IsConnected") is False
        )
        assert "1009" in status.body[1]["ConnectionStatus"]["reason"]
        await rig.csms.connected()


BAD_CALLS: list[tuple[str, str, list[Any], str]] = [
    ("GetVariables", "aa{sv}", [[{}]], "requests[0].component_variable: missing"),
    (
        "GetVariables",
        "aa{sv}",
        [[{"component_variable": {"component": {"name": "A"}, "variable": {}}}]],
        "requests[0].component_variable.variable.name: missing",
    ),
    (
        "SetVariables",
        "aa{sv}s",
        [
            [
                {
                    "component_variable": {
                        "component": {"name": "AuthCtrlr"},
                        "variable": {"name": "Enabled"},
                    },
                    "value": 1,
                }
            ],
            "test",
        ],
        "requests[0].value: ",
    ),
    ("ChangeAvailability", "a{sv}", [{"operational_status": "Maybe"}], "operational_status: "),
    ("ChangeAvailability", "a{sv}", [{"operational_status": "Operative", "x": 1}], "x: "),
    ("SecurityEvent", "a{sv}", [{"info": "no type"}], "type: missing"),
    ("GetCompositeSchedules", "is", [0, "A"], "duration_s: "),
    ("GetCompositeSchedules", "is", [60, "kW"], "unit: "),
]


async def test_mistakes_on_the_bus_are_told_by_path(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        for member, signature, arguments, text in BAD_CALLS:
            with pytest.raises(BusError) as refused:
                await rig.client.call(member, signature, *arguments)
            assert refused.value.name == "org.everest.Ocpp.Error.InvalidArgument", member
            assert text in refused.value.text, member
        item = {"component_variable": {"component": {"name": "A"}, "variable": {"name": "B"}}}
        with pytest.raises(BusError) as refused:
            await rig.client.call("GetVariables", "aa{sv}", [item] * 1001)
        assert refused.value.name == "org.everest.Ocpp.Error.InvalidArgument"
        assert len(await rig.client.call("GetVariables", "aa{sv}", [item] * 1000)) == 1000

        host = Host(rig.client)
        host.session = "never-started"
        with pytest.raises(BusError) as refused:
            await host.charge()
        assert refused.value.name == "org.everest.Ocpp.Error.UnknownSession"
        with pytest.raises(BusError) as refused:
            await host.report({"uuid": "x", "timestamp": "yesterday", "event": "SessionStarted"})
        assert "event.timestamp" in refused.value.text
        assert "Traceback" not in rig.log


async def test_it_survives_a_restart_of_the_bus(tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=["2.0.1"]) as rig:
        await rig.booted()
        host = Host(rig.client)
        await host.ready()
        await host.plug_in()
        await host.start()
        await rig.csms.wait_for("TransactionEvent")
        rig.bus.kill()
        await asyncio.sleep(0.3)
        rig.bus.start()
        async with Client(rig.bus.address) as client:
            await client.wait_until_owned()
            host.client = client
            await host.stop()
            await host.unplug()
        await rig.csms.wait_for("TransactionEvent", eventType="Ended")
        assert len(rig.csms.calls("BootNotification")) == 1, "the CSMS noticed nothing"
