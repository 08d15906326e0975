"""The host's agents: who is registered for what, and calls to them (a port of the station).

Where nobody is registered for `System`, the machine's own services stand in (`peers/`).
"""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from ocppd.dbus.binding import Bus, DBusError, Variant
from ocppd.dbus.marshalling.certificates import certificate_response
from ocppd.dbus.marshalling.networks import configure_network, read_network_result
from ocppd.dbus.marshalling.plain import rfc3339, variants
from ocppd.dbus.marshalling.reservations import exists_reservation, reserve_now
from ocppd.dbus.marshalling.schedules import external_limits
from ocppd.dbus.marshalling.station import data_transfer, read_data_transfer_response
from ocppd.dbus.marshalling.tokens import id_token as write_id_token
from ocppd.dbus.peers import login1, timedate1
from ocppd.errors import AccessDenied, AgentRefused, InvalidArgument
from ocppd.model.availability import OperationalStatus
from ocppd.model.certificates import CertificateAction, EvCertificateResponse
from ocppd.model.data_transfer import DataTransfer, DataTransferResponse
from ocppd.model.network_profiles import (
    ConfigureNetwork,
    NetworkReport,
    NetworkResult,
    NetworkStatus,
)
from ocppd.model.registration import BootReason
from ocppd.model.reservations import Reservation, ReservationMatch, ReserveNowStatus
from ocppd.model.sessions import StopReason
from ocppd.model.smart_charging import ExternalLimit
from ocppd.model.tokens import IdToken

_LOG = logging.getLogger(__name__)

W = TypeVar("W", bound=StrEnum)

PREFIX = "org.everest.Ocpp.Agent."
INTERFACES = frozenset(
    {
        "EvseManager",
        "System",
        "Auth",
        "Reservation",
        "DisplayMessage",
        "OcppDataTransfer",
        "ExternalEnergyLimits",
        "Iso15118Extensions",
        "GridSupport",
        "ChargerInformation",
    }
)
MAX_INTERFACES = 16

# What a bus answers for an agent that does not have a method.
_HAS_NOT = frozenset(
    f"org.freedesktop.DBus.Error.{name}"
    for name in ("UnknownMethod", "UnknownInterface", "NotSupported")
)
# The CSMS among the sources of enable and disable; 0 would be the highest.
_CSMS_PRIORITY = 5000


@dataclass(frozen=True, slots=True)
class Owner:
    """Who is registered for an interface: its unique name on the bus, and its object."""

    name: str
    path: str


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """What the machine's own services may do where no System agent is registered."""

    reset: bool = True
    time: bool = True


class Agents:
    """The agents, as the station sees them.

    `on_registered` and `on_gone` are called with an interface such as "EvseManager", `on_changed`
    after any change.
    """

    def __init__(self, timeout_s: float = 10.0, built_in: BuiltIn | None = None) -> None:
        self._timeout_s = timeout_s
        self._built_in = built_in or BuiltIn()
        self._bus: Bus | None = None
        self._owners: dict[str, Owner] = {}
        self.on_registered: Callable[[str], None] = lambda interface: None
        self.on_gone: Callable[[str], None] = lambda interface: None
        self.on_changed: Callable[[], None] = lambda: None
        self.network_timeout_s: Callable[[], float] = lambda: 60.0
        """How long a network may take that the host works on."""
        self._network_ids = itertools.count(1)
        self._networks: dict[int, asyncio.Future[NetworkResult]] = {}

    # -- who is registered ------------------------------------------------------------------------

    def attach(self, bus: Bus) -> None:
        """Call agents over this bus from now on."""
        self._bus = bus

    def detach(self) -> None:
        """Forget every agent: the bus is lost, and unique names with it."""
        self._bus = None
        self._forget(list(self._owners), "the bus is lost")

    @property
    def owners(self) -> dict[str, tuple[str, str]]:
        """Return unique name and path by full interface name."""
        return {
            PREFIX + interface: (owner.name, owner.path)
            for interface, owner in sorted(self._owners.items())
        }

    def register(self, sender: str, path: str, interfaces: Sequence[str]) -> None:
        """Register an agent for all of these interfaces, or for none of them.

        Raises:
            InvalidArgument: none, too many, or an unknown interface
            AccessDenied: another agent has one of them

        """
        if not 1 <= len(interfaces) <= MAX_INTERFACES:
            raise InvalidArgument(f"interfaces: 1 to {MAX_INTERFACES} are possible")
        short = [self._short(index, name) for index, name in enumerate(interfaces)]
        for interface in short:
            owner = self._owners.get(interface)
            if owner is not None and owner.name != sender:
                raise AccessDenied(f"{PREFIX}{interface} is registered by {owner.name}")
        for interface in short:
            self._owners[interface] = Owner(sender, path)
            _LOG.info("agent %s %s is there for %s", sender, path, interface)
        self.on_changed()
        for interface in dict.fromkeys(short):
            self._tell(self.on_registered, interface)

    def _short(self, index: int, name: str) -> str:
        short = name.removeprefix(PREFIX)
        if short not in INTERFACES:
            raise InvalidArgument(f"interfaces[{index}]: no such agent interface")
        return short

    def unregister(self, sender: str, path: str) -> None:
        """End what this caller registered with this path; InvalidArgument if it is nothing."""
        owner = Owner(sender, path)
        mine = [interface for interface, each in self._owners.items() if each == owner]
        if not mine:
            raise InvalidArgument(f"path: nothing is registered with {path}")
        self._forget(mine, "unregistered")

    def left(self, name: str) -> None:
        """Take note that a connection left the bus."""
        gone = [interface for interface, owner in self._owners.items() if owner.name == name]
        self._forget(gone, "left the bus")

    def _forget(self, interfaces: Sequence[str], why: str) -> None:
        if not interfaces:
            return
        for interface in interfaces:
            owner = self._owners.pop(interface)
            _LOG.warning("agent %s for %s is gone: %s", owner.name, interface, why)
        self.on_changed()
        for interface in interfaces:
            self._tell(self.on_gone, interface)

    def _tell(self, listener: Callable[[str], None], interface: str) -> None:
        """Call a listener; a fault of its own ends neither the others' turn nor the bus."""
        try:
            listener(interface)
        except Exception:
            _LOG.exception("that the agent for %s came or went was not taken", interface)

    def has(self, interface: str) -> bool:
        """Tell whether somebody implements an interface, such as `EvseManager`."""
        return interface in self._owners

    # -- calls ------------------------------------------------------------------------------------

    async def _call(
        self,
        interface: str,
        member: str,
        signature: str = "",
        body: Sequence[Any] = (),
        expected: type | None = None,
    ) -> Any:
        """Call an agent and return its only result, which has to be of the type `expected`."""
        owner = self._owners.get(interface)
        if owner is None or self._bus is None:
            raise AgentRefused(f"no agent is registered for {interface}")
        try:
            result = await self._bus.call(
                owner.name,
                owner.path,
                PREFIX + interface,
                member,
                signature,
                body,
                timeout_s=self._timeout_s,
            )
        except DBusError as error:
            raise self._refused(owner, f"{interface}.{member}", f"{error.type}: {error}") from error
        except (TimeoutError, ConnectionError) as error:
            raise self._refused(owner, f"{interface}.{member}", str(error)) from error
        if expected is None:
            return None
        if len(result) != 1 or not isinstance(result[0], expected):
            raise self._refused(owner, f"{interface}.{member}", "it answered with another type")
        return result[0]

    def _refused(self, owner: Owner, what: str, why: str) -> AgentRefused:
        _LOG.warning("agent %s refused %s: %s", owner.name, what, why)
        return AgentRefused(f"agent {owner.name} refused {what}: {why}")

    async def enable_disable(
        self, evse_id: int, connector_id: int, status: OperationalStatus
    ) -> bool:
        """Switch a connector, or with connector 0 the EVSE (source CSMS, priority 5000)."""
        enable = status is OperationalStatus.OPERATIVE
        source = variants(
            {
                "enable_source": "CSMS",
                "enable_state": "Enable" if enable else "Disable",
                "enable_priority": _CSMS_PRIORITY,
            }
        )
        body = [evse_id, connector_id, source]
        return bool(await self._call("EvseManager", "EnableDisable", "iia{sv}", body, bool))

    async def pause_charging(self, evse_id: int) -> bool:
        """Pause charging."""
        return bool(await self._call("EvseManager", "PauseCharging", "i", [evse_id], bool))

    async def resume_charging(self, evse_id: int) -> bool:
        """Resume charging."""
        return bool(await self._call("EvseManager", "ResumeCharging", "i", [evse_id], bool))

    async def stop_transaction(
        self, evse_id: int, reason: StopReason, id_token: IdToken | None = None
    ) -> bool:
        """Stop the EVSE's transaction; True if the command was taken."""
        tag = id_token and {"id_token": write_id_token(id_token), "authorization_type": "OCPP"}
        body = [evse_id, variants({"reason": reason, "id_tag": tag})]
        return bool(await self._call("EvseManager", "StopTransaction", "ia{sv}", body, bool))

    async def force_unlock(self, evse_id: int, connector_id: int) -> bool:
        """Unlock a connector; True if it was unlocked."""
        body = [evse_id, connector_id]
        return bool(await self._call("EvseManager", "ForceUnlock", "ii", body, bool))

    async def reset_evse(self, evse_id: int) -> bool:
        """Reset one EVSE."""
        return bool(await self._call("System", "ResetEvse", "i", [evse_id], bool))

    async def set_connection_timeout(self, timeout_s: int) -> None:
        """Tell the host's authorization how long it may wait for the cable."""
        await self._call("Auth", "SetConnectionTimeout", "i", [timeout_s])

    async def set_master_pass_group_id(self, group_id: str) -> None:
        """Tell the host's authorization whose tokens end any transaction."""
        await self._call("Auth", "SetMasterPassGroupId", "s", [group_id])

    async def withdraw_authorization(self, evse_id: int | None, id_token: IdToken | None) -> bool:
        """Withdraw an authorization that has not led to a transaction."""
        request = {"evse_id": evse_id, "id_token": write_id_token(id_token) if id_token else None}
        body = [variants(request)]
        return bool(
            await self._call("Auth", "WithdrawAuthorization", "a{sv}", body, str) == "Accepted"
        )

    async def reserve_now(self, request: Reservation) -> ReserveNowStatus:
        """Have the host keep an EVSE for a driver."""
        answer = await self._call("Reservation", "ReserveNow", "a{sv}", [reserve_now(request)], str)
        return self._word(ReserveNowStatus, answer, "Reservation.ReserveNow")

    async def cancel_reservation(self, reservation_id: int) -> bool:
        """Have the host end a reservation; False if it has none."""
        return bool(
            await self._call("Reservation", "CancelReservation", "i", [reservation_id], bool)
        )

    async def exists_reservation(
        self, evse_id: int, id_token: IdToken, group_id_token: IdToken | None
    ) -> ReservationMatch:
        """Ask the host for whom an EVSE is reserved."""
        body = [exists_reservation(evse_id, id_token, group_id_token)]
        answer = await self._call("Reservation", "ExistsReservation", "a{sv}", body, str)
        return self._word(ReservationMatch, answer, "Reservation.ExistsReservation")

    def _word(self, kind: type[W], answer: str, what: str) -> W:
        """Return an answer as one of the words that are possible."""
        try:
            return kind(answer)
        except ValueError:
            owner = self._owners.get(what.partition(".")[0]) or Owner("?", "/")
            raise self._refused(owner, what, f"answer {answer!r}") from None

    async def set_get_certificate_response(
        self, evse_id: int, action: CertificateAction, response: EvCertificateResponse
    ) -> None:
        """Hand a car's host what the CSMS answered to a request for a certificate."""
        body = [evse_id, certificate_response(action, response)]
        await self._call("Iso15118Extensions", "SetGetCertificateResponse", "ia{sv}", body)

    async def set_external_limits(
        self, evse_id: int, steps: Sequence[ExternalLimit], setpoint_priority: int
    ) -> None:
        """Tell the host's energy management what applies to an EVSE (0: the station)."""
        body = [evse_id, external_limits(steps, setpoint_priority)]
        await self._call("ExternalEnergyLimits", "SetExternalLimits", "ia{sv}", body)

    async def data_transfer(self, request: DataTransfer) -> DataTransferResponse:
        """Hand a vendor-specific message of the CSMS to the host."""
        body = [data_transfer(request)]
        response: dict[str, Variant] = await self._call(
            "OcppDataTransfer", "DataTransfer", "a{sv}", body, dict
        )
        try:
            return read_data_transfer_response(response)
        except InvalidArgument as error:
            owner = self._owners.get("OcppDataTransfer") or Owner("?", "/")
            raise self._refused(owner, "OcppDataTransfer.DataTransfer", str(error)) from error

    async def configure_network(self, request: ConfigureNetwork) -> NetworkResult:
        """Bring up the network of a connection profile, and wait until it is there or not.

        An agent that has no such method answers NotSupported.
        """
        request_id = next(self._network_ids)
        done: asyncio.Future[NetworkResult] = asyncio.get_running_loop().create_future()
        self._networks[request_id] = done  # the report may overtake the answer
        try:
            result = await self._ask_for_network(request_id, request)
            if result.status is not NetworkStatus.PROCESSING:
                return result
            async with asyncio.timeout(self.network_timeout_s()):
                return await done
        except TimeoutError:
            raise AgentRefused(f"no network in {self.network_timeout_s():.0f} s") from None
        finally:
            del self._networks[request_id]

    async def _ask_for_network(self, request_id: int, request: ConfigureNetwork) -> NetworkResult:
        body = [configure_network(request_id, request)]
        try:
            response = await self._call("System", "ConfigureNetwork", "a{sv}", body, dict)
        except AgentRefused as error:
            if isinstance(error.__cause__, DBusError) and error.__cause__.type in _HAS_NOT:
                return NetworkResult(NetworkStatus.NOT_SUPPORTED)
            raise
        try:
            return read_network_result(response)
        except InvalidArgument as error:
            owner = self._owners.get("System") or Owner("?", "/")
            raise self._refused(owner, "System.ConfigureNetwork", str(error)) from error

    def on_network_report(self, report: NetworkReport) -> None:
        """Take the end of a request for a network; InvalidArgument if there is none like it."""
        done = self._networks.get(report.request_id)
        if done is None or done.done():
            raise InvalidArgument(f"status.request_id: no request {report.request_id} is open")
        done.set_result(NetworkResult(report.status, report.interface_address))

    # -- the machine ------------------------------------------------------------------------------

    async def _machine(self, what: str, call: Callable[[Bus, float], Awaitable[Any]]) -> Any:
        """Ask a service of the machine."""
        if self._bus is None:
            raise AgentRefused(f"no connection to the bus for {what}")
        try:
            return await call(self._bus, self._timeout_s)
        except (DBusError, TimeoutError, ConnectionError) as error:
            _LOG.warning("%s refused: %s", what, error)
            raise AgentRefused(f"{what} refused: {error}") from error

    async def is_reset_allowed(self, reset_type: str) -> bool:
        """Ask whether the machine may be reset now: Soft, Hard or NotSpecified."""
        if self.has("System"):
            return bool(await self._call("System", "IsResetAllowed", "s", [reset_type], bool))
        if not self._built_in.reset:
            raise AgentRefused("no agent is registered for System, and resetting is turned off")
        refusal = await self._machine("login1.CanReboot", login1.refusal)
        if refusal is not None:
            _LOG.warning("a reset is not possible: %s", refusal)
            raise AgentRefused(str(refusal))
        return True

    async def machine_refuses_reset(self) -> str | None:
        """Say why the machine could not be reset now, if that is up to the machine.

        Returns None where an agent does it, where it is turned off, and where there is no logind
        at all: then nobody has promised it.
        """
        if self.has("System") or not self._built_in.reset or self._bus is None:
            return None
        try:
            return await login1.refusal(self._bus, self._timeout_s)
        except (DBusError, TimeoutError, ConnectionError) as error:
            _LOG.info("no agent is registered for System, and no logind answers: %s", error)
            return None

    async def reset(self, reset_type: str, *, scheduled: bool) -> None:
        """Reset the machine."""
        if self.has("System"):
            await self._call("System", "Reset", "sb", [reset_type, scheduled])
            return
        if not self._built_in.reset:
            raise AgentRefused("no agent is registered for System, and resetting is turned off")
        await self._machine("login1.Reboot", login1.reboot)

    async def set_system_time(self, moment: datetime) -> bool:
        """Set the machine's clock."""
        if self.has("System"):
            body = [rfc3339(moment)]
            return bool(await self._call("System", "SetSystemTime", "s", body, bool))
        if not self._built_in.time:
            raise AgentRefused("no agent is registered for System, and the clock is turned off")

        async def set_time(bus: Bus, timeout_s: float) -> None:
            await timedate1.set_time(bus, moment, timeout_s)

        await self._machine("timedate1.SetTime", set_time)
        return True

    async def get_boot_reason(self) -> BootReason:
        """Tell why the machine started; without an agent the station judges by itself."""
        reason = await self._call("System", "GetBootReason", "", (), str)
        try:
            return BootReason(reason)
        except ValueError:
            owner = self._owners.get("System") or Owner("?", "/")
            raise self._refused(owner, "System.GetBootReason", f"answer {reason!r}") from None
