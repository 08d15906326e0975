"""Commands that go on until interrupted: `monitor`, `messages`, `transactions --follow`."""

import argparse
import grp
import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from ocppd.tools.address import Address
from ocppd.tools.ctl import output
from ocppd.tools.ctl.bus import NAME, Bus, Signal
from ocppd.tools.ctl.errors import Exit
from ocppd.tools.ctl.variables import addressed, component_variable, read
from ocppd.tools.variants import variants

_ARROWS = {"CSMSToChargingStation": "◀", "ChargingStationToCSMS": "▶"}


def monitor(bus: Bus, options: argparse.Namespace) -> Exit:
    """Show changes of variables as they happen."""
    addresses = addressed(options.address)
    bus.subscribe(interface=NAME, member="EventData")
    bus.subscribe_presence()
    _monitor(bus, addresses)
    for address, result in zip(addresses, read(bus, addresses), strict=True):
        if str(result.get("status")).startswith("Unknown"):
            _note(f"{address}: no such variable now; it can only fire if it appears")
        elif not options.json:
            _line(f"{_time()} {address} = {result.get('value', '')}")
    shown = 0
    for signal in _until_enough(bus, options):
        if _came_back(signal):
            _monitor(bus, addresses)  # what is monitored is kept for the daemon's life alone
        if signal.member != "EventData" or not signal.arguments:
            continue
        event = signal.arguments[0]
        address = Address.from_dict(event.get("component_variable", {}))
        if address not in addresses:
            continue
        if options.json:
            output.as_json_line({"address": str(address), **event})
        else:
            _line(f"{event.get('timestamp', _time())} {address} = {event.get('actual_value')}")
        shown += 1
        if shown == options.count:
            break
    return Exit.DONE


def _monitor(bus: Bus, addresses: list[Address]) -> None:
    items = [variants(component_variable(address)) for address in addresses]
    bus.call("MonitorVariables", "aa{sv}", items)


def messages(bus: Bus, options: argparse.Namespace) -> Exit:
    """Show the OCPP messages as they pass, in words, with the reason of each refusal."""
    from ocppd.tools.traffic import Decoder

    bus.properties()  # says clearly when ocppd is not there
    bus.subscribe(interface=NAME, member="OcppMessage")
    bus.subscribe_presence()
    if not _may_see_messages():
        _note("only root and the groups ocpp and ocpp-admin receive these messages")
    decoder = Decoder()
    shown = 0
    for signal in _until_enough(bus, options):
        if signal.member != "OcppMessage" or not signal.arguments:
            continue
        passed = signal.arguments[0]
        text, direction = str(passed.get("message", "")), str(passed.get("direction", ""))
        line = decoder.decode(text)
        if options.refused and not line.refusal:
            continue
        if options.json:
            output.as_json_line(
                {
                    "time": _time(),
                    "direction": direction,
                    "version": passed.get("version", ""),
                    "kind": line.kind.value,
                    "action": line.action,
                    "summary": line.summary,
                    "refusal": line.refusal,
                    "message": _raw(text),
                }
            )
        else:
            arrow, version = _ARROWS.get(direction, "?"), passed.get("version", "")
            _line(f"{_time()} {version} {arrow} {line}")
            if options.raw:
                _line(f"    {text}")
        shown += 1
        if shown == options.count:
            break
    return Exit.DONE


def _raw(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def transaction_events(bus: Bus, options: argparse.Namespace) -> Exit:
    """Show what happens to transactions; the bus is subscribed already."""
    shown = 0
    for signal in _until_enough(bus, options):
        if signal.member != "OcppTransactionEvent" or not signal.arguments:
            continue
        event = signal.arguments[0]
        if options.json:
            output.as_json_line(event)
        else:
            evse = event.get("evse", {})
            where = f" EVSE {evse['id']}" if "id" in evse else ""
            _line(
                f"{_time()} {event.get('transaction_event')}{where} transaction "
                f"{event.get('transaction_id', '(no id yet)')} session {event.get('session_id')}"
            )
        shown += 1
        if shown == options.count:
            break
    return Exit.DONE


def _until_enough(bus: Bus, options: argparse.Namespace) -> Iterator[Signal]:
    """Yield the signals, and tell when ocppd goes and comes."""
    until = None if options.seconds is None else time.monotonic() + options.seconds
    for signal in bus.signals(until):
        if signal.member == "NameOwnerChanged":
            if _came_back(signal):
                _note("ocppd is back")
            elif not signal.arguments[2]:
                _note("ocppd has left the bus")
        yield signal


def _came_back(signal: Signal) -> bool:
    return (
        signal.member == "NameOwnerChanged"
        and signal.arguments[0] == NAME
        and not signal.arguments[1]
        and bool(signal.arguments[2])
    )


def _may_see_messages() -> bool:
    """Guess from the groups; where they do not exist the bus has other rules, so say yes."""
    if os.geteuid() == 0:
        return True
    groups = []
    for name in ("ocpp", "ocpp-admin"):
        try:
            groups.append(grp.getgrnam(name).gr_gid)
        except KeyError:
            continue
    return not groups or bool({*os.getgroups(), os.getegid()} & set(groups))


def _line(text: str) -> None:
    print(output.clean(text), flush=True)


def _note(text: str) -> None:
    print(f"ocppctl: {text}", file=sys.stderr, flush=True)


def _time() -> str:
    """Return now as the bus writes times: in UTC, with a Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
