"""The demonstration as a person runs it: it exits 0 only when everybody saw all of it."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


async def demo(*arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ocppd.tools.demo", *arguments),
        cwd=ROOT,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_one_session_is_seen_by_everybody(version: str) -> None:
    process = await demo("--once", "--version", version)
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    text = output.decode()
    assert process.returncode == 0, text + errors.decode()
    assert errors == b""
    assert "all there" in text
    assert len(re.findall("✓ .*", text)) >= 25
    assert f"{version:<5} ▶ → BootNotification" in text


async def test_the_generation_changes_under_a_transaction() -> None:
    process = await demo("--once", "--version", "2.1,2.0.1,1.6")
    output, errors = await asyncio.wait_for(process.communicate(), 100)
    text = output.decode()
    assert process.returncode == 0, text + errors.decode()
    assert "queued: " in text
    assert "1.6   ▶ → StopTransaction" in text
    assert "2.0.1 ▶ → TransactionEvent Started" in text


async def test_it_goes_on_until_ctrl_c_and_prints_what_to_try() -> None:
    process = await demo("--version", "2.0.1")
    assert process.stdout is not None
    lines = []
    async with asyncio.timeout(40):
        while "Started" not in (lines[-1] if lines else ""):
            line = await process.stdout.readline()
            assert line, "".join(lines)
            lines.append(line.decode())
    [address] = re.findall(r"export OCPPD_BUS=(\S+)", "".join(lines))
    other = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ocppd.tools.ctl", "--bus", address, "status"), stdout=PIPE
    )
    status, _ = await other.communicate()
    assert b"connected to ws://" in status
    process.send_signal(signal.SIGINT)
    output, errors = await asyncio.wait_for(process.communicate(), 15)
    assert process.returncode == 0, output.decode() + errors.decode()
    assert errors == b""
    assert "The end." in output.decode()


async def test_an_unknown_version_is_refused() -> None:
    process = await demo("--version", "3.0")
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2
    assert b"there are 2.1, 2.0.1, 1.6" in errors
