"""A stalled daemon says where it hangs, stops feeding the watchdog, and is back after a restart.

R18: with the watchdog of a service manager (here the test, as systemd does it): fed twice in each
period while all is well; nothing is fed once the event loop stands still (SIGSTOP, and a handler
that does not return); a handler that does not return is logged with its stack after 2 s; the
manager ends the daemon by SIGABRT after the period, and the next one has all that was acknowledged.
"""

import asyncio
import signal
import socket
import time
from pathlib import Path

from tests.scenario.host import Host
from tests.scenario.rig import FAST, Rig
from tests.torture.figures import Figure, Options, at_most, exactly, none_of
from tests.torture.sessions import NO_ALIGNED_VALUES, Session, compare, until_sent
from tests.torture.tls import secured

# What the daemon under test has beside its own code: at SIGUSR1 a handler does not return.
_HOOK = """\
import asyncio, signal, time

def hang_in_a_handler():
    time.sleep(60)

def on_signal(*_):
    asyncio.get_running_loop().call_soon_threadsafe(hang_in_a_handler)

signal.signal(signal.SIGUSR1, on_signal)
"""


class _Manager:
    """The datagrams that a service manager gets."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(self.path))
        self.fed: list[float] = []
        self.ready = False

    def read(self) -> None:
        """Take in what has come."""
        while True:
            try:
                text = self._socket.recv(4096).decode()
            except BlockingIOError:
                return
            if "WATCHDOG=1" in text:
                self.fed.append(time.monotonic())
            self.ready |= "READY=1" in text

    async def until_overdue(self, period_s: float) -> float:
        """Wait until the watchdog was not fed for a period; returns how long ago it was."""
        while True:
            self.read()
            silent_s = time.monotonic() - self.fed[-1]
            if silent_s > period_s:
                return silent_s
            await asyncio.sleep(0.02)

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


async def run(options: Options) -> list[Figure]:
    """Let it run, then stop it in both ways."""
    period_s = options.size(3, 30)
    hook = options.folder / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(_HOOK)
    rig = Rig(
        options.folder / "rig",
        versions=["2.0.1"],
        values=FAST + NO_ALIGNED_VALUES,
        log="info",
        **secured(options.folder),
    )
    manager = _Manager(options.folder)
    environment = {
        "NOTIFY_SOCKET": str(manager.path),
        "WATCHDOG_USEC": str(period_s * 1_000_000),
        "PYTHONPATH": str(hook),
    }
    journal: list[Session] = []
    stalls: dict[str, float] = {}
    async with rig:
        for how, number in (("SIGSTOP", signal.SIGSTOP), ("a handler", signal.SIGUSR1)):
            await rig.end_daemon(signal.SIGKILL)
            manager.read()
            manager.fed.clear()
            await rig.start_daemon(**environment)
            journal.append(await _charge(Host(rig.client, 1), 10_000.0 * (1 + len(journal))))
            end = time.monotonic() + 2 * period_s
            while time.monotonic() < end:
                manager.read()
                await asyncio.sleep(0.05)
            gaps = [b - a for a, b in zip(manager.fed, manager.fed[1:], strict=False)]
            stalls[f"fed while well, {how}"] = max(gaps, default=99.0)
            assert rig.process is not None
            rig.process.send_signal(number)
            stalls[f"silence seen, {how}"] = await manager.until_overdue(period_s)
            rig.process.send_signal(signal.SIGABRT)  # as systemd does
            rig.process.send_signal(signal.SIGCONT)
            await asyncio.wait_for(rig.process.wait(), 10)
        log = rig.log
        begun = time.monotonic()
        await rig.start_daemon(**environment)
        restart_ms = (time.monotonic() - begun) * 1000
        await until_sent(rig.client)
        verdict = compare("2.0.1", rig.csms.calls(), journal)
    manager.close()
    stuck = log.find("stuck")
    return [
        exactly("READY told", True, manager.ready),
        *(
            at_most(name, period_s * (0.75 if "well" in name else 1.1), seconds, "s")
            for name, seconds in stalls.items()
        ),
        exactly(
            "stack in the log after 2 s", True, stuck >= 0 and "hang_in_a_handler" in log[stuck:]
        ),
        at_most("back on the bus", 3_000, restart_ms, "ms"),
        none_of("lost or wrong", verdict.lost + verdict.extra),
    ]


async def _charge(host: Host, begun_wh: float) -> Session:
    host.energy_wh = begun_wh
    await host.ready()
    session = Session(await host.plug_in(), taken=["ChargingStarted"])
    await host.start()
    session.begun_wh = host.energy_wh
    await host.charge()
    await host.stop()
    session.ended_wh = host.energy_wh
    await host.unplug()
    return session
