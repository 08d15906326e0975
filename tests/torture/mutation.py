"""Frames as a CSMS sends them, and what can be made of them: by bytes, or in their structure."""

import copy
import json
import random
from typing import Any

MAX_READABLE_ID = 36

_COMPONENT = {"name": "OCPPCommCtrlr"}
_HEARTBEAT = {"component": _COMPONENT, "variable": {"name": "HeartbeatInterval"}}
_TOKEN = {"idToken": "04A224B2", "type": "ISO14443"}
_PERIODS = [{"startPeriod": 0, "limit": 16.0}, {"startPeriod": 3600, "limit": 10.5}]
_SCHEDULE = {"chargingRateUnit": "A", "chargingSchedulePeriod": _PERIODS}

_RECORDED_16: list[tuple[str, dict[str, Any]]] = [
    ("GetConfiguration", {"key": ["HeartbeatInterval", "NumberOfConnectors", "Nonsense"]}),
    ("GetConfiguration", {}),
    ("ChangeConfiguration", {"key": "LightIntensity", "value": "50"}),
    ("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "60"}),
    ("ChangeAvailability", {"connectorId": 1, "type": "Operative"}),
    ("ClearCache", {}),
    ("DataTransfer", {"vendorId": "com.example", "messageId": "m", "data": '{"a": [1, 2.5]}'}),
    ("RemoteStartTransaction", {"idTag": "04A224B2", "connectorId": 1}),
    ("RemoteStopTransaction", {"transactionId": 4711}),
    ("UnlockConnector", {"connectorId": 1}),
    ("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 1}),
    ("TriggerMessage", {"requestedMessage": "Heartbeat"}),
    ("GetLocalListVersion", {}),
    (
        "SendLocalList",
        {
            "listVersion": 3,
            "updateType": "Full",
            "localAuthorizationList": [
                {"idTag": "04A224B2", "idTagInfo": {"status": "Accepted"}},
                {
                    "idTag": "B",
                    "idTagInfo": {"status": "Blocked", "expiryDate": "2027-01-01T00:00:00Z"},
                },
            ],
        },
    ),
    (
        "SetChargingProfile",
        {
            "connectorId": 0,
            "csChargingProfiles": {
                "chargingProfileId": 1,
                "stackLevel": 0,
                "chargingProfilePurpose": "ChargePointMaxProfile",
                "chargingProfileKind": "Absolute",
                "chargingSchedule": _SCHEDULE | {"startSchedule": "2026-03-01T00:00:00Z"},
            },
        },
    ),
    ("GetCompositeSchedule", {"connectorId": 1, "duration": 3600, "chargingRateUnit": "W"}),
    ("ReserveNow", {"connectorId": 1, "expiryDate": "2027-01-01T00:00:00Z", "idTag": "A"}),
    ("CancelReservation", {"reservationId": 1}),
]

_RECORDED_2: list[tuple[str, dict[str, Any]]] = [
    ("GetVariables", {"getVariableData": [_HEARTBEAT, _HEARTBEAT | {"attributeType": "Target"}]}),
    ("SetVariables", {"setVariableData": [_HEARTBEAT | {"attributeValue": "86400"}]}),
    ("GetBaseReport", {"requestId": 1, "reportBase": "SummaryInventory"}),
    (
        "GetReport",
        {
            "requestId": 2,
            "componentCriteria": ["Problem"],
            "componentVariable": [{"component": _COMPONENT}],
        },
    ),
    ("ChangeAvailability", {"operationalStatus": "Operative", "evse": {"id": 1}}),
    ("ClearCache", {}),
    ("DataTransfer", {"vendorId": "com.example", "messageId": "m", "data": {"a": [1, 2.5, None]}}),
    (
        "RequestStartTransaction",
        {"remoteStartId": 7, "evseId": 1, "idToken": _TOKEN | {"type": "ISO14443"}},
    ),
    ("RequestStopTransaction", {"transactionId": "0a1b2c3d-0000-4000-8000-000000000000"}),
    ("GetTransactionStatus", {}),
    ("UnlockConnector", {"evseId": 1, "connectorId": 1}),
    ("TriggerMessage", {"requestedMessage": "StatusNotification", "evse": {"id": 1}}),
    ("TriggerMessage", {"requestedMessage": "Heartbeat"}),
    ("GetLocalListVersion", {}),
    (
        "SendLocalList",
        {
            "versionNumber": 3,
            "updateType": "Full",
            "localAuthorizationList": [
                {"idToken": _TOKEN, "idTokenInfo": {"status": "Accepted"}},
            ],
        },
    ),
    (
        "SetChargingProfile",
        {
            "evseId": 0,
            "chargingProfile": {
                "id": 1,
                "stackLevel": 0,
                "chargingProfilePurpose": "ChargingStationMaxProfile",
                "chargingProfileKind": "Absolute",
                "chargingSchedule": [
                    {"id": 1, "startSchedule": "2026-03-01T00:00:00Z"} | _SCHEDULE
                ],
            },
        },
    ),
    ("GetCompositeSchedule", {"evseId": 1, "duration": 3600, "chargingRateUnit": "W"}),
    ("ReserveNow", {"id": 1, "expiryDateTime": "2027-01-01T00:00:00Z", "idToken": _TOKEN}),
    (
        "SetVariableMonitoring",
        {"setMonitoringData": [_HEARTBEAT | {"value": 1.5, "type": "Periodic", "severity": 5}]},
    ),
    ("CustomerInformation", {"requestId": 3, "report": True, "clear": False, "idToken": _TOKEN}),
]

RECORDED = {"1.6": _RECORDED_16, "2.0.1": _RECORDED_2, "2.1": _RECORDED_2}

_ODD: list[Any] = [
    None,
    True,
    -1,
    0,
    2**31,
    2**63,
    10**19,
    0.1,
    1e308,
    "",
    " ",
    "0",
    "x" * 37,
    "x" * 256,
    "x" * 5000,
    "\x00",
    "é\u202e",
    "2026-02-30T25:61:61Z",
    "1970-01-01T00:00:00Z",
    [],
    [[]],
    [{}],
    {},
    {"customData": {"vendorId": "v"}},
    [1] * 1100,
]
_ODD_TEXTS = ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, "-0", "0x1", '"\\ud800"']
_ODD_TEXTS += ["[" * 3000 + "]" * 3000, '{"a":1,"a":2}', "1.0", "01", '"\\u0000"']
_ODD_TYPES: list[Any] = [2, 2, 2, 3, 4, 5, 6, 7, 0, -1, "2", 2.0, 2.5, None, True, [2], {"2": 2}]


class Mutator:
    """Makes frames of one version, the same ones for the same generator."""

    def __init__(self, version: str, chance: random.Random) -> None:
        self._recorded = RECORDED[version]
        self._chance = chance
        self._made = 0

    def frame(self) -> str:
        """Return the next frame: one in ten is left as it was recorded."""
        chance = self._chance
        self._made += 1
        action, payload = chance.choice(self._recorded)
        frame: list[Any] = [2, f"m{self._made}", action, copy.deepcopy(payload)]
        dice = chance.random()
        if dice < 0.1:
            return _text(frame)
        if dice < 0.5:
            return self._bytes(_text(frame))
        frame = self._structure(frame)
        text = _text(frame)
        if dice > 0.9:
            text = self._literal(text)
        return text

    def _bytes(self, text: str) -> str:
        """Change, drop, double or insert a few characters."""
        chance = self._chance
        letters = list(text)
        for _ in range(chance.choice((1, 1, 1, 2, 4, 16))):
            at = chance.randrange(len(letters)) if letters else 0
            match chance.randrange(6):
                case 0 if letters:
                    letters[at] = chr(chance.randrange(0x20, 0x7F))
                case 1 if letters:
                    del letters[at]
                case 2:
                    letters.insert(at, chance.choice('"\\[]{},:0-9eE\x00\x1f\u00e9\U0001f50c'))
                case 3 if letters:
                    letters[at:at] = letters[at : at + chance.randrange(1, 20)]
                case 4 if letters:
                    del letters[at : at + chance.randrange(1, 20)]
                case _ if letters:
                    letters[at] = chr(ord(letters[at]) ^ (1 << chance.randrange(7)))
        return "".join(letters)

    def _structure(self, frame: list[Any]) -> list[Any]:
        """Replace, remove, add or move values anywhere in the frame."""
        chance = self._chance
        for _ in range(chance.choice((1, 1, 2, 3))):
            if chance.random() < 0.1 and frame:
                frame[0] = chance.choice(_ODD_TYPES)
                continue
            if chance.random() < 0.05:
                at = chance.randrange(len(frame) + 1)
                frame[at:at] = [self._odd()]
                continue
            places = list(_places(frame))
            if not places:
                break
            holder, key = chance.choice(places)
            match chance.randrange(5):
                case 0:
                    holder[key] = self._odd()
                case 1:
                    del holder[key]
                case 2 if isinstance(holder, dict):
                    holder[chance.choice(("", "x", str(key).upper(), f"{key}s", "customData"))] = (
                        self._odd()
                    )
                case 3:
                    _, other = chance.choice(self._recorded)
                    holder[key] = copy.deepcopy(chance.choice(list(other.values()) or [other]))
                case _:
                    holder[key] = [holder[key]] * chance.choice((1, 2, 50))
        return frame

    def _odd(self) -> Any:
        return copy.deepcopy(self._chance.choice(_ODD))

    def _literal(self, text: str) -> str:
        """Put something that JSON does not have, or hardly, in place of a number or text."""
        at = text.rfind(":", 0, self._chance.randrange(1, len(text) + 1))
        if at < 0:
            return text
        rest = text[at + 1 :].lstrip("0123456789")
        return f"{text[: at + 1]}{self._chance.choice(_ODD_TEXTS)}{rest}"


def _places(value: Any) -> Any:
    """Yield every holder and key or index in it, from the frame down."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(items):
        yield value, key
        if isinstance(item, dict | list):
            yield from _places(item)


def _text(frame: list[Any]) -> str:
    return json.dumps(frame, separators=(",", ":"), ensure_ascii=False)


def id_to_answer(text: str) -> str | None:
    """Return the id of a CALL that must be answered: the frame is JSON, and its id is readable.

    By Python's own parser, which takes more than the daemon does, such as NaN.
    """
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        return None
    match frame:
        case [2, str(message_id), *_] if type(frame[0]) is int and _sendable(message_id):
            return message_id if len(message_id) <= MAX_READABLE_ID else None
        case _:
            return None


def _sendable(text: str) -> bool:
    return text.isprintable() and text.isascii() and '"' not in text and "\\" not in text
