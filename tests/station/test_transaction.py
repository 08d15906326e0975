"""The state machine of a transaction, row by row of the contract, and under any order."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocppd.model.sessions import (
    SessionEvent,
    SessionEventType,
    SessionStartReason,
    StopReason,
)
from ocppd.model.tokens import AuthorizationType, IdToken, IdTokenType, ProvidedIdToken
from ocppd.model.transactions import (
    ChargingState,
    StoppedReason,
    TransactionEvent,
    TransactionEventType,
    TriggerReason,
)
from ocppd.station.evse import RemoteStart
from ocppd.station.session_changes import STOP_REASONS, change_of
from ocppd.station.transaction import (
    DEFAULT_START,
    DEFAULT_STOP,
    Condition,
    Policy,
    Session,
    Surroundings,
    TxPoint,
    advance,
    holds,
    points,
)

T0 = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TOKEN = IdToken("04A224B2", IdTokenType.ISO14443)
OTHER = IdToken("CAFE", IdTokenType.ISO14443)

E = SessionEventType
R = TriggerReason
S = ChargingState
STARTED, UPDATED, ENDED = (
    TransactionEventType.STARTED,
    TransactionEventType.UPDATED,
    TransactionEventType.ENDED,
)


def provided(token: IdToken, how: AuthorizationType = AuthorizationType.RFID) -> ProvidedIdToken:
    return ProvidedIdToken(token, how)


@dataclass
class Run:
    """A session that is driven step by step, ten seconds apart."""

    policy: Policy = field(default_factory=Policy)
    around: Surroundings = field(default_factory=lambda: Surroundings(meter_wh=1000))
    session: Session = field(default_factory=lambda: Session("session-1", 1, 1, T0, T0))
    told: list[TransactionEvent] = field(default_factory=list)
    _time: count = field(default_factory=count)
    _ids: count = field(default_factory=lambda: count(2))

    def __call__(
        self,
        event: SessionEventType,
        *,
        remote: RemoteStart | None = None,
        requested: StopReason | None = None,
        **parts: object,
    ) -> TransactionEvent | None:
        at = T0 + timedelta(seconds=10 * next(self._time))
        report = SessionEvent("session-1", at, event, **parts)  # type: ignore[arg-type]
        change = change_of(self.session, report, self.policy, remote, requested)
        if change is None:
            return None
        step = advance(
            self.session, change, self.policy, self.around, lambda: f"tx-{next(self._ids)}"
        )
        self.session = step.session
        if step.event is not None:
            self.told.append(step.event)
        return step.event

    def plug(self, **parts: object) -> TransactionEvent | None:
        return self(E.SESSION_STARTED, start_reason=SessionStartReason.EV_CONNECTED, **parts)

    def swipe_first(self, **parts: object) -> TransactionEvent | None:
        parts.setdefault("id_token", provided(TOKEN))
        return self(E.SESSION_STARTED, start_reason=SessionStartReason.AUTHORIZED, **parts)

    def start(self, **parts: object) -> TransactionEvent | None:
        parts.setdefault("id_token", provided(TOKEN))
        return self(E.TRANSACTION_STARTED, **parts)

    def finish(self, reason: StopReason | None, **parts: object) -> TransactionEvent | None:
        return self(E.TRANSACTION_FINISHED, stop_reason=reason, **parts)


def policy(start: str, stop: str) -> Policy:
    return Policy(points(start.split(","), DEFAULT_START), points(stop.split(","), DEFAULT_STOP))


def charging(start: str = "PowerPathClosed", stop: str = "EVConnected,Authorized") -> Run:
    run = Run(policy(start, stop))
    run.plug()
    run.start()
    run(E.CHARGING_STARTED)
    return run


# Contract 3.1: each session event, while a transaction is open from the plug on.
@pytest.mark.parametrize(
    ("event", "trigger", "state"),
    [
        (E.CHARGING_STARTED, R.CHARGING_STATE_CHANGED, S.CHARGING),
        (E.CHARGING_PAUSED_EV, R.CHARGING_STATE_CHANGED, S.SUSPENDED_EV),
        (E.CHARGING_PAUSED_EVSE, R.CHARGING_STATE_CHANGED, S.SUSPENDED_EVSE),
        (E.CHARGING_RESUMED, R.CHARGING_STATE_CHANGED, S.CHARGING),
        (E.DEAUTHORIZED, R.STOP_AUTHORIZED, S.EV_CONNECTED),
        (E.SWITCHING_PHASES, None, None),
        (E.AUTHORIZED, None, None),
        (E.AUTH_REQUIRED, None, None),
        (E.PREPARE_CHARGING, None, None),
        (E.STOPPING_CHARGING, None, None),
        (E.CHARGING_FINISHED, None, None),
        (E.PLUGIN_TIMEOUT, None, None),
        (E.RESERVATION_START, None, None),
        (E.ENABLED, None, None),
    ],
)
def test_each_session_event(
    event: SessionEventType, trigger: TriggerReason | None, state: ChargingState | None
) -> None:
    run = Run(policy("EVConnected", "EVConnected"))
    run.plug()
    run.start()
    told = run(event)
    if trigger is None:
        assert told is None
    else:
        assert told is not None
        assert (told.event_type, told.trigger_reason, told.charging_state) == (
            UPDATED,
            trigger,
            state,
        )


@pytest.mark.requirement("E02.FR.06", "E01.FR.02", "E01.FR.16")
def test_cable_first_with_ev_connected() -> None:
    run = Run(policy("EVConnected", "EVConnected"))
    told = run.plug(reservation_id=7)
    assert told is not None
    assert told.event_type is STARTED
    assert told.trigger_reason is R.CABLE_PLUGGED_IN
    assert told.charging_state is S.EV_CONNECTED
    assert told.transaction_id == "session-1"
    assert told.reservation_id == 7
    assert told.evse_told
    assert told.id_token is None
    assert not told.authorizes


@pytest.mark.requirement("E01.FR.03", "E01.FR.10", "E03.FR.01", "E01.FR.16")
def test_token_first_with_authorized() -> None:
    run = Run(policy("Authorized", "Authorized"))
    told = run.swipe_first()
    assert told is not None
    assert (told.event_type, told.trigger_reason) == (STARTED, R.AUTHORIZED)
    assert told.charging_state is S.IDLE
    assert told.id_token == TOKEN
    assert told.authorizes
    plugged = run.start()
    assert plugged is not None
    assert (plugged.event_type, plugged.trigger_reason) == (UPDATED, R.CABLE_PLUGGED_IN)
    assert plugged.charging_state is S.EV_CONNECTED
    assert plugged.id_token is None  # never repeated
    assert plugged.starting_token == TOKEN
    assert not plugged.authorizes
    assert plugged.evse_told


@pytest.mark.requirement("E02.FR.01", "E02.FR.20")
def test_the_token_comes_with_the_first_event_after_authorization() -> None:
    run = Run(policy("EVConnected", "EVConnected"))
    run.plug()
    told = run.start(reservation_id=3)
    assert told is not None
    assert (told.event_type, told.trigger_reason) == (UPDATED, R.AUTHORIZED)
    assert told.id_token == TOKEN
    assert told.authorizes
    assert told.reservation_id == 3
    assert told.authorized_meter_wh == 1000
    later = run(E.CHARGING_STARTED)
    assert later is not None
    assert later.id_token is None
    assert later.reservation_id is None


@pytest.mark.requirement("F01.FR.19", "F01.FR.25", "F02.FR.01", "F02.FR.21")
def test_the_event_after_a_remote_start_says_so() -> None:
    remote = RemoteStart(TOKEN, 42, None, T0)
    run = Run()
    assert run.plug() is None
    told = run.start(remote=remote)
    assert told is not None
    assert (told.event_type, told.trigger_reason) == (STARTED, R.REMOTE_START)
    assert told.remote_start_id == 42
    later = run(E.CHARGING_STARTED)
    assert later is not None
    assert later.trigger_reason is R.CHARGING_STATE_CHANGED
    assert later.remote_start_id is None


def test_a_token_of_type_ocpp_is_a_remote_start() -> None:
    run = Run()
    told_first = run.swipe_first(id_token=provided(TOKEN, AuthorizationType.OCPP))
    assert told_first is None
    told = run.start(id_token=provided(TOKEN, AuthorizationType.OCPP))
    assert told is not None
    assert told.trigger_reason is R.REMOTE_START


# Contract 3.3.
@pytest.mark.parametrize("reason", list(StopReason))
def test_each_stop_reason(reason: StopReason) -> None:
    run = charging()
    told = run.finish(reason)
    assert told is not None
    assert told.event_type is ENDED
    assert (told.stopped_reason, told.trigger_reason) == STOP_REASONS[reason]
    unplugged = reason is StopReason.EV_DISCONNECTED
    assert told.charging_state is (S.IDLE if unplugged else S.EV_CONNECTED)
    assert run(E.SESSION_FINISHED) is None


@pytest.mark.parametrize(
    ("reason", "stopped", "trigger"),
    [
        ("DeAuthorized", "DeAuthorized", "Deauthorized"),
        ("Remote", "Remote", "RemoteStop"),
        ("Local", "Local", "StopAuthorized"),
        ("MasterPass", "MasterPass", "StopAuthorized"),
        ("StoppedByEV", "StoppedByEV", "StopAuthorized"),
        ("EVDisconnected", "EVDisconnected", "EVCommunicationLost"),
        ("HardReset", "ImmediateReset", "ResetCommand"),
        ("ImmediateReset", "ImmediateReset", "ResetCommand"),
        ("Reboot", "Reboot", "ResetCommand"),
        ("EmergencyStop", "EmergencyStop", "AbnormalCondition"),
        ("GroundFault", "GroundFault", "AbnormalCondition"),
        ("OvercurrentFault", "OvercurrentFault", "AbnormalCondition"),
        ("PowerLoss", "PowerLoss", "AbnormalCondition"),
        ("PowerQuality", "PowerQuality", "AbnormalCondition"),
        ("Other", "Other", "AbnormalCondition"),
        ("ReqEnergyTransferRejected", "ReqEnergyTransferRejected", "AbnormalCondition"),
        ("EnergyLimitReached", "EnergyLimitReached", "EnergyLimitReached"),
        ("SOCLimitReached", "SOCLimitReached", "EnergyLimitReached"),
        ("TimeLimitReached", "TimeLimitReached", "TimeLimitReached"),
        ("LocalOutOfCredit", "LocalOutOfCredit", "ChargingStateChanged"),
        ("Timeout", "Timeout", "EVConnectTimeout"),
        ("SoftReset", "Other", "AbnormalCondition"),
        ("UnlockCommand", "Other", "AbnormalCondition"),
        ("EVSEDisabled", "Other", "AbnormalCondition"),
    ],
)
def test_stop_reasons_of_2x(reason: str, stopped: str, trigger: str) -> None:
    host = StopReason(reason)
    assert STOP_REASONS[host] == (StoppedReason(stopped), TriggerReason(trigger))


def test_every_stop_reason_has_its_row() -> None:
    assert set(STOP_REASONS) == set(StopReason)


# Contract 3.2 and E01: which event starts a transaction.
@pytest.mark.requirement("E01.FR.02", "E01.FR.03", "E01.FR.05", "E01.FR.06", "E01.FR.04")
@pytest.mark.parametrize(
    ("start", "cable_first", "token_first"),
    [
        ("ParkingBayOccupancy", None, None),
        ("EVConnected", "plug", "start"),
        ("Authorized", "start", "swipe"),
        ("PowerPathClosed", "start", "start"),
        ("EnergyTransfer", "charge", "charge"),
        ("DataSigned", None, None),
        ("EVConnected,Authorized", "plug", "swipe"),
        ("ParkingBayOccupancy,EnergyTransfer", "charge", "charge"),
        ("nonsense", "start", "start"),
    ],
)
def test_start_points(start: str, cable_first: str | None, token_first: str | None) -> None:
    run = Run(policy(start, ""))
    steps = {
        "plug": run.plug(),
        "start": run.start(),
        "charge": run(E.CHARGING_STARTED),
    }
    assert [name for name, told in steps.items() if told and told.event_type is STARTED] == (
        [cable_first] if cable_first else []
    )
    run = Run(policy(start, ""))
    steps = {
        "swipe": run.swipe_first(),
        "start": run.start(),
        "charge": run(E.CHARGING_STARTED),
    }
    assert [name for name, told in steps.items() if told and told.event_type is STARTED] == (
        [token_first] if token_first else []
    )


@pytest.mark.requirement("E06.FR.02", "E06.FR.03", "E06.FR.06", "E06.FR.07")
@pytest.mark.parametrize(
    ("stop", "ended_by", "reason", "trigger"),
    [
        ("EVConnected", "unplug", StoppedReason.LOCAL, R.EV_COMMUNICATION_LOST),
        ("Authorized", "finish", StoppedReason.LOCAL, R.STOP_AUTHORIZED),
        ("PowerPathClosed", "finish", StoppedReason.LOCAL, R.STOP_AUTHORIZED),
        ("EnergyTransfer", "pause", StoppedReason.STOPPED_BY_EV, R.CHARGING_STATE_CHANGED),
        # Nobody sees the car leave the bay: the end of the session is the last chance.
        ("ParkingBayOccupancy", "unplug", StoppedReason.LOCAL, R.EV_COMMUNICATION_LOST),
        ("EVConnected,Authorized", "finish", StoppedReason.LOCAL, R.STOP_AUTHORIZED),
    ],
)
def test_stop_points(
    stop: str, ended_by: str, reason: StoppedReason, trigger: TriggerReason
) -> None:
    run = charging(stop=stop)
    steps = {
        "pause": run(E.CHARGING_PAUSED_EV),
        "finish": run.finish(StopReason.LOCAL, id_token=provided(TOKEN)),
        "unplug": run(E.SESSION_FINISHED),
    }
    [(name, told)] = [
        (name, told)
        for name, told in steps.items()
        if told is not None and told.event_type is ENDED
    ]
    assert (name, told.stopped_reason, told.trigger_reason) == (ended_by, reason, trigger)


@pytest.mark.requirement("E06.FR.02", "E06.FR.08")
def test_unplugged_without_more() -> None:
    run = charging()
    told = run(E.SESSION_FINISHED)
    assert told is not None
    assert told.stopped_reason is StoppedReason.EV_DISCONNECTED
    assert told.trigger_reason is R.EV_COMMUNICATION_LOST
    assert told.charging_state is S.IDLE
    assert told.host_stop_reason is StopReason.EV_DISCONNECTED


@pytest.mark.requirement("E07.FR.02", "E07.FR.05")
def test_the_stopping_token_is_told() -> None:
    run = charging()
    told = run.finish(StopReason.LOCAL, id_token=provided(OTHER))
    assert told is not None
    assert told.event_type is ENDED
    assert told.id_token == OTHER
    assert told.stop_token == OTHER
    assert told.starting_token == TOKEN
    assert not told.authorizes


def test_the_stopping_token_waits_for_the_end_where_16_needs_it() -> None:
    run = charging("EVConnected", "EVConnected")
    told = run.finish(StopReason.LOCAL, id_token=provided(OTHER))
    assert told is not None
    assert (told.event_type, told.id_token) == (UPDATED, OTHER)
    assert told.stopped_reason is None
    ended = run(E.SESSION_FINISHED)
    assert ended is not None
    assert ended.id_token is None
    assert (ended.stop_token, ended.host_stop_reason) == (OTHER, StopReason.LOCAL)


@pytest.mark.requirement("F03.FR.02")
def test_energy_stopped_by_remote_without_end() -> None:
    run = charging("EVConnected", "EVConnected")
    told = run(E.CHARGING_PAUSED_EVSE, requested=StopReason.REMOTE)
    assert told is not None
    assert (told.event_type, told.trigger_reason) == (UPDATED, R.REMOTE_STOP)
    assert told.charging_state is S.SUSPENDED_EVSE


@pytest.mark.requirement("E03.FR.05", "E03.FR.15")
@pytest.mark.parametrize(
    ("stop", "event_type", "reason"),
    [
        ("Authorized", ENDED, StoppedReason.TIMEOUT),
        ("EVConnected", ENDED, StoppedReason.TIMEOUT),
        ("ParkingBayOccupancy", UPDATED, None),
    ],
)
def test_no_cable_in_time(
    stop: str, event_type: TransactionEventType, reason: StoppedReason | None
) -> None:
    run = Run(policy("Authorized", stop))
    run.swipe_first()
    told = run(E.PLUGIN_TIMEOUT)
    assert told is not None
    assert (told.event_type, told.trigger_reason, told.stopped_reason) == (
        event_type,
        R.EV_CONNECT_TIMEOUT,
        reason,
    )
    assert told.charging_state is S.IDLE


@pytest.mark.requirement("B12.FR.01")
@pytest.mark.parametrize("stop", [point.value for point in TxPoint])
def test_an_immediate_reset_ends_it_whatever_the_stop_point(stop: str) -> None:
    told = charging("EVConnected", stop).finish(StopReason.HARD_RESET)
    assert told is not None
    assert told.event_type is ENDED
    assert told.stopped_reason is StoppedReason.IMMEDIATE_RESET


@pytest.mark.requirement("E01.FR.06", "E06.FR.07", "E01.FR.08")
def test_energy_again_after_energy_ended_it_is_a_new_transaction() -> None:
    run = charging("EnergyTransfer", "EnergyTransfer")
    run(E.CHARGING_PAUSED_EV)
    told = run(E.CHARGING_RESUMED)
    assert told is not None
    assert (told.event_type, told.seq_no) == (STARTED, 0)
    assert told.transaction_id == "tx-2"
    assert told.session_id == "session-1"
    assert told.id_token == TOKEN
    assert told.authorizes


def test_authorized_anew_after_a_stop_forgets_why_it_stopped() -> None:
    run = charging("EVConnected", "EVConnected")
    run.finish(StopReason.LOCAL, id_token=provided(TOKEN))
    again = run.start(id_token=provided(OTHER))
    assert again is not None
    assert (again.event_type, again.id_token) == (UPDATED, OTHER)
    assert not again.authorizes
    ended = run(E.SESSION_FINISHED)
    assert ended is not None
    assert ended.stopped_reason is StoppedReason.EV_DISCONNECTED


def test_time_spent_charging_counts_the_energy_transfer_alone() -> None:
    run = charging()  # charging since 20 s
    run(E.CHARGING_PAUSED_EV)  # 30 s
    run(E.CHARGING_RESUMED)  # 40 s
    told = run.finish(StopReason.LOCAL)  # 50 s
    assert told is not None
    assert told.time_spent_charging_s == 20


@pytest.mark.requirement("E02.FR.18", "E02.FR.19")
def test_phases_are_told_when_energy_flows_and_when_they_change() -> None:
    run = Run(around=Surroundings(phases=3, cable_a=32))
    run.plug()
    started = run.start()
    assert started is not None
    assert started.number_of_phases_used is None
    assert started.cable_max_current_a == 32
    flowing = run(E.CHARGING_STARTED)
    assert flowing is not None
    assert flowing.number_of_phases_used == 3
    assert flowing.cable_max_current_a is None
    run.around = Surroundings(phases=1)
    run(E.CHARGING_PAUSED_EVSE)
    fewer = run(E.CHARGING_RESUMED)
    assert fewer is not None
    assert fewer.number_of_phases_used == 1


def test_a_second_transaction_started_tells_nothing() -> None:
    run = charging()
    assert run.start() is None
    assert run(E.CHARGING_STARTED) is None


def test_a_transaction_that_was_never_authorized_ends_all_the_same() -> None:
    run = Run(policy("EVConnected", "Authorized"))
    run.plug()
    told = run(E.SESSION_FINISHED)
    assert told is not None
    assert told.event_type is ENDED
    assert told.starting_token is None


def test_holds_is_the_definition_of_each_point() -> None:
    both = frozenset({Condition.EV_CONNECTED, Condition.AUTHORIZED})
    assert holds(TxPoint.POWER_PATH_CLOSED, both)
    assert not holds(TxPoint.POWER_PATH_CLOSED, both - {Condition.AUTHORIZED})
    assert not holds(TxPoint.PARKING_BAY_OCCUPANCY, frozenset(Condition))
    assert holds(TxPoint.DATA_SIGNED, frozenset({Condition.DATA_SIGNED}))


ACTIONS = ["plug", "swipe", "start", "charge", "pause_ev", "pause_evse", "resume", "deauthorize",
           "finish", "timeout", "unplug", "end"]  # fmt: skip


@pytest.mark.requirement("E01.FR.07", "E01.FR.08", "E06.FR.14", "E01.FR.14")
@settings(max_examples=400, deadline=None)
@given(
    start=st.frozensets(st.sampled_from(TxPoint), min_size=1),
    stop=st.frozensets(st.sampled_from(TxPoint), min_size=1),
    actions=st.lists(st.sampled_from(ACTIONS), max_size=25),
    reason=st.sampled_from(StopReason),
)
def test_any_order_is_told_as_a_story(
    start: frozenset[TxPoint],
    stop: frozenset[TxPoint],
    actions: list[str],
    reason: StopReason,
) -> None:
    run = Run(Policy(start, stop))
    do = {
        "plug": run.plug,
        "swipe": run.swipe_first,
        "start": run.start,
        "charge": lambda: run(E.CHARGING_STARTED),
        "pause_ev": lambda: run(E.CHARGING_PAUSED_EV),
        "pause_evse": lambda: run(E.CHARGING_PAUSED_EVSE),
        "resume": lambda: run(E.CHARGING_RESUMED),
        "deauthorize": lambda: run(E.DEAUTHORIZED),
        "finish": lambda: run.finish(reason, id_token=provided(TOKEN)),
        "timeout": lambda: run(E.PLUGIN_TIMEOUT),
        "unplug": lambda: run.finish(StopReason.EV_DISCONNECTED),
        "end": lambda: run(E.SESSION_FINISHED),
    }
    for action in [*actions, "end"]:
        do[action]()
    assert run.session.transaction is None
    open_id: str | None = None
    seen: set[str] = set()
    seq_no = 0
    authorizing = 0
    for event in run.told:
        if event.event_type is STARTED:
            assert open_id is None
            assert event.transaction_id not in seen
            open_id, seq_no, authorizing = event.transaction_id, 0, 0
            seen.add(open_id)
        assert event.transaction_id == open_id
        assert event.seq_no == seq_no
        seq_no += 1
        authorizing += event.authorizes
        assert authorizing <= 1
        # 1.6 can tell what follows only because it was told who charges.
        assert (event.starting_token is None) == (authorizing == 0)
        assert (event.stopped_reason is not None) == (event.event_type is ENDED)
        assert (event.host_stop_reason is not None) == (event.event_type is ENDED)
        if event.event_type is ENDED:
            open_id = None
    assert open_id is None
