"""What becomes of sessions while nobody looked: the daemon or the host was away (E17).

Nothing is told of what was open until the host says what is true of it: it resumes the session, or
reports its end, or says without either that the EVSE is ready. Then, or when another session or
topology takes the place, the transaction has ended at the last that is known of it.
"""

import logging
from datetime import timedelta

from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import InternalCtrlr, TxCtrlr
from ocppd.model.redating import redated
from ocppd.model.sessions import Powermeter, SessionEvent, SessionEventType, StopReason
from ocppd.model.transactions import StoppedReason, TriggerReason
from ocppd.station.evse import Connector, Evse, Evses
from ocppd.station.ports import Outside
from ocppd.station.session_activity import Connectors, resumed, tell
from ocppd.station.session_steps import SessionSteps
from ocppd.station.transaction import Change, Condition, Session, Stop

_LOG = logging.getLogger(__name__)
_UNKNOWN = Stop(StoppedReason.OTHER, StopReason.OTHER)


class Interruptions:
    """Keeps what is in doubt, and ends what was lost."""

    def __init__(
        self,
        outside: Outside,
        device_model: DeviceModel,
        evses: Evses,
        connectors: Connectors,
        steps: SessionSteps,
    ) -> None:
        self._outside = outside
        self._model = device_model
        self._evses = evses
        self._connectors = connectors
        self._steps = steps
        self._sessions = steps.sessions
        # The reading of an EVSE when its session became doubtful.
        self._last_sure: dict[int, Powermeter | None] = {}

    def start(self) -> None:
        """Show what survived, all of it in doubt; to be called in a unit of work.

        What was at an EVSE or a connector that the station no longer has is over. Where
        transactions are not to be resumed, each has ended: whatever the host says of its session
        later, is another transaction.
        """
        resumes = self._model.flag(InternalCtrlr.ResumeTransactionsOnBoot, default=True)
        for session in self._sessions:
            evse = self._evses.get(session.evse_id)
            if evse is None or session.connector_id not in evse.connectors:
                self._end_where_nothing_is(session)
            elif session.transaction is None:
                continue
            elif resumes:
                self._last_sure[evse.id] = evse.powermeter
                self._steps.show(evse, session)
            else:
                after = self._lose(evse, session)
                self._sessions.save(after)
                self._steps.show(evse, after, over=True)

    def _end_where_nothing_is(self, session: Session) -> None:
        """End a session whose place is gone from the topology, so that its CSMS hears of it."""
        _LOG.warning(
            "connector %d of EVSE %d is gone, and session %s with it",
            session.connector_id,
            session.evse_id,
            session.uuid,
        )
        place = Evse(
            session.evse_id,
            {session.connector_id: Connector(session.connector_id, 0)},
            csms_transaction_id=session.transaction.csms_id if session.transaction else None,
            powermeter=self._steps.readings.of(session.evse_id),
        )
        self._sessions.finish(self._lose(place, session))

    def redate(self, by: timedelta) -> None:
        """Move the dates of the readings, because the time of day has become known."""
        self._last_sure = {
            evse_id: redated(meter, by) for evse_id, meter in self._last_sure.items()
        }

    # What is in doubt

    def doubt(self, evse_id: int | None = None) -> None:
        """Take note that the host is away: what is open at the EVSE, or at all, is doubtful."""
        for session in self._sessions:
            evse = self._evses.get(session.evse_id)
            if evse is None or evse_id not in (None, evse.id):
                continue
            self._sessions.doubtful.add(session.uuid)
            self._last_sure.setdefault(evse.id, evse.powermeter)
            self._steps.notify(evse)

    def is_doubtful(self, session: Session) -> bool:
        """Tell whether nobody knows if a session goes on."""
        return session.uuid in self._sessions.doubtful

    def believe(self, evse: Evse, event: SessionEvent) -> None:
        """Take a repeated report as word that its session goes on: nothing else changes."""
        session = self._sessions.get(event.uuid)
        if session is None or not self.is_doubtful(session):
            return
        self.trust(evse, session)
        self.tell_resumed(session)
        self._steps.show(evse, session)

    def trust(self, evse: Evse, session: Session) -> None:
        """Take note that the host said something of a session."""
        self._sessions.doubtful.discard(session.uuid)
        self._last_sure.pop(evse.id, None)

    def tell_resumed(self, session: Session) -> None:
        """Tell what a connector is busy with again, if a session had begun to be anything."""
        if session.conditions:
            tell(self._connectors, session, resumed(session))

    # What was lost

    def settle(self, evse_id: int) -> None:
        """End what was open at an EVSE and the host, ready again, has not resumed.

        Its time and its reading are the last that were stored (E17.FR.21).
        """
        evse = self._evses[evse_id]
        for session in self._sessions.at(evse_id):
            if not self.is_doubtful(session) or session.transaction is None:
                continue
            with self._outside.store.atomically():
                after = self._lose(evse, session)
                self._sessions.save(after)
            self._last_sure.pop(evse.id, None)
            self._steps.show(evse, after, over=True)
            self._steps.settle_end(evse, session, after)
            self._outside.csms.wake()

    def supersede(self, evse: Evse, session: Session) -> None:
        """End a session whose end was never reported: there is another one now.

        To refuse the new one would lose what it will be billed for. If the host was away meanwhile
        the old one ended by the loss of power, as if it had not been resumed; a host that was there
        all the time just never said why.
        """
        _LOG.warning("the end of session %s at EVSE %d was lost", session.uuid, evse.id)
        after = self._lose(evse, session, None if self.is_doubtful(session) else _UNKNOWN)
        self._sessions.finish(after)
        self._steps.show(evse, after, over=True)
        self._steps.settle_end(evse, session, after)

    def lose_if_late(self, evse: Evse, session: Session, event: SessionEvent) -> Session:
        """End the transaction of a session that is resumed later than allowed (E17.FR.20).

        Without a limit, or with 0, what the host resumes goes on.
        """
        longest_s = self._model.integer(TxCtrlr.ResumptionTimeout)
        if event.event is not SessionEventType.SESSION_RESUMED or longest_s <= 0:
            return session
        since = session.last_event_at
        meter = self._last_sure.get(evse.id)
        if meter is not None and meter.timestamp > since:
            since = meter.timestamp
        if (event.timestamp - since).total_seconds() <= longest_s:
            return session
        return self._lose(evse, session)

    def _lose(self, evse: Evse, session: Session, stop: Stop | None = None) -> Session:
        """End the transaction of a session that was lost, at the last that is known of it."""
        if session.transaction is None:
            return session
        meter = self._last_sure.get(evse.id, evse.powermeter)
        at = session.last_event_at
        if meter is not None and meter.timestamp > at:
            at = meter.timestamp
        change = Change(
            at,
            TriggerReason.ABNORMAL_CONDITION,
            removes=frozenset({Condition.ENERGY_TRANSFER, Condition.DATA_SIGNED}),
            stop=stop or Stop(StoppedReason.POWER_LOSS, StopReason.POWER_LOSS),
            ends=True,
        )
        return self._steps.advance_lost(evse, session, change, meter)
