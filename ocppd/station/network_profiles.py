"""Connection profiles: set by the CSMS (B09), confirmed by a connection (A05), given a network."""

import logging
from collections.abc import Callable

from ocppd.device_model.device_model import INTERNAL, DeviceModel
from ocppd.device_model.names import NetworkConfiguration, OCPPCommCtrlr, SecurityCtrlr
from ocppd.errors import AgentRefused, NetworkNotReady
from ocppd.model.network_profiles import (
    Apn,
    ConfigureNetwork,
    NetworkConnectionProfile,
    NetworkStatus,
    SetNetworkProfile,
    SetNetworkProfileResult,
    SetNetworkProfileStatus,
    Vpn,
)
from ocppd.model.registration import ConnectionStatus
from ocppd.model.variables import (
    Component,
    ComponentVariable,
    SetVariable,
    SetVariableStatus,
    StatusInfo,
    Variable,
)
from ocppd.station.answer import Answer
from ocppd.station.connection_settings import ConnectionSettings
from ocppd.station.ports import Outside
from ocppd.station.security import Security
from ocppd.station.slot_trials import SlotTrials

_LOG = logging.getLogger(__name__)

_SYSTEM = "System"
# A00.FR.205, FR.304
_SHORTEST_PASSWORD = 16


class NetworkProfiles:
    """The slots of NetworkConfiguration, as a whole."""

    def __init__(
        self,
        outside: Outside,
        device_model: DeviceModel,
        settings: ConnectionSettings,
        trials: SlotTrials,
        security: Security,
    ) -> None:
        self._outside = outside
        self._device_model = device_model
        self._settings = settings
        self._trials = trials
        self._security = security

    # Setting (B09)

    def set_profile(self, request: SetNetworkProfile) -> Answer[SetNetworkProfileResult]:
        """Store a profile in a slot; it counts when the slot is connected to next (B09.FR.01).

        The priority is left as it is. A slot in use keeps what it was until there was a connection
        with what it is.
        """
        slot = str(request.slot)
        if request.slot not in self._settings.slots():  # B09.FR.05
            return _rejected("InvalidConfSlot", f"there is no slot {slot[:20]}")
        values = _values_of(request.profile)
        objection = self._objection(request, values)
        if objection is not None:  # B09.FR.02, FR.04, FR.31
            _LOG.info("slot %s is not changed: %s", slot, objection.additional_info)
            return Answer(SetNetworkProfileResult(SetNetworkProfileStatus.REJECTED, objection))
        with self._outside.store.atomically():
            if slot in self._settings.slots_in_use():
                former = {name: self._device_model.text(_address(slot, name)) for name in values}
                self._trials.keep(request.slot, former)
            for name, value in values.items():  # B09.FR.09, FR.11, FR.12
                self._device_model.set_actual(_address(slot, name), value, "csms")
        _LOG.info("slot %s was set by the CSMS", slot)
        return Answer(
            SetNetworkProfileResult(SetNetworkProfileStatus.ACCEPTED),
            lambda: self._security.raise_event(
                "ReconfigurationOfSecurityParameters", f"network profile {slot}"
            ),
        )

    def _objection(self, request: SetNetworkProfile, values: dict[str, str]) -> StatusInfo | None:
        slot, profile = str(request.slot), request.profile
        if not profile.url:
            return StatusInfo("InvalidNetworkConf", "there is no OcppCsmsUrl")
        for name, value in values.items():
            address = _address(slot, name)
            if not value or not self._device_model.find(address):
                continue
            status, info = self._device_model.check(SetVariable(address, value), INTERNAL)
            if status not in (SetVariableStatus.ACCEPTED, SetVariableStatus.REBOOT_REQUIRED):
                why = info.additional_info if info and info.additional_info else "is not valid"
                return StatusInfo("InvalidNetworkConf", f"{name} {why}"[:1024])
        password = profile.basic_auth_password
        if password is not None and len(password) < _SHORTEST_PASSWORD:
            why = f"BasicAuthPassword is shorter than {_SHORTEST_PASSWORD} characters"
            return StatusInfo("InvalidNetworkConf", why)
        if profile.identity is not None and (not profile.identity or ":" in profile.identity):
            return StatusInfo("InvalidNetworkConf", "an identity must not be empty or have a colon")
        has_password = bool(password) or self._device_model.has(SecurityCtrlr.BasicAuthPassword)
        if profile.security_profile in (1, 2) and not has_password:
            return StatusInfo("InvalidNetworkConf", "there is no BasicAuthPassword")
        if (profile.apn or profile.vpn) and not self._outside.agents.has(_SYSTEM):
            return StatusInfo("InvalidNetworkConf", "nobody here sets up an APN or a VPN")
        planned = {(slot, name.casefold()): value for name, value in values.items()}
        return self._settings.objection_to_profile(slot, planned)

    # A connection

    def on_connected(self, status: ConnectionStatus) -> None:
        """Take a connection for the proof that its profile works."""
        slot, profile = status.configuration_slot, status.security_profile
        if slot is None or profile is None:
            return
        with self._outside.store.atomically():
            was_on_trial = self._trials.is_on_trial(slot)
            self._trials.on_connected(slot)
            model = self._device_model
            before = model.integer(SecurityCtrlr.SecurityProfile)
            if profile != before:
                model.set_actual(SecurityCtrlr.SecurityProfile, profile)  # A05.FR.06
            self._retire(profile, slot)
        if profile != before and not was_on_trial:
            self._security.raise_event(
                "ReconfigurationOfSecurityParameters", f"security profile {before} to {profile}"
            )

    def _retire(self, least: int, active: int) -> None:
        """Remove the profiles with less security than what was reached (A05.FR.06)."""
        model = self._device_model
        retired = [
            slot
            for slot in self._settings.slots()
            if slot != active
            and model.has(NetworkConfiguration.OcppCsmsUrl(slot))
            and model.integer(NetworkConfiguration.SecurityProfile(slot)) < least
        ]
        if not retired:
            return
        _LOG.warning("removed for having less security: slots %s", retired)
        for slot in retired:
            self._trials.forget(slot)
            for name in _CLEARED:
                model.set_actual(_address(str(slot), name), "")
        left = [
            slot
            for slot in model.members(OCPPCommCtrlr.NetworkConfigurationPriority)
            if not slot.isdecimal() or int(slot) not in retired
        ]
        model.set_actual(OCPPCommCtrlr.NetworkConfigurationPriority, ",".join(left))

    # The network

    async def configure_network(self, slot: int) -> str | None:
        """Have the host bring up the network of a slot; returns what to connect from.

        Without an agent, or with one that cannot, there is nothing to do.

        Raises:
            NetworkNotReady: the host says that it failed, or takes too long

        """
        agents = self._outside.agents
        if not agents.has(_SYSTEM):
            return None
        request = ConfigureNetwork(
            self._device_model.text(NetworkConfiguration.OcppInterface(slot), "Any"),
            self._apn(slot),
            self._vpn(slot),
        )
        try:
            result = await agents.configure_network(request)
        except AgentRefused as error:
            raise NetworkNotReady(f"its network is not ready: {error}") from None
        match result.status:
            case NetworkStatus.READY:
                return result.interface_address
            case NetworkStatus.NOT_SUPPORTED:
                return None
            case status:
                raise NetworkNotReady(f"its network is not ready: {status}")

    def _apn(self, slot: int) -> Apn | None:
        text = self._reader(slot)
        if text("ApnEnabled") != "true" or not text("Apn"):
            return None
        only = text("UseOnlyPreferredNetwork")
        return Apn(
            apn=text("Apn"),
            authentication=text("ApnAuthentication") or "AUTO",
            user_name=text("ApnUserName") or None,
            password=text("ApnPassword") or None,
            sim_pin=text("SimPin") or None,
            preferred_network=text("PreferredNetwork") or None,
            use_only_preferred_network=only == "true" if only else None,
        )

    def _vpn(self, slot: int) -> Vpn | None:
        text = self._reader(slot)
        if text("VpnEnabled") != "true" or not text("VpnServer"):
            return None
        return Vpn(
            server=text("VpnServer"),
            type=text("VpnType"),
            user=text("VpnUser") or None,
            group=text("VpnGroup") or None,
            password=text("VpnPassword") or None,
            key=text("VpnKey") or None,
        )

    def _reader(self, slot: int) -> Callable[[str], str]:
        return lambda name: self._device_model.text(_address(str(slot), name))


def _values_of(profile: NetworkConnectionProfile) -> dict[str, str]:
    """Return the values of a slot's variables; what the profile does not have is cleared."""
    apn, vpn = profile.apn, profile.vpn
    only = apn.use_only_preferred_network if apn else None
    return {
        "OcppCsmsUrl": profile.url,
        "SecurityProfile": str(profile.security_profile),
        "MessageTimeout": str(profile.message_timeout_s),
        "OcppInterface": profile.interface,
        "OcppTransport": profile.transport,
        "OcppVersion": profile.version or "",
        # B09.FR.16: without a value SecurityCtrlr's counts.
        "Identity": profile.identity or "",
        "BasicAuthPassword": profile.basic_auth_password or "",
        "ApnEnabled": "true" if apn else "false",
        "Apn": apn.apn if apn else "",
        "ApnAuthentication": apn.authentication if apn else "",
        "ApnUserName": (apn.user_name if apn else None) or "",
        "ApnPassword": (apn.password if apn else None) or "",
        "SimPin": (apn.sim_pin if apn else None) or "",
        "PreferredNetwork": (apn.preferred_network if apn else None) or "",
        "UseOnlyPreferredNetwork": "" if only is None else str(only).lower(),
        "VpnEnabled": "true" if vpn else "false",
        "VpnServer": vpn.server if vpn else "",
        "VpnType": vpn.type if vpn else "",
        "VpnUser": (vpn.user if vpn else None) or "",
        "VpnGroup": (vpn.group if vpn else None) or "",
        "VpnPassword": (vpn.password if vpn else None) or "",
        "VpnKey": (vpn.key if vpn else None) or "",
    }


# What a slot loses that is removed; its other values say nothing without an address.
_CLEARED = (
    "OcppCsmsUrl",
    "Identity",
    "BasicAuthPassword",
    "OcppVersion",
    "Apn",
    "ApnUserName",
    "ApnPassword",
    "SimPin",
    "VpnServer",
    "VpnUser",
    "VpnPassword",
    "VpnKey",
)


def _rejected(code: str, text: str) -> Answer[SetNetworkProfileResult]:
    return Answer(SetNetworkProfileResult(SetNetworkProfileStatus.REJECTED, StatusInfo(code, text)))


def _address(slot: str, name: str) -> ComponentVariable:
    return ComponentVariable(Component("NetworkConfiguration", slot), Variable(name))
