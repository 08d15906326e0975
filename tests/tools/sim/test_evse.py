"""What an EVSE does and reports, from plug-in to plug-out."""

from typing import Any

import pytest

from ocppd.model.sessions import StopReason
from ocppd.tools.sim.arbiter import Outcome
from ocppd.tools.sim.evse import SimulatorError
from ocppd.tools.sim.faults import LOCK_FAILURE, STOPS
from ocppd.tools.sim.outbox import STATION, Member
from ocppd.tools.sim.settings import ChargerSettings, EvseSettings
from ocppd.tools.sim.supply import Limit
from tests.tools.sim.scene import Scene

START = ["SessionStarted", "AuthRequired", "Authorized", "TransactionStarted", "PrepareCharging"]
STOP = ["StoppingCharging", "ChargingFinished", "TransactionFinished"]


def charging(evse_id: int = 1, **settings: Any) -> Scene:
    scene = Scene(ChargerSettings(**settings))
    scene.charge(evse_id)
    return scene


def power(scene: Scene, evse_id: int = 1) -> float:
    evse = scene.charger.evses[evse_id]
    return evse.meter.power_w(evse.flow)


# --- The order of events -------------------------------------------------------------------------


def test_a_session_that_begins_with_the_cable() -> None:
    scene = charging()
    scene.swipe()
    scene.charger.unplug(1)
    assert scene.names() == [*START, "ChargingStarted", *STOP, "SessionFinished"]
    assert scene.event("SessionStarted")["session_started"]["reason"] == "EVConnected"
    assert "id_tag" not in scene.event("SessionStarted")["session_started"]


def test_a_session_that_begins_with_the_card() -> None:
    scene = Scene()
    scene.swipe(evse_ids=(1,))
    scene.charger.plug_in(1)
    scene.clock.advance(2)
    assert scene.names() == [
        "SessionStarted",
        "Authorized",
        "TransactionStarted",
        "PrepareCharging",
        "ChargingStarted",
    ]
    started = scene.event("SessionStarted")["session_started"]
    assert started["reason"] == "Authorized"
    assert started["id_tag"]["id_token"] == {"value": "04A224B2", "type": "ISO14443"}
    token = scene.event("TransactionStarted")["transaction_started"]["id_tag"]
    assert token["connectors"] == [1]


def test_a_cable_pulled_while_charging_ends_everything() -> None:
    scene = charging()
    scene.charger.unplug(1)
    assert scene.names()[-4:] == [*STOP, "SessionFinished"]
    finished = scene.event("TransactionFinished")["transaction_finished"]
    assert finished["reason"] == "EVDisconnected"
    assert "id_tag" not in finished


def test_all_events_of_a_session_have_its_uuid_and_times_that_grow() -> None:
    scene = charging()
    scene.charger.set_system_time("2020-01-01T00:00:00Z")
    scene.swipe()
    scene.charger.unplug(1)
    assert len({event["uuid"] for event in scene.events()}) == 1
    times = [event["timestamp"] for event in scene.events()]
    assert times == sorted(set(times))
    assert times[0] == scene.event("SessionStarted")["session_started"]["meter_value"]["timestamp"]
    scene.charger.plug_in(1)
    assert scene.events()[-1]["uuid"] != scene.events()[0]["uuid"]


def test_a_new_transaction_needs_a_replug() -> None:
    scene = charging()
    scene.swipe()
    assert scene.swipe(evse_ids=(1,)) is Outcome.NO_EVSE_AVAILABLE
    assert scene.swipe() is Outcome.ACCEPTED
    assert scene.names()[-1] == "TransactionFinished"
    scene.charger.unplug(1)
    scene.charger.plug_in(1)
    assert scene.outcomes()[-1] is Outcome.USED_TO_START


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda charger: charger.plug_in(1), "already plugged in"),
        (lambda charger: charger.plug_in(3), "no EVSE 3"),
        (lambda charger: charger.plug_in(2, 2), "no connector 2"),
        (lambda charger: charger.unplug(2), "no car"),
        (lambda charger: charger.set_ev(1, {"colour": "red"}), "unknown"),
        (lambda charger: charger.set_ev(1, {"soc": 101.0}), "soc"),
        (lambda charger: charger.set_ev(1, {"soc": "full"}), "soc"),
        (lambda charger: charger.set_ev(1, {"kind": "DC"}), "kind"),
        (lambda charger: charger.raise_fault("", 1), "type"),
        (lambda charger: charger.raise_fault("a/B", 1, 5), "no connector 5"),
        (lambda charger: charger.raise_fault("a/B", 1, severity="Awful"), "severity"),
        (lambda charger: charger.enable_disable(1, 7, {}), "no connector 7"),
        (lambda charger: charger.enable_disable(1, 0, {"enable_source": "Cat"}), "enable_source"),
        (lambda charger: charger.enable_disable(1, 0, {"enable_priority": -1}), "priority"),
        (lambda charger: charger.stop_transaction(1, "Boredom"), "reason"),
        (lambda charger: charger.reset("Gentle", scheduled=False), "type"),
        (lambda charger: charger.power_on(), "has power"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(call: Any, why: str) -> None:
    scene = Scene()
    scene.charger.plug_in(1)
    with pytest.raises(SimulatorError, match=why):
        call(scene.charger)


# --- Pauses --------------------------------------------------------------------------------------


def test_a_pause_by_the_evse_tells_its_reasons_each_time_they_change() -> None:
    scene = charging()
    assert scene.charger.evses[1].pause()
    assert power(scene) == 0
    scene.charger.set_limit(1, Limit(0.0))
    scene.charger.set_limit(1, None)
    assert scene.charger.evses[1].resume()
    assert scene.names()[6:] == [*["ChargingPausedEVSE"] * 3, "ChargingStarted"]
    reasons = [
        event["charging_paused_evse"]["reasons"]
        for event in scene.events()
        if event["event"] == "ChargingPausedEVSE"
    ]
    assert reasons == [["UserPause"], ["NoEnergy", "UserPause"], ["UserPause"]]
    assert power(scene) == pytest.approx(3 * 16 * 230)


def test_a_pause_by_the_car_is_the_cars() -> None:
    scene = charging()
    scene.charger.set_ev(1, {"wants": False})
    assert scene.names()[-1] == "ChargingPausedEV"
    assert not scene.charger.evses[1].resume()
    scene.charger.set_ev(1, {"wants": True})
    assert scene.names()[-1] == "ChargingStarted"


def test_a_full_car_pauses_or_ends_the_transaction() -> None:
    full = {"soc": 99.9, "capacity_wh": 10_000.0}
    pausing = Scene()
    pausing.charger.set_ev(1, full)
    pausing.charge(1)
    pausing.charger.start()
    pausing.clock.advance(10)
    assert pausing.names()[-2:] == ["ChargingStarted", "ChargingPausedEV"]
    assert pausing.charger.evses[1].ev.soc == 100.0
    ending = Scene()
    ending.charger.set_ev(1, {**full, "stops_when_full": True})
    ending.charge(1)
    ending.charger.start()
    ending.clock.advance(10)
    finished = ending.event("TransactionFinished")["transaction_finished"]
    assert finished["reason"] == "StoppedByEV"


def test_an_authorization_that_waits_for_its_cable_can_be_stopped() -> None:
    scene = Scene()
    scene.swipe(evse_ids=(1,))
    assert scene.charger.stop_transaction(1, "Remote")
    assert scene.names() == ["SessionStarted", "Authorized", "Deauthorized", "SessionFinished"]
    scene.clock.advance(120)
    assert scene.names()[-1] == "SessionFinished"


def test_a_pause_needs_a_transaction() -> None:
    scene = Scene()
    scene.charger.plug_in(1)
    evse = scene.charger.evses[1]
    assert not evse.pause()
    assert not evse.resume()
    assert not scene.charger.stop_transaction(1, "Remote")


# --- What flows ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ev", "limit", "watts"),
    [
        ({}, None, 3 * 16 * 230),
        ({"max_current_a": 40.0}, None, 3 * 32 * 230),
        ({"max_current_a": 40.0, "cable_a": 20.0}, None, 3 * 20 * 230),
        ({"phases": 1, "max_current_a": 32.0}, None, 32 * 230),
        ({}, Limit(10.0, "A"), 3 * 10 * 230),
        ({}, Limit(6900.0, "W"), 6900),
        ({"phases": 1}, Limit(2300.0, "W"), 2300),
        ({}, Limit(12.0, "A", 1), 12 * 230),
        ({}, Limit(3680.0, "W", 1), 3680),
        ({}, Limit(5.9, "A"), 0),
        ({}, Limit(100_000.0, "W"), 3 * 16 * 230),
    ],
)
def test_alternating_power_is_the_least_of_car_cable_hardware_and_limit(
    ev: dict[str, Any], limit: Limit | None, watts: float
) -> None:
    scene = Scene()
    scene.charger.set_ev(1, ev)
    scene.charger.set_limit(1, limit)
    scene.charge(1)
    assert power(scene) == pytest.approx(watts)


@pytest.mark.parametrize(
    ("ev", "limit", "watts"),
    [
        ({"max_power_w": 50_000.0}, None, 50_000),
        ({"max_power_w": 500_000.0}, None, 150_000),
        ({"max_power_w": 100_000.0, "soc": 90.0}, None, 57_500),
        ({}, Limit(22_000.0, "W"), 22_000),
        ({}, Limit(100.0, "A"), 69_000),
        ({}, Limit(0.0, "W"), 0),
    ],
)
def test_direct_power_is_the_least_of_car_hardware_and_limit(
    ev: dict[str, Any], limit: Limit | None, watts: float
) -> None:
    scene = Scene(ChargerSettings(evses=(EvseSettings(("cCCS2",)),)))
    scene.charger.set_ev(1, ev)
    scene.charger.set_limit(1, limit)
    scene.charge(1)
    assert power(scene) == pytest.approx(watts)
    reading = scene.charger.evses[1].reading()
    assert set(reading["voltage_V"]) == set(reading["current_A"]) == {"DC"}


def test_an_evse_may_give_either_current() -> None:
    scene = Scene(ChargerSettings(evses=(EvseSettings(("cType2", "cCCS2")),)))
    scene.charger.set_ev(1, {"kind": "DC", "max_power_w": 50_000.0})
    scene.charger.plug_in(1, 2)
    scene.swipe()
    scene.clock.advance(2)
    assert power(scene) == pytest.approx(50_000)
    scene.clock.advance(60)
    reading = scene.charger.evses[1].reading()
    assert reading["current_A"] == {"DC": 125.0}
    scene.charger.unplug(1)
    scene.charger.plug_in(1, 1)
    later = scene.charger.evses[1].reading()
    assert later["energy_Wh_import"]["total"] >= reading["energy_Wh_import"]["total"] > 800
    assert "L1" in later["current_A"]


def test_fewer_phases_while_charging_are_switched_with_a_pause() -> None:
    scene = charging()
    scene.charger.set_limit(1, Limit(16.0, "A", 1))
    assert scene.names()[-1] == "SwitchingPhases"
    assert power(scene) == 0
    scene.clock.advance(1)
    assert scene.names()[-1] == "ChargingStarted"
    assert power(scene) == pytest.approx(16 * 230)


def test_hardware_that_cannot_switch_phases_goes_on_with_them() -> None:
    scene = charging(evses=(EvseSettings(switches_phases=False),))
    scene.charger.set_limit(1, Limit(16.0, "A", 1))
    assert "SwitchingPhases" not in scene.names()
    assert power(scene) == pytest.approx(3 * 16 * 230)


def test_the_offer_is_reported_when_it_changes() -> None:
    scene = charging()
    scene.charger.set_limit(1, Limit(10.0))
    scene.charger.set_limit(1, Limit(10.0))
    assert scene.reports(1, Member.LIMITS)[-1] == {
        "max_current": 10.0,
        "nr_of_phases_available": 3,
    }


# --- The meter -----------------------------------------------------------------------------------


def test_the_register_goes_on_from_session_to_session() -> None:
    scene = Scene(ChargerSettings(first_register_wh=1000.0))
    registers = []
    for value in ("A", "B"):
        scene.charge(1, value)
        scene.clock.advance(3600)
        scene.swipe(value)
        started = scene.event("TransactionStarted")["transaction_started"]["meter_value"]
        finished = scene.event("TransactionFinished")["transaction_finished"]["meter_value"]
        registers += [
            started["energy_Wh_import"]["total"],
            finished["energy_Wh_import"]["total"],
        ]
        scene.charger.unplug(1)
    assert registers[0] == pytest.approx(1000.0)
    assert registers[1] - registers[0] == pytest.approx(3 * 16 * 230, rel=0.01)
    assert registers == sorted(registers)
    assert registers[2] == registers[1]


def test_the_meter_reports_every_second_with_all_phases() -> None:
    scene = charging()
    scene.acknowledge(1)
    scene.charger.start()
    for _ in range(3):
        scene.clock.advance(1)
        [reading] = scene.reports(1, Member.POWERMETER)[-1:]
    assert reading["current_A"] == {"L1": 16.0, "L2": 16.0, "L3": 16.0, "N": 0.0}
    assert set(reading["voltage_V"]) == {"L1", "L2", "L3"}
    assert reading["power_W"]["total"] == pytest.approx(11_040)
    assert reading["frequency_Hz"]["L1"] == 50.0
    assert reading["energy_Wh_import"]["L1"] == pytest.approx(
        reading["energy_Wh_import"]["total"] / 3, abs=0.001
    )


def test_readings_that_nobody_takes_do_not_pile_up() -> None:
    scene = charging()
    scene.charger.start()
    scene.clock.advance(3600)
    assert len(scene.reports(1, Member.POWERMETER)) <= 2


def test_time_in_the_battery_can_run_faster() -> None:
    scene = Scene(ChargerSettings(speed=60.0))
    scene.charge(1)
    scene.charger.evses[1].advance()
    before = scene.charger.evses[1].meter.register_wh
    scene.clock.advance(60)
    scene.charger.evses[1].advance()
    assert scene.charger.evses[1].meter.register_wh - before == pytest.approx(11_040, rel=0.01)
    assert scene.charger.evses[1].ev.soc > 48


def test_a_car_that_talks_tells_its_state_of_charge() -> None:
    scene = Scene(ChargerSettings(evses=(EvseSettings(("cCCS2",)),)))
    scene.charger.set_ev(1, {"soc": 50.0, "evcc_id": "02:00:00:00:00:01"})
    scene.charge(1)
    scene.acknowledge(1)
    scene.charger.start()
    scene.clock.advance(60)
    info = scene.reports(1, Member.EV_INFO)[-1]
    assert info["evcc_id"] == "02:00:00:00:00:01"
    assert info["soc"] == 53.0
    scene.charger.unplug(1)
    assert scene.reports(1, Member.EV_INFO)[-1] == {}


# --- Errors, switches, locks ---------------------------------------------------------------------


@pytest.mark.parametrize(("fault_type", "reason"), STOPS.items())
def test_an_error_that_ends_charging_brings_inoperative_along(
    fault_type: str, reason: StopReason
) -> None:
    scene = charging()
    scene.charger.raise_fault(fault_type, 1)
    assert scene.event("TransactionFinished")["transaction_finished"]["reason"] == reason
    raised = [error["type"] for error in scene.reports(1, Member.RAISE_ERROR)]
    assert raised == list(dict.fromkeys([fault_type, "evse_manager/Inoperative"]))
    order = [report.member for report in scene.charger.lanes[1].waiting]
    assert order.index(Member.RAISE_ERROR) < len(order) - 3
    assert not scene.charger.evses[1].usable
    scene.charger.clear_fault(fault_type, 1)
    cleared = scene.reports(1, Member.CLEAR_ERROR)
    assert {error["uuid"] for error in cleared} == {
        error["uuid"] for error in scene.reports(1, Member.RAISE_ERROR)
    }
    assert scene.charger.evses[1].usable


def test_an_error_of_the_charger_concerns_every_evse() -> None:
    scene = charging()
    scene.charger.raise_fault("evse_board_support/MREC8EmergencyStop")
    assert scene.event("TransactionFinished")["transaction_finished"]["reason"] == "EmergencyStop"
    [error] = scene.reports(STATION, Member.RAISE_ERROR)
    assert "evse_id" not in error
    for evse_id in (1, 2):
        [caused] = scene.reports(evse_id, Member.RAISE_ERROR)
        assert caused["type"] == "evse_manager/Inoperative"
        assert caused["description"] == "caused_by:evse_board_support/MREC8EmergencyStop"
    assert scene.charger.clear_fault() == 3
    assert all(evse.usable for evse in scene.charger.evses.values())


def test_an_error_that_pauses_lets_charging_go_on_afterwards() -> None:
    scene = charging()
    uuid = scene.charger.raise_fault("evse_board_support/MREC3HighTemperature", 1)
    assert scene.event("ChargingPausedEVSE")["charging_paused_evse"] == {"reasons": ["Error"]}
    scene.charger.clear_fault(uuid)
    assert scene.names()[-1] == "ChargingStarted"


def test_an_error_without_effect_is_only_reported() -> None:
    scene = charging()
    before = scene.names()
    scene.charger.raise_fault("powermeter/CommunicationFault", 1, severity="Low", message="bus")
    assert scene.names() == before
    [error] = scene.reports(1, Member.RAISE_ERROR)
    assert error["severity"] == "Low"
    assert error["message"] == "bus"


def test_a_broken_lock_neither_charges_nor_opens() -> None:
    scene = charging()
    scene.charger.raise_fault(LOCK_FAILURE, 1, 1)
    assert scene.names()[-1] == "ChargingPausedEVSE"
    assert not scene.charger.force_unlock(1, 1)
    scene.charger.clear_fault(LOCK_FAILURE)
    assert scene.charger.force_unlock(1, 1)
    finished = scene.event("TransactionFinished")["transaction_finished"]
    assert finished["reason"] == "UnlockCommand"
    assert not scene.charger.force_unlock(1, 9)


@pytest.mark.parametrize(
    ("commands", "enabled"),
    [
        ([], True),
        ([("CSMS", "Disable", 5000)], False),
        ([("CSMS", "Disable", 5000), ("CSMS", "Enable", 5000)], True),
        ([("LocalKeyLock", "Disable", 100), ("CSMS", "Enable", 5000)], False),
        ([("LocalKeyLock", "Disable", 9000), ("CSMS", "Enable", 5000)], True),
        ([("MobileApp", "Enable", 5000), ("CSMS", "Disable", 5000)], False),
        ([("CSMS", "Disable", 5000), ("CSMS", "Unassigned", 5000)], True),
    ],
)
def test_the_switch_with_the_highest_priority_decides(
    commands: list[tuple[str, str, int]], enabled: bool
) -> None:
    scene = Scene()
    for source, state, priority in commands:
        answer = scene.charger.enable_disable(
            1,
            0,
            {"enable_source": source, "enable_state": state, "enable_priority": priority},
        )
        assert answer is scene.charger.evses[1].enabled(1)
    assert scene.charger.evses[1].enabled(1) is enabled


def test_switching_is_reported_for_the_connector_when_it_changes_something() -> None:
    scene = Scene(ChargerSettings(evses=(EvseSettings(("cType2", "sType2")),)))
    off = {"enable_source": "CSMS", "enable_state": "Disable", "enable_priority": 5000}
    scene.charger.enable_disable(1, 2, off)
    scene.charger.enable_disable(1, 2, off)
    scene.charger.enable_disable(1, 0, off)
    told = [(event["event"], event["connector_id"], event["source"]) for event in scene.events()]
    assert told == [("Disabled", 2, "CSMS"), ("Disabled", 1, "CSMS")]
    scene.charger.enable_disable(1, 0, {**off, "enable_state": "Enable"})
    assert [event["connector_id"] for event in scene.events()] == [2, 1, 1]
    assert scene.events()[-1]["event"] == "Enabled"


def test_disabling_ends_the_transaction() -> None:
    scene = charging()
    scene.charger.enable_disable(1, 1, {"enable_state": "Disable"})
    finished = scene.event("TransactionFinished")["transaction_finished"]
    assert finished["reason"] == "EVSEDisabled"
    assert scene.names()[-1] == "Disabled"


# --- Power, resets -------------------------------------------------------------------------------


def test_a_power_cut_says_nothing_and_the_transaction_goes_on_afterwards() -> None:
    scene = charging()
    before = scene.names()
    scene.charger.power_cut()
    register = scene.charger.evses[1].meter.register_wh
    assert not scene.on_bus
    scene.clock.advance(600)
    assert scene.names() == before
    scene.charger.power_on()
    assert scene.on_bus
    assert scene.charger.evses[1].meter.register_wh == register > 0
    scene.clock.advance(2)
    assert scene.names()[len(before) :] == ["PrepareCharging", "ChargingStarted"]
    assert len({event["uuid"] for event in scene.events()}) == 1


def test_a_transaction_that_is_not_resumed_ends_with_power_loss() -> None:
    scene = charging()
    scene.charger.power_cut()
    scene.charger.power_on(resume=False)
    assert scene.names()[-1] == "TransactionFinished"
    finished = scene.event("TransactionFinished")["transaction_finished"]
    assert finished["reason"] == "PowerLoss"


def test_what_happens_in_the_dark_is_noticed_when_the_power_is_back() -> None:
    scene = charging()
    scene.charger.plug_in(2)
    scene.charger.power_cut()
    scene.charger.unplug(1)
    scene.charger.unplug(2)
    scene.charger.power_on()
    assert scene.names()[-2:] == ["TransactionFinished", "SessionFinished"]
    finished = scene.event("TransactionFinished")["transaction_finished"]
    assert finished["reason"] == "EVDisconnected"
    assert scene.names(2)[-1] == "SessionFinished"
    scene.charger.power_cut()
    scene.charger.plug_in(1)
    scene.charger.power_on()
    assert scene.names()[-1] == "AuthRequired"
    assert scene.swipe() is Outcome.USED_TO_START


def test_an_authorization_does_not_survive_a_power_cut() -> None:
    scene = Scene()
    scene.swipe(evse_ids=(1,))
    scene.charger.power_cut()
    with pytest.raises(SimulatorError):
        scene.swipe()
    scene.charger.power_on()
    assert scene.names()[-2:] == ["Deauthorized", "SessionFinished"]
    scene.clock.advance(120)
    assert scene.names()[-1] == "SessionFinished"


def test_an_answer_about_a_token_that_comes_after_a_power_cut_is_void() -> None:
    scene = Scene(answers=False)
    scene.charger.plug_in(1)
    scene.swipe()
    scene.charger.power_cut()
    scene.answer(scene.asked[0])
    assert "Authorized" not in scene.names()


@pytest.mark.parametrize(
    ("reset_type", "scheduled", "reason", "boot"),
    [
        ("Soft", False, "SoftReset", "RemoteReset"),
        ("Hard", False, "HardReset", "RemoteReset"),
        ("NotSpecified", False, "ImmediateReset", "RemoteReset"),
        ("NotSpecified", True, "ImmediateReset", "ScheduledReset"),
    ],
)
def test_a_reset_ends_transactions_and_boots_with_its_reason(
    reset_type: str, scheduled: bool, reason: str, boot: str
) -> None:
    scene = charging()
    scene.charger.reset(reset_type, scheduled=scheduled)
    assert scene.event("TransactionFinished")["transaction_finished"]["reason"] == reason
    assert scene.on_bus, "reports get out before it goes down"
    scene.clock.advance(1)
    assert not scene.on_bus
    scene.clock.advance(3)
    assert scene.on_bus
    assert scene.charger.boot_reason == boot
    assert scene.names()[-1] == "TransactionFinished"


def test_the_reset_of_an_evse_leaves_the_others_alone() -> None:
    scene = charging()
    scene.charge(2, "B")
    assert scene.charger.reset_evse(1)
    assert scene.reports(1, Member.READY) == [False]
    scene.clock.advance(1)
    assert scene.reports(1, Member.READY)[-1] is True
    assert scene.names()[-1] == "TransactionFinished"
    assert scene.names(2)[-1] == "ChargingStarted"


def test_the_clock_is_set() -> None:
    scene = Scene()
    assert scene.charger.set_system_time("2030-05-01T10:00:00+02:00")
    assert not scene.charger.set_system_time("soon")
    assert not scene.charger.set_system_time("2030-05-01T10:00:00")
    scene.charger.plug_in(1)
    assert scene.events()[0]["timestamp"].startswith("2030-05-01T08:00:00")
