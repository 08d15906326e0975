import asyncio
import base64
import http
import json
import os
import socket
import struct
import time

import pytest
from websockets.exceptions import ConnectionClosed

from ocppd.csms.websocket import basic_auth, connection_url
from ocppd.device_model.names import (
    InternalCtrlr,
    NetworkConfiguration,
    OCPPCommCtrlr,
    SecurityCtrlr,
)
from ocppd.errors import NoAnswer, Offline
from ocppd.model.registration import BootNotification, Heartbeat
from tests.csms.server import csms, station, variables
from tests.csms.wire import NOW, answering
from tests.fakes import FakeClock


def url(server) -> str:
    return f"ws://127.0.0.1:{server.port}/ocpp"


async def wait_for(condition, limit_s=5.0):
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.005)


# Where to, and as whom


@pytest.mark.parametrize(
    ("endpoint", "identity", "expected"),
    [
        ("ws://csms.example.com/ocpp", "CS001", "ws://csms.example.com/ocpp/CS001"),
        ("wss://csms.example.com/ocppj", "RDAM|123", "wss://csms.example.com/ocppj/RDAM%7C123"),
        ("wss://csms.example.com/ocppj", "RDAM 123", "wss://csms.example.com/ocppj/RDAM%20123"),
        ("ws://csms.example.com/ocpp/", "a/b", "ws://csms.example.com/ocpp/a%2Fb"),
        ("ws://csms.example.com", "é", "ws://csms.example.com/%C3%A9"),
        ("ws://csms.example.com/o?tenant=1", "CS", "ws://csms.example.com/o/CS?tenant=1"),
        ("ws://[::1]:8080/ocpp", "CS", "ws://[::1]:8080/ocpp/CS"),
    ],
)
def test_the_address_has_the_identity(endpoint, identity, expected):
    assert connection_url(endpoint, identity) == expected


def test_the_example_of_the_specification():
    key = bytes.fromhex("0001020304050607FFFF")
    assert basic_auth("AL1000", key) == "Basic " + base64.b64encode(b"AL1000:" + key).decode()


@pytest.mark.requirement("A00.FR.202", "A00.FR.203", "A00.FR.204")
async def test_the_handshake(tmp_path):
    async with csms() as server, station(tmp_path, variables(url(server))) as client:
        there = await server.station()
        request = there.socket.request
        assert request.path == "/ocpp/CS%20001"
        assert request.headers["Sec-WebSocket-Protocol"] == "ocpp2.1, ocpp2.0.1, ocpp1.6"
        kind, _, credentials = request.headers["Authorization"].partition(" ")
        assert kind == "Basic"
        assert base64.b64decode(credentials) == b"CS 001:0123456789abcdef"
        status = await client.listener.change()
        assert (status.connected, status.ocpp_version, status.reason) == (True, "2.1", None)
        assert (status.configuration_slot, status.security_profile) == (1, 1)
        assert client.connection.connected
        assert client.model.text(OCPPCommCtrlr.ActiveNetworkProfile) == "1"
        assert client.model.text(NetworkConfiguration.OcppVersion(1)) == "OCPP21"
        assert client.model.integer(SecurityCtrlr.SecurityProfile) == 1


@pytest.mark.parametrize(
    ("offered", "spoken", "version"),
    [
        ("ocpp2.1,ocpp2.0.1,ocpp1.6", ["ocpp1.6"], "1.6"),
        ("ocpp2.1,ocpp2.0.1,ocpp1.6", ["ocpp2.0.1", "ocpp1.6"], "2.0.1"),
        ("ocpp1.6", ["ocpp2.1", "ocpp1.6"], "1.6"),
    ],
)
async def test_the_csms_chooses_the_version(offered, spoken, version, tmp_path):
    values = variables("", versions=offered)
    async with csms(spoken) as server:
        values[NetworkConfiguration.OcppCsmsUrl(1)] = url(server)
        async with station(tmp_path, values) as client:
            assert (await client.listener.change()).ocpp_version == version
            assert client.connection.manners.names_transactions == (version == "1.6")


async def test_a_csms_that_speaks_none_of_them(tmp_path):
    async with (
        csms(["ocpp1.5"], select_subprotocol=lambda _c, _s: None) as server,
        station(tmp_path, variables(url(server))) as client,
    ):
        status = await client.listener.change()
        assert not status.connected
        assert status.reason.endswith("speaks none of ocpp2.1, ocpp2.0.1, ocpp1.6")
        assert not client.connection.connected
        there = await server.station()
        await there.socket.wait_closed()
        assert there.socket.close_code == 1002


async def test_a_csms_that_chooses_what_was_not_offered(tmp_path):
    async with (
        csms(select_subprotocol=lambda _c, _s: "ocpp2.0") as server,
        station(tmp_path, variables(url(server))) as client,
    ):
        assert "not offered" in (await client.listener.change()).reason


# A key of 40 hexadecimal digits is 20 bytes in 1.6 and a text in 2.x

KEY = "0001020304050607FFFFFFFFCCCCCCCCCCCCCCCC"


def credentials(there) -> bytes:
    return base64.b64decode(there.headers["Authorization"].partition(" ")[2])


@pytest.mark.requirement("A00.FR.205")
@pytest.mark.parametrize(
    ("versions", "password"),
    [
        ("ocpp1.6", bytes.fromhex(KEY)),
        ("ocpp2.0.1", KEY.encode()),
        ("ocpp2.1,ocpp1.6", KEY.encode()),
    ],
)
async def test_how_a_key_is_sent(versions, password, tmp_path):
    async with csms() as server:
        values = variables(url(server), versions=versions, password=KEY)
        async with station(tmp_path, values):
            assert credentials(await server.station()) == b"CS 001:" + password


async def test_where_both_are_offered_a_refused_key_is_tried_the_other_way(tmp_path):
    seen = []

    def check(connection, request):
        seen.append(base64.b64decode(request.headers["Authorization"].partition(" ")[2]))
        if seen[-1] != b"CS 001:" + bytes.fromhex(KEY):
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "no")
        return None

    clock = FakeClock()
    async with csms(process_request=check) as server:
        values = variables(url(server), password=KEY)
        async with station(tmp_path, values, clock=clock) as client:
            await client.listener.change()
            await wait_for(lambda: clock.timers == 1)
            clock.advance(2)
            assert (await client.listener.change()).connected
    assert seen == [b"CS 001:" + KEY.encode(), b"CS 001:" + bytes.fromhex(KEY)]


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


# Again and again


async def test_after_a_loss_it_waits_and_connects_again(tmp_path):
    clock = FakeClock()
    async with csms() as server:
        values = variables(url(server))
        values[OCPPCommCtrlr.RetryBackOffWaitMinimum] = 10
        values[OCPPCommCtrlr.RetryBackOffRandomRange] = 4
        async with station(tmp_path, values, clock=clock, random=lambda: 0.5) as client:
            there = await server.station()
            assert (await client.listener.change()).connected
            await there.socket.close(1001, "maintenance")
            status = await client.listener.change()
            assert status.reason == "closed by the CSMS (1001: maintenance)"
            await wait_for(lambda: clock.timers == 1)
            clock.advance(11.9)
            await asyncio.sleep(0.05)
            assert len(server.stations) == 1
            clock.advance(0.2)
            assert (await client.listener.change()).connected


@pytest.mark.requirement("B10.FR.03", "B10.FR.04")
async def test_the_next_slot_takes_over_and_waits_double(tmp_path):
    clock = FakeClock()
    dials = []

    def refuse(connection, _request):
        dials.append(clock.monotonic())
        return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "no")

    async with csms(process_request=refuse) as bad, csms() as good:
        values = variables(url(bad), priority="1,2")
        values |= {
            OCPPCommCtrlr.RetryBackOffWaitMinimum: 1,
            OCPPCommCtrlr.RetryBackOffRepeatTimes: 5,
            NetworkConfiguration.OcppCsmsUrl(2): url(good),
            NetworkConfiguration.SecurityProfile(2): 1,
            NetworkConfiguration.Identity(2): "two",
            NetworkConfiguration.BasicAuthPassword(2): "x" * 16,
            NetworkConfiguration.MessageTimeout(2): 7,
        }
        async with station(tmp_path, values, clock=clock) as client:
            for attempt in range(3):
                await wait_for(lambda n=attempt: len(dials) == n + 1 and clock.timers == 1)
                clock.advance(2 ** (attempt + 1) if attempt < 2 else 1)
            there = await good.station()
            assert there.socket.request.path == "/ocpp/two"
            await wait_for(lambda: client.connection.connected)
            assert client.connection.status.configuration_slot == 2
    assert dials == [0.0, 2.0, 6.0]


async def test_a_slot_that_cannot_be_used_is_left_out(tmp_path):
    async with csms() as server:
        values = variables("", priority="1,7")
        values |= {
            NetworkConfiguration.OcppCsmsUrl(7): url(server),
            NetworkConfiguration.SecurityProfile(7): 0,
        }
        values[NetworkConfiguration.Identity(7)] = "seven"
        async with station(tmp_path, values) as client:
            status = await client.listener.change()
            assert status.reason == "not configured: slot 1 has no OcppCsmsUrl"
            status = await client.listener.change()
            assert (status.configuration_slot, status.ocpp_version) == (7, "1.6")


async def test_stop_and_start(tmp_path):
    async with csms() as server, station(tmp_path, variables(url(server))) as client:
        there = await server.station()
        await client.listener.change()
        client.connection.stop()
        client.connection.stop()
        status = await client.listener.change()
        assert (status.connected, status.reason) == (False, "stopped")
        await there.socket.wait_closed()
        assert there.socket.close_code == 1000
        with pytest.raises(Offline, match="stopped"):
            await client.connection.call(Heartbeat())
        await asyncio.sleep(0.05)
        assert len(server.stations) == 1
        client.connection.start()
        client.connection.start()
        await server.station()
        assert (await client.listener.change()).connected
        client.connection.stop()
        client.connection.start()
        await server.station()
        await wait_for(lambda: client.connection.connected)
        await asyncio.sleep(0.05)
        assert len(server.stations) == 3
        assert len([each for each in client.listener.statuses if not each.connected]) == 2


async def test_reconnect_uses_the_present_settings_at_once(tmp_path):
    async with csms() as server, station(tmp_path, variables(url(server))) as client:
        await server.station()
        await client.listener.change()
        client.model.set_actual(NetworkConfiguration.BasicAuthPassword(1), "another-password")
        client.connection.reconnect("new password")
        there = await server.station()
        assert credentials(there) == b"CS 001:another-password"
        assert (await client.listener.change()).reason == "new password"
        assert (await client.listener.change()).connected


async def test_reconnect_does_not_wait_for_the_back_off(tmp_path):
    clock = FakeClock()
    async with csms() as server, station(tmp_path, variables(""), clock=clock) as client:
        assert "no OcppCsmsUrl" in (await client.listener.change()).reason
        client.model.set_actual(NetworkConfiguration.OcppCsmsUrl(1), url(server))
        client.connection.reconnect("new address")
        assert (await client.listener.change()).connected


# A CSMS that does nothing


async def test_the_end_takes_a_second_at_most_whatever_the_csms_does(tmp_path):
    """A peer that answers the handshake and then is as good as dead."""
    frozen = []

    async def freeze(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next(
            line.partition(": ")[2] for line in head.split("\r\n") if "Sec-WebSocket-Key" in line
        )
        from websockets.utils import accept_key

        writer.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept_key(key)}\r\n"
            "Sec-WebSocket-Protocol: ocpp2.0.1\r\n\r\n".encode()
        )
        frozen.append(writer)
        await asyncio.Event().wait()

    server = await asyncio.start_server(freeze, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with station(tmp_path, variables(f"ws://127.0.0.1:{port}/x")) as client:
        assert (await client.listener.change()).connected
        call = asyncio.create_task(client.connection.call(Heartbeat()))
        await asyncio.sleep(0.05)
        begin = time.monotonic()
        client.connection.stop()
        await client.connection.ended()
        assert time.monotonic() - begin < 1.0
        with pytest.raises(NoAnswer):
            await call
    server.close()


async def test_stopping_while_nobody_answers_the_handshake(tmp_path):
    async def silent(_reader, _writer):
        await asyncio.Event().wait()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with station(tmp_path, variables(f"ws://127.0.0.1:{port}/x")) as client:
        await asyncio.sleep(0.1)
        begin = time.monotonic()
        client.connection.stop()
        await client.connection.ended()
        assert time.monotonic() - begin < 0.5
    server.close()


async def test_a_peer_that_does_not_pong_is_given_up(tmp_path):
    async with csms(ping_interval=None) as server:
        values = variables(url(server), ping_s=1)
        async with station(tmp_path, values) as client:
            there = await server.station()
            assert (await client.listener.change()).connected
            there.socket.transport.pause_reading()
            begin = time.monotonic()
            status = await client.listener.change()
            assert status.reason == "no pong from the CSMS in 1 s"
            assert 1.8 < time.monotonic() - begin < 2.6


async def test_a_new_ping_interval_counts_at_once(tmp_path):
    pings = []
    async with csms(ping_interval=None) as server, station(tmp_path, variables(url(server))) as c:
        there = await server.station()
        await c.listener.change()
        original = there.socket.protocol.recv_frame

        def counting(frame):
            if frame.opcode == 9:
                pings.append(time.monotonic())
            return original(frame)

        there.socket.protocol.recv_frame = counting
        await asyncio.sleep(0.1)
        assert pings == []
        c.model.set_actual(OCPPCommCtrlr.WebSocketPingInterval, 1)
        await wait_for(lambda: len(pings) == 1, 2)
        c.model.set_actual(OCPPCommCtrlr.WebSocketPingInterval, 0)
        await asyncio.sleep(1.2)
        assert len(pings) == 1
        assert c.connection.connected


# Over the wire


async def test_frames_of_all_kinds_over_a_real_socket(tmp_path):
    routes = {"ClearCache": answering({"status": "Accepted"})}
    async with (
        csms(["ocpp2.0.1"]) as server,
        station(tmp_path, variables(url(server)), routes=routes) as client,
    ):
        there = await server.station()
        await there.say(2, "1", "ClearCache", {})
        assert await there.hear() == [3, "1", {"status": "Accepted"}]
        await there.socket.send(b"\x00\x01")
        assert (await there.hear())[:3] == [4, "-1", "RpcFrameworkError"]
        await there.socket.send("[" * 5000)
        assert (await there.hear())[:3] == [4, "-1", "RpcFrameworkError"]
        await there.say(2, "2", "ClearCache", {"x": 1})
        assert (await there.hear())[:3] == [4, "2", "FormatViolation"]
        asked = asyncio.create_task(client.connection.call(Heartbeat()))
        frame = await there.hear()
        assert frame[0] == 2
        assert frame[2:] == ["Heartbeat", {}]
        await there.say(3, frame[1], {"currentTime": NOW})
        assert (await asked).current_time.year == 2026
        assert client.connection.connected


async def test_a_frame_over_the_limit_closes_with_1009(tmp_path):
    async with csms() as server, station(tmp_path, variables(url(server)), max_size=70_000) as c:
        there = await server.station()
        await c.listener.change()
        await there.socket.send("x" * 70_001)
        await there.socket.wait_closed()
        assert there.socket.close_code == 1009
        assert "1009" in (await c.listener.change()).reason


async def test_text_that_is_not_utf_8_closes_with_1007(tmp_path):
    async with csms(compression=None) as server, station(tmp_path, variables(url(server))) as c:
        there = await server.station()
        await c.listener.change()
        await there.socket.send(b"[2,\xff]", text=True)
        await there.socket.wait_closed()
        assert there.socket.close_code == 1007
        assert not (await c.listener.change()).connected


async def test_a_connection_that_breaks_off(tmp_path):
    async with csms() as server, station(tmp_path, variables(url(server))) as client:
        there = await server.station()
        await client.listener.change()
        sock = there.socket.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        there.socket.transport.abort()
        assert (await client.listener.change()).reason.startswith("connection lost")


@pytest.mark.requirement("B01.FR.08", "B02.FR.02", "B03.FR.02")
@pytest.mark.parametrize("status", [None, "Pending", "Rejected"])
async def test_before_acceptance_only_what_was_triggered_goes_out(status, tmp_path):
    async with csms() as server, station(tmp_path, variables(url(server))) as client:
        there = await server.station()
        await client.listener.change()
        client.listener.registration_status = status
        with pytest.raises(Offline, match="has not accepted"):
            await client.connection.call(Heartbeat())
        client.connection.send(Heartbeat())
        client.connection.send(Heartbeat(), triggered=True)
        assert (await there.hear())[2] == "Heartbeat"
        with pytest.raises(Exception, match="no BootNotification"):
            # It is let through, as far as the spelling of this test goes.
            await client.connection.call(BootNotification("PowerUp", "v", "m"))


async def test_what_is_being_answered_is_said_before_the_end(tmp_path):
    async def slow(_payload):
        await asyncio.sleep(0.1)
        return await answering({"status": "Accepted"})(_payload)

    async with (
        csms() as server,
        station(tmp_path, variables(url(server)), routes={"ClearCache": slow}) as client,
    ):
        there = await server.station()
        await client.listener.change()
        await there.say(2, "1", "ClearCache", {})
        await asyncio.sleep(0.02)
        client.connection.stop()
        assert await there.hear() == [3, "1", {"status": "Accepted"}]
        with pytest.raises(ConnectionClosed):
            await there.socket.recv()


async def test_many_reconnects_leave_nothing_behind(tmp_path):
    async def hang_up(there):
        await there.socket.close()

    async with csms() as server:
        server.handler = hang_up
        clock = FakeClock()
        async with station(tmp_path, variables(url(server)), clock=clock) as client:
            for _ in range(5):
                await wait_for(lambda: clock.timers == 1)
                clock.advance(1)
            await wait_for(lambda: clock.timers == 1)
            before = len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())
            for _ in range(100):
                clock.advance(1)
                await wait_for(lambda: clock.timers == 1)
            await asyncio.sleep(0.2)
            after = len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())
            assert after[0] <= before[0] + 3
            assert after[1] <= before[1] + 3
            assert len(server.stations) > 100
            assert not client.connection.connected


async def test_a_broken_listener_does_not_end_the_connection(tmp_path):
    async with csms() as server, station(tmp_path, variables(url(server)), start=False) as client:

        def fails(_status):
            raise RuntimeError("no")

        client.listener.on_connected = fails
        client.connection.start()
        there = await server.station()
        await there.say(2, "1", "ClearCache", {})
        assert (await there.hear())[0] == 4


async def test_what_was_spoken_last_is_known_after_a_restart(tmp_path):
    values = variables("ws://127.0.0.1:1/x")
    values[OCPPCommCtrlr.ActiveNetworkProfile] = 1
    values[NetworkConfiguration.OcppVersion(1)] = "OCPP16"
    async with station(tmp_path, values, start=False) as client:
        assert client.connection.manners.names_transactions
        assert json.dumps(client.connection.status.reason) == '"not started"'


@pytest.mark.parametrize(
    ("changes", "is_16"),
    [
        ({InternalCtrlr.SupportedOcppVersions: "ocpp1.6,ocpp2.0.1"}, True),
        ({InternalCtrlr.SupportedOcppVersions: "ocpp2.0.1,ocpp1.6"}, False),
        ({NetworkConfiguration.SecurityProfile(1): 0}, True),
        ({OCPPCommCtrlr.NetworkConfigurationPriority: ""}, False),
    ],
)
async def test_before_anything_was_spoken_the_preferred_version_counts(changes, is_16, tmp_path):
    values = variables("ws://127.0.0.1:1/x") | changes
    async with station(tmp_path, values, start=False) as client:
        assert client.connection.manners.names_transactions == is_16
