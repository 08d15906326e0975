"""Block E as OCPP 2.1 spells it: 2.0.1 with all trigger reasons, and the car beside the token."""

from typing import TYPE_CHECKING

from ocppd.csms.payload import Payload
from ocppd.csms.spelling import Message
from ocppd.csms.v21 import meter_values
from ocppd.csms.v21.tokens import cut_id_token
from ocppd.csms.v201.transactions import TransactionSpelling, routes
from ocppd.model.queue import TransactionFacts
from ocppd.model.tokens import IdToken
from ocppd.model.transactions import TransactionEvent

if TYPE_CHECKING:
    from ocppd.station.station import Station

__all__ = ["routes", "transaction_messages"]

_EVCCID = "EVCCID"
_EVCCID_LENGTH = 255


def _encode_id_token(event: TransactionEvent, token: IdToken) -> Payload:
    """Return IdTokenType; the driver's token comes with what the car is called."""
    payload = cut_id_token(token)
    if event.evcc_id and event.authorizes:
        others = payload.get("additionalInfo", [])
        car = {"additionalIdToken": event.evcc_id[:_EVCCID_LENGTH], "type": _EVCCID}
        payload["additionalInfo"] = [*others, car]
    return payload


SPELLING = TransactionSpelling(meter_values.SPELLING, _encode_id_token)


def transaction_messages(
    _station: "Station", event: TransactionEvent, _facts: TransactionFacts
) -> list[Message]:
    """Return the message for a queued event."""
    return SPELLING.messages(event)
