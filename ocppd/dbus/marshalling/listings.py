"""What `GetQueue` and `GetTransactions` list, for people at the charger."""

from ocppd.dbus.binding import Variant
from ocppd.dbus.marshalling.plain import variants
from ocppd.model.queue import Durable, QueueEntry
from ocppd.model.security import SecurityEventNotification
from ocppd.model.transactions import TransactionEvent
from ocppd.station.evse import Evse
from ocppd.station.transaction import Session

_SHOWN = 4


def _what(request: Durable) -> str:
    match request:
        case TransactionEvent():
            return f"TransactionEvent {request.event_type}"
        case SecurityEventNotification():
            return f"SecurityEventNotification {request.type}"
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


def open_transaction(session: Session, evse: Evse | None) -> dict[str, Variant] | None:
    """Write the open transaction of a session; None if it has none."""
    transaction = session.transaction
    if transaction is None:
        return None
    meter = evse.powermeter if evse is not None else None
    energy_wh = None
    if meter is not None and meter.energy_wh_import.total is not None:
        start_wh = transaction.start_meter_wh
        energy_wh = None if start_wh is None else meter.energy_wh_import.total - start_wh
    return variants(
        {
            "transaction_id": transaction.id,
            "session_id": session.uuid,
            "evse_id": session.evse_id,
            "connector_id": session.connector_id,
            "csms_transaction_id": transaction.csms_id,
            "state": session.charging_state,
            "started": transaction.started_at,
            "energy_Wh": None if energy_wh is None else float(energy_wh),
            "id_token": masked(session.id_token.value) if session.id_token else None,
            "seq_no": transaction.seq_no,
        }
    )
