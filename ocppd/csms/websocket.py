"""The WebSocket to the CSMS: address, authentication, sub-protocol, pings.

`dial` makes a connection or says in words for people why there is none. Redirects are refused and
no proxy is used but the configured one: credentials go where they were meant to go.
"""

import asyncio
import base64
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from ocppd.csms.refusals import Circumstances, NotConnected, not_connected, text_of
from ocppd.csms.tcp import Proxy, open_socket
from ocppd.csms.tls import Tls, refuse_wildcard, tls_context, trust_anchor

_OPEN_LIMIT_S = 30.0
_SEND_LIMIT_S = 30.0
_CLOSE_LIMIT_S = 0.5
# RFC 6455, 5.5: a control frame carries so many bytes.
_LONGEST_PING = 125


@dataclass(frozen=True, slots=True)
class Dialling:
    """What to connect to, from where, and as whom.

    `bind` is an address or an interface of this machine; `compression` offers permessage-deflate.
    """

    url: str
    identity: str
    security_profile: int
    subprotocols: Sequence[str]
    password: bytes = field(default=b"", repr=False)
    tls: Tls = field(default_factory=Tls)
    max_size: int = 1 << 20
    compression: bool = True
    bind: str | None = None
    proxy: Proxy | None = None


def connection_url(endpoint: str, identity: str) -> str:
    """Append the identity to the path of the endpoint, percent-encoded (part 4, 3.1.1)."""
    parts = urlsplit(endpoint)
    path = f"{parts.path.rstrip('/')}/{quote(identity, safe='')}"
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def basic_auth(identity: str, password: bytes) -> str:
    """Return the header of HTTP Basic authentication (A00.FR.204, FR.206).

    The password may be any bytes: that of a 1.6 station is a key of 20.
    """
    return "Basic " + base64.b64encode(identity.encode() + b":" + password).decode()


class _Connection(ClientConnection):
    """Checks the name in the certificate before any credential is sent."""

    exact_name = False
    _lost: Exception | None = None

    async def handshake(self, *args: Any, **kwargs: Any) -> None:
        """Perform the opening handshake."""
        if self.exact_name:
            refuse_wildcard(self.transport, self.protocol.uri.host)
        try:
            await super().handshake(*args, **kwargs)
        except InvalidHandshake:
            if isinstance(self._lost, ssl.SSLError):  # TLS 1.3: refused after its handshake
                raise self._lost from None
            raise

    def connection_lost(self, exc: Exception | None) -> None:
        """Keep what ended the connection, which the library does not tell."""
        self._lost = exc
        super().connection_lost(exc)


class _Dial(connect):
    """Refuses redirects: the credentials are for this CSMS alone."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Return the redirect as the failure that it is."""
        return exc


class Socket:
    """An open WebSocket; `subprotocol` is what the CSMS chose."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._reason: str | None = None

    @property
    def subprotocol(self) -> str | None:
        """The version of OCPP that the CSMS chose; None if it chose none."""
        return self._connection.subprotocol

    @property
    def ended_by_us(self) -> bool:
        """Whether we ended it: on purpose, or because the CSMS was no longer to be heard."""
        return self._reason is not None

    @property
    def peer(self) -> str:
        """Address and port of the CSMS."""
        address = self._connection.remote_address
        return f"{address[0]}:{address[1]}" if address else "the CSMS"

    @property
    def trust_anchor(self) -> str | None:
        """The SHA-256 of the root certificate that the CSMS's own leads to, if that is known."""
        return trust_anchor(self._connection.transport)

    async def receive(self) -> str | bytes:
        """Return the next message; raises ConnectionError, with the reason, at the end."""
        try:
            return await self._connection.recv()
        except ConnectionClosed as error:
            raise ConnectionError(self._why(error)) from None

    async def send(self, text: str) -> None:
        """Send a text; a peer that does not read for too long loses the connection."""
        limit = asyncio.get_running_loop().call_later(
            _SEND_LIMIT_S, self.abort, f"the CSMS took nothing for {_SEND_LIMIT_S:.0f} s"
        )
        try:
            await self._connection.send(text)
        except ConnectionClosed as error:
            raise ConnectionError(self._why(error)) from None
        finally:
            limit.cancel()

    async def keep_alive(
        self,
        interval_s: Callable[[], float],
        pong_timeout_s: Callable[[], float],
        changed: asyncio.Event,
        payload: Callable[[], str] = lambda: "",
    ) -> None:
        """Ping every so often, and give up a peer that does not answer in time.

        An interval of 0 is off; `changed` has the new interval used at once. The time of the
        answer also runs while what we send is stuck, which is how a peer that reads no more is
        noticed in time. An empty payload is a random one.
        """
        while True:
            changed.clear()
            interval = interval_s()
            try:
                async with asyncio.timeout(interval if interval > 0 else None):
                    await changed.wait()
                continue
            except TimeoutError:
                pass
            limit = max(pong_timeout_s(), 1.0)
            try:
                async with asyncio.timeout(limit):
                    await (await self._connection.ping(_ping_of(payload())))
            except TimeoutError:
                self.abort(f"no pong from the CSMS in {limit:.0f} s")
                return
            except ConnectionClosed:
                return

    async def close(self, reason: str, code: int = 1000) -> None:
        """Close politely, for a short while, then for certain."""
        self._reason = self._reason or reason
        try:
            async with asyncio.timeout(_CLOSE_LIMIT_S):
                await self._connection.close(code, reason.encode()[:120].decode(errors="ignore"))
        except TimeoutError:
            self._connection.transport.abort()

    def abort(self, reason: str) -> None:
        """End the connection at once."""
        self._reason = self._reason or reason
        self._connection.transport.abort()

    def _why(self, error: ConnectionClosed) -> str:
        if self._reason is not None:
            return self._reason
        close, who = (
            (error.rcvd, "the CSMS")
            if error.rcvd is not None and (error.rcvd_then_sent or error.sent is None)
            else (error.sent, "us")
        )
        if close is not None:
            said = f": {close.reason}" if close.reason else ""
            return f"closed by {who} ({close.code}{said})"
        if error.__cause__ is not None:
            return f"connection lost: {text_of(error.__cause__)}"
        return "connection lost"


def _ping_of(payload: str) -> bytes | None:
    """Return what a ping carries; one that is too long is cut, between two characters."""
    return payload.encode()[:_LONGEST_PING].decode(errors="ignore").encode() or None


async def dial(to: Dialling) -> Socket:
    """Connect to a CSMS.

    Raises:
        NotConnected: it did not work; the text says why

    """
    try:
        url = connection_url(to.url, to.identity)
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "wss" else 80)
    except ValueError as error:
        raise NotConnected(f"OcppCsmsUrl is no address: {error}", needs_person=True) from None
    if not host:
        raise NotConnected("OcppCsmsUrl is no address: it has no host", needs_person=True)
    if "@" in parts.netloc:
        raise NotConnected(
            "OcppCsmsUrl holds credentials: they belong into BasicAuthPassword", needs_person=True
        )
    greeted: list[bool] = []
    context = (
        tls_context(to.tls, to.security_profile, lambda: greeted.append(True))
        if to.security_profile >= 2
        else None
    )
    reached: socket.socket | None = None
    try:
        async with asyncio.timeout(_OPEN_LIMIT_S):
            reached = await open_socket(host, port, bind=to.bind, proxy=to.proxy)
            opened = await _open(to, url, reached, context)
    except NotConnected:
        raise
    except Exception as error:
        at = Circumstances(
            f"{host}:{port}", to.identity, to.security_profile, bool(greeted), _OPEN_LIMIT_S
        )
        refusal = not_connected(error, at)
        refusal.reached = reached is not None
        raise refusal from None
    made = Socket(opened)
    if made.subprotocol is None:  # part 4, 3.3: it goes on in none of the versions offered
        await made.close("no sub-protocol chosen", 1002)
        raise NotConnected(
            f"{host}:{port} speaks none of {', '.join(to.subprotocols)}", needs_person=True
        )
    return made


async def _open(
    to: Dialling, url: str, opened: socket.socket, context: ssl.SSLContext | None
) -> ClientConnection:
    """Make all layers of the connection above TCP."""
    headers = {}
    if to.security_profile in (1, 2):  # A00.FR.202, FR.203, FR.301, FR.302
        headers["Authorization"] = basic_auth(to.identity, to.password)

    def connection(*args: Any, **kwargs: Any) -> ClientConnection:
        made = _Connection(*args, **kwargs)
        made.exact_name = context is not None and to.tls.verify_name and not to.tls.allow_wildcards
        return made

    options: dict[str, Any] = {} if context is None else {"ssl": context}
    return await _Dial(
        url,
        sock=opened,
        subprotocols=[Subprotocol(name) for name in to.subprotocols],
        additional_headers=headers,
        user_agent_header="ocppd",
        compression="deflate" if to.compression else None,
        proxy=None,
        open_timeout=None,
        ping_interval=None,
        close_timeout=_CLOSE_LIMIT_S,
        max_size=to.max_size,
        logger=_FRAMES_LOG,
        create_connection=connection,  # type: ignore[arg-type]
        **options,
    )


async def is_reachable(url: str, *, bind: str | None, limit_s: float) -> bool:
    """Tell whether somebody listens where an address leads to; says nothing over it."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "wss" else 80)
        async with asyncio.timeout(limit_s):
            opened = await open_socket(parts.hostname or "", port, bind=bind)
    except (OSError, ValueError):  # TimeoutError is an OSError
        return False
    opened.close()
    return True


# At DEBUG the library logs every header, the password with them.
_FRAMES_LOG = logging.getLogger(f"{__name__}.frames")
_FRAMES_LOG.setLevel(logging.WARNING)
