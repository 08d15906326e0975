"""Configuration keys of OCPP 1.6 as a view on the device model.

Each key is the actual value of a variable, the `maxLimit` of one, a variable of the connection
profile in use, or computed. Keys that OCPP 2.x has no variable for live in `OCPP16LegacyCtrlr`.
Names are found in any case.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping

from ocppd.csms.v16.key_table import KEYS, PROFILES, Key, Kind
from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import (
    AlignedDataCtrlr,
    ClockCtrlr,
    LocalAuthListCtrlr,
    NetworkConfiguration,
    OCPP16LegacyCtrlr,
    OCPPCommCtrlr,
    ReservationCtrlr,
    SampledDataCtrlr,
    SecurityCtrlr,
    SmartChargingCtrlr,
)
from ocppd.device_model.values import members_of, spell
from ocppd.model.provisioning import ConfigurationKey, KeyRefusal
from ocppd.model.variables import (
    Component,
    ComponentVariable,
    Mutability,
    SetVariable,
    SetVariableStatus,
    StatusInfo,
)

_AVAILABLE = {
    "LocalAuthListManagement": LocalAuthListCtrlr.Available,
    "Reservation": ReservationCtrlr.Available,
    "SmartCharging": SmartChargingCtrlr.Available,
}
_MEASURAND_LISTS = (
    AlignedDataCtrlr.Measurands,
    AlignedDataCtrlr.TxEndedMeasurands,
    SampledDataCtrlr.TxEndedMeasurands,
    SampledDataCtrlr.TxStartedMeasurands,
    SampledDataCtrlr.TxUpdatedMeasurands,
)
_DERIVED = (
    OCPP16LegacyCtrlr.SupportedFeatureProfiles,
    LocalAuthListCtrlr.Entries,
    SmartChargingCtrlr.Entries_ChargingProfiles,
)
_RATE_UNITS = {"A": "Current", "W": "Power"}
_PHASE = re.compile(r"\.(?:L[123](?:-L[123]|-N)?|N)$")
_ROTATION = re.compile(r"(?:(\d{1,9})\.)?(?:NotApplicable|Unknown|RST|RTS|SRT|STR|TRS|TSR)")
_OFFSET = re.compile(r"[-+](?:[01][0-9]|2[0-3]):[0-5][0-9]|Z|")
_PUBLIC_KEY = re.compile(r"meterpublickey\[?([1-9][0-9]{0,3})\]?")
_PRICE_TEXT = "defaultpricetext,"
# Security whitepaper, 4.2: 16 to 40; shorter ones exist in the field.
_SHORTEST_PASSWORD = 8

_UNKNOWN = KeyRefusal(SetVariableStatus.UNKNOWN_VARIABLE)
_READ_ONLY = KeyRefusal(SetVariableStatus.REJECTED, StatusInfo("ReadOnly"))


class ConfigurationKeys:
    """The port LegacyKeys."""

    def __init__(
        self,
        device_model: DeviceModel,
        *,
        active: Callable[[], bool],
        custom: Mapping[str, ComponentVariable] | None = None,
        has_firmware_management: bool = False,
    ) -> None:
        """Show the device model as keys.

        `active` tells whether the version spoken last is 1.6. `custom` are keys of this station;
        one that is called as a key of OCPP replaces it.
        """
        self._device_model = device_model
        self._active = active
        self._has_firmware_management = has_firmware_management
        self._keys: dict[str, tuple[str, Key]] = {
            name.casefold(): (name, key) for name, key in KEYS.items()
        }
        for name, address in (custom or {}).items():
            self._keys[name.casefold()] = (name, Key(Kind.VALUE, False, address))
        self._profile_of = {
            name.casefold(): profile for profile, names in PROFILES.items() for name in names
        }
        self._by_variable: dict[ComponentVariable, str] = {}
        claims: Counter[ComponentVariable] = Counter()
        for name, key in self._keys.values():
            if key.kind is Kind.VALUE:
                address = self._canonical(key.address)
                self._by_variable[address] = name
                claims[address] += 1
        self._ambiguous = {address for address, count in claims.items() if count > 1}
        device_model.compute(OCPP16LegacyCtrlr.SupportedFeatureProfiles, self._supported_profiles)
        device_model.guard(OCPP16LegacyCtrlr.ConnectorPhaseRotation, self._judge_rotation)
        device_model.guard(OCPP16LegacyCtrlr.DefaultPrice, _judge_price)
        device_model.guard(OCPP16LegacyCtrlr.DefaultPriceText, _judge_price)
        for offset in (ClockCtrlr.TimeOffset, ClockCtrlr.TimeOffset_NextTransition):
            device_model.guard(offset, _judge_offset)

    @property
    def active(self) -> bool:
        """Whether the version spoken last is 1.6."""
        return self._active()

    # The port

    def names(self) -> tuple[str, ...]:
        """Return the keys that are not hidden, those of several languages or connectors too."""
        names = [
            name
            for folded, (name, key) in self._keys.items()
            if not self._is_hidden(key)
            and self._is_enabled(folded)
            and name not in ("MeterPublicKeys", "DefaultPriceText")
        ]
        names += [f"MeterPublicKey{number}" for number in range(1, len(self._public_keys()) + 1)]
        names += [f"DefaultPriceText,{language}" for language in self._price_texts()]
        return tuple(names)

    def read(self, key: str) -> ConfigurationKey | None:
        """Return a key and its value as 1.6 writes it; None if unknown or hidden."""
        folded = key.casefold()
        found = self._keys.get(folded)
        if found is None:
            return self._read_variant(key)
        name, definition = found
        if self._is_hidden(definition) or not self._is_enabled(folded):
            return None
        value: str | None
        match definition.kind:
            case Kind.VALUE:
                value = self._device_model.text(definition.address)
                if definition.address == SmartChargingCtrlr.RateUnit:
                    value = ",".join(_RATE_UNITS.get(unit, unit) for unit in members_of(value))
            case Kind.LIMIT:
                variable = self._device_model.find(definition.address)
                value = spell(variable.characteristics.max_limit) if variable else None
            case Kind.SLOT:
                value = self._device_model.text(self._slot_address(definition))
            case _:
                value = ",".join(self._supported_measurands())
        read_only = self._is_read_only(definition)
        return ConfigurationKey(name, read_only, value or None)

    def plan(self, key: str, value: str) -> tuple[SetVariable, ...] | KeyRefusal:
        """Return what writing a key writes; the first write is the key's own."""
        folded = key.casefold()
        found = self._keys.get(folded)
        if found is None:
            return self._plan_variant(key, value)
        name, definition = found
        if not self._is_enabled(folded):
            return _UNKNOWN
        if definition.read_only or definition.address in _DERIVED:
            return _READ_ONLY
        if definition.kind is Kind.SLOT:
            return self._plan_slot(name, self._slot_address(definition), value)
        if definition.address in _MEASURAND_LISTS:
            value = _without_phases(value)
        return (SetVariable(definition.address, value),)

    def address_of(self, key: str) -> ComponentVariable | None:
        """Return the variable behind a key now; None if unknown, hidden or computed."""
        found = self._keys.get(key.casefold())
        if found is None:
            if self._read_variant(key) is None:
                return None
            is_price = key.casefold().startswith(_PRICE_TEXT)
            return (
                OCPP16LegacyCtrlr.DefaultPriceText
                if is_price
                else OCPP16LegacyCtrlr.MeterPublicKeys
            )
        _, definition = found
        if self._is_hidden(definition) or not self._is_enabled(key.casefold()):
            return None
        match definition.kind:
            case Kind.VALUE:
                return definition.address
            case Kind.SLOT:
                return self._slot_address(definition)
            case _:
                return None

    def key_of(self, address: ComponentVariable) -> str | None:
        """Return the key that a variable is the value of; None if it has none."""
        return self._by_variable.get(self._canonical(address))

    def is_ambiguous(self, address: ComponentVariable) -> bool:
        """Tell whether more than one key claims to be a variable."""
        return bool(self._ambiguous) and self._canonical(address) in self._ambiguous

    def is_derived(self, address: ComponentVariable) -> bool:
        """Tell whether a variable follows from others: profiles, and counts of entries."""
        return self._canonical(address) in _DERIVED

    # Inside

    def _canonical(self, address: ComponentVariable) -> ComponentVariable:
        variable = self._device_model.find(address)
        return address if variable is None else variable.address

    def _is_hidden(self, definition: Key) -> bool:
        """Tell whether a key is a secret; a key of the station may stand for one, too."""
        return definition.hidden or self._mutability(definition) is Mutability.WRITE_ONLY

    def _mutability(self, definition: Key) -> Mutability | None:
        if definition.kind is not Kind.VALUE:
            return None
        variable = self._device_model.find(definition.address)
        if variable is None or variable.actual is None:
            return None
        return variable.actual.definition.mutability

    def _is_enabled(self, folded: str) -> bool:
        profile = self._profile_of.get(folded)
        return profile is None or self._is_supported(profile)

    def _is_supported(self, profile: str) -> bool:
        if profile == "FirmwareManagement":
            return self._has_firmware_management
        return self._device_model.flag(_AVAILABLE[profile])

    def _supported_profiles(self) -> str:
        """Return the feature profiles of 1.6 that this station has."""
        optional = [profile for profile in PROFILES if self._is_supported(profile)]
        return ",".join(["Core", *optional, "RemoteTrigger"])

    def _supported_measurands(self) -> list[str]:
        """Return what any list of measurands may name, each once."""
        found: dict[str, None] = {}
        for address in _MEASURAND_LISTS:
            variable = self._device_model.find(address)
            if variable is not None:
                found |= dict.fromkeys(variable.characteristics.values_list)
        return list(found)

    def _is_read_only(self, definition: Key) -> bool:
        if definition.read_only or definition.kind is not Kind.VALUE:
            return definition.read_only
        return self._mutability(definition) in (None, Mutability.READ_ONLY)

    # The slot in use

    def _active_slot(self) -> int:
        """Return the slot in use, or the first choice while none was ever used."""
        model = self._device_model
        active = model.integer(OCPPCommCtrlr.ActiveNetworkProfile)
        if active:
            return active
        priority = model.members(OCPPCommCtrlr.NetworkConfigurationPriority)
        return int(priority[0]) if priority and priority[0].isdecimal() else 0

    def _slot_address(self, definition: Key) -> ComponentVariable:
        """Return the variable of the slot in use; SecurityCtrlr's where the slot has no value."""
        name = definition.address.variable
        of_slot = ComponentVariable(
            Component("NetworkConfiguration", str(self._active_slot())), name
        )
        model = self._device_model
        if not model.has(of_slot) and model.has(definition.address):
            return definition.address
        return of_slot

    def _plan_slot(
        self, name: str, address: ComponentVariable, value: str
    ) -> tuple[SetVariable, ...] | KeyRefusal:
        if name == "AuthorizationKey":
            if len(value) < _SHORTEST_PASSWORD:
                return _rejected("InvalidValue", f"is shorter than {_SHORTEST_PASSWORD} characters")
            return (SetVariable(address, value),)
        return self._plan_security_profile(value)

    def _plan_security_profile(self, value: str) -> tuple[SetVariable, ...] | KeyRefusal:
        """Raise the security profile (A05 of the security whitepaper): never down.

        The address of the CSMS goes over TLS from profile 2 on, so its scheme changes as well.
        """
        model, slot = self._device_model, self._active_slot()
        if value not in ("0", "1", "2", "3"):
            return _rejected("InvalidValue", "is not a security profile")
        profile = int(value)
        now = max(
            model.integer(SecurityCtrlr.SecurityProfile),
            model.integer(NetworkConfiguration.SecurityProfile(slot)),
        )
        if profile <= now:  # A05.FR.01
            return _rejected("NoSecurityDowngrade", f"is not above security profile {now}")
        if profile in (1, 2) and not (
            model.has(NetworkConfiguration.BasicAuthPassword(slot))
            or model.has(SecurityCtrlr.BasicAuthPassword)
        ):
            return _rejected("MissingParam", "set AuthorizationKey first")
        url = model.text(NetworkConfiguration.OcppCsmsUrl(slot))
        scheme, _, rest = url.partition("://")
        wanted = "wss" if profile > 1 else "ws"
        writes = [SetVariable(NetworkConfiguration.SecurityProfile(slot), value)]
        if url and scheme.casefold() != wanted:
            writes.append(SetVariable(NetworkConfiguration.OcppCsmsUrl(slot), f"{wanted}://{rest}"))
        return tuple(writes)

    # Keys that there are several of

    def _public_keys(self) -> tuple[str, ...]:
        return (
            tuple(self._device_model.text(OCPP16LegacyCtrlr.MeterPublicKeys).split(","))
            if (self._device_model.has(OCPP16LegacyCtrlr.MeterPublicKeys))
            else ()
        )

    def _connectors(self) -> int:
        return self._device_model.integer(OCPP16LegacyCtrlr.NumberOfConnectors)

    def _price_texts(self) -> dict[str, dict[str, object]]:
        """Return the texts of DefaultPriceText by language."""
        text = self._device_model.text(OCPP16LegacyCtrlr.DefaultPriceText)
        try:
            document = json.loads(text) if text else {}
        except (ValueError, RecursionError):
            return {}
        entries = document.get("priceTexts") if isinstance(document, dict) else None
        return {
            entry["language"]: {key: entry[key] for key in entry if key != "language"}
            for entry in (entries if isinstance(entries, list) else [])
            if isinstance(entry, dict) and isinstance(entry.get("language"), str)
        }

    def _read_variant(self, key: str) -> ConfigurationKey | None:
        folded = key.casefold()
        if match := _PUBLIC_KEY.fullmatch(folded):
            number = int(match[1])
            keys = self._public_keys()
            if number > max(self._connectors(), len(keys)):
                return None
            value = keys[number - 1] if number <= len(keys) else ""
            return ConfigurationKey(f"MeterPublicKey{number}", False, value or None)
        if folded.startswith(_PRICE_TEXT):
            language = folded.removeprefix(_PRICE_TEXT)
            for known, text in self._price_texts().items():
                if known.casefold() == language:
                    value = json.dumps(text, ensure_ascii=False)
                    return ConfigurationKey(f"DefaultPriceText,{known}", False, value)
        return None

    def _plan_variant(self, key: str, value: str) -> tuple[SetVariable, ...] | KeyRefusal:
        folded = key.casefold()
        if match := _PUBLIC_KEY.fullmatch(folded):
            number = int(match[1])
            if number > self._connectors():
                return _UNKNOWN
            if "," in value:
                return _rejected("InvalidValue", "a public key has no comma")
            keys = list(self._public_keys())
            keys += [""] * (number - len(keys))
            keys[number - 1] = value
            return (SetVariable(OCPP16LegacyCtrlr.MeterPublicKeys, ",".join(keys)),)
        if folded.startswith(_PRICE_TEXT):
            return self._plan_price_text(key[len(_PRICE_TEXT) :], value)
        return _UNKNOWN

    def _plan_price_text(self, language: str, value: str) -> tuple[SetVariable, ...] | KeyRefusal:
        supported = self._device_model.members(OCPP16LegacyCtrlr.SupportedLanguages)
        spelled = {each.casefold(): each for each in supported}
        if not language or (spelled and language.casefold() not in spelled):
            return _UNKNOWN
        language = spelled.get(language.casefold(), language)
        try:
            text = json.loads(value)
        except (ValueError, RecursionError):
            text = None
        if not isinstance(text, dict):
            return _rejected("InvalidValue", "is not a JSON object")
        texts = {
            each: entry
            for each, entry in self._price_texts().items()
            if each.casefold() != language.casefold()
        } | {language: text}
        document = {"priceTexts": [entry | {"language": each} for each, entry in texts.items()]}
        written = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        return (SetVariable(OCPP16LegacyCtrlr.DefaultPriceText, written),)

    # Values with a form of their own

    def _judge_rotation(self, value: str) -> tuple[SetVariableStatus, StatusInfo | None] | None:
        """Take `0.RST,1.RTS`, with connectors that there are, or one rotation for all."""
        for part in members_of(value):
            match = _ROTATION.fullmatch(part)
            if match is None or (match[1] and int(match[1]) > self._connectors()):
                info = StatusInfo("InvalidValue", "is not a list of <connector>.<rotation>")
                return SetVariableStatus.REJECTED, info
        return None


def _rejected(code: str, text: str) -> KeyRefusal:
    return KeyRefusal(SetVariableStatus.REJECTED, StatusInfo(code, text))


def _without_phases(value: str) -> str:
    """Leave out phases (`Voltage.L1`): a measurand is reported for each phase that there is."""
    if "," in value and len(members_of(value)) != value.count(",") + 1:
        return value  # an empty element: refused as it is
    return ",".join(dict.fromkeys(_PHASE.sub("", part) for part in members_of(value)))


def _judge_price(value: str) -> tuple[SetVariableStatus, StatusInfo | None] | None:
    try:
        valid = not value or isinstance(json.loads(value), dict)
    except (ValueError, RecursionError):
        valid = False
    if valid:
        return None
    return SetVariableStatus.REJECTED, StatusInfo("InvalidValue", "is not a JSON object")


def _judge_offset(value: str) -> tuple[SetVariableStatus, StatusInfo | None] | None:
    if _OFFSET.fullmatch(value):
        return None
    return SetVariableStatus.REJECTED, StatusInfo("InvalidValue", "is not an offset such as +01:00")
