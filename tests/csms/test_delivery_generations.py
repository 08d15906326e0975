import asyncio
import json
import sqlite3
from contextlib import contextmanager

from ocppd.model.transactions import (
    TransactionEventResponse,
)
from tests.csms.queued import (
    TYPES,
    accepting,
    by_version,
    encode,
    encode_16,
    event,
    numbers,
    transaction,
    url,
    wait_for,
)
from tests.csms.server import csms, station, variables
from tests.fakes import FakeClock


async def test_in_1_6_the_number_of_the_start_is_in_what_follows(tmp_path):
    async def central_system(there):
        while True:
            frame = json.loads(await there.socket.recv())
            there.received.append(frame)
            answer = {
                "StartTransaction": {"transactionId": 77, "idTagInfo": {"status": "Accepted"}}
            }
            await there.say(3, frame[1], answer.get(frame[2], {}))

    async with csms(["ocpp1.6"]) as server:
        server.handler = central_system
        async with station(
            tmp_path, variables(url(server)), encode_entry=encode_16, start=False
        ) as client:
            for each in transaction("a", 4):
                client.store.queue(each)
            client.connection.start()
            await wait_for(lambda: client.store.queued_for(None) == 0)
            frames = server.stations[0].received
            assert [frame[2] for frame in frames] == [
                "StartTransaction",
                "MeterValues",
                "StopTransaction",
            ]
            assert [frame[3].get("transactionId") for frame in frames[1:]] == [77, 77]
            assert frames[1][1].endswith("-2")
            assert len({frame[1] for frame in frames}) == 3
            assert all(len(frame[1]) <= 36 for frame in frames)
            answered = [(e.request.seq_no, r) for e, r in client.listener.answered]
            assert answered == [
                (0, TransactionEventResponse(names_transaction=True, csms_transaction_id="77")),
                (3, TransactionEventResponse(names_transaction=True)),
            ], "what 1.6 has no message for has no answer either"


async def test_the_rest_of_a_transaction_waits_for_its_own_generation(tmp_path):
    """A new transaction goes to the CSMS that is there; a begun one to the one that knows it."""
    folder = tmp_path
    by_version.version = "2.0.1"
    async with csms(["ocpp2.0.1"]) as server:
        server.handler = accepting
        async with station(
            folder, variables(url(server)), encode_entry=by_version, start=False
        ) as client:
            client.store.queue(event("old", 0, TYPES.STARTED))
            client.connection.start()
            await wait_for(lambda: client.store.queued_for(None) == 0)
            client.connection.stop()
            await client.connection.ended()
            client.store.queue(event("old", 1, TYPES.ENDED))
            client.store.queue(event("new", 0, TYPES.STARTED))
            await client.store.durable()

    async def central_system(there):
        while True:
            frame = json.loads(await there.socket.recv())
            there.received.append(frame)
            number = {"transactionId": 5, "idTagInfo": {"status": "Accepted"}}
            await there.say(3, frame[1], number if frame[2] == "StartTransaction" else {})

    by_version.version = "1.6"
    async with csms(["ocpp1.6"]) as server:
        server.handler = central_system
        async with station(folder, variables(url(server)), encode_entry=by_version) as client:
            await wait_for(lambda: client.store.queued_for("new") == 0)
            await asyncio.sleep(0.1)
            assert [f[2] for f in server.stations[0].received] == [
                "StartTransaction",
                "MeterValues",
            ]
            assert client.store.queued_for("old") == 1
    by_version.version = "2.0.1"
    async with csms(["ocpp2.0.1"]) as server:
        server.handler = accepting
        async with station(folder, variables(url(server)), encode_entry=by_version) as client:
            await wait_for(lambda: client.store.queued_for("old") == 0)
            assert numbers(server.stations[0].received) == [("old", 1)]


async def test_what_nobody_comes_back_for_is_set_aside_after_three_days(tmp_path):
    by_version.version = "1.6"
    clock = FakeClock()
    async with csms(["ocpp1.6"]) as server:
        server.handler = accepting
        async with station(
            tmp_path, variables(url(server)), encode_entry=by_version, clock=clock, start=False
        ) as client:
            client.store.save_transaction_facts("old", "2.x", None)
            client.store.queue(event("old", 1))
            client.store.queue(event("old", 2, TYPES.ENDED))
            client.store.queue(event("untold", 1))  # nothing to say of it in 1.6
            client.connection.start()
            await client.listener.change()
            await wait_for(lambda: client.store.queued_for("untold") == 0)
            clock.advance(71 * 3600)
            await asyncio.sleep(0.1)
            assert client.listener.given_up == []
            clock.advance(3600 + 2)
            await wait_for(lambda: client.store.queued_for(None) == 0)
            aside = await client.store.all_entries()
            assert [entry.request.seq_no for entry in aside] == [1, 2]
            assert {entry.set_aside for entry in aside} == {
                "the transaction is known to a CSMS of OCPP 2.x,"
                " and none was connected for 72 hours"
            }


@contextmanager
def broken_disk(client, folder):
    """Let nobody write the store, as a full or failing disk does."""
    client.store._writer._connection.execute("PRAGMA busy_timeout = 0")
    blocker = sqlite3.connect(folder / "store.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()


async def test_on_a_broken_disk_nothing_is_sent_or_given_up_twice(tmp_path):
    clock = FakeClock()
    async with csms(["ocpp2.0.1"]) as server:
        server.handler = accepting
        async with station(
            tmp_path, variables(url(server)), encode_entry=encode, clock=clock, start=False
        ) as client:
            client.store.save_transaction_facts("old", "1.6", "7")
            client.store.queue(event("old", 1))
            for each in transaction("a"):
                client.store.queue(each)
            await client.store.durable()
            client.connection.start()
            client.listener.registration_status = "Pending"
            await client.listener.change()
            with broken_disk(client, tmp_path):
                client.listener.registration_status = "Accepted"
                client.connection.wake()
                await wait_for(lambda: client.store.queued_for(None) == 1)
                clock.advance(72 * 3600 + 2)
                await wait_for(lambda: client.listener.given_up)
                for _ in range(3):
                    client.connection.wake()
                    await asyncio.sleep(0.05)
                assert numbers(server.stations[0].received) == [("a", 0), ("a", 1), ("a", 2)]
                assert len(client.listener.given_up) == 1
                assert client.store.queued_for(None) == 0


async def test_orphans_are_found_behind_many_that_may_not_go_out_yet(tmp_path):
    clock = FakeClock()
    async with csms(["ocpp2.0.1"]) as server:
        server.handler = accepting
        async with station(
            tmp_path, variables(url(server)), encode_entry=encode, clock=clock, start=False
        ) as client:
            client.listener.registration_status = "Pending"
            client.store.save_transaction_facts("old", "1.6", "7")
            for at in range(60):
                client.store.queue(event("new", at))
            for at in range(60):
                client.store.queue(event("old", at))
            client.connection.start()
            await client.listener.change()
            clock.advance(72 * 3600 + 2)
            await wait_for(lambda: client.store.queued_for("old") == 0)
            assert client.store.queued_for("new") == 60
            assert len(client.listener.given_up) == 60
