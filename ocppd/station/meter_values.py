"""Block J, Meter values: what the host measures, sampled and aligned to the clock (J01, J02).

Sampled values go by the start of their transaction, aligned ones by midnight UTC. Nothing is
sampled while the daemon is stopped, or while the host has not said that a transaction goes on.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ocppd.clock import Timer
from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import (
    EVSE,
    AlignedDataCtrlr,
    Connector,
    FiscalMetering,
    InternalCtrlr,
    OCPP16LegacyCtrlr,
    SampledDataCtrlr,
    SmartChargingCtrlr,
    V2XChargingCtrlr,
)
from ocppd.model.sessions import EvInfo, EvseLimits, HwCapabilities, Powermeter
from ocppd.model.transactions import MeterValue, MeterValues, ReadingContext, TriggerReason
from ocppd.model.variables import EvseRef
from ocppd.station.evse import Evse, Evses
from ocppd.station.measurements import Measurements
from ocppd.station.ports import Outside
from ocppd.station.sampling import is_signed, power_w
from ocppd.station.transactions import Transactions

MAIN_METER = 0
"""The EVSE id under which the host reports the meter of the whole station."""
_DAY_S = 86400
_PUNCTUAL = timedelta(seconds=1)
_DEFAULT_QUEUE_THRESHOLD = 1000


def next_aligned(now: datetime, interval_s: int) -> datetime:
    """Return the next moment that is a whole number of intervals after 00:00 UTC."""
    now = now.astimezone(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    passed = (now - midnight).total_seconds()
    after = (int(passed // interval_s) + 1) * interval_s
    return midnight + timedelta(seconds=min(after, _DAY_S))


class Ticker:
    """A timer that calls at moments that somebody computes, one after the other.

    A moment that the clock did not pass in its own time, but by being set, is left out.
    """

    def __init__(
        self,
        outside: Outside,
        next_at: Callable[[datetime], datetime | None],
        call: Callable[[datetime], None],
    ) -> None:
        self._clock = outside.clock
        self._next_at = next_at
        self._call = call
        self._timer: Timer | None = None

    def arm(self) -> None:
        """Wait for the next moment, or for none if there is none."""
        self.cancel()
        now = self._clock.now()
        at = self._next_at(now)
        if at is not None:
            delay = max((at - now).total_seconds(), 0.0)
            self._timer = self._clock.call_later(delay, lambda: self._tick(at))

    def cancel(self) -> None:
        """Wait for nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self, at: datetime) -> None:
        self._timer = None
        # The clock was set meanwhile, forwards or back: the moment is over or still to come.
        if abs(self._clock.now() - at) > _PUNCTUAL:
            self.arm()
            return
        try:
            self._call(at)
        finally:
            self.arm()


class EvseSampling:
    """The samples of one EVSE's transaction, by its start (J02.FR.11)."""

    def __init__(
        self,
        outside: Outside,
        evse: Evse,
        transactions: Transactions,
        measurements: Measurements,
    ) -> None:
        self._evse = evse
        self._transactions = transactions
        self._measurements = measurements
        self._transaction_id: str | None = None
        self._started_at = datetime.min.replace(tzinfo=UTC)
        self._since: Powermeter | None = None
        self._updated = Ticker(
            outside, lambda now: self._next(now, measurements.updated_interval_s), self._update
        )
        self._ended = Ticker(
            outside, lambda now: self._next(now, measurements.ended_interval_s), self._collect
        )

    def follow(self) -> None:
        """Begin, go on or end with the EVSE's transaction."""
        running = None if self._transactions.stopped else self._transactions.running(self._evse.id)
        transaction_id = running.id if running else None
        if transaction_id == self._transaction_id:
            if running is not None and running.started_at != self._started_at:
                self._started_at = running.started_at  # dated anew
                self.arm()
            return
        self._transaction_id = transaction_id
        if running is not None:
            self._started_at = running.started_at
            self._since = self._evse.powermeter
        self.arm()

    def arm(self) -> None:
        """Wait anew, because an interval or the transaction is another."""
        self._updated.arm()
        self._ended.arm()

    def _next(self, now: datetime, interval_s: int) -> datetime | None:
        if self._transaction_id is None or interval_s <= 0:
            return None
        # Before the start, as the clock tells it, where it was set back since.
        passed = (now - self._started_at).total_seconds()
        # A moment that is just over counts as over: timers may be early by a little.
        steps = int((passed + 0.01) // interval_s) + 1
        return self._started_at + timedelta(seconds=steps * interval_s)

    def _update(self, _at: datetime) -> None:
        reading = self._measurements.reading(self._evse, since=self._since)
        value = self._measurements.updated(reading) if reading else None
        self._since = self._evse.powermeter
        if value is not None:
            self._transactions.tell_values(self._evse, TriggerReason.METER_VALUE_PERIODIC, (value,))

    def _collect(self, _at: datetime) -> None:
        reading = self._measurements.reading(self._evse)
        if reading is not None:
            sample = self._measurements.ended(reading, ReadingContext.SAMPLE_PERIODIC)
            self._transactions.collect(self._evse, sample)


class Metering:
    """Takes what the host measures, and tells the CSMS of it in time."""

    def __init__(
        self,
        outside: Outside,
        device_model: DeviceModel,
        evses: Evses,
        transactions: Transactions,
    ) -> None:
        self._outside = outside
        self._model = device_model
        self._evses = evses
        self._transactions = transactions
        self._measurements = measurements = Measurements(device_model, outside.csms)
        self._main_meter: Powermeter | None = None
        self._aligned_before: dict[int, Powermeter] = {}
        self._sampling = {
            evse.id: EvseSampling(outside, evse, transactions, measurements) for evse in evses
        }
        self._aligned = Ticker(
            outside,
            lambda now: self._next_aligned(now, measurements.aligned_interval_s),
            self._tell_aligned,
        )
        self._aligned_ended = Ticker(
            outside,
            lambda now: self._next_aligned(now, measurements.aligned_ended_interval_s),
            self._collect_aligned,
        )

    def start(self) -> None:
        """Follow the transactions, the intervals, and the clock."""
        self._transactions.watch(self._on_transaction)
        for address in (
            SampledDataCtrlr.Enabled,
            SampledDataCtrlr.TxUpdatedInterval,
            SampledDataCtrlr.TxEndedInterval,
        ):
            self._model.observe(address, self._on_sampled_interval)
        for address in (
            AlignedDataCtrlr.Enabled,
            AlignedDataCtrlr.Interval,
            AlignedDataCtrlr.TxEndedInterval,
        ):
            self._model.observe(address, self._on_aligned_interval)
        self._outside.clock.when_adjusted(self._arm_all)
        for evse in self._evses:
            self._sampling[evse.id].follow()
        self._arm_aligned()

    def _on_transaction(self, evse: Evse) -> None:
        self._sampling[evse.id].follow()

    def _on_sampled_interval(self, *_change: object) -> None:
        for sampling in self._sampling.values():
            sampling.arm()

    def _on_aligned_interval(self, *_change: object) -> None:
        self._arm_aligned()

    def _arm_all(self) -> None:
        self._on_sampled_interval()
        self._arm_aligned()

    def _arm_aligned(self) -> None:
        self._aligned.arm()
        self._aligned_ended.arm()

    # What the host reports

    def on_powermeter(self, evse_id: int, meter: Powermeter) -> None:
        """Take a reading; EVSE 0 is the main meter. Raises UnknownEvse."""
        if evse_id == MAIN_METER:
            self._main_meter = meter
            return
        evse = self._evses[evse_id]
        self._transactions.note_reading(evse, meter)
        if is_signed(meter):
            self._transactions.on_signed_reading(evse)
        power = power_w(meter)
        if power is not None:
            self._model.set_actual(EVSE.Power(evse_id), round(max(power, 0.0), 1))

    def on_public_key(self, evse_id: int, public_key: str) -> None:
        """Take the public key of an EVSE's meter."""
        evse = self._evses[evse_id]
        evse.meter_public_key = public_key or None
        self._model.set_actual(FiscalMetering.PublicKey(evse_id), public_key)
        keys = [each.meter_public_key for each in self._evses for _ in each.connectors]
        known = keys[: keys.index(None)] if None in keys else keys
        self._model.set_actual(
            OCPP16LegacyCtrlr.MeterPublicKeys, ",".join(key for key in known if key)
        )

    def on_ev_info(self, evse_id: int, info: EvInfo) -> None:
        """Take what the car tells of itself."""
        self._evses[evse_id].ev_info = info

    def on_hw_capabilities(self, evse_id: int, capabilities: HwCapabilities) -> None:
        """Take what the EVSE's hardware can do."""
        evse = self._evses[evse_id]
        evse.hw_capabilities = capabilities
        phases = capabilities.max_phase_count_import
        volts = self._model.decimal(SmartChargingCtrlr.SupplyVoltage, 230.0)
        most_w = capabilities.max_current_a_import * volts * max(phases, 1)
        self._model.describe(EVSE.Power(evse_id), max_limit=most_w)
        self._model.set_actual(EVSE.SupplyPhases(evse_id), phases)
        for connector_id in evse.connectors:
            self._model.set_actual(Connector.SupplyPhases(evse_id, connector_id), phases)

    def on_limits(self, evse_id: int, limits: EvseLimits) -> None:
        """Take what the EVSE offers the car at present (Current.Offered, Power.Offered)."""
        self._evses[evse_id].limits = limits

    def on_energy_transfer_modes(self, evse_id: int, modes: tuple[str, ...]) -> None:
        """Take how the EVSE can transfer energy; raises UnknownEvse."""
        evse = self._evses[evse_id]
        both_ways = any("BPT" in mode for mode in modes)
        self._model.set_actual(V2XChargingCtrlr.Available(evse.id), both_ways)
        self._model.set_actual(
            V2XChargingCtrlr.SupportedEnergyTransferModes(evse.id), ",".join(modes)
        )

    # Aligned to the clock (J01)

    def _next_aligned(self, now: datetime, interval_s: int) -> datetime | None:
        return next_aligned(now, interval_s) if interval_s > 0 else None

    def _tell_aligned(self, at: datetime) -> None:
        if self._transactions.stopped:
            return
        busy = any(self._transactions.running(evse.id) for evse in self._evses)
        if busy and self._measurements.aligned_only_when_idle:
            return  # J01.FR.20
        if self._main_meter is not None:
            self._tell_main_meter(at)
        for evse in self._evses:
            value = self._aligned_value(evse, at)
            if value is None:
                continue
            if self._transactions.running(evse.id) is not None:  # J01.FR.22
                self._transactions.tell_values(evse, TriggerReason.METER_VALUE_CLOCK, (value,))
            else:
                self._send(MeterValues(EvseRef(evse.id), (value,)))

    def _tell_main_meter(self, at: datetime) -> None:
        value = self._aligned_value(Evse(MAIN_METER, {}, powermeter=self._main_meter), at)
        if value is not None:
            self._send(MeterValues(EvseRef(MAIN_METER), (_at_inlet(value),)))

    def _aligned_value(self, evse: Evse, at: datetime) -> MeterValue | None:
        reading = self._measurements.reading(evse, since=self._aligned_before.get(evse.id))
        if reading is None:
            return None
        self._aligned_before[evse.id] = reading.meter
        value = self._measurements.aligned(reading)
        if value is not None and self._measurements.rounds_aligned:
            value = replace(value, timestamp=at)
        return self._with_key(evse, value)

    def _with_key(self, evse: Evse, value: MeterValue | None) -> MeterValue | None:
        """Put the public key in, outside of a transaction once in each message."""
        if value is None or self._transactions.running(evse.id) is not None:
            return value
        [keyed], _ = self._measurements.with_keys((value,), evse.meter_public_key, told=False)
        return keyed

    def _collect_aligned(self, _at: datetime) -> None:
        for evse in self._evses:
            reading = self._measurements.reading(evse)
            if reading is not None:
                self._transactions.collect(evse, self._measurements.aligned_ended(reading))

    def _send(self, request: MeterValues) -> None:
        """Send values outside of a transaction.

        In 1.6 they are as durable as a transaction's, as far as the queue is not too long; 2.x
        has them for who listens.
        """
        if not self._outside.csms.manners.idle_readings_are_durable:
            self._outside.csms.send(request)
            return
        most = self._model.integer(
            InternalCtrlr.MessageQueueSizeThreshold, _DEFAULT_QUEUE_THRESHOLD
        )
        if self._outside.store.queued_for(None) < most:
            self._outside.store.queue(request)
            self._outside.csms.wake()

    # What the CSMS asks for

    def trigger(self, ref: EvseRef | None, /) -> None:
        """Send the most recent values of an EVSE, or of all (F06.FR.06; 1.6, 5.17)."""
        whole = ref is None or ref.id == MAIN_METER
        if whole and self._main_meter is not None:
            self._trigger(Evse(MAIN_METER, {}, powermeter=self._main_meter))
        for evse in self._evses:
            if whole or (ref is not None and ref.id == evse.id):
                self._trigger(evse)

    def _trigger(self, evse: Evse) -> None:
        reading = self._measurements.reading(evse)
        if reading is None:
            return
        sampled = self._outside.csms.manners.triggers_sampled_values
        take = self._measurements.updated if sampled else self._measurements.aligned
        value = self._with_key(evse, take(reading, ReadingContext.TRIGGER))
        if value is not None:
            request = MeterValues(EvseRef(evse.id), (value,), evse.csms_transaction_id)
            self._outside.csms.send(request, triggered=True)


def _at_inlet(value: MeterValue) -> MeterValue:
    """Return a reading of the main meter: it measures where the energy comes in."""
    sampled = tuple(replace(each, location="Inlet") for each in value.sampled_values)
    return replace(value, sampled_values=sampled)
