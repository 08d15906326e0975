"""An authority of a test that signs what it is asked for, well or badly."""

import datetime
import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

from ocppd.model.certificates import CertificateHashData, HashAlgorithm

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
NOW = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)


def days(number: float) -> datetime.datetime:
    """The moment so many days from the tests' now."""
    return NOW + datetime.timedelta(days=number)


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def name(common_name: str, organization: str | None = "Grid Ltd") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization is not None:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


@dataclass
class Authority:
    """A root or, by `sub`, an authority below another."""

    common_name: str = "root"
    begins: float = -100
    ends: float = 1000
    key: PrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    above: "Authority | None" = None
    ca: bool = True
    path_length: int | None = None
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = ()
    algorithm: hashes.HashAlgorithm = field(default_factory=hashes.SHA256)
    now: datetime.datetime = NOW
    certificate: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        above = self.above or self
        builder = self._builder(
            name(self.common_name),
            name(above.common_name),
            self.key.public_key(),
            self.begins,
            self.ends,
        ).add_extension(x509.BasicConstraints(self.ca, self.path_length), critical=True)
        for extension, critical in self.extensions:
            builder = builder.add_extension(extension, critical)
        self.certificate = builder.sign(above.key, self.algorithm)

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, key: object, begins: float, ends: float
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now + datetime.timedelta(days=begins))
            .not_valid_after(self.now + datetime.timedelta(days=ends))
        )

    @property
    def pem(self) -> str:
        return pem(self.certificate)

    def sub(self, common_name: str = "sub", **changes: object) -> "Authority":
        return Authority(common_name, above=self, now=self.now, **changes)

    def sign(
        self,
        csr: str,
        *,
        begins: float = -1,
        ends: float = 365,
        subject: x509.Name | None = None,
        key: object = None,
        extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (),
        chain: bool = True,
    ) -> str:
        """Sign a request: the leaf, and the authorities up to the one below the root."""
        request = x509.load_pem_x509_csr(csr.encode())
        assert request.is_signature_valid
        builder = self._builder(
            subject or request.subject,
            name(self.common_name),
            key or request.public_key(),
            begins,
            ends,
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        text = pem(builder.sign(self.key, self.algorithm))
        each = self
        while chain and each.above is not None:
            text += each.pem
            each = each.above
        return text

    def issue(self, common_name: str, folder: Path, *, address: bool = False) -> tuple[Path, Path]:
        """Issue a certificate with its key in files; with `address` it is a server's."""
        key = ec.generate_private_key(ec.SECP256R1())
        request = x509.CertificateSigningRequestBuilder().subject_name(name(common_name))
        csr = request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
        names = (
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(common_name))])
            if address
            else None
        )
        chain = self.sign(csr, begins=-2, ends=90, extensions=((names, False),) if names else ())
        certificate, secret = folder / f"{common_name}.crt", folder / f"{common_name}.key"
        certificate.write_text(chain)
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate, secret


def hash_data(
    certificate: x509.Certificate, issuer: x509.Certificate, algorithm: HashAlgorithm
) -> CertificateHashData:
    """Hash data as the library of OCSP has it."""
    kind = {"SHA256": hashes.SHA256, "SHA384": hashes.SHA384, "SHA512": hashes.SHA512}[algorithm]
    request = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, kind()).build()
    return CertificateHashData(
        algorithm,
        request.issuer_name_hash.hex(),
        request.issuer_key_hash.hex(),
        f"{certificate.serial_number:x}",
    )
