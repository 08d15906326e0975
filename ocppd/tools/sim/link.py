"""The way to ocppd: registers the agents, delivers the reports, hears the signals.

ocppd may come, go and come back at any time. Each new one is told who the agents are, of the
running sessions, and what the EVSEs are; then it gets the reports that wait, in order for each
EVSE, each until it is acknowledged.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from enum import Enum, auto
from typing import Any

from ocppd.dbus.binding import DAEMON, Bus, DBusError, Message, MessageType
from ocppd.dbus.marshalling.plain import plain, variants
from ocppd.dbus.objects import Objects
from ocppd.model.tokens import AuthorizationStatus, ProvidedIdToken, ValidationResult
from ocppd.tools.sim.agents import AGENTS, Host
from ocppd.tools.sim.charger import Charger
from ocppd.tools.sim.evse import SimulatorError
from ocppd.tools.sim.outbox import Member, Report
from ocppd.tools.sim.payloads import (
    Payload,
    provided_token,
    read_provided_token,
    read_validation_result,
)
from ocppd.tools.sim.supply import Limit

_LOG = logging.getLogger(__name__)

OCPPD = "org.everest.Ocpp"
STATION_PATH = "/org/everest/Ocpp"
EVSE_PATH = STATION_PATH + "/Evse/"
AGENT_PATH = "/org/everest/OcppSim/Agent"
EVSE_MANAGER = OCPPD + ".EvseManager"
ERROR_HISTORY = OCPPD + ".ErrorHistory"

_RECONNECT_S = 0.5
_REGISTER_AGAIN_S = 2.0
_FIRST_RETRY_S = 0.2
_LAST_RETRY_S = 5.0
_REPORT_TIMEOUT_S = 10.0
_VALIDATION_TIMEOUT_S = 90.0
_MOST_TRIES_AT_A_BUG = 20

_SIGNATURES = {
    Member.READY: "b",
    Member.PUBLIC_KEY: "s",
    Member.ENERGY_TRANSFER_MODES: "as",
}
_ERRORS = OCPPD + ".Error."
_DBUS_ERRORS = "org.freedesktop.DBus.Error."
_FINAL = frozenset(
    {
        _ERRORS + "InvalidArgument",
        _ERRORS + "UnknownEvse",
        _ERRORS + "UnknownSession",
        _DBUS_ERRORS + "NotSupported",
        _DBUS_ERRORS + "InvalidArgs",
        _DBUS_ERRORS + "UnknownMethod",
        _DBUS_ERRORS + "UnknownInterface",
        _DBUS_ERRORS + "UnknownObject",
    }
)


class Verdict(Enum):
    """What to do with a report that was not acknowledged."""

    RETRY = auto()
    DROP = auto()


def verdict(error: Exception, report: Report, tries: int) -> Verdict:
    """Decide about a report by the error that it met."""
    if isinstance(error, DBusError):
        if error.type in _FINAL:
            return Verdict.DROP
        if error.type == _ERRORS + "Internal" and tries >= _MOST_TRIES_AT_A_BUG:
            return Verdict.DROP
    # The next reading comes soon; an old one is not worth holding up events for.
    return Verdict.DROP if report.member is Member.POWERMETER else Verdict.RETRY


class Link:
    """A connection to the bus on which ocppd is, or will be.

    `run` serves until it is cancelled. `ready` is set while ocppd knows the agents.
    """

    def __init__(
        self, address: str | None, charger: Charger, happened: Callable[[str, Payload], None]
    ) -> None:
        """Serve a charger on the bus at an address, by default the system bus."""
        self._address = address
        self._charger = charger
        self._happened = happened
        self._owner = ""
        self._owners: asyncio.Queue[str] = asyncio.Queue()
        self._bus: Bus | None = None
        self._wake = {evse_id: asyncio.Event() for evse_id in charger.lanes}
        self._tasks: set[asyncio.Task[None]] = set()
        self.ready = asyncio.Event()

    # --- What the charger wants -----------------------------------------------------------------

    def reported(self, evse_id: int) -> None:
        """Deliver what is new in a lane."""
        self._wake[evse_id].set()

    def validate(self, token: ProvidedIdToken) -> None:
        """Ask ocppd about a token; without an answer it counts as Unknown."""
        self._start(self._validate(token))

    async def _validate(self, token: ProvidedIdToken) -> None:
        result = ValidationResult(AuthorizationStatus.UNKNOWN)
        try:
            answer = await self._call(
                STATION_PATH,
                OCPPD + ".AuthTokenValidator",
                "ValidateToken",
                "a{sv}",
                variants(provided_token(token)),
                timeout_s=_VALIDATION_TIMEOUT_S,
            )
            result = read_validation_result(plain(answer[0]))
        except (DBusError, OSError, TimeoutError, ValueError, KeyError) as error:
            _LOG.warning("ocppd could not tell of the token: %s", error)
            self._happened("ValidationFailed", {"reason": str(error)})
        self._charger.validated(token, result)

    # --- The connection --------------------------------------------------------------------------

    async def run(self) -> None:
        """Connect, serve, and connect again when the bus is lost, until cancelled."""
        told = False
        try:
            while True:
                try:
                    self._bus = await Bus.connect(self._address)
                except Exception as error:
                    if not told:
                        _LOG.warning("no bus: %s; trying on", error)
                    told = True
                    await asyncio.sleep(_RECONNECT_S)
                    continue
                told = False
                with contextlib.suppress(ConnectionError):
                    await self._serve(self._bus)
                self._ocppd_gone()
                await asyncio.sleep(_RECONNECT_S)
        finally:
            self._ocppd_gone()
            if self._bus is not None:
                self._bus.close()
                self._bus = None
            for task in self._tasks:
                task.cancel()

    async def _serve(self, bus: Bus) -> None:
        objects = Objects()
        host = Host(self._charger, lambda: self._owner, self._happened)
        objects.export(AGENT_PATH, *(agent(host) for agent in AGENTS))
        objects.attach(bus)
        bus.add_handler(self._on_message)
        self._owners = asyncio.Queue()
        await bus.match(f"type='signal',sender='{DAEMON}',member='NameOwnerChanged',arg0='{OCPPD}'")
        await bus.match(f"type='signal',sender='{OCPPD}'")
        with contextlib.suppress(DBusError):
            [owner] = await bus.daemon("GetNameOwner", "s", OCPPD)
            self._owners.put_nowait(owner)
        lost = asyncio.ensure_future(bus.wait_until_lost())
        talk: asyncio.Task[None] | None = None
        try:
            while not lost.done():
                change = asyncio.ensure_future(self._owners.get())
                await asyncio.wait((lost, change), return_when=asyncio.FIRST_COMPLETED)
                if not change.done():
                    change.cancel()
                    break
                if change.result() == self._owner and talk is not None and not talk.done():
                    continue
                await _end(talk)
                self._ocppd_gone()
                self._owner = change.result()
                if self._owner:
                    talk = asyncio.create_task(self._talk())
        finally:
            lost.cancel()
            await _end(talk)

    def _ocppd_gone(self) -> None:
        if self._owner:
            self._happened("OcppdGone", {})
        self._owner = ""
        self.ready.clear()

    # --- ocppd ------------------------------------------------------------------------------------

    async def _talk(self) -> None:
        """Make ourselves known to an ocppd, and deliver to it until cancelled."""
        try:
            await self._register()
            self._charger.begin_reports()
            self.ready.set()
            self._happened("OcppdFound", {})
            async with asyncio.TaskGroup() as group:
                for evse_id in self._charger.lanes:
                    group.create_task(self._deliver(evse_id))
                for evse_id in self._charger.evses:
                    group.create_task(self._read_limit(evse_id))
        except* ConnectionError:
            _LOG.info("the bus is lost")
        except* Exception:
            _LOG.exception("reporting to ocppd has ended")

    async def _register(self) -> None:
        interfaces = [agent.NAME for agent in AGENTS]
        while True:
            try:
                await self._call(
                    STATION_PATH,
                    OCPPD + ".AgentManager",
                    "RegisterAgent",
                    "oas",
                    AGENT_PATH,
                    interfaces,
                )
            except (DBusError, TimeoutError) as error:
                _LOG.warning("ocppd does not take our agents: %s", error)
                self._happened("RegistrationFailed", {"reason": str(error)})
                await asyncio.sleep(_REGISTER_AGAIN_S)
            else:
                return

    async def _deliver(self, evse_id: int) -> None:
        """Deliver the reports of a lane, one after the other."""
        lane = self._charger.lanes[evse_id]
        tries = 0
        while True:
            report = lane.head()
            if report is None:
                self._wake[evse_id].clear()
                await self._wake[evse_id].wait()
                continue
            tries += 1
            try:
                await self._report(report)
            except ConnectionError:
                raise
            except (DBusError, TimeoutError) as error:
                if verdict(error, report, tries) is Verdict.RETRY:
                    _LOG.warning("%s of EVSE %s: %s; again soon", report.member, evse_id, error)
                    await asyncio.sleep(min(_FIRST_RETRY_S * 2 ** (tries - 1), _LAST_RETRY_S))
                    continue
                _LOG.error("%s of EVSE %s is given up: %s", report.member, evse_id, error)
                self._happened(
                    "ReportRefused",
                    {"evse_id": evse_id, "member": str(report.member), "reason": str(error)},
                )
                lane.done(report, acknowledged=False)
            else:
                lane.done(report, acknowledged=True)
                if report.awaited:
                    self._acknowledged(report)
            tries = 0

    async def _report(self, report: Report) -> None:
        signature = _SIGNATURES.get(report.member, "a{sv}")
        argument = variants(report.argument) if signature == "a{sv}" else report.argument
        if report.member in (Member.RAISE_ERROR, Member.CLEAR_ERROR):
            path, interface = STATION_PATH, ERROR_HISTORY
        else:
            path, interface = EVSE_PATH + str(report.evse_id), EVSE_MANAGER
        await self._call(path, interface, str(report.member), signature, argument)

    def _acknowledged(self, report: Report) -> None:
        details: Payload = {"evse_id": report.evse_id, "member": str(report.member)}
        if report.event is not None:
            details["event"] = report.event["event"]
        self._happened("Acknowledged", details)

    async def _read_limit(self, evse_id: int) -> None:
        try:
            [limit] = await self._call(
                EVSE_PATH + str(evse_id),
                "org.freedesktop.DBus.Properties",
                "Get",
                "ss",
                EVSE_MANAGER,
                "Limit",
            )
        except (DBusError, TimeoutError) as error:
            _LOG.warning("the limit of EVSE %s is not known: %s", evse_id, error)
        else:
            self._limit_changed(evse_id, plain(limit))

    # --- Signals ----------------------------------------------------------------------------------

    def _on_message(self, message: Message) -> bool:
        if message.message_type is not MessageType.SIGNAL:
            return False
        if message.sender == DAEMON and message.member == "NameOwnerChanged":
            self._owners.put_nowait(message.body[2])
        elif message.sender == self._owner and self._owner:
            try:
                self._on_signal(str(message.member), str(message.path), plain(message.body))
            except (SimulatorError, KeyError, TypeError, ValueError, AttributeError) as error:
                _LOG.warning("the signal %s cannot be used: %r", message.member, error)
        return False

    def _on_signal(self, member: str, path: str, body: list[Any]) -> None:
        match member, body:
            case "ProvidedToken", [dict() as payload]:
                self._happened(member, payload)
                self._charger.swipe(read_provided_token(payload))
            case "ValidateResultUpdate", [dict() as payload]:
                self._happened(member, payload)
                self._charger.validate_result_update(
                    payload["connector_id"], read_validation_result(payload["validation_result"])
                )
            case "PropertiesChanged", [interface, dict() as changed, _]:
                if interface == EVSE_MANAGER and "Limit" in changed:
                    self._limit_changed(int(path.removeprefix(EVSE_PATH)), changed["Limit"])
            case (("OcppMessage" | "EventData"), _):
                pass
            case _, [dict() as payload]:
                self._happened(member, payload)

    def _limit_changed(self, evse_id: int, payload: Payload) -> None:
        limit = None
        if "limit" in payload:
            limit = Limit(
                float(payload["limit"]), str(payload.get("unit", "A")), payload.get("number_phases")
            )
        self._charger.set_limit(evse_id, limit)

    # --- Calls ------------------------------------------------------------------------------------

    async def _call(
        self,
        path: str,
        interface: str,
        member: str,
        signature: str,
        *arguments: Any,
        timeout_s: float = _REPORT_TIMEOUT_S,
    ) -> list[Any]:
        if self._bus is None or not self._owner:
            raise ConnectionError("ocppd is not on the bus")
        return await self._bus.call(
            self._owner, path, interface, member, signature, arguments, timeout_s=timeout_s
        )

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _end(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
