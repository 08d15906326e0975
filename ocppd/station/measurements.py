"""Which measurands belong into which message: SampledDataCtrlr and AlignedDataCtrlr (J01, J02)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import (
    AlignedDataCtrlr,
    InternalCtrlr,
    OCPPCommCtrlr,
    SampledDataCtrlr,
    SmartChargingCtrlr,
)
from ocppd.model.sessions import Powermeter, SignedMeterValue
from ocppd.model.transactions import MeterValue, ReadingContext, SampledValue
from ocppd.model.variables import ComponentVariable
from ocppd.station.evse import Evse
from ocppd.station.ports import CsmsPort
from ocppd.station.sampling import ENERGY_IMPORT, Reading, sample, signed_register

T = TypeVar("T")

_VALUE_BYTES = 190
"""About what one sampled value takes on the wire, signed data apart."""
_BILLED = (ReadingContext.TRANSACTION_BEGIN, ReadingContext.TRANSACTION_END)
_OTHER_BYTES = 1500
"""Room for the rest of a message."""


@dataclass(frozen=True, slots=True)
class EndedSample:
    """A sample for the end of a transaction, kept until then (E06.FR.11, J02)."""

    transaction_id: str
    number: int
    value: MeterValue


class Measurements:
    """Takes samples as the device model wants them."""

    def __init__(self, device_model: DeviceModel, csms: CsmsPort) -> None:
        self._model = device_model
        self._csms = csms

    def reading(
        self,
        evse: Evse,
        meter: Powermeter | None = None,
        signed: SignedMeterValue | None = None,
        since: Powermeter | None = None,
    ) -> Reading | None:
        """Return what is known at an EVSE, with a given reading or the last one; None without."""
        meter = meter or evse.powermeter
        if meter is None:
            return None
        offered_a = phases = None
        if evse.limits is not None:
            offered_a, phases = evse.limits.max_current, evse.limits.nr_of_phases_available
        soc = evse.ev_info.soc if evse.ev_info else None
        volts = self._model.decimal(SmartChargingCtrlr.SupplyVoltage, 230.0)
        return Reading(meter, since, soc, offered_a, phases, volts, signed)

    # Sampled (J02)

    @property
    def updated_interval_s(self) -> int:
        """Seconds between samples for Updated; 0 is none."""
        return self._interval(SampledDataCtrlr.Enabled, SampledDataCtrlr.TxUpdatedInterval)

    @property
    def ended_interval_s(self) -> int:
        """Seconds between samples for Ended; 0 is only at start and end.

        1.6 has one interval for both (MeterValueSampleInterval).
        """
        if self._csms.manners.samples_by_one_interval:
            return self.updated_interval_s
        return self._interval(SampledDataCtrlr.Enabled, SampledDataCtrlr.TxEndedInterval)

    def started(self, reading: Reading) -> MeterValue | None:
        """Return the sample for Started (E01.FR.09)."""
        return self._sample(
            reading,
            SampledDataCtrlr.TxStartedMeasurands,
            ReadingContext.TRANSACTION_BEGIN,
            sign=self.signs(SampledDataCtrlr.SignStartedReadings),
        )

    def begun(self, reading: Reading) -> MeterValue | None:
        """Return what the meter signed at the start, for the event that tells the token."""
        if not self.signs(SampledDataCtrlr.SignStartedReadings):
            return None
        return signed_register(reading, ReadingContext.TRANSACTION_BEGIN)

    def updated(
        self, reading: Reading, context: ReadingContext = ReadingContext.SAMPLE_PERIODIC
    ) -> MeterValue | None:
        """Return the sample for Updated (J02.FR.11)."""
        return self._sample(
            reading,
            SampledDataCtrlr.TxUpdatedMeasurands,
            context,
            sign=self.signs(SampledDataCtrlr.SignUpdatedReadings),
        )

    def ended(self, reading: Reading, context: ReadingContext) -> MeterValue | None:
        """Return a sample for Ended (E06.FR.11); of the signed ones the register is always in."""
        measurands = self._members(SampledDataCtrlr.Enabled, SampledDataCtrlr.TxEndedMeasurands)
        signs = self.signs(None)
        edge = context is not ReadingContext.SAMPLE_PERIODIC
        if edge and signs and ENERGY_IMPORT not in measurands and signed_register(reading, context):
            measurands = (ENERGY_IMPORT, *measurands)
        return sample(
            reading, measurands, context, sign=signs, register_phases=self._register_phases
        )

    def final_signed(self, reading: Reading) -> MeterValue | None:
        """Return what the meter signed at the end, where the transaction goes on."""
        if not self.signs(None):
            return None
        return signed_register(reading, ReadingContext.TRANSACTION_END)

    # Aligned to the clock (J01)

    @property
    def aligned_interval_s(self) -> int:
        """Seconds between clock-aligned values, from midnight UTC; 0 is none."""
        return self._interval(AlignedDataCtrlr.Enabled, AlignedDataCtrlr.Interval)

    @property
    def aligned_ended_interval_s(self) -> int:
        """Seconds between clock-aligned values for Ended; 1.6 has one interval for both."""
        if self._csms.manners.samples_by_one_interval:
            return self.aligned_interval_s
        return self._interval(AlignedDataCtrlr.Enabled, AlignedDataCtrlr.TxEndedInterval)

    def aligned(
        self, reading: Reading, context: ReadingContext = ReadingContext.SAMPLE_CLOCK
    ) -> MeterValue | None:
        """Return the clock-aligned values (J01.FR.14), or those that the CSMS triggers."""
        sign = self._model.flag(AlignedDataCtrlr.SignReadings) and self._also(
            AlignedDataCtrlr.SignUpdatedReadings
        )
        return self._sample(reading, AlignedDataCtrlr.Measurands, context, sign=sign)

    def aligned_ended(self, reading: Reading) -> MeterValue | None:
        """Return the clock-aligned values for Ended."""
        return self._sample(
            reading,
            AlignedDataCtrlr.TxEndedMeasurands,
            ReadingContext.SAMPLE_CLOCK,
            sign=self._model.flag(AlignedDataCtrlr.SignReadings),
        )

    @property
    def aligned_only_when_idle(self) -> bool:
        """Whether nothing aligned is sent while there is a transaction (J01.FR.20)."""
        return self._model.flag(AlignedDataCtrlr.SendDuringIdle)

    @property
    def rounds_aligned(self) -> bool:
        """Whether clock-aligned values bear the time of the interval, not of the reading."""
        return self._model.flag(InternalCtrlr.RoundClockAlignedTimestamps)

    # What is signed

    def signs(self, also: ComponentVariable | None) -> bool:
        """Tell whether sampled values carry what the meter signed.

        `also` is the switch of 2.1 for one kind of message; unset it follows SignReadings. 1.6
        has no switch: signed values are told where there are any.
        """
        if not self._csms.manners.switches_signed_values:
            return True
        return self._model.flag(SampledDataCtrlr.SignReadings) and self._also(also)

    def _also(self, switch: ComponentVariable | None) -> bool:
        return switch is None or self._model.flag(switch, default=True)

    def with_keys(
        self, values: Sequence[MeterValue], key: str | None, *, told: bool
    ) -> tuple[tuple[MeterValue, ...], bool]:
        """Put the public key in where PublicKeyWithSignedMeterValue wants it.

        `key` is the meter's, for signed values that do not bring their own; `told` says that the
        transaction's CSMS has it. Returns the values, and whether it has it now.
        """
        policy = self._model.text(OCPPCommCtrlr.PublicKeyWithSignedMeterValue, "Never")

        def keyed(signed: SignedMeterValue) -> SignedMeterValue:
            nonlocal told
            if policy == "Never" or (policy == "OncePerTransaction" and told):
                return replace(signed, public_key=None)
            public_key = signed.public_key or key
            told = told or public_key is not None
            return replace(signed, public_key=public_key)

        def each(value: SampledValue) -> SampledValue:
            return replace(value, signed=keyed(value.signed)) if value.signed else value

        return (
            tuple(
                replace(value, sampled_values=tuple(map(each, value.sampled_values)))
                for value in values
            ),
            told,
        )

    def fitting(self, values: Sequence[MeterValue]) -> tuple[MeterValue, ...]:
        """Return as many values as one message holds; every second in between goes first.

        The first and the last stay (E06.FR.13, J02.FR.20). How long a message really is, is only
        known when it is sent, which shortens it again if need be.
        """
        room = self._model.integer(InternalCtrlr.MaxMessageSize, 32000) - _OTHER_BYTES
        kept = list(values)
        while sum(map(_size, kept)) > room:
            fewer = thinned(kept, lambda value: value)
            if len(fewer) == len(kept):
                break
            kept = fewer
        return tuple(kept)

    # Inside

    @property
    def _register_phases(self) -> bool:
        return not self._model.flag(SampledDataCtrlr.RegisterValuesWithoutPhases)

    def _interval(self, enabled: ComponentVariable, interval: ComponentVariable) -> int:
        if not self._model.flag(enabled, default=True):
            return 0
        return max(self._model.integer(interval), 0)

    def _members(
        self, enabled: ComponentVariable, measurands: ComponentVariable
    ) -> tuple[str, ...]:
        return self._model.members(measurands) if self._model.flag(enabled, default=True) else ()

    def _sample(
        self,
        reading: Reading,
        measurands: ComponentVariable,
        context: ReadingContext,
        *,
        sign: bool,
    ) -> MeterValue | None:
        enabled = (
            SampledDataCtrlr.Enabled
            if measurands.component == SampledDataCtrlr.Enabled.component
            else AlignedDataCtrlr.Enabled
        )
        return sample(
            reading,
            self._members(enabled, measurands),
            context,
            sign=sign,
            register_phases=self._register_phases,
        )


def thinned(values: list[T], value_of: Callable[[T], MeterValue]) -> list[T]:
    """Return values without every second one of those that may go.

    The first and the last stay, and what was taken where the charging began or ended: a bill rests
    on it (J02.FR.20).
    """
    last = len(values) - 1
    kept: list[T] = []
    spared = True
    for at, value in enumerate(values):
        if at in (0, last) or _is_billed(value_of(value)):
            kept.append(value)
            continue
        spared = not spared
        if spared:
            kept.append(value)
    return kept


def _is_billed(value: MeterValue) -> bool:
    return any(sampled.context in _BILLED for sampled in value.sampled_values)


def _size(value: MeterValue) -> int:
    return sum(
        _VALUE_BYTES
        + (
            len(sampled.signed.signed_meter_data) + len(sampled.signed.public_key or "") + 150
            if sampled.signed
            else 0
        )
        for sampled in value.sampled_values
    )
