"""The limits as the host's energy management is told of them: SetExternalLimits of its agent."""

import logging
from collections.abc import Sequence
from datetime import timedelta

from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import SmartChargingCtrlr
from ocppd.errors import AgentRefused
from ocppd.model.charging_schedules import ChargingSchedule
from ocppd.model.smart_charging import ExternalLimit
from ocppd.station.ports import Outside

_LOG = logging.getLogger(__name__)

INTERFACE = "ExternalEnergyLimits"
_OVER_OTHERS, _UNDER_OTHERS = 0, 1000
Steps = tuple[ExternalLimit, ...]
Told = tuple[Steps, int]


class EnergyLimits:
    """Tells an agent what changed, EVSE by EVSE, one call at a time and only the newest.

    What the agent did not take is told again with the next publication.
    """

    def __init__(self, outside: Outside, device_model: DeviceModel) -> None:
        self._outside = outside
        self._model = device_model
        self._told: dict[int, Told] = {}
        self._waiting: dict[int, Told] = {}
        self._telling = False

    def on_agent_registered(self, schedules: Sequence[ChargingSchedule]) -> None:
        """Tell a new agent everything."""
        self._told.clear()
        self.tell(schedules)

    def tell(self, schedules: Sequence[ChargingSchedule]) -> None:
        """Tell what is new in schedules that begin now."""
        if not self._outside.agents.has(INTERFACE):
            return
        sets_setpoint = self._model.text(SmartChargingCtrlr.SetpointPriority) == "CSMS"
        priority = _OVER_OTHERS if sets_setpoint else _UNDER_OTHERS
        for schedule in schedules:
            new = (_steps(schedule), priority)
            if schedule.evse_id in self._waiting or _differ(new, self._told.get(schedule.evse_id)):
                self._waiting[schedule.evse_id] = new
        if self._waiting and not self._telling:
            self._telling = True
            self._outside.tasks.start(self._tell(), "external limits")

    async def _tell(self) -> None:
        try:
            while self._waiting:
                evse_id = next(iter(self._waiting))
                self._told[evse_id] = steps, priority = self._waiting.pop(evse_id)
                try:
                    await self._outside.agents.set_external_limits(evse_id, steps, priority)
                except AgentRefused as error:
                    self._told.pop(evse_id, None)
                    _LOG.info("The limits of EVSE %d were not taken: %s", evse_id, error)
        finally:
            self._telling = False


def _steps(schedule: ChargingSchedule) -> Steps:
    """Return what a schedule says, without the default limits: they come from no profile."""
    return tuple(
        ExternalLimit(
            schedule.start_schedule + timedelta(seconds=period.start_period_s),
            schedule.charging_rate_unit,
            period.limits if period.from_profile else None,
            period.number_phases if period.from_profile else None,
            period.discharge_limit,
            period.setpoint,
            period.profile_id,
        )
        for period in schedule.periods
    )


def _differ(new: Told, told: Told | None) -> bool:
    """Tell whether there is more to say than that the present step goes on."""
    if told is None or new[1] != told[1]:
        return True
    (first, *later), (first_told, *later_told) = new[0], told[0]
    same_now = _without_time(first) == _without_time(first_told)
    return not same_now or later != later_told


def _without_time(step: ExternalLimit) -> tuple[object, ...]:
    return (
        step.unit,
        step.limit,
        step.number_phases,
        step.discharge_limit,
        step.setpoint,
        step.profile_id,
    )
