"""A CSMS with a raw port, and the daemon in front of it.

`WireCsms` answers in canned words, without a schema and without a record, so that its own weight
does not count; any text goes out by `say`, and every frame of the station is shown to `heard`.
"""

import asyncio
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.bench.measure import Process
from tests.scenario.rig import Rig

# No built-in System: what a CSMS asks for by chance shall not touch the machine.
HARMLESS = "host: {builtin_system: false, agent_timeout_s: 1}"
Answer = dict[str, Any] | str | None
Decide = Callable[[str, Any], Answer]


def usual_answer(version: str, action: str, payload: Any) -> dict[str, Any]:
    """Return what a friendly CSMS answers."""
    accepted = {"status": "Accepted"}
    tokens: dict[str, dict[str, Any]] = {
        "1.6": {
            "Authorize": {"idTagInfo": accepted},
            "StartTransaction": {"idTagInfo": accepted, "transactionId": 1},
        }
    }
    fixed = tokens.get(version, {"Authorize": {"idTokenInfo": accepted}})
    match action:
        case "BootNotification":
            return accepted | {"currentTime": _now(), "interval": 86_400}
        case "Heartbeat":
            return {"currentTime": _now()}
        case "DataTransfer" | "SignCertificate":
            return accepted
        case "TransactionEvent" if payload.get("idToken"):
            return {"idTokenInfo": accepted}
        case _:
            return fixed.get(action, {})


def _now() -> str:
    from ocppd.tools.csms.messages import now, timestamp

    return timestamp(now())


class WireCsms:
    """`async with WireCsms("2.0.1") as csms`.

    `decide` may answer otherwise: a payload, a text as it is, or None for no answer at all;
    `delay_s` holds each answer back.
    """

    def __init__(
        self,
        version: str,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        compression: str | None = None,
    ) -> None:
        self.version = version
        self.host = host
        self.port = port
        self.calls: Counter[str] = Counter()
        """CALLs of the station, by action."""
        self.connections = 0
        self.heard: Callable[[list[Any]], None] = lambda _frame: None
        self.decide: Decide = self.usual
        self.delay_s = 0.0
        self.connected = asyncio.Event()
        self.closes: list[int | None] = []
        """The close code of each connection that has ended."""
        self._compression = compression
        self._connection: ServerConnection | None = None
        self._server: Server | None = None
        self._answering: set[asyncio.Task[None]] = set()
        self._transactions = 0

    def usual(self, action: str, payload: Any) -> Answer:
        """Answer as a friendly CSMS does, each StartTransaction with its own number."""
        answer = usual_answer(self.version, action, payload)
        if action == "StartTransaction":
            self._transactions += 1
            answer["transactionId"] = self._transactions
        return answer

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        self._server = await serve(
            self._serve,
            self.host,
            self.port,
            subprotocols=[Subprotocol(f"ocpp{self.version}")],
            compression=self._compression,
            ping_interval=None,
            close_timeout=1,
            max_size=None,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            for task in self._answering:
                task.cancel()
            server.close()
            await server.wait_closed()

    @property
    def url(self) -> str:
        return f"ws://{self.host}:{self.port}"

    @property
    def connection(self) -> ServerConnection:
        """The present connection, or the last."""
        assert self._connection is not None
        return self._connection

    def drop(self) -> None:
        """Break the line: no close frame."""
        self.connection.transport.abort()

    async def say(self, text: str | bytes) -> None:
        """Send anything as one message; raises ConnectionClosed."""
        await self.connection.send(text)

    async def _serve(self, connection: ServerConnection) -> None:
        self._connection = connection
        self.connections += 1
        self.connected.set()
        try:
            with suppress(ConnectionClosed):
                async for text in connection:
                    self._received(connection, text)
        finally:
            self.closes.append(connection.close_code)
            if self._connection is connection:
                self.connected.clear()

    def _received(self, connection: ServerConnection, text: str | bytes) -> None:
        frame = json.loads(text)
        self.heard(frame)
        if frame[0] == 2:
            self.calls[frame[2]] += 1
            task = asyncio.get_running_loop().create_task(self._answer(connection, frame))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def _answer(self, connection: ServerConnection, frame: list[Any]) -> None:
        _, message_id, action, payload = frame
        answer = self.decide(action, payload)
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if answer is None:
            return
        text = answer if isinstance(answer, str) else json.dumps([3, message_id, answer])
        with suppress(ConnectionClosed):
            await connection.send(text.replace("{id}", message_id))


class Wired(Protocol):
    """A CSMS, wherever it runs."""

    version: str

    @property
    def url(self) -> str:
        """Where it is."""


class WireRig(Rig):
    """The daemon in front of a CSMS with a raw port; its log is at `level`."""

    def __init__(
        self,
        folder: Path,
        wire: "Wired",
        *,
        level: str = "warning",
        message_timeout_s: int = 30,
        **options: Any,
    ) -> None:
        options.setdefault("versions", [wire.version])
        options["more_config"] = f"{HARMLESS}\n{options.get('more_config', '')}"
        super().__init__(folder, start_csms=False, **options)
        self.wire = wire
        self._level = level
        self._message_timeout_s = message_timeout_s

    def write_config(self, url: str | None = None) -> None:
        super().write_config(url or self.wire.url)
        file = self.folder / "ocppd.yaml"
        text = file.read_text().replace("{level: debug}", f"{{level: {self._level}}}")
        timeout = f"    message_timeout_s: {self._message_timeout_s}\n"
        file.write_text(text.replace("    identity:", f"{timeout}    identity:", 1))

    @property
    def daemon(self) -> Process:
        """The daemon's process, as /proc tells of it."""
        assert self.process is not None
        return Process(self.process.pid)

    @property
    def alive(self) -> bool:
        """Whether the daemon is still the process that was started."""
        return self.process is not None and self.process.returncode is None

    async def queue(self) -> list[dict[str, Any]]:
        """Return what waits for the CSMS, as the daemon tells it."""
        entries: list[dict[str, Any]] = await self.client.call("GetQueue")
        return entries

    async def drained(self, limit_s: float = 30) -> None:
        """Wait until nothing waits for the CSMS that is not set aside."""
        async with asyncio.timeout(limit_s):
            while any(entry["state"] == "waiting" for entry in await self.queue()):
                await asyncio.sleep(0.05)


@asynccontextmanager
async def site(
    folder: Path, version: str, *, compression: str | None = None, **options: Any
) -> AsyncIterator[tuple[WireRig, WireCsms]]:
    """Run a CSMS with a raw port and the daemon, registered there."""
    async with (
        WireCsms(version, compression=compression) as wire,
        WireRig(folder, wire, **options) as rig,
    ):
        await eventually(lambda: wire.calls["BootNotification"] > 0, 20)
        await asyncio.sleep(0.5)  # what the station says first
        yield rig, wire


async def eventually(
    condition: Callable[[], bool], limit_s: float = 10, step_s: float = 0.01
) -> None:
    """Wait until something is so; raises TimeoutError."""
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(step_s)


_FAST = {
    "OCPPCommCtrlr__RetryBackOffWaitMinimum": 1,
    "OCPPCommCtrlr__RetryBackOffRandomRange": 0,
    "OCPPCommCtrlr__RetryBackOffRepeatTimes": 0,
    "OCPPCommCtrlr__MessageAttemptInterval__TransactionEvent": 1,
    "AlignedDataCtrlr__Interval": 0,
}


def values(**changes: object) -> str:
    """Return first values for the device model: short waits, and `Component__Variable=value`.

    An instance follows after another `__`: `OCPPCommCtrlr__MessageTimeout__Default=2`.
    """
    lines = ["values:"]
    for name, value in {**_FAST, **changes}.items():
        component, variable, *instance = name.split("__")
        full = f"{variable}[{instance[0]}]" if instance else variable
        lines.append(f'  - {{component: {component}, variable: "{full}", value: {value}}}')
    return "\n".join(lines) + "\n"


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def memory(pid: int, name: str) -> float:
    """Return VmHWM or VmRSS of a process, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(name)


def reset_peak(pid: int) -> None:
    """Let VmHWM begin anew from what is resident now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
