import pytest

from ocppd.csms.v16 import authorization
from ocppd.device_model.names import AuthCacheCtrlr
from ocppd.errors import NotSpoken
from ocppd.model.tokens import (
    AuthorizationStatus,
    Authorize,
    AuthorizeResponse,
    CertificateHashData,
    IdToken,
    IdTokenInfo,
    IdTokenType,
)
from tests.csms.spoken import Spoken

TOKEN = IdToken("04A224B2", IdTokenType.ISO14443)


def test_authorize_is_the_id_tag_alone() -> None:
    spoken = Spoken("1.6", authorization)
    assert spoken.say(Authorize(TOKEN)) == ("Authorize", {"idTag": "04A224B2"})


@pytest.mark.parametrize(
    "request_",
    [
        Authorize(IdToken("A" * 21, IdTokenType.EMAID)),
        Authorize(TOKEN, certificate="PEM"),
        Authorize(TOKEN, None, (CertificateHashData("SHA256", "a", "b", "1", "u"),)),
    ],
)
def test_what_1_6_has_no_word_for_is_not_said(request_: Authorize) -> None:
    with pytest.raises(NotSpoken):
        Spoken("1.6", authorization).say(request_)


@pytest.mark.parametrize("status", ["Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"])
def test_the_answer_of_the_csms_is_understood(status: str) -> None:
    spoken = Spoken("1.6", authorization)
    heard = spoken.hear(Authorize, {"idTagInfo": {"status": status, "parentIdTag": "FLEET"}})
    assert heard == AuthorizeResponse(
        IdTokenInfo(
            AuthorizationStatus(status), group_id_token=IdToken("FLEET", IdTokenType.CENTRAL)
        )
    )


async def test_clear_cache_clears() -> None:
    spoken = Spoken("1.6", authorization)
    spoken.authorization.learn(TOKEN, IdTokenInfo(AuthorizationStatus.ACCEPTED))
    assert await spoken.answer_to("ClearCache", {}) == {"status": "Accepted"}
    assert len(spoken.authorization.cache) == 0
    spoken.model.set_actual(AuthCacheCtrlr.Enabled, False)
    assert await spoken.answer_to("ClearCache", {}) == {"status": "Rejected"}
