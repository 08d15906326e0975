"""The demonstration as a person runs it: it exits 0 only when everybody saw all of it."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
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


LIVE = ("messages", "monitor", "--follow")


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_it_goes_on_until_ctrl_c_and_what_it_prints_to_try_works(version: str) -> None:
    process = await demo("--version", version)
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(40):
        while "OcppTransactionEvent Started" not in (lines[-1] if lines else ""):
            line = await process.stdout.readline()
            assert line, "".join(lines)
            lines.append(line.decode())
    hints = [line.strip() for line in lines if re.match("  (cd|export|[./b])", line)]
    assert len(hints) >= 20
    there = [line for line in hints if line.startswith(("cd ", "export "))]
    commands = [line for line in hints if line not in there]
    for command in commands:
        if any(word in command for word in LIVE):
            command = f"timeout -s INT 2 {command} || [ $? -ge 124 ]"
        ran = await asyncio.create_subprocess_shell(
            f"{'; '.join(there)}; {command}", cwd="/", stdout=PIPE, stderr=PIPE
        )
        output, errors = await asyncio.wait_for(ran.communicate(), 20)
        # What starts or stops something may meet a charger that is busy with the story.
        if not any(word in command for word in ("remote-start", "plug", "swipe")):
            assert ran.returncode == 0, (command, output, errors)
        if command.endswith("status"):
            assert b"connected to ws://" in output
        assert b"Traceback" not in errors, errors.decode()
    process.send_signal(signal.SIGINT)
    rest, errors = await asyncio.wait_for(process.communicate(), 15)
    assert process.returncode == 0, rest.decode() + errors.decode()
    assert errors == b""
    assert "The end." in rest.decode()


@pytest.mark.parametrize("version", ["1.6", "2.1"])
async def test_the_story_yields_to_the_person_who_plays_along(version: str) -> None:
    process = await demo("--version", version, "--pace", "0.2")
    assert process.stdout is not None
    lines: list[str] = []

    async def until(words: str) -> None:
        async with asyncio.timeout(30):
            while not lines or words not in lines[-1]:
                line = (await process.stdout.readline()).decode()  # type: ignore[union-attr]
                assert line, "".join(lines)
                lines.append(line)

    async def rounds(count: int) -> None:
        for _ in range(count):
            lines.append("")
            await until("── Round ")

    async def by_hand(words: str) -> str:
        """Run the printed command that has these words."""
        there = [line.strip() for line in lines if line.startswith(("  cd ", "  export "))]
        [command] = [line for line in lines if line.startswith("  /") and words in line]
        ran = await asyncio.create_subprocess_shell(
            f"{'; '.join(there)}; {command}", cwd="/", stdout=PIPE, stderr=PIPE
        )
        output, errors = await asyncio.wait_for(ran.communicate(), 20)
        return (output + errors).decode()

    try:
        await until("── Round 1")
        await by_hand(" plug 2")
        assert "UsedToStart" in await by_hand("swipe")
        assert "Rejected" in await by_hand("remote-start")
        await rounds(6)  # all kinds of rounds, with EVSE 1 alone
        text = "".join(lines)
        assert "early" not in text
        assert "at EVSE 2, " not in text
        assert "unplugged" in text
        assert await state(by_hand, 2) == "Charging", "the person's car was left alone"
        await by_hand("unplug 2")
        await by_hand("remote-start")  # waits for a cable
        await rounds(2)
        assert "early" not in "".join(lines)
        process.send_signal(signal.SIGINT)
        rest, errors = await asyncio.wait_for(process.communicate(), 15)
    finally:
        if process.returncode is None:
            process.kill()
    assert (process.returncode, errors) == (0, b"")
    assert "The end." in rest.decode()


async def state(by_hand: Callable[[str], Awaitable[str]], evse_id: int) -> str:
    """Return the phase of an EVSE, as the printed command tells it."""
    told = await by_hand(" state")
    [line] = [line for line in told.splitlines() if line.startswith(f"EVSE {evse_id}")]
    return line.split()[2].rstrip(",")


async def test_a_closed_pipe_ends_it() -> None:
    process = await demo("--version", "1.6")
    assert process.stdout is not None
    await process.stdout.readline()
    process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]
    assert await asyncio.wait_for(process.wait(), 30) == 0


async def test_an_unknown_version_is_refused() -> None:
    process = await demo("--version", "3.0")
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2
    assert b"there are 2.1, 2.0.1, 1.6" in errors
