"""Meter readings that survive a power cut: the last one, and those for the end (E06.FR.11, J02)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from ocppd.clock import Clock
from ocppd.model.redating import redated
from ocppd.model.sessions import Powermeter
from ocppd.model.transactions import MeterValue
from ocppd.station.evse import Evse, Evses
from ocppd.station.measurements import EndedSample, thinned
from ocppd.station.ports import Store

MOST_SAMPLES = 1500
"""How many samples of one transaction are kept; beyond it every second in between goes."""
SAVE_EVERY_S = 10.0
"""How old the stored reading of a running transaction may be."""


@dataclass(frozen=True, slots=True)
class LastReading:
    """The last reading of an EVSE with a transaction, for its end after a power cut."""

    meter: Powermeter


class LastReadings:
    """Keeps the last reading of each EVSE, written at most every ten seconds."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._saved_at: dict[int, float] = {}
        self._loaded: dict[int, Powermeter] = {}

    def load(self, evses: Evses) -> None:
        """Give the EVSEs back what their meters said."""
        for key, reading in self._store.load(LastReading).items():
            self._loaded[int(key)] = reading.meter
            evse = evses.get(int(key))
            if evse is not None and evse.powermeter is None:
                evse.powermeter = reading.meter

    def of(self, evse_id: int) -> Powermeter | None:
        """Return what was stored of an EVSE at the start, be it that the station has it no more."""
        return self._loaded.get(evse_id)

    def save(self, evse: Evse, *, now: bool = False) -> None:
        """Write the EVSE's reading, if the last time is long enough ago or it has to be now."""
        saved_at = self._saved_at.get(evse.id)
        at = self._clock.monotonic()
        due = now or saved_at is None or at - saved_at >= SAVE_EVERY_S
        if due and evse.powermeter is not None:
            self._saved_at[evse.id] = at
            self._store.save(str(evse.id), LastReading(evse.powermeter))


class EndedSamples:
    """Collects what the Ended events will carry."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._samples: dict[str, list[EndedSample]] = {}

    def load(self, is_open: Callable[[str], bool]) -> None:
        """Take back what was collected for the transactions that are open."""
        saved = sorted(self._store.load(EndedSample).values(), key=lambda sample: sample.number)
        for sample in saved:
            if is_open(sample.transaction_id):
                self._samples.setdefault(sample.transaction_id, []).append(sample)
            else:
                self._store.forget(EndedSample, _key(sample))

    def redate(self, by: timedelta) -> None:
        """Move the dates of what was collected."""
        for transaction_id, samples in self._samples.items():
            moved = [redated(sample, by) for sample in samples]
            for before, after in zip(samples, moved, strict=True):
                if after is not before:
                    self._store.save(_key(after), after)
            self._samples[transaction_id] = moved

    def add(self, transaction_id: str, value: MeterValue | None) -> None:
        """Keep a value for the end of a transaction; nothing happens without one."""
        if value is None:
            return
        samples = self._samples.setdefault(transaction_id, [])
        number = samples[-1].number + 1 if samples else 0
        sample = EndedSample(transaction_id, number, value)
        self._store.save(_key(sample), sample)
        samples.append(sample)
        if len(samples) > MOST_SAMPLES:
            kept = thinned(samples, lambda each: each.value)
            for dropped in set(map(_key, samples)) - set(map(_key, kept)):
                self._store.forget(EndedSample, dropped)
            self._samples[transaction_id] = kept

    def take(self, transaction_id: str) -> list[MeterValue]:
        """Return the values of a transaction that ends, and forget them."""
        samples = self._samples.pop(transaction_id, [])
        for sample in samples:
            self._store.forget(EndedSample, _key(sample))
        return [sample.value for sample in samples]


def _key(sample: EndedSample) -> str:
    return f"{sample.transaction_id}/{sample.number}"
