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
from ocppd.dbus.iso15118_extensions import Iso15118ExtensionsInterface
from ocppd.dbus.marshalling.explanations import no_reader
from ocppd.dbus.not_yet import (
    GridSupportInterface,
    SessionCostInterface,
)
from ocppd.dbus.objects import Objects
from ocppd.dbus.ocpp import OcppInterface
from ocppd.dbus.ocpp_data_transfer import OcppDataTransferInterface
from ocppd.dbus.reservation import ReservationInterface
from ocppd.dbus.system import SystemInterface
from ocppd.station.ports import Journal, Outbox, ReadProfile
from ocppd.station.station import Station

_LOG = logging.getLogger(__name__)

NAME = "org.everest.Ocpp"
STATION_PATH = "/org/everest/Ocpp"
EVSE_PATH = "/org/everest/Ocpp/Evse"

_RETRY_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
LONGEST_ATTEMPT_S = 5.0


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
    `start` and `run`. `on_bus` is called with True when the name is owned, False when it is lost
    and after each attempt that failed; `problem` then says why. `on_machine` is told once on each
    bus why the machine would refuse a reset (None: it would not).
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        agent_timeout_s: float = 10.0,
        built_in: BuiltIn | None = None,
        groups: Mapping[Access, str] = GROUPS,
        on_bus: Callable[[bool], None] = lambda there: None,
        on_machine: Callable[[str | None], None] = lambda refusal: None,
    ) -> None:
        self.host = Host()
        self.agents = Agents(agent_timeout_s, built_in)
        self._address = address
        self._callers = Callers(groups)
        self._on_bus = on_bus
        self._on_machine = on_machine
        self._objects: Objects | None = None
        self._bus: Bus | None = None
        self._stopped = asyncio.Event()
        self.problem: str | None = "not started"

    def export(
        self,
        station: Station,
        outbox: Outbox,
        clock: Clock,
        journal: Journal | None = None,
        read_profile: ReadProfile = no_reader,
    ) -> None:
        """Make the objects of a station; they are on the bus once there is one."""
        ocpp = OcppInterface(station, outbox, self.host.told, self._callers, journal, read_profile)
        validator = AuthTokenValidatorInterface(station.authorization)
        provider = AuthTokenProviderInterface()
        reservations = ReservationInterface(station.reservations)
        errors = ErrorHistoryInterface(station.faults, station.dates, clock)
        evses = {evse.id: EvseManagerInterface(station, evse) for evse in station.evses}
        objects = Objects(self._callers, outbox.durable)
        objects.export(
            STATION_PATH,
            ocpp,
            validator,
            provider,
            OcppDataTransferInterface(station.data_transfer),
            SessionCostInterface(),
            SystemInterface(self.agents),
            reservations,
            errors,
            AgentManagerInterface(self.agents),
        )
        for evse_id, evse in evses.items():
            objects.export(
                f"{EVSE_PATH}/{evse_id}",
                evse,
                Iso15118ExtensionsInterface(station.ev_certificates, evse_id),
                GridSupportInterface(),
            )
        self._objects = objects
        self.host.exported = Exported(ocpp, validator, provider, errors, reservations, evses)
        hooks: AgentHooks = station
        self.agents.on_registered = hooks.on_agent_registered
        self.agents.on_gone = hooks.on_agent_gone

    async def start(self) -> None:
        """Connect and own the name, in LONGEST_ATTEMPT_S at most.

        Raises:
            NameTaken: another process has it
            Exception: there is no bus, or it does not let us own the name: see `problem`

        """
        assert self._objects is not None, "export() comes first"
        try:
            async with asyncio.timeout(LONGEST_ATTEMPT_S):
                bus = await self._serve(self._objects)
        except BaseException as error:
            self._fail(_in_words(error))
            raise
        self._bus = bus
        self.problem = None
        _LOG.info("on the bus as %s", NAME)
        self._on_bus(True)

    async def _serve(self, objects: Objects) -> Bus:
        bus = await Bus.connect(self._address, self._callers.trusted)
        try:
            bus.add_handler(self._on_message)
            await self._callers.watch(bus)
            self.agents.attach(bus)
            objects.attach(bus)
            if not await bus.request_name(NAME):
                raise NameTaken(f"another process is {NAME} on this bus")
        except BaseException:
            bus.close()
            raise
        return bus

    async def run(self) -> None:
        """Be on the bus until `stop`: connect again, as often as it takes, whenever it is lost."""
        while not self._stopped.is_set():
            if self._bus is not None:
                self._on_machine(await self.agents.machine_refuses_reset())
                await self._bus.wait_until_lost()
                if not self._stopped.is_set():
                    _LOG.error("the bus is lost; charging and the CSMS go on without it")
                self._fail("the bus is lost")
            if not self._stopped.is_set():
                await self._come_back()

    async def _come_back(self) -> None:
        attempt = 0
        logged = self.problem
        while not self._stopped.is_set():
            with contextlib.suppress(TimeoutError):
                delay_s = _RETRY_S[min(attempt, len(_RETRY_S) - 1)]
                await asyncio.wait_for(self._stopped.wait(), delay_s)
                return
            attempt += 1
            try:
                await self.start()
            except Exception:
                # Whatever it is (also what the libraries raise when a socket ends while it
                # authenticates): the bus may be there the next time.
                if attempt >= len(_RETRY_S) and self.problem != logged:
                    logged = self.problem
                    _LOG.warning("still not on the bus: %s", logged)
            else:
                return

    def _fail(self, problem: str) -> None:
        """Be without a bus, and forget who was on it."""
        self._bus = None
        assert self._objects is not None
        self._objects.detach()
        self.agents.detach()
        self._callers.detach()
        self.problem = problem
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
            if self._objects is not None:
                self._objects.left(name)
            self.agents.left(name)
        return False


def _in_words(error: BaseException) -> str:
    """Say why there is no bus."""
    match error:
        case TimeoutError():
            return f"the bus does not answer within {LONGEST_ATTEMPT_S:g} s"
        case OSError() if error.strerror:
            return f"cannot reach the bus: {error.strerror}"
        case EOFError():
            return "the bus ended the connection"
        case _:
            return str(error) or type(error).__name__


__all__ = ["NAME", "DBusError", "NameTaken", "Service"]
