"""30 days without a CSMS: the store keeps its limit, only samples are thinned, then all is told.

The month is virtual: two EVSEs, 20 transactions a day, a reading every minute, told each minute.
The drain is real: the daemon as a process on the store of that month. Required: never more waiting
messages than the limit and a tenth of it; every transaction with its start and end, and its first
and last reading; at least 20 messages a second; what the CSMS asks meanwhile answered within 1 s.
"""

import asyncio
import json
import random
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from ocppd.device_model.names import (
    AlignedDataCtrlr,
    InternalCtrlr,
    OCPPCommCtrlr,
    SampledDataCtrlr,
)
from ocppd.model.sessions import (
    PerPhase,
    Powermeter,
    SessionEvent,
    SessionEventType,
    SessionStartReason,
    StopReason,
)
from ocppd.model.tokens import AuthorizationType, IdToken, IdTokenType, ProvidedIdToken
from tests.torture.figures import Figure, Options, at_least, at_most, exactly, none_of, told
from tests.torture.r03_mutated_frames import SENTINELS
from tests.torture.whole_station import CsmsInMemory, WholeStation
from tests.torture.wire import WireCsms, WireRig, eventually, values

PER_DAY = 20
_MINUTE_S, _DAY_S = 60, 86_400
_TOKEN = ProvidedIdToken(IdToken("04A224B2", IdTokenType.ISO14443), AuthorizationType.RFID)
E = SessionEventType
Registers = dict[str, tuple[float, float, int]]


async def run(options: Options) -> list[Figure]:
    figures: list[Figure] = []
    for version in ("1.6", "2.0.1", "2.1") if options.full else ("2.0.1",):
        figures += await _month(version, options)
    return figures


async def _month(version: str, options: Options) -> list[Figure]:
    days, limit = options.size(2, 30), options.size(200, 3_000)
    folder = options.folder / version
    (folder / "state").mkdir(parents=True)
    month = Month(version, folder / "state", limit, options.chance(f"R9 {version}"))
    with pytest.MonkeyPatch.context() as patch:
        await month.live(patch, days)
    size_mib = (folder / "state" / "ocppd.db").stat().st_size / (1 << 20)
    drain = Drain(version)
    await drain.run(folder, limit)
    faults = drain.faults_16(month) if version == "1.6" else drain.faults_2(month)
    transactions = len(month.registers)
    return [
        told(
            f"{version}: {days} days",
            f"{transactions} transactions, {month.samples:,} readings, {month.most_waiting:,}"
            f" messages waited at most, {size_mib:.1f} MiB",
        ),
        at_most(f"{version}: waiting messages", limit * 1.1, month.most_waiting),
        exactly(f"{version}: set aside", 0, drain.set_aside),
        none_of(f"{version}: transactions not told whole", faults),
        at_least(f"{version}: drain", 20.0, drain.rate, "messages/s"),
        at_most(f"{version}: a request meanwhile, at most", 1.0, max(drain.waits_s), "s"),
    ]


class Month:
    """The time without a CSMS."""

    def __init__(self, version: str, folder: Path, limit: int, chance: random.Random) -> None:
        self._version = version
        self._folder = folder
        self._limit = limit
        self._chance = chance
        self.registers: Registers = {}
        """By session: the readings at its start and end, and how many samples were taken."""
        self.samples = 0
        self.most_waiting = 0

    async def live(self, patch: pytest.MonkeyPatch, days: int) -> None:
        csms = CsmsInMemory(self._version)
        csms.reachable = False
        self._whole = whole = WholeStation(
            self._folder,
            csms,
            values={
                AlignedDataCtrlr.Interval: "0",
                SampledDataCtrlr.TxUpdatedInterval: str(_MINUTE_S),
                InternalCtrlr.MessageQueueSizeThreshold: str(self._limit),
                OCPPCommCtrlr.RetryBackOffWaitMinimum: "3600",
            },
        )
        whole.store.limit_queue(lambda: self._limit)
        whole.patch(patch)
        await whole.start()
        for evse_id in (1, 2):
            whole.station.availability.on_ready(evse_id, True)
        slot_s = _DAY_S * 2 // PER_DAY
        wh = {1: 1000.0, 2: 500_000.0}
        for number in range(days * PER_DAY // 2):
            minutes = {evse_id: self._chance.randrange(20, 110) for evse_id in (1, 2)}
            session = {evse_id: f"session-{number}-{evse_id}" for evse_id in (1, 2)}
            begun = dict(wh)
            for evse_id in (1, 2):
                self._begin(evse_id, session[evse_id], wh[evse_id])
            for minute in range(1, max(minutes.values()) + 1):
                for evse_id in (1, 2):
                    if minute <= minutes[evse_id]:
                        wh[evse_id] += self._chance.randrange(50, 200)
                        self._measure(evse_id, wh[evse_id])
                        self.samples += 1
                await self._pass(_MINUTE_S)
                for evse_id in (1, 2):
                    if minute == minutes[evse_id]:
                        self._end(evse_id, session[evse_id], wh[evse_id])
                        self.registers[session[evse_id]] = (
                            begun[evse_id],
                            wh[evse_id],
                            minutes[evse_id],
                        )
            await whole.settle()
            await self._pass(slot_s - max(minutes.values()) * _MINUTE_S)
        await whole.settle()
        await whole.stop()

    async def _pass(self, seconds: float) -> None:
        self._whole.clock.advance(seconds)
        await asyncio.sleep(0)
        waiting = self._whole.store.queued_for(None)
        self.most_waiting = max(self.most_waiting, waiting)

    def _begin(self, evse_id: int, session: str, wh: float) -> None:
        why = SessionStartReason.EV_CONNECTED
        self._report(evse_id, session, E.SESSION_STARTED, wh, start_reason=why)
        self._report(evse_id, session, E.TRANSACTION_STARTED, wh, id_token=_TOKEN)
        self._report(evse_id, session, E.CHARGING_STARTED, wh)

    def _end(self, evse_id: int, session: str, wh: float) -> None:
        self._report(
            evse_id, session, E.TRANSACTION_FINISHED, wh, stop_reason=StopReason.EV_DISCONNECTED
        )
        self._report(evse_id, session, E.SESSION_FINISHED, wh)

    def _measure(self, evse_id: int, wh: float) -> None:
        meter = Powermeter(self._whole.clock.machine_now(), PerPhase(total=wh))
        self._whole.station.meter_values.on_powermeter(evse_id, meter)

    def _report(
        self, evse_id: int, session: str, event: SessionEventType, wh: float, **parts: Any
    ) -> None:
        now = self._whole.clock.machine_now()
        meter = Powermeter(now, PerPhase(total=wh))
        report = SessionEvent(session, now, event, meter_value=meter, **parts)
        self._whole.station.transactions.on_session_event(evse_id, report)


class Drain:
    """The CSMS is back."""

    def __init__(self, version: str) -> None:
        self._version = version
        self.rate = 0.0
        self.set_aside = -1
        self.waits_s: list[float] = []
        self.events: dict[str, list[Any]] = defaultdict(list)
        self.starts: list[Any] = []
        self.stops: list[Any] = []
        self._answered: dict[str, asyncio.Event] = {}

    async def run(self, folder: Path, limit: int) -> None:
        async with WireCsms(self._version) as wire:
            wire.heard = self._heard
            more = values(InternalCtrlr__MessageQueueSizeThreshold=limit)
            began = time.monotonic()
            async with WireRig(folder, wire, values=more) as rig:
                await eventually(lambda: wire.calls["BootNotification"] > 0, 30)
                began = time.monotonic()
                asking = asyncio.create_task(self._ask(wire))
                await rig.drained(1_800)
                seconds = time.monotonic() - began
                asking.cancel()
                self.set_aside = len(await rig.queue())
            told_of = wire.calls["TransactionEvent"] + wire.calls["MeterValues"]
            told_of += wire.calls["StartTransaction"] + wire.calls["StopTransaction"]
            self.rate = told_of / max(seconds, 0.001)

    def _heard(self, frame: list[Any]) -> None:
        if frame[0] != 2:
            if frame[1] in self._answered:
                self._answered[frame[1]].set()
            return
        payload = frame[3]
        match frame[2]:
            case "TransactionEvent":
                self.events[payload["transactionInfo"]["transactionId"]].append(payload)
            case "StartTransaction":
                self.starts.append(payload)
            case "StopTransaction":
                self.stops.append(payload)

    async def _ask(self, wire: WireCsms) -> None:
        """Ask something every tenth of a second, as an operator's page does."""
        action, payload = SENTINELS[self._version]
        number = 0
        while True:
            number += 1
            answered = self._answered[f"ask-{number}"] = asyncio.Event()
            began = time.monotonic()
            await wire.say(json.dumps([2, f"ask-{number}", action, payload]))
            await answered.wait()
            self.waits_s.append(time.monotonic() - began)
            await asyncio.sleep(0.1)

    def faults_16(self, month: Month) -> list[str]:
        """Tell which registers the CSMS was not told."""
        starts = sorted(start["meterStart"] for start in self.starts)
        stops = sorted(stop["meterStop"] for stop in self.stops)
        faults = []
        if starts != sorted(round(begun) for begun, _, _ in month.registers.values()):
            faults.append(f"{len(starts)} starts")
        if stops != sorted(round(ended) for _, ended, _ in month.registers.values()):
            faults.append(f"{len(stops)} stops")
        return faults

    def faults_2(self, month: Month) -> list[str]:
        """Tell which transactions lack their start or end, or are not in order."""
        faults = []
        told_of = set()
        for transaction, events in self.events.items():
            kinds = [event["eventType"] for event in events]
            numbers = [event["seqNo"] for event in events]
            if kinds[0] != "Started" or kinds[-1] != "Ended" or numbers != sorted(set(numbers)):
                faults.append(f"{transaction}: {kinds[:1]} to {kinds[-1:]}, seqNo {numbers[:5]}")
                continue
            missing = set(range(numbers[-1] + 1)) - set(numbers)
            if not all(event.get("offline") for event in events):
                faults.append(f"{transaction}: not marked as offline")
            told_of.add((_register(events[0], 0), _register(events[-1], -1)))
            if 1 in missing and len(numbers) > 3:
                faults.append(f"{transaction}: the first update is missing")
        wanted = {(begun, ended) for begun, ended, _ in month.registers.values()}
        return [*faults, *(f"registers {pair} not told" for pair in sorted(wanted - told_of))]


def _register(event: dict[str, Any], at: int) -> float | None:
    samples = [
        sample["value"]
        for value in event.get("meterValue", [])
        for sample in value["sampledValue"]
        if sample.get("measurand", _ENERGY) == _ENERGY and "phase" not in sample
    ]
    return samples[at] if samples else None


_ENERGY = "Energy.Active.Import.Register"
