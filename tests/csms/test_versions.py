"""The whole station on a real WebSocket, in each version."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ocppd.csms import validators
from ocppd.csms.connection import CsmsConnection
from ocppd.csms.payload import timestamp
from ocppd.csms.spelling import SUBPROTOCOLS
from ocppd.csms.v16.configuration_keys import ConfigurationKeys
from ocppd.csms.versions import Spellings
from ocppd.device_model.names import (
    InternalCtrlr,
    NetworkConfiguration,
    OCPPCommCtrlr,
    SecurityCtrlr,
)
from ocppd.model.security import SecurityEvent
from ocppd.ocppj.frames import Dialect
from ocppd.station.evse import Evses
from ocppd.station.station import Station
from ocppd.store.seed import build_device_model
from ocppd.store.store import SqliteStore
from ocppd.system_clock import SystemClock
from tests.csms.server import csms
from tests.fakes import World

TOPOLOGY = (("sType2",), ("cCCS2",))
VERSIONS = ["1.6", "2.0.1", "2.1"]


class Tasks:
    def __init__(self) -> None:
        self.tasks = set()

    def start(self, work, name) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


class Lines:
    def append(self, _line: str) -> None:
        pass


@asynccontextmanager
async def whole_station(folder, server, versions):
    """Run a station of two EVSEs, with a store on disk, against a CSMS."""
    world, clock = World(), SystemClock()
    store = SqliteStore(
        folder / "store.db", now=clock.now, new_id=world.new_id, on_health=lambda _reason: None
    )
    model = build_device_model(
        TOPOLOGY,
        slots=1,
        values={
            NetworkConfiguration.OcppCsmsUrl(1): f"ws://127.0.0.1:{server.port}/ocpp",
            NetworkConfiguration.Identity(1): "CS001",
            NetworkConfiguration.SecurityProfile(1): 1,
            NetworkConfiguration.BasicAuthPassword(1): "0123456789abcdef",
            NetworkConfiguration.MessageTimeout(1): 5,
            SecurityCtrlr.SecurityProfile: 1,
            OCPPCommCtrlr.NetworkConfigurationPriority: "1",
        },
        store=store,
    )
    model.set_actual(
        InternalCtrlr.SupportedOcppVersions, ",".join(SUBPROTOCOLS[each] for each in versions)
    )
    connection = CsmsConnection(
        model,
        store,
        clock,
        new_id=world.new_id,
        random=lambda: 0.0,
        traffic=lambda _traffic: None,
    )
    outside = replace(
        world.outside, clock=clock, store=store, csms=connection, tasks=Tasks(), random=lambda: 0.0
    )
    station = Station(
        outside,
        model,
        Evses(TOPOLOGY),
        keys=ConfigurationKeys(model, active=lambda: connection.manners.names_transactions),
        security_log=Lines(),
    )
    connection.attach(station, Spellings(station))
    station.start()
    connection.start()
    try:
        yield station, connection
    finally:
        connection.stop()
        await connection.ended()
        store.close()


async def heard(there, version, *, boot="Accepted", idle_s=0.2):
    """Answer all that the station says until it is silent; return the actions and payloads."""
    said = []
    while True:
        try:
            frame = await there.hear(idle_s)
        except TimeoutError:
            return said
        if frame[0] != 2:
            said.append((frame[0], frame[1:]))
            continue
        _, message_id, action, payload = frame
        assert len(message_id) <= 36
        fault = validators.check_request(Dialect(version), action, payload)
        assert fault is None, (action, payload, fault.text)
        said.append((action, payload))
        now = timestamp(datetime.now(UTC))
        answer = {
            "BootNotification": {"status": boot, "currentTime": now, "interval": 300},
            "Heartbeat": {"currentTime": now},
        }.get(action, {})
        await there.say(3, message_id, answer)


@pytest.mark.parametrize("version", VERSIONS)
async def test_spellings_are_of_their_version(version, tmp_path):
    async with (
        csms([SUBPROTOCOLS[version]]) as server,
        whole_station(tmp_path, server, [version]) as (station, _),
    ):
        spelling = Spellings(station)[SUBPROTOCOLS[version]]
        known = validators.actions(Dialect(version))
        assert spelling.version == version
        assert set(spelling.routes) <= known
        assert {outgoing.action for outgoing in spelling.requests.values()} <= known


@pytest.mark.requirement("B01.FR.01", "B01.FR.05")
@pytest.mark.parametrize("version", VERSIONS)
async def test_it_boots_and_tells_its_status(version, tmp_path):
    async with (
        csms([SUBPROTOCOLS[version]]) as server,
        whole_station(tmp_path, server, VERSIONS) as (station, connection),
    ):
        there = await server.station()
        said = await heard(there, version)
        actions = [action for action, _ in said]
        assert actions[0] == "BootNotification"
        assert station.registration_status == "Accepted"
        status = "NotifyEvent" if version == "2.1" else "StatusNotification"
        assert actions.count(status) == (3 if version == "1.6" else 2)
        assert connection.status.ocpp_version == version


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_security_event_goes_through_the_queue(version, tmp_path):
    async with (
        csms([SUBPROTOCOLS[version]]) as server,
        whole_station(tmp_path, server, [version]) as (station, _),
    ):
        there = await server.station()
        await heard(there, version)
        station.security.report(SecurityEvent("TamperDetectionActivated", "door open"))
        said = await heard(there, version)
        events = [payload for action, payload in said if action == "SecurityEventNotification"]
        assert [each["type"] for each in events] == ["TamperDetectionActivated"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_it_answers_what_it_is_asked(version, tmp_path):
    async with (
        csms([SUBPROTOCOLS[version]]) as server,
        whole_station(tmp_path, server, [version]) as (_, connection),
    ):
        there = await server.station()
        await heard(there, version)
        if version == "1.6":
            await there.say(
                2, "1", "ChangeConfiguration", {"key": "HeartbeatInterval", "value": "7"}
            )
            await there.say(2, "2", "GetConfiguration", {"key": ["HeartbeatInterval"]})
        else:
            item = {
                "component": {"name": "OCPPCommCtrlr"},
                "variable": {"name": "HeartbeatInterval"},
            }
            write = {"setVariableData": [item | {"attributeValue": "7"}]}
            await there.say(2, "1", "SetVariables", write)
            await there.say(2, "2", "GetVariables", {"getVariableData": [item]})
        said = await heard(there, version)
        answers = {parts[0]: parts[1] for kind, parts in said if kind == 3}
        for message_id, action in (
            ("1", "ChangeConfiguration" if version == "1.6" else "SetVariables"),
            ("2", "GetConfiguration" if version == "1.6" else "GetVariables"),
        ):
            fault = validators.check_response(Dialect(version), action, answers[message_id])
            assert fault is None, fault.text
        assert "Accepted" in str(answers["1"])
        assert "'7'" in str(answers["2"])
        for action in sorted(validators.actions(Dialect(version))):
            await there.say(2, "x", action, {})
            frame = await there.hear()
            while frame[0] == 2:
                frame = await there.hear()
            assert frame[:2] in ([3, "x"], [4, "x"]), action
            assert frame[0] == 3 or frame[2] != "InternalError", (action, frame)
        assert connection.connected


@pytest.mark.parametrize(("first", "then"), [("1.6", "2.0.1"), ("2.1", "1.6"), ("2.0.1", "2.1")])
async def test_the_csms_changes_its_version(first, then, tmp_path):
    async with (
        csms([SUBPROTOCOLS[first]]) as server,
        whole_station(tmp_path, server, VERSIONS) as (station, connection),
    ):
        there = await server.station()
        await heard(there, first)
        server.subprotocols[:] = [SUBPROTOCOLS[then]]
        await there.socket.close()
        there = await server.station(10)
        said = await heard(there, then)
        assert said[0][0] == "BootNotification"
        assert connection.status.ocpp_version == then
        assert station.registration_status == "Accepted"
