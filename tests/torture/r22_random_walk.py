"""Random steps of a host and a CSMS at the same time, with the daemon as a process that is killed.

The sibling of r22_random_steps with nothing in memory: the daemon, a private bus, a CSMS on a
socket and SQLite on a disk. Each round one step of each EVSE's driver and one of the CSMS are made
at once: plug, card, remote start and stop, faults, time limits, a CSMS that is silent, slow or
away, and now and then kill -9 or SIGTERM in the middle. Required: at most one transaction at an
EVSE, each told from its start to its end once and without a gap, in 1.6 no change of status that
its table has not, and whenever all is calm the CSMS knows the truth of each connector.
"""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

from ocppd.tools.csms.messages import Message
from ocppd.tools.csms.station import CallFailed, Disconnected
from tests.client import BusError
from tests.scenario.agent import Agent
from tests.scenario.host import Host, until_taken
from tests.scenario.rig import FAST, IDENTITY, Rig
from tests.torture.figures import Figure, Options, at_least, none_of, told
from tests.torture.r22_random_steps import Books
from tests.torture.sessions import NO_ALIGNED_VALUES

_VERSIONS = ("1.6", "2.0.1", "2.1")
_TOKENS = ("04A224B2", "04A224B3", "DEADBEEF")
_VALIDATOR = "org.everest.Ocpp.AuthTokenValidator"
_HISTORY = "org.everest.Ocpp.ErrorHistory"
_ROUNDS_BETWEEN_LOOKS = 30
_CALM_S = 30.0
_VALUES = (
    FAST
    + NO_ALIGNED_VALUES
    + """\
  - {component: OCPPCommCtrlr, variable: "MessageAttempts[TransactionEvent]", value: 100000}
  - {component: InternalCtrlr, variable: MessageQueueSizeThreshold, value: 100000}
"""
)
# OCPP 1.6, section 4.9: where a connector may go from each status.
_CHANGES_16: dict[str, frozenset[str]] = {
    start: frozenset(ends.split())
    for start, ends in {
        "Available": "Preparing Charging SuspendedEV SuspendedEVSE Reserved Unavailable Faulted",
        # Unavailable is not in the table: a change that waited while a driver was preparing, who
        # then leaves before anything began: B1 and A8 in one.
        "Preparing": "Available Charging SuspendedEV SuspendedEVSE Finishing Faulted Unavailable",
        "Charging": "Available SuspendedEV SuspendedEVSE Finishing Unavailable Faulted",
        "SuspendedEV": "Available Charging SuspendedEVSE Finishing Unavailable Faulted",
        "SuspendedEVSE": "Available Charging SuspendedEV Finishing Unavailable Faulted",
        "Finishing": "Available Preparing Unavailable Faulted",
        "Reserved": "Available Preparing Unavailable Faulted",
        # Finishing is not in it either: the end of what the host began at an Inoperative connector.
        "Unavailable": "Available Preparing Charging SuspendedEV SuspendedEVSE Faulted Finishing",
        "Faulted": "Available Preparing Charging SuspendedEV SuspendedEVSE Finishing Reserved"
        " Unavailable",
    }.items()
}
_IN_SESSION_16 = frozenset(("Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing"))


class _Ledger:
    """What the CSMS heard: the books of the sibling, and what only a line of its own tells."""

    def __init__(self, rig: Rig, version: str) -> None:
        self._rig = rig
        self._version = version
        self._books = Books(version)
        self._read = 0
        self._starts: dict[str, Message] = {}
        self._told_on: dict[int, tuple[int, str]] = {}
        self._open: dict[int, int] = {}
        self.findings: list[str] = []

    @property
    def transactions(self) -> int:
        return self._books.transactions

    def status(self, evse_id: int) -> str | None:
        return self._books.statuses.get(evse_id)

    def open_transaction(self, evse_id: int) -> Any:
        """What the CSMS takes for the transaction of an EVSE; None if it knows of none."""
        return self._open.get(evse_id) if self._version == "1.6" else self._books.open_at(evse_id)

    def read(self) -> None:
        """Take everything that came since the last time."""
        for call in self._rig.csms.calls():
            if call.index < self._read:
                continue
            self._read = call.index + 1
            try:
                self._books.take([2, call.message_id, call.action, call.payload])
            except AssertionError as error:
                self.findings.append(f"{self._version}: {error}"[:300])
            if self._version == "1.6":
                self._read_16(call)

    def _read_16(self, call: Message) -> None:
        match call.action:
            case "StatusNotification":
                place, status = call.payload["connectorId"], call.payload["status"]
                connection, before = self._told_on.get(place, (0, status))
                self._told_on[place] = (call.connection, status)
                # On a new line it is told what is, not what happened.
                seen_both = connection == call.connection and place > 0
                if seen_both and status != before and status not in _CHANGES_16[before]:
                    self.findings.append(f"1.6: connector {place} from {before} to {status}")
            case "StartTransaction":
                self._starts[call.message_id] = call
                answer = self._rig.csms.answer_to(call)
                if answer is not None and "transactionId" in (answer.payload or {}):
                    self._open[call.payload["connectorId"]] = answer.payload["transactionId"]
            case "StopTransaction":
                for connector, number in list(self._open.items()):
                    if number == call.payload["transactionId"]:
                        del self._open[connector]

    def finished(self) -> None:
        """Check at the end, when the host has ended everything and the queue is empty."""
        self.read()
        try:
            self._books.finished()
        except AssertionError as error:
            self.findings.append(f"{self._version}: at the end {error}"[:300])


class _Driver:
    """The host's side of one EVSE; it repeats what a killed daemon did not take."""

    def __init__(self, walk: "_Walk", evse_id: int) -> None:
        self._walk = walk
        self._chance = random.Random(f"{walk.seed}/{evse_id}")
        self.host = Host(walk.rig.client, evse_id)
        self.evse_id = evse_id
        self.running = False
        self.by_card = False
        """Whether the session began with a card: the cable may come later, or never."""
        self._last: dict[str, Any] | None = None
        self._error: str | None = None
        self._errors = 0
        self._daemon = 0
        self._offers = self._stops = 0

    @property
    def occupied(self) -> bool:
        return self.host.session is not None

    async def _report(self, event: dict[str, Any]) -> None:
        async def once() -> None:
            await self.meet(event["timestamp"])
            await self.host.report(event)

        await until_taken(once, timeout_s=60)
        self._last = event

    async def meet(self, timestamp: str | None = None) -> None:
        """Tell a daemon that was started anew what is there, at the time of what comes next."""
        daemon = self._walk.daemon
        if self._daemon == daemon:
            return
        if self.host.session is not None and self._last is not None:
            resumed = {"uuid": self.host.session, "timestamp": timestamp or self.host.now()}
            await self.host.report(resumed | {"event": "SessionResumed"})
        await self.host.ready()
        self._daemon = daemon

    async def step(self) -> None:
        """Do something that a driver, a car or the hardware may do now."""
        steps: list[tuple[int, str, Callable[[], Awaitable[None]]]] = [
            (1, "fault", self.fault),
            (1, "repeat", self._repeat),
            (1, "report of nobody", self._of_nobody),
        ]
        if not self.occupied:
            steps += [(6, "plug in", self._plug_in), (1, "card", self._card)]
        elif not self.running:
            steps += [(5, "card", self._card), (2, "unplug", self.unplug)]
            steps += [(2, "accepted by the host", self._start_unasked)]
            steps += [(4, "offer", self._take_offers)]
        else:
            steps += [(5, "energy", self._flow), (2, "finish", self._finish)]
            steps += [(3, "measure", self._measure), (1, "unplug", self.unplug)]
            steps += [(4, "stop asked for", self._take_stops)]
        weights = [weight for weight, _, _ in steps]
        [(_, name, step)] = self._chance.choices(steps, weights)
        self._walk.count(name)
        await step()

    def _token(self) -> dict[str, Any]:
        value = self._chance.choice(_TOKENS)
        return {
            "id_token": {"value": value, "type": "ISO14443"},
            "authorization_type": "RFID",
            "connectors": [self.evse_id],
        }

    async def _plug_in(self) -> None:
        self._walk.sessions += 1
        self.host.session = f"{self._walk.version}-{self._walk.sessions}"
        self._last = None
        self.by_card = self._chance.random() < 0.3
        if self.by_card:
            part = {"reason": "Authorized", "id_tag": self._token()}
        else:
            part = {"reason": "EVConnected"}
        await self._report(self.host.event("SessionStarted", "session_started", **part))

    async def _card(self, token: dict[str, Any] | None = None) -> None:
        token = token or self._token()
        try:
            result = await self._walk.rig.client.call(
                "ValidateToken", "a{sv}", token, interface=_VALIDATOR
            )
        except (BusError, TimeoutError):
            return  # the daemon was killed meanwhile: the driver tries again
        if result["authorization_status"] == "Accepted" and self.occupied and not self.running:
            await self._start(token)

    async def _start_unasked(self) -> None:
        await self._start(self._token())

    async def _start(self, token: dict[str, Any]) -> None:
        self.running = True
        self._stops = len(self._walk.agent.of("StopTransaction"))
        event = self.host.event("TransactionStarted", "transaction_started", id_tag=token)
        await self._report(event)

    async def _take_offers(self) -> None:
        heard = self._walk.rig.client.heard("ProvidedToken")
        news, self._offers = heard[self._offers :], len(heard)
        for each in news[-1:]:
            if self.evse_id in each.value.get("connectors", [1, 2]):
                await self._card(each.value)

    async def _take_stops(self) -> None:
        asked = self._walk.agent.of("StopTransaction")
        news, self._stops = asked[self._stops :], len(asked)
        if any(evse_id == self.evse_id for evse_id, _ in news):
            await self._finish("Remote")

    async def _flow(self) -> None:
        events = ("ChargingStarted", "ChargingPausedEV", "ChargingPausedEVSE", "ChargingResumed")
        await self._report(self.host.event(self._chance.choice(events)))

    async def _measure(self) -> None:
        with suppress(BusError, TimeoutError):
            await self.host.powermeter()

    async def _finish(self, reason: str | None = None) -> None:
        self.running = False
        reason = reason or self._chance.choice(("Local", "EmergencyStop", "PowerLoss"))
        event = self.host.event("TransactionFinished", "transaction_finished", reason=reason)
        await self._report(event)

    async def unplug(self) -> None:
        """Take the cable out, whatever goes on."""
        if self.running:
            await self._finish("EVDisconnected")
        if self.occupied:
            await self._report(self.host.event("SessionFinished", "session_finished"))
            self.host.session = None

    async def _repeat(self) -> None:
        if self._last is not None and self.host.session == self._last["uuid"]:
            await self._report(self._last)

    async def _of_nobody(self) -> None:
        event = {"uuid": "nobody", "timestamp": self.host.now(), "event": "ChargingStarted"}
        try:
            await self.host.report(event)
        except BusError as error:
            if error.name.endswith(("UnknownSession", "InvalidArgument")):
                return
            if not error.name.startswith("org.everest"):
                return  # the daemon is down
        except TimeoutError:
            return
        self._walk.findings.append(f"{self._walk.version}: an event of nobody was taken")

    async def fault(self) -> None:
        """Break, or be repaired."""
        with suppress(BusError, TimeoutError):
            if self._error is None:
                self._errors += 1
                error = {
                    "uuid": f"error-{self.evse_id}-{self._errors}",
                    "type": "evse_manager/Inoperative",
                    "sub_type": "",
                    "message": "broken",
                    "description": "It broke.",
                    "severity": "High",
                    "evse_id": self.evse_id,
                    "connector_id": 1,
                }
                self._error = str(error["uuid"])
                await self._walk.rig.client.call("RaiseError", "a{sv}", error, interface=_HISTORY)
            else:
                cleared, self._error = self._error, None
                await self._walk.rig.client.call(
                    "ClearError", "a{sv}", {"uuid": cleared}, interface=_HISTORY
                )

    async def calm(self) -> None:
        """Repair what is broken."""
        await until_taken(self.meet)
        if self._error is not None:
            await self.fault()


class _Walk:
    """One version's walk."""

    def __init__(self, rig: Rig, version: str, agent: Agent, options: Options) -> None:
        self.rig = rig
        self.version = version
        self.agent = agent
        self.seed = f"{options.seed}/{version}"
        self.chance = random.Random(self.seed)
        self.steps: Counter[str] = Counter()
        self.findings: list[str] = []
        self.sessions = 0
        self.daemon = 0
        self._waits_for_end = False
        self.ledger = _Ledger(rig, version)
        self.drivers = [_Driver(self, evse_id) for evse_id in (1, 2)]

    def count(self, name: str) -> None:
        self.steps[name] += 1

    async def run(self, steps: int) -> None:
        """Walk, and look around now and then."""
        for driver in self.drivers:
            await driver.host.ready()
        rounds = 0
        while self.steps.total() < steps and not self.findings:
            works = [driver.step() for driver in self.drivers]
            works += [self._csms_step(), self._accident()]
            await asyncio.gather(*works)
            self.ledger.read()
            self.findings += self.ledger.findings
            rounds += 1
            if rounds % _ROUNDS_BETWEEN_LOOKS == 0:
                await self._look()
        if self.findings:
            print(*(_in_short(each) for each in self.rig.csms.messages[-80:]), sep="\n")
            return
        for driver in self.drivers:
            await driver.unplug()
        await self._look()
        self.ledger.finished()
        self.findings += [each for each in self.ledger.findings if each not in self.findings]

    # The CSMS

    async def _csms_step(self) -> None:
        name, step = self.chance.choice(
            (
                ("remote start", self._remote_start),
                ("remote start", self._remote_start),
                ("remote stop", self._remote_stop),
                ("remote stop", self._remote_stop),
                ("availability", self._availability),
                ("unlock", self._unlock),
                ("trigger", self._trigger),
                ("manner", self._manner),
                ("cut", self._cut),
                ("away or back", self._away),
            )
        )
        self.count(name)
        await step()

    async def _ask(self, action: str, payload: dict[str, Any]) -> Any:
        """Return the answer to a CALL, None if there is none because the line was cut."""
        connections = self._connection()
        try:
            return await self.rig.csms.station(IDENTITY).call(action, payload, timeout_s=10)
        except (Disconnected, LookupError):
            return None
        except CallFailed as error:
            if error.code == "SecurityError":
                return None  # it has not been registered yet since it was started (B02.FR.09)
            self.findings.append(f"{self.version}: {action} {payload}: {error}")
        except TimeoutError:
            if self._connection() == connections:
                self.findings.append(f"{self.version}: {action} was not answered")
        return None

    def _connection(self) -> tuple[int, int]:
        messages = self.rig.csms.messages
        return (messages[-1].connection if messages else 0, self.daemon)

    async def _remote_start(self) -> None:
        evse_id, token = self.chance.choice((None, 1, 2, 3)), self.chance.choice(_TOKENS)
        if self.version == "1.6":
            payload: dict[str, Any] = {"idTag": token}
            payload |= {} if evse_id is None else {"connectorId": evse_id}
            answer = await self._ask("RemoteStartTransaction", payload)
        else:
            payload = {"remoteStartId": self.steps.total(), "idToken": _json(token)}
            payload |= {} if evse_id is None else {"evseId": evse_id}
            answer = await self._ask("RequestStartTransaction", payload)
        if answer is not None and answer["status"] == "Accepted" and evse_id == 3:
            self.findings.append(f"{self.version}: a remote start for an EVSE that is not there")

    async def _remote_stop(self) -> None:
        known = self.ledger.open_transaction(self.chance.choice((1, 2)))
        if self.version == "1.6":
            payload = {"transactionId": 999_999 if known is None else known}
            answer = await self._ask("RemoteStopTransaction", payload)
        else:
            answer = await self._ask("RequestStopTransaction", {"transactionId": known or "nobody"})
        if answer is not None and known is None and answer["status"] != "Rejected":
            self.findings.append(f"{self.version}: stopped what is not there")

    async def _availability(self) -> None:
        await self._change(self.chance.choice((0, 1, 2)), self.chance.random() < 0.6)

    async def _change(self, evse_id: int, operative: bool) -> bool:
        status = "Operative" if operative else "Inoperative"
        payload: dict[str, Any] = {"operationalStatus": status}
        if self.version == "1.6":
            payload = {"connectorId": evse_id, "type": status}
        elif evse_id:
            payload["evse"] = {"id": evse_id}
        answer = await self._ask("ChangeAvailability", payload)
        if answer is not None and answer["status"] == "Scheduled":
            self._waits_for_end = True
        return answer is not None

    async def _unlock(self) -> None:
        evse_id = self.chance.choice((1, 2))
        payload = {"connectorId": evse_id}
        if self.version != "1.6":
            payload = {"evseId": evse_id, "connectorId": 1}
        await self._ask("UnlockConnector", payload)

    async def _trigger(self) -> None:
        what = self.chance.choice(("StatusNotification", "Heartbeat", "MeterValues"))
        place: dict[str, Any] = {"connectorId": 1}
        if self.version != "1.6":
            place = {"evse": {"id": 1, "connectorId": 1}}
        await self._ask("TriggerMessage", {"requestedMessage": what} | place)

    async def _manner(self) -> None:
        self.rig.csms.behave()
        action = self.chance.choice(("TransactionEvent", "StartTransaction", "StopTransaction"))
        manners: tuple[dict[str, Any], ...] = (
            {"drop": True, "times": 2},
            {"error": "InternalError", "times": 3},
            {"delay_s": 0.3},
            {"close": "abort", "times": 1},
        )
        if self.chance.random() < 0.6:
            self.rig.csms.misbehave(action, **self.chance.choice(manners))
        elif self.chance.random() < 0.3:
            self.rig.csms.misbehave("Authorize", drop=True, times=1)

    async def _cut(self) -> None:
        with suppress(LookupError, Disconnected):
            await self.rig.csms.station(IDENTITY).close(abort=self.chance.random() < 0.5)

    async def _away(self) -> None:
        await self.rig.csms.stop(abort=self.chance.random() < 0.5)
        await asyncio.sleep(self.chance.random())
        await self.rig.csms.start()

    # The world

    async def _accident(self) -> None:
        if self.chance.random() > 0.04:
            return
        self.count("power cut")
        await asyncio.sleep(self.chance.random() * 0.1)
        power = self.chance.random() < 0.7
        await self.rig.end_daemon(signal.SIGKILL if power else signal.SIGTERM)
        await self.rig.start_daemon()
        await self.agent.register()
        self.daemon += 1

    async def _look(self) -> None:
        """Let all come to rest, and compare what the CSMS knows with what is so."""
        self.rig.csms.behave()
        for driver in self.drivers:
            await driver.calm()
        try:
            await self.rig.csms.connected(IDENTITY, timeout_s=_CALM_S)
            await self._until(self._registered, "registered")
            self._waits_for_end = False
            for evse_id in (0, 1, 2):
                await self._until(partial(self._change, evse_id, True), "answer")
            await self._until(self._told_everything, "a queue that is empty")
            await self._until(self._truth, "statuses that are true")
        except TimeoutError as error:
            statuses = [self.ledger.status(driver.evse_id) for driver in self.drivers]
            self.findings.append(
                f"{self.version}: in {_CALM_S:g} s no {error}; told {statuses}, "
                f"occupied {[driver.occupied for driver in self.drivers]}"
            )
            print(await self._in_daemon("EVSE"), await self._in_daemon("Connector"))
        transactions = await self.rig.client.call("GetTransactions")
        going = Counter(each["evse_id"] for each in transactions)
        if any(count > 1 for count in going.values()):
            self.findings.append(f"{self.version}: two transactions at one EVSE: {transactions}")
        for driver in self.drivers:
            if driver.running and not going[driver.evse_id]:
                self.findings.append(f"{self.version}: EVSE {driver.evse_id} charges unknown")

    async def _in_daemon(self, component: str) -> list[Any]:
        """What the daemon takes for the state of each EVSE or connector."""
        wanted = [
            {
                "component_variable": {
                    "component": {
                        "name": component,
                        "evse": {"id": driver.evse_id}
                        | ({"connector_id": 1} if component == "Connector" else {}),
                    },
                    "variable": {"name": "AvailabilityState"},
                }
            }
            for driver in self.drivers
        ]
        found = await self.rig.client.call("GetVariables", "aa{sv}", wanted)
        return [each.get("value") for each in found]

    async def _until(self, holds: Callable[[], Awaitable[bool]], what: str) -> None:
        try:
            async with asyncio.timeout(_CALM_S):
                while not await holds():
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise TimeoutError(what) from None

    async def _registered(self) -> bool:
        with suppress(LookupError):
            return self.rig.csms.station(IDENTITY).registration == "Accepted"
        return False

    async def _told_everything(self) -> bool:
        return not await self.rig.client.call("GetQueue")

    async def _truth(self) -> bool:
        self.ledger.read()
        for driver in self.drivers:
            status = self.ledger.status(driver.evse_id)
            if not driver.occupied:
                true = status == "Available"
            elif status == "Available":
                true = driver.by_card
            elif status == "Unavailable":  # the host started it against the CSMS's will
                true = self._waits_for_end
            else:
                true = status in _IN_SESSION_16 if self.version == "1.6" else status == "Occupied"
            if not true:
                return False
        return True


def _in_short(message: Message) -> str:
    way = f"{message.at:%H:%M:%S.%f} {message.connection} {message.direction} {message.kind.name}"
    return f"{way} {message.action} {message.message_id} {message.payload}"


def _json(token: str) -> dict[str, str]:
    return {"idToken": token, "type": "ISO14443"}


class _Impatient(Rig):
    """The daemon waits for an answer of the CSMS for a second."""

    def write_config(self, url: str | None = None) -> None:
        super().write_config(url)
        path = self.folder / "ocppd.yaml"
        text = path.read_text()
        path.write_text(text.replace("    password: ", "    message_timeout_s: 1\n    password: "))


async def run(options: Options) -> list[Figure]:
    """Walk in each version."""
    each = options.size(100, 1_500)
    steps: Counter[str] = Counter()
    findings: list[str] = []
    transactions = 0
    for version in _VERSIONS:
        folder = options.folder / version
        async with _Impatient(folder, versions=[version], values=_VALUES, log="warning") as rig:
            await rig.booted()
            async with Agent(rig.bus.address, "EvseManager") as agent:
                walk = _Walk(rig, version, agent, options)
                await walk.run(each)
            log = rig.log
        steps += walk.steps
        findings += walk.findings
        transactions += walk.ledger.transactions
        if "Traceback" in log:
            findings.append(f"{version}: {log[log.index('Traceback') :][:2000]}")
    seen = ", ".join(f"{name} {often:,}" for name, often in steps.most_common())
    return [
        told("daemon as a process: transactions told", f"{transactions:,}; {seen}"),
        at_least("daemon as a process: random steps", each * len(_VERSIONS), steps.total()),
        none_of("daemon as a process: findings", findings),
    ]
