"""Availability, status and errors, from the wire to the host (G01 to G05)."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.client import BusError
from tests.scenario.agent import Agent
from tests.scenario.host import Host
from tests.scenario.rig import Rig

VERSIONS = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
OFF, ON = "Inoperative", "Operative"


async def until(condition: Any, timeout_s: float = 10) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.02)


async def change(rig: Rig, version: str, evse_id: int | None, status: str) -> str:
    """Ask as the CSMS does."""
    if version == "1.6":
        request: dict[str, Any] = {"connectorId": evse_id or 0, "type": status}
    else:
        request = {"operationalStatus": status}
        if evse_id is not None:
            request["evse"] = {"id": evse_id, "connectorId": 1}
    return str((await rig.csms.call("ChangeAvailability", request))["status"])


async def two_ready(rig: Rig) -> tuple[Host, Host]:
    hosts = Host(rig.client, 1), Host(rig.client, 2)
    await rig.booted()
    for host in hosts:
        await host.ready()
    await until(lambda: {(1, "Available"), (2, "Available")} <= set(rig.statuses()))
    return hosts


@pytest.mark.requirement("G03.FR.01", "G03.FR.04", "G03.FR.08", "B01.FR.07", "G04.FR.05")
@VERSIONS
async def test_off_stays_off_over_a_power_cut(version: str, tmp_path: Path) -> None:
    async with (
        Rig(tmp_path, versions=[version], strict=True) as rig,
        Agent(rig.bus.address, "EvseManager") as agent,
    ):
        await two_ready(rig)
        await until(lambda: len(agent.of("EnableDisable")) == 2)
        mark = rig.csms.mark()
        assert await change(rig, version, 2, OFF) == "Accepted"
        await until(lambda: (2, "Unavailable") in rig.statuses(since=mark))
        await until(lambda: len(agent.of("EnableDisable")) == 3)
        evse_id, connector_id, source = agent.of("EnableDisable")[-1]
        assert (evse_id, connector_id) == (2, 1)
        assert source == {
            "enable_source": "CSMS",
            "enable_state": "Disable",
            "enable_priority": 5000,
        }
        await rig.kill()
        mark = rig.csms.mark()
        await rig.start_daemon()
        await rig.csms.wait_for("BootNotification", since=mark)
        for evse_id in (1, 2):
            await Host(rig.client, evse_id).ready()
        await until(lambda: (1, "Available") in rig.statuses(since=mark))
        assert (2, "Available") not in rig.statuses(since=mark)
        assert await change(rig, version, 2, ON) == "Accepted"
        await until(lambda: (2, "Available") in rig.statuses(since=mark))


@pytest.mark.requirement("G03.FR.05", "G04.FR.06", "G04.FR.07")
@VERSIONS
async def test_the_station_goes_off_when_the_transaction_has_ended(
    version: str, tmp_path: Path
) -> None:
    async with Rig(tmp_path, versions=[version], strict=True) as rig:
        host, _ = await two_ready(rig)
        await host.plug_in()
        await host.start()
        await rig.csms.wait_for("StartTransaction" if version == "1.6" else "TransactionEvent")
        mark = rig.csms.mark()
        assert await change(rig, version, None, OFF) == "Scheduled"
        await until(lambda: (2, "Unavailable") in rig.statuses(since=mark))
        assert (1, "Unavailable") not in rig.statuses(since=mark)
        await host.stop()
        await host.unplug()
        await until(lambda: (1, "Unavailable") in rig.statuses(since=mark))
        if version == "1.6":
            await until(lambda: (0, "Unavailable") in rig.statuses(since=mark))


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"operational_status": OFF}, "Accepted", None),
        ({"operational_status": ON, "evse": {"id": 1, "connector_id": 1}}, "Accepted", None),
        ({"operational_status": OFF, "evse": {"id": 3}}, "Rejected", "UnknownEvse"),
        (
            {"operational_status": OFF, "evse": {"id": 1, "connector_id": 2}},
            "Rejected",
            "UnknownConnectorId",
        ),
    ],
)
async def test_the_host_asks_for_it_too(
    request_: dict[str, Any], status: str, code: str | None, tmp_path: Path
) -> None:
    async with Rig(tmp_path, versions=["2.0.1"]) as rig:
        answer = await rig.client.call("ChangeAvailability", "a{sv}", request_)
        assert answer["status"] == status
        assert answer.get("status_info", {}).get("reason_code") == code


async def test_with_16_an_evse_as_such_has_no_name(tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=["1.6"]) as rig:
        await rig.booted()
        answer = await rig.client.call(
            "ChangeAvailability", "a{sv}", {"operational_status": OFF, "evse": {"id": 1}}
        )
        assert answer["status"] == "Rejected"
        assert answer["status_info"]["reason_code"] == "InvalidInput"


def error(uuid: str, error_type: str, **where: int) -> dict[str, Any]:
    return {
        "uuid": uuid,
        "type": error_type,
        "sub_type": "",
        "message": "too hot",
        "description": "The cable is too hot.",
        "severity": "High",
        **where,
    }


async def report(rig: Rig, member: str, what: dict[str, Any]) -> None:
    await rig.client.call(member, "a{sv}", what, interface="org.everest.Ocpp.ErrorHistory")


@VERSIONS
async def test_a_fault_comes_and_goes(version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version], strict=True) as rig:
        host, _ = await two_ready(rig)
        await host.plug_in()
        occupied = "Preparing" if version == "1.6" else "Occupied"
        await until(lambda: (1, occupied) in rig.statuses())
        mark = rig.csms.mark()
        fault = error("f1", "evse_manager/Inoperative", evse_id=1, connector_id=1)
        await report(rig, "RaiseError", fault)
        await report(rig, "RaiseError", fault)
        await until(lambda: rig.statuses(since=mark) == [(1, "Faulted")])
        active = await rig.client.get("ActiveErrors", interface="org.everest.Ocpp.ErrorHistory")
        assert [each["uuid"] for each in active] == ["f1"]
        await report(rig, "ClearError", {"uuid": "f1"})
        await until(lambda: rig.statuses(since=mark) == [(1, "Faulted"), (1, occupied)])


@VERSIONS
async def test_any_other_error_is_told_as_such(version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version], strict=True) as rig:
        await two_ready(rig)
        mark = rig.csms.mark()
        hot = error("h1", "evse_board_support/MREC3HighTemperature", evse_id=1, connector_id=1)
        await report(rig, "RaiseError", hot)
        if version == "1.6":
            told = await rig.csms.wait_for("StatusNotification", since=mark)
            assert told.payload["errorCode"] == "HighTemperature"
            assert told.payload["status"] == "Available"
            assert told.payload["vendorErrorCode"] == "CX003"
        else:
            told = await rig.csms.wait_for("NotifyEvent", since=mark)
            [event] = told.payload["eventData"]
            assert event["variable"]["name"] == "Problem"
            assert event["component"] == {
                "name": "Connector",
                "evse": {"id": 1, "connectorId": 1},
            }
            assert (event["techCode"], event["actualValue"]) == ("CX003", "true")
        mark = rig.csms.mark()
        await report(rig, "ClearError", {"uuid": "h1"})
        if version == "1.6":
            told = await rig.csms.wait_for("StatusNotification", since=mark)
            assert told.payload["errorCode"] == "NoError"
        else:
            told = await rig.csms.wait_for("NotifyEvent", since=mark)
            assert told.payload["eventData"][0]["cleared"] is True


async def test_an_error_of_an_evse_that_is_not_there(tmp_path: Path) -> None:
    async with Rig(tmp_path, start_csms=False) as rig:
        with pytest.raises(BusError, match="UnknownEvse"):
            await report(rig, "RaiseError", error("x", "a/B", evse_id=7))


async def test_connectors_of_a_vanished_agent_become_unavailable(tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=["2.0.1"], more_config="host: {agent_grace_s: 0.5}") as rig:
        async with Agent(rig.bus.address, "EvseManager"):
            host, _ = await two_ready(rig)
            mark = rig.csms.mark()
        await until(
            lambda: {(1, "Unavailable"), (2, "Unavailable")} <= set(rig.statuses(since=mark))
        )
        async with Agent(rig.bus.address, "EvseManager"):
            await host.ready()
            await until(lambda: (1, "Available") in rig.statuses(since=mark))
