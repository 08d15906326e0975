"""What ocppd is told after it was away."""

from ocppd.tools.sim.outbox import STATION, Member
from tests.tools.sim.scene import Scene


def members(scene: Scene, evse_id: int) -> list[str]:
    return [str(report.member) for report in scene.charger.lanes[evse_id].waiting]


def test_the_first_ocppd_hears_what_the_evse_is_and_then_that_it_is_ready() -> None:
    scene = Scene()
    scene.charger.begin_reports()
    assert members(scene, 1) == [
        Member.HW_CAPABILITIES,
        Member.ENERGY_TRANSFER_MODES,
        Member.LIMITS,
        Member.READY,
        Member.EV_INFO,
    ]
    assert scene.reports(1, Member.READY) == [True]
    assert members(scene, STATION) == []


def test_a_new_ocppd_hears_first_of_the_running_session() -> None:
    scene = Scene()
    scene.charge(1)
    uuid = scene.events()[0]["uuid"]
    scene.acknowledge(1)
    scene.clock.advance(60)
    scene.charger.begin_reports()
    resumed = scene.events()[0]
    assert members(scene, 1)[0] == Member.SESSION_EVENT
    assert (resumed["event"], resumed["uuid"]) == ("SessionResumed", uuid)
    assert resumed["timestamp"] == "2026-03-01T12:01:02.000Z"
    assert scene.names(2) == []


def test_events_that_wait_come_after_readiness_and_are_younger_than_the_resumption() -> None:
    scene = Scene()
    scene.charge(1)
    scene.acknowledge(1)
    scene.clock.advance(60)
    scene.swipe()
    scene.charger.unplug(1)
    scene.clock.advance(60)
    scene.charger.begin_reports()
    order = members(scene, 1)
    assert order.index(Member.READY) < order.index(Member.SESSION_EVENT, 1)
    assert scene.names() == [
        "SessionResumed",
        "StoppingCharging",
        "ChargingFinished",
        "TransactionFinished",
        "SessionFinished",
    ]
    times = [event["timestamp"] for event in scene.events()]
    assert times == sorted(set(times))


def test_a_session_whose_start_still_waits_is_not_resumed() -> None:
    scene = Scene()
    scene.charge(1)
    scene.charger.begin_reports()
    assert scene.names()[0] == "SessionStarted"


def test_a_session_whose_end_is_acknowledged_is_not_resumed() -> None:
    scene = Scene()
    scene.charge(1)
    scene.charger.unplug(1)
    scene.acknowledge(1)
    scene.charger.begin_reports()
    assert scene.names() == []


def test_a_second_restart_resumes_once() -> None:
    scene = Scene()
    scene.charge(1)
    scene.acknowledge(1)
    scene.charger.begin_reports()
    scene.clock.advance(1)
    scene.charger.begin_reports()
    assert scene.names() == ["SessionResumed"]
    assert members(scene, 1).count(Member.READY) == 1


def test_a_power_cut_is_told_as_a_resumption_before_what_follows_from_it() -> None:
    scene = Scene()
    scene.charge(1)
    scene.acknowledge(1)
    scene.charger.power_cut()
    scene.clock.advance(60)
    scene.charger.power_on(resume=False)
    scene.charger.begin_reports()
    assert scene.names() == ["SessionResumed", "TransactionFinished"]
    times = [event["timestamp"] for event in scene.events()]
    assert times == sorted(set(times))
    assert times[0] > "2026-03-01T12:01"


def test_errors_and_switches_are_told_to_each_new_ocppd() -> None:
    scene = Scene()
    scene.charger.raise_fault("powermeter/CommunicationFault", 1)
    scene.charger.raise_fault("evse_board_support/MREC8EmergencyStop")
    scene.charger.enable_disable(2, 1, {"enable_source": "LocalKeyLock", "enable_state": "Disable"})
    scene.acknowledge(1, 2)
    scene.acknowledge(2)
    scene.charger.begin_reports()
    assert [error["type"] for error in scene.reports(STATION, Member.RAISE_ERROR)] == [
        "evse_board_support/MREC8EmergencyStop"
    ]
    assert [error["type"] for error in scene.reports(1, Member.RAISE_ERROR)] == [
        "powermeter/CommunicationFault",
        "evse_manager/Inoperative",
    ]
    assert [(event["event"], event["source"]) for event in scene.events(2)] == [
        ("Disabled", "LocalKeyLock")
    ]


def test_an_event_that_is_refused_for_good_makes_no_known_session() -> None:
    scene = Scene()
    scene.charger.plug_in(1)
    lane = scene.charger.lanes[1]
    for report in list(lane.waiting):
        lane.done(report, acknowledged=False)
    assert lane.head() is None
    assert lane.known is None
