"""Availability, status and errors in OCPP 1.6."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from ocppd.csms.v16 import availability
from ocppd.csms.v16.spelling import MANNERS
from ocppd.device_model.names import OCPP16LegacyCtrlr
from ocppd.model.availability import (
    Activity,
    ConnectorStatus,
    ErrorNotification,
    RequestedStatus,
    StationError,
    StatusNotification,
)
from ocppd.model.variables import Component
from tests.csms.spoken import as_sent
from tests.fakes import START
from tests.station.blocks import Blocks, station_error

HOT = "evse_board_support/MREC3HighTemperature"


def spoken(values: dict[Any, Any] | None = None) -> tuple[Blocks, Any, Any]:
    blocks = Blocks(values, manners=MANNERS)
    station: Any = SimpleNamespace(
        evses=blocks.evses, device_model=blocks.device_model, availability=blocks.availability
    )
    return blocks, availability.routes(station), availability.requests(station)


def say(requests: Any, request: Any) -> dict[str, Any]:
    outgoing = requests[type(request)]
    assert outgoing.action == "StatusNotification"
    return as_sent("1.6", outgoing.action, outgoing.encode(request))


@pytest.mark.parametrize(
    ("number", "changed"),
    [
        (0, ["1.1", "2.1", "2.2"]),
        (1, ["1.1"]),
        (2, ["2.1"]),
        (3, ["2.2"]),
    ],
)
async def test_a_number_is_a_connector_and_zero_the_station(
    number: int, changed: list[str]
) -> None:
    blocks, routes, _ = spoken()
    await blocks.online()
    request = as_sent("1.6", "ChangeAvailability", {"connectorId": number, "type": "Inoperative"})
    answer = await routes["ChangeAvailability"](request)
    assert as_sent("1.6", "ChangeAvailability", answer.result, response=True) == {
        "status": "Accepted"
    }
    answer.then()
    await blocks.settle()
    unavailable = [
        f"{evse.id}.{connector.id}"
        for evse in blocks.evses
        for connector in evse.connectors.values()
        if connector.status is ConnectorStatus.UNAVAILABLE
    ]
    assert unavailable == changed


@pytest.mark.parametrize("number", [4, -1, 10**12])
async def test_a_number_that_nobody_has_is_rejected(number: int) -> None:
    _, routes, _ = spoken()
    payload = {"connectorId": number, "type": "Inoperative"}
    answer = await routes["ChangeAvailability"](payload)
    assert as_sent("1.6", "ChangeAvailability", answer.result, response=True) == {
        "status": "Rejected"
    }


@pytest.mark.parametrize(
    ("status", "activity", "word"),
    [
        (ConnectorStatus.AVAILABLE, None, "Available"),
        (ConnectorStatus.RESERVED, None, "Reserved"),
        (ConnectorStatus.UNAVAILABLE, None, "Unavailable"),
        (ConnectorStatus.FAULTED, None, "Faulted"),
        (ConnectorStatus.OCCUPIED, None, "Preparing"),
        (ConnectorStatus.AVAILABLE, Activity.PREPARING, "Preparing"),
        (ConnectorStatus.RESERVED, Activity.PREPARING, "Preparing"),
        (ConnectorStatus.FAULTED, Activity.CHARGING, "Faulted"),
        *((ConnectorStatus.OCCUPIED, activity, activity.value) for activity in Activity),
    ],
)
async def test_occupied_is_split_by_activity(
    status: ConnectorStatus, activity: Activity | None, word: str
) -> None:
    _, _, requests = spoken()
    for kind in (StatusNotification, RequestedStatus):
        request = kind(START, 2, 2, status, activity, info="i" * 60, status_changed=False)
        assert say(requests, request) == {
            "connectorId": 3,
            "errorCode": "NoError",
            "status": word,
            "info": "i" * 50,
            "timestamp": "2026-03-01T12:00:00.000Z",
        }


async def test_the_station_is_connector_zero() -> None:
    _, _, requests = spoken()
    request = StatusNotification(START, 0, 0, ConnectorStatus.AVAILABLE)
    assert say(requests, request)["connectorId"] == 0


async def test_a_fault_tells_what_caused_it() -> None:
    _, _, requests = spoken()
    error = station_error(message="no pilot")
    request = StatusNotification(START, 1, 1, ConnectorStatus.FAULTED, error=error)
    assert say(requests, request) == {
        "connectorId": 1,
        "errorCode": "OtherError",
        "status": "Faulted",
        "info": "caused_by:no pilot",
        "timestamp": "2026-03-01T12:00:00.000Z",
        "vendorId": "no pilot",
        "vendorErrorCode": "Inoperative",
    }


def note(error: StationError, **more: Any) -> ErrorNotification:
    details: dict[str, Any] = {"cleared": False, "activity": Activity.CHARGING} | more
    return ErrorNotification(
        error,
        Component("EVSE"),
        event_id=1,
        timestamp=START + timedelta(seconds=1),
        status=ConnectorStatus.OCCUPIED,
        **details,
    )


@pytest.mark.parametrize(
    ("error_type", "code", "vendor", "vendor_code"),
    [
        (HOT, "HighTemperature", "https://chargex.inl.gov", "CX003"),
        ("ac_rcd/MREC2GroundFailure", "GroundFailure", "https://chargex.inl.gov", "CX002"),
        ("connector_lock/MREC1ConnectorLockFailure", "ConnectorLockFailure", None, "CX001"),
        ("evse_manager/MREC4OverCurrentFailure", "OverCurrentFailure", None, "CX004"),
        ("evse_manager/MREC5OverVoltage", "OverVoltage", None, "CX005"),
        ("evse_board_support/MREC6UnderVoltage", "UnderVoltage", None, "CX006"),
        ("evse_board_support/MREC14PilotFault", "OtherError", None, "CX014"),
        ("powermeter/CommunicationFault", "PowerMeterFailure", "broken", "CommunicationFault/lost"),
        ("my/Own", "OtherError", "broken", "Own/lost"),
    ],
)
async def test_an_error_has_a_code_and_leaves_the_status(
    error_type: str, code: str, vendor: str | None, vendor_code: str
) -> None:
    _, _, requests = spoken()
    told = say(requests, note(station_error(error_type=error_type, sub_type="lost")))
    assert (told["status"], told["errorCode"]) == ("Charging", code)
    assert told["vendorId"] == (vendor or "https://chargex.inl.gov")
    assert told["vendorErrorCode"] == vendor_code
    assert told["info"] == "It broke."
    assert told["timestamp"] == "2026-03-01T12:00:01.000Z"


async def test_long_texts_fit() -> None:
    _, _, requests = spoken()
    long = "x" * 999
    error = station_error(error_type=f"a/{long}", sub_type=long, message=long, description=long)
    told = say(requests, note(error))
    assert (len(told["vendorErrorCode"]), len(told["vendorId"]), len(told["info"])) == (50, 255, 50)


async def test_empty_texts_are_left_out() -> None:
    _, _, requests = spoken()
    told = say(requests, note(station_error(error_type="a/B", message="", description="")))
    assert "info" not in told
    assert "vendorId" not in told


@pytest.mark.parametrize("evse_id", [None, 2])
async def test_where_the_error_is(evse_id: int | None) -> None:
    _, _, requests = spoken()
    error = station_error(error_type=HOT, evse_id=evse_id, connector_id=None)
    assert say(requests, note(error))["connectorId"] == (2 if evse_id else 0)


async def test_what_is_left_is_told_when_an_error_is_cleared() -> None:
    _, _, requests = spoken()
    gone = station_error(error_type=HOT)
    assert say(requests, note(gone, cleared=True))["errorCode"] == "NoError"
    left = station_error("e2", "ac_rcd/MREC2GroundFailure")
    assert say(requests, note(gone, cleared=True, remaining=left))["errorCode"] == "GroundFailure"
    assert "info" not in say(requests, note(gone, cleared=True))


async def test_what_was_resolved_is_told_if_wanted() -> None:
    _, _, requests = spoken({OCPP16LegacyCtrlr.ReportClearedErrors: True})
    told = say(requests, note(station_error(error_type=HOT), cleared=True))
    assert (told["errorCode"], told["info"]) == ("NoError", "CX003 resolved")
