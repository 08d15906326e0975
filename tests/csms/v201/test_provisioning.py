from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from ocppd.csms.payload import Payload, RpcError
from ocppd.csms.v21 import provisioning as v21
from ocppd.csms.v201 import provisioning as v201
from ocppd.device_model.names import DeviceDataCtrlr
from ocppd.model.provisioning import NotifyReport, ReportData, ReportedAttribute
from ocppd.model.requests import Nothing
from ocppd.model.variables import AttributeType, Characteristics, DataType, Mutability
from tests.csms.spoken import as_sent
from tests.station.provisioned import PASSWORD, Provisioned, address

Ask = Callable[..., Awaitable[Payload]]
VERSIONS: dict[str, ModuleType] = {"2.0.1": v201, "2.1": v21}


@pytest.fixture
def parts() -> Provisioned:
    parts = Provisioned(legacy=False)
    parts.world.csms.replies[NotifyReport] = lambda _: Nothing()
    return parts


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def ask(parts: Provisioned, version: str) -> Ask:
    station: Any = SimpleNamespace(provisioning=parts.provisioning, device_model=parts.model)
    routes = VERSIONS[version].routes(station)

    async def ask(action: str, **payload: object) -> Payload:
        answer = await routes[action](as_sent(version, action, payload))
        answer.then()
        await parts.world.tasks.settle()
        return as_sent(version, action, answer.result, response=True)

    return ask


def item(component: str, variable: str, **members: object) -> Payload:
    return {"component": {"name": component}, "variable": {"name": variable}, **members}


@pytest.mark.requirement("B06.FR.01", "B06.FR.02", "B06.FR.03", "B06.FR.04", "B06.FR.09")
async def test_get_variables(ask: Ask) -> None:
    power = {
        "component": {"name": "EVSE", "evse": {"id": 1}},
        "variable": {"name": "Power"},
    }
    attempts = {
        "component": {"name": "OCPPCommCtrlr"},
        "variable": {"name": "messageattempts", "instance": "transactionevent"},
    }
    answer = await ask(
        "GetVariables",
        getVariableData=[
            attempts,
            item("SecurityCtrlr", "BasicAuthPassword"),
            power | {"attributeType": "MaxSet"},
            item("", "HeartbeatInterval"),
            item("AuthCtrlr", "Nope"),
            item("AuthCtrlr", "Enabled", attributeType="Target"),
        ],
    )
    assert answer["getVariableResult"] == [
        attempts
        | {"attributeStatus": "Accepted", "attributeType": "Actual", "attributeValue": "5"},
        item("SecurityCtrlr", "BasicAuthPassword")
        | {
            "attributeStatus": "Rejected",
            "attributeType": "Actual",
            "attributeStatusInfo": {"reasonCode": "WriteOnly"},
        },
        power | {"attributeStatus": "Accepted", "attributeType": "MaxSet", "attributeValue": ""},
        item("", "HeartbeatInterval", attributeStatus="UnknownComponent", attributeType="Actual"),
        item("AuthCtrlr", "Nope", attributeStatus="UnknownVariable", attributeType="Actual"),
        item(
            "AuthCtrlr",
            "Enabled",
            attributeStatus="NotSupportedAttributeType",
            attributeType="Target",
        ),
    ]


@pytest.mark.requirement("B05.FR.01", "B05.FR.02", "B05.FR.03", "B05.FR.07", "B05.FR.12")
async def test_set_variables(parts: Provisioned, ask: Ask) -> None:
    answer = await ask(
        "SetVariables",
        setVariableData=[
            item("OCPPCommCtrlr", "HeartbeatInterval", attributeValue="60"),
            item("OCPPCommCtrlr", "HeartbeatInterval", attributeValue="x"),
            item("ChargingStation", "Model", attributeValue="M", attributeType="Actual"),
        ],
    )
    assert [
        (each["attributeStatus"], each["attributeType"]) for each in answer["setVariableResult"]
    ] == [("Accepted", "Actual"), ("Rejected", "Actual"), ("Rejected", "Actual")]
    assert answer["setVariableResult"][1]["attributeStatusInfo"] == {
        "reasonCode": "InvalidValue",
        "additionalInfo": "is not an integer",
    }
    assert parts.value("OCPPCommCtrlr.HeartbeatInterval") == "60"
    [stored] = parts.world.store.attributes.values()
    assert stored == ("60", "csms")


@pytest.mark.requirement("B06.FR.16", "B06.FR.17", "B08.FR.17", "B08.FR.18")
@pytest.mark.parametrize(
    ("action", "payload", "limit"),
    [
        ("GetVariables", {"getVariableData": [item("A", "B")] * 10}, "GetVariables"),
        (
            "SetVariables",
            {"setVariableData": [item("A", "B", attributeValue="1")] * 10},
            "SetVariables",
        ),
        ("GetReport", {"requestId": 1, "componentVariable": [item("A", "B")] * 10}, "GetReport"),
    ],
)
async def test_more_than_announced(
    parts: Provisioned, ask: Ask, action: str, payload: Payload, limit: str
) -> None:
    items = getattr(DeviceDataCtrlr, f"ItemsPerMessage_{limit}")
    parts.model.set_actual(items, 10)
    await ask(action, **payload)
    parts.model.set_actual(items, 9)
    with pytest.raises(RpcError) as caught:
        await ask(action, **payload)
    assert caught.value.code == "OccurrenceConstraintViolation"
    parts.model.set_actual(items, 10)
    parts.model.set_actual(getattr(DeviceDataCtrlr, f"BytesPerMessage_{limit}"), 200)
    with pytest.raises(RpcError) as caught:
        await ask(action, **payload)
    assert caught.value.code == "FormatViolation"


@pytest.mark.requirement("B07.FR.01", "B07.FR.08")
async def test_the_full_inventory_fits_the_schema(
    parts: Provisioned, ask: Ask, version: str
) -> None:
    answer = await ask("GetBaseReport", requestId=5, reportBase="FullInventory")
    assert answer == {"status": "Accepted"}
    pages = parts.world.csms.of(NotifyReport)
    assert sum(len(page.report_data) for page in pages) == len(list(parts.model.variables()))
    outgoing = VERSIONS[version].REQUESTS[NotifyReport]
    for page in pages:
        payload = as_sent(version, outgoing.action, outgoing.encode(page))
        assert payload["requestId"] == 5
        assert PASSWORD not in str(payload)


@pytest.mark.requirement("B08.FR.01", "B08.FR.12")
async def test_a_custom_report(parts: Provisioned, ask: Ask) -> None:
    answer = await ask(
        "GetReport",
        requestId=6,
        componentCriteria=["Enabled"],
        componentVariable=[
            {"component": {"name": "AuthCtrlr"}},
            {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"}},
        ],
    )
    assert answer == {"status": "Accepted"}
    [page] = parts.world.csms.of(NotifyReport)
    assert {data.address.component.name for data in page.report_data} == {"AuthCtrlr", "EVSE"}
    answer = await ask("GetReport", requestId=7, componentCriteria=["Problem"])
    assert answer == {"status": "EmptyResultSet"}


def test_notify_report(version: str) -> None:
    data = ReportData(
        address("X[a].Y[b]@1.2"),
        (
            ReportedAttribute(AttributeType.ACTUAL, Mutability.READ_ONLY, "A", True, True),
            ReportedAttribute(AttributeType.TARGET, Mutability.WRITE_ONLY),
        ),
        Characteristics(DataType.MEMBER_LIST, "W", 0, 99.5, ("A", "B"), True, 2),
    )
    request = NotifyReport(1, datetime(2026, 3, 1, 12, tzinfo=UTC), 3, True, (data,))
    payload = as_sent(
        version, "NotifyReport", VERSIONS[version].REQUESTS[NotifyReport].encode(request)
    )
    more = {"maxElements": 2} if version == "2.1" else {}
    assert payload == {
        "requestId": 1,
        "generatedAt": "2026-03-01T12:00:00.000Z",
        "tbc": True,
        "seqNo": 3,
        "reportData": [
            {
                "component": {
                    "name": "X",
                    "instance": "a",
                    "evse": {"id": 1, "connectorId": 2},
                },
                "variable": {"name": "Y", "instance": "b"},
                "variableAttribute": [
                    {
                        "type": "Actual",
                        "mutability": "ReadOnly",
                        "value": "A",
                        "persistent": True,
                        "constant": True,
                    },
                    {"type": "Target", "mutability": "WriteOnly"},
                ],
                "variableCharacteristics": {
                    "dataType": "MemberList",
                    "supportsMonitoring": True,
                    "unit": "W",
                    "minLimit": 0,
                    "maxLimit": 99.5,
                    "valuesList": "A,B",
                    **more,
                },
            }
        ],
    }
