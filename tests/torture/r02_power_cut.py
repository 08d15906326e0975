"""A call on the bus that returned is on disk: every image of a power cut has it, and is sound.

The daemon runs on a disk that remembers each write and each sync (unsynced.py). The host drives
sessions, with and without a CSMS; after each call that returned, the position in the disk's log is
noted. Then images of the state folder are made as a power cut at random positions would leave it:
all that was synced, and of the rest each sector by chance. Each must open, pass the integrity
check, and know every transaction event that was acknowledged by then.
"""

import asyncio
import json
import os
import sqlite3
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from tests.scenario.host import Host
from tests.scenario.rig import Rig
from tests.torture.figures import Figure, Options, at_least, none_of, told
from tests.torture.unsynced import Disk


class _OnDisk(Rig):
    """The daemon on a disk that forgets what was not synced."""

    disk: Disk

    async def start_daemon(self, *, wait: bool = True) -> None:
        before = dict(os.environ)
        self.disk = Disk(self.state, self.folder / f"disk-{time.monotonic_ns()}")
        os.environ.update(self.disk.env)
        try:
            await super().start_daemon(wait=wait)
        finally:
            os.environ.clear()
            os.environ.update(before)


async def run(options: Options) -> list[Figure]:
    """Drive sessions, then cut the power as often as wanted."""
    sessions = options.size(6, 40)
    images = options.size(80, 500)
    random = options.chance("cuts")
    async with _OnDisk(options.folder / "site", versions=["2.0.1"], start_csms=False) as rig:
        acknowledged: list[tuple[int, str, str]] = []
        await asyncio.gather(*(_drive(rig, evse, sessions, acknowledged) for evse in (1, 2)))
        await rig.kill()
        disk = rig.disk
    moments = disk.positions(min(acknowledged)[0])
    faults: list[str] = []
    slowest = 0.0
    for number in range(images):
        cut = random.choice(moments)
        image = options.folder / f"image-{number}"
        image.mkdir()
        disk.image(cut, image, random)
        began = time.monotonic()
        faults += _faults(image, cut, acknowledged)
        slowest = max(slowest, time.monotonic() - began)
    return [
        at_least("images of power cuts", images, images),
        none_of("images that are unsound, or without what was acknowledged", faults),
        told(
            "calls acknowledged; longest look at an image", f"{len(acknowledged)}; {slowest:.2f} s"
        ),
    ]


async def _drive(
    rig: _OnDisk, evse: int, sessions: int, acknowledged: list[tuple[int, str, str]]
) -> None:
    """Report sessions; notes after each call where the disk was, the session and the call."""
    host = Host(rig.client, evse)
    await host.ready()
    for _ in range(sessions):
        session = await host.plug_in()
        for step in (host.start, host.charge, host.pause, host.stop, host.unplug):
            await step()
            acknowledged.append((rig.disk.position, session, step.__name__))


def _faults(image: Path, cut: int, acknowledged: list[tuple[int, str, str]]) -> list[str]:
    database = sqlite3.connect(image / "ocppd.db")
    try:
        [verdict] = database.execute("PRAGMA integrity_check").fetchone()
        bodies: list[dict[str, Any]] = [
            json.loads(body)
            for (body,) in database.execute(
                "SELECT body FROM queue WHERE kind = 'TransactionEvent' ORDER BY id"
            )
        ]
    except sqlite3.DatabaseError as error:
        return [f"cut at {cut}: {error}"]
    finally:
        database.close()
    faults = [] if verdict == "ok" else [f"cut at {cut}: {verdict}"]
    done: dict[str, set[str]] = defaultdict(set)
    for at, session, step in acknowledged:
        if at <= cut:
            done[session].add(step)
    for session, steps in done.items():
        events = [body for body in bodies if body["session_id"] == session]
        kinds = [body["event_type"] for body in events]
        states = {body.get("charging_state") for body in events}
        missing = [
            what
            for what, step, is_there in (
                ("Started", "start", kinds[:1] == ["Started"]),
                ("Charging", "charge", "Charging" in states),
                ("SuspendedEV", "pause", "SuspendedEV" in states),
                ("Ended", "unplug", kinds[-1:] == ["Ended"]),
            )
            if step in steps and not is_there
        ]
        numbers = [body["seq_no"] for body in events]
        if missing or numbers != list(range(len(numbers))):
            faults.append(f"cut at {cut}: {session} lacks {missing}, has {kinds} {numbers}")
    return faults
