"""What systemd is told: datagrams on a real socket, also an abstract one."""

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ocppd.model.registration import ConnectionStatus, RegistrationStatus
from ocppd.systemd import Notifier, StatusText, logs_to_journal
from tests.fakes import FakeClock


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A socket as systemd has it, and what stands in NOTIFY_SOCKET."""
    address = str(tmp_path / "notify")
    if request.param == "abstract":
        address = f"@ocppd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address.replace("@", "\0", 1))
        listening.setblocking(False)
        yield listening, address


def told(listening: socket.socket) -> list[str]:
    """Return what has arrived, one text for each datagram."""
    found = []
    while True:
        try:
            found.append(listening.recv(4096).decode())
        except BlockingIOError:
            return found


def test_each_state_is_a_datagram(manager: tuple[socket.socket, str]) -> None:
    listening, address = manager
    systemd = Notifier({"NOTIFY_SOCKET": address})
    systemd.status("connecting to wss://a")
    systemd.status("connecting to wss://a")
    systemd.still_starting(60)
    systemd.ready()
    systemd.status("one\nREADY=1\n" + "x" * 1000)  # a reason may come from anywhere
    systemd.still_starting(60)
    systemd.stopping()
    systemd.status("registered")
    systemd.close()
    systemd.status("nobody listens any more")
    assert told(listening) == [
        "STATUS=connecting to wss://a",
        "EXTEND_TIMEOUT_USEC=60000000",
        "READY=1",
        "STATUS=" + ("one READY=1 " + "x" * 1000)[:500],
        "STOPPING=1\nSTATUS=stopping",
    ]


@pytest.mark.parametrize("address", ["", "nonsense", "/nowhere/at/all", "@nobody-is-there"])
def test_a_manager_who_is_not_there_stops_nothing(address: str) -> None:
    systemd = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"})
    systemd.ready()
    systemd.status("x")
    systemd.feed_watchdog(FakeClock(), lambda seconds: None)
    systemd.close()


def test_a_manager_who_does_not_read_blocks_nothing(manager: tuple[socket.socket, str]) -> None:
    _, address = manager
    systemd = Notifier({"NOTIFY_SOCKET": address})
    for number in range(10_000):
        systemd.status(str(number))


def test_the_watchdog_is_fed_twice_in_its_time(manager: tuple[socket.socket, str]) -> None:
    listening, address = manager
    clock = FakeClock()
    late: list[float] = []
    environment = {
        "NOTIFY_SOCKET": address,
        "WATCHDOG_USEC": "30000000",
        "WATCHDOG_PID": str(os.getpid()),
    }
    systemd = Notifier(environment)
    systemd.feed_watchdog(clock, late.append)
    assert told(listening) == ["WATCHDOG=1"]
    clock.advance(14.9)
    assert told(listening) == []
    clock.advance(0.2)
    assert told(listening) == ["WATCHDOG=1"]
    clock.advance(150)
    assert len(told(listening)) == 10
    systemd.close()
    clock.advance(60)
    assert told(listening) == []


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "x"},
        {"WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"},
    ],
)
def test_a_watchdog_that_is_not_ours_is_not_fed(
    environment: dict[str, str], manager: tuple[socket.socket, str]
) -> None:
    listening, address = manager
    systemd = Notifier({"NOTIFY_SOCKET": address, **environment})
    systemd.feed_watchdog(FakeClock(), lambda seconds: None)
    assert told(listening) == []


MOMENT = datetime(2026, 11, 22, 15, 0, 0, tzinfo=UTC)
URL = "wss://csms.example"


def test_the_status_says_what_it_is_doing() -> None:
    now = [MOMENT]
    status = StatusText(lambda: now[0])

    def text(
        connection: ConnectionStatus,
        registration: RegistrationStatus | None = None,
        bus_problem: str | None = None,
        reasons: tuple[str, ...] = (),
    ) -> str:
        return status.text(
            bus_problem=bus_problem,
            connection=connection,
            registration=registration,
            reasons=reasons,
        )

    def lost(reason: str) -> ConnectionStatus:
        return ConnectionStatus(connected=False, csms_url=URL, reason=reason)

    there = ConnectionStatus(connected=True, csms_url=URL, ocpp_version="2.0.1")
    nothing = ConnectionStatus(connected=False, reason="not configured: slot 1 has no OcppCsmsUrl")
    assert text(nothing) == "not configured: slot 1 has no OcppCsmsUrl"
    assert text(lost("starting")) == f"connecting to {URL}: starting"
    assert text(there) == f"connected to {URL} (OCPP 2.0.1), not registered yet"
    pending = f"connected to {URL} (OCPP 2.0.1), which has not accepted it yet"
    assert text(there, RegistrationStatus.PENDING) == pending
    rejected = f"connected to {URL} (OCPP 2.0.1), which rejects it"
    assert text(there, RegistrationStatus.REJECTED) == rejected
    registered = f"registered at {URL} (OCPP 2.0.1)"
    assert text(there, RegistrationStatus.ACCEPTED) == registered
    degraded = text(there, RegistrationStatus.ACCEPTED, reasons=("the disk is full", "b"))
    assert degraded == f"{registered}; degraded: the disk is full, b"
    offline = text(lost("no route"), RegistrationStatus.ACCEPTED)
    assert offline == "offline since 2026-11-22 15:00:00 UTC: no route"
    now[0] += timedelta(minutes=5)
    later = text(lost("refused"), RegistrationStatus.ACCEPTED, "the bus is lost")
    assert later == (
        "offline since 2026-11-22 15:00:00 UTC: refused; not on the bus: the bus is lost"
    )
    trouble = ("no connection to the CSMS: 401: wrong password", "the disk is full")
    assert text(lost("401: wrong password"), reasons=trouble) == (
        "offline since 2026-11-22 15:00:00 UTC: 401: wrong password; degraded: the disk is full"
    )
    assert text(there, RegistrationStatus.ACCEPTED) == registered
    again = text(lost("no route"), RegistrationStatus.ACCEPTED)
    assert again == "offline since 2026-11-22 15:05:00 UTC: no route"


def test_stderr_is_the_journal_if_systemd_says_so() -> None:
    stderr = os.fstat(2)
    assert logs_to_journal({"JOURNAL_STREAM": f"{stderr.st_dev}:{stderr.st_ino}"})
    for other in ("", "1:2", "nonsense", f"{stderr.st_dev}:"):
        assert not logs_to_journal({"JOURNAL_STREAM": other})
    assert not logs_to_journal({})
