"""Random steps of bus and CSMS together: one transaction per EVSE, each ends once, legal statuses.

A hypothesis state machine drives the whole station in virtual time: cables, cards, remote starts
and stops, time limits, faults, cuts of the connection, restarts, a CSMS that is silent, refuses or
answers late. Required in full: 100,000 steps without a finding.
"""

import asyncio
import shutil
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from ocppd.device_model.names import AlignedDataCtrlr, OCPPCommCtrlr, SampledDataCtrlr
from ocppd.errors import InvalidArgument, UnknownSession
from ocppd.model.availability import StationError
from ocppd.model.sessions import (
    PerPhase,
    Powermeter,
    SessionEvent,
    SessionEventType,
    SessionStartReason,
    StopReason,
)
from ocppd.model.tokens import AuthorizationType, IdToken, IdTokenType, ProvidedIdToken
from tests.torture.figures import Figure, Options, at_least, none_of, told
from tests.torture.whole_station import CsmsInMemory, WholeStation

E = SessionEventType
STEPS_EACH = 50
LONGEST_WAIT_S = 1000
STATUSES_16 = frozenset(
    ("Available", "Preparing", "Charging", "SuspendedEV", "SuspendedEVSE")
) | frozenset(("Finishing", "Reserved", "Unavailable", "Faulted"))
STATUSES_2 = frozenset(("Available", "Occupied", "Reserved", "Unavailable", "Faulted"))
IN_USE = frozenset(("Charging", "SuspendedEV", "SuspendedEVSE"))
FLOWS = (E.CHARGING_STARTED, E.CHARGING_PAUSED_EV, E.CHARGING_PAUSED_EVSE, E.CHARGING_RESUMED)
WITHOUT_SESSION = frozenset(
    (
        E.SESSION_STARTED,
        E.SESSION_RESUMED,
        E.SESSION_FINISHED,
        E.ENABLED,
        E.DISABLED,
        E.RESERVATION_START,
        E.RESERVATION_END,
    )
)

evses = st.sampled_from((1, 2))
tokens = st.sampled_from(("04A224B2", "04A224B3", "DEADBEEF"))


class Findings:
    """What came of all machines of one run."""

    def __init__(self) -> None:
        self.steps = 0
        self.rules: Counter[str] = Counter()
        self.transactions = 0
        self.longest_wait_s = 0


class Books:
    """The CSMS's books: what it was told, in order, and whether that can be true."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._first: dict[str, list[Any]] = {}
        self._open: dict[int, str] = {}
        self._evse_of: dict[str, int] = {}
        self._next_number: dict[str, int] = {}
        self._ended: set[str] = set()
        self._started = 0
        self._stopped: Counter[int] = Counter()
        self.statuses: dict[int, str] = {}

    @property
    def transactions(self) -> int:
        return self._started or len(self._next_number)

    def open_at(self, evse_id: int) -> str | None:
        """Return the transaction of an EVSE that has not ended, as far as it was told (2.x)."""
        return self._open.get(evse_id)

    def take(self, frame: list[Any]) -> None:
        """Take a CALL; raises AssertionError at what cannot be true."""
        _, message_id, action, payload = frame
        first = self._first.setdefault(message_id, frame)
        if first is not frame:
            assert first == frame, f"the same id, another message: {first} and {frame}"
            return
        match action:
            case "TransactionEvent":
                self._event(payload)
            case "StartTransaction":
                self._started += 1
            case "StopTransaction":
                self._stopped[payload["transactionId"]] += 1
                assert payload["transactionId"] > 0, payload
                assert self._stopped[payload["transactionId"]] == 1, f"ended twice: {payload}"
            case "StatusNotification":
                place = payload.get("evseId", payload.get("connectorId"))
                status = payload.get("connectorStatus", payload.get("status"))
                self._status(place, status)
            case "NotifyEvent":
                for event in payload["eventData"]:
                    if event["variable"]["name"] == "AvailabilityState":
                        evse = event["component"].get("evse")
                        if evse is not None:
                            self._status(evse["id"], event["actualValue"])

    def _status(self, place: int, status: str) -> None:
        legal = STATUSES_16 if self._version == "1.6" else STATUSES_2
        assert status in legal, f"{status} is no status of {self._version}"
        self.statuses[place] = status

    def _event(self, payload: dict[str, Any]) -> None:
        transaction = payload["transactionInfo"]["transactionId"]
        kind, number = payload["eventType"], payload["seqNo"]
        assert transaction not in self._ended, f"{kind} after the end: {payload}"
        assert number == self._next_number.get(transaction, 0), f"seqNo {number}: {payload}"
        assert (number == 0) == (kind == "Started"), payload
        self._next_number[transaction] = number + 1
        evse = payload.get("evse", {}).get("id")
        if kind == "Started":
            assert evse is not None, f"the start names no EVSE: {payload}"
            other = self._open.get(evse)
            assert other is None, f"EVSE {evse} has {other} and {transaction}"
            self._open[evse] = transaction
            self._evse_of[transaction] = evse
        elif kind == "Ended":
            self._ended.add(transaction)
            self._open.pop(self._evse_of[transaction], None)

    def finished(self) -> None:
        """Check at the end, when the host has ended everything and the queue is empty."""
        assert not self._open, f"never ended: {self._open}"
        assert sum(self._stopped.values()) == self._started, (
            f"{self._started} started, {sum(self._stopped.values())} stopped"
        )


class Driver:
    """What a host knows of one EVSE."""

    def __init__(self) -> None:
        self.session: str | None = None
        self.running = False
        self.charging = False
        self.last: SessionEvent | None = None
        self.wh = 1000.0
        self.error: str | None = None


class Machine(RuleBasedStateMachine):
    """The steps; each leaves everything settled that needs no time to pass."""

    findings: Findings
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.patch = pytest.MonkeyPatch()
        self.place = Path(tempfile.mkdtemp(dir=self.folder))
        self.drivers = {1: Driver(), 2: Driver()}
        self.sessions = 0
        self.errors = 0
        self.done = False

    def _run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def _count(self, name: str) -> None:
        self.findings.steps += 1
        self.findings.rules[name] += 1

    @initialize(version=st.sampled_from(("1.6", "2.0.1", "2.1")))
    def begin(self, version: str) -> None:
        self.version = version
        self.csms = CsmsInMemory(version)
        self.books = Books(version)
        self.csms.heard = lambda frame, _line: self.books.take(frame)
        self.whole = self._run(self._built())
        self.whole.patch(self.patch)
        self._run(self.whole.start())
        self._run(self._ready())

    async def _built(self) -> WholeStation:
        return WholeStation(
            self.place,
            self.csms,
            values={
                AlignedDataCtrlr.Interval: "0",
                SampledDataCtrlr.TxUpdatedInterval: "60",
                OCPPCommCtrlr.MessageAttempts_TransactionEvent: "1000",
                OCPPCommCtrlr.MessageAttemptInterval_TransactionEvent: "1",
            },
        )

    async def _ready(self) -> None:
        for evse_id in self.drivers:
            self.whole.station.availability.on_ready(evse_id, True)
        await self.whole.settle()

    # The host

    def _report(self, evse_id: int, event: SessionEventType, **parts: Any) -> None:
        driver = self.drivers[evse_id]
        assert driver.session is not None
        driver.wh += 100
        now = self.whole.clock.machine_now()
        report = SessionEvent(
            driver.session,
            now,
            event,
            meter_value=Powermeter(now, PerPhase(total=driver.wh)),
            **parts,
        )
        driver.last = report
        self._take(evse_id, report)

    def _take(self, evse_id: int, report: SessionEvent) -> None:
        self._do(self.whole.station.transactions.on_session_event, evse_id, report)

    def _do(self, call: Callable[..., Any], *arguments: Any) -> None:
        """Call what belongs to the event loop, and let everything run that follows."""

        async def done() -> None:
            call(*arguments)
            await self.whole.settle()

        self._run(done())

    @rule(evse_id=evses, swipe_first=st.booleans(), token=tokens)
    def plug_in(self, evse_id: int, swipe_first: bool, token: str) -> None:
        driver = self.drivers[evse_id]
        if driver.session is not None:
            return
        self._count("plug in")
        self.sessions += 1
        driver.session = f"session-{self.sessions}"
        if swipe_first:
            self._report(
                evse_id,
                E.SESSION_STARTED,
                start_reason=SessionStartReason.AUTHORIZED,
                id_token=_provided(token),
            )
        else:
            self._report(evse_id, E.SESSION_STARTED, start_reason=SessionStartReason.EV_CONNECTED)

    @rule(evse_id=evses, token=tokens)
    def driver_comes(self, evse_id: int, token: str) -> None:
        """A car, and a token that the host has accepted by itself."""
        self._count("driver comes")
        driver = self.drivers[evse_id]
        if driver.session is None:
            self.plug_in(evse_id, False, token)
        if not driver.running:
            driver.running = True
            self._report(evse_id, E.TRANSACTION_STARTED, id_token=_provided(token))

    @rule(evse_id=evses, token=tokens)
    def present_card(self, evse_id: int, token: str) -> None:
        self._count("card")
        provided = _provided(token, evse_ids=(evse_id,))
        work = self.whole.station.authorization.validate_token(provided)
        task = self.loop.create_task(work)
        self._run(self.whole.settle())
        waited_s = 0
        while not task.done():  # the CSMS does not answer, and others are in line before us
            self._run(self.whole.pass_time(1))
            waited_s += 1
            assert waited_s < LONGEST_WAIT_S, "the driver waits for ever"
        self.findings.longest_wait_s = max(self.findings.longest_wait_s, waited_s)
        result = task.result()
        driver = self.drivers[evse_id]
        if result.authorization_status == "Accepted" and driver.session and not driver.running:
            self._report(evse_id, E.TRANSACTION_STARTED, id_token=provided)
            driver.running = True

    @rule(evse_id=evses, what=st.sampled_from(FLOWS))
    def flow(self, evse_id: int, what: SessionEventType) -> None:
        if self.drivers[evse_id].running:
            self._count("energy flows or not")
            self._report(evse_id, what)

    @rule(evse_id=evses, reason=st.sampled_from(list(StopReason)))
    def finish(self, evse_id: int, reason: StopReason) -> None:
        driver = self.drivers[evse_id]
        if driver.running:
            self._count("finish")
            driver.running = False
            self._report(evse_id, E.TRANSACTION_FINISHED, stop_reason=reason)

    @rule(evse_id=evses)
    def unplug(self, evse_id: int) -> None:
        if self.drivers[evse_id].session is not None:
            self._count("unplug")
            self._unplug(evse_id)

    def _unplug(self, evse_id: int) -> None:
        driver = self.drivers[evse_id]
        if driver.session is None:
            return
        if driver.running:
            driver.running = False
            self._report(evse_id, E.TRANSACTION_FINISHED, stop_reason=StopReason.EV_DISCONNECTED)
        self._report(evse_id, E.SESSION_FINISHED)
        driver.session = None

    @rule(evse_id=evses)
    def repeat_last_report(self, evse_id: int) -> None:
        self._count("repeat")
        driver = self.drivers[evse_id]
        if driver.last is not None and driver.session == driver.last.uuid:
            self._take(evse_id, driver.last)

    @rule(evse_id=evses, event=st.sampled_from(list(E)))
    def report_of_nobody(self, evse_id: int, event: SessionEventType) -> None:
        """A report of a session that is not open: refused, or it changes nothing for the CSMS."""
        self._count("report of nobody")
        if event in WITHOUT_SESSION:
            return
        report = SessionEvent("nobody", self.whole.clock.machine_now(), event)
        with pytest.raises((UnknownSession, InvalidArgument)):
            self._take(evse_id, report)

    @rule(evse_id=evses)
    def measure(self, evse_id: int) -> None:
        self._count("measure")
        driver = self.drivers[evse_id]
        driver.wh += 10
        now = self.whole.clock.machine_now()
        meter = Powermeter(now, PerPhase(total=driver.wh))
        self._do(self.whole.station.meter_values.on_powermeter, evse_id, meter)

    @rule(evse_id=evses)
    def fault(self, evse_id: int) -> None:
        self._count("fault")
        driver = self.drivers[evse_id]
        if driver.error is not None:
            self._do(self.whole.station.faults.clear_error, driver.error)
            driver.error = None
        else:
            self.errors += 1
            driver.error = f"error-{self.errors}"
            self._do(
                self.whole.station.faults.raise_error,
                StationError(
                    driver.error,
                    "evse_manager/Inoperative",
                    "",
                    "broken",
                    "It broke.",
                    "High",
                    self.whole.clock.machine_now(),
                    evse_id,
                    1,
                ),
            )

    # The CSMS

    def _ask(self, action: str, payload: dict[str, Any]) -> Any:
        asked_on = self.csms.lines
        message_id: str | None = None

        def ask() -> None:
            nonlocal message_id
            message_id = self.csms.ask(action, payload)

        self._do(ask)
        if message_id is None or not self.whole.connection.connected:
            return None
        answer = self.csms.answers.get(message_id)
        assert answer is not None or self.csms.lines != asked_on, f"{action} was not answered"
        return answer[2] if answer is not None and answer[0] == 3 else None

    @rule(evse_id=st.sampled_from((None, 1, 2, 3)), token=tokens)
    def remote_start(self, evse_id: int | None, token: str) -> None:
        self._count("remote start")
        heard = len(self.whole.world.host.of("provide_token"))
        if self.version == "1.6":
            payload: dict[str, Any] = {"idTag": token}
            payload |= {} if evse_id is None else {"connectorId": evse_id}
            answer = self._ask("RemoteStartTransaction", payload)
        else:
            payload = {"remoteStartId": self.findings.steps, "idToken": _json(token)}
            payload |= {} if evse_id is None else {"evseId": evse_id}
            answer = self._ask("RequestStartTransaction", payload)
        offered = self.whole.world.host.of("provide_token")[heard:]
        if answer is None or answer["status"] != "Accepted":
            assert not offered or answer is None
            return
        assert evse_id != 3, "a remote start for an EVSE that is not there"
        for provided in offered:
            for at in provided.evse_ids or (1, 2):
                driver = self.drivers[at]
                if driver.session is not None and not driver.running:
                    driver.running = True
                    self._report(at, E.TRANSACTION_STARTED, id_token=provided)
                    break

    @rule(evse_id=evses)
    def remote_stop(self, evse_id: int) -> None:
        self._count("remote stop")
        evse = self.whole.station.evses[evse_id]
        known = evse.csms_transaction_id
        stops = len(self.whole.world.agents.of("stop_transaction"))
        if self.version == "1.6":
            number = int(known) if known else 999_999
            answer = self._ask("RemoteStopTransaction", {"transactionId": number})
        else:
            answer = self._ask("RequestStopTransaction", {"transactionId": known or "nobody"})
        if answer is None:
            return
        assert known is not None or answer["status"] == "Rejected", "stopped what is not there"
        asked = self.whole.world.agents.of("stop_transaction")[stops:]
        for at, reason, *_ in asked:
            driver = self.drivers[at]
            if driver.running:
                driver.running = False
                self._report(at, E.TRANSACTION_FINISHED, stop_reason=reason)

    @rule(evse_id=st.sampled_from((0, 1, 2)), operative=st.booleans())
    def change_availability(self, evse_id: int, operative: bool) -> None:
        self._count("change availability")
        status = "Operative" if operative else "Inoperative"
        payload: dict[str, Any] = {"operationalStatus": status}
        if self.version == "1.6":
            payload = {"connectorId": evse_id, "type": status}
        elif evse_id:
            payload["evse"] = {"id": evse_id}
        self._ask("ChangeAvailability", payload)

    @rule(evse_id=evses)
    def unlock(self, evse_id: int) -> None:
        self._count("unlock")
        payload: dict[str, Any] = {"connectorId": evse_id}
        if self.version != "1.6":
            payload = {"evseId": evse_id, "connectorId": 1}
        self._ask("UnlockConnector", payload)

    @rule(what=st.sampled_from(("StatusNotification", "Heartbeat", "MeterValues")), evse_id=evses)
    def trigger(self, what: str, evse_id: int) -> None:
        self._count("trigger")
        place: dict[str, Any] = {"connectorId": evse_id}
        if self.version != "1.6":
            place = {"evse": {"id": evse_id, "connectorId": 1}}
        self._ask("TriggerMessage", {"requestedMessage": what} | place)

    @rule(manner=st.sampled_from(("friendly", "friendly", "silent", "failing", "late")))
    def csms_becomes(self, manner: str) -> None:
        self._count(f"CSMS becomes {manner}")
        self.csms.manner = manner
        self._do(self.csms.answer_late)

    @rule(status=st.sampled_from(("Accepted", "Accepted", "Blocked", "Invalid")))
    def tokens_become(self, status: str) -> None:
        self._count("tokens")
        self.csms.token_status = status

    # The world

    @rule(reachable=st.booleans())
    def cut(self, reachable: bool) -> None:
        self._count("cut")
        self.csms.reachable = reachable
        self._do(self.csms.cut)

    @rule(seconds=st.sampled_from((1, 5, 31, 61, 200)))
    def wait(self, seconds: int) -> None:
        self._count("wait")
        self._run(self.whole.pass_time(seconds, 5.0))

    @rule(seconds=st.sampled_from((2, 3600)))
    def clock_is_set(self, seconds: int) -> None:
        """Somebody sets the machine's clock forwards: R13 has the other way."""
        self._count("clock is set")
        clock = self.whole.clock
        self._do(clock.set_machine, clock.machine_now() + timedelta(seconds=seconds))

    @rule(tells=st.booleans())
    def power_cut(self, tells: bool) -> None:
        """The daemon starts anew; the host tells of its sessions, or has lost them too."""
        self._count("restart")
        self.whole = self._run(self.whole.restarted())
        for evse_id, driver in self.drivers.items():
            if driver.error is not None:
                driver.error = None
            if driver.session is not None and not tells:
                driver.session, driver.running = None, False
            elif driver.session is not None:
                now = self.whole.clock.machine_now()
                self._take(evse_id, SessionEvent(driver.session, now, E.SESSION_RESUMED))
        self._run(self._ready())

    # What must always be so

    @invariant()
    def nothing_failed(self) -> None:
        if hasattr(self, "whole"):
            assert not self.whole.faults, self.whole.faults

    def teardown(self) -> None:
        """End everything: the CSMS must have heard the whole of each transaction."""
        try:
            if hasattr(self, "whole"):
                self._finish()
        finally:
            self.patch.undo()
            if hasattr(self, "whole"):
                self._run(self.whole.stop())
            self.loop.close()
            shutil.rmtree(self.place, ignore_errors=True)

    def _finish(self) -> None:
        for evse_id in self.drivers:
            self._unplug(evse_id)
        self.csms.manner, self.csms.reachable = "friendly", True
        for _ in range(40):
            self._run(self.whole.pass_time(60, 10.0))
            if not self.whole.store.queued_for(None) and self.whole.connection.connected:
                break
        assert not self.whole.store.queued_for(None), "the queue is not empty"
        self.books.finished()
        self.findings.transactions += self.books.transactions


def _provided(token: str, **more: Any) -> ProvidedIdToken:
    return ProvidedIdToken(IdToken(token, IdTokenType.ISO14443), AuthorizationType.RFID, **more)


def _json(token: str) -> dict[str, str]:
    return {"idToken": token, "type": "ISO14443"}


async def run(options: Options) -> list[Figure]:
    count = options.size(800, 100_000)
    findings = Findings()
    machine = type("Machine", (Machine,), {"findings": findings, "folder": options.folder})
    failures: list[str] = []

    def drive() -> None:
        rounds = 0
        while findings.steps < count and not failures:
            how = settings(
                max_examples=min((count - findings.steps) // STEPS_EACH + 1, 200),
                stateful_step_count=STEPS_EACH,
                deadline=None,
                database=None,
                phases=(Phase.generate, Phase.shrink) if options.full else (Phase.generate,),
                suppress_health_check=list(HealthCheck),
            )
            try:
                run_state_machine_as_test(seed(options.seed + rounds)(machine), settings=how)
            except Exception as error:
                traceback.print_exc()
                failures.append(f"{type(error).__name__}: {error}"[:300])
            rounds += 1

    await asyncio.to_thread(drive)
    busiest = ", ".join(f"{name} {often:,}" for name, often in findings.rules.most_common(5))
    return [
        told("transactions told", f"{findings.transactions:,}; {busiest}"),
        told("a card is answered after, at most", f"{findings.longest_wait_s} s"),
        at_least("random steps", count, findings.steps),
        none_of("findings", failures),
    ]
