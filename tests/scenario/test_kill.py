"""kill -9 at random points: nothing lost, and no repeat that differs.

OCPPD_KILLS and OCPPD_SEED choose how often and which; the seed stands in the output of a failure.
"""

import asyncio
import os
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from ocppd.tools.csms.messages import Message
from tests.scenario.host import Host, until_taken
from tests.scenario.rig import FAST, Rig

KILLS = int(os.environ.get("OCPPD_KILLS", "100"))
SEED = int(os.environ.get("OCPPD_SEED", "0")) or random.randrange(1 << 30)
TRANSACTIONS = 50


class StubbornHost:
    """Reports sessions one after the other, whatever happens to the daemon; keeps a journal."""

    def __init__(self, rig: Rig, evse_id: int, chance: random.Random) -> None:
        self.host = Host(rig.client, evse_id)
        self._rig = rig
        self._chance = chance
        self._known_daemon = -1
        self.daemon = 0
        self.journal: list[tuple[str, float, float]] = []

    async def _report(self, event: dict[str, Any]) -> None:
        async def once() -> None:
            if self._known_daemon != self.daemon:
                daemon = self.daemon
                if self.host.session is not None and event["event"] != "SessionStarted":
                    await self.host.report(
                        {
                            "uuid": self.host.session,
                            "timestamp": event["timestamp"],
                            "event": "SessionResumed",
                        }
                    )
                await self.host.ready()
                self._known_daemon = daemon
            await self.host.report(event)

        await until_taken(once)
        await asyncio.sleep(self._chance.random() * 0.1)

    async def session(self) -> None:
        host = self.host
        host.session = session = os.urandom(16).hex()
        await self._report(host.event("SessionStarted", "session_started", reason="EVConnected"))
        token = {
            "id_token": {"value": f"TOKEN{host.evse_id}", "type": "ISO14443"},
            "authorization_type": "RFID",
        }
        await self._report(host.event("TransactionStarted", "transaction_started", id_tag=token))
        begun_wh = host.energy_wh
        await self._report(host.event("ChargingStarted"))
        if self._chance.random() < 0.5:
            await self._report(host.event("ChargingPausedEV"))
        await self._report(
            host.event("TransactionFinished", "transaction_finished", reason="Local")
        )
        ended_wh = host.energy_wh
        await self._report(host.event("SessionFinished", "session_finished"))
        self.journal.append((session, begun_wh, ended_wh))


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_nothing_is_lost_and_no_repeat_differs(version: str, tmp_path: Path) -> None:
    print(f"OCPPD_SEED={SEED} OCPPD_KILLS={KILLS}")
    chance = random.Random(SEED)
    more = "  - {component: AlignedDataCtrlr, variable: Interval, value: 0}\n"
    async with Rig(tmp_path, versions=[version], values=FAST + more) as rig:
        hosts = [StubbornHost(rig, evse_id, chance) for evse_id in (1, 2)]
        killed = asyncio.Event()

        async def charge(host: StubbornHost) -> None:
            while not killed.is_set() or sum(len(h.journal) for h in hosts) < TRANSACTIONS:
                await host.session()

        async def kill() -> None:
            for _ in range(KILLS):
                await asyncio.sleep(chance.random() * 0.5)
                await rig.kill()
                await rig.start_daemon()
                for host in hosts:
                    host.daemon += 1
            killed.set()

        await asyncio.gather(kill(), *(charge(host) for host in hosts))
        async with asyncio.timeout(60):
            while await rig.client.call("GetQueue"):
                await asyncio.sleep(0.2)

        journal = [entry for host in hosts for entry in host.journal]
        assert len(journal) >= TRANSACTIONS
        check = check_16 if version == "1.6" else check_2
        check(rig.csms.calls(), journal)


def check_2(calls: list[Message], journal: list[tuple[str, float, float]]) -> None:
    """Every transaction from Started to Ended, gapless; what was sent twice is the same message."""
    events: dict[str, dict[int, Any]] = defaultdict(dict)
    ids: dict[tuple[str, int], str] = {}
    for call in calls:
        if call.action == "TransactionEvent":
            transaction = call.payload["transactionInfo"]["transactionId"]
            number = call.payload["seqNo"]
            assert events[transaction].setdefault(number, call.payload) == call.payload
            assert ids.setdefault((transaction, number), str(call.message_id)) == call.message_id
    for session, begun_wh, ended_wh in journal:
        told = events[session]
        assert sorted(told) == list(range(len(told))), session
        kinds = [told[number]["eventType"] for number in sorted(told)]
        assert kinds[0] == "Started"
        assert kinds[-1] == "Ended"
        assert set(kinds[1:-1]) <= {"Updated"}
        assert registers(told[len(told) - 1])[-1] == ended_wh
        assert registers(told[0])[0] == begun_wh
    assert len(events) == len(journal)


def registers(event: dict[str, Any]) -> list[float]:
    return [
        sample["value"]
        for reading in event.get("meterValue", [])
        for sample in reading["sampledValue"]
        if sample.get("measurand", "Energy.Active.Import.Register")
        == "Energy.Active.Import.Register"
        and "phase" not in sample
    ]


def check_16(calls: list[Message], journal: list[tuple[str, float, float]]) -> None:
    """Every start and stop once, with their registers; what was sent twice is the same message."""
    by_id: dict[str, Message] = {}
    for call in calls:
        if call.action in ("StartTransaction", "StopTransaction", "MeterValues"):
            first = by_id.setdefault(str(call.message_id), call)
            assert (first.action, first.payload) == (call.action, call.payload)
    starts = [call.payload for call in by_id.values() if call.action == "StartTransaction"]
    stops = [call.payload for call in by_id.values() if call.action == "StopTransaction"]
    assert sorted(start["meterStart"] for start in starts) == sorted(
        round(begun) for _, begun, _ in journal
    )
    assert sorted(stop["meterStop"] for stop in stops) == sorted(
        round(ended) for _, _, ended in journal
    )
    assert len({stop["transactionId"] for stop in stops}) == len(journal)
    assert all(stop["transactionId"] > 0 for stop in stops)
