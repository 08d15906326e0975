"""Blocks M and A02, A03 as OCPP 2.0.1 spells them: certificates, without requestId."""

from typing import TYPE_CHECKING, Any

from ocppd.csms.payload import Payload, Route, present, route
from ocppd.csms.spelling import Outgoing
from ocppd.csms.v201.status_info import decode_status_info, encode_status_result
from ocppd.errors import NotSpoken
from ocppd.model.certificates import (
    CertificateHashData,
    CertificateHashDataChain,
    CertificateSigned,
    CertificateUse,
    DeleteCertificate,
    EvCertificateResponse,
    GetEvCertificate,
    GetInstalledCertificateIds,
    HashAlgorithm,
    InstallCertificate,
    SignCertificate,
    SignCertificateResponse,
    SigningUse,
    SignV2gCertificate,
)

if TYPE_CHECKING:
    from ocppd.station.station import Station

_LONGEST_EXI = 5600


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
    """Read InstallCertificateRequest."""
    return InstallCertificate(CertificateUse(payload["certificateType"]), payload["certificate"])


def decode_delete_certificate(payload: Payload) -> DeleteCertificate:
    """Read DeleteCertificateRequest."""
    return DeleteCertificate(decode_hash_data(payload["certificateHashData"]))


def decode_get_installed_certificate_ids(payload: Payload) -> GetInstalledCertificateIds:
    """Read GetInstalledCertificateIdsRequest."""
    return GetInstalledCertificateIds(
        tuple(CertificateUse(each) for each in payload.get("certificateType", ()))
    )


def encode_installed_certificate_ids(found: tuple[CertificateHashDataChain, ...]) -> Payload:
    """Write GetInstalledCertificateIdsResponse."""
    if not found:
        return {"status": "NotFound"}  # M03.FR.02
    chains = [
        present(
            certificateType=each.use.value,
            certificateHashData=encode_hash_data(each.hash_data),
            childCertificateHashData=[encode_hash_data(child) for child in each.children] or None,
        )
        for each in found
    ]
    return {"status": "Accepted", "certificateHashDataChain": chains}  # M03.FR.03, FR.04


def decode_certificate_signed(payload: Payload) -> CertificateSigned:
    """Read CertificateSignedRequest; `requestId` is 2.1's."""
    use = payload.get("certificateType")
    return CertificateSigned(
        payload["certificateChain"],
        SigningUse(use) if use is not None else None,
        payload.get("requestId"),
    )


def encode_sign_certificate(request: SignCertificate) -> Payload:
    """Write SignCertificateRequest (A02.FR.13)."""
    if request.use is SigningUse.V2G20:
        raise NotSpoken("OCPP 2.0.1 has no certificates for ISO 15118-20")
    return {"csr": request.csr, "certificateType": request.use.value}


def decode_sign_certificate(payload: Payload) -> SignCertificateResponse:
    """Read SignCertificateResponse."""
    return SignCertificateResponse(
        payload["status"] == "Accepted", decode_status_info(payload.get("statusInfo"))
    )


def encode_get_ev_certificate(request: GetEvCertificate) -> Payload:
    """Write Get15118EVCertificateRequest (M01.FR.01, M02.FR.01)."""
    if len(request.exi_request) > _LONGEST_EXI:
        raise NotSpoken(f"OCPP 2.0.1 has no room for more than {_LONGEST_EXI} characters of EXI")
    return {
        "iso15118SchemaVersion": request.schema_version,
        "action": request.action.value,
        "exiRequest": request.exi_request,
    }


def decode_ev_certificate(payload: Payload) -> EvCertificateResponse:
    """Read Get15118EVCertificateResponse."""
    return EvCertificateResponse(
        payload["status"] == "Accepted", payload["exiResponse"], payload.get("remainingContracts")
    )


def routes(station: "Station") -> dict[str, Route]:
    """Return what the CSMS may ask of this block."""
    management, renewal = station.certificate_management, station.certificate_renewal
    return {
        "InstallCertificate": route(
            decode_install_certificate, management.install, encode_status_result
        ),
        "DeleteCertificate": route(
            decode_delete_certificate, management.delete, encode_status_result
        ),
        "GetInstalledCertificateIds": route(
            decode_get_installed_certificate_ids,
            management.installed,
            encode_installed_certificate_ids,
        ),
        "CertificateSigned": route(decode_certificate_signed, renewal.signed, encode_status_result),
    }


_SIGN = Outgoing("SignCertificate", encode_sign_certificate, decode_sign_certificate)

REQUESTS: dict[type, Outgoing[Any, Any]] = {
    SignCertificate: _SIGN,
    SignV2gCertificate: _SIGN,
    GetEvCertificate: Outgoing(
        "Get15118EVCertificate", encode_get_ev_certificate, decode_ev_certificate
    ),
}
