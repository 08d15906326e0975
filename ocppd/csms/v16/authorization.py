"""Block C as OCPP 1.6 spells it: Authorize and ClearCache."""

from typing import TYPE_CHECKING

from ocppd.csms.payload import Payload, Route, route
from ocppd.csms.spelling import Outgoing
from ocppd.csms.v16.tokens import decode_id_tag_info, encode_id_token
from ocppd.errors import NotSpoken
from ocppd.model.remote_control import StatusResult
from ocppd.model.tokens import Authorize, AuthorizeResponse
from ocppd.station.answer import Answer

if TYPE_CHECKING:
    from ocppd.station.station import Station


def encode_authorize(request: Authorize) -> Payload:
    """Write Authorize.req; there is no place in it for a contract certificate."""
    if request.certificate is not None or request.certificate_hash_data:
        raise NotSpoken("OCPP 1.6 has no Authorize with a certificate")
    return {"idTag": encode_id_token(request.id_token)}


def decode_authorize(payload: Payload) -> AuthorizeResponse:
    """Read Authorize.conf."""
    return AuthorizeResponse(decode_id_tag_info(payload["idTagInfo"]))


def encode_status(result: StatusResult) -> Payload:
    """Write an answer of a status alone; 1.6 has no word for why."""
    return {"status": result.status}


def routes(station: "Station") -> dict[str, Route]:
    """Return what the CSMS may ask of this block."""

    def clear_cache(_: Payload) -> Answer[StatusResult]:
        return station.authorization.clear_cache()

    return {"ClearCache": route(lambda payload: payload, clear_cache, encode_status)}


REQUESTS = {Authorize: Outgoing("Authorize", encode_authorize, decode_authorize)}
