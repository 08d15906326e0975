"""A damaged database never keeps the daemon from serving, and what is readable is saved.

R12: 200 databases, each damaged at random (bits, pages, truncation, zero length, another schema):
the daemon is on the bus in 5 s, keeps the damaged file aside, saves each queued message and each
variable that SQLite can still read, raises a security event, and the next start is an ordinary one.
"""

import random
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.client import BusError
from tests.scenario.host import Host
from tests.scenario.rig import FAST, Rig
from tests.torture.damage import KINDS, NAME, Readable, copy_state, readable
from tests.torture.figures import Figure, Options, at_most, none_of, told
from tests.torture.sessions import NO_ALIGNED_VALUES

_NEVER_SENT = {"evses": (("cType2",), ("cType2",)), "start_csms": False}


@dataclass(slots=True)
class _Seen:
    slowest_ms: float = 0.0
    refused: list[str] = field(default_factory=list)
    not_aside: list[str] = field(default_factory=list)
    not_saved: list[str] = field(default_factory=list)
    no_event: list[str] = field(default_factory=list)
    loops: list[str] = field(default_factory=list)
    set_aside: int = 0
    lost_rows: int = 0
    saved_rows: int = 0


async def run(options: Options) -> list[Figure]:
    """Damage, start, look, start again."""
    seen = _Seen()
    count = options.size(len(KINDS), 200)
    chance = options.chance()
    rig = Rig(options.folder / "rig", values=FAST + NO_ALIGNED_VALUES, log="error", **_NEVER_SENT)
    async with rig:
        closed, killed = await _fill(rig, options)
        whole = {state: readable(state, options.folder / "whole") for state in (closed, killed)}
        for number in range(count):
            damage = KINDS[number % len(KINDS)]
            state = options.folder / f"state-{number}"
            source = killed if chance.random() < 0.5 or number % len(KINDS) > 12 else closed
            copy_state(source, state)
            what = damage(state, random.Random(f"{options.seed}/{number}"))
            left = readable(state, options.folder / "scratch", whole[source])
            rig.state = state
            await _look(rig, f"#{number} {what}", left, whole[source], seen)
        rig.state = closed
        await rig.start_daemon()
    return [
        told("databases damaged", f"{count}, {seen.set_aside} of them set aside"),
        at_most("on the bus, slowest", 5_000, seen.slowest_ms, "ms"),
        none_of("did not start or end", seen.refused),
        none_of("damaged file not kept", seen.not_aside),
        none_of("readable rows not saved", seen.not_saved),
        told("messages saved, not readable", f"{seen.saved_rows}, {seen.lost_rows}"),
        none_of("no security event", seen.no_event),
        none_of("next start not an ordinary one", seen.loops),
    ]


async def _fill(rig: Rig, options: Options) -> tuple[Path, Path]:
    """Charge without a CSMS; return state folders closed in order, and with the power cut."""
    hosts = [Host(rig.client, evse_id) for evse_id in (1, 2)]
    for host in hosts:
        await host.ready()
        for _ in range(12):
            await host.charge_once()
    component = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "OfflineThreshold"}}
    change = {"component_variable": component, "value": "77"}
    await rig.client.call("SetVariables", "aa{sv}s", [change], "test")
    closed, killed = options.folder / "closed", options.folder / "killed"
    await rig.end_daemon()
    copy_state(rig.state, closed)
    await rig.start_daemon()
    for host in hosts:
        await host.ready()
        await host.charge_once()
    await rig.kill()
    copy_state(rig.state, killed)
    return closed, killed


async def _look(rig: Rig, what: str, left: Readable, whole: Readable, seen: _Seen) -> None:
    """Start on a damaged folder, compare what is in it after, and start once more."""
    begun = time.monotonic()
    try:
        await rig.start_daemon()
        seen.slowest_ms = max(seen.slowest_ms, (time.monotonic() - begun) * 1000)
        health = await rig.client.get("Health")
        status = await rig.end_daemon()
    except (TimeoutError, BusError, OSError) as error:
        seen.refused.append(f"{what}: {error!r}")
        await rig.kill()
        return
    if status != 0:
        seen.refused.append(f"{what}: status {status}")
    aside = list(rig.state.glob(f"{NAME}.damaged-*"))
    after = readable(rig.state, rig.state / "scratch")
    lost = [row for row in whole.messages() if row not in left.messages()]
    seen.lost_rows += len(lost)
    wanted = [row for row in left.messages() if row in whole.messages()]
    saved = [row for row in after.messages() if row in wanted]
    seen.saved_rows += len(saved)
    if saved != wanted:
        seen.not_saved.append(f"{what}: {len(saved)} of {len(wanted)} messages")
    original = set(whole.variables.values())
    if missing := original & set(left.variables.values()) - set(after.variables.values()):
        seen.not_saved.append(f"{what}: variables {sorted(map(str, missing))[:3]}")
    empty = "zero length" in what  # there is nothing to keep
    if aside or empty:
        seen.set_aside += bool(aside)
        log = rig.state / "security.log"
        if not log.exists() or "StorageDamaged" not in log.read_text():
            seen.no_event.append(what)
        if health["status"] != "degraded":
            seen.no_event.append(f"{what}: Health is {health}")
    elif left.errors:
        seen.not_aside.append(f"{what}: {left.verdict}")
    try:
        await rig.start_daemon()
        health = await rig.client.get("Health")
        if await rig.end_daemon() != 0 or health["status"] != "ok":
            seen.loops.append(f"{what}: {health}")
    except (TimeoutError, BusError, OSError) as error:
        seen.loops.append(f"{what}: {error!r}")
        await rig.kill()
