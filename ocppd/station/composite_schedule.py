"""What limits apply over time: one pure function of profiles, time and situation (K08, SC.01).

Within a purpose the highest stack level that has a period at a moment leads (K01.FR.17). Of the
purposes the lowest limit counts; a TxProfile takes the place of a TxDefaultProfile, and
PriorityCharging that of both; LocalGeneration is added on top. Of external limits each counts that
comes from another source or is for another EVSE: none of them may be exceeded (K11.FR.01).

All times are whole seconds after the start of the window: what begins within a second applies from
the next whole one.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from heapq import merge
from itertools import islice, pairwise

from ocppd.model.charging_profiles import (
    ChargingProfileKind,
    ChargingProfilePurpose,
    InstalledProfile,
    ProfilePeriod,
    RecurrencyKind,
)
from ocppd.model.charging_schedules import ChargingRateUnit
from ocppd.station.merged_period import CompositePeriod, Leading, Situation, merged

_SECOND = timedelta(seconds=1)
MOST_PERIODS = 2048
"""How many periods of a purpose are worked out in one go: twice what a profile may have."""
_EXTERNAL = ChargingProfilePurpose.CHARGING_STATION_EXTERNAL_CONSTRAINTS
_STATION_WIDE = (
    ChargingProfilePurpose.CHARGING_STATION_MAX_PROFILE,
    ChargingProfilePurpose.CHARGING_STATION_EXTERNAL_CONSTRAINTS,
    ChargingProfilePurpose.LOCAL_GENERATION,
)


@dataclass(frozen=True, slots=True)
class Window:
    """The time that is asked for: `duration_s` seconds from `start` on."""

    start: datetime
    duration_s: int

    def offset_s(self, moment: datetime) -> int:
        """Return the first whole second of the window at or after a moment; may be outside."""
        return -((self.start - moment) // _SECOND)

    def until_s(self, moment: datetime) -> int:
        """Return the first whole second of the window after a moment; may be outside."""
        return (moment - self.start) // _SECOND + 1


@dataclass(frozen=True, slots=True)
class Span:
    """What applies from `start_s` until before `end_s`.

    `leading` are the periods that were merged; none of them where no profile applies.
    """

    start_s: int
    end_s: int
    period: CompositePeriod
    leading: tuple[Leading, ...] = ()


@dataclass(frozen=True, slots=True)
class _Block:
    """Part of a run of a schedule that began at `origin_s`, in seconds of the window."""

    begin_s: int
    end_s: int
    origin_s: int


@dataclass(slots=True)
class _Lead:
    """One purpose's leading period over a while."""

    begin_s: int
    end_s: int
    leading: Leading


def composite_schedule(
    profiles: Iterable[InstalledProfile],
    situation: Situation,
    window: Window,
    unit: ChargingRateUnit,
) -> tuple[Span, ...]:
    """Return what applies to an EVSE, without gaps from the start of the window on.

    A period without a limit is one that no profile limits. The schedule is shorter than the window
    where there are more than MOST_PERIODS in it.
    """
    leads, end_s = _leads(_applicable(profiles, situation), situation, window)
    spans: list[Span] = []
    for begin, end, leading in _slices(leads, end_s):
        period = merged(leading, situation, unit)
        _append(spans, Span(begin, end, period, leading))
    return tuple(spans)


def station_schedule(
    profiles: Sequence[InstalledProfile],
    station: Situation,
    evses: Sequence[Situation],
    default_limit: float,
    window: Window,
    unit: ChargingRateUnit,
) -> tuple[Span, ...]:
    """Return what the whole station may draw: its EVSEs together (K08.FR.03).

    It is within the station's own limits. An EVSE that nothing limits counts with
    `default_limit`, unless nothing limits any of them.
    """
    own = [one for one in profiles if is_of_station(one)]
    rest = [one for one in profiles if not is_of_station(one)]
    totals = [composite_schedule(rest, evse, window, unit) for evse in evses]
    caps = composite_schedule(own, station, window, unit)
    parts_of_it = (caps, *totals)
    end_s = min(spans[-1].end_s for spans in parts_of_it)
    starts = {span.start_s for spans in parts_of_it for span in spans if span.start_s < end_s}
    cuts = sorted(starts | {end_s})
    readers = [_Reader(schedule) for schedule in totals]
    cap_reader = _Reader(caps)
    spans: list[Span] = []
    for begin, end in pairwise(cuts):
        parts = [reader.at(begin) for reader in readers]
        cap = cap_reader.at(begin)
        period, leading = _station_period(parts, cap, station, default_limit, unit)
        _append(spans, Span(begin, end, period, leading))
    return tuple(spans)


def _append(spans: list[Span], span: Span) -> None:
    """Add what follows, as one with what came before if that is the same."""
    last = spans[-1] if spans else None
    if last is not None and last.period == span.period and last.leading == span.leading:
        spans[-1] = replace(last, end_s=span.end_s)
    else:
        spans.append(span)


def period_at(
    installed: InstalledProfile, situation: Situation, moment: datetime
) -> ProfilePeriod | None:
    """Return the period that a profile by itself has at a moment, whoever else leads."""
    for lead in _leads([installed], situation, Window(moment, 1))[0]:
        for one in lead:
            return one.leading.period
    return None


def next_start_s(installed: InstalledProfile, situation: Situation, window: Window) -> int | None:
    """Return after how many seconds a profile next has a period; None if not in the window."""
    return min((block.begin_s for block in _blocks(installed, situation, window)), default=None)


def is_of_station(installed: InstalledProfile) -> bool:
    """Tell whether a profile limits the station as a whole."""
    return installed.evse_id == 0 and installed.profile.purpose in _STATION_WIDE


class _Reader:
    """Reads a schedule forward."""

    def __init__(self, spans: tuple[Span, ...]) -> None:
        self._spans = spans
        self._at = 0

    def at(self, second: int) -> Span:
        while self._spans[self._at].end_s <= second:
            self._at += 1
        return self._spans[self._at]


def _station_period(
    parts: Sequence[Span],
    cap: Span,
    station: Situation,
    default_limit: float,
    unit: ChargingRateUnit,
) -> tuple[CompositePeriod, tuple[Leading, ...]]:
    leading = cap.leading + tuple(one for part in parts for one in part.leading)
    total: float | None = None
    if any(part.period.limit is not None for part in parts):
        total = sum(
            default_limit if part.period.limit is None else part.period.limit.whole(unit)
            for part in parts
        )
    return cap.period.within(total, [part.period for part in parts], station), leading


def _applicable(
    profiles: Iterable[InstalledProfile], situation: Situation
) -> list[InstalledProfile]:
    """Return the profiles that concern the EVSE and what happens there."""
    return [one for one in profiles if concerns(one, situation)]


def concerns(installed: InstalledProfile, situation: Situation) -> bool:
    """Tell whether a profile is about an EVSE as it is now, whenever its periods are."""
    if installed.evse_id not in (0, situation.evse_id):
        return False
    profile = installed.profile
    if situation.offline_since is not None and profile.purpose in situation.ignored_offline:
        return False
    match profile.purpose:
        case ChargingProfilePurpose.TX_PROFILE:  # K01.FR.04
            return (
                situation.transaction_id is not None
                and profile.transaction_id == situation.transaction_id
            )
        case ChargingProfilePurpose.PRIORITY_CHARGING:  # K21, K22
            return situation.priority_charging
        case _:
            return True


# Where a profile has periods


def _blocks(installed: InstalledProfile, situation: Situation, window: Window) -> Iterator[_Block]:
    """Return the runs of a profile's schedule within the window, in order."""
    profile = installed.profile
    schedule = profile.schedule
    first, last = 0, window.duration_s
    if profile.valid_from is not None:  # K01.FR.36
        first = max(first, window.offset_s(profile.valid_from))
    if profile.valid_to is not None:  # K01.FR.37
        last = min(last, window.offset_s(profile.valid_to))
    if situation.offline_since is not None and profile.max_offline_duration_s is not None:
        went = window.until_s(situation.offline_since)
        last = min(last, went + profile.max_offline_duration_s)  # K01.FR.101
    repeats_s = None
    duration_s = schedule.duration_s
    if profile.kind is ChargingProfileKind.RECURRING:
        repeats_s = (profile.recurrency or RecurrencyKind.DAILY).interval_s
        duration_s = repeats_s if duration_s is None else min(duration_s, repeats_s)  # K01.FR.13
    for begin, end, origin in _origins(installed, situation, window):
        begin, end = max(begin, first), min(end, last)
        if begin < end:
            yield from _runs(begin, end, origin, duration_s, repeats_s)


def _origins(
    installed: InstalledProfile, situation: Situation, window: Window
) -> Iterator[tuple[int, int, int]]:
    """Return where the schedule starts, as the clock on the wall sees it from when to when."""
    profile = installed.profile
    schedule = profile.schedule
    whole = (0, window.duration_s)
    match profile.kind:
        case ChargingProfileKind.RELATIVE if profile.purpose is _EXTERNAL:
            yield *whole, window.offset_s(installed.installed_at)
        case ChargingProfileKind.RELATIVE:  # K01.FR.42; K08.FR.06: as if it began now
            closed = situation.power_path_closed
            yield *whole, 0 if closed is None else window.offset_s(closed)
        case ChargingProfileKind.DYNAMIC:
            yield *whole, window.offset_s(installed.installed_at)
        case _ if schedule.start is None:
            # Allowed by a setting alone: such a schedule runs since it is known.
            yield *whole, window.offset_s(installed.installed_at)
        case _ if schedule.use_local_time:  # K01.FR.90, FR.91
            wall = schedule.start.replace(tzinfo=UTC)
            for begin, end, ahead in _zone_pieces(situation.time_zone, window):
                yield begin, end, window.offset_s(wall) - ahead // _SECOND
        case _:
            yield *whole, window.offset_s(schedule.start)


def _runs(
    begin: int, end: int, origin: int, duration_s: int | None, repeats_s: int | None
) -> Iterator[_Block]:
    if repeats_s is None or duration_s is None:
        ends = end if duration_s is None else min(end, origin + duration_s)
        if max(begin, origin) < ends:
            yield _Block(max(begin, origin), ends, origin)
        return
    # The first run that is not over at `begin`; none begins before the schedule does.
    run = origin + max(0, (begin - origin - duration_s) // repeats_s + 1) * repeats_s
    while run < end:
        if max(begin, run) < min(end, run + duration_s):
            yield _Block(max(begin, run), min(end, run + duration_s), run)
        run += repeats_s


def _zone_pieces(zone: tzinfo, window: Window) -> Iterator[tuple[int, int, timedelta]]:
    """Return from when to when, in seconds of the window, local time is so far ahead of UTC."""

    def ahead(second: int) -> timedelta:
        moment = window.start + timedelta(seconds=second)
        return moment.astimezone(zone).utcoffset() or timedelta()

    begin = 0
    while begin < window.duration_s:
        now = ahead(begin)
        # Clocks change twice a year: no two changes within a week.
        end = min(begin + 7 * 86_400, window.duration_s)
        if ahead(end) != now:
            low, high = begin, end
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if ahead(middle) == now else (low, middle)
            end = high
        yield begin, end, now
        begin = end


# Who leads when


def _leads(
    profiles: Iterable[InstalledProfile], situation: Situation, window: Window
) -> tuple[list[list[_Lead]], int]:
    """Return the leading periods of each purpose, in the order of time, and until when."""
    groups: dict[Hashable, list[InstalledProfile]] = {}
    for installed in profiles:
        groups.setdefault(installed.group, []).append(installed)
    found = []
    for same in groups.values():
        leads, end_s = _leads_of(same, situation, window)
        window = replace(window, duration_s=end_s)
        found.append(leads)
    return found, window.duration_s


def _leads_of(
    profiles: list[InstalledProfile], situation: Situation, window: Window
) -> tuple[list[_Lead], int]:
    """Fill the window from the highest stack level down: what is covered needs no further look.

    At the same level the profile of the EVSE itself comes before that of the station (1.6,
    3.13.1), and of two such the newer one. Returns the periods and until when they are known:
    whoever fills a year with minutes is not told all of it.
    """
    profiles = sorted(profiles, key=lambda one: one.installed_at, reverse=True)
    profiles.sort(key=lambda one: (-one.profile.stack_level, one.evse_id == 0))
    gaps = [(0, window.duration_s)]
    left = MOST_PERIODS
    found: list[list[_Lead]] = []
    for installed in profiles:
        if not gaps:
            break
        leads: list[_Lead] = []
        starts: list[int] | None = None
        for block in _blocks(installed, situation, window):
            for begin, end in _take(gaps, block.begin_s, block.end_s):
                if starts is None:
                    starts, periods = _starts(installed)
                more = _periods_between(installed, periods, starts, block.origin_s, begin, end)
                leads.extend(islice(more, left - len(leads)))
                if leads and len(leads) >= left:
                    window = replace(window, duration_s=leads[-1].end_s)
            if window.duration_s <= block.end_s:
                break
        left -= len(leads)
        found.append(leads)
        gaps = [
            (low, min(high, window.duration_s)) for low, high in gaps if low < window.duration_s
        ]
        if left <= 0:
            break
    return list(merge(*found, key=lambda lead: lead.begin_s)), window.duration_s


def _take(gaps: list[tuple[int, int]], begin: int, end: int) -> list[tuple[int, int]]:
    """Take from the gaps what is between two seconds, and return it."""
    first = bisect_right(gaps, begin, key=lambda gap: gap[1])
    last = bisect_left(gaps, end, key=lambda gap: gap[0])
    if first >= last:
        return []
    taken = [(max(low, begin), min(high, end)) for low, high in gaps[first:last]]
    left = []
    if gaps[first][0] < begin:
        left.append((gaps[first][0], begin))
    if gaps[last - 1][1] > end:
        left.append((end, gaps[last - 1][1]))
    gaps[first:last] = left
    return taken


def _starts(installed: InstalledProfile) -> tuple[list[int], list[ProfilePeriod]]:
    """Return when each period starts, after its random delay, and the periods that ever do.

    A period that is delayed beyond the start of a later one is never seen (K01.FR.12, FR.92).
    """
    periods = list(installed.profile.schedule.periods)
    starts = [period.start_period_s for period in periods]
    if installed.delays_s:
        starts = [start + delay for start, delay in zip(starts, installed.delays_s, strict=True)]
    for at in range(len(starts) - 2, -1, -1):
        if starts[at] >= starts[at + 1]:
            del starts[at], periods[at]
    return starts, periods


def _periods_between(
    installed: InstalledProfile,
    periods: list[ProfilePeriod],
    starts: list[int],
    origin: int,
    begin: int,
    end: int,
) -> Iterator[_Lead]:
    at = bisect_right(starts, begin - origin) - 1  # the first one starts at 0 (K01.FR.31)
    while begin < end:
        until = min(end, origin + starts[at + 1]) if at + 1 < len(starts) else end
        yield _Lead(begin, until, Leading(installed, periods[at]))
        begin = until
        at += 1


def _slices(
    leads: list[list[_Lead]], duration_s: int
) -> Iterator[tuple[int, int, tuple[Leading, ...]]]:
    """Return the leading periods of all purposes over each while in which they stay the same."""
    cuts = {0, duration_s}
    for purpose in leads:
        for lead in purpose:
            if lead.begin_s < duration_s:
                cuts.add(lead.begin_s)
                cuts.add(min(lead.end_s, duration_s))
    at = [0] * len(leads)
    for begin, end in pairwise(sorted(cuts)):
        leading = []
        for index, purpose in enumerate(leads):
            while at[index] < len(purpose) and purpose[at[index]].end_s <= begin:
                at[index] += 1
            if at[index] < len(purpose) and purpose[at[index]].begin_s <= begin:
                leading.append(purpose[at[index]].leading)
        yield begin, end, tuple(leading)
