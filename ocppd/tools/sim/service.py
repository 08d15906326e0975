"""The simulator as a service: runs until it is told to end, shows what happens, takes commands."""

import argparse
import asyncio
import contextlib
import json
import shlex
import signal
import sys
from collections.abc import Callable
from datetime import datetime

from ocppd.tools.sim.commands import add_commands, perform
from ocppd.tools.sim.control import control
from ocppd.tools.sim.evse import SimulatorError
from ocppd.tools.sim.printing import QUIET, line
from ocppd.tools.sim.settings import ChargerSettings, EvseSettings, Selection
from ocppd.tools.sim.simulator import Event, Simulator


def settings_of(args: argparse.Namespace) -> ChargerSettings:
    """Return the charger that the command line describes.

    Raises:
        ValueError: it describes none

    """
    kinds = args.evse or ["cType2"] * args.evses
    return ChargerSettings(
        evses=tuple(
            EvseSettings(tuple(kind.split("+")), max_current_a=args.max_current) for kind in kinds
        ),
        connection_timeout_s=args.connection_timeout,
        plug_in_timeout=args.plug_in_timeout,
        meter_interval_s=args.interval,
        speed=args.speed,
        selection=Selection(args.selection),
        signed=not args.unsigned,
        reset_allowed=not args.refuse_resets,
        reboot_s=args.reboot_time,
        first_register_wh=args.register,
    )


async def serve(args: argparse.Namespace) -> int:
    """Run until SIGINT or SIGTERM; returns the exit status."""
    simulator = Simulator(args.bus, settings_of(args), seed=args.seed, on_reset=args.on_reset)
    simulator.listen(_printer(as_json=args.json, quiet=args.quiet))
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with simulator:
        buttons = asyncio.create_task(control(simulator, args.bus))
        waiting = [asyncio.create_task(stopped.wait()), buttons]
        if sys.stdin.isatty() and not args.json:
            waiting.append(asyncio.create_task(_prompt(args.bus)))
        done, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        if buttons in done:
            print(f"ocppd-sim: {buttons.exception()}", file=sys.stderr)
            return 1
    return 0


def _printer(*, as_json: bool, quiet: bool) -> Callable[[Event], None]:
    def tell(event: Event) -> None:
        if as_json:
            print(json.dumps({"what": event.what, **event.details}), flush=True)
        elif not quiet and event.what not in QUIET:
            print(line(event.what, event.details, datetime.now().astimezone()), flush=True)

    return tell


async def _prompt(address: str | None) -> None:
    """Take commands from the terminal, until it ends."""
    parser = argparse.ArgumentParser(prog="", exit_on_error=False, add_help=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_commands(commands, prompt=True)
    print("commands: " + ", ".join(commands.choices) + ", quit; -h after one explains it")
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while text := (await reader.readline()).decode(errors="replace"):
        if text.strip() in ("quit", "exit"):
            return
        try:
            words = shlex.split(text)
            if words:
                await asyncio.to_thread(perform, parser.parse_args(words), address)
        except (argparse.ArgumentError, ValueError) as error:
            print(error)
        except SystemExit:  # argparse has said why
            continue


def run(args: argparse.Namespace) -> int:
    """Run the service; returns the exit status."""
    try:
        settings_of(args)
    except ValueError as error:
        print(f"ocppd-sim: {error}", file=sys.stderr)
        return 2
    with contextlib.suppress(KeyboardInterrupt):
        try:
            return asyncio.run(serve(args))
        except SimulatorError as error:
            print(f"ocppd-sim: {error}", file=sys.stderr)
            return 1
    return 0
