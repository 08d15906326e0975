"""A stranger floods the bus: all is denied or limited, and whoever may call does not notice.

Required of 50,000 calls of an unprivileged user on 256 connections, with 512 match rules each and
arguments of 31 MiB: none is answered; the calls of a trusted caller take 100 ms at most (99 %)
more than the bus itself takes meanwhile; heartbeats are punctual; at most 5 MiB of memory more.
Once with the shipped policy, and once with a policy that lets the stranger through to the daemon.
"""

import asyncio
import json
import os
import sys
import time
from itertools import pairwise

from tests.bench.measure import Process, Samples
from tests.client import Client
from tests.private_bus import PrivateBus
from tests.scenario.rig import ROOT, Rig
from tests.torture.figures import Figure, Options, at_most, exactly, told

_HEARTBEAT_S = 1
_STRANGER = 65534
_GROUP_OF_NOBODY = 65533
_LET_THROUGH = "nogroup"
_OBSERVER_OF_THE_BUS = 65534
_BUS = {"path": "/org/freedesktop/DBus", "interface": "org.freedesktop.DBus"}
_REFUSALS = (
    "org.freedesktop.DBus.Error.AccessDenied",
    "org.freedesktop.DBus.Error.LimitsExceeded",
    "org.everest.Ocpp.Error.AccessDenied",
)


async def run(options: Options) -> list[Figure]:
    if os.geteuid() != 0:
        return [told("not run: becoming another user needs root", "-")]
    figures = []
    # The daemon takes members of this group for strangers, the bus for observers.
    rig = Rig(options.folder / "rig", versions=["2.0.1"], interval_s=_HEARTBEAT_S)
    rig.bus = PrivateBus({"ocpp-observe": _LET_THROUGH})
    options.folder.chmod(0o755)
    async with rig:
        await rig.booted()
        async with Client(rig.bus.address, "org.freedesktop.DBus") as bus:
            figures += await _flood("shipped policy", rig, bus, options, _GROUP_OF_NOBODY)
            figures += await _flood("policy lets through", rig, bus, options, _OBSERVER_OF_THE_BUS)
    return figures


async def _flood(name: str, rig: Rig, bus: Client, options: Options, gid: int) -> list[Figure]:
    assert rig.process is not None
    process = Process(rig.process.pid)
    calls = options.size(5_000, 50_000)
    rules = options.size(16, 512)
    await asyncio.sleep(1)
    before = process.resident_mib()
    since = rig.csms.mark()
    began = time.monotonic()
    flooder = await asyncio.create_subprocess_exec(
        "setpriv",
        f"--reuid={_STRANGER}",
        f"--regid={gid}",
        "--clear-groups",
        sys.executable,
        "-m",
        "tests.torture.flooder",
        str(rig.bus.socket),
        *map(str, (256, calls, rules, 4)),
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=asyncio.subprocess.PIPE,
    )
    output = asyncio.ensure_future(flooder.communicate())
    latencies: list[float] = []
    of_the_bus: list[float] = []
    most = before
    while not output.done():
        started = time.perf_counter()
        await bus.call("GetId", **_BUS)
        of_the_bus.append((time.perf_counter() - started) * 1000)
        started = time.perf_counter()
        await rig.client.get("IsConnected")
        latencies.append((time.perf_counter() - started) * 1000)
        most = max(most, process.resident_mib())
        await asyncio.sleep(0.01)
    lasted = time.monotonic() - began
    out, _ = await output
    answers: dict[str, int] = json.loads(out) if out else {}
    await asyncio.sleep(1.5)
    beats = [call.at.timestamp() for call in rig.csms.calls("Heartbeat") if call.index >= since]
    gaps = [after - before for before, after in pairwise(beats)]
    # Every fourth message is a signal to the daemon, to which nobody answers.
    wanted = calls * 3 // 4 - 256
    refused = sum(answers.get(each, 0) for each in _REFUSALS)
    others = {each: count for each, count in answers.items() if each not in _REFUSALS}
    return [
        told(f"{name}: refused", f"{answers} in {lasted:.0f} s"),
        exactly(f"{name}: all refused, none answered", (True, {}), (refused >= wanted, others)),
        _trusted_caller(name, Samples(latencies).p99, Samples(of_the_bus).p99, gid),
        at_most(f"{name}: heartbeats late by", 0.5, max(gaps, default=99) - _HEARTBEAT_S, "s"),
        at_most(f"{name}: memory afterwards", 5, process.resident_mib() - before, "MiB more"),
        told(f"{name}: memory at the most", f"{most - before:.1f} MiB more"),
    ]


def _trusted_caller(name: str, seen_ms: float, bus_ms: float, gid: int) -> Figure:
    """Return the figure of the trusted caller; what the bus alone takes is not the daemon's.

    With a policy that lets strangers through, their calls wait in the bus before the trusted
    caller's, and the daemon gets them in that order: then it is only told.
    """
    seen = f"{seen_ms:.3g} ms, the bus alone {bus_ms:.3g} ms"
    if gid == _OBSERVER_OF_THE_BUS:
        return told(f"{name}: trusted caller, p99", seen)
    limit = 100 + 2 * bus_ms  # a call and its answer pass the bus
    return Figure(
        f"{name}: trusted caller, p99", "<= 100 ms over the bus", seen, met=seen_ms <= limit
    )
