"""TLS towards the CSMS: versions, suites, chain and name (A00), by the letter of OCPP."""

import asyncio
import hashlib
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ocppd.csms.refusals import NotConnected, text_of

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tls:
    """How to trust the CSMS, and how to be trusted.

    `roots` are files or folders with PEM certificates; the system's are used where there are none,
    if `system_roots` lets them. `ciphers` are those of TLS 1.2, as OpenSSL names them.
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
    system_roots: bool = True


class _Noting(ssl.SSLObject):
    """Tells how far its handshake came, which asyncio does not."""

    def do_handshake(self) -> None:
        """Go on with the handshake."""
        try:
            super().do_handshake()
        finally:
            if isinstance(self.context, _Context) and self.cipher() is not None:
                self.context.on_greeted()


class _Context(ssl.SSLContext):
    """Settings of one dial, which is told of its progress."""

    sslobject_class = _Noting
    on_greeted: Callable[[], None]


def tls_context(
    tls: Tls, security_profile: int, on_greeted: Callable[[], None] = lambda: None
) -> ssl.SSLContext:
    """Make the TLS settings of security profile 2 or 3; the files are read anew each time.

    `on_greeted` is called when a handshake fails or ends after the CSMS has chosen version and
    suite: what goes wrong later is not for want of a common one.

    Raises:
        NotConnected: a certificate or key cannot be used

    """
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    context.on_greeted = on_greeted
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # A00.FR.313, FR.416
    context.options |= ssl.OP_NO_COMPRESSION  # A00.FR.321, FR.424
    # A new root that the old one signed is an anchor though it is not self-signed.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.check_hostname = tls.verify_name  # A00.FR.412
    try:
        context.set_ciphers(":".join(tls.ciphers))  # A00.FR.319, FR.422
        if tls.roots:
            for root in tls.roots:
                _load_roots(context, root)
        elif tls.system_roots:
            context.load_default_certs()
        else:
            raise NotConnected(
                "no root certificate for the CSMS is installed, and the system's are not used",
                needs_person=True,
            )
        if security_profile == 3:
            if tls.certificate is None:
                raise NotConnected(
                    "security profile 3 needs a certificate of the station", needs_person=True
                )
            context.load_cert_chain(tls.certificate, tls.key)  # A00.FR.402
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise NotConnected(f"TLS cannot be set up: {text_of(error)}", needs_person=True) from None
    return context


def suites_of_tls_13() -> tuple[str, ...]:
    """Return the suites of TLS 1.3 that are offered: this OpenSSL's own choice."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return tuple(
        cipher["name"] for cipher in context.get_ciphers() if cipher["protocol"] == "TLSv1.3"
    )


def _load_roots(context: ssl.SSLContext, path: Path) -> None:
    if path.is_dir():
        for file in sorted(path.iterdir()):
            if file.suffix in (".pem", ".crt") and file.is_file():
                try:
                    context.load_verify_locations(cafile=file)
                except ssl.SSLError as error:  # one bad file shall not cut us off
                    _LOG.warning("left out the certificate %s: %s", file, text_of(error))
    else:
        context.load_verify_locations(cafile=path)


def refuse_wildcard(transport: asyncio.BaseTransport, host: str) -> None:
    """Refuse a certificate that names the host by a wildcard alone.

    TLS has checked already that the certificate is valid for the host.

    Raises:
        NotConnected: there is no name but the wildcard

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


def trust_anchor(transport: asyncio.BaseTransport) -> str | None:
    """Return the SHA-256 of the root certificate that a connection rests on, in hexadecimal.

    None without TLS, and where Python does not tell (before 3.13 it has no public name for it).
    """
    tls = transport.get_extra_info("ssl_object")
    for place in (tls, getattr(tls, "_sslobj", None)):
        chain = getattr(place, "get_verified_chain", None)
        if chain is None:
            continue
        found = chain()
        if not found:
            return None
        last = found[-1]
        der = last if isinstance(last, bytes) else ssl.PEM_cert_to_DER_cert(last.public_bytes())
        return hashlib.sha256(der).hexdigest()
    return None
