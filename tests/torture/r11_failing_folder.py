"""With a state folder that is read-only or fails, the daemon says so and works from memory.

R11: the folder is mounted read-only (by a double where that is not allowed), or every or each kind
of operation on it fails with EIO, or one in five, at start or while it runs: the daemon is on the
bus in 5 s, boots, charges, and says degraded; 10 s after the folder works again all is well, and
the CSMS gets what was stored before, what was told meanwhile, and what came after a kill -9.
"""

import errno
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.scenario.host import Host
from tests.scenario.rig import FAST, Rig
from tests.torture.figures import Figure, Options, at_most, none_of, told
from tests.torture.sessions import (
    NO_ALIGNED_VALUES,
    BraveHost,
    Calls,
    Session,
    compare,
    until_sent,
    until_well,
)
from tests.torture.tls import secured
from tests.torture.unsynced import Disk

_NEXT_START = "come back with a restart"


@dataclass(frozen=True, slots=True)
class _Fault:
    """What happens to the folder, and what takes it back."""

    name: str
    begin: Callable[[], None]
    end: Callable[[], None]


async def run(options: Options) -> list[Figure]:
    """Break the folder in each way."""
    figures: list[Figure] = []
    for number, (name, at_start) in enumerate(_cases()):
        for version in ("2.0.1", "1.6", "2.1") if options.full else (("2.0.1", "1.6")[number % 2],):
            folder = options.folder / f"{number}-{version}"
            folder.mkdir()
            figures += await _case(name, version, folder, at_start=at_start)
    return figures


def _cases() -> list[tuple[str, bool]]:
    return [
        ("read-only", True),
        ("EIO on everything", True),
        ("EIO on writes and syncs", True),
        ("EIO on everything", False),
        ("EIO on one operation in five", False),
    ]


@contextmanager
def _fault(name: str, state: Path, disk: Disk) -> Iterator[_Fault]:
    if name == "read-only" and _mount("--bind", state, state):
        try:
            yield _Fault(
                name,
                lambda: _remount("ro", state),
                lambda: _remount("rw", state),
            )
        finally:
            subprocess.run(["umount", "--lazy", state], check=True)
        return
    broken = {
        "read-only": (errno.EROFS, ("write", "truncate", "name"), 1000),
        "EIO on everything": (errno.EIO, (), 1000),
        "EIO on writes and syncs": (errno.EIO, ("write", "sync", "truncate"), 1000),
        "EIO on one operation in five": (errno.EIO, (), 200),
    }
    error, operations, per_mille = broken[name]
    yield _Fault(
        name, lambda: disk.fail(error, *operations, per_mille=per_mille), lambda: disk.heal()
    )


def _mount(*arguments: object) -> bool:
    command = ["mount", *map(str, arguments)]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0


def _remount(how: str, folder: Path) -> None:
    assert _mount("-o", f"remount,bind,{how}", folder)


async def _case(name: str, version: str, folder: Path, *, at_start: bool) -> list[Figure]:
    rig = Rig(
        folder,
        versions=[version],
        values=FAST + NO_ALIGNED_VALUES,
        log="info",
        start_csms=False,
        **secured(folder),
    )
    rig.state.mkdir()
    disk = Disk(rig.state, folder / "scratch", log=False)
    calls, faults = Calls(), []
    journal: list[Session] = []
    with _fault(name, rig.state, disk) as fault:
        async with rig:
            hosts = [BraveHost(Host(rig.client, evse_id), calls) for evse_id in (1, 2)]

            async def charge() -> None:
                for host in hosts:
                    await calls.make(host.host.ready())
                    journal.append(await host.session())

            await charge()
            if calls.refused:
                faults.append(f"{calls.refused} calls refused before")
            await rig.end_daemon()
            if at_start:
                fault.begin()
            begun = time.monotonic()
            await rig.start_daemon(**disk.env)
            start_ms = (time.monotonic() - begun) * 1000
            if not at_start:
                fault.begin()
            await charge()
            health = await rig.client.get("Health")
            if health["status"] != "degraded" and "one operation" not in name:
                faults.append(f"Health is {health}")
            await rig.csms.start()
            await rig.booted()
            await charge()
            refused = calls.refused
            fault.end()
            # Where nothing could be read, what it held is back with the next start.
            recovery_ms = await until_well(rig.client, _NEXT_START if "everything" in name else "")
            await charge()
            if calls.refused > refused:
                faults.append(f"{calls.refused - refused} calls refused after")
            await rig.kill()
            await rig.start_daemon(**disk.env)
            await charge()
            if (health := await rig.client.get("Health"))["status"] != "ok":
                faults.append(f"in the end Health is {health}")
            await until_sent(rig.client)
            verdict = compare(version, rig.csms.calls(), journal)
    name = f"{name}{', at start' if at_start else ''}, {version}"
    return [
        at_most(f"{name}: on the bus", 5_000, start_ms, "ms"),
        told(f"{name}: calls refused, sessions", f"{refused}, {len(journal)}"),
        at_most(f"{name}: slowest call", 2_000, calls.slowest_ms, "ms"),
        none_of(f"{name}: not as it should be", faults),
        at_most(f"{name}: recovery", 10_000, recovery_ms, "ms"),
        none_of(f"{name}: lost or wrong", verdict.lost + verdict.extra),
        none_of(f"{name}: repeats that differ", verdict.differing),
    ]
