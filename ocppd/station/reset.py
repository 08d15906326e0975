"""Reset of the station or of one EVSE (B11, B12, B13).

A reset never overtakes its own answer. Immediate ends the transactions first, OnIdle waits for
them; either way what they have to tell the CSMS gets some time to go out before the machine goes
down, and waits in the queue otherwise. ImmediateAndResume interrupts them, and the host resumes
them afterwards. Who can reset is the host's agent, or the machine itself.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from ocppd.clock import Timer
from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import EVSE, OCPP16LegacyCtrlr, OCPPCommCtrlr, TxCtrlr
from ocppd.errors import AgentRefused
from ocppd.model.registration import BootReason
from ocppd.model.remote_control import Reset, ResetType, StatusResult
from ocppd.model.sessions import StopReason
from ocppd.model.tokens import IdToken
from ocppd.model.transactions import MeterValue, TriggerReason
from ocppd.model.variables import StatusInfo
from ocppd.station.answer import Answer, nothing
from ocppd.station.availability import Availability
from ocppd.station.boot_history import BootHistory
from ocppd.station.evse import Evse, Evses
from ocppd.station.ports import Outside

_LOG = logging.getLogger(__name__)

ACCEPTED = "Accepted"
SCHEDULED = "Scheduled"
REJECTED = "Rejected"

_CHECK_S = 1.0
"""How often to look whether the transactions and their messages are done."""
_WAIT_S = 60
_RETRY_S = 10.0
_GOING_DOWN_S = 120.0
"""A machine that has not gone down by then has not been reset."""

_STOP_REASONS = {"Soft": StopReason.SOFT_RESET, "Hard": StopReason.HARD_RESET}


class Transactions(Protocol):
    """What a reset needs of the transactions block."""

    async def stop(self, evse_id: int, reason: StopReason, id_token: IdToken | None = None) -> bool:
        """Ask the host to stop the transaction of an EVSE; True if it took the command."""

    def tell_values(self, evse: Evse, trigger: TriggerReason, values: Sequence[MeterValue]) -> bool:
        """Tell the CSMS of the open transaction of an EVSE: Updated, with this trigger reason."""


@dataclass(frozen=True, slots=True)
class ScheduledReset:
    """A reset that waits for the end of the transactions; EVSE 0 is the station."""

    evse_id: int
    host_type: str


@dataclass(slots=True)
class _Resetting:
    """A reset that was accepted: `deadline` is when it happens whatever is still open."""

    request: Reset
    scheduled: bool
    deadline: float | None = None
    timer: Timer | None = None
    retries: int = 0
    executing: bool = False


class Resets:
    """Resets that were asked for, one for the station and one for each EVSE at most."""

    def __init__(
        self,
        outside: Outside,
        device_model: DeviceModel,
        evses: Evses,
        availability: Availability,
        transactions: Transactions,
        history: BootHistory,
    ) -> None:
        self._outside = outside
        self._device_model = device_model
        self._evses = evses
        self._availability = availability
        self._transactions = transactions
        self._history = history
        self._resetting: dict[int, _Resetting] = {}

    def start(self) -> None:
        """Go on waiting with what was scheduled, unless the machine has restarted anyway.

        To be called after the registration has been started.
        """
        self._availability.when_transaction_ended(self._on_transaction_ended)
        for key, saved in self._outside.store.load(ScheduledReset).items():
            if self._history.machine_restarted or self._history.reason in _RESETS:
                self._outside.store.forget(ScheduledReset, key)
            else:
                request = Reset(ResetType.ON_IDLE, saved.evse_id or None, saved.host_type)
                self._begin(_Resetting(request, scheduled=True))

    async def reset(self, request: Reset) -> Answer[StatusResult]:
        """Reset the station or an EVSE, now or when it is idle (B11.FR.01)."""
        problem = self._problem_with(request)
        if problem is not None:
            return _rejected(*problem)
        if request.evse_id is None:
            try:
                allowed = await self._outside.agents.is_reset_allowed(request.host_type)
            except AgentRefused as error:
                return _rejected("UnsupportedRequest", f"nobody can reset this machine: {error}")
            if not allowed:  # B11.FR.06, B12.FR.10
                return _rejected("NotEnabled", "the host does not allow a reset now")
        busy = self._busy(request.evse_id)
        scheduled = request.type is ResetType.ON_IDLE and bool(busy)
        if not scheduled:
            reset = _Resetting(request, scheduled=False)
            # Not behind the back of a CSMS that was not told: it asks again.
            return Answer(StatusResult(ACCEPTED), then=lambda: self._begin(reset), unsaid=nothing)
        # B12.FR.01, B11.FR.07; it survives a restart of the daemon.
        evse_id = request.evse_id or 0
        self._outside.store.save(str(evse_id), ScheduledReset(evse_id, request.host_type))
        info = StatusInfo("TxInProgress", f"waits for EVSE {', '.join(str(e.id) for e in busy)}")
        waiting = _Resetting(request, scheduled=True)
        return Answer(
            StatusResult(SCHEDULED, info),
            then=lambda: self._begin(waiting),
            unsaid=lambda: self._take_back(evse_id),
        )

    def _take_back(self, key: int) -> None:
        """Forget that a reset was to be scheduled, unless an earlier one is."""
        if key not in self._resetting:
            self._outside.store.forget(ScheduledReset, str(key))

    def _problem_with(self, request: Reset) -> tuple[str, str] | None:
        evse_id = request.evse_id
        if evse_id is not None:
            if self._evses.get(evse_id) is None:
                return "UnknownEvse", f"there is no EVSE {evse_id}"
            allowed = self._device_model.flag(EVSE.AllowReset(evse_id))
            if not allowed or not self._outside.agents.has("System"):  # B11.FR.09, B12.FR.09
                return "UnsupportedRequest", f"EVSE {evse_id} cannot be reset by itself"
        resumes = self._device_model.integer(TxCtrlr.ResumptionTimeout) > 0
        if request.type is ResetType.IMMEDIATE_AND_RESUME and not resumes:  # B13.FR.01
            return "UnsupportedRequest", "transactions are not resumed after a reset"
        return None

    def _busy(self, evse_id: int | None) -> Collection[Evse]:
        return [
            evse
            for evse in self._evses
            if evse_id in (None, evse.id) and evse.transaction_id is not None
        ]

    # On the way to the reset

    def _begin(self, reset: _Resetting) -> None:
        """Close what will be reset, and end its transactions unless it is scheduled."""
        key = reset.request.evse_id or 0
        present = self._resetting.get(key)
        if present is not None:
            if present.executing or not present.scheduled:
                return  # it is on its way
            _cancel(present)
        self._resetting[key] = reset
        # B12, step 3a: nobody starts where a reset is waiting. B11.FR.03, B11.FR.08
        self._availability.close(_reason(key), reset.request.evse_id)
        if reset.request.type is not ResetType.ON_IDLE:
            reset.deadline = self._outside.clock.monotonic() + self._longest_wait_s()
            for evse in self._busy(reset.request.evse_id):
                self._interrupt(evse, reset.request)
        self._proceed(reset)

    def _interrupt(self, evse: Evse, request: Reset) -> None:
        """End the transaction of an EVSE, or pause it if it is to be resumed."""
        if request.type is ResetType.IMMEDIATE_AND_RESUME:
            self._transactions.tell_values(evse, TriggerReason.RESET_COMMAND, ())  # B13.FR.04
            self._outside.tasks.start(self._pause(evse.id), f"pause EVSE {evse.id}")
        else:  # B12.FR.04, B12.FR.08
            reason = _STOP_REASONS.get(request.host_type, StopReason.IMMEDIATE_RESET)
            self._outside.tasks.start(self._stop(evse.id, reason), f"stop EVSE {evse.id}")

    def _longest_wait_s(self) -> int:
        address = OCPP16LegacyCtrlr.WaitForStopTransactionsOnResetTimeout
        return self._device_model.integer(address, _WAIT_S)

    async def _stop(self, evse_id: int, reason: StopReason) -> None:
        if not await self._transactions.stop(evse_id, reason):
            _LOG.warning("The transaction of EVSE %d could not be stopped for the reset", evse_id)

    async def _pause(self, evse_id: int) -> None:
        try:
            await self._outside.agents.pause_charging(evse_id)  # B13.FR.10, B13.FR.20
        except AgentRefused as error:
            _LOG.warning("EVSE %d does not pause for the reset: %s", evse_id, error)

    def _on_transaction_ended(self, _evse_id: int) -> None:
        for reset in list(self._resetting.values()):
            self._proceed(reset)

    def _proceed(self, reset: _Resetting) -> None:
        """Reset if nothing has to be waited for any more, else look again soon."""
        if reset.executing:
            return
        _cancel(reset)
        clock = self._outside.clock
        resumes = reset.request.type is ResetType.IMMEDIATE_AND_RESUME
        busy = not resumes and bool(self._busy(reset.request.evse_id))
        if busy:
            if reset.deadline is None:
                return  # the end of the transaction will be told
        elif reset.deadline is None:
            reset.deadline = clock.monotonic() + self._longest_wait_s()
        late = reset.deadline is not None and clock.monotonic() >= reset.deadline
        if late or not (busy or self._has_to_tell()):
            self._execute(reset)
        else:
            reset.timer = clock.call_later(_CHECK_S, lambda: self._proceed(reset))

    def _has_to_tell(self) -> bool:
        """Tell whether waiting would let messages out; offline it would not (B12.FR.05)."""
        return self._outside.csms.connected and self._outside.store.queued_for(None) > 0

    # The reset

    def _execute(self, reset: _Resetting) -> None:
        reset.executing = True
        if reset.request.evse_id is not None:
            self._outside.tasks.start(self._reset_evse(reset), "reset of an EVSE")
            return
        self._history.expect_reset(
            BootReason.SCHEDULED_RESET if reset.scheduled else BootReason.REMOTE_RESET
        )
        # The next start has to know of it, and of all that was decided before.
        self._outside.store.when_durable(
            lambda: self._outside.tasks.start(self._reset_station(reset), "reset")
        )

    async def _reset_station(self, reset: _Resetting) -> None:
        _LOG.warning("The machine is reset now, as the CSMS asked for")
        host_type = reset.request.host_type
        try:
            await self._outside.agents.reset(host_type, scheduled=reset.scheduled)
        except AgentRefused as error:
            self._on_failure(reset, str(error))
            return
        self._outside.store.forget(ScheduledReset, "0")
        self._outside.clock.call_later(
            _GOING_DOWN_S, lambda: self._on_failure(reset, "the machine is still running")
        )

    async def _reset_evse(self, reset: _Resetting) -> None:
        evse_id = reset.request.evse_id or 0
        _LOG.warning("EVSE %d is reset now, as the CSMS asked for", evse_id)
        try:
            done = await self._outside.agents.reset_evse(evse_id)
        except AgentRefused as error:
            self._on_failure(reset, str(error))
            return
        if not done:
            self._on_failure(reset, "the agent did not do it")
            return
        self._end(reset)
        if reset.request.type is ResetType.IMMEDIATE_AND_RESUME and self._busy(evse_id):
            await self._resume(evse_id)

    async def _resume(self, evse_id: int) -> None:
        """Go on with the transaction that the reset interrupted."""
        if self._device_model.flag(TxCtrlr.AllowEnergyTransferResumption, default=True):
            try:
                await self._outside.agents.resume_charging(evse_id)  # B13.FR.13
            except AgentRefused as error:
                _LOG.warning("EVSE %d does not charge again: %s", evse_id, error)
        for evse in self._busy(evse_id):
            self._transactions.tell_values(evse, TriggerReason.TX_RESUMED, ())  # B13.FR.30

    def _on_failure(self, reset: _Resetting, problem: str) -> None:
        """Try again as often as the CSMS wants it (ResetRetries), then go on without."""
        if reset.retries < self._device_model.integer(OCPPCommCtrlr.ResetRetries):
            reset.retries += 1
            _LOG.error("The reset failed, to be tried again: %s", problem)
            self._outside.clock.call_later(_RETRY_S, lambda: self._execute(reset))
            return
        _LOG.error("The reset failed: %s", problem)
        if reset.request.evse_id is None:
            self._history.no_reset()
        self._end(reset)

    def _end(self, reset: _Resetting) -> None:
        key = reset.request.evse_id or 0
        self._resetting.pop(key, None)
        self._outside.store.forget(ScheduledReset, str(key))
        self._availability.open(_reason(key))


_RESETS = (BootReason.REMOTE_RESET, BootReason.SCHEDULED_RESET)


def _reason(key: int) -> str:
    return f"reset of EVSE {key}" if key else "reset"


def _cancel(reset: _Resetting) -> None:
    if reset.timer is not None:
        reset.timer.cancel()
        reset.timer = None


def _rejected(reason_code: str, text: str) -> Answer[StatusResult]:
    _LOG.info("A reset is refused: %s", text)
    return Answer(StatusResult(REJECTED, StatusInfo(reason_code, text)))
