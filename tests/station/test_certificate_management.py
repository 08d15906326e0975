"""Block M: what the CSMS may install, delete and see."""

import pytest

from ocppd.device_model.names import InternalCtrlr, SecurityCtrlr
from ocppd.model.certificates import (
    CertificateHashData,
    CertificateHashDataChain,
    CertificateRefusal,
    CertificateUse,
    DeleteCertificate,
    DeleteStatus,
    GetInstalledCertificateIds,
    HashAlgorithm,
    InstallCertificate,
)
from tests.station.certificate_world import ANCHOR, Certified

CSMS, MF = CertificateUse.CSMS_ROOT, CertificateUse.MANUFACTURER_ROOT
DATA = CertificateHashData(HashAlgorithm.SHA256, "aa", "bb", "1")
LISTED = CertificateHashDataChain(CSMS, DATA)


@pytest.mark.requirement("M05.FR.01", "M05.FR.02", "M05.FR.06")
@pytest.mark.parametrize("use", sorted(set(CertificateUse) - {CertificateUse.V2G_CHAIN}))
async def test_every_kind_of_root_is_installed(use: CertificateUse) -> None:
    world = Certified()
    world.certificates.installed.append(LISTED)
    answer = await world.management.install(InstallCertificate(use, "pem"))
    assert (answer.result.status, answer.result.status_info) == ("Accepted", None)
    assert world.certificates.calls == [("install", use, "pem", 100, False)]
    assert world.events == ["ReconfigurationOfSecurityParameters"]
    assert world.model.integer(SecurityCtrlr.CertificateEntries) == world.certificates.entries


@pytest.mark.parametrize(
    ("use", "variable"),
    [
        (CSMS, InternalCtrlr.AllowCSMSRootCertInstallWithUnsecureConnection),
        (MF, InternalCtrlr.AllowMFRootCertInstallWithUnsecureConnection),
    ],
)
@pytest.mark.parametrize("profile", [0, 1, 2, 3])
async def test_over_an_unsecured_connection_roots_come_by_leave_alone(
    use: CertificateUse, variable: object, profile: int
) -> None:
    world = Certified(profile=profile)
    answer = await world.management.install(InstallCertificate(use, "pem"))
    assert answer.result.status == ("Accepted" if profile >= 2 else "Rejected")
    world.model.set_actual(variable, value=True)
    answer = await world.management.install(InstallCertificate(use, "pem"))
    assert answer.result.status == "Accepted"


@pytest.mark.requirement("M05.FR.03", "M05.FR.06", "M05.FR.07")
@pytest.mark.parametrize(
    ("refusal", "status", "events"),
    [
        (CertificateRefusal("InternalError", "disk full", failed=True), "Failed", []),
        (CertificateRefusal("NoSpace", "full"), "Rejected", []),
        (CertificateRefusal("CertificateExpired", "old"), "Rejected", ["InvalidCsmsCertificate"]),
    ],
)
async def test_a_refusal_says_why(
    refusal: CertificateRefusal, status: str, events: list[str]
) -> None:
    world = Certified()
    world.certificates.refusal = refusal
    answer = await world.management.install(InstallCertificate(CSMS, "pem"))
    assert answer.result.status == status
    assert answer.result.status_info is not None
    assert answer.result.status_info.reason_code == refusal.reason_code
    assert world.events == events
    assert world.world.store.queued == []  # nothing critical


@pytest.mark.requirement("M05.FR.09", "M05.FR.10")
async def test_the_additional_check_is_for_csms_roots() -> None:
    world = Certified({SecurityCtrlr.AdditionalRootCertificateCheck: True})
    await world.management.install(InstallCertificate(CSMS, "pem"))
    await world.management.install(InstallCertificate(MF, "pem"))
    assert [call[4] for call in world.certificates.calls] == [True, False]


@pytest.mark.requirement("M04.FR.01", "M04.FR.02", "M04.FR.03", "M04.FR.04")
@pytest.mark.parametrize("status", DeleteStatus)
@pytest.mark.parametrize("profile", [1, 2])
async def test_what_is_deleted_is_told(status: DeleteStatus, profile: int) -> None:
    world = Certified(profile=profile)
    world.certificates.delete_status = status
    answer = await world.management.delete(DeleteCertificate(DATA))
    assert answer.result.status == status.value
    assert world.certificates.calls == [("delete", DATA, ANCHOR, profile >= 2)]
    changed = status is DeleteStatus.ACCEPTED
    assert world.events == (["ReconfigurationOfSecurityParameters"] if changed else [])


@pytest.mark.requirement("M03.FR.01", "M03.FR.02", "M03.FR.03")
def test_what_is_installed_is_listed_by_kind() -> None:
    world = Certified()
    world.certificates.installed.append(LISTED)
    ask = world.management.installed
    assert ask(GetInstalledCertificateIds()).result == (LISTED,)
    assert ask(GetInstalledCertificateIds((CSMS,))).result == (LISTED,)
    assert ask(GetInstalledCertificateIds((MF,))).result == ()
