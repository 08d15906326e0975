"""One step of a session: what changed is decided, given its values, queued, and shown (block E).

Everything that makes a transaction go on comes through here, whoever reported it. While nothing
may be queued (`Stop`), what happens is kept to be told afterwards.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import EVSE, TxCtrlr
from ocppd.model.sessions import Powermeter, SessionEvent
from ocppd.model.transactions import MeterValue, TransactionEvent
from ocppd.station.event_values import EventValues
from ocppd.station.evse import Evse, Evses
from ocppd.station.measurements import Measurements
from ocppd.station.ports import Outside
from ocppd.station.sampling import energy_wh, phases_used
from ocppd.station.session_activity import Connectors
from ocppd.station.sessions import Sessions
from ocppd.station.stored_readings import EndedSamples, LastReadings
from ocppd.station.transaction import (
    DEFAULT_START,
    DEFAULT_STOP,
    Change,
    Condition,
    Policy,
    Session,
    Surroundings,
    advance,
    points,
    untold,
)
from ocppd.station.transaction_answers import TransactionAnswers, signals_of
from ocppd.station.untold import Untold


class SessionSteps:
    """Advances sessions, and lets the CSMS, the host and the other blocks know.

    `stopped` says that nothing may be queued.
    """

    def __init__(
        self,
        outside: Outside,
        device_model: DeviceModel,
        evses: Evses,
        connectors: Connectors,
        answers: TransactionAnswers,
    ) -> None:
        self._outside = outside
        self._model = device_model
        self._evses = evses
        self._connectors = connectors
        self._answers = answers
        self._untold = Untold(outside.store)
        self._watchers: list[Callable[[Evse], None]] = []
        self.sessions = Sessions(outside.store, outside.clock)
        self.samples = EndedSamples(outside.store)
        self.readings = LastReadings(outside.store, outside.clock)
        self.measurements = Measurements(device_model, outside.csms)
        self._values = EventValues(self.measurements, self.samples)
        self.stopped = False

    def start(self) -> None:
        """Take back what survived, and tell what was kept; to be called in a unit of work."""
        self.sessions.load()
        self.readings.load(self._evses)
        self._untold.load()
        open_ids = {each.transaction.id for each in self.sessions if each.transaction}
        self.samples.load(open_ids.__contains__)
        self.tell_untold()

    def redate(self, by: timedelta) -> None:
        """Move what is stored of sessions, because the time of day has become known."""
        self.samples.redate(by)
        self.sessions.redate(by)
        self._untold.redate(by)
        for evse in self._evses:
            self.readings.save(evse, now=True)
            session = self.sessions.with_transaction(evse.id)
            if session is not None:
                self.notify(evse)

    def watch(self, watcher: Callable[[Evse], None]) -> None:
        """Call a function after a transaction began, went on, ended, or became doubtful."""
        self._watchers.append(watcher)

    # What the CSMS is told

    def advance(
        self,
        evse: Evse,
        session: Session,
        change: Change,
        event: SessionEvent | None = None,
        *,
        values: Sequence[MeterValue] = (),
    ) -> Session:
        """Advance a session by a change, and queue what the CSMS is to be told of it.

        The session is not saved: that belongs to whoever knows what else changes.
        """
        meter = (event.meter_value if event else None) or evse.powermeter
        return self._step(evse, session, change, meter, event, values=values)

    def advance_lost(
        self, evse: Evse, session: Session, change: Change, meter: Powermeter | None
    ) -> Session:
        """Advance a session by what happened while nobody looked, with the reading before it."""
        return self._step(evse, session, change, meter, lost=True)

    def _step(
        self,
        evse: Evse,
        session: Session,
        change: Change,
        meter: Powermeter | None,
        event: SessionEvent | None = None,
        *,
        values: Sequence[MeterValue] = (),
        lost: bool = False,
    ) -> Session:
        around = self._around(evse, meter, lost=lost)
        step = advance(session, change, self.policy(), around, self._outside.new_id)
        after, told = step.session, step.event
        if told is None:
            return after
        dressed = list(values) or self._values.of(evse, told, event, meter)
        before = session.transaction
        keyed, key_told = self.measurements.with_keys(
            dressed, evse.meter_public_key, told=before is not None and before.key_told
        )
        told = replace(told, meter_values=keyed)
        if not self.stopped:
            self._put(told, evse)
        elif not self._untold.keep(told):
            after = untold(session, step)
        if after.transaction is not None:
            seq_no = told.seq_no if self.stopped else after.transaction.seq_no
            after = replace(
                after, transaction=replace(after.transaction, seq_no=seq_no, key_told=key_told)
            )
            self.readings.save(evse, now=True)
        return after

    def tell_untold(self) -> None:
        """Queue what was kept while stopped, and number what follows after it."""
        for event in self._untold.take():
            self._put(event, self._evses.get(event.evse.id))
            session = self.sessions.get(event.session_id)
            if session is None or session.transaction is None:
                continue
            if session.transaction.id == event.transaction_id:
                numbered = replace(session.transaction, seq_no=event.seq_no + 1)
                self.sessions.save(replace(session, transaction=numbered))

    def _put(self, event: TransactionEvent, evse: Evse | None) -> None:
        names = self._outside.csms.manners.names_transactions
        event = replace(
            event,
            host_lacks_id=names and event.authorizes,
            connector_number=event.connector_number or self._evses.number_of(event.evse),
        )
        self._outside.store.queue(event)
        csms_id = evse.csms_transaction_id if evse else None
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

    def policy(self) -> Policy:
        """Return TxStartPoint and TxStopPoint as they are now."""
        return Policy(
            points(self._model.members(TxCtrlr.TxStartPoint), DEFAULT_START),
            points(self._model.members(TxCtrlr.TxStopPoint), DEFAULT_STOP),
        )

    def not_before(self, session: Session) -> datetime:
        """Return the present, or the time of the session's last report if that is later."""
        return max(self._outside.clock.now(), session.last_event_at)

    # What others see of it

    def show(self, evse: Evse, session: Session, *, over: bool = False) -> None:
        """Write down what is true of an EVSE's session now, and tell whoever watches."""
        transaction = session.transaction
        evse.session_id = None if over else session.uuid
        evse.transaction_id = transaction.id if transaction else None
        evse.csms_transaction_id = None
        if transaction is not None:
            names = self._outside.csms.manners.names_transactions
            evse.csms_transaction_id = transaction.csms_id or (None if names else transaction.id)
        evse.authorized = not over and Condition.AUTHORIZED in session.conditions
        state = session.charging_state.value if transaction else ""
        self._model.set_actual(EVSE.ChargingState(evse.id), state)
        self._model.set_actual(EVSE.ActiveTransactionId(evse.id), evse.transaction_id or "")
        self.notify(evse)

    def notify(self, evse: Evse) -> None:
        """Tell whoever watches that something about an EVSE's transaction changed."""
        for watcher in self._watchers:
            watcher(evse)
        self._outside.host.evse_changed(evse.id)

    def notify_all(self) -> None:
        """Tell whoever watches that something about all transactions changed."""
        for evse in self._evses:
            self.notify(evse)

    def settle_end(self, evse: Evse, before: Session, after: Session) -> None:
        """Let others carry out what waited for the end of a transaction, if this was one."""
        if before.transaction is not None and after.transaction is None:
            self._answers.forget(before.transaction.id)
            self._connectors.on_transaction_ended(evse.id)
