"""SetNetworkProfile in OCPP 2.0.1 and 2.1."""

from types import SimpleNamespace
from typing import Any

import pytest

from ocppd.csms.v201 import network_profiles
from tests.csms.spoken import as_sent
from tests.station.provisioned import Provisioned

DATA = {
    "ocppVersion": "OCPP20",
    "ocppTransport": "JSON",
    "ocppCsmsUrl": "wss://csms.example/new",
    "messageTimeout": 20,
    "securityProfile": 2,
    "ocppInterface": "Wireless0",
    "apn": {
        "apn": "m2m",
        "apnUserName": "u",
        "apnPassword": "p",
        "simPin": 1234,
        "preferredNetwork": "20404",
        "useOnlyPreferredNetwork": True,
        "apnAuthentication": "CHAP",
    },
    "vpn": {
        "server": "vpn.example",
        "user": "u",
        "group": "g",
        "password": "p",
        "key": "k",
        "type": "IKEv2",
    },
}


async def ask(version: str, parts: Provisioned, **request: Any) -> dict[str, Any]:
    station: Any = SimpleNamespace(network_profiles=parts.network_profiles)
    payload = as_sent(version, "SetNetworkProfile", request)
    answer = await network_profiles.routes(station)["SetNetworkProfile"](payload)
    answer.then()
    return as_sent(version, "SetNetworkProfile", answer.result, response=True)


@pytest.mark.requirement("B09.FR.01", "B09.FR.09", "B09.FR.12")
@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_all_of_a_profile_reaches_the_slot(version: str) -> None:
    parts = Provisioned(legacy=False)
    data = dict(DATA)
    if version == "2.1":
        data |= {"identity": "CS9", "basicAuthPassword": "a new password!!"}
    told = await ask(version, parts, configurationSlot=2, connectionData=data)
    assert told == {"status": "Accepted"}
    expected = {
        "OcppCsmsUrl": "wss://csms.example/new",
        "SecurityProfile": "2",
        "MessageTimeout": "20",
        "OcppInterface": "Wireless0",
        "OcppVersion": "OCPP20",
        "Identity": "CS9" if version == "2.1" else "",
        "BasicAuthPassword": "a new password!!" if version == "2.1" else "",
        "ApnEnabled": "true",
        "Apn": "m2m",
        "ApnAuthentication": "CHAP",
        "ApnUserName": "u",
        "ApnPassword": "p",
        "SimPin": "1234",
        "PreferredNetwork": "20404",
        "UseOnlyPreferredNetwork": "true",
        "VpnEnabled": "true",
        "VpnServer": "vpn.example",
        "VpnType": "IKEv2",
        "VpnUser": "u",
        "VpnGroup": "g",
        "VpnPassword": "p",
        "VpnKey": "k",
    }
    found = {name: parts.value(f"NetworkConfiguration[2].{name}") for name in expected}
    assert found == expected


@pytest.mark.requirement("B09.FR.02", "B09.FR.05")
@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
@pytest.mark.parametrize(
    ("slot", "profile", "reason"),
    [(999, 2, "InvalidConfSlot"), (2, 1, "InvalidNetworkConf"), (2, 7, "InvalidNetworkConf")],
)
async def test_refusals_have_their_reason(
    version: str, slot: int, profile: int, reason: str
) -> None:
    parts = Provisioned(legacy=False)
    data = DATA | {"securityProfile": profile}
    told = await ask(version, parts, configurationSlot=slot, connectionData=data)
    assert told["status"] == "Rejected"
    assert told["statusInfo"]["reasonCode"] == reason
