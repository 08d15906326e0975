"""The command line of the simulator: the service, and the commands that drive it."""

import argparse
import logging
import sys
from collections.abc import Sequence

from ocppd.tools.sim.commands import add_commands, perform


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(
        prog="ocppd-sim",
        description="A simulated charger for ocppd: plug, swipe, charge, break.",
    )
    top.add_argument("--bus", metavar="ADDRESS", help="message bus (the system bus)")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="run the charger, and show what happens",
        description="Run the charger until interrupted. On a terminal it takes commands, too.",
    )
    run.set_defaults(command=None)
    run.add_argument("--bus", metavar="ADDRESS", default=argparse.SUPPRESS, help="message bus")
    run.add_argument("--evses", type=int, default=2, metavar="N", help="EVSEs with type 2 (2)")
    run.add_argument(
        "--evse",
        action="append",
        metavar="TYPES",
        help="an EVSE by its connectors, as cType2 or cCCS2+cG105; once for each",
    )
    run.add_argument("--max-current", type=float, default=32.0, metavar="A", help="hardware (32)")
    run.add_argument("--speed", type=float, default=1.0, help="energy flows faster than in life")
    run.add_argument("--interval", type=float, default=1.0, metavar="S", help="of the meter (1)")
    run.add_argument("--register", type=float, default=0.0, metavar="WH", help="of the meters")
    run.add_argument(
        "--connection-timeout",
        type=float,
        default=60.0,
        metavar="S",
        help="how long an authorization waits for its cable, until ocppd says (60)",
    )
    run.add_argument("--plug-in-timeout", action="store_true", help="a car nobody authorizes, too")
    run.add_argument(
        "--selection", choices=("PlugEvents", "FindFirst"), default="PlugEvents", help="of EVSEs"
    )
    run.add_argument("--unsigned", action="store_true", help="the meters do not sign")
    run.add_argument("--refuse-resets", action="store_true")
    run.add_argument("--reboot-time", type=float, default=3.0, metavar="S", help="(3)")
    run.add_argument("--on-reset", default="", metavar="COMMAND", help="run when it reboots")
    run.add_argument("--seed", type=int, help="for the same ids and voltages again")
    run.add_argument("--json", action="store_true", help="tell what happens as JSON lines")
    run.add_argument("--quiet", action="store_true", help="do not tell what happens")
    run.add_argument("--verbose", action="store_true", help="log what the program does")
    add_commands(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    args = parser().parse_args(arguments)
    if args.command is not None:
        try:
            return perform(args, args.bus)
        except KeyboardInterrupt:
            return 0
    logging.basicConfig(
        level=logging.DEBUG if args.verbose else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
    )
    # The service needs asyncio and the D-Bus library; the commands must start fast.
    from ocppd.tools.sim.service import run

    return run(args)


if __name__ == "__main__":
    sys.exit(main())
