"""Certificates in the words of each version, checked by the schemas of the ocpp package."""

from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from ocppd.csms.v16 import certificate_management as v16
from ocppd.csms.v21 import certificate_management as v21
from ocppd.csms.v201 import certificate_management as v201
from ocppd.errors import NotSpoken
from ocppd.model.certificates import (
    CertificateAction,
    CertificateHashData,
    CertificateHashDataChain,
    CertificateRefusal,
    CertificateUse,
    EvCertificateResponse,
    GetEvCertificate,
    HashAlgorithm,
    SignCertificate,
    SignCertificateResponse,
    SigningUse,
    SignV2gCertificate,
)
from tests.csms.spoken import as_sent
from tests.station.certificate_world import Certified, own

MODULES: dict[str, tuple[ModuleType, ModuleType]] = {
    "1.6": (v16, v16),
    "2.0.1": (v201, v201),
    "2.1": (v201, v21),
}
DATA = CertificateHashData(HashAlgorithm.SHA256, "a" * 64, "b" * 64, "1f")
SUB = CertificateHashData(HashAlgorithm.SHA256, "c" * 64, "d" * 64, "20")
SPELLED = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "a" * 64,
    "issuerKeyHash": "b" * 64,
    "serialNumber": "1f",
}


class Spoken:
    def __init__(self, version: str) -> None:
        self.version = version
        answering, self._asking = MODULES[version]
        self.world = Certified()
        station: Any = SimpleNamespace(
            certificate_management=self.world.management, certificate_renewal=self.world.renewal
        )
        self._routes = answering.routes(station)

    async def answer_to(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        answer = await self._routes[action](as_sent(self.version, action, payload))
        return as_sent(self.version, action, answer.result, response=True)

    def say(self, request: Any) -> dict[str, Any]:
        outgoing = self._asking.REQUESTS[type(request)]
        return as_sent(self.version, outgoing.action, outgoing.encode(request))

    def hear(self, kind: type, payload: dict[str, Any]) -> Any:
        outgoing = self._asking.REQUESTS[kind]
        return outgoing.decode(as_sent(self.version, outgoing.action, payload, response=True))


@pytest.fixture(params=list(MODULES))
def spoken(request: pytest.FixtureRequest) -> Spoken:
    return Spoken(request.param)


def root_word(spoken: Spoken) -> str:
    return "CentralSystemRootCertificate" if spoken.version == "1.6" else "CSMSRootCertificate"


@pytest.mark.requirement("M05.FR.01", "M05.FR.07")
async def test_a_root_is_installed_or_refused(spoken: Spoken) -> None:
    request = {"certificateType": root_word(spoken), "certificate": "pem"}
    assert await spoken.answer_to("InstallCertificate", request) == {"status": "Accepted"}
    [call] = spoken.world.certificates.calls
    assert call[:3] == ("install", CertificateUse.CSMS_ROOT, "pem")
    spoken.world.certificates.refusal = CertificateRefusal("WeakKey", "too short")
    answer = await spoken.answer_to("InstallCertificate", request)
    assert answer["status"] == "Rejected"
    if spoken.version != "1.6":
        assert answer["statusInfo"] == {"reasonCode": "WeakKey", "additionalInfo": "too short"}


@pytest.mark.requirement("M04.FR.01")
async def test_hash_data_name_what_is_deleted(spoken: Spoken) -> None:
    request = {"certificateHashData": SPELLED}
    assert await spoken.answer_to("DeleteCertificate", request) == {"status": "Accepted"}
    [call] = spoken.world.certificates.calls
    assert call[:2] == ("delete", DATA)


@pytest.mark.requirement("M03.FR.02", "M03.FR.03", "M03.FR.04")
async def test_what_is_installed_is_listed(spoken: Spoken) -> None:
    word = root_word(spoken)
    request = {"certificateType": word if spoken.version == "1.6" else [word]}
    assert await spoken.answer_to("GetInstalledCertificateIds", request) == {"status": "NotFound"}
    spoken.world.certificates.installed.append(
        CertificateHashDataChain(CertificateUse.CSMS_ROOT, DATA)
    )
    answer = await spoken.answer_to("GetInstalledCertificateIds", request)
    assert answer["status"] == "Accepted"
    if spoken.version == "1.6":
        assert answer["certificateHashData"] == [SPELLED]
    else:
        assert answer["certificateHashDataChain"] == [
            {"certificateType": word, "certificateHashData": SPELLED}
        ]


@pytest.mark.requirement("M03.FR.05")
@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_sub_authorities_stand_below_their_leaf(version: str) -> None:
    spoken = Spoken(version)
    chain = CertificateHashDataChain(CertificateUse.V2G_CHAIN, DATA, (SUB,))
    spoken.world.certificates.installed.append(chain)
    answer = await spoken.answer_to("GetInstalledCertificateIds", {})
    [listed] = answer["certificateHashDataChain"]
    assert listed["certificateType"] == "V2GCertificateChain"
    assert [each["serialNumber"] for each in listed["childCertificateHashData"]] == ["20"]


@pytest.mark.requirement("A02.FR.08", "A02.FR.07")
async def test_a_signed_certificate_is_taken_or_refused(spoken: Spoken) -> None:
    spoken.world.certificates.signed = own()
    request = {"certificateChain": "chain"}
    assert await spoken.answer_to("CertificateSigned", request) == {"status": "Accepted"}
    use = SigningUse.CHARGING_STATION if spoken.version == "1.6" else None
    assert spoken.world.certificates.calls[-1] == ("take", "chain", use, None, False)
    spoken.world.certificates.refusal = CertificateRefusal("CertificateExpired", "old")
    assert (await spoken.answer_to("CertificateSigned", request))["status"] == "Rejected"


@pytest.mark.requirement("A02.FR.03", "A02.FR.13", "A02.FR.24")
async def test_a_request_is_sent_in_each_version(spoken: Spoken) -> None:
    said = spoken.say(SignCertificate("csr", SigningUse.CHARGING_STATION, 7))
    assert said["csr"] == "csr"
    assert said.get("requestId") == (7 if spoken.version == "2.1" else None)
    use = None if spoken.version == "1.6" else "ChargingStationCertificate"
    assert said.get("certificateType") == use
    for word, accepted in (("Accepted", True), ("Rejected", False)):
        heard = spoken.hear(SignCertificate, {"status": word})
        assert heard == SignCertificateResponse(accepted)


@pytest.mark.requirement("A02.FR.22", "A02.FR.23", "A02.FR.27")
def test_certificates_towards_cars_name_their_root() -> None:
    request = SignV2gCertificate("csr", SigningUse.V2G20, 7, DATA)
    assert Spoken("2.1").say(request) == {
        "csr": "csr",
        "certificateType": "V2G20Certificate",
        "requestId": 7,
        "hashRootCertificate": SPELLED,
    }
    with pytest.raises(NotSpoken):
        Spoken("2.0.1").say(request)
    assert Spoken("2.0.1").say(SignV2gCertificate("csr", SigningUse.V2G, 7, DATA)) == {
        "csr": "csr",
        "certificateType": "V2GCertificate",
    }


@pytest.mark.requirement("M01.FR.01", "M01.FR.02")
@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_what_a_car_asks_for_passes_as_it_is(version: str) -> None:
    spoken = Spoken(version)
    request = GetEvCertificate("urn:x", CertificateAction.INSTALL, "AbCd")
    assert spoken.say(request) == {
        "iso15118SchemaVersion": "urn:x",
        "action": "Install",
        "exiRequest": "AbCd",
    }
    answer = {"status": "Accepted", "exiResponse": "EfGh"}
    assert spoken.hear(GetEvCertificate, answer) == EvCertificateResponse(True, "EfGh")
    if version == "2.0.1":
        with pytest.raises(NotSpoken):
            spoken.say(GetEvCertificate("urn:x", CertificateAction.INSTALL, "A" * 5601))
