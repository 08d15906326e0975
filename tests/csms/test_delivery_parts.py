"""An entry of two messages (1.6): the first is told once, whatever becomes of the second."""

import json

import pytest

from ocppd.device_model.names import OCPPCommCtrlr
from tests.csms.queued import TYPES, encode_16, event, url, wait_for
from tests.csms.server import csms, station, variables


class Csms16:
    """Gives numbers from 41 on; `meter_values` says what it does about the second message."""

    def __init__(self, meter_values: str) -> None:
        self.meter_values = meter_values
        self.heard: list[tuple[str, str, int | None]] = []
        self.starts = 0

    async def __call__(self, there) -> None:
        while True:
            _, message_id, action, payload = json.loads(await there.socket.recv())
            self.heard.append((action, message_id, payload.get("transactionId")))
            if action == "StartTransaction":
                self.starts += 1
                answer = {"transactionId": 40 + self.starts, "idTagInfo": {"status": "Accepted"}}
                await there.say(3, message_id, answer)
            elif action == "MeterValues" and self.meter_values == "hangs up":
                self.meter_values = "takes them"
                await there.socket.close()
                return
            elif action == "MeterValues" and self.meter_values == "refuses":
                await there.say(4, message_id, "FormationViolation", "what is signed here?", {})
            else:
                await there.say(3, message_id, {})

    def of(self, action: str) -> list[tuple[str, int | None]]:
        return [(message_id, number) for name, message_id, number in self.heard if name == action]


def _settings(server) -> dict:
    return {
        **variables(url(server)),
        OCPPCommCtrlr.MessageAttempts_TransactionEvent: "2",
        OCPPCommCtrlr.MessageAttemptInterval_TransactionEvent: "0",
    }


@pytest.mark.parametrize("meter_values", ["hangs up", "refuses"])
async def test_a_start_that_has_its_number_is_not_told_again(tmp_path, meter_values):
    peer = Csms16(meter_values)
    async with csms(["ocpp1.6"]) as server:
        server.handler = peer
        async with station(
            tmp_path, _settings(server), encode_entry=encode_16, start=False
        ) as there:
            there.store.queue(event("a", 0, TYPES.STARTED))
            there.store.queue(event("a", 1, TYPES.ENDED))
            there.connection.start()
            await wait_for(lambda: peer.of("StopTransaction"), 30)
    assert len(peer.of("StartTransaction")) == 1
    assert len(set(peer.of("MeterValues"))) == 1, "the same message each time, with its number"
    assert {number for _, number in peer.of("MeterValues") + peer.of("StopTransaction")} == {41}


async def test_a_start_that_has_its_number_is_not_told_again_after_a_restart(tmp_path):
    peer = Csms16("hangs up")
    async with csms(["ocpp1.6"]) as server:
        server.handler = peer
        settings = _settings(server)
        async with station(tmp_path, settings, encode_entry=encode_16, start=False) as there:
            there.store.queue(event("a", 0, TYPES.STARTED))
            there.connection.start()
            await wait_for(lambda: peer.of("MeterValues"), 30)
        told = len(peer.of("MeterValues"))
        async with station(tmp_path, settings, encode_entry=encode_16) as there:
            await wait_for(lambda: there.store.queued_for(None) == 0, 30)
    assert len(peer.of("StartTransaction")) == 1
    assert peer.of("MeterValues")[told:] in ([], peer.of("MeterValues")[:1])
