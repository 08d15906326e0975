"""Whom a token starts, and whom it stops."""

from typing import Any

import pytest

from ocppd.model.tokens import (
    AuthorizationStatus,
    AuthorizationType,
    IdToken,
    IdTokenType,
    ValidationResult,
)
from ocppd.tools.sim.arbiter import Outcome, Withdrawal
from ocppd.tools.sim.settings import ChargerSettings, EvseSettings, Selection
from tests.tools.sim.scene import Scene


def three_evses(**changes: Any) -> ChargerSettings:
    return ChargerSettings(evses=(EvseSettings(),) * 3, **changes)


def running(scene: Scene) -> dict[int, str]:
    """Return which token charges at which EVSE."""
    return {
        evse.id: evse.token.id_token.value
        for evse in scene.charger.evses.values()
        if evse.in_transaction and evse.token is not None
    }


def test_a_waiting_car_gets_the_token_in_the_order_of_plug_in() -> None:
    scene = Scene(three_evses())
    scene.charger.plug_in(3)
    scene.charger.plug_in(2)
    assert scene.swipe("A") is Outcome.USED_TO_START
    assert running(scene) == {3: "A"}
    assert scene.swipe("B") is Outcome.USED_TO_START
    assert running(scene) == {3: "A", 2: "B"}


def test_a_token_that_names_its_evse_goes_there_and_not_to_the_waiting_car() -> None:
    scene = Scene(three_evses())
    scene.charger.plug_in(1)
    assert scene.swipe("A", evse_ids=(2,)) is Outcome.USED_TO_START
    assert running(scene) == {}
    scene.charger.plug_in(2)
    assert running(scene) == {2: "A"}


def test_a_token_that_names_some_evses_prefers_the_waiting_car_among_them() -> None:
    scene = Scene(three_evses())
    scene.charger.plug_in(1)
    scene.charger.plug_in(3)
    assert scene.swipe("A", evse_ids=(2, 3)) is Outcome.USED_TO_START
    assert running(scene) == {3: "A"}


def test_a_token_without_a_car_goes_to_the_next_one_that_is_plugged_in() -> None:
    scene = Scene(three_evses())
    assert scene.swipe("A") is Outcome.ACCEPTED
    assert scene.names(1) == scene.names(2) == []
    scene.charger.plug_in(2)
    assert running(scene) == {2: "A"}
    assert scene.outcomes()[-1] is Outcome.USED_TO_START


def test_a_token_without_a_car_takes_the_only_evse_or_the_first_one_if_set_so() -> None:
    alone = Scene(ChargerSettings(evses=(EvseSettings(),)))
    assert alone.swipe("A") is Outcome.USED_TO_START
    assert alone.names(1) == ["SessionStarted", "Authorized"]
    first = Scene(three_evses(selection=Selection.FIND_FIRST))
    assert first.swipe("A") is Outcome.USED_TO_START
    assert first.names(1) == ["SessionStarted", "Authorized"]


def test_two_tokens_wait_for_cables_in_their_order() -> None:
    scene = Scene(three_evses())
    scene.swipe("A")
    scene.swipe("B")
    scene.charger.plug_in(3)
    scene.charger.plug_in(1)
    assert running(scene) == {3: "A", 1: "B"}


@pytest.mark.parametrize("value", ["a1", "A1"])
def test_the_same_token_stops_its_own_transaction_without_asking(value: str) -> None:
    scene = Scene(three_evses())
    scene.charge(1, "A1")
    scene.charge(2, "B1")
    asked = len(scene.asked)
    assert scene.swipe(value) is Outcome.USED_TO_STOP
    assert len(scene.asked) == asked
    assert running(scene) == {2: "B1"}
    finished = scene.event("TransactionFinished")["transaction_finished"]
    assert finished["reason"] == "Local"
    assert finished["id_tag"]["id_token"]["value"] == value


def test_a_token_of_the_same_group_stops_the_transaction() -> None:
    scene = Scene(three_evses(), groups={"A1": "FLEET", "A2": "fleet"})
    scene.charge(1, "A1")
    assert scene.swipe("A2") is Outcome.USED_TO_STOP
    assert running(scene) == {}
    finished = scene.event("TransactionFinished")["transaction_finished"]
    assert finished["id_tag"]["id_token"]["value"] == "A2"
    assert finished["id_tag"]["parent_id_token"]["value"] == "fleet"


def test_a_token_of_the_same_group_starts_a_waiting_car_before_it_stops() -> None:
    scene = Scene(three_evses(), groups={"A1": "FLEET", "A2": "FLEET"})
    scene.charge(1, "A1")
    scene.charger.plug_in(2)
    assert scene.swipe("A2") is Outcome.USED_TO_START
    assert running(scene) == {1: "A1", 2: "A2"}


def test_a_token_of_the_same_group_stops_first_if_set_so() -> None:
    scene = Scene(three_evses(prefer_waiting_car=False), groups={"A1": "FLEET", "A2": "FLEET"})
    scene.charge(1, "A1")
    scene.charger.plug_in(2)
    assert scene.swipe("A2") is Outcome.USED_TO_STOP
    assert running(scene) == {}


def test_a_token_of_another_group_stops_nothing() -> None:
    scene = Scene(groups={"A1": "FLEET", "B1": "OTHERS"})
    scene.charge(1, "A1")
    scene.charge(2, "C1")
    assert scene.swipe("B1") is Outcome.NO_EVSE_AVAILABLE
    assert running(scene) == {1: "A1", 2: "C1"}


def test_a_group_that_the_csms_tells_later_can_stop_too() -> None:
    scene = Scene(groups={"A2": "FLEET"})
    scene.charge(1, "A1")
    fleet = ValidationResult(
        AuthorizationStatus.ACCEPTED, parent_id_token=IdToken("FLEET", IdTokenType.CENTRAL)
    )
    scene.charger.validate_result_update(1, fleet)
    assert scene.swipe("A2") is Outcome.USED_TO_STOP


@pytest.mark.requirement("C16.FR.02", "C16.FR.07")
def test_the_master_pass_group_stops_every_transaction() -> None:
    scene = Scene(three_evses(), groups={"BOSS": "MASTER"})
    scene.charger.arbiter.master_pass_group_id = "master"
    scene.charge(1, "A1")
    scene.charge(3, "B1")
    assert scene.swipe("BOSS") is Outcome.USED_TO_STOP
    assert running(scene) == {}
    for evse_id in (1, 3):
        finished = scene.event("TransactionFinished", evse_id)["transaction_finished"]
        assert finished["reason"] == "MasterPass"
        assert finished["id_tag"]["id_token"]["value"] == "BOSS"


@pytest.mark.requirement("C16.FR.03")
def test_the_master_pass_group_starts_nothing() -> None:
    scene = Scene(groups={"BOSS": "MASTER"})
    scene.charger.arbiter.master_pass_group_id = "MASTER"
    scene.charger.plug_in(1)
    assert scene.swipe("BOSS") is Outcome.REJECTED
    assert running(scene) == {}


def test_a_remote_start_is_not_asked_about_when_prevalidated() -> None:
    scene = Scene()
    scene.charger.plug_in(2)
    remote = {"by": AuthorizationType.OCPP, "evse_ids": (2,), "group": "FLEET"}
    assert scene.swipe("R", prevalidated=True, **remote) is Outcome.USED_TO_START
    assert scene.asked == []
    id_tag = scene.event("TransactionStarted", 2)["transaction_started"]["id_tag"]
    assert id_tag["authorization_type"] == "OCPP"
    assert id_tag["parent_id_token"]["value"] == "FLEET"
    assert id_tag["connectors"] == [2]


def test_a_remote_start_is_asked_about_when_not_prevalidated() -> None:
    scene = Scene(statuses={"R": AuthorizationStatus.BLOCKED})
    scene.charger.plug_in(1)
    assert (
        scene.swipe("R", by=AuthorizationType.OCPP, evse_ids=(1,), prevalidated=False)
        is Outcome.REJECTED
    )
    assert [asked.id_token.value for asked in scene.asked] == ["R"]


def test_a_remote_start_with_the_token_of_a_running_transaction_stops_nothing() -> None:
    scene = Scene(groups={"A1": "FLEET"})
    scene.charge(1, "A1")
    remote = {"by": AuthorizationType.OCPP, "evse_ids": (2,), "prevalidated": True}
    assert scene.swipe("A1", group="FLEET", **remote) is Outcome.USED_TO_START
    scene.charger.plug_in(2)
    assert running(scene) == {1: "A1", 2: "A1"}


@pytest.mark.parametrize(
    "status",
    [status for status in AuthorizationStatus if status is not AuthorizationStatus.ACCEPTED],
)
def test_a_token_that_ocppd_refuses_starts_nothing(status: AuthorizationStatus) -> None:
    scene = Scene(statuses={"A1": status})
    scene.charger.plug_in(1)
    assert scene.swipe("A1") is Outcome.REJECTED
    assert scene.told[-1][1]["reason"] == f"ocppd says {status}"
    assert running(scene) == {}


def test_a_token_that_may_charge_elsewhere_only_is_refused() -> None:
    scene = Scene(three_evses(), evse_ids={"A1": (2,)})
    scene.charger.plug_in(1)
    assert scene.swipe("A1", evse_ids=(1,)) is Outcome.REJECTED
    assert "NotAtThisLocation" in scene.told[-1][1]["reason"]
    assert scene.swipe("A1") is Outcome.USED_TO_START
    scene.charger.plug_in(2)
    assert running(scene) == {2: "A1"}


def test_nobody_is_asked_when_nothing_is_free() -> None:
    scene = Scene()
    scene.charge(1, "A1")
    scene.charger.raise_fault("evse_manager/Inoperative", 2)
    asked = len(scene.asked)
    assert scene.swipe("C1") is Outcome.NO_EVSE_AVAILABLE
    assert len(scene.asked) == asked
    assert scene.told[-1][1]["reason"] == "EVSE 1 is taken, EVSE 2 is faulted"


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("disable", "EVSE 1 is disabled"),
        ("fault", "EVSE 1 is faulted"),
        ("finished", "EVSE 1 needs a replug"),
        ("unknown", "it names no EVSE of this charger"),
    ],
)
def test_the_reason_why_no_evse_is_available(trouble: str, reason: str) -> None:
    scene = Scene(ChargerSettings(evses=(EvseSettings(),)))
    match trouble:
        case "disable":
            scene.charger.enable_disable(1, 0, {"enable_state": "Disable"})
        case "fault":
            scene.charger.raise_fault("evse_board_support/MREC14PilotFault", 1)
        case "finished":
            scene.charge(1, "A1")
            scene.swipe("A1")
    assert (
        scene.swipe("B1", evse_ids=(9,) if trouble == "unknown" else ())
        is Outcome.NO_EVSE_AVAILABLE
    )
    assert scene.told[-1][1]["reason"] == reason


def test_a_token_that_is_being_asked_about_is_not_asked_about_again() -> None:
    scene = Scene(answers=False)
    scene.charger.plug_in(1)
    assert scene.swipe("A1") is Outcome.PROCESSING
    assert scene.swipe("a1") is Outcome.ALREADY_IN_PROCESS
    assert len(scene.asked) == 1
    scene.answer(scene.asked[0])
    assert running(scene) == {1: "A1"}


def test_a_token_that_waits_for_its_cable_is_not_taken_twice() -> None:
    scene = Scene()
    scene.swipe("A1")
    assert scene.swipe("A1") is Outcome.ALREADY_IN_PROCESS
    granted = Scene()
    granted.swipe("A1", evse_ids=(1,))
    assert granted.swipe("A1") is Outcome.ALREADY_IN_PROCESS


def test_an_answer_is_weighed_by_what_is_true_when_it_comes() -> None:
    scene = Scene(answers=False)
    scene.charger.plug_in(1)
    scene.swipe("A1", evse_ids=(1,))
    scene.charger.raise_fault("evse_manager/Inoperative", 1)
    scene.answer(scene.asked[0])
    assert scene.outcomes()[-1] is Outcome.NO_EVSE_AVAILABLE
    assert running(scene) == {}


@pytest.mark.requirement("C01.FR.26", "E03.FR.05")
def test_an_authorization_ends_when_no_cable_comes_in_time() -> None:
    scene = Scene()
    scene.charger.arbiter.connection_timeout_s = 30
    scene.swipe("A1", evse_ids=(1,))
    scene.clock.advance(29)
    assert scene.names() == ["SessionStarted", "Authorized"]
    scene.clock.advance(2)
    assert scene.names()[2:] == ["PluginTimeout", "Deauthorized", "SessionFinished"]
    assert scene.outcomes()[-1] is Outcome.TIMED_OUT
    scene.charger.plug_in(1)
    assert running(scene) == {}


def test_a_token_that_waits_for_any_cable_times_out() -> None:
    scene = Scene()
    scene.swipe("A1")
    scene.clock.advance(61)
    assert scene.outcomes()[-1] is Outcome.TIMED_OUT
    scene.charger.plug_in(1)
    assert running(scene) == {}


def test_a_connection_timeout_of_zero_is_no_limit() -> None:
    scene = Scene()
    scene.charger.arbiter.connection_timeout_s = 0
    scene.swipe("A1", evse_ids=(1,))
    scene.clock.advance(100_000)
    scene.charger.plug_in(1)
    assert running(scene) == {1: "A1"}


def test_a_cable_in_time_ends_the_timeout() -> None:
    scene = Scene()
    scene.swipe("A1", evse_ids=(1,))
    scene.charger.plug_in(1)
    scene.clock.advance(120)
    assert running(scene) == {1: "A1"}


def test_a_car_that_nobody_authorizes_has_to_be_replugged_if_set_so() -> None:
    scene = Scene(three_evses(plug_in_timeout=True))
    scene.charger.plug_in(1)
    scene.clock.advance(61)
    assert scene.names() == ["SessionStarted", "AuthRequired", "PluginTimeout"]
    assert scene.swipe("A1", evse_ids=(1,)) is Outcome.NO_EVSE_AVAILABLE
    scene.charger.unplug(1)
    scene.charger.plug_in(1)
    assert scene.swipe("A1") is Outcome.USED_TO_START


def test_a_car_waits_for_ever_by_default() -> None:
    scene = Scene()
    scene.charger.plug_in(1)
    scene.clock.advance(100_000)
    assert scene.swipe("A1") is Outcome.USED_TO_START


@pytest.mark.parametrize(
    ("evse_id", "value", "result", "left"),
    [
        (None, None, Withdrawal.ACCEPTED, set()),
        (1, None, Withdrawal.ACCEPTED, {2}),
        (None, "B1", Withdrawal.ACCEPTED, {1}),
        (1, "A1", Withdrawal.ACCEPTED, {2}),
        (1, "B1", Withdrawal.AUTHORIZATION_NOT_FOUND, {1, 2}),
        (None, "C1", Withdrawal.AUTHORIZATION_NOT_FOUND, {1, 2}),
        (3, None, Withdrawal.AUTHORIZATION_NOT_FOUND, {1, 2}),
        (9, None, Withdrawal.EVSE_NOT_FOUND, {1, 2}),
    ],
)
def test_authorizations_are_withdrawn_by_evse_and_token(
    evse_id: int | None, value: str | None, result: Withdrawal, left: set[int]
) -> None:
    scene = Scene(three_evses())
    scene.swipe("A1", evse_ids=(1,))
    scene.swipe("B1", evse_ids=(2,))
    wanted = IdToken(value, IdTokenType.CENTRAL) if value else None
    assert scene.charger.withdraw_authorization(evse_id, wanted) is result
    assert {evse.id for evse in scene.charger.evses.values() if evse.token} == left


def test_a_withdrawn_token_no_longer_waits_for_a_cable() -> None:
    scene = Scene()
    scene.swipe("A1")
    assert scene.charger.withdraw_authorization(None, None) is Withdrawal.ACCEPTED
    scene.charger.plug_in(1)
    assert running(scene) == {}


def test_a_running_transaction_is_not_withdrawn() -> None:
    scene = Scene()
    scene.charge(1, "A1")
    assert scene.charger.withdraw_authorization(1, None) is Withdrawal.AUTHORIZATION_NOT_FOUND
    assert running(scene) == {1: "A1"}


def test_a_token_after_a_pull_of_the_cable_finds_the_evse_free() -> None:
    scene = Scene()
    scene.charge(1, "A1")
    scene.charger.unplug(1)
    scene.charge(1, "B1")
    assert running(scene) == {1: "B1"}


def test_a_car_that_left_is_not_waited_for() -> None:
    scene = Scene(three_evses())
    scene.charger.plug_in(1)
    scene.charger.plug_in(2)
    scene.charger.unplug(1)
    scene.swipe("A1")
    assert running(scene) == {2: "A1"}


def test_a_car_found_when_a_connector_is_enabled_waits_for_its_token() -> None:
    scene = Scene()
    scene.charger.enable_disable(1, 0, {"enable_state": "Disable"})
    scene.charger.plug_in(1)
    assert "SessionStarted" not in scene.names()
    scene.charger.enable_disable(1, 0, {"enable_state": "Enable"})
    assert scene.names()[-2:] == ["SessionStarted", "AuthRequired"]
    scene.swipe("A1")
    assert running(scene) == {1: "A1"}
