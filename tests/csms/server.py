"""A CSMS of bare `websockets` that does as a test says, and a connection to it."""

import asyncio
import base64
import itertools
import json
import ssl
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from ocppd.csms.connection import CsmsConnection, Files, Options
from ocppd.csms.spelling import SUBPROTOCOLS, EncodeEntry, Message, Spelling, gate_of_2, gate_of_16
from ocppd.csms.traffic import Traffic
from ocppd.device_model.names import (
    InternalCtrlr,
    NetworkConfiguration,
    OCPPCommCtrlr,
    SecurityCtrlr,
)
from ocppd.model.manners import Manners
from ocppd.model.registration import ConnectionStatus, Heartbeat
from ocppd.ocppj.frames import Dialect
from ocppd.store.store import SqliteStore
from ocppd.system_clock import SystemClock
from tests.csms.variables import model_of
from tests.csms.wire import Bench

Handler = Callable[["Station"], Awaitable[None]]


@dataclass(eq=False)
class Station:
    """One connection of the station, as the CSMS sees it."""

    socket: ServerConnection
    received: list[Any] = field(default_factory=list)

    @property
    def headers(self) -> Any:
        return self.socket.request.headers

    @property
    def credentials(self) -> bytes:
        """User and password of Basic authentication."""
        return base64.b64decode(self.headers["Authorization"].partition(" ")[2])

    async def say(self, *frame: Any) -> None:
        await self.socket.send(json.dumps(frame))

    async def hear(self, limit_s: float = 5.0) -> Any:
        async with asyncio.timeout(limit_s):
            frame = json.loads(await self.socket.recv())
        self.received.append(frame)
        return frame


class Server:
    """Stations that connected, in order; `handler` has each of them."""

    def __init__(self) -> None:
        self.stations: list[Station] = []
        self.arrivals: asyncio.Queue[Station] = asyncio.Queue()
        self.handler: Handler | None = None
        self.paths: list[str] = []
        self.port = 0
        self.subprotocols: list[str] = []

    async def _serve(self, socket: ServerConnection) -> None:
        station = Station(socket)
        self.stations.append(station)
        self.arrivals.put_nowait(station)
        try:
            if self.handler is not None:
                await self.handler(station)
            else:
                await socket.wait_closed()
        except ConnectionClosed:
            pass

    async def station(self, limit_s: float = 5.0) -> Station:
        """Return the next station that connects."""
        async with asyncio.timeout(limit_s):
            return await self.arrivals.get()


@asynccontextmanager
async def csms(
    subprotocols: list[str] | None = None,
    *,
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    process_request: Any = None,
    **options: Any,
):
    """Run a CSMS."""
    server = Server()
    server.subprotocols = subprotocols or list(SUBPROTOCOLS.values())
    async with serve(
        server._serve,
        "127.0.0.1",
        port,
        subprotocols=server.subprotocols,
        ssl=tls,
        process_request=process_request,
        close_timeout=0.1,
        **options,
    ) as listening:
        server.port = listening.sockets[0].getsockname()[1]
        yield server


class Listener:
    """The station behind the connection."""

    def __init__(self) -> None:
        self.registration_status: str | None = "Accepted"
        self.statuses: list[ConnectionStatus] = []
        self.changes: asyncio.Queue[ConnectionStatus] = asyncio.Queue()
        self.answered: list[tuple[Any, Any]] = []
        self.given_up: list[tuple[Any, str]] = []
        self.events: list[tuple[str, str]] = []
        self.idle = True
        self.troubles: list[str | None] = []
        self.networks: dict[int, str | Exception | None] = {}
        self.configured: list[int] = []
        self.old_passwords: dict[int, str] = {}
        self.worked: list[tuple[int, str]] = []
        self.failed_slots: list[int] = []
        self.reached: list[bool] = []

    def _take(self, status: ConnectionStatus) -> None:
        self.statuses.append(status)
        self.changes.put_nowait(status)

    on_connected = _take
    on_disconnected = _take

    def on_event_answered(self, entry: Any, response: Any) -> None:
        self.answered.append((entry, response))

    def on_event_given_up(self, entry: Any, reason: str) -> None:
        self.given_up.append((entry, reason))

    def on_security_event(self, event_type: str, info: str) -> None:
        self.events.append((event_type, info))

    def on_trouble(self, reason: str | None) -> None:
        self.troubles.append(reason)

    async def configure_network(self, slot: int) -> str | None:
        self.configured.append(slot)
        network = self.networks.get(slot)
        if isinstance(network, Exception):
            raise network
        return network

    def old_password(self, slot: int) -> str | None:
        return self.old_passwords.get(slot)

    def on_password_worked(self, slot: int, password: str) -> None:
        self.worked.append((slot, password))

    def on_slot_failed(self, slot: int, *, reached: bool) -> None:
        self.failed_slots.append(slot)
        self.reached.append(reached)

    async def change(self, limit_s: float = 5.0) -> ConnectionStatus:
        async with asyncio.timeout(limit_s):
            return await self.changes.get()


def no_message(_entry: Any, _facts: Any) -> list[Message]:
    return []


def spellings(encode_entry: EncodeEntry = no_message, routes: Any = None) -> dict[str, Spelling]:
    """Make small spellings of all versions."""
    requests = Bench().link.spelling.requests
    return {
        SUBPROTOCOLS[dialect.value]: Spelling(
            dialect=dialect,
            manners=Manners(names_transactions=dialect is Dialect.OCPP_16),
            routes=routes or {},
            requests={Heartbeat: requests[Heartbeat]},
            encode_entry=encode_entry,
            gate=gate_of_16 if dialect is Dialect.OCPP_16 else gate_of_2,
        )
        for dialect in Dialect
    }


def variables(url: str, **changes: Any) -> dict[Any, Any]:
    """Return the variables of a station with one slot; fast to reconnect."""
    return {
        NetworkConfiguration.OcppCsmsUrl(1): url,
        NetworkConfiguration.SecurityProfile(1): changes.get("profile", 1),
        NetworkConfiguration.Identity(1): changes.get("identity", "CS 001"),
        NetworkConfiguration.BasicAuthPassword(1): changes.get("password", "0123456789abcdef"),
        NetworkConfiguration.MessageTimeout(1): changes.get("timeout_s", 5),
        NetworkConfiguration.OcppInterface(1): "Any",
        NetworkConfiguration.OcppTransport(1): "JSON",
        NetworkConfiguration.OcppVersion(1): "",
        OCPPCommCtrlr.ActiveNetworkProfile: "",
        OCPPCommCtrlr.NetworkConfigurationPriority: changes.get("priority", "1"),
        OCPPCommCtrlr.NetworkProfileConnectionAttempts: 3,
        OCPPCommCtrlr.RetryBackOffWaitMinimum: 0,
        OCPPCommCtrlr.RetryBackOffRandomRange: 0,
        OCPPCommCtrlr.RetryBackOffRepeatTimes: 0,
        OCPPCommCtrlr.WebSocketPingInterval: changes.get("ping_s", 0),
        OCPPCommCtrlr.MessageAttempts_TransactionEvent: changes.get("attempts", 3),
        OCPPCommCtrlr.MessageAttemptInterval_TransactionEvent: changes.get("interval_s", 0),
        InternalCtrlr.SupportedOcppVersions: changes.get("versions", "ocpp2.1,ocpp2.0.1,ocpp1.6"),
        InternalCtrlr.WebsocketPongTimeout: 1,
        InternalCtrlr.WebsocketPingPayload: "ocppd",
        InternalCtrlr.SupportedCiphers12: "",
        InternalCtrlr.SupportedCiphers13: "",
        InternalCtrlr.UseSslDefaultVerifyPaths: "true",
        InternalCtrlr.VerifyCsmsCommonName: "true",
        InternalCtrlr.VerifyCsmsAllowWildcards: "false",
        SecurityCtrlr.SecurityProfile: 0,
    }


@dataclass
class Client:
    """A connection, with all around it."""

    connection: CsmsConnection
    listener: Listener
    store: SqliteStore
    traffic: list[Traffic]
    model: Any
    clock: Any


@asynccontextmanager
async def station(
    folder: Path,
    values: dict[Any, Any],
    *,
    encode_entry: EncodeEntry = no_message,
    routes: Any = None,
    clock: Any = None,
    files: Files | None = None,
    random: Callable[[], float] = lambda: 0.0,
    options: Options | None = None,
    on_unreached: Callable[[], None] = lambda: None,
    start: bool = True,
):
    """Run the station's side of the connection."""
    clock = clock or SystemClock()
    ids = itertools.count(1)
    run = f"{id(clock):x}"

    def new_id() -> str:
        return f"{run}-{next(ids)}"

    store = SqliteStore(
        folder / "store.db", now=clock.now, new_id=new_id, on_health=lambda _reason: None
    )
    traffic: list[Traffic] = []
    model, listener = model_of(values), Listener()
    connection = CsmsConnection(
        model,
        store,
        clock,
        new_id=new_id,
        random=random,
        traffic=traffic.append,
        files=lambda: files or Files(),
        on_unreached=on_unreached,
        options=options,
    )
    connection.attach(listener, spellings(encode_entry, routes))
    if start:
        connection.start()
    try:
        yield Client(connection, listener, store, traffic, model, clock)
    finally:
        connection.stop()
        await connection.ended()
        store.close()


def url(server) -> str:
    return f"ws://127.0.0.1:{server.port}/ocpp"


async def wait_for(condition, limit_s=5.0):
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.005)


__all__ = [
    "Client",
    "Files",
    "Listener",
    "Options",
    "Server",
    "Station",
    "csms",
    "replace",
    "station",
    "url",
    "variables",
    "wait_for",
]
