"""Meter values in time: by the start of the transaction, and by the clock."""

from datetime import UTC, datetime, timedelta

import pytest

from ocppd.csms.v16.spelling import MANNERS as MANNERS_OF_16
from ocppd.device_model.names import (
    EVSE,
    AlignedDataCtrlr,
    InternalCtrlr,
    OCPP16LegacyCtrlr,
    OCPPCommCtrlr,
    SampledDataCtrlr,
    TxCtrlr,
)
from ocppd.errors import UnknownEvse
from ocppd.model.sessions import (
    EvInfo,
    EvseLimits,
    HwCapabilities,
    PerPhase,
    Powermeter,
    SignedMeterValue,
)
from ocppd.model.transactions import (
    MeterValues,
    ReadingContext,
    SampledValue,
    TransactionEvent,
    TriggerReason,
)
from ocppd.model.variables import EvseRef
from ocppd.station.meter_values import next_aligned
from tests.fakes import START, FakeClock, FakeCsms, MemoryStore, World
from tests.station.transaction_world import ENDED, UPDATED, Bay, E

R = TriggerReason
SIGNED = SignedMeterValue("T0NNRg==", "ECDSA", "OCMF", "a2V5")
ENERGY = "Energy.Active.Import.Register"


def periodic(bay: Bay, trigger: TriggerReason = R.METER_VALUE_PERIODIC) -> list[TransactionEvent]:
    return [event for event in bay.told if event.trigger_reason is trigger]


def sampled(event: TransactionEvent) -> list[SampledValue]:
    return [each for value in event.meter_values for each in value.sampled_values]


# Sampled


@pytest.mark.requirement("J02.FR.11")
def test_samples_count_from_the_start_of_the_transaction() -> None:
    bay = Bay(settings={SampledDataCtrlr.TxUpdatedInterval: "60"})
    bay.charge()  # began 10 s after the plug; now are 20 s passed since
    for step in range(1, 13):
        bay.pass_time(10)
        bay.measure(1000 + 10 * step)
    told = periodic(bay)
    began = START + timedelta(seconds=10)
    assert [event.timestamp for event in told] == [
        began + timedelta(seconds=60),
        began + timedelta(seconds=120),
    ]
    assert [event.seq_no for event in told] == [2, 3]
    assert [each.context for each in sampled(told[0])] == [ReadingContext.SAMPLE_PERIODIC]


def test_an_interval_may_change_at_run_time() -> None:
    bay = Bay(settings={SampledDataCtrlr.TxUpdatedInterval: "0"})
    bay.charge()
    bay.pass_time(300)
    assert periodic(bay) == []
    bay.model.set_actual(SampledDataCtrlr.TxUpdatedInterval, 30)
    bay.pass_time(61)
    assert len(periodic(bay)) == 2
    bay.model.set_actual(SampledDataCtrlr.Enabled, False)
    bay.pass_time(300)
    assert len(periodic(bay)) == 2


def test_nothing_is_sampled_after_the_end_nor_while_stopped_nor_in_doubt() -> None:
    bay = Bay(settings={SampledDataCtrlr.TxUpdatedInterval: "30"})
    bay.charge()
    bay.pass_time(31)
    count = len(periodic(bay))
    assert count > 0
    bay.transactions.on_stop()
    bay.pass_time(300)
    assert len(periodic(bay)) == count
    bay.transactions.on_restart()
    bay.pass_time(30)
    assert len(periodic(bay)) == count + 1
    bay.transactions.doubt(1)
    bay.pass_time(300)
    assert len(periodic(bay)) == count + 1
    bay.report(E.CHARGING_PAUSED_EV)
    bay.pass_time(30)
    assert len(periodic(bay)) == count + 2
    bay.finish()
    bay.pass_time(300)
    assert len(periodic(bay)) == count + 2
    assert bay.world.clock.timers <= 1


def test_no_measurands_no_message() -> None:
    bay = Bay(
        settings={
            SampledDataCtrlr.TxUpdatedInterval: "30",
            SampledDataCtrlr.TxUpdatedMeasurands: "",
            SampledDataCtrlr.TxStartedMeasurands: "",
            SampledDataCtrlr.TxEndedMeasurands: "",
        }
    )
    bay.charge()
    bay.pass_time(100)
    bay.finish()
    assert periodic(bay) == []
    assert all(event.meter_values == () for event in bay.told)


@pytest.mark.requirement("E06.FR.11", "J02.FR.02")
def test_samples_for_the_end_survive_a_kill() -> None:
    bay = Bay(settings={SampledDataCtrlr.TxEndedInterval: "30"})
    bay.charge()
    bay.measure(1100)
    bay.pass_time(11)
    again = bay.restarted()
    again.measure(1200)
    again.report(E.CHARGING_PAUSED_EV)
    again.pass_time(31)
    again.finish(wh=1300)
    values = sampled(again.told[-1])
    assert [(each.value, each.context.value) for each in values] == [
        (1000, "Transaction.Begin"),
        (1100, "Sample.Periodic"),
        (1200, "Sample.Periodic"),
        (1300, "Transaction.End"),
    ]
    kept = {kind.__name__: len(documents) for kind, documents in again.store.documents.items()}
    assert kept["EndedSample"] == 0


@pytest.mark.requirement("J02.FR.20", "E06.FR.13")
def test_what_does_not_fit_into_the_end_goes_from_the_middle() -> None:
    bay = Bay(
        settings={
            SampledDataCtrlr.TxEndedInterval: "10",
            InternalCtrlr.MaxMessageSize: "4000",
        }
    )
    bay.charge()
    for step in range(200):
        bay.measure(1000 + step)
        bay.pass_time(10)
    bay.finish(wh=9999)
    values = sampled(bay.told[-1])
    assert 2 < len(values) <= 13
    assert (values[0].value, values[-1].value) == (1000, 9999)
    assert [each.value for each in values] == sorted(each.value for each in values)


def test_in_16_one_interval_is_for_both() -> None:
    bay = Bay(
        World(csms=FakeCsms(manners=MANNERS_OF_16)),
        {SampledDataCtrlr.TxUpdatedInterval: "30", SampledDataCtrlr.TxEndedInterval: "0"},
    )
    bay.charge()
    bay.pass_time(41)
    bay.finish()
    assert [each.context.value for each in sampled(bay.told[-1])] == [
        "Transaction.Begin",
        "Sample.Periodic",
        "Sample.Periodic",
        "Transaction.End",
    ]


# Aligned to the clock


@pytest.mark.parametrize(
    ("now", "interval_s", "at"),
    [
        ("2026-03-01T12:00:00", 900, "2026-03-01T12:15:00"),
        ("2026-03-01T12:14:59.5", 900, "2026-03-01T12:15:00"),
        ("2026-03-01T23:59:00", 900, "2026-03-02T00:00:00"),
        ("2026-03-01T23:00:00", 7000, "2026-03-01T23:20:00"),
        ("2026-03-01T23:30:00", 7000, "2026-03-02T00:00:00"),
    ],
)
def test_next_aligned(now: str, interval_s: int, at: str) -> None:
    def moment(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    assert next_aligned(moment(now), interval_s) == moment(at)


@pytest.mark.requirement("J01.FR.14", "J01.FR.22", "J01.FR.03")
def test_aligned_values_in_and_outside_of_a_transaction() -> None:
    bay = Bay(
        settings={
            AlignedDataCtrlr.Interval: "900",
            AlignedDataCtrlr.Measurands: ENERGY,
        }
    )
    bay.charge()
    bay.measure(1500)
    bay.measure(77, evse_id=2)
    bay.measure(9000, evse_id=0)
    bay.pass_time(900)
    [event] = periodic(bay, R.METER_VALUE_CLOCK)
    assert event.timestamp == START + timedelta(seconds=900)
    assert [(each.value, each.context) for each in sampled(event)] == [
        (1500, ReadingContext.SAMPLE_CLOCK)
    ]
    sent = bay.world.csms.of(MeterValues)
    assert [request.evse for request in sent] == [EvseRef(0), EvseRef(2)]
    assert sent[0].meter_values[0].sampled_values[0].location == "Inlet"
    bay.pass_time(900)
    assert len(bay.world.csms.of(MeterValues)) == 4


@pytest.mark.requirement("J01.FR.20")
def test_aligned_values_only_during_idle() -> None:
    bay = Bay(
        settings={
            AlignedDataCtrlr.Interval: "60",
            AlignedDataCtrlr.SendDuringIdle: "true",
        }
    )
    bay.measure(77, evse_id=2)
    bay.pass_time(61)
    assert len(bay.world.csms.of(MeterValues)) == 1
    bay.charge()
    bay.pass_time(300)
    assert len(bay.world.csms.of(MeterValues)) == 1
    assert periodic(bay, R.METER_VALUE_CLOCK) == []


def test_aligned_values_for_the_end() -> None:
    bay = Bay(
        settings={
            AlignedDataCtrlr.TxEndedInterval: "60",
            AlignedDataCtrlr.TxEndedMeasurands: ENERGY,
            SampledDataCtrlr.TxEndedMeasurands: "",
        }
    )
    bay.charge()
    bay.measure(1500)
    bay.pass_time(60)
    bay.finish()
    assert [each.context for each in sampled(bay.told[-1])] == [ReadingContext.SAMPLE_CLOCK]


def test_aligned_values_bear_the_time_of_the_interval_if_they_shall() -> None:
    bay = Bay(
        settings={
            AlignedDataCtrlr.Interval: "60",
            InternalCtrlr.RoundClockAlignedTimestamps: "true",
        }
    )
    bay.pass_time(7)
    bay.measure(77, evse_id=2)
    bay.pass_time(60)
    [request] = bay.world.csms.of(MeterValues)
    assert request.meter_values[0].timestamp == START + timedelta(seconds=60)


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("offset", [timedelta(days=3, seconds=25), timedelta(days=-3)])
def test_no_aligned_value_bears_a_time_that_the_clock_left_out(
    offset: timedelta, announced: bool
) -> None:
    bay = Bay(
        settings={
            AlignedDataCtrlr.Interval: "900",
            InternalCtrlr.RoundClockAlignedTimestamps: "true",
        }
    )
    bay.measure(77, evse_id=2)
    bay.pass_time(60)
    (bay.world.clock.adjust if announced else bay.world.clock.jump)(offset)
    for _ in range(1800):
        bay.pass_time(1)
    at = [request.meter_values[0].timestamp for request in bay.world.csms.of(MeterValues)]
    first = next_aligned(START + offset + timedelta(seconds=60), 900)
    wanted = [first, first + timedelta(seconds=900)]
    # Who is not told finds out when the wait for the old moment is over.
    assert at == wanted if announced else at == wanted[-len(at) :] and at


@pytest.mark.parametrize("hours", [100, -100])
def test_samples_go_on_at_once_after_the_clock_was_set(hours: int) -> None:
    bay = Bay(settings={SampledDataCtrlr.TxUpdatedInterval: "60"})
    bay.charge()
    bay.world.clock.adjust(timedelta(hours=hours))
    bay.pass_time(180)
    told = periodic(bay)
    assert len(told) == 3
    if hours > 0:
        assert told[0].timestamp > START + timedelta(hours=hours)


def test_in_16_values_outside_of_a_transaction_wait_for_the_connection() -> None:
    bay = Bay(
        World(csms=FakeCsms(connected=False, manners=MANNERS_OF_16)),
        {AlignedDataCtrlr.Interval: "60", InternalCtrlr.MessageQueueSizeThreshold: "3"},
    )
    bay.measure(77, evse_id=2)
    bay.pass_time(600)
    assert [type(request) for request in bay.store.queued] == [MeterValues] * 3


def test_nothing_aligned_is_told_while_stopped() -> None:
    bay = Bay(settings={AlignedDataCtrlr.Interval: "60"})
    bay.measure(77, evse_id=2)
    bay.transactions.on_stop()
    bay.pass_time(600)
    assert bay.world.csms.sent == []
    bay.transactions.on_restart()
    bay.pass_time(60)
    assert len(bay.world.csms.sent) == 1


# Signed


@pytest.mark.requirement("E02.FR.14", "J02.FR.21")
@pytest.mark.parametrize(
    ("policy", "keys"),
    [
        ("Never", [None, None, None, None]),
        ("OncePerTransaction", ["a2V5", None, None, None]),
        ("EveryMeterValue", ["a2V5", "a2V5", "a2V5", "a2V5"]),
    ],
)
def test_signed_values_and_their_key(policy: str, keys: list[str | None]) -> None:
    bay = Bay(
        settings={
            SampledDataCtrlr.SignReadings: "true",
            SampledDataCtrlr.SignStartedReadings: "true",
            SampledDataCtrlr.SignUpdatedReadings: "true",
            SampledDataCtrlr.TxUpdatedInterval: "60",
            OCPPCommCtrlr.PublicKeyWithSignedMeterValue: policy,
        }
    )
    bay.plug()
    bay.begin(signed_meter_value=SIGNED)
    bay.measure(1500, signed_meter_value=SIGNED)
    bay.pass_time(60)
    bay.finish(signed_meter_value=SIGNED)
    signed = [each.signed for event in bay.told for each in sampled(event) if each.signed]
    assert [each.public_key for each in signed] == keys
    assert {each.signed_meter_data for each in signed} == {"T0NNRg=="}


def test_without_sign_readings_nothing_is_signed_in_2x() -> None:
    bay = Bay(settings={SampledDataCtrlr.SignReadings: "false"})
    bay.plug()
    bay.begin(signed_meter_value=SIGNED)
    bay.finish(signed_meter_value=SIGNED)
    assert [each.signed for event in bay.told for each in sampled(event)] == [None] * 3


def test_16_has_no_switch_for_it() -> None:
    bay = Bay(World(csms=FakeCsms(manners=MANNERS_OF_16)))
    bay.plug()
    bay.begin(signed_meter_value=SIGNED)
    bay.finish(signed_meter_value=SIGNED)
    assert all(each.signed for event in bay.told for each in sampled(event))


def test_a_signed_begin_that_only_the_end_brings() -> None:
    bay = Bay(settings={SampledDataCtrlr.SignReadings: "true"})
    bay.plug()
    bay.begin()
    bay.finish(start_signed_meter_value=SIGNED, signed_meter_value=SIGNED)
    begin, end = sampled(bay.told[-1])
    assert (begin.context, begin.signed is not None) == (ReadingContext.TRANSACTION_BEGIN, True)
    assert (end.context, end.signed is not None) == (ReadingContext.TRANSACTION_END, True)


def test_a_signed_end_is_kept_for_a_transaction_that_outlasts_the_charging() -> None:
    bay = Bay(
        settings={
            SampledDataCtrlr.SignReadings: "true",
            TxCtrlr.TxStartPoint: "EVConnected",
            TxCtrlr.TxStopPoint: "EVConnected",
        }
    )
    bay.plug()
    bay.begin(signed_meter_value=SIGNED)
    bay.finish(signed_meter_value=SIGNED)
    assert bay.told[-1].event_type is UPDATED
    bay.unplug()
    assert bay.told[-1].event_type is ENDED
    assert [each.context for each in sampled(bay.told[-1]) if each.signed] == [
        ReadingContext.TRANSACTION_END
    ]


@pytest.mark.requirement("E01.FR.04")
def test_a_meter_that_signs_starts_a_transaction() -> None:
    bay = Bay(settings={SampledDataCtrlr.SignReadings: "true", TxCtrlr.TxStartPoint: "DataSigned"})
    bay.plug()
    bay.measure(900)
    assert bay.told == []
    bay.measure(901, signed_meter_value=SIGNED)
    [event] = bay.told
    assert event.trigger_reason is R.SIGNED_DATA_RECEIVED
    bay.measure(902, signed_meter_value=SIGNED)
    assert len(bay.told) == 1


# What else the host reports


def test_power_and_keys_are_in_the_device_model() -> None:
    bay = Bay()
    bay.measure(1, power_w=PerPhase(total=7360.04))
    assert bay.model.decimal(EVSE.Power(1)) == 7360
    bay.metering.on_hw_capabilities(
        1, HwCapabilities(32, 6, 3, 1, 0, 0, 0, 0, True, "IEC62196Type2Socket")
    )
    power = bay.model.find(EVSE.Power(1))
    assert power is not None
    assert power.characteristics.max_limit == 32 * 230 * 3
    bay.metering.on_public_key(1, "a2V5")
    assert bay.evses[1].meter_public_key == "a2V5"
    assert bay.model.text(OCPP16LegacyCtrlr.MeterPublicKeys) == "a2V5"
    with pytest.raises(UnknownEvse):
        bay.measure(1, evse_id=9)


def test_a_late_reading_does_not_replace_a_newer_one_but_a_clock_may_be_set_back() -> None:
    bay = Bay()
    bay.pass_time(7200)
    bay.measure(2000)
    bay.metering.on_powermeter(1, Powermeter(bay.now() - timedelta(seconds=5), PerPhase(1990)))
    assert bay.evses[1].powermeter is not None
    assert bay.evses[1].powermeter.energy_wh_import.total == 2000
    bay.metering.on_powermeter(1, Powermeter(bay.now() - timedelta(hours=1), PerPhase(2010)))
    assert bay.evses[1].powermeter.energy_wh_import.total == 2010


def test_the_state_of_charge_is_the_present_cars() -> None:
    bay = Bay(
        settings={
            SampledDataCtrlr.TxUpdatedInterval: "30",
            SampledDataCtrlr.TxUpdatedMeasurands: "SoC,Current.Offered",
        }
    )
    bay.metering.on_limits(1, EvseLimits(None, 16.0, 3))
    bay.plug()
    bay.metering.on_ev_info(1, EvInfo(soc=55.0))
    bay.begin()
    bay.pass_time(31)
    [event] = periodic(bay)
    assert [(each.measurand, each.value) for each in sampled(event)] == [
        ("SoC", 55.0),
        ("Current.Offered", 16.0),
    ]
    bay.finish()
    bay.unplug()
    assert bay.evses[1].ev_info is None


def test_readings_are_written_seldom() -> None:
    clock = FakeClock()
    bay = Bay(World(clock=clock, store=MemoryStore(clock)))
    bay.charge()
    before = len(bay.store.units)
    for second in range(60):
        bay.pass_time(1)
        bay.measure(1000 + second)
    assert len(bay.store.units) - before == 6


def test_without_a_transaction_no_reading_is_written() -> None:
    bay = Bay()
    before = len(bay.store.units)
    for second in range(60):
        bay.pass_time(1)
        bay.measure(1000 + second)
    written = [what for unit in bay.store.units[before:] for what in unit]
    assert not any("LastReading" in what for what in written)


# Triggered


@pytest.mark.requirement("F06.FR.06")
def test_triggered_values_in_2x_are_the_aligned_measurands() -> None:
    bay = Bay(settings={AlignedDataCtrlr.Measurands: "Frequency"})
    bay.measure(1, frequency_hz=PerPhase(l1=50.0))
    bay.measure(2, evse_id=2, frequency_hz=PerPhase(l1=50.1))
    bay.metering.trigger(EvseRef(1))
    [request] = bay.world.csms.triggered
    assert request.evse == EvseRef(1)
    [each] = request.meter_values[0].sampled_values
    assert (each.measurand, each.context) == ("Frequency", ReadingContext.TRIGGER)
    bay.metering.trigger(None)
    assert [request.evse.id for request in bay.world.csms.triggered] == [1, 1, 2]


def test_triggered_values_in_16_are_the_sampled_measurands_with_the_number() -> None:
    bay = Bay(World(csms=FakeCsms(manners=MANNERS_OF_16)))
    bay.charge()
    bay.evses[1].csms_transaction_id = "17"
    bay.metering.trigger(EvseRef(1))
    [request] = bay.world.csms.triggered
    assert request.csms_transaction_id == "17"
    assert request.meter_values[0].sampled_values[0].measurand == ENERGY


@pytest.mark.parametrize(
    ("started", "updated", "signed"),
    [("", "", [True, True]), ("false", "", [False, True]), ("true", "false", [True, False])],
)
def test_the_switches_of_21_limit_what_sign_readings_allows(
    started: str, updated: str, signed: list[bool]
) -> None:
    bay = Bay(
        settings={
            SampledDataCtrlr.SignReadings: "true",
            SampledDataCtrlr.SignStartedReadings: started,
            SampledDataCtrlr.SignUpdatedReadings: updated,
            SampledDataCtrlr.TxUpdatedInterval: "30",
        }
    )
    bay.plug()
    bay.begin(signed_meter_value=SIGNED)
    bay.measure(1500, signed_meter_value=SIGNED)
    bay.pass_time(30)
    told = [event for event in bay.told if event.meter_values]
    assert [sampled(event)[0].signed is not None for event in told] == signed
