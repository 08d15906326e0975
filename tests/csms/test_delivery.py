import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from ocppd.csms.payload import timestamp
from ocppd.model.registration import Heartbeat
from tests.csms.queued import (
    TYPES,
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


async def test_the_queue_is_sent_in_order_and_emptied(tmp_path):
    events = [each for name in "abc" for each in transaction(name)]
    async with csms(["ocpp2.0.1"]) as server:
        server.handler = accepting
        async with station(
            tmp_path, variables(url(server)), encode_entry=encode, start=False
        ) as client:
            for each in events:
                client.store.queue(each)
            client.connection.start()
            await wait_for(lambda: client.store.queued_for(None) == 0)
            frames = server.stations[0].received
            assert numbers(frames) == [(each.transaction_id, each.seq_no) for each in events]
            assert len({frame[1] for frame in frames}) == len(events)
            assert [entry.request for entry, _ in client.listener.answered] == events
            await client.store.durable()
            assert await client.store.all_entries() == []
            # What comes later goes out as soon as somebody says so.
            client.store.queue(event("d", 0, TYPES.STARTED))
            client.connection.wake()
            await wait_for(lambda: len(frames) == len(events) + 1)


async def test_it_waits_for_acceptance(tmp_path):
    async with csms(["ocpp2.0.1"]) as server:
        server.handler = accepting
        async with station(
            tmp_path, variables(url(server)), encode_entry=encode, start=False
        ) as client:
            client.listener.registration_status = "Pending"
            client.store.queue(event("a", 0))
            client.connection.start()
            await client.listener.change()
            client.connection.wake()
            await asyncio.sleep(0.1)
            assert server.stations[0].received == []
            client.listener.registration_status = "Accepted"
            client.connection.wake()
            await wait_for(lambda: client.store.queued_for(None) == 0)


async def test_calls_of_the_station_get_their_turn_during_a_drain(tmp_path):
    async with csms(["ocpp2.0.1"]) as server:
        order = []

        async def taking(there):
            while True:
                frame = json.loads(await there.socket.recv())
                order.append(frame[2])
                now = {"currentTime": timestamp(WHEN)} if frame[2] == "Heartbeat" else {}
                await there.say(3, frame[1], now)

        server.handler = taking
        async with station(
            tmp_path, variables(url(server)), encode_entry=encode, start=False
        ) as client:
            for at in range(200):
                client.store.queue(event("a", at))
            client.connection.start()
            await wait_for(lambda: len(order) > 20)
            at = len(order)
            await client.connection.call(Heartbeat())
            assert order.index("Heartbeat") - at < 10
            await wait_for(lambda: client.store.queued_for(None) == 0)


async def test_a_long_queue_is_drained_without_gathering_anything(tmp_path):
    count = 2000
    async with csms(["ocpp2.0.1"], compression=None) as server:
        server.handler = accepting
        async with station(
            tmp_path, variables(url(server)), encode_entry=encode, start=False
        ) as client:
            client.store.limit_queue(lambda: count)
            with client.store.atomically():
                for at in range(count):
                    client.store.queue(event("a", at))
            client.connection.start()
            await wait_for(lambda: client.store.queued_for(None) == 0, 30)
            await client.store.durable()
            frames = server.stations[0].received
            assert [frame[3]["seqNo"] for frame in frames] == list(range(count))


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.csms.server import station, variables
from tests.csms.queued import encode

async def main():
    folder, url = Path(sys.argv[1]), sys.argv[2]
    async with station(folder, variables(url), encode_entry=encode):
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_killed_in_the_middle_nothing_is_lost_and_a_resend_is_the_same(tmp_path):
    """SIGKILL at the moment when a message is on the wire, again and again."""
    total, received = 60, []
    async with csms(["ocpp2.0.1"]) as server:
        kill_at = [7, 8, 23, 41]
        process = None

        async def killing(there):
            while True:
                frame = json.loads(await there.socket.recv())
                received.append(frame)
                if kill_at and frame[3]["seqNo"] == kill_at[0]:
                    kill_at.pop(0)
                    os.kill(process.pid, signal.SIGKILL)
                    return
                await there.say(3, frame[1], {})

        server.handler = killing
        async with station(
            tmp_path, variables(url(server)), encode_entry=encode, start=False
        ) as client:
            for at in range(total):
                client.store.queue(event("a", at))
            await client.store.durable()
        while True:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", KILLED, str(tmp_path), url(server),
                cwd=Path(__file__).parents[2], stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            if kill_at:
                await process.wait()
                continue
            await wait_for(lambda: received and received[-1][3]["seqNo"] == total - 1, 20)
            process.terminate()
            await process.wait()
            break
    by_number = {}
    for frame in received:
        by_number.setdefault(frame[3]["seqNo"], []).append(frame)
    assert sorted(by_number) == list(range(total)), "nothing is lost"
    for frames in by_number.values():
        assert all(frame == frames[0] for frame in frames), "the same id, the same payload"
    assert len(received) <= total + 4 * 4, "at most the last few updates, at each kill"
    first = [frame[3]["seqNo"] for frame in received]
    assert [number for at, number in enumerate(first) if number not in first[:at]] == list(
        range(total)
    )


def test_the_second_message_of_an_entry_has_an_id_of_its_own_and_always_the_same():
    from ocppd.csms.delivery import _message_id

    uuid = "0f8fad5b-d9cb-469f-a165-70867728950e"
    assert _message_id(uuid, 0) == uuid
    assert _message_id(uuid, 1) == "0f8fad5bd9cb469fa16570867728950e-2"
    assert len(_message_id("x" * 36, 1)) == 36
