"""When the queue rests, how fast it goes, and what is put back into it."""

import asyncio
import json
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from ocppd.csms.v16 import availability as v16
from ocppd.csms.v21 import availability as v21
from ocppd.csms.v201 import availability as v201
from ocppd.device_model.names import (
    InternalCtrlr,
    MonitoringCtrlr,
    NetworkConfiguration,
    OCPPCommCtrlr,
)
from ocppd.model.availability import (
    ConnectorStatus,
    ErrorNotification,
    StationError,
    StatusNotification,
)
from ocppd.model.registration import Heartbeat
from ocppd.model.security import SecurityEventNotification
from ocppd.model.variables import Component, EvseRef
from ocppd.station.evse import Evses
from tests.csms.queued import (
    TYPES,
    WHEN,
    accepting,
    by_version,
    encode,
    event,
    numbers,
    transaction,
    url,
    wait_for,
)
from tests.csms.server import csms, spellings, station, variables
from tests.fakes import FakeClock


def status_of_a_connector() -> StatusNotification:
    return StatusNotification(WHEN, 1, 1, ConnectorStatus.OCCUPIED, event_id=1)


def error_of(severity: str) -> ErrorNotification:
    error = StationError("uuid", "ac_rcd/AC", "", "text", "text", severity, WHEN, 1)
    component = Component("EVSE", evse=EvseRef(1))
    return ErrorNotification(
        error,
        component,
        cleared=False,
        event_id=1,
        timestamp=WHEN,
        status=ConnectorStatus.AVAILABLE,
    )


def spelled(encode_entry=encode):
    """All versions, each with its own words for status and errors."""
    words = {
        "ocpp1.6": v16.requests(SimpleNamespace(evses=Evses([["cType2"]]), device_model=None)),
        "ocpp2.0.1": v201.REQUESTS,
        "ocpp2.1": v21.REQUESTS,
    }
    return {
        name: replace(spelling, requests={**spelling.requests, **words[name]})
        for name, spelling in spellings(encode_entry).items()
    }


async def test_the_queue_rests_after_a_reconnect_but_not_at_first(tmp_path):
    values = {InternalCtrlr.MessageQueueResumeDelay: 30}
    clock = FakeClock()
    async with csms(["ocpp2.0.1"]) as server:
        server.handler = accepting
        async with station(
            tmp_path, variables(url(server)) | values, encode_entry=encode, clock=clock, start=False
        ) as client:
            client.store.queue(event("a", 0, TYPES.STARTED))
            client.connection.start()
            await wait_for(lambda: client.store.queued_for(None) == 0)
            await server.stations[0].socket.close()
            await wait_for(lambda: not client.connection.connected)
            client.store.queue(event("a", 1))
            clock.advance(1)
            await wait_for(lambda: client.connection.connected)
            client.connection.wake()
            clock.advance(29)
            await asyncio.sleep(0.1)
            assert server.stations[1].received == []
            clock.advance(1)
            await wait_for(lambda: client.store.queued_for(None) == 0)
            assert numbers(server.stations[1].received) == [("a", 1)]


async def test_no_faster_than_the_operator_wants(tmp_path):
    values = {InternalCtrlr.MessageQueueDrainRate: 20}
    at = []
    async with csms(["ocpp2.0.1"]) as server:

        async def taking(there):
            while True:
                frame = json.loads(await there.socket.recv())
                at.append((frame[2], time.monotonic()))
                now = {"currentTime": "2026-03-01T12:00:00Z"} if frame[2] == "Heartbeat" else {}
                await there.say(3, frame[1], now)

        server.handler = taking
        async with station(
            tmp_path, variables(url(server)) | values, encode_entry=encode, start=False
        ) as client:
            for number in range(10):
                client.store.queue(event("a", number))
            client.connection.start()
            await wait_for(lambda: len(at) >= 3)
            begun = time.monotonic()
            await client.connection.call(Heartbeat())
            assert time.monotonic() - begun < 0.04, "the pace is the queue's alone"
            await wait_for(lambda: client.store.queued_for(None) == 0)
    told = [moment for action, moment in at if action == "TransactionEvent"]
    assert len(told) == 10
    assert told[-1] - told[0] >= 9 * 0.05 - 0.02


async def test_a_poisonous_message_is_put_back_and_tried_anew_before_the_others(tmp_path):
    takes = False
    async with csms(["ocpp2.0.1"]) as server:

        async def choosy(there):
            while True:
                frame = json.loads(await there.socket.recv())
                there.received.append(frame)
                if frame[3]["seqNo"] == 1 and not takes:
                    await there.say(4, frame[1], "InternalError", "no", {})
                else:
                    await there.say(3, frame[1], {})

        server.handler = choosy
        async with station(
            tmp_path, variables(url(server), attempts=2), encode_entry=encode, start=False
        ) as client:
            for each in transaction("a"):
                client.store.queue(each)
            client.connection.start()
            await wait_for(lambda: client.store.queued_for(None) == 0)
            [poison] = await client.store.all_entries()
            assert (poison.attempts, poison.request.seq_no) == (2, 1)
            assert "no" in poison.set_aside
            # Refused again it is set aside again, after as many attempts as at first.
            assert await client.store.release(poison.id)
            client.connection.wake()
            await wait_for(lambda: len(client.listener.given_up) == 2)
            takes = True
            client.listener.registration_status = "Pending"
            await asyncio.sleep(0.2)  # until it rests
            client.store.queue(event("b", 0, TYPES.STARTED))
            assert await client.store.release(poison.id)
            client.listener.registration_status = "Accepted"
            client.connection.wake()
            await wait_for(lambda: client.store.queued_for(None) == 0)
            frames = server.stations[0].received
            assert numbers(frames) == [
                ("a", 0), ("a", 1), ("a", 1), ("a", 2),
                ("a", 1), ("a", 1),
                ("a", 1), ("b", 0),
            ]  # fmt: skip
            ids = {frame[1] for frame in frames if frame[3]["seqNo"] == 1}
            assert len(ids) == 1, "the CSMS can tell that it is one message"
            assert await client.store.all_entries() == []


async def test_orphans_are_counted_over_restarts(tmp_path):
    """The rest of a transaction waits for 72 hours in which the daemon ran, in whichever run."""
    by_version.version = "1.6"
    async with csms(["ocpp1.6"]) as server:
        server.handler = accepting
        for run, hours in enumerate((30, 30, 13)):
            clock = FakeClock()
            async with station(
                tmp_path, variables(url(server)), encode_entry=by_version, clock=clock, start=False
            ) as client:
                if run == 0:
                    client.store.save_transaction_facts("old", "2.x", None)
                    client.store.queue(event("old", 1))
                client.connection.start()
                await client.listener.change()
                for _ in range(hours):
                    clock.advance(3600)
                    await asyncio.sleep(0.02)
                if run < 2:
                    assert client.listener.given_up == []
                else:
                    await wait_for(lambda: client.listener.given_up)


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ({}, False),
        ({OCPPCommCtrlr.QueueAllMessages: "true"}, True),
        (
            {
                OCPPCommCtrlr.QueueAllMessages: "true",
                OCPPCommCtrlr.MessageTypesDiscardForQueueing: "MeterValues,StatusNotification",
            },
            False,
        ),
    ],
)
async def test_the_operator_may_want_all_messages_kept(tmp_path, values, kept):
    status = status_of_a_connector()
    async with csms(["ocpp2.0.1"]) as server:
        server.handler = accepting
        spoken_last = {
            NetworkConfiguration.OcppVersion(1): "OCPP201",
            OCPPCommCtrlr.ActiveNetworkProfile: 1,
        }
        async with station(
            tmp_path, variables(url(server)) | values | spoken_last, start=False
        ) as client:
            client.connection.attach(client.listener, spelled())
            client.connection.send(status)
            client.connection.send(Heartbeat())
            client.connection.send(replace(status, event_id=2))
            assert client.store.queued_for(None) == (2 if kept else 0)
            client.connection.start()
            await client.listener.change()
            await wait_for(lambda: client.store.queued_for(None) == 0)
            actions = [frame[2] for frame in server.stations[0].received]
            assert actions == ["StatusNotification"] * (2 if kept else 0)


@pytest.mark.requirement("N07.FR.04")
@pytest.mark.parametrize(
    ("most", "severity", "kept"),
    [("9", "Low", True), ("4", "Medium", True), ("4", "Low", False), ("3", "High", True)],
)
async def test_events_are_kept_by_their_severity(tmp_path, most, severity, kept):
    values = {MonitoringCtrlr.OfflineQueuingSeverity: most}
    for version, expected in (("OCPP201", kept), ("OCPP21", kept), ("OCPP16", False)):
        spoken_last = {
            NetworkConfiguration.OcppVersion(1): version,
            OCPPCommCtrlr.ActiveNetworkProfile: 1,
        }
        nowhere = variables("ws://127.0.0.1:1") | values | spoken_last
        async with station(tmp_path, nowhere, start=False) as client:
            client.connection.attach(client.listener, spelled())
            assert client.connection.keeps(error_of(severity)) is expected


SECURITY = SecurityEventNotification("SettingSystemTime", WHEN)


@pytest.mark.requirement("E13.FR.03")
@pytest.mark.parametrize("poison", ["TransactionEvent", "SecurityEventNotification"])
async def test_what_is_tried_again_delays_nothing_of_the_other_kind(tmp_path, poison):
    """A refused transaction event holds up transactions alone, and a refused other the others."""
    clock, refuses = FakeClock(), True

    async def choosy(there):
        while True:
            frame = json.loads(await there.socket.recv())
            there.received.append(frame)
            if frame[2] == poison and refuses:
                await there.say(4, frame[1], "InternalError", "no", {})
            else:
                await there.say(3, frame[1], {})

    async with csms(["ocpp2.0.1"]) as server:
        server.handler = choosy
        values = variables(url(server), attempts=3, interval_s=60)
        async with station(
            tmp_path, values, encode_entry=encode, clock=clock, start=False
        ) as client:
            # More than is read at once, in front of the first of the other kind.
            for number in range(60):
                client.store.queue(event("a", number) if poison[0] == "T" else SECURITY)
            for number in range(60):
                client.store.queue(SECURITY if poison[0] == "T" else event("a", number))
            client.connection.start()
            await wait_for(lambda: client.store.queued_for(None) == 60)
            received = server.stations[0].received
            assert [frame[2] for frame in received].count(poison) == 1
            clock.advance(59)
            client.connection.wake()
            await asyncio.sleep(0.1)
            assert [frame[2] for frame in received].count(poison) == 1
            refuses = False
            clock.advance(1)
            await wait_for(lambda: client.store.queued_for(None) == 0)
            told = [frame for frame in received if frame[2] == "TransactionEvent"]
            order = [number for _, number in numbers(told)]
            assert order == ([0] if poison[0] == "T" else []) + list(range(60))


@pytest.mark.requirement("E13.FR.03")
async def test_a_new_connection_does_not_shorten_the_wait(tmp_path):
    clock = FakeClock()

    async def refusing_and_going(there):
        frame = json.loads(await there.socket.recv())
        there.received.append(frame)
        await there.say(4, frame[1], "InternalError", "no", {})
        await asyncio.sleep(0.05)
        await there.socket.close()

    async with csms(["ocpp2.0.1"]) as server:
        server.handler = refusing_and_going
        values = variables(url(server), attempts=3, interval_s=60)
        async with station(
            tmp_path, values, encode_entry=encode, clock=clock, start=False
        ) as client:
            client.store.queue(event("a", 0))
            client.connection.start()
            await wait_for(lambda: server.stations and server.stations[0].received)
            await wait_for(lambda: not client.connection.connected)
            clock.advance(1)
            await wait_for(lambda: client.connection.connected)
            await asyncio.sleep(0.1)
            assert server.stations[1].received == []
            clock.advance(60)
            await wait_for(lambda: server.stations[1].received)
            [again], [first] = (there.received for there in server.stations[1::-1])
            assert again == first


@pytest.mark.requirement("E13.FR.02")
async def test_each_try_may_take_as_long_as_the_first(tmp_path):
    """MessageTimeout is what it says, however often a message was tried (1.6: errata, 9.1.15)."""
    clock = FakeClock()

    async def deaf(there):
        while True:
            there.received.append(json.loads(await there.socket.recv()))

    async with csms(["ocpp2.0.1"]) as server:
        server.handler = deaf
        values = variables(url(server), attempts=3, interval_s=100, timeout_s=7)
        async with station(
            tmp_path, values, encode_entry=encode, clock=clock, start=False
        ) as client:
            client.store.queue(event("a", 0))
            client.connection.start()
            await wait_for(lambda: server.stations and server.stations[0].received)
            for attempt in (1, 2, 3):
                await wait_for(lambda n=attempt: len(server.stations[0].received) == n)
                clock.advance(6)
                await asyncio.sleep(0.05)
                assert (await client.store.all_entries())[0].attempts == attempt - 1
                clock.advance(1)
                await asyncio.sleep(0.1)
                assert (await client.store.all_entries())[0].attempts == attempt
                clock.advance(100 * attempt)
            assert client.listener.given_up
