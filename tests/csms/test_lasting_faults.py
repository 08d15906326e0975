import asyncio
import http

from tests.csms.queued import url, wait_for
from tests.csms.server import csms, station, variables
from tests.fakes import FakeClock


async def test_a_fault_while_telling_of_a_connection_leaves_nothing_behind(tmp_path):
    clock = FakeClock()
    async with (
        csms() as server,
        station(tmp_path, variables(url(server)), clock=clock, start=False) as client,
    ):
        before = len(asyncio.all_tasks())
        set_actual = client.model.set_actual
        client.model.set_actual = None  # calling it raises
        client.connection.start()
        status = await client.listener.change()
        assert (status.connected, status.reason) == (False, "internal error")
        there = await server.station()
        await there.socket.wait_closed()
        await wait_for(lambda: len(asyncio.all_tasks()) <= before + 2)  # the loop and the server's
        assert not client.connection.connected
        client.model.set_actual = set_actual
        clock.advance(600)
        assert (await client.listener.change()).connected


async def test_a_failure_that_lasts_makes_one_security_event_an_hour(tmp_path):
    status = [401]

    def respond(connection, _request):
        return connection.respond(http.HTTPStatus(status[0]), "no") if status[0] else None

    clock = FakeClock()
    async with csms(process_request=respond) as server:

        async def dialled_again():
            await wait_for(lambda: clock.timers == 1)
            clock.advance(2)
            await wait_for(lambda: clock.timers == 1)

        async with station(tmp_path, variables(url(server)), clock=clock) as client:
            events = client.listener.events
            for status[0] in (401, 401, 503, 401):
                await dialled_again()
            assert [kind for kind, _ in events] == ["FailedToAuthenticateAtCsms"]
            status[0] = 403
            await dialled_again()
            assert len(events) == 1, "another reason, and the same hour"
            clock.advance(3600)
            await wait_for(lambda: len(events) == 2)
            status[0] = 0
            await dialled_again()
            await wait_for(lambda: client.connection.connected)
            status[0] = 403
            await server.stations[-1].socket.close()
            await wait_for(lambda: not client.connection.connected)
            await dialled_again()
            assert len(events) == 2, "told within the hour"
            clock.advance(3600)
            await wait_for(lambda: len(events) == 3)
