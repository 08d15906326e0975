"""The commands that drive a running simulator, from a shell or from its own prompt."""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ocppd.tools.sim.client import Client, Failure
from ocppd.tools.sim.printing import line, state
from ocppd.tools.variants import variants

Command = Callable[[Client, argparse.Namespace], str | None]

_TURNED_AWAY = frozenset(
    {"Rejected", "TimedOut", "Withdrawn", "AlreadyInProcess", "NoEvseAvailable"}
)


def setting(text: str) -> tuple[str, Any]:
    """Read `name=value`; numbers, true and false are what they look like."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not name=value")
    if value in ("true", "false"):
        return name, value == "true"
    try:
        return name, float(value)
    except ValueError:
        return name, value


def _plug(client: Client, args: argparse.Namespace) -> None:
    if args.settings:
        client.call("SetEv", "ia{sv}", (args.evse, variants(dict(args.settings))))
    client.call("PlugIn", "ii", (args.evse, args.connector))


def _unplug(client: Client, args: argparse.Namespace) -> None:
    client.call("Unplug", "i", (args.evse,))


def _swipe(client: Client, args: argparse.Namespace) -> str:
    outcome = str(client.call("Swipe", "ssi", (args.token, args.type, args.evse)))
    if outcome in _TURNED_AWAY:
        raise Failure(outcome)
    return outcome


def _ev(client: Client, args: argparse.Namespace) -> None:
    client.call("SetEv", "ia{sv}", (args.evse, variants(dict(args.settings))))


def _pause(client: Client, args: argparse.Namespace) -> None:
    client.call("PauseEv", "i", (args.evse,))


def _resume(client: Client, args: argparse.Namespace) -> None:
    client.call("ResumeEv", "i", (args.evse,))


def _stop(client: Client, args: argparse.Namespace) -> None:
    if not client.call("StopTransaction", "is", (args.evse, args.reason)):
        raise Failure(f"no transaction runs at EVSE {args.evse}")


def _fault(client: Client, args: argparse.Namespace) -> str:
    options = {
        name: getattr(args, name)
        for name in ("connector_id", "sub_type", "message", "description", "severity")
        if getattr(args, name) is not None
    }
    return str(client.call("RaiseFault", "isa{sv}", (args.evse, args.type, variants(options))))


def _clear(client: Client, args: argparse.Namespace) -> str:
    count = client.call("ClearFault", "is", (args.evse, args.type))
    return f"{count} cleared"


def _switch(wanted: str) -> Command:
    def switch(client: Client, args: argparse.Namespace) -> str:
        source = {
            "enable_source": args.source,
            "enable_state": wanted,
            "enable_priority": args.priority,
        }
        arguments = (args.evse, args.connector, variants(source))
        enabled = client.call("EnableDisable", "iia{sv}", arguments)
        return "enabled" if enabled else "disabled"

    return switch


def _power(client: Client, args: argparse.Namespace) -> None:
    if args.state == "off":
        client.call("PowerCut")
    else:
        client.call("PowerOn", "b", (not args.end,))


def _reboot(client: Client, args: argparse.Namespace) -> None:
    client.call("Reboot")


def _speed(client: Client, args: argparse.Namespace) -> None:
    client.call("SetSpeed", "d", (args.speed,))


def _state(client: Client, args: argparse.Namespace) -> str:
    values = client.call("State")
    return json.dumps(values, indent=2) if args.json else state(values)


def _watch(client: Client, args: argparse.Namespace) -> None:
    for what, details in client.happenings():
        if args.json:
            print(json.dumps({"what": what, **details}), flush=True)
        else:
            print(line(what, details, datetime.now().astimezone()), flush=True)


def add_commands(commands: "argparse._SubParsersAction[Any]", *, prompt: bool = False) -> None:
    """Add the commands to a parser; a prompt shows what happens anyway."""

    def add(name: str, command: Command, text: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
        parser.set_defaults(command=command)
        if not prompt:
            parser.add_argument("--bus", metavar="ADDRESS", default=argparse.SUPPRESS)
        return parser

    def add_evse(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("evse", type=int, nargs="?", default=1, help="EVSE (1)")

    plug = add("plug", _plug, "plug a car in")
    add_evse(plug)
    plug.add_argument("--connector", type=int, default=1, metavar="N")
    plug.add_argument(
        "--set",
        dest="settings",
        type=setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="the car: kind, phases, max_current_a, soc, capacity_wh and others",
    )
    add_evse(add("unplug", _unplug, "pull the cable"))

    swipe = add("swipe", _swipe, "present a token, and say what became of it")
    swipe.add_argument("token")
    swipe.add_argument("--type", default="ISO14443")
    swipe.add_argument("--evse", type=int, default=0, metavar="N", help="at the reader of an EVSE")

    ev = add("ev", _ev, "change the car that is plugged in, or choose the next one")
    ev.add_argument("evse", type=int)
    ev.add_argument("settings", type=setting, nargs="+", metavar="NAME=VALUE")
    add_evse(add("pause", _pause, "let the car ask for no current"))
    add_evse(add("resume", _resume, "let the car ask for current again"))

    stop = add("stop", _stop, "end a transaction by a button at the charger")
    add_evse(stop)
    stop.add_argument("--reason", default="Local")

    fault = add("fault", _fault, "raise an error; prints its uuid")
    fault.add_argument("type", nargs="?", default="evse_manager/Inoperative")
    fault.add_argument("--evse", type=int, default=0, metavar="N", help="0: the whole charger")
    fault.add_argument("--connector", dest="connector_id", type=int, metavar="N")
    fault.add_argument("--severity", choices=("High", "Medium", "Low"))
    for name in ("sub-type", "message", "description"):
        fault.add_argument(f"--{name}")
    clear = add("clear", _clear, "clear errors by type or uuid, or all")
    clear.add_argument("type", nargs="?", default="")
    clear.add_argument("--evse", type=int, default=0, metavar="N", help="0: everywhere")

    for name, wanted in (("enable", "Enable"), ("disable", "Disable"), ("unassign", "Unassigned")):
        switch = add(name, _switch(wanted), f"{name} an EVSE or a connector, as one source sees it")
        add_evse(switch)
        switch.add_argument("--connector", type=int, default=0, metavar="N", help="0: all")
        switch.add_argument("--source", default="LocalKeyLock")
        switch.add_argument("--priority", type=int, default=100, help="0 is the highest")

    power = add("power", _power, "cut the power, or give it back")
    power.add_argument("state", choices=("off", "on"))
    power.add_argument("--end", action="store_true", help="end transactions with PowerLoss")
    add("reboot", _reboot, "reboot the charger by a button inside")
    speed = add("speed", _speed, "let energy flow so many times faster than in life")
    speed.add_argument("speed", type=float)
    show = add("state", _state, "show the charger")
    show.add_argument("--json", action="store_true")
    if not prompt:
        watch = add("watch", _watch, "show what happens, until interrupted")
        watch.add_argument("--json", action="store_true")


def perform(args: argparse.Namespace, address: str | None) -> int:
    """Do what was asked, and return the exit status."""
    try:
        client = Client(address)
        try:
            text = args.command(client, args)
        finally:
            client.close()
    except Failure as failure:
        print(f"ocppd-sim: {failure}", file=sys.stderr)
        return 1
    if text:
        print(text)
    return 0
