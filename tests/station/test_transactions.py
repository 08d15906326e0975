"""The transactions block: reports that repeat, a daemon that dies, a host that goes away."""

from datetime import timedelta

import pytest

from ocppd.device_model.names import EVSE, TxCtrlr
from ocppd.errors import InvalidArgument, UnknownEvse, UnknownSession
from ocppd.model.availability import Activity
from ocppd.model.sessions import (
    EvseLimits,
    HwCapabilities,
    PauseReason,
    SessionStartReason,
    SignedMeterValue,
    StopReason,
)
from ocppd.model.transactions import (
    ChargingState,
    OcppTransactionEvent,
    ReadingContext,
    StoppedReason,
    TransactionEventResponse,
    TriggerReason,
)
from ocppd.model.variables import EvseRef
from ocppd.station.evse import RemoteStart
from tests.station.transaction_world import (
    ENDED,
    RFID,
    STARTED,
    TOKEN,
    UPDATED,
    Bay,
    E,
    answer,
    meter,
    story,
)

R = TriggerReason
SIGNED = SignedMeterValue("T0NNRg==", "ECDSA", "OCMF", "a2V5")


# A day without trouble


def test_a_whole_session() -> None:
    bay = Bay()
    bay.charge()
    assert bay.evses[1].transaction_id == "session-1"
    assert bay.evses[1].session_id == "session-1"
    assert bay.evses[1].authorized
    assert bay.model.text(EVSE.ActiveTransactionId(1)) == "session-1"
    assert bay.model.text(EVSE.ChargingState(1)) == "Charging"
    bay.finish(id_token=RFID)
    bay.unplug()
    assert story(bay) == [
        ("Started", 0, "Authorized"),
        ("Updated", 1, "ChargingStateChanged"),
        ("Ended", 2, "StopAuthorized"),
    ]
    assert bay.evses[1].transaction_id is None
    assert bay.evses[1].session_id is None
    assert not bay.evses[1].authorized
    assert bay.told[0].meter_wh == 1000
    assert bay.told[2].meter_wh == 4000
    assert bay.world.csms.log.count("wake") >= 3


@pytest.mark.requirement("E01.FR.09", "E06.FR.11")
def test_begin_and_end_have_their_values() -> None:
    bay = Bay()
    bay.charge()
    bay.finish()
    [begin] = bay.told[0].meter_values
    assert [value.context for value in begin.sampled_values] == [ReadingContext.TRANSACTION_BEGIN]
    contexts = [
        sampled.context for value in bay.told[-1].meter_values for sampled in value.sampled_values
    ]
    assert contexts == [ReadingContext.TRANSACTION_BEGIN, ReadingContext.TRANSACTION_END]
    assert bay.told[1].meter_values == ()


def test_every_report_is_one_unit_of_work() -> None:
    bay = Bay()
    bay.plug()
    before = len(bay.store.units)
    bay.begin()
    [unit] = bay.store.units[before:]
    assert "queue TransactionEvent" in unit
    assert "save Session session-1" in unit


def test_activities_for_the_connector() -> None:
    bay = Bay()
    bay.plug(evse_id=2, connector_id=2)
    bay.begin(evse_id=2, connector_id=2)
    bay.report(E.CHARGING_STARTED, evse_id=2, connector_id=2)
    bay.report(E.CHARGING_PAUSED_EV, evse_id=2, connector_id=2)
    bay.report(
        E.CHARGING_PAUSED_EVSE, evse_id=2, connector_id=2, pause_reasons=(PauseReason.NO_ENERGY,)
    )
    bay.report(E.SWITCHING_PHASES, evse_id=2, connector_id=2)
    bay.finish(evse_id=2, connector_id=2)
    bay.unplug(evse_id=2, connector_id=2)
    assert bay.connectors.heard == [
        (2, 2, Activity.PREPARING, True, "EVConnected", False),
        (2, 2, Activity.PREPARING, True, None, True),
        (2, 2, Activity.CHARGING, True, None, True),
        (2, 2, Activity.SUSPENDED_EV, True, None, True),
        (2, 2, Activity.SUSPENDED_EVSE, True, None, True),
        (2, 2, Activity.SUSPENDED_EVSE, True, "SwitchingPhases", True),
        (2, 2, Activity.FINISHING, True, None, False),
        ("ended", 2),
        (2, 2, None, False, None, False),
    ]


def test_events_of_a_connector_need_no_session() -> None:
    bay = Bay()
    bay.report(E.DISABLED, uuid="", connector_id=1)
    bay.report(E.ENABLED, uuid="", connector_id=0)
    bay.report(E.RESERVATION_START, uuid="x", connector_id=1)
    bay.report(E.RESERVATION_END, uuid="x", connector_id=1)
    assert bay.connectors.heard == [
        ("disabled", 1, 1),
        ("enabled", 1, 0),
        ("reserved", 1, 1, True),
        ("reserved", 1, 1, False),
    ]
    assert bay.told == []


@pytest.mark.requirement("E02.FR.18")
def test_phases_and_cable() -> None:
    bay = Bay()
    bay.metering.on_limits(1, EvseLimits(None, 16, 3))
    bay.metering.on_hw_capabilities(
        1, HwCapabilities(32, 6, 3, 1, 0, 0, 0, 0, True, "IEC62196Type2Cable")
    )
    bay.charge()
    assert bay.told[0].cable_max_current_a == 32
    assert bay.told[1].number_of_phases_used == 3
    assert bay.model.text(EVSE.SupplyPhases(1)) == "3"


@pytest.mark.requirement("F01.FR.25", "F02.FR.01")
def test_a_remote_start_is_claimed_once() -> None:
    bay = Bay()
    bay.remote_starts = [RemoteStart(TOKEN, 42, None, bay.now()) for _ in range(2)]
    bay.plug(start_reason=SessionStartReason.AUTHORIZED, id_token=RFID)
    bay.begin()
    assert bay.told[0].remote_start_id == 42
    assert bay.told[0].trigger_reason is R.REMOTE_START
    assert len(bay.remote_starts) == 1


# Reports that are repeated, late, or wrong


def test_a_repeated_report_changes_nothing() -> None:
    bay = Bay()
    bay.charge()
    told, heard = list(bay.told), list(bay.connectors.heard)
    start = bay.now() - timedelta(seconds=30)
    bay.plug(at=start)
    bay.begin(at=start + timedelta(seconds=10))
    bay.report(E.CHARGING_STARTED, at=start + timedelta(seconds=20))
    assert (bay.told, bay.connectors.heard) == (told, heard)


def test_a_repeated_report_changes_nothing_after_a_restart_either() -> None:
    bay = Bay()
    bay.charge()
    bay.finish()
    bay.unplug()
    ended_at = bay.now()
    again = bay.restarted()
    again.finish(at=ended_at)
    again.unplug(at=ended_at)
    assert again.told == bay.told
    assert again.connectors.heard == []


def test_reports_are_not_older_than_the_last_one() -> None:
    bay = Bay()
    bay.charge()
    with pytest.raises(InvalidArgument, match=r"event\.timestamp"):
        bay.report(E.CHARGING_PAUSED_EV, at=bay.now() - timedelta(seconds=15))
    assert len(bay.told) == 2


def test_a_report_of_tomorrow_locks_nothing() -> None:
    bay = Bay()
    bay.charge()
    with pytest.raises(InvalidArgument, match="more than a day in the future"):
        bay.report(E.CHARGING_PAUSED_EV, at=bay.now() + timedelta(days=3650))
    bay.finish()
    assert story(bay)[-1][0] == "Ended"


def test_a_clock_that_is_set_back_loses_no_end() -> None:
    bay = Bay()
    bay.charge()
    bay.world.clock.set_machine(bay.now() - timedelta(hours=3))
    bay.finish(wh=4000)
    assert story(bay)[-1][0] == "Ended"
    assert bay.told[-1].meter_wh == 4000


def test_a_host_whose_clock_is_ahead_of_the_csms_is_heard() -> None:
    bay = Bay()
    bay.world.clock.adjust(-timedelta(days=3650))
    bay.plug(at=bay.world.clock.machine_now())
    assert bay.evses[1].session_id == "session-1"


def test_unknown_things() -> None:
    bay = Bay()
    with pytest.raises(UnknownEvse):
        bay.plug(evse_id=3)
    with pytest.raises(InvalidArgument, match=r"event\.connector_id"):
        bay.plug(connector_id=2)
    with pytest.raises(UnknownSession):
        bay.begin()
    bay.plug()
    with pytest.raises(UnknownSession):
        bay.begin(evse_id=2)
    bay.unplug()
    bay.pass_time(1)
    with pytest.raises(UnknownSession):
        bay.begin()
    assert bay.told == []


def test_few_finished_sessions_are_remembered() -> None:
    bay = Bay()
    for number in range(80):
        bay.plug(uuid=f"session-{number}")
        bay.unplug(uuid=f"session-{number}")
        bay.pass_time(1)
    kinds = {kind.__name__: len(documents) for kind, documents in bay.store.documents.items()}
    assert kinds["FinishedSession"] == 64
    assert kinds["Session"] == 0


@pytest.mark.requirement("E01.FR.14")
# The daemon dies


def test_after_a_kill_the_next_event_goes_on_without_gap() -> None:
    bay = Bay()
    bay.charge()
    again = bay.restarted()
    assert again.evses[1].transaction_id == "session-1"
    assert again.transactions.status_of("session-1")[0] is True
    again.pass_time(100)
    assert len(again.told) == 2  # nothing before the host says what is true
    again.report(E.CHARGING_PAUSED_EV)
    assert again.told[-1].seq_no == 2
    assert again.connectors.heard[0] == (1, 1, Activity.CHARGING, True, None, True)
    again.finish()
    assert again.told[-1].seq_no == 3
    assert again.told[-1].starting_token == TOKEN


@pytest.mark.requirement("E17.FR.14", "E17.FR.11")
def test_a_resumed_session_says_so() -> None:
    bay = Bay()
    bay.charge()
    again = bay.restarted()
    again.report(E.SESSION_RESUMED)
    told = again.told[-1]
    assert (told.event_type, told.trigger_reason, told.seq_no) == (UPDATED, R.TX_RESUMED, 2)
    assert told.charging_state is ChargingState.CHARGING
    again.transactions.settle(1)
    assert again.told[-1] == told


@pytest.mark.requirement("E17.FR.21")
def test_what_the_host_does_not_resume_ends_with_the_last_stored_reading() -> None:
    bay = Bay()
    bay.charge()
    bay.measure(2000)
    bay.pass_time(30)
    bay.measure(2600)
    read_at = bay.now()
    again = bay.restarted()
    again.pass_time(3600)
    again.measure(2601)  # after the power came back
    again.transactions.settle(1)
    told = again.told[-1]
    assert (told.event_type, told.seq_no) == (ENDED, 2)
    assert (told.trigger_reason, told.stopped_reason) == (
        R.ABNORMAL_CONDITION,
        StoppedReason.POWER_LOSS,
    )
    assert told.host_stop_reason is StopReason.POWER_LOSS
    assert told.timestamp == read_at
    assert told.meter_wh == 2600
    assert told.offline
    assert [sampled.value for value in told.meter_values for sampled in value.sampled_values] == [
        1000,
        2600,
    ]
    assert again.evses[1].transaction_id is None
    assert ("ended", 1) in again.connectors.heard
    again.transactions.settle(1)
    assert again.told[-1] == told


@pytest.mark.requirement("E17.FR.10", "E17.FR.20", "E17.FR.21")
@pytest.mark.parametrize(("away_s", "ends"), [(500, False), (700, True)])
def test_a_session_resumed_too_late_has_lost_its_transaction(away_s: int, ends: bool) -> None:
    bay = Bay(settings={TxCtrlr.ResumptionTimeout: "600"})
    bay.charge()
    bay.measure(2000)
    read_at = bay.now()
    again = bay.restarted()
    again.pass_time(away_s)
    again.report(E.SESSION_RESUMED)
    told = again.told[-1]
    if ends:
        assert (told.event_type, told.stopped_reason) == (ENDED, StoppedReason.POWER_LOSS)
        assert (told.timestamp, told.meter_wh) == (read_at, 2000)
        assert ("ended", 1) in again.connectors.heard
    else:
        assert told.trigger_reason is R.TX_RESUMED


def test_a_session_without_transaction_outlasts_the_settling() -> None:
    bay = Bay()
    bay.plug()
    again = bay.restarted()
    again.transactions.settle(1)
    again.begin()
    assert story(again) == [("Started", 0, "Authorized")]


def test_a_lost_session_that_goes_on_after_all_is_a_new_transaction() -> None:
    bay = Bay()
    bay.charge()
    again = bay.restarted()
    again.transactions.settle(1)
    again.pass_time(10)
    again.report(E.CHARGING_RESUMED)
    told = again.told[-1]
    assert told.event_type is STARTED
    assert told.transaction_id != "session-1"
    assert told.id_token == TOKEN


def test_a_host_that_got_no_answer_resumes_before_its_last_report() -> None:
    bay = Bay()
    bay.charge()
    bay.report(E.CHARGING_PAUSED_EV)
    unanswered_at = bay.now()
    again = bay.restarted()
    again.report(E.SESSION_RESUMED, at=unanswered_at - timedelta(seconds=1))
    again.report(E.CHARGING_PAUSED_EV, at=unanswered_at)
    again.transactions.settle(1)
    assert story(again)[2:] == [("Updated", 2, "ChargingStateChanged"), ("Updated", 3, "TxResumed")]
    assert again.told[-1].timestamp == unanswered_at
    again.pass_time(5)
    again.finish()
    again.unplug()
    over_at = again.now()
    once_more = again.restarted()
    once_more.report(E.SESSION_RESUMED, at=over_at)
    once_more.unplug(at=over_at)
    assert once_more.told == again.told
    once_more.pass_time(1)
    with pytest.raises(UnknownSession):
        once_more.report(E.SESSION_RESUMED)


@pytest.mark.parametrize("event", [E.SESSION_RESUMED, E.CHARGING_PAUSED_EV])
def test_a_report_repeated_to_a_new_daemon_is_word_of_its_session(event: E) -> None:
    bay = Bay()
    bay.charge()
    bay.report(event)
    reported_at = bay.now()
    told = list(bay.told)
    again = bay.restarted()
    again.report(event, at=reported_at)
    again.transactions.settle(1)
    assert again.told == told
    assert again.transactions.running(1) is not None
    assert again.evses[1].session_id == "session-1"


def test_a_resumed_session_that_nobody_knows_is_followed() -> None:
    bay = Bay()
    bay.report(E.SESSION_RESUMED)
    bay.begin()
    assert story(bay) == [("Started", 0, "Authorized")]


def test_a_transaction_that_ended_while_the_daemon_was_away() -> None:
    bay = Bay()
    bay.charge()
    ended_at = bay.now() + timedelta(seconds=60)
    again = bay.restarted()
    again.pass_time(600)
    again.finish(at=ended_at, meter_value=meter(ended_at, 3000))
    again.unplug(at=ended_at)
    assert (again.told[-1].event_type, again.told[-1].timestamp) == (ENDED, ended_at)
    again.transactions.settle(1)
    assert len(again.told) == 3


def test_the_host_goes_away_and_comes_back() -> None:
    bay = Bay()
    bay.charge()
    bay.transactions.settle(1)  # it says ready once more: nothing is in doubt
    assert len(bay.told) == 2
    bay.transactions.doubt()
    assert bay.transactions.running(1) is None
    bay.transactions.settle(1)
    assert bay.told[-1].stopped_reason is StoppedReason.POWER_LOSS


@pytest.mark.requirement("E17.FR.21")
@pytest.mark.parametrize("topology", [[["sType2"]], [["sType2"], ["cCCS2"]]])
def test_a_session_whose_place_is_no_more_has_ended(topology: list[list[str]]) -> None:
    bay = Bay()
    bay.charge(evse_id=2, connector_id=2)
    bay.plug(uuid="session-2")
    bay.measure(2600, evse_id=2)
    read_at = bay.now()
    bay.pass_time(600)
    again = bay.restarted(topology)
    told = again.told[-1]
    assert (told.event_type, told.transaction_id, told.seq_no) == (ENDED, "session-1", 2)
    assert (told.stopped_reason, told.trigger_reason) == (
        StoppedReason.POWER_LOSS,
        R.ABNORMAL_CONDITION,
    )
    assert (told.timestamp, told.meter_wh, told.evse) == (read_at, 2600, EvseRef(2, 2))
    assert again.world.host.of("transaction_event") == [
        OcppTransactionEvent(ENDED, "session-1", EvseRef(2, 2), "session-1")
    ]
    again.transactions.doubt()
    again.transactions.on_stop()
    again.transactions.on_restart()
    assert len(again.told) == 3
    assert again.transactions.open_transactions() == ()
    for _ in range(3):
        answer(again, 0, TransactionEventResponse())
    again.begin(uuid="session-2")
    assert again.told[-1].session_id == "session-2"
    assert len(again.restarted().told) == 1


def test_a_session_at_an_evse_that_nobody_has_is_not_in_doubt() -> None:
    """A listener that fails here would keep the others from hearing that the host is gone."""
    bay = Bay()
    bay.charge(evse_id=2)
    bay.evses._evses.pop(2)
    bay.transactions.doubt()
    bay.transactions.doubt(2)
    assert bay.transactions.status_of("session-1")[0] is True


@pytest.mark.parametrize("steps", range(9))
def test_killed_after_each_step(steps: int) -> None:
    """Whenever the daemon dies, the story the CSMS gets is whole."""
    bay = Bay()
    actions = [
        lambda bay: bay.plug(),
        lambda bay: bay.begin(),
        lambda bay: bay.report(E.CHARGING_STARTED),
        lambda bay: bay.measure(1500),
        lambda bay: bay.report(E.CHARGING_PAUSED_EV),
        lambda bay: bay.report(E.CHARGING_RESUMED),
        lambda bay: bay.finish(),
        lambda bay: bay.unplug(),
    ]
    for number, action in enumerate(actions):
        if number == steps:
            bay = bay.restarted()
        bay.pass_time(5)
        action(bay)
    assert story(bay) == [
        ("Started", 0, "Authorized"),
        ("Updated", 1, "ChargingStateChanged"),
        ("Updated", 2, "ChargingStateChanged"),
        ("Updated", 3, "ChargingStateChanged"),
        ("Ended", 4, "StopAuthorized"),
    ]


@pytest.mark.parametrize(
    ("doubtful", "reason"), [(False, StoppedReason.OTHER), (True, StoppedReason.POWER_LOSS)]
)
def test_another_session_ends_the_one_whose_end_was_never_reported(
    doubtful: bool, reason: StoppedReason
) -> None:
    bay = Bay()
    bay.charge()
    bay.measure(2500)
    bay.pass_time(60)
    if doubtful:
        bay.transactions.doubt()
    bay.charge(uuid="session-2")
    assert bay.evses[1].session_id == "session-2"
    ended = next(each for each in bay.told if each.event_type is ENDED)
    assert (ended.transaction_id, ended.stopped_reason, ended.meter_wh) == (
        "session-1",
        reason,
        2500,
    )
    assert [each.transaction_id for each in bay.told if each.event_type is STARTED] == [
        "session-1",
        "session-2",
    ]
    with pytest.raises(UnknownSession):
        bay.finish()  # the old one is over


def test_an_event_remembers_what_its_connector_was_called() -> None:
    bay = Bay()
    bay.charge(evse_id=2, connector_id=2)
    again = bay.restarted([["sType2"]])
    assert {each.connector_number for each in again.told} == {3, 0}
    assert [each.connector_number for each in again.told if each.event_type is STARTED] == [3]
