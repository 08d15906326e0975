import asyncio
import socket
import ssl
import threading
from contextlib import contextmanager, suppress

import pytest

from ocppd.csms import tcp
from ocppd.csms.connection import Files
from ocppd.csms.refusals import NotConnected
from ocppd.csms.resolver import lookup
from ocppd.csms.tcp import Proxy
from ocppd.csms.tls import Tls
from ocppd.csms.websocket import Dialling, dial
from ocppd.device_model.names import InternalCtrlr
from tests.csms.certificates import Authority
from tests.csms.server import Options, csms, station, variables
from tests.csms.test_connection_settings import proxied


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def authority(folder):
    return Authority(folder)


def server_context(issued, client_root=None, *, version=None, ciphers=None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    if client_root is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_root)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if ciphers is not None:
        context.set_ciphers(ciphers)
    return context


def url(server, host="localhost") -> str:
    return f"wss://{host}:{server.port}/ocpp"


async def outcome(tmp_path, context, roots, *, profile=2, host="localhost", files=None, **changes):
    """Connect once; return the status, the security events and what the CSMS saw."""
    files = files or Files(roots=tuple(roots))
    async with csms(tls=context) as server:
        values = variables(url(server, host), profile=profile)
        values |= {getattr(InternalCtrlr, name): value for name, value in changes.items()}
        async with station(tmp_path, values, files=files) as client:
            status = await client.listener.change(10)
            there = await server.station() if status.connected else None
            seen = None
            if there is not None:
                tls = there.socket.transport.get_extra_info("ssl_object")
                seen = tls.version(), tls.cipher()[0], tls.getpeercert(), dict(there.headers)
            return status, [kind for kind, _ in client.listener.events], seen


@pytest.mark.requirement("A00.FR.301", "A00.FR.312", "A00.FR.313")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_security_profile_2(version, tmp_path, authority):
    context = server_context(authority.issue("localhost", "localhost"), version=version)
    status, events, seen = await outcome(tmp_path, context, [authority.root])
    assert (status.connected, status.security_profile, events) == (True, 2, [])
    assert seen[0] == version.name.replace("v1_", "v1.")
    assert "Authorization" in {name.title() for name in seen[3]}


@pytest.mark.requirement("A00.FR.319")
@pytest.mark.parametrize(
    ("kind", "cipher"),
    [
        ("ec", "ECDHE-ECDSA-AES128-GCM-SHA256"),
        ("ec", "ECDHE-ECDSA-AES256-GCM-SHA384"),
        ("rsa", "AES128-GCM-SHA256"),
        ("rsa", "AES256-GCM-SHA384"),
    ],
)
async def test_the_four_cipher_suites(kind, cipher, tmp_path, authority):
    context = server_context(
        authority.issue("localhost", "localhost", kind=kind),
        version=ssl.TLSVersion.TLSv1_2,
        ciphers=cipher,
    )
    status, _, seen = await outcome(tmp_path, context, [authority.root])
    assert status.connected, status.reason
    assert seen[1] == cipher


@contextmanager
def blocking_server(context):
    """Serve TLS handshakes with plain OpenSSL: unlike asyncio's, it says why it hangs up."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(10)

    def serve():
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with suppress(OSError), context.wrap_socket(connection, server_side=True) as tls:
                    tls.recv(1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


async def refusal(tmp_path, context, files, profile=2):
    """Connect once to a CSMS that hangs up during the handshake."""
    with blocking_server(context) as port:
        values = variables(f"wss://localhost:{port}/ocpp", profile=profile)
        async with station(tmp_path, values, files=files) as client:
            status = await client.listener.change(10)
            return status.reason, [kind for kind, _ in client.listener.events]


@pytest.mark.requirement("A00.FR.323")
async def test_no_cipher_suite_in_common(tmp_path, authority):
    context = server_context(
        authority.issue("localhost", "localhost", kind="rsa"),
        version=ssl.TLSVersion.TLSv1_2,
        ciphers="ECDHE-RSA-CHACHA20-POLY1305",
    )
    reason, events = await refusal(tmp_path, context, Files((authority.root,)))
    assert "no TLS cipher suite in common" in reason
    assert events == ["InvalidTLSCipherSuite"]


@pytest.mark.requirement("A00.FR.316")
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_a_csms_that_speaks_old_tls_alone(tmp_path, authority):
    context = server_context(authority.issue("localhost", "localhost"))
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    reason, events = await refusal(tmp_path, context, Files((authority.root,)))
    assert "TLS of 1.2 or newer" in reason
    assert events == ["InvalidTLSVersion"]


@pytest.mark.requirement("A00.FR.309", "A00.FR.310", "A00.FR.311", "A00.FR.412")
@pytest.mark.parametrize(
    ("names", "options", "host"),
    [
        (("another.example",), {}, "localhost"),
        (("localhost",), {"days": (-10, -1)}, "localhost"),
        (("localhost",), {"days": (1, 10)}, "localhost"),
        (("localhost",), {}, "127.0.0.1"),
    ],
)
async def test_bad_certificates_of_the_csms(names, options, host, tmp_path, authority):
    context = server_context(authority.issue(names[0], *names, **options))
    status, events, _ = await outcome(tmp_path, context, [authority.root], host=host)
    assert not status.connected
    assert "is refused" in status.reason
    assert events == ["InvalidCsmsCertificate"]


async def test_another_authority(tmp_path, folder, authority):
    other = Authority(folder / "other")
    context = server_context(other.issue("localhost", "localhost"))
    status, events, _ = await outcome(tmp_path, context, [authority.root])
    assert "is refused" in status.reason
    assert events == ["InvalidCsmsCertificate"]
    status, _, _ = await outcome(tmp_path, context, [authority.root, other.root])
    assert status.connected


async def test_the_common_name_counts_where_there_is_no_other(tmp_path, authority):
    context = server_context(authority.issue("localhost"))
    status, _, _ = await outcome(tmp_path, context, [authority.root])
    assert status.connected


@pytest.mark.parametrize("allowed", ["false", "true"])
async def test_wildcards_only_if_allowed(allowed, tmp_path, authority, monkeypatch):
    """The host is a name below localhost, which resolves here to this machine."""
    context = server_context(authority.issue("x", "*.csms.localhost"))
    monkeypatch.setattr(tcp, "lookup", lambda _host, port: lookup("127.0.0.1", port))
    status, events, _ = await outcome(
        tmp_path,
        context,
        [authority.root],
        host="one.csms.localhost",
        VerifyCsmsAllowWildcards=allowed,
    )
    if allowed == "true":
        assert status.connected, status.reason
    else:
        assert "by the wildcard *.csms.localhost alone" in status.reason
        assert events == ["InvalidCsmsCertificate"]


async def test_names_are_checked_unless_that_is_switched_off(tmp_path, authority):
    context = server_context(authority.issue("x", "another.example"))
    status, _, _ = await outcome(tmp_path, context, [authority.root], VerifyCsmsCommonName="false")
    assert status.connected


@pytest.mark.requirement("A00.FR.401", "A00.FR.402")
async def test_security_profile_3(tmp_path, authority):
    context = server_context(authority.issue("localhost", "localhost"), authority.root)
    ours = authority.issue("CS 001")
    files = Files((authority.root,), ours.certificate, ours.key)
    status, _, seen = await outcome(tmp_path, context, [], profile=3, files=files)
    assert status.connected, status.reason
    assert seen[2]["subject"] == ((("commonName", "CS 001"),),)
    assert "Authorization" not in {name.title() for name in seen[3]}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_csms_that_refuses_our_certificate(version, tmp_path, folder, authority):
    other = Authority(folder / "stranger")
    issued = authority.issue("localhost", "localhost")
    context = server_context(issued, authority.root, version=version)
    ours = other.issue("CS 001")
    files = Files((authority.root,), ours.certificate, ours.key)
    reason, events = await refusal(tmp_path, context, files, profile=3)
    assert "refused our certificate" in reason
    assert events == ["FailedToAuthenticateAtCsms"]


async def test_a_csms_that_hangs_up_after_the_tls_handshake(tmp_path, folder, authority):
    """What is left of a refusal in TLS 1.3 when its alert is lost with the connection."""
    issued = authority.issue("localhost", "localhost")
    ours = authority.issue("CS 001")
    context = server_context(issued, authority.root)

    async def hang_up(_reader, writer):
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        to = Dialling(
            url=f"wss://localhost:{port}",
            identity="CS1",
            security_profile=3,
            subprotocols=["ocpp2.0.1"],
            password=b"",
            tls=Tls(roots=(authority.root,), certificate=ours.certificate, key=ours.key),
            max_size=1 << 20,
        )
        with pytest.raises(NotConnected, match="may have refused our certificate") as failed:
            await dial(to)
    assert failed.value.security_event == "FailedToAuthenticateAtCsms"


async def test_files_that_are_missing_or_broken(tmp_path, folder, authority):
    ours = authority.issue("CS 001")
    context = server_context(authority.issue("localhost", "localhost"))
    (folder / "broken.pem").write_text("nothing")
    for files, reason in [
        (Files((folder / "none.pem",)), "No such file"),
        (Files((folder / "broken.pem",)), "TLS cannot be set up"),
        (Files((authority.root,)), "needs a certificate of the station"),
        (Files((authority.root,), ours.certificate, authority.root), "TLS cannot be set up"),
    ]:
        status, _, _ = await outcome(tmp_path, context, [], profile=3, files=files)
        assert reason in status.reason


async def test_a_folder_of_roots_is_read_anew_and_bad_files_are_left_out(tmp_path, authority):
    roots = tmp_path / "roots"
    roots.mkdir()
    (roots / "broken.pem").write_text("nothing")
    (roots / "readme.txt").write_text("nothing")
    context = server_context(authority.issue("localhost", "localhost"))
    async with csms(tls=context) as server:
        values = variables(url(server), profile=2)
        async with station(tmp_path, values, files=Files((roots,))) as client:
            assert "is refused" in (await client.listener.change()).reason
            (roots / "root.crt").write_bytes(authority.root.read_bytes())
            client.connection.reconnect("new root")
            assert (await client.listener.change()).connected


async def test_a_csms_without_tls(tmp_path, authority):
    async with csms() as server:
        values = variables(url(server), profile=2)
        async with station(tmp_path, values, files=Files((authority.root,))) as client:
            assert "during the TLS handshake" in (await client.listener.change()).reason


async def test_a_self_signed_certificate(tmp_path, folder, authority):
    """It is no anchor unless it is installed as one."""
    other = Authority(folder / "self", "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(other.root, other.key)
    status, events, _ = await outcome(tmp_path, context, [authority.root])
    assert not status.connected
    assert "self-signed" in status.reason.replace("self signed", "self-signed")
    assert events == ["InvalidCsmsCertificate"]


@pytest.mark.requirement("A00.FR.426")
async def test_no_cipher_suite_in_common_under_profile_3(tmp_path, authority):
    """The alert is the same as for a certificate that is missing; how far we came is not."""
    issued, ours = authority.issue("localhost", "localhost", kind="rsa"), authority.issue("CS 001")
    context = server_context(
        issued,
        authority.root,
        version=ssl.TLSVersion.TLSv1_2,
        ciphers="ECDHE-RSA-CHACHA20-POLY1305",
    )
    files = Files((authority.root,), ours.certificate, ours.key)
    reason, events = await refusal(tmp_path, context, files, profile=3)
    assert "no TLS cipher suite in common" in reason
    assert events == ["InvalidTLSCipherSuite"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_csms_that_wants_a_certificate_under_profile_2(version, tmp_path, authority):
    issued = authority.issue("localhost", "localhost")
    context = server_context(issued, authority.root, version=version)
    reason, events = await refusal(tmp_path, context, Files((authority.root,)))
    if "hung up" in reason:  # the alert of TLS 1.3 comes with the end, and may be lost with it
        assert version == ssl.TLSVersion.TLSv1_3
        assert "want a certificate of the station" in reason
        return
    assert "wants a certificate of the station" in reason
    assert events == ["FailedToAuthenticateAtCsms"]


async def test_without_roots_nobody_is_trusted_if_the_system_s_are_not_to_be_used(
    tmp_path, authority
):
    context = server_context(authority.issue("localhost", "localhost"))
    status, _, _ = await outcome(tmp_path, context, [], UseSslDefaultVerifyPaths="false")
    assert status.reason.startswith("no root certificate for the CSMS is installed")


async def test_the_suites_of_tls_1_3_are_told_as_they_are(tmp_path, authority):
    context = server_context(
        authority.issue("localhost", "localhost"), version=ssl.TLSVersion.TLSv1_3
    )
    async with csms(tls=context) as server:
        values = variables(url(server), profile=2)
        async with station(tmp_path, values, files=Files((authority.root,))) as client:
            there = await server.station()
            told = client.model.text(InternalCtrlr.SupportedCiphers13).split(":")
            tls = there.socket.transport.get_extra_info("ssl_object")
            assert tls.cipher()[0] in told
            offered = {name for name, version, _ in tls.shared_ciphers() if version == "TLSv1.3"}
            assert offered == set(told)


async def test_tls_through_a_proxy(tmp_path, authority):
    context = server_context(authority.issue("localhost", "localhost"))
    files = Files((authority.root,))
    async with csms(tls=context) as server, proxied() as (proxy, port):
        options = Options(proxy=Proxy("127.0.0.1", port))
        values = variables(url(server), profile=2)
        async with station(tmp_path, values, files=files, options=options) as client:
            await server.station()
            assert (await client.listener.change()).connected
            # The proxy is asked by name: it is its business to look it up.
            assert proxy.heads[0].startswith(f"CONNECT localhost:{server.port} ")
            assert "Authorization" not in proxy.heads[0]
