"""The leanest CSMS that a station can be measured with: canned answers, one station, no log."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

ANSWERS: dict[str, Any] = {
    "BootNotification": {
        "status": "Accepted",
        "currentTime": "2026-01-01T00:00:00Z",
        "interval": 86_400,
    },
    "Heartbeat": {"currentTime": "2026-01-01T00:00:00Z"},
    "Authorize": {"idTokenInfo": {"status": "Accepted"}},
}


class RawCsms:
    """`async with RawCsms() as csms`; `ask(text)` returns the answer's text."""

    def __init__(self, version: str = "2.0.1", port: int = 0) -> None:
        self._version = version
        self.port = port
        self.received = 0
        self.ids: list[str] = []
        self.connected = asyncio.Event()
        self.on_call: Callable[[str, Any], None] = lambda _action, _payload: None
        self._answers: dict[str, asyncio.Future[str]] = {}
        self._connection: ServerConnection | None = None
        self._server: Server | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def start(self) -> None:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            self.port,
            subprotocols=[Subprotocol(f"ocpp{self._version}")],
            compression=None,
            ping_interval=None,
            max_size=None,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def _serve(self, connection: ServerConnection) -> None:
        self._connection = connection
        self.connected.set()
        with suppress(ConnectionClosed):
            await self._converse(connection)

    async def _converse(self, connection: ServerConnection) -> None:
        async for text in connection:
            frame = json.loads(text)
            if frame[0] == 2:
                _, message_id, action, payload = frame
                self.received += 1
                self.ids.append(message_id)
                answer = json.dumps([3, message_id, ANSWERS.get(action, {})])
                await connection.send(answer)
                self.on_call(action, payload)
            else:
                waiting = self._answers.pop(frame[1], None)
                if waiting is not None:
                    waiting.set_result(str(text))

    async def ask(self, message_id: str, text: str) -> str:
        """Send a CALL and return its answer."""
        assert self._connection is not None
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._answers[message_id] = future
        await self._connection.send(text)
        return await future
