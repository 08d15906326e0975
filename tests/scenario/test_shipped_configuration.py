"""The daemon with the configuration of the package: it serves, and says what is missing."""

import asyncio
import re
import socket
import subprocess
import sys
from pathlib import Path

from ocppd.config import Config, read
from tests.client import Client
from tests.private_bus import PrivateBus
from tests.scenario.rig import ROOT

SHIPPED = ROOT / "etc" / "ocppd" / "ocppd.yaml"
NOT_CONFIGURED = "not configured: slot 1 has no OcppCsmsUrl"


async def test_it_serves_and_says_once_that_it_is_not_configured(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    config = tmp_path / "ocppd.yaml"
    # Only the folder of the device model is another one than on a charger.
    config.write_text(SHIPPED.read_text() + "\ndevice_model: none\nhost: {builtin_system: false}\n")
    with PrivateBus() as bus, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        daemon = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ocppd", "--config", config, "--state", tmp_path / "state"),
            *("--bus", bus.address),
            cwd=ROOT,
            stderr=asyncio.subprocess.DEVNULL,
            env=bus.environment | {"NOTIFY_SOCKET": str(tmp_path / "notify")},
        )
        async with Client(bus.address) as client:
            await client.wait_until_owned()
            async with asyncio.timeout(10):
                while (status := await client.get("ConnectionStatus"))["reason"] != NOT_CONFIGURED:
                    await asyncio.sleep(0.02)
            assert status["connected"] is False
            assert await client.get("IsConnected") is False
            assert await client.get("Health") == {"status": "ok", "reasons": []}
            [result] = await client.call(
                "GetVariables",
                "aa{sv}",
                [
                    {
                        "component_variable": {
                            "component": {"name": "OCPPCommCtrlr"},
                            "variable": {"name": "HeartbeatInterval"},
                        }
                    }
                ],
            )
            assert result["status"] == "Accepted"
        daemon.terminate()
        assert await asyncio.wait_for(daemon.wait(), 5) == 0
        told = []
        while True:
            try:
                told += manager.recv(4096).decode().splitlines()
            except BlockingIOError:
                break
    statuses = [line.removeprefix("STATUS=") for line in told if line.startswith("STATUS=")]
    assert "READY=1" in told
    assert statuses[-2:] == [NOT_CONFIGURED, "stopping"]


def test_what_it_has_commented_out_is_a_configuration(tmp_path: Path) -> None:
    """A person takes the '#' away: from YAML, which is indented by an even number of blanks."""
    assert read(SHIPPED) == Config()
    lines = (re.fullmatch("#((?:  )*[a-z-].*)", line) for line in SHIPPED.read_text().splitlines())
    text = "\n".join(line[1] for line in lines if line is not None)
    (tmp_path / "csms-password").write_text("0123456789abcdef\n")
    (tmp_path / "ocppd.yaml").write_text(text + "\n")

    config = read(tmp_path / "ocppd.yaml")

    assert config.station.vendor == "Acme"
    assert len(config.evses) == 2
    [slot] = config.csms
    assert (slot.security_profile, slot.password) == (2, "0123456789abcdef")


def test_ocppctl_says_that_it_can_be_started(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "ocppd.tools.ctl", "config", "check", SHIPPED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"{SHIPPED}: ok")
