"""`python -m ocppd.tools.demo`: the demonstration as a program."""

import argparse
import asyncio
import contextlib
import signal
import sys
import tempfile
from pathlib import Path

from ocppd.tools.csms import CallFailed, Disconnected
from ocppd.tools.csms.server import VERSIONS
from ocppd.tools.demo.checks import Findings
from ocppd.tools.demo.day import endless_day, generations_live
from ocppd.tools.demo.private_bus import BusFailed
from ocppd.tools.demo.stage import Stage, StageFailed
from ocppd.tools.demo.story import generations, whole_session
from ocppd.tools.demo.watcher import CallRefused
from ocppd.tools.sim.evse import SimulatorError

_FAILURES = (
    BusFailed,
    StageFailed,
    CallRefused,
    CallFailed,
    Disconnected,
    SimulatorError,
    TimeoutError,
    OSError,
)

_PATIENCE_S = 5.0


def arguments() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m ocppd.tools.demo",
        description="A charger, a CSMS and the daemon on a bus of their own, live.",
    )
    parser.add_argument(
        "--version",
        default="2.0.1",
        metavar="VERSION[,VERSION...]",
        help="what the station offers, the preferred one first; with 1.6 and a 2.x in the list, "
        "the CSMS changes from 1.6 to 2.x and back (default: %(default)s)",
    )
    parser.add_argument(
        "--once",
        action="store_true",
        help="play one session, check what everybody saw of it, and exit 0 if it was all there",
    )
    parser.add_argument(
        "--pace",
        type=float,
        default=1.0,
        metavar="FACTOR",
        help="how long the pauses of the live story are; smaller is faster (default: %(default)s)",
    )
    return parser


async def play(versions: list[str], *, once: bool, pace: float) -> bool:
    """Play; return whether all was seen. Without `once` it only ends by being cancelled."""
    changes = "1.6" in versions and len(versions) > 1
    modern = [version for version in versions if version != "1.6"]
    other = "2.0.1" if "2.0.1" in modern else (modern or ["1.6"])[0]
    first = ["1.6"] if changes else versions
    with tempfile.TemporaryDirectory(prefix="ocppd-demo-") as folder:
        interval_s = 1 if once else 3
        stage = Stage(Path(folder), versions, first, interval_s=interval_s, pace=pace)
        async with stage:
            try:
                findings = await _story(stage, once=once, changes=changes, other=other)
            except _FAILURES as error:
                print(f"\nThe story ends early: {error or 'something took too long'}")
                print(f"The daemon's log:\n{stage.daemon_log()}", flush=True)
                return False
            if not findings.complete:
                print(f"The daemon's log:\n{stage.daemon_log()}", flush=True)
            findings.show()
            return findings.complete


async def _story(stage: Stage, *, once: bool, changes: bool, other: str) -> Findings:
    if once:
        if changes:
            return await generations(stage, other)
        return await whole_session(stage, stage.csms.versions[0])
    stage.print_hints()
    if changes:
        await generations_live(stage, other)
    return await endless_day(stage, stage.csms.versions[0])


async def _until_told(versions: list[str], *, once: bool, pace: float) -> bool:
    """Play until the story ends or somebody ends it."""
    playing = asyncio.create_task(play(versions, once=once, pace=pace))
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    ending = asyncio.create_task(told.wait())
    await asyncio.wait({playing, ending}, return_when=asyncio.FIRST_COMPLETED)
    ending.cancel()
    while not playing.done():
        # A wait that ends in the same moment may swallow the one cancellation (wait_for of 3.11),
        # and the way out takes less than the patience between two of them.
        playing.cancel()
        await asyncio.wait({playing}, timeout=_PATIENCE_S)
    with contextlib.suppress(asyncio.CancelledError):
        return playing.result()
    print("\nThe end.", flush=True)
    return not once


def main() -> int:
    """Run the program; return its exit code."""
    parser = arguments()
    options = parser.parse_args()
    versions = [version.strip() for version in options.version.split(",")]
    if any(version not in VERSIONS for version in versions):
        parser.error(f"--version: there are {', '.join(VERSIONS)}")
    try:
        story = _until_told(versions, once=options.once, pace=max(options.pace, 0))
        return 0 if asyncio.run(story) else 1
    except _FAILURES as error:
        print(f"The demonstration cannot start: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
