"""A station on a private bus: the D-Bus adapter is real, what is behind the station are fakes."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from ocppd.csms.v16.configuration_keys import ConfigurationKeys
from ocppd.dbus.access import GROUPS, Access
from ocppd.dbus.binding import Bus, Message, MessageType, Variant
from ocppd.dbus.marshalling.plain import plain, variants
from ocppd.dbus.service import EVSE_PATH, NAME, STATION_PATH, Service
from ocppd.device_model.values import Value
from ocppd.errors import StorageFailure
from ocppd.model.variables import ComponentVariable
from ocppd.station.evse import Evses
from ocppd.station.station import Station
from tests.fakes import FakeCsms, MemoryStore, World
from tests.private_bus import PrivateBus
from tests.station.models import TOPOLOGY, shipped_device_model

PROPERTIES = "org.freedesktop.DBus.Properties"


class Disk(MemoryStore):
    """A store whose disk can be slow, or full."""

    def __init__(self) -> None:
        super().__init__()
        self.ready = asyncio.Event()
        self.ready.set()
        self.failure: str | None = None

    async def durable(self) -> None:
        await self.ready.wait()
        if self.failure is not None:
            raise StorageFailure(self.failure)


class Lines:
    """A security log in memory."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def append(self, line: str) -> None:
        self.lines.append(line)


class Client:
    """Somebody else on the bus."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.heard: asyncio.Queue[Message] = asyncio.Queue()

    async def listen(self) -> None:
        """Collect all signals of the daemon from now on."""
        self.bus.add_handler(self._keep)
        await self.bus.match(f"type='signal',sender='{NAME}'")

    def _keep(self, message: Message) -> None:
        if message.message_type is MessageType.SIGNAL and str(message.path).startswith("/org/ev"):
            self.heard.put_nowait(message)

    async def call(
        self,
        member: str,
        signature: str = "",
        *arguments: Any,
        interface: str = NAME,
        path: str = STATION_PATH,
    ) -> Any:
        """Call a method and return its result without variants."""
        body = await self.bus.call(
            NAME, path, interface, member, signature, arguments, timeout_s=10
        )
        return plain(body[0]) if body else None

    async def get(self, name: str, interface: str = NAME, path: str = STATION_PATH) -> Any:
        """Read a property."""
        return await self.call("Get", "ss", interface, name, interface=PROPERTIES, path=path)

    async def signal(self, member: str) -> Any:
        """Wait for a signal and return its only argument; PropertiesChanged: name to value."""
        async with asyncio.timeout(5):
            while True:
                message = await self.heard.get()
                if message.member == member:
                    return plain(message.body[1 if member == "PropertiesChanged" else 0])

    def heard_so_far(self) -> list[tuple[str, Any]]:
        """Return what has come and was not asked for."""
        messages = [self.heard.get_nowait() for _ in range(self.heard.qsize())]
        return [(str(message.member), plain(message.body)) for message in messages]


@dataclass
class Served:
    """A station on a bus, and what is around it."""

    bus: PrivateBus
    service: Service
    station: Station
    store: Disk
    world: World
    client: Client
    active_keys: list[bool]
    on_bus: list[bool]
    log: Lines
    clients: list[Bus] = field(default_factory=list)

    async def another(self) -> Client:
        """Return one more client of its own."""
        bus = await Bus.connect(self.bus.address)
        self.clients.append(bus)
        return Client(bus)


@asynccontextmanager
async def served(
    *,
    bus_groups: Mapping[str, str] | None = None,
    groups: Mapping[Access, str] = GROUPS,
    agent_timeout_s: float = 5.0,
    values: Mapping[ComponentVariable, Value] | None = None,
) -> AsyncIterator[Served]:
    with PrivateBus(bus_groups) as bus:
        store = Disk()
        world = World(store=store, clock=store.clock, csms=FakeCsms(connected=False))
        on_bus: list[bool] = []
        service = Service(
            bus.address, agent_timeout_s=agent_timeout_s, groups=groups, on_bus=on_bus.append
        )
        outside = replace(world.outside, host=service.host, agents=service.agents)
        model = shipped_device_model(store, values)
        active = [False]
        log = Lines()
        keys = ConfigurationKeys(model, active=lambda: active[0])
        station = Station(outside, model, Evses(TOPOLOGY), keys=keys, security_log=log)
        service.export(station, store, world.clock)
        station.start()
        await service.start()
        running = asyncio.create_task(service.run())
        client = Client(await Bus.connect(bus.address))
        here = Served(bus, service, station, store, world, client, active, on_bus, log)
        try:
            yield here
        finally:
            service.stop()
            await asyncio.wait_for(running, 5)
            for each in (client.bus, *here.clients):
                if each.connected:
                    each.close()
                    await each.wait_until_lost()


def address(component: str, variable: str, **more: Any) -> dict[str, Any]:
    """Return a component_variable as callers write it."""
    return {"component": {"name": component, **more}, "variable": {"name": variable}}


def item(component: str, variable: str, **keys: Any) -> dict[str, Variant]:
    """Return one item of GetVariables or SetVariables."""
    return variants({"component_variable": address(component, variable), **keys})


async def a_session(here: Served, evse_id: int = 1) -> None:
    """Report a session up to the flow of energy."""
    start = here.world.clock.now()
    path = f"{EVSE_PATH}/{evse_id}"

    async def report(seconds: int, event: str, **parts: Any) -> None:
        body = {"uuid": "s1", "timestamp": start + timedelta(seconds=seconds), "event": event}
        await here.client.call(
            "ReportSessionEvent",
            "a{sv}",
            variants({**body, **parts}),
            interface=f"{NAME}.EvseManager",
            path=path,
        )

    def meter(seconds: int, wh: int) -> dict[str, Any]:
        return {
            "timestamp": start + timedelta(seconds=seconds),
            "energy_Wh_import": {"total": wh},
        }

    tag = {
        "id_token": {"value": "04A2B3C4D5", "type": "ISO14443"},
        "authorization_type": "RFID",
    }
    await here.client.call("ReportReady", "b", True, interface=f"{NAME}.EvseManager", path=path)
    await report(
        1, "SessionStarted", session_started={"reason": "EVConnected", "meter_value": meter(1, 100)}
    )
    await report(
        2, "TransactionStarted", transaction_started={"id_tag": tag, "meter_value": meter(2, 100)}
    )
    await report(3, "ChargingStarted", charging_state_changed_event={"meter_value": meter(3, 150)})
