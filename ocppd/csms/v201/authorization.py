"""Block C as OCPP 2.0.1 spells it: Authorize and ClearCache."""

from typing import TYPE_CHECKING

from ocppd.csms.payload import Payload, Route, present, route
from ocppd.csms.spelling import Outgoing
from ocppd.csms.v201.status_info import encode_status_result
from ocppd.csms.v201.tokens import decode_id_token_info, encode_id_token
from ocppd.errors import NotSpoken
from ocppd.model.remote_control import StatusResult
from ocppd.model.tokens import (
    Authorize,
    AuthorizeResponse,
    CertificateHashData,
    CertificateStatus,
)
from ocppd.station.answer import Answer

if TYPE_CHECKING:
    from ocppd.station.station import Station


def encode_authorize(request: Authorize) -> Payload:
    """Write AuthorizeRequest."""
    return present(idToken=encode_id_token(request.id_token), **encode_contract(request))


def encode_contract(
    request: Authorize, longest_certificate: int = 5500, longest_url: int = 512
) -> Payload:
    """Write what AuthorizeRequest says of a contract certificate; `NotSpoken` if it is too long."""
    if len(request.certificate or "") > longest_certificate:
        raise NotSpoken(f"the contract certificate is longer than {longest_certificate}")
    if any(len(data.responder_url) > longest_url for data in request.certificate_hash_data):
        raise NotSpoken(f"the responder's URL is longer than {longest_url}")
    return present(
        certificate=request.certificate,
        iso15118CertificateHashData=[*map(encode_hash_data, request.certificate_hash_data)] or None,
    )


def encode_hash_data(data: CertificateHashData) -> Payload:
    """Write OCSPRequestDataType."""
    return {
        "hashAlgorithm": data.hash_algorithm,
        "issuerNameHash": data.issuer_name_hash,
        "issuerKeyHash": data.issuer_key_hash,
        "serialNumber": data.serial_number,
        "responderURL": data.responder_url,
    }


def decode_authorize(payload: Payload) -> AuthorizeResponse:
    """Read AuthorizeResponse."""
    status = payload.get("certificateStatus")
    return AuthorizeResponse(
        decode_id_token_info(payload["idTokenInfo"]),
        CertificateStatus(status) if status is not None else None,
    )


def routes(station: "Station") -> dict[str, Route]:
    """Return what the CSMS may ask of this block."""

    def clear_cache(_: Payload) -> Answer[StatusResult]:
        return station.authorization.clear_cache()

    return {"ClearCache": route(lambda payload: payload, clear_cache, encode_status_result)}


REQUESTS = {Authorize: Outgoing("Authorize", encode_authorize, decode_authorize)}
