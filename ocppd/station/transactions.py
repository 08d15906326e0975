"""Block E, Transactions: what the host reports of its sessions, told to the CSMS (E01 to E15).

`transaction.py` decides; here its events get their meter values, are queued in one unit of work
with the state they belong to, and are told to the host. Nothing is told of what was open when the
daemon or the host went away until the host says what is true of it.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import EVSE, InternalCtrlr, TxCtrlr
from ocppd.errors import AgentRefused, InvalidArgument
from ocppd.model.queue import QueueEntry
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
    StoppedReason,
    TransactionEvent,
    TransactionEventResponse,
    TriggerReason,
)
from ocppd.model.variables import EvseRef
from ocppd.station.event_values import EventValues
from ocppd.station.evse import Evse, Evses, RemoteStart
from ocppd.station.measurements import Measurements
from ocppd.station.ports import Outside
from ocppd.station.sampling import energy_wh, is_signed, phases_used
from ocppd.station.session_activity import Connectors, resumed, tell
from ocppd.station.session_activity import after as doing_after
from ocppd.station.session_changes import SIGNED, WITHOUT_SESSION, change_of
from ocppd.station.sessions import Sessions
from ocppd.station.stored_readings import EndedSamples, LastReadings
from ocppd.station.transaction import (
    DEFAULT_START,
    DEFAULT_STOP,
    Change,
    Condition,
    Policy,
    Session,
    Stop,
    Surroundings,
    Transaction,
    advance,
    points,
)
from ocppd.station.transaction_answers import TransactionAnswers, signals_of
from ocppd.station.untold import Untold

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
        self._sessions = Sessions(outside.store)
        self._samples = EndedSamples(outside.store)
        self._last_sure: dict[int, Powermeter | None] = {}
        self._readings = LastReadings(outside.store, outside.clock)
        self._untold = Untold(outside.store)
        self._measurements = Measurements(device_model, outside.csms)
        self._values = EventValues(self._measurements, self._samples)
        self._answers = TransactionAnswers(outside, device_model, learn)
        self._requested: dict[str, StopReason] = {}
        self._watchers: list[Callable[[Evse], None]] = []
        self._stopped = False

    def start(self) -> None:
        """Take back what was open; the host will say what is true of it."""
        self._sessions.load()
        self._readings.load(self._evses)
        self._untold.load()
        open_ids = {each.transaction.id for each in self._sessions if each.transaction}
        with self._outside.store.atomically():
            self._samples.load(open_ids.__contains__)
            self._tell_untold()
        for session in self._sessions:
            evse = self._evses.get(session.evse_id)
            if evse is None:
                _LOG.warning("EVSE %d of session %s is gone", session.evse_id, session.uuid)
            elif session.transaction is not None:
                self._last_sure[evse.id] = evse.powermeter
                self._show(evse, session)

    def watch(self, watcher: Callable[[Evse], None]) -> None:
        """Call a function after a transaction began, went on, ended, or became doubtful."""
        self._watchers.append(watcher)

    def open_sessions(self) -> tuple[Session, ...]:
        """Return the sessions that are open, with or without a transaction."""
        return tuple(self._sessions)

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
            self._believe(evse, event)
            return
        with self._outside.store.atomically():
            for other in self._sessions.at(evse_id):
                if other.uuid != session.uuid:
                    self._supersede(evse, other)
            if event.meter_value is not None:
                self.note_reading(evse, event.meter_value)
            self._on_event(evse, session, event)
        self._outside.csms.wake()

    def _believe(self, evse: Evse, event: SessionEvent) -> None:
        """Take a repeated report as word that its session goes on: nothing else changes."""
        session = self._sessions.get(event.uuid)
        if session is None or session.uuid not in self._sessions.doubtful:
            return
        self._sessions.doubtful.discard(session.uuid)
        self._last_sure.pop(evse.id, None)
        if session.conditions:
            tell(self._connectors, session, resumed(session))
        self._show(evse, session)

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
        was_doubtful = session.uuid in self._sessions.doubtful
        if was_doubtful and self._is_too_late(evse, session, event):
            session = self._lose(evse, session)
        self._sessions.doubtful.discard(session.uuid)
        self._last_sure.pop(evse.id, None)
        session = self._sessions.noted(session, event)
        over = event.event is SessionEventType.SESSION_FINISHED
        if was_doubtful and session.conditions and not over:
            tell(self._connectors, session, resumed(session))
        change = self._change(evse, session, event)
        after = self._step(evse, session, change, event) if change else session
        if over:
            self._requested.pop(session.uuid, None)
            self._sessions.finish(after)
            evse.ev_info = None  # the next car has another battery
        else:
            self._sessions.save(after)
        self._show(evse, after, over=over)
        reasons = self._model.flag(InternalCtrlr.ReportSuspendedEVSEReasonChange)
        doing = doing_after(after, event, tells_reasons=reasons)
        if doing is not None:
            tell(self._connectors, after, doing)
        self._settle_end(evse, before, after)

    def _is_too_late(self, evse: Evse, session: Session, event: SessionEvent) -> bool:
        """Tell whether a session is resumed after a longer interruption than allowed (E17.FR.20).

        Without a limit, or with 0, what the host resumes goes on.
        """
        longest_s = self._model.integer(TxCtrlr.ResumptionTimeout)
        if event.event is not SessionEventType.SESSION_RESUMED or longest_s <= 0:
            return False
        since = session.last_event_at
        meter = self._last_sure.get(evse.id)
        if meter is not None and meter.timestamp > since:
            since = meter.timestamp
        return (event.timestamp - since).total_seconds() > longest_s

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
        change = change_of(session, event, self._policy(), remote, requested)
        if (
            change is not None
            and not change.removes & SIGNED
            and (event.signed_meter_value is not None or is_signed(event.meter_value))
            and self._measurements.signs(None)
        ):
            change = replace(change, adds=change.adds | SIGNED)  # E01.FR.04
        return change

    def _supersede(self, evse: Evse, session: Session) -> None:
        """End a session whose end was never reported: there is another one now."""
        _LOG.warning("the end of session %s at EVSE %d was lost", session.uuid, evse.id)
        after = self._lose(evse, session)
        self._sessions.finish(after)
        self._show(evse, after, over=True)
        self._settle_end(evse, session, after)

    # What became of it while nobody looked

    def settle(self, evse_id: int) -> None:
        """End what was open at an EVSE and the host, ready again, has not resumed.

        Its time and its reading are the last that were stored (E17.FR.21).
        """
        evse = self._evses[evse_id]
        for session in self._sessions.at(evse_id):
            if session.uuid not in self._sessions.doubtful or session.transaction is None:
                continue
            with self._outside.store.atomically():
                after = self._lose(evse, session)
                self._sessions.save(after)
            self._last_sure.pop(evse.id, None)
            self._show(evse, after, over=True)
            self._settle_end(evse, session, after)
            self._outside.csms.wake()

    def doubt(self, evse_id: int | None = None) -> None:
        """Take note that the host is away: what is open at the EVSE, or at all, is doubtful."""
        for session in self._sessions:
            if evse_id in (None, session.evse_id):
                evse = self._evses[session.evse_id]
                self._sessions.doubtful.add(session.uuid)
                self._last_sure.setdefault(evse.id, evse.powermeter)
                self._notify(evse)

    def _lose(self, evse: Evse, session: Session) -> Session:
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
            stop=Stop(StoppedReason.POWER_LOSS, "PowerLoss"),
            ends=True,
        )
        return self._step(evse, session, change, lost=True)

    # Stop and Restart: what happens while stopped is not queued, but told truthfully afterwards

    @property
    def stopped(self) -> bool:
        """Whether nothing may be queued."""
        return self._stopped

    def on_stop(self) -> None:
        """Queue nothing from now on."""
        self._stopped = True
        self._notify_all()

    def on_restart(self) -> None:
        """Tell what became of the transactions that were open, or began and still go on."""
        if not self._stopped:
            return
        self._stopped = False
        with self._outside.store.atomically():
            self._tell_untold()
            for session in self._sessions:
                if session.transaction is None or session.uuid in self._sessions.doubtful:
                    continue
                evse = self._evses[session.evse_id]
                change = Change(self._not_before(session), TriggerReason.TX_RESUMED, tells=True)
                self._sessions.save(self._step(evse, session, change))
        self._notify_all()
        self._outside.csms.wake()

    def _tell_untold(self) -> None:
        """Queue what was kept while stopped, and number what follows after it."""
        for event in self._untold.take():
            self._put(event)
            session = self._sessions.get(event.session_id)
            if session is None or session.transaction is None:
                continue
            if session.transaction.id == event.transaction_id:
                numbered = replace(session.transaction, seq_no=event.seq_no + 1)
                self._sessions.save(replace(session, transaction=numbered))

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
        if session is None or session.uuid in self._sessions.doubtful:
            return
        if session.transaction is not None:
            self._readings.save(evse)
            self._answers.watch(evse, session.transaction)

    def on_signed_reading(self, evse: Evse) -> None:
        """Take note that the meter signs, which may start a transaction (E01.FR.04)."""
        session = next(self._sessions.at(evse.id), None)
        if (
            session is None
            or session.uuid in self._sessions.doubtful
            or Condition.DATA_SIGNED in session.conditions
            or not self._measurements.signs(None)
        ):
            return
        change = Change(self._not_before(session), TriggerReason.SIGNED_DATA_RECEIVED, adds=SIGNED)
        with self._outside.store.atomically():
            after = self._step(evse, session, change)
            self._sessions.save(after)
        self._show(evse, after)
        self._outside.csms.wake()

    def running(self, evse_id: int) -> Transaction | None:
        """Return the transaction of an EVSE that is open beyond doubt."""
        session = self._sessions.with_transaction(evse_id)
        if session is None or session.uuid in self._sessions.doubtful:
            return None
        return session.transaction

    def tell_values(self, evse: Evse, trigger: TriggerReason, values: Sequence[MeterValue]) -> bool:
        """Tell the CSMS values of a running transaction; False if there is none."""
        session = self._sessions.with_transaction(evse.id)
        if session is None or self.running(evse.id) is None or self._stopped:
            return False
        change = Change(self._not_before(session), trigger, tells=True)
        with self._outside.store.atomically():
            self._sessions.save(self._step(evse, session, change, values=values))
            self._readings.save(evse, now=True)
        self._outside.csms.wake()
        return True

    def collect(self, evse: Evse, value: MeterValue | None) -> None:
        """Keep a value for the end of the running transaction (J02)."""
        transaction = self.running(evse.id)
        if transaction is not None and not self._stopped:
            with self._outside.store.atomically():
                self._samples.add(transaction.id, value)
                self._readings.save(evse, now=True)

    # What the CSMS answers and asks

    def on_event_answered(
        self, entry: QueueEntry, response: TransactionEventResponse, generation: str
    ) -> None:
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
        after = self._answers.on_answered(event, response, generation, evse, session)
        if after is not None and evse is not None and after != session:
            self._sessions.save(after)
            self._show(evse, after)

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

    # Inside: one step of a session

    def _step(
        self,
        evse: Evse,
        session: Session,
        change: Change,
        event: SessionEvent | None = None,
        *,
        values: Sequence[MeterValue] = (),
        lost: bool = False,
    ) -> Session:
        """Advance a session by a change, and queue what the CSMS is to be told of it.

        `lost` takes the reading before the host went away.
        """
        meter = (event.meter_value if event else None) or evse.powermeter
        if lost and evse.id in self._last_sure:
            meter = self._last_sure[evse.id]
        around = self._around(evse, meter, lost=lost)
        step = advance(session, change, self._policy(), around, self._outside.new_id)
        after, told = step.session, step.event
        if told is None:
            return after
        dressed = list(values) or self._values.of(evse, told, event, meter)
        before = session.transaction
        keyed, key_told = self._measurements.with_keys(
            dressed, evse.meter_public_key, told=before is not None and before.key_told
        )
        told = replace(told, meter_values=keyed)
        if self._stopped:
            self._untold.keep(told)
        else:
            self._put(told)
        if after.transaction is not None:
            seq_no = told.seq_no if self._stopped else after.transaction.seq_no
            after = replace(
                after, transaction=replace(after.transaction, seq_no=seq_no, key_told=key_told)
            )
            self._readings.save(evse, now=True)
        return after

    def _put(self, event: TransactionEvent) -> None:
        self._outside.store.queue(event)
        evse = self._evses.get(event.evse.id)
        csms_id = evse.csms_transaction_id if evse else None
        names = self._outside.csms.names_transactions
        for signal in signals_of(event, csms_id, names_transactions=names):
            self._outside.host.transaction_event(signal)

    def _around(self, evse: Evse, meter: Powermeter | None, *, lost: bool) -> Surroundings:
        offered = evse.limits.nr_of_phases_available if evse.limits else None
        direct = (
            meter is not None and meter.voltage_v is not None and meter.voltage_v.dc is not None
        )
        phases = None if direct else phases_used(meter, offered)
        hardware = evse.hw_capabilities
        fixed_cable = hardware is not None and hardware.connector_type.endswith("Cable")
        return Surroundings(
            meter_wh=energy_wh(meter),
            # E04.FR.03: it happened without a connection, be it that nobody was there at all.
            offline=lost or not self._outside.csms.connected,
            phases=min(phases, 3) if phases else None,
            cable_a=round(hardware.max_current_a_import) if hardware and fixed_cable else None,
            evcc_id=evse.ev_info.evcc_id if evse.ev_info else None,
        )

    def _policy(self) -> Policy:
        return Policy(
            points(self._model.members(TxCtrlr.TxStartPoint), DEFAULT_START),
            points(self._model.members(TxCtrlr.TxStopPoint), DEFAULT_STOP),
        )

    def _not_before(self, session: Session) -> datetime:
        return max(self._outside.clock.now(), session.last_event_at)

    # Inside: what others see of it

    def _show(self, evse: Evse, session: Session, *, over: bool = False) -> None:
        """Write down what is true of an EVSE's session now, and tell whoever watches."""
        transaction = session.transaction
        evse.session_id = None if over else session.uuid
        evse.transaction_id = transaction.id if transaction else None
        evse.csms_transaction_id = None
        if transaction is not None:
            own = None if self._outside.csms.names_transactions else transaction.id
            evse.csms_transaction_id = transaction.csms_id or own
        evse.authorized = not over and Condition.AUTHORIZED in session.conditions
        state = session.charging_state.value if transaction else ""
        self._model.set_actual(EVSE.ChargingState(evse.id), state)
        self._model.set_actual(EVSE.ActiveTransactionId(evse.id), evse.transaction_id or "")
        self._notify(evse)

    def _notify(self, evse: Evse) -> None:
        for watcher in self._watchers:
            watcher(evse)
        self._outside.host.evse_changed(evse.id)

    def _notify_all(self) -> None:
        for evse in self._evses:
            self._notify(evse)

    def _settle_end(self, evse: Evse, before: Session, after: Session) -> None:
        if before.transaction is not None and after.transaction is None:
            self._answers.forget(before.transaction.id)
            self._connectors.on_transaction_ended(evse.id)
