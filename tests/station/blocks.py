"""Registration, availability, faults, security and reset together, on fakes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.values import Value
from ocppd.errors import Offline
from ocppd.model.availability import (
    ErrorNotification,
    RequestedStatus,
    StationError,
    StatusNotification,
)
from ocppd.model.manners import Manners
from ocppd.model.registration import (
    BootNotification,
    BootNotificationResponse,
    ConnectionStatus,
    Heartbeat,
    HeartbeatResponse,
    RegistrationStatus,
)
from ocppd.model.requests import CsmsRequest, Nothing
from ocppd.model.sessions import StopReason
from ocppd.model.tokens import IdToken
from ocppd.model.transactions import MeterValue, TriggerReason
from ocppd.model.variables import ComponentVariable
from ocppd.station.availability import Availability
from ocppd.station.boot_history import BootHistory
from ocppd.station.event_ids import EventIds
from ocppd.station.evse import Evse, Evses
from ocppd.station.faults import Faults
from ocppd.station.registration import Registration
from ocppd.station.reset import Resets
from ocppd.station.security import Security
from tests.fakes import START, FakeCsms, World
from tests.station.models import TOPOLOGY, shipped_device_model

CSMS_URL = "ws://csms.example/CS1"
CONNECTED = ConnectionStatus(True, csms_url=CSMS_URL, ocpp_version="2.0.1")
DISCONNECTED = ConnectionStatus(False, reason="cut off")


@dataclass
class TransactionsAtHand:
    """Transactions that end when the host takes the command to stop them."""

    world: World
    obedient: bool = True
    stopped: list[tuple[int, StopReason]] = field(default_factory=list)
    told: list[tuple[int, TriggerReason]] = field(default_factory=list)

    async def stop(self, evse_id: int, reason: StopReason, id_token: IdToken | None = None) -> bool:
        self.stopped.append((evse_id, reason))
        return self.obedient

    def tell_values(self, evse: Evse, trigger: TriggerReason, values: Sequence[MeterValue]) -> bool:
        self.told.append((evse.id, trigger))
        return True


class GatedCsms(FakeCsms):
    """A CSMS that hears nothing but BootNotification and what it triggered, until it accepts."""

    status: Callable[[], RegistrationStatus | None]

    async def call(self, request: CsmsRequest[Any], *, triggered: bool = False) -> Any:
        exempt = triggered or isinstance(request, BootNotification)
        if not exempt and self.status() is not RegistrationStatus.ACCEPTED:
            raise Offline("not accepted")
        return await super().call(request, triggered=triggered)


class Lines:
    """A security log in memory."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def append(self, line: str) -> None:
        self.lines.append(line)


class Blocks:
    """All blocks of one run of the daemon; `again()` is the next run, with the same store."""

    def __init__(
        self,
        values: Mapping[ComponentVariable, Value] | None = None,
        *,
        world: World | None = None,
        boot_id: str | None = "boot-1",
        manners: Manners | None = None,
        open_transaction: int | None = None,
    ) -> None:
        self.values = values
        self.world = world or World()
        self.csms = self.world.csms = GatedCsms()
        self.csms.status = lambda: self.registration.status
        self.csms.connected = False
        self.csms.manners = manners or Manners()
        self.answers: list[Any] = []
        self.csms.replies |= {
            StatusNotification: lambda _: Nothing(),
            RequestedStatus: lambda _: Nothing(),
            ErrorNotification: lambda _: Nothing(),
            BootNotification: self._answer_boot,
            Heartbeat: lambda _: HeartbeatResponse(self.world.clock.now()),
        }
        self.device_model: DeviceModel = shipped_device_model(self.world.store, values)
        self.evses = Evses(TOPOLOGY)
        self.event_ids = EventIds(self.world.store)
        outside = self.world.outside
        self.availability = Availability(
            outside, self.device_model, self.evses, self.event_ids, agent_grace_s=15.0
        )
        self.faults = Faults(
            outside, self.device_model, self.evses, self.availability, self.event_ids
        )
        self.log = Lines()
        self.security = Security(outside, self.log)
        self.history = BootHistory(self.world.store, boot_id)
        self.registration = Registration(
            outside, self.device_model, self.availability, self.security, self.history
        )
        self.registration.when_online(self.faults.tell_untold)
        self.transactions = TransactionsAtHand(self.world)
        self.reset = Resets(
            outside,
            self.device_model,
            self.evses,
            self.availability,
            self.transactions,
            self.history,
        )
        if open_transaction is not None:
            self.start_transaction(open_transaction)
        self.availability.when_ready(self.faults.settle)
        self.event_ids.start()
        self.faults.start()
        self.availability.start()
        self.registration.start()
        self.reset.start()

    def _answer_boot(self, _request: BootNotification) -> BootNotificationResponse:
        answer = self.answers.pop(0) if self.answers else accepted()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def again(self, boot_id: str = "boot-1", **options: Any) -> "Blocks":
        """Return the blocks of the next run of the daemon, after a cut of any kind."""
        world = World(clock=self.world.clock, store=self.world.store.reopened())
        return Blocks(self.values, world=world, boot_id=boot_id, **options)

    async def settle(self) -> None:
        await self.world.tasks.settle()

    async def advance(self, seconds: float) -> None:
        """Let time pass second by second, so that tasks run in between."""
        whole = int(seconds)
        for _ in range(whole):
            self.world.clock.advance(1.0)
            await self.settle()
        self.world.clock.advance(seconds - whole)
        await self.settle()

    async def connect(self, status: ConnectionStatus = CONNECTED) -> None:
        self.csms.connected = True
        self.registration.on_connected(status)
        await self.settle()

    async def disconnect(self) -> None:
        self.csms.connected = False
        self.registration.on_disconnected(DISCONNECTED)
        await self.settle()

    async def ready(self) -> None:
        """Have the host report all EVSEs ready, and forget what was told until then."""
        for evse in self.evses:
            self.availability.on_ready(evse.id, True)
        await self.settle()

    async def online(self) -> None:
        """Connect, boot, report ready, and forget what was told until then."""
        await self.connect()
        await self.ready()
        self.csms.sent.clear()
        self.world.agents.calls.clear()
        self.world.host.heard.clear()

    def statuses(self, kind: type[StatusNotification] = StatusNotification) -> list[str]:
        """What the CSMS was told of statuses: `1.1 Occupied/Preparing`, ~ where 2.x is silent."""
        return [
            f"{each.evse_id}.{each.connector_id} {each.status.value}"
            + (f"/{each.activity.value}" if each.activity else "")
            + ("" if each.status_changed else "~")
            for each in self.csms.sent
            if type(each) is kind
        ]

    def start_transaction(self, evse_id: int, connector_id: int = 1) -> None:
        self.evses[evse_id].connectors[connector_id].occupied = True
        self.evses[evse_id].transaction_id = f"tx-{evse_id}"

    def end_transaction(self, evse_id: int) -> None:
        for connector in self.evses[evse_id].connectors.values():
            connector.occupied = False
        self.evses[evse_id].transaction_id = None
        self.availability.on_transaction_ended(evse_id)


def accepted(interval_s: int = 300, **more: Any) -> BootNotificationResponse:
    return BootNotificationResponse(RegistrationStatus.ACCEPTED, START, interval_s, **more)


def pending(interval_s: int = 20) -> BootNotificationResponse:
    return BootNotificationResponse(RegistrationStatus.PENDING, START, interval_s)


def rejected(interval_s: int = 20) -> BootNotificationResponse:
    return BootNotificationResponse(RegistrationStatus.REJECTED, START, interval_s)


def station_error(
    uuid: str = "e1",
    error_type: str = "evse_manager/Inoperative",
    evse_id: int | None = 1,
    connector_id: int | None = 1,
    **more: Any,
) -> StationError:
    details: dict[str, Any] = {
        "sub_type": "",
        "message": "broken",
        "description": "It broke.",
        "severity": "High",
        "timestamp": START + timedelta(seconds=len(uuid)),
    }
    return StationError(
        uuid, error_type, evse_id=evse_id, connector_id=connector_id, **(details | more)
    )
