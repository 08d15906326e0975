from datetime import UTC, datetime
from types import ModuleType

import pytest

from ocppd.csms.payload import RpcError
from ocppd.csms.v21 import tokens as v21
from ocppd.csms.v201 import tokens as v201
from ocppd.errors import NotSpoken
from ocppd.model.tokens import (
    AdditionalInfo,
    AuthorizationStatus,
    IdToken,
    IdTokenInfo,
    IdTokenType,
    MessageContent,
    MessageFormat,
)


@pytest.mark.parametrize("version", [v201, v21])
def test_a_token_survives_the_wire(version: ModuleType) -> None:
    token = IdToken("04A224B2", IdTokenType.ISO14443, (AdditionalInfo("4711", "ean"),))
    payload = version.encode_id_token(token)
    assert payload == {
        "idToken": "04A224B2",
        "type": "ISO14443",
        "additionalInfo": [{"additionalIdToken": "4711", "type": "ean"}],
    }
    assert version.decode_id_token(payload) == token


def test_without_additional_info_the_list_is_absent() -> None:
    assert v201.encode_id_token(IdToken("", IdTokenType.NO_AUTHORIZATION)) == {
        "idToken": "",
        "type": "NoAuthorization",
    }


@pytest.mark.parametrize(("version", "length"), [(v201, 36), (v21, 255)])
def test_a_token_has_the_length_of_its_version(version: ModuleType, length: int) -> None:
    longest = IdToken("x" * length, IdTokenType.CENTRAL)
    assert version.encode_id_token(longest)["idToken"] == longest.value
    too_long = IdToken("x" * (length + 1), IdTokenType.CENTRAL)
    with pytest.raises(NotSpoken, match=str(length + 1)):
        version.encode_id_token(too_long)
    assert version.cut_id_token(too_long)["idToken"] == longest.value


@pytest.mark.parametrize(
    ("token_type", "in_201"),
    [("DirectPayment", "Central"), ("EVCCID", "MacAddress"), ("VIN", "Local"), ("eMAID", "eMAID")],
)
def test_types_of_2_1_have_a_substitute_in_2_0_1(token_type: str, in_201: str) -> None:
    token = IdToken("A", IdTokenType(token_type))
    assert v201.encode_id_token(token)["type"] == in_201
    assert v21.encode_id_token(token)["type"] == token_type


def test_an_unknown_type_is_refused_and_central_in_a_group() -> None:
    payload = {"idToken": "A", "type": "Palm"}
    with pytest.raises(RpcError, match=r"idToken.type.*Palm"):
        v21.decode_id_token(payload)
    assert v21.decode_group_id_token(payload) == IdToken("A", IdTokenType.CENTRAL)


def test_additional_info_that_does_not_fit_is_left_out() -> None:
    token = IdToken("A", IdTokenType.CENTRAL, (AdditionalInfo("x" * 37, "long"),))
    assert "additionalInfo" not in v201.encode_id_token(token)
    assert len(v21.encode_id_token(token)["additionalInfo"]) == 1


def test_all_that_the_csms_says_of_a_token() -> None:
    info = v201.decode_id_token_info(
        {
            "status": "Accepted",
            "cacheExpiryDateTime": "2026-03-01T13:00:00+01:00",
            "chargingPriority": -3,
            "language1": "nl",
            "language2": "en",
            "evseId": [1, 3],
            "groupIdToken": {"idToken": "FLEET", "type": "Central"},
            "personalMessage": {"format": "UTF8", "language": "nl", "content": "Hallo"},
            "customData": {
                "vendorId": "org.openchargealliance.multilanguage",
                "personalMessageExtra": [
                    {"format": "UTF8", "language": "en", "content": "Hello"},
                    {"format": "Braille", "content": "?"},
                    "not a message",
                ],
            },
        }
    )
    assert info == IdTokenInfo(
        AuthorizationStatus.ACCEPTED,
        datetime(2026, 3, 1, 12, tzinfo=UTC),
        IdToken("FLEET", IdTokenType.CENTRAL),
        -3,
        (1, 3),
        "nl",
        "en",
        (
            MessageContent("Hallo", MessageFormat.UTF8, "nl"),
            MessageContent("Hello", MessageFormat.UTF8, "en"),
        ),
    )


def test_the_least_that_the_csms_says_of_a_token() -> None:
    assert v201.decode_id_token_info({"status": "NoCredit"}) == IdTokenInfo(
        AuthorizationStatus.NO_CREDIT
    )
    empty_group = {"status": "Blocked", "groupIdToken": {"idToken": "", "type": "Central"}}
    assert v201.decode_id_token_info(empty_group).group_id_token is None
