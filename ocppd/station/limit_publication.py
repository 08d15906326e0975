"""What limits apply, told to the host: schedules at each change and period, and the next change."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ocppd.clock import Timer
from ocppd.model.charging_schedules import (
    ChargingRateUnit,
    ChargingSchedule,
    ChargingSchedulePeriod,
    PerPhase,
)
from ocppd.station.composite_schedule import Span, Window
from ocppd.station.energy_limits import EnergyLimits
from ocppd.station.evse import Evses
from ocppd.station.ports import Outside

SpansOf = Callable[[int, Window, ChargingRateUnit], tuple[Span, ...]]
"""Returns what applies to an EVSE (0: the station) over a window, in a unit."""


@dataclass(frozen=True, slots=True)
class Publication:
    """How schedules are published: every `interval_s` (0: on change only), so far ahead."""

    interval_s: int = 30
    duration_s: int = 600
    unit: ChargingRateUnit = ChargingRateUnit.A


@dataclass(frozen=True, slots=True)
class Limit:
    """What applies to an EVSE now, and until when; `profile_id` is whose limit it is.

    Neither a profile nor a stack level is there where only the default limit applies.
    """

    limit: float
    unit: ChargingRateUnit
    number_phases: int | None = None
    profile_id: int | None = None
    until: datetime | None = None


class LimitPublication:
    """Publishes when it is due: at each change, to the second, and every so often."""

    def __init__(
        self,
        outside: Outside,
        evses: Evses,
        publication: Publication,
        spans_of: SpansOf,
        default_limit: Callable[[ChargingRateUnit], float],
        energy: EnergyLimits,
    ) -> None:
        self._outside = outside
        self._evses = evses
        self._publication = publication
        self._spans_of = spans_of
        self._default_limit = default_limit
        self._energy = energy
        self._timer: Timer | None = None
        self.schedules: tuple[ChargingSchedule, ...] = ()

    def stop(self) -> None:
        """Publish no more until the next `publish`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def publish(self) -> None:
        """Tell the schedules as they are now, and wait for the next change."""
        self.stop()
        publication = self._publication
        waits = [publication.interval_s] if publication.interval_s > 0 else []
        try:
            waits.extend(self._tell())
        finally:  # whatever goes wrong now, a later time may be better
            if waits:
                self._timer = self._outside.clock.call_later(min(waits), self.publish)

    def _tell(self) -> Iterator[int]:
        """Tell the schedules, and return after how many seconds they may change."""
        publication = self._publication
        window = Window(self._outside.clock.now(), publication.duration_s)
        default = self._default_limit(publication.unit)
        everything = [
            (evse_id, self._spans_of(evse_id, window, publication.unit))
            for evse_id in range(len(self._evses) + 1)
        ]
        self.schedules = tuple(
            as_schedule(evse_id, spans, window, publication.unit, default)
            for evse_id, spans in everything
        )
        self._outside.host.charging_schedules(self.schedules)
        self._energy.tell(self.schedules)
        for evse in self._evses:
            self._outside.host.evse_changed(evse.id)
        if any(spans[0].leading or len(spans) > 1 for _, spans in everything):
            yield min(schedule.duration_s for schedule in self.schedules)  # what follows may differ
        for schedule in self.schedules:
            if len(schedule.periods) > 1:
                yield schedule.periods[1].start_period_s

    def limit_of(self, evse_id: int) -> Limit | None:
        """Return what applies to an EVSE now, as published last; None before that."""
        schedule = next((one for one in self.schedules if one.evse_id == evse_id), None)
        if schedule is None or not schedule.periods:
            return None
        now, *later = schedule.periods
        until = None
        if later:
            until = schedule.start_schedule + timedelta(seconds=later[0].start_period_s)
        return Limit(
            now.limit, schedule.charging_rate_unit, now.number_phases, now.profile_id, until
        )


def as_schedule(
    evse_id: int,
    spans: Sequence[Span],
    window: Window,
    unit: ChargingRateUnit,
    default_limit: float,
) -> ChargingSchedule:
    """Return what applies as a schedule, with the default limit where no profile limits."""
    periods: list[ChargingSchedulePeriod] = []
    for span in spans:
        period = _as_period(span, default_limit)
        if not periods or replace(period, start_period_s=periods[-1].start_period_s) != periods[-1]:
            periods.append(period)
    return ChargingSchedule(
        evse_id,
        unit,
        tuple(periods),
        spans[-1].end_s,
        window.start,
        min_charging_rate=spans[0].period.min_charging_rate,
        from_profile=any(span.period.limit is not None for span in spans),
    )


def _as_period(span: Span, default_limit: float) -> ChargingSchedulePeriod:
    period = span.period
    limit = PerPhase(default_limit) if period.limit is None else period.limit
    giver = period.giver
    return ChargingSchedulePeriod(
        span.start_s,
        limit.l1,
        number_phases=period.number_phases,
        phase_to_use=period.phase_to_use,
        stack_level=None if giver is None else giver.profile.stack_level,
        profile_id=None if giver is None else giver.profile.id,
        limit_l2=limit.l2,
        limit_l3=limit.l3,
        discharge_limit=period.discharge_limit,
        setpoint=period.setpoint,
        operation_mode=period.operation_mode,
        setpoint_reactive=period.setpoint_reactive,
        evse_sleep=period.evse_sleep,
        preconditioning_request=period.preconditioning_request,
        v2x_baseline=period.v2x_baseline,
        from_profile=period.limit is not None,
    )
