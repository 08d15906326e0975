import asyncio
import base64
import http
import socket

import pytest

from ocppd.errors import Offline
from ocppd.model.registration import Heartbeat
from tests.csms.server import csms, station, url, variables

# Why there is no connection


async def refused(tmp_path, **options):
    """Connect once to a CSMS that refuses; return the status and the security events."""
    async with csms(**options) as server, station(tmp_path, variables(url(server))) as client:
        return await client.listener.change(), client.listener.events


@pytest.mark.parametrize(
    ("status", "reason", "events"),
    [
        (401, "401: wrong password for CS 001", ["FailedToAuthenticateAtCsms"]),
        (403, "403: wrong password for CS 001", ["FailedToAuthenticateAtCsms"]),
        (404, "does not know CS 001", []),
        (500, "500", []),
        (503, "503", []),
        (302, "redirects elsewhere", []),
        (200, "200", []),
    ],
)
async def test_http_refusals_have_words_and_events(status, reason, events, tmp_path):
    def respond(connection, _request):
        response = connection.respond(http.HTTPStatus(status), "no")
        response.headers["Location"] = "ws://127.0.0.1:1/elsewhere"
        return response

    told, seen = await refused(tmp_path, process_request=respond)
    assert reason in told.reason
    assert [kind for kind, _ in seen] == events


async def test_nobody_listens(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    async with station(tmp_path, variables(f"ws://127.0.0.1:{port}/x")) as client:
        status = await client.listener.change()
        assert status.reason == f"connection refused by 127.0.0.1:{port}"
        with pytest.raises(Offline, match="connection refused"):
            await client.connection.call(Heartbeat())
        client.connection.send(Heartbeat())


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("ws://no-such-host.invalid/ocpp", "cannot resolve no-such-host.invalid"),
        ("ws://user:pass@127.0.0.1/ocpp", "holds credentials"),
        ("ws://127.0.0.1:99999/ocpp", "is no address"),
        ("ws://[::1/ocpp", "is no address"),
        ("ws:///ocpp", "no address"),
    ],
)
async def test_addresses_that_lead_nowhere(address, reason, tmp_path):
    async with station(tmp_path, variables(address)) as client:
        assert reason in (await client.listener.change()).reason


@pytest.mark.parametrize(
    "answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"\x16\x03"]
)
async def test_a_peer_that_is_no_websocket_server(answer, tmp_path):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, station(tmp_path, variables(f"ws://127.0.0.1:{port}/x")) as client:
        status = await client.listener.change()
        assert not status.connected
        assert str(port) in status.reason


async def test_the_password_is_in_no_log(tmp_path, caplog):
    caplog.set_level("DEBUG")
    async with csms() as server, station(tmp_path, variables(url(server))) as client:
        await client.listener.change()
    secret = base64.b64encode(b"CS 001:0123456789abcdef").decode()
    ours = [each.getMessage() for each in caplog.records if each.name != "websockets.server"]
    assert ours
    assert not [line for line in ours if secret in line or "0123456789abcdef" in line]
