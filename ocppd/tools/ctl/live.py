"""Commands that go on until interrupted: `monitor`, `transactions --follow`, and their parts."""

import argparse
import grp
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from ocppd.tools.address import Address
from ocppd.tools.ctl import output
from ocppd.tools.ctl.bus import NAME, Bus, Signal
from ocppd.tools.ctl.errors import Exit
from ocppd.tools.ctl.variables import addressed, component_variable, read
from ocppd.tools.variants import variants


def monitor(bus: Bus, options: argparse.Namespace) -> Exit:
    """Show changes of variables as they happen."""
    addresses = addressed(options.address)
    bus.subscribe(interface=NAME, member="EventData")
    bus.subscribe_presence()
    _monitor(bus, addresses)
    for address, result in zip(addresses, read(bus, addresses), strict=True):
        if str(result.get("status")).startswith("Unknown"):
            note(f"{address}: no such variable now; it can only fire if it appears")
        elif not options.json:
            line(f"{now()} {address} = {result.get('value', '')}")
    shown = 0
    for signal in until_enough(bus, options):
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
            line(f"{event.get('timestamp', now())} {address} = {event.get('actual_value')}")
        shown += 1
        if shown == options.count:
            break
    return Exit.DONE


def _monitor(bus: Bus, addresses: list[Address]) -> None:
    items = [variants(component_variable(address)) for address in addresses]
    bus.call("MonitorVariables", "aa{sv}", items)


def transaction_events(bus: Bus, options: argparse.Namespace) -> Exit:
    """Show what happens to transactions; the bus is subscribed already."""
    shown = 0
    for signal in until_enough(bus, options):
        if signal.member != "OcppTransactionEvent" or not signal.arguments:
            continue
        event = signal.arguments[0]
        if options.json:
            output.as_json_line(event)
        else:
            evse = event.get("evse", {})
            where = f" EVSE {evse['id']}" if "id" in evse else ""
            line(
                f"{now()} {event.get('transaction_event')}{where} transaction "
                f"{event.get('transaction_id', '(no id yet)')} session {event.get('session_id')}"
            )
        shown += 1
        if shown == options.count:
            break
    return Exit.DONE


def until_enough(bus: Bus, options: argparse.Namespace) -> Iterator[Signal]:
    """Yield the signals, and tell when ocppd goes and comes."""
    until = None if options.seconds is None else time.monotonic() + options.seconds
    for signal in bus.signals(until):
        if signal.member == "NameOwnerChanged":
            if _came_back(signal):
                note("ocppd is back")
            elif not signal.arguments[2]:
                note("ocppd has left the bus")
        yield signal


def _came_back(signal: Signal) -> bool:
    return (
        signal.member == "NameOwnerChanged"
        and signal.arguments[0] == NAME
        and not signal.arguments[1]
        and bool(signal.arguments[2])
    )


def may_see_messages() -> bool:
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


def line(text: str) -> None:
    """Print a line at once."""
    print(output.clean(text), flush=True)


def note(text: str) -> None:
    """Tell something beside the output."""
    print(f"ocppctl: {text}", file=sys.stderr, flush=True)


def now() -> str:
    """Return now as the bus writes times: in UTC, with a Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
