"""Certificates: the station's own, and those that it trusts (blocks A02, A03 and M)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ocppd.model.requests import CsmsRequest
from ocppd.model.variables import StatusInfo


class CertificateUse(StrEnum):
    """GetCertificateIdUseEnumType: what an installed certificate is for."""

    V2G_ROOT = "V2GRootCertificate"
    MO_ROOT = "MORootCertificate"
    CSMS_ROOT = "CSMSRootCertificate"
    V2G_CHAIN = "V2GCertificateChain"
    MANUFACTURER_ROOT = "ManufacturerRootCertificate"
    OEM_ROOT = "OEMRootCertificate"


ROOTS = frozenset(CertificateUse) - {CertificateUse.V2G_CHAIN}
"""InstallCertificateUseEnumType: what the CSMS may install."""


class SigningUse(StrEnum):
    """CertificateSigningUseEnumType: the certificates of the station itself."""

    CHARGING_STATION = "ChargingStationCertificate"
    V2G = "V2GCertificate"
    V2G20 = "V2G20Certificate"


class HashAlgorithm(StrEnum):
    """HashAlgorithmEnumType."""

    SHA256 = "SHA256"
    SHA384 = "SHA384"
    SHA512 = "SHA512"


class InstallStatus(StrEnum):
    """InstallCertificateStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    FAILED = "Failed"


class DeleteStatus(StrEnum):
    """DeleteCertificateStatusEnumType."""

    ACCEPTED = "Accepted"
    FAILED = "Failed"
    NOT_FOUND = "NotFound"


@dataclass(frozen=True, slots=True)
class CertificateHashData:
    """CertificateHashDataType: hexadecimal, the serial number without leading zeros."""

    hash_algorithm: HashAlgorithm
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str

    def folded(self) -> "CertificateHashData":
        """Return it as it compares: hexadecimal digits have no case, numbers no leading zeros."""
        return CertificateHashData(
            self.hash_algorithm,
            self.issuer_name_hash.lower(),
            self.issuer_key_hash.lower(),
            self.serial_number.lower().lstrip("0"),
        )


@dataclass(frozen=True, slots=True)
class CertificateHashDataChain:
    """CertificateHashDataChainType: a certificate, and the sub-CAs between it and its root."""

    use: CertificateUse
    hash_data: CertificateHashData
    children: tuple[CertificateHashData, ...] = ()


@dataclass(frozen=True, slots=True)
class InstallCertificate:
    """InstallCertificateRequest; `certificate` is PEM."""

    use: CertificateUse
    certificate: str


@dataclass(frozen=True, slots=True)
class DeleteCertificate:
    """DeleteCertificateRequest."""

    hash_data: CertificateHashData


@dataclass(frozen=True, slots=True)
class GetInstalledCertificateIds:
    """GetInstalledCertificateIdsRequest; none of the types means all of them."""

    uses: tuple[CertificateUse, ...] = ()


@dataclass(frozen=True, slots=True)
class CertificateSigned:
    """CertificateSignedRequest: PEM, the leaf first; `request_id` is that of the request (2.1)."""

    chain: str
    use: SigningUse | None = None
    request_id: int | None = None


@dataclass(frozen=True, slots=True)
class SignCertificateResponse:
    """SignCertificateResponse: whether the CSMS will have it signed."""

    accepted: bool
    status_info: StatusInfo | None = None


@dataclass(frozen=True, slots=True)
class SignCertificate(CsmsRequest[SignCertificateResponse]):
    """SignCertificateRequest: `csr` is PEM, at most 5500 characters.

    `root` tells by which authority a V2G certificate is to be signed (2.1).
    """

    csr: str
    use: SigningUse
    request_id: int
    root: CertificateHashData | None = None


@dataclass(frozen=True, slots=True)
class SignV2gCertificate(SignCertificate):
    """The same for a certificate towards cars, which 1.6 says by another message."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a certificate is to name; `country` is two letters, `domain` a domainComponent."""

    organization: str
    common_name: str
    country: str | None = None
    domain: str | None = None


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """A certificate of the station that has its key; `proven` once the CSMS took it.

    `installed` is false for the one that the configuration file names.
    """

    use: SigningUse
    not_before: datetime
    not_after: datetime
    proven: bool
    installed: bool = True


@dataclass(frozen=True, slots=True)
class CertificateRefusal:
    """Why a certificate was not taken: a reason code of at most 20 characters, and words.

    `failed` says that the fault is ours, such as a full disk, and not the certificate's.
    """

    reason_code: str
    text: str
    failed: bool = False


class CertificateAction(StrEnum):
    """CertificateActionEnumType."""

    INSTALL = "Install"
    UPDATE = "Update"


@dataclass(frozen=True, slots=True)
class EvCertificateResponse:
    """Get15118EVCertificateResponse: what the CSMS has for the EV, opaque."""

    accepted: bool
    exi_response: str
    remaining_contracts: int | None = None


@dataclass(frozen=True, slots=True)
class GetEvCertificate(CsmsRequest[EvCertificateResponse]):
    """Get15118EVCertificateRequest (M01, M02): what the EV asks for, opaque."""

    schema_version: str
    action: CertificateAction
    exi_request: str
    maximum_contract_certificate_chains: int | None = None
