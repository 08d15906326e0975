import base64
import http

import pytest

from ocppd.csms.websocket import basic_auth, connection_url
from ocppd.device_model.names import (
    NetworkConfiguration,
    OCPPCommCtrlr,
)
from tests.csms.server import csms, station, url, variables, wait_for
from tests.fakes import FakeClock

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
            assert (await server.station()).credentials == b"CS 001:" + password


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
