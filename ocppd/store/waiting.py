"""What waits in the queue, as far as it is in memory: how much it is, and what may be left out.

Where the CSMS is away for long, the queue has a limit. Beyond it every second update between the
first and the last waiting message of a transaction is dropped, oldest transactions included, and
never the first ones alone nor the newest (E04.FR.07, E04.FR.08; J02.FR.12, J02.FR.13). The numbers
of the others stay: the gap tells the CSMS that something is missing, which is true.
"""

import json
from collections import Counter
from collections.abc import Iterable

DEFAULT_LIMIT = 1000
"""Messages that wait at most before some are dropped, where nothing else is configured."""

# What is said once, so that a message with it cannot be spared. In 1.6 the one that authorizes is
# StartTransaction.
_SAID_ONCE = frozenset({"id_token", "authorizes", "evse_told", "remote_start_id"})


def is_spare(kind: str, body: str) -> bool:
    """Tell whether a queued message, as it is stored, may be dropped if there are too many."""
    if kind != "TransactionEvent":
        return False
    try:
        event = json.loads(body)
        return event["event_type"] == "Updated" and not _SAID_ONCE & event.keys()
    except (ValueError, TypeError, KeyError, AttributeError):
        return False


class Waiting:
    """The entries that wait, oldest first: id, transaction, and whether they may be dropped."""

    def __init__(self, entries: Iterable[tuple[int, str | None, bool]] = ()) -> None:
        self._entries: dict[int, tuple[str | None, bool]] = {}
        self._count: Counter[str | None] = Counter()
        self._thin_from = 0
        for entry in entries:
            self.add(*entry)

    def add(self, entry_id: int, transaction_id: str | None, spare: bool) -> None:
        """Note an entry at the end of the queue."""
        self._entries[entry_id] = (transaction_id, spare)
        self._count[transaction_id] += 1

    def remove(self, entry_id: int) -> None:
        """Forget an entry; nothing happens if it is not there any more."""
        entry = self._entries.pop(entry_id, None)
        if entry is None:
            return
        self._count[entry[0]] -= 1
        if self._count[entry[0]] <= 0:
            del self._count[entry[0]]

    def count(self, transaction_id: str | None) -> int:
        """Return how many entries of a transaction, or of all, wait."""
        return len(self._entries) if transaction_id is None else self._count[transaction_id]

    def thin_out(self, limit: int) -> list[int]:
        """Forget what is to be dropped if more than `limit` entries wait; returns their ids."""
        total = len(self._entries)
        if total <= limit:
            self._thin_from = 0
            return []
        if total < self._thin_from:
            return []  # there was nothing more to drop a moment ago
        spares: dict[str | None, list[int]] = {}
        first: set[str | None] = set()
        for entry_id, (transaction_id, spare) in self._entries.items():
            if transaction_id not in first:
                first.add(transaction_id)
            elif spare:
                spares.setdefault(transaction_id, []).append(entry_id)
        last = {transaction_id: entry_id for entry_id, (transaction_id, _) in self._entries.items()}
        dropped = [
            entry_id
            for transaction_id, ids in spares.items()
            for entry_id in [each for each in ids if each != last[transaction_id]][::2]
        ]
        for entry_id in dropped:
            self.remove(entry_id)
        self._thin_from = len(self._entries) + max(limit // 10, 1)
        return dropped
