"""The bus comes and goes, systemd listens: the CSMS and a transaction do not notice."""

import asyncio
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.client import EVSE_MANAGER, Client, evse_path
from tests.scenario.agent import Agent
from tests.scenario.host import Host
from tests.scenario.rig import Rig


class Manager:
    """The service manager's socket, and what it was told."""

    def __init__(self, listening: socket.socket) -> None:
        self._socket = listening
        self.told: list[str] = []

    def read(self) -> list[str]:
        """Return every line so far."""
        while True:
            try:
                self.told += self._socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self.told

    async def until(self, wanted: str, timeout_s: float = 10) -> None:
        """Wait for a line that holds this text."""
        async with asyncio.timeout(timeout_s):
            while not any(wanted in line for line in self.read()):
                await asyncio.sleep(0.02)


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield Manager(listening)


@pytest.mark.parametrize("library", ["dbus-fast", "dbus-next"])
async def test_a_bus_that_restarts_costs_neither_the_csms_nor_a_transaction(
    library: str, tmp_path: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    if find_spec(library.replace("-", "_")) is None:
        pytest.skip(f"{library} is not installed")
    monkeypatch.setenv("OCPPD_DBUS_LIBRARY", library)
    async with Rig(tmp_path / "rig", versions=["2.0.1"]) as rig:
        await rig.booted()
        await manager.until("STATUS=registered at ws://")
        assert "READY=1" in manager.told
        host = Host(rig.client)
        await host.ready()
        session = await host.plug_in()
        await host.start()
        await host.charge()
        started = await rig.csms.wait_for("TransactionEvent", eventType="Started")
        transaction_id = started.payload["transactionInfo"]["transactionId"]

        rig.bus.kill()
        await manager.until("; not on the bus: the bus is lost")
        await asyncio.sleep(1.2)  # some attempts fail
        answer = await rig.csms.call("GetTransactionStatus", {"transactionId": transaction_id})
        assert answer["ongoingIndicator"] is True, "the CSMS is answered meanwhile"

        rig.bus.start()
        await back(rig)
        assert await rig.client.get("IsConnected") is True
        assert await rig.client.get("Agents", interface="org.everest.Ocpp.AgentManager") == {}
        assert (
            await rig.client.get("SessionId", path=evse_path(1), interface=EVSE_MANAGER) == session
        )
        [transaction] = await rig.client.call("GetTransactions")
        assert transaction["transaction_id"] == transaction_id
        host.client = rig.client
        await host.stop()
        await host.unplug()
        ended = await rig.csms.wait_for("TransactionEvent", eventType="Ended")
        assert ended.payload["transactionInfo"]["transactionId"] == transaction_id
        assert ended.payload["transactionInfo"]["stoppedReason"] == "Local"
        numbers = [call.payload["seqNo"] for call in rig.csms.calls("TransactionEvent")]
        assert numbers == list(range(len(numbers)))
        assert len(rig.csms.attempts) == 1, "one connection to the CSMS, from the start to the end"
        assert len(rig.csms.calls("BootNotification")) == 1
        assert manager.read()[-1].startswith("STATUS=registered at ws://")
        assert "Traceback" not in rig.log


async def back(rig: Rig) -> None:
    """Connect the test to the bus as it is now, and wait for the daemon there."""
    with suppress(Exception):  # that bus is gone
        await rig.client.__aexit__(None, None, None)
    rig.client = Client(rig.bus.address)
    await rig.client.__aenter__()
    await rig.client.wait_until_owned(timeout_s=15)


async def test_an_agent_that_does_not_come_back_with_the_bus_is_missed(tmp_path: Path) -> None:
    config = "host: {agent_grace_s: 1}"
    async with Rig(tmp_path, versions=["2.0.1"], more_config=config) as rig:
        await rig.booted()
        host = Host(rig.client)
        with suppress(EOFError):  # the agent's connection ends with the bus
            async with Agent(rig.bus.address, "EvseManager"):
                await host.ready()
                await rig.csms.wait_until(lambda: (1, "Available") in rig.statuses())
                since = rig.csms.mark()
                rig.bus.kill()
                # Told to the CSMS while there is no bus.
                await rig.csms.wait_until(lambda: (1, "Unavailable") in rig.statuses(since))
        rig.bus.start()
        await back(rig)
        assert (1, "Unavailable") in rig.statuses(since)
        async with Agent(rig.bus.address, "EvseManager"):
            host.client = rig.client
            since = rig.csms.mark()
            await host.ready()
            await rig.csms.wait_until(lambda: (1, "Available") in rig.statuses(since))


@pytest.mark.parametrize("library", ["dbus-fast", "dbus-next"])
async def test_without_a_bus_at_the_start_it_goes_to_the_csms(
    library: str, tmp_path: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCPPD_DBUS_LIBRARY", library)
    async with Rig(tmp_path / "rig", versions=["2.0.1"]) as rig:
        assert await rig.end_daemon() == 0
        manager.read()
        manager.told.clear()
        rig.bus.kill()
        since = rig.csms.mark()
        await rig.start_daemon(wait=False)
        await rig.csms.wait_for("BootNotification", since=since)
        await manager.until("; not on the bus: cannot reach the bus: Connection refused")
        assert "READY=1" not in manager.read()
        assert "EXTEND_TIMEOUT_USEC=60000000" in manager.told
        rig.bus.start()
        await back(rig)
        assert "READY=1" in manager.read()
        assert await rig.client.get("IsConnected") is True


async def test_a_process_that_was_stopped_feeds_no_watchdog_and_says_so(
    tmp_path: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    async with Rig(tmp_path / "rig", versions=["2.0.1"]) as rig:
        await rig.booted()
        assert rig.process is not None
        rig.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(0.2)
        fed = manager.read().count("WATCHDOG=1")
        assert fed > 0
        await asyncio.sleep(3)
        assert manager.read().count("WATCHDOG=1") == fed
        rig.process.send_signal(signal.SIGCONT)
        async with asyncio.timeout(5):
            while "the daemon did not run for" not in rig.log:
                await asyncio.sleep(0.05)
        assert manager.read().count("WATCHDOG=1") > fed
        assert await rig.client.get("IsConnected") is True


async def test_the_end_is_announced_and_what_was_reported_is_kept(
    tmp_path: Path, manager: Manager
) -> None:
    async with Rig(tmp_path / "rig", versions=["2.0.1"]) as rig:
        await rig.booted()
        host = Host(rig.client)
        await host.ready()
        rig.csms.misbehave("TransactionEvent", drop=True)
        await host.charge_once()
        waiting = await rig.client.call("GetQueue")
        assert waiting
        start = time.monotonic()
        assert await rig.end_daemon(signal.SIGTERM) == 0
        assert time.monotonic() - start < 2.0
        assert manager.read()[-2:] == ["STOPPING=1", "STATUS=stopping"]
        rig.csms.behave()
        since = rig.csms.mark()
        await rig.start_daemon()
        await rig.csms.wait_for("TransactionEvent", since=since, eventType="Ended")
        told = [
            call.payload["seqNo"]
            for call in rig.csms.calls("TransactionEvent")
            if call.index >= since
        ]
        assert told == list(range(len(waiting)))


@pytest.mark.requirement("B11.FR.01", "B12.FR.03")
@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_a_reset_is_answered_before_the_socket_closes(version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version]) as rig:
        await rig.booted()
        async with Agent(rig.bus.address, "System") as agent:
            agent.answers["Reset"] = None
            request = {"type": "Hard" if version == "1.6" else "Immediate"}
            call = asyncio.ensure_future(rig.csms.call("Reset", request))
            await rig.csms.wait_until(lambda: bool(agent.of("IsResetAllowed")))
            # The host's answer to Reset may well be our SIGTERM.
            assert await rig.end_daemon(signal.SIGTERM) == 0
            assert (await call)["status"] == "Accepted"
