"""Whom a token starts and whom it stops, as EVerest's auth module decides it.

A presented token is looked at in this order:

1. Presented at the reader, it stops the transaction that it (or a token of the group it names)
   started, without asking anybody.
2. With nothing it could start or stop, it is turned away without asking anybody.
3. Unless it comes prevalidated from the CSMS, ocppd is asked.
4. The master pass group stops every transaction and starts none (C16 of OCPP 2.x).
5. A token of the group of a running transaction stops that one; but a car that waits at an EVSE
   where the token may be used comes first (`prefer_waiting_car`).
6. Otherwise it starts: at the EVSE it names, else where a car waits, in the order of plug-in, else
   where the next car is plugged in. Who does not plug in within the connection timeout has to come
   again.

A token that came with a remote start never stops anything.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from ocppd.clock import Clock, Timer
from ocppd.model.sessions import StopReason
from ocppd.model.tokens import (
    AuthorizationStatus,
    AuthorizationType,
    IdToken,
    ProvidedIdToken,
    ValidationResult,
)
from ocppd.tools.sim.evse import Evse, Phase
from ocppd.tools.sim.settings import Selection


class Outcome(StrEnum):
    """What became of a token (EVerest's TokenValidationStatus, and why it was turned away)."""

    PROCESSING = "Processing"
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    USED_TO_START = "UsedToStart"
    USED_TO_STOP = "UsedToStop"
    TIMED_OUT = "TimedOut"
    WITHDRAWN = "Withdrawn"
    ALREADY_IN_PROCESS = "AlreadyInProcess"
    NO_EVSE_AVAILABLE = "NoEvseAvailable"


class Withdrawal(StrEnum):
    """EVerest's WithdrawAuthorizationResult."""

    ACCEPTED = "Accepted"
    AUTHORIZATION_NOT_FOUND = "AuthorizationNotFound"
    EVSE_NOT_FOUND = "EvseNotFound"


Told = Callable[[ProvidedIdToken, Outcome, str], None]


@dataclass(slots=True)
class _Pending:
    """A token that is accepted and waits for a cable at one of these EVSEs."""

    token: ProvidedIdToken
    evse_ids: tuple[int, ...]
    reservation_id: int | None
    timer: Timer | None


@dataclass(slots=True)
class Arbiter:
    """Decides about tokens.

    Attributes:
        evses: all EVSEs by id
        validate: asks ocppd about a token; the answer comes to `validated`
        told: hears what became of each token, with a reason for people
        connection_timeout_s: how long a granted authorization waits for its cable; 0 is for ever
        master_pass_group_id: whose tokens stop everything; empty when there is no such group

    """

    evses: Mapping[int, Evse]
    clock: Clock
    validate: Callable[[ProvidedIdToken], None]
    told: Told
    connection_timeout_s: float
    selection: Selection = Selection.PLUG_EVENTS
    prefer_waiting_car: bool = True
    plug_in_timeout: bool = False
    master_pass_group_id: str = ""
    _asked: list[ProvidedIdToken] = field(default_factory=list)
    _pending: list[_Pending] = field(default_factory=list)
    _plug_ins: list[int] = field(default_factory=list)
    _timers: dict[int, Timer] = field(default_factory=dict)

    # --- A token ---------------------------------------------------------------------------------

    def present(self, token: ProvidedIdToken) -> Outcome:
        """Look at a token; `Processing` means that ocppd was asked."""
        if any(asked.id_token.same_as(token.id_token) for asked in self._asked):
            return self._tell(token, Outcome.ALREADY_IN_PROCESS, "ocppd is being asked about it")
        evses = self._referenced(token)
        if self._may_stop(token):
            started = self._transaction_of(token.id_token, evses)
            if started is not None:
                return self._stop(token, started, StopReason.LOCAL, "it started this transaction")
        if self._waits_already(token, evses):
            return self._tell(token, Outcome.ALREADY_IN_PROCESS, "it waits for a cable already")
        if not self._startable(evses) and not self._stoppable(token, evses):
            return self._tell(token, Outcome.NO_EVSE_AVAILABLE, self._why_none(evses))
        if token.prevalidated:
            accepted = ValidationResult(
                AuthorizationStatus.ACCEPTED, parent_id_token=token.parent_id_token
            )
            return self._decide(token, accepted)
        self._asked.append(token)
        self._tell(token, Outcome.PROCESSING, "asking ocppd")
        self.validate(token)
        return Outcome.PROCESSING

    def validated(self, token: ProvidedIdToken, result: ValidationResult) -> None:
        """Take ocppd's answer; the world may have changed since it was asked."""
        if any(asked is token for asked in self._asked):
            self._asked = [asked for asked in self._asked if asked is not token]
            self._decide(token, result)

    def _decide(self, token: ProvidedIdToken, result: ValidationResult) -> Outcome:
        status = result.authorization_status
        if status is not AuthorizationStatus.ACCEPTED:
            return self._tell(token, Outcome.REJECTED, f"ocppd says {status}")
        group = result.parent_id_token or token.parent_id_token
        token = replace(token, parent_id_token=group)
        evses = self._referenced(token)
        if self._is_master_pass(group):
            return self._stop_all(token, evses)
        if group is not None and self._may_stop(token):
            waiting = self.prefer_waiting_car and self._waiting_car(evses) is not None
            started = self._transaction_of(group, evses)
            if started is not None and not waiting:
                return self._stop(token, started, StopReason.LOCAL, "its group charges here")
        if result.evse_ids:
            evses = [evse for evse in evses if evse.id in result.evse_ids]
            if not evses:
                status = AuthorizationStatus.NOT_AT_THIS_LOCATION
                return self._tell(token, Outcome.REJECTED, f"{status}: not at these EVSEs")
        if not self._startable(evses):
            return self._tell(token, Outcome.NO_EVSE_AVAILABLE, self._why_none(evses))
        return self._start(token, evses, result.reservation_id)

    def _start(
        self, token: ProvidedIdToken, evses: list[Evse], reservation_id: int | None
    ) -> Outcome:
        chosen = self._waiting_car(evses)
        plugs = self._where_a_car_may_come(evses)
        if chosen is None and (len(plugs) == 1 or self.selection is Selection.FIND_FIRST):
            chosen = self._startable(evses)[0]
        if chosen is not None:
            return self._authorize(token, chosen, reservation_id)
        pending = _Pending(token, plugs, reservation_id, None)
        pending.timer = self._later(lambda: self._pending_timed_out(pending))
        self._pending.append(pending)
        return self._tell(token, Outcome.ACCEPTED, "waiting for a cable at any EVSE")

    def _authorize(self, token: ProvidedIdToken, evse: Evse, reservation_id: int | None) -> Outcome:
        self._cancel_timer(evse.id)
        self._forget_plug_in(evse.id)
        token = replace(token, evse_ids=(evse.id,))
        evse.authorize(token, reservation_id)
        if evse.phase is Phase.AUTHORIZED:
            self._arm(evse.id, lambda: self._authorization_timed_out(evse, token))
        return self._tell(token, Outcome.USED_TO_START, f"EVSE {evse.id}")

    # --- What stops ------------------------------------------------------------------------------

    def _stop(self, token: ProvidedIdToken, evse: Evse, reason: StopReason, why: str) -> Outcome:
        evse.finish(reason, replace(token, evse_ids=(evse.id,)))
        return self._tell(token, Outcome.USED_TO_STOP, f"EVSE {evse.id}: {why}")

    def _stop_all(self, token: ProvidedIdToken, evses: list[Evse]) -> Outcome:
        running = [evse for evse in evses if evse.in_transaction]
        for evse in running:
            evse.finish(StopReason.MASTER_PASS, replace(token, evse_ids=(evse.id,)))
        if not running:
            return self._tell(token, Outcome.REJECTED, "a master pass starts no transaction")
        stopped = ", ".join(str(evse.id) for evse in running)
        return self._tell(token, Outcome.USED_TO_STOP, f"EVSE {stopped}: master pass")

    def _may_stop(self, token: ProvidedIdToken) -> bool:
        return token.authorization_type is not AuthorizationType.OCPP

    def _transaction_of(self, presented: IdToken, evses: list[Evse]) -> Evse | None:
        """Return the transaction started by a token, or by one whose group it is."""
        for evse in evses:
            token = evse.token
            if not evse.in_transaction or token is None:
                continue
            if presented.same_as(token.id_token) or presented.same_as(token.parent_id_token):
                return evse
        return None

    def _stoppable(self, token: ProvidedIdToken, evses: list[Evse]) -> bool:
        """Tell whether an answer of ocppd could make the token stop something."""
        if not self._may_stop(token):
            return False
        running = [evse for evse in evses if evse.in_transaction]
        groups = any(evse.token is not None and evse.token.parent_id_token for evse in running)
        return bool(running) and (groups or bool(self.master_pass_group_id))

    def _is_master_pass(self, group: IdToken | None) -> bool:
        mine = self.master_pass_group_id
        return bool(mine) and group is not None and group.value.lower() == mine.lower()

    # --- Where it starts -------------------------------------------------------------------------

    def _referenced(self, token: ProvidedIdToken) -> list[Evse]:
        ids = token.evse_ids or tuple(self.evses)
        return [self.evses[evse_id] for evse_id in ids if evse_id in self.evses]

    def _startable(self, evses: list[Evse]) -> list[Evse]:
        """Return those nobody has authorized; EVSEs with a waiting car and empty ones."""
        return [evse for evse in evses if evse.free]

    def _where_a_car_may_come(self, evses: list[Evse]) -> tuple[int, ...]:
        """Return the free EVSEs, and those that are free again once their car leaves."""
        return tuple(
            evse.id for evse in evses if evse.free or (evse.usable and evse.phase is Phase.FINISHED)
        )

    def _waiting_car(self, evses: list[Evse]) -> Evse | None:
        """Return the EVSE whose car has waited longest."""
        waiting = {evse.id: evse for evse in evses if evse.free and evse.waits_for_token}
        return next((waiting[evse_id] for evse_id in self._plug_ins if evse_id in waiting), None)

    def _waits_already(self, token: ProvidedIdToken, evses: list[Evse]) -> bool:
        granted = any(
            evse.phase is Phase.AUTHORIZED
            and evse.token is not None
            and evse.token.id_token.same_as(token.id_token)
            for evse in evses
        )
        return granted or any(
            pending.token.id_token.same_as(token.id_token) for pending in self._pending
        )

    def _why_none(self, evses: list[Evse]) -> str:
        if not evses:
            return "it names no EVSE of this charger"
        reasons = []
        for evse in evses:
            if evse.inoperative:
                reasons.append(f"EVSE {evse.id} is faulted")
            elif not evse.switched_on:
                reasons.append(f"EVSE {evse.id} is disabled")
            elif evse.phase is Phase.FINISHED:
                reasons.append(f"EVSE {evse.id} needs a replug")
            else:
                reasons.append(f"EVSE {evse.id} is taken")
        return ", ".join(reasons)

    # --- What happens at the EVSEs ---------------------------------------------------------------

    def notice(self) -> None:
        """Look at the EVSEs after something happened there: a token may wait for a cable."""
        for evse in self.evses.values():
            if evse.phase not in (Phase.WAITING, Phase.AUTHORIZED):
                self._cancel_timer(evse.id)
            if evse.phase is not Phase.WAITING:
                self._forget_plug_in(evse.id)
            elif evse.id not in self._plug_ins:
                self._car_came(evse)

    def _car_came(self, evse: Evse) -> None:
        pending = next((one for one in self._pending if evse.id in one.evse_ids), None)
        if pending is not None and evse.free:
            self._drop(pending)
            self._authorize(pending.token, evse, pending.reservation_id)
            return
        self._plug_ins.append(evse.id)
        if self.plug_in_timeout:
            self._arm(evse.id, lambda: self._plug_in_timed_out(evse))

    def withdraw(self, evse_id: int | None, id_token: IdToken | None) -> Withdrawal:
        """Withdraw what has not led to a transaction: of an EVSE, of a token, of both, or all."""
        if evse_id is not None and evse_id not in self.evses:
            return Withdrawal.EVSE_NOT_FOUND
        found = False
        for pending in list(self._pending):
            if evse_id is not None and evse_id not in pending.evse_ids:
                continue
            if id_token is None or id_token.same_as(pending.token.id_token):
                self._drop(pending)
                self._tell(pending.token, Outcome.WITHDRAWN, "by the CSMS")
                found = True
        for evse in self.evses.values():
            token = evse.token
            if evse.phase is not Phase.AUTHORIZED or token is None:
                continue
            if evse_id in (None, evse.id) and (
                id_token is None or id_token.same_as(token.id_token)
            ):
                self._cancel_timer(evse.id)
                evse.deauthorize(timed_out=False)
                self._tell(token, Outcome.WITHDRAWN, f"EVSE {evse.id}, by the CSMS")
                found = True
        return Withdrawal.ACCEPTED if found else Withdrawal.AUTHORIZATION_NOT_FOUND

    def updated(self, evse_id: int, result: ValidationResult) -> None:
        """Learn the group of the token that charges at an EVSE (ValidateResultUpdate)."""
        evse = self.evses.get(evse_id)
        if evse is not None and result.parent_id_token is not None:
            evse.group_is(result.parent_id_token)

    def forget_all(self) -> None:
        """Forget whom ocppd is asked about and who waits for a cable, as a power cut does."""
        for pending in list(self._pending):
            self._drop(pending)
        self._asked.clear()
        self._plug_ins.clear()
        for evse in self.evses.values():
            self._cancel_timer(evse.id)

    # --- Timeouts --------------------------------------------------------------------------------

    def _authorization_timed_out(self, evse: Evse, token: ProvidedIdToken) -> None:
        if evse.deauthorize(timed_out=True):
            self._tell(token, Outcome.TIMED_OUT, f"no cable at EVSE {evse.id}")

    def _plug_in_timed_out(self, evse: Evse) -> None:
        self._forget_plug_in(evse.id)
        evse.give_up_waiting()

    def _pending_timed_out(self, pending: _Pending) -> None:
        self._drop(pending)
        self._tell(pending.token, Outcome.TIMED_OUT, "no cable at any EVSE")

    def _later(self, call: Callable[[], None]) -> Timer | None:
        if self.connection_timeout_s <= 0:
            return None
        return self.clock.call_later(self.connection_timeout_s, call)

    def _arm(self, evse_id: int, call: Callable[[], None]) -> None:
        self._cancel_timer(evse_id)
        timer = self._later(call)
        if timer is not None:
            self._timers[evse_id] = timer

    def _cancel_timer(self, evse_id: int) -> None:
        timer = self._timers.pop(evse_id, None)
        if timer is not None:
            timer.cancel()

    def _drop(self, pending: _Pending) -> None:
        self._pending = [other for other in self._pending if other is not pending]
        if pending.timer is not None:
            pending.timer.cancel()

    def _forget_plug_in(self, evse_id: int) -> None:
        self._plug_ins = [other for other in self._plug_ins if other != evse_id]

    def _tell(self, token: ProvidedIdToken, outcome: Outcome, why: str) -> Outcome:
        self.told(token, outcome, why)
        return outcome
