import json

import pytest

from ocppd.csms.masking import masked

CANARY = "c4n4ry-V4lue"


def variable(name):
    return {
        "setVariableData": [
            {
                "attributeValue": CANARY,
                "component": {"name": "SecurityCtrlr"},
                "variable": {"name": name},
            },
            {
                "attributeValue": "300",
                "component": {"name": "OCPPCommCtrlr"},
                "variable": {"name": "HeartbeatInterval"},
            },
        ]
    }


NETWORK = {
    "configurationSlot": 1,
    "connectionData": {
        "ocppCsmsUrl": "wss://csms.example/ocpp",
        "basicAuthPassword": CANARY,
        "apn": {"apn": "internet", "apnUserName": "u", "apnPassword": CANARY, "simPin": 123456},
        "vpn": {"server": "v", "user": "u", "password": CANARY, "key": CANARY, "type": "L2TP"},
    },
}
SECRETS = [
    ("SetVariables", variable("BasicAuthPassword")),
    ("SetVariables", variable("basicauthPASSWORD")),
    ("SetVariables", variable("VpnKey")),
    ("SetVariables", variable("ApnPassword")),
    ("SetVariables", variable("SimPin")),
    ("ChangeConfiguration", {"key": "AuthorizationKey", "value": CANARY}),
    ("ChangeConfiguration", {"key": "authorizationkey", "value": CANARY}),
    ("SetNetworkProfile", NETWORK),
    ("GetLog", {"log": {"remoteLocation": f"ftp://user:{CANARY}@host/path"}}),
    ("UpdateFirmware", {"location": f"https://user:{CANARY}@host/fw.bin"}),
]


@pytest.mark.parametrize(("action", "payload"), SECRETS)
def test_secrets_are_masked_and_the_rest_is_not(action, payload):
    text = json.dumps([2, "7", action, payload])
    shown = masked(text)
    assert CANARY not in shown
    assert "123456" not in shown
    frame = json.loads(shown)
    assert frame[:3] == [2, "7", action]
    assert "***" in shown
    for word in ("HeartbeatInterval", "300", "internet", "L2TP", "user", "host"):
        assert (word in shown) == (word in text)


def test_escapes_hide_nothing():
    text = '[2,"7","ChangeConfiguration",{"k\\u0065y":"Authoriz\\u0061tionKey","value":"c4n4ry"}]'
    assert "c4n4ry" not in masked(text)


@pytest.mark.parametrize(
    "text",
    [
        '[2,"7","ChangeConfiguration",{"key":"AuthorizationKey","value":"c4n4ry"}',
        '{"password":"c4n4ry"' + "[" * 5000,
    ],
)
def test_what_cannot_be_read_and_may_hold_a_secret_is_not_shown(text):
    assert "c4n4ry" not in masked(text)


@pytest.mark.parametrize(
    "payload",
    [
        {"key": "AuthorizationKey", "valu": "c4n4ry"},
        {"kez": "AuthorizationKey", "value": ["c4n4ry"]},
        {"setVariableData": [{"variable": {"name": "BasicAuthPassword"}, "attrValue": "c4n4ry"}]},
        {"setVariableData": [{"vaziable": {"name": "BasicAuthPassword"}, "x": {"y": ["c4n4ry"]}}]},
        {"setVariableData": [{"variable": "BasicAuthPassword", "attributeValue": "c4n4ry"}]},
        {"basicAuthPassword": ["c4n4ry"]},
        {"vpn": [{"server": "vpn.example", "key": "c4n4ry"}]},
    ],
)
def test_a_secret_in_the_wrong_place_is_masked_too(payload):
    assert "c4n4ry" not in masked(json.dumps([2, "7", "X", payload]))


@pytest.mark.parametrize(
    "payload",
    [
        {"key": "HeartbeatInterval", "value": "60"},
        {"setVariableResult": [{"variable": {"name": "BasicAuthPassword"}, "status": "Accepted"}]},
        {"idTag": "user@example.com"},
        {"values": [1, 2.5, None, True]},
    ],
)
def test_what_holds_no_secret_is_the_same_text(payload):
    text = json.dumps([2, "7", "X", payload])
    assert masked(text) is text
