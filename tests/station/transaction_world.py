"""A station's transactions and metering among fakes, for the tests of both."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ocppd.device_model.names import (
    AlignedDataCtrlr,
    SampledDataCtrlr,
)
from ocppd.model.availability import Activity
from ocppd.model.queue import QueueEntry
from ocppd.model.sessions import (
    PerPhase,
    Powermeter,
    SessionEvent,
    SessionEventType,
    SessionStartReason,
    StopReason,
)
from ocppd.model.tokens import (
    AuthorizationType,
    IdToken,
    IdTokenInfo,
    IdTokenType,
    ProvidedIdToken,
)
from ocppd.model.transactions import (
    TransactionEvent,
    TransactionEventResponse,
    TransactionEventType,
)
from ocppd.model.variables import ComponentVariable
from ocppd.station.evse import Evse, Evses, RemoteStart
from ocppd.station.meter_values import Metering
from ocppd.station.transactions import Transactions
from tests.fakes import FakeCsms, MemoryStore, World
from tests.station.models import TOPOLOGY, shipped_device_model

E = SessionEventType
Topology = Sequence[Sequence[str]]
STARTED, UPDATED, ENDED = (
    TransactionEventType.STARTED,
    TransactionEventType.UPDATED,
    TransactionEventType.ENDED,
)
TOKEN = IdToken("04A224B2", IdTokenType.ISO14443)
RFID = ProvidedIdToken(TOKEN, AuthorizationType.RFID)


def token(value: str) -> ProvidedIdToken:
    return ProvidedIdToken(IdToken(value, IdTokenType.ISO14443), AuthorizationType.RFID)


class FakeConnectors:
    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def on_session_activity(
        self,
        evse_id: int,
        connector_id: int,
        activity: Activity | None,
        occupied: bool,
        info: str | None = None,
        *,
        authorized: bool = False,
    ) -> None:
        self.heard.append((evse_id, connector_id, activity, occupied, info, authorized))

    def on_enabled(self, evse_id: int, connector_id: int = 0) -> None:
        self.heard.append(("enabled", evse_id, connector_id))

    def on_disabled(self, evse_id: int, connector_id: int = 0) -> None:
        self.heard.append(("disabled", evse_id, connector_id))

    def on_reservation(self, evse_id: int, connector_id: int, reserved: bool) -> None:
        self.heard.append(("reserved", evse_id, connector_id, reserved))

    def on_transaction_ended(self, evse_id: int) -> None:
        self.heard.append(("ended", evse_id))


def meter(at: datetime, wh: float, **more: Any) -> Powermeter:
    return Powermeter(at, PerPhase(total=wh), **more)


@dataclass
class Bay:
    """EVSE 1 with one connector and EVSE 2 with two, and what the station makes of them."""

    world: World = field(default_factory=World)
    settings: dict[ComponentVariable, str] = field(default_factory=dict)
    remote_starts: list[RemoteStart] = field(default_factory=list)
    topology: Topology = TOPOLOGY

    def __post_init__(self) -> None:
        quiet = {
            AlignedDataCtrlr.Interval: "0",
            SampledDataCtrlr.TxUpdatedInterval: "0",
            SampledDataCtrlr.TxStartedMeasurands: "Energy.Active.Import.Register",
            SampledDataCtrlr.TxEndedMeasurands: "Energy.Active.Import.Register",
            SampledDataCtrlr.TxUpdatedMeasurands: "Energy.Active.Import.Register",
        }
        self.model = shipped_device_model(self.world.store, {**quiet, **self.settings})
        self.evses = Evses(self.topology)
        self.connectors = FakeConnectors()
        self.learned: list[tuple[IdToken, IdTokenInfo]] = []
        self.transactions = Transactions(
            self.world.outside,
            self.model,
            self.evses,
            self.connectors,
            self._claim,
            lambda id_token, info: self.learned.append((id_token, info)),
        )
        self.metering = Metering(self.world.outside, self.model, self.evses, self.transactions)
        self.transactions.start()
        self.metering.start()

    def _claim(self, _evse: Evse, id_token: IdToken | None) -> RemoteStart | None:
        for start in self.remote_starts:
            if start.id_token.same_as(id_token):
                self.remote_starts.remove(start)
                return start
        return None

    def restarted(self, topology: Topology | None = None) -> "Bay":
        """Return the same bay after the daemon was killed and came back, be it with less."""
        store = self.world.store.reopened()
        world = World(
            clock=self.world.clock,
            store=store,
            csms=FakeCsms(
                connected=self.world.csms.connected,
                manners=self.world.csms.manners,
            ),
        )
        world._ids = self.world._ids  # ids are never used twice
        return Bay(world, self.settings, self.remote_starts, topology or self.topology)

    @property
    def store(self) -> MemoryStore:
        return self.world.store

    @property
    def told(self) -> list[TransactionEvent]:
        return self.world.store.events

    def now(self) -> datetime:
        return self.world.clock.now()

    def pass_time(self, seconds: float) -> None:
        self.world.clock.advance(seconds)

    def measure(self, wh: float, evse_id: int = 1, **more: Any) -> None:
        self.metering.on_powermeter(evse_id, meter(self.now(), wh, **more))

    def report(
        self,
        event: SessionEventType,
        *,
        uuid: str = "session-1",
        evse_id: int = 1,
        at: datetime | None = None,
        **parts: Any,
    ) -> SessionEvent:
        report = SessionEvent(uuid, at or self.now(), event, **parts)
        self.transactions.on_session_event(evse_id, report)
        return report

    def plug(self, **parts: Any) -> SessionEvent:
        parts.setdefault("start_reason", SessionStartReason.EV_CONNECTED)
        return self.report(E.SESSION_STARTED, **parts)

    def begin(self, **parts: Any) -> SessionEvent:
        parts.setdefault("id_token", RFID)
        parts.setdefault("meter_value", meter(self.now(), 1000))
        return self.report(E.TRANSACTION_STARTED, **parts)

    def charge(self, **parts: Any) -> None:
        """Plug in, authorize, charge: ten seconds between each."""
        self.plug(**parts)
        self.pass_time(10)
        self.begin(**parts)
        self.pass_time(10)
        self.report(E.CHARGING_STARTED, **parts)
        self.pass_time(10)

    def finish(self, reason: StopReason = StopReason.LOCAL, wh: float = 4000, **parts: Any) -> None:
        parts.setdefault("meter_value", meter(self.now(), wh))
        self.report(E.TRANSACTION_FINISHED, stop_reason=reason, **parts)

    def unplug(self, **parts: Any) -> None:
        self.report(E.SESSION_FINISHED, **parts)


SECOND = timedelta(seconds=1)


def answer(
    bay: Bay,
    at: int,
    response: TransactionEventResponse,
) -> QueueEntry:
    """Answer the event that is at a place of the queue."""
    entry = [e for e in bay.store.entries if isinstance(e.request, TransactionEvent)][at]
    with bay.store.atomically():
        bay.transactions.on_event_answered(entry, response)
        bay.store.dequeue(entry)
    return entry


def story(bay: Bay) -> list[tuple[str, int, str]]:
    """Return type, number and trigger of each event that was told."""
    return [(each.event_type.value, each.seq_no, each.trigger_reason.value) for each in bay.told]
