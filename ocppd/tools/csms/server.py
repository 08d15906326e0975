"""The CSMS as an object: `async with Csms(versions=["2.0.1"]) as csms: ...`."""

import asyncio
import base64
import binascii
import json
import ssl
from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self, TextIO
from urllib.parse import unquote

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from ocppd.tools.csms.answers import Backoffice, Token
from ocppd.tools.csms.ledger import SeenTransaction
from ocppd.tools.csms.messages import Direction, Message, now, timestamp
from ocppd.tools.csms.rules import Rule, Rules
from ocppd.tools.csms.station import Disconnected, Handler, Station
from ocppd.tools.csms.strict import Schemas
from ocppd.tools.frames import Frame, Kind

VERSIONS = ("2.1", "2.0.1", "1.6")
_MAX_FRAME = 16 * 1024 * 1024


class Csms:
    """A CSMS that listens while its context is entered.

    All stations share one list of messages, `messages`; `received` and `sent` are its two halves.
    A test waits with `wait_for` (looks through all that was received since a mark) or with
    `expect` (goes on after what it returned last), and answers otherwise with `on`.
    """

    def __init__(
        self,
        versions: Sequence[str] = VERSIONS,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        password: str | bytes | None = None,
        tls: ssl.SSLContext | None = None,
        tokens: dict[str, Token | str] | None = None,
        unknown_token: str = "Accepted",  # noqa: S107
        boot: Sequence[str] = ("Accepted",),
        interval_s: int = 300,
        strict: bool = False,
        enforce_boot: bool = True,
        log: str | Path | TextIO | None = None,
        observer: Callable[[Message], None] | None = None,
        events: Callable[[str], None] | None = None,
    ) -> None:
        """Prepare a CSMS; nothing listens before `start`.

        `versions`: OCPP versions by preference, the first one that a station offers is taken.
        `port`: 0 takes a free one. `password`: asked of every station by Basic authentication.
        `tokens`: id token to `Token`, or to its status. `boot`: statuses of one BootNotification
        after the other. `strict`: validate payloads (needs the package `ocpp`). `enforce_boot`:
        refuse other messages of a station that was answered Pending or Rejected. `log`: JSONL of
        all frames. `observer` gets each message, `events` a line for each coming and going.
        """
        unknown = [version for version in versions if version not in VERSIONS]
        if unknown or not versions:
            raise ValueError(f"unknown OCPP versions {unknown}; there are {', '.join(VERSIONS)}")
        self.versions = tuple(versions)
        self.host = host
        self.port = port
        self.password = password.encode() if isinstance(password, str) else password
        self.office = Backoffice(
            tokens={
                value: Token(token) if isinstance(token, str) else token
                for value, token in (tokens or {}).items()
            },
            unknown_token=unknown_token,
            boot_statuses=list(boot),
            boot_interval_s=interval_s,
        )
        self.rules = Rules()
        self.handlers: dict[str, Handler] = {}
        self.schemas = Schemas() if strict else None
        self.enforce_boot = enforce_boot
        self.refuse: int | None = None
        """The HTTP status (401, 503, ...) that connections are refused with, or None."""
        self.messages: list[Message] = []
        self.stations: dict[str, Station] = {}
        self.attempts: list[tuple[datetime, str, str]] = []
        """Every handshake: when, which station, how it ended (a version, or a refusal)."""
        self._tls = tls
        self._log_target = log
        self._log: TextIO | None = None
        self._observer = observer
        self._events = events
        self._server: Server | None = None
        self._connections = 0
        self._changed = asyncio.Condition()
        self._expected: dict[str, int] = {}

    # life

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        if isinstance(self._log_target, str | Path):
            self._log = open(self._log_target, "a", buffering=1, encoding="utf-8")  # noqa: ASYNC230, SIM115
        else:
            self._log = self._log_target
        self._server = await serve(
            self._connection,
            self.host,
            self.port,
            ssl=self._tls,
            process_request=self._process_request,
            select_subprotocol=self._select_subprotocol,
            ping_interval=None,  # the station pings; a CSMS that does too would hide its silence
            close_timeout=1,
            max_size=_MAX_FRAME,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self, *, abort: bool = False) -> None:
        """Close all connections and stop listening; `abort` as if the power went."""
        server, self._server = self._server, None
        if server is None:
            return
        if abort:
            server.close(close_connections=False)
            for station in self.stations.values():
                await station.close(abort=True)
        server.close()
        await server.wait_closed()
        if self._log is not None and isinstance(self._log_target, str | Path):
            self._log.close()

    @property
    def url(self) -> str:
        """What a station connects to; its id follows as the last segment."""
        host = "127.0.0.1" if self.host in ("", "0.0.0.0") else self.host  # noqa: S104
        return f"{'wss' if self._tls else 'ws'}://{host}:{self.port}"

    # handshakes

    def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        station_id = _station_id(request.path)
        if self.refuse is not None:
            self._attempted(station_id, f"refused with {self.refuse}")
            return _refusal(connection, HTTPStatus(self.refuse))
        if not station_id:
            self._attempted("", "refused: no station id in the path")
            return _refusal(connection, HTTPStatus.NOT_FOUND)
        if self.password is not None and not _authorized(
            request.headers, station_id, self.password
        ):
            self._attempted(station_id, "refused: wrong user or password")
            return _refusal(connection, HTTPStatus.UNAUTHORIZED)
        return None

    def _select_subprotocol(
        self, _connection: ServerConnection, offered: Sequence[Subprotocol]
    ) -> Subprotocol | None:
        for version in self.versions:
            if f"ocpp{version}" in offered:
                return Subprotocol(f"ocpp{version}")
        return None

    async def _connection(self, websocket: ServerConnection) -> None:
        request = websocket.request
        assert request is not None, "the handshake is done"
        if self._server is None:
            websocket.transport.abort()  # stopped while the handshake went on
            return
        station_id = _station_id(request.path)
        if websocket.subprotocol is None:
            # OCPP-J: without a common version the CSMS completes the handshake, then closes.
            offered = request.headers.get("Sec-WebSocket-Protocol", "none")
            self._attempted(station_id, f"no common version (offered: {offered})")
            await websocket.close(1002, "no common OCPP version")
            return
        version = websocket.subprotocol.removeprefix("ocpp")
        self._attempted(station_id, version)
        station = self.stations.setdefault(station_id, Station(station_id, self))
        if station.connected:
            await station.close(1000, "displaced by a newer connection")
        self._connections += 1
        serving = asyncio.ensure_future(station.serve(websocket, version, self._connections))
        await asyncio.sleep(0)
        self._note({"event": "connected", "station": station_id, "version": version})
        try:
            await serving
        finally:
            self._note({"event": "disconnected", "station": station_id, "version": version})

    def _attempted(self, station_id: str, outcome: str) -> None:
        self.attempts.append((now(), station_id, outcome))
        if outcome not in self.versions:
            self._note({"event": "refused", "station": station_id, "reason": outcome})

    # records

    def passed(self, station: Station, direction: Direction, frame: Frame, action: str) -> None:
        """Record a frame, log it and show it."""
        message = Message(
            len(self.messages),
            now(),
            station.id,
            station.version,
            station.connection,
            direction,
            frame,
            action,
        )
        self.messages.append(message)
        self._write(message.record())
        if self._observer is not None:
            self._observer(message)
        self._wake()

    def _note(self, event: dict[str, Any]) -> None:
        self._write({"time": timestamp(now())} | event)
        if self._events is not None:
            more = event.get("version") or event.get("reason", "")
            self._events(f"{event['station'] or '(no id)'} {event['event']} {more}".rstrip())
        self._wake()

    def _write(self, entry: dict[str, Any]) -> None:
        if self._log is not None and not self._log.closed:
            self._log.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def _wake(self) -> None:
        async def notify() -> None:
            async with self._changed:
                self._changed.notify_all()

        task = asyncio.get_running_loop().create_task(notify())
        self._notifying = task  # the loop keeps weak references only

    @property
    def received(self) -> list[Message]:
        """All that stations sent: CALLs, answers, SENDs, and what cannot be read."""
        return [message for message in self.messages if message.direction is Direction.IN]

    @property
    def sent(self) -> list[Message]:
        """All that this CSMS sent."""
        return [message for message in self.messages if message.direction is Direction.OUT]

    def calls(self, action: str | None = None, **fields: Any) -> list[Message]:
        """Return the CALLs of stations, of one action and with these top-level fields."""
        return [
            message
            for message in self.messages
            if message.direction is Direction.IN
            and message.kind is Kind.CALL
            and action in (None, message.action)
            and message.has(fields)
        ]

    def answer_to(self, message: Message) -> Message | None:
        """Return the answer that passed for a CALL, in either direction, if it has passed."""
        for other in self.messages[message.index :]:
            if (
                other.kind in (Kind.CALL_RESULT, Kind.CALL_ERROR)
                and other.direction is not message.direction
                and other.message_id == message.message_id
                and other.connection == message.connection
            ):
                return other
        return None

    # waiting

    def mark(self) -> int:
        """Return the present end of `messages`, for `since`."""
        return len(self.messages)

    async def wait_for(
        self,
        action: str,
        match: Callable[[Any], bool] | None = None,
        *,
        since: int = 0,
        timeout_s: float = 30,
        station: str | None = None,
        **fields: Any,
    ) -> Message:
        """Return the first CALL or SEND of a station, received or still to come, that fits.

        `match` is asked with the payload; `fields` are top-level fields of the payload; `since` is
        a `mark()`. Raises TimeoutError, whose text tells what was received instead.
        """

        def fits(message: Message) -> bool:
            return (
                message.direction is Direction.IN
                and message.kind in (Kind.CALL, Kind.SEND)
                and message.action == action
                and station in (None, message.station)
                and message.has(fields)
                and (match is None or match(message.payload))
            )

        position = since
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                while True:
                    for message in self.messages[position:]:
                        if fits(message):
                            return message
                    position = len(self.messages)
                    await self._changed.wait()
        except TimeoutError:
            seen = [message.action for message in self.messages[since:] if message.action]
            text = f"no {action} {fields or ''} within {timeout_s:g} s; seen: {', '.join(seen)}"
            raise TimeoutError(text) from None

    async def expect(
        self,
        action: str,
        match: Callable[[Any], bool] | None = None,
        *,
        timeout_s: float = 30,
        **fields: Any,
    ) -> Message:
        """Return the next CALL of an action that fits, after the one that this returned last."""
        message = await self.wait_for(
            action, match, since=self._expected.get(action, 0), timeout_s=timeout_s, **fields
        )
        self._expected[action] = message.index + 1
        return message

    async def wait_until(self, condition: Callable[[], bool], timeout_s: float = 30) -> None:
        """Wait until a condition on this object holds; it is looked at after every message.

        Raises TimeoutError.
        """
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(condition)

    async def connected(self, station: str | None = None, timeout_s: float = 30) -> Station:
        """Return a connected station, waiting for it."""

        def there() -> list[Station]:
            return [
                candidate
                for candidate in self.stations.values()
                if candidate.connected and station in (None, candidate.id)
            ]

        await self.wait_until(lambda: bool(there()), timeout_s)
        return there()[0]

    async def disconnected(self, station: str | None = None, timeout_s: float = 30) -> None:
        """Wait until a station, or every one, is away."""
        await self.wait_until(
            lambda: (
                not any(
                    candidate.connected
                    for candidate in self.stations.values()
                    if station in (None, candidate.id)
                )
            ),
            timeout_s,
        )

    # acting

    def station(self, station: str | None = None) -> Station:
        """Return a station by its id, or the only one connected.

        Raises Disconnected.
        """
        if station is not None:
            if station not in self.stations:
                raise Disconnected(f"{station} has not been here")
            return self.stations[station]
        there = [candidate for candidate in self.stations.values() if candidate.connected]
        if not there:
            raise Disconnected("no station is connected")
        if len(there) > 1:
            names = ", ".join(candidate.id for candidate in there)
            raise Disconnected(f"several stations are connected, say which: {names}")
        return there[0]

    async def call(
        self,
        action: str,
        payload: dict[str, Any] | None = None,
        *,
        station: str | None = None,
        timeout_s: float = 30,
    ) -> Any:
        """Send a CALL to a station and return the payload of its answer.

        Raises CallFailed on a CALLERROR, Disconnected, TimeoutError.
        """
        return await self.station(station).call(action, payload, timeout_s)

    def on(self, action: str, handler: Handler | None) -> None:
        """Answer an action by a handler, plain or coroutine; None goes back to the usual answer."""
        if handler is None:
            self.handlers.pop(action, None)
        else:
            self.handlers[action] = handler

    def misbehave(self, action: str = "*", **what: Any) -> Rule:
        """Do something else than answer; the fields are those of `Rule`."""
        rule = Rule(action, **what)
        self.rules.add(rule)
        return rule

    def behave(self, action: str | None = None) -> None:
        """Take back what `misbehave` ordered for an action, or altogether, and let stations in."""
        self.rules.clear(action)
        if action is None:
            self.refuse = None

    @property
    def transactions(self) -> list[SeenTransaction]:
        """The transactions seen, in the order of their first message."""
        return self.office.ledger.all()


def _station_id(path: str) -> str:
    return unquote(path.split("?", 1)[0].rstrip("/").rpartition("/")[2])


def _authorized(headers: Headers, station_id: str, password: bytes) -> bool:
    """Check user (the station's id) and password; the password may be any bytes (1.6)."""
    scheme, _, encoded = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        return False
    return decoded == station_id.encode() + b":" + password


def _refusal(connection: ServerConnection, status: HTTPStatus) -> Response:
    response = connection.respond(status, f"{status.value} {status.phrase}\n")
    if status is HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Basic realm="ocppd-csms"'
    return response
