"""What happened before anybody knew the time is dated right once it is known."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ocppd.model.availability import ErrorNotification
from ocppd.model.queue import QueueEntry
from ocppd.model.redating import redated
from ocppd.model.security import SecurityEvent, SecurityEventNotification
from ocppd.model.transactions import StoppedReason, TransactionEvent
from ocppd.station.dates import Dates
from tests.fakes import FakeClock, World
from tests.station.blocks import Blocks, station_error
from tests.station.transaction_world import ENDED, Bay, E, meter

EPOCH = datetime(1970, 1, 1, 0, 5, tzinfo=UTC)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def booted(boot_id: str = "boot-1", bay: Bay | None = None) -> tuple[Bay, Dates]:
    """Return a station whose machine starts in 1970, or starts there again."""
    if bay is None:
        bay = Bay(World(clock=FakeClock(EPOCH)))
    dates = Dates(bay.world.outside, boot_id)
    dates.when_moved(bay.transactions.redate)
    dates.start()
    return bay, dates


def entries(bay: Bay) -> list[QueueEntry]:
    return bay.store.entries


def ages(bay: Bay) -> list[float]:
    """How many seconds ago each event was, as it is told."""
    return [(bay.now() - event.timestamp).total_seconds() for event in bay.told]


@pytest.mark.requirement("B01.FR.06")
def test_the_first_sync_dates_what_waits() -> None:
    bay, _ = booted()
    bay.charge()  # 0, 10 and 20 s after the start, 30 s pass
    bay.measure(1500)
    assert bay.told[0].timestamp == EPOCH + timedelta(seconds=10)
    bay.world.clock.adjust(NOON - bay.now())
    assert ages(bay) == [20, 10]
    first = bay.told[0]
    assert first.authorized_at == NOON - timedelta(seconds=20)
    assert [value.timestamp for value in first.meter_values] == [NOON - timedelta(seconds=20)]
    [entry, *_] = entries(bay)
    assert entry.queued_at == NOON - timedelta(seconds=20)
    # What follows goes on from there: nothing lasted for 56 years.
    bay.pass_time(30)
    bay.finish(at=bay.now(), meter_value=meter(bay.now(), 4000))
    bay.unplug(at=bay.now())
    ended = bay.told[-1]
    assert (ended.event_type, ended.time_spent_charging_s) == (ENDED, 40)
    assert {value.timestamp.year for value in ended.meter_values} == {2026}


def test_a_clock_that_somebody_else_sets_is_noticed() -> None:
    bay, dates = booted()
    bay.charge()
    bay.world.clock.set_machine(NOON)
    bay.pass_time(61)
    assert ages(bay) == [81, 71]
    assert bay.transactions.open_transactions()[0].started_at == NOON - timedelta(seconds=20)
    assert dates.right(SecurityEvent("x", timestamp=NOON)).timestamp == NOON


def test_a_report_that_is_repeated_after_the_sync_is_the_same() -> None:
    bay, dates = booted()
    bay.charge()
    finished = bay.report(E.CHARGING_PAUSED_EV)
    count = len(bay.told)
    bay.world.clock.adjust(NOON - bay.now())
    bay.world.clock.set_machine(NOON)
    bay.world.clock.adjust(NOON - bay.now())
    bay.transactions.on_session_event(1, dates.right(finished))
    assert len(bay.told) == count


def test_a_machine_whose_clock_nobody_sets_is_corrected() -> None:
    bay, dates = booted()
    bay.world.clock.adjust(NOON - bay.now())
    bay.pass_time(100)
    report = meter(bay.world.clock.machine_now(), 1000)
    assert dates.right(report).timestamp == bay.now()


def test_what_an_earlier_boot_left_ends_before_this_one() -> None:
    """Its clock never was right: the distances are true, and later it cannot have been."""
    bay, _ = booted()
    bay.charge()
    bay.measure(2500)
    bay.pass_time(3570)  # an hour in all
    again = bay.restarted()
    again.world.clock = FakeClock(EPOCH)
    again = Bay(World(clock=FakeClock(EPOCH), store=bay.store.reopened()), bay.settings)
    again, _ = booted("boot-2", again)
    again.pass_time(100)
    again.transactions.doubt()
    again.transactions.settle(1)
    again.world.clock.adjust(NOON - again.now())
    told = ages(again)
    assert told == sorted(told, reverse=True)
    assert told[0] - told[1] == 10
    assert 100 <= told[0] <= 3700
    assert again.told[-1].stopped_reason is StoppedReason.POWER_LOSS


def test_a_restart_of_the_daemon_alone_changes_no_distance() -> None:
    bay, _ = booted()
    bay.charge()
    again = bay.restarted()
    again.pass_time(100)
    again, _ = booted("boot-1", again)
    again.world.clock.adjust(NOON - again.now())
    assert ages(again) == [120, 110]


def test_a_boot_that_knows_the_time_dates_what_was_left() -> None:
    bay, _ = booted()
    bay.charge()
    again = Bay(World(clock=FakeClock(NOON), store=bay.store.reopened()), bay.settings)
    again, _ = booted("boot-2", again)
    assert {event.timestamp.date() for event in again.told} == {NOON.date()}
    once_more = Bay(World(clock=FakeClock(NOON), store=again.store.reopened()), bay.settings)
    before = [event.timestamp for event in once_more.told]
    booted("boot-3", once_more)
    assert [event.timestamp for event in once_more.told] == before


def test_dates_that_are_right_stay() -> None:
    bay = Bay()
    bay.charge()
    bay.store.queue(SecurityEventNotification("x", bay.now()))
    before = list(entries(bay))
    booted(bay=bay)
    bay.world.clock.adjust(timedelta(days=3650))
    assert entries(bay) == before
    assert all(isinstance(event, TransactionEvent) for event in bay.told)


async def test_errors_of_before_the_sync_are_dated_with_everything_else() -> None:
    """Those that the CSMS was not told of too, and those of an earlier boot."""
    blocks = Blocks(world=World(clock=FakeClock(EPOCH)))
    dates = Dates(blocks.world.outside, "boot-1")
    dates.when_moved(blocks.faults.redate)
    dates.start()
    heat = station_error("heat", "evse_board_support/MREC3HighTemperature")
    blocks.faults.raise_error(replace(heat, timestamp=EPOCH))
    await blocks.settle()  # it cannot be told
    blocks.world.clock.advance(60)
    blocks.faults.raise_error(replace(station_error("inop"), timestamp=blocks.world.clock.now()))
    blocks.world.clock.adjust(NOON - blocks.world.clock.now())
    stamps = {error.uuid: error.timestamp for error in blocks.faults.active}
    assert stamps == {"heat": NOON - timedelta(seconds=60), "inop": NOON}
    assert [each.timestamp for each in blocks.evses[1].connectors[1].errors] == [*stamps.values()]
    again = blocks.again("boot-2")
    assert {error.uuid: error.timestamp for error in again.faults.active} == stamps
    again.faults.raise_error(replace(heat, timestamp=EPOCH))  # the host repeats it as it was
    await again.connect()
    [told] = again.csms.of(ErrorNotification)
    assert told.timestamp == told.error.timestamp == NOON - timedelta(seconds=60)


def test_an_error_that_the_host_dates_by_a_clock_that_nobody_set_is_dated_right() -> None:
    bay, dates = booted()
    bay.world.clock.adjust(NOON - bay.now())
    error = replace(station_error("late"), timestamp=EPOCH)
    assert dates.right(error).timestamp == NOON


@pytest.mark.parametrize("hours", [-5, 24 * 365 * 57])
def test_a_date_that_cannot_be_moved_stays_as_it_is(hours: int) -> None:
    never, last = datetime(1, 1, 1, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC)
    moved = redated((never, last), timedelta(hours=hours))
    assert moved[0] == (never if hours < 0 else never + timedelta(hours=hours))
    assert moved[1] == last + timedelta(hours=hours)


def test_no_date_that_is_stored_keeps_the_station_from_starting() -> None:
    """Two boots without a clock, the second earlier than the first: the way is backwards."""
    bay, _ = booted()
    bay.charge(at=datetime(1, 1, 1, tzinfo=UTC))
    bay.pass_time(3600)
    again = Bay(World(clock=FakeClock(EPOCH), store=bay.store.reopened()), bay.settings)
    again, _ = booted("boot-2", again)
    [kept] = again.transactions.open_transactions()
    assert kept.started_at.year == 1
