"""A charging day, on all three wires: only the CSMS's words differ."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.scenario.host import Host
from tests.scenario.rig import FAST, Rig

VERSIONS = ("1.6", "2.0.1", "2.1")
QUIET = FAST + "  - {component: AlignedDataCtrlr, variable: Interval, value: 0}\n"


def transaction_events(rig: Rig) -> list[dict[str, Any]]:
    return [call.payload for call in rig.csms.calls("TransactionEvent")]


async def drained(rig: Rig) -> None:
    """Wait until nothing waits for the CSMS."""
    async with asyncio.timeout(10):
        while await rig.client.call("GetQueue"):
            await asyncio.sleep(0.05)


async def until(condition: Any, timeout_s: float = 10) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.mark.requirement("B01.FR.01", "B01.FR.05", "E01.FR.01", "E06.FR.01")
@pytest.mark.parametrize("version", VERSIONS)
async def test_from_plug_in_to_plug_out(version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version], values=QUIET) as rig:
        await rig.booted()
        boot = rig.csms.calls("BootNotification")[0].payload
        if version == "1.6":
            assert boot["chargePointVendor"] == "Acme"
            assert boot["chargePointModel"] == "AC22"
        else:
            assert boot["chargingStation"]["vendorName"] == "Acme"
            assert boot["chargingStation"]["model"] == "AC22"
        host = Host(rig.client)
        await host.ready()
        session = await host.charge_once()

        if version == "1.6":
            start = (await rig.csms.wait_for("StartTransaction")).payload
            assert start["connectorId"] == 1
            assert start["idTag"] == "04A224B2"
            stop_message = await rig.csms.wait_for("StopTransaction")
            stop = stop_message.payload
            answer = rig.csms.answer_to(rig.csms.calls("StartTransaction")[0])
            assert answer is not None
            assert stop["transactionId"] == answer.payload["transactionId"]
            assert stop["meterStop"] > start["meterStart"]
            assert stop["reason"] == "Local"
        else:
            await rig.csms.wait_for("TransactionEvent", eventType="Ended")
            events = transaction_events(rig)
            assert [event["seqNo"] for event in events] == list(range(len(events)))
            assert events[0]["eventType"] == "Started"
            assert events[0]["evse"] == {"id": 1, "connectorId": 1}
            assert len({event["transactionInfo"]["transactionId"] for event in events}) == 1
            assert events[-1]["transactionInfo"]["stoppedReason"] == "Local"
            carrying = [event["idToken"]["idToken"] for event in events if "idToken" in event]
            assert carrying[0] == "04A224B2"

        signals = [each.value for each in rig.client.heard("OcppTransactionEvent")]
        assert signals[0]["transaction_event"] == "Started"
        assert {each["session_id"] for each in signals} == {session}
        ended = await rig.client.wait_for(
            "OcppTransactionEvent", lambda event: event["transaction_event"] == "Ended"
        )
        assert ended.value["evse"]["id"] == 1
        await rig.client.wait_for("OcppTransactionEventResponse")
        assert await rig.client.call("GetTransactions") == []
        await until(lambda: rig.statuses()[-1][1] == "Available")


@pytest.mark.requirement("E04.FR.01", "E04.FR.03", "E12.FR.01")
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_session_while_offline_is_told_afterwards(version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version], values=QUIET) as rig:
        await rig.booted()
        host = Host(rig.client)
        await host.ready()
        port = rig.csms.port
        await rig.csms.stop(abort=True)
        await rig.client.wait_for(
            "PropertiesChanged", lambda body: body[1].get("IsConnected") is False
        )
        await host.charge_once()
        waiting = await rig.client.call("GetQueue")
        assert waiting
        assert {entry["state"] for entry in waiting} == {"waiting"}

        rig.csms.port = port
        await rig.csms.start()
        ended = "StopTransaction" if version == "1.6" else "TransactionEvent"
        fields = {} if version == "1.6" else {"eventType": "Ended"}
        await rig.csms.wait_for(ended, timeout_s=15, **fields)
        if version != "1.6":
            events = transaction_events(rig)
            assert all(event["offline"] for event in events)
            assert [event["seqNo"] for event in events] == list(range(len(events)))
        await drained(rig)
        assert len(rig.csms.calls("BootNotification")) == 1


@pytest.mark.parametrize("version", VERSIONS)
async def test_power_is_lost_in_the_middle(version: str, tmp_path: Path) -> None:
    """The host comes back without the session: it ends with the last stored reading."""
    async with Rig(tmp_path, versions=[version], values=QUIET) as rig:
        await rig.booted()
        host = Host(rig.client)
        await host.ready()
        await host.plug_in()
        await host.start()
        await host.charge()
        await host.powermeter()
        last_wh = host.energy_wh
        first = "StartTransaction" if version == "1.6" else "TransactionEvent"
        await rig.csms.wait_for(first)
        await drained(rig)
        mark = rig.csms.mark()
        await rig.kill()
        await rig.start_daemon()
        await rig.csms.wait_for("BootNotification", since=mark)
        await asyncio.sleep(0.3)
        ended = {"1.6": "StopTransaction"}.get(version, "TransactionEvent")
        fields = {} if version == "1.6" else {"eventType": "Ended"}
        assert not rig.csms.calls(ended, **fields), "nothing is told before the host speaks"

        await host.ready()
        message = await rig.csms.wait_for(ended, **fields)
        if version == "1.6":
            assert message.payload["reason"] == "PowerLoss"
            assert message.payload["meterStop"] <= last_wh
        else:
            assert message.payload["transactionInfo"]["stoppedReason"] == "PowerLoss"
            numbers = [event["seqNo"] for event in transaction_events(rig)]
            assert numbers == list(range(len(numbers)))


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_session_goes_on_over_a_crash_of_the_daemon(version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version], values=QUIET) as rig:
        await rig.booted()
        host = Host(rig.client)
        await host.ready()
        session = await host.plug_in()
        await host.start()
        await rig.csms.wait_for("StartTransaction" if version == "1.6" else "TransactionEvent")
        await drained(rig)
        await rig.kill()
        await rig.start_daemon()
        await host.report({"uuid": session, "timestamp": host.now(), "event": "SessionResumed"})
        await host.ready()
        await host.charge()
        await host.stop()
        await host.unplug()
        if version == "1.6":
            stop = (await rig.csms.wait_for("StopTransaction")).payload
            assert stop["reason"] == "Local"
            assert len(rig.csms.calls("StartTransaction")) == 1
        else:
            await rig.csms.wait_for("TransactionEvent", eventType="Ended")
            numbers = [event["seqNo"] for event in transaction_events(rig)]
            assert numbers == list(range(len(numbers)))


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_report_that_is_repeated_counts_once(version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version], values=QUIET) as rig:
        await rig.booted()
        host = Host(rig.client)
        await host.ready()
        await host.plug_in()
        started = host.event(
            "TransactionStarted",
            "transaction_started",
            id_tag={"id_token": {"value": "AA", "type": "ISO14443"}, "authorization_type": "RFID"},
        )
        for _ in range(3):
            await host.report(started)
        await rig.kill()
        await rig.start_daemon()
        await host.report(started)
        await host.ready()
        await host.stop()
        await host.unplug()
        if version == "1.6":
            await rig.csms.wait_for("StopTransaction")
            assert len({str(c.message_id) for c in rig.csms.calls("StartTransaction")}) == 1
        else:
            await rig.csms.wait_for("TransactionEvent", eventType="Ended")
            by_number = {event["seqNo"]: event for event in transaction_events(rig)}
            assert sorted(by_number) == list(range(len(by_number)))


@pytest.mark.parametrize("version", VERSIONS)
async def test_stop_and_restart(version: str, tmp_path: Path) -> None:
    """While stopped nothing is queued; what was open is told truthfully afterwards."""
    async with Rig(tmp_path, versions=[version], values=QUIET) as rig:
        await rig.booted()
        host, other = Host(rig.client, 1), Host(rig.client, 2)
        await host.ready()
        await other.ready()
        await host.plug_in()
        await host.start()
        await rig.csms.wait_for("StartTransaction" if version == "1.6" else "TransactionEvent")
        await drained(rig)

        assert await rig.client.call("Restart") is False
        assert await rig.client.call("Stop") is True
        assert await rig.client.call("Stop") is False
        await rig.csms.disconnected()
        mark = rig.csms.mark()
        await other.charge_once()
        await host.stop()
        ended_wh = host.energy_wh
        await host.unplug()
        assert await rig.client.call("GetQueue") == []

        assert await rig.client.call("Restart") is True
        await rig.csms.wait_for("BootNotification", since=mark)
        if version == "1.6":
            stop = (await rig.csms.wait_for("StopTransaction", since=mark)).payload
            assert stop["meterStop"] == round(ended_wh)
            await asyncio.sleep(0.5)
            assert len(rig.csms.calls("StartTransaction")) == 1
        else:
            await rig.csms.wait_for("TransactionEvent", eventType="Ended", since=mark)
            await asyncio.sleep(0.5)
            events = transaction_events(rig)
            assert {event["transactionInfo"]["transactionId"] for event in events} == {
                events[0]["transactionInfo"]["transactionId"]
            }
            assert [event["seqNo"] for event in events] == list(range(len(events)))


async def test_another_generation_takes_what_was_never_acknowledged(tmp_path: Path) -> None:
    """Design, section 4: acknowledged in 1.6, the rest waits for 1.6; the others go to 2.0.1."""
    async with Rig(
        tmp_path, versions=["2.1", "2.0.1", "1.6"], csms_versions=["1.6"], values=QUIET
    ) as rig:
        await rig.booted()
        host, other = Host(rig.client, 1), Host(rig.client, 2)
        await host.ready()
        await other.ready()
        await host.plug_in()
        await host.start()
        await rig.csms.wait_for("StartTransaction")
        await rig.client.wait_for("OcppTransactionEventResponse")
        first = rig.csms
        await first.stop(abort=True)
        await host.stop()
        await host.unplug()
        await other.charge_once()

        second = await rig.replace_csms(["2.0.1"])
        await second.wait_for("TransactionEvent", eventType="Ended", timeout_s=15)
        assert {e["evse"]["id"] for e in transaction_events(rig) if "evse" in e} == {2}
        async with asyncio.timeout(5):  # the answer to the last one has to be on disk
            while len(waiting := await rig.client.call("GetQueue")) > 1:
                await asyncio.sleep(0.05)
        assert [entry["message"] for entry in waiting] == ["TransactionEvent Ended"]

        third = await rig.replace_csms(["1.6"])
        stop = (await third.wait_for("StopTransaction", timeout_s=15)).payload
        start = first.answer_to(first.calls("StartTransaction")[0])
        assert start is not None
        assert stop["transactionId"] == start.payload["transactionId"]
        assert not third.calls("StartTransaction")
