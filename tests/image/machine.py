"""What tests do with a booted machine: run programs, use the bus, look at the unit, be a CSMS."""

import json
import re
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
UNIT = "ocppd.service"
NAME = "org.everest.Ocpp"
STATION = "/org/everest/Ocpp"
EVSE = f"{STATION}/Evse/1"
EVSE_MANAGER = f"{NAME}.EvseManager"
CONFIG = Path("/etc/ocppd/ocppd.yaml")
DEVICE_MODEL = Path("/etc/ocppd/device-model.d")
STATE = Path("/var/lib/ocppd")
PASSWORD = "0123456789abcdef"
IDENTITY = "CP0042"
CSMS_PORT = 9000
TOKEN = "04A224B2C15E80"


class Failed(Exception):
    """A program ended with another status than 0."""


def run(*command: str, user: str | None = None, timeout_s: float = 60) -> str:
    """Run a program and return its output.

    Raises:
        Failed: with what it said, when its status is not 0

    """
    if user is not None:
        command = ("runuser", "-u", user, "--", *command)
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise Failed(f"{shlex.join(command)}: status {done.returncode}: {said}")
    return done.stdout


def status_of(*command: str) -> int:
    """Run a program and return its status."""
    return subprocess.run(command, capture_output=True, check=False).returncode


def wait_until(
    condition: Callable[[], Any], what: str, timeout_s: float = 15, every_s: float = 0.1
) -> Any:
    """Return the first true result of a condition; a program that fails in it counts as false."""
    deadline = time.monotonic() + timeout_s
    while True:
        with suppress(Failed):
            if result := condition():
                return result
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}"
        time.sleep(every_s)


# ---------------------------------------------------------------------------------------- the bus


def call(
    path: str, interface: str, method: str, *arguments: str, user: str | None = None
) -> list[Any]:
    """Call a method with busctl's spelling of the arguments; return its results as plain values."""
    out = run(
        "busctl", "--json=short", "call", NAME, path, interface, method, *arguments, user=user
    )
    return plain(json.loads(out)["data"]) if out.strip() else []


def get(name: str, *, path: str = STATION, interface: str = NAME, user: str | None = None) -> Any:
    """Read a property as a plain value."""
    out = run("busctl", "--json=short", "get-property", NAME, path, interface, name, user=user)
    return plain(json.loads(out)["data"])


def plain(value: Any) -> Any:
    """Return a value of busctl's JSON without the types of its variants."""
    match value:
        case {"type": str(), "data": inner, **rest} if not rest:
            return plain(inner)
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case _:
            return value


def variable(component: str, name: str) -> str:
    """Return busctl's spelling of a component_variable, as one entry of a dictionary."""
    names = f"component a{{sv}} 1 name s {component} variable a{{sv}} 1 name s {name}"
    return f"component_variable a{{sv}} 2 {names}"


def get_variable(component: str, name: str, user: str | None = None) -> Any:
    """Read a variable by GetVariables."""
    words = ["aa{sv}", "1", "1", *variable(component, name).split()]
    [[result]] = call(STATION, NAME, "GetVariables", *words, user=user)
    return result


def set_variable(component: str, name: str, value: str, user: str | None = None) -> str:
    """Write a variable by SetVariables; return its status."""
    entry = [*variable(component, name).split(), "value", "s", value]
    [[result]] = call(STATION, NAME, "SetVariables", "aa{sv}s", "1", "2", *entry, "test", user=user)
    return str(result["status"])


def on_bus() -> bool:
    """Tell whether somebody owns the name."""
    out = run(
        *("busctl", "--json=short", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus"),
        *("org.freedesktop.DBus", "NameHasOwner", "s", NAME),
    )
    return bool(json.loads(out)["data"][0])


class Signals:
    """All that is on the bus from and to ocppd while it is entered, as root sees it."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "signals.json"

    def __enter__(self) -> Self:
        with self._file.open("w") as file:
            self._process = subprocess.Popen(
                ("busctl", "--json=short", "monitor", NAME), stdout=file, stderr=subprocess.DEVNULL
            )
        wait_until(lambda: self._peeked(), "the monitor runs")
        return self

    def _peeked(self) -> bool:
        with suppress(Failed):
            get("Version")
        return self._file.stat().st_size > 0

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait()

    def seen(self, member: str) -> list[Any]:
        """Return the bodies of a signal so far."""
        found = []
        for line in self._file.read_text().splitlines():
            with suppress(ValueError):
                message = json.loads(line)
                if message.get("type") == "signal" and message.get("member") == member:
                    found.append(plain(message["payload"]["data"]))
        return found


# --------------------------------------------------------------------------------------- the unit


def show(name: str, unit: str = UNIT) -> str:
    """Return a property of a unit."""
    return run("systemctl", "show", "--value", f"--property={name}", unit).strip()


def active() -> bool:
    """Tell whether the daemon runs."""
    return show("ActiveState") == "active"


def systemctl(verb: str, unit: str = UNIT) -> None:
    """Start, stop or restart."""
    run("systemctl", verb, unit)


def pid() -> int:
    """Return the daemon's process."""
    return int(show("MainPID"))


def journal(since: str = "") -> str:
    """Return what the daemon has logged."""
    return run(
        "journalctl", "--output=cat", f"--unit={UNIT}", *([f"--since={since}"] if since else [])
    )


def cursor() -> str:
    """Return where the journal is now, for `since_cursor`."""
    out = run("journalctl", "--lines=0", "--show-cursor")
    return re.findall(r"cursor: (.+)", out)[0]


def since_cursor(place: str) -> str:
    """Return what the daemon has logged since a place in the journal."""
    return run("journalctl", "--output=cat", f"--unit={UNIT}", f"--after-cursor={place}")


def drop_in(text: str) -> None:
    """Change the unit until the next boot; an empty text takes it back."""
    folder = Path(f"/run/systemd/system/{UNIT}.d")
    shutil.rmtree(folder, ignore_errors=True)
    if text:
        folder.mkdir(parents=True)
        (folder / "test.conf").write_text(text)
    run("systemctl", "daemon-reload")


# -------------------------------------------------------------------------------- its configuration


def configure(versions: Sequence[str] = ("2.1", "2.0.1", "1.6"), *, fresh: bool = True) -> None:
    """Point the daemon to the test's CSMS, with a password in a file of its own, and restart it."""
    stop()
    if fresh:
        for each in STATE.iterdir() if STATE.is_dir() else ():
            shutil.rmtree(each) if each.is_dir() else each.unlink()
    secret = CONFIG.with_name("csms-password")
    secret.write_text(f"{PASSWORD}\n")
    secret.chmod(0o640)
    shutil.chown(secret, "root", "ocppd")
    CONFIG.write_text(
        f"""\
station: {{vendor: Acme, model: AC22, serial_number: "0042"}}
evses:
  - connectors: [cType2]
  - connectors: [cType2]
csms:
  - url: ws://127.0.0.1:{CSMS_PORT}/ocpp
    identity: {IDENTITY}
    password_file: csms-password
versions: [{", ".join(versions)}]
"""
    )
    # What a station does after half a minute happens here after a second.
    (DEVICE_MODEL / "fast.yaml").write_text(
        """\
values:
  - {component: OCPPCommCtrlr, variable: RetryBackOffWaitMinimum, value: 1}
  - {component: OCPPCommCtrlr, variable: RetryBackOffRandomRange, value: 0}
  - {component: OCPPCommCtrlr, variable: RetryBackOffRepeatTimes, value: 0}
  - {component: OCPPCommCtrlr, variable: "MessageAttemptInterval[TransactionEvent]", value: 1}
"""
    )
    systemctl("start")


def stop() -> None:
    """Stop it, and have systemd forget how often it was started: tests do that all the time."""
    systemctl("stop")
    status_of("systemctl", "reset-failed", UNIT)


def unconfigure(shipped: str) -> None:
    """Give the daemon the configuration that it came with, and start it afresh."""
    stop()
    CONFIG.write_text(shipped)
    (DEVICE_MODEL / "fast.yaml").unlink(missing_ok=True)
    systemctl("start")


# ---------------------------------------------------------------------------------------- the CSMS


class Csms:
    """ocppd-csms as a process, commanded over its socket."""

    SOCKET = Path("/run/ocppd-test-csms.socket")

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> Self:
        """Start it, and wait until it listens."""
        ready = self._log.with_suffix(".ready")
        ready.unlink(missing_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                (
                    *("ocppd-csms", "--port", str(CSMS_PORT), "--password", PASSWORD),
                    *("--control", str(self.SOCKET), "--ready-file", str(ready), *options),
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(ready.exists, "the CSMS listens")
        return self

    def stop(self) -> None:
        """End it; it forgets everything."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def command(self, name: str, **fields: Any) -> Any:
        """Carry out a command of the control socket.

        Raises:
            Failed: it says no

        """
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(fields.get("timeout_s", 10) + 5)
            connection.connect(str(self.SOCKET))
            connection.sendall(json.dumps({"cmd": name, **fields}).encode() + b"\n")
            with connection.makefile() as lines:
                answer = json.loads(lines.readline())
        if not answer["ok"]:
            raise Failed(f"{name}: {answer['error']}")
        return answer["result"]

    def wait_for(self, action: str, timeout_s: float = 20, **fields: Any) -> Any:
        """Wait for a CALL of the station; return it."""
        return self.command("wait", action=action, timeout_s=timeout_s, fields=fields)

    def received(self, action: str) -> list[Any]:
        """Return the payloads of an action so far."""
        return [message["payload"] for message in self.command("received", action=action)]

    def transactions(self) -> list[Any]:
        """Return what the station told of its transactions."""
        found: list[Any] = self.command("transactions")
        return found

    def wait_registered(self) -> None:
        """Wait until the station is connected and accepted, and knows it."""

        def registered() -> bool:
            return bool(
                get("IsConnected")
                and get("BootNotificationResponse").get("status") == "Accepted"
                and any(
                    each["connected"] and each["registration"] == "Accepted"
                    for each in self.command("stations")
                )
            )

        wait_until(registered, "the station is registered", 20)


# ---------------------------------------------------------------------------------------- the host


class Session:
    """A charging session at EVSE 1, reported with busctl."""

    def __init__(self) -> None:
        self.uuid = Path("/proc/sys/kernel/random/uuid").read_text().strip()
        self._last = ""

    def report(self, event: str, *parts: str) -> None:
        """Report an event; it is on disk when this returns.

        Raises:
            Failed: ocppd said no

        """
        at = self._now()
        words = " ".join(parts).replace("@", at).split()
        count = 3 + (1 if parts else 0)
        call(
            EVSE,
            EVSE_MANAGER,
            "ReportSessionEvent",
            *(
                "a{sv}",
                str(count),
                "uuid",
                "s",
                self.uuid,
                "timestamp",
                "s",
                at,
                "event",
                "s",
                event,
            ),
            *words,
        )

    def _now(self) -> str:
        while True:
            now = time.time()
            moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
            text = f"{moment}.{int(now * 1000) % 1000:03d}Z"
            if text > self._last:
                self._last = text
                return text
            time.sleep(0.001)

    def begin(self, wh: int = 1000) -> Self:
        """Plug in and charge."""
        call(EVSE, EVSE_MANAGER, "ReportReady", "b", "true")
        meter = f"meter_value a{{sv}} 2 timestamp s @ energy_Wh_import a{{sv}} 1 total d {wh}"
        self.report("SessionStarted", f"session_started a{{sv}} 2 reason s EVConnected {meter}")
        self.report(
            "TransactionStarted",
            f"transaction_started a{{sv}} 2 {meter} id_tag a{{sv}} 2 authorization_type s RFID",
            f"id_token a{{sv}} 2 value s {TOKEN} type s ISO14443",
        )
        self.report("ChargingStarted")
        return self

    def end(self, wh: int = 2500) -> None:
        """Stop and unplug."""
        meter = f"meter_value a{{sv}} 2 timestamp s @ energy_Wh_import a{{sv}} 1 total d {wh}"
        self.report("TransactionFinished", f"transaction_finished a{{sv}} 2 reason s Local {meter}")
        self.report("SessionFinished", f"session_finished a{{sv}} 1 {meter}")

    def resume(self, wh: int = 1000) -> None:
        """Tell that the session goes on, as a host does when ocppd is back."""
        self.report("SessionResumed")
        call(EVSE, EVSE_MANAGER, "ReportReady", "b", "true")
