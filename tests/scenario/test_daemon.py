"""The daemon as a program: how it starts, stops, and says what is wrong."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ocppd.config import read
from ocppd.daemon import Daemon
from ocppd.model.queue import TransactionFacts
from tests.client import BusError, Client
from tests.private_bus import PrivateBus
from tests.scenario.rig import ROOT, Rig


def ocppd(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ocppd", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_a_mistake_in_the_file_is_told_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "ocppd.yaml"
    file.write_text("station:\n  vendor: Acme\n  model: 22\n")

    ended = ocppd("--config", file, "--state", tmp_path, "--bus", "unix:path=/nowhere")

    assert ended.returncode == 78
    [line] = ended.stderr.splitlines()
    assert line == (
        f"ocppd: {file}:3: station.model: expected a text in quotes, found an integer (22)"
    )


def test_a_mistake_in_the_device_model_too(tmp_path: Path) -> None:
    (tmp_path / "ocppd.yaml").write_text("device_model: dm\n")
    (tmp_path / "dm").mkdir()
    (tmp_path / "dm" / "bad.yaml").write_text("values:\n  - {component: AuthCtrlr}\n")

    ended = ocppd(
        "--config", tmp_path / "ocppd.yaml", "--state", tmp_path, "--bus", "unix:path=/nowhere"
    )

    assert ended.returncode == 78
    [line] = ended.stderr.splitlines()
    assert f"{tmp_path}/dm/bad.yaml:2: values[0]: the key variable is missing" in line


def test_check_says_that_all_is_well(tmp_path: Path) -> None:
    file = tmp_path / "ocppd.yaml"
    file.write_text("evses:\n  - connectors: [cType2]\n")

    assert ocppd("--config", file, "--check").returncode == 0


async def test_the_name_is_there_before_the_csms_is(tmp_path: Path) -> None:
    async with Rig(tmp_path, start_csms=False) as rig:
        status = await rig.client.get("ConnectionStatus")
        assert status["connected"] is False
        assert await rig.client.get("IsConnected") is False
        assert await rig.client.get("BootNotificationResponse") == {}


async def test_not_configured_it_serves_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "ocppd.yaml").write_text("evses:\n  - connectors: [cType2]\ndevice_model: none\n")
    (tmp_path / "none").mkdir()
    with PrivateBus() as bus:
        daemon = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ocppd",
            "--config",
            tmp_path / "ocppd.yaml",
            "--state",
            tmp_path,
            "--bus",
            bus.address,
            cwd=ROOT,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with Client(bus.address) as client:
            await client.wait_until_owned()
            status = await client.get("ConnectionStatus")
            assert status["connected"] is False
            assert "not configured" in status["reason"]
        daemon.terminate()
        assert await asyncio.wait_for(daemon.wait(), 5) == 0


@pytest.mark.parametrize("csms", ["well", "silent", "absent"])
async def test_sigterm_ends_it_within_two_seconds(csms: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, start_csms=csms != "absent") as rig:
        if csms != "absent":
            await rig.booted()
        if csms == "silent":
            rig.csms.misbehave("*", drop=True)
            await rig.client.call("SecurityEvent", "a{sv}", {"type": "X", "critical": True})
            await asyncio.sleep(0.3)
        start = time.monotonic()
        assert await rig.end_daemon(signal.SIGTERM) == 0
        assert time.monotonic() - start < 2.0


async def test_many_run_side_by_side(tmp_path: Path) -> None:
    async with (
        Rig(tmp_path / "a", versions=["1.6"]) as one,
        Rig(tmp_path / "b", versions=["2.1"]) as other,
    ):
        await one.booted()
        await other.booted()
        assert (await one.client.get("ConnectionStatus"))["ocpp_version"] == "1.6"
        assert (await other.client.get("ConnectionStatus"))["ocpp_version"] == "2.1"


async def test_a_second_daemon_on_a_bus_says_who_has_the_name(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        (tmp_path / "second").mkdir()
        second = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ocppd",
            "--config",
            tmp_path / "ocppd.yaml",
            "--state",
            tmp_path / "second",
            "--bus",
            rig.bus.address,
            cwd=ROOT,
            stderr=asyncio.subprocess.PIPE,
        )
        _, text = await asyncio.wait_for(second.communicate(), 10)
        assert second.returncode == 1
        assert b"another process is org.everest.Ocpp" in text


async def test_a_second_daemon_on_a_state_folder_does_not_start(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await rig.booted()
        with PrivateBus() as other:
            second = ocppd(
                "--config",
                tmp_path / "ocppd.yaml",
                "--state",
                rig.state,
                "--bus",
                other.address,
            )
        assert second.returncode == 1
        assert rig.process is not None
        assert f"{rig.state} is in use by process {rig.process.pid}" in second.stderr
        assert len(rig.csms.attempts) == 1


async def test_a_damaged_store_is_told_until_the_next_start(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.state.mkdir()
    (rig.state / "ocppd.db").write_bytes(b"no database at all" * 1000)
    async with rig:
        health = await rig.client.get("Health")
        assert health["status"] == "degraded"
        [reason] = health["reasons"]
        [kept] = rig.state.glob("ocppd.db.damaged-*")
        assert reason == f"the store was damaged; kept as {kept.name}; saved: nothing"
        await rig.booted()
        await rig.client.call("SecurityEvent", "a{sv}", {"type": "X", "critical": True})
        assert (await rig.client.get("Health"))["reasons"] == [reason]

        assert await rig.end_daemon() == 0
        await rig.start_daemon()
        assert await rig.client.get("Health") == {"status": "ok", "reasons": []}


async def test_without_a_place_to_store_it_serves_and_says_so(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    (rig.state / "ocppd.db").mkdir(parents=True)
    async with rig:
        health = await rig.client.get("Health")
        assert health["status"] == "degraded"
        assert health["reasons"] == ["cannot open the store: unable to open database file"]
        await rig.booted()
        assert await rig.client.get("IsConnected") is True
        with pytest.raises(BusError, match="StorageFailure"):
            await rig.client.call("SecurityEvent", "a{sv}", {"type": "X", "critical": True})
        await rig.csms.wait_for("SecurityEventNotification")  # it goes on from memory
        assert await rig.end_daemon() == 0


async def test_the_store_is_closed_whatever_serving_raises(tmp_path: Path) -> None:
    (tmp_path / "ocppd.yaml").write_text("evses:\n  - connectors: [cType2]\ndevice_model: none\n")
    (tmp_path / "none").mkdir()
    (tmp_path / "state").mkdir()
    daemon = Daemon(read(tmp_path / "ocppd.yaml"), tmp_path / "state", "unix:path=/nowhere")

    async def fail() -> None:
        raise RuntimeError("nobody thought of it")

    daemon._serving = asyncio.create_task(fail())
    await asyncio.sleep(0)
    daemon.store.save("last", TransactionFacts("2.x", "7"))
    await daemon.stop()

    assert not (tmp_path / "state" / "ocppd.db-wal").exists()  # the last one out takes it away
    with sqlite3.connect(tmp_path / "state" / "ocppd.db") as database:
        rows = database.execute("SELECT key FROM document WHERE key = 'last'").fetchall()
    database.close()
    assert rows == [("last",)]


async def test_heavy_packages_stay_out_of_the_daemon(tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=["1.6", "2.0.1", "2.1"]) as rig:
        await rig.booted()
        assert rig.process is not None
        maps = Path(f"/proc/{rig.process.pid}/maps").read_text()
        assert "cryptography" not in maps
    code = (
        "import sys, ocppd.daemon, ocppd.__main__\n"
        "heavy = {'jsonschema', 'cryptography', 'ocpp', 'jeepney', 'rich'} & set(sys.modules)\n"
        "sys.exit(str(sorted(heavy)) if heavy else 0)"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=os.environ, check=False)
    assert ended.returncode == 0
