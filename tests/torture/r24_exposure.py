"""What an attacker on the machine or network finds: no listening socket, no capability, own user.

The daemon runs as an unprivileged user without capabilities and does a session's work. Required:
never a socket that listens, on a network or locally; a user of its own, no capability, no way to
new privileges; an exposure score of 1.5 at most for the unit that is shipped.
"""

import asyncio
import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ocppd.tools.demo import private_bus
from tests.scenario.host import Host
from tests.torture.figures import Figure, Options, at_most, exactly, none_of, told
from tests.torture.wire import WireCsms, WireRig, eventually, values

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "systemd" / "ocppd.service"
_USER = "nobody"
_SCORE = re.compile(r"exposure level for \S+: ([0-9.]+)")
_TCP_LISTEN, _UDP_OPEN, _ACCEPTS = "0A", "07", 0x10000


async def run(options: Options) -> list[Figure]:
    root = os.geteuid() == 0
    with _bus_for(_USER if root else None):
        figures = await _as_user(options, root)
    return [*figures, *_score()]


@contextmanager
def _bus_for(user: str | None) -> Iterator[None]:
    """Have the private bus allow a user what it allows who runs the tests; root may all anyway."""
    with pytest.MonkeyPatch.context() as patch:
        if user is not None:
            policy = private_bus._CONFIG.replace("{uid}", str(pwd.getpwnam(user).pw_uid))
            patch.setattr(private_bus, "_CONFIG", policy)
        yield


class UnprivilegedRig(WireRig):
    """The daemon as another user, with nothing that the kernel grants beyond that."""

    async def start_daemon(self, *, wait: bool = True) -> None:
        for place in (self.folder, self.state, *self.folder.rglob("*")):
            shutil.chown(place, _USER)
        with self.log_file.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                "setpriv",
                f"--reuid={_USER}",
                "--regid=nogroup",
                "--clear-groups",
                "--bounding-set=-all",
                "--inh-caps=-all",
                "--no-new-privs",
                sys.executable,
                "-m",
                "ocppd",
                "--config",
                self.folder / "ocppd.yaml",
                "--state",
                self.state,
                "--bus",
                self.bus.address,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            )
        if wait:
            await self.client.wait_until_owned()


async def _as_user(options: Options, root: bool) -> list[Figure]:
    rig_type = UnprivilegedRig if root else WireRig
    _let_through(options.folder)
    async with (
        WireCsms("2.0.1") as wire,
        rig_type(options.folder / "s", wire, values=values()) as rig,
    ):
        assert rig.process is not None
        pid = rig.process.pid
        listening = _listening(pid)
        await eventually(lambda: wire.calls["BootNotification"] > 0, 20)
        host = Host(rig.client)
        await host.ready()
        await host.charge_once()
        await rig.drained()
        listening += _listening(pid)
        status = dict(
            line.split(":\t", 1)
            for line in Path(f"/proc/{pid}/status").read_text().splitlines()
            if ":\t" in line
        )
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        worked = wire.calls["TransactionEvent"] > 0
    if not root:
        return [
            told("user, capabilities", "not looked at: only root can become another user"),
            none_of("listening sockets", listening),
        ]
    uids = set(status["Uid"].split())
    return [
        none_of("listening sockets", listening),
        exactly("user ids", {str(pwd.getpwnam(_USER).pw_uid)}, uids),
        exactly("capabilities", 0, int(status["CapEff"], 16) | int(status["CapBnd"], 16)),
        exactly("may gain privileges", "0", "0" if status["NoNewPrivs"] == "1" else "1"),
        exactly("children at work", 0, len(children)),
        exactly("a session told without privileges", True, worked),
    ]


def _let_through(folder: Path) -> None:
    """Let another user reach a folder, if it is below one that only we may enter."""
    for place in (folder, *folder.parents):
        if place.stat().st_uid == os.geteuid() and place != Path("/"):
            place.chmod(place.stat().st_mode | 0o011)


def _listening(pid: int) -> list[str]:
    """Return the sockets of a process that wait for somebody to come."""
    own = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(descriptor)
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            own.add(target.removeprefix("socket:[").removesuffix("]"))
    found = []
    for name in ("tcp", "tcp6", "udp", "udp6"):
        table = Path(f"/proc/{pid}/net/{name}")
        for line in table.read_text().splitlines()[1:] if table.exists() else []:
            fields = line.split()
            waits = _TCP_LISTEN if name.startswith("tcp") else _UDP_OPEN
            if fields[9] in own and fields[3] == waits:
                found.append(f"{name} {fields[1]}")
    for line in Path(f"/proc/{pid}/net/unix").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[6] in own and int(fields[3], 16) & _ACCEPTS:
            found.append(f"unix {fields[7:]}")
    return found


def _score() -> list[Figure]:
    if shutil.which("systemd-analyze") is None:
        return [told("exposure score", "not looked at: there is no systemd-analyze")]
    told_by = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", UNIT],
        capture_output=True,
        text=True,
        check=False,
    )
    score = _SCORE.search(told_by.stdout)
    if score is None:
        return [Figure("exposure score", "<= 1.5", told_by.stderr[-200:], met=False)]
    text = UNIT.read_text()
    faults = [
        wanted
        for wanted in ("User=ocppd", "CapabilityBoundingSet=\n", "NoNewPrivileges=yes")
        if wanted not in text and wanted.replace("yes", "true") not in text
    ]
    return [
        at_most("exposure score of the unit", 1.5, float(score[1])),
        none_of("missing in the unit", faults),
    ]
