"""The meter values of transaction events: begin, end, and what was collected for the end."""

from dataclasses import replace

from ocppd.model.sessions import Powermeter, SessionEvent, SessionEventType, SignedMeterValue
from ocppd.model.transactions import (
    MeterValue,
    ReadingContext,
    TransactionEvent,
    TransactionEventType,
)
from ocppd.station.evse import Evse
from ocppd.station.measurements import Measurements
from ocppd.station.sampling import ENERGY_IMPORT, is_signed
from ocppd.station.stored_readings import EndedSamples


class EventValues:
    """Finds the meter values for each event, and collects those for Ended."""

    def __init__(self, measurements: Measurements, samples: EndedSamples) -> None:
        self._measurements = measurements
        self._samples = samples

    def of(
        self,
        evse: Evse,
        told: TransactionEvent,
        event: SessionEvent | None,
        meter: Powermeter | None,
    ) -> list[MeterValue]:
        """Return the values of an event that a report (or none) led to, at this reading."""
        signed = event.signed_meter_value if event else None
        match told.event_type:
            case TransactionEventType.STARTED:
                return self._of_started(evse, told, meter, signed)
            case TransactionEventType.ENDED:
                return self._of_ended(evse, told, event, meter)
            case _:
                return self._of_updated(evse, told, event, meter)

    def _of_started(
        self,
        evse: Evse,
        told: TransactionEvent,
        meter: Powermeter | None,
        signed: SignedMeterValue | None,
    ) -> list[MeterValue]:
        reading = self._measurements.reading(evse, meter, signed)
        if reading is None:
            return []
        begin = self._measurements.ended(reading, ReadingContext.TRANSACTION_BEGIN)
        self._samples.add(told.transaction_id, begin)
        value = self._measurements.started(reading)
        return [value] if value else []

    def _of_updated(
        self,
        evse: Evse,
        told: TransactionEvent,
        event: SessionEvent | None,
        meter: Powermeter | None,
    ) -> list[MeterValue]:
        """Return the signed begin of a charging that was authorized after the start.

        A signed end is kept where the transaction outlasts the charging.
        """
        if event is None or not (event.signed_meter_value or is_signed(event.meter_value)):
            return []
        reading = self._measurements.reading(evse, meter, event.signed_meter_value)
        if reading is None:
            return []
        if told.authorizes:
            value = self._measurements.begun(reading)
            return [value] if value else []
        if event.event is SessionEventType.TRANSACTION_FINISHED:
            self._samples.add(told.transaction_id, self._measurements.final_signed(reading))
        return []

    def _of_ended(
        self,
        evse: Evse,
        told: TransactionEvent,
        event: SessionEvent | None,
        meter: Powermeter | None,
    ) -> list[MeterValue]:
        values = self._samples.take(told.transaction_id)
        begin = event.start_signed_meter_value if event else None
        if begin is not None and self._measurements.signs(None):
            values = _with_signed_begin(values, begin)
        signed = event.signed_meter_value if event else None
        reading = self._measurements.reading(evse, meter, signed)
        if reading is not None:
            value = self._measurements.ended(reading, ReadingContext.TRANSACTION_END)
            values += [value] if value else []
        return list(self._measurements.fitting(values))


def _with_signed_begin(values: list[MeterValue], signed: SignedMeterValue) -> list[MeterValue]:
    """Put the signed begin, where only the end of the charging brought it, to its sample."""
    for at, value in enumerate(values):
        for position, sampled in enumerate(value.sampled_values):
            if (
                sampled.context is ReadingContext.TRANSACTION_BEGIN
                and sampled.measurand == ENERGY_IMPORT
                and sampled.phase is None
            ):
                if sampled.signed is not None:
                    return values
                others = list(value.sampled_values)
                others[position] = replace(sampled, signed=signed)
                begin = replace(value, sampled_values=tuple(others))
                return [*values[:at], begin, *values[at + 1 :]]
    return values
