"""Whatever people, cars and the CSMS do in whatever order: sessions stay sane."""

import contextlib
import itertools
from collections import defaultdict
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocppd.model.tokens import AuthorizationStatus, AuthorizationType
from ocppd.tools.sim.evse import SimulatorError
from ocppd.tools.sim.settings import ChargerSettings, EvseSettings
from ocppd.tools.sim.supply import Limit
from tests.tools.sim.scene import Scene, token

EVSES = 2
evse_ids = st.integers(1, EVSES)
tokens = st.sampled_from(["A1", "A2", "B1", "BAD", "BOSS"])
faults = st.sampled_from(
    [
        "evse_manager/Inoperative",
        "evse_board_support/MREC3HighTemperature",
        "evse_board_support/MREC8EmergencyStop",
        "powermeter/CommunicationFault",
    ]
)
limits = st.one_of(
    st.none(),
    st.builds(Limit, st.sampled_from([0.0, 5.0, 10.0, 40.0]), st.just("A"), st.integers(1, 3)),
)
steps = st.one_of(
    st.tuples(st.just("plug_in"), evse_ids, st.integers(1, 2)),
    st.tuples(st.just("unplug"), evse_ids),
    st.tuples(st.just("swipe"), tokens),
    st.tuples(st.just("swipe_at"), tokens, evse_ids),
    st.tuples(st.just("remote_start"), tokens, evse_ids, st.booleans()),
    st.tuples(st.just("pause"), evse_ids),
    st.tuples(st.just("resume"), evse_ids),
    st.tuples(st.just("wants"), evse_ids, st.booleans()),
    st.tuples(st.just("limit"), evse_ids, limits),
    st.tuples(st.just("stop"), evse_ids),
    st.tuples(
        st.just("switch"), evse_ids, st.integers(0, 2), st.sampled_from(["Enable", "Disable"])
    ),
    st.tuples(st.just("fault"), faults, st.one_of(st.none(), evse_ids)),
    st.tuples(
        st.just("clear"),
    ),
    st.tuples(
        st.just("power_cut"),
    ),
    st.tuples(st.just("power_on"), st.booleans()),
    st.tuples(st.just("reset"), st.sampled_from(["Soft", "Hard", "NotSpecified"])),
    st.tuples(st.just("reset_evse"), evse_ids),
    st.tuples(
        st.just("withdraw"),
    ),
    st.tuples(st.just("clock"), st.sampled_from(["2000-01-01T00:00:00Z", "2040-01-01T00:00:00Z"])),
    st.tuples(st.just("wait"), st.sampled_from([0.0, 0.5, 2.0, 61.0, 4000.0])),
    st.tuples(
        st.just("ocppd_comes"),
    ),
)


def perform(scene: Scene, step: tuple[Any, ...]) -> None:
    charger = scene.charger
    match step:
        case "plug_in", evse_id, connector_id:
            charger.plug_in(evse_id, connector_id)
        case "unplug", evse_id:
            charger.unplug(evse_id)
        case "swipe", value:
            charger.swipe(token(value))
        case "swipe_at", value, evse_id:
            charger.swipe(token(value, evse_ids=(evse_id,)))
        case "remote_start", value, evse_id, prevalidated:
            by = AuthorizationType.OCPP
            charger.swipe(token(value, evse_ids=(evse_id,), by=by, prevalidated=prevalidated))
        case "pause", evse_id:
            charger.evse(evse_id).pause()
        case "resume", evse_id:
            charger.evse(evse_id).resume()
        case "wants", evse_id, wants:
            charger.set_ev(evse_id, {"wants": wants})
        case "limit", evse_id, limit:
            charger.set_limit(evse_id, limit)
        case "stop", evse_id:
            charger.stop_transaction(evse_id, "Remote")
        case "switch", evse_id, connector_id, state:
            charger.enable_disable(evse_id, connector_id, {"enable_state": state})
        case "fault", fault_type, evse_id:
            charger.raise_fault(fault_type, evse_id)
        case ("clear",):
            charger.clear_fault()
        case ("power_cut",):
            charger.power_cut()
        case "power_on", resume:
            charger.power_on(resume=resume)
        case "reset", reset_type:
            charger.reset(reset_type, scheduled=False)
        case "reset_evse", evse_id:
            charger.reset_evse(evse_id)
        case ("withdraw",):
            charger.withdraw_authorization(None, None)
        case "clock", moment:
            charger.set_system_time(moment)
        case "wait", seconds:
            scene.clock.advance(seconds)
        case ("ocppd_comes",):
            charger.begin_reports()


def check_session(names: list[str]) -> None:
    """Check the events of one session against what may follow what."""
    assert names[0] == "SessionStarted"
    assert names.count("SessionStarted") == 1
    assert names.count("SessionFinished") <= 1
    assert "SessionFinished" not in names[:-1]
    assert names.count("TransactionStarted") <= 1
    started, finished = names.count("TransactionStarted"), names.count("TransactionFinished")
    assert finished == started if names[-1] == "SessionFinished" else finished <= started
    begin = names.index("TransactionStarted") if "TransactionStarted" in names else len(names)
    end = names.index("TransactionFinished") if "TransactionFinished" in names else len(names)
    for place, name in enumerate(names):
        if name.startswith(("Charging", "PrepareCharging", "Switching", "Stopping")):
            assert begin < place < end, names
        if name == "TransactionStarted":
            assert "Authorized" in names[:place]
    for before, after in itertools.pairwise(names):
        assert not (before == after == "ChargingStarted")
        assert not (before == after == "ChargingPausedEV")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps, max_size=60))
def test_sessions_stay_sane(day: list[tuple[Any, ...]]) -> None:
    scene = Scene(
        ChargerSettings(
            evses=(EvseSettings(("cType2", "sType2")),) * EVSES,
            plug_in_timeout=True,
            meter_interval_s=30.0,
        ),
        groups={"A1": "FLEET", "A2": "FLEET", "BOSS": "MASTER"},
        statuses={"BAD": AuthorizationStatus.BLOCKED},
    )
    scene.charger.arbiter.master_pass_group_id = "MASTER"
    scene.charger.start()
    for step in day:
        with contextlib.suppress(SimulatorError):
            perform(scene, step)
    for evse in scene.charger.evses.values():
        # ocppd never came to take them, so that all events still wait, in order.
        events = [event for event in scene.events(evse.id) if event["event"] != "SessionResumed"]
        sessions: defaultdict[str, list[str]] = defaultdict(list)
        for event in events:
            if event["event"] not in ("Enabled", "Disabled"):
                sessions[event["uuid"]].append(event["event"])
        for names in sessions.values():
            check_session(names)
        unfinished = [names for names in sessions.values() if names[-1] != "SessionFinished"]
        assert len(unfinished) == (evse.session is not None)
        times = [event["timestamp"] for event in events]
        assert times == sorted(set(times))
        registers = [
            part["meter_value"]["energy_Wh_import"]["total"]
            for event in events
            for part in event.values()
            if isinstance(part, dict) and "meter_value" in part
        ]
        assert registers == sorted(registers)
        if evse.in_transaction and evse.flow.amperes[0] > 0:
            assert evse.powered
            assert evse.usable
            assert evse.ev is not None
