"""The daemon as a process, on a private bus, with a CSMS in the test.

    async with Rig(tmp_path, versions=["2.0.1"]) as rig:
        await rig.csms.wait_for("BootNotification")
        await rig.client.call("Stop")

Everything is real: a dbus-daemon with the shipped policy, a WebSocket server, SQLite on disk. When
a test fails, the daemon's log stands in its output.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ocppd.tools.csms.server import Csms
from tests.client import Client
from tests.private_bus import PrivateBus

ROOT = Path(__file__).parents[2]
IDENTITY = "CP0042"
PASSWORD = "0123456789abcdef"

# Short waits: what a station does after minutes happens here after a second.
FAST = """\
values:
  - {component: OCPPCommCtrlr, variable: RetryBackOffWaitMinimum, value: 1}
  - {component: OCPPCommCtrlr, variable: RetryBackOffRandomRange, value: 0}
  - {component: OCPPCommCtrlr, variable: RetryBackOffRepeatTimes, value: 0}
  - component: OCPPCommCtrlr
    variable: "MessageAttemptInterval[TransactionEvent]"
    value: 1
"""


def _free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Rig:
    """A bus, a CSMS, the daemon and a client of it; `simulator` starts a host on top."""

    def __init__(
        self,
        folder: Path,
        *,
        versions: Sequence[str] = ("2.1", "2.0.1", "1.6"),
        csms_versions: Sequence[str] | None = None,
        evses: Sequence[Sequence[str]] = (("cType2",), ("cType2",)),
        values: str = FAST,
        more_config: str = "",
        start_csms: bool = True,
        log: str = "debug",
        **csms: Any,
    ) -> None:
        self.folder = folder
        self.versions = versions
        self._csms_options = {"password": PASSWORD, **csms}
        self.csms = Csms(csms_versions or versions, **self._csms_options)
        self._evses = evses
        self._values = values
        self._more_config = more_config
        self._start_csms = start_csms
        self._log_level = log
        self.bus = PrivateBus()
        self.state = folder / "state"
        self.log_file = folder / "ocppd.log"
        self.process: asyncio.subprocess.Process | None = None

    @property
    def log(self) -> str:
        """What the daemon has logged so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    async def __aenter__(self) -> Self:
        self.folder.mkdir(exist_ok=True)
        self.state.mkdir(exist_ok=True)
        self.bus.start()
        try:
            if self._start_csms:
                await self.csms.start()
            else:
                self.csms.port = _free_port()
            self.client = Client(self.bus.address)
            await self.client.__aenter__()
            self.write_config()
            await self.start_daemon()
        except BaseException:
            if self.process is not None and self.process.returncode is None:
                self.process.kill()
                await self.process.wait()
            await self.csms.stop(abort=True)
            self.bus.__exit__(None, None, None)
            print(f"---- the daemon's log\n{self.log}")
            raise
        return self

    def write_config(self, url: str | None = None) -> None:
        """Write ocppd.yaml and the first values; the daemon reads them at its next start."""
        connectors = "\n".join(f"  - connectors: [{', '.join(types)}]" for types in self._evses)
        (self.folder / "device-model.d").mkdir(exist_ok=True)
        (self.folder / "device-model.d" / "fast.yaml").write_text(self._values)
        (self.folder / "ocppd.yaml").write_text(
            f"""\
station: {{vendor: Acme, model: AC22, serial_number: "0042", firmware_version: "1.2.3"}}
evses:
{connectors}
csms:
  - url: {url or self.csms.url}
    identity: {IDENTITY}
    password: "{PASSWORD}"
versions: [{", ".join(self.versions)}]
device_model: device-model.d
log: {{level: {self._log_level}}}
{self._more_config}
"""
        )

    async def start_daemon(self, *, wait: bool = True, **environment: str) -> None:
        """Start the daemon, and wait until it has its name on the bus."""
        with self.log_file.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
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
                env={**os.environ, "PYTHONWARNINGS": "default", **environment},
            )
        if wait:
            await self.client.wait_until_owned()

    async def end_daemon(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the daemon and return its exit status."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(how)
        return await asyncio.wait_for(self.process.wait(), 30)

    async def kill(self) -> None:
        """Cut the daemon's power."""
        await self.end_daemon(signal.SIGKILL)

    async def booted(self) -> None:
        """Wait until the CSMS has accepted the station and heard of all connectors."""
        await self.csms.wait_for("BootNotification")
        connectors = sum(len(types) for types in self._evses)
        await self.csms.wait_until(lambda: len(self.statuses()) >= connectors)

    def statuses(self, since: int = 0) -> list[tuple[int, str]]:
        """EVSE (in 1.6 connector) and status of each report of a connector's status."""
        told = []
        for call in self.csms.calls():
            payload = call.payload
            if call.index < since:
                continue
            if call.action == "StatusNotification":
                place = payload.get("evseId", payload.get("connectorId"))
                told.append((place, payload.get("status") or payload["connectorStatus"]))
            elif call.action == "NotifyEvent":  # 2.1, G01.FR.03
                told += [
                    (event["component"]["evse"]["id"], event["actualValue"])
                    for event in payload["eventData"]
                    if event["variable"]["name"] == "AvailabilityState"
                ]
        return told

    async def replace_csms(self, versions: Sequence[str]) -> Csms:
        """Put another CSMS, with other versions, in place of this one, at the same address."""
        port = self.csms.port
        await self.csms.stop(abort=True)
        self.csms = Csms(versions, port=port, **self._csms_options)
        await self.csms.start()
        return self.csms

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self.end_daemon()
            await self.client.__aexit__(kind, error, traceback)
        finally:
            if self.process is not None and self.process.returncode is None:
                self.process.kill()
                await self.process.wait()
            await self.csms.stop(abort=True)
            self.bus.__exit__(None, None, None)
        if kind is not None:
            print(f"---- the daemon's log\n{self.log}")
