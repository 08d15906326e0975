"""How the leading periods of several purposes become one (SC.01, K08.FR.04, chapter 3.8)."""

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo

from ocppd.model.charging_profiles import (
    ChargingProfilePurpose,
    InstalledProfile,
    ProfilePeriod,
)
from ocppd.model.charging_schedules import ChargingRateUnit, OperationMode, PerPhase

_MAX = ChargingProfilePurpose.CHARGING_STATION_MAX_PROFILE
_EXTERNAL = ChargingProfilePurpose.CHARGING_STATION_EXTERNAL_CONSTRAINTS
_GENERATION = ChargingProfilePurpose.LOCAL_GENERATION
# Of these one counts, the first that leads.
_OF_TRANSACTION = (
    ChargingProfilePurpose.PRIORITY_CHARGING,
    ChargingProfilePurpose.TX_PROFILE,
    ChargingProfilePurpose.TX_DEFAULT_PROFILE,
)


@dataclass(frozen=True, slots=True)
class Situation:
    """What the limits of an EVSE depend on beside the profiles.

    `voltage` is the set line voltage, in V (K01.FR.50), `phases` how many there are where a
    period does not say. A relative schedule starts with `power_path_closed`. `soc` is the EV's
    state of charge in percent. `csms_sets_setpoint` is SmartChargingCtrlr.SetpointPriority.
    """

    evse_id: int
    voltage: float = 230.0
    phases: int = 3
    transaction_id: str | None = None
    power_path_closed: datetime | None = None
    priority_charging: bool = False
    soc: float | None = None
    offline_since: datetime | None = None
    ignored_offline: frozenset[ChargingProfilePurpose] = frozenset()
    time_zone: tzinfo = UTC
    csms_sets_setpoint: bool = False


@dataclass(frozen=True, slots=True)
class Leading:
    """The period of a profile that leads within its purpose."""

    installed: InstalledProfile
    period: ProfilePeriod

    @property
    def purpose(self) -> ChargingProfilePurpose:
        """What the profile is for."""
        return self.installed.profile.purpose

    @property
    def unit(self) -> ChargingRateUnit:
        """The unit that its limits are in."""
        return self.installed.profile.schedule.unit

    def replaced_by(self, leading: Iterable["Leading"]) -> "Leading | None":
        """Return whose purpose takes the place of this one's, if that leads too."""
        if self.purpose not in _OF_TRANSACTION:
            return None
        stronger = _OF_TRANSACTION[: _OF_TRANSACTION.index(self.purpose)]
        by_purpose = {one.purpose: one for one in leading}
        return next((by_purpose[one] for one in stronger if one in by_purpose), None)


@dataclass(frozen=True, slots=True)
class CompositePeriod:
    """What applies over a while; `giver` is the profile whose limit it is.

    A limit of None is none: no profile limits.
    """

    limit: PerPhase | None = None
    number_phases: int | None = None
    phase_to_use: int | None = None
    discharge_limit: PerPhase | None = None
    setpoint: PerPhase | None = None
    setpoint_reactive: PerPhase | None = None
    operation_mode: OperationMode | None = None
    evse_sleep: bool | None = None
    preconditioning_request: bool | None = None
    v2x_baseline: float | None = None
    min_charging_rate: float | None = None
    giver: InstalledProfile | None = None

    def within(
        self, total: float | None, parts: Sequence["CompositePeriod"], station: Situation
    ) -> "CompositePeriod":
        """Return what the station may draw whose own limits these are, its EVSEs `total`."""
        if total is None:
            return self
        phases = [part.number_phases for part in parts if part.number_phases is not None]
        limit, giver = self.limit, self.giver
        if limit is None or total < limit.l1:
            limit = PerPhase(total)
            givers = [part.giver for part in parts if part.giver is not None]
            giver = givers[0] if len(givers) == 1 else None
        return replace(
            self,
            limit=limit,
            giver=giver,
            number_phases=min(max(phases, default=station.phases), self.number_phases or 3),
        )


def merged(
    leading: Iterable[Leading], situation: Situation, unit: ChargingRateUnit
) -> CompositePeriod:
    """Return what the leading periods come to, in one unit."""
    leading = tuple(leading)
    by_purpose = {one.purpose: one for one in leading}
    generation = by_purpose.pop(_GENERATION, None)
    own = next((by_purpose[one] for one in _OF_TRANSACTION if one in by_purpose), None)
    externals = [one for one in leading if one.purpose is _EXTERNAL]
    counted = [one for one in (own, by_purpose.get(_MAX)) if one is not None] + externals
    if not counted:
        return CompositePeriod(number_phases=situation.phases)
    # 3.8: the lowest number of phases of all, and the phase of the one that has only one.
    phases = min(one.period.number_phases or situation.phases for one in counted)
    single = [one.period.phase_to_use for one in counted if one.period.number_phases == 1]
    everything = counted if generation is None else [*counted, generation]
    apart = any(value.is_apart for one in everything for value in _values(one))
    convert = _Conversion(unit, situation, phases, apart)
    limit, giver = _lowest(counted, convert)
    added = None if generation is None else _limit(generation, convert)
    if limit is not None and added is not None:
        limit = _by_phase(operator.add, limit, added)
    discharge = _nearest_to_zero(counted, convert)
    aim = _setpoint(own, externals, situation)
    setpoint = aim.period.setpoint if aim else None
    mode = next(
        (
            one.period.operation_mode
            for one in (own, *externals)
            if one and one.period.operation_mode
        ),
        None,
    )
    rate = own.installed.profile.schedule.min_charging_rate if own else None
    return CompositePeriod(
        limit=limit,
        number_phases=phases,
        phase_to_use=next((one for one in single if one is not None), None),
        discharge_limit=discharge,
        setpoint=_capped(convert(setpoint, aim), limit, discharge) if aim and setpoint else None,
        setpoint_reactive=aim.period.setpoint_reactive if aim else None,
        operation_mode=mode,
        evse_sleep=own.period.evse_sleep if own else None,
        preconditioning_request=own.period.preconditioning_request if own else None,
        v2x_baseline=own.period.v2x_baseline if own else None,
        min_charging_rate=None if own is None or rate is None else convert.total(rate, own),
        giver=giver,
    )


def limit_of(leading: Leading, situation: Situation, unit: ChargingRateUnit) -> PerPhase | None:
    """Return the limit that a period by itself would give, in a unit."""
    phases = leading.period.number_phases or situation.phases
    return _lowest([leading], _Conversion(unit, situation, phases))[0]


@dataclass(frozen=True, slots=True)
class _Conversion:
    """From the unit of a schedule to the one that is asked for.

    W becomes the current of each of the phases that its own period names (K01.FR.50); A becomes
    the power of the phases that are really used, so that no phase gets more than its current.
    With `apart`, each phase is told for itself.
    """

    unit: ChargingRateUnit
    situation: Situation
    phases: int
    apart: bool = False

    def total(self, value: float, of: Leading) -> float:
        """Return a value that is not told phase by phase."""
        return replace(self, apart=False)(PerPhase(value), of).l1

    def __call__(self, value: PerPhase, of: Leading) -> PerPhase:
        """Return a value of a period in the unit that is asked for."""
        voltage = self.situation.voltage
        if value.is_apart:
            if of.unit is self.unit:
                return value
            return value.each(
                lambda one: one * voltage if self.unit is ChargingRateUnit.W else one / voltage
            )
        amount = value.l1
        if of.unit is not self.unit:
            if self.unit is ChargingRateUnit.W:
                amount *= voltage * self.phases
            else:
                amount /= voltage * (of.period.number_phases or self.situation.phases)
        if not self.apart:
            return PerPhase(amount)
        if self.unit is ChargingRateUnit.W:
            amount /= self.phases
        return PerPhase(amount, amount, amount)


def _lowest(
    counted: Iterable[Leading], convert: _Conversion
) -> tuple[PerPhase | None, InstalledProfile | None]:
    """Return the lowest limit and whose it is (SC.01)."""
    limit: PerPhase | None = None
    giver: InstalledProfile | None = None
    for one in counted:
        own = _limit(one, convert)
        if own is None:
            continue
        lower = own if limit is None else _by_phase(min, limit, own)
        if lower != limit:
            limit, giver = lower, one.installed
    return limit, giver


def _limit(one: Leading, convert: _Conversion) -> PerPhase | None:
    """Return the limit of a period, capped by that of the state of charge (K01.FR.100)."""
    if one.period.limit is None:
        return None
    limit = convert(one.period.limit, one)
    at_soc = one.installed.profile.schedule.limit_at_soc
    soc = convert.situation.soc
    if at_soc is not None and soc is not None and soc >= at_soc.soc:
        limit = _by_phase(min, limit, convert(PerPhase(at_soc.limit), one))
    return limit


def _nearest_to_zero(counted: Iterable[Leading], convert: _Conversion) -> PerPhase | None:
    """Return the discharge limit that lets least flow: they are negative (SC.04)."""
    found: PerPhase | None = None
    for one in counted:
        if one.period.discharge_limit is not None:
            own = convert(one.period.discharge_limit, one)
            found = own if found is None else _by_phase(max, found, own)
    return found


def _setpoint(
    own: Leading | None, externals: Sequence[Leading], situation: Situation
) -> Leading | None:
    """Return whose setpoint counts: an external one, unless SetpointPriority says otherwise."""
    order = (own, *externals) if situation.csms_sets_setpoint else (*externals, own)
    return next((one for one in order if one and one.period.setpoint is not None), None)


def _capped(setpoint: PerPhase, limit: PerPhase | None, discharge: PerPhase | None) -> PerPhase:
    """Keep a setpoint within the limits (K08.FR.08)."""
    if limit is not None:
        setpoint = _by_phase(min, setpoint, limit)
    if discharge is not None:
        setpoint = _by_phase(max, setpoint, discharge)
    return setpoint


def _by_phase(choose: Callable[[float, float], float], one: PerPhase, other: PerPhase) -> PerPhase:
    """Choose for each phase; both tell the phases apart, or neither does."""
    if one.l2 is None or one.l3 is None or other.l2 is None or other.l3 is None:
        return PerPhase(choose(one.l1, other.l1))
    return PerPhase(choose(one.l1, other.l1), choose(one.l2, other.l2), choose(one.l3, other.l3))


def _values(leading: Leading) -> Iterator[PerPhase]:
    period = leading.period
    for value in (period.limit, period.discharge_limit, period.setpoint):
        if value is not None:
            yield value
