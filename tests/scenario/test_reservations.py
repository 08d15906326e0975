"""Reservations, from the CSMS to the driver at the charger (H01 to H04)."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.scenario.agent import Agent
from tests.scenario.host import TOKEN, Host
from tests.scenario.rig import Rig
from tests.scenario.test_authorization import set_variable, validate
from tests.scenario.test_remote_control import VERSIONS, remote_start

DRIVER = "04A224B2"
RESERVATION = "org.everest.Ocpp.Reservation"


async def reserve(
    rig: Rig,
    version: str,
    number: int = 7,
    evse_id: int | None = 1,
    *,
    seconds: float = 3600,
    group: str | None = None,
    token: str = DRIVER,
) -> str:
    until = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    if version == "1.6":
        request: dict[str, Any] = {
            "connectorId": evse_id or 0,
            "expiryDate": until,
            "idTag": token,
            "reservationId": number,
        }
        if group is not None:
            request["parentIdTag"] = group
    else:
        request = {
            "id": number,
            "expiryDateTime": until,
            "idToken": {"idToken": token, "type": "ISO14443"},
        }
        if evse_id is not None:
            request["evseId"] = evse_id
        if group is not None:
            request["groupIdToken"] = {"idToken": group, "type": "Central"}
    return str((await rig.csms.call("ReserveNow", request))["status"])


async def cancel(rig: Rig, number: int = 7) -> str:
    return str((await rig.csms.call("CancelReservation", {"reservationId": number}))["status"])


async def listed(rig: Rig) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await rig.client.get("Reservations", interface=RESERVATION)
    return found


async def hosts(rig: Rig) -> list[Host]:
    await rig.booted()
    made = [Host(rig.client, evse_id) for evse_id in (1, 2)]
    for host in made:
        await host.ready()
    await rig.csms.wait_until(lambda: status_of(rig, 2) == "Available")
    return made


def status_of(rig: Rig, evse_id: int) -> str | None:
    told = [status for each, status in rig.statuses() if each == evse_id]
    return told[-1] if told else None


@pytest.mark.requirement(
    "B11.FR.05", "H01.FR.03", "H01.FR.15", "H01.FR.23", "H03.FR.01", "H03.FR.09"
)
@VERSIONS
async def test_a_reserved_evse_is_for_its_driver_also_after_a_power_cut(
    version: str, tmp_path: Path
) -> None:
    async with Rig(tmp_path, versions=[version], strict=True) as rig:
        first, _ = await hosts(rig)
        assert await reserve(rig, version) == "Accepted"
        await rig.csms.wait_until(lambda: status_of(rig, 1) == "Reserved")
        assert await reserve(rig, version, 8) == "Occupied"

        await rig.kill()
        await rig.start_daemon()
        await rig.csms.wait_until(lambda: len(rig.csms.calls("BootNotification")) == 2)
        since = rig.csms.calls("BootNotification")[-1].index
        await first.ready()
        await rig.csms.wait_until(lambda: (1, "Reserved") in rig.statuses(since))
        assert [each["reservation_id"] for each in await listed(rig)] == [7]

        stranger = await validate(rig.client, "STRANGER", connectors=[1])
        assert stranger["authorization_status"] == "NotAtThisTime"
        assert await remote_start(rig, version, 1, "STRANGER") == "Rejected"
        await first.plug_in()
        own = await validate(rig.client, DRIVER, connectors=[1])
        assert own["authorization_status"] == "Accepted"
        assert own["reservation_id"] == 7
        await first.start({**TOKEN, "connectors": [1]})
        if version == "1.6":
            started = await rig.csms.wait_for("StartTransaction")
            assert started.payload["reservationId"] == 7
        else:
            await rig.csms.wait_for("TransactionEvent", reservationId=7)
            await rig.csms.wait_until(lambda: status_of(rig, 1) == "Occupied")
        assert await listed(rig) == []
        assert await cancel(rig) == "Rejected"
        assert rig.csms.calls("ReservationStatusUpdate") == []


@pytest.mark.requirement("H02.FR.02", "H02.FR.04", "H04.FR.01", "H04.FR.03")
@VERSIONS
async def test_a_reservation_is_cancelled_or_ends(version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version], strict=True) as rig:
        await hosts(rig)
        assert await cancel(rig) == "Rejected"
        assert await reserve(rig, version) == "Accepted"
        await rig.csms.wait_until(lambda: status_of(rig, 1) == "Reserved")
        assert await cancel(rig) == "Accepted"
        await rig.csms.wait_until(lambda: status_of(rig, 1) == "Available")
        assert rig.csms.calls("ReservationStatusUpdate") == []
        assert await reserve(rig, version, 8, seconds=1) == "Accepted"
        await rig.csms.wait_until(lambda: status_of(rig, 1) == "Reserved")
        await rig.csms.wait_until(lambda: status_of(rig, 1) == "Available")
        if version != "1.6":
            told = await rig.csms.wait_for("ReservationStatusUpdate", reservationId=8)
            assert told.payload["reservationUpdateStatus"] == "Expired"
        assert await listed(rig) == []


@pytest.mark.requirement("H01.FR.04", "H01.FR.07", "H01.FR.20", "H03.FR.06")
@VERSIONS
async def test_some_evse_is_kept_for_a_group(version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version], strict=True) as rig:
        first, second = await hosts(rig)
        assert await reserve(rig, version, evse_id=None, group="FLEET") == "Accepted"
        assert status_of(rig, 2) == "Available"
        await first.plug_in()
        await rig.csms.wait_until(lambda: status_of(rig, 2) == "Reserved")
        await second.plug_in()
        await second.start(
            {
                "id_token": {"value": "FRIEND", "type": "ISO14443"},
                "parent_id_token": {"value": "FLEET", "type": "Central"},
                "authorization_type": "RFID",
            }
        )
        action = "StartTransaction" if version == "1.6" else "TransactionEvent"
        await rig.csms.wait_for(action, reservationId=7)


@pytest.mark.requirement("H01.FR.01", "H01.FR.16")
@VERSIONS
async def test_a_fault_ends_it_and_the_operator_may_want_none(version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version], strict=True) as rig:
        first, _ = await hosts(rig)
        assert await reserve(rig, version) == "Accepted"
        await rig.csms.wait_until(lambda: status_of(rig, 1) == "Reserved")
        await first.ready(False)
        await rig.csms.wait_until(lambda: status_of(rig, 1) == "Unavailable")
        if version != "1.6":
            told = await rig.csms.wait_for("ReservationStatusUpdate")
            assert told.payload["reservationUpdateStatus"] == "Removed"
        assert await listed(rig) == []
        assert await reserve(rig, version) == "Unavailable"
        await set_variable(rig.client, "ReservationCtrlr", "Enabled", "false")
        assert await reserve(rig, version, evse_id=2) == "Rejected"


@VERSIONS
async def test_the_hosts_agent_keeps_them(version: str, tmp_path: Path) -> None:
    async with (
        Rig(tmp_path, versions=[version], strict=True) as rig,
        Agent(rig.bus.address, "Reservation") as agent,
    ):
        await hosts(rig)
        agent.answers["ReserveNow"] = ("s", "Occupied")
        assert await reserve(rig, version) == "Occupied"
        agent.answers["ReserveNow"] = ("s", "Accepted")
        assert await reserve(rig, version, group="FLEET") == "Accepted"
        _, (request,) = agent.of("ReserveNow")
        assert request["reservation_id"] == 7
        assert request["id_token"] == DRIVER
        assert request["evse_id"] == 1
        assert request["parent_id_token"] == "FLEET"
        assert "expiry_time" in request
        [kept] = await listed(rig)
        assert kept["kept_by"] == "host"
        agent.answers["ExistsReservation"] = ("s", "ReservedForOtherToken")
        event = {
            "uuid": "r1",
            "timestamp": datetime.now(UTC).isoformat(),
            "event": "ReservationStart",
        }
        await rig.client.evse(2, "ReportSessionEvent", "a{sv}", event)
        await rig.csms.wait_until(lambda: status_of(rig, 2) == "Reserved")
        assert await remote_start(rig, version, 2) == "Rejected"
        agent.answers["ExistsReservation"] = ("s", "ReservedForToken")
        assert await remote_start(rig, version, 2) == "Accepted"

        update = {"reservation_id": 7, "reservation_status": "Expired"}
        await rig.client.call("ReportReservationUpdate", "a{sv}", update, interface=RESERVATION)
        if version != "1.6":
            await rig.csms.wait_for("ReservationStatusUpdate", reservationId=7)
        assert await listed(rig) == []
        agent.answers["CancelReservation"] = ("b", False)
        assert await cancel(rig) == "Rejected"
        agent.refused.add("ReserveNow")
        assert await reserve(rig, version) == "Rejected"


async def test_a_reservation_that_ended_while_offline_is_told(tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=["2.0.1"], strict=True) as rig:
        await hosts(rig)
        assert await reserve(rig, "2.0.1", seconds=1) == "Accepted"
        await rig.csms.stop(abort=True)
        await rig.kill()
        await asyncio.sleep(1)
        await rig.replace_csms(["2.0.1"])
        await rig.start_daemon()
        told = await rig.csms.wait_for("ReservationStatusUpdate")
        assert told.payload == {"reservationId": 7, "reservationUpdateStatus": "Expired"}


async def test_1_6_has_the_profile_and_may_do_without_connector_0(tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=["1.6"], strict=True) as rig:
        await hosts(rig)
        keys = ["SupportedFeatureProfiles", "ReserveConnectorZeroSupported"]
        answer = await rig.csms.call("GetConfiguration", {"key": keys})
        values = {each["key"]: each["value"] for each in answer["configurationKey"]}
        assert "Reservation" in values["SupportedFeatureProfiles"].split(",")
        assert values["ReserveConnectorZeroSupported"] == "true"
