"""What X.509 says of certificates: properties, chains, hash data (A00.FR.501 to FR.512).

Runs in the child process alone: it needs `cryptography` (38 of Debian 12, or newer).
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import (
    AuthorityInformationAccessOID,
    ExtendedKeyUsageOID,
    ExtensionOID,
    NameOID,
)

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_PSS = "1.2.840.113549.1.1.10"
_PSS_HASHES = (hashes.SHA256(), hashes.SHA384(), hashes.SHA512())
_WEAK_HASHES = frozenset({"md5", "sha1", "sha224"})
_HASHES = {"SHA256": hashes.SHA256(), "SHA384": hashes.SHA384(), "SHA512": hashes.SHA512()}
_DEEPEST = 5
"""Longest way from a leaf to its root: three sub-CAs are usual at most."""

# What a path is checked against; another extension that is critical is a reason to refuse.
_UNDERSTOOD = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
    }
)


class Invalid(Exception):
    """A certificate is not good for its purpose; the code has at most 20 characters."""

    def __init__(self, reason_code: str, text: str) -> None:
        super().__init__(text)
        self.reason_code = reason_code
        self.text = text


def read_pem(text: str, most: int = 100) -> list[x509.Certificate]:
    """Read all certificates of a text.

    Raises:
        Invalid: there is none, more than `most`, or one cannot be read

    """
    found = _CERTIFICATE.findall(text)
    if not found:
        raise Invalid("InvalidCertificate", "there is no certificate in PEM format")
    if len(found) > most:
        raise Invalid("InvalidCertificate", f"there are more than {most} certificates")
    try:
        return [x509.load_pem_x509_certificate(each.encode("ascii")) for each in found]
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Invalid("InvalidCertificate", f"a certificate cannot be read: {error}") from None


def pem_of(certificate: x509.Certificate) -> str:
    """Return a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def period(certificate: x509.Certificate) -> tuple[datetime, datetime]:
    """Return when a certificate begins and ends to be valid, in UTC."""
    found: Any = certificate
    if hasattr(found, "not_valid_before_utc"):  # 42 and newer
        return found.not_valid_before_utc, found.not_valid_after_utc
    return found.not_valid_before.replace(tzinfo=UTC), found.not_valid_after.replace(tzinfo=UTC)


def facts(certificate: x509.Certificate, issuer: x509.Certificate | None) -> dict[str, Any]:
    """Return what the daemon wants to know of a certificate, as JSON has it."""
    begin, end = period(certificate)
    return {
        "sha256": certificate.fingerprint(hashes.SHA256()).hex(),
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "serial": f"{certificate.serial_number:x}",
        "not_before": begin.isoformat(),
        "not_after": end.isoformat(),
        "hashes": None if issuer is None else hash_data(certificate, issuer),
        "responder": _responder(certificate),
    }


def hash_data(certificate: x509.Certificate, issuer: x509.Certificate) -> dict[str, list[str]]:
    """Return the hashes of the issuer's name and key by algorithm, as OCSP computes them."""
    found = {}
    for name, algorithm in _HASHES.items():
        request = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, algorithm).build()
        found[name] = [request.issuer_name_hash.hex(), request.issuer_key_hash.hex()]
    return found


def _responder(certificate: x509.Certificate) -> str | None:
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    except (x509.ExtensionNotFound, ValueError):
        return None
    for each in access.value:
        location = each.access_location
        if each.access_method == AuthorityInformationAccessOID.OCSP and isinstance(
            location, x509.UniformResourceIdentifier
        ):
            return location.value
    return None


def check_properties(certificate: x509.Certificate) -> None:
    """Check key and signature algorithm of one certificate (A00.FR.501 to FR.504).

    Raises:
        Invalid: they are too weak, or unknown

    """
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Invalid("InvalidCertificate", f"its key cannot be read: {error}") from None
    match key:
        case rsa.RSAPublicKey():
            if key.key_size < 2048:  # A00.FR.502
                raise Invalid("WeakKey", f"an RSA key of {key.key_size} bits is too short")
        case ec.EllipticCurvePublicKey():
            if key.curve.key_size < 224:  # A00.FR.503
                raise Invalid("WeakKey", f"an EC key of {key.curve.key_size} bits is too short")
        case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
            pass
        case _:
            raise Invalid("WeakKey", "its kind of key is not among those recommended")
    if certificate.signature_algorithm_oid.dotted_string != _PSS:
        try:
            algorithm = certificate.signature_hash_algorithm
        except UnsupportedAlgorithm as error:
            raise Invalid("InvalidSignature", f"its signature is unknown: {error}") from None
        if algorithm is not None and algorithm.name in _WEAK_HASHES:  # A00.FR.504
            raise Invalid("WeakSignature", f"it is signed with {algorithm.name}")


def check_period(
    certificate: x509.Certificate, now: datetime, what: str, *, ahead: bool = False
) -> None:
    """Check that a certificate is valid now, or with `ahead` now or later."""
    begin, end = period(certificate)
    if now > end:
        raise Invalid("CertificateExpired", f"{what} expired at {end.isoformat()}")
    if now < begin and not ahead:
        raise Invalid("NotYetValid", f"{what} is not valid before {begin.isoformat()}")


def check_authority(certificate: x509.Certificate, below: int = 0) -> None:
    """Check that a certificate may sign others, `below` of which are between it and the leaf."""
    try:
        extensions = certificate.extensions
        constraints = extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        raise Invalid("NotACertAuthority", "it is no certificate of an authority") from None
    except ValueError as error:
        raise Invalid("InvalidCertificate", f"its extensions cannot be read: {error}") from None
    if not constraints.ca:
        raise Invalid("NotACertAuthority", "it is no certificate of an authority")
    if constraints.path_length is not None and below > constraints.path_length:
        raise Invalid("InvalidChain", "the chain is longer than its authority allows")
    try:
        if not extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign:
            raise Invalid("NotACertAuthority", "its key usage does not allow to sign certificates")
    except x509.ExtensionNotFound:
        pass
    _check_critical(certificate)


def _check_critical(certificate: x509.Certificate) -> None:
    try:
        for extension in certificate.extensions:
            if extension.critical and extension.oid not in _UNDERSTOOD:
                raise Invalid(
                    "InvalidCertificate",
                    f"its critical extension {extension.oid.dotted_string} is not understood",
                )
    except ValueError as error:
        raise Invalid("InvalidCertificate", f"its extensions cannot be read: {error}") from None


def is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Tell whether a certificate names an issuer, and has its signature."""
    if certificate.issuer != issuer.subject:
        return False
    signed, signature = certificate.tbs_certificate_bytes, certificate.signature
    try:
        key = issuer.public_key()
        match key:
            case rsa.RSAPublicKey():
                if certificate.signature_algorithm_oid.dotted_string == _PSS:
                    return _is_signed_by_pss(key, signature, signed)
                algorithm = certificate.signature_hash_algorithm
                if algorithm is None:
                    return False
                key.verify(signature, signed, padding.PKCS1v15(), algorithm)
            case ec.EllipticCurvePublicKey():
                algorithm = certificate.signature_hash_algorithm
                if algorithm is None:
                    return False
                key.verify(signature, signed, ec.ECDSA(algorithm))
            case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
                key.verify(signature, signed)
            case _:
                return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _is_signed_by_pss(key: rsa.RSAPublicKey, signature: bytes, signed: bytes) -> bool:
    """Try the hashes that are good enough: cryptography 38 does not read the parameters."""
    for algorithm in _PSS_HASHES:
        scheme = padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO)
        try:
            key.verify(signature, signed, scheme, algorithm)
        except InvalidSignature:
            continue
        return True
    return False


def path_to_root(
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    now: datetime,
) -> list[x509.Certificate]:
    """Return the chain from a leaf to one of the roots, both included (RFC 5280, 6).

    Raises:
        Invalid: there is none whose signatures, periods and constraints all hold

    """
    problems: list[Invalid] = []

    def walk(path: list[x509.Certificate]) -> list[x509.Certificate] | None:
        for trusted, candidates in ((True, roots), (False, others)):
            for issuer in candidates:
                if issuer in path or not is_signed_by(path[-1], issuer):
                    continue
                try:
                    check_period(issuer, now, "the certificate of its authority")
                    check_authority(issuer, below=len(path) - 1)
                    check_properties(issuer)
                except Invalid as problem:
                    problems.append(problem)
                    continue
                if trusted:
                    return [*path, issuer]
                if len(path) < _DEEPEST:
                    found = walk([*path, issuer])
                    if found is not None:
                        return found
        return None

    found = walk([leaf])
    if found is None:
        if problems:
            raise problems[0]
        raise Invalid("NoCertificateRoot", "it leads to none of the installed roots")
    return found


def check_leaf(
    certificate: x509.Certificate, common_name: str, usage: x509.ObjectIdentifier
) -> None:
    """Check what a certificate of the station must say (A00.FR.509, FR.511, FR.512)."""
    try:
        extensions = certificate.extensions
    except ValueError as error:
        raise Invalid("InvalidCertificate", f"its extensions cannot be read: {error}") from None
    _check_critical(certificate)
    try:
        if extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            raise Invalid("InvalidCertificate", "it is the certificate of an authority")
    except x509.ExtensionNotFound:
        pass
    try:
        if not extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature:
            raise Invalid("InvalidCertificate", "its key usage allows no digital signature")
    except x509.ExtensionNotFound:
        pass
    try:
        usages = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if usage not in usages and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in usages:
            raise Invalid("InvalidCertificate", "its extended key usage is another one")
    except x509.ExtensionNotFound:
        pass
    if not _values(certificate, NameOID.ORGANIZATION_NAME):  # A00.FR.509
        raise Invalid("InvalidCertificate", "its subject has no organizationName")
    if common_name not in _values(certificate, NameOID.COMMON_NAME):  # A00.FR.511
        raise Invalid("InvalidCertificate", f"its commonName is not {common_name}")


def _values(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> list[str]:
    return [
        value if isinstance(value, str) else value.decode(errors="replace")
        for value in (each.value for each in certificate.subject.get_attributes_for_oid(oid))
    ]


def common_name_of(request: x509.CertificateSigningRequest) -> str:
    """Return the commonName that a request asks for."""
    [attribute] = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    value = attribute.value
    return value if isinstance(value, str) else value.decode()


def public_bytes(of: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    """Return the public key as it compares."""
    return of.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
