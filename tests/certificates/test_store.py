"""The store of certificates with its child process, on real files and an authority of the test."""

import os
import ssl
import stat
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ocppd.certificates import child
from ocppd.certificates.configured import TlsFiles
from ocppd.certificates.store import CertificateStore
from ocppd.model.certificates import (
    CertificateHashData,
    CertificateRefusal,
    CertificateUse,
    DeleteStatus,
    HashAlgorithm,
    OwnCertificate,
    SigningUse,
    Subject,
)
from tests.certificates.authority import NOW, Authority, days, hash_data, name

CSMS = CertificateUse.CSMS_ROOT
STATION = SigningUse.CHARGING_STATION
SUBJECT = Subject("Grid Ltd", "SN-0815")


class Clock:
    def __init__(self) -> None:
        self.moment: datetime = NOW

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def root() -> Authority:
    return Authority()


def opened(folder: Path, clock: Clock, tls: TlsFiles | None = None) -> CertificateStore:
    return CertificateStore(folder / "certificates", tls=tls, now=clock, attempts=lambda: 2)


async def with_root(folder: Path, clock: Clock, root: Authority) -> CertificateStore:
    store = opened(folder, clock)
    assert await store.install(CSMS, root.pem, most=100) is None
    return store


async def asked(store: CertificateStore, number: int = 1, use: SigningUse = STATION) -> str:
    csr = await store.request(use, SUBJECT, number)
    assert isinstance(csr, str)
    return csr


async def given(
    store: CertificateStore, chain: str, *, ahead: bool = False, **more: object
) -> OwnCertificate | CertificateRefusal:
    wanted = {"use": None, "number": None} | more
    return await store.take(chain, ahead=ahead, **wanted)


async def renewed(
    store: CertificateStore, root: Authority, number: int, begins: float = -1, ends: float = 365
) -> OwnCertificate:
    chain = root.sign(await asked(store, number), begins=begins, ends=ends)
    taken = await given(store, chain, ahead=begins > 0)
    assert isinstance(taken, OwnCertificate), taken
    return taken


def loads(store: CertificateStore) -> str:
    """Load what the next dial uses as TLS does, and return the folder's name."""
    paths = store.for_dial()
    assert paths.certificate is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_cert_chain(paths.certificate, paths.key)
    for each in paths.roots:
        context.load_verify_locations(each)
    return paths.certificate.parent.name


async def connect(
    store: CertificateStore, *, keep_old: bool = False, anchor: str | None = None
) -> tuple[str, ...]:
    return await store.connected(by_certificate=True, anchor=anchor, keep_old=keep_old)


# Roots


@pytest.mark.requirement("M05.FR.02", "M05.FR.17", "M03.FR.04")
async def test_a_root_is_installed_listed_and_there_after_a_restart(
    tmp_path: Path, clock: Clock, root: Authority
) -> None:
    store = opened(tmp_path, clock)
    assert not store.has_csms_root()
    assert await store.install(CSMS, "text before\n" + root.pem, most=1) is None
    assert await store.install(CSMS, root.pem, most=1) is None  # once more: replaced
    for each in (store, opened(tmp_path, clock)):
        assert each.has_csms_root()
        assert each.entries == 1
        [listed] = each.listed((CSMS,))
        assert listed.hash_data == hash_data(
            root.certificate, root.certificate, HashAlgorithm.SHA256
        )
        assert listed.children == ()
        assert each.listed((CertificateUse.MO_ROOT,)) == ()
        assert each.listed(()) == (listed,)
        assert len(each.for_dial().roots) == 1


@pytest.mark.requirement("M05.FR.06")
async def test_there_is_an_end_of_the_room(tmp_path: Path, clock: Clock, root: Authority) -> None:
    store = await with_root(tmp_path, clock, root)
    refusal = await store.install(CertificateUse.MO_ROOT, Authority("other").pem, most=1)
    assert refusal is not None
    assert (refusal.reason_code, refusal.failed) == ("NoSpace", False)
    assert store.entries == 1


def weak_rsa() -> Authority:
    return Authority(key=rsa.generate_private_key(65537, 1024))


@pytest.mark.requirement("M05.FR.07", "A00.FR.502", "A00.FR.503", "A00.FR.504", "A00.FR.507")
@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: Authority(ends=-1).pem, "CertificateExpired"),
        (lambda: Authority(begins=1).pem, "NotYetValid"),
        (lambda: Authority(ca=False).pem, "NotACertAuthority"),
        (lambda: Authority().sub().pem, "InvalidSignature"),
        (lambda: weak_rsa().pem, "WeakKey"),
        (lambda: Authority(key=ec.generate_private_key(ec.SECP192R1())).pem, "WeakKey"),
        (lambda: Authority(algorithm=hashes.SHA224()).pem, "WeakSignature"),
        (lambda: Authority().pem + Authority("two").pem, "InvalidCertificate"),
        (lambda: "no certificate", "InvalidCertificate"),
        (lambda: Authority().pem.replace("M", "N", 3), "InvalidCertificate"),
        (
            lambda: (
                Authority(
                    extensions=(
                        (
                            x509.NameConstraints([x509.DNSName("example.org")], None),
                            True,
                        ),
                    )
                ).pem
            ),
            "InvalidCertificate",
        ),
    ],
    ids=[
        "expired",
        "early",
        "no authority",
        "not self-signed",
        "short RSA",
        "short EC",
        "SHA-224",
        "two",
        "none",
        "damaged",
        "unknown critical extension",
    ],
)
async def test_a_bad_root_is_refused(tmp_path: Path, clock: Clock, make, code: str) -> None:
    store = opened(tmp_path, clock)
    refusal = await store.install(CSMS, make(), most=100)
    assert refusal is not None
    assert (refusal.reason_code, refusal.failed) == (code, False)
    assert store.entries == 0
    assert not store.has_csms_root()


async def test_a_folder_that_cannot_be_written_is_our_fault(
    tmp_path: Path, clock: Clock, root: Authority
) -> None:
    store = opened(tmp_path, clock)
    for path in (tmp_path / "certificates" / "roots").iterdir():
        path.rmdir()
    refusal = await store.install(CSMS, root.pem, most=100)
    assert refusal is not None
    assert refusal.failed


@pytest.mark.requirement("M04.FR.02", "M04.FR.04", "M04.FR.07")
@pytest.mark.parametrize("algorithm", HashAlgorithm)
async def test_a_root_is_deleted_by_hash_data_of_any_algorithm(
    tmp_path: Path, clock: Clock, root: Authority, algorithm: HashAlgorithm
) -> None:
    store = await with_root(tmp_path, clock, root)
    wanted = hash_data(root.certificate, root.certificate, algorithm)
    shouted = CertificateHashData(
        algorithm,
        wanted.issuer_name_hash.upper(),
        wanted.issuer_key_hash,
        "00" + wanted.serial_number.upper(),
    )
    other = CertificateHashData(algorithm, wanted.issuer_name_hash, wanted.issuer_key_hash, "1")
    assert await store.delete(other, anchor=None, secured=False) is DeleteStatus.NOT_FOUND
    assert await store.delete(shouted, anchor=None, secured=False) is DeleteStatus.ACCEPTED
    assert not opened(tmp_path, clock).has_csms_root()
    assert await store.delete(wanted, anchor=None, secured=False) is DeleteStatus.NOT_FOUND


@pytest.mark.requirement("M04.FR.03", "M04.FR.06")
async def test_the_root_of_the_connection_stays(
    tmp_path: Path, clock: Clock, root: Authority
) -> None:
    store = await with_root(tmp_path, clock, root)
    other = Authority("other")
    await store.install(CSMS, other.pem, most=100)
    anchor = root.certificate.fingerprint(hashes.SHA256()).hex()
    mine = hash_data(root.certificate, root.certificate, HashAlgorithm.SHA256)
    theirs = hash_data(other.certificate, other.certificate, HashAlgorithm.SHA256)
    assert await store.delete(mine, anchor=anchor, secured=True) is DeleteStatus.FAILED
    # Where the anchor is not known, either may be it.
    assert await store.delete(theirs, anchor=None, secured=True) is DeleteStatus.FAILED
    assert await store.delete(theirs, anchor=anchor, secured=True) is DeleteStatus.ACCEPTED
    assert store.has_csms_root()


@pytest.mark.requirement("M05.FR.09", "M05.FR.10", "M05.FR.11", "M05.FR.12", "M05.FR.13")
async def test_a_root_is_replaced_by_its_successor_alone(
    tmp_path: Path, clock: Clock, root: Authority
) -> None:
    store = await with_root(tmp_path, clock, root)
    stranger = Authority("stranger")
    refusal = await store.install(CSMS, stranger.pem, most=100, only_by_successor=True)
    assert refusal is not None
    assert refusal.reason_code == "InvalidSignature"
    successor = root.sub("successor")
    assert await store.install(CSMS, successor.pem, most=100, only_by_successor=True) is None

    store = opened(tmp_path, clock)
    [first] = store.for_dial().roots
    assert successor.pem in first.read_text()
    [second] = store.for_dial().roots  # M05.FR.14: the old one, if the new one did not do
    assert root.pem in second.read_text()
    await connect(store, anchor=root.certificate.fingerprint(hashes.SHA256()).hex())
    assert store.entries == 2  # the old one worked: both stay
    assert store.for_dial().roots == (first,)
    await connect(store, anchor=successor.certificate.fingerprint(hashes.SHA256()).hex())
    assert store.entries == 1
    assert opened(tmp_path, clock).for_dial().roots == (first,)
    assert opened(tmp_path, clock).for_dial().roots == (first,)


@pytest.mark.requirement("M05.FR.10", "M05.FR.13")
async def test_a_successor_also_replaces_the_configured_root(
    tmp_path: Path, clock: Clock, root: Authority
) -> None:
    configured = tmp_path / "ca.pem"
    configured.write_text(root.pem)
    tls = TlsFiles(ca_file=configured)
    store = opened(tmp_path, clock, tls)
    await store.learn()
    successor = root.sub("successor")
    assert await store.install(CSMS, successor.pem, most=100, only_by_successor=True) is None
    [new] = store.for_dial().roots
    assert store.for_dial().roots == (configured,)
    store.for_dial()
    await connect(store, anchor=successor.certificate.fingerprint(hashes.SHA256()).hex())
    again = opened(tmp_path, clock, tls)
    assert [again.for_dial().roots for _ in range(2)] == [(new,), (new,)]


@pytest.mark.requirement("M05.FR.10", "M05.FR.11")
async def test_what_is_configured_is_known_before_a_successor_is_judged(
    tmp_path: Path, clock: Clock, root: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right after the start, or a change of the file, nobody may slip in another root."""
    configured = tmp_path / "ca.pem"
    configured.write_text(root.pem)
    tls = TlsFiles(ca_file=configured)
    stranger = Authority("stranger")
    for store in (opened(tmp_path / "new", clock, tls), opened(tmp_path / "lost", clock, tls)):
        refusal = await store.install(CSMS, stranger.pem, most=100, only_by_successor=True)
        assert refusal is not None
        assert refusal.reason_code == "InvalidSignature"
    configured.write_text(root.pem + "\n")  # another stamp
    ask = child.ask

    async def fails(question: str, **members: Any) -> dict[str, Any]:
        if question == "inspect":
            raise child.Unanswered("no memory")
        return await ask(question, **members)

    monkeypatch.setattr(child, "ask", fails)
    refusal = await store.install(CSMS, stranger.pem, most=100, only_by_successor=True)
    assert refusal is not None
    assert refusal.failed
    assert await store.install(CSMS, stranger.pem, most=100) is None, "where it is not asked for"


@pytest.mark.requirement("M05.FR.13")
async def test_a_configured_root_that_was_replaced_does_not_come_back_unseen(
    tmp_path: Path, clock: Clock, root: Authority
) -> None:
    configured = tmp_path / "ca.pem"
    configured.write_text(root.pem)
    tls = TlsFiles(ca_file=configured)
    store = opened(tmp_path, clock, tls)
    await store.learn()
    successor = root.sub("successor")
    assert await store.install(CSMS, successor.pem, most=100, only_by_successor=True) is None
    [new] = store.for_dial().roots
    await connect(store, anchor=successor.certificate.fingerprint(hashes.SHA256()).hex())
    (tmp_path / "certificates" / "configured.json").unlink()
    again = opened(tmp_path, clock, tls)
    assert again.for_dial().roots == (new,)
    await again.learn()
    assert again.for_dial().roots == (new,)


# The station's own


@pytest.mark.requirement("A02.FR.02", "A02.FR.03", "A02.FR.05", "A00.FR.511")
@pytest.mark.parametrize("use", SigningUse)
async def test_a_key_is_made_here_and_stays_here(
    tmp_path: Path, clock: Clock, use: SigningUse
) -> None:
    store = opened(tmp_path, clock)
    csr = await store.request(use, Subject("Grid Ltd", "DE-ICE-S-1", "DE", "CPO"), 7)
    assert isinstance(csr, str)
    request = x509.load_pem_x509_csr(csr.encode())
    assert request.is_signature_valid
    assert {each.oid: each.value for each in request.subject} == {
        NameOID.COUNTRY_NAME: "DE",
        NameOID.ORGANIZATION_NAME: "Grid Ltd",
        NameOID.COMMON_NAME: "DE-ICE-S-1",
        NameOID.DOMAIN_COMPONENT: "CPO",
    }
    [folder] = (tmp_path / "certificates" / "own").iterdir()
    key = folder / "key.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    assert loaded.public_key().public_numbers() == request.public_key().public_numbers()
    assert loaded.curve.name == ("secp521r1" if use is SigningUse.V2G20 else "secp256r1")
    again = opened(tmp_path, clock)
    assert again.pending() == {7: use}
    assert again.request_of(use) == (7, csr)
    assert not again.has_station_certificate()


async def test_what_cannot_be_a_subject_is_refused(tmp_path: Path, clock: Clock) -> None:
    store = opened(tmp_path, clock)
    refusal = await store.request(STATION, Subject("Grid Ltd", "x", country="Germany"), 1)
    assert isinstance(refusal, CertificateRefusal)
    assert refusal.reason_code == "InvalidSubject"
    assert store.pending() == {}


async def test_a_new_request_takes_the_place_of_an_unanswered_one(
    tmp_path: Path, clock: Clock, root: Authority
) -> None:
    store = await with_root(tmp_path, clock, root)
    earlier = await asked(store, 1)
    await asked(store, 2)
    assert opened(tmp_path, clock).pending() == {2: STATION}
    refusal = await given(store, root.sign(earlier))
    assert isinstance(refusal, CertificateRefusal)


@pytest.mark.requirement("A02.FR.06", "A02.FR.08")
@pytest.mark.parametrize("depth", [0, 2])
async def test_a_signed_certificate_is_taken_and_used(
    tmp_path: Path, clock: Clock, root: Authority, depth: int
) -> None:
    store = await with_root(tmp_path, clock, root)
    signer = root
    for level in range(depth):
        signer = signer.sub(f"sub {level}")
    chain = signer.sign(await asked(store))
    taken = await given(store, chain, number=1)
    assert taken == OwnCertificate(STATION, days(-1), days(365), proven=False)
    assert store.pending() == {}
    for each in (store, opened(tmp_path, clock)):
        assert each.has_station_certificate()
        assert each.last_number == 1  # A02.FR.24: no later request may have it again
        assert each.entries == 2 + depth
        assert loads(each).endswith(STATION)
    assert await given(store, chain) == CertificateRefusal(
        "UnknownRequest", "no certificate was asked for"
    )


@pytest.mark.requirement("A02.FR.06", "A02.FR.07", "A00.FR.509", "A00.FR.511", "A00.FR.512")
@pytest.mark.parametrize(
    ("sign", "code"),
    [
        (lambda root, csr: root.sign(csr, ends=-0.5), "CertificateExpired"),
        (lambda root, csr: root.sign(csr, begins=1), "NotYetValid"),
        (lambda root, csr: Authority().sign(csr), "NoCertificateRoot"),
        (lambda root, csr: root.sub().sign(csr, chain=False), "NoCertificateRoot"),
        (lambda root, csr: root.sub(ends=-1).sign(csr), "CertificateExpired"),
        (lambda root, csr: root.sub(ca=False).sign(csr), "NotACertAuthority"),
        (lambda root, csr: root.sub(path_length=0).sub("deep").sign(csr), "InvalidChain"),
        (lambda root, csr: root.sign(csr, subject=name("another")), "InvalidCertificate"),
        (lambda root, csr: root.sign(csr, subject=name("SN-0815", None)), "InvalidCertificate"),
        (
            lambda root, csr: root.sign(
                csr, key=ec.generate_private_key(ec.SECP256R1()).public_key()
            ),
            "InvalidCertificate",
        ),
        (
            lambda root, csr: root.sign(
                csr, extensions=((x509.BasicConstraints(True, None), True),)
            ),
            "InvalidCertificate",
        ),
        (
            lambda root, csr: root.sign(
                csr,
                extensions=((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),),
            ),
            "InvalidCertificate",
        ),
        (lambda root, csr: csr, "InvalidCertificate"),
        (lambda root, csr: root.sign(csr) + root.pem * 10, "InvalidCertificate"),
    ],
    ids=[
        "expired",
        "early",
        "another root",
        "without its sub-CA",
        "expired sub-CA",
        "sub-CA that is none",
        "too deep",
        "another name",
        "no organization",
        "another key",
        "an authority",
        "another usage",
        "no certificate",
        "too many",
    ],
)
async def test_a_bad_certificate_is_refused_and_the_request_stays(
    tmp_path: Path, clock: Clock, root: Authority, sign, code: str
) -> None:
    store = await with_root(tmp_path, clock, root)
    csr = await asked(store)
    refusal = await given(store, sign(root, csr))
    assert isinstance(refusal, CertificateRefusal)
    assert (refusal.reason_code, refusal.failed) == (code, False)
    assert not store.has_station_certificate()
    assert store.pending() == {1: STATION}
    assert isinstance(await given(store, root.sign(csr)), OwnCertificate)


@pytest.mark.requirement("A00.FR.505")
async def test_rsa_authorities_are_understood(tmp_path: Path, clock: Clock) -> None:
    root = Authority(key=rsa.generate_private_key(65537, 2048))
    store = await with_root(tmp_path, clock, root)
    assert isinstance(await given(store, root.sub().sign(await asked(store))), OwnCertificate)


@pytest.mark.requirement("A02.FR.10", "A02.FR.08")
async def test_a_new_certificate_that_works_replaces_the_old_one(
    tmp_path: Path, clock: Clock, root: Authority
) -> None:
    store = await with_root(tmp_path, clock, root)
    await renewed(store, root, 1, begins=-2)
    first = loads(store)
    assert await connect(store) == ()
    await renewed(store, root, 2)
    assert loads(store) != first
    assert await connect(store) == ()
    assert [each.name for each in (tmp_path / "certificates" / "own").iterdir()] != [first]
    again = opened(tmp_path, clock)
    assert again.entries == 2
    own = again.own(STATION)
    assert own is not None
    assert own.proven


@pytest.mark.requirement("A02.FR.28", "A02.FR.29")
async def test_a_network_that_is_down_says_nothing_against_a_new_certificate(
    tmp_path: Path, clock: Clock, root: Authority
) -> None:
    store = await with_root(tmp_path, clock, root)
    await renewed(store, root, 1, begins=-2)
    old = loads(store)
    await connect(store)
    await renewed(store, root, 2)
    for _ in range(7):
        assert loads(store) != old
        store.unreached()
    assert [loads(store) == old for _ in range(3)] == [False, False, True]
    store.unreached()
    assert loads(store) == old


@pytest.mark.requirement("A02.FR.28", "A02.FR.10", "A02.FR.29")
@pytest.mark.parametrize("restart", [False, True])
async def test_a_new_certificate_that_does_not_work_is_discarded(
    tmp_path: Path, clock: Clock, root: Authority, restart: bool
) -> None:
    store = await with_root(tmp_path, clock, root)
    await renewed(store, root, 1, begins=-2)
    old = loads(store)
    await connect(store)
    await renewed(store, root, 2)
    if restart:
        store = opened(tmp_path, clock)
    turns = [loads(store) == old for _ in range(7)]
    assert turns == [False, False, True, True, False, False, True]  # two attempts each, by turns
    [discarded] = await connect(store)
    assert "SN-0815" in discarded
    assert [each.name for each in (tmp_path / "certificates" / "own").iterdir()] == [old]
    assert loads(opened(tmp_path, clock)) == old


@pytest.mark.requirement("A02.FR.08", "A02.FR.09", "A02.FR.10")
async def test_one_that_is_sent_ahead_is_used_from_its_beginning_on(
    tmp_path: Path, clock: Clock, root: Authority
) -> None:
    store = await with_root(tmp_path, clock, root)
    await renewed(store, root, 1, begins=-300, ends=20)
    old = loads(store)
    await connect(store, keep_old=True)
    await renewed(store, root, 2, begins=10)
    assert loads(store) == old
    assert await connect(store, keep_old=True) == ()
    clock.moment = days(10.1)
    assert loads(store) != old
    assert await connect(store, keep_old=True) == ()
    clock.moment += timedelta(days=29)
    await store.forget_old()
    assert (tmp_path / "certificates" / "own" / old).is_dir()  # a month as a fallback
    clock.moment += timedelta(days=2)
    await store.forget_old()
    assert not (tmp_path / "certificates" / "own" / old).exists()
    assert loads(store) != old


@pytest.mark.requirement("A00.FR.430")
async def test_an_expired_certificate_is_better_than_none(
    tmp_path: Path, clock: Clock, root: Authority
) -> None:
    store = await with_root(tmp_path, clock, root)
    await renewed(store, root, 1, ends=5)
    clock.moment = days(6)
    assert not store.has_station_certificate()
    assert loads(store)


@pytest.mark.requirement("M04.FR.06")
async def test_the_own_certificate_cannot_be_deleted(
    tmp_path: Path, clock: Clock, root: Authority
) -> None:
    store = await with_root(tmp_path, clock, root)
    sub = root.sub()
    chain = sub.sign(await asked(store))
    await given(store, chain)
    leaf = x509.load_pem_x509_certificate(chain.encode())
    for certificate, issuer in ((leaf, sub.certificate), (sub.certificate, root.certificate)):
        wanted = hash_data(certificate, issuer, HashAlgorithm.SHA256)
        status = await store.delete(wanted, anchor=None, secured=False)
        assert status is DeleteStatus.FAILED
    assert loads(opened(tmp_path, clock))


@pytest.mark.requirement("M03.FR.05", "M04.FR.08", "A02.FR.15")
async def test_chains_for_cars_are_listed_with_their_authorities(
    tmp_path: Path, clock: Clock, root: Authority
) -> None:
    store = opened(tmp_path, clock)
    await store.install(CertificateUse.V2G_ROOT, root.pem, most=100)
    assert store.root_for(SigningUse.V2G) == hash_data(
        root.certificate, root.certificate, HashAlgorithm.SHA256
    )
    first = root.sub("one")
    second = first.sub("two")
    chain = second.sign(await asked(store, use=SigningUse.V2G))
    assert isinstance(await given(store, chain, use=SigningUse.V2G), OwnCertificate)
    [listed] = opened(tmp_path, clock).listed((CertificateUse.V2G_CHAIN,))
    leaf = x509.load_pem_x509_certificate(chain.encode())
    assert listed.hash_data == hash_data(leaf, second.certificate, HashAlgorithm.SHA256)
    assert listed.children == (
        hash_data(second.certificate, first.certificate, HashAlgorithm.SHA256),
        hash_data(first.certificate, root.certificate, HashAlgorithm.SHA256),
    )
    assert not store.has_station_certificate()
    assert store.for_dial().certificate is None
    status = await store.delete(listed.hash_data, anchor=None, secured=True)
    assert status is DeleteStatus.ACCEPTED
    assert store.listed((CertificateUse.V2G_CHAIN,)) == ()


async def test_the_configured_certificate_counts_until_a_newer_one_is_there(
    tmp_path: Path, clock: Clock, root: Authority
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(name("SN-0815"))
    csr = request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    ca_file, certificate, key_file = (tmp_path / each for each in ("ca", "crt", "key"))
    ca_file.write_text(root.pem)
    certificate.write_text(root.sign(csr, begins=-50, ends=20))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    tls = TlsFiles(ca_file, certificate, key_file)
    store = opened(tmp_path, clock, tls)
    assert store.has_csms_root()
    assert store.has_station_certificate()  # nothing is known against it yet
    await store.learn()
    own = store.own(STATION)
    assert own == OwnCertificate(STATION, days(-50), days(20), proven=False, installed=False)
    assert store.for_dial().certificate == certificate
    await connect(store)
    [listed] = opened(tmp_path, clock, tls).listed((CSMS,))
    assert await store.delete(listed.hash_data, anchor=None, secured=False) is DeleteStatus.FAILED

    await renewed(store, root, 1)  # signed by the configured authority
    assert loads(store).endswith(STATION)
    await connect(store)
    assert certificate.exists()
    assert loads(opened(tmp_path, clock, tls)).endswith(STATION)

    certificate.write_text(root.sign(csr, begins=-0.5))  # a newer one from the workshop
    os.utime(certificate, (1, 1))
    again = opened(tmp_path, clock, tls)
    await again.learn()
    assert again.for_dial().certificate == certificate


async def test_foreign_files_are_left_out(tmp_path: Path, clock: Clock, root: Authority) -> None:
    store = await with_root(tmp_path, clock, root)
    (tmp_path / "certificates" / "roots" / CSMS / "mine.pem").write_text(root.pem)
    (tmp_path / "certificates" / "own" / "stray").mkdir()
    again = opened(tmp_path, clock)
    assert again.entries == store.entries == 1
    assert len(again.for_dial().roots) == 1
