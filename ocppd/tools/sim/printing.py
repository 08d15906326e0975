"""What happened and what is, in words for people."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

QUIET = frozenset({"Acknowledged", "ProvidedToken"})
_SKIPPED = frozenset({"evse_id", "uuid", "timestamp", "event", "connector_id"})


def line(what: str, details: Mapping[str, Any], now: datetime) -> str:
    """Return one line about something that happened."""
    evse_id = details.get("evse_id") or 0
    where = f"EVSE {evse_id}" if evse_id else "charger"
    facts = ", ".join(_facts(details))
    return f"{now:%H:%M:%S} {where:8} {what}" + (f": {facts}" if facts else "")


def _facts(details: Mapping[str, Any]) -> list[str]:
    facts = []
    for key, value in details.items():
        if key in _SKIPPED:
            continue
        if isinstance(value, Mapping):
            facts += _session_facts(value)
        elif value not in ("", [], None):
            facts.append(f"{key} {value}")
    return facts


def _session_facts(part: Mapping[str, Any]) -> list[str]:
    """Return what matters of a part of a session event: reasons, token, register."""
    facts = []
    if "reason" in part:
        facts.append(str(part["reason"]))
    if "reasons" in part:
        facts.append("+".join(part["reasons"]))
    if "id_tag" in part:
        facts.append(f"token {part['id_tag']['id_token']['value']}")
    energy = part.get("meter_value", {}).get("energy_Wh_import")
    if energy:
        facts.append(f"{energy['total']:.1f} Wh")
    if "signed_meter_value" in part:
        facts.append("signed")
    return facts


def state(values: Mapping[str, Any]) -> str:
    """Return the state of the charger as a table."""
    power = "on" if values["powered"] else "off"
    lines = [
        f"power {power}, booted by {values['boot_reason']}, "
        f"{values['waiting_reports']} reports wait for ocppd"
    ]
    for evse in values["evses"]:
        words = [f"EVSE {evse['id']}: {evse['phase']}"]
        if evse["connector"]:
            soc = f", {evse['soc']:.1f} %" if "soc" in evse else ""
            words.append(f"car at connector {evse['connector']}{soc}")
        if "token" in evse:
            words.append(f"token {evse['token']}")
        words.append(f"{evse['power_w']:.0f} W")
        if "charged_wh" in evse:
            words.append(f"{evse['charged_wh']:.1f} Wh charged")
        words.append(f"register {evse['register_wh']:.1f} Wh")
        if "limit" in evse:
            words.append(f"limit {evse['limit']:g} {evse['limit_unit']}")
        if not evse["enabled"]:
            words.append("disabled")
        if evse["faults"]:
            words.append("faults " + " ".join(evse["faults"]))
        lines.append(", ".join(words))
    return "\n".join(lines)
