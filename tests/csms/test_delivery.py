import asyncio
import json
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ocppd.csms.payload import timestamp
from ocppd.csms.spelling import Message
from ocppd.device_model.names import OCPPCommCtrlr
from ocppd.errors import NotSpoken
from ocppd.model.registration import Heartbeat
from ocppd.model.requests import Nothing
from ocppd.model.security import SecurityEventNotification
from ocppd.model.tokens import AuthorizationStatus, IdTokenInfo
from ocppd.model.transactions import (
    TransactionEvent,
    TransactionEventResponse,
    TransactionEventType,
    TriggerReason,
)
from ocppd.model.variables import EvseRef
from tests.csms.server import csms, station, variables
from tests.fakes import FakeClock

WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)
TYPES = TransactionEventType


def event(transaction_id: str, seq_no: int, event_type: TYPES = TYPES.UPDATED) -> TransactionEvent:
    return TransactionEvent(
        event_type=event_type,
        timestamp=WHEN + timedelta(seconds=seq_no),
        trigger_reason=TriggerReason.METER_VALUE_PERIODIC,
        seq_no=seq_no,
        transaction_id=transaction_id,
        session_id=f"session-{transaction_id}",
        evse=EvseRef(1, 1),
    )


def transaction(transaction_id: str, length: int = 3) -> list[TransactionEvent]:
    types = [TYPES.STARTED, *[TYPES.UPDATED] * (length - 2), TYPES.ENDED]
    return [event(transaction_id, at, each) for at, each in enumerate(types)]


SECURITY_EVENT = SecurityEventNotification("StartupOfTheDevice", WHEN)


def encode(entry, facts):
    """Spell an entry in the least words of 2.x."""
    request = entry.request
    if isinstance(request, SecurityEventNotification):
        payload = {"type": request.type, "timestamp": timestamp(request.timestamp)}
        return [Message("SecurityEventNotification", payload, lambda _payload: Nothing())]
    payload = {
        "eventType": request.event_type.value,
        "timestamp": timestamp(request.timestamp),
        "triggerReason": request.trigger_reason.value,
        "seqNo": request.seq_no,
        "transactionInfo": {"transactionId": request.transaction_id},
    }
    return [Message("TransactionEvent", payload, decode)]


def decode(payload):
    info = payload.get("idTokenInfo")
    status = IdTokenInfo(AuthorizationStatus(info["status"])) if info else None
    return TransactionEventResponse(id_token_info=status)


def encode_16(entry, facts):
    """Spell a transaction in 1.6: the start, with a reading that needs its number; updates not."""
    request = entry.request
    number = int(facts.csms_transaction_id or -1)
    match request.event_type:
        case TYPES.STARTED:
            start = {
                "connectorId": 1,
                "idTag": "x",
                "meterStart": 0,
                "timestamp": timestamp(request.timestamp),
            }
            values = [{"timestamp": timestamp(WHEN), "sampledValue": [{"value": "0"}]}]
            reading = {"connectorId": 1, "transactionId": number, "meterValue": values}
            return [
                Message("StartTransaction", start, decode_16),
                Message("MeterValues", reading, lambda _payload: Nothing()),
            ]
        case TYPES.UPDATED:
            return []
        case _:
            stop = {
                "transactionId": number,
                "meterStop": 5,
                "timestamp": timestamp(request.timestamp),
            }
            return [Message("StopTransaction", stop, decode_16)]


def decode_16(payload):
    number = payload.get("transactionId")
    return TransactionEventResponse(csms_transaction_id=None if number is None else str(number))


def by_version(entry, facts):
    return encode_16(entry, facts) if by_version.version == "1.6" else encode(entry, facts)


by_version.version = "2.0.1"


def url(server) -> str:
    return f"ws://127.0.0.1:{server.port}/ocpp"


async def accepting(there):
    """Take everything, as a CSMS of 2.x."""
    while True:
        frame = json.loads(await there.socket.recv())
        there.received.append(frame)
        await there.say(3, frame[1], {})


async def wait_for(condition, limit_s=10.0):
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.005)


def numbers(frames):
    return [(f[3]["transactionInfo"]["transactionId"], f[3]["seqNo"]) for f in frames]


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
            assert [entry.request for entry, _, _ in client.listener.answered] == events
            assert {generation for _, _, generation in client.listener.answered} == {"2.x"}
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
            [entries] = [[e for e, _, _ in client.listener.answered]]
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
            answered = [(e.request.seq_no, r) for e, r, _ in client.listener.answered]
            assert answered == [
                (0, TransactionEventResponse(csms_transaction_id="77")),
                (3, TransactionEventResponse()),
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
            [(_, response, _)] = client.listener.answered
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
            with client.store.atomically():
                for at in range(count):
                    client.store.queue(event("a", at))
            client.connection.start()
            await wait_for(lambda: client.store.queued_for(None) == 0, 30)
            await client.store.durable()
            frames = server.stations[0].received
            assert [frame[3]["seqNo"] for frame in frames] == list(range(count))
            assert len(client.connection._delivery._settled) <= 100


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.csms.server import station, variables
from tests.csms.test_delivery import encode

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
    assert len(received) <= total + 4, "at most the one in flight, at each kill"
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
