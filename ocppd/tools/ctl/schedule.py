"""The command `schedule`: the limits over time, which profile gives them, and why."""

import argparse
import json
import re
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from ocppd.tools.ctl import output
from ocppd.tools.ctl.bus import Bus
from ocppd.tools.ctl.errors import Exit, Problem
from ocppd.tools.ctl.picture import Panel, svg

_A_DAY_S = 24 * 3600
_BAR_WIDTH = 30
_WIDTH = 72
_LEVELS = "▁▂▃▄▅▆▇█"
_GIVES, _THERE = "█", "░"
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_STANDING = {
    "GivesLimit": "gives the limit",
    "AllowsMore": "would allow more",
    "Adds": "is added on top",
    "AddsUp": "is part of the sum",
    "NoLimit": "has no limit",
    "NoPeriod": "does not apply at this time",
    "Elsewhere": "is for another EVSE or transaction, or ignored while offline",
}


def schedule(bus: Bus, options: argparse.Namespace) -> Exit:
    """Show the limits from now on; with their profiles, if something about these is asked."""
    if options.explain is not None:
        return _explain(bus, options)
    if options.evse is None and not (options.what_if or options.svg or options.png):
        return _published(bus, options)
    return _explained(bus, options)


# -- as published --------------------------------------------------------------------------------


def _published(bus: Bus, options: argparse.Namespace) -> Exit:
    """Show the limits as published last, or computed for a duration."""
    if options.duration is None and options.unit is None:
        found = bus.properties().get("ChargingSchedules", {})
    else:
        duration_s = _A_DAY_S if options.duration is None else options.duration
        found = bus.call("GetCompositeSchedules", "is", duration_s, options.unit or "A")
    if options.json:
        output.as_json(found)
        return Exit.DONE
    listed = found.get("schedules", [])
    if not listed:
        print("no schedule has been published yet")
    for each in listed:
        _bars(each)
    return Exit.DONE


def _bars(schedule: dict[str, Any]) -> None:
    """Print one schedule: a line with a bar for each period."""
    unit = schedule.get("charging_rate_unit", "")
    print(_title(schedule))
    periods = schedule.get("charging_schedule_period", [])
    highest = max((float(period.get("limit", 0)) for period in periods), default=0) or 1.0
    for period in periods:
        limit = float(period.get("limit", 0))
        bar = "█" * round(max(limit, 0) / highest * _BAR_WIDTH)
        phases = f", {period['number_phases']} phases" if "number_phases" in period else ""
        start = _span(period.get("start_period", 0))
        print(f"  +{start:<9} {f'{limit:g} {unit}{phases}':<20} {bar}{_whose(period)}".rstrip())


def _whose(period: dict[str, Any]) -> str:
    if "profile_id" in period:
        return f"  (profile {period['profile_id']})"
    told = period.get("from_profile", "stack_level" in period)
    return "" if told else "  (default limit)"


def _title(schedule: dict[str, Any]) -> str:
    start = output.clean(schedule.get("start_schedule", "?"))
    where = _where(schedule.get("evse", 0))
    return f"{where} from {start} for {_span(schedule.get('duration', 0))}"


def _where(evse_id: int) -> str:
    return "station" if evse_id == 0 else f"EVSE {evse_id}"


def _span(seconds: int) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


# -- with the profiles ---------------------------------------------------------------------------


def _evses(bus: Bus, options: argparse.Namespace) -> list[int]:
    if options.evse is not None:
        return [options.evse]
    return [int(each["EvseId"]) for each in bus.evses()] or [1]


def _what_if(options: argparse.Namespace) -> dict[str, tuple[str, Any]]:
    """Return the argument what_if: the text of a file, which ocppd judges."""
    if not options.what_if:
        return {}
    try:
        text = Path(options.what_if).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(f"{options.what_if}: {error}", Exit.WRONG) from None
    try:
        json.loads(text)
    except ValueError as error:
        raise Problem(f"{options.what_if}: no JSON: {error}", Exit.WRONG) from None
    return {"profile": ("s", text)}


def _explained(bus: Bus, options: argparse.Namespace) -> Exit:
    """Show the limits of each EVSE and a band for each profile, or draw them."""
    duration_s = _A_DAY_S if options.duration is None else options.duration
    unit, what_if = options.unit or "A", _what_if(options)
    found = [
        bus.call("ExplainSchedule", "iisa{sv}", evse_id, duration_s, unit, what_if)
        for evse_id in _evses(bus, options)
    ]
    if options.svg or options.png:
        picture = svg([_panel(each) for each in found])
        if options.svg:
            _write(options.svg, picture.encode())
        if options.png:
            _write(options.png, _png(picture))
    if options.json:
        output.as_json(found)
    elif not (options.svg or options.png):
        for each in found:
            _bands(each)
    return Exit.DONE


def _write(name: str, content: bytes) -> None:
    try:
        Path(name).write_bytes(content)
    except OSError as error:
        raise Problem(f"{name}: {error.strerror}", Exit.WRONG) from None
    print(f"{name}: written")


def _png(picture: str) -> bytes:
    try:
        library = import_module("cairosvg")
    except (ImportError, OSError):
        raise Problem(
            "--png needs the Python library cairosvg (Debian: python3-cairosvg); --svg needs none"
        ) from None
    content: bytes = library.svg2png(bytestring=picture.encode())
    return content


def _panel(found: dict[str, Any]) -> Panel:
    schedule = found["schedule"]
    return Panel(
        _title(schedule),
        str(schedule["charging_rate_unit"]),
        str(schedule["start_schedule"]),
        int(schedule["duration"]),
        _steps(schedule),
        [(_name(each), _given(schedule, each), each["periods"]) for each in found["profiles"]],
    )


def _name(profile: dict[str, Any]) -> str:
    supposed = ", not installed" if profile.get("what_if") else ""
    level = profile.get("stack_level")
    return f"{profile['profile_id']} {profile['purpose']}, level {level}{supposed}"


def _steps(schedule: dict[str, Any]) -> list[tuple[int, int, float]]:
    """Return from when to when there is which limit."""
    periods = schedule["charging_schedule_period"]
    ends = [int(period["start_period"]) for period in periods[1:]] + [int(schedule["duration"])]
    return [
        (int(period["start_period"]), end, float(period["limit"]))
        for period, end in zip(periods, ends, strict=True)
    ]


def _given(schedule: dict[str, Any], profile: dict[str, Any]) -> list[tuple[int, int]]:
    """Return from when to when the limit is this profile's."""
    periods = schedule["charging_schedule_period"]
    return [
        (begin, end)
        for period, (begin, end, _) in zip(periods, _steps(schedule), strict=True)
        if period.get("profile_id") == profile["profile_id"]
    ]


def _bands(found: dict[str, Any]) -> None:
    """Print the limit over time as columns, and below it where each profile applies."""
    schedule = found["schedule"]
    unit, duration = schedule["charging_rate_unit"], int(schedule["duration"])
    steps = _steps(schedule)
    highest = max(limit for _, _, limit in steps) or 1.0
    middles = [(2 * at + 1) * duration // (2 * _WIDTH) for at in range(_WIDTH)]

    def column(second: int) -> str:
        limit = next(limit for begin, end, limit in steps if begin <= second < end)
        top = len(_LEVELS) - 1
        return " " if limit <= 0 else _LEVELS[min(top, int(limit / highest * top))]

    print(_title(schedule))
    print(f"  {''.join(column(second) for second in middles)}  to {highest:g} {unit}")
    for profile in found["profiles"]:
        given = _given(schedule, profile)
        line = ""
        for second in middles:
            there = any(
                one["start_period"] <= second < one["end_period"] for one in profile["periods"]
            )
            gives = any(begin <= second < end for begin, end in given)
            line += _GIVES if gives else _THERE if there else " "
        print(f"  {line}  {output.clean(_name(profile))}")
    if found["profiles"]:
        print(f"  {_GIVES} gives the limit  {_THERE} applies, another limit is lower")
    else:
        print("  no profile applies: the default limit")
    for period in schedule["charging_schedule_period"]:
        phases = f", {period['number_phases']} phases" if "number_phases" in period else ""
        print(
            f"  +{_span(period['start_period']):<9} {period['limit']:g} {unit}{phases}"
            f"{_whose(period)}"
        )


# -- why -----------------------------------------------------------------------------------------


def _explain(bus: Bus, options: argparse.Namespace) -> Exit:
    """Tell which profile gives the limit at a moment, until when, and what the others would."""
    at, unit = moment(options.explain, datetime.now().astimezone()), options.unit or "A"
    what_if = _what_if(options)
    found = {
        evse_id: bus.call("ExplainLimit", "issa{sv}", evse_id, at, unit, what_if)
        for evse_id in _evses(bus, options)
    }
    if options.json:
        output.as_json([{"evse_id": evse_id, **each} for evse_id, each in found.items()])
        return Exit.DONE
    for evse_id, each in found.items():
        _say(evse_id, at, each)
    return Exit.DONE


def moment(text: str, now: datetime) -> str:
    """Return a time of `--explain` as RFC 3339: ISO 8601, or a time of the next day; "" is now.

    A time without a zone is that of this machine.
    """
    if not text:
        return ""
    clock = _CLOCK.fullmatch(text)
    if clock is not None:
        at = now.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
        at += timedelta(days=1) if at < now else timedelta()
    else:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise Problem(f"{text}: no time; such as 18:30, 2026-03-01T18:30", Exit.WRONG) from None
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _say(evse_id: int, at: str, found: dict[str, Any]) -> None:
    unit = found["unit"]
    phases = f", {found['number_phases']} phases" if "number_phases" in found else ""
    if "profile_id" in found:
        whose = f"profile {found['profile_id']}"
    else:
        whose = "several EVSEs or profiles" if found["from_profile"] else "the default limit"
    until = f", until {found['until']}" if "until" in found else ""
    print(f"{_where(evse_id)} {at or 'now'}: {found['limit']:g} {unit}{phases} from {whose}{until}")
    rows = [
        (
            _name(each),
            _where(each["evse_id"]),
            f"{each['limit']:g} {unit}" if "limit" in each else None,
            _standing(each),
        )
        for each in found["contributions"]
    ]
    if rows:
        output.table(("profile", "of", "limit", "what it does"), rows)
    else:
        print("no profile is installed")


def _standing(each: dict[str, Any]) -> str:
    other = each.get("by_profile_id")
    match each["standing"]:
        case "Overruled":
            return f"is overruled: profile {other} has a higher stack level"
        case "Replaced":
            return f"is replaced by the purpose of profile {other}"
        case "NoPeriod" if "next_start" in each:
            return f"applies again from {each['next_start']}"
        case standing:
            return _STANDING.get(standing, str(standing))
