"""Block E, Transactions: what the host reports of its sessions, told to the CSMS (E01 to E15).

`transaction.py` decides what an event means for a transaction, `session_steps.py` tells it to
everybody, `interruptions.py` knows what is in doubt, `transaction_answers.py` what follows from
the answers.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import InternalCtrlr
from ocppd.errors import AgentRefused, InvalidArgument
from ocppd.model.queue import QueueEntry
from ocppd.model.redating import redated
from ocppd.model.sessions import (
    Powermeter,
    SessionEvent,
    SessionEventType,
    StopReason,
)
from ocppd.model.tokens import IdToken, IdTokenInfo
from ocppd.model.transactions import (
    MeterValue,
    OpenTransaction,
    ReadingContext,
    TransactionEvent,
    TransactionEventResponse,
    TriggerReason,
)
from ocppd.model.variables import EvseRef
from ocppd.station.evse import Evse, Evses, RemoteStart
from ocppd.station.interruptions import Interruptions
from ocppd.station.ports import Outside
from ocppd.station.sampling import energy_wh, is_signed
from ocppd.station.session_activity import Connectors, tell
from ocppd.station.session_activity import after as doing_after
from ocppd.station.session_changes import SIGNED, WITHOUT_SESSION, change_of
from ocppd.station.session_steps import SessionSteps
from ocppd.station.transaction import (
    Change,
    Condition,
    Session,
    Transaction,
)
from ocppd.station.transaction_answers import TransactionAnswers

_LOG = logging.getLogger(__name__)

ClaimRemoteStart = Callable[[Evse, IdToken | None], RemoteStart | None]
"""Returns the remote start that a token at an EVSE fulfils, and forgets it (F01.FR.25)."""
Learn = Callable[[IdToken, IdTokenInfo], None]
"""Takes over what the CSMS says of a token into the cache (C10.FR.04)."""

_SET_BACK = timedelta(seconds=60)


class Transactions:
    """Sessions of the host as transactions of OCPP."""

    def __init__(
        self,
        outside: Outside,
        device_model: DeviceModel,
        evses: Evses,
        connectors: Connectors,
        claim_remote_start: ClaimRemoteStart,
        learn: Learn,
    ) -> None:
        self._outside = outside
        self._model = device_model
        self._evses = evses
        self._connectors = connectors
        self._claim = claim_remote_start
        self._answers = TransactionAnswers(outside, device_model, learn, self.stop)
        self._steps = SessionSteps(outside, device_model, evses, connectors, self._answers)
        self._sessions = self._steps.sessions
        self._measurements = self._steps.measurements
        self._readings = self._steps.readings
        self._interruptions = Interruptions(outside, device_model, evses, connectors, self._steps)
        self._requested: dict[str, StopReason] = {}
        self._look_first: Callable[[int, SessionEvent], SessionEvent] = lambda _, event: event

    def start(self) -> None:
        """Take back what was open; the host will say what is true of it."""
        with self._outside.store.atomically():
            self._steps.start()
            self._interruptions.start()

    def watch(self, watcher: Callable[[Evse], None]) -> None:
        """Call a function after a transaction began, went on, ended, or became doubtful."""
        self._steps.watch(watcher)

    def redate(self, by: timedelta) -> None:
        """Move what is known of sessions, because the time of day has become known (R13)."""
        for evse in self._evses:
            evse.powermeter = redated(evse.powermeter, by)
        self._interruptions.redate(by)
        self._steps.redate(by)

    # What the host reports

    def on_session_event(self, evse_id: int, event: SessionEvent) -> None:
        """Take one report; the same one again is taken and changes nothing.

        Raises:
            UnknownEvse: there is no such EVSE
            UnknownSession: the session is not open at this EVSE
            InvalidArgument: an unknown connector, or a report older than the session's last

        """
        evse = self._evses[evse_id]
        whole_evse = event.event in WITHOUT_SESSION and event.connector_id == 0
        if event.connector_id not in evse.connectors and not whole_evse:
            raise InvalidArgument(
                f"event.connector_id: EVSE {evse_id} has no connector {event.connector_id}"
            )
        if event.event in WITHOUT_SESSION:
            self._on_connector_event(evse_id, event)
            return
        session = self._sessions.take(evse_id, event)
        if session is None:
            self._interruptions.believe(evse, event)
            return
        with self._outside.store.atomically():
            for other in self._sessions.at(evse_id):
                if other.uuid != session.uuid:
                    self._interruptions.supersede(evse, other)
            if event.meter_value is not None:
                self.note_reading(evse, event.meter_value)
            self._on_event(evse, session, event)
        self._outside.csms.wake()

    def on_beginning(self, call: Callable[[int, SessionEvent], SessionEvent]) -> None:
        """Have a function look at the events of sessions first, and add what it knows."""
        self._look_first = call

    def _on_connector_event(self, evse_id: int, event: SessionEvent) -> None:
        match event.event:
            case SessionEventType.ENABLED:
                self._connectors.on_enabled(evse_id, event.connector_id)
            case SessionEventType.DISABLED:
                self._connectors.on_disabled(evse_id, event.connector_id)
            case SessionEventType.RESERVATION_START:
                self._connectors.on_reservation(evse_id, event.connector_id, True)
            case _:
                self._connectors.on_reservation(evse_id, event.connector_id, False)

    def _on_event(self, evse: Evse, session: Session, event: SessionEvent) -> None:
        before = session
        event = self._look_first(evse.id, event)
        was_doubtful = self._interruptions.is_doubtful(session)
        if was_doubtful:
            session = self._interruptions.lose_if_late(evse, session, event)
        self._interruptions.trust(evse, session)
        session = self._sessions.noted(session, event)
        over = event.event is SessionEventType.SESSION_FINISHED
        if was_doubtful and not over:
            self._interruptions.tell_resumed(session)
        change = self._change(evse, session, event)
        after = self._steps.advance(evse, session, change, event) if change else session
        if over:
            self._requested.pop(session.uuid, None)
            self._sessions.finish(after)
            evse.ev_info = None  # the next car has another battery
        else:
            self._sessions.save(after)
        self._steps.show(evse, after, over=over)
        reasons = self._model.flag(InternalCtrlr.ReportSuspendedEVSEReasonChange)
        doing = doing_after(after, event, tells_reasons=reasons)
        if doing is not None:
            tell(self._connectors, after, doing)
        self._steps.settle_end(evse, before, after)

    def _change(self, evse: Evse, session: Session, event: SessionEvent) -> Change | None:
        if event.event is SessionEventType.SESSION_RESUMED:
            if session.transaction is None:
                return None
            # E17.FR.14; it is told with the charging state before the interruption.
            return Change(session.last_event_at, TriggerReason.TX_RESUMED, tells=True)
        token = event.id_token.id_token if event.id_token else None
        remote = None
        if (
            token is not None
            and event.event is not SessionEventType.TRANSACTION_FINISHED
            and not token.same_as(session.id_token)
        ):
            remote = self._claim(evse, token)
        requested = self._requested.get(session.uuid)
        if event.event is SessionEventType.TRANSACTION_FINISHED:
            self._requested.pop(session.uuid, None)
        change = change_of(session, event, self._steps.policy(), remote, requested)
        if (
            change is not None
            and not change.removes & SIGNED
            and (event.signed_meter_value is not None or is_signed(event.meter_value))
            and self._measurements.signs(None)
        ):
            change = replace(change, adds=change.adds | SIGNED)  # E01.FR.04
        return change

    # What becomes of it while nobody looks

    def settle(self, evse_id: int) -> None:
        """End what was open at an EVSE and the host, ready again, has not resumed (E17.FR.21)."""
        self._interruptions.settle(evse_id)

    def doubt(self, evse_id: int | None = None) -> None:
        """Take note that the host is away: what is open at the EVSE, or at all, is doubtful."""
        self._interruptions.doubt(evse_id)

    # Stop and Restart: what happens while stopped is not queued, but told truthfully afterwards

    @property
    def stopped(self) -> bool:
        """Whether nothing may be queued."""
        return self._steps.stopped

    def on_stop(self) -> None:
        """Queue nothing from now on."""
        self._steps.stopped = True
        self._steps.notify_all()

    def on_restart(self) -> None:
        """Tell what became of the transactions that were open, or began and still go on."""
        if not self._steps.stopped:
            return
        self._steps.stopped = False
        with self._outside.store.atomically():
            self._steps.tell_untold()
            for session in self._sessions:
                if session.transaction is None or self._interruptions.is_doubtful(session):
                    continue
                at = self._steps.not_before(session)
                change = Change(at, TriggerReason.TX_RESUMED, tells=True)
                evse = self._evses[session.evse_id]
                self._sessions.save(self._steps.advance(evse, session, change))
        self._steps.notify_all()
        self._outside.csms.wake()

    # Readings and samples

    def note_reading(self, evse: Evse, meter: Powermeter) -> None:
        """Take note of a reading, unless a later one is known already.

        One that is much older tells that the meter's clock was set back.
        """
        if evse.powermeter is not None:
            behind = evse.powermeter.timestamp - meter.timestamp
            if timedelta() < behind < _SET_BACK:
                return
        evse.powermeter = meter
        session = self._sessions.with_transaction(evse.id)
        if session is None or self._interruptions.is_doubtful(session):
            return
        if session.transaction is not None:
            self._readings.save(evse)
            self._answers.watch(evse, session.transaction)

    def on_signed_reading(self, evse: Evse) -> None:
        """Take note that the meter signs, which may start a transaction (E01.FR.04)."""
        session = next(self._sessions.at(evse.id), None)
        if (
            session is None
            or self._interruptions.is_doubtful(session)
            or Condition.DATA_SIGNED in session.conditions
            or not self._measurements.signs(None)
        ):
            return
        change = Change(
            self._steps.not_before(session), TriggerReason.SIGNED_DATA_RECEIVED, adds=SIGNED
        )
        with self._outside.store.atomically():
            after = self._steps.advance(evse, session, change)
            self._sessions.save(after)
        self._steps.show(evse, after)
        self._outside.csms.wake()

    def running(self, evse_id: int) -> Transaction | None:
        """Return the transaction of an EVSE that is open beyond doubt."""
        session = self._sessions.with_transaction(evse_id)
        if session is None or self._interruptions.is_doubtful(session):
            return None
        return session.transaction

    def tell_values(self, evse: Evse, trigger: TriggerReason, values: Sequence[MeterValue]) -> bool:
        """Tell the CSMS values of a running transaction; False if there is none."""
        session = self._sessions.with_transaction(evse.id)
        if session is None or self.running(evse.id) is None or self._steps.stopped:
            return False
        change = Change(self._steps.not_before(session), trigger, tells=True)
        with self._outside.store.atomically():
            self._sessions.save(self._steps.advance(evse, session, change, values=values))
            self._readings.save(evse, now=True)
        self._outside.csms.wake()
        return True

    def collect(self, evse: Evse, value: MeterValue | None) -> None:
        """Keep a value for the end of the running transaction (J02)."""
        transaction = self.running(evse.id)
        if transaction is not None and not self._steps.stopped:
            with self._outside.store.atomically():
                self._steps.samples.add(transaction.id, value)
                self._readings.save(evse, now=True)

    # What the CSMS answers and asks

    def on_event_answered(self, entry: QueueEntry, response: TransactionEventResponse) -> None:
        """Draw the consequences of an answer; to be called in the unit that dequeues the entry."""
        event = entry.request
        if not isinstance(event, TransactionEvent):
            return
        session = self._sessions.get(event.session_id)
        if session is not None and (
            session.transaction is None or session.transaction.id != event.transaction_id
        ):
            session = None
        evse = self._evses.get(event.evse.id)
        after = self._answers.on_answered(event, response, evse, session)
        if after is not None and evse is not None and after != session:
            self._sessions.save(after)
            self._steps.show(evse, after)

    def on_event_given_up(self, entry: QueueEntry, reason: str) -> None:
        """Take note that an event will not be told (E13.FR.04)."""
        if isinstance(entry.request, TransactionEvent):
            _LOG.error(
                "transaction %s: event %d was given up: %s",
                entry.request.transaction_id,
                entry.request.seq_no,
                reason,
            )

    def status_of(self, transaction_id: str | None) -> tuple[bool | None, bool]:
        """Return whether a transaction goes on, and whether messages of it, or any, wait (E14)."""
        waiting = self._outside.store.queued_for(transaction_id) > 0
        if transaction_id is None:
            return None, waiting  # E14.FR.06
        ongoing = any(
            session.transaction is not None and session.transaction.id == transaction_id
            for session in self._sessions
        )
        return ongoing, waiting

    async def stop(self, evse_id: int, reason: StopReason, id_token: IdToken | None = None) -> bool:
        """Ask the host to stop an EVSE's transaction; True if it took the command."""
        session = next(self._sessions.at(evse_id), None)
        if session is not None:
            self._requested[session.uuid] = reason
        try:
            taken = await self._outside.agents.stop_transaction(evse_id, reason, id_token)
        except AgentRefused as error:
            _LOG.warning("EVSE %d: the transaction was not stopped: %s", evse_id, error)
            taken = False
        if session is not None and not taken:
            self._requested.pop(session.uuid, None)
        return taken

    def trigger(self, ref: EvseRef | None, /) -> None:
        """Tell the present state and values of running transactions (F06.FR.07)."""
        for evse in self._evses:
            if ref is None or ref.id in (0, evse.id):
                reading = self._measurements.reading(evse)
                value = (
                    self._measurements.updated(reading, ReadingContext.TRIGGER) if reading else None
                )
                self.tell_values(evse, TriggerReason.TRIGGER, (value,) if value else ())

    def announce(self, evse_id: int, reason: TriggerReason) -> None:
        """Tell that something other than the session had to do with the EVSE's transaction."""
        self.tell_values(self._evses[evse_id], reason, ())

    def open_transactions(self) -> tuple[OpenTransaction, ...]:
        """Return the transactions that are open, by EVSE."""
        listed = []
        for session in sorted(self._sessions, key=lambda session: session.evse_id):
            transaction = session.transaction
            evse = self._evses.get(session.evse_id)
            if transaction is None or evse is None:
                continue
            now, start = energy_wh(evse.powermeter), transaction.start_meter_wh
            listed.append(
                OpenTransaction(
                    transaction.id,
                    session.uuid,
                    EvseRef(session.evse_id, session.connector_id),
                    session.charging_state,
                    transaction.started_at,
                    transaction.seq_no,
                    now - start if now is not None and start is not None else None,
                    evse.csms_transaction_id,
                    session.id_token,
                )
            )
        return tuple(listed)
