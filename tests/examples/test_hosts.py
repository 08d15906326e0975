"""Each host of docs/examples plays whole sessions with the real daemon; the CSMS is asked."""

import asyncio
from pathlib import Path

import pytest

from ocppd.tools.csms.ledger import SeenTransaction
from tests.client import EVSE_MANAGER, evse_path
from tests.examples.hosts import LANGUAGES, RunningHost, command, compiled
from tests.scenario.rig import Rig
from tests.scenario.test_remote_control import remote_start, remote_stop

VERSIONS = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
TOKEN = "04A224B2C15E80"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("c"))


@pytest.fixture(params=LANGUAGES)
def host(request: pytest.FixtureRequest, program: Path) -> list[str]:
    return command(request.param, program)


@pytest.fixture(params=["c", "python"])
def host_with_agent(request: pytest.FixtureRequest, program: Path) -> list[str]:
    return command(request.param, program)


async def the_transaction(rig: Rig) -> SeenTransaction:
    """Return the only transaction that the CSMS has heard of, once it is told to its end."""
    async with asyncio.timeout(15):
        while not all(each.ended for each in rig.csms.transactions) or not rig.csms.transactions:
            await asyncio.sleep(0.05)
        while await rig.client.call("GetQueue"):
            await asyncio.sleep(0.05)
    [transaction] = rig.csms.transactions
    assert transaction.problems == []
    assert transaction.started
    return transaction


@VERSIONS
async def test_a_session_with_a_card(host: list[str], version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version], strict=True) as rig:
        await rig.booted()
        async with RunningHost(rig, host, TOKEN, 3) as running:
            assert await running.ended() == 0, running.said
        transaction = await the_transaction(rig)
        await rig.csms.wait_for("Authorize")
        assert transaction.id_token == TOKEN
        assert transaction.reason == "Local"
        assert 3 < (transaction.energy_wh or 0) < 60  # 11 kW for three seconds and a little
        assert await rig.client.call("GetTransactions") == []
        told = [status for place, status in rig.statuses() if place == 1]
        in_use = "Charging" if version == "1.6" else "Occupied"
        assert in_use in told


@VERSIONS
async def test_a_remote_start(host: list[str], version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version], strict=True) as rig:
        await rig.booted()
        async with RunningHost(rig, host, "-", 2) as running:
            await running.says("waiting for a remote start")
            assert await remote_start(rig, version, 1, "CENTRAL1") == "Accepted"
            assert await running.ended() == 0, running.said
        transaction = await the_transaction(rig)
        assert transaction.id_token == "CENTRAL1"
        if version != "1.6":
            events = [call.payload for call in rig.csms.calls("TransactionEvent")]
            numbers = {event["transactionInfo"].get("remoteStartId") for event in events}
            assert numbers == {42, None} or numbers == {42}


@VERSIONS
async def test_a_remote_stop(host_with_agent: list[str], version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version], strict=True) as rig:
        await rig.booted()
        async with RunningHost(rig, host_with_agent, TOKEN, 60) as running:
            await running.says("ChargingStarted")
            [transaction] = await open_transactions(rig)
            number = transaction.transaction_id
            stop = int(number) if version == "1.6" else number
            assert await remote_stop(rig, version, stop) == "Accepted"
            assert await running.ended() == 0, running.said
            await running.says("asked for StopTransaction")
        assert (await the_transaction(rig)).reason == "Remote"


async def open_transactions(rig: Rig) -> list[SeenTransaction]:
    async with asyncio.timeout(10):
        while not rig.csms.transactions or await rig.client.call("GetQueue"):
            await asyncio.sleep(0.05)
    return [each for each in rig.csms.transactions if not each.ended]


async def test_a_shell_cannot_be_stopped_remotely(program: Path, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=["2.0.1"], strict=True) as rig:
        await rig.booted()
        async with RunningHost(rig, command("shell", program), TOKEN, 3) as running:
            await running.says("ChargingStarted")
            [transaction] = await open_transactions(rig)
            assert await remote_stop(rig, "2.0.1", transaction.transaction_id) == "Rejected"
            assert await running.ended() == 0, running.said
        assert (await the_transaction(rig)).reason == "Local"


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_a_card_that_is_refused(host: list[str], version: str, tmp_path: Path) -> None:
    tokens = {TOKEN: "Blocked"}
    async with Rig(tmp_path, versions=[version], strict=True, tokens=tokens) as rig:
        await rig.booted()
        async with RunningHost(rig, host, TOKEN, 3) as running:
            assert await running.ended() == 1, running.said
        assert rig.csms.transactions == []
        assert await rig.client.get("SessionId", path=evse_path(1), interface=EVSE_MANAGER) == ""


@pytest.mark.parametrize("version", ["1.6", "2.1"])
async def test_ocppd_restarts_while_it_charges(
    host: list[str], version: str, tmp_path: Path
) -> None:
    async with Rig(tmp_path, versions=[version], strict=True) as rig:
        await rig.booted()
        async with RunningHost(rig, host, TOKEN, 8) as running:
            await running.says("ChargingStarted")
            await rig.kill()
            await asyncio.sleep(1)
            await rig.start_daemon()
            await running.says("SessionResumed")
            assert await running.ended() == 0, running.said
        transaction = await the_transaction(rig)
        assert transaction.reason == "Local"
        assert transaction.id_token == TOKEN


@pytest.mark.parametrize("version", ["1.6", "2.1"])
async def test_the_host_restarts_while_it_charges(
    host: list[str], version: str, tmp_path: Path
) -> None:
    async with Rig(tmp_path, versions=[version], strict=True) as rig:
        await rig.booted()
        async with RunningHost(rig, host, TOKEN, 60) as running:
            await running.says("ChargingStarted")
            await asyncio.sleep(1)
            running.kill()
            await running.ended()
        async with RunningHost(rig, host, TOKEN, 2) as running:
            await running.says("SessionResumed")
            assert await running.ended() == 0, running.said
        transaction = await the_transaction(rig)
        assert transaction.reason == "Local"
        assert transaction.id_token == TOKEN


async def test_a_session_offline_is_told_later(host: list[str], tmp_path: Path) -> None:
    """Without the CSMS a known card still charges, from the cache."""
    async with Rig(tmp_path, versions=["2.0.1"], strict=True) as rig:
        await rig.booted()
        async with RunningHost(rig, host, TOKEN, 1) as running:
            assert await running.ended() == 0, running.said
        port = rig.csms.port
        await rig.csms.stop(abort=True)
        async with RunningHost(rig, host, TOKEN, 1) as running:
            assert await running.ended() == 0, running.said
        rig.csms.port = port
        await rig.csms.start()
        async with asyncio.timeout(20):
            while len(rig.csms.transactions) < 2 or not rig.csms.transactions[1].ended:
                await asyncio.sleep(0.05)
        assert [each.problems for each in rig.csms.transactions] == [[], []]
