"""What `GetQueue` and `GetTransactions` list, for people at the charger."""

from ocppd.dbus.binding import Variant
from ocppd.dbus.marshalling.plain import variants
from ocppd.model.queue import Durable, QueueEntry, Unreadable
from ocppd.model.security import SecurityEventNotification
from ocppd.model.transactions import OpenTransaction, TransactionEvent

_SHOWN = 4


def _what(request: Durable) -> str:
    match request:
        case TransactionEvent():
            return f"TransactionEvent {request.event_type}"
        case SecurityEventNotification():
            return f"SecurityEventNotification {request.type}"
        case Unreadable():
            return request.kind
        case _:
            return type(request).__name__


def queue_entry(entry: QueueEntry) -> dict[str, Variant]:
    """Write one message of the durable queue."""
    request = entry.request
    return variants(
        {
            "id": entry.id,
            "message": _what(request),
            "transaction_id": getattr(request, "transaction_id", None),
            "timestamp": entry.queued_at,
            "attempts": entry.attempts,
            "state": "waiting" if entry.set_aside is None else "set aside",
            "reason": entry.set_aside,
        }
    )


def masked(token: str) -> str:
    """Return a token with all but its last characters hidden; a short one wholly."""
    shown = token[-_SHOWN:] if len(token) > 2 * _SHOWN else ""
    return "*" * (len(token) - len(shown)) + shown


def open_transaction(open_: OpenTransaction) -> dict[str, Variant]:
    """Write a transaction that is open."""
    return variants(
        {
            "transaction_id": open_.transaction_id,
            "session_id": open_.session_id,
            "evse_id": open_.evse.id,
            "connector_id": open_.evse.connector_id,
            "csms_transaction_id": open_.csms_transaction_id,
            "state": open_.charging_state,
            "started": open_.started_at,
            "energy_Wh": None if open_.energy_wh is None else float(open_.energy_wh),
            "id_token": masked(open_.id_token.value) if open_.id_token else None,
            "seq_no": open_.seq_no,
        }
    )
