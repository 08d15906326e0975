import asyncio
import json
import socket
import struct
import time

import pytest
from websockets.exceptions import ConnectionClosed

from ocppd.csms import connection
from ocppd.csms.websocket import dial
from ocppd.device_model.names import (
    InternalCtrlr,
    NetworkConfiguration,
    OCPPCommCtrlr,
)
from ocppd.errors import NoAnswer, Offline
from ocppd.model.registration import BootNotification, Heartbeat
from tests.csms.server import Options, csms, station, url, variables, wait_for
from tests.csms.wire import NOW, answering
from tests.fakes import FakeClock

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


async def test_a_peer_that_stops_reading_while_we_send_is_given_up_in_time(tmp_path):
    """R6: the time of the pong runs also while a frame is stuck."""
    routes = {"GetReport": answering({"status": "Accepted", "x": "y" * 8_000_000})}
    async with csms(["ocpp2.0.1"], ping_interval=None, compression=None) as server:
        values, options = variables(url(server), ping_s=1), Options(compression=False)
        async with station(tmp_path, values, routes=routes, options=options) as client:
            there = await server.station()
            assert (await client.listener.change()).connected
            await there.say(2, "1", "GetReport", {"requestId": 1})
            there.socket.transport.pause_reading()
            begin = time.monotonic()
            status = await client.listener.change()
            assert status.reason == "no pong from the CSMS in 1 s"
            assert time.monotonic() - begin < 3.5


@pytest.mark.parametrize(("payload", "sent"), [("ocppd", b"ocppd"), ("é" * 100, None), ("", None)])
async def test_what_a_ping_carries(payload, sent, tmp_path):
    pings = []
    async with csms(ping_interval=None) as server:
        values = variables(url(server), ping_s=1)
        values[InternalCtrlr.WebsocketPingPayload] = payload
        async with station(tmp_path, values) as client:
            there = await server.station()
            await client.listener.change()
            original = there.socket.protocol.recv_frame

            def noting(frame):
                if frame.opcode == 9:
                    pings.append(bytes(frame.data))
                return original(frame)

            there.socket.protocol.recv_frame = noting
            await wait_for(lambda: len(pings) == 2, 4)
            assert client.connection.connected
    assert all(len(ping) <= 125 for ping in pings)
    if sent is not None:
        assert pings == [sent, sent]
    elif payload:
        assert pings[0].decode() == "é" * 62
    else:
        assert pings[0] != pings[1]


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
    async with (
        csms() as server,
        station(tmp_path, variables(url(server)), options=Options(max_size=70_000)) as c,
    ):
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


async def test_stopping_in_the_moment_in_which_the_connection_is_made(tmp_path, monkeypatch):
    """The CSMS must not see a station that is there and says nothing."""

    async def made_and_stopped(to):
        made = await dial(to)
        client.connection.stop()
        return made

    monkeypatch.setattr(connection, "dial", made_and_stopped)
    async with csms() as server, station(tmp_path, variables(url(server))) as client:
        there = await server.station()
        await client.connection.ended()
        async with asyncio.timeout(2):
            await there.socket.wait_closed()
        assert not client.connection.connected


@pytest.mark.parametrize("refuses", [True, False])
async def test_what_never_reached_the_csms_is_told_apart(refuses, tmp_path):
    """A network that is down says nothing against a new password or certificate."""
    clock, unreached = FakeClock(), []

    async def hang_up(_reader, writer):
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    if not refuses:
        server.close()
        await server.wait_closed()
    values = variables(f"ws://127.0.0.1:{port}/x")
    async with station(
        tmp_path, values, clock=clock, on_unreached=lambda: unreached.append(True)
    ) as client:
        async with asyncio.timeout(10):
            while not client.listener.failed_slots:
                clock.advance(10)
                await asyncio.sleep(0.01)
        assert client.listener.reached[0] is refuses
        assert bool(unreached) is not refuses
    server.close()
