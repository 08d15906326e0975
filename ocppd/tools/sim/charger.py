"""The simulated charger: EVSEs, the token arbiter, errors, power, and what ocppd is to hear.

Plain calls in, reports out; nothing here waits. Whatever the driver, the technician or ocppd wants
is one method, and afterwards everything has settled.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ocppd.clock import Clock, Timer
from ocppd.model.sessions import StopReason
from ocppd.model.tokens import IdToken, ProvidedIdToken, ValidationResult
from ocppd.tools.sim.arbiter import Arbiter, Outcome, Withdrawal
from ocppd.tools.sim.chronicle import Surroundings
from ocppd.tools.sim.evse import Evse, SimulatorError
from ocppd.tools.sim.faults import INOPERATIVE, STOPS, Fault, Severity
from ocppd.tools.sim.meter import Meter
from ocppd.tools.sim.outbox import STATION, Lane, Member, Report
from ocppd.tools.sim.payloads import Payload, moment_of
from ocppd.tools.sim.settings import ChargerSettings
from ocppd.tools.sim.signing import Signer, SigningMeter
from ocppd.tools.sim.supply import Limit, ev_info, hw_capabilities
from ocppd.tools.sim.switches import EnableState, Switch
from ocppd.tools.sim.vehicle import Ev

_LOG = logging.getLogger(__name__)
_RESET_REASONS = {
    "Soft": StopReason.SOFT_RESET,
    "Hard": StopReason.HARD_RESET,
    "NotSpecified": StopReason.IMMEDIATE_RESET,
}
_EVSE_RESET_S = 1.0
_SHUTDOWN_S = 0.5


class Outside(Protocol):
    """What a charger cannot do by itself."""

    def reported(self, evse_id: int) -> None:
        """Deliver what the lane of an EVSE (0: the charger) holds."""

    def validate(self, token: ProvidedIdToken) -> None:
        """Ask ocppd about a token, and hand its answer to `Charger.validated`."""

    def happened(self, what: str, details: Payload) -> None:
        """Tell people and tests what happened."""

    def power_lost(self) -> None:
        """Vanish from the bus until `power_back`."""

    def power_back(self) -> None:
        """Come back to the bus, and to ocppd."""


class Charger:
    """A charger with EVSEs; their ids start at 1."""

    def __init__(
        self,
        settings: ChargerSettings,
        outside: Outside,
        clock: Clock,
        new_id: Callable[[], str],
        random: Callable[[], float],
        signer: Signer | None = None,
    ) -> None:
        """Build it, switched on and with no car around."""
        self.settings = settings
        self.clock = clock
        self.boot_reason = "PowerUp"
        self.powered = True
        self._rebooting = False
        self._outside = outside
        self._new_id = new_id
        self._faults: dict[str, Fault] = {}
        self._next_ev: dict[int, Ev] = {}
        self._ticking: Timer | None = None
        around = self._around = Surroundings(clock, new_id, self._report, settings.speed)
        self.evses: dict[int, Evse] = {}
        for evse_id, evse_settings in enumerate(settings.evses, start=1):
            meter_id = f"SIM{evse_id:04}"
            self.evses[evse_id] = Evse(
                evse_id,
                evse_settings,
                around,
                Meter(
                    meter_id,
                    random,
                    settings.first_register_wh,
                    dc=evse_settings.kind == "DC",
                ),
                SigningMeter(meter_id, signer) if signer is not None and settings.signed else None,
            )
        self.lanes = {evse_id: Lane(evse_id) for evse_id in (STATION, *self.evses)}
        self.arbiter = Arbiter(
            self.evses,
            clock,
            outside.validate,
            self._token_told,
            settings.connection_timeout_s,
            settings.selection,
            settings.prefer_waiting_car,
            settings.plug_in_timeout,
        )

    def start(self) -> None:
        """Begin to measure, at the meter's interval."""
        for evse in self.evses.values():
            evse.tick()
        self.arbiter.notice()
        self._ticking = self.clock.call_later(self.settings.meter_interval_s, self.start)

    def stop(self) -> None:
        """Measure no more."""
        if self._ticking is not None:
            self._ticking.cancel()

    def evse(self, evse_id: int) -> Evse:
        """Return an EVSE; raises SimulatorError if there is none with this id."""
        if evse_id not in self.evses:
            raise SimulatorError(f"there is no EVSE {evse_id}; there are 1 to {len(self.evses)}")
        return self.evses[evse_id]

    def set_speed(self, speed: float) -> None:
        """Let energy flow so many times faster than in life."""
        if not 0 < speed <= 100_000:
            raise SimulatorError("the speed is more than 0 and at most 100000")
        for evse in self.evses.values():
            evse.advance()
        self._around.speed = speed

    # --- What the driver does --------------------------------------------------------------------

    def plug_in(self, evse_id: int, connector_id: int = 1) -> None:
        """Plug a car in: the one set with `set_ev`, or a usual one for the connector."""
        evse = self.evse(evse_id)
        if not 1 <= connector_id <= evse.connector_count:
            raise SimulatorError(f"EVSE {evse_id} has no connector {connector_id}")
        evse.plug_in(connector_id, self._ev_for(evse, connector_id))
        self._next_ev.pop(evse_id, None)
        self._told("PluggedIn", evse_id, connector_id=connector_id)
        self.arbiter.notice()

    def unplug(self, evse_id: int) -> None:
        """Pull the cable."""
        self.evse(evse_id).unplug()
        self._told("Unplugged", evse_id)
        self.arbiter.notice()

    def swipe(self, token: ProvidedIdToken) -> Outcome:
        """Present a token; also one that came with a remote start."""
        if not self.powered:
            raise SimulatorError("the charger has no power")
        return self.arbiter.present(token)

    def set_ev(self, evse_id: int, settings: Mapping[str, Any]) -> None:
        """Change the car that is plugged in, or choose the next one.

        Raises:
            SimulatorError: for an unknown EVSE or setting, or a value out of its range

        """
        evse = self.evse(evse_id)
        try:
            if evse.ev is not None:
                evse.change_ev(evse.ev.changed(settings))
            else:
                self._next_ev[evse_id] = self._ev_for(evse, 1).changed(settings)
        except ValueError as error:
            raise SimulatorError(str(error)) from error

    def _ev_for(self, evse: Evse, connector_id: int) -> Ev:
        kind = evse.settings.kind_of(connector_id)
        return self._next_ev.get(evse.id) or Ev(kind=kind)

    # --- Errors ----------------------------------------------------------------------------------

    def raise_fault(
        self,
        fault_type: str,
        evse_id: int | None = None,
        connector_id: int | None = None,
        **texts: str,
    ) -> str:
        """Raise an error of the charger or of an EVSE; returns its uuid.

        One that ends charging brings `evse_manager/Inoperative` along at every EVSE concerned.
        `texts` are `sub_type`, `message`, `description` and `severity`.
        """
        affected = list(self.evses.values()) if evse_id is None else [self.evse(evse_id)]
        if connector_id is not None and not 1 <= connector_id <= affected[0].connector_count:
            raise SimulatorError(f"EVSE {evse_id} has no connector {connector_id}")
        fault = self._new_fault(fault_type, evse_id, connector_id, texts)
        self._raise(fault, affected)
        if fault.inoperative and fault_type != INOPERATIVE:
            for evse in affected:
                caused = {"description": f"caused_by:{fault_type}", "cause": fault.uuid}
                self._raise(self._new_fault(INOPERATIVE, evse.id, connector_id, caused), [])
        for evse in affected:
            evse.add_fault(fault, STOPS.get(fault_type))
        self.arbiter.notice()
        return fault.uuid

    def clear_fault(self, fault_type: str = "", evse_id: int | None = None) -> int:
        """Clear the errors of a type (or all) of an EVSE (or everywhere); returns how many."""
        cleared = [
            fault
            for fault in self._faults.values()
            if fault_type in ("", fault.type, fault.uuid) and evse_id in (None, fault.evse_id)
        ]
        uuids = {fault.uuid for fault in cleared}
        cleared += [
            fault
            for fault in self._faults.values()
            if fault.cause in uuids and fault.uuid not in uuids
        ]
        for fault in cleared:
            del self._faults[fault.uuid]
            self._put(Report(fault.evse_id or STATION, Member.CLEAR_ERROR, fault.payload()))
            self._told("FaultCleared", fault.evse_id or STATION, type=fault.type)
            for evse in self.evses.values():
                evse.remove_fault(fault.uuid)
        self.arbiter.notice()
        return len(cleared)

    def _new_fault(
        self,
        fault_type: str,
        evse_id: int | None,
        connector_id: int | None,
        texts: Mapping[str, str],
    ) -> Fault:
        try:
            severity = Severity(texts.get("severity") or Severity.HIGH)
        except ValueError as error:
            raise SimulatorError(f"severity: one of {', '.join(Severity)}") from error
        if not fault_type:
            raise SimulatorError("an error needs a type, as evse_manager/Inoperative")
        return Fault(
            self._new_id(),
            fault_type,
            self.clock.now(),
            texts.get("sub_type", ""),
            texts.get("message", "") or fault_type.rpartition("/")[2],
            texts.get("description", ""),
            severity,
            evse_id,
            connector_id,
            texts.get("cause"),
        )

    def _raise(self, fault: Fault, affected: list[Evse]) -> None:
        """Report an error, and let EVSEs know it before anything follows from it."""
        self._faults[fault.uuid] = fault
        for evse in affected:
            evse.faults[fault.uuid] = fault
        self._put(Report(fault.evse_id or STATION, Member.RAISE_ERROR, fault.payload()))
        self._told("FaultRaised", fault.evse_id or STATION, type=fault.type, uuid=fault.uuid)

    # --- Power -----------------------------------------------------------------------------------

    def power_cut(self) -> None:
        """Lose power, in the middle of whatever goes on; nobody is told."""
        if not self.powered:
            raise SimulatorError("the charger has no power")
        self.powered = False
        self.boot_reason = "PowerUp"
        self.arbiter.forget_all()
        for evse in self.evses.values():
            evse.lose_power()
        self._told("PowerLost", STATION)
        self._outside.power_lost()

    def power_on(self, *, resume: bool = True) -> None:
        """Get power back: running transactions go on, or end with reason PowerLoss."""
        if self.powered:
            raise SimulatorError("the charger has power")
        self.powered = True
        self._told("PowerBack", STATION)
        for evse in self.evses.values():
            evse.regain_power(resume=resume)
        self.arbiter.notice()
        self._outside.power_back()

    def reboot(self, reason: str = "LocalReset") -> None:
        """Shut down in a moment, in which reports still get out, and boot with a reason."""
        if self._rebooting:
            return
        self._rebooting = True
        self.clock.call_later(_SHUTDOWN_S, lambda: self._shut_down(reason))

    def _shut_down(self, reason: str) -> None:
        if self.powered:
            self.power_cut()
        self.boot_reason = reason
        self.clock.call_later(self.settings.reboot_s, self._boot)

    def _boot(self) -> None:
        self._rebooting = False
        if not self.powered:
            self.power_on()

    # --- What ocppd asks of the agents -----------------------------------------------------------

    def enable_disable(self, evse_id: int, connector_id: int, source: Mapping[str, Any]) -> bool:
        """Enable or disable an EVSE (connector 0) or a connector; returns what it is now."""
        try:
            switch = Switch(
                str(source.get("enable_source", "Unspecified")),
                EnableState(source.get("enable_state", EnableState.ENABLE)),
                int(source.get("enable_priority", 10_000)),
            )
        except ValueError as error:
            raise SimulatorError(str(error)) from error
        enabled = self.evse(evse_id).switch(connector_id, switch)
        self.arbiter.notice()
        return enabled

    def stop_transaction(
        self, evse_id: int, reason: str, token: ProvidedIdToken | None = None
    ) -> bool:
        """End a transaction, or take back an authorization that waits for its cable.

        For OCPP the latter may be a transaction already. False when there is neither.
        """
        if reason not in set(StopReason):
            raise SimulatorError(f"reason: {reason!r} is none of {', '.join(StopReason)}")
        evse = self.evse(evse_id)
        stopped = evse.finish(StopReason(reason), token) or evse.deauthorize(timed_out=False)
        self.arbiter.notice()
        return stopped

    def force_unlock(self, evse_id: int, connector_id: int) -> bool:
        """Unlock a connector."""
        unlocked = self.evse(evse_id).unlock(connector_id)
        self._told("Unlocked" if unlocked else "UnlockFailed", evse_id, connector_id=connector_id)
        self.arbiter.notice()
        return unlocked

    def reset(self, reset_type: str, *, scheduled: bool) -> None:
        """Reboot soon, as the CSMS wants; transactions that still run end with that reason."""
        reason = _RESET_REASONS.get(reset_type)
        if reason is None:
            raise SimulatorError(f"type: {reset_type!r} is none of {', '.join(_RESET_REASONS)}")
        self._told("Reset", STATION, type=reset_type, scheduled=scheduled)
        for evse in self.evses.values():
            if not evse.finish(reason):
                evse.deauthorize(timed_out=False)
        self.arbiter.notice()
        self.reboot("ScheduledReset" if scheduled else "RemoteReset")

    def reset_evse(self, evse_id: int) -> bool:
        """Reset one EVSE: it is not ready for a second."""
        evse = self.evse(evse_id)
        self._told("EvseReset", evse_id)
        evse.finish(StopReason.IMMEDIATE_RESET)
        self._put(Report(evse_id, Member.READY, False))
        self.clock.call_later(
            _EVSE_RESET_S, lambda: self._put(Report(evse_id, Member.READY, self.powered))
        )
        self.arbiter.notice()
        return True

    def set_system_time(self, text: str) -> bool:
        """Set the charger's clock; False when that is no time."""
        try:
            self.clock.adjust(moment_of(text) - self.clock.now())
        except (ValueError, OverflowError):
            return False
        self._told("ClockSet", STATION, timestamp=text)
        return True

    def withdraw_authorization(self, evse_id: int | None, id_token: IdToken | None) -> Withdrawal:
        """Withdraw authorizations that have not led to a transaction."""
        return self.arbiter.withdraw(evse_id, id_token)

    # --- What else ocppd tells -------------------------------------------------------------------

    def validated(self, token: ProvidedIdToken, result: ValidationResult) -> None:
        """Take ocppd's answer about a token, unless the power failed since."""
        if self.powered:
            self.arbiter.validated(token, result)
            self.arbiter.notice()

    def validate_result_update(self, evse_id: int, result: ValidationResult) -> None:
        """Learn more about the token that charges at an EVSE."""
        self.arbiter.updated(evse_id, result)

    def set_limit(self, evse_id: int, limit: Limit | None) -> None:
        """Obey the property `Limit` of an EVSE."""
        evse = self.evses.get(evse_id)
        if evse is not None and evse.limit != limit:
            evse.set_limit(limit)
            details = {} if limit is None else {"limit": limit.amount, "unit": limit.unit}
            self._told("LimitChanged", evse_id, **details)

    # --- Reports ---------------------------------------------------------------------------------

    def begin_reports(self) -> None:
        """Put before all reports that wait what an ocppd that just came has to know first."""
        errors = [
            Report(fault.evse_id or STATION, Member.RAISE_ERROR, fault.payload())
            for fault in self._faults.values()
        ]
        for evse_id, lane in self.lanes.items():
            states = [report for report in errors if report.evse_id == evse_id]
            if evse_id == STATION:
                lane.begin(self.clock.now(), states)
                continue
            evse = self.evses[evse_id]
            lane.begin(evse.chronicle.stamp(), [*states, *self._states(evse)])
            for connector_id in range(1, evse.connector_count + 1):
                if not evse.enabled(connector_id):
                    evse.tell_switched(connector_id)
            self._report(evse_id, Member.EV_INFO, ev_info(evse.ev, evse.flow))

    def _states(self, evse: Evse) -> list[Report]:
        states: list[tuple[Member, Any]] = [
            (Member.HW_CAPABILITIES, hw_capabilities(evse.settings)),
            (Member.ENERGY_TRANSFER_MODES, evse.energy_transfer_modes),
            (Member.LIMITS, evse.offer.payload(evse.ev)),
        ]
        if evse.signer is not None:
            states.append((Member.PUBLIC_KEY, evse.signer.public_key))
        states.append((Member.READY, True))
        return [Report(evse.id, member, argument) for member, argument in states]

    def _report(self, evse_id: int, member: Member, argument: Any) -> None:
        self._put(Report(evse_id, member, argument))
        if member is Member.SESSION_EVENT:
            self._outside.happened(argument["event"], {"evse_id": evse_id, **argument})

    def _put(self, report: Report) -> None:
        self.lanes[report.evse_id].put(report)
        self._outside.reported(report.evse_id)

    def _token_told(self, token: ProvidedIdToken, outcome: Outcome, why: str) -> None:
        self._outside.happened(
            "Token", {"token": token.id_token.value, "outcome": str(outcome), "reason": why}
        )

    def _told(self, what: str, evse_id: int, **details: Any) -> None:
        self._outside.happened(what, {"evse_id": evse_id, **details})

    def waiting(self) -> list[Report]:
        """Return the reports that ocppd has not acknowledged."""
        return [report for lane in self.lanes.values() for report in lane.waiting]

    def state(self) -> Payload:
        """Return what a person wants to see of it."""
        return {
            "powered": self.powered,
            "boot_reason": self.boot_reason,
            "waiting_reports": sum(report.awaited for report in self.waiting()),
            "evses": [self._evse_state(evse) for evse in self.evses.values()],
        }

    def _evse_state(self, evse: Evse) -> Payload:
        evse.advance()
        session, ev = evse.session, evse.ev
        state: Payload = {
            "id": evse.id,
            "phase": str(evse.phase),
            "connector": evse.plugged_connector or 0,
            "power_w": round(evse.meter.power_w(evse.flow), 1),
            "register_wh": round(evse.meter.register_wh, 1),
            "enabled": evse.switched_on,
            "faults": [fault.type for fault in evse.faults.values()],
        }
        if session is not None:
            state["session_id"] = session.uuid
            if session.token is not None:
                state["token"] = session.token.id_token.value
            if session.start_wh is not None:
                state["charged_wh"] = round(evse.meter.register_wh - session.start_wh, 1)
        if ev is not None:
            state["soc"] = round(ev.soc, 2)
        if evse.limit is not None:
            state["limit"] = evse.limit.amount
            state["limit_unit"] = evse.limit.unit
        return state
