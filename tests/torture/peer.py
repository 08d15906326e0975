"""A CSMS as a process of its own, so that it can be stopped: `python -m tests.torture.peer`.

Each CALL of the station is a line of JSON on standard output.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.torture.wire import WireCsms

ROOT = Path(__file__).parents[2]


async def serve(version: str, host: str, port: int) -> None:
    def show(frame: list[Any]) -> None:
        if frame[0] == 2:
            print(json.dumps(frame), flush=True)

    async with WireCsms(version, port, host=host) as csms:
        csms.heard = show
        print(json.dumps(["listening", csms.port]), flush=True)
        await asyncio.Event().wait()


class Peer:
    """The process, seen from a run; `within` is a command that it runs under."""

    def __init__(
        self, version: str, *, host: str = "127.0.0.1", port: int = 0, within: tuple[str, ...] = ()
    ) -> None:
        self.version = version
        self.host = host
        self.port = port
        self.calls: list[list[Any]] = []
        self._within = within
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *self._within,
            sys.executable,
            "-m",
            "tests.torture.peer",
            self.version,
            self.host,
            str(self.port),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 24,
        )
        assert self._process.stdout is not None
        _, self.port = json.loads(await self._process.stdout.readline())
        self._reading = asyncio.create_task(self._read(self._process.stdout))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._process is not None
        assert self._reading is not None
        self._process.kill()
        await self._process.wait()
        await self._reading

    async def _read(self, lines: asyncio.StreamReader) -> None:
        while line := await lines.readline():
            self.calls.append(json.loads(line))

    def send(self, number: signal.Signals) -> None:
        """Send a signal, such as SIGSTOP."""
        assert self._process is not None
        os.kill(self._process.pid, number)

    @property
    def url(self) -> str:
        return f"ws://{self.host}:{self.port}"

    def of(self, action: str) -> list[Any]:
        """The payloads of the CALLs of one action."""
        return [frame[3] for frame in self.calls if frame[2] == action]


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2], int(sys.argv[3])))
