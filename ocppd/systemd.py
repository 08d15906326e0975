"""What the daemon tells systemd: that it serves, what it is doing, and that it is alive.

Without systemd (no NOTIFY_SOCKET) nothing is told to anybody, at no cost.
"""

import contextlib
import os
import socket
from collections.abc import Callable, Mapping
from datetime import datetime

from ocppd.clock import Clock, Timer
from ocppd.model.registration import ConnectionStatus, RegistrationStatus

_LONGEST_STATUS = 500


class Notifier:
    """Datagrams to the service manager, as sd_notify(3) has them.

    None of its methods raises or blocks: a manager that does not listen must not stop anything.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._socket: socket.socket | None = None
        self._status = ""
        self._ready = self._stopping = False
        self._watchdog: Timer | None = None
        if address[:1] in ("/", "@"):
            with contextlib.suppress(OSError):
                self._socket = socket.socket(
                    socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
                )
                self._address = "\0" + address[1:] if address[0] == "@" else address
        self._watchdog_s = _watchdog_s(environment)

    def _tell(self, *lines: str) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.sendto("\n".join(lines).encode(), self._address)

    def ready(self) -> None:
        """Tell that the daemon serves; telling it again changes nothing."""
        self._ready = True
        self._tell("READY=1")

    def still_starting(self, seconds: float) -> None:
        """Ask for more time to start than TimeoutStartSec gives, from now on.

        Says nothing once the daemon serves, or is stopping.
        """
        if not self._ready and not self._stopping:
            self._tell(f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}")

    def stopping(self) -> None:
        """Tell that the daemon is on its way out; no other status comes after it."""
        self._tell("STOPPING=1", "STATUS=stopping")
        self._stopping = True

    def status(self, text: str) -> None:
        """Show a line of text in `systemctl status`; the same again is not sent."""
        text = " ".join(text.split())[:_LONGEST_STATUS]
        if text != self._status and not self._stopping:
            self._status = text
            self._tell(f"STATUS={text}")

    def feed_watchdog(self, clock: Clock, on_late: Callable[[float], None]) -> None:
        """Say that the event loop runs, twice in each WatchdogSec, from now on.

        `on_late` is told by how many seconds a turn came late.
        """
        if self._watchdog_s is None:
            return
        interval_s = self._watchdog_s / 2

        def feed(due: float) -> None:
            self._tell("WATCHDOG=1")
            now = clock.monotonic()
            if now > due:
                on_late(now - due)
            due = now + interval_s
            self._watchdog = clock.call_later(interval_s, lambda: feed(due))

        feed(clock.monotonic())

    def close(self) -> None:
        """Tell nothing more."""
        if self._watchdog is not None:
            self._watchdog.cancel()
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    """Return WatchdogSec= of the unit if it is meant for this process."""
    try:
        microseconds = int(environment["WATCHDOG_USEC"])
        pid = int(environment.get("WATCHDOG_PID", os.getpid()))
    except (KeyError, ValueError):
        return None
    return microseconds / 1_000_000 if microseconds > 0 and pid == os.getpid() else None


def logs_to_journal(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether stderr is the journal, which takes `<N>` as the priority of a line."""
    device, _, inode = environment.get("JOURNAL_STREAM", "").partition(":")
    try:
        stderr = os.fstat(2)
        return (stderr.st_dev, stderr.st_ino) == (int(device), int(inode))
    except (OSError, ValueError):
        return False


class StatusText:
    """What the daemon is doing, in a line for `systemctl status`."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._offline_since: datetime | None = None
        self._was_connected = False

    def text(
        self,
        *,
        bus_problem: str | None,
        connection: ConnectionStatus,
        registration: RegistrationStatus | None,
        reasons: tuple[str, ...],
    ) -> str:
        """Return the line; to be asked at each change, as it remembers since when it is offline."""
        parts = [self._csms(connection, registration)]
        if bus_problem is not None:
            parts.append(f"not on the bus: {bus_problem}")
        told = None if connection.connected else connection.reason
        others = [reason for reason in reasons if not told or told not in reason]
        if others:
            parts.append(f"degraded: {', '.join(others)}")
        return "; ".join(parts)

    def _csms(self, connection: ConnectionStatus, registration: RegistrationStatus | None) -> str:
        where = connection.csms_url or "the CSMS"
        if connection.connected:
            self._offline_since, self._was_connected = None, True
            version = f" (OCPP {connection.ocpp_version})" if connection.ocpp_version else ""
            match registration:
                case RegistrationStatus.ACCEPTED:
                    return f"registered at {where}{version}"
                case RegistrationStatus.PENDING:
                    return f"connected to {where}{version}, which has not accepted it yet"
                case RegistrationStatus.REJECTED:
                    return f"connected to {where}{version}, which rejects it"
                case None:
                    return f"connected to {where}{version}, not registered yet"
        reason = connection.reason or "no reason is known"
        if reason.startswith("not configured"):
            return reason
        if not self._was_connected:
            return f"connecting to {where}: {reason}"
        if self._offline_since is None:
            self._offline_since = self._now()
        since = self._offline_since.strftime("%Y-%m-%d %H:%M:%S UTC")
        return f"offline since {since}: {reason}"


__all__ = ["Notifier", "StatusText", "logs_to_journal"]
