"""The host's errors: which make a connector Faulted, and what the CSMS hears of the others."""

from dataclasses import replace

import pytest

from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import EVSE, ChargingStation
from ocppd.device_model.names import Connector as ConnectorNames
from ocppd.errors import UnknownEvse
from ocppd.model.availability import Activity, ErrorNotification, StatusNotification
from ocppd.model.variables import Component, EvseRef
from ocppd.station import mrec
from tests.station.blocks import Blocks, station_error

OVERHEATED = "evse_board_support/MREC3HighTemperature"


def notes(blocks: Blocks) -> list[ErrorNotification]:
    return blocks.csms.of(ErrorNotification)


async def test_an_inoperative_connector_is_faulted_and_nothing_else_is_told() -> None:
    blocks = Blocks()
    await blocks.online()
    blocks.faults.raise_error(station_error())
    await blocks.settle()
    assert blocks.statuses() == ["1.1 Faulted"]
    assert blocks.csms.of(StatusNotification)[0].error.type == "evse_manager/Inoperative"
    assert notes(blocks) == []
    assert blocks.device_model.text(EVSE.AvailabilityState(1)) == "Faulted"
    assert [error.uuid for error in blocks.faults.active] == ["e1"]
    assert len(blocks.world.host.of("errors_changed")) == 1


async def test_after_a_fault_the_connector_is_what_it_was_before() -> None:
    blocks = Blocks()
    await blocks.online()
    blocks.availability.on_session_activity(1, 1, Activity.CHARGING, True)
    blocks.faults.raise_error(station_error())
    blocks.faults.raise_error(station_error("e2x"))
    await blocks.settle()
    assert blocks.faults.clear_error("e1")
    await blocks.settle()
    assert blocks.statuses()[-1] == "1.1 Faulted"
    assert blocks.faults.clear_error("e2x")
    await blocks.settle()
    assert blocks.statuses() == ["1.1 Occupied/Charging", "1.1 Faulted", "1.1 Occupied/Charging"]
    assert blocks.csms.of(StatusNotification)[-1].error is None
    assert not blocks.faults.clear_error("e1")


@pytest.mark.requirement("G03.FR.06", "G04.FR.07")
async def test_a_fault_of_the_evse_and_of_the_station_reaches_the_connectors() -> None:
    blocks = Blocks()
    await blocks.online()
    blocks.faults.raise_error(station_error(evse_id=2, connector_id=None))
    await blocks.settle()
    assert sorted(blocks.statuses()) == ["2.1 Faulted", "2.2 Faulted"]
    blocks.csms.sent.clear()
    blocks.faults.raise_error(station_error("e22", evse_id=None, connector_id=None))
    await blocks.settle()
    assert sorted(blocks.statuses()) == ["0.0 Faulted", "1.1 Unavailable"]
    assert blocks.device_model.text(ChargingStation.AvailabilityState) == "Faulted"


async def test_any_other_error_leaves_the_status_alone() -> None:
    blocks = Blocks()
    await blocks.online()
    blocks.availability.on_session_activity(1, 1, Activity.CHARGING, True)
    await blocks.settle()
    blocks.csms.sent.clear()
    blocks.faults.raise_error(station_error(error_type=OVERHEATED))
    await blocks.settle()
    assert blocks.statuses() == []
    (told,) = notes(blocks)
    assert told.component == Component("Connector", evse=EvseRef(1, 1))
    assert (told.cleared, told.activity) == (False, Activity.CHARGING)
    assert blocks.device_model.flag(ConnectorNames.Problem(1, 1))
    blocks.faults.clear_error("e1")
    await blocks.settle()
    assert notes(blocks)[1].cleared
    assert notes(blocks)[1].event_id > told.event_id
    assert notes(blocks)[1].remaining is None
    assert not blocks.device_model.flag(ConnectorNames.Problem(1, 1))


async def test_the_newest_error_that_is_left_is_told_with_what_was_cleared() -> None:
    blocks = Blocks()
    await blocks.online()
    for uuid in ("a", "bb", "ccc"):
        blocks.faults.raise_error(station_error(uuid, OVERHEATED))
    blocks.faults.clear_error("ccc")
    await blocks.settle()
    remaining = notes(blocks)[-1].remaining
    assert remaining is not None
    assert remaining.uuid == "bb"


async def test_an_error_raised_again_changes_nothing() -> None:
    blocks = Blocks()
    await blocks.online()
    for _ in range(3):
        blocks.faults.raise_error(station_error(error_type=OVERHEATED))
    await blocks.settle()
    assert len(notes(blocks)) == 1
    assert len(blocks.faults.active) == 1


@pytest.mark.parametrize(
    ("place", "component"),
    [
        ({"evse_id": None, "connector_id": None}, Component("ChargingStation")),
        ({"evse_id": 2, "connector_id": None}, Component("EVSE", evse=EvseRef(2))),
        ({"evse_id": 2, "connector_id": 2}, Component("Connector", evse=EvseRef(2, 2))),
    ],
)
async def test_the_component_is_where_the_error_is(
    place: dict[str, int | None], component: Component
) -> None:
    blocks = Blocks()
    await blocks.online()
    blocks.faults.raise_error(station_error(error_type=OVERHEATED, **place))
    await blocks.settle()
    assert notes(blocks)[0].component == component
    address = {
        "ChargingStation": ChargingStation.Problem,
        "EVSE": EVSE.Problem(2),
        "Connector": ConnectorNames.Problem(2, 2),
    }[component.name]
    assert blocks.device_model.flag(address)


@pytest.mark.requirement("G05.FR.02")
async def test_a_lock_that_fails_is_told_of_the_lock_where_there_is_one() -> None:
    blocks = Blocks()
    problem = ConnectorNames.Problem(1, 1)
    found = blocks.device_model.find(problem)
    assert found is not None
    lock = Component("ConnectorPlugRetentionLock", evse=EvseRef(1, 1))
    of_lock = replace(problem, component=lock)
    model = DeviceModel([found.definition, replace(found.definition, address=of_lock)])
    blocks.faults._device_model = model
    await blocks.online()
    blocks.faults.raise_error(station_error("hot", OVERHEATED))
    blocks.faults.raise_error(station_error("lock", "connector_lock/MREC1ConnectorLockFailure"))
    await blocks.settle()
    assert [note.component.name for note in notes(blocks)] == [
        "Connector",
        "ConnectorPlugRetentionLock",
    ]
    assert model.flag(of_lock)
    blocks.faults.clear_error("lock")
    assert not model.flag(of_lock)
    assert model.flag(problem)


@pytest.mark.parametrize(("evse_id", "connector_id"), [(3, None), (1, 2)])
async def test_an_error_of_nothing_is_refused(evse_id: int, connector_id: int | None) -> None:
    blocks = Blocks()
    with pytest.raises(UnknownEvse):
        blocks.faults.raise_error(station_error(evse_id=evse_id, connector_id=connector_id))
    assert blocks.faults.active == ()


async def test_errors_while_offline_are_told_later_unless_they_have_passed() -> None:
    blocks = Blocks()
    await blocks.online()
    await blocks.disconnect()
    blocks.faults.raise_error(station_error("stays", OVERHEATED))
    blocks.faults.raise_error(station_error("passes", OVERHEATED))
    await blocks.settle()
    blocks.faults.clear_error("passes")
    await blocks.settle()
    assert notes(blocks) == []
    await blocks.connect()
    assert [(note.error.uuid, note.cleared) for note in notes(blocks)] == [("stays", False)]
    await blocks.disconnect()
    blocks.faults.clear_error("stays")
    await blocks.settle()
    await blocks.connect()
    assert notes(blocks)[-1].cleared


async def test_event_ids_are_never_used_twice_not_even_after_a_restart() -> None:
    blocks = Blocks()
    used = [blocks.event_ids.next() for _ in range(1500)]
    blocks = blocks.again()
    used += [blocks.event_ids.next() for _ in range(10)]
    assert len(set(used)) == len(used)


def test_published_codes() -> None:
    assert mrec.code_of("evse_manager/MREC4OverCurrentFailure") == "CX004"
    assert mrec.code_of("evse_board_support/MREC26CutCable") == "CX026"
    assert mrec.code_of("evse_manager/Inoperative") is None


# The daemon dies


async def test_an_error_survives_a_restart_and_is_not_told_twice() -> None:
    blocks = Blocks()
    await blocks.online()
    blocks.faults.raise_error(station_error(error_type=OVERHEATED))
    await blocks.settle()
    assert len(notes(blocks)) == 1
    again = blocks.again()
    assert [error.uuid for error in again.faults.active] == ["e1"]
    assert again.device_model.flag(ConnectorNames.Problem(1, 1))
    await again.online()
    again.faults.raise_error(station_error(error_type=OVERHEATED))
    await again.advance(60)
    assert notes(again) == []
    assert again.faults.clear_error("e1")
    await again.settle()
    assert [note.cleared for note in notes(again)] == [True]
    assert again.again().faults.active == ()


async def test_a_host_that_gives_an_error_another_uuid_means_the_same_one() -> None:
    blocks = Blocks()
    await blocks.online()
    blocks.faults.raise_error(station_error(error_type=OVERHEATED))
    await blocks.settle()
    again = blocks.again()
    await again.online()
    again.faults.raise_error(station_error("other", error_type=OVERHEATED))
    again.faults.raise_error(station_error("third", error_type=OVERHEATED))
    await again.advance(60)
    assert [note.error.uuid for note in notes(again)] == ["third"], "only that one is new"
    assert [error.uuid for error in again.faults.active] == ["other", "third"]
    assert {error.uuid for error in again.again().faults.active} == {"other", "third"}


async def test_what_a_host_that_is_ready_does_not_raise_again_has_passed() -> None:
    blocks = Blocks()
    await blocks.online()
    blocks.faults.raise_error(station_error(error_type=OVERHEATED))
    blocks.faults.raise_error(station_error("inoperative"))
    await blocks.settle()
    again = blocks.again()
    await again.connect()
    assert "1.1 Faulted" in again.statuses()
    await again.advance(60)
    assert len(again.faults.active) == 2, "nobody said what is true"
    await again.ready()
    await again.advance(9)
    assert notes(again) == []
    await again.advance(2)
    assert [(note.error.uuid, note.cleared) for note in notes(again)] == [("e1", True)]
    assert again.statuses()[-1] == "1.1 Available"
    assert again.faults.active == ()


async def test_what_could_not_be_told_is_told_after_a_restart() -> None:
    blocks = Blocks()
    await blocks.online()
    await blocks.disconnect()
    blocks.faults.raise_error(station_error(error_type=OVERHEATED))
    blocks.faults.raise_error(station_error("e2x", error_type=OVERHEATED))
    await blocks.settle()
    again = blocks.again()
    again.faults.raise_error(station_error(error_type=OVERHEATED))
    await again.connect()
    assert [note.error.uuid for note in notes(again)] == ["e1"], "the other is in doubt"
    again.csms.sent.clear()
    await again.ready()
    await again.advance(11)
    assert notes(again) == [], "what came and went untold was nothing"
    last = again.again()
    await last.online()
    assert notes(last) == []


@pytest.mark.requirement("N07.FR.04")
async def test_events_that_are_kept_wait_in_the_durable_queue() -> None:
    blocks = Blocks()
    await blocks.online()
    await blocks.disconnect()
    blocks.csms.kept = frozenset({ErrorNotification})
    blocks.faults.raise_error(station_error(error_type=OVERHEATED))
    blocks.faults.clear_error("e1")
    await blocks.settle()
    queued = [each for each in blocks.world.store.queued if isinstance(each, ErrorNotification)]
    assert [each.cleared for each in queued] == [False, True], "each is told, in order"
    await blocks.connect()
    assert notes(blocks) == [], "the queue tells it"
    again = blocks.again()
    await again.online()
    assert notes(again) == []


@pytest.mark.requirement("N07.FR.04")
async def test_a_status_that_is_kept_waits_in_the_durable_queue() -> None:
    blocks = Blocks()
    await blocks.online()
    await blocks.disconnect()
    blocks.csms.kept = frozenset({StatusNotification})
    blocks.availability.on_session_activity(1, 1, Activity.PREPARING, True)
    blocks.availability.on_session_activity(1, 1, None, False)
    await blocks.settle()
    queued = [each for each in blocks.world.store.queued if isinstance(each, StatusNotification)]
    assert [each.status.value for each in queued] == ["Occupied", "Available"]
