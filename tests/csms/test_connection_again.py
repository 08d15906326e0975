import asyncio
import http
import os

import pytest

from ocppd.device_model.names import (
    NetworkConfiguration,
    OCPPCommCtrlr,
)
from ocppd.errors import Offline
from ocppd.model.registration import Heartbeat
from tests.csms.server import csms, station, url, variables, wait_for
from tests.fakes import FakeClock

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
                clock.advance(2**attempt if attempt < 2 else 1)
            there = await good.station()
            assert there.socket.request.path == "/ocpp/two"
            await wait_for(lambda: client.connection.connected)
            assert client.connection.status.configuration_slot == 2
    assert dials == [0.0, 1.0, 3.0]


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
            assert client.listener.troubles == []


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
        assert there.credentials == b"CS 001:another-password"
        assert (await client.listener.change()).reason == "new password"
        assert (await client.listener.change()).connected


async def test_reconnect_does_not_wait_for_the_back_off(tmp_path):
    clock = FakeClock()
    async with csms() as server, station(tmp_path, variables(""), clock=clock) as client:
        assert "no OcppCsmsUrl" in (await client.listener.change()).reason
        client.model.set_actual(NetworkConfiguration.OcppCsmsUrl(1), url(server))
        client.connection.reconnect("new address")
        assert (await client.listener.change()).connected


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
