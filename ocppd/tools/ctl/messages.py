"""`messages`: what was said between the station and the CSMS, from the journal and as it passes."""

import argparse
import json
from collections.abc import Callable, Iterator
from typing import Any

from ocppd.tools.ctl import output
from ocppd.tools.ctl.bus import NAME, Bus
from ocppd.tools.ctl.errors import Exit, NoSuchMember
from ocppd.tools.ctl.live import line, may_see_messages, note, now, until_enough
from ocppd.tools.traffic import Decoder, Line
from ocppd.tools.variants import variants

_ARROWS = {"CSMSToChargingStation": "◀", "ChargingStationToCSMS": "▶"}
_MOST = 1000
_USUAL = 20

Passed = dict[str, Any]


def messages(bus: Bus, options: argparse.Namespace) -> Exit:
    """Show messages in words, with the reason of each refusal; with --follow go on with more."""
    if options.follow:
        bus.subscribe(interface=NAME, member="OcppMessage")
        bus.subscribe_presence()
        if not may_see_messages():
            note("only root and the groups ocpp and ocpp-admin receive these messages")
    decoder = Decoder()
    wanted = _wanted(options)
    kept = _kept(bus, options)
    shown = [each for each in ((one, decoder.decode(_text(one))) for one in kept) if wanted(*each)]
    last = _USUAL if options.last is None else options.last
    for passed, decoded in shown[-last:] if last else []:
        _show(passed, decoded, options)
    if not options.follow:
        return Exit.DONE
    told = {(_text(one), one.get("direction")) for one in kept[-_USUAL:]}
    count = 0
    for passed in _passing(bus, options):
        key = (_text(passed), passed.get("direction"))
        if key in told:  # it came between the subscription and the reading of the journal
            told.discard(key)
            continue
        decoded = decoder.decode(_text(passed))
        if not wanted(passed, decoded):
            continue
        _show(passed, decoded, options)
        count += 1
        if count == options.count:
            break
    return Exit.DONE


def _kept(bus: Bus, options: argparse.Namespace) -> list[Passed]:
    """Return what the journal has; more than is shown, as an answer is named by its request."""
    plain = not (options.refused or options.action)
    limit = min((options.last or _USUAL) + 100, _MOST) if plain else _MOST
    filter_ = {"limit": limit} | ({"action": options.action} if options.action else {})
    try:
        return list(bus.call("GetMessages", "a{sv}", variants(filter_)))
    except NoSuchMember:
        if not options.follow:
            raise
        bus.properties()  # says clearly when ocppd is not there
        return []


def _passing(bus: Bus, options: argparse.Namespace) -> Iterator[Passed]:
    for signal in until_enough(bus, options):
        if signal.member == "OcppMessage" and signal.arguments:
            yield {"timestamp": now(), **signal.arguments[0]}


def _wanted(options: argparse.Namespace) -> Callable[[Passed, Line], bool]:
    def wanted(passed: Passed, decoded: Line) -> bool:
        if options.action and _action(passed, decoded) != options.action:
            return False
        return bool(not options.refused or decoded.refusal or passed.get("reason"))

    return wanted


def _action(passed: Passed, decoded: Line) -> str:
    return decoded.action or str(passed.get("action", ""))


def _text(passed: Passed) -> str:
    return str(passed.get("message", ""))


def _show(passed: Passed, decoded: Line, options: argparse.Namespace) -> None:
    direction, version = str(passed.get("direction", "")), passed.get("version", "")
    refusal = decoded.refusal or str(passed.get("reason", ""))
    if options.json:
        known = {
            "time": passed.get("timestamp"),
            "direction": direction,
            "version": version,
            "kind": decoded.kind.value,
            "action": _action(passed, decoded),
            "summary": decoded.summary,
            "refusal": refusal,
            "message": _raw(_text(passed)),
        }
        names = ("number", "masked", "reason", "size", "lost")
        output.as_json_line(known | {name: passed[name] for name in names if name in passed})
        return
    if passed.get("lost"):
        line(f"    {passed['lost']} messages could not be kept")
    words = str(decoded)
    if not decoded.action and passed.get("action"):
        words = words.replace(" answer", f" {passed['action']}", 1)
    if refusal and not decoded.refusal:
        words = f"{words} -- {refusal}"
    line(f"{passed.get('timestamp')} {version} {_ARROWS.get(direction, '?')} {words}")
    if options.raw:
        line(f"    {_text(passed)}")


def _raw(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
