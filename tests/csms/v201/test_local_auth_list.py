import pytest

from ocppd.csms.v201 import local_auth_list
from ocppd.device_model.names import LocalAuthListCtrlr
from ocppd.model.tokens import AuthorizationStatus, IdToken, IdTokenInfo, IdTokenType
from tests.csms.spoken import Spoken

TOKEN = {"idToken": "04A224B2", "type": "ISO14443"}
ENTRY = {
    "idToken": TOKEN,
    "idTokenInfo": {
        "status": "Accepted",
        "cacheExpiryDateTime": "2030-01-01T00:00:00Z",
        "groupIdToken": {"idToken": "FLEET", "type": "Central"},
    },
}


@pytest.mark.requirement("D01.FR.02", "D01.FR.15", "D01.FR.16", "D01.FR.17", "D02.FR.01")
@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_a_list_comes_changes_and_has_a_version(version: str) -> None:
    spoken = Spoken(version, local_auth_list)
    full = {"versionNumber": 4, "updateType": "Full", "localAuthorizationList": [ENTRY]}
    assert await spoken.answer_to("SendLocalList", full) == {"status": "Accepted"}
    info = spoken.local_auth_list.lookup(IdToken("04a224b2", IdTokenType.ISO14443))
    assert isinstance(info, IdTokenInfo)
    assert info.status is AuthorizationStatus.ACCEPTED
    assert info.group_id_token == IdToken("FLEET", IdTokenType.CENTRAL)
    assert info.cache_expiry is not None
    assert info.cache_expiry.year == 2030
    assert await spoken.answer_to("GetLocalListVersion", {}) == {"versionNumber": 4}
    less = {
        "versionNumber": 5,
        "updateType": "Differential",
        "localAuthorizationList": [{"idToken": TOKEN}],
    }
    assert await spoken.answer_to("SendLocalList", less) == {"status": "Accepted"}
    assert len(spoken.local_auth_list) == 0
    assert await spoken.answer_to("GetLocalListVersion", {}) == {"versionNumber": 5}


@pytest.mark.requirement("D01.FR.18", "D01.FR.19", "D02.FR.02", "D02.FR.03")
async def test_refusals_say_why() -> None:
    spoken = Spoken("2.0.1", local_auth_list)
    assert await spoken.answer_to("GetLocalListVersion", {}) == {"versionNumber": 0}
    result = await spoken.answer_to("SendLocalList", {"versionNumber": 0, "updateType": "Full"})
    assert result["status"] == "Failed"
    assert result["statusInfo"]["reasonCode"] == "ValuePositiveOnly"
    await spoken.answer_to("SendLocalList", {"versionNumber": 2, "updateType": "Full"})
    again = {"versionNumber": 2, "updateType": "Differential"}
    assert (await spoken.answer_to("SendLocalList", again))["status"] == "VersionMismatch"
    spoken.model.set_actual(LocalAuthListCtrlr.Enabled, False)
    result = await spoken.answer_to("SendLocalList", {"versionNumber": 3, "updateType": "Full"})
    assert result["status"] == "Failed"
    assert result["statusInfo"]["reasonCode"] == "NotEnabled"
    assert await spoken.answer_to("GetLocalListVersion", {}) == {"versionNumber": 0}


@pytest.mark.requirement("D01.FR.11")
async def test_a_message_of_too_many_bytes_is_refused() -> None:
    spoken = Spoken("2.1", local_auth_list)
    long = {
        **ENTRY,
        "idTokenInfo": {
            "status": "Accepted",
            "personalMessage": {"format": "UTF8", "content": "ä" * 512},
        },
    }
    entries = [
        {**long, "idToken": {"idToken": f"{number:08X}", "type": "ISO14443"}}
        for number in range(60)
    ]
    request = {"versionNumber": 1, "updateType": "Full", "localAuthorizationList": entries}
    result = await spoken.answer_to("SendLocalList", request)
    assert result["statusInfo"]["reasonCode"] == "TooLargeElement"
    request["localAuthorizationList"] = entries[:50]
    assert await spoken.answer_to("SendLocalList", request) == {"status": "Accepted"}
