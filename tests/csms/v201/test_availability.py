"""Availability, status and errors in OCPP 2.0.1 and 2.1."""

from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from ocppd.csms.v21 import availability as v21
from ocppd.csms.v201 import availability as v201
from ocppd.errors import NotSpoken
from ocppd.model.availability import (
    Activity,
    ConnectorStatus,
    ErrorNotification,
    RequestedStatus,
    StatusNotification,
)
from ocppd.model.variables import Component, EvseRef
from tests.csms.spoken import as_sent
from tests.fakes import START
from tests.station.blocks import Blocks, station_error

VERSIONS = pytest.mark.parametrize(("version", "module"), [("2.0.1", v201), ("2.1", v21)])
NOW = "2026-03-01T12:00:00.000Z"
HOT = "evse_board_support/MREC3HighTemperature"


@VERSIONS
@pytest.mark.requirement("G03.FR.01", "G04.FR.01", "G04.FR.02")
@pytest.mark.parametrize(
    ("evse", "changed"),
    [
        (None, ["1.1", "2.1", "2.2"]),
        ({"id": 2}, ["2.1", "2.2"]),
        ({"id": 2, "connectorId": 1}, ["2.1"]),
    ],
)
async def test_station_evse_or_connector(
    version: str, module: ModuleType, evse: dict[str, int] | None, changed: list[str]
) -> None:
    blocks = Blocks()
    await blocks.online()
    station: Any = SimpleNamespace(availability=blocks.availability)
    payload = {"operationalStatus": "Inoperative"} | ({"evse": evse} if evse else {})
    answer = await module.routes(station)["ChangeAvailability"](
        as_sent(version, "ChangeAvailability", payload)
    )
    assert as_sent(version, "ChangeAvailability", answer.result, response=True) == {
        "status": "Accepted"
    }
    answer.then()
    unavailable = [
        f"{each.id}.{connector.id}"
        for each in blocks.evses
        for connector in each.connectors.values()
        if connector.status is ConnectorStatus.UNAVAILABLE
    ]
    assert unavailable == changed


@VERSIONS
async def test_a_refusal_has_its_reason(version: str, module: ModuleType) -> None:
    station: Any = SimpleNamespace(availability=Blocks().availability)
    payload = {"operationalStatus": "Inoperative", "evse": {"id": 9}}
    answer = await module.routes(station)["ChangeAvailability"](payload)
    told = as_sent(version, "ChangeAvailability", answer.result, response=True)
    assert told["status"] == "Rejected"
    assert told["statusInfo"]["reasonCode"] == "UnknownEvse"


def say(version: str, module: ModuleType, request: Any) -> tuple[str, dict[str, Any]]:
    outgoing = module.REQUESTS[type(request)]
    return outgoing.action, as_sent(version, outgoing.action, outgoing.encode(request))


@pytest.mark.requirement("G01.FR.03", "G01.FR.04", "B01.FR.05")
@pytest.mark.parametrize("status", list(ConnectorStatus))
def test_status_in_201(status: ConnectorStatus) -> None:
    request = StatusNotification(START, 2, 1, status, event_id=9)
    assert say("2.0.1", v201, request) == (
        "StatusNotification",
        {"timestamp": NOW, "connectorStatus": status.value, "evseId": 2, "connectorId": 1},
    )


@pytest.mark.requirement("G01.FR.03", "G01.FR.07", "B01.FR.05", "B04.FR.01")
@pytest.mark.parametrize("status", list(ConnectorStatus))
def test_status_in_21_is_an_event(status: ConnectorStatus) -> None:
    request = StatusNotification(START, 2, 1, status, event_id=9)
    event = {
        "eventId": 9,
        "timestamp": NOW,
        "trigger": "Delta",
        "actualValue": status.value,
        "eventNotificationType": "HardWiredNotification",
        "severity": 8,
        "component": {"name": "Connector", "evse": {"id": 2, "connectorId": 1}},
        "variable": {"name": "AvailabilityState"},
    }
    assert say("2.1", v21, request) == (
        "NotifyEvent",
        {"generatedAt": NOW, "seqNo": 0, "eventData": [event]},
    )


@VERSIONS
@pytest.mark.requirement("F06.FR.10")
def test_a_status_that_was_asked_for_by_name(version: str, module: ModuleType) -> None:
    action, payload = say(version, module, RequestedStatus(START, 1, 1, ConnectorStatus.OCCUPIED))
    assert (action, payload["connectorStatus"]) == ("StatusNotification", "Occupied")


@VERSIONS
def test_what_only_16_tells_is_not_spoken(version: str, module: ModuleType) -> None:
    for request in (
        StatusNotification(START, 0, 0, ConnectorStatus.AVAILABLE),
        RequestedStatus(START, 0, 0, ConnectorStatus.AVAILABLE),
        StatusNotification(
            START, 1, 1, ConnectorStatus.OCCUPIED, Activity.CHARGING, status_changed=False
        ),
    ):
        with pytest.raises(NotSpoken):
            say(version, module, request)


@VERSIONS
@pytest.mark.parametrize("cleared", [False, True])
def test_an_error_is_a_problem_of_its_component(
    version: str, module: ModuleType, cleared: bool
) -> None:
    request = ErrorNotification(
        error=station_error(error_type=HOT, description="d" * 600),
        component=Component("Connector", evse=EvseRef(1, 1)),
        cleared=cleared,
        event_id=5,
        timestamp=START,
        status=ConnectorStatus.AVAILABLE,
    )
    action, payload = say(version, module, request)
    assert action == "NotifyEvent"
    (event,) = payload["eventData"]
    assert event.pop("severity", None) == ({"2.1": 3}.get(version)), "N07.FR.21"
    assert event == {
        "eventId": 5,
        "timestamp": NOW,
        "trigger": "Alerting",
        "actualValue": "false" if cleared else "true",
        "eventNotificationType": "HardWiredNotification",
        "techCode": "CX003",
        "techInfo": "d" * 500,
        "component": {"name": "Connector", "evse": {"id": 1, "connectorId": 1}},
        "variable": {"name": "Problem"},
    } | ({"cleared": True} if cleared else {})


@VERSIONS
def test_an_error_of_the_station_without_a_published_code(version: str, module: ModuleType) -> None:
    request = ErrorNotification(
        error=station_error(error_type="my/" + "x" * 90, description="", message="m"),
        component=Component("ChargingStation"),
        cleared=False,
        event_id=5,
        timestamp=START,
        status=ConnectorStatus.AVAILABLE,
    )
    (event,) = say(version, module, request)[1]["eventData"]
    assert event["component"] == {"name": "ChargingStation"}
    assert (len(event["techCode"]), event["techInfo"]) == (50, "m")
