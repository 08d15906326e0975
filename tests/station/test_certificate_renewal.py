"""A02 and A03: when a certificate is asked for, how often, and what comes of it."""

from datetime import timedelta

import pytest

from ocppd.device_model.names import (
    ChargingStation,
    InternalCtrlr,
    ISO15118Ctrlr,
    OCPPCommCtrlr,
    SecurityCtrlr,
)
from ocppd.errors import NoAnswer, NotSpoken
from ocppd.model.certificates import (
    CertificateHashData,
    CertificateHashDataChain,
    CertificateRefusal,
    CertificateSigned,
    CertificateUse,
    HashAlgorithm,
    SignCertificate,
    SigningUse,
    SignV2gCertificate,
    Subject,
)
from ocppd.model.manners import Manners
from ocppd.station.certificate_renewal import dials_of_a_round
from tests.station.certificate_world import ANCHOR, OFFLINE, STATION, Certified, own

DAY = 86400
PLANS = Manners(plans_certificates=True)


async def expiring(**changes: object) -> Certified:
    """A station that has just asked for a new certificate by itself."""
    world = Certified(**changes)  # type: ignore[arg-type]
    world.certificates.station[STATION] = own(days=29)
    await world.online()
    await world.passes(60)
    assert len(world.requests) == 1
    return world


@pytest.mark.requirement("A03.FR.02", "A03.FR.03")
async def test_a_month_before_its_end_a_new_one_is_asked_for() -> None:
    world = Certified()
    world.certificates.station[STATION] = own(days=30.5)
    await world.online()
    await world.passes(DAY / 2 + 59)
    assert world.requests == []
    await world.passes(2)
    [request] = world.requests
    [(number, (use, subject, csr))] = world.certificates.requests.items()
    assert request == SignCertificate(csr, STATION, number)
    assert (use, subject) == (STATION, Subject("Grid Ltd", "SN-1"))
    assert world.csms.triggered == []


@pytest.mark.parametrize("profile", [0, 1, 2])
async def test_without_client_certificates_nothing_expires(profile: int) -> None:
    world = Certified(profile=profile)
    world.certificates.station.clear()
    await world.online()
    await world.passes(DAY)
    assert world.requests == []


async def test_the_check_comes_when_the_operator_wants_it() -> None:
    world = Certified(
        {
            InternalCtrlr.ClientCertificateExpireCheckInitialDelaySeconds: 10,
            InternalCtrlr.ClientCertificateExpireCheckIntervalSeconds: 100,
        }
    )
    await world.online()
    await world.passes(15)
    world.certificates.station.clear()
    await world.passes(90)
    assert world.requests == []
    await world.passes(10)
    assert len(world.requests) == 1


async def test_a_flapping_connection_does_not_put_the_check_off() -> None:
    world = Certified()
    world.certificates.station.clear()
    await world.online()
    for _ in range(3):
        await world.passes(25)
        world.disconnect()
        await world.connect()
        world.renewal.on_online()
    assert len(world.requests) == 1


@pytest.mark.requirement("A02.FR.17", "A02.FR.18", "A02.FR.19")
@pytest.mark.parametrize(("minimum", "first"), [(30, 30), (3, 10)])
async def test_a_request_is_repeated_less_and_less_often(minimum: int, first: int) -> None:
    world = await expiring(values={SecurityCtrlr.CertSigningWaitMinimum: minimum})
    for number, wait in enumerate((first, 2 * first), start=1):  # CertSigningRepeatTimes is 2
        await world.passes(wait - 5)
        assert len(world.requests) == number
        await world.passes(5)
        assert len(world.requests) == number + 1
    assert len(set(world.requests)) == 1  # the same key, the same requestId
    await world.passes(2 * DAY)
    assert len(world.requests) == 3  # until the CSMS triggers it
    world.renewal.sign(STATION)
    await world.settled()
    assert len(world.requests) == 4
    assert world.requests[3].request_id != world.requests[0].request_id


@pytest.mark.requirement("A02.FR.17")
async def test_no_answer_to_the_request_counts_as_one_without_certificate() -> None:
    world = Certified()
    world.certificates.station.clear()
    world.accepts = [NoAnswer("late"), True]
    await world.online()
    await world.passes(60 + 30)
    assert len(world.requests) == 2


async def test_what_could_not_be_sent_is_sent_when_there_is_a_connection() -> None:
    world = Certified()
    await world.online()
    world.accepts = [OFFLINE]
    world.renewal.sign(STATION)
    await world.settled()
    world.disconnect()
    await world.passes(DAY)
    assert len(world.requests) == 1
    await world.connect()
    world.renewal.on_online()
    await world.settled()
    assert len(world.requests) == 2
    assert world.csms.triggered == world.requests


async def test_a_csms_that_refuses_is_asked_at_the_next_check() -> None:
    world = Certified()
    world.certificates.station.clear()
    world.accepts = [False]
    await world.online()
    await world.passes(3600)
    assert len(world.requests) == 1
    await world.passes(DAY / 2)
    assert len(world.requests) >= 2


async def test_what_the_version_cannot_say_is_left() -> None:
    world = Certified()
    world.certificates.station.clear()
    world.accepts = [NotSpoken("no")]
    await world.online()
    await world.passes(3600)
    assert len(world.requests) == 1


@pytest.mark.requirement("A02.FR.08", "A02.FR.26")
async def test_a_signed_certificate_ends_the_wait_and_is_changed_over_to() -> None:
    world = await expiring()
    number = world.requests[0].request_id
    world.certificates.signed = own(proven=False)
    answer = await world.renewal.signed(CertificateSigned("chain", STATION, number))
    assert answer.result.status == "Accepted"
    assert world.certificates.calls[-1] == ("take", "chain", STATION, number, False)
    assert world.reconnects == 0  # never before the answer
    answer.then()
    assert world.reconnects == 1
    assert "ReconfigurationOfSecurityParameters" in world.events
    await world.passes(DAY)
    assert len(world.requests) == 1
    assert world.model.integer(SecurityCtrlr.CertificateEntries) == 1


async def test_below_profile_3_a_new_certificate_changes_nothing_yet() -> None:
    world = Certified(profile=2)
    await world.online()
    world.certificates.signed = own(proven=False)
    answer = await world.renewal.signed(CertificateSigned("chain"))
    answer.then()
    assert (answer.result.status, world.reconnects, world.events) == ("Accepted", 0, [])


@pytest.mark.requirement("A02.FR.08", "A02.FR.09")
@pytest.mark.parametrize("restart", [False, True])
async def test_one_that_is_sent_ahead_is_changed_over_to_in_its_time(restart: bool) -> None:
    world = Certified(manners=PLANS)
    await world.online()
    world.certificates.signed = own(begins=2, proven=False)
    answer = await world.renewal.signed(CertificateSigned("chain", STATION))
    assert world.certificates.calls[-1] == ("take", "chain", STATION, None, True)
    if restart:
        world.renewal.start()
    else:
        answer.then()
    await world.passes(2 * DAY - 10)
    assert world.reconnects == 0
    await world.passes(20)
    assert world.reconnects == 1


@pytest.mark.requirement("A02.FR.08")
async def test_a_clock_that_jumps_over_the_beginning_of_a_certificate_changes_over() -> None:
    world = Certified(manners=PLANS)
    world.renewal.start()
    await world.online()
    world.certificates.signed = own(begins=2, proven=False)
    answer = await world.renewal.signed(CertificateSigned("chain", STATION))
    answer.then()
    world.world.clock.adjust(timedelta(days=1))
    assert world.reconnects == 0
    world.world.clock.adjust(timedelta(days=1, seconds=10))
    assert world.reconnects == 1
    world.world.clock.adjust(timedelta(days=1))
    await world.passes(DAY)
    assert world.reconnects == 1, "it is in use by now"


@pytest.mark.requirement("A02.FR.07", "A02.FR.20")
async def test_a_bad_certificate_is_discarded_and_told() -> None:
    world = await expiring()
    world.certificates.refusal = CertificateRefusal("CertificateExpired", "it expired")
    answer = await world.renewal.signed(CertificateSigned("chain", STATION))
    assert answer.result.status == "Rejected"
    assert answer.result.status_info is not None
    assert answer.result.status_info.reason_code == "CertificateExpired"
    assert world.events == ["InvalidChargingStationCertificate"]
    await world.passes(DAY)
    assert len(world.requests) == 1  # not again by itself
    assert world.reconnects == 0


async def test_a_disk_that_fails_is_not_the_certificates_fault() -> None:
    world = await expiring()
    world.certificates.refusal = CertificateRefusal("InternalError", "disk full", failed=True)
    answer = await world.renewal.signed(CertificateSigned("chain", STATION))
    assert (answer.result.status, world.events) == ("Rejected", [])
    await world.passes(30)
    assert len(world.requests) == 2  # asked again


@pytest.mark.requirement("A02.FR.16")
async def test_a_chain_that_is_too_long_is_not_looked_at() -> None:
    world = Certified({SecurityCtrlr.MaxCertificateChainSize: 100})
    await world.online()
    taken = [call for call in world.certificates.calls if call[0] == "take"]
    answer = await world.renewal.signed(CertificateSigned("c" * 101))
    assert (answer.result.status, taken) == ("Rejected", [])


@pytest.mark.requirement("A02.FR.26")
async def test_an_unknown_request_id_is_rejected() -> None:
    world = await expiring()
    answer = await world.renewal.signed(CertificateSigned("chain", STATION, 12))
    assert (answer.result.status, world.events) == ("Rejected", [])
    await world.passes(30)
    assert len(world.requests) == 2  # ours is still open


@pytest.mark.requirement("A02.FR.13")
@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({SecurityCtrlr.OrganizationName: ""}, "OrganizationName"),
        ({ChargingStation.SerialNumber: "10.0.0.1"}, "looks like"),
        ({ChargingStation.SerialNumber: "https://csms"}, "looks like"),
    ],
)
async def test_without_a_proper_subject_there_is_no_request(values: dict, wanted: str) -> None:
    world = Certified(values)
    refusal = world.renewal.why_not(STATION)
    assert refusal is not None
    assert wanted in (refusal.additional_info or "")
    assert world.events == ["CSRGenerationFailed"]
    world.certificates.station.clear()
    await world.online()
    await world.passes(61)
    assert world.requests == []
    assert world.events == ["CSRGenerationFailed"] * 2


async def test_the_identity_stands_in_for_a_serial_number() -> None:
    world = Certified({ChargingStation.SerialNumber: ""})
    assert world.renewal.why_not(STATION) is None
    world.renewal.sign(STATION)
    await world.settled()
    [(_, subject, _)] = world.certificates.requests.values()
    assert subject == Subject("Grid Ltd", "CS1")


async def test_a_failure_to_make_the_request_is_told() -> None:
    world = Certified()
    world.certificates.refusal = CertificateRefusal("InternalError", "disk full", failed=True)
    await world.online()
    world.renewal.sign(STATION)
    await world.settled()
    assert world.events == ["CSRGenerationFailed"]
    assert world.requests == []


@pytest.mark.requirement("A02.FR.10", "A02.FR.29", "M05.FR.13")
@pytest.mark.parametrize("manners", [Manners(), PLANS])
async def test_each_connection_shows_what_works(manners: Manners) -> None:
    world = Certified(manners=manners)
    await world.online()
    connected = ("connected", True, ANCHOR, manners.plans_certificates)
    assert world.certificates.calls == [connected]
    world.certificates.discards = ("CN=SN-1",)
    await world.connect()
    assert world.events == ["DiscardedRenewedClientCertificate"]
    await world.connect(security_profile=1)
    assert world.certificates.calls[-1] == ("connected", False, None, manners.plans_certificates)


SECC = {
    ISO15118Ctrlr.SeccId: "DE-ICE-S-1",
    ISO15118Ctrlr.CountryName: "DE",
    ISO15118Ctrlr.OrganizationName: "Cars Ltd",
}


@pytest.mark.requirement("A02.FR.22", "A02.FR.27", "A03.FR.02")
async def test_a_certificate_towards_cars_has_its_own_subject_and_root() -> None:
    world = Certified(SECC, profile=1)
    data = CertificateHashData(HashAlgorithm.SHA256, "aa", "bb", "1")
    world.certificates.installed.append(CertificateHashDataChain(CertificateUse.V2G_ROOT, data))
    await world.online()
    await world.passes(61)
    [request] = world.requests
    assert type(request) is SignV2gCertificate
    assert (request.use, request.root) == (SigningUse.V2G, data)
    [(_, subject, _)] = world.certificates.requests.values()
    assert subject == Subject("Cars Ltd", "DE-ICE-S-1", "DE", "CPO")
    world.certificates.signed = own(use=SigningUse.V2G)
    answer = await world.renewal.signed(CertificateSigned("chain", SigningUse.V2G))
    answer.then()
    assert (answer.result.status, world.reconnects) == ("Accepted", 0)


@pytest.mark.parametrize(
    "values", [{}, SECC | {ISO15118Ctrlr.V2GCertificateInstallationEnabled: False}]
)
async def test_without_a_secc_there_is_none_for_cars(values: dict) -> None:
    world = Certified(values)
    await world.online()
    await world.passes(61)
    assert world.requests == []
    assert world.renewal.why_not(SigningUse.V2G) is not None
    assert world.events == []


@pytest.mark.requirement("A02.FR.28")
@pytest.mark.parametrize(("attempts", "slots", "dials"), [(3, "1", 3), (2, "1,2", 4), (-1, "1", 1)])
def test_a_new_certificate_has_as_many_dials_as_all_slots_together(
    attempts: int, slots: str, dials: int
) -> None:
    world = Certified()
    world.model.set_actual(OCPPCommCtrlr.NetworkProfileConnectionAttempts, attempts)
    world.model.set_actual(OCPPCommCtrlr.NetworkConfigurationPriority, slots)
    assert dials_of_a_round(world.model) == dials
