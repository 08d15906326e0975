"""Limits that an external system sets through the host: K11 to K14.

Each is a profile of the purpose ChargingStationExternalConstraints, one for each source and EVSE.
"""

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import replace

from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import SmartChargingCtrlr
from ocppd.errors import CsmsError, InvalidArgument, NotReady, Offline, UnknownEvse
from ocppd.model.charging_profiles import (
    ChargingProfile,
    ChargingProfileKind,
    ChargingProfilePurpose,
    InstalledProfile,
    ProfilePeriod,
    ProfileSchedule,
)
from ocppd.model.charging_schedules import PerPhase
from ocppd.model.requests import CsmsRequest, Nothing
from ocppd.model.smart_charging import ClearedChargingLimit, HostLimit, NotifyChargingLimit
from ocppd.model.transactions import TriggerReason
from ocppd.station.evse import Evses
from ocppd.station.installed_profiles import delays
from ocppd.station.ports import Outside
from ocppd.station.smart_charging import SmartCharging

_LOG = logging.getLogger(__name__)

_EXTERNAL = ChargingProfilePurpose.CHARGING_STATION_EXTERNAL_CONSTRAINTS
_MOST_LIMITS = 100
Place = tuple[str, int]


class ExternalLimits:
    """Keeps what external systems allow, and tells the CSMS what changes by it.

    `announce` tells that something had to do with the transaction of an EVSE.
    """

    def __init__(
        self,
        outside: Outside,
        device_model: DeviceModel,
        evses: Evses,
        charging: SmartCharging,
        announce: Callable[[int, TriggerReason], None],
    ) -> None:
        self._outside = outside
        self._model = device_model
        self._evses = evses
        self._charging = charging
        self._announce = announce
        self._told: dict[Place, ProfileSchedule] = {}
        self._untold: dict[Place, CsmsRequest[Nothing]] = {}
        self._telling = False

    def start(self) -> None:
        """Take back which limits the CSMS knows, and watch whether there may be any."""
        self._told = {(one.source, one.evse_id): one.profile.schedule for one in self._external()}
        for address in (
            SmartChargingCtrlr.ExternalControlSignalsEnabled,
            SmartChargingCtrlr.ExternalConstraintsProfileDisallowed,
        ):
            self._model.observe(address, lambda *_: self._on_allowed())

    def on_online(self) -> None:
        """Tell the CSMS what it could not hear."""
        self._tell()

    def set(self, limit: HostLimit) -> int:
        """Apply a limit in place of one of its source and EVSE; returns the id of its profile.

        Raises:
            UnknownEvse: there is no such EVSE
            InvalidArgument: too many limits, or a source that is the CSO's
            NotReady: the CSMS does not let external systems limit charging

        """
        if limit.evse_id != 0 and self._evses.get(limit.evse_id) is None:
            raise UnknownEvse(f"limit.evse_id: no EVSE {limit.evse_id}")
        problem = self._disallowed()
        if problem is not None:  # K11.FR.07
            raise NotReady(problem)
        place = (limit.source, limit.evse_id)
        known = next((one for one in self._external() if _place(one) == place), None)
        if known is None and sum(1 for _ in self._external()) >= _MOST_LIMITS:
            raise InvalidArgument(f"limit: more than {_MOST_LIMITS} external limits")
        now = self._outside.clock.now()
        schedule = limit.schedule
        if schedule.start is None:
            schedule = replace(schedule, start=now.replace(microsecond=0))
        profile = ChargingProfile(
            known.profile.id if known else self._free_id(),
            0,
            _EXTERNAL,
            ChargingProfileKind.ABSOLUTE,  # K11.FR.06
            (schedule,),
        )
        installed = InstalledProfile(profile, limit.evse_id, now, limit.source)
        installed = replace(installed, delays_s=delays(installed, self._outside.random))
        with self._outside.store.atomically(), _Rates(self):
            self._charging.profiles.install(installed)
            self._charging.publish()
        _LOG.info("External limit of %s at EVSE %d: profile %d", *place, profile.id)
        if self._is_significant(self._told.get(place), schedule):
            self._notify(place, schedule, limit)
        return profile.id

    def clear(self, evse_id: int | None = None, source: str | None = None) -> int:
        """Release the limits of an EVSE or source, or of any; returns how many there were."""
        with self._outside.store.atomically(), _Rates(self):
            gone = self._charging.profiles.remove(
                lambda one: (
                    one.profile.purpose is _EXTERNAL
                    and evse_id in (None, one.evse_id)
                    and source in (None, one.source)
                )
            )
            if gone:
                self._charging.publish()  # K13.FR.01
        for one in gone:
            place = _place(one)
            self._told.pop(place, None)
            self._untold[place] = ClearedChargingLimit(one.evse_id, one.source)  # K13.FR.02
        self._tell()
        return len(gone)

    def _external(self) -> Iterator[InstalledProfile]:
        return (one for one in self._charging.profiles if one.profile.purpose is _EXTERNAL)

    def _disallowed(self) -> str | None:
        model = self._model
        if model.flag(SmartChargingCtrlr.ExternalConstraintsProfileDisallowed):
            return "external limits: SmartChargingCtrlr.ExternalConstraintsProfileDisallowed"
        if model.text(SmartChargingCtrlr.ExternalControlSignalsEnabled) == "false":
            return "external limits: SmartChargingCtrlr.ExternalControlSignalsEnabled is false"
        return None

    def _on_allowed(self) -> None:
        if self._disallowed() is not None:
            self.clear()

    def _free_id(self) -> int:
        """Return an id that the CSMS does not use (K01.FR.82)."""
        highest = self._model.text(SmartChargingCtrlr.MaxExternalConstraintsId)
        number = int(highest) if highest else -1
        while self._charging.profiles.get(number) is not None:
            number -= 1
        return number

    def _is_significant(self, told: ProfileSchedule | None, new: ProfileSchedule) -> bool:
        """Tell whether a limit changed by more than LimitChangeSignificance (K11.FR.02)."""
        if told is None or _shape(told) != _shape(new):
            return True
        return any(
            self._exceeds(old, now)
            for before, after in zip(told.periods, new.periods, strict=True)
            for old, now in zip(_values(before), _values(after), strict=True)
        )

    def _exceeds(self, before: float | None, after: float | None) -> bool:
        if before is None or after is None:
            return before is not after
        percent = self._model.decimal(SmartChargingCtrlr.LimitChangeSignificance, 0.0)
        return abs(after - before) * 100 > percent * abs(before) and not math.isclose(before, after)

    def _notify(self, place: Place, schedule: ProfileSchedule, limit: HostLimit) -> None:
        self._told[place] = schedule
        whole = self._model.flag(SmartChargingCtrlr.NotifyChargingLimitWithSchedules)
        self._untold[place] = NotifyChargingLimit(
            limit.evse_id, limit.source, limit.grid_critical, (schedule,) if whole else ()
        )
        self._tell()

    def _tell(self) -> None:
        if self._untold and not self._telling:
            self._telling = True
            self._outside.tasks.start(self._tell_all(), "external limits")

    async def _tell_all(self) -> None:
        try:
            while self._untold:
                place, request = next(iter(self._untold.items()))
                try:
                    await self._outside.csms.call(request)
                except Offline:
                    return  # until the connection is back
                except CsmsError as error:
                    _LOG.info("The CSMS did not hear of the external limit: %s", error)
                if self._untold.get(place) is request:
                    del self._untold[place]
        finally:
            self._telling = False

    def rates(self) -> dict[int, float]:
        """Return the limit of each EVSE that has a transaction."""
        limits = {
            evse.id: self._charging.limit_of(evse.id)
            for evse in self._evses
            if evse.transaction_id is not None
        }
        return {evse_id: limit.limit for evse_id, limit in limits.items() if limit is not None}

    def on_rates(self, before: dict[int, float]) -> None:
        """Tell of the transactions whose limit changed by enough (K11.FR.04, K13.FR.03)."""
        for evse_id, rate in self.rates().items():
            if evse_id in before and self._exceeds(before[evse_id], rate):
                self._announce(evse_id, TriggerReason.CHARGING_RATE_CHANGED)


class _Rates:
    """Compares the limits of transactions before and after a block."""

    def __init__(self, limits: ExternalLimits) -> None:
        self._limits = limits

    def __enter__(self) -> None:
        self._before = self._limits.rates()

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if error is None:
            self._limits.on_rates(self._before)


def _place(installed: InstalledProfile) -> Place:
    return installed.source, installed.evse_id


def _shape(schedule: ProfileSchedule) -> tuple[object, ...]:
    """Return what of a schedule makes it another one, whatever its limits.

    A schedule of one period begins when it is set, so that its start says nothing.
    """
    start = schedule.start if len(schedule.periods) > 1 else None
    periods = tuple((one.start_period_s, one.number_phases) for one in schedule.periods)
    return schedule.unit, start, schedule.duration_s, periods


def _values(period: ProfilePeriod) -> Iterator[float | None]:
    for value in (period.limit, period.discharge_limit, period.setpoint):
        phases = value or PerPhase(math.nan)
        for one in (phases.l1, phases.l2, phases.l3):
            yield None if one is None or math.isnan(one) else one
