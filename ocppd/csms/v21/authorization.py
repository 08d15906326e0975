"""Block C as OCPP 2.1 spells it: longer tokens, and more in the answer to Authorize."""

from dataclasses import replace

from ocppd.csms.payload import Payload, present
from ocppd.csms.spelling import Outgoing
from ocppd.csms.v21.tokens import decode_message_content, encode_id_token
from ocppd.csms.v201 import authorization as v201
from ocppd.model.tokens import Authorize, AuthorizeResponse

routes = v201.routes


def encode_authorize(request: Authorize) -> Payload:
    """Write AuthorizeRequest."""
    contract = v201.encode_contract(request, longest_certificate=10_000, longest_url=2_000)
    return present(idToken=encode_id_token(request.id_token), **contract)


def decode_authorize(payload: Payload) -> AuthorizeResponse:
    """Read AuthorizeResponse; of a tariff, the texts that describe it to the driver."""
    return replace(
        v201.decode_authorize(payload),
        allowed_energy_transfer=tuple(payload.get("allowedEnergyTransfer", ())),
        tariff_messages=tuple(
            map(decode_message_content, payload.get("tariff", {}).get("description", ()))
        ),
    )


REQUESTS = {Authorize: Outgoing("Authorize", encode_authorize, decode_authorize)}
