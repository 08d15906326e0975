"""The transactions block: Stop and Restart, and what others ask of it."""

import pytest

from ocppd.device_model.names import TxCtrlr
from ocppd.model.sessions import (
    EvseLimits,
    HwCapabilities,
    PerPhase,
    SessionStartReason,
    SignedMeterValue,
    StopReason,
)
from ocppd.model.transactions import (
    ChargingState,
    ReadingContext,
    StoppedReason,
    TransactionEventResponse,
    TriggerReason,
)
from ocppd.model.variables import EvseRef
from tests.fakes import FakeCsms, World
from tests.station.transaction_world import (
    RFID,
    UPDATED,
    Bay,
    E,
    answer,
    story,
)

R = TriggerReason
SIGNED = SignedMeterValue("T0NNRg==", "ECDSA", "OCMF", "a2V5")


# Stop and Restart


def test_a_transaction_that_is_open_at_stop_and_at_restart() -> None:
    bay = Bay()
    bay.charge()
    bay.transactions.on_stop()
    bay.report(E.CHARGING_PAUSED_EV)
    bay.pass_time(100)
    assert len(bay.told) == 2
    bay.transactions.on_restart()
    told = bay.told[-1]
    assert (told.event_type, told.trigger_reason, told.seq_no) == (UPDATED, R.TX_RESUMED, 2)
    assert told.charging_state is ChargingState.SUSPENDED_EV
    bay.finish()
    assert bay.told[-1].seq_no == 3


@pytest.mark.parametrize("killed", [False, True])
def test_a_transaction_that_ended_while_stopped_is_told_with_its_truth(killed: bool) -> None:
    bay = Bay()
    bay.charge()
    bay.transactions.on_stop()
    bay.report(E.CHARGING_PAUSED_EV)
    bay.pass_time(5)
    ended_at = bay.now()
    bay.finish()
    bay.unplug()
    bay.pass_time(1000)
    assert len(bay.told) == 2
    if killed:
        bay = bay.restarted()  # the daemon starts connected
    else:
        bay.transactions.on_restart()
    assert story(bay)[2:] == [("Ended", 2, "StopAuthorized")]
    assert bay.told[-1].timestamp == ended_at
    assert bay.told[-1].meter_wh == 4000
    bay.transactions.on_restart()
    assert len(bay.told) == 3


def test_a_transaction_that_began_and_ended_while_stopped_is_not_told() -> None:
    bay = Bay()
    bay.transactions.on_stop()
    bay.charge()
    bay.finish()
    bay.unplug()
    bay.transactions.on_restart()
    assert bay.told == []
    assert bay.world.host.of("transaction_event") == []


def test_a_transaction_that_began_while_stopped_and_goes_on() -> None:
    bay = Bay(settings={TxCtrlr.TxStartPoint: "EVConnected"})
    bay.transactions.on_stop()
    began_at = bay.now()
    bay.charge()
    bay.transactions.on_restart()
    assert story(bay) == [
        ("Started", 0, "CablePluggedIn"),
        ("Updated", 1, "Authorized"),
        ("Updated", 2, "TxResumed"),
    ]
    assert bay.told[0].timestamp == began_at
    assert bay.told[1].authorizes
    assert bay.told[2].charging_state is ChargingState.CHARGING
    bay.finish()
    assert bay.told[-1].seq_no == 3


@pytest.mark.requirement("E01.FR.16")
def test_what_was_not_told_while_stopped_is_in_the_first_event_after_it() -> None:
    bay = Bay(settings={TxCtrlr.TxStartPoint: "Authorized", TxCtrlr.TxStopPoint: "Authorized"})
    bay.metering.on_hw_capabilities(
        1, HwCapabilities(32, 6, 3, 1, 0, 0, 0, 0, True, "IEC62196Type2Cable")
    )
    bay.metering.on_limits(1, EvseLimits(None, 16, 3))
    bay.plug(start_reason=SessionStartReason.AUTHORIZED, id_token=RFID)
    assert bay.told[-1].cable_max_current_a is None
    bay.transactions.on_stop()
    bay.pass_time(1)
    bay.begin(reservation_id=7)
    bay.pass_time(1)
    bay.report(E.CHARGING_STARTED)
    bay.pass_time(1)
    bay.transactions.on_restart()
    told = bay.told[-1]
    assert story(bay) == [("Started", 0, "Authorized"), ("Updated", 1, "TxResumed")]
    assert told.evse_told
    assert told.cable_max_current_a == 32
    assert told.number_of_phases_used == 3
    assert told.reservation_id == 7
    bay.pass_time(1)
    bay.report(E.CHARGING_PAUSED_EV)
    again = bay.told[-1]
    assert not again.evse_told
    assert again.cable_max_current_a is None
    assert again.number_of_phases_used is None
    assert again.reservation_id is None


# What others ask


async def test_stop_asks_the_host_and_its_report_needs_no_reason() -> None:
    bay = Bay()
    bay.charge()
    assert await bay.transactions.stop(1, StopReason.REMOTE)
    bay.report(E.CHARGING_PAUSED_EVSE)
    assert bay.told[-1].trigger_reason is R.REMOTE_STOP
    bay.report(E.TRANSACTION_FINISHED)
    assert (bay.told[-1].trigger_reason, bay.told[-1].stopped_reason) == (
        R.REMOTE_STOP,
        StoppedReason.REMOTE,
    )
    bay.world.agents.interfaces.clear()
    assert not await bay.transactions.stop(1, StopReason.REMOTE)


@pytest.mark.requirement("E14.FR.01", "E14.FR.02", "E14.FR.03", "E14.FR.04", "E14.FR.05")
def test_the_status_of_a_transaction() -> None:
    bay = Bay()
    assert bay.transactions.status_of("nobody") == (False, False)
    assert bay.transactions.status_of(None) == (None, False)
    bay.charge()
    assert bay.transactions.status_of("session-1") == (True, True)
    assert bay.transactions.status_of(None) == (None, True)
    bay.finish()
    assert bay.transactions.status_of("session-1") == (False, True)
    for _ in range(3):
        answer(bay, 0, TransactionEventResponse())
    assert bay.transactions.status_of("session-1") == (False, False)


@pytest.mark.requirement("F06.FR.07")
def test_a_triggered_event_has_state_and_values() -> None:
    bay = Bay()
    bay.transactions.trigger(None)
    assert bay.told == []
    bay.charge()
    bay.measure(1700)
    bay.transactions.trigger(EvseRef(1))
    told = bay.told[-1]
    assert (told.trigger_reason, told.charging_state) == (R.TRIGGER, ChargingState.CHARGING)
    [value] = told.meter_values
    assert value.sampled_values[0].context is ReadingContext.TRIGGER
    assert value.sampled_values[0].value == 1700


def test_open_transactions_for_people() -> None:
    bay = Bay()
    bay.charge()
    bay.measure(1750)
    [listed] = bay.transactions.open_transactions()
    assert (listed.transaction_id, listed.energy_wh, listed.seq_no) == ("session-1", 750, 2)
    assert listed.evse == EvseRef(1, 1)
    assert listed.csms_transaction_id == "session-1"
    bay.finish()
    assert bay.transactions.open_transactions() == ()


@pytest.mark.requirement("E04.FR.03", "E12.FR.02")
def test_offline_is_what_it_was_when_it_happened() -> None:
    bay = Bay(World(csms=FakeCsms(connected=False)))
    bay.plug()
    bay.begin()
    bay.world.csms.connected = True
    bay.report(E.CHARGING_STARTED)
    assert [each.offline for each in bay.told] == [True, False]


def test_a_reading_with_a_session_event_is_the_evses_last() -> None:
    bay = Bay()
    bay.plug()
    bay.begin()
    assert bay.evses[1].powermeter is not None
    assert bay.evses[1].powermeter.energy_wh_import == PerPhase(total=1000)
