"""Certificates as the security whitepaper for OCPP 1.6 spells them (A02, A03, M03 to M05).

Those for ISO 15118 go by DataTransfer: see `plug_and_charge`.
"""

from typing import TYPE_CHECKING, Any

from ocppd.csms.payload import Payload, Route, present, route
from ocppd.csms.spelling import Outgoing
from ocppd.csms.v16.authorization import encode_status
from ocppd.model.certificates import (
    CertificateHashData,
    CertificateHashDataChain,
    CertificateSigned,
    CertificateUse,
    DeleteCertificate,
    GetInstalledCertificateIds,
    HashAlgorithm,
    InstallCertificate,
    SignCertificate,
    SignCertificateResponse,
    SigningUse,
)

if TYPE_CHECKING:
    from ocppd.station.station import Station

_USES = {
    "CentralSystemRootCertificate": CertificateUse.CSMS_ROOT,
    "ManufacturerRootCertificate": CertificateUse.MANUFACTURER_ROOT,
}


def encode_hash_data(data: CertificateHashData) -> Payload:
    """Write CertificateHashDataType."""
    return {
        "hashAlgorithm": data.hash_algorithm.value,
        "issuerNameHash": data.issuer_name_hash,
        "issuerKeyHash": data.issuer_key_hash,
        "serialNumber": data.serial_number,
    }


def decode_hash_data(payload: Payload) -> CertificateHashData:
    """Read CertificateHashDataType."""
    return CertificateHashData(
        HashAlgorithm(payload["hashAlgorithm"]),
        payload["issuerNameHash"],
        payload["issuerKeyHash"],
        payload["serialNumber"],
    )


def decode_install_certificate(payload: Payload) -> InstallCertificate:
    """Read InstallCertificate.req."""
    return InstallCertificate(_USES[payload["certificateType"]], payload["certificate"])


def decode_delete_certificate(payload: Payload) -> DeleteCertificate:
    """Read DeleteCertificate.req."""
    return DeleteCertificate(decode_hash_data(payload["certificateHashData"]))


def decode_get_installed_certificate_ids(payload: Payload) -> GetInstalledCertificateIds:
    """Read GetInstalledCertificateIds.req."""
    return GetInstalledCertificateIds((_USES[payload["certificateType"]],))


def encode_installed_certificate_ids(found: tuple[CertificateHashDataChain, ...]) -> Payload:
    """Write GetInstalledCertificateIds.conf."""
    return present(
        status="Accepted" if found else "NotFound",  # M03.FR.02, FR.03
        certificateHashData=[encode_hash_data(each.hash_data) for each in found] or None,
    )


def decode_certificate_signed(payload: Payload) -> CertificateSigned:
    """Read CertificateSigned.req: it is always the station's certificate for the CSMS."""
    return CertificateSigned(payload["certificateChain"], SigningUse.CHARGING_STATION)


def encode_sign_certificate(request: SignCertificate) -> Payload:
    """Write SignCertificate.req."""
    return {"csr": request.csr}


def decode_sign_certificate(payload: Payload) -> SignCertificateResponse:
    """Read SignCertificate.conf."""
    return SignCertificateResponse(payload["status"] == "Accepted")


def routes(station: "Station") -> dict[str, Route]:
    """Return what the CSMS may ask of this block."""
    management, renewal = station.certificate_management, station.certificate_renewal
    return {
        "InstallCertificate": route(decode_install_certificate, management.install, encode_status),
        "DeleteCertificate": route(decode_delete_certificate, management.delete, encode_status),
        "GetInstalledCertificateIds": route(
            decode_get_installed_certificate_ids,
            management.installed,
            encode_installed_certificate_ids,
        ),
        "CertificateSigned": route(decode_certificate_signed, renewal.signed, encode_status),
    }


REQUESTS: dict[type, Outgoing[Any, Any]] = {
    SignCertificate: Outgoing("SignCertificate", encode_sign_certificate, decode_sign_certificate),
}
