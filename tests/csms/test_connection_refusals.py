import asyncio
import base64
import contextlib
import gc
import http
import itertools
import os
import socket
import tracemalloc
from datetime import UTC, datetime

import pytest

from ocppd.csms.refusals import retry_after_s
from ocppd.device_model.names import OCPPCommCtrlr
from ocppd.errors import Offline
from ocppd.model.registration import Heartbeat
from tests.csms.certificates import Authority
from tests.csms.server import Files, csms, station, url, variables, wait_for
from tests.fakes import FakeClock

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


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [("30", 30), ("1", 5), ("999999", 3600), ("soon", 5), ("Wed, 21 Oct 2015 07:28:00 GMT", 5)],
)
async def test_retry_after_counts_if_it_is_longer(header, wait_s, tmp_path):
    clock, dials = FakeClock(), []

    def busy(connection, _request):
        dials.append(clock.monotonic())
        response = connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "no")
        response.headers["Retry-After"] = header
        return response

    async with csms(process_request=busy) as server:
        values = variables(url(server)) | {OCPPCommCtrlr.RetryBackOffWaitMinimum: 5}
        async with station(tmp_path, values, clock=clock) as client:
            await client.listener.change()
            await wait_for(lambda: clock.timers == 1)
            clock.advance(wait_s - 0.5)
            await asyncio.sleep(0.03)
            assert len(dials) == 1
            clock.advance(0.5)
            await wait_for(lambda: len(dials) == 2)


def test_retry_after_as_a_date():
    now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    assert retry_after_s("Sun, 01 Mar 2026 12:01:30 GMT", now) == 90
    assert retry_after_s("Sun, 01 Mar 2026 12:01:30", now) == 90
    assert retry_after_s("Sun, 99 Mar 2026 12:01:30 GMT", now) == 0
    assert retry_after_s(None, now) == 0


async def test_what_a_person_has_to_mend_is_trouble_until_it_is_over(tmp_path):
    refusing = [http.HTTPStatus.UNAUTHORIZED]

    def check(connection, _request):
        return connection.respond(refusing[0], "no") if refusing else None

    clock = FakeClock()
    async with (
        csms(process_request=check) as server,
        station(tmp_path, variables(url(server)), clock=clock) as client,
    ):
        await client.listener.change()
        await wait_for(lambda: clock.timers == 1)
        [trouble] = client.listener.troubles
        assert "401: wrong password for CS 001" in trouble
        refusing.clear()
        clock.advance(1)
        await wait_for(lambda: client.connection.connected)
        assert client.listener.troubles[1:] == [None]


async def test_a_csms_that_ends_each_connection_at_once_is_another_station_s(tmp_path):
    """Two stations with one identity displace each other: neither shall fight for it."""

    async def displace(there):
        await there.socket.close(1008, "replaced")

    clock, dials = FakeClock(), []
    async with csms() as server:
        server.handler = displace
        values = variables(url(server)) | {
            OCPPCommCtrlr.RetryBackOffWaitMinimum: 4,
            OCPPCommCtrlr.RetryBackOffRepeatTimes: 3,
        }
        async with station(tmp_path, values, clock=clock) as client:
            for number in range(1, 7):
                await wait_for(lambda n=number: len(server.stations) == n and clock.timers == 1)
                dials.append(clock.monotonic())
                await wait_for(lambda: not client.connection.connected)
                clock.advance(min(4 << max(number - 1, 0), 32))
            events = client.listener.events
            assert [kind for kind, _ in events] == ["ConnectionDisplaced"]
            assert "is another station connected as CS 001?" in events[0][1]
            # One that lasts ends it.
            server.handler = None
            await until_connected(client, clock)
            assert client.listener.troubles[-1] is None
    assert [b - a for a, b in itertools.pairwise(dials)] == [4, 8, 16, 32, 32]


async def until_connected(client, clock):
    async with asyncio.timeout(5):
        while not client.connection.connected:
            clock.advance(8)
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("kind", ["refused", "not http", "hangs up", "tls"])
async def test_failed_handshakes_leave_nothing_behind(kind, tmp_path):
    """EVerest#2287; `make torture` has 10,000 of them."""
    count, clock = 150, FakeClock()

    async def serve(reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if kind != "tls":
                await reader.readuntil(b"\r\n\r\n")
            if kind == "refused":
                writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
            elif kind in ("not http", "tls"):
                writer.write(b"garbage, and no end of it\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        secure = kind == "tls"
        files = Files((Authority(tmp_path).root,))
        values = variables(
            f"{'wss' if secure else 'ws'}://127.0.0.1:{port}/x", profile=2 if secure else 1
        )
        async with station(tmp_path, values, clock=clock, files=files) as client:

            async def fail(times):
                for _ in range(times):
                    await wait_for(lambda: clock.timers == 1)
                    clock.advance(1)
                await wait_for(lambda: clock.timers == 1)
                await asyncio.sleep(0.05)
                gc.collect()
                return len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())

            before = await fail(10)
            tracemalloc.start()
            gc.collect()
            memory = tracemalloc.get_traced_memory()[0]
            after = await fail(count)
            grown = tracemalloc.get_traced_memory()[0] - memory
            tracemalloc.stop()
            assert after[0] <= before[0] + 2
            assert after[1] <= before[1] + 2
            assert grown < 1024 * count  # a leaked connection is more than 10 KiB
            assert not client.connection.connected
