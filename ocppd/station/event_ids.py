"""Ids of events (EventDataType.eventId): unique over all that report events, and over restarts."""

from dataclasses import dataclass

from ocppd.station.ports import Store

_BLOCK = 1000
_KEY = "events"


@dataclass(frozen=True, slots=True)
class ReservedEventIds:
    """Ids below `up_to` may have been used."""

    up_to: int


class EventIds:
    """Gives each event its id.

    Ids are reserved in the store by the thousand, so that a restart skips some but repeats none.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._next = 1
        self._reserved = 0

    def start(self) -> None:
        """Go on after what earlier runs may have used."""
        reserved = self._store.load(ReservedEventIds).get(_KEY)
        if reserved is not None:
            self._next = self._reserved = reserved.up_to

    def next(self) -> int:
        """Return an id that was never used before."""
        if self._next >= self._reserved:
            self._reserved = self._next + _BLOCK
            self._store.save(_KEY, ReservedEventIds(self._reserved))
        number = self._next
        self._next += 1
        return number
