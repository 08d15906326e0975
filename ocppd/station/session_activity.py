"""What a connector is busy with, by the host's session events (contract 3.1; 1.6, 4.9)."""

from typing import NamedTuple, Protocol

from ocppd.model.availability import Activity
from ocppd.model.sessions import SessionEvent, SessionEventType, StopReason
from ocppd.model.transactions import ChargingState
from ocppd.station.transaction import Condition, Session

_INFO_LENGTH = 50
_BY_EVENT = {
    SessionEventType.CHARGING_STARTED: Activity.CHARGING,
    SessionEventType.CHARGING_RESUMED: Activity.CHARGING,
    SessionEventType.CHARGING_PAUSED_EV: Activity.SUSPENDED_EV,
    SessionEventType.CHARGING_PAUSED_EVSE: Activity.SUSPENDED_EVSE,
}
_BY_STATE = {
    ChargingState.CHARGING: Activity.CHARGING,
    ChargingState.SUSPENDED_EV: Activity.SUSPENDED_EV,
    ChargingState.SUSPENDED_EVSE: Activity.SUSPENDED_EVSE,
}


class Connectors(Protocol):
    """What is needed of the availability block."""

    def on_session_activity(
        self,
        evse_id: int,
        connector_id: int,
        activity: Activity | None,
        occupied: bool,
        info: str | None = None,
        *,
        authorized: bool = False,
    ) -> None:
        """Take note of what a connector is busy with."""

    def on_enabled(self, evse_id: int, connector_id: int = 0) -> None:
        """Take note that the host enabled a connector."""

    def on_disabled(self, evse_id: int, connector_id: int = 0) -> None:
        """Take note that the host disabled a connector."""

    def on_reservation(self, evse_id: int, connector_id: int, reserved: bool) -> None:
        """Take note that a reservation holds a connector, or no longer."""

    def on_transaction_ended(self, evse_id: int) -> None:
        """Carry out what waited for the end of a transaction."""


class Doing(NamedTuple):
    """An activity, None when the session is over, and a text for 1.6."""

    activity: Activity | None
    info: str | None = None


def resumed(session: Session) -> Doing:
    """Return what the connector of a session is busy with, without a new event."""
    return Doing(_BY_STATE.get(session.charging_state, Activity.PREPARING))


def after(session: Session, event: SessionEvent, *, tells_reasons: bool) -> Doing | None:
    """Return what the connector is busy with after an event; None if that did not change.

    `tells_reasons` is InternalCtrlr.ReportSuspendedEVSEReasonChange.
    """
    match event.event:
        case SessionEventType.SESSION_STARTED:
            return Doing(
                Activity.PREPARING, event.start_reason.value if event.start_reason else None
            )
        case SessionEventType.TRANSACTION_STARTED:
            return resumed(session)
        case SessionEventType.CHARGING_PAUSED_EVSE if tells_reasons:
            info = ",".join(event.pause_reasons)[:_INFO_LENGTH]
            return Doing(Activity.SUSPENDED_EVSE, info or None)
        case SessionEventType.SWITCHING_PHASES:
            return Doing(Activity.SUSPENDED_EVSE, "SwitchingPhases")
        case SessionEventType.TRANSACTION_FINISHED:
            unplugged = event.stop_reason is StopReason.EV_DISCONNECTED
            return None if unplugged else Doing(Activity.FINISHING)
        case SessionEventType.PLUGIN_TIMEOUT:
            return Doing(Activity.FINISHING, "ConnectionTimeout")
        case SessionEventType.SESSION_FINISHED:
            return Doing(None)
        case _:
            activity = _BY_EVENT.get(event.event)
            return Doing(activity) if activity else None


def tell(connectors: Connectors, session: Session, doing: Doing) -> None:
    """Tell the availability block."""
    connectors.on_session_activity(
        session.evse_id,
        session.connector_id,
        doing.activity,
        Condition.EV_CONNECTED in session.conditions,
        doing.info,
        authorized=Condition.AUTHORIZED in session.conditions,
    )
