"""The stage: a bus, a CSMS, the daemon, a charger, and everything said in the terminal."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from ocppd.tools.csms import Csms
from ocppd.tools.csms.control import Control
from ocppd.tools.ctl.bus import STATION
from ocppd.tools.ctl.output import clean
from ocppd.tools.ctl.status import limit_text
from ocppd.tools.demo.cars import Cars
from ocppd.tools.demo.private_bus import PrivateBus
from ocppd.tools.demo.watcher import Seen, Watcher
from ocppd.tools.sim.control import control
from ocppd.tools.sim.settings import ChargerSettings
from ocppd.tools.sim.simulator import Simulator
from ocppd.tools.traffic import Decoder

IDENTITY = "DEMO1"
TOKEN = "04A224B2C15E80"  # noqa: S105
BLOCKED = "04BADBADBAD000"
_PASSWORD = "demonstration-only"  # noqa: S105
_COLOURS = {
    "story": "\x1b[1;33m",
    "out": "\x1b[36m",
    "in": "\x1b[32m",
    "refusal": "\x1b[31m",
    "bus": "\x1b[35m",
    "plain": "",
}
_OFF = "\x1b[0m"

# What takes minutes in life takes seconds here: meter values, the way back after a lost line.
_VALUES = """\
values:
  - {{component: SampledDataCtrlr, variable: TxUpdatedInterval, value: {interval_s}}}
  - {{component: OCPPCommCtrlr, variable: RetryBackOffWaitMinimum, value: 1}}
  - {{component: OCPPCommCtrlr, variable: RetryBackOffRandomRange, value: 0}}
  - {{component: OCPPCommCtrlr, variable: RetryBackOffRepeatTimes, value: 0}}
  - {{component: AuthCtrlr, variable: LocalAuthorizeOffline, value: true}}
  - {{component: AuthCtrlr, variable: OfflineTxForUnknownIdEnabled, value: true}}
  - component: OCPPCommCtrlr
    variable: "MessageAttemptInterval[TransactionEvent]"
    value: 1
"""
_CONFIG = """\
# Written by the demonstration.
station: {{vendor: "Demo", model: "DM22", serial_number: "0001", firmware_version: "1.0"}}
evses:
  - connectors: [cType2]
  - connectors: [cType2]
csms:
  - url: {url}/ocpp
    identity: {identity}
    password: "{password}"
versions: [{versions}]
device_model: device-model.d
log: {{level: info}}
"""


class StageFailed(Exception):
    """The demonstration cannot go on; the text says why."""


class Stage:
    """Everything that plays, and what was heard of it.

    `versions` is what the station offers, the preferred one first; `csms_versions` is what the CSMS
    knows at first.
    """

    def __init__(
        self,
        folder: Path,
        versions: Sequence[str],
        csms_versions: Sequence[str],
        *,
        interval_s: int,
        pace: float = 1.0,
    ) -> None:
        """Set everything up; `pace` is how long the pauses of the live story are."""
        self._pace = pace
        self.folder = folder
        self.versions = tuple(versions)
        self.bus = PrivateBus(folder)
        self.csms = Csms(
            csms_versions,
            password=_PASSWORD,
            tokens={BLOCKED: "Blocked"},
            interval_s=60,
            strict=_can_validate(),
            log=folder / "csms.jsonl",
        )
        self.watcher = Watcher(self.bus.address, self._heard)
        # Energy flows faster than in life, so that a session of seconds has something to bill.
        settings = ChargerSettings(speed=60.0, first_register_wh=1000.0, signed=False)
        self.host = Simulator(self.bus.address, settings)
        self.cars = Cars(self.host)
        self._interval_s = interval_s
        self._decoder = Decoder()
        self._control = Control(self.csms, folder / "csms.socket")
        self._daemon: asyncio.subprocess.Process | None = None
        self._stack = contextlib.AsyncExitStack()
        self._coloured = sys.stdout.isatty()
        self._stopping = False
        self._started = time.monotonic()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    async def _start(self) -> None:
        self.story("A bus of our own, with the access policy that ocppd ships")
        self.bus.start()
        self._stack.callback(self.bus.stop)
        await self.watcher.start()
        self._stack.push_async_callback(self.watcher.stop)
        await self.csms.start()
        self._stack.push_async_callback(self.csms.stop)
        await self._control.start()
        self._stack.push_async_callback(self._control.stop)
        self.story(f"A CSMS at {self.csms.url} that knows OCPP {', '.join(self.csms.versions)}")
        await self._start_daemon()
        self.story("A charger with two EVSEs")
        await self._stack.enter_async_context(self.host)
        buttons = asyncio.create_task(control(self.host, self.bus.address))
        self._stack.callback(buttons.cancel)
        self.host.charger.set_ev(1, {"prepare_s": 0.3})
        self.host.charger.set_ev(2, {"prepare_s": 0.3})

    async def _start_daemon(self) -> None:
        self.story(f"The daemon, which offers OCPP {', '.join(self.versions)}")
        values = self.folder / "device-model.d"
        values.mkdir()
        (values / "demo.yaml").write_text(_VALUES.format(interval_s=self._interval_s))
        config = self.folder / "ocppd.yaml"
        versions = ", ".join(f'"{version}"' for version in self.versions)
        config.write_text(
            _CONFIG.format(
                url=self.csms.url, identity=IDENTITY, password=_PASSWORD, versions=versions
            )
        )
        state = self.folder / "state"
        state.mkdir()
        with (self.folder / "ocppd.log").open("wb") as log:
            self._daemon = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "ocppd", "--config", config),
                *("--state", state, "--bus", self.bus.address),
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us; the daemon gets SIGTERM then
            )
        self._stack.push_async_callback(self.stop_daemon)
        present = asyncio.create_task(self.watcher.present())
        ended = asyncio.create_task(self._daemon.wait())
        await asyncio.wait({present, ended}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if not present.done() or present.exception() is not None:
            present.cancel()
            raise StageFailed(f"the daemon does not come up; its log:\n{self.daemon_log()}")

    def daemon_log(self) -> str:
        """Return the end of the daemon's log."""
        path = self.folder / "ocppd.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-30:])

    async def stop_daemon(self) -> tuple[int | None, float]:
        """End the daemon by SIGTERM; return its exit status and how many seconds it took."""
        self._stopping = True
        daemon = self._daemon
        if daemon is None or daemon.returncode is not None:
            return (None if daemon is None else daemon.returncode), 0.0
        began = time.monotonic()
        daemon.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(daemon.wait(), 10)
        except TimeoutError:
            daemon.kill()
            await daemon.wait()
        return daemon.returncode, time.monotonic() - began

    def daemon_lives(self) -> bool:
        """Say whether the daemon still runs."""
        return self._daemon is not None and self._daemon.returncode is None

    async def _end(self) -> None:
        self._stopping = True
        await self._stack.aclose()

    async def replace_csms(self, versions: Sequence[str]) -> None:
        """Put a CSMS with other versions in place of the present one, which must be stopped.

        It stands for the same operator: its ledger goes on.
        """
        self.csms.versions = tuple(versions)
        await self.csms.start()

    async def pause(self, seconds: float) -> None:
        """Let the spectators look."""
        await asyncio.sleep(seconds * self._pace)

    # what is said

    def story(self, text: str) -> None:
        """Say what happens on the stage."""
        self._say(f"── {text}", "story")

    def _say(self, text: str, kind: str = "plain") -> None:
        at = f"{time.monotonic() - self._started:6.2f}"
        line = clean(f"{at} {text}")
        colour = _COLOURS[kind]
        try:
            print(f"{colour}{line}{_OFF}" if self._coloured and colour else line, flush=True)
        except BrokenPipeError:
            # Nobody reads any more: end as by a signal, with nothing more to say.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            signal.raise_signal(signal.SIGTERM)

    def _heard(self, seen: Seen) -> None:
        """Show a signal, as far as people want to see it."""
        if self._stopping and seen.member != "OcppMessage":
            return
        body = seen.body
        match seen.member:
            case "OcppMessage":
                self._show_ocpp(body)
            case "OcppTransactionEvent":
                number = body.get("transaction_id", "(no id yet)")
                text = f"OcppTransactionEvent {body.get('transaction_event')} {number}"
                self._say(f"bus     {text}", "bus")
            case "BootNotificationResponse":
                self._say(f"bus     BootNotificationResponse {body.get('status')}", "bus")
            case "SecurityEvent":
                self._say(f"bus     SecurityEvent {body.get('type')}", "bus")
            case "PropertiesChanged":
                self._show_properties(seen)

    def _show_ocpp(self, passed: dict[str, Any]) -> None:
        line = self._decoder.decode(str(passed.get("message", "")))
        to_csms = passed.get("direction") == "ChargingStationToCSMS"
        kind = "refusal" if line.refusal else ("out" if to_csms else "in")
        arrow = "▶" if to_csms else "◀"
        self._say(f"{passed.get('version', ''):<5} {arrow} {line}", kind)

    def _show_properties(self, seen: Seen) -> None:
        where = "" if seen.path == STATION else f"EVSE {seen.path.rpartition('/')[2]} "
        for name, value in seen.changed.items():
            match name:
                case "ConnectionStatus":
                    text = "connected" if value.get("connected") else "not connected"
                    more = value.get("ocpp_version") if value.get("connected") else None
                    reason = more or value.get("reason", "")
                    self._say(f"bus     ConnectionStatus {text} {reason}".rstrip(), "bus")
                case "Limit":
                    self._say(f"bus     {where}Limit {limit_text(value)}", "bus")
                case "Connectors":
                    status = ", ".join(str(connector.get("status")) for connector in value)
                    self._say(f"bus     {where}Connectors {status}", "bus")
                case "Health":
                    reasons = "; ".join(value.get("reasons", []))
                    self._say(f"bus     Health {value.get('status')} {reasons}".rstrip(), "bus")

    def print_hints(self) -> None:
        """Print what to try in a second terminal, in the words of the CSMS's version."""
        old = self.csms.versions[0] == "1.6"
        heartbeat = "HeartbeatInterval" if old else "OCPPCommCtrlr.HeartbeatInterval"
        control = self.folder / "csms.socket"
        ctl, csms, sim = (_program(name) for name in ("ocppctl", "ocppd-csms", "ocppd-sim"))
        busctl = "busctl --address=$OCPPD_BUS"
        ocpp = "org.everest.Ocpp /org/everest/Ocpp org.everest.Ocpp"
        variable = (
            "GetVariables 'aa{sv}' 1 1 component_variable 'a{sv}' 2 "
            "component 'a{sv}' 1 name s OCPPCommCtrlr "
            "variable 'a{sv}' 1 name s HeartbeatInterval"
        )
        lines = [
            "",
            "To try in a second terminal:",
            # What is not installed is found from its own folder alone.
            *([] if _installed("ocppctl") else [f"  cd {Path(__file__).parents[3]}"]),
            f"  export OCPPD_BUS={self.bus.address}",
            f"  {ctl} status",
            f"  {ctl} messages",
            f"  {ctl} get",
            f"  {ctl} set SampledDataCtrlr.TxUpdatedInterval=2",
            f"  {ctl} monitor OCPPCommCtrlr.HeartbeatInterval",
            f"  {ctl} transactions --follow",
            f"  {ctl} queue",
            f"  {ctl} availability inoperative 2.1",
            f"  {ctl} availability operative 2.1",
            f"  {busctl} introspect org.everest.Ocpp /org/everest/Ocpp",
            f"  {busctl} get-property {ocpp} ConnectionStatus",
            f"  {busctl} call {ocpp} {variable}",
            f"  {busctl} monitor org.everest.Ocpp",
            f"  {csms} --to {control} 'get {heartbeat}'",
            f"  {csms} --to {control} transactions",
            f"  {csms} --to {control} 'remote-start {TOKEN} 2'",
            f"  {sim} --bus $OCPPD_BUS state",
            f"  {sim} --bus $OCPPD_BUS plug 2",
            f"  {sim} --bus $OCPPD_BUS swipe {TOKEN} --evse 2",
            f"  {sim} --bus $OCPPD_BUS unplug 2",
            "The story uses the EVSEs that you leave to it.",
            f"The daemon's log: {self.folder / 'ocppd.log'}",
            "",
        ]
        print("\n".join(lines), flush=True)


_MODULES = {
    "ocppctl": "ocppd.tools.ctl",
    "ocppd-csms": "ocppd.tools.csms",
    "ocppd-sim": "ocppd.tools.sim",
}


def _program(name: str) -> str:
    """Return how to call one of our programs, from any folder if it is installed."""
    if _installed(name):
        return str(Path(sys.executable).with_name(name))
    return f"{sys.executable} -m {_MODULES[name]}"


def _installed(name: str) -> bool:
    """Say whether a program of ours stands beside the interpreter."""
    return Path(sys.executable).with_name(name).exists()


def _can_validate() -> bool:
    """Say whether the packages for strict validation are there."""
    from importlib.util import find_spec

    return find_spec("ocpp") is not None and find_spec("jsonschema") is not None
