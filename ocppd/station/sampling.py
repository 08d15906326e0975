"""What a meter reading says in OCPP's measurands (J01, J02, and 2.7 of part 2's appendices).

Pure: a reading and a list of measurands in, sampled values out. Units are OCPP's base units:
Wh, W, var, A, V, Hz, Percent, Celsius. A measurand that the reading does not tell is left out.
The measurand of a 1.6 list may name a phase (`Voltage.L1`).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from math import sqrt

from ocppd.model.sessions import PerPhase, Powermeter, SignedMeterValue, SignedPerPhase
from ocppd.model.transactions import MeterValue, ReadingContext, SampledValue

ENERGY_IMPORT = "Energy.Active.Import.Register"
_PHASES = ("L1", "L2", "L3")
_CONDUCTORS = ("L1", "L2", "L3", "N")
_LEAST_CURRENT_A = 1.0


@dataclass(frozen=True, slots=True)
class Reading:
    """A meter reading, and what else is known at its EVSE.

    Attributes:
        meter: the reading
        since: the reading at which the present interval began (`….Interval` measurands)
        soc: state of charge of the car, percent
        offered_a: amperes that are offered to the car, on each phase
        offered_phases: on how many phases; 0 for direct current
        supply_voltage_v: what to reckon with where the meter tells no voltage
        signed: a signed reading that belongs to the event, not to a quantity

    """

    meter: Powermeter
    since: Powermeter | None = None
    soc: float | None = None
    offered_a: float | None = None
    offered_phases: int | None = None
    supply_voltage_v: float = 230.0
    signed: SignedMeterValue | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """One value before it has a context."""

    value: float
    phase: str | None = None
    signed: SignedMeterValue | None = None


@dataclass(frozen=True, slots=True)
class Measurand:
    """How a measurand is read, its unit, and where it is measured."""

    read: Callable[[Reading], Iterable[Value]]
    unit: str
    location: str = "Outlet"


def energy_wh(meter: Powermeter | None) -> int | None:
    """Return the import register in whole Wh, rounded (meterStart of 1.6)."""
    if meter is None or meter.energy_wh_import.total is None:
        return None
    return round(meter.energy_wh_import.total)


def power_w(meter: Powermeter) -> float | None:
    """Return the active power, import positive; None if the meter does not tell."""
    return _total(meter.power_w)


def phases_used(meter: Powermeter | None, offered: int | None) -> int | None:
    """Return on how many phases current flows, else on how many it is offered."""
    current = meter.current_a if meter else None
    if current is not None:
        flowing = sum(
            1
            for value in (current.l1, current.l2, current.l3)
            if abs(value or 0) >= _LEAST_CURRENT_A
        )
        if flowing:
            return flowing
    return offered or None


def is_signed(meter: Powermeter | None) -> bool:
    """Tell whether a reading holds anything that the meter signed."""
    return meter is not None and (
        meter.signed_meter_value is not None
        or meter.energy_wh_import_signed is not None
        or meter.energy_wh_export_signed is not None
    )


def sample(
    reading: Reading,
    measurands: Iterable[str],
    context: ReadingContext,
    *,
    sign: bool = False,
    register_phases: bool = True,
    at: datetime | None = None,
) -> MeterValue | None:
    """Return what a reading says of these measurands, or None if it says nothing.

    `sign` adds what the meter signed (J02.FR.21); `register_phases` is false if the energy
    register has only its total (RegisterValuesWithoutPhases); `at` replaces the time of the
    reading.
    """
    values = tuple(
        sampled
        for measurand in measurands
        for sampled in _sampled(reading, measurand, context, register_phases=register_phases)
    )
    if not sign:
        values = tuple(replace(value, signed=None) for value in values)
    if not values:
        return None
    return MeterValue(at or reading.meter.timestamp, values)


def signed_register(reading: Reading, context: ReadingContext) -> MeterValue | None:
    """Return the signed import register alone, if there is one."""
    whole = sample(reading, (ENERGY_IMPORT,), context, sign=True)
    signed = tuple(value for value in whole.sampled_values if value.signed) if whole else ()
    return MeterValue(reading.meter.timestamp, signed) if signed else None


def _sampled(
    reading: Reading, name: str, context: ReadingContext, *, register_phases: bool
) -> Iterator[SampledValue]:
    wanted: str | None = None
    measurand = MEASURANDS.get(name)
    if measurand is None:
        base, _, wanted = name.rpartition(".")
        measurand = MEASURANDS.get(base)
        if measurand is None:
            return
        name = base
    total_only = not register_phases and name.startswith("Energy.") and name.endswith(".Register")
    for value in measurand.read(reading):
        if wanted is not None and value.phase not in (wanted, f"{wanted}-N"):
            continue
        if total_only and value.phase is not None:
            continue
        yield SampledValue(
            value.value,
            name,
            measurand.unit,
            context,
            value.phase,
            measurand.location,
            value.signed,
        )


def _register(
    values: PerPhase | None, signed: SignedPerPhase | None, whole: SignedMeterValue | None
) -> Iterator[Value]:
    """Read an energy register: one entry for the total and each phase, signed where it is."""
    if values is None:
        return
    signed = signed or SignedPerPhase()
    if values.total is not None:
        yield Value(values.total, None, signed.total or whole)
    for phase in _PHASES:
        value = getattr(values, phase.lower())
        if value is not None:
            yield Value(value, phase, getattr(signed, phase.lower()))


def _energy_import(reading: Reading) -> Iterator[Value]:
    meter = reading.meter
    return _register(
        meter.energy_wh_import,
        meter.energy_wh_import_signed,
        reading.signed or meter.signed_meter_value,
    )


def _energy_export(reading: Reading) -> Iterator[Value]:
    meter = reading.meter
    return _register(meter.energy_wh_export, meter.energy_wh_export_signed, None)


def _interval(register: str) -> Callable[[Reading], Iterator[Value]]:
    def read(reading: Reading) -> Iterator[Value]:
        now: PerPhase | None = getattr(reading.meter, register)
        then: PerPhase | None = getattr(reading.since, register) if reading.since else None
        if now is None or then is None:
            return
        for phase in (None, *_PHASES):
            name = "total" if phase is None else phase.lower()
            after, before = getattr(now, name), getattr(then, name)
            if after is not None and before is not None:
                yield Value(max(0.0, after - before), phase)

    return read


def _energy_net(reading: Reading) -> Iterator[Value]:
    export = reading.meter.energy_wh_export
    gained = reading.meter.energy_wh_import.total
    if export is not None and export.total is not None and gained is not None:
        yield Value(gained - export.total)


def _directed(
    quantity: str, conductors: tuple[str, ...], sign: int, *, total: bool
) -> Callable[[Reading], Iterator[Value]]:
    """Read a quantity whose sign is its direction: what flows the other way counts as 0."""

    def read(reading: Reading) -> Iterator[Value]:
        values: PerPhase | None = getattr(reading.meter, quantity)
        if values is None:
            return
        flow = _total(values) if total else values.dc
        if flow is not None:
            yield Value(max(0.0, sign * flow))
        for conductor in conductors:
            value = getattr(values, conductor.lower())
            if value is not None:
                yield Value(max(0.0, sign * value), conductor)

    return read


def _total(values: PerPhase | None) -> float | None:
    if values is None:
        return None
    if values.total is not None:
        return values.total
    if values.dc is not None:
        return values.dc
    phases = [value for value in (values.l1, values.l2, values.l3) if value is not None]
    return sum(phases) if phases else None


def _voltage(reading: Reading) -> Iterator[Value]:
    voltage = reading.meter.voltage_v
    if voltage is None:
        return
    if voltage.dc is not None:
        yield Value(voltage.dc)
    for phase in _PHASES:
        value = getattr(voltage, phase.lower())
        if value is not None:
            yield Value(value, f"{phase}-N")


def _frequency(reading: Reading) -> Iterator[Value]:
    frequency = reading.meter.frequency_hz
    if frequency is None:
        return
    values = [(phase, getattr(frequency, phase.lower())) for phase in _PHASES]
    told = [(phase, value) for phase, value in values if value is not None]
    if frequency.total is not None:
        yield Value(frequency.total)
    elif len(told) == 1:
        yield Value(told[0][1])
    else:
        for phase, value in told:
            yield Value(value, phase)


def _power_factor(reading: Reading) -> Iterator[Value]:
    """Reckon active through apparent power; without any power there is none."""
    active = _total(reading.meter.power_w)
    if active is None:
        return
    reactive = _total(reading.meter.var)
    if reactive is not None:
        apparent = sqrt(active**2 + reactive**2)
    else:
        voltage, current = reading.meter.voltage_v, reading.meter.current_a
        if voltage is None or current is None:
            return
        apparent = sum(
            abs(getattr(voltage, phase.lower()) * getattr(current, phase.lower()))
            for phase in _PHASES
            if getattr(voltage, phase.lower()) is not None
            and getattr(current, phase.lower()) is not None
        )
    if apparent > 0:
        yield Value(round(min(abs(active) / apparent, 1.0), 3))


def _soc(reading: Reading) -> Iterator[Value]:
    if reading.soc is not None:
        yield Value(reading.soc)


def _temperature(reading: Reading) -> Iterator[Value]:
    for temperature in reading.meter.temperatures:
        yield Value(temperature.temperature)


def _current_offered(reading: Reading) -> Iterator[Value]:
    if reading.offered_a is not None:
        yield Value(reading.offered_a)


def _power_offered(reading: Reading) -> Iterator[Value]:
    if reading.offered_a is None:
        return
    voltage = reading.meter.voltage_v or PerPhase()
    if voltage.dc is not None:
        yield Value(round(reading.offered_a * voltage.dc, 1))
        return
    told = [value for value in (voltage.l1, voltage.l2, voltage.l3) if value]
    volts = sum(told) / len(told) if told else reading.supply_voltage_v
    yield Value(round(reading.offered_a * volts * (reading.offered_phases or 1), 1))


MEASURANDS: dict[str, Measurand] = {
    ENERGY_IMPORT: Measurand(_energy_import, "Wh"),
    "Energy.Active.Export.Register": Measurand(_energy_export, "Wh"),
    "Energy.Active.Import.Interval": Measurand(_interval("energy_wh_import"), "Wh"),
    "Energy.Active.Export.Interval": Measurand(_interval("energy_wh_export"), "Wh"),
    "Energy.Active.Net": Measurand(_energy_net, "Wh"),
    "Power.Active.Import": Measurand(_directed("power_w", _PHASES, 1, total=True), "W"),
    "Power.Active.Export": Measurand(_directed("power_w", _PHASES, -1, total=True), "W"),
    "Power.Reactive.Import": Measurand(_directed("var", _PHASES, 1, total=True), "var"),
    "Power.Reactive.Export": Measurand(_directed("var", _PHASES, -1, total=True), "var"),
    "Power.Factor": Measurand(_power_factor, ""),
    "Power.Offered": Measurand(_power_offered, "W"),
    "Power.Import.Offered": Measurand(_power_offered, "W"),
    "Current.Import": Measurand(_directed("current_a", _CONDUCTORS, 1, total=False), "A"),
    "Current.Export": Measurand(_directed("current_a", _CONDUCTORS, -1, total=False), "A"),
    "Current.Offered": Measurand(_current_offered, "A"),
    "Current.Import.Offered": Measurand(_current_offered, "A"),
    "Voltage": Measurand(_voltage, "V"),
    "Frequency": Measurand(_frequency, "Hz"),
    "SoC": Measurand(_soc, "Percent", "EV"),
    "Temperature": Measurand(_temperature, "Celsius", "Body"),
}
"""Every measurand that a reading of the host can tell."""
