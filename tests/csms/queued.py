"""What waits in the queue, spelled in the least words, and CSMSs that take it."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

from ocppd.csms.payload import timestamp
from ocppd.csms.spelling import Message
from ocppd.model.requests import Nothing
from ocppd.model.security import SecurityEventNotification
from ocppd.model.tokens import AuthorizationStatus, IdTokenInfo
from ocppd.model.transactions import (
    TransactionEvent,
    TransactionEventResponse,
    TransactionEventType,
    TriggerReason,
)
from ocppd.model.variables import EvseRef

WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)
TYPES = TransactionEventType


def event(transaction_id: str, seq_no: int, event_type: TYPES = TYPES.UPDATED) -> TransactionEvent:
    return TransactionEvent(
        event_type=event_type,
        timestamp=WHEN + timedelta(seconds=seq_no),
        trigger_reason=TriggerReason.METER_VALUE_PERIODIC,
        seq_no=seq_no,
        transaction_id=transaction_id,
        session_id=f"session-{transaction_id}",
        evse=EvseRef(1, 1),
    )


def transaction(transaction_id: str, length: int = 3) -> list[TransactionEvent]:
    types = [TYPES.STARTED, *[TYPES.UPDATED] * (length - 2), TYPES.ENDED]
    return [event(transaction_id, at, each) for at, each in enumerate(types)]


SECURITY_EVENT = SecurityEventNotification("StartupOfTheDevice", WHEN)


def encode(entry, facts):
    """Spell an entry in the least words of 2.x."""
    request = entry.request
    if isinstance(request, SecurityEventNotification):
        payload = {"type": request.type, "timestamp": timestamp(request.timestamp)}
        return [Message("SecurityEventNotification", payload, lambda _payload: Nothing())]
    payload = {
        "eventType": request.event_type.value,
        "timestamp": timestamp(request.timestamp),
        "triggerReason": request.trigger_reason.value,
        "seqNo": request.seq_no,
        "transactionInfo": {"transactionId": request.transaction_id},
    }
    return [Message("TransactionEvent", payload, decode)]


def decode(payload):
    info = payload.get("idTokenInfo")
    status = IdTokenInfo(AuthorizationStatus(info["status"])) if info else None
    return TransactionEventResponse(id_token_info=status)


def encode_16(entry, facts):
    """Spell a transaction in 1.6: the start, with a reading that needs its number; updates not."""
    request = entry.request
    number = int(facts.csms_transaction_id or -1)
    match request.event_type:
        case TYPES.STARTED:
            start = {
                "connectorId": 1,
                "idTag": "x",
                "meterStart": 0,
                "timestamp": timestamp(request.timestamp),
            }
            values = [{"timestamp": timestamp(WHEN), "sampledValue": [{"value": "0"}]}]
            reading = {"connectorId": 1, "transactionId": number, "meterValue": values}
            return [
                Message("StartTransaction", start, decode_16),
                Message("MeterValues", reading, decode_16),
            ]
        case TYPES.UPDATED:
            return []
        case _:
            stop = {
                "transactionId": number,
                "meterStop": 5,
                "timestamp": timestamp(request.timestamp),
            }
            return [Message("StopTransaction", stop, decode_16)]


def decode_16(payload):
    number = payload.get("transactionId")
    return TransactionEventResponse(
        names_transaction=True, csms_transaction_id=None if number is None else str(number)
    )


def by_version(entry, facts):
    return encode_16(entry, facts) if by_version.version == "1.6" else encode(entry, facts)


by_version.version = "2.0.1"


def url(server) -> str:
    return f"ws://127.0.0.1:{server.port}/ocpp"


async def accepting(there):
    """Take everything, as a CSMS of 2.x."""
    while True:
        frame = json.loads(await there.socket.recv())
        there.received.append(frame)
        await there.say(3, frame[1], {})


async def wait_for(condition, limit_s=10.0):
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.005)


def numbers(frames):
    return [(f[3]["transactionInfo"]["transactionId"], f[3]["seqNo"]) for f in frames]
