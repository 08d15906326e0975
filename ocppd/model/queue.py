"""What waits for the CSMS."""

from dataclasses import dataclass
from datetime import datetime

from ocppd.model.security import SecurityEventNotification
from ocppd.model.transactions import MeterValues, TransactionEvent

Durable = TransactionEvent | SecurityEventNotification | MeterValues
"""Requests that survive a power cut and are sent in order."""


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
