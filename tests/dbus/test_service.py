"""The station on the bus: objects, properties and signals as clients see them."""

import asyncio
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from ocppd import __version__
from ocppd.dbus.binding import DBusError
from ocppd.dbus.marshalling.plain import variants
from ocppd.dbus.service import EVSE_PATH, NAME, STATION_PATH
from ocppd.model.registration import (
    BootNotificationResponse,
    ConnectionStatus,
    RegistrationStatus,
)
from ocppd.model.security import SecurityEvent
from ocppd.model.tokens import (
    AuthorizationStatus,
    AuthorizationType,
    IdToken,
    IdTokenType,
    ProvidedIdToken,
    ValidationResult,
)
from ocppd.model.transactions import (
    OcppTransactionEvent,
    OcppTransactionEventResponse,
    TransactionEventType,
)
from tests.dbus.rig import a_session, address, item, served

FOLDER = Path(__file__).parents[2] / "dbus"
EVSE_MANAGER = f"{NAME}.EvseManager"
AT_STATION = [
    NAME,
    *(
        f"{NAME}.{each}"
        for each in (
            "AgentManager",
            "AuthTokenProvider",
            "AuthTokenValidator",
            "ErrorHistory",
            "OcppDataTransfer",
            "Reservation",
            "SessionCost",
            "System",
        )
    ),
]
AT_EVSE = [f"{NAME}.{each}" for each in ("EvseManager", "GridSupport", "Iso15118Extensions")]


async def run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


def shape(interface: ET.Element) -> list[tuple[Any, ...]]:
    """Return all of an interface but its comments, in a form that compares."""
    return sorted(
        (member.tag, member.get("name"), [(c.tag, sorted(c.attrib.items())) for c in member])
        for member in interface
    )


@pytest.mark.parametrize(
    ("path", "interfaces"), [(STATION_PATH, AT_STATION), (f"{EVSE_PATH}/1", AT_EVSE)]
)
async def test_introspection_equals_the_files(path: str, interfaces: list[str]) -> None:
    async with served() as here:
        busctl = ("busctl", f"--address={here.bus.address}", "introspect", NAME, path)
        root = ET.fromstring(await run(*busctl, "--xml-interface"))
        found = {each.get("name", ""): each for each in root.findall("interface")}
        assert sorted(name for name in found if name.startswith(NAME)) == interfaces
        for name in interfaces:
            documented = ET.parse(FOLDER / f"{name}.xml").getroot().find("interface")
            assert documented is not None
            assert shape(found[name]) == shape(documented)
        rows = {tuple(line.split()[:2]) for line in (await run(*busctl)).splitlines()}
        for name in interfaces:
            assert (name, "interface") in rows
            for member in found[name]:
                assert (f".{member.get('name')}", member.tag) in rows


async def test_the_objects() -> None:
    async with served() as here:
        tree = await run("busctl", f"--address={here.bus.address}", "tree", "--list", NAME)
        assert tree.split() == [
            "/",
            "/org",
            "/org/everest",
            STATION_PATH,
            EVSE_PATH,
            f"{EVSE_PATH}/1",
            f"{EVSE_PATH}/2",
        ]
        managed = await here.client.call(
            "GetManagedObjects", interface="org.freedesktop.DBus.ObjectManager"
        )
        assert sorted(managed) == [f"{EVSE_PATH}/1", f"{EVSE_PATH}/2"]
        second = managed[f"{EVSE_PATH}/2"]
        assert sorted(second) == AT_EVSE
        assert second[EVSE_MANAGER]["EvseId"] == 2
        assert second[EVSE_MANAGER]["Connectors"] == [
            {"id": 1, "type": "cCCS2", "status": "Unavailable"},
            {"id": 2, "type": "sType2", "status": "Unavailable"},
        ]


async def test_the_properties_of_the_station() -> None:
    async with served() as here:
        everything = await here.client.call("GetAll", "s", NAME, interface=f"{PROPERTIES}")
        schedules = everything.pop("ChargingSchedules")["schedules"]
        assert everything == {
            "IsConnected": False,
            "ConnectionStatus": {"connected": False, "reason": "starting"},
            "BootNotificationResponse": {},
            "Version": __version__,
            "Health": {"status": "ok", "reasons": []},
        }
        assert [each["evse"] for each in schedules] == [0, 1, 2]
        assert schedules[0]["charging_schedule_period"][0]["limit"] == 48.0
        with pytest.raises(DBusError) as error:
            await here.client.call(
                "Set", "ssv", NAME, "Version", variants({"x": "9"})["x"], interface=PROPERTIES
            )
        assert error.value.type == "org.freedesktop.DBus.Error.PropertyReadOnly"
        with pytest.raises(DBusError) as error:
            await here.client.get("Nothing")
        assert error.value.type == "org.freedesktop.DBus.Error.UnknownProperty"


PROPERTIES = "org.freedesktop.DBus.Properties"


async def test_what_the_station_tells_reaches_the_host() -> None:
    async with served() as here:
        await here.client.listen()
        host = here.service.host
        connected = ConnectionStatus(True, csms_url="ws://x", ocpp_version="2.1")
        host.connection_status(connected)
        assert await here.client.signal("PropertiesChanged") == {
            "IsConnected": True,
            "ConnectionStatus": {
                "connected": True,
                "csms_url": "ws://x",
                "ocpp_version": "2.1",
            },
        }
        host.connection_status(connected)  # the same again tells nothing
        now = here.world.clock.now()
        boot = BootNotificationResponse(RegistrationStatus.ACCEPTED, now, 60)
        for _ in range(2):  # equal or not
            host.boot_notification_response(boot)
            changed = await here.client.signal("PropertiesChanged")
            signalled = await here.client.signal("BootNotificationResponse")
            assert changed == {"BootNotificationResponse": signalled}
            assert signalled["status"] == "Accepted"
        for _ in range(2):
            host.charging_schedules(here.station.smart_charging.schedules)
            assert list(await here.client.signal("PropertiesChanged")) == ["ChargingSchedules"]
        token = IdToken("04A2", IdTokenType.ISO14443)
        host.provide_token(ProvidedIdToken(token, AuthorizationType.OCPP, 7, evse_ids=(1,)))
        assert await here.client.signal("ProvidedToken") == {
            "id_token": {"value": "04A2", "type": "ISO14443"},
            "authorization_type": "OCPP",
            "request_id": 7,
            "connectors": [1],
        }
        host.validate_result_update(2, ValidationResult(AuthorizationStatus.BLOCKED))
        assert await here.client.signal("ValidateResultUpdate") == {
            "validation_result": {"authorization_status": "Blocked", "tariff_messages": []},
            "connector_id": 2,
        }
        event = OcppTransactionEvent(TransactionEventType.STARTED, "s1")
        host.transaction_event(event)
        told = {"transaction_event": "Started", "session_id": "s1"}
        assert await here.client.signal("OcppTransactionEvent") == told
        host.transaction_event_response(OcppTransactionEventResponse(event))
        response = await here.client.signal("OcppTransactionEventResponse")
        assert response == {"original_transaction_event": told}
        host.security_event(SecurityEvent("StartupOfTheDevice"))
        assert await here.client.signal("SecurityEvent") == {"type": "StartupOfTheDevice"}
        host.ocpp_message("[3]", "CSMSToChargingStation", "2.1", masked=True)
        assert (await here.client.signal("OcppMessage"))["message"] == "[3]"
        here.station.health.note("store", "the disk is full")
        assert await here.client.signal("PropertiesChanged") == {
            "Health": {"status": "degraded", "reasons": ["the disk is full"]}
        }


@pytest.mark.requirement("B05.FR.01", "B06.FR.01")
async def test_variables_are_read_and_written_in_order() -> None:
    async with served() as here:
        set_them = [
            item("OCPPCommCtrlr", "HeartbeatInterval", value="77"),
            item("Nothing", "X", value="1"),
            item("OCPPCommCtrlr", "Nothing", value="1"),
            item("OCPPCommCtrlr", "HeartbeatInterval", value="soon"),
            item("OCPPCommCtrlr", "HeartbeatInterval", value="1", attribute_type="MaxSet"),
        ]
        results = await here.client.call("SetVariables", "aa{sv}s", set_them, "test")
        assert [each["status"] for each in results] == [
            "Accepted",
            "UnknownComponent",
            "UnknownVariable",
            "Rejected",
            "NotSupportedAttributeType",
        ]
        get_them = [
            item("OCPPCommCtrlr", "HeartbeatInterval"),
            item("Nothing", "X"),
            item("SecurityCtrlr", "BasicAuthPassword"),
        ] * 2
        results = await here.client.call("GetVariables", "aa{sv}", get_them)
        assert [each["status"] for each in results] == [
            "Accepted",
            "UnknownComponent",
            "Rejected",
        ] * 2
        assert results[0]["value"] == "77"
        assert results[3]["component_variable"] == address("OCPPCommCtrlr", "HeartbeatInterval")
        assert await here.client.call("GetVariables", "aa{sv}", []) == []


async def test_a_thousand_items_and_no_more() -> None:
    async with served() as here:
        items = [item("OCPPCommCtrlr", "HeartbeatInterval")] * 1000
        assert len(await here.client.call("GetVariables", "aa{sv}", items)) == 1000
        with pytest.raises(DBusError) as error:
            await here.client.call("GetVariables", "aa{sv}", [*items, items[0]])
        assert error.value.type == f"{NAME}.Error.InvalidArgument"
        assert error.value.text == "requests: more than 1000 items"


async def test_nothing_is_applied_of_a_call_with_a_mistake() -> None:
    async with served() as here:
        good = item("OCPPCommCtrlr", "HeartbeatInterval", value="77")
        bad = variants({"component_variable": {"component": {"name": "C"}, "variable": {}}})
        for requests, source, told in (
            ([good, bad], "test", "requests[1].component_variable.variable.name: missing"),
            ([good], "x" * 51, "source: longer than 50 characters"),
        ):
            with pytest.raises(DBusError) as error:
                await here.client.call("SetVariables", "aa{sv}s", requests, source)
            assert error.value.type == f"{NAME}.Error.InvalidArgument"
            assert error.value.text == told
        [result] = await here.client.call(
            "GetVariables",
            "aa{sv}",
            [good | {}][:0] or [item("OCPPCommCtrlr", "HeartbeatInterval")],
        )
        assert result.get("value") != "77"
        assert here.store.attributes == {}


async def test_a_caller_who_calls_himself_csms_is_still_the_host() -> None:
    async with served() as here:
        # ReadOnly binds the CSMS alone.
        request = item("ChargingStation", "Model", value="M")
        [result] = await here.client.call("SetVariables", "aa{sv}s", [request], "csms")
        assert result["status"] == "Accepted"
        assert {source for _, source in here.store.attributes.values()} == {"host:csms"}


async def test_keys_of_1_6_while_it_is_spoken() -> None:
    async with served() as here:
        key = [item("", "HeartbeatInterval")]
        [result] = await here.client.call("GetVariables", "aa{sv}", key)
        assert result["status"] == "UnknownComponent"
        here.active_keys[0] = True
        [result] = await here.client.call("GetVariables", "aa{sv}", key)
        assert (result["status"], result["attribute_type"]) == ("Accepted", "Actual")
        assert result["component_variable"] == address("", "HeartbeatInterval")


async def test_monitored_variables_are_told() -> None:
    async with served() as here:
        await here.client.listen()
        target = variants(address("OCPPCommCtrlr", "HeartbeatInterval"))
        await here.client.call("MonitorVariables", "aa{sv}", [target])
        await here.client.call("MonitorVariables", "aa{sv}", [target])
        request = item("OCPPCommCtrlr", "HeartbeatInterval", value="78")
        await here.client.call("SetVariables", "aa{sv}s", [request], "test")
        event = await here.client.signal("EventData")
        assert event["actual_value"] == "78"
        assert event["component_variable"] == address("OCPPCommCtrlr", "HeartbeatInterval")
        await here.client.call("GetVariables", "aa{sv}", [])
        assert [member for member, _ in here.client.heard_so_far()] == []


async def test_availability_and_the_properties_of_an_evse() -> None:
    async with served() as here:
        await here.client.listen()
        path = f"{EVSE_PATH}/2"
        await here.client.call("ReportReady", "b", True, interface=EVSE_MANAGER, path=path)
        changed = await here.client.signal("PropertiesChanged")
        assert [each["status"] for each in changed["Connectors"]] == ["Available", "Available"]
        request = variants({"operational_status": "Inoperative", "evse": {"id": 2}})
        response = await here.client.call("ChangeAvailability", "a{sv}", request)
        assert response == {"status": "Accepted"}
        changed = await here.client.signal("PropertiesChanged")
        changed |= (
            {} if "OperationalStatus" in changed else await here.client.signal("PropertiesChanged")
        )
        assert changed["OperationalStatus"] == "Inoperative"
        assert await here.client.get("OperationalStatus", EVSE_MANAGER, path) == "Inoperative"
        assert await here.client.get("OperationalStatus", EVSE_MANAGER, f"{EVSE_PATH}/1") == (
            "Operative"
        )
        request = variants({"operational_status": "Operative", "evse": {"id": 9}})
        response = await here.client.call("ChangeAvailability", "a{sv}", request)
        assert response["status"] == "Rejected"


async def test_a_session_is_a_transaction() -> None:
    async with served() as here:
        await here.client.listen()
        await a_session(here)
        assert await here.client.signal("OcppTransactionEvent")
        path = f"{EVSE_PATH}/1"
        assert await here.client.get("SessionId", EVSE_MANAGER, path) == "s1"
        assert await here.client.get("TransactionId", EVSE_MANAGER, path) != ""
        assert (await here.client.get("Limit", EVSE_MANAGER, path))["limit"] == 48.0
        [transaction] = await here.client.call("GetTransactions")
        assert transaction["session_id"] == "s1"
        assert transaction["id_token"] == "******C4D5"
        assert transaction["energy_Wh"] == 50.0
        assert transaction["state"] == "Charging"
        queue = await here.client.call("GetQueue")
        assert queue[0]["message"] == "TransactionEvent Started"
        assert {each["state"] for each in queue} == {"waiting"}


async def test_reports_that_are_refused_by_name() -> None:
    async with served() as here:
        path = f"{EVSE_PATH}/1"
        event = {"uuid": "s9", "timestamp": here.world.clock.now(), "event": "ChargingStarted"}
        for member, signature, argument, name in (
            ("ReportSessionEvent", "a{sv}", variants(event), f"{NAME}.Error.UnknownSession"),
            (
                "ReportSessionEvent",
                "a{sv}",
                variants({**event, "connector_id": 7}),
                f"{NAME}.Error.InvalidArgument",
            ),
            ("ReportSessionEvent", "s", "x", f"{NAME}.Error.InvalidArgument"),
            ("ReportNothing", "", None, "org.freedesktop.DBus.Error.UnknownMethod"),
        ):
            arguments = [] if argument is None else [argument]
            with pytest.raises(DBusError) as error:
                await here.client.call(
                    member, signature, *arguments, interface=EVSE_MANAGER, path=path
                )
            assert error.value.type == name
        with pytest.raises(DBusError) as error:
            await here.client.call("Stop", path=f"{EVSE_PATH}/9")
        assert error.value.type == "org.freedesktop.DBus.Error.UnknownObject"
        with pytest.raises(DBusError) as error:
            await here.client.call("Stop", interface="org.example.Other")
        assert error.value.type == "org.freedesktop.DBus.Error.UnknownInterface"


async def test_what_this_release_does_not_have() -> None:
    async with served() as here:
        for interface, member, signature, argument, path in (
            ("System", "ReportFirmwareUpdateStatus", "a{sv}", {}, STATION_PATH),
            ("System", "ReportLogStatus", "a{sv}", {}, STATION_PATH),
            ("Iso15118Extensions", "ReportChargingNeeds", "a{sv}", {}, f"{EVSE_PATH}/1"),
            ("Iso15118Extensions", "ReportEvInfo", "a{sv}", {}, f"{EVSE_PATH}/1"),
            (
                "Iso15118Extensions",
                "ReportServiceRenegotiationSupported",
                "b",
                True,
                f"{EVSE_PATH}/1",
            ),
            ("GridSupport", "ReportCapability", "a{sv}", {}, f"{EVSE_PATH}/1"),
            ("GridSupport", "ReportAlarm", "a{sv}", {}, f"{EVSE_PATH}/1"),
        ):
            with pytest.raises(DBusError) as error:
                await here.client.call(
                    member, signature, argument, interface=f"{NAME}.{interface}", path=path
                )
            assert error.value.type == "org.freedesktop.DBus.Error.NotSupported"
        assert await here.client.get("DefaultPrice", f"{NAME}.SessionCost") == {}


async def test_errors_of_the_host() -> None:
    async with served() as here:
        await here.client.listen()
        interface = f"{NAME}.ErrorHistory"
        error = {
            "uuid": "e1",
            "type": "evse_manager/Inoperative",
            "sub_type": "",
            "message": "m",
            "description": "d",
            "severity": "High",
            "evse_id": 1,
        }
        await here.client.call("RaiseError", "a{sv}", variants(error), interface=interface)
        [active] = (await here.client.signal("PropertiesChanged"))["ActiveErrors"]
        assert active.pop("timestamp").endswith("Z")
        assert active == error
        with pytest.raises(DBusError) as refused:
            await here.client.call(
                "RaiseError",
                "a{sv}",
                variants({**error, "uuid": "e2", "evse_id": 9}),
                interface=interface,
            )
        assert refused.value.type == f"{NAME}.Error.UnknownEvse"
        for _ in range(2):  # the second time it is unknown, and nothing happens
            await here.client.call(
                "ClearError", "a{sv}", variants({"uuid": "e1"}), interface=interface
            )
        assert await here.client.get("ActiveErrors", interface) == []


async def test_tokens_and_data_transfer_without_a_csms() -> None:
    async with served() as here:
        token = {
            "id_token": {"value": "04A2", "type": "ISO14443"},
            "authorization_type": "RFID",
        }
        result = await here.client.call(
            "ValidateToken", "a{sv}", variants(token), interface=f"{NAME}.AuthTokenValidator"
        )
        assert result["authorization_status"] in ("Unknown", "Accepted", "Invalid")
        assert result["tariff_messages"] == []
        response = await here.client.call(
            "DataTransfer",
            "a{sv}",
            variants({"vendor_id": "v"}),
            interface=f"{NAME}.OcppDataTransfer",
        )
        assert response == {"status": "Offline"}


async def test_stop_and_restart() -> None:
    async with served() as here:
        assert await here.client.call("Restart") is False
        assert await here.client.call("Stop") is True
        assert await here.client.call("Stop") is False
        assert await here.client.call("Restart") is True
        assert here.world.csms.log.count("stop") == 1
        assert here.world.csms.log.count("start") == 1


async def test_composite_schedules() -> None:
    async with served() as here:
        written = await here.client.call("GetCompositeSchedules", "is", 60, "W")
        assert [each["charging_rate_unit"] for each in written["schedules"]] == ["W"] * 3
        # any width of integer is an integer
        assert (await here.client.call("GetCompositeSchedules", "ts", 60, "W"))["schedules"]
        for arguments in (("xs", 2**40, "W"), ("is", 0, "W"), ("is", 60, "kW"), ("ss", "60", "W")):
            with pytest.raises(DBusError) as error:
                await here.client.call("GetCompositeSchedules", *arguments)
            assert error.value.type == f"{NAME}.Error.InvalidArgument"


async def test_agents_register_and_are_told_what_they_must_know() -> None:
    async with served() as here:
        interface = f"{NAME}.AgentManager"
        await here.client.listen()
        calls: asyncio.Queue[str] = asyncio.Queue()
        agent = await here.another()
        agent.bus.add_handler(lambda message: calls.put_nowait(str(message.member)))
        await agent.call("RegisterAgent", "oas", "/agent", ["Auth", "System"], interface=interface)
        expected = {
            f"{NAME}.Agent.Auth": [agent.bus.unique_name, "/agent"],
            f"{NAME}.Agent.System": [agent.bus.unique_name, "/agent"],
        }
        changed = await here.client.signal("PropertiesChanged")
        assert changed == {"Agents": expected}
        seen = {await asyncio.wait_for(calls.get(), 5) for _ in range(3)}
        assert "SetConnectionTimeout" in seen
        with pytest.raises(DBusError) as error:
            await here.client.call("RegisterAgent", "oas", "/b", ["Auth"], interface=interface)
        assert error.value.type == f"{NAME}.Error.AccessDenied"
        agent.bus.close()
        changed = await here.client.signal("PropertiesChanged")
        assert changed == {"Agents": {}}
        await here.client.call("RegisterAgent", "oas", "/b", ["Auth"], interface=interface)
        await here.client.call("UnregisterAgent", "o", "/b", interface=interface)
        with pytest.raises(DBusError) as error:
            await here.client.call("UnregisterAgent", "o", "/b", interface=interface)
        assert error.value.type == f"{NAME}.Error.InvalidArgument"


async def test_an_evse_without_its_agent_is_unavailable_after_the_grace_period() -> None:
    async with served() as here:
        agent = await here.another()
        agent.bus.add_handler(lambda message: message.interface == f"{NAME}.Agent.EvseManager")
        await agent.call(
            "RegisterAgent", "oas", "/a", ["EvseManager"], interface=f"{NAME}.AgentManager"
        )
        path = f"{EVSE_PATH}/1"
        await here.client.call("ReportReady", "b", True, interface=EVSE_MANAGER, path=path)
        agent.bus.close()
        async with asyncio.timeout(5):
            while here.service.agents.has("EvseManager"):
                await asyncio.sleep(0.01)

        async def status() -> str:
            [connector] = await here.client.get("Connectors", EVSE_MANAGER, path)
            return str(connector["status"])

        here.world.clock.advance(14)
        assert await status() == "Available"
        here.world.clock.advance(2)
        assert await status() == "Unavailable"
