"""The WebSocket to the CSMS: address, TLS, authentication, sub-protocol, pings.

`dial` makes a connection or says in words for people why there is none. Redirects are refused and
no proxy is used: credentials go where they were meant to go.
"""

import asyncio
import base64
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    InvalidURI,
    NegotiationError,
)
from websockets.typing import Subprotocol

_LOG = logging.getLogger(__name__)

_OPEN_LIMIT_S = 30.0
_SEND_LIMIT_S = 30.0
_CLOSE_LIMIT_S = 0.5


class NotConnected(Exception):
    """There is no connection; the text is for the technician.

    `security_event` is the event of the appendix that this is, if any; `refused_password` says
    that the CSMS did not like the credentials.
    """

    def __init__(
        self, reason: str, *, security_event: str | None = None, refused_password: bool = False
    ) -> None:
        super().__init__(reason)
        self.security_event = security_event
        self.refused_password = refused_password


@dataclass(frozen=True, slots=True)
class Tls:
    """How to trust the CSMS, and how to be trusted.

    `roots` are files or folders with PEM certificates; the system's are used where there are none.
    `ciphers` are those of TLS 1.2, as OpenSSL names them.
    """

    roots: tuple[Path, ...] = ()
    certificate: Path | None = None
    key: Path | None = None
    ciphers: tuple[str, ...] = (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
    )
    verify_name: bool = True
    allow_wildcards: bool = False


@dataclass(frozen=True, slots=True)
class Dialling:
    """What to connect to, and as whom."""

    url: str
    identity: str
    security_profile: int
    subprotocols: Sequence[str]
    password: bytes = field(default=b"", repr=False)
    tls: Tls = field(default_factory=Tls)
    max_size: int = 1 << 20


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


def tls_context(tls: Tls, security_profile: int) -> ssl.SSLContext:
    """Make the TLS settings of security profile 2 or 3; the files are read anew each time.

    Raises:
        NotConnected: a certificate or key cannot be used

    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # A00.FR.313, FR.416
    context.options |= ssl.OP_NO_COMPRESSION  # A00.FR.321, FR.424
    context.check_hostname = tls.verify_name  # A00.FR.412
    try:
        context.set_ciphers(":".join(tls.ciphers))  # A00.FR.319, FR.422
        if tls.roots:
            for root in tls.roots:
                _load_roots(context, root)
        else:
            context.load_default_certs()
        if security_profile == 3:
            if tls.certificate is None:
                raise NotConnected("security profile 3 needs a certificate of the station")
            context.load_cert_chain(tls.certificate, tls.key)  # A00.FR.402
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise NotConnected(f"TLS cannot be set up: {_text(error)}") from None
    return context


def _load_roots(context: ssl.SSLContext, path: Path) -> None:
    if path.is_dir():
        for file in sorted(path.iterdir()):
            if file.suffix in (".pem", ".crt") and file.is_file():
                try:
                    context.load_verify_locations(cafile=file)
                except ssl.SSLError as error:  # one bad file shall not cut us off
                    _LOG.warning("left out the certificate %s: %s", file, _text(error))
    else:
        context.load_verify_locations(cafile=path)


class _Connection(ClientConnection):
    """Checks the name in the certificate before any credential is sent."""

    exact_name = False
    _lost: Exception | None = None

    async def handshake(self, *args: Any, **kwargs: Any) -> None:
        """Perform the opening handshake."""
        if self.exact_name:
            _refuse_wildcard(self.transport, self.protocol.uri.host)
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


def _refuse_wildcard(transport: asyncio.BaseTransport, host: str) -> None:
    """Refuse a certificate that names the host by a wildcard alone.

    TLS has checked already that the certificate is valid for the host.
    """
    tls = transport.get_extra_info("ssl_object")
    certificate = tls.getpeercert() or {}
    names = [name for kind, name in certificate.get("subjectAltName", ()) if kind == "DNS"]
    if not names:
        subject = certificate.get("subject", ())
        names = [value for part in subject for kind, value in part if kind == "commonName"]
    wildcards = [name for name in names if name.startswith("*")]
    if wildcards and host.casefold() not in (name.casefold() for name in names):
        raise NotConnected(
            f"the CSMS's certificate names {host} by the wildcard {wildcards[0]} alone",
            security_event="InvalidCsmsCertificate",
        )


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
    ) -> None:
        """Ping every so often, and give up a peer that does not answer in time.

        An interval of 0 is off; `changed` has the new interval used at once.
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
                    await (await self._connection.ping())
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
            return f"connection lost: {_text(error.__cause__)}"
        return "connection lost"


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
        raise NotConnected(f"OcppCsmsUrl is no address: {error}") from None
    if "@" in parts.netloc:
        raise NotConnected("OcppCsmsUrl holds credentials: they belong into BasicAuthPassword")
    headers = {}
    if to.security_profile in (1, 2):  # A00.FR.202, FR.203, FR.301, FR.302
        headers["Authorization"] = basic_auth(to.identity, to.password)
    secure = to.security_profile >= 2
    options: dict[str, Any] = {}
    if secure:
        options["ssl"] = tls_context(to.tls, to.security_profile)

    def connection(*args: Any, **kwargs: Any) -> ClientConnection:
        made = _Connection(*args, **kwargs)
        made.exact_name = secure and to.tls.verify_name and not to.tls.allow_wildcards
        return made

    try:
        opened = await _Dial(
            url,
            subprotocols=[Subprotocol(name) for name in to.subprotocols],
            additional_headers=headers,
            user_agent_header="ocppd",
            proxy=None,
            open_timeout=_OPEN_LIMIT_S,
            ping_interval=None,
            close_timeout=_CLOSE_LIMIT_S,
            max_size=to.max_size,
            logger=_FRAMES_LOG,
            create_connection=connection,  # type: ignore[arg-type]
            **options,
        )
    except NotConnected:
        raise
    except Exception as error:
        raise _not_connected(error, to, f"{host}:{port}") from None
    made = Socket(opened)
    if made.subprotocol is None:  # part 4, 3.3: it goes on in none of the versions offered
        await made.close("no sub-protocol chosen", 1002)
        raise NotConnected(f"{host}:{port} speaks none of {', '.join(to.subprotocols)}")
    return made


# At DEBUG the library logs every header, the password with them.
_FRAMES_LOG = logging.getLogger(f"{__name__}.frames")
_FRAMES_LOG.setLevel(logging.WARNING)


def _not_connected(error: Exception, to: Dialling, peer: str) -> NotConnected:
    """Say in words why there is no connection."""
    match error:
        case InvalidStatus():
            return _refused(error.response.status_code, to, peer)
        case NegotiationError():
            return NotConnected(f"{peer} chose a sub-protocol that was not offered: {error}")
        case InvalidURI():
            return NotConnected(f"OcppCsmsUrl is no address: {error}")
        case ssl.SSLError():
            return _tls_failed(error, to, peer)
        case socket.gaierror():
            return NotConnected(f"cannot resolve {peer.rpartition(':')[0]}: {error.strerror}")
        case TimeoutError():
            return NotConnected(f"no answer from {peer} in {_OPEN_LIMIT_S:.0f} s")
        case ConnectionRefusedError():
            return NotConnected(f"connection refused by {peer}")
        case InvalidHandshake() | EOFError() if to.security_profile == 3 and _hung_up(error):
            # In TLS 1.3 a refusal comes after our handshake, and may be lost with the connection.
            return NotConnected(
                f"{peer} hung up after the TLS handshake: it may have refused our certificate",
                security_event="FailedToAuthenticateAtCsms",
            )
        case InvalidHandshake() | EOFError():
            cause = error.__cause__ or error
            return NotConnected(f"{peer} is no WebSocket server: {_text(cause)}")
        case ConnectionResetError() if to.security_profile >= 2:
            return NotConnected(f"{peer} hung up during the TLS handshake")
        case OSError():
            return NotConnected(f"cannot connect to {peer}: {_text(error)}")
        case _:
            _LOG.error("connecting failed", exc_info=error)
            return NotConnected(f"cannot connect to {peer}: {_text(error)}")


def _refused(status: int, to: Dialling, peer: str) -> NotConnected:
    match status:
        case 401 | 403:
            wrong = "password" if to.security_profile in (1, 2) else "credentials"
            return NotConnected(
                f"{status}: wrong {wrong} for {to.identity}, says {peer}",
                security_event="FailedToAuthenticateAtCsms",
                refused_password=status == 401,
            )
        case 404:
            return NotConnected(f"404: {peer} does not know {to.identity} at this address")
        case _ if 300 <= status < 400:
            return NotConnected(f"{status}: {peer} redirects elsewhere, which is not followed")
        case _:
            return NotConnected(f"{status}: {peer} refused the WebSocket")


_OLD_TLS = frozenset({"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "VERSION_TOO_LOW"})
_NO_CIPHER = frozenset(
    {"SSLV3_ALERT_HANDSHAKE_FAILURE", "NO_CIPHERS_AVAILABLE", "UNKNOWN_CIPHER_RETURNED"}
)


def _tls_failed(error: ssl.SSLError, to: Dialling, peer: str) -> NotConnected:
    """Tell the faults of TLS apart: each has its security event (A00)."""
    if isinstance(error, ssl.SSLCertVerificationError):  # A00.FR.310, FR.413
        return NotConnected(
            f"the certificate of {peer} is refused: {error.verify_message}",
            security_event="InvalidCsmsCertificate",
        )
    reason = error.reason or ""
    if reason in _OLD_TLS:  # A00.FR.316, FR.419
        return NotConnected(
            f"{peer} speaks no TLS of 1.2 or newer", security_event="InvalidTLSVersion"
        )
    if reason in _NO_CIPHER and to.security_profile == 2:  # A00.FR.323, FR.426
        return NotConnected(
            f"{peer} has no TLS cipher suite in common with us",
            security_event="InvalidTLSCipherSuite",
        )
    if "ALERT" in reason and to.security_profile == 3:
        return NotConnected(
            f"{peer} refused our certificate: {_text(error)}",
            security_event="FailedToAuthenticateAtCsms",
        )
    return NotConnected(f"TLS with {peer} failed: {_text(error)}")


def _hung_up(error: BaseException) -> bool:
    """Tell whether the peer closed the connection instead of answering to the upgrade."""
    return isinstance(error, EOFError) or isinstance(error.__cause__, EOFError)


def _text(error: BaseException) -> str:
    """Return what an exception says, in one line of bearable length."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())[:200] or type(error).__name__
