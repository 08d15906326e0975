"""Block B, Provisioning: reading and writing variables, for the CSMS and for the host.

Reports are in `reports.py`, monitors of the host in `variable_monitor.py`, booting in
`registration.py`.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ocppd.device_model.device_model import CSMS, DeviceModel
from ocppd.device_model.names import (
    ClockCtrlr,
    NetworkConfiguration,
    OCPPCommCtrlr,
    SecurityCtrlr,
)
from ocppd.model.provisioning import KeyRefusal
from ocppd.model.variables import (
    AttributeType,
    Component,
    ComponentVariable,
    GetVariable,
    GetVariableResult,
    GetVariableStatus,
    SetVariable,
    SetVariableResult,
    SetVariableStatus,
    StatusInfo,
    Variable,
)
from ocppd.station.answer import Answer, nothing
from ocppd.station.connection_settings import ConnectionSettings, Planned, is_connection_setting
from ocppd.station.ports import LegacyKeys, Outside
from ocppd.station.reports import Reports
from ocppd.station.security import Security
from ocppd.station.slot_trials import SlotTrials

_LOG = logging.getLogger(__name__)

_DONE = (SetVariableStatus.ACCEPTED, SetVariableStatus.REBOOT_REQUIRED)
# CiString500Type: a longer value could not be read back by the CSMS.
_LONGEST_KEY_VALUE = 500
_AMBIGUOUS = StatusInfo("InvalidValue", "several keys claim this variable; address it by a key")


class Provisioning:
    """Reads and writes the device model (B05, B06).

    An address with an empty component is a configuration key of OCPP 1.6, and nothing at all while
    the version spoken has none. While it has, a variable that is the value of a key is reached
    through the key, whichever way it is addressed.
    """

    def __init__(
        self,
        outside: Outside,
        device_model: DeviceModel,
        keys: LegacyKeys,
        security: Security,
    ) -> None:
        self.keys = keys
        """The configuration keys of OCPP 1.6."""
        self.reports = Reports(outside, device_model)
        """Answers GetBaseReport and GetReport."""
        self._store = outside.store
        self._csms = outside.csms
        self._device_model = device_model
        self._security = security
        self.connection_settings = ConnectionSettings(device_model, outside.certificates)
        """Judges changes of how to connect."""
        self.trials = SlotTrials(outside, device_model, security)
        """Connection profiles that were changed and have not worked since."""
        self._warned: set[str] = set()
        device_model.compute(ClockCtrlr.DateTime, outside.clock.now)

    # Reading

    def get_variables(
        self, items: Sequence[GetVariable], source: str = CSMS
    ) -> Answer[list[GetVariableResult]]:
        """Read variables: one result per item, in order (B06.FR.01)."""
        if source == CSMS and not self.keys.active:
            return Answer([self._device_model.read(item) for item in items])
        return Answer([self._get(item, source) for item in items])

    def _get(self, item: GetVariable, source: str) -> GetVariableResult:
        address = item.address
        if not address.component.name:
            return self._get_key(item, source)
        if not self.keys.active:
            return self._device_model.read(item, source)
        if self.keys.is_ambiguous(address):
            return GetVariableResult(
                address, GetVariableStatus.REJECTED, None, item.attribute_type, _AMBIGUOUS
            )
        key = self.keys.key_of(address)
        if key is None:
            return self._device_model.read(item, source)
        return self._get_through_key(item, key, source)

    def _get_through_key(self, item: GetVariable, key: str, source: str) -> GetVariableResult:
        kind = item.attribute_type or AttributeType.ACTUAL
        if kind is not AttributeType.ACTUAL:
            status = GetVariableStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE
            return GetVariableResult(item.address, status, None, kind)
        result = self._device_model.read(item, source)
        without_value = result.status is GetVariableStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE
        if without_value or self.keys.read(key) is None:
            return GetVariableResult(item.address, GetVariableStatus.UNKNOWN_VARIABLE, None, kind)
        return result

    def _get_key(self, item: GetVariable, source: str) -> GetVariableResult:
        """Read a key; the result repeats nothing of the address but the key."""
        if not self.keys.active:
            _LOG.warning("A variable without component was asked for; OCPP 2.x has no keys")
            return self._device_model.read(item)
        address = _key_address(item.address)
        key = self.keys.read(address.variable.name)
        if key is None:
            return GetVariableResult(address, GetVariableStatus.UNKNOWN_VARIABLE)
        self._deprecate(key.key, source)
        return GetVariableResult(
            address, GetVariableStatus.ACCEPTED, key.value, AttributeType.ACTUAL
        )

    def _deprecate(self, key: str, source: str) -> None:
        """Say once how a key is addressed in all versions; the CSMS of 1.6 has no choice."""
        if source == CSMS or key in self._warned:
            return
        address = self.keys.address_of(key)
        if address is not None:
            self._warned.add(key)
            _LOG.warning("The key %s is addressed as %s in all versions of OCPP", key, address)

    # Writing

    def set_variables(
        self, items: Sequence[SetVariable], source: str = CSMS
    ) -> Answer[list[SetVariableResult]]:
        """Write variables: one result per item, in order; a bad item spoils no other (B05.FR.01).

        The source is kept with each value; `csms` is bound by mutability, all others are not.
        """
        connection = [item for item in items if is_connection_setting(item.address)]
        planned = self.connection_settings.planned(connection, source) if connection else {}
        before = self._credentials()
        with self._store.atomically():
            results = [self._set(item, source, planned) for item in items]
            follows = self._after(before)
        return Answer(results, follows)

    def _set(self, item: SetVariable, source: str, planned: Planned) -> SetVariableResult:
        address = item.address
        if not address.component.name:
            return self._set_key(item, source)
        if self.keys.active and (refused := self._key_refuses(item)) is not None:
            return refused
        if is_connection_setting(address):
            return self._set_connection_setting(item, source, planned)
        return self._device_model.write(item, source)

    def _key_refuses(self, item: SetVariable) -> SetVariableResult | None:
        """While there are keys, refuse what the key behind a variable would refuse."""
        address = item.address
        kind = item.attribute_type or AttributeType.ACTUAL
        if self.keys.is_ambiguous(address):
            return _refused(address, kind, _AMBIGUOUS)
        if self.keys.is_derived(address):
            return _refused(address, kind, StatusInfo("ReadOnly", "follows from other variables"))
        key = self.keys.key_of(address)
        if key is None:
            return None
        if kind is not AttributeType.ACTUAL:
            status = SetVariableStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE
            return SetVariableResult(address, status, kind)
        known = self.keys.read(key)
        if known is None:
            return SetVariableResult(address, SetVariableStatus.UNKNOWN_VARIABLE, kind)
        if known.read_only:
            return _refused(address, kind, StatusInfo("ReadOnly", f"as the key {key} is"))
        return None

    def _set_connection_setting(
        self, item: SetVariable, source: str, planned: Planned
    ) -> SetVariableResult:
        status, _ = self._device_model.check(item, source)
        kind = item.attribute_type or AttributeType.ACTUAL
        if status in _DONE and kind is AttributeType.ACTUAL:
            objection = self.connection_settings.objection(item, planned)
            if objection is not None:
                _LOG.info("%s is not changed: %s", item.address, objection.additional_info)
                return _refused(item.address, kind, objection)
        result = self._device_model.write(item, source)
        if result.status in _DONE and kind is AttributeType.ACTUAL:
            self.connection_settings.follow(item, source)
            if self.keys.active:
                # 1.6 has no other word for: from the next connection on.
                return SetVariableResult(item.address, SetVariableStatus.REBOOT_REQUIRED, kind)
        return result

    def _set_key(self, item: SetVariable, source: str) -> SetVariableResult:
        if not self.keys.active:
            _LOG.warning("A variable without component was to be set; OCPP 2.x has no keys")
            return SetVariableResult(
                item.address, SetVariableStatus.UNKNOWN_COMPONENT, item.attribute_type
            )
        address = _key_address(item.address)
        key = address.variable.name
        plan = self.keys.plan(key, item.value)
        if isinstance(plan, KeyRefusal):
            kind = AttributeType.ACTUAL
            return SetVariableResult(address, plan.status, kind, plan.status_info)
        if len(item.value) > _LONGEST_KEY_VALUE:
            info = StatusInfo("TooLargeElement", f"the longest is {_LONGEST_KEY_VALUE} characters")
            return _refused(address, AttributeType.ACTUAL, info)
        first, *others = plan
        if key.casefold() == "securityprofile" and first.value.isdecimal():
            objection = self.connection_settings.objection_to_upgrade(int(first.value))
            if objection is not None:
                return _refused(address, AttributeType.ACTUAL, objection)
        result = self._device_model.write(first, source)
        if result.status in _DONE:
            for other in others:
                self._device_model.write(other, source)
        self._deprecate(key, source)
        return SetVariableResult(address, result.status, AttributeType.ACTUAL, result.status_info)

    # What follows

    def _credentials(self) -> "_Credentials":
        """Return as whom, how secretly and how safely the station connects now."""
        model = self._device_model
        slot = model.integer(OCPPCommCtrlr.ActiveNetworkProfile)
        if not slot:
            first = [*model.members(OCPPCommCtrlr.NetworkConfigurationPriority), "0"][0]
            slot = int(first) if first.isdecimal() else 0
        return _Credentials(
            slot,
            model.text(NetworkConfiguration.OcppCsmsUrl(slot)),
            model.text(NetworkConfiguration.SecurityProfile(slot)),
            model.text(NetworkConfiguration.Identity(slot)) or model.text(SecurityCtrlr.Identity),
            model.text(NetworkConfiguration.BasicAuthPassword(slot))
            or model.text(SecurityCtrlr.BasicAuthPassword),
        )

    def _after(self, before: "_Credentials") -> Callable[[], None]:
        """Keep what was, and connect anew once the answer is with the one who changed it.

        The change is logged as an event, and its value never (A01.FR.11, FR.12).
        """
        now = self._credentials()
        if now == before:
            return nothing
        switches = now.slot == before.slot and now.security_profile != before.security_profile
        if switches:  # the key SecurityProfile of 1.6
            values = {"SecurityProfile": before.security_profile, "OcppCsmsUrl": before.url}
            self.trials.keep(now.slot, values, by_time=True)
        uses_password = now.security_profile in ("1", "2")
        if now.slot == before.slot and now.password != before.password and uses_password:
            self.trials.keep_password(now.slot, before.password)
        counts = replace(now, password=before.password) != before or uses_password

        def then() -> None:
            self._security.raise_event("ReconfigurationOfSecurityParameters")
            if switches:
                self.trials.begin_switch()
            if counts:
                self._csms.reconnect("the credentials were changed")

        return then


@dataclass(frozen=True, slots=True)
class _Credentials:
    """How the station connects with the slot in use."""

    slot: int
    url: str
    security_profile: str
    identity: str
    password: str = field(repr=False)


def _key_address(address: ComponentVariable) -> ComponentVariable:
    return ComponentVariable(Component(""), Variable(address.variable.name))


def _refused(
    address: ComponentVariable, kind: AttributeType, info: StatusInfo
) -> SetVariableResult:
    return SetVariableResult(address, SetVariableStatus.REJECTED, kind, info)
