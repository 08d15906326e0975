"""Settings of the connection over real sockets: slots, passwords, networks, proxy, compression."""

import asyncio
import base64
import contextlib
import http
import socket

import pytest

from ocppd.csms.tcp import Proxy, address_of_interface
from ocppd.device_model.names import NetworkConfiguration, OCPPCommCtrlr
from ocppd.errors import NetworkNotReady
from tests.csms.server import Options, csms, station, url, variables, wait_for
from tests.csms.test_connection import KEY
from tests.fakes import FakeClock


def two_slots(first: str, second: str, priority: str = "1,2", **changes):
    return variables(first, priority=priority, **changes) | {
        NetworkConfiguration.OcppCsmsUrl(2): second,
        NetworkConfiguration.SecurityProfile(2): 1,
        NetworkConfiguration.Identity(2): "two",
        NetworkConfiguration.BasicAuthPassword(2): "x" * 16,
        NetworkConfiguration.MessageTimeout(2): 5,
        NetworkConfiguration.OcppInterface(2): "Wired0",
    }


def unused_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def closed() -> str:
    return f"ws://127.0.0.1:{unused_port()}/x"


# Other slots


async def settled(clock, attempts=50):
    """Let what is due happen, one wait at a time."""
    for _ in range(attempts):
        await asyncio.sleep(0.01)


async def until(clock, condition, step_s=1.0):
    """Let time pass until something is so."""
    async with asyncio.timeout(10):
        while not condition():
            clock.advance(step_s)
            await asyncio.sleep(0.01)


async def test_an_idle_station_goes_back_to_the_better_slot(tmp_path):
    clock, port = FakeClock(), unused_port()
    async with csms() as fallback:
        values = two_slots(f"ws://127.0.0.1:{port}/x", url(fallback))
        options = Options(return_after_s=600)
        async with station(tmp_path, values, clock=clock, options=options) as client:
            connection, listener = client.connection, client.listener
            await until(clock, lambda: connection.connected)
            assert connection.status.configuration_slot == 2
            # Nobody is there: the connection is not given up.
            clock.advance(601)
            await settled(clock)
            assert connection.connected
            async with csms(port=port) as better:
                listener.idle = False
                clock.advance(601)
                await settled(clock)
                assert connection.status.configuration_slot == 2
                listener.idle = True
                clock.advance(10)
                await better.station()
                await wait_for(lambda: connection.connected)
                assert connection.status.configuration_slot == 1
                assert len(fallback.stations) == 1


async def test_a_better_slot_that_refuses_costs_one_attempt(tmp_path):
    clock, dials = FakeClock(), []

    def refuse(connection, _request):
        dials.append(clock.monotonic())
        return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "no")

    async with csms(process_request=refuse) as better, csms() as fallback:
        values = two_slots(url(better), url(fallback))
        options = Options(return_after_s=600)
        async with station(tmp_path, values, clock=clock, options=options) as client:
            await until(clock, lambda: client.connection.connected)
            assert len(dials) == 3
            clock.advance(600)
            await wait_for(lambda: len(dials) == 4)
            await until(clock, lambda: len(fallback.stations) == 2)
            await wait_for(lambda: client.connection.connected)
            assert len(dials) == 4
            assert client.connection.status.configuration_slot == 2


@pytest.mark.requirement("B10.FR.01", "B10.FR.06")
@pytest.mark.parametrize("versions", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
async def test_a_new_priority_counts_without_a_restart(versions, tmp_path):
    clock = FakeClock()
    async with csms() as old, csms() as new:
        values = two_slots(url(old), url(new), "1", versions=versions)
        async with station(tmp_path, values, clock=clock) as client:
            there = await old.station()
            await wait_for(lambda: client.connection.connected)
            client.listener.idle = False
            client.model.set_actual(OCPPCommCtrlr.NetworkConfigurationPriority, "2,1")
            clock.advance(59)
            await settled(clock)
            client.listener.idle = True
            assert len(new.stations) == 0
            clock.advance(1)
            await new.station()
            await wait_for(lambda: client.connection.connected)
            assert there.socket.close_code == 1000
            assert client.connection.status.configuration_slot == 2


async def test_a_new_priority_counts_at_once_while_there_is_no_connection(tmp_path):
    clock = FakeClock()
    async with csms() as new:
        values = two_slots(closed(), url(new), "1")
        async with station(tmp_path, values, clock=clock) as client:
            await client.listener.change()
            client.model.set_actual(OCPPCommCtrlr.NetworkConfigurationPriority, "2")
            await new.station()


@pytest.mark.requirement("B10.FR.07", "B10.FR.09")
async def test_a_new_priority_that_leads_nowhere_ends_where_it_began(tmp_path):
    clock = FakeClock()
    async with csms() as old:
        values = two_slots(url(old), closed(), "1")
        async with station(tmp_path, values, clock=clock) as client:
            await wait_for(lambda: client.connection.connected)
            client.model.set_actual(OCPPCommCtrlr.NetworkConfigurationPriority, "2")
            clock.advance(60)
            await until(clock, lambda: len(old.stations) == 2)
            assert client.listener.failed_slots == [2]


async def test_new_settings_give_up_a_dial_that_nobody_answers(tmp_path):
    async def silent(_reader, writer):
        with contextlib.suppress(ConnectionError):
            await asyncio.sleep(20)
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as swallowing, csms() as good:
        port = swallowing.sockets[0].getsockname()[1]
        async with station(tmp_path, variables(f"ws://127.0.0.1:{port}/x")) as client:
            await asyncio.sleep(0.2)
            client.model.set_actual(NetworkConfiguration.OcppCsmsUrl(1), url(good))
            client.connection.reconnect("another address")
            await good.station(1.0)


# Passwords


def taking(*passwords):
    """Take these passwords and no other; tell what was offered."""
    seen = []

    def check(connection, request):
        seen.append(base64.b64decode(request.headers["Authorization"].partition(" ")[2])[7:])
        if seen[-1] not in passwords:
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "no")
        return None

    return seen, check


@pytest.mark.requirement("A01.FR.04")
async def test_the_former_password_is_the_fall_back(tmp_path):
    seen, check = taking(b"former password!")
    clock = FakeClock()
    async with csms(process_request=check) as server:
        values = variables(url(server), password="the new password")
        async with station(tmp_path, values, clock=clock, start=False) as client:
            client.listener.old_passwords[1] = "former password!"
            client.connection.start()
            await until(clock, lambda: client.connection.connected)
            assert client.listener.worked == [(1, "former password!")]
            # What works is used, as long as it does.
            client.connection.reconnect("again")
            await wait_for(lambda: len(seen) == 3)
    assert seen == [b"the new password", b"former password!", b"former password!"]


async def test_both_forms_of_both_passwords_are_tried(tmp_path):
    seen, check = taking()
    clock = FakeClock()
    async with csms(process_request=check) as server:
        values = variables(url(server), password=KEY, versions="ocpp1.6,ocpp2.0.1")
        async with station(tmp_path, values, clock=clock, start=False) as client:
            client.listener.old_passwords[1] = "former password!"
            client.connection.start()
            await until(clock, lambda: len(seen) == 4)
    assert seen[:3] == [KEY.encode(), b"former password!", bytes.fromhex(KEY)]
    assert seen[3] == seen[0]


# Networks


async def test_a_slot_without_network_is_left_out_for_this_round(tmp_path):
    async with csms() as first, csms() as second:
        values = two_slots(url(first), url(second))
        async with station(tmp_path, values, start=False) as client:
            client.listener.networks[1] = NetworkNotReady("its network is not ready: Failed")
            client.connection.start()
            status = await client.listener.change()
            assert status.reason == "slot 1: its network is not ready: Failed"
            await second.station()
            assert (client.listener.configured, len(first.stations)) == ([1, 2], 0)


@pytest.mark.parametrize("bind", ["127.0.0.9", "lo"])
async def test_the_address_or_interface_that_the_host_tells_is_bound(bind, tmp_path):
    async with (
        csms() as server,
        station(tmp_path, variables(url(server)), start=False) as client,
    ):
        client.listener.networks[1] = bind
        client.connection.start()
        there = await server.station()
        seen = there.socket.remote_address[0]
        assert seen == (bind if bind != "lo" else "127.0.0.1")


async def test_the_interface_of_the_configuration_is_bound(tmp_path):
    async with csms() as server:
        for name, reason in (("no-such-if", "there is no interface no-such-if"), ("lo", None)):
            options = Options(interfaces={"Any": name})
            folder = tmp_path / name
            folder.mkdir()
            async with station(folder, variables(url(server)), options=options) as client:
                status = await client.listener.change()
                assert status.connected == (reason is None)
                assert reason is None or reason in status.reason


def test_addresses_of_interfaces():
    assert address_of_interface("lo", socket.AF_INET) == "127.0.0.1"
    assert address_of_interface("no-such-if", socket.AF_INET) is None
    assert address_of_interface("no-such-if", socket.AF_INET6) is None


# Proxy


class ConnectProxy:
    """An HTTP proxy that connects, if the credentials are right."""

    def __init__(self, credentials: str | None = None, status: str = "200 OK") -> None:
        self.heads: list[str] = []
        self.credentials = credentials
        self.status = status

    async def _serve(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        if self.credentials is not None and f"Basic {self.credentials}\r\n" not in head:
            self.status = "407 Proxy Authentication Required"
        if not self.status.startswith("2"):
            writer.write(f"HTTP/1.1 {self.status}\r\nContent-Length: 0\r\n\r\n".encode())
            writer.close()
            return
        host, _, port = head.split()[1].rpartition(":")
        far_reader, far_writer = await asyncio.open_connection(host.strip("[]"), int(port))
        writer.write(f"HTTP/1.1 {self.status}\r\nVia: 1.1 test\r\n\r\n".encode())
        await asyncio.gather(self._copy(reader, far_writer), self._copy(far_reader, writer))

    async def _copy(self, reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(4096):
                writer.write(data)
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def proxied(**options):
    proxy = ConnectProxy(**options)
    async with await asyncio.start_server(proxy._serve, "127.0.0.1", 0) as server:
        yield proxy, server.sockets[0].getsockname()[1]


async def test_through_a_proxy_with_credentials(tmp_path):
    credentials = base64.b64encode(b"box:a:b @/").decode()
    async with csms() as server, proxied(credentials=credentials) as (proxy, port):
        options = Options(proxy=Proxy("127.0.0.1", port, "box", "a:b @/"))
        async with station(tmp_path, variables(url(server)), options=options) as client:
            there = await server.station()
            assert (await client.listener.change()).connected
            assert proxy.heads[0].startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n")
            # What is the proxy's is not told to the CSMS, nor the other way round.
            assert "Proxy-Authorization" not in there.headers
            assert "\r\nAuthorization" not in proxy.heads[0]
            assert "a:b" not in repr(options)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"credentials": "other"}, "407: wants other credentials"),
        ({"status": "403 Forbidden"}, "403: does not connect to"),
        ({"status": "502 Bad Gateway"}, "502: does not connect to"),
        ({"status": "garbage"}, "is no HTTP proxy"),
    ],
)
async def test_a_proxy_that_refuses(answer, reason, tmp_path):
    async with csms() as server, proxied(**answer) as (_, port):
        options = Options(proxy=Proxy("127.0.0.1", port, "box", "secret"))
        async with station(tmp_path, variables(url(server)), options=options) as client:
            status = await client.listener.change()
            assert status.reason.startswith(f"the proxy 127.0.0.1:{port} {reason}")
            assert len(server.stations) == 0


async def test_a_proxy_that_is_not_there(tmp_path):
    options = Options(proxy=Proxy("127.0.0.1", unused_port()))
    async with station(tmp_path, variables("ws://csms.example/x"), options=options) as client:
        assert "the proxy 127.0.0.1" in (await client.listener.change()).reason


# Compression


@pytest.mark.parametrize("compression", [True, False])
@pytest.mark.parametrize("accepted", ["deflate", None])
async def test_compression_is_offered_and_may_be_declined(compression, accepted, tmp_path):
    async with csms(compression=accepted) as server:
        options = Options(compression=compression)
        async with station(tmp_path, variables(url(server)), options=options) as client:
            there = await server.station()
            assert (await client.listener.change()).connected
            used = [each.name for each in there.socket.protocol.extensions]
            assert used == (["permessage-deflate"] if compression and accepted else [])
            assert ("Sec-WebSocket-Extensions" in there.headers) == compression
