"""What the CSMS asks of a charger, from the wire to the host (F01 to F06, P01, P02)."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.client import BusError
from tests.scenario.agent import Agent
from tests.scenario.host import Host
from tests.scenario.rig import Rig

VERSIONS = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])


async def remote_start(rig: Rig, version: str, evse_id: int, token: str = "04A224B2") -> str:
    if version == "1.6":
        answer = await rig.csms.call(
            "RemoteStartTransaction", {"idTag": token, "connectorId": evse_id}
        )
    else:
        answer = await rig.csms.call(
            "RequestStartTransaction",
            {
                "remoteStartId": 42,
                "evseId": evse_id,
                "idToken": {"idToken": token, "type": "ISO14443"},
            },
        )
    return str(answer["status"])


async def remote_stop(rig: Rig, version: str, transaction_id: Any) -> str:
    action = "RemoteStopTransaction" if version == "1.6" else "RequestStopTransaction"
    return str((await rig.csms.call(action, {"transactionId": transaction_id}))["status"])


async def unlock(rig: Rig, version: str, evse_id: int) -> str:
    request = (
        {"connectorId": evse_id} if version == "1.6" else {"evseId": evse_id, "connectorId": 1}
    )
    return str((await rig.csms.call("UnlockConnector", request))["status"])


@pytest.mark.requirement("F01.FR.01", "F01.FR.19", "F01.FR.25", "F02.FR.01")
@VERSIONS
async def test_a_remote_start_with_the_cable_already_in(version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version], strict=True) as rig:
        await rig.booted()
        assert await remote_start(rig, version, 1) == "Rejected"  # F01.FR.23: nobody is ready
        host = Host(rig.client)
        await host.ready()
        await host.plug_in()
        assert await remote_start(rig, version, 1) == "Accepted"
        offer = (await rig.client.wait_for("ProvidedToken")).value
        assert offer["prevalidated"] is False
        assert offer["authorization_type"] == "OCPP"
        assert offer["connectors"] == [1]
        assert offer["id_token"]["value"] == "04A224B2"
        assert offer.get("request_id") == (None if version == "1.6" else 42)

        validated = await rig.client.call(
            "ValidateToken",
            "a{sv}",
            {**offer, "connectors": [1]},
            interface="org.everest.Ocpp.AuthTokenValidator",
        )
        assert validated["authorization_status"] == "Accepted"
        await host.start({**offer, "connectors": [1]})
        if version == "1.6":
            started = await rig.csms.wait_for("StartTransaction")
            assert started.payload["idTag"] == "04A224B2"
        else:
            started = await rig.csms.wait_for("TransactionEvent", triggerReason="RemoteStart")
            assert started.payload["transactionInfo"]["remoteStartId"] == 42
            assert started.payload["idToken"]["idToken"] == "04A224B2"
        assert await remote_start(rig, version, 1) == "Rejected"  # F01.FR.24


@pytest.mark.requirement("F03.FR.07", "F03.FR.08")
@VERSIONS
async def test_a_remote_stop(version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version], strict=True) as rig:
        await rig.booted()
        host = Host(rig.client)
        await host.ready()
        transaction_id: Any = await host.plug_in()
        await host.start()
        if version == "1.6":
            started = await rig.csms.wait_for("StartTransaction")
            await rig.csms.wait_until(lambda: rig.csms.answer_to(started) is not None)
            answer = rig.csms.answer_to(started)
            assert answer is not None
            transaction_id = answer.payload["transactionId"]
            await rig.client.wait_for("OcppTransactionEventResponse")
        else:
            await rig.csms.wait_for("TransactionEvent")
        assert await remote_stop(rig, version, transaction_id) == "Rejected"  # nobody stops it
        unknown = 999_999 if version == "1.6" else "unknown"
        async with Agent(rig.bus.address, "EvseManager") as agent:
            assert await remote_stop(rig, version, unknown) == "Rejected"
            assert await remote_stop(rig, version, transaction_id) == "Accepted"
            await agent.wait_for("StopTransaction")
            [(evse_id, request)] = agent.of("StopTransaction")
            assert (evse_id, request["reason"]) == (1, "Remote")
            await host.stop("Remote")
        if version == "1.6":
            await rig.csms.wait_for("StopTransaction", reason="Remote")
        else:
            ended = await rig.csms.wait_for("TransactionEvent", eventType="Ended")
            assert ended.payload["triggerReason"] == "RemoteStop"
            assert ended.payload["transactionInfo"]["stoppedReason"] == "Remote"


@pytest.mark.requirement("F05.FR.02", "F05.FR.03", "F05.FR.04", "F05.FR.05")
@VERSIONS
async def test_unlock_connector(version: str, tmp_path: Path) -> None:
    async with Rig(
        tmp_path, versions=[version], strict=True, evses=(("sType2",), ("sType2",))
    ) as rig:
        await rig.booted()
        old = version == "1.6"
        assert await unlock(rig, version, 1) == ("NotSupported" if old else "UnlockFailed")
        async with Agent(rig.bus.address, "EvseManager") as agent:
            assert await unlock(rig, version, 1) == "Unlocked"
            assert await unlock(rig, version, 3) == ("NotSupported" if old else "UnknownConnector")
            agent.answers["ForceUnlock"] = ("b", False)
            assert await unlock(rig, version, 2) == "UnlockFailed"
            assert agent.of("ForceUnlock") == [(1, 1), (2, 1)]

            agent.answers["ForceUnlock"] = ("b", True)
            host = Host(rig.client)
            await host.ready()
            await host.plug_in()
            await host.start()
            assert await unlock(rig, version, 1) == (
                "Unlocked" if old else "OngoingAuthorizedTransaction"
            )
            stops = [request["reason"] for _, request in agent.of("StopTransaction")]
            assert stops == (["UnlockCommand"] if old else [])


@pytest.mark.requirement("F06.FR.04", "F06.FR.06", "F06.FR.08", "F06.FR.12", "F06.FR.17")
@VERSIONS
async def test_trigger_message(version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version], strict=True) as rig:
        await rig.booted()
        host = Host(rig.client)
        await host.ready()
        await host.powermeter()

        async def trigger(message: str, evse_id: int | None = None) -> str:
            request: dict[str, Any] = {"requestedMessage": message}
            if evse_id is not None and version == "1.6":
                request["connectorId"] = evse_id
            elif evse_id is not None:
                request["evse"] = {"id": evse_id, "connectorId": 1}
            return str((await rig.csms.call("TriggerMessage", request))["status"])

        for message, evse_id in (("Heartbeat", None), ("MeterValues", 1)):
            mark = rig.csms.mark()
            assert await trigger(message, evse_id) == "Accepted"
            sent = await rig.csms.wait_for(message, since=mark)
            asked = [
                each
                for each in rig.csms.sent
                if each.action == "TriggerMessage" and each.index >= mark
            ]
            answered = rig.csms.answer_to(asked[0])
            assert answered is not None
            assert answered.index < sent.index  # F06.FR.04
        mark = rig.csms.mark()
        assert await trigger("StatusNotification", 1) == "Accepted"
        await rig.csms.wait_for(
            "StatusNotification", lambda payload: payload["connectorId"] == 1, since=mark
        )
        assert await trigger("MeterValues", 9) == "Rejected"
        assert await trigger("FirmwareStatusNotification") == "NotImplemented"
        old = version == "1.6"
        assert await trigger("StatusNotification") == ("Accepted" if old else "Rejected")
        assert await trigger("BootNotification") == ("Accepted" if old else "Rejected")
        if old:
            await rig.csms.wait_for("BootNotification", since=mark)


@pytest.mark.requirement("P01.FR.05", "P01.FR.07", "P02.FR.08")
@VERSIONS
async def test_data_transfer(version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version], strict=True) as rig:
        await rig.booted()

        async def send(**request: Any) -> dict[str, Any]:
            answer: dict[str, Any] = await rig.client.call(
                "DataTransfer", "a{sv}", request, interface="org.everest.Ocpp.OcppDataTransfer"
            )
            return answer

        data = {"x": [1, "ä"]}
        rig.csms.on(
            "DataTransfer", lambda _station, payload: {"status": "Accepted", **_data(payload)}
        )
        answer = await send(vendor_id="com.example", message_id="m", data='{"x":[1,"ä"]}')
        assert answer == {"status": "Accepted", "data": '{"x":[1,"ä"]}'}
        [heard] = rig.csms.calls("DataTransfer")
        assert heard.payload["data"] == ('{"x":[1,"ä"]}' if version == "1.6" else data)
        if version != "1.6":
            with pytest.raises(BusError, match=r"InvalidArgument: request\.data: not JSON"):
                await send(vendor_id="com.example", data="{")

        request = {"vendorId": "v", "messageId": "m", "data": "1" if version == "1.6" else [1]}
        assert (await rig.csms.call("DataTransfer", request)) == {"status": "UnknownVendorId"}
        async with Agent(rig.bus.address, "OcppDataTransfer") as agent:
            agent.answers["DataTransfer"] = ("a{sv}", {"status": "Accepted", "data": "2"})
            assert (await rig.csms.call("DataTransfer", request)) == {
                "status": "Accepted",
                "data": "2" if version == "1.6" else 2,
            }
            text = "1" if version == "1.6" else "[1]"
            assert agent.of("DataTransfer") == [
                ({"vendor_id": "v", "message_id": "m", "data": text},)
            ]

        await rig.csms.stop(abort=True)
        await rig.client.wait_for(
            "PropertiesChanged", lambda body: body[1].get("IsConnected") is False
        )
        await asyncio.sleep(0.1)
        assert await send(vendor_id="com.example") == {"status": "Offline"}


def _data(payload: dict[str, Any]) -> dict[str, Any]:
    return {"data": payload["data"]} if "data" in payload else {}
