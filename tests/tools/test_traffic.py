"""OCPP traffic in words."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppd.tools.frames import Kind, parse
from ocppd.tools.traffic import Decoder

JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=12,
)
ACTIONS = st.sampled_from(
    [
        "BootNotification",
        "StatusNotification",
        "Authorize",
        "TransactionEvent",
        "MeterValues",
        "GetVariables",
        "NotifyReport",
        "NotifyEvent",
    ]
)
KEYS = st.sampled_from(
    [
        "chargingStation",
        "idToken",
        "idTokenInfo",
        "transactionInfo",
        "meterValue",
        "evse",
        "getVariableData",
        "getVariableResult",
        "eventData",
        "status",
        "statusInfo",
        "configurationKey",
        "unknownKey",
    ]
)


def call(action: str, payload: dict[str, Any]) -> str:
    return json.dumps([2, "1", action, payload])


@pytest.mark.parametrize(
    ("action", "payload", "words"),
    [
        (
            "BootNotification",
            {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}},
            "V M, PowerUp",
        ),
        ("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}, "V M"),
        (
            "StatusNotification",
            {"connectorId": 1, "status": "Faulted", "errorCode": "GroundFailure", "info": "wet"},
            "connector 1 Faulted, GroundFailure, wet",
        ),
        (
            "StatusNotification",
            {"connectorId": 0, "status": "Available", "errorCode": "NoError"},
            "station Available",
        ),
        (
            "StatusNotification",
            {"evseId": 2, "connectorId": 1, "connectorStatus": "Occupied"},
            "EVSE 2.1 Occupied",
        ),
        (
            "StartTransaction",
            {"connectorId": 1, "idTag": "AB", "meterStart": 7},
            "connector 1, AB, 7 Wh",
        ),
        (
            "StopTransaction",
            {"transactionId": 3, "meterStop": 9, "reason": "Remote"},
            "transaction 3, 9 Wh, Remote",
        ),
        (
            "MeterValues",
            {
                "connectorId": 1,
                "meterValue": [
                    {"sampledValue": [{"value": "1"}]},
                    {
                        "sampledValue": [
                            {"value": "5", "unit": "kWh"},
                            {"value": "230", "measurand": "Voltage", "phase": "L1"},
                            {"value": "44", "measurand": "SoC", "unit": "Percent"},
                        ]
                    },
                ],
            },
            "at 1: 5 kWh, SoC 44 % (2 sets)",
        ),
        (
            "TransactionEvent",
            {
                "eventType": "Ended",
                "triggerReason": "StopAuthorized",
                "seqNo": 4,
                "offline": True,
                "transactionInfo": {"transactionId": "0123456789", "stoppedReason": "Local"},
                "evse": {"id": 1},
                "idToken": {"idToken": "AB", "type": "ISO14443"},
                "meterValue": [{"sampledValue": [{"value": 12.5}]}],
            },
            "Ended, StopAuthorized, seqNo 4, transaction 01234567, Local, EVSE 1, AB (ISO14443), "
            "12.5 Wh, offline",
        ),
        (
            "SetVariables",
            {
                "setVariableData": [
                    {
                        "component": {"name": "C", "instance": "i", "evse": {"id": 1}},
                        "variable": {"name": "V"},
                        "attributeValue": "5",
                    }
                ]
            },
            "C[i].V@1=5",
        ),
        ("GetBaseReport", {"requestId": 1, "reportBase": "Full"}, "requestId 1, reportBase Full"),
        ("SendLocalList", {"localAuthorizationList": [{}, {}]}, "localAuthorizationList 2"),
    ],
)
def test_requests_in_words(action: str, payload: dict[str, Any], words: str) -> None:
    line = Decoder().decode(call(action, payload))
    assert (line.action, line.summary, line.refusal) == (action, words, "")


@pytest.mark.parametrize(
    ("payload", "refusal"),
    [
        ({"status": "Accepted"}, ""),
        ({"status": "Rejected"}, "Rejected"),
        (
            {"status": "Rejected", "statusInfo": {"reasonCode": "R", "additionalInfo": "because"}},
            "Rejected (R: because)",
        ),
        ({"idTagInfo": {"status": "Blocked"}}, "Blocked"),
        ({"idTokenInfo": {"status": "Accepted"}}, ""),
        ({"configurationKey": [], "unknownKey": ["A", "B"]}, "unknown: A, B"),
        (
            {
                "setVariableResult": [
                    {
                        "component": {"name": "C"},
                        "variable": {"name": "V"},
                        "attributeStatus": "Rejected",
                        "attributeStatusInfo": {"reasonCode": "ReadOnly"},
                    },
                    {
                        "component": {"name": "C"},
                        "variable": {"name": "W"},
                        "attributeStatus": "Accepted",
                    },
                ]
            },
            "C.V Rejected (ReadOnly)",
        ),
    ],
)
def test_the_reason_of_a_refusal(payload: dict[str, Any], refusal: str) -> None:
    decoder = Decoder()
    decoder.decode(call("Anything", {}))
    line = decoder.decode(json.dumps([3, "1", payload]))
    assert (line.action, line.refusal) == ("Anything", refusal)


def test_errors_and_what_cannot_be_read() -> None:
    decoder = Decoder()
    decoder.decode(call("Reset", {}))
    line = decoder.decode('[4,"1","NotSupported","not here",{}]')
    assert str(line) == "✗ Reset -- NotSupported: not here"
    assert str(decoder.decode('[3,"9",{}]')) == "✓ answer"
    assert decoder.decode("nonsense").kind is Kind.BAD
    assert "\x1b" not in str(decoder.decode("\x1b[2J"))
    assert len(str(decoder.decode(call("Reset", {"type": "x" * 5000})))) < 200


@given(JSON)
def test_no_json_makes_it_stumble(value: Any) -> None:
    str(Decoder().decode(json.dumps(value)))


@given(ACTIONS, st.dictionaries(KEYS, JSON, max_size=5))
def test_no_payload_makes_it_stumble(action: str, payload: dict[str, Any]) -> None:
    decoder = Decoder()
    str(decoder.decode(call(action, payload)))
    str(decoder.decode(json.dumps([3, "1", payload])))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5000,
        '[2,"1","A",{"a":' + "9" * 5000 + "}]",
        '[true,"1",{}]',
        '[3,"1"]',
        '[2,1,"A",{}]',
    ],
)
def test_odd_frames_are_bad_and_nothing_else(text: str) -> None:
    assert parse(text).kind is Kind.BAD
