"""Availability on three levels, what is told of it, and who carries it out."""

import pytest

from ocppd.csms.v16.spelling import MANNERS
from ocppd.device_model.names import EVSE, ChargingStation, OCPP16LegacyCtrlr
from ocppd.device_model.names import Connector as ConnectorNames
from ocppd.model.availability import (
    Activity,
    ChangeAvailability,
    ChangeAvailabilityStatus,
    OperationalStatus,
    RequestedStatus,
)
from ocppd.model.variables import EvseRef
from ocppd.station.availability import OperationalState
from tests.station.blocks import Blocks

ON, OFF = OperationalStatus.OPERATIVE, OperationalStatus.INOPERATIVE
ACCEPTED = ChangeAvailabilityStatus.ACCEPTED
SCHEDULED = ChangeAvailabilityStatus.SCHEDULED
REJECTED = ChangeAvailabilityStatus.REJECTED

EVSE_1, EVSE_2 = EvseRef(1), EvseRef(2)


async def change(
    blocks: Blocks, status: OperationalStatus, evse: EvseRef | None = None
) -> ChangeAvailabilityStatus:
    answer = blocks.availability.change(ChangeAvailability(status, evse))
    answer.then()
    await blocks.settle()
    return answer.result.status


def told_to_agent(blocks: Blocks) -> list[tuple[int, int, str]]:
    calls = blocks.world.agents.of("enable_disable")
    return [(evse_id, connector_id, status.value) for evse_id, connector_id, status in calls]


@pytest.mark.requirement("G04.FR.01", "G04.FR.05", "G04.FR.07")
async def test_the_whole_station_goes_off_and_on_again() -> None:
    blocks = Blocks()
    await blocks.online()
    assert await change(blocks, OFF) is ACCEPTED
    assert sorted(blocks.statuses()) == [
        "0.0 Unavailable",
        "1.1 Unavailable",
        "2.1 Unavailable",
        "2.2 Unavailable",
    ]
    assert sorted(told_to_agent(blocks)) == [
        (1, 1, "Inoperative"),
        (2, 1, "Inoperative"),
        (2, 2, "Inoperative"),
    ]
    assert blocks.device_model.text(ChargingStation.AvailabilityState) == "Unavailable"
    assert blocks.device_model.text(EVSE.AvailabilityState(2)) == "Unavailable"
    assert blocks.device_model.text(ConnectorNames.AvailabilityState(2, 2)) == "Unavailable"
    blocks.csms.sent.clear()
    assert await change(blocks, ON) is ACCEPTED
    assert len(blocks.statuses()) == 4
    assert blocks.device_model.text(ChargingStation.AvailabilityState) == "Available"
    assert set(blocks.world.host.of("evse_changed")) == {1, 2}


@pytest.mark.requirement("G03.FR.02", "G03.FR.04")
async def test_statuses_are_told_after_the_answer() -> None:
    blocks = Blocks()
    await blocks.online()
    answer = blocks.availability.change(ChangeAvailability(OFF, EVSE_1))
    await blocks.settle()
    assert blocks.statuses() == []
    answer.then()
    await blocks.settle()
    assert blocks.statuses() == ["1.1 Unavailable"]


@pytest.mark.requirement("G03.FR.03", "G04.FR.04")
async def test_what_it_is_already_is_accepted_and_told_to_nobody() -> None:
    blocks = Blocks()
    await blocks.online()
    blocks.start_transaction(1)
    assert await change(blocks, ON, EVSE_1) is ACCEPTED
    assert await change(blocks, ON) is ACCEPTED
    assert "0.0 Available" not in blocks.statuses()
    assert told_to_agent(blocks) == []


@pytest.mark.requirement("G03.FR.07", "G04.FR.08")
async def test_the_three_levels_keep_their_own_states() -> None:
    blocks = Blocks()
    await blocks.online()
    await change(blocks, OFF, EvseRef(2, 1))
    await change(blocks, OFF, EVSE_2)
    await change(blocks, OFF)
    await change(blocks, ON)
    await change(blocks, ON, EVSE_2)
    assert blocks.evses[2].connectors[1].status.value == "Unavailable"
    assert blocks.evses[2].connectors[2].status.value == "Available"
    assert blocks.evses[1].connectors[1].status.value == "Available"
    assert blocks.world.store.reopened().load(OperationalState) == {
        "0": OperationalState(ON),
        "2": OperationalState(ON),
        "2.1": OperationalState(OFF),
    }


@pytest.mark.requirement("G03.FR.05", "G01.FR.05")
async def test_a_change_waits_for_the_transaction() -> None:
    blocks = Blocks()
    await blocks.online()
    blocks.start_transaction(1)
    blocks.availability.refresh(1)
    await blocks.settle()
    blocks.csms.sent.clear()
    assert await change(blocks, OFF, EVSE_1) is SCHEDULED
    assert blocks.statuses() == []
    assert told_to_agent(blocks) == []
    assert blocks.world.store.reopened().load(OperationalState) == {"1": OperationalState(ON, OFF)}
    blocks.end_transaction(1)
    await blocks.settle()
    assert blocks.statuses() == ["1.1 Unavailable"]
    assert told_to_agent(blocks) == [(1, 1, "Inoperative")]
    assert blocks.world.store.reopened().load(OperationalState) == {"1": OperationalState(OFF)}


@pytest.mark.requirement("G04.FR.06")
async def test_idle_parts_of_the_station_do_not_wait_for_the_busy_one() -> None:
    blocks = Blocks()
    await blocks.online()
    blocks.start_transaction(1)
    blocks.availability.refresh(1)
    await blocks.settle()
    blocks.csms.sent.clear()
    assert await change(blocks, OFF) is SCHEDULED
    assert blocks.statuses() == ["2.1 Unavailable", "2.2 Unavailable"]
    blocks.csms.sent.clear()
    blocks.end_transaction(1)
    await blocks.settle()
    assert sorted(blocks.statuses()) == ["0.0 Unavailable", "1.1 Unavailable"]


async def test_what_waits_is_dropped_by_the_opposite() -> None:
    blocks = Blocks()
    await blocks.online()
    blocks.start_transaction(1)
    await change(blocks, OFF)
    assert await change(blocks, ON) is ACCEPTED
    assert blocks.evses[2].connectors[1].status.value == "Available"
    blocks.end_transaction(1)
    await blocks.settle()
    assert blocks.evses[1].connectors[1].status.value == "Available"


async def test_a_connector_without_the_car_does_not_wait() -> None:
    blocks = Blocks()
    await blocks.online()
    blocks.start_transaction(2, connector_id=1)
    assert await change(blocks, OFF, EvseRef(2, 2)) is ACCEPTED
    assert await change(blocks, OFF, EvseRef(2, 1)) is SCHEDULED


@pytest.mark.requirement("B01.FR.07", "G03.FR.08", "G04.FR.09", "G01.FR.02")
async def test_availability_survives_a_power_cut_also_what_waits() -> None:
    blocks = Blocks()
    await blocks.online()
    await change(blocks, OFF, EvseRef(2, 1))
    blocks.start_transaction(1)
    await change(blocks, OFF, EVSE_1)
    blocks = blocks.again(boot_id="boot-2")
    assert not blocks.availability.is_operative(2, 1)
    # The transaction goes on: the host resumes it before it reports ready.
    blocks.start_transaction(1)
    await blocks.online()
    assert blocks.evses[2].connectors[1].status.value == "Unavailable"
    assert blocks.evses[1].connectors[1].status.value == "Occupied"
    blocks.end_transaction(1)
    assert blocks.evses[1].connectors[1].status.value == "Unavailable"
    saved = blocks.world.store.reopened().load(OperationalState)
    assert saved == {"1": OperationalState(OFF), "2.1": OperationalState(OFF)}


async def test_what_waited_for_a_transaction_that_is_gone_happens_when_the_host_is_back() -> None:
    blocks = Blocks()
    await blocks.online()
    blocks.start_transaction(1)
    await change(blocks, OFF, EVSE_1)
    blocks = blocks.again(boot_id="boot-2")
    await blocks.online()
    assert blocks.world.store.reopened().load(OperationalState) == {"1": OperationalState(OFF)}
    assert blocks.evses[1].connectors[1].status.value == "Unavailable"


@pytest.mark.parametrize(
    ("evse", "code"),
    [
        (EvseRef(3), "UnknownEvse"),
        (EvseRef(1, 2), "UnknownConnectorId"),
        (EvseRef(0), "UnknownEvse"),
    ],
)
async def test_what_is_not_there_is_rejected_with_the_reason(evse: EvseRef, code: str) -> None:
    blocks = Blocks()
    answer = blocks.availability.change(ChangeAvailability(OFF, evse))
    assert answer.result.status is REJECTED
    assert answer.result.status_info is not None
    assert answer.result.status_info.reason_code == code
    assert blocks.world.store.reopened().load(OperationalState) == {}


async def test_where_connectors_have_numbers_an_evse_has_no_name() -> None:
    blocks = Blocks(manners=MANNERS)
    answer = blocks.availability.change(ChangeAvailability(OFF, EVSE_2))
    assert answer.result.status is REJECTED
    assert answer.result.status_info is not None
    assert answer.result.status_info.reason_code == "InvalidInput"
    assert await change(blocks, OFF, EvseRef(2, 1)) is ACCEPTED


async def test_in_16_a_connector_that_is_being_prepared_is_waited_for() -> None:
    blocks = Blocks(manners=MANNERS)
    await blocks.online()
    blocks.availability.on_session_activity(1, 1, Activity.PREPARING, True)
    assert await change(blocks, OFF, EvseRef(1, 1)) is SCHEDULED
    blocks.availability.on_session_activity(1, 1, None, False)
    await blocks.settle()
    assert blocks.statuses()[-1] == "1.1 Unavailable"


@pytest.mark.requirement("G01.FR.03", "G01.FR.04")
async def test_a_session_is_told_step_by_step_and_nothing_twice() -> None:
    blocks = Blocks()
    await blocks.online()
    for activity in (
        Activity.PREPARING,
        Activity.PREPARING,
        Activity.CHARGING,
        Activity.SUSPENDED_EV,
        Activity.FINISHING,
        None,
    ):
        blocks.availability.on_session_activity(1, 1, activity, activity is not None)
        await blocks.settle()
    assert blocks.statuses() == [
        "1.1 Occupied/Preparing",
        "1.1 Occupied/Charging~",
        "1.1 Occupied/SuspendedEV~",
        "1.1 Occupied/Finishing~",
        "1.1 Available",
    ]


@pytest.mark.requirement("G01.FR.06", "G01.FR.09")
async def test_a_reserved_connector_stays_so_until_its_driver_is_there() -> None:
    blocks = Blocks()
    await blocks.online()
    blocks.availability.on_reservation(1, 1, True)
    blocks.availability.on_session_activity(1, 1, Activity.PREPARING, True)
    await blocks.settle()
    assert blocks.statuses() == ["1.1 Reserved"]
    blocks.availability.on_session_activity(1, 1, Activity.PREPARING, True, authorized=True)
    await blocks.settle()
    assert blocks.statuses()[-1] == "1.1 Occupied/Preparing"
    blocks.availability.on_session_activity(1, 1, None, False)
    await blocks.settle()
    assert blocks.statuses()[-1] == "1.1 Reserved"
    blocks.availability.on_reservation(1, 0, False)
    await blocks.settle()
    assert blocks.statuses()[-1] == "1.1 Available"


@pytest.mark.parametrize("reserved", [False, True])
async def test_a_driver_without_a_car_makes_it_preparing_in_16_alone(reserved: bool) -> None:
    blocks = Blocks()
    await blocks.online()
    blocks.availability.on_reservation(1, 1, reserved)
    await blocks.settle()
    blocks.csms.sent.clear()
    blocks.availability.on_session_activity(1, 1, Activity.PREPARING, False, authorized=True)
    await blocks.settle()
    status = "Reserved" if reserved else "Available"
    assert blocks.statuses() == [f"1.1 {status}/Preparing~"]
    blocks.availability.on_session_activity(1, 1, Activity.PREPARING, True, authorized=True)
    await blocks.settle()
    assert blocks.statuses()[-1] == "1.1 Occupied/Preparing"


async def test_what_does_not_last_is_not_told() -> None:
    blocks = Blocks({OCPP16LegacyCtrlr.MinimumStatusDuration: 3})
    await blocks.online()
    blocks.csms.sent.clear()
    await blocks.advance(10)
    blocks.csms.sent.clear()
    blocks.availability.on_session_activity(1, 1, Activity.PREPARING, True)
    await blocks.advance(2)
    blocks.availability.on_session_activity(1, 1, Activity.SUSPENDED_EV, True)
    await blocks.advance(2)
    assert blocks.statuses() == []
    await blocks.advance(1)
    assert blocks.statuses() == ["1.1 Occupied/SuspendedEV"]
    blocks.availability.on_session_activity(1, 1, Activity.CHARGING, True)
    await blocks.advance(1)
    blocks.availability.on_session_activity(1, 1, Activity.SUSPENDED_EV, True)
    await blocks.advance(10)
    assert blocks.statuses() == ["1.1 Occupied/SuspendedEV"]


async def test_an_evse_that_nobody_reported_ready_is_unavailable() -> None:
    blocks = Blocks()
    await blocks.connect()
    assert "1.1 Unavailable" in blocks.statuses()
    blocks.availability.on_ready(1, True)
    await blocks.settle()
    assert blocks.statuses()[-1] == "1.1 Available"
    blocks.availability.on_ready(1, False)
    await blocks.settle()
    assert blocks.statuses()[-1] == "1.1 Unavailable"


async def test_the_host_disables_a_connector_and_all_of_an_evse() -> None:
    blocks = Blocks()
    await blocks.online()
    blocks.availability.on_disabled(2, 1)
    blocks.availability.on_disabled(2)
    blocks.availability.on_enabled(2)
    await blocks.settle()
    assert blocks.statuses() == [
        "2.1 Unavailable",
        "2.2 Unavailable",
        "2.1 Available",
        "2.2 Available",
    ]
    assert told_to_agent(blocks) == []


async def test_a_vanished_agent_is_missed_after_its_grace() -> None:
    blocks = Blocks()
    await blocks.online()
    blocks.availability.on_agent_gone()
    await blocks.advance(14)
    assert blocks.statuses() == []
    blocks.availability.on_agent_registered()
    await blocks.advance(30)
    assert blocks.statuses() == []
    blocks.availability.on_agent_gone()
    await blocks.advance(15)
    assert sorted(blocks.statuses()) == ["1.1 Unavailable", "2.1 Unavailable", "2.2 Unavailable"]
    blocks.availability.on_agent_registered()
    blocks.availability.on_ready(1, True)
    await blocks.settle()
    assert blocks.statuses()[-1] == "1.1 Available"


async def test_a_new_agent_is_told_everything_again() -> None:
    blocks = Blocks()
    await blocks.online()
    await change(blocks, OFF, EvseRef(2, 2))
    blocks.world.agents.calls.clear()
    blocks.availability.on_agent_registered()
    await blocks.settle()
    assert sorted(told_to_agent(blocks)) == [
        (1, 1, "Operative"),
        (2, 1, "Operative"),
        (2, 2, "Inoperative"),
    ]


async def test_what_the_host_decides_otherwise_is_its_last_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    blocks = Blocks()
    await blocks.online()
    blocks.world.agents.answer = False
    await change(blocks, OFF, EVSE_1)
    await blocks.advance(60)
    assert told_to_agent(blocks) == [(1, 1, "Inoperative")]
    assert blocks.evses[1].connectors[1].status.value == "Unavailable"
    [warning] = caplog.messages
    assert warning == "EVSE 1 connector 1 was not made Inoperative: the host wants otherwise"


async def test_an_agent_that_does_as_told_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    blocks = Blocks()
    await blocks.online()
    await change(blocks, OFF, EVSE_1)
    await change(blocks, ON, EVSE_1)
    assert told_to_agent(blocks) == [(1, 1, "Inoperative"), (1, 1, "Operative")]
    assert caplog.messages == []


async def test_an_agent_that_fails_is_asked_again_after_a_while() -> None:
    blocks = Blocks()
    await blocks.online()
    blocks.world.agents.failing.add("enable_disable")
    await change(blocks, OFF, EVSE_1)
    blocks.availability.refresh_all()
    await blocks.advance(9)
    assert told_to_agent(blocks) == [(1, 1, "Inoperative")]
    await blocks.advance(1)
    assert told_to_agent(blocks) == [(1, 1, "Inoperative")] * 2
    blocks.world.agents.failing.clear()
    await blocks.advance(60)
    assert told_to_agent(blocks) == [(1, 1, "Inoperative")] * 3


async def test_the_opposite_is_not_delayed_by_a_failure() -> None:
    blocks = Blocks()
    await blocks.online()
    blocks.world.agents.failing.add("enable_disable")
    await change(blocks, OFF, EVSE_1)
    blocks.world.agents.failing.clear()
    await change(blocks, ON, EVSE_1)
    await blocks.advance(60)
    assert told_to_agent(blocks) == [(1, 1, "Inoperative"), (1, 1, "Operative")]


async def test_a_new_agent_is_told_at_once_what_its_predecessor_failed_to_do() -> None:
    blocks = Blocks()
    await blocks.online()
    blocks.world.agents.failing.add("enable_disable")
    await change(blocks, OFF, EVSE_1)
    blocks.world.agents.failing.clear()
    blocks.world.agents.calls.clear()
    blocks.availability.on_agent_registered()
    await blocks.advance(60)
    assert sorted(told_to_agent(blocks)) == [
        (1, 1, "Inoperative"),
        (2, 1, "Operative"),
        (2, 2, "Operative"),
    ]


async def test_changes_while_the_agent_is_busy_arrive_in_the_end() -> None:
    blocks = Blocks()
    await blocks.online()
    for status in (OFF, ON, OFF):
        blocks.availability.change(ChangeAvailability(status, EVSE_1)).then()
    await blocks.settle()
    assert told_to_agent(blocks)[-1] == (1, 1, "Inoperative")


@pytest.mark.requirement("B04.FR.02")
async def test_after_a_short_time_offline_only_changes_are_told() -> None:
    blocks = Blocks()
    await blocks.online()
    await blocks.disconnect()
    blocks.availability.on_disabled(2, 2)
    await blocks.settle()
    await blocks.advance(10)
    await blocks.connect()
    assert sorted(blocks.statuses()) == [
        "0.0 Available~",
        "1.1 Available~",
        "2.1 Available~",
        "2.2 Unavailable",
    ]


@pytest.mark.requirement("B04.FR.01")
async def test_after_a_long_time_offline_everything_is_told() -> None:
    blocks = Blocks()
    await blocks.online()
    await blocks.disconnect()
    await blocks.advance(61)
    await blocks.connect()
    assert sorted(blocks.statuses()) == [
        "0.0 Available",
        "1.1 Available",
        "2.1 Available",
        "2.2 Available",
    ]


@pytest.mark.requirement("F06.FR.09")
@pytest.mark.parametrize(
    ("ref", "told"),
    [
        (None, ["0.0 Available", "1.1 Available", "2.1 Available", "2.2 Available"]),
        (EvseRef(0), ["0.0 Available"]),
        (EVSE_2, ["2.1 Available", "2.2 Available"]),
        (EvseRef(2, 2), ["2.2 Available"]),
    ],
)
async def test_the_csms_asks_for_statuses(ref: EvseRef | None, told: list[str]) -> None:
    blocks = Blocks()
    await blocks.online()
    blocks.availability.trigger(ref)
    await blocks.settle()
    assert blocks.statuses(RequestedStatus) == told
    assert len(blocks.csms.triggered) == len(told)


async def test_what_is_closed_becomes_unavailable_once_it_is_idle() -> None:
    blocks = Blocks()
    await blocks.online()
    blocks.start_transaction(1)
    blocks.availability.refresh(1)
    blocks.availability.close("firmware")
    await blocks.settle()
    assert blocks.evses[1].connectors[1].status.value == "Occupied"
    assert blocks.evses[2].connectors[1].status.value == "Unavailable"
    blocks.availability.open("something else")
    assert blocks.evses[2].connectors[1].status.value == "Unavailable"
    blocks.end_transaction(1)
    assert blocks.evses[1].connectors[1].status.value == "Unavailable"
    blocks.availability.open("firmware")
    assert blocks.evses[1].connectors[1].status.value == "Available"
