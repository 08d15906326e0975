"""The CSMS against the charge points of the `ocpp` package, which it has no code in common with.

They validate every answer against their schemas, and the CSMS validates what they send.
"""

import asyncio
from typing import Any

import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v21 import ChargePoint as ChargePoint21
from ocpp.v21 import call as call21
from ocpp.v21 import call_result as result21
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from ocppd.tools.csms import CallFailed, Csms
from ocppd.tools.csms.shortcuts import remote_start

T = "2026-11-22T10:00:00Z"


class Station16(ChargePoint16):
    @on("RemoteStartTransaction")
    def remote_start(self, id_tag: str, **_: Any) -> Any:
        return result16.RemoteStartTransaction("Accepted" if id_tag == "AB" else "Rejected")


class Station201(ChargePoint201):
    @on("RequestStartTransaction")
    def remote_start(self, id_token: dict[str, Any], **_: Any) -> Any:
        accepted = id_token["id_token"] == "AB"
        return result201.RequestStartTransaction("Accepted" if accepted else "Rejected")


class Station21(ChargePoint21):
    @on("RequestStartTransaction")
    def remote_start(self, id_token: dict[str, Any], **_: Any) -> Any:
        accepted = id_token["id_token"] == "AB"
        return result21.RequestStartTransaction("Accepted" if accepted else "Rejected")


async def running(csms: Csms, kind: Any, version: str) -> tuple[Any, asyncio.Task[None]]:
    websocket = await connect(
        f"{csms.url}/CS1", subprotocols=[Subprotocol(f"ocpp{version}")], close_timeout=1
    )
    station = kind("CS1", websocket)
    return station, asyncio.create_task(station.start())


async def test_a_session_of_1_6() -> None:
    async with Csms(strict=True) as csms:
        station, task = await running(csms, Station16, "1.6")
        boot = await station.call(call16.BootNotification("M", "V"), suppress=False)
        assert boot.status == "Accepted"
        assert (await station.call(call16.Heartbeat(), suppress=False)).current_time
        [(action, payload)] = remote_start("1.6", "AB", 1)
        assert await csms.call(action, payload) == {"status": "Accepted"}
        start = await station.call(
            call16.StartTransaction(connector_id=1, id_tag="AB", meter_start=0, timestamp=T),
            suppress=False,
        )
        assert start.id_tag_info["status"] == "Accepted"
        value = {"timestamp": T, "sampledValue": [{"value": "500"}]}
        meter = call16.MeterValues(1, [value], transaction_id=start.transaction_id)
        await station.call(meter, suppress=False)
        await station.call(
            call16.StopTransaction(
                meter_stop=900, timestamp=T, transaction_id=start.transaction_id, id_tag="AB"
            ),
            suppress=False,
        )
        [transaction] = csms.transactions
        assert transaction.energy_wh == 900
        assert transaction.problems == []
        with pytest.raises(CallFailed, match="NotImplemented"):
            await csms.call("ClearCache", {})
        task.cancel()


@pytest.mark.parametrize(
    ("kind", "version", "call"),
    [(Station201, "2.0.1", call201), (Station21, "2.1", call21)],
)
async def test_a_session_of_2_x(kind: Any, version: str, call: Any) -> None:
    async with Csms(strict=True) as csms:
        station, task = await running(csms, kind, version)
        me = {"model": "M", "vendorName": "V"}
        boot = await station.call(call.BootNotification(me, "PowerUp"), suppress=False)
        assert boot.status == "Accepted"
        await station.call(
            call.StatusNotification(
                timestamp=T, connector_status="Available", evse_id=1, connector_id=1
            ),
            suppress=False,
        )
        start = {"remoteStartId": 1, "idToken": {"idToken": "CD", "type": "ISO14443"}}
        assert await csms.call("RequestStartTransaction", start) == {"status": "Rejected"}
        token = {"id_token": "AB", "type": "ISO14443"}
        for seq_no, (event_type, wh) in enumerate(
            (("Started", 100.0), ("Updated", 200.0), ("Ended", 350.0))
        ):
            await station.call(
                call.TransactionEvent(
                    event_type=event_type,
                    timestamp=T,
                    trigger_reason="Authorized",
                    seq_no=seq_no,
                    transaction_info={"transaction_id": "tx"},
                    id_token=token if seq_no == 0 else None,
                    evse={"id": 1, "connector_id": 1},
                    meter_value=[{"timestamp": T, "sampled_value": [{"value": wh}]}],
                ),
                suppress=False,
            )
        [transaction] = csms.transactions
        assert (transaction.energy_wh, transaction.state) == (250, "ended")
        assert (transaction.seq_nos, transaction.problems) == ([0, 1, 2], [])
        task.cancel()
