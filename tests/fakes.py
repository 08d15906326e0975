"""Ports that work, for tests of the core: no sockets, no disk, no waiting."""

import asyncio
import heapq
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ocppd.errors import AgentRefused, Offline
from ocppd.model.availability import OperationalStatus
from ocppd.model.certificates import (
    CertificateAction,
    CertificateHashData,
    CertificateHashDataChain,
    CertificateRefusal,
    CertificateUse,
    DeleteStatus,
    EvCertificateResponse,
    OwnCertificate,
    SigningUse,
    Subject,
)
from ocppd.model.data_transfer import DataTransfer, DataTransferResponse, DataTransferStatus
from ocppd.model.manners import Manners
from ocppd.model.network_profiles import ConfigureNetwork, NetworkResult, NetworkStatus
from ocppd.model.queue import Durable, QueueEntry, TransactionFacts, is_of_transactions
from ocppd.model.redating import redated
from ocppd.model.registration import BootReason
from ocppd.model.requests import CsmsRequest
from ocppd.model.reservations import Reservation, ReservationMatch, ReserveNowStatus
from ocppd.model.sessions import StopReason
from ocppd.model.smart_charging import ExternalLimit
from ocppd.model.tokens import IdToken
from ocppd.model.transactions import TransactionEvent
from ocppd.model.variables import AttributeType, ComponentVariable
from ocppd.station.ports import Outside
from ocppd.store import codec

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class FakeTimer:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class FakeClock:
    """Time that passes when the test says so, in order of what is due."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now
        self._elapsed = 0.0
        self._offset = timedelta()
        self._numbers = itertools.count()
        self._due: list[tuple[float, int, FakeTimer, Callable[[], object]]] = []
        self._when_adjusted: list[Callable[[], object]] = []

    def now(self) -> datetime:
        return self.machine_now() + self._offset

    def machine_now(self) -> datetime:
        return self._now + timedelta(seconds=self._elapsed)

    def set_machine(self, now: datetime) -> None:
        """Have somebody set the machine's clock, such as NTP."""
        self._now = now - timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    def adjust(self, offset: timedelta) -> None:
        self._offset += offset
        for call in self._when_adjusted:
            call()

    def jump(self, offset: timedelta) -> None:
        """Have somebody else set the machine's clock, of which the daemon hears nothing."""
        self._offset += offset

    def when_adjusted(self, call: Callable[[], object]) -> None:
        self._when_adjusted.append(call)

    def call_later(self, delay_s: float, call: Callable[[], object]) -> FakeTimer:
        timer = FakeTimer()
        due = self._elapsed + max(delay_s, 0.0)
        heapq.heappush(self._due, (due, next(self._numbers), timer, call))
        return timer

    def advance(self, seconds: float) -> None:
        """Let time pass, calling what is due on the way."""
        end = self._elapsed + seconds
        while self._due and self._due[0][0] <= end:
            due, _, timer, call = heapq.heappop(self._due)
            self._elapsed = max(self._elapsed, due)
            if not timer.cancelled:
                call()
        self._elapsed = end

    @property
    def timers(self) -> int:
        """How many calls are due later."""
        return sum(not timer.cancelled for _, _, timer, _ in self._due)


class MemoryStore:
    """A store in memory; `reopened()` is the store after a power cut.

    Documents pass through the real codec, so that what cannot be read again fails here.
    """

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.documents: dict[type, dict[str, str]] = defaultdict(dict)
        self.opened_with: dict[type, dict[str, str]] = {}
        self.entries: list[QueueEntry] = []
        self.aside: list[QueueEntry] = []
        self.facts: dict[str, TransactionFacts] = {}
        self.attributes: dict[tuple[ComponentVariable, AttributeType], tuple[str, str]] = {}
        self.units: list[list[str]] = []
        self._unit: list[str] | None = None
        self._ids = itertools.count(1)

    def reopened(self) -> "MemoryStore":
        """Return a store with the same contents."""
        other = MemoryStore(self.clock)
        for kind, documents in self.documents.items():
            other.documents[kind] = dict(documents)
            other.opened_with[kind] = dict(documents)
        other.entries = list(self.entries)
        other.aside = list(self.aside)
        other.facts = dict(self.facts)
        other.attributes = dict(self.attributes)
        other._ids = itertools.count(max((e.id for e in self.entries), default=0) + 1)
        return other

    @property
    def queued(self) -> list[Durable]:
        """What waits for the CSMS, in order."""
        return [entry.request for entry in self.entries]

    @property
    def events(self) -> list[TransactionEvent]:
        """The transaction events among it."""
        return [request for request in self.queued if isinstance(request, TransactionEvent)]

    @contextmanager
    def atomically(self) -> Iterator[None]:
        if self._unit is not None:
            yield
            return
        self._unit = []
        try:
            yield
        finally:
            unit, self._unit = self._unit, None
            if unit:
                self.units.append(unit)

    def _note(self, what: str) -> None:
        if self._unit is None:
            self.units.append([what])
        else:
            self._unit.append(what)

    def when_durable(self, then: Callable[[], None]) -> None:
        self.clock.call_later(0, then)

    def save(self, key: str, document: object) -> None:
        self.documents[type(document)][key] = codec.encode(document)
        self._note(f"save {type(document).__name__} {key}")

    def forget(self, kind: type, key: str) -> None:
        self.documents[kind].pop(key, None)
        self._note(f"forget {kind.__name__} {key}")

    def load(self, kind: type[Any]) -> Mapping[str, Any]:
        documents = self.opened_with.pop(kind, {})
        return {key: codec.decode(kind, body) for key, body in documents.items()}

    def queue(self, request: Durable) -> None:
        number = next(self._ids)
        request = codec.decode(type(request), codec.encode(request))
        self.entries.append(QueueEntry(number, f"message-{number}", request, self.clock.now()))
        self._note(f"queue {type(request).__name__}")

    def dequeue(self, entry: QueueEntry) -> None:
        self.entries = [other for other in self.entries if other.id != entry.id]
        self._note(f"dequeue {entry.id}")

    def entry_failed(self, entry: QueueEntry) -> None:
        self._note(f"failed {entry.id}")

    def redate(self, by: timedelta) -> None:
        self.entries = [redated(entry, by) for entry in self.entries]
        self._note("redate")

    def set_aside(self, entry: QueueEntry, reason: str) -> None:
        self.dequeue(entry)
        self.aside.append(entry)

    def save_transaction_facts(
        self, transaction_id: str, generation: str, csms_id: str | None
    ) -> None:
        self.facts[transaction_id] = TransactionFacts(generation, csms_id)
        self._note(f"facts {transaction_id}")

    def facts_of(self, transaction_id: str) -> TransactionFacts:
        return self.facts.get(transaction_id, TransactionFacts())

    def transaction_of(self, csms_id: str) -> str | None:
        for transaction_id, facts in self.facts.items():
            if csms_id in (transaction_id, facts.csms_transaction_id):
                return transaction_id
        return None

    def queued_for(self, transaction_id: str | None) -> int:
        if transaction_id is None:
            return len(self.entries)
        return Counter(
            request.transaction_id
            for request in self.queued
            if isinstance(request, TransactionEvent)
        )[transaction_id]

    def save_attribute(
        self,
        address: ComponentVariable,
        attribute_type: AttributeType,
        value: str | None,
        source: str,
    ) -> None:
        if value is None:
            self.attributes.pop((address, attribute_type), None)
        else:
            self.attributes[address, attribute_type] = (value, source)
        self._note(f"attribute {address}")

    @property
    def written(self) -> int:
        return len(self.units)

    async def durable(self) -> None:
        return

    async def waiting(
        self, generation: str, limit: int, *, of_transactions: bool | None = None
    ) -> list[QueueEntry]:
        return [
            entry
            for entry in self.entries
            if of_transactions in (None, is_of_transactions(entry.request))
            and (
                not isinstance(entry.request, TransactionEvent)
                or self.facts_of(entry.request.transaction_id).generation in (None, generation)
            )
        ][:limit]

    async def waiting_in(self, generation: str, limit: int) -> list[QueueEntry]:
        return [
            entry
            for entry in self.entries
            if isinstance(entry.request, TransactionEvent)
            and self.facts_of(entry.request.transaction_id).generation == generation
        ][:limit]

    async def all_entries(self) -> list[QueueEntry]:
        return self.entries + self.aside

    async def release(self, entry_id: int) -> bool:
        released = [entry for entry in self.aside if entry.id == entry_id]
        self.aside = [entry for entry in self.aside if entry.id != entry_id]
        self.entries = sorted(self.entries + released, key=lambda entry: entry.id)
        return bool(released)

    def drop(self, entry_id: int) -> bool:
        before = len(self.aside)
        self.aside = [entry for entry in self.aside if entry.id != entry_id]
        return len(self.aside) < before


Reply = Callable[[Any], Any]


class FakeCsms:
    """A CSMS that answers by the functions in `replies`, one per request class.

    `kept` are the classes of what waits durably where it cannot be told.
    """

    kept: frozenset[type] = frozenset()

    def __init__(self, *, connected: bool = True, manners: Manners | None = None) -> None:
        self.connected = connected
        self.manners = manners or Manners()
        self.replies: dict[type, Reply] = {}
        self.sent: list[CsmsRequest[Any]] = []
        self.triggered: list[CsmsRequest[Any]] = []
        self.log: list[str] = []
        self.trust_anchor: str | None = None

    async def call(self, request: CsmsRequest[Any], *, triggered: bool = False) -> Any:
        if not self.connected:
            raise Offline("not connected")
        self._note(request, triggered)
        await asyncio.sleep(0)
        reply = self.replies.get(type(request))
        if reply is None:
            raise AssertionError(f"nobody told how to answer {type(request).__name__}")
        return reply(request)

    def send(self, request: CsmsRequest[Any], *, triggered: bool = False) -> None:
        if self.connected:
            self._note(request, triggered)

    def _note(self, request: CsmsRequest[Any], triggered: bool) -> None:
        self.sent.append(request)
        if triggered:
            self.triggered.append(request)

    def of(self, kind: type[Any]) -> list[Any]:
        """What was sent of one class."""
        return [request for request in self.sent if isinstance(request, kind)]

    def keeps(self, request: CsmsRequest[Any]) -> bool:
        return type(request) in self.kept

    def wake(self) -> None:
        self.log.append("wake")

    def start(self) -> None:
        self.log.append("start")

    def stop(self) -> None:
        self.log.append("stop")
        self.connected = False

    def reconnect(self, reason: str) -> None:
        self.log.append(f"reconnect: {reason}")


class FakeHost:
    """A host that remembers what it was told, as (member, arguments)."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, tuple[Any, ...]]] = []

    def of(self, member: str) -> list[Any]:
        """The first argument of each call of a member, or all of them if there are several."""
        return [
            arguments[0] if len(arguments) == 1 else arguments
            for name, arguments in self.heard
            if name == member
        ]

    def _member(name: str) -> Callable[..., None]:  # noqa: N805
        def hear(self: "FakeHost", *arguments: Any) -> None:
            self.heard.append((name, arguments))

        return hear

    provide_token = _member("provide_token")
    validate_result_update = _member("validate_result_update")
    transaction_event = _member("transaction_event")
    transaction_event_response = _member("transaction_event_response")
    security_event = _member("security_event")
    event_data = _member("event_data")
    boot_notification_response = _member("boot_notification_response")
    connection_status = _member("connection_status")
    charging_schedules = _member("charging_schedules")
    evse_changed = _member("evse_changed")
    errors_changed = _member("errors_changed")
    health_changed = _member("health_changed")
    reservations_changed = _member("reservations_changed")


@dataclass
class FakeAgents:
    """Agents that do as told and remember it; what is not in `interfaces` is refused."""

    interfaces: set[str] = field(
        default_factory=lambda: {"EvseManager", "System", "Auth", "OcppDataTransfer"}
    )
    boot_reason: BootReason = BootReason.POWER_UP
    reset_allowed: bool = True
    answer: bool = True
    network: NetworkResult = field(
        default_factory=lambda: NetworkResult(NetworkStatus.NOT_SUPPORTED)
    )
    sets_time: bool = True
    data_transfer_response: DataTransferResponse = field(
        default_factory=lambda: DataTransferResponse(DataTransferStatus.ACCEPTED)
    )
    failing: set[str] = field(default_factory=set)
    """Members that are there and fail."""
    calls: list[tuple[Any, ...]] = field(default_factory=list)

    def has(self, interface: str) -> bool:
        return interface in self.interfaces

    def _call(self, interface: str, *call: Any) -> None:
        if interface not in self.interfaces:
            raise AgentRefused(f"nobody implements {interface}")
        self.calls.append(call)
        if call[0] in self.failing:
            raise AgentRefused(f"{call[0]} failed")

    def of(self, member: str) -> list[tuple[Any, ...]]:
        """The arguments of each call of a member."""
        return [call[1:] for call in self.calls if call[0] == member]

    async def enable_disable(
        self, evse_id: int, connector_id: int, status: OperationalStatus
    ) -> bool:
        self._call("EvseManager", "enable_disable", evse_id, connector_id, status)
        return (status is OperationalStatus.OPERATIVE) is self.answer

    async def pause_charging(self, evse_id: int) -> bool:
        self._call("EvseManager", "pause_charging", evse_id)
        return self.answer

    async def resume_charging(self, evse_id: int) -> bool:
        self._call("EvseManager", "resume_charging", evse_id)
        return self.answer

    async def stop_transaction(
        self, evse_id: int, reason: StopReason, id_token: IdToken | None = None
    ) -> bool:
        self._call("EvseManager", "stop_transaction", evse_id, reason, id_token)
        return self.answer

    async def force_unlock(self, evse_id: int, connector_id: int) -> bool:
        self._call("EvseManager", "force_unlock", evse_id, connector_id)
        return self.answer

    async def is_reset_allowed(self, reset_type: str) -> bool:
        self._call("System", "is_reset_allowed", reset_type)
        return self.reset_allowed

    async def reset(self, reset_type: str, *, scheduled: bool) -> None:
        self._call("System", "reset", reset_type, scheduled)

    async def reset_evse(self, evse_id: int) -> bool:
        self._call("System", "reset_evse", evse_id)
        return self.answer

    async def set_external_limits(
        self, evse_id: int, steps: Sequence[ExternalLimit], setpoint_priority: int
    ) -> None:
        self._call(
            "ExternalEnergyLimits", "set_external_limits", evse_id, tuple(steps), setpoint_priority
        )

    async def configure_network(self, request: ConfigureNetwork) -> NetworkResult:
        self._call("System", "configure_network", request)
        return self.network

    async def set_system_time(self, moment: datetime) -> bool:
        self._call("System", "set_system_time", moment)
        return self.sets_time

    async def get_boot_reason(self) -> BootReason:
        self._call("System", "get_boot_reason")
        return self.boot_reason

    async def set_connection_timeout(self, timeout_s: int) -> None:
        self._call("Auth", "set_connection_timeout", timeout_s)

    async def set_master_pass_group_id(self, group_id: str) -> None:
        self._call("Auth", "set_master_pass_group_id", group_id)

    async def withdraw_authorization(self, evse_id: int | None, id_token: IdToken | None) -> bool:
        self._call("Auth", "withdraw_authorization", evse_id, id_token)
        return self.answer

    reserve_status: ReserveNowStatus = ReserveNowStatus.ACCEPTED
    match: ReservationMatch = ReservationMatch.NOT_RESERVED

    async def reserve_now(self, request: Reservation) -> ReserveNowStatus:
        self._call("Reservation", "reserve_now", request)
        return self.reserve_status

    async def cancel_reservation(self, reservation_id: int) -> bool:
        self._call("Reservation", "cancel_reservation", reservation_id)
        return self.answer

    async def exists_reservation(
        self, evse_id: int, id_token: IdToken, group_id_token: IdToken | None
    ) -> ReservationMatch:
        self._call("Reservation", "exists_reservation", evse_id, id_token, group_id_token)
        return self.match

    async def set_get_certificate_response(
        self, evse_id: int, action: CertificateAction, response: EvCertificateResponse
    ) -> None:
        self._call("Iso15118Extensions", "set_get_certificate_response", evse_id, action, response)

    async def data_transfer(self, request: DataTransfer) -> DataTransferResponse:
        self._call("OcppDataTransfer", "data_transfer", request)
        return self.data_transfer_response


class FakeTasks:
    """Tasks of the test's event loop; `settle()` waits until all have ended."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.add(asyncio.get_running_loop().create_task(work, name=name))

    async def settle(self) -> None:
        while self._tasks:
            tasks, self._tasks = self._tasks, set()
            await asyncio.gather(*tasks)


class FakeCertificates:
    """Certificates that a test says are there; what is asked of them is remembered."""

    def __init__(self) -> None:
        self.root = False
        self.station: dict[SigningUse, OwnCertificate] = {}
        self.requests: dict[int, tuple[SigningUse, Subject, str]] = {}
        self.installed: list[CertificateHashDataChain] = []
        self.refusal: CertificateRefusal | None = None
        """What the next install, request or take is refused with."""
        self.signed: OwnCertificate | None = None
        """What `take` makes of any chain."""
        self.delete_status = DeleteStatus.ACCEPTED
        self.discards: tuple[str, ...] = ()
        self.calls: list[tuple[Any, ...]] = []

    @property
    def entries(self) -> int:
        return len(self.installed) + len(self.station)

    def has_csms_root(self) -> bool:
        return self.root

    def has_station_certificate(self) -> bool:
        return SigningUse.CHARGING_STATION in self.station

    def own(self, use: SigningUse) -> OwnCertificate | None:
        return self.station.get(use)

    def root_for(self, use: SigningUse) -> CertificateHashData | None:
        return next((each.hash_data for each in self.installed), None)

    def listed(self, uses: tuple[CertificateUse, ...]) -> tuple[CertificateHashDataChain, ...]:
        return tuple(each for each in self.installed if not uses or each.use in uses)

    async def install(
        self, use: CertificateUse, pem: str, *, most: int, only_by_successor: bool = False
    ) -> CertificateRefusal | None:
        self.calls.append(("install", use, pem, most, only_by_successor))
        return self.refusal

    async def delete(
        self, wanted: CertificateHashData, *, anchor: str | None, secured: bool
    ) -> DeleteStatus:
        self.calls.append(("delete", wanted, anchor, secured))
        return self.delete_status

    async def request(
        self, use: SigningUse, subject: Subject, number: int
    ) -> str | CertificateRefusal:
        if self.refusal is not None:
            return self.refusal
        csr = f"request {number}"
        self.requests[number] = (use, subject, csr)
        return csr

    @property
    def last_number(self) -> int:
        return max(self.pending(), default=0)

    def pending(self) -> dict[int, SigningUse]:
        return {number: use for number, (use, _, _) in self.requests.items()}

    def request_of(self, use: SigningUse) -> tuple[int, str] | None:
        found = [(number, csr) for number, (each, _, csr) in self.requests.items() if each is use]
        return max(found, default=None)

    async def take(
        self, chain: str, *, use: SigningUse | None, number: int | None, ahead: bool
    ) -> OwnCertificate | CertificateRefusal:
        self.calls.append(("take", chain, use, number, ahead))
        if self.refusal is not None:
            return self.refusal
        assert self.signed is not None
        self.station[self.signed.use] = self.signed
        return self.signed

    async def connected(
        self, *, by_certificate: bool, anchor: str | None, keep_old: bool
    ) -> tuple[str, ...]:
        self.calls.append(("connected", by_certificate, anchor, keep_old))
        discarded, self.discards = self.discards, ()
        return discarded

    async def learn(self) -> None:
        return

    async def forget_old(self) -> None:
        return


@dataclass
class World:
    """All fakes of one test, and the `Outside` made of them."""

    clock: FakeClock = field(default_factory=FakeClock)
    csms: FakeCsms = field(default_factory=FakeCsms)
    host: FakeHost = field(default_factory=FakeHost)
    agents: FakeAgents = field(default_factory=FakeAgents)
    tasks: FakeTasks = field(default_factory=FakeTasks)
    certificates: FakeCertificates = field(default_factory=FakeCertificates)
    store: MemoryStore = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.store = self.store or MemoryStore(self.clock)
        self._ids = itertools.count(1)

    def new_id(self) -> str:
        return f"00000000-0000-4000-8000-{next(self._ids):012d}"

    @property
    def outside(self) -> Outside:
        return Outside(
            clock=self.clock,
            store=self.store,
            csms=self.csms,
            host=self.host,
            agents=self.agents,
            tasks=self.tasks,
            certificates=self.certificates,
            new_id=self.new_id,
            random=lambda: 0.5,
        )
