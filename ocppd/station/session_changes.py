"""What the host's session events mean for transactions: EVerest's words as changes (block E).

The tables are those of EVerest's OCPP modules, with what they leave out: ChargingResumed,
PluginTimeout (E03.FR.05), and the stopping token (E07.FR.02).
"""

from ocppd.model.sessions import (
    SessionEvent,
    SessionEventType,
    SessionStartReason,
    StopReason,
)
from ocppd.model.tokens import AuthorizationType
from ocppd.model.transactions import ChargingState, StoppedReason, TriggerReason
from ocppd.station.evse import RemoteStart
from ocppd.station.transaction import Change, Condition, Policy, Session, Stop, TxPoint

CONNECTED = frozenset({Condition.EV_CONNECTED})
AUTHORIZED = frozenset({Condition.AUTHORIZED})
ENERGY = frozenset({Condition.ENERGY_TRANSFER})
SIGNED = frozenset({Condition.DATA_SIGNED})
NOT_CHARGING = AUTHORIZED | ENERGY | SIGNED
GONE = frozenset(Condition)

WITHOUT_SESSION = frozenset(
    {
        SessionEventType.ENABLED,
        SessionEventType.DISABLED,
        SessionEventType.RESERVATION_START,
        SessionEventType.RESERVATION_END,
    }
)
"""Events of a connector, not of a session."""

STOP_REASONS: dict[StopReason, tuple[StoppedReason, TriggerReason]] = {
    StopReason.DE_AUTHORIZED: (StoppedReason.DE_AUTHORIZED, TriggerReason.DEAUTHORIZED),
    StopReason.REMOTE: (StoppedReason.REMOTE, TriggerReason.REMOTE_STOP),
    StopReason.LOCAL: (StoppedReason.LOCAL, TriggerReason.STOP_AUTHORIZED),
    StopReason.MASTER_PASS: (StoppedReason.MASTER_PASS, TriggerReason.STOP_AUTHORIZED),
    StopReason.STOPPED_BY_EV: (StoppedReason.STOPPED_BY_EV, TriggerReason.STOP_AUTHORIZED),
    StopReason.EV_DISCONNECTED: (
        StoppedReason.EV_DISCONNECTED,
        TriggerReason.EV_COMMUNICATION_LOST,
    ),
    StopReason.HARD_RESET: (StoppedReason.IMMEDIATE_RESET, TriggerReason.RESET_COMMAND),
    StopReason.IMMEDIATE_RESET: (StoppedReason.IMMEDIATE_RESET, TriggerReason.RESET_COMMAND),
    StopReason.REBOOT: (StoppedReason.REBOOT, TriggerReason.RESET_COMMAND),
    StopReason.EMERGENCY_STOP: (
        StoppedReason.EMERGENCY_STOP,
        TriggerReason.ABNORMAL_CONDITION,
    ),
    StopReason.GROUND_FAULT: (StoppedReason.GROUND_FAULT, TriggerReason.ABNORMAL_CONDITION),
    StopReason.OVERCURRENT_FAULT: (
        StoppedReason.OVERCURRENT_FAULT,
        TriggerReason.ABNORMAL_CONDITION,
    ),
    StopReason.POWER_LOSS: (StoppedReason.POWER_LOSS, TriggerReason.ABNORMAL_CONDITION),
    StopReason.POWER_QUALITY: (StoppedReason.POWER_QUALITY, TriggerReason.ABNORMAL_CONDITION),
    StopReason.OTHER: (StoppedReason.OTHER, TriggerReason.ABNORMAL_CONDITION),
    StopReason.REQ_ENERGY_TRANSFER_REJECTED: (
        StoppedReason.REQ_ENERGY_TRANSFER_REJECTED,
        TriggerReason.ABNORMAL_CONDITION,
    ),
    StopReason.ENERGY_LIMIT_REACHED: (
        StoppedReason.ENERGY_LIMIT_REACHED,
        TriggerReason.ENERGY_LIMIT_REACHED,
    ),
    StopReason.SOC_LIMIT_REACHED: (
        StoppedReason.SOC_LIMIT_REACHED,
        TriggerReason.ENERGY_LIMIT_REACHED,
    ),
    StopReason.TIME_LIMIT_REACHED: (
        StoppedReason.TIME_LIMIT_REACHED,
        TriggerReason.TIME_LIMIT_REACHED,
    ),
    StopReason.LOCAL_OUT_OF_CREDIT: (
        StoppedReason.LOCAL_OUT_OF_CREDIT,
        TriggerReason.CHARGING_STATE_CHANGED,
    ),
    StopReason.TIMEOUT: (StoppedReason.TIMEOUT, TriggerReason.EV_CONNECT_TIMEOUT),
    StopReason.SOFT_RESET: (StoppedReason.OTHER, TriggerReason.ABNORMAL_CONDITION),
    StopReason.UNLOCK_COMMAND: (StoppedReason.OTHER, TriggerReason.ABNORMAL_CONDITION),
    StopReason.EVSE_DISABLED: (StoppedReason.OTHER, TriggerReason.ABNORMAL_CONDITION),
}
"""The host's reason as stoppedReason and triggerReason of 2.x."""


def stop_for(event: SessionEvent, requested: StopReason | None) -> tuple[Stop, TriggerReason]:
    """Return why TransactionFinished ended the charging, and how the CSMS is told.

    A host that gives no reason is believed to follow the last request (`requested`); else a token
    means that the driver did it.
    """
    token = event.id_token.id_token if event.id_token else None
    reason = event.stop_reason or requested
    if reason is None:
        reason = StopReason.LOCAL if token else StopReason.OTHER
    stopped, trigger = STOP_REASONS[reason]
    return Stop(stopped, reason, token), trigger


def change_of(
    session: Session,
    event: SessionEvent,
    policy: Policy,
    remote: RemoteStart | None = None,
    requested: StopReason | None = None,
) -> Change | None:
    """Return what a session event changes; None if nothing that concerns transactions.

    `remote` is the remote start that its token answers, `requested` the reason of a stop that the
    station asked the host for and that has not been reported yet.
    """
    at = event.timestamp
    match event.event:
        case SessionEventType.SESSION_STARTED:
            if event.start_reason is SessionStartReason.AUTHORIZED:
                return _authorized(session, event, remote)
            return Change(
                at,
                TriggerReason.CABLE_PLUGGED_IN,
                adds=CONNECTED,
                charging_state=ChargingState.EV_CONNECTED,
                reservation_id=event.reservation_id,
            )
        case SessionEventType.TRANSACTION_STARTED:
            return _authorized(session, event, remote, plugged_in=True)
        case SessionEventType.CHARGING_STARTED | SessionEventType.CHARGING_RESUMED:
            return Change(
                at,
                TriggerReason.CHARGING_STATE_CHANGED,
                adds=CONNECTED | ENERGY,
                charging_state=ChargingState.CHARGING,
            )
        case SessionEventType.CHARGING_PAUSED_EV:
            return Change(
                at,
                TriggerReason.CHARGING_STATE_CHANGED,
                removes=ENERGY,
                charging_state=ChargingState.SUSPENDED_EV,
                stop=Stop(StoppedReason.STOPPED_BY_EV, StopReason.STOPPED_BY_EV),
            )
        case SessionEventType.CHARGING_PAUSED_EVSE:
            remote_stop = requested is StopReason.REMOTE  # F03.FR.02
            return Change(
                at,
                TriggerReason.REMOTE_STOP if remote_stop else TriggerReason.CHARGING_STATE_CHANGED,
                removes=ENERGY,
                charging_state=ChargingState.SUSPENDED_EVSE,
                stop=Stop(StoppedReason.REMOTE, StopReason.REMOTE)
                if remote_stop
                else Stop(StoppedReason.OTHER, StopReason.OTHER),
            )
        case SessionEventType.DEAUTHORIZED:
            return Change(
                at,
                TriggerReason.STOP_AUTHORIZED,
                removes=NOT_CHARGING,
                charging_state=_idle(session),
                stop=Stop(StoppedReason.LOCAL, StopReason.LOCAL),
                stop_lasts=True,
            )
        case SessionEventType.TRANSACTION_FINISHED:
            return _finished(session, event, requested)
        case SessionEventType.SESSION_FINISHED:
            return _unplugged(session, event)
        case SessionEventType.PLUGIN_TIMEOUT:
            return _timed_out(session, event, policy)
        case _:
            return None


def _idle(session: Session) -> ChargingState:
    """Return the state of a session that may not charge."""
    connected = Condition.EV_CONNECTED in session.conditions
    return ChargingState.EV_CONNECTED if connected else ChargingState.IDLE


def _authorized(
    session: Session,
    event: SessionEvent,
    remote: RemoteStart | None,
    *,
    plugged_in: bool = False,
) -> Change:
    token = event.id_token
    from_csms = token is not None and token.authorization_type is AuthorizationType.OCPP
    connects = plugged_in and Condition.EV_CONNECTED not in session.conditions
    # E03: the cable is the event, unless the CSMS learns only now who charges.
    plugging = connects and session.id_token is not None
    remote_start_id = remote.remote_start_id if remote else None
    if remote_start_id is None and from_csms and token is not None:
        remote_start_id = token.request_id
    return Change(
        event.timestamp,
        TriggerReason.CABLE_PLUGGED_IN if plugging else TriggerReason.AUTHORIZED,
        adds=AUTHORIZED | (CONNECTED if plugged_in else frozenset()),
        charging_state=ChargingState.EV_CONNECTED if connects else None,
        token=token.id_token if token else None,
        remote=remote is not None or from_csms,
        remote_start_id=remote_start_id,
        reservation_id=event.reservation_id,
    )


def _finished(session: Session, event: SessionEvent, requested: StopReason | None) -> Change:
    stop, trigger = stop_for(event, requested)
    unplugged = stop.reason is StoppedReason.EV_DISCONNECTED
    return Change(
        event.timestamp,
        trigger,
        removes=GONE if unplugged else NOT_CHARGING,
        charging_state=ChargingState.IDLE if unplugged else _idle(session),
        stop=stop,
        stop_lasts=True,
        stop_token_told=trigger is TriggerReason.STOP_AUTHORIZED,
        # B12: an immediate reset ends every transaction, whatever TxStopPoint says.
        ends=stop.reason is StoppedReason.IMMEDIATE_RESET,
    )


def _unplugged(session: Session, event: SessionEvent) -> Change:
    """Return what the end of a session changes: nothing could end its transaction after it."""
    connected = Condition.EV_CONNECTED in session.conditions
    return Change(
        event.timestamp,
        TriggerReason.EV_COMMUNICATION_LOST if connected else TriggerReason.EV_CONNECT_TIMEOUT,
        removes=GONE,
        charging_state=ChargingState.IDLE,
        stop=Stop(StoppedReason.EV_DISCONNECTED, StopReason.EV_DISCONNECTED)
        if connected
        else Stop(StoppedReason.TIMEOUT, StopReason.TIMEOUT),
        ends=True,
    )


def _timed_out(session: Session, event: SessionEvent, policy: Policy) -> Change | None:
    """Return what a missing cable changes (E03.FR.05, E03.FR.15); with the car there, nothing."""
    if Condition.EV_CONNECTED in session.conditions:
        return None
    return Change(
        event.timestamp,
        TriggerReason.EV_CONNECT_TIMEOUT,
        removes=NOT_CHARGING,
        charging_state=ChargingState.IDLE,
        stop=Stop(StoppedReason.TIMEOUT, StopReason.TIMEOUT),
        stop_lasts=True,
        ends=TxPoint.PARKING_BAY_OCCUPANCY not in policy.stop,
    )
