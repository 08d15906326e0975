"""What happened while the daemon was stopped, and is told after `Restart`.

While stopped nothing is queued. Of each transaction its beginning, the first event with the token
and its end are kept; what lies between is summed up by whoever resumes it. A transaction that
began and ended in between is not told.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from ocppd.model.redating import redated
from ocppd.model.transactions import TransactionEvent, TransactionEventType
from ocppd.station.ports import Store


@dataclass(frozen=True, slots=True)
class UntoldTransaction:
    """The events of one transaction that were not queued."""

    events: tuple[TransactionEvent, ...]


class Untold:
    """Keeps events until they may be told."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._transactions: dict[str, UntoldTransaction] = {}

    def load(self) -> None:
        """Take back what survived."""
        self._transactions = dict(self._store.load(UntoldTransaction))

    def redate(self, by: timedelta) -> None:
        """Move the dates of what is kept."""
        for transaction_id, known in self._transactions.items():
            self._transactions[transaction_id] = redated(known, by)
            self._store.save(transaction_id, self._transactions[transaction_id])

    def keep(self, event: TransactionEvent) -> bool:
        """Keep an event if it cannot be summed up; False if what follows has to tell it."""
        if event.event_type is TransactionEventType.UPDATED and event.id_token is None:
            return False
        transaction_id = event.transaction_id
        known = self._transactions.get(transaction_id, UntoldTransaction(()))
        if known.events and event.event_type is TransactionEventType.ENDED:
            began = known.events[0].event_type is TransactionEventType.STARTED
            if began:
                del self._transactions[transaction_id]
                self._store.forget(UntoldTransaction, transaction_id)
                return True
        known = UntoldTransaction((*known.events, event))
        self._transactions[transaction_id] = known
        self._store.save(transaction_id, known)
        return True

    def take(self) -> list[TransactionEvent]:
        """Return all that is to be told, numbered without gaps, and forget it."""
        told: list[TransactionEvent] = []
        for transaction_id, known in self._transactions.items():
            first = known.events[0].seq_no
            told += (
                replace(event, seq_no=seq_no) for seq_no, event in enumerate(known.events, first)
            )
            self._store.forget(UntoldTransaction, transaction_id)
        self._transactions.clear()
        return sorted(told, key=lambda event: event.timestamp)
