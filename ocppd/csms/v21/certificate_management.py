"""Certificates as OCPP 2.1 spells them: with requestId, roots to be signed by, longer EXI."""

from typing import Any

from ocppd.csms.payload import Payload, present
from ocppd.csms.spelling import Outgoing
from ocppd.csms.v201.certificate_management import (
    decode_ev_certificate,
    decode_sign_certificate,
    encode_hash_data,
)
from ocppd.model.certificates import (
    GetEvCertificate,
    SignCertificate,
    SignV2gCertificate,
)


def encode_sign_certificate(request: SignCertificate) -> Payload:
    """Write SignCertificateRequest (A02.FR.24, FR.27)."""
    return present(
        csr=request.csr,
        certificateType=request.use.value,
        requestId=request.request_id,
        hashRootCertificate=encode_hash_data(request.root) if request.root is not None else None,
    )


def encode_get_ev_certificate(request: GetEvCertificate) -> Payload:
    """Write Get15118EVCertificateRequest (M01.FR.02, FR.03)."""
    return present(
        iso15118SchemaVersion=request.schema_version,
        action=request.action.value,
        exiRequest=request.exi_request,
        maximumContractCertificateChains=request.maximum_contract_certificate_chains,
    )


_SIGN = Outgoing("SignCertificate", encode_sign_certificate, decode_sign_certificate)

REQUESTS: dict[type, Outgoing[Any, Any]] = {
    SignCertificate: _SIGN,
    SignV2gCertificate: _SIGN,
    GetEvCertificate: Outgoing(
        "Get15118EVCertificate", encode_get_ev_certificate, decode_ev_certificate
    ),
}
