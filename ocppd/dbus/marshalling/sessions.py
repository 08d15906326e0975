"""What the host reports of its EVSEs."""

from typing import Any

from ocppd.dbus.binding import Variant
from ocppd.dbus.marshalling.schema import (
    Mistake,
    Reader,
    argument,
    array,
    boolean,
    choice,
    dictionary,
    from_dict,
    integer,
    moment,
    number,
    optional,
    required,
    text,
    word,
)
from ocppd.dbus.marshalling.tokens import PROVIDED_ID_TOKEN
from ocppd.model.sessions import (
    EvInfo,
    EvseLimits,
    HwCapabilities,
    PauseReason,
    PerPhase,
    Powermeter,
    SessionEvent,
    SessionEventType,
    SessionStartReason,
    SignedMeterValue,
    SignedPerPhase,
    StopReason,
    Temperature,
)

SIGNED_METER_VALUE: Reader[SignedMeterValue] = dictionary(
    SignedMeterValue,
    required("signed_meter_data", text(32768)),
    required("signing_method", text(50)),
    required("encoding_method", text(50)),
    optional("public_key", text(2500)),
    optional("timestamp", moment),
)


def _per_phase(needed: str, *others: str) -> Reader[PerPhase]:
    """Read a quantity by conductor; `needed` names the key that must be there, if any."""
    keys = [required(needed, number(), needed.lower())] if needed else []
    return dictionary(PerPhase, *keys, *(optional(key, number(), key.lower()) for key in others))


def _signed_per_phase(*keys: str) -> Reader[SignedPerPhase]:
    return dictionary(
        SignedPerPhase, *(optional(key, SIGNED_METER_VALUE, key.lower()) for key in keys)
    )


_TOTALS = _per_phase("total", "L1", "L2", "L3")
_SIGNED_TOTALS = _signed_per_phase("total", "L1", "L2", "L3")

POWERMETER: Reader[Powermeter] = dictionary(
    Powermeter,
    required("timestamp", moment),
    required("energy_Wh_import", _TOTALS, "energy_wh_import"),
    optional("energy_Wh_export", _TOTALS, "energy_wh_export"),
    optional("power_W", _TOTALS, "power_w"),
    optional("VAR", _TOTALS, "var"),
    optional("voltage_V", _per_phase("", "DC", "L1", "L2", "L3"), "voltage_v"),
    optional("current_A", _per_phase("", "DC", "L1", "L2", "L3", "N"), "current_a"),
    optional("frequency_Hz", _per_phase("L1", "L2", "L3"), "frequency_hz"),
    optional("energy_Wh_import_signed", _SIGNED_TOTALS, "energy_wh_import_signed"),
    optional("energy_Wh_export_signed", _SIGNED_TOTALS, "energy_wh_export_signed"),
    optional("power_W_signed", _SIGNED_TOTALS, "power_w_signed"),
    optional("VAR_signed", _SIGNED_TOTALS, "var_signed"),
    optional("voltage_V_signed", _signed_per_phase("DC", "L1", "L2", "L3"), "voltage_v_signed"),
    optional(
        "current_A_signed", _signed_per_phase("DC", "L1", "L2", "L3", "N"), "current_a_signed"
    ),
    optional("frequency_Hz_signed", _signed_per_phase("L1", "L2", "L3"), "frequency_hz_signed"),
    optional("signed_meter_value", SIGNED_METER_VALUE),
    optional("meter_id", text(50)),
    optional("phase_seq_error", boolean),
    optional(
        "temperatures",
        array(
            dictionary(
                Temperature,
                required("temperature", number()),
                optional("identification", text(50)),
                optional("location", text(50)),
            ),
            20,
        ),
    ),
)

_METER_VALUE = required("meter_value", POWERMETER)
_SIGNED = optional("signed_meter_value", SIGNED_METER_VALUE)
_ID_TAG = optional("id_tag", PROVIDED_ID_TOKEN, "id_token")
_RESERVATION_ID = optional("reservation_id", integer())

_PARTS = {
    "session_started": dictionary(
        dict[str, Any],
        required("reason", choice(SessionStartReason), "start_reason"),
        _METER_VALUE,
        _ID_TAG,
        _SIGNED,
        _RESERVATION_ID,
        optional("logging_path", text(4096)),
    ),
    "session_finished": dictionary(dict[str, Any], _METER_VALUE),
    "transaction_started": dictionary(
        dict[str, Any],
        required("id_tag", PROVIDED_ID_TOKEN, "id_token"),
        _METER_VALUE,
        _SIGNED,
        _RESERVATION_ID,
    ),
    "transaction_finished": dictionary(
        dict[str, Any],
        _METER_VALUE,
        optional("start_signed_meter_value", SIGNED_METER_VALUE),
        _SIGNED,
        optional("reason", choice(StopReason), "stop_reason"),
        _ID_TAG,
    ),
    "charging_paused_evse": dictionary(
        dict[str, Any], required("reasons", array(choice(PauseReason), 3), "pause_reasons")
    ),
    "charging_state_changed_event": dictionary(dict[str, Any], _METER_VALUE),
    "authorization_event": dictionary(dict[str, Any], _METER_VALUE),
}

# Which part an event cannot do without, and to which event a part belongs alone.
_NEEDED = {
    SessionEventType.SESSION_STARTED: "session_started",
    SessionEventType.SESSION_FINISHED: "session_finished",
    SessionEventType.TRANSACTION_STARTED: "transaction_started",
    SessionEventType.TRANSACTION_FINISHED: "transaction_finished",
}
_BELONGS = {part: event for event, part in _NEEDED.items()} | {
    "charging_paused_evse": SessionEventType.CHARGING_PAUSED_EVSE
}


def _session_event(event: SessionEventType, **arguments: Any) -> SessionEvent:
    """Make an event of its parts, which are flattened."""
    parts = {name: arguments.pop(name) for name in _PARTS if name in arguments}
    needed = _NEEDED.get(event)
    if needed is not None and needed not in parts:
        raise Mistake("missing", f".{needed}")
    flat: dict[str, Any] = {}
    for name, part in parts.items():
        belongs = _BELONGS.get(name)
        if belongs is not None and belongs is not event:
            raise Mistake(f"belongs to {belongs}, not to {event}", f".{name}")
        flat.update(part)
    return SessionEvent(event=event, **arguments, **flat)


SESSION_EVENT: Reader[SessionEvent] = dictionary(
    _session_event,
    required("uuid", text(36, minimum=1)),
    required("timestamp", moment),
    required("event", choice(SessionEventType)),
    optional("connector_id", integer(0)),  # 0: all connectors, of Enabled and Disabled
    optional("source", text(100)),
    *(optional(name, reader) for name, reader in _PARTS.items()),
)

_POSITIVE = number(0)
_PERCENT = number(0, 100)
_EV_INFO: Reader[EvInfo] = dictionary(
    EvInfo,
    optional("soc", _PERCENT),
    optional("evcc_id", text(255)),
    optional("present_voltage", number()),
    optional("present_current", number()),
    optional("target_voltage", number()),
    optional("target_current", number()),
    optional("maximum_current_limit", number()),
    optional("minimum_current_limit", number()),
    optional("maximum_voltage_limit", number()),
    optional("maximum_power_limit", number()),
    optional("estimated_time_full", moment),
    optional("departure_time", moment),
    optional("remaining_energy_needed", number()),
    optional("battery_capacity", number()),
    optional("battery_full_soc", _PERCENT),
    optional("battery_bulk_soc", _PERCENT),
)
_HW_CAPABILITIES: Reader[HwCapabilities] = dictionary(
    HwCapabilities,
    required("max_current_A_import", _POSITIVE, "max_current_a_import"),
    required("min_current_A_import", _POSITIVE, "min_current_a_import"),
    required("max_phase_count_import", integer(1, 3)),
    required("min_phase_count_import", integer(1, 3)),
    required("max_current_A_export", _POSITIVE, "max_current_a_export"),
    required("min_current_A_export", _POSITIVE, "min_current_a_export"),
    required("max_phase_count_export", integer(0, 3)),
    required("min_phase_count_export", integer(0, 3)),
    required("supports_changing_phases_during_charging", boolean),
    required("connector_type", text(50)),
    optional("supports_cp_state_E", boolean, "supports_cp_state_e"),
    optional("max_plug_temperature_C", number(), "max_plug_temperature_c"),
)


def _evse_limits(
    max_current: float, nr_of_phases_available: int, uuid: str | None = None
) -> EvseLimits:
    return EvseLimits(uuid, max_current, nr_of_phases_available)


_LIMITS: Reader[EvseLimits] = dictionary(
    _evse_limits,
    optional("uuid", text(50)),
    required("max_current", _POSITIVE),
    required("nr_of_phases_available", integer(0, 3)),
)
_MODES = array(
    word(
        "AC_single_phase_core",
        "AC_two_phase",
        "AC_three_phase_core",
        "DC_core",
        "DC_extended",
        "DC_combo_core",
        "DC_unique",
        "DC",
        "AC_BPT",
        "AC_BPT_DER",
        "AC_DER_IEC",
        "AC_DER_SAE",
        "DC_BPT",
        "DC_ACDP",
        "DC_ACDP_BPT",
        "WPT",
        "MCS",
        "MCS_BPT",
    ),
    32,
)
_PUBLIC_KEY = text(2500)


def session_event(event: dict[str, Variant]) -> SessionEvent:
    """Read the argument of ReportSessionEvent; raises InvalidArgument."""
    return from_dict("event", SESSION_EVENT, event)


def powermeter(reading: dict[str, Variant]) -> Powermeter:
    """Read the argument of ReportPowermeter; raises InvalidArgument."""
    return from_dict("reading", POWERMETER, reading)


def public_key(key: str) -> str:
    """Read the argument of ReportPowermeterPublicKeyOcmf; raises InvalidArgument."""
    return argument("public_key", _PUBLIC_KEY, "s", key)


def ev_info(info: dict[str, Variant]) -> EvInfo:
    """Read the argument of ReportEvInfo; raises InvalidArgument."""
    return from_dict("ev_info", _EV_INFO, info)


def hw_capabilities(capabilities: dict[str, Variant]) -> HwCapabilities:
    """Read the argument of ReportHwCapabilities; raises InvalidArgument."""
    return from_dict("capabilities", _HW_CAPABILITIES, capabilities)


def evse_limits(limits: dict[str, Variant]) -> EvseLimits:
    """Read the argument of ReportLimits; raises InvalidArgument."""
    return from_dict("limits", _LIMITS, limits)


def energy_transfer_modes(modes: list[str]) -> tuple[str, ...]:
    """Read the argument of ReportSupportedEnergyTransferModes; raises InvalidArgument."""
    return argument("modes", _MODES, "as", modes)
