"""Why there is no connection to the CSMS, in words for a person and as an event of the standard."""

import logging
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from websockets.exceptions import (
    InvalidHandshake,
    InvalidStatus,
    InvalidURI,
    NegotiationError,
)

_LOG = logging.getLogger(__name__)

# A CSMS that asks for more patience than this is asked again all the same.
_LONGEST_RETRY_AFTER_S = 3600.0


class NotConnected(Exception):
    """There is no connection; the text is for the technician.

    `security_event` is the event of the appendix that this is, if any; `refused_password` says
    that the CSMS did not like the credentials; `needs_person` that trying again will hardly help;
    `retry_after_s` for how long the CSMS asked not to be called; `reached` is False where there was
    no name, no route or nobody who listens: that says nothing of what we would have shown.
    """

    reached = True

    def __init__(
        self,
        reason: str,
        *,
        security_event: str | None = None,
        refused_password: bool = False,
        needs_person: bool = False,
        retry_after_s: float = 0.0,
    ) -> None:
        super().__init__(reason)
        self.security_event = security_event
        self.refused_password = refused_password
        self.needs_person = needs_person or security_event is not None
        self.retry_after_s = retry_after_s


class ProxyRefused(Exception):
    """The HTTP proxy did not connect us to the CSMS.

    `status` is 0 if it spoke no HTTP; `why` says why it cannot be reached at all.
    """

    def __init__(self, proxy: str, status: int = 0, why: str | None = None) -> None:
        super().__init__(proxy, status, why)
        self.proxy = proxy
        self.status = status
        self.why = why


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of an attempt that failed.

    `peer` is host and port of the CSMS; `greeted` tells whether the CSMS had chosen a TLS version
    and a cipher suite; `limit_s` is how long the attempt might take.
    """

    peer: str
    identity: str
    security_profile: int
    greeted: bool
    limit_s: float


def not_connected(error: BaseException, at: Circumstances) -> NotConnected:
    """Say in words why there is no connection."""
    peer = at.peer
    match error:
        case InvalidStatus():
            headers = error.response.headers
            return _refused(error.response.status_code, headers.get("Retry-After"), at)
        case ProxyRefused():
            return _refused_by_proxy(error, peer)
        case NegotiationError():
            return NotConnected(
                f"{peer} chose a sub-protocol that was not offered: {text_of(error)}",
                needs_person=True,
            )
        case InvalidURI():
            return NotConnected(f"OcppCsmsUrl is no address: {error}", needs_person=True)
        case ssl.SSLError():
            return _tls_failed(error, at)
        case socket.gaierror():
            return NotConnected(f"cannot resolve {peer.rpartition(':')[0]}: {error.strerror}")
        case TimeoutError():
            return NotConnected(f"no answer from {peer} in {at.limit_s:.0f} s")
        case ConnectionRefusedError():
            return NotConnected(f"connection refused by {peer}")
        case InvalidHandshake() | EOFError() if at.security_profile == 3 and _hung_up(error):
            # In TLS 1.3 a refusal comes after our handshake, and may be lost with the connection.
            return NotConnected(
                f"{peer} hung up after the TLS handshake: it may have refused our certificate",
                security_event="FailedToAuthenticateAtCsms",
            )
        case InvalidHandshake() | EOFError() if at.greeted and _hung_up(error):
            return NotConnected(
                f"{peer} hung up after the TLS handshake: it may be no WebSocket server, or want a"
                " certificate of the station, as in security profile 3"
            )
        case InvalidHandshake() | EOFError():
            cause = error.__cause__ or error
            return NotConnected(f"{peer} is no WebSocket server: {text_of(cause)}")
        case ConnectionResetError() if at.security_profile >= 2:
            return NotConnected(f"{peer} hung up during the TLS handshake")
        case OSError():
            return NotConnected(f"cannot connect to {peer}: {text_of(error)}")
        case _:
            _LOG.error("connecting failed", exc_info=error)
            return NotConnected(f"cannot connect to {peer}: {text_of(error)}")


def _refused(status: int, retry_after: str | None, at: Circumstances) -> NotConnected:
    match status:
        case 401 | 403:
            wrong = "password" if at.security_profile in (1, 2) else "credentials"
            return NotConnected(
                f"{status}: wrong {wrong} for {at.identity}, says {at.peer}",
                security_event="FailedToAuthenticateAtCsms",
                refused_password=at.security_profile in (1, 2),
            )
        case 404:
            return NotConnected(
                f"404: {at.peer} does not know {at.identity} at this address", needs_person=True
            )
        case _ if 300 <= status < 400:
            return NotConnected(
                f"{status}: {at.peer} redirects elsewhere, which is not followed",
                needs_person=True,
            )
        case _:
            pause_s = retry_after_s(retry_after, datetime.now(UTC))
            asked = f", and asks for {pause_s:.0f} s of patience" if pause_s else ""
            return NotConnected(
                f"{status}: {at.peer} refused the WebSocket{asked}", retry_after_s=pause_s
            )


def retry_after_s(header: str | None, now: datetime) -> float:
    """Return the seconds that a Retry-After asks for (RFC 9110, 10.2.3), at most an hour."""
    if header is None:
        return 0.0
    text = header.strip()
    if text.isdecimal() and text.isascii():
        return min(float(text[:9]), _LONGEST_RETRY_AFTER_S)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return 0.0
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, min((until - now).total_seconds(), _LONGEST_RETRY_AFTER_S))


def _refused_by_proxy(error: ProxyRefused, peer: str) -> NotConnected:
    if error.why is not None:
        return NotConnected(f"the proxy {error.proxy} cannot be reached: {error.why}")
    match error.status:
        case 0:
            why = "is no HTTP proxy"
        case 407:
            why = "407: wants other credentials"
        case status:
            why = f"{status}: does not connect to {peer}"
    return NotConnected(f"the proxy {error.proxy} {why}", needs_person=error.status in (0, 407))


_OLD_TLS = frozenset({"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "VERSION_TOO_LOW"})
_NO_CIPHER = frozenset(
    {
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "TLSV1_ALERT_INSUFFICIENT_SECURITY",
        "NO_CIPHERS_AVAILABLE",
        "UNKNOWN_CIPHER_RETURNED",
        "WRONG_CIPHER_RETURNED",
    }
)
_WANTS_CERTIFICATE = frozenset({"TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_BAD_CERTIFICATE"})


def _tls_failed(error: ssl.SSLError, at: Circumstances) -> NotConnected:
    """Tell the faults of TLS apart: each has its security event (A00)."""
    peer = at.peer
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
    # The same alert tells that the certificate of the client is missing, but later.
    if reason in _NO_CIPHER and not at.greeted:  # A00.FR.323, FR.426
        return NotConnected(
            f"{peer} has no TLS cipher suite in common with us",
            security_event="InvalidTLSCipherSuite",
        )
    if "ALERT" in reason and at.security_profile == 3:
        return NotConnected(
            f"{peer} refused our certificate: {text_of(error)}",
            security_event="FailedToAuthenticateAtCsms",
        )
    if at.greeted and (reason in _WANTS_CERTIFICATE or reason in _NO_CIPHER):
        return NotConnected(
            f"{peer} wants a certificate of the station, as in security profile 3",
            security_event="FailedToAuthenticateAtCsms",
        )
    return NotConnected(f"TLS with {peer} failed: {text_of(error)}")


def _hung_up(error: BaseException) -> bool:
    """Tell whether the peer closed the connection instead of answering to the upgrade."""
    return isinstance(error, EOFError) or isinstance(error.__cause__, EOFError)


def text_of(error: BaseException) -> str:
    """Return what an exception says, in one line of bearable length."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())[:200] or type(error).__name__
