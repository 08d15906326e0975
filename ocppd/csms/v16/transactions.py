"""StartTransaction, MeterValues and StopTransaction (1.6, 4.7, 4.8, 4.10), for events of 2.x.

1.6 knows a transaction from its authorization on: what comes before is not told, and what only
changes the charging state is a StatusNotification, which is not a matter of transactions.
"""

from typing import TYPE_CHECKING

from ocppd.csms.payload import Payload, present, timestamp
from ocppd.csms.spelling import Message
from ocppd.csms.v16.meter_values import encode_values, transaction_number
from ocppd.csms.v16.tokens import cut_id_token, decode_id_tag_info
from ocppd.errors import NotSpoken
from ocppd.model.queue import TransactionFacts
from ocppd.model.sessions import StopReason
from ocppd.model.tokens import IdToken
from ocppd.model.transactions import (
    MeterValue,
    TransactionEvent,
    TransactionEventResponse,
    TransactionEventType,
)
from ocppd.station.evse import Evses

if TYPE_CHECKING:
    from ocppd.station.station import Station

_SAME_REASONS = frozenset(
    {
        StopReason.DE_AUTHORIZED,
        StopReason.EMERGENCY_STOP,
        StopReason.EV_DISCONNECTED,
        StopReason.HARD_RESET,
        StopReason.LOCAL,
        StopReason.POWER_LOSS,
        StopReason.REBOOT,
        StopReason.REMOTE,
        StopReason.SOFT_RESET,
        StopReason.UNLOCK_COMMAND,
    }
)
"""The host's reasons that 1.6 has too; each other one is `Other`."""


def transaction_messages(
    station: "Station", event: TransactionEvent, facts: TransactionFacts
) -> list[Message]:
    """Return the messages for a queued event: none, one or two.

    The number of the transaction comes from the answer to the first, so a second message is
    right only after it; how many there are depends on the event alone.
    """
    if event.starting_token is None:
        return []
    told: list[Message] = []
    number = transaction_number(facts.csms_transaction_id)
    values = event.meter_values
    if event.authorizes:
        start = encode_start_transaction(station.evses, event, event.starting_token)
        told.append(Message("StartTransaction", start, decode_start_transaction_response))
        if event.event_type is not TransactionEventType.ENDED:
            values = _signed_ones(values)
    if event.event_type is TransactionEventType.ENDED:
        stop = encode_stop_transaction(event, number)
        told.append(Message("StopTransaction", stop, decode_stop_transaction_response))
    else:
        spelled = encode_values(values)
        if spelled:
            payload = {
                "connectorId": _connector_id(station.evses, event),
                "transactionId": number,
                "meterValue": spelled,
            }
            told.append(Message("MeterValues", payload, _decode_meter_values_response))
    return told


def encode_start_transaction(evses: Evses, event: TransactionEvent, token: IdToken) -> Payload:
    """Return StartTransaction.req: the transaction as it was when it was authorized."""
    meter_wh = event.meter_wh if event.authorized_meter_wh is None else event.authorized_meter_wh
    return present(
        connectorId=_connector_id(evses, event),
        idTag=cut_id_token(token),
        meterStart=meter_wh or 0,
        reservationId=event.reservation_id,
        timestamp=timestamp(event.authorized_at or event.timestamp),
    )


def _connector_id(evses: Evses, event: TransactionEvent) -> int:
    """Return the connector's number now, or if it is gone the one that it had (1.6, 3.8).

    A transaction on connector 0 would be one of the whole station, which there is not.

    Raises:
        NotSpoken: it is gone, and nobody knows what it was called

    """
    number = evses.number_of(event.evse) or event.connector_number
    if number == 0:
        raise NotSpoken(f"EVSE {event.evse.id} is gone, and with it its connector's number")
    return number


def encode_stop_transaction(event: TransactionEvent, number: int) -> Payload:
    """Return StopTransaction.req, with the values that were collected for it."""
    meter_wh = event.meter_wh if event.meter_wh is not None else event.authorized_meter_wh
    return present(
        transactionId=number,
        idTag=cut_id_token(event.stop_token) if event.stop_token else None,
        meterStop=meter_wh or 0,
        timestamp=timestamp(event.timestamp),
        reason=encode_stop_reason(event.host_stop_reason),
        transactionData=encode_values(event.meter_values) or None,
    )


def encode_stop_reason(reason: StopReason | None) -> str | None:
    """Return Reason, of which 1.6 takes Local for granted where there is none."""
    if reason is None:
        return None
    return reason.value if reason in _SAME_REASONS else StopReason.OTHER.value


def decode_start_transaction_response(payload: Payload) -> TransactionEventResponse:
    """Read StartTransaction.conf."""
    return TransactionEventResponse(
        id_token_info=decode_id_tag_info(payload["idTagInfo"]),
        names_transaction=True,
        csms_transaction_id=str(payload["transactionId"]),
    )


def decode_stop_transaction_response(payload: Payload) -> TransactionEventResponse:
    """Read StopTransaction.conf."""
    info = payload.get("idTagInfo")
    return TransactionEventResponse(
        id_token_info=decode_id_tag_info(info) if info is not None else None,
        names_transaction=True,
    )


def _decode_meter_values_response(_payload: Payload) -> TransactionEventResponse:
    return TransactionEventResponse(names_transaction=True)


def _signed_ones(values: tuple[MeterValue, ...]) -> tuple[MeterValue, ...]:
    """Return the values that hold something signed: the start needs no others."""
    return tuple(
        value for value in values if any(each.signed is not None for each in value.sampled_values)
    )
