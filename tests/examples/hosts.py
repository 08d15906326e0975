"""The hosts of docs/examples as processes, at a daemon with a CSMS."""

import asyncio
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.scenario.rig import ROOT, Rig

EXAMPLES = ROOT / "docs" / "examples"
LANGUAGES = ("c", "python", "shell")


def compiled(folder: Path) -> Path:
    """Compile the host in C as its first lines say, and with every warning an error."""
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "libsystemd"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    program = folder / "host"
    strict = ["-std=gnu11", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror"]
    sanitized = ["-g", "-fsanitize=undefined", "-fno-sanitize-recover=all"]
    subprocess.run(
        [
            *("cc", *strict, *sanitized, "-o", program, EXAMPLES / "host.c"),
            *shlex.split(flags),
        ],
        check=True,
    )
    return program


class RunningHost:
    """`async with RunningHost(rig, command, token, seconds) as host:`."""

    def __init__(self, rig: Rig, command: list[str], token: str, seconds: int) -> None:
        self._rig = rig
        self._command = [*command, token, str(seconds)]
        self.said: list[str] = []
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stderr=asyncio.subprocess.PIPE,
            env=self._rig.bus.environment | {"PYTHONPATH": "", "PYTHONWARNINGS": "error"},
            start_new_session=True,
        )
        self._listening = asyncio.create_task(self._listen())
        return self

    async def _listen(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            async with self._news:
                self.said.append(line.decode().rstrip())
                self._news.notify_all()

    async def says(self, words: str, timeout_s: float = 15) -> None:
        """Wait until it says something, or has said it."""
        try:
            async with asyncio.timeout(timeout_s), self._news:
                await self._news.wait_for(lambda: any(words in line for line in self.said))
        except TimeoutError:
            raise TimeoutError(f"it does not say {words!r}, but {self.said}") from None

    async def ended(self, timeout_s: float = 30) -> int:
        """Wait for its end and return its exit status."""
        try:
            async with asyncio.timeout(timeout_s):
                status = await self._process.wait()
                await self._listening
        except TimeoutError:
            raise TimeoutError(f"it does not end; it said {self.said}") from None
        return status

    def kill(self) -> None:
        """End it with all that it started, as a power cut does."""
        os.killpg(self._process.pid, signal.SIGKILL)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process.returncode is None:
            self.kill()
        await self._process.wait()
        await self._listening
        if kind is not None:
            print("---- the host said", *self.said, sep="\n")


def command(language: str, program: Path) -> list[str]:
    """Return how a host is run; `program` is the compiled one."""
    match language:
        case "c":
            return [str(program)]
        case "python":
            return [sys.executable, "-P", str(EXAMPLES / "host.py")]
        case _:
            return [str(EXAMPLES / "host.sh")]
