"""`ocppctl`: the command line.

Exit codes: 0 done; 1 refused, wholly or in part; 2 wrong input; 3 no bus or no ocppd; 4 access
denied; 5 another failure.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module

from ocppd import __version__
from ocppd.tools.ctl.errors import Exit, Problem

_COMMANDS = {
    "status": "status:status",
    "get": "variables:get",
    "set": "variables:set_",
    "monitor": "live:monitor",
    "availability": "control:availability",
    "stop": "control:stop",
    "restart": "control:restart",
    "messages": "messages:messages",
    "transactions": "status:transactions",
    "queue": "status:queue",
    "schedule": "schedule:schedule",
    "doctor": "doctor:doctor",
    "config": "config:check",
}
"""Where a command is; it is imported when it is used, as a small board takes long to import."""

_WITHOUT_BUS = frozenset({"doctor", "config"})
"""What is of use where there is no bus."""

_MOST_MESSAGES = 1000
_ADDRESS = (
    "Component[instance].Variable[instance]@evse.connector; a name without a dot is a 1.6 key"
)


def arguments() -> argparse.ArgumentParser:
    """Return the command line."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--bus",
        metavar="ADDRESS",
        default=argparse.SUPPRESS,
        help="address of the bus (default: $OCPPD_BUS, else the system bus)",
    )
    common.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON, for programs"
    )
    common.add_argument(
        "--timeout",
        type=float,
        metavar="S",
        default=argparse.SUPPRESS,
        help="how long to wait for an answer (default: 25)",
    )
    parser = argparse.ArgumentParser(
        prog="ocppctl",
        parents=[common],
        description="See and control ocppd.",
        epilog=f"ADDR: {_ADDRESS}. Exit codes: 0 done, 1 refused, 2 wrong input, "
        "3 ocppd is not there, 4 access denied, 5 another failure.",
    )
    parser.add_argument("--version", action="version", version=f"ocppctl {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, parents=[common], help=text, description=text)

    def live(subparser: argparse.ArgumentParser) -> None:
        add = subparser.add_argument
        add("-n", "--count", type=int, metavar="N", help="end after N of them")
        add("--seconds", type=float, metavar="S", help="end after S seconds")

    command("status", "Connection, registration, health, agents and EVSEs.")
    get = command("get", "Read variables of the device model.")
    get.add_argument("address", nargs="*", metavar="ADDR", help=_ADDRESS)
    _attribute(get)
    get.add_argument("--value", action="store_true", help="print the values alone")
    set_ = command("set", "Write variables of the device model.")
    set_.add_argument("assignment", nargs="+", metavar="ADDR=VALUE", help=_ADDRESS)
    _attribute(set_)
    set_.add_argument("--source", default="ocppctl", help="kept as the origin of the value")
    monitor = command("monitor", "Show changes of variables as they happen.")
    monitor.add_argument("address", nargs="+", metavar="ADDR", help=_ADDRESS)
    live(monitor)
    availability = command("availability", "Put the station or a part of it in or out of service.")
    availability.add_argument("status", choices=("operative", "inoperative"))
    availability.add_argument("where", nargs="?", metavar="EVSE[.CONNECTOR]")
    command("stop", "Disconnect from the CSMS until 'restart'.")
    command("restart", "Connect to the CSMS again after 'stop'.")
    messages = command("messages", "Show OCPP messages, and why one was refused.")
    messages.add_argument("--last", type=_count, metavar="N", help="of those before (default: 20)")
    messages.add_argument("-f", "--follow", action="store_true", help="go on with those to come")
    messages.add_argument("--action", metavar="NAME", help="such as TransactionEvent")
    live(messages)
    messages.add_argument("--raw", action="store_true", help="print the frames as well")
    messages.add_argument("--refused", action="store_true", help="only those that refuse")
    transactions = command("transactions", "List the open transactions.")
    transactions.add_argument(
        "-f", "--follow", action="store_true", help="go on with what happens to them"
    )
    live(transactions)
    queue = command("queue", "List the messages that wait for the CSMS, or deal with one.")
    queue.add_argument(
        "action",
        nargs="?",
        choices=("show", "release", "drop"),
        default="show",
        help="show (without it), put a message that was set aside back, or delete it",
    )
    queue.add_argument("id", nargs="*", type=int, metavar="ID", help="of release and drop")
    schedule = command("schedule", "Show the limits that apply from now on, and why.")
    add = schedule.add_argument
    add("--duration", type=int, metavar="S", help="compute them for S seconds")
    add("--unit", choices=("A", "W"), help="compute them in this unit")
    add("--evse", type=int, metavar="N", help="of this EVSE, with its profiles; 0: the station")
    add(
        "--explain",
        nargs="?",
        const="",
        metavar="TIME",
        help="which profile gives the limit at a time (default: now), and why not another",
    )
    add("--what-if", metavar="FILE", help="as if the profile of this JSON file were installed")
    add("--svg", metavar="FILE", help="draw them")
    add("--png", metavar="FILE", help="draw them; needs the Python library cairosvg")
    doctor = command("doctor", "Find out why there is no connection, and what to do about it.")
    doctor.add_argument("--url", help="look at this CSMS (default: the one that ocppd knows)")
    doctor.add_argument("--ca", metavar="FILE", help="roots to trust (default: the system's)")
    config = command("config", "Check the configuration before a restart.")
    text = "Tell every file's mistakes, with line and path."
    checked = config.add_subparsers(dest="what", required=True, metavar="check").add_parser(
        "check", parents=[common], help=text, description=text
    )
    checked.add_argument("file", nargs="?", default="/etc/ocppd/ocppd.yaml", metavar="FILE")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if not 0 <= number <= _MOST_MESSAGES:
        raise argparse.ArgumentTypeError(f"not from 0 to {_MOST_MESSAGES}")
    return number


def _attribute(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--attribute", choices=("Actual", "Target", "MinSet", "MaxSet"), help="default: Actual"
    )


def run(options: argparse.Namespace) -> Exit:
    """Carry out a command.

    Raises Problem, KeyboardInterrupt, BrokenPipeError.
    """
    from ocppd.tools.ctl.bus import Bus

    module, _, name = _COMMANDS[options.command].partition(":")
    command: Callable[..., Exit] = getattr(import_module(f"ocppd.tools.ctl.{module}"), name)
    if options.command in _WITHOUT_BUS:
        return command(None, options)
    bus = Bus.connect(options.bus, options.timeout)
    try:
        return command(bus, options)
    finally:
        bus.close()


def main() -> int:
    """Run the program; return its exit code."""
    options = arguments().parse_args()
    options.bus = getattr(options, "bus", None) or os.environ.get("OCPPD_BUS") or None
    options.json = getattr(options, "json", False)
    options.timeout = getattr(options, "timeout", 25.0)
    try:
        code: int = run(options)
        sys.stdout.flush()
    except Problem as error:
        print(f"ocppctl: {error}", file=sys.stderr)
        code = error.code
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except BrokenPipeError:
        # Who read our output has seen enough. The interpreter flushes once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = Exit.DONE
    return code


if __name__ == "__main__":
    sys.exit(main())
