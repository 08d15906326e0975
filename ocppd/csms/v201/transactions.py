"""Block E as OCPP 2.0.1 spells it; 2.1 has more trigger reasons and longer fields."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ocppd.csms.payload import Payload, Route, present, timestamp
from ocppd.csms.spelling import Message
from ocppd.csms.v201 import meter_values
from ocppd.csms.v201.meter_values import MeterSpelling
from ocppd.csms.v201.tokens import (
    cut_id_token,
    decode_id_token_info,
    decode_personal_messages,
)
from ocppd.model.queue import TransactionFacts
from ocppd.model.tokens import IdToken
from ocppd.model.transactions import (
    StoppedReason,
    TransactionEvent,
    TransactionEventResponse,
    TriggerReason,
)
from ocppd.station.answer import Answer

if TYPE_CHECKING:
    from ocppd.station.station import Station

_TRIGGERS = {
    # A resumed transaction is told with its charging state; 2.0.1 has no word for why.
    TriggerReason.TX_RESUMED: TriggerReason.CHARGING_STATE_CHANGED,
    TriggerReason.SOC_LIMIT_REACHED: TriggerReason.ENERGY_LIMIT_REACHED,
    TriggerReason.COST_LIMIT_REACHED: TriggerReason.ENERGY_LIMIT_REACHED,
    TriggerReason.OPERATION_MODE_CHANGED: TriggerReason.CHARGING_RATE_CHANGED,
    TriggerReason.LIMIT_SET: TriggerReason.CHARGING_RATE_CHANGED,
    TriggerReason.RUNNING_COST: TriggerReason.TRIGGER,
    TriggerReason.TARIFF_CHANGED: TriggerReason.TRIGGER,
    TriggerReason.TARIFF_NOT_ACCEPTED: TriggerReason.DEAUTHORIZED,
}
_STOPPED = {StoppedReason.REQ_ENERGY_TRANSFER_REJECTED: StoppedReason.OTHER}


@dataclass(frozen=True, slots=True)
class TransactionSpelling:
    """How one version writes TransactionEventRequest.

    Attributes:
        meters: how it writes meter values
        encode_id_token: how it writes the token of an event
        triggers: the trigger reason that stands for one that it does not have
        stopped: likewise for reasons of the end

    """

    meters: MeterSpelling
    encode_id_token: Callable[[TransactionEvent, IdToken], Payload]
    triggers: Mapping[TriggerReason, TriggerReason] = field(default_factory=dict)
    stopped: Mapping[StoppedReason, StoppedReason] = field(default_factory=dict)

    def encode(self, event: TransactionEvent) -> Payload:
        """Return TransactionEventRequest."""
        stopped = event.stopped_reason
        if stopped is not None:
            stopped = self.stopped.get(stopped, stopped)
        trigger = self.triggers.get(event.trigger_reason, event.trigger_reason)
        evse = present(id=event.evse.id, connectorId=event.evse.connector_id)
        return present(
            eventType=event.event_type.value,
            timestamp=timestamp(event.timestamp),
            triggerReason=trigger.value,
            seqNo=event.seq_no,
            offline=event.offline or None,
            numberOfPhasesUsed=event.number_of_phases_used,
            cableMaxCurrent=event.cable_max_current_a,
            reservationId=event.reservation_id,
            transactionInfo=present(
                transactionId=event.transaction_id,
                chargingState=event.charging_state,
                timeSpentCharging=event.time_spent_charging_s,
                stoppedReason=stopped,
                remoteStartId=event.remote_start_id,
            ),
            evse=evse if event.evse_told else None,
            idToken=self.encode_id_token(event, event.id_token) if event.id_token else None,
            meterValue=self.meters.encode(event.meter_values) or None,
        )

    def messages(self, event: TransactionEvent) -> list[Message]:
        """Return the message for a queued event."""
        return [Message("TransactionEvent", self.encode(event), decode_transaction_event_response)]


def decode_transaction_event_response(payload: Payload) -> TransactionEventResponse:
    """Read TransactionEventResponse."""
    info = payload.get("idTokenInfo")
    return TransactionEventResponse(
        id_token_info=decode_id_token_info(info) if info is not None else None,
        total_cost=payload.get("totalCost"),
        charging_priority=payload.get("chargingPriority"),
        personal_messages=decode_personal_messages(payload, "updatedPersonalMessage"),
    )


SPELLING = TransactionSpelling(
    meter_values.SPELLING, lambda _event, token: cut_id_token(token), _TRIGGERS, _STOPPED
)


def transaction_messages(
    _station: "Station", event: TransactionEvent, _facts: TransactionFacts
) -> list[Message]:
    """Return the message for a queued event."""
    return SPELLING.messages(event)


def routes(station: "Station") -> dict[str, Route]:
    """Return what the CSMS may ask about transactions."""

    async def get_transaction_status(payload: Payload) -> Answer[Payload]:
        ongoing, waiting = station.transactions.status_of(payload.get("transactionId"))
        return Answer(present(ongoingIndicator=ongoing, messagesInQueue=waiting))

    return {"GetTransactionStatus": get_transaction_status}
