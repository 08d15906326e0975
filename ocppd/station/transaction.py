"""Transactions of one session, as a state machine without I/O (block E).

A session of the host is a set of conditions: the car is connected, the driver is authorized,
energy flows, the meter signs. TxStartPoint says which of them start a transaction, TxStopPoint
which end it when they cease (E01, E06). `advance` takes what changed and returns the session
after it, with what the CSMS is to be told. Meter values and the offline flag are added by
whoever queues the events.

Left out: ParkingBayOccupancy, which no interface of the host reports.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import partial

from ocppd.model.sessions import SessionEventType, StopReason
from ocppd.model.tokens import IdToken
from ocppd.model.transactions import (
    ChargingState,
    StoppedReason,
    TransactionEvent,
    TransactionEventType,
    TriggerReason,
)
from ocppd.model.variables import EvseRef


class Condition(StrEnum):
    """What may be true of a session."""

    EV_CONNECTED = "EVConnected"
    AUTHORIZED = "Authorized"
    ENERGY_TRANSFER = "EnergyTransfer"
    DATA_SIGNED = "DataSigned"


class TxPoint(StrEnum):
    """TxStartStopPointEnumType: members of TxStartPoint and TxStopPoint."""

    PARKING_BAY_OCCUPANCY = "ParkingBayOccupancy"
    EV_CONNECTED = "EVConnected"
    AUTHORIZED = "Authorized"
    DATA_SIGNED = "DataSigned"
    POWER_PATH_CLOSED = "PowerPathClosed"
    ENERGY_TRANSFER = "EnergyTransfer"


NEEDED: dict[TxPoint, frozenset[Condition]] = {
    TxPoint.EV_CONNECTED: frozenset({Condition.EV_CONNECTED}),
    TxPoint.AUTHORIZED: frozenset({Condition.AUTHORIZED}),
    TxPoint.DATA_SIGNED: frozenset({Condition.DATA_SIGNED}),
    TxPoint.POWER_PATH_CLOSED: frozenset({Condition.EV_CONNECTED, Condition.AUTHORIZED}),
    TxPoint.ENERGY_TRANSFER: frozenset({Condition.ENERGY_TRANSFER}),
}
"""The conditions that make each point true; ParkingBayOccupancy is never seen."""

DEFAULT_START = frozenset({TxPoint.POWER_PATH_CLOSED})
DEFAULT_STOP = frozenset({TxPoint.EV_CONNECTED, TxPoint.AUTHORIZED})


@dataclass(frozen=True, slots=True)
class Policy:
    """TxCtrlr.TxStartPoint and TxStopPoint as they are now."""

    start: frozenset[TxPoint] = DEFAULT_START
    stop: frozenset[TxPoint] = DEFAULT_STOP


def points(members: Iterable[str], default: frozenset[TxPoint]) -> frozenset[TxPoint]:
    """Return the points that a member list names; the default where it names none that is known."""
    named = set(members)
    return frozenset(point for point in TxPoint if point.value in named) or default


def holds(point: TxPoint, conditions: frozenset[Condition]) -> bool:
    """Tell whether a point is true under these conditions."""
    needed = NEEDED.get(point)
    return needed is not None and needed <= conditions


@dataclass(frozen=True, slots=True)
class Stop:
    """Why the energy was stopped, and by whom; told when the transaction ends (E07.FR.05).

    `host_reason` is the same in the host's words.
    """

    reason: StoppedReason
    host_reason: StopReason
    token: IdToken | None = None


@dataclass(frozen=True, slots=True)
class Transaction:
    """One open transaction, with what its CSMS has been told.

    Attributes:
        id: at most 36 characters, never used twice (E01.FR.08)
        start_meter_wh: the import register when it started
        seq_no: of the next event, from 0
        token_told: the starting token as last told
        connected_told: an event told the EVSE after the car was connected (E01.FR.16)
        charging_s: seconds of energy transfer until `charging_since`
        charging_since: since when energy flows, if it does
        stop: why authorization or energy ended, before the transaction does
        invalid_token: the CSMS did not accept the token (E05)
        phases_told: numberOfPhasesUsed as last told
        key_told: the meter's public key went out with an event
        csms_id: what the CSMS calls it, once it is known

    """

    id: str
    started_at: datetime
    start_meter_wh: int | None = None
    seq_no: int = 0
    token_told: IdToken | None = None
    connected_told: bool = False
    authorized_at: datetime | None = None
    authorized_meter_wh: int | None = None
    charging_s: float = 0.0
    charging_since: datetime | None = None
    stop: Stop | None = None
    invalid_token: bool = False
    phases_told: int | None = None
    cable_told: bool = False
    key_told: bool = False
    csms_id: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A report that was taken; the same one again changes nothing."""

    event: SessionEventType
    timestamp: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A session of the host, from plug-in or authorization to plug-out.

    Attributes:
        seen: the last reports, oldest first
        began: how many transactions began in it
        remote: the token came from the CSMS, and no event has told so yet
        remote_start_id: of that remote start, until it is told (F01.FR.25)
        reservation_id: until it is told (E01.FR.13)

    """

    uuid: str
    evse_id: int
    connector_id: int
    started_at: datetime
    last_event_at: datetime
    seen: tuple[Seen, ...] = ()
    conditions: tuple[Condition, ...] = ()
    charging_state: ChargingState = ChargingState.IDLE
    id_token: IdToken | None = None
    remote: bool = False
    remote_start_id: int | None = None
    reservation_id: int | None = None
    began: int = 0
    transaction: Transaction | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What a report, or the station itself, says has changed.

    Attributes:
        trigger: why the CSMS is told, if it is
        adds: conditions that are true from now on
        removes: conditions that are not true any more
        charging_state: the new state, if the report says it
        token: who was authorized, with `adds` of Authorized
        stop: why it ends, if it ends now
        stop_lasts: it is also why it ends later (E07.FR.05)
        stop_token_told: the stopping token belongs into this very event (E07.FR.02)
        ends: the transaction ends whatever TxStopPoint says
        tells: the CSMS is told even if no condition changed

    """

    at: datetime
    trigger: TriggerReason
    adds: frozenset[Condition] = frozenset()
    removes: frozenset[Condition] = frozenset()
    charging_state: ChargingState | None = None
    token: IdToken | None = None
    remote: bool = False
    remote_start_id: int | None = None
    reservation_id: int | None = None
    stop: Stop | None = None
    stop_lasts: bool = False
    stop_token_told: bool = False
    ends: bool = False
    tells: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known around the session at the moment of a change.

    `meter_wh` is the import register, `phases` how many phases are used, `cable_a` the most
    that the cable carries.
    """

    meter_wh: int | None = None
    offline: bool = False
    phases: int | None = None
    cable_a: int | None = None
    evcc_id: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """The session after a change, and what the CSMS is told: nothing, or one event."""

    session: Session
    event: TransactionEvent | None = None


def advance(
    session: Session,
    change: Change,
    policy: Policy,
    around: Surroundings,
    new_id: Callable[[], str],
) -> Step:
    """Return the session after a change, and the event that tells the CSMS of it.

    The first transaction of a session has the session's id (contract 1.11); one that follows
    in the same session, because energy flows again after EnergyTransfer ended the first, has a
    new one (E01.FR.08).
    """
    before = frozenset(session.conditions)
    after = (before | change.adds) - change.removes
    known = _learn(session, change, before, after)
    authorized = Condition.AUTHORIZED in after - before
    tell = partial(_tell, change=change, around=around, authorized=authorized)
    event: TransactionEvent | None = None
    if known.transaction is None:
        if after - before and any(holds(point, after) for point in policy.start):
            known = _begin(known, change, around, new_id)
            known, event = tell(known, TransactionEventType.STARTED)
        return Step(known, event)
    ends = change.ends or any(
        holds(point, before) and not holds(point, after) for point in policy.stop
    )
    if ends:
        known, event = tell(known, TransactionEventType.ENDED)
        known = replace(known, transaction=None)
    elif (
        change.tells
        or after != before
        or known.charging_state is not session.charging_state
        or _token_untold(known)
    ):
        known, event = tell(known, TransactionEventType.UPDATED)
    return Step(known, event)


def untold(before: Session, step: Step) -> Session:
    """Return the session after a step whose event is never told: the next one has to say it all."""
    after, event = step.session, step.event
    if event is None or before.transaction is None or after.transaction is None:
        return after
    return replace(
        after,
        reservation_id=event.reservation_id,
        transaction=replace(
            after.transaction,
            connected_told=before.transaction.connected_told,
            phases_told=before.transaction.phases_told,
            cable_told=before.transaction.cable_told,
        ),
    )


def _learn(
    session: Session,
    change: Change,
    before: frozenset[Condition],
    after: frozenset[Condition],
) -> Session:
    """Take over what the change says of the session, told or not."""
    state = change.charging_state or session.charging_state
    known = replace(
        session,
        conditions=tuple(sorted(after)),
        charging_state=state,
        id_token=change.token or session.id_token,
        remote=change.remote or session.remote,
        remote_start_id=_either(change.remote_start_id, session.remote_start_id),
        reservation_id=_either(change.reservation_id, session.reservation_id),
    )
    transaction = known.transaction
    if transaction is None:
        return known
    transaction = _timed(transaction, change.at, charging=Condition.ENERGY_TRANSFER in after)
    if Condition.AUTHORIZED in after - before:
        transaction = replace(transaction, stop=None)
    elif change.stop_lasts:
        transaction = replace(transaction, stop=change.stop)
    return replace(known, transaction=transaction)


def _either(new: int | None, old: int | None) -> int | None:
    return old if new is None else new


def _timed(transaction: Transaction, at: datetime, *, charging: bool) -> Transaction:
    """Count the seconds of energy transfer."""
    since = transaction.charging_since
    if charging == (since is not None):
        return transaction
    if since is None:
        return replace(transaction, charging_since=at)
    spent = max((at - since).total_seconds(), 0.0)
    return replace(transaction, charging_since=None, charging_s=transaction.charging_s + spent)


def _begin(
    session: Session, change: Change, around: Surroundings, new_id: Callable[[], str]
) -> Session:
    charging = Condition.ENERGY_TRANSFER in session.conditions
    return replace(
        session,
        began=session.began + 1,
        transaction=Transaction(
            id=session.uuid if session.began == 0 else new_id(),
            started_at=change.at,
            start_meter_wh=around.meter_wh,
            charging_since=change.at if charging else None,
        ),
    )


def _token_untold(session: Session) -> bool:
    """Tell whether the driver is authorized by a token that the CSMS has not heard of."""
    transaction, token = session.transaction, session.id_token
    if transaction is None or token is None or Condition.AUTHORIZED not in session.conditions:
        return False
    return not token.same_as(transaction.token_told)


def spent_charging_s(transaction: Transaction, at: datetime) -> int:
    """Return the whole seconds of energy transfer until a moment (timeSpentCharging)."""
    spent = transaction.charging_s
    if transaction.charging_since is not None:
        spent += max((at - transaction.charging_since).total_seconds(), 0.0)
    return int(spent)


def _tell(
    session: Session,
    event_type: TransactionEventType,
    *,
    change: Change,
    around: Surroundings,
    authorized: bool,
) -> tuple[Session, TransactionEvent]:
    """Make the next event of the open transaction, and note what it tells."""
    transaction = session.transaction
    if transaction is None:
        raise ValueError("no transaction is open")
    connected = Condition.EV_CONNECTED in session.conditions
    charging = Condition.ENERGY_TRANSFER in session.conditions
    # E02.FR.01: also the same token, when it authorizes anew.
    token_untold = _token_untold(session) or (authorized and session.id_token is not None)
    first_token = token_untold and transaction.authorized_at is None
    if first_token:
        transaction = replace(
            transaction,
            authorized_at=change.at,
            authorized_meter_wh=around.meter_wh,
        )
    if token_untold:
        transaction = replace(transaction, token_told=session.id_token)
    ended = event_type is TransactionEventType.ENDED
    started = event_type is TransactionEventType.STARTED
    stop = (transaction.stop or change.stop) if ended else None
    phases = around.phases if charging and around.phases != transaction.phases_told else None
    cable_a = around.cable_a if connected and not transaction.cable_told else None
    remote = session.remote and token_untold
    id_token = session.id_token if token_untold else None
    if change.stop_token_told and change.stop is not None and change.stop.token is not None:
        id_token = id_token or change.stop.token  # E07.FR.02
    event = TransactionEvent(
        event_type,
        change.at,
        # F01.FR.19, F02.FR.21: the next event after a remote start says so.
        TriggerReason.REMOTE_START if remote and not ended else change.trigger,
        transaction.seq_no,
        transaction.id,
        session.uuid,
        EvseRef(session.evse_id, session.connector_id),
        evse_told=started or (connected and not transaction.connected_told),  # E01.FR.16
        offline=around.offline,
        charging_state=session.charging_state,
        stopped_reason=stop.reason if stop else None,
        host_stop_reason=stop.host_reason if stop else None,
        time_spent_charging_s=None if started else spent_charging_s(transaction, change.at),
        remote_start_id=session.remote_start_id if token_untold else None,
        id_token=id_token,
        starting_token=transaction.token_told,
        authorizes=first_token,
        stop_token=stop.token if stop else None,
        reservation_id=session.reservation_id,
        number_of_phases_used=phases,
        cable_max_current_a=cable_a,
        meter_wh=around.meter_wh,
        authorized_at=transaction.authorized_at,
        authorized_meter_wh=transaction.authorized_meter_wh,
        evcc_id=around.evcc_id,
    )
    told = replace(
        session,
        remote=session.remote and not token_untold,
        remote_start_id=None if token_untold else session.remote_start_id,
        # E01.FR.13; 1.6 needs it with the token (4.8).
        reservation_id=None if transaction.token_told else session.reservation_id,
        transaction=replace(
            transaction,
            seq_no=transaction.seq_no + 1,
            connected_told=transaction.connected_told or connected,
            phases_told=transaction.phases_told if phases is None else phases,
            cable_told=transaction.cable_told or cable_a is not None,
        ),
    )
    return told, event
