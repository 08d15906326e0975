"""OCPP traffic in words: one readable line for a frame, and why something was refused.

Shared by the CSMS (which sees the frames on its wire), `ocppctl messages` (which gets them from the
bus) and the demonstration.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from ocppd.tools.frames import Frame, Kind, parse

_WIDTH = 160
_REMEMBERED = 200
_ODD = (AttributeError, TypeError, KeyError, IndexError, ValueError)
"""What a payload that is not built as its schema says may lead to: then show what is there."""
_ACCEPTING = frozenset(
    {
        "Accepted",
        "AcceptedCanceled",
        "Scheduled",
        "Unlocked",
        "RebootRequired",
        "Processing",
        "Unpublished",
        "NoProfiles",
    }
)


@dataclass(frozen=True, slots=True)
class Line:
    """A frame in words."""

    kind: Kind
    action: str
    """Of an answer: the action of its request, where that was seen."""
    summary: str
    """What it says, in a few words."""
    refusal: str
    """Why something was refused, or empty."""
    frame: Frame

    @property
    def mark(self) -> str:
        """One character for the kind of the frame."""
        if self.refusal:
            return "✗"
        return {Kind.CALL: "→", Kind.SEND: "→", Kind.CALL_RESULT: "✓"}.get(self.kind, "✗")

    def __str__(self) -> str:
        """Return the line without time and direction."""
        name = self.action or ("answer" if self.kind is not Kind.BAD else "unreadable")
        text = f"{self.mark} {name} {self.summary}".rstrip()
        return f"{text} -- {self.refusal}" if self.refusal else text


class Decoder:
    """Puts frames in words, remembering requests so that their answers can be named.

    One decoder for each connection, as message ids belong to it.
    """

    def __init__(self) -> None:
        self._asked: OrderedDict[str, str] = OrderedDict()

    def decode(self, text: str) -> Line:
        """Put the text of a frame in words; never raises."""
        frame = parse(text)
        if frame.kind is Kind.CALL:
            self._asked[frame.message_id] = frame.action
            while len(self._asked) > _REMEMBERED:
                self._asked.popitem(last=False)
        action = frame.action
        if frame.kind in (Kind.CALL_RESULT, Kind.CALL_ERROR):
            action = self._asked.pop(frame.message_id, "")
        return line_of(frame, action)


def line_of(frame: Frame, action: str) -> Line:
    """Put a frame in words; `action` names an answer's request."""
    return Line(frame.kind, action, summary_of(frame, action), refusal_of(frame), frame)


def refusal_of(frame: Frame) -> str:
    """Return why a frame refuses something, or an empty text when it does not."""
    match frame.kind:
        case Kind.BAD:
            return frame.description
        case Kind.CALL_ERROR | Kind.CALL_RESULT_ERROR:
            return f"{frame.error_code}: {frame.description}".rstrip(": ")
        case Kind.CALL_RESULT if isinstance(frame.payload, dict):
            try:
                return _refused_result(frame.payload)
            except _ODD:
                return ""
        case _:
            return ""


def _refused_result(payload: dict[str, Any]) -> str:
    reasons = []
    status = payload.get("status")
    if isinstance(status, str) and status not in _ACCEPTING:
        reasons.append(_status_and_info(payload, "status", "statusInfo"))
    for name in ("idTagInfo", "idTokenInfo"):
        info = payload.get(name)
        if isinstance(info, dict) and info.get("status") not in (None, "Accepted"):
            reasons.append(f"{info['status']}")
    for name, key, more in (
        ("getVariableResult", "attributeStatus", "attributeStatusInfo"),
        ("setVariableResult", "attributeStatus", "attributeStatusInfo"),
        ("setMonitoringResult", "status", "statusInfo"),
        ("clearMonitoringResult", "status", "statusInfo"),
        ("clearTariffsResult", "status", "statusInfo"),
    ):
        for item in _dicts(payload.get(name)):
            if item.get(key) not in _ACCEPTING:
                where = variable_name(item) or item.get("id", "")
                reasons.append(f"{where} {_status_and_info(item, key, more)}".strip())
    if payload.get("unknownKey"):
        reasons.append(f"unknown: {', '.join(map(str, payload['unknownKey']))}")
    return _cut("; ".join(reasons))


def _status_and_info(item: dict[str, Any], key: str, more: str) -> str:
    info = item.get(more)
    text = str(item.get(key))
    if isinstance(info, dict):
        details = [info.get("reasonCode"), info.get("additionalInfo")]
        text += f" ({': '.join(str(detail) for detail in details if detail)})"
    return text


def summary_of(frame: Frame, action: str) -> str:
    """Return what a frame says, in a few words."""
    payload = frame.payload
    if frame.kind is Kind.BAD:
        return _cut(frame.text, 60)
    if not isinstance(payload, dict) or frame.kind in (Kind.CALL_ERROR, Kind.CALL_RESULT_ERROR):
        return ""
    try:
        result = frame.kind is Kind.CALL_RESULT
        words = _result(action, payload) if result else _request(action, payload)
    except _ODD:
        words = _plain(payload)
    return _cut(words)


def _result(action: str, payload: dict[str, Any]) -> str:
    words = []
    if isinstance(payload.get("status"), str):
        words.append(payload["status"])
    words += [
        str(payload[name].get("status"))
        for name in ("idTagInfo", "idTokenInfo")
        if isinstance(payload.get(name), dict)
    ]
    words += [
        f"{variable_name(item)}={item.get('attributeValue', '?')}"
        for item in _dicts(payload.get("getVariableResult"))
    ]
    words += [
        f"{variable_name(item)} {item.get('attributeStatus')}"
        for item in _dicts(payload.get("setVariableResult"))
    ]
    words += [
        f"{item.get('key')}={item.get('value', '')}"
        for item in _dicts(payload.get("configurationKey"))
    ]
    names = ("interval", "transactionId", "totalCost", "listVersion", "versionNumber")
    words += [f"{name} {payload[name]}" for name in names if name in payload]
    if action == "Heartbeat" and "currentTime" in payload:
        words.append(str(payload["currentTime"]))
    return ", ".join(words)


def _request(action: str, payload: dict[str, Any]) -> str:
    match action:
        case "BootNotification":
            station = payload.get("chargingStation", {})
            vendor = station.get("vendorName") or payload.get("chargePointVendor", "")
            model = station.get("model") or payload.get("chargePointModel", "")
            reason = payload.get("reason")
            return f"{vendor} {model}" + (f", {reason}" if reason else "")
        case "StatusNotification":
            return _status_notification(payload)
        case "Authorize":
            return _token(payload)
        case "StartTransaction":
            return (
                f"connector {payload.get('connectorId')}, {payload.get('idTag')}, "
                f"{payload.get('meterStart')} Wh"
            )
        case "StopTransaction":
            return (
                f"transaction {payload.get('transactionId')}, {payload.get('meterStop')} Wh, "
                f"{payload.get('reason', 'Local')}"
            )
        case "MeterValues":
            where = payload.get("connectorId", payload.get("evseId"))
            return f"at {where}: {samples(payload.get('meterValue', []))}"
        case "TransactionEvent":
            return _transaction_event(payload)
        case "GetVariables":
            return ", ".join(map(variable_name, payload["getVariableData"]))
        case "SetVariables":
            return ", ".join(
                f"{variable_name(item)}={item.get('attributeValue')}"
                for item in payload["setVariableData"]
            )
        case "NotifyReport" | "NotifyMonitoringReport":
            items = payload.get("reportData", payload.get("monitor", []))
            more = ", more to come" if payload.get("tbc") else ""
            return f"request {payload.get('requestId')}: {len(items)} items{more}"
        case "NotifyEvent":
            return ", ".join(
                f"{variable_name(item)}={item.get('actualValue')} ({item.get('trigger')})"
                for item in payload["eventData"]
            )
        case _:
            return _plain(payload)


def _status_notification(payload: dict[str, Any]) -> str:
    if "connectorStatus" in payload:
        where = f"EVSE {payload.get('evseId')}.{payload.get('connectorId')}"
        return f"{where} {payload['connectorStatus']}"
    number = payload.get("connectorId")
    text = f"{f'connector {number}' if number else 'station'} {payload.get('status')}"
    if payload.get("errorCode") not in (None, "NoError"):
        text += f", {payload['errorCode']}"
    return f"{text}, {payload['info']}" if payload.get("info") else text


def _token(payload: dict[str, Any]) -> str:
    if "idTag" in payload:
        return str(payload["idTag"])
    token = payload.get("idToken", {})
    return f"{token.get('idToken')} ({token.get('type')})"


def _transaction_event(payload: dict[str, Any]) -> str:
    info = payload.get("transactionInfo", {})
    words = [
        str(payload.get("eventType")),
        str(payload.get("triggerReason")),
        f"seqNo {payload.get('seqNo')}",
        f"transaction {str(info.get('transactionId'))[:8]}",
    ]
    words += [str(info[name]) for name in ("chargingState", "stoppedReason") if name in info]
    if "evse" in payload:
        words.append(f"EVSE {payload['evse'].get('id')}")
    if "idToken" in payload:
        words.append(_token(payload))
    if payload.get("meterValue"):
        words.append(samples(payload["meterValue"]))
    if payload.get("offline"):
        words.append("offline")
    return ", ".join(words)


_SHORT = {
    "Energy.Active.Import.Register": "",
    "Power.Active.Import": "",
    "Current.Import": "",
    "Voltage": "",
    "SoC": "SoC ",
}


def samples(meter_values: list[dict[str, Any]]) -> str:
    """Return the newest samples in words: totals first, phases left out."""
    words = []
    newest = meter_values[-1] if meter_values else {}
    for sample in newest.get("sampledValue", []):
        if sample.get("phase") or sample.get("format") == "SignedData":
            continue
        measurand = sample.get("measurand", "Energy.Active.Import.Register")
        if measurand not in _SHORT:
            continue
        unit = sample.get("unit") or sample.get("unitOfMeasure", {}).get("unit")
        multiplier = sample.get("unitOfMeasure", {}).get("multiplier", 0)
        default = "Wh" if measurand.startswith("Energy") else ""
        power = f"e{multiplier}" if multiplier else ""
        unit = "%" if unit == "Percent" else unit or default
        words.append(f"{_SHORT[measurand]}{sample.get('value')}{power} {unit}".rstrip())
    count = f" ({len(meter_values)} sets)" if len(meter_values) > 1 else ""
    return ", ".join(words) + count


def variable_name(item: Any) -> str:
    """Return `Component[instance].Variable[instance]@evse.connector` of an OCPP item."""
    if not isinstance(item, dict):
        return ""
    component, variable = item.get("component"), item.get("variable")
    if not isinstance(component, dict) or not isinstance(variable, dict):
        return ""
    text = ".".join(
        part.get("name", "") + (f"[{part['instance']}]" if part.get("instance") else "")
        for part in (component, variable)
    )
    evse = component.get("evse")
    if isinstance(evse, dict):
        text += f"@{evse.get('id')}"
        connector = evse.get("connectorId", evse.get("connector_id"))
        text += f".{connector}" if connector is not None else ""
    return text


def _plain(payload: dict[str, Any]) -> str:
    """Return what is there: names and values, nested things by their size."""
    words = []
    for name, value in payload.items():
        if isinstance(value, dict):
            inner = [f"{key} {item}" for key, item in value.items() if not _nested(item)]
            words.append(f"{name} ({', '.join(inner)})")
        elif isinstance(value, list):
            plain = not any(map(_nested, value))
            words.append(f"{name} {', '.join(map(str, value)) if plain else len(value)}")
        else:
            words.append(f"{name} {value}")
    return ", ".join(words)


def _nested(value: Any) -> bool:
    return isinstance(value, dict | list)


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _cut(text: str, width: int = _WIDTH) -> str:
    """Cut a text to a line; what a terminal would obey is shown as a question mark."""
    clean = "".join(character if character.isprintable() else "?" for character in text)
    return clean if len(clean) <= width else clean[: width - 1] + "…"
