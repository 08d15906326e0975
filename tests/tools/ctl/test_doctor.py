"""`ocppctl doctor` and `ocppctl config check`, as programs, against what is really there."""

import asyncio
import json
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ocppd.tools.csms.server import Csms
from ocppd.tools.ctl.doctor import probe
from tests.csms.certificates import Authority
from tests.scenario.rig import Rig

ROOT = Path(__file__).parents[3]


def ocppctl(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "ocppd.tools.ctl", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


async def diagnosed(*arguments: object) -> tuple[int, dict[str, Any]]:
    """Run the doctor beside the running loop; return its exit status and each finding."""
    ended = await asyncio.to_thread(ocppctl, "doctor", "--json", *arguments)
    found = json.loads(ended.stdout)
    return ended.returncode, {one["what"]: (one["state"], one["text"]) for one in found}


async def test_a_station_that_is_well(tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=["2.0.1"]) as rig:
        await rig.booted()
        code, found = await diagnosed("--bus", rig.bus.address)
        assert code == 0
        assert found["sub-protocol"] == ("ok", "OCPP 2.0.1")
        assert found["registration"] == ("ok", "Accepted")
        assert found["queue"][0] == "ok"
        assert found["dns"] == ("ok", "127.0.0.1 is 127.0.0.1")
        assert found["tcp"] == ("ok", f"port {rig.csms.port} is open")
        assert found["clock"][0] == "ok"
        assert found["agents"] == ("warn", "none is registered")


async def test_a_refused_identity_is_named(tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=["2.0.1"]) as rig:
        await rig.booted()
        rig.csms.refuse = 401
        await rig.csms.station().close(abort=True)
        async with asyncio.timeout(10):
            while "401" not in (await rig.client.get("ConnectionStatus")).get("reason", ""):
                await asyncio.sleep(0.05)
        code, found = await diagnosed("--bus", rig.bus.address)
        assert code == 1
        state, text = found["connection"]
        assert state == "fail"
        assert "401" in text


@pytest.mark.parametrize(
    ("names", "days", "trusted", "state", "text"),
    [
        (["127.0.0.1"], (-1, 90), True, "ok", "certificate until"),
        (["127.0.0.1"], (-1, 10), True, "warn", "certificate until"),
        (["127.0.0.1"], (-20, -1), True, "fail", "certificate has expired"),
        (["other.example"], (-1, 90), True, "fail", "mismatch"),
        (["127.0.0.1"], (-1, 90), False, "fail", "issuer certificate"),
    ],
)
async def test_the_certificate_of_the_csms(
    names: list[str], days: tuple[int, int], trusted: bool, state: str, text: str, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    issued = authority.issue("csms", *names, days=days)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    async with Csms(tls=context) as csms:
        url = f"wss://127.0.0.1:{csms.port}/ocpp"
        ca = str(authority.root) if trusted else None
        found = {one.what: one for one in await asyncio.to_thread(lambda: list(probe(url, ca)))}
        assert (found["dns"].state, found["tcp"].state) == ("ok", "ok")
        assert found["tls"].state == state
        assert text in found["tls"].text
        assert ("clock" in found) is (state != "fail")


def test_without_a_bus_it_looks_nevertheless() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe_port:
        port = probe_port.getsockname()[1]
    ended = ocppctl("doctor", "--bus", "unix:path=/nowhere", "--url", f"ws://127.0.0.1:{port}/x")
    assert ended.returncode == 1
    assert "fail  bus" in ended.stdout
    assert f"port {port}: Connection refused" in ended.stdout
    assert "tcp: check route, firewall and the port" in ended.stdout


def test_a_name_that_nobody_has() -> None:
    [found] = probe("wss://nobody.invalid/ocpp", None)
    assert (found.what, found.state) == ("dns", "fail")


def test_a_mistake_is_told_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "ocppd.yaml"
    file.write_text("device_model: dm\nevses:\n  - connectors: [cType2]\n")
    folder = tmp_path / "dm"
    folder.mkdir()
    (folder / "a.yaml").write_text("values:\n  - {component: AuthCtrlr}\n")
    (folder / "b.yaml").write_text("nonsense: 1\n")
    ended = ocppctl("config", "check", file)
    assert ended.returncode == 1
    first, second = ended.stdout.splitlines()
    assert first.startswith(f"{folder}/a.yaml:2: values[0]: the key variable is missing")
    assert second.startswith(f"{folder}/b.yaml:1: nonsense: unknown key")

    (folder / "b.yaml").unlink()
    (folder / "a.yaml").write_text(
        "keys:\n"
        "  Good: {component: OCPPCommCtrlr, variable: HeartbeatInterval}\n"
        "  Lost: {component: NoSuchCtrlr, variable: Nothing}\n"
        "  Gone: {component: OCPPCommCtrlr, variable: Nothing}\n"
    )
    ended = ocppctl("config", "check", "--json", file)
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["mistakes"] == [
        f"{folder}/a.yaml:3: keys.Lost: there is no variable NoSuchCtrlr.Nothing",
        f"{folder}/a.yaml:4: keys.Gone: there is no variable OCPPCommCtrlr.Nothing",
    ]

    (folder / "a.yaml").unlink()
    ended = ocppctl("config", "check", file)
    assert ended.returncode == 0
    assert ended.stdout.startswith(f"{file}: ok, EVSEs: 1")
