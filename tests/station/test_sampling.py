"""What a reading says of each measurand."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ocppd.model.sessions import (
    PerPhase,
    Powermeter,
    SignedMeterValue,
    SignedPerPhase,
    Temperature,
)
from ocppd.model.transactions import ReadingContext
from ocppd.station.sampling import (
    ENERGY_IMPORT,
    MEASURANDS,
    Reading,
    energy_wh,
    is_signed,
    phases_used,
    power_w,
    sample,
    signed_register,
)

T0 = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SIGNED = SignedMeterValue("T0NNRg==", "ECDSA", "OCMF")
AC = Powermeter(
    T0,
    PerPhase(total=12345.6, l1=4000.0, l2=4100.0, l3=4245.6),
    energy_wh_export=PerPhase(total=345.6),
    power_w=PerPhase(total=6900.0, l1=2300.0, l2=2300.0, l3=2300.0),
    var=PerPhase(total=-500.0),
    voltage_v=PerPhase(l1=230.0, l2=231.0, l3=229.0),
    current_a=PerPhase(l1=10.0, l2=10.0, l3=10.0, n=0.2),
    frequency_hz=PerPhase(l1=49.98),
    temperatures=(Temperature(31.5, "board"),),
)
DC = Powermeter(
    T0,
    PerPhase(total=1000.0),
    power_w=PerPhase(total=-4000.0),
    voltage_v=PerPhase(dc=400.0),
    current_a=PerPhase(dc=-10.0),
)


def values(
    reading: Reading, measurand: str, *, sign: bool = False, register_phases: bool = True
) -> list[tuple[float, str | None]]:
    taken = sample(
        reading,
        [measurand],
        ReadingContext.SAMPLE_PERIODIC,
        sign=sign,
        register_phases=register_phases,
    )
    return [(each.value, each.phase) for each in taken.sampled_values] if taken else []


@pytest.mark.parametrize(
    ("meter", "measurand", "expected", "unit", "location"),
    [
        (
            AC,
            ENERGY_IMPORT,
            [(12345.6, None), (4000.0, "L1"), (4100.0, "L2"), (4245.6, "L3")],
            "Wh",
            "Outlet",
        ),
        (AC, "Energy.Active.Export.Register", [(345.6, None)], "Wh", "Outlet"),
        (AC, "Energy.Active.Net", [(12000.0, None)], "Wh", "Outlet"),
        (
            AC,
            "Power.Active.Import",
            [(6900.0, None), (2300.0, "L1"), (2300.0, "L2"), (2300.0, "L3")],
            "W",
            "Outlet",
        ),
        (DC, "Power.Active.Import", [(0.0, None)], "W", "Outlet"),
        (DC, "Power.Active.Export", [(4000.0, None)], "W", "Outlet"),
        (AC, "Power.Reactive.Import", [(0.0, None)], "var", "Outlet"),
        (AC, "Power.Reactive.Export", [(500.0, None)], "var", "Outlet"),
        (AC, "Power.Factor", [(0.997, None)], "", "Outlet"),
        (
            AC,
            "Current.Import",
            [(10.0, "L1"), (10.0, "L2"), (10.0, "L3"), (0.2, "N")],
            "A",
            "Outlet",
        ),
        (DC, "Current.Export", [(10.0, None)], "A", "Outlet"),
        (AC, "Voltage", [(230.0, "L1-N"), (231.0, "L2-N"), (229.0, "L3-N")], "V", "Outlet"),
        (DC, "Voltage", [(400.0, None)], "V", "Outlet"),
        (AC, "Voltage.L2", [(231.0, "L2-N")], "V", "Outlet"),
        (AC, "Current.Import.N", [(0.2, "N")], "A", "Outlet"),
        (AC, "Frequency", [(49.98, None)], "Hz", "Outlet"),
        (AC, "SoC", [(55.0, None)], "Percent", "EV"),
        (AC, "Temperature", [(31.5, None)], "Celsius", "Body"),
        (AC, "Current.Offered", [(16.0, None)], "A", "Outlet"),
        (AC, "Power.Offered", [(11040.0, None)], "W", "Outlet"),
        (DC, "Power.Offered", [(6400.0, None)], "W", "Outlet"),
        (AC, "RPM", [], "", ""),
        (AC, "Nonsense.L1", [], "", ""),
        (DC, "Frequency", [], "", ""),
        (DC, "Temperature", [], "", ""),
    ],
)
def test_each_measurand(
    meter: Powermeter,
    measurand: str,
    expected: list[tuple[float, str | None]],
    unit: str,
    location: str,
) -> None:
    reading = Reading(meter, soc=55.0, offered_a=16.0, offered_phases=3)
    assert values(reading, measurand) == expected
    taken = sample(reading, [measurand], ReadingContext.SAMPLE_CLOCK)
    for each in taken.sampled_values if taken else ():
        assert (each.unit, each.location, each.context) == (
            unit,
            location,
            ReadingContext.SAMPLE_CLOCK,
        )
        assert each.measurand in MEASURANDS


def test_the_interval_is_what_came_in_since() -> None:
    before = replace(AC, energy_wh_import=PerPhase(total=12000.0))
    reading = Reading(AC, since=before)
    assert values(reading, "Energy.Active.Import.Interval") == [(pytest.approx(345.6), None)]
    assert values(Reading(AC), "Energy.Active.Import.Interval") == []


def test_registers_without_phases() -> None:
    assert values(Reading(AC), ENERGY_IMPORT, register_phases=False) == [(12345.6, None)]
    assert len(values(Reading(AC), "Current.Import", register_phases=False)) == 4


def test_without_power_there_is_no_power_factor() -> None:
    assert values(Reading(replace(AC, power_w=PerPhase(total=0.0), var=None)), "Power.Factor") == [
        (0.0, None)
    ]
    idle = replace(
        AC,
        power_w=PerPhase(total=0.0),
        var=None,
        current_a=PerPhase(l1=0.0, l2=0.0, l3=0.0),
    )
    assert values(Reading(idle), "Power.Factor") == []


def test_offered_power_without_a_voltage_reckons_with_the_supply() -> None:
    meter = Powermeter(T0, PerPhase(total=1.0))
    reading = Reading(meter, offered_a=10.0, offered_phases=1, supply_voltage_v=240.0)
    assert values(reading, "Power.Offered") == [(2400.0, None)]


@pytest.mark.requirement("J02.FR.21")
def test_signed_values_are_beside_what_they_sign_and_once() -> None:
    meter = replace(AC, energy_wh_import_signed=SignedPerPhase(l1=SIGNED))
    taken = sample(Reading(meter), [ENERGY_IMPORT], ReadingContext.TRANSACTION_END, sign=True)
    assert taken is not None
    assert [(each.phase, each.signed is not None) for each in taken.sampled_values] == [
        (None, False),
        ("L1", True),
        ("L2", False),
        ("L3", False),
    ]
    unsigned = sample(Reading(meter), [ENERGY_IMPORT], ReadingContext.TRANSACTION_END)
    assert unsigned is not None
    assert all(each.signed is None for each in unsigned.sampled_values)


def test_a_signed_reading_of_the_event_belongs_to_the_total() -> None:
    alone = signed_register(Reading(AC, signed=SIGNED), ReadingContext.TRANSACTION_BEGIN)
    assert alone is not None
    [each] = alone.sampled_values
    assert (each.value, each.phase, each.signed) == (12345.6, None, SIGNED)
    assert signed_register(Reading(AC), ReadingContext.TRANSACTION_BEGIN) is None


def test_what_else_is_read_of_a_meter() -> None:
    assert energy_wh(AC) == 12346
    assert energy_wh(None) is None
    assert power_w(AC) == 6900.0
    assert power_w(replace(AC, power_w=PerPhase(l1=1.0, l3=2.0))) == 3.0
    assert power_w(Powermeter(T0, PerPhase(total=0.0))) is None
    assert is_signed(replace(AC, signed_meter_value=SIGNED))
    assert not is_signed(AC)


@pytest.mark.parametrize(
    ("current", "offered", "used"),
    [
        (PerPhase(l1=10.0, l2=10.0, l3=10.0), 3, 3),
        (PerPhase(l1=10.0, l2=0.1, l3=0.0), 3, 1),
        (PerPhase(l1=0.0, l2=0.0, l3=0.0), 3, 3),
        (PerPhase(l1=-8.0), None, 1),
        (None, 2, 2),
        (None, None, None),
        (None, 0, None),
    ],
)
def test_phases_used(current: PerPhase | None, offered: int | None, used: int | None) -> None:
    assert phases_used(replace(AC, current_a=current), offered) == used
