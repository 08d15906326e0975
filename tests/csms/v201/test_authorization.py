from types import ModuleType

import pytest

from ocppd.csms.v21 import authorization as v21
from ocppd.csms.v201 import authorization as v201
from ocppd.device_model.names import AuthCacheCtrlr
from ocppd.errors import NotSpoken
from ocppd.model.tokens import (
    AuthorizationStatus,
    Authorize,
    AuthorizeResponse,
    CertificateHashData,
    CertificateStatus,
    IdToken,
    IdTokenInfo,
    IdTokenType,
    MessageContent,
    MessageFormat,
)
from tests.csms.spoken import Spoken

TOKEN = IdToken("04A224B2", IdTokenType.ISO14443)
BOTH = pytest.mark.parametrize(("version", "module"), [("2.0.1", v201), ("2.1", v21)])


@BOTH
def test_authorize(version: str, module: ModuleType) -> None:
    assert Spoken(version, module).say(Authorize(TOKEN)) == (
        "Authorize",
        {"idToken": {"idToken": "04A224B2", "type": "ISO14443"}},
    )


@BOTH
def test_authorize_with_a_contract_certificate(version: str, module: ModuleType) -> None:
    hashes = (CertificateHashData("SHA256", "aa", "bb", "01", "http://ocsp.example"),)
    _, payload = Spoken(version, module).say(Authorize(TOKEN, "PEM", hashes))
    assert payload["certificate"] == "PEM"
    assert payload["iso15118CertificateHashData"] == [
        {
            "hashAlgorithm": "SHA256",
            "issuerNameHash": "aa",
            "issuerKeyHash": "bb",
            "serialNumber": "01",
            "responderURL": "http://ocsp.example",
        }
    ]


@pytest.mark.parametrize(("version", "module", "length"), [("2.0.1", v201, 36), ("2.1", v21, 255)])
def test_nobody_is_asked_about_half_a_token(version: str, module: ModuleType, length: int) -> None:
    spoken = Spoken(version, module)
    spoken.say(Authorize(IdToken("x" * length, IdTokenType.EMAID)))
    with pytest.raises(NotSpoken):
        spoken.say(Authorize(IdToken("x" * (length + 1), IdTokenType.EMAID)))


@pytest.mark.parametrize(
    ("version", "module", "certificate", "url"),
    [("2.0.1", v201, 5500, 512), ("2.1", v21, 10_000, 2_000)],
)
def test_a_contract_has_the_lengths_of_its_version(
    version: str, module: ModuleType, certificate: int, url: int
) -> None:
    def hashes(length: int) -> tuple[CertificateHashData, ...]:
        return (CertificateHashData("SHA256", "aa", "bb", "01", "u" * length),)

    spoken = Spoken(version, module)
    spoken.say(Authorize(TOKEN, "c" * certificate, hashes(url)))
    with pytest.raises(NotSpoken, match="certificate"):
        spoken.say(Authorize(TOKEN, "c" * (certificate + 1)))
    with pytest.raises(NotSpoken, match="URL"):
        spoken.say(Authorize(TOKEN, None, hashes(url + 1)))


@BOTH
def test_the_answer_of_the_csms_is_understood(version: str, module: ModuleType) -> None:
    heard = Spoken(version, module).hear(
        Authorize,
        {
            "idTokenInfo": {"status": "NotAtThisTime", "evseId": [2]},
            "certificateStatus": "CertChainError",
        },
    )
    assert heard == AuthorizeResponse(
        IdTokenInfo(AuthorizationStatus.NOT_AT_THIS_TIME, evse_ids=(2,)),
        CertificateStatus.CERT_CHAIN_ERROR,
    )


def test_2_1_answers_with_energy_transfer_modes_and_a_tariff() -> None:
    heard = Spoken("2.1", v21).hear(
        Authorize,
        {
            "idTokenInfo": {"status": "Accepted"},
            "allowedEnergyTransfer": ["AC_single_phase", "DC"],
            "tariff": {
                "tariffId": "day",
                "currency": "EUR",
                "description": [{"format": "QRCODE", "content": "https://tariff.example"}],
            },
        },
    )
    assert heard == AuthorizeResponse(
        IdTokenInfo(AuthorizationStatus.ACCEPTED),
        allowed_energy_transfer=("AC_single_phase", "DC"),
        tariff_messages=(MessageContent("https://tariff.example", MessageFormat.QRCODE),),
    )


@pytest.mark.requirement("C11.FR.02", "C11.FR.03", "C11.FR.04")
@BOTH
async def test_clear_cache_clears(version: str, module: ModuleType) -> None:
    spoken = Spoken(version, module)
    spoken.authorization.learn(TOKEN, IdTokenInfo(AuthorizationStatus.ACCEPTED))
    assert await spoken.answer_to("ClearCache", {}) == {"status": "Accepted"}
    assert len(spoken.authorization.cache) == 0
    spoken.model.set_actual(AuthCacheCtrlr.Enabled, False)
    assert await spoken.answer_to("ClearCache", {}) == {
        "status": "Rejected",
        "statusInfo": {"reasonCode": "NotEnabled"},
    }
