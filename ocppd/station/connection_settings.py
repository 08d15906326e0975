"""Which settings of the connection to the CSMS may be changed, and how (B09, B10, A05).

A connection profile is a slot: an instance of NetworkConfiguration. The one in use and those in
NetworkConfigurationPriority are not changed under the station's feet; a profile goes up in security
and never down; and only a slot that can be connected to may be used.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol
from urllib.parse import urlsplit

from ocppd.device_model.device_model import INTERNAL, DeviceModel
from ocppd.device_model.names import NetworkConfiguration, OCPPCommCtrlr, SecurityCtrlr
from ocppd.device_model.values import members_of
from ocppd.model.variables import (
    AttributeType,
    ComponentVariable,
    SetVariable,
    SetVariableStatus,
    StatusInfo,
)

_SLOT = "networkconfiguration"
_OTHERS = {
    ("ocppcommctrlr", "networkconfigurationpriority"),
    ("ocppcommctrlr", "activenetworkprofile"),
    ("securityctrlr", "identity"),
    ("securityctrlr", "basicauthpassword"),
}
# 4.3 of the contract: without these there is nothing to connect to.
_NEEDED = (
    NetworkConfiguration.OcppCsmsUrl,
    NetworkConfiguration.SecurityProfile,
    NetworkConfiguration.OcppInterface,
    NetworkConfiguration.OcppTransport,
    NetworkConfiguration.MessageTimeout,
)
_FIRST_OVER_TLS = 2
_BY_CERTIFICATE = 3
_DONE = (SetVariableStatus.ACCEPTED, SetVariableStatus.REBOOT_REQUIRED)

Planned = Mapping[tuple[str, str], str]
"""What a batch will make of slots: (slot, variable in small letters) → value."""


def is_connection_setting(address: ComponentVariable) -> bool:
    """Tell whether a variable says how to connect to the CSMS."""
    component = address.component.name.casefold()
    if component == _SLOT:
        return True
    return (component, address.variable.name.casefold()) in _OTHERS


class Credentials(Protocol):
    """What a security profile needs, besides a password."""

    def has_csms_root(self) -> bool:
        """Tell whether a CSMS can be authenticated."""

    def has_station_certificate(self) -> bool:
        """Tell whether the station has a certificate with its key that is valid now."""


class ConnectionSettings:
    """Judges changes of connection settings."""

    def __init__(self, device_model: DeviceModel, credentials: Credentials) -> None:
        """Keep the station's own identity and password those of the slot in use."""
        self._device_model = device_model
        self._credentials = credentials
        device_model.observe(
            OCPPCommCtrlr.ActiveNetworkProfile, lambda _, old, *__: self._on_active(old)
        )
        self.adopt()  # the configuration file may have changed since

    def _on_active(self, former: str) -> None:
        """Leave to the slot of before what was SecurityCtrlr's alone, for when it is used again."""
        model = self._device_model
        if former.isdecimal() and model.has(NetworkConfiguration.OcppCsmsUrl(int(former))):
            for own, of_slot in (
                (SecurityCtrlr.Identity, NetworkConfiguration.Identity(int(former))),
                (
                    SecurityCtrlr.BasicAuthPassword,
                    NetworkConfiguration.BasicAuthPassword(int(former)),
                ),
            ):
                if not model.has(of_slot):
                    model.set_actual(of_slot, model.text(own))
        self.adopt()

    def adopt(self) -> None:
        """Make SecurityCtrlr.Identity and BasicAuthPassword those of the active slot (FR.28)."""
        model = self._device_model
        slot = model.integer(OCPPCommCtrlr.ActiveNetworkProfile)
        for own, of_slot in (
            (SecurityCtrlr.Identity, NetworkConfiguration.Identity(slot)),
            (SecurityCtrlr.BasicAuthPassword, NetworkConfiguration.BasicAuthPassword(slot)),
        ):
            value = model.text(of_slot)
            fits = model.check(SetVariable(own, value), INTERNAL)[0] in _DONE
            if value and fits and value != model.text(own):
                model.set_actual(own, value)

    def follow(self, item: SetVariable, source: str) -> None:
        """Have a new SecurityCtrlr.Identity or BasicAuthPassword count (B09.FR.26, FR.27).

        The active slot loses its own, as the errata of 2025-09 say; before them all slots got the
        new one, and with it the CSMS of another operator.
        """
        name = item.address.variable.name.casefold()
        of_slot = {
            "identity": NetworkConfiguration.Identity,
            "basicauthpassword": NetworkConfiguration.BasicAuthPassword,
        }.get(name)
        if of_slot is None or item.address.component.name.casefold() != "securityctrlr":
            return
        slot = self._device_model.integer(OCPPCommCtrlr.ActiveNetworkProfile)
        self._device_model.set_actual(of_slot(slot), "", source)

    def planned(self, items: Iterable[SetVariable], source: str) -> Planned:
        """Return what valid items of a batch make of slots, so that it is judged as a whole."""
        return {
            (item.address.component.instance or "", item.address.variable.name.casefold()): (
                item.value
            )
            for item in items
            if item.address.component.name.casefold() == _SLOT
            and item.attribute_type in (None, AttributeType.ACTUAL)
            and self._device_model.check(item, source)[0] is SetVariableStatus.ACCEPTED
        }

    def objection(self, item: SetVariable, planned: Planned) -> StatusInfo | None:
        """Say why a valid change of a connection setting must not be made; None if it may."""
        component, variable = item.address.component, item.address.variable
        if component.name.casefold() == _SLOT:
            return self._objection_to_slot(
                component.instance or "", variable.name.casefold(), planned
            )
        match variable.name.casefold():
            case "networkconfigurationpriority":
                return self._objection_to_priority(members_of(item.value), planned)
            case "activenetworkprofile":
                return self._objection_to_use(item.value, planned)
            case "identity" if ":" in item.value:
                # The identity is the user of HTTP Basic authentication as well.
                return StatusInfo("InvalidValue", "an identity must not contain a colon")
        return None

    def objection_to_profile(self, slot: str, planned: Planned) -> StatusInfo | None:
        """Say why a slot must not become what is planned (B09.FR.02, FR.04)."""
        return self._mismatch(slot, planned) or self._downgrade(slot, planned)

    def objection_to_upgrade(self, profile: int) -> StatusInfo | None:
        """Say what a higher security profile lacks (A05.FR.02, FR.03; whitepaper FR.03, FR.04)."""
        if profile <= self._device_model.integer(SecurityCtrlr.SecurityProfile):
            return None
        if profile >= _FIRST_OVER_TLS and not self._credentials.has_csms_root():
            return StatusInfo("InvalidNetworkConf", "no CSMS root certificate is installed")
        if profile == _BY_CERTIFICATE and not self._credentials.has_station_certificate():
            return StatusInfo("InvalidNetworkConf", "no valid station certificate is installed")
        return None

    def slots_in_use(self) -> set[str]:
        """Return the active slot and those of the priority."""
        model = self._device_model
        active = model.text(OCPPCommCtrlr.ActiveNetworkProfile)
        return {active, *model.members(OCPPCommCtrlr.NetworkConfigurationPriority)}

    def slots(self) -> list[int]:
        """Return the slots that there are."""
        variable = self._device_model.find(OCPPCommCtrlr.NetworkConfigurationPriority)
        values = variable.characteristics.values_list if variable else ()
        return [int(slot) for slot in values if slot.isdecimal()]

    def _value(self, slot: str, address: ComponentVariable, planned: Planned) -> str:
        new = planned.get((slot, address.variable.name.casefold()))
        return self._device_model.text(address) if new is None else new

    def _objection_to_slot(self, slot: str, variable: str, planned: Planned) -> StatusInfo | None:
        if slot in self.slots_in_use():  # B09.FR.22
            return StatusInfo("PriorityNetworkConf", f"slot {slot} is in use")
        if variable == "identity" and ":" in planned.get((slot, variable), ""):
            return StatusInfo("InvalidNetworkConf", "an identity must not contain a colon")
        if variable == "securityprofile" and (objection := self._downgrade(slot, planned)):
            return objection
        if variable in ("securityprofile", "ocppcsmsurl"):
            return self._mismatch(slot, planned)
        return None

    def _downgrade(self, slot: str, planned: Planned) -> StatusInfo | None:
        """Refuse a security profile below the one that was reached (B09.FR.04, FR.31, FR.32)."""
        model = self._device_model
        text = self._value(slot, NetworkConfiguration.SecurityProfile(int(slot)), planned)
        wanted, reached = int(text or 0), model.integer(SecurityCtrlr.SecurityProfile)
        if wanted >= reached:
            return None
        if (reached, wanted) == (3, 2) and model.flag(SecurityCtrlr.AllowSecurityProfileDowngrade):
            return None
        return StatusInfo(
            "NoSecurityDowngrade", f"slot {slot} has security profile {wanted}, below {reached}"
        )

    def _mismatch(self, slot: str, planned: Planned) -> StatusInfo | None:
        """Refuse ws with a profile over TLS, wss with one without, and any other scheme."""
        url = self._value(slot, NetworkConfiguration.OcppCsmsUrl(int(slot)), planned)
        text = self._value(slot, NetworkConfiguration.SecurityProfile(int(slot)), planned)
        if not url or not text:
            return None
        wanted = "wss" if int(text) >= _FIRST_OVER_TLS else "ws"
        if url.partition("://")[0].casefold() != wanted:
            why = f"security profile {text} needs a {wanted} address"
            return StatusInfo("InvalidNetworkConf", why)
        fault = _fault_of(url)
        return None if fault is None else StatusInfo("InvalidNetworkConf", f"OcppCsmsUrl {fault}")

    def _objection_to_priority(self, slots: Sequence[str], planned: Planned) -> StatusInfo | None:
        if not slots:
            return StatusInfo("InvalidNetworkConf", "no slot is left to connect with")
        if len(set(slots)) != len(slots):
            return StatusInfo("InvalidNetworkConf", "a slot is named twice")
        now = self._device_model.members(OCPPCommCtrlr.NetworkConfigurationPriority)
        if [slot for slot in now if slot in slots] == list(slots):
            return None  # B09.FR.20: it only takes slots out
        for slot in slots:
            if objection := self._objection_to_use(slot, planned):
                return objection
        return None

    def _objection_to_use(self, slot: str, planned: Planned) -> StatusInfo | None:
        """Refuse a slot that nobody can connect with (B10.FR.02), or that is less secure (A05)."""
        if not slot.isdecimal() or int(slot) not in self.slots():
            return StatusInfo("InvalidNetworkConf", f"there is no slot {slot[:10]}")
        for needed in _NEEDED:
            address = needed(int(slot))
            if not self._value(slot, address, planned):
                name = address.variable.name
                return StatusInfo("InvalidNetworkConf", f"slot {slot} has no {name}")
        if objection := self.objection_to_profile(slot, planned):
            return objection
        profile = self._value(slot, NetworkConfiguration.SecurityProfile(int(slot)), planned)
        return self.objection_to_upgrade(int(profile))


def _fault_of(url: str) -> str | None:
    """Say why nobody can connect to an address."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "has a wrong port, or a host in wrong brackets"
    if not host or port == 0:
        return "has no host, or port 0"
    if "@" in parts.netloc:
        return "holds credentials"
    return None
