"""The transactions that the CSMS has been told of, and whether the telling was consistent."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

_ENERGY = "Energy.Active.Import.Register"
_NEVER = datetime.max.replace(tzinfo=UTC)
_ROUNDING_WH = 1.0
"""1.6 tells whole Wh at the start and the end, and fractions in between."""


@dataclass(slots=True)
class SeenTransaction:
    """One transaction as it was told; energy is in Wh.

    `problems` lists what is wrong with the telling: a gap in the seqNo, a message repeated with
    other content, an update before the start, a register that runs backwards.
    """

    station: str
    version: str
    transaction_id: str
    evse_id: int = 0
    """In 1.6 the number of the connector."""
    connector_id: int = 0
    id_token: str = ""
    started_at: str = ""
    ended_at: str = ""
    reason: str = ""
    meter_start_wh: float | None = None
    meter_last_wh: float | None = None
    started: bool = False
    ended: bool = False
    updates: int = 0
    """TransactionEvents of type Updated; in 1.6 MeterValues of the transaction."""
    meter_values: int = 0
    """Meter values (sets of samples) received, the one at the end included."""
    seq_nos: list[int] = field(default_factory=list)
    repeats: int = 0
    """Messages that came again with the same content."""
    problems: list[str] = field(default_factory=list)
    _first: datetime = _NEVER
    _last: datetime = _NEVER

    @property
    def energy_wh(self) -> float | None:
        """The energy delivered so far, as far as the meter values tell."""
        if self.meter_start_wh is None or self.meter_last_wh is None:
            return None
        return round(self.meter_last_wh - self.meter_start_wh, 3)

    @property
    def state(self) -> str:
        """`open`, `ended`, or `partial` when the start was never told."""
        if self.ended:
            return "ended" if self.started else "partial"
        return "open" if self.started else "partial"

    def record(self) -> dict[str, Any]:
        """Return the transaction for a program."""
        return {
            "station": self.station,
            "version": self.version,
            "transaction_id": self.transaction_id,
            "state": self.state,
            "evse_id": self.evse_id,
            "connector_id": self.connector_id,
            "id_token": self.id_token,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "reason": self.reason,
            "energy_wh": self.energy_wh,
            "meter_start_wh": self.meter_start_wh,
            "meter_last_wh": self.meter_last_wh,
            "updates": self.updates,
            "meter_values": self.meter_values,
            "seq_nos": self.seq_nos,
            "repeats": self.repeats,
            "problems": self.problems,
        }

    def read_meter(self, wh: float, at: str) -> None:
        """Take a reading of the register; one of an earlier time may come later (as Begin does)."""
        moment = _moment(at)
        if self.meter_start_wh is None or moment < self._first:
            if self.meter_start_wh is not None and wh > self.meter_start_wh + _ROUNDING_WH:
                self._ran_backwards(wh, self.meter_start_wh)
            self.meter_start_wh, self._first = wh, moment
        if self.meter_last_wh is None or moment >= self._last:
            if self.meter_last_wh is not None and wh < self.meter_last_wh - _ROUNDING_WH:
                self._ran_backwards(self.meter_last_wh, wh)
            self.meter_last_wh, self._last = wh, moment

    def _ran_backwards(self, from_wh: float, to_wh: float) -> None:
        self.problems.append(f"the register went from {from_wh:g} to {to_wh:g} Wh")


class Ledger:
    """All transactions, by station and id, in the order in which they were first told."""

    def __init__(self, first_number: int = 1) -> None:
        self._next = first_number
        self._seen: dict[tuple[str, str], SeenTransaction] = {}
        self._starts: dict[tuple[Any, ...], int] = {}
        self._events: dict[tuple[str, str, int], dict[str, Any]] = {}
        self._stops: dict[tuple[str, str], dict[str, Any]] = {}
        self._meters: dict[tuple[str, str], set[str]] = {}

    def __iter__(self) -> Iterator[SeenTransaction]:
        """Iterate over the transactions in the order of their first message."""
        return iter(list(self._seen.values()))

    def all(self) -> list[SeenTransaction]:
        """Return the transactions in the order of their first message."""
        return list(self._seen.values())

    def find(self, transaction_id: str | int, station: str | None = None) -> SeenTransaction | None:
        """Return a transaction by its id."""
        for transaction in self._seen.values():
            if transaction.transaction_id == str(transaction_id) and station in (
                None,
                transaction.station,
            ):
                return transaction
        return None

    def last_open(self, station: str) -> SeenTransaction | None:
        """Return the open transaction that began last at a station."""
        for transaction in reversed(self._seen.values()):
            if transaction.station == station and not transaction.ended:
                return transaction
        return None

    def start(self, station: str, payload: dict[str, Any]) -> int:
        """Take a StartTransaction (1.6) and return the transaction's number.

        The same request again is the station's retry of one whose answer was lost: it gets the
        number that it had.
        """
        key = (
            station,
            payload.get("connectorId"),
            payload.get("idTag"),
            payload.get("meterStart"),
            payload.get("timestamp"),
        )
        if key in self._starts:
            number = self._starts[key]
            self._seen[(station, str(number))].repeats += 1
            return number
        number = self._next
        self._next += 1
        self._starts[key] = number
        transaction = self._get(station, "1.6", str(number))
        transaction.started = True
        transaction.evse_id = transaction.connector_id = payload.get("connectorId", 0)
        transaction.id_token = payload.get("idTag", "")
        transaction.started_at = payload.get("timestamp", "")
        if isinstance(payload.get("meterStart"), int):
            transaction.read_meter(payload["meterStart"], transaction.started_at)
        return number

    def meter(self, station: str, payload: dict[str, Any]) -> None:
        """Take MeterValues (1.6); those without transaction are of no account."""
        number = payload.get("transactionId")
        if number is None:
            return
        transaction = self._get(station, "1.6", str(number))
        told = self._meters.setdefault((station, transaction.transaction_id), set())
        text = json.dumps(payload, sort_keys=True)
        if text in told:
            transaction.repeats += 1
            return
        told.add(text)
        if not transaction.started:
            _once(transaction.problems, "meter values before the start")
        if transaction.ended:
            _once(transaction.problems, "meter values after the end")
        transaction.updates += 1
        _read(transaction, payload.get("meterValue", []))

    def stop(self, station: str, payload: dict[str, Any]) -> None:
        """Take a StopTransaction (1.6)."""
        key = (station, str(payload.get("transactionId")))
        transaction = self._get(station, "1.6", key[1])
        if key in self._stops:
            _repeat(transaction, self._stops[key], payload, "StopTransaction")
            return
        self._stops[key] = payload
        if not transaction.started:
            _once(transaction.problems, "stopped, but never started")
        _read(transaction, payload.get("transactionData", []))
        if isinstance(payload.get("meterStop"), int):
            transaction.read_meter(payload["meterStop"], payload.get("timestamp", ""))
            transaction.meter_values += 1
        transaction.ended = True
        transaction.ended_at = payload.get("timestamp", "")
        transaction.reason = payload.get("reason", "Local")

    def event(self, station: str, version: str, payload: dict[str, Any]) -> None:
        """Take a TransactionEvent (2.x)."""
        info = payload.get("transactionInfo", {})
        transaction_id = str(info.get("transactionId", ""))
        seq_no = payload.get("seqNo", -1)
        transaction = self._get(station, version, transaction_id)
        key = (station, transaction_id, seq_no)
        if key in self._events:
            _repeat(transaction, self._events[key], payload, f"seqNo {seq_no}")
            return
        self._events[key] = payload
        self._check_order(transaction, payload, seq_no)
        transaction.seq_nos.append(seq_no)
        evse = payload.get("evse", {})
        transaction.evse_id = evse.get("id", transaction.evse_id)
        transaction.connector_id = evse.get("connectorId", transaction.connector_id)
        token = payload.get("idToken", {}).get("idToken", "")
        transaction.id_token = transaction.id_token or token
        _read(transaction, payload.get("meterValue", []))
        match payload.get("eventType"):
            case "Started":
                transaction.started = True
                transaction.started_at = payload.get("timestamp", "")
            case "Updated":
                transaction.updates += 1
            case "Ended":
                transaction.ended = True
                transaction.ended_at = payload.get("timestamp", "")
                transaction.reason = info.get("stoppedReason", "Local")

    def _check_order(
        self, transaction: SeenTransaction, payload: dict[str, Any], seq_no: int
    ) -> None:
        if transaction.seq_nos and seq_no != transaction.seq_nos[-1] + 1:
            transaction.problems.append(f"seqNo {seq_no} after {transaction.seq_nos[-1]}")
        if not transaction.seq_nos and payload.get("eventType") != "Started":
            transaction.problems.append(f"the first message is {payload.get('eventType')}")
        if transaction.started and payload.get("eventType") == "Started":
            transaction.problems.append("started twice")
        if transaction.ended:
            transaction.problems.append(f"{payload.get('eventType')} after the end")

    def _get(self, station: str, version: str, transaction_id: str) -> SeenTransaction:
        return self._seen.setdefault(
            (station, transaction_id), SeenTransaction(station, version, transaction_id)
        )


def energies_wh(meter_values: Iterable[dict[str, Any]]) -> list[float]:
    """Return the readings of the import register in Wh, in order; phases are left out."""
    readings = []
    for meter_value in meter_values:
        for sample in meter_value.get("sampledValue", []):
            if sample.get("measurand", _ENERGY) != _ENERGY or sample.get("phase"):
                continue
            if sample.get("format") == "SignedData":
                continue
            unit = sample.get("unitOfMeasure", {})
            name = sample.get("unit") or unit.get("unit") or "Wh"
            factor = (1000 if name == "kWh" else 1) * 10.0 ** unit.get("multiplier", 0)
            try:
                readings.append(float(sample["value"]) * factor)
            except (KeyError, TypeError, ValueError):
                continue
    return readings


def _read(transaction: SeenTransaction, meter_values: list[dict[str, Any]]) -> None:
    transaction.meter_values += len(meter_values)
    for meter_value in meter_values:
        for reading in energies_wh([meter_value]):
            transaction.read_meter(reading, str(meter_value.get("timestamp", "")))


def _moment(text: str) -> datetime:
    """Read a time; one that cannot be read counts as the present."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return datetime.now(UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _repeat(
    transaction: SeenTransaction, first: dict[str, Any], again: dict[str, Any], what: str
) -> None:
    """Count a message that came again; it has to say what it said."""
    if first == again:
        transaction.repeats += 1
    else:
        transaction.problems.append(f"{what} came twice with different content")


def _once(problems: list[str], text: str) -> None:
    if text not in problems:
        problems.append(text)
