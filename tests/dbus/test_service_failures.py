"""Disks that are slow or full, bugs, buses that die, and odd calls."""

import asyncio
from typing import Any

import pytest

from ocppd import __version__
from ocppd.dbus.binding import Bus, DBusError, Message, MessageFlag, MessageType, Variant
from ocppd.dbus.marshalling.plain import variants
from ocppd.dbus.service import EVSE_PATH, NAME, STATION_PATH, NameTaken, Service
from ocppd.model.security import SecurityEvent
from tests.dbus.rig import a_session, item, served

EVSE_MANAGER = f"{NAME}.EvseManager"
PROPERTIES = "org.freedesktop.DBus.Properties"


async def test_the_reply_waits_for_the_disk() -> None:
    async with served() as here:
        here.store.ready.clear()
        event = variants({"type": "TamperDetectionActivated"})
        call = asyncio.ensure_future(here.client.call("SecurityEvent", "a{sv}", event))
        await asyncio.sleep(0.1)
        assert not call.done()
        assert here.station.health.reasons == ()
        # what only reads is answered meanwhile
        request = [item("OCPPCommCtrlr", "HeartbeatInterval")]
        assert len(await here.client.call("GetVariables", "aa{sv}", request)) == 1
        here.store.ready.set()
        await asyncio.wait_for(call, 5)


async def test_a_full_disk_is_told_by_name() -> None:
    async with served() as here:
        here.store.failure = "the disk is full"
        request = [item("OCPPCommCtrlr", "HeartbeatInterval", value="77")]
        with pytest.raises(DBusError) as error:
            await here.client.call("SetVariables", "aa{sv}s", request, "test")
        assert error.value.type == f"{NAME}.Error.StorageFailure"
        assert error.value.text == "the disk is full"
        # it is in force nevertheless
        [result] = await here.client.call(
            "GetVariables", "aa{sv}", [item("OCPPCommCtrlr", "HeartbeatInterval")]
        )
        assert result["value"] == "77"
        token = {"id_token": {"value": "1", "type": "Central"}, "authorization_type": "RFID"}
        assert await here.client.call(
            "ValidateToken", "a{sv}", variants(token), interface=f"{NAME}.AuthTokenValidator"
        ), "who may charge does not depend on the disk"


async def test_a_bug_tells_the_caller_nothing_of_itself(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with served() as here:

        def broken(*_: object) -> None:
            raise RuntimeError("secret")

        monkeypatch.setattr(here.station.security, "report", broken)
        with pytest.raises(DBusError) as error:
            await here.client.call("SecurityEvent", "a{sv}", variants({"type": "x"}))
        assert error.value.type == f"{NAME}.Error.Internal"
        assert error.value.text == "internal error"
        [record] = [each for each in caplog.records if each.exc_info]
        assert record.getMessage() == "org.everest.Ocpp.SecurityEvent failed"
        monkeypatch.setattr(type(here.station.health), "reasons", property(broken))
        everything = await here.client.call("GetAll", "s", NAME, interface=PROPERTIES)
        assert "Version" in everything
        assert "Health" not in everything


async def test_a_property_that_cannot_be_read_does_not_stop_a_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with served() as here:

        def broken(*_: object) -> None:
            raise RuntimeError("secret")

        monkeypatch.setattr(
            type(here.station.smart_charging), "schedules", property(broken), raising=False
        )
        path = f"{EVSE_PATH}/1"
        await here.client.call("ReportReady", "b", True, interface=EVSE_MANAGER, path=path)
        connectors = await here.client.get("Connectors", EVSE_MANAGER, path)
        assert connectors[0]["status"] == "Available"


async def test_the_name_is_taken() -> None:
    async with served() as here:
        other = Service(here.bus.address)
        other.export(here.station, here.store, here.world.clock)
        with pytest.raises(NameTaken):
            await other.start()


async def test_the_bus_dies_and_comes_back() -> None:
    async with served() as here:
        await here.client.call(
            "RegisterAgent", "oas", "/a", ["EvseManager"], interface=f"{NAME}.AgentManager"
        )
        await a_session(here)
        queued = len(here.store.entries)
        assert here.service.agents.has("EvseManager")
        here.bus.kill()
        await asyncio.wait_for(here.client.bus.wait_until_lost(), 5)
        await asyncio.sleep(0.05)
        assert not here.service.agents.has("EvseManager")
        here.service.host.security_event(SecurityEvent("x"))  # nobody hears it
        await asyncio.sleep(0.3)
        here.bus.start()
        async with asyncio.timeout(10):
            while False not in here.on_bus or not here.on_bus[-1]:
                await asyncio.sleep(0.02)
        client = await here.another()
        await client.listen()
        [transaction] = await client.call("GetTransactions")
        assert transaction["session_id"] == "s1"
        assert len(here.store.entries) >= queued
        assert await client.get("Agents", f"{NAME}.AgentManager") == {}
        assert await client.get("SessionId", EVSE_MANAGER, f"{EVSE_PATH}/1") == "s1"
        here.service.host.security_event(SecurityEvent("back"))
        assert await client.signal("SecurityEvent") == {"type": "back"}
        assert here.world.csms.log.count("stop") == 0


async def test_reports_keep_their_order_also_from_a_caller_nobody_knows_yet() -> None:
    async with served() as here:
        taken: list[str] = []
        here.station.security.report = lambda event: taken.append(event.type)  # type: ignore
        fresh = await Bus.connect(here.bus.address)
        here.clients.append(fresh)
        calls = [
            fresh.call(
                NAME, STATION_PATH, NAME, "SecurityEvent", "a{sv}", [variants({"type": str(n)})]
            )
            for n in range(50)
        ]
        await asyncio.gather(*calls)
        assert taken == [str(n) for n in range(50)]


async def test_no_reply_goes_to_whoever_has_the_callers_name_on_the_next_bus() -> None:
    async with served() as here:
        here.store.ready.clear()
        event = variants({"type": "TamperDetectionActivated"})
        call = asyncio.ensure_future(here.client.call("SecurityEvent", "a{sv}", event))
        await asyncio.sleep(0.05)
        here.bus.kill()
        with pytest.raises(ConnectionError):
            await call
        here.bus.start()
        async with asyncio.timeout(10):
            while False not in here.on_bus or not here.on_bus[-1]:
                await asyncio.sleep(0.02)
        strays: list[Message] = []
        for _ in range(4):
            other = await here.another()
            other.bus.add_handler(strays.append)
        here.store.ready.set()
        await asyncio.sleep(0.1)
        assert [each for each in strays if each.message_type is not MessageType.SIGNAL] == []


ODD: list[tuple[str, list[Any]]] = [
    ("h", [0]),
    ("aa{sv}h", [[], 0]),
    ("v", [Variant("v", Variant("v", Variant("v", Variant("i", 1))))]),
    ("a{sv}", [{"x" * 5000: Variant("aay", [b"x"] * 100)}]),
    ("a(ii)", [[[1, 2]] * 10]),
    ("aa{sv}", [[{}] * 3]),
    ("aa{sv}", [[{"component_variable": Variant("as", ["x"])}]]),
    ("s" * 255, ["x"] * 255),
    ("as", [["x"] * 100_000]),
]


async def test_odd_calls_are_answered_and_change_nothing() -> None:
    async with served() as here:
        members = ("GetVariables", "SetVariables", "SecurityEvent", "Nonsense", "Introspect")
        for signature, body in ODD:
            for member in members:
                for interface in (NAME, PROPERTIES, "org.freedesktop.DBus.ObjectManager"):
                    with pytest.raises(DBusError) as error:
                        await here.client.bus.call(
                            NAME, STATION_PATH, interface, member, signature, body
                        )
                    assert error.value.type in (
                        f"{NAME}.Error.InvalidArgument",
                        "org.freedesktop.DBus.Error.UnknownMethod",
                    )
        for member, signature, body in (
            ("Get", "ss", ["", ""]),
            ("Get", "ss", ["org.x", "y"]),
            ("GetAll", "s", ["x" * 1000]),
        ):
            with pytest.raises(DBusError):
                await here.client.call(member, signature, *body, interface=PROPERTIES)
        assert here.store.attributes == {}
        assert here.store.entries == []
        assert await here.client.get("Version") == __version__


async def test_what_expects_no_reply_gets_none() -> None:
    async with served() as here:
        for body in ([variants({"type": "x"})], ["wrong"]):
            here.client.bus.send(
                Message(
                    destination=NAME,
                    path=STATION_PATH,
                    interface=NAME,
                    member="SecurityEvent",
                    signature="s" if body == ["wrong"] else "a{sv}",
                    body=body,
                    flags=MessageFlag.NO_REPLY_EXPECTED,
                )
            )
        strays: list[Message] = []
        here.client.bus.add_handler(strays.append)
        request = variants({"type": "y"})
        await here.client.call("SecurityEvent", "a{sv}", request)  # served after the others
        assert len([m for m in strays if m.message_type is not MessageType.SIGNAL]) == 1
        assert len(here.log.lines) == 2
