"""A host that reports sessions whatever happens to the daemon, and what the CSMS must have of them.

The journal holds what the daemon took: an event is in it when the call that reported it returned.
"""

import asyncio
import os
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ocppd.tools.csms.messages import Message
from tests.client import BusError, Client
from tests.scenario.host import Host, until_taken

# No clock-aligned readings: what the CSMS gets is what the sessions of the journal tell.
NO_ALIGNED_VALUES = "  - {component: AlignedDataCtrlr, variable: Interval, value: 0}\n"
_QUEUED_16 = ("StartTransaction", "StopTransaction", "MeterValues")


@dataclass(slots=True)
class Session:
    """A session that the daemon took from beginning to end."""

    uuid: str
    begun_wh: float = 0.0
    ended_wh: float = 0.0
    taken: list[str] = field(default_factory=list)
    """The events that the daemon acknowledged, by name."""


class StubbornHost:
    """Reports sessions one after the other at one EVSE; repeats what the daemon did not take."""

    def __init__(
        self, client: Client, evse_id: int, chance: random.Random, pause_s: float = 0.1
    ) -> None:
        self.host = Host(client, evse_id)
        self.journal: list[Session] = []
        self.daemon = 0
        """How often the daemon was started anew; a new one hears first of an open session."""
        self._chance = chance
        self._pause_s = pause_s
        self._known_daemon = -1

    async def _report(self, session: Session, event: dict[str, Any]) -> None:
        async def once() -> None:
            if self._known_daemon != self.daemon:
                daemon = self.daemon
                if session.taken:
                    await self.host.report(
                        {
                            "uuid": session.uuid,
                            "timestamp": event["timestamp"],
                            "event": "SessionResumed",
                        }
                    )
                await self.host.ready()
                self._known_daemon = daemon
            await self.host.report(event)

        await until_taken(once, timeout_s=60)
        session.taken.append(event["event"])
        await asyncio.sleep(self._chance.random() * self._pause_s)

    async def session(self) -> None:
        """Charge once, from plug-in to plug-out."""
        host = self.host
        session = Session(os.urandom(16).hex())
        host.session = session.uuid
        event = host.event("SessionStarted", "session_started", reason="EVConnected")
        await self._report(session, event)
        token = {
            "id_token": {"value": f"TOKEN{host.evse_id}", "type": "ISO14443"},
            "authorization_type": "RFID",
        }
        event = host.event("TransactionStarted", "transaction_started", id_tag=token)
        await self._report(session, event)
        session.begun_wh = host.energy_wh
        await self._report(session, host.event("ChargingStarted"))
        if self._chance.random() < 0.5:
            await self._report(session, host.event("ChargingPausedEV"))
        event = host.event("TransactionFinished", "transaction_finished", reason="Local")
        await self._report(session, event)
        session.ended_wh = host.energy_wh
        await self._report(session, host.event("SessionFinished", "session_finished"))
        self.journal.append(session)


@dataclass(slots=True)
class Calls:
    """Calls on the bus that may be told StorageFailure, and nothing else."""

    refused: int = 0
    slowest_ms: float = 0.0

    async def make(self, call: Awaitable[object]) -> None:
        """Make a call."""
        begun = time.monotonic()
        try:
            await call
        except BusError as error:
            if not error.name.endswith("StorageFailure"):
                raise
            self.refused += 1
        self.slowest_ms = max(self.slowest_ms, (time.monotonic() - begun) * 1000)


class BraveHost:
    """Reports each event once, and goes on charging whatever the daemon says of its disk."""

    def __init__(self, host: Host, calls: Calls) -> None:
        self.host = host
        self._calls = calls

    async def session(self) -> Session:
        """Charge once, from plug-in to plug-out."""
        host = self.host
        await self._calls.make(host.plug_in())
        assert host.session is not None
        session = Session(host.session, taken=["ChargingStarted", "ChargingPausedEV"])
        await self._calls.make(host.start())
        session.begun_wh = host.energy_wh
        await self._calls.make(host.charge())
        await self._calls.make(host.pause())
        await self._calls.make(host.stop())
        session.ended_wh = host.energy_wh
        await self._calls.make(host.unplug())
        host.session = None
        return session


async def until_sent(client: Client, timeout_s: float = 120) -> None:
    """Wait until nothing is left in the daemon's queue."""
    async with asyncio.timeout(timeout_s):
        while await client.call("GetQueue"):
            await asyncio.sleep(0.2)


async def until_well(client: Client, but_for: str = "", timeout_s: float = 30) -> float:
    """Wait until Health is ok; returns after how many ms, or after too many if never.

    A reason with the words `but_for` counts as well.
    """
    begun = time.monotonic()
    while [
        reason
        for reason in (await client.get("Health"))["reasons"]
        if not but_for or but_for not in reason
    ]:
        if time.monotonic() - begun > timeout_s:
            print(f"not well after {timeout_s:g} s: {await client.get('Health')}")
            break
        await asyncio.sleep(0.05)
    return (time.monotonic() - begun) * 1000


@dataclass(slots=True)
class Verdict:
    """What is wrong in what the CSMS got; a line each."""

    lost: list[str] = field(default_factory=list)
    """Not there, or not as it was reported."""
    extra: list[str] = field(default_factory=list)
    """There, though nobody reported it, or twice under different ids."""
    differing: list[str] = field(default_factory=list)
    repeats: int = 0


def compare(version: str, calls: Iterable[Message], journal: Sequence[Session]) -> Verdict:
    """Compare what the CSMS got with what the daemon took."""
    return (_compare_16 if version == "1.6" else _compare_2)(calls, journal)


def _compare_2(calls: Iterable[Message], journal: Sequence[Session]) -> Verdict:
    """Each transaction from Started to Ended, without a gap; what came twice is the same."""
    verdict = Verdict()
    events: dict[str, dict[int, Message]] = defaultdict(dict)
    for call in calls:
        if call.action == "TransactionEvent":
            transaction = call.payload["transactionInfo"]["transactionId"]
            number = call.payload["seqNo"]
            first = events[transaction].setdefault(number, call)
            if first is not call:
                verdict.repeats += 1
                if (first.payload, first.message_id) != (call.payload, call.message_id):
                    verdict.differing.append(f"{transaction} seqNo {number}")
    for session in journal:
        told = events.pop(session.uuid, {})
        payloads = [told[number].payload for number in sorted(told)]
        kinds = [payload["eventType"] for payload in payloads]
        if sorted(told) != list(range(len(told))):
            verdict.lost.append(f"{session.uuid} has seqNo {sorted(told)}")
        elif kinds[:1] != ["Started"] or kinds[-1:] != ["Ended"] or "Ended" in kinds[:-1]:
            verdict.lost.append(f"{session.uuid} is {kinds}")
        elif _registers(payloads[0])[:1] != [session.begun_wh]:
            verdict.lost.append(f"{session.uuid} begins without {session.begun_wh:g} Wh")
        elif _registers(payloads[-1])[-1:] != [session.ended_wh]:
            verdict.lost.append(f"{session.uuid} ends without {session.ended_wh:g} Wh")
        else:
            states = {payload["transactionInfo"].get("chargingState") for payload in payloads}
            wanted = {"ChargingStarted": "Charging", "ChargingPausedEV": "SuspendedEV"}
            verdict.lost += [
                f"{session.uuid} never told {wanted[event]}"
                for event in session.taken
                if event in wanted and wanted[event] not in states
            ]
    verdict.extra += [f"{uuid} is not in the journal" for uuid in events]
    return verdict


def _registers(event: dict[str, Any]) -> list[float]:
    return [
        sample["value"]
        for reading in event.get("meterValue", [])
        for sample in reading["sampledValue"]
        if sample.get("measurand", "Energy.Active.Import.Register")
        == "Energy.Active.Import.Register"
        and "phase" not in sample
    ]


def _compare_16(calls: Iterable[Message], journal: Sequence[Session]) -> Verdict:
    """Each start and stop once, with their registers; what came twice is the same."""
    verdict = Verdict()
    by_id: dict[str, Message] = {}
    for call in calls:
        if call.action in _QUEUED_16:
            first = by_id.setdefault(str(call.message_id), call)
            if first is not call:
                verdict.repeats += 1
                if (first.action, first.payload) != (call.action, call.payload):
                    verdict.differing.append(f"{call.action} {call.message_id}")
    starts = [call.payload for call in by_id.values() if call.action == "StartTransaction"]
    stops = [call.payload for call in by_id.values() if call.action == "StopTransaction"]
    wanted = sorted((round(s.begun_wh), round(s.ended_wh)) for s in journal)
    for name, seen, registers in (
        ("start", [start["meterStart"] for start in starts], [begun for begun, _ in wanted]),
        ("stop", [stop["meterStop"] for stop in stops], [ended for _, ended in wanted]),
    ):
        verdict.lost += [f"no {name} at {wh} Wh" for wh in _missing(registers, seen)]
        verdict.extra += [f"a {name} at {wh} Wh too many" for wh in _missing(seen, registers)]
    numbers = [stop["transactionId"] for stop in stops]
    verdict.lost += [f"transactionId {number} stopped twice" for number in _doubled(numbers)]
    verdict.lost += [f"transactionId {number} sent" for number in numbers if number <= 0]
    return verdict


def _missing(wanted: Sequence[int], seen: Sequence[int]) -> list[int]:
    rest = list(seen)
    missing = []
    for one in wanted:
        if one in rest:
            rest.remove(one)
        else:
            missing.append(one)
    return missing


def _doubled(numbers: Sequence[int]) -> set[int]:
    return {number for number in numbers if numbers.count(number) > 1}
