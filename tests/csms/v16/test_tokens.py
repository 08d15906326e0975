from datetime import UTC, datetime

import pytest

from ocppd.csms.v16 import tokens
from ocppd.errors import NotSpoken
from ocppd.model.tokens import AuthorizationStatus, IdToken, IdTokenInfo, IdTokenType


def test_an_id_tag_has_at_most_20_characters() -> None:
    assert tokens.encode_id_token(IdToken("A" * 20, IdTokenType.ISO14443)) == "A" * 20
    with pytest.raises(NotSpoken, match="21"):
        tokens.encode_id_token(IdToken("A" * 21, IdTokenType.ISO14443))
    assert tokens.cut_id_token(IdToken("A" * 21, IdTokenType.ISO14443)) == "A" * 20


def test_all_that_the_csms_says_of_an_id_tag() -> None:
    assert tokens.decode_id_tag_info(
        {"status": "ConcurrentTx", "expiryDate": "2026-03-01T12:00:00Z", "parentIdTag": "FLEET"}
    ) == IdTokenInfo(
        AuthorizationStatus.CONCURRENT_TX,
        datetime(2026, 3, 1, 12, tzinfo=UTC),
        IdToken("FLEET", IdTokenType.CENTRAL),
    )


def test_an_empty_parent_is_none() -> None:
    info = tokens.decode_id_tag_info({"status": "Invalid", "parentIdTag": ""})
    assert info == IdTokenInfo(AuthorizationStatus.INVALID)
