"""The daemon on the bus: its objects, its name, its host and its agents.

Everything is exported before the name is requested. When the bus is lost, the process goes on
without it and comes back with the same objects: the connection to the CSMS and an open
transaction do not notice. Agents are forgotten until they register again.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from ocppd.clock import Clock
from ocppd.dbus.access import GROUPS, Access, Callers, is_departure
from ocppd.dbus.agent_manager import AgentManagerInterface
from ocppd.dbus.agents import Agents, BuiltIn
from ocppd.dbus.auth_token_provider import AuthTokenProviderInterface
from ocppd.dbus.auth_token_validator import AuthTokenValidatorInterface
from ocppd.dbus.binding import Bus, DBusError, Message
from ocppd.dbus.error_history import ErrorHistoryInterface
from ocppd.dbus.evse_manager import EvseManagerInterface
from ocppd.dbus.host import Exported, Host
from ocppd.dbus.not_yet import (
    GridSupportInterface,
    Iso15118ExtensionsInterface,
    ReservationInterface,
    SessionCostInterface,
    SystemInterface,
)
from ocppd.dbus.objects import Objects
from ocppd.dbus.ocpp import OcppInterface
from ocppd.dbus.ocpp_data_transfer import OcppDataTransferInterface
from ocppd.station.ports import Outbox
from ocppd.station.station import Station

_LOG = logging.getLogger(__name__)

NAME = "org.everest.Ocpp"
STATION_PATH = "/org/everest/Ocpp"
EVSE_PATH = "/org/everest/Ocpp/Evse"

_RETRY_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class NameTaken(Exception):
    """Another process has the name org.everest.Ocpp on this bus."""


class AgentHooks(Protocol):
    """What has to know of agents that come and go, by interface such as "EvseManager"."""

    def on_agent_registered(self, interface: str) -> None:
        """Tell the agent what it must know."""

    def on_agent_gone(self, interface: str) -> None:
        """Take note that it is not there any more."""


class Service:
    """ocppd on one bus.

    `host` and `agents` are the ports of the station, there before it; then `export` the station,
    `start` and `run`. `on_bus` is called with True when the name is owned, False when it is lost.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        agent_timeout_s: float = 10.0,
        built_in: BuiltIn | None = None,
        groups: Mapping[Access, str] = GROUPS,
        on_bus: Callable[[bool], None] = lambda there: None,
    ) -> None:
        self.host = Host()
        self.agents = Agents(agent_timeout_s, built_in)
        self._address = address
        self._callers = Callers(groups)
        self._on_bus = on_bus
        self._objects: Objects | None = None
        self._bus: Bus | None = None
        self._stopped = asyncio.Event()

    def export(self, station: Station, outbox: Outbox, clock: Clock) -> None:
        """Make the objects of a station; they are on the bus once there is one."""
        ocpp = OcppInterface(station, outbox, self.host.told, self._callers)
        validator = AuthTokenValidatorInterface(station.authorization)
        provider = AuthTokenProviderInterface()
        errors = ErrorHistoryInterface(station.faults, clock)
        evses = {evse.id: EvseManagerInterface(station, evse) for evse in station.evses}
        objects = Objects(self._callers, outbox.durable)
        objects.export(
            STATION_PATH,
            ocpp,
            validator,
            provider,
            OcppDataTransferInterface(station.data_transfer),
            SessionCostInterface(),
            SystemInterface(),
            ReservationInterface(),
            errors,
            AgentManagerInterface(self.agents),
        )
        for evse_id, evse in evses.items():
            objects.export(
                f"{EVSE_PATH}/{evse_id}",
                evse,
                Iso15118ExtensionsInterface(),
                GridSupportInterface(),
            )
        self._objects = objects
        self.host.exported = Exported(ocpp, validator, provider, errors, evses)
        hooks: AgentHooks = station
        self.agents.on_registered = hooks.on_agent_registered
        self.agents.on_gone = hooks.on_agent_gone

    async def start(self) -> None:
        """Connect and own the name.

        Raises:
            NameTaken: another process has it
            OSError, DBusError, TimeoutError: there is no bus, or it does not let us own the name

        """
        assert self._objects is not None, "export() comes first"
        bus = await Bus.connect(self._address)
        try:
            bus.add_handler(self._on_message)
            await self._callers.watch(bus)
            self.agents.attach(bus)
            self._objects.attach(bus)
            if not await bus.request_name(NAME):
                raise NameTaken(f"another process is {NAME} on this bus")
        except BaseException:
            self._lose()
            bus.close()
            raise
        self._bus = bus
        _LOG.info("on the bus as %s", NAME)
        self._on_bus(True)

    async def run(self) -> None:
        """Stay on the bus: connect again whenever it is lost, until `stop`."""
        while not self._stopped.is_set():
            if self._bus is not None:
                await self._bus.wait_until_lost()
                self._lose()
            if not self._stopped.is_set():
                _LOG.error("the bus is lost; charging and the CSMS go on without it")
                await self._come_back()

    async def _come_back(self) -> None:
        attempt = 0
        while not self._stopped.is_set():
            with contextlib.suppress(TimeoutError):
                delay_s = _RETRY_S[min(attempt, len(_RETRY_S) - 1)]
                await asyncio.wait_for(self._stopped.wait(), delay_s)
                return
            attempt += 1
            try:
                await self.start()
            except Exception as error:
                # Whatever it is (also what the libraries raise when a socket ends while it
                # authenticates): the bus may be there the next time.
                if attempt == len(_RETRY_S):
                    _LOG.warning("still no bus: %s", error)
            else:
                return

    def _lose(self) -> None:
        was_there = self._bus is not None
        self._bus = None
        assert self._objects is not None
        self._objects.detach()
        self.agents.detach()
        if was_there:
            self._on_bus(False)

    def stop(self) -> None:
        """Leave the bus for good."""
        self._stopped.set()
        if self._bus is not None:
            self._bus.close()

    def _on_message(self, message: Message) -> bool:
        if is_departure(message):
            name = message.body[0]
            self._callers.left(name)
            self.agents.left(name)
        return False


__all__ = ["NAME", "DBusError", "NameTaken", "Service"]
