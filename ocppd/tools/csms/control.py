"""The control socket: JSON lines in, one JSON line out for each.

In: a command of `commands.py`, perhaps with an `id` that the answer repeats. Out:
`{"id": ..., "ok": true, "result": ...}` or `{"id": ..., "ok": false, "error": "..."}`, with `code`
and `description` when a station answered with a CALLERROR. Commands of one connection are carried
out side by side, so that one which waits holds up no other.
"""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ocppd.tools.csms.commands import BadCommand, run
from ocppd.tools.csms.server import Csms
from ocppd.tools.csms.station import CallFailed, Disconnected

_LINE_LIMIT = 4 * 1024 * 1024


class Control:
    """A Unix socket that takes commands; only its owner may connect."""

    def __init__(self, csms: Csms, path: Path, quit_: Callable[[], None] | None = None) -> None:
        """Serve a CSMS; the command `quit` calls `quit_`, and is refused without."""
        self._csms = csms
        self._path = path
        self._quit = quit_
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. Raises OSError."""
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(
            self._serve, str(self._path), limit=_LINE_LIMIT
        )
        self._path.chmod(0o600)

    async def stop(self) -> None:
        """Stop listening and remove the socket."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                task = asyncio.create_task(self._answer(line, writer))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        except (ConnectionError, ValueError):
            pass  # gone, or a line without end
        finally:
            mine = [task for task in self._tasks if not task.done()]
            if mine:
                await asyncio.wait(mine, timeout=1)
            writer.close()

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        answer, ends = self._answer_to_quit(line), True
        if answer is None:
            answer, ends = await answer_to(self._csms, line), False
        try:
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        except ConnectionError:
            pass
        if ends and self._quit is not None:
            self._quit()

    def _answer_to_quit(self, line: bytes) -> dict[str, Any] | None:
        """Return the answer if the command is `quit`."""
        try:
            command = json.loads(line)
        except (ValueError, RecursionError):
            return None
        if not isinstance(command, dict) or command.get("cmd") != "quit":
            return None
        answer = {"id": command["id"]} if "id" in command else {}
        if self._quit is None:
            return answer | {"ok": False, "error": "quit: this CSMS ends with what it is part of"}
        return answer | {"ok": True, "result": {}}


async def answer_to(csms: Csms, line: bytes | str) -> dict[str, Any]:
    """Carry out a command given as JSON; never raises."""
    try:
        command = json.loads(line)
    except (ValueError, RecursionError) as error:
        return {"ok": False, "error": f"not JSON: {error}"}
    if not isinstance(command, dict):
        return {"ok": False, "error": "not an object"}
    answer = {"id": command["id"]} if "id" in command else {}
    try:
        return answer | {"ok": True, "result": await run(csms, command)}
    except CallFailed as error:
        return answer | {
            "ok": False,
            "error": str(error),
            "code": error.code,
            "description": error.description,
        }
    except TimeoutError as error:
        return answer | {"ok": False, "error": str(error) or "no answer in time"}
    except (BadCommand, Disconnected) as error:
        return answer | {"ok": False, "error": str(error)}
