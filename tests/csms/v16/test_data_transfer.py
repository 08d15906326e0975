import pytest

from ocppd.csms.v16 import data_transfer
from ocppd.errors import InvalidArgument
from ocppd.model.data_transfer import (
    CustomData,
    DataTransfer,
    DataTransferResponse,
    DataTransferStatus,
)
from tests.csms.spoken import Spoken


def test_data_of_the_host_go_as_they_are() -> None:
    spoken = Spoken("1.6", data_transfer)
    assert spoken.say(DataTransfer("com.example", "hello", "not JSON {")) == (
        "DataTransfer",
        {"vendorId": "com.example", "messageId": "hello", "data": "not JSON {"},
    )
    assert spoken.say(DataTransfer("com.example"))[1] == {"vendorId": "com.example"}


def test_there_is_no_place_for_custom_data() -> None:
    with pytest.raises(InvalidArgument, match=r"request\.custom_data"):
        Spoken("1.6", data_transfer).say(DataTransfer("v", custom_data=CustomData("v", "{}")))


def test_the_answer_of_the_csms_goes_as_it_is() -> None:
    spoken = Spoken("1.6", data_transfer)
    assert spoken.hear(DataTransfer, {"status": "Accepted", "data": "[1"}) == DataTransferResponse(
        DataTransferStatus.ACCEPTED, "[1"
    )


async def test_a_message_of_the_csms_reaches_the_host_and_its_answer_the_csms() -> None:
    spoken = Spoken("1.6", data_transfer)
    spoken.world.agents.data_transfer_response = DataTransferResponse(
        DataTransferStatus.UNKNOWN_MESSAGE_ID, "why"
    )
    payload = {"vendorId": "v", "messageId": "m", "data": "text"}
    answer = await spoken.answer_to("DataTransfer", payload)
    assert answer == {"status": "UnknownMessageId", "data": "why"}
    assert spoken.world.agents.of("data_transfer") == [(DataTransfer("v", "m", "text"),)]


@pytest.mark.requirement("P01.FR.05")
async def test_without_an_agent_the_vendor_is_unknown() -> None:
    spoken = Spoken("1.6", data_transfer)
    spoken.world.agents.interfaces.discard("OcppDataTransfer")
    answer = await spoken.answer_to("DataTransfer", {"vendorId": "v", "data": "x"})
    assert answer == {"status": "UnknownVendorId"}
