"""Block K, SmartCharging: the composite schedules, as far as no profile is installed.

Charging profiles are not part of this release: every span of time has the configured default
limits (`SmartChargingCtrlr.CompositeScheduleDefault…`), and says so.
"""

from dataclasses import dataclass

from ocppd.clock import Timer
from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import SmartChargingCtrlr
from ocppd.errors import InvalidArgument
from ocppd.model.charging_schedules import (
    ChargingRateUnit,
    ChargingSchedule,
    ChargingSchedulePeriod,
)
from ocppd.station.evse import Evses
from ocppd.station.ports import Outside

_LONGEST_S = 365 * 86_400
_DEFAULTS = (
    SmartChargingCtrlr.CompositeScheduleDefaultLimitAmps,
    SmartChargingCtrlr.CompositeScheduleDefaultLimitWatts,
    SmartChargingCtrlr.CompositeScheduleDefaultNumberPhases,
)


@dataclass(frozen=True, slots=True)
class Publication:
    """How schedules are published: every `interval_s` (0: on change only), so far ahead."""

    interval_s: int = 30
    duration_s: int = 600
    unit: ChargingRateUnit = ChargingRateUnit.A


class SmartCharging:
    """Tells what limits apply, to the host."""

    def __init__(
        self, outside: Outside, device_model: DeviceModel, evses: Evses, publication: Publication
    ) -> None:
        self._outside = outside
        self._device_model = device_model
        self._evses = evses
        self._publication = publication
        self._timer: Timer | None = None
        self.schedules: tuple[ChargingSchedule, ...] = ()

    def start(self) -> None:
        """Publish now, periodically, and whenever a default limit changes."""
        for address in _DEFAULTS:
            self._device_model.observe(address, lambda *_: self.publish())
        self.publish()

    def stop(self) -> None:
        """Publish no more until the next `publish`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def publish(self) -> None:
        """Tell the host the schedules as they are now."""
        self.stop()
        publication = self._publication
        self.schedules = self.composite_schedules(publication.duration_s, publication.unit)
        self._outside.host.charging_schedules(self.schedules)
        for evse in self._evses:
            self._outside.host.evse_changed(evse.id)
        if publication.interval_s > 0:
            self._timer = self._outside.clock.call_later(publication.interval_s, self.publish)

    def composite_schedules(
        self, duration_s: int, unit: ChargingRateUnit
    ) -> tuple[ChargingSchedule, ...]:
        """Return the schedule of the station (EVSE 0) and of each EVSE, from now on.

        Raises:
            InvalidArgument: `duration_s` is not within 1 to 31536000 (365 days)

        """
        if not 1 <= duration_s <= _LONGEST_S:
            raise InvalidArgument(f"duration_s: {duration_s} is outside 1..{_LONGEST_S}")
        start = self._outside.clock.now()
        period = self.default_limit(unit)
        return tuple(
            ChargingSchedule(evse_id, unit, (period,), duration_s, start)
            for evse_id in range(len(self._evses) + 1)
        )

    def default_limit(self, unit: ChargingRateUnit) -> ChargingSchedulePeriod:
        """Return what applies where no profile does."""
        model = self._device_model
        limit = (
            model.decimal(SmartChargingCtrlr.CompositeScheduleDefaultLimitAmps, 48.0)
            if unit is ChargingRateUnit.A
            else model.decimal(SmartChargingCtrlr.CompositeScheduleDefaultLimitWatts, 33_120.0)
        )
        phases = model.integer(SmartChargingCtrlr.CompositeScheduleDefaultNumberPhases, 3)
        return ChargingSchedulePeriod(0, limit, number_phases=phases)
