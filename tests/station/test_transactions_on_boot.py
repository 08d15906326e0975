"""InternalCtrlr.ResumeTransactionsOnBoot: whether a host is waited for that may resume sessions."""

import pytest

from ocppd.device_model.names import InternalCtrlr
from ocppd.model.sessions import SessionEventType, StopReason
from ocppd.model.transactions import StoppedReason, TriggerReason
from tests.station.transaction_world import ENDED, RFID, STARTED, Bay, E, story

NOT_RESUMED = {InternalCtrlr.ResumeTransactionsOnBoot: "false"}


def charging(settings: dict[object, str] | None = None) -> Bay:
    bay = Bay(settings=dict(settings or {}))  # type: ignore[arg-type]
    bay.charge()
    bay.measure(2000)
    bay.pass_time(30)
    bay.measure(2600)
    return bay


def test_without_it_each_open_transaction_ends_at_the_start_with_what_was_stored() -> None:
    bay = charging(NOT_RESUMED)
    read_at, count = bay.now(), len(bay.told)
    bay.pass_time(3600)
    again = bay.restarted()
    [told] = again.told[count:]
    assert (told.event_type, told.seq_no) == (ENDED, count)
    assert (told.trigger_reason, told.stopped_reason) == (
        TriggerReason.ABNORMAL_CONDITION,
        StoppedReason.POWER_LOSS,
    )
    assert told.host_stop_reason is StopReason.POWER_LOSS
    assert (told.timestamp, told.meter_wh, told.offline) == (read_at, 2600, True)
    assert again.evses[1].transaction_id is None
    assert again.transactions.open_transactions() == ()
    # Neither the host's word nor another start ends it once more.
    again.transactions.settle(1)
    once_more = again.restarted()
    assert once_more.told[count:] == [told]


@pytest.mark.parametrize(
    "goes_on", [E.SESSION_RESUMED, E.CHARGING_STARTED], ids=["resumed", "went on"]
)
def test_without_it_a_session_that_goes_on_is_another_transaction(
    goes_on: SessionEventType,
) -> None:
    """What flows after the end is billed too, in a transaction with a start of its own."""
    bay = charging(NOT_RESUMED)
    first = bay.told[0].transaction_id
    bay.pass_time(60)
    again = bay.restarted()
    again.pass_time(10)
    if goes_on is E.SESSION_RESUMED:
        again.report(E.SESSION_RESUMED)
        again.pass_time(10)
    again.report(E.CHARGING_STARTED)
    again.pass_time(10)
    again.finish()
    again.unplug()
    others = [event for event in again.told if event.transaction_id != first]
    assert [event.seq_no for event in others] == list(range(len(others)))
    assert (others[0].event_type, others[-1].event_type) == (STARTED, ENDED)
    assert others[0].id_token == RFID.id_token
    ends = [event for event in again.told if event.event_type is ENDED]
    assert len(ends) == 2


def test_by_default_nothing_is_told_before_the_host_says_what_is_true() -> None:
    bay = charging()
    before = story(bay)
    again = bay.restarted()
    again.pass_time(3600)
    assert story(again) == before
    again.report(E.SESSION_RESUMED)
    assert again.told[-1].trigger_reason is TriggerReason.TX_RESUMED
    assert again.told[-1].transaction_id == bay.told[0].transaction_id
