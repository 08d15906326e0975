"""The simulated charger, the daemon and a CSMS: the whole of it, on all three wires."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ocppd.tools.sim.arbiter import Outcome
from ocppd.tools.sim.settings import ChargerSettings
from ocppd.tools.sim.simulator import Simulator
from tests.scenario.rig import FAST, Rig

VERSIONS = ("1.6", "2.0.1", "2.1")
FASTER = ChargerSettings(speed=60.0, reboot_s=0.3, first_register_wh=1000.0)
SOON = FAST + "  - {component: TxCtrlr, variable: EVConnectionTimeOut, value: 1}\n"
WHEN_AUTHORIZED = SOON + "  - {component: TxCtrlr, variable: TxStartPoint, value: Authorized}\n"


@asynccontextmanager
async def station(
    folder: Path, version: str, **options: Any
) -> AsyncIterator[tuple[Rig, Simulator]]:
    async with (
        Rig(folder, versions=[version], **options) as rig,
        Simulator(rig.bus.address, FASTER) as host,
    ):
        await rig.booted()
        await host.ready()
        yield rig, host
        refused = [event for event in host.events if event.what == "ReportRefused"]
        assert refused == []


async def charging(host: Simulator) -> None:
    await host.plug_in(1, prepare_s=0.05)
    assert await host.swipe("04A224B2") is Outcome.USED_TO_START
    await host.wait_for("ChargingStarted", evse_id=1)


async def ended(rig: Rig, version: str) -> dict[str, Any]:
    """Return the message by which the only transaction ended; it was told without a mistake."""
    if version == "1.6":
        message = await rig.csms.wait_for("StopTransaction")
    else:
        message = await rig.csms.wait_for("TransactionEvent", eventType="Ended")
    [transaction] = rig.csms.transactions
    assert transaction.problems == []
    assert transaction.started
    assert transaction.ended
    payload: dict[str, Any] = message.payload
    return payload


def reason(version: str, message: dict[str, Any]) -> str:
    if version == "1.6":
        return str(message["reason"])
    return str(message["transactionInfo"]["stoppedReason"])


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_card_starts_and_stops(version: str, tmp_path: Path) -> None:
    async with station(tmp_path, version) as (rig, host):
        await charging(host)
        await asyncio.sleep(0.5)
        assert await host.swipe("04A224B2") is Outcome.USED_TO_STOP
        await host.unplug(1)
        assert reason(version, await ended(rig, version)) == "Local"


@pytest.mark.requirement("F02.FR.01", "F03.FR.01")
@pytest.mark.parametrize("version", VERSIONS)
async def test_the_csms_starts_and_stops(version: str, tmp_path: Path) -> None:
    async with station(tmp_path, version) as (rig, host):
        await host.plug_in(1, prepare_s=0.05)
        if version == "1.6":
            request = {"idTag": "REMOTE", "connectorId": 1}
            answer = await rig.csms.call("RemoteStartTransaction", request)
        else:
            token = {"idToken": "REMOTE", "type": "Central"}
            request = {"idToken": token, "remoteStartId": 7, "evseId": 1}
            answer = await rig.csms.call("RequestStartTransaction", request)
        assert answer["status"] == "Accepted"
        await host.wait_for("ChargingStarted", evse_id=1)
        if version == "1.6":
            await rig.csms.wait_for("StartTransaction", idTag="REMOTE")
            await rig.client.wait_for("OcppTransactionEventResponse")
            [transaction] = rig.csms.transactions
            answer = await rig.csms.call(
                "RemoteStopTransaction", {"transactionId": int(transaction.transaction_id)}
            )
        else:
            started = await rig.csms.wait_for("TransactionEvent", eventType="Started")
            identity = started.payload["transactionInfo"]["transactionId"]
            answer = await rig.csms.call("RequestStopTransaction", {"transactionId": identity})
        assert answer["status"] == "Accepted"
        assert reason(version, await ended(rig, version)) == "Remote"
        await host.wait_for("TransactionFinished", evse_id=1)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_kill_while_charging_loses_nothing(version: str, tmp_path: Path) -> None:
    async with station(tmp_path, version) as (rig, host):
        await charging(host)
        await host.all_acknowledged()
        since = host.position
        await rig.kill()
        await host.wait_for("OcppdGone", since=since)
        host.charger.stop_transaction(1, "Local")
        stopped = (await host.wait_for("TransactionFinished", since=since))["transaction_finished"]
        await asyncio.sleep(0.3)
        await rig.start_daemon()
        await host.wait_for("OcppdFound", since=since)
        message = await ended(rig, version)
        assert reason(version, message) == "Local"
        if version == "1.6":
            register = stopped["meter_value"]["energy_Wh_import"]["total"]
            assert message["meterStop"] == round(register)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_power_cut_is_one_transaction(version: str, tmp_path: Path) -> None:
    async with station(tmp_path, version) as (rig, host):
        await charging(host)
        await host.all_acknowledged()
        since = host.position
        await host.power_cut(0.5)
        await host.wait_for("ChargingStarted", since=since)
        await host.wait_for("OcppdFound", since=since)
        await host.unplug(1)
        assert reason(version, await ended(rig, version)) == "EVDisconnected"


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_fault_ends_the_transaction_and_is_told(version: str, tmp_path: Path) -> None:
    async with station(tmp_path, version) as (rig, host):
        await charging(host)
        await host.raise_fault("evse_board_support/MREC8EmergencyStop", 1)
        assert reason(version, await ended(rig, version)) == "EmergencyStop"
        await rig.csms.wait_until(lambda: (1, "Faulted") in rig.statuses())
        if version != "1.6":
            await rig.csms.wait_for("NotifyEvent")
        mark = rig.csms.mark()
        await host.clear_fault()
        await host.unplug(1)
        await rig.csms.wait_until(lambda: (1, "Available") in rig.statuses(mark))


@pytest.mark.requirement("C01.FR.26", "E03.FR.05")
@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_a_cable_that_does_not_come_ends_the_transaction(
    version: str, tmp_path: Path
) -> None:
    async with station(tmp_path, version, values=WHEN_AUTHORIZED) as (rig, host):
        await host.wait_for("SetConnectionTimeout")
        assert await host.swipe("04A224B2", evse_id=1) is Outcome.USED_TO_START
        message = await ended(rig, version)
        assert reason(version, message) == "Timeout"
        assert message["triggerReason"] == "EVConnectTimeout"


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_csms_switches_a_connector_off_and_on(version: str, tmp_path: Path) -> None:
    async with station(tmp_path, version) as (rig, host):
        for status, event in (("Inoperative", "Disabled"), ("Operative", "Enabled")):
            since = host.position
            if version == "1.6":
                request: dict[str, Any] = {"connectorId": 2, "type": status}
            else:
                request = {"evse": {"id": 2, "connectorId": 1}, "operationalStatus": status}
            answer = await rig.csms.call("ChangeAvailability", request)
            assert answer["status"] == "Accepted"
            await host.wait_for(event, evse_id=2, since=since)
        assert await host.swipe("04A224B2", evse_id=2) is Outcome.USED_TO_START


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_csms_resets_the_charger(version: str, tmp_path: Path) -> None:
    async with station(tmp_path, version) as (rig, host):
        since = host.position
        kind = "Hard" if version == "1.6" else "Immediate"
        answer = await rig.csms.call("Reset", {"type": kind})
        assert answer["status"] == "Accepted"
        await host.wait_for("PowerLost", since=since)
        await host.wait_for("OcppdFound", since=since)
        assert host.charger.boot_reason == "RemoteReset"


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_csms_unlocks_a_connector(version: str, tmp_path: Path) -> None:
    async with station(tmp_path, version) as (rig, host):
        request = {"connectorId": 1} if version == "1.6" else {"evseId": 1, "connectorId": 1}
        assert (await rig.csms.call("UnlockConnector", request))["status"] == "Unlocked"
        await host.raise_fault("connector_lock/MREC1ConnectorLockFailure", 1, 1)
        assert (await rig.csms.call("UnlockConnector", request))["status"] == "UnlockFailed"
