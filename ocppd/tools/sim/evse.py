"""One simulated EVSE: its session, its transaction, and what flows.

Session events come in EVerest's order, each with the meter's reading of its moment.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ocppd.clock import Timer
from ocppd.model.sessions import PauseReason, SessionEventType, SessionStartReason, StopReason
from ocppd.model.tokens import IdToken, ProvidedIdToken
from ocppd.tools.sim.chronicle import Chronicle, Session, Surroundings
from ocppd.tools.sim.faults import LOCK_FAILURE, Effect, Fault
from ocppd.tools.sim.meter import NO_FLOW, Flow, Meter
from ocppd.tools.sim.outbox import Member
from ocppd.tools.sim.payloads import Payload, provided_token
from ocppd.tools.sim.settings import EvseSettings
from ocppd.tools.sim.signing import Reading, SigningMeter
from ocppd.tools.sim.supply import Limit, Offer, ev_info, offer, usable_phases
from ocppd.tools.sim.switches import Switch, Switches
from ocppd.tools.sim.vehicle import CurrentKind, Ev

_PHASE_SWITCH_S = 1.0
_TIMER_SLACK_S = 0.01


class SimulatorError(Exception):
    """Somebody asked for what cannot be done now; the text says why."""


class Phase(StrEnum):
    """How far a session has come."""

    IDLE = "Idle"
    WAITING = "WaitingForAuthorization"
    AUTHORIZED = "Authorized"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    PAUSED_EV = "PausedEV"
    PAUSED_EVSE = "PausedEVSE"
    SWITCHING = "SwitchingPhases"
    FINISHED = "Finished"


TRANSACTION_PHASES = frozenset(
    {Phase.PREPARING, Phase.CHARGING, Phase.PAUSED_EV, Phase.PAUSED_EVSE, Phase.SWITCHING}
)


@dataclass(slots=True)
class Evse:
    """An EVSE; every public method leaves it settled."""

    id: int
    settings: EvseSettings
    around: Surroundings
    meter: Meter
    signer: SigningMeter | None = None
    phase: Phase = Phase.IDLE
    session: Session | None = None
    ev: Ev | None = None
    plugged_connector: int | None = None
    powered: bool = True
    user_pause: bool = False
    limit: Limit | None = None
    faults: dict[str, Fault] = field(default_factory=dict)
    switches: dict[int, Switches] = field(default_factory=dict)
    energy_transfer_modes: list[str] = field(default_factory=list)
    plug_and_charge: Payload = field(default_factory=dict)
    der_available: bool = False
    flow: Flow = NO_FLOW
    chronicle: Chronicle = field(init=False)
    _reasons: frozenset[PauseReason] = frozenset()
    _phases_in_use: int = 0
    _ready_at: float = 0.0
    _advanced_at: float = 0.0
    _timer: Timer | None = None
    _told_soc: int | None = None
    _told_limits: Payload = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin at the present moment."""
        self.chronicle = Chronicle(self.id, self.around)
        self._advanced_at = self.around.clock.monotonic()
        self.switches = {connector: Switches() for connector in range(self.connector_count + 1)}
        self.energy_transfer_modes = self.settings.energy_transfer_modes

    # --- What it is ---------------------------------------------------------------------------

    @property
    def connector_count(self) -> int:
        """How many connectors it has."""
        return len(self.settings.connector_types)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction runs."""
        return self.phase in TRANSACTION_PHASES

    @property
    def token(self) -> ProvidedIdToken | None:
        """Who is authorized here."""
        return self.session.token if self.session is not None else None

    @property
    def waits_for_token(self) -> bool:
        """Whether a car waits for its authorization."""
        return self.phase is Phase.WAITING

    @property
    def usable(self) -> bool:
        """Whether a new transaction could be authorized here at all."""
        return self.powered and self.switched_on and not self.inoperative

    @property
    def free(self) -> bool:
        """Whether a token may be given to it: nobody is authorized, and no replug is due."""
        return self.usable and self.phase in (Phase.IDLE, Phase.WAITING)

    @property
    def switched_on(self) -> bool:
        """Whether the EVSE and at least one connector (the one in use, if any) are enabled."""
        connectors = (
            [self.plugged_connector]
            if self.plugged_connector
            else range(1, self.connector_count + 1)
        )
        return any(self.enabled(connector) for connector in connectors)

    @property
    def inoperative(self) -> bool:
        """Whether an error forbids charging."""
        return any(fault.inoperative for fault in self.faults.values())

    def enabled(self, connector_id: int) -> bool:
        """Tell whether a connector may be used; 0 is the whole EVSE."""
        return self.switches[0].enabled and self.switches[connector_id].enabled

    # --- The driver and the car ----------------------------------------------------------------

    def plug_in(self, connector_id: int, ev: Ev) -> None:
        """Put a cable in."""
        if not 1 <= connector_id <= self.connector_count:
            raise SimulatorError(f"EVSE {self.id} has no connector {connector_id}")
        if self.ev is not None:
            raise SimulatorError(f"a car is already plugged in at EVSE {self.id}")
        if ev.kind is not self.settings.kind_of(connector_id):
            raise SimulatorError(
                f"an {ev.kind} car does not fit connector {connector_id} of EVSE {self.id}"
            )
        self.ev = ev
        self.plugged_connector = connector_id
        self._greet()

    def unplug(self) -> None:
        """Pull the cable, whatever goes on; a running transaction ends."""
        if self.ev is None:
            raise SimulatorError(f"no car is plugged in at EVSE {self.id}")
        if self.powered and self.in_transaction:
            self.finish(StopReason.EV_DISCONNECTED)
        self.ev = None
        self.plugged_connector = None
        if self.powered:
            self._tell_ev()
            self.end_session()

    def change_ev(self, ev: Ev) -> None:
        """Let the car ask for something else."""
        if self.ev is None:
            raise SimulatorError(f"no car is plugged in at EVSE {self.id}")
        if ev.kind is not self.ev.kind:
            raise SimulatorError("a car cannot change its kind while it is plugged in")
        self.advance()
        self.ev = ev
        self._tell_ev()
        self.settle()

    def _greet(self) -> None:
        """Begin what a cable begins, unless it is out of order or without power."""
        connector = self.plugged_connector
        if self.ev is None or connector is None or not self.powered or not self.enabled(connector):
            return
        self._tell_ev()
        if self.phase is Phase.AUTHORIZED and self.session is not None:
            self.session.connector_id = connector
            self._begin_transaction()
        elif self.phase is Phase.IDLE:
            self._start_session(SessionStartReason.EV_CONNECTED, connector)
            self.phase = Phase.WAITING
            self._event(SessionEventType.AUTH_REQUIRED)

    # --- Authorization --------------------------------------------------------------------------

    def authorize(self, token: ProvidedIdToken, reservation_id: int | None = None) -> None:
        """Give it to a token; with a car at the cable the transaction begins."""
        if not self.free:
            raise SimulatorError(f"EVSE {self.id} is not free")
        if self.session is None:
            self._start_session(SessionStartReason.AUTHORIZED, 1, token, reservation_id)
            self.phase = Phase.AUTHORIZED
        session = self._session()
        session.token = token
        session.reservation_id = reservation_id
        self._event(
            SessionEventType.AUTHORIZED, authorization_event={"meter_value": self.reading()}
        )
        if self.ev is not None:
            self._begin_transaction()

    def deauthorize(self, *, timed_out: bool) -> bool:
        """Take the authorization back before it led to a transaction.

        `timed_out` tells ocppd that the cable did not come in time, by a PluginTimeout first.
        """
        if self.phase is not Phase.AUTHORIZED:
            return False
        if timed_out:
            self._event(SessionEventType.PLUGIN_TIMEOUT)
        self._event(
            SessionEventType.DEAUTHORIZED, authorization_event={"meter_value": self.reading()}
        )
        self.end_session()
        return True

    def give_up_waiting(self) -> None:
        """Nobody authorized the car in time: it has to be replugged."""
        if self.phase is Phase.WAITING:
            self._event(SessionEventType.PLUGIN_TIMEOUT)
            self.phase = Phase.FINISHED

    def group_is(self, parent: IdToken) -> None:
        """Note the group of the token that charges here, as the CSMS tells it later."""
        session = self.session
        if session is not None and session.token is not None:
            old = session.token
            session.token = ProvidedIdToken(
                old.id_token, old.authorization_type, old.request_id, parent, old.evse_ids
            )

    # --- The transaction ------------------------------------------------------------------------

    def _begin_transaction(self) -> None:
        session, ev = self._session(), self._car()
        now = self.chronicle.stamp()
        reading = self.reading(now)
        session.start_wh = self.meter.register_wh
        session.begin = ("B", now, self.meter.register_wh)
        token = session.token
        started: Payload = {"meter_value": reading}
        if token is not None:
            started["id_tag"] = provided_token(token)
        if self.signer is not None:
            started["signed_meter_value"] = self.signer.signed([session.begin], token)
        if session.reservation_id is not None:
            started["reservation_id"] = session.reservation_id
        self._event(SessionEventType.TRANSACTION_STARTED, now, transaction_started=started)
        self.phase = Phase.PREPARING
        self.user_pause = False
        self._reasons = frozenset()
        self._phases_in_use = self._phases()
        self._event(SessionEventType.PREPARE_CHARGING)
        self._settle_in(ev.prepare_s)

    def finish(self, reason: StopReason, token: ProvidedIdToken | None = None) -> bool:
        """End the transaction; False when none runs."""
        if not self.in_transaction:
            return False
        self.advance()
        self._event(SessionEventType.STOPPING_CHARGING)
        self._stop_flow()
        self._event(SessionEventType.CHARGING_FINISHED)
        self._transaction_finished(reason, token)
        return True

    def _transaction_finished(self, reason: StopReason, token: ProvidedIdToken | None) -> None:
        session = self._session()
        now = self.chronicle.stamp()
        finished: Payload = {"meter_value": self.reading(now), "reason": str(reason)}
        if token is not None:
            finished["id_tag"] = provided_token(token)
        if self.signer is not None and session.begin is not None:
            end: Reading = ("E", now, self.meter.register_wh)
            finished["signed_meter_value"] = self.signer.signed([session.begin, end], session.token)
        self.phase = Phase.FINISHED
        session.token = None
        session.begin = None
        self._event(SessionEventType.TRANSACTION_FINISHED, now, transaction_finished=finished)
        self._tell_limits()

    def pause(self) -> bool:
        """Pause for a user; True when paused now, False when no transaction runs."""
        if not self.in_transaction:
            return False
        self.user_pause = True
        self.settle()
        return True

    def resume(self) -> bool:
        """End a user's pause; False when there is none, a pause of the car is the car's."""
        if not self.in_transaction or not self.user_pause:
            return False
        self.user_pause = False
        self.settle()
        return True

    def unlock(self, connector_id: int) -> bool:
        """Unlock a connector by force, which ends its transaction; False if the lock is broken."""
        if not 1 <= connector_id <= self.connector_count:
            return False
        if any(fault.type == LOCK_FAILURE for fault in self.faults.values()):
            return False
        if self.session is not None and self.session.connector_id == connector_id:
            self.finish(StopReason.UNLOCK_COMMAND)
        return True

    def allow_modes(self, modes: list[str]) -> str:
        """Restrict how the car may be charged; returns EVerest's word for how that went."""
        if self.ev is not None and not self.ev.tells:
            return "NoHlc"
        if not set(modes) & set(self.settings.energy_transfer_modes):
            return "IncompatibleEnergyTransfer"
        self.energy_transfer_modes = [
            mode for mode in self.settings.energy_transfer_modes if mode in modes
        ]
        return "Accepted"

    def offer_der(self, *, available: bool) -> str:
        """Note whether grid support is available; without a DC connector there is no HLC."""
        if self.settings.kind is not CurrentKind.DC:
            return "Rejected"
        self.der_available = available
        return "Accepted"

    # --- Errors, switches, limits, power --------------------------------------------------------

    def add_fault(self, fault: Fault, reason: StopReason | None) -> None:
        """Feel an error; one that stops charging ends the transaction with its reason."""
        self.faults[fault.uuid] = fault
        if reason is not None:
            self.finish(reason)
        self.settle()

    def remove_fault(self, uuid: str) -> None:
        """Feel that an error is gone."""
        if self.faults.pop(uuid, None) is not None:
            self.settle()

    def switch(self, connector_id: int, switch: Switch) -> bool:
        """Enable or disable the EVSE (connector 0) or a connector; returns which it is now."""
        if not 0 <= connector_id <= self.connector_count:
            raise SimulatorError(f"EVSE {self.id} has no connector {connector_id}")
        connectors = range(1, self.connector_count + 1)
        before = {connector: self.enabled(connector) for connector in connectors}
        self.switches[connector_id].put(switch)
        for connector in connectors:
            now = self.enabled(connector)
            if now is before[connector]:
                continue
            if not now and self.session is not None and self.session.connector_id == connector:
                self.finish(StopReason.EVSE_DISABLED)
            self.tell_switched(connector)
            if now and connector == self.plugged_connector:
                self._greet()
        return self.enabled(connector_id)

    def tell_switched(self, connector_id: int) -> None:
        """Report whether a connector is enabled, and who decided so."""
        deciding = self.switches[0].deciding()
        if deciding is None or self.switches[0].enabled:
            deciding = self.switches[connector_id].deciding() or deciding
        event = (
            SessionEventType.ENABLED if self.enabled(connector_id) else SessionEventType.DISABLED
        )
        source = {} if deciding is None else {"source": deciding.source}
        self.chronicle.write(event, self.session, source, connector_id=connector_id)

    def set_limit(self, limit: Limit | None) -> None:
        """Obey what ocppd allows."""
        self.advance()
        self.limit = limit
        wanted, used = self._phases(), self._phases_in_use
        switchable = self.settings.switches_phases and self.offer.kind is CurrentKind.AC
        if self.phase is not Phase.CHARGING or switchable:
            self._phases_in_use = wanted
        if (
            self.phase is Phase.CHARGING
            and used != self._phases_in_use
            and not self._pause_reasons()
        ):
            self._stop_flow()
            self.phase = Phase.SWITCHING
            self._event(SessionEventType.SWITCHING_PHASES)
            self._settle_in(_PHASE_SWITCH_S)
        self.settle()
        self._tell_limits()

    def lose_power(self) -> None:
        """Everything stops without a word."""
        self.advance()
        self._stop_flow()
        self.powered = False

    def regain_power(self, *, resume: bool) -> None:
        """Go on with the transaction that the cut found, or end it with reason PowerLoss.

        A car that came or left in the dark is noticed now; an authorization without a car is lost.
        """
        self.powered = True
        self._advanced_at = self.around.clock.monotonic()
        self.deauthorize(timed_out=False)
        if self.in_transaction:
            if self.ev is None:
                self._transaction_finished(StopReason.EV_DISCONNECTED, None)
            elif not resume:
                self._transaction_finished(StopReason.POWER_LOSS, None)
            else:
                self.phase = Phase.PREPARING
                self._event(SessionEventType.PREPARE_CHARGING)
                self._settle_in(self.ev.prepare_s)
        if self.ev is None:
            self.end_session()
        else:
            self._greet()

    def end_session(self) -> None:
        """End the session: the EVSE is free again."""
        if self.session is None:
            return
        self._cancel_timer()
        self._event(
            SessionEventType.SESSION_FINISHED, session_finished={"meter_value": self.reading()}
        )
        self.session = None
        self.phase = Phase.IDLE
        self.user_pause = False
        self._reasons = frozenset()

    # --- Time -----------------------------------------------------------------------------------

    def tick(self) -> None:
        """Measure and report; called at the meter's interval."""
        if not self.powered:
            return
        self.advance()
        self.settle()
        self.around.report(self.id, Member.POWERMETER, self._signed_reading())
        self._tell_ev_progress()

    def advance(self) -> None:
        """Let flow what has flowed since the last time."""
        now = self.around.clock.monotonic()
        seconds = (now - self._advanced_at) * self.around.speed
        self._advanced_at = now
        if not self.powered or seconds <= 0:
            return
        energy_wh = self.meter.advance(seconds, self.flow)
        if self.ev is not None and energy_wh > 0:
            self.ev.take(energy_wh)

    def settle(self) -> None:
        """Bring the phase of the transaction in line with what is wanted and allowed."""
        if not self.powered or not self.in_transaction or self.ev is None:
            return
        if self.around.clock.monotonic() < self._ready_at - _TIMER_SLACK_S:
            return
        self.advance()
        reasons = self._pause_reasons()
        if reasons:
            self._pause_evse(reasons)
        elif self.ev.full and self.ev.stops_when_full:
            self.finish(StopReason.STOPPED_BY_EV)
        elif not self.ev.asks:
            self._enter(Phase.PAUSED_EV, SessionEventType.CHARGING_PAUSED_EV)
        else:
            self._enter(Phase.CHARGING, SessionEventType.CHARGING_STARTED)
            self.flow = self.offer.taken_by(self.ev)
        self._tell_limits()

    def _enter(self, phase: Phase, event: SessionEventType) -> None:
        if self.phase is phase:
            return
        self._stop_flow()
        self._reasons = frozenset()
        self.phase = phase
        self._event(event, charging_state_changed_event={"meter_value": self.reading()})

    def _pause_evse(self, reasons: frozenset[PauseReason]) -> None:
        if self.phase is Phase.PAUSED_EVSE and reasons == self._reasons:
            return
        self._stop_flow()
        self.phase = Phase.PAUSED_EVSE
        self._reasons = reasons
        self._event(
            SessionEventType.CHARGING_PAUSED_EVSE,
            charging_paused_evse={"reasons": [str(reason) for reason in sorted(reasons)]},
            charging_state_changed_event={"meter_value": self.reading()},
        )

    def _pause_reasons(self) -> frozenset[PauseReason]:
        reasons = set()
        if self.user_pause:
            reasons.add(PauseReason.USER_PAUSE)
        if any(fault.effect is not Effect.NONE for fault in self.faults.values()):
            reasons.add(PauseReason.ERROR)
        if not self.offer.suffices(self.settings, self._car()):
            reasons.add(PauseReason.NO_ENERGY)
        return frozenset(reasons)

    # --- What may flow --------------------------------------------------------------------------

    @property
    def offer(self) -> Offer:
        """What is left for the car now."""
        return offer(self.settings, self.ev, self.limit, self._phases_in_use or self._phases())

    def _phases(self) -> int:
        return usable_phases(self.settings, self.ev, self.limit)

    def _stop_flow(self) -> None:
        self.advance()
        self.flow = NO_FLOW

    # --- Reports --------------------------------------------------------------------------------

    def reading(self, moment: datetime | None = None) -> Payload:
        """Return the meter's reading of a moment, by default the present one."""
        self.advance()
        return self.meter.reading(moment or self.around.clock.now(), self.flow)

    def _signed_reading(self) -> Payload:
        """Return a reading with its signature, if the meter signs and somebody charges."""
        now = self.around.clock.now()
        reading = self.reading(now)
        if self.signer is not None and self.in_transaction:
            current: Reading = ("C", now, self.meter.register_wh)
            reading["signed_meter_value"] = self.signer.signed([current], self.token)
        return reading

    def _start_session(
        self,
        reason: SessionStartReason,
        connector_id: int,
        token: ProvidedIdToken | None = None,
        reservation_id: int | None = None,
    ) -> None:
        now = self.chronicle.stamp()
        self.session = Session(self.around.new_id(), connector_id, now)
        started: Payload = {"reason": str(reason), "meter_value": self.reading(now)}
        if token is not None:
            started["id_tag"] = provided_token(token)
        if reservation_id is not None:
            started["reservation_id"] = reservation_id
        self._event(SessionEventType.SESSION_STARTED, now, session_started=started)

    def _event(
        self, event: SessionEventType, moment: datetime | None = None, **details: Payload
    ) -> None:
        self.chronicle.write(event, self.session, details, moment)

    def _tell_ev(self) -> None:
        self._told_soc = round(self.ev.soc) if self.ev is not None else None
        self.around.report(self.id, Member.EV_INFO, ev_info(self.ev, self.flow))

    def _tell_ev_progress(self) -> None:
        if self.ev is not None and self.ev.tells and round(self.ev.soc) != self._told_soc:
            self._tell_ev()

    def _tell_limits(self) -> None:
        limits = self.offer.payload(self.ev)
        if limits != self._told_limits:
            self._told_limits = limits
            self.around.report(self.id, Member.LIMITS, limits)

    # --- Helpers --------------------------------------------------------------------------------

    def _settle_in(self, seconds: float) -> None:
        self._cancel_timer()
        self._ready_at = self.around.clock.monotonic() + seconds
        self._timer = self.around.clock.call_later(seconds, self.settle)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _session(self) -> Session:
        if self.session is None:
            raise SimulatorError(f"no session at EVSE {self.id}")
        return self.session

    def _car(self) -> Ev:
        if self.ev is None:
            raise SimulatorError(f"no car is plugged in at EVSE {self.id}")
        return self.ev
