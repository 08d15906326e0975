from types import ModuleType
from typing import Any

import pytest

from ocppd.csms.v201 import data_transfer as v201
from ocppd.errors import InvalidArgument
from ocppd.model.data_transfer import (
    CustomData,
    DataTransfer,
    DataTransferResponse,
    DataTransferStatus,
)
from tests.csms.spoken import Spoken

VERSIONS: dict[str, ModuleType] = {"2.0.1": v201, "2.1": v201}


@pytest.fixture(params=list(VERSIONS))
def spoken(request: pytest.FixtureRequest) -> Spoken:
    return Spoken(request.param, VERSIONS[request.param])


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ('{"a": [1, 2.5, null, "ä"]}', {"a": [1, 2.5, None, "ä"]}),
        ('"text"', "text"),
        ("false", False),
        ("0", 0),
        ("[]", []),
    ],
)
def test_data_of_the_host_are_json(spoken: Spoken, text: str, data: Any) -> None:
    assert spoken.say(DataTransfer("com.example", "hello", text)) == (
        "DataTransfer",
        {"vendorId": "com.example", "messageId": "hello", "data": data},
    )


@pytest.mark.parametrize(
    ("request_", "path"),
    [
        (DataTransfer("v", data="plain text"), "request.data: not JSON"),
        (DataTransfer("v", data=""), "request.data: not JSON"),
        (DataTransfer("v", data="NaN"), "request.data: not JSON"),
        (DataTransfer("v", data='"\\ud800"'), "request.data: not JSON"),
        (DataTransfer("v", data="[" * 100_000), "request.data: not JSON"),
        (DataTransfer("v", data="1" * 5_000), "request.data: not JSON"),
        (DataTransfer("v", custom_data=CustomData("v", "{")), "request.custom_data.data: not JSON"),
        (DataTransfer("v", custom_data=CustomData("v", "[]")), "request.custom_data.data: not a J"),
    ],
)
def test_what_is_not_json_is_refused_by_its_path(
    spoken: Spoken, request_: DataTransfer, path: str
) -> None:
    with pytest.raises(InvalidArgument, match=path):
        spoken.say(request_)


def test_custom_data_have_their_vendor_id(spoken: Spoken) -> None:
    _, payload = spoken.say(DataTransfer("v", custom_data=CustomData("w", '{"x":1}')))
    assert payload == {"vendorId": "v", "customData": {"vendorId": "w", "x": 1}}
    same = CustomData("w", '{"vendorId":"other","x":1}')
    assert spoken.say(DataTransfer("v", custom_data=same))[1]["customData"]["vendorId"] == "w"


def test_the_answer_of_the_csms_is_json_as_text(spoken: Spoken) -> None:
    heard = spoken.hear(
        DataTransfer,
        {
            "status": "Accepted",
            "data": {"a": ["ä", None]},
            "customData": {"vendorId": "w", "x": True},
        },
    )
    assert heard == DataTransferResponse(
        DataTransferStatus.ACCEPTED, '{"a":["ä",null]}', CustomData("w", '{"x":true}')
    )
    assert spoken.hear(DataTransfer, {"status": "Rejected"}) == DataTransferResponse(
        DataTransferStatus.REJECTED
    )


@pytest.mark.requirement("P01.FR.07")
async def test_a_message_of_the_csms_reaches_the_host_and_its_answer_the_csms(
    spoken: Spoken,
) -> None:
    spoken.world.agents.data_transfer_response = DataTransferResponse(
        DataTransferStatus.ACCEPTED, '{"b":2}', CustomData("w", '{"y":1}')
    )
    request = {
        "vendorId": "v",
        "messageId": "m",
        "data": [1],
        "customData": {"vendorId": "w", "x": 1},
    }
    assert await spoken.answer_to("DataTransfer", request) == {
        "status": "Accepted",
        "data": {"b": 2},
        "customData": {"vendorId": "w", "y": 1},
    }
    assert spoken.world.agents.of("data_transfer") == [
        (DataTransfer("v", "m", "[1]", CustomData("w", '{"x":1}')),)
    ]


async def test_an_answer_of_the_host_that_is_not_json_goes_as_a_string(spoken: Spoken) -> None:
    spoken.world.agents.data_transfer_response = DataTransferResponse(
        DataTransferStatus.ACCEPTED, "plain text", CustomData("w", "[]")
    )
    answer = await spoken.answer_to("DataTransfer", {"vendorId": "v"})
    assert answer == {"status": "Accepted", "data": "plain text"}


@pytest.mark.requirement("P01.FR.05")
async def test_without_an_agent_the_vendor_is_unknown(spoken: Spoken) -> None:
    spoken.world.agents.interfaces.discard("OcppDataTransfer")
    answer = await spoken.answer_to("DataTransfer", {"vendorId": "v"})
    assert answer == {"status": "UnknownVendorId"}
