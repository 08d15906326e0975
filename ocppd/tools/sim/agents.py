"""The agents of the simulated charger: what ocppd asks of its host.

A method of an agent is for ocppd alone: whoever else calls it is refused. What the charger cannot
do is an error by name; ocppd takes every error for a refusal.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from ocppd.dbus.binding import CURRENT
from ocppd.dbus.exported import Interface, exported
from ocppd.dbus.marshalling.plain import plain, variants
from ocppd.dbus.signatures import Bool, Dict, Int32, Str, Strs
from ocppd.errors import AccessDenied, InvalidArgument
from ocppd.model.tokens import IdToken, ProvidedIdToken
from ocppd.tools.sim.charger import Charger
from ocppd.tools.sim.evse import SimulatorError
from ocppd.tools.sim.payloads import Payload, read_id_token, read_provided_token

PREFIX = "org.everest.Ocpp.Agent."
ECHO_VENDOR = "org.everest.OcppSim"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Host:
    """What all agents share: the charger, and who ocppd is on the bus at present."""

    charger: Charger
    ocppd: Callable[[], str]
    happened: Callable[[str, Payload], None]

    def asked(self, what: str, **details: Any) -> None:
        """Make sure that ocppd asks, and let people see what for.

        Raises:
            AccessDenied: somebody else calls

        """
        if CURRENT.get().sender != self.ocppd():
            raise AccessDenied(f"{what} is for org.everest.Ocpp")
        self.happened(what, details)


class Agent(Interface):
    """Base of the agents' interfaces."""

    def __init__(self, host: Host) -> None:
        super().__init__()
        self._host = host

    @property
    def _charger(self) -> Charger:
        return self._host.charger

    def _asked(self, what: str, **details: Any) -> None:
        self._host.asked(what, **details)


def _refusing(do: Callable[[], T]) -> T:
    """Do something; what the charger cannot do is an invalid argument."""
    try:
        return do()
    except SimulatorError as error:
        raise InvalidArgument(str(error)) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidArgument(f"not as documented: {error!r}") from error


class EvseManagerAgent(Agent):
    """Commands to the EVSEs."""

    NAME = PREFIX + "EvseManager"

    @exported
    def EnableDisable(self, evse_id: Int32, connector_id: Int32, cmd_source: Dict) -> Bool:
        """Put a connector in or out of service."""
        source = plain(cmd_source)
        self._asked("EnableDisable", evse_id=evse_id, connector_id=connector_id, **source)
        return _refusing(lambda: self._charger.enable_disable(evse_id, connector_id, source))

    @exported
    def PauseCharging(self, evse_id: Int32) -> Bool:
        """Pause charging."""
        self._asked("PauseCharging", evse_id=evse_id)
        return _refusing(lambda: self._charger.evse(evse_id).pause())

    @exported
    def ResumeCharging(self, evse_id: Int32) -> Bool:
        """Resume charging after a pause."""
        self._asked("ResumeCharging", evse_id=evse_id)
        return _refusing(lambda: self._charger.evse(evse_id).resume())

    @exported
    def StopTransaction(self, evse_id: Int32, request: Dict) -> Bool:
        """End the running transaction."""
        wanted = plain(request)
        self._asked("StopTransaction", evse_id=evse_id, reason=wanted.get("reason", ""))

        def stop() -> bool:
            token: ProvidedIdToken | None = None
            if "id_tag" in wanted:
                token = read_provided_token(wanted["id_tag"])
            return self._charger.stop_transaction(evse_id, wanted["reason"], token)

        return _refusing(stop)

    @exported
    def ForceUnlock(self, evse_id: Int32, connector_id: Int32) -> Bool:
        """Unlock a connector."""
        self._asked("ForceUnlock", evse_id=evse_id, connector_id=connector_id)
        return _refusing(lambda: self._charger.force_unlock(evse_id, connector_id))

    @exported
    def SetPlugAndChargeConfiguration(self, evse_id: Int32, configuration: Dict) -> None:
        """Note how Plug and Charge may be used."""
        wanted = plain(configuration)
        self._asked("SetPlugAndChargeConfiguration", evse_id=evse_id, **wanted)
        _refusing(lambda: self._charger.evse(evse_id).plug_and_charge.update(wanted))

    @exported
    def UpdateAllowedEnergyTransferModes(self, evse_id: Int32, modes: Strs) -> Str:
        """Restrict how the car may be charged."""
        self._asked("UpdateAllowedEnergyTransferModes", evse_id=evse_id, modes=list(modes))
        return _refusing(lambda: self._charger.evse(evse_id).allow_modes(list(modes)))

    @exported
    def SetDerAvailable(self, evse_id: Int32, available: Bool) -> Str:
        """Note whether there is grid support."""
        self._asked("SetDerAvailable", evse_id=evse_id, available=available)
        return _refusing(lambda: self._charger.evse(evse_id).offer_der(available=available))


class SystemAgent(Agent):
    """Commands to the machine. It has neither firmware nor logs nor networks of its own."""

    NAME = PREFIX + "System"

    @exported
    def UpdateFirmware(self, request: Dict) -> Str:
        """Refuse: a simulated charger has no firmware."""
        self._asked("UpdateFirmware", **plain(request))
        return "Rejected"

    @exported
    def AllowFirmwareInstallation(self) -> None:
        """Hear that an installation may go on; there is none."""
        self._asked("AllowFirmwareInstallation")

    @exported
    def UploadLogs(self, request: Dict) -> Dict:
        """Refuse: a simulated charger keeps no logs."""
        self._asked("UploadLogs", **plain(request))
        return variants({"upload_logs_status": "Rejected"})

    @exported
    def IsResetAllowed(self, type: Str) -> Bool:
        """Tell whether the machine may be reset."""
        self._asked("IsResetAllowed", type=type)
        return self._charger.settings.reset_allowed

    @exported
    def Reset(self, type: Str, scheduled: Bool) -> None:
        """Reset the machine; it goes down a moment after the reply."""
        self._asked("Reset", type=type, scheduled=scheduled)
        _refusing(lambda: self._charger.reset(type, scheduled=scheduled))

    @exported
    def ResetEvse(self, evse_id: Int32) -> Bool:
        """Reset one EVSE."""
        self._asked("ResetEvse", evse_id=evse_id)
        return _refusing(lambda: self._charger.reset_evse(evse_id))

    @exported
    def SetSystemTime(self, timestamp: Str) -> Bool:
        """Set the charger's clock."""
        self._asked("SetSystemTime", timestamp=timestamp)
        return self._charger.set_system_time(timestamp)

    @exported
    def GetBootReason(self) -> Str:
        """Tell why the machine started."""
        self._asked("GetBootReason")
        return self._charger.boot_reason

    @exported
    def ConfigureNetwork(self, request: Dict) -> Dict:
        """Leave the network as it is: connect through what there is."""
        wanted = plain(request)
        self._asked("ConfigureNetwork", interface=str(wanted.get("interface", "")))
        return variants({"status": "NotSupported"})


class AuthAgent(Agent):
    """What the token arbiter has to know."""

    NAME = PREFIX + "Auth"

    @exported
    def SetConnectionTimeout(self, timeout_s: Int32) -> None:
        """Set how long a granted authorization waits for its cable; 0 is no limit."""
        self._asked("SetConnectionTimeout", timeout_s=timeout_s)
        self._charger.arbiter.connection_timeout_s = timeout_s

    @exported
    def SetMasterPassGroupId(self, group_id: Str) -> None:
        """Set whose tokens stop every transaction and start none."""
        self._asked("SetMasterPassGroupId", group_id=group_id)
        self._charger.arbiter.master_pass_group_id = group_id

    @exported
    def WithdrawAuthorization(self, request: Dict) -> Str:
        """Withdraw authorizations that have not led to a transaction."""
        wanted = plain(request)
        self._asked("WithdrawAuthorization")

        def withdraw() -> str:
            token: IdToken | None = None
            if "id_token" in wanted:
                token = read_id_token(wanted["id_token"])
            return str(self._charger.withdraw_authorization(wanted.get("evse_id"), token))

        return _refusing(withdraw)


class DataTransferAgent(Agent):
    """Vendor-specific messages: those of the simulator itself come back with their data."""

    NAME = PREFIX + "OcppDataTransfer"

    @exported
    def DataTransfer(self, request: Dict) -> Dict:
        """Answer a DataTransfer of the CSMS: `Echo` of our own vendor, no other."""
        wanted = plain(request)
        self._asked("DataTransfer", vendor_id=str(wanted.get("vendor_id", "")))
        if wanted.get("vendor_id") != ECHO_VENDOR:
            return variants({"status": "UnknownVendorId"})
        if wanted.get("message_id") not in (None, "Echo"):
            return variants({"status": "UnknownMessageId"})
        return variants({"status": "Accepted", "data": wanted.get("data")})


AGENTS = (EvseManagerAgent, SystemAgent, AuthAgent, DataTransferAgent)
