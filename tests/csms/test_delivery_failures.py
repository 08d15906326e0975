import asyncio
import json

import pytest

from ocppd.csms.payload import timestamp
from ocppd.device_model.names import OCPPCommCtrlr
from ocppd.errors import NoAnswer, NotSpoken
from ocppd.model.registration import Heartbeat
from ocppd.model.tokens import AuthorizationStatus
from tests.csms.queued import (
    SECURITY_EVENT,
    WHEN,
    accepting,
    encode,
    event,
    numbers,
    transaction,
    url,
    wait_for,
)
from tests.csms.server import csms, station, variables
from tests.fakes import FakeClock


@pytest.mark.requirement("E04.FR.01", "E12.FR.01")
async def test_what_was_in_flight_at_a_cut_is_sent_again_with_the_same_id(tmp_path):
    async with csms(["ocpp2.0.1"]) as server:
        cut = []

        async def cutting(there):
            while True:
                frame = json.loads(await there.socket.recv())
                there.received.append(frame)
                if frame[3]["seqNo"] == 1 and not cut:
                    cut.append(frame)
                    there.socket.transport.abort()
                    return
                await there.say(3, frame[1], {})

        server.handler = cutting
        async with station(
            tmp_path, variables(url(server)), encode_entry=encode, start=False
        ) as client:
            for each in transaction("a"):
                client.store.queue(each)
            client.connection.start()
            await wait_for(lambda: client.store.queued_for(None) == 0)
            first, second = (there.received for there in server.stations[:2])
            assert numbers(first) == [("a", 0), ("a", 1)]
            assert numbers(second) == [("a", 1), ("a", 2)]
            assert second[0] == cut[0], "same id, same payload"
            [entries] = [[e for e, _ in client.listener.answered]]
            assert [entry.attempts for entry in entries] == [0, 0, 0], "no attempt was used up"


@pytest.mark.requirement("E13.FR.02", "E13.FR.03", "E13.FR.04")
async def test_a_refused_message_is_tried_again_ever_later_and_then_set_aside(tmp_path):
    clock = FakeClock()
    seen = []

    async def refusing(there):
        while True:
            frame = json.loads(await there.socket.recv())
            there.received.append(frame)
            seen.append((round(clock.monotonic()), frame[1]))
            if frame[3]["transactionInfo"]["transactionId"] == "bad":
                await there.say(4, frame[1], "InternalError", "database", {})
            else:
                await there.say(3, frame[1], {})

    async with csms(["ocpp2.0.1"]) as server:
        server.handler = refusing
        values = variables(url(server), attempts=3, interval_s=60, timeout_s=30)
        async with station(
            tmp_path, values, encode_entry=encode, clock=clock, start=False
        ) as client:
            for name in ("good", "bad", "after"):
                client.store.queue(event(name, 0))
            client.connection.start()
            for passed in (60, 120):
                before = len(seen)
                await wait_for(lambda n=before: len(seen) > n or n)
                await wait_for(lambda: clock.timers == 2)  # the pause, and that for orphans
                await asyncio.sleep(0.05)
                clock.advance(passed - 1)
                await asyncio.sleep(0.05)
                count = len(seen)
                clock.advance(1)
                await wait_for(lambda n=count: len(seen) > n)
            await wait_for(lambda: client.store.queued_for(None) == 0)
            times = [when for when, _ in seen]
            assert times == [0, 0, 60, 180, 180]
            assert len({message_id for _, message_id in seen[1:4]}) == 1, "one message, one id"
            [aside] = await client.store.all_entries()
            assert aside.request.transaction_id == "bad"
            assert aside.set_aside == "tried 3 times: InternalError: database"
            [(entry, reason)] = client.listener.given_up
            assert (entry.id, reason) == (aside.id, aside.set_aside)


async def test_no_answer_counts_as_a_failure(tmp_path):
    clock = FakeClock()

    async def deaf(there):
        while True:
            there.received.append(json.loads(await there.socket.recv()))

    async with csms(["ocpp2.0.1"]) as server:
        server.handler = deaf
        values = variables(url(server), attempts=2, interval_s=0, timeout_s=7)
        async with station(
            tmp_path, values, encode_entry=encode, clock=clock, start=False
        ) as client:
            client.store.queue(event("a", 0))
            client.connection.start()
            for attempt in (1, 2):
                await wait_for(
                    lambda n=attempt: server.stations and len(server.stations[0].received) == n
                )
                clock.advance(7.1)
            await wait_for(lambda: client.store.queued_for(None) == 0)
            [aside] = await client.store.all_entries()
            assert "tried 2 times" in aside.set_aside
            first, second = server.stations[0].received
            assert first == second


async def test_attempts_survive_a_restart(tmp_path):
    async def refusing(there):
        while True:
            frame = json.loads(await there.socket.recv())
            await there.say(4, frame[1], "InternalError", "", {})

    async with csms(["ocpp2.0.1"]) as server:
        server.handler = refusing
        values = variables(url(server), attempts=3, interval_s=1000)
        async with station(tmp_path, values, encode_entry=encode, start=False) as client:
            client.store.queue(event("a", 0))
            client.connection.start()
            await client.listener.change()
            await asyncio.sleep(0.2)
            await client.store.durable()
            [entry] = await client.store.all_entries()
            assert entry.attempts == 1
        values[OCPPCommCtrlr.MessageAttempts_TransactionEvent] = 2
        async with station(tmp_path, values, encode_entry=encode) as client:
            await wait_for(lambda: client.listener.given_up)
            assert client.listener.given_up[0][1].startswith("tried 2 times")


@pytest.mark.parametrize("code", ["NotImplemented", "NotSupported"])
async def test_a_csms_that_knows_no_security_events(code, tmp_path):
    async def old(there):
        while True:
            frame = json.loads(await there.socket.recv())
            there.received.append(frame)
            await there.say(4, frame[1], code, "", {})

    async with csms(["ocpp2.0.1"]) as server:
        server.handler = old
        async with station(
            tmp_path, variables(url(server), attempts=5), encode_entry=encode, start=False
        ) as client:
            client.store.queue(SECURITY_EVENT)
            client.connection.start()
            await wait_for(lambda: client.store.queued_for(None) == 0)
            await client.store.durable()
            assert await client.store.all_entries() == []
            assert len(server.stations[0].received) == 1


@pytest.mark.parametrize(
    ("error", "reason"), [(NotSpoken("no word"), "no word"), (KeyError("evse"), "KeyError: 'evse'")]
)
async def test_what_cannot_be_told_is_set_aside_and_the_queue_goes_on(error, reason, tmp_path):
    def failing(entry, facts):
        if entry.request.transaction_id == "bad":
            raise error
        return encode(entry, facts)

    async with csms(["ocpp2.0.1"]) as server:
        server.handler = accepting
        async with station(
            tmp_path, variables(url(server)), encode_entry=failing, start=False
        ) as client:
            for name in ("bad", "good"):
                client.store.queue(event(name, 0))
            client.connection.start()
            await wait_for(lambda: client.store.queued_for(None) == 0)
            assert numbers(server.stations[0].received) == [("good", 0)]
            [aside] = await client.store.all_entries()
            assert aside.set_aside == reason


async def test_a_response_that_comes_too_late_is_used_all_the_same(tmp_path):
    clock = FakeClock()
    async with csms(["ocpp2.0.1"]) as server:
        values = variables(url(server), attempts=3, interval_s=60, timeout_s=10)
        async with station(
            tmp_path, values, encode_entry=encode, clock=clock, start=False
        ) as client:
            client.store.queue(event("a", 0))
            client.connection.start()
            there = await server.station()
            frame = await there.hear()
            clock.advance(11)
            await there.say(3, frame[1], {"idTokenInfo": {"status": "Blocked"}})
            await wait_for(lambda: client.traffic[-1].reason == "came after the time limit")
            clock.advance(60)
            await wait_for(lambda: client.store.queued_for(None) == 0)
            [(_, response)] = client.listener.answered
            assert response.id_token_info.status is AuthorizationStatus.BLOCKED
            with pytest.raises(TimeoutError):
                await there.hear(0.1)


async def test_an_answer_that_cannot_be_used_does_not_stop_the_queue(tmp_path):
    async with csms(["ocpp2.0.1"]) as server:
        server.handler = accepting
        async with station(
            tmp_path, variables(url(server)), encode_entry=encode, start=False
        ) as client:

            def fails(*_answered):
                raise RuntimeError("no")

            client.listener.on_event_answered = fails
            for each in transaction("a"):
                client.store.queue(each)
            client.connection.start()
            await wait_for(lambda: client.store.queued_for(None) == 0)


def poisoned(ends, cuts):
    """Make a CSMS that ends the connection, as `ends` says, over the transaction `bad`."""

    async def handler(there):
        while True:
            frame = json.loads(await there.socket.recv())
            there.received.append(frame)
            if frame[3].get("transactionInfo", {}).get("transactionId") == "bad":
                cuts.append(frame[1])
                await ends(there, len(cuts))
                return
            await there.say(3, frame[1], {})

    return handler


async def abort(there, _number):
    there.socket.transport.abort()


async def test_a_message_over_which_the_csms_ends_each_connection_is_set_aside(tmp_path):
    cuts = []
    async with csms(["ocpp2.0.1"]) as server:
        server.handler = poisoned(abort, cuts)
        async with station(
            tmp_path, variables(url(server), attempts=2), encode_entry=encode, start=False
        ) as client:
            for name in ("good", "bad", "after"):
                client.store.queue(event(name, 0))
            client.connection.start()
            await wait_for(lambda: client.store.queued_for(None) == 0)
            assert len(cuts) == 4, "two that may have been the network, and two attempts"
            assert len(set(cuts)) == 1
            assert numbers(server.stations[-1].received) == [("after", 0)]
            [aside] = await client.store.all_entries()
            assert aside.request.transaction_id == "bad"
            assert (
                aside.set_aside == "tried 2 times: the CSMS ended the connection over it each time"
            )
            assert [reason for _, reason in client.listener.given_up] == [aside.set_aside]


async def test_two_cuts_in_a_row_use_up_no_attempt(tmp_path):
    cuts = []

    async def twice(there, number):
        if number <= 2:
            there.socket.transport.abort()
        else:
            await there.say(3, there.received[-1][1], {})
            await there.socket.wait_closed()

    async with csms(["ocpp2.0.1"]) as server:
        server.handler = poisoned(twice, cuts)
        async with station(
            tmp_path, variables(url(server), attempts=1), encode_entry=encode, start=False
        ) as client:
            client.store.queue(event("bad", 0))
            client.connection.start()
            await wait_for(lambda: client.store.queued_for(None) == 0)
            assert client.listener.given_up == []
            assert [entry.attempts for entry, *_ in client.listener.answered] == [0]


async def test_being_offline_is_no_refusal_however_often(tmp_path):
    """What we end ourselves, as when no pong comes, does not count, nor what was never sent."""
    async with (
        csms(["ocpp2.0.1"]) as server,
        station(
            tmp_path, variables(url(server), attempts=1), encode_entry=encode, start=False
        ) as client,
    ):
        client.store.queue(event("a", 0))
        client.connection.start()
        for _ in range(6):
            there = await server.station()
            await there.hear()
            client.connection.reconnect("new settings")
        there = await server.station()
        frame = await there.hear()
        await there.say(3, frame[1], {})
        await wait_for(lambda: client.store.queued_for(None) == 0)
        assert client.listener.given_up == []


async def test_a_csms_that_goes_down_over_anything_refuses_nothing(tmp_path):
    """Between the cuts over the entry there are cuts over something else."""
    received = []

    async def falling(there):
        received.append(json.loads(await there.socket.recv())[2])
        there.socket.transport.abort()

    async with csms(["ocpp2.0.1"]) as server:
        server.handler = falling
        async with station(
            tmp_path, variables(url(server), attempts=1), encode_entry=encode, start=False
        ) as client:
            client.store.queue(event("bad", 0))
            client.listener.registration_status = "Pending"
            client.connection.start()
            for number in range(8):
                await server.station()
                await wait_for(lambda: client.connection.connected)
                if number % 2:
                    with pytest.raises(NoAnswer):
                        await client.connection.call(Heartbeat(), triggered=True)
                else:
                    client.listener.registration_status = "Accepted"
                    client.connection.wake()
                    await wait_for(lambda n=number: len(received) == n + 1)
                    client.listener.registration_status = "Pending"
            assert received == ["TransactionEvent", "Heartbeat"] * 4
            assert client.listener.given_up == []
            assert client.store.queued_for(None) == 1


async def test_finding_no_place_in_the_line_is_no_attempt(tmp_path):
    clock = FakeClock()
    async with (
        csms(["ocpp2.0.1"]) as server,
        station(
            tmp_path, variables(url(server), attempts=1), encode_entry=encode, clock=clock
        ) as client,
    ):
        there = await server.station()
        await client.listener.change()
        asked = [asyncio.create_task(client.connection.call(Heartbeat())) for _ in range(201)]
        await there.hear()
        client.store.queue(event("a", 0))
        client.connection.wake()
        await asyncio.sleep(0.1)
        assert client.listener.given_up == []
        assert client.store.queued_for(None) == 1
        now = {"currentTime": timestamp(WHEN)}
        await there.say(3, there.received[0][1], now)
        for _ in asked[1:]:
            frame = await there.hear()
            await there.say(3, frame[1], now)
        await asyncio.gather(*asked)
        clock.advance(1.1)
        frame = await there.hear()
        assert numbers([frame]) == [("a", 0)]
        await there.say(3, frame[1], {})
        await wait_for(lambda: client.store.queued_for(None) == 0)
        assert client.listener.given_up == []
