"""Tokens of drivers, and what is known of them (block C)."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ocppd.model.requests import CsmsRequest


class IdTokenType(StrEnum):
    """IdTokenEnumType of 2.0.1; 2.1 leaves the list open and adds the last three."""

    CENTRAL = "Central"
    EMAID = "eMAID"
    ISO14443 = "ISO14443"
    ISO15693 = "ISO15693"
    KEY_CODE = "KeyCode"
    LOCAL = "Local"
    MAC_ADDRESS = "MacAddress"
    NO_AUTHORIZATION = "NoAuthorization"
    DIRECT_PAYMENT = "DirectPayment"
    EVCCID = "EVCCID"
    VIN = "VIN"


class AuthorizationType(StrEnum):
    """How a token reached the charger, in EVerest's words."""

    OCPP = "OCPP"
    RFID = "RFID"
    AUTOCHARGE = "Autocharge"
    PLUG_AND_CHARGE = "PlugAndCharge"
    BANK_CARD = "BankCard"


class AuthorizationStatus(StrEnum):
    """AuthorizationStatusEnumType, and the two that only the station knows."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    CONCURRENT_TX = "ConcurrentTx"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    NO_CREDIT = "NoCredit"
    NOT_ALLOWED_TYPE_EVSE = "NotAllowedTypeEVSE"
    NOT_AT_THIS_LOCATION = "NotAtThisLocation"
    NOT_AT_THIS_TIME = "NotAtThisTime"
    UNKNOWN = "Unknown"
    PIN_REQUIRED = "PinRequired"
    TIMEOUT = "Timeout"


class CertificateStatus(StrEnum):
    """AuthorizeCertificateStatusEnumType."""

    ACCEPTED = "Accepted"
    SIGNATURE_ERROR = "SignatureError"
    CERTIFICATE_EXPIRED = "CertificateExpired"
    CERTIFICATE_REVOKED = "CertificateRevoked"
    NO_CERTIFICATE_AVAILABLE = "NoCertificateAvailable"
    CERT_CHAIN_ERROR = "CertChainError"
    CONTRACT_CANCELLED = "ContractCancelled"


class MessageFormat(StrEnum):
    """MessageFormatEnumType."""

    ASCII = "ASCII"
    HTML = "HTML"
    URI = "URI"
    UTF8 = "UTF8"
    QRCODE = "QRCODE"


@dataclass(frozen=True, slots=True)
class MessageContent:
    """A text for the driver: at most 1024 characters, language by RFC 5646."""

    content: str
    format: MessageFormat | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class AdditionalInfo:
    """A further identifier that comes with a token."""

    value: str = field(repr=False)
    type: str


@dataclass(frozen=True, slots=True)
class IdToken:
    """Identifier of a driver, at most 36 characters (2.1: 255); the value never reaches a log.

    Tokens are compared without regard to case (C01: identifierString).
    """

    value: str = field(repr=False)
    type: IdTokenType
    additional_info: tuple[AdditionalInfo, ...] = ()

    def same_as(self, other: "IdToken | None") -> bool:
        """Tell whether both name the same driver; types are not compared, 1.6 has none."""
        return other is not None and self.value.lower() == other.value.lower()


@dataclass(frozen=True, slots=True)
class IdTokenInfo:
    """IdTokenInfoType: what the CSMS says of a token."""

    status: AuthorizationStatus
    cache_expiry: datetime | None = None
    group_id_token: IdToken | None = None
    charging_priority: int | None = None
    evse_ids: tuple[int, ...] = ()
    language1: str | None = None
    language2: str | None = None
    personal_messages: tuple[MessageContent, ...] = ()


@dataclass(frozen=True, slots=True)
class CertificateHashData:
    """OCSPRequestDataType: names one certificate to an OCSP responder."""

    hash_algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str
    responder_url: str


@dataclass(frozen=True, slots=True)
class ProvidedIdToken:
    """A token as it was presented, or as the CSMS sent it with a remote start."""

    id_token: IdToken
    authorization_type: AuthorizationType
    request_id: int | None = None
    parent_id_token: IdToken | None = None
    evse_ids: tuple[int, ...] = ()
    prevalidated: bool | None = None
    certificate: str | None = field(default=None, repr=False)
    certificate_hash_data: tuple[CertificateHashData, ...] = ()


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """What the host is told of a token."""

    authorization_status: AuthorizationStatus
    tariff_messages: tuple[MessageContent, ...] = ()
    certificate_status: CertificateStatus | None = None
    expiry_time: datetime | None = None
    parent_id_token: IdToken | None = None
    evse_ids: tuple[int, ...] = ()
    reservation_id: int | None = None
    allowed_energy_transfer_modes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuthorizeResponse:
    """AuthorizeResponse."""

    id_token_info: IdTokenInfo
    certificate_status: CertificateStatus | None = None
    allowed_energy_transfer: tuple[str, ...] = ()
    tariff_messages: tuple[MessageContent, ...] = ()


@dataclass(frozen=True, slots=True)
class Authorize(CsmsRequest[AuthorizeResponse]):
    """AuthorizeRequest: may this token charge? (C01)."""

    id_token: IdToken
    certificate: str | None = field(default=None, repr=False)
    certificate_hash_data: tuple[CertificateHashData, ...] = ()
