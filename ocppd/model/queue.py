"""What waits for the CSMS."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ocppd.model.requests import CsmsRequest, Nothing
from ocppd.model.transactions import MeterValues, TransactionEvent

Durable = CsmsRequest[Any]
"""A request that survives a power cut and is sent in order.

Transaction events, security events and, in 1.6, meter values always are; others where the operator
wants it (OCPPCommCtrlr.QueueAllMessages, MonitoringCtrlr.OfflineQueuingSeverity).
"""


def is_of_transactions(request: Durable) -> bool:
    """Tell whether a request is in the order of transactions, and not in that of the others."""
    return isinstance(request, TransactionEvent | MeterValues)


@dataclass(frozen=True, slots=True)
class Unreadable(CsmsRequest[Nothing]):
    """What stands in for a queued request that cannot be read: it is set aside, and shown.

    `kind` is the name of the request, `transaction_id` that of its transaction, if it has one.
    """

    kind: str
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class TransactionFacts:
    """What is known of a transaction when one of its events is sent.

    `generation` is "1.6" or "2.x": the one in which the CSMS acknowledged its start, None
    before that. `csms_transaction_id` is the number that a 1.6 CSMS gave it.
    """

    generation: str | None = None
    csms_transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """One request in the durable queue.

    `message_id` is given when the request is queued, so that a resend after a power cut has
    the same one; `attempts` counts the sends that were refused or not answered.
    """

    id: int
    message_id: str
    request: Durable
    queued_at: datetime
    attempts: int = 0
    set_aside: str | None = None
