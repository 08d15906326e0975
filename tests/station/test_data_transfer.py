from collections.abc import Callable

import pytest

from ocppd.errors import CsmsError, InvalidArgument, NoAnswer, Offline, Refused
from ocppd.model.data_transfer import (
    CustomData,
    DataTransfer,
    DataTransferResponse,
    DataTransferStatus,
)
from ocppd.station.data_transfer import DataTransfers
from tests.fakes import World

REQUEST = DataTransfer("com.example", "hello", "1")


def _raise(error: CsmsError) -> Callable[[object], None]:
    def fail(_: object) -> None:
        raise error

    return fail


@pytest.mark.requirement("P02.FR.08")
async def test_the_host_hears_what_the_csms_answers() -> None:
    world = World()
    response = DataTransferResponse(DataTransferStatus.ACCEPTED, '{"a":1}')
    world.csms.replies[DataTransfer] = lambda _: response
    assert await DataTransfers(world.outside).send(REQUEST) == response
    assert world.csms.sent == [REQUEST]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Offline("gone"), "Offline"),
        (NoAnswer("late"), "Offline"),
        (Refused("InternalError"), "Rejected"),
    ],
)
async def test_what_is_no_answer_has_a_word_for_the_host(error: CsmsError, expected: str) -> None:
    world = World()
    world.csms.replies[DataTransfer] = _raise(error)
    assert (await DataTransfers(world.outside).send(REQUEST)).status.value == expected


async def test_offline_nothing_is_sent() -> None:
    world = World()
    world.csms.connected = False
    response = await DataTransfers(world.outside).send(REQUEST)
    assert response == DataTransferResponse(DataTransferStatus.OFFLINE)
    assert world.csms.sent == []


@pytest.mark.parametrize(
    ("request_", "path"),
    [
        (DataTransfer("v" * 256), "request.vendor_id"),
        (DataTransfer("v", "m" * 51), "request.message_id"),
        (DataTransfer("v", custom_data=CustomData("v" * 256, "{}")), "request.custom_data.vendor"),
    ],
)
async def test_what_is_too_long_is_refused_by_its_path(request_: DataTransfer, path: str) -> None:
    with pytest.raises(InvalidArgument, match=path):
        await DataTransfers(World().outside).send(request_)


@pytest.mark.requirement("P01.FR.06", "P01.FR.07")
@pytest.mark.parametrize("status", ["Accepted", "Rejected", "UnknownMessageId"])
async def test_the_csms_hears_what_the_host_answers(status: str) -> None:
    world = World()
    response = DataTransferResponse(DataTransferStatus(status), "7", CustomData("v", "{}"))
    world.agents.data_transfer_response = response
    answer = await DataTransfers(world.outside).receive(REQUEST)
    assert answer.result == response
    assert world.agents.of("data_transfer") == [(REQUEST,)]


@pytest.mark.requirement("P01.FR.05")
async def test_without_an_agent_the_vendor_is_unknown() -> None:
    world = World()
    world.agents.interfaces.discard("OcppDataTransfer")
    answer = await DataTransfers(world.outside).receive(REQUEST)
    assert answer.result == DataTransferResponse(DataTransferStatus.UNKNOWN_VENDOR_ID)


async def test_an_unknown_vendor_has_no_data() -> None:
    world = World()
    world.agents.data_transfer_response = DataTransferResponse(
        DataTransferStatus.UNKNOWN_VENDOR_ID, "7"
    )
    answer = await DataTransfers(world.outside).receive(REQUEST)
    assert answer.result == DataTransferResponse(DataTransferStatus.UNKNOWN_VENDOR_ID)


async def test_offline_is_no_word_for_the_csms() -> None:
    world = World()
    world.agents.data_transfer_response = DataTransferResponse(DataTransferStatus.OFFLINE)
    answer = await DataTransfers(world.outside).receive(REQUEST)
    assert answer.result.status is DataTransferStatus.REJECTED


async def test_an_agent_that_fails_counts_as_rejected() -> None:
    world = World()
    transfers = DataTransfers(world.outside)
    has = world.agents.has
    world.agents.has = lambda interface: has(interface) or True  # type: ignore[method-assign]
    world.agents.interfaces.discard("OcppDataTransfer")
    assert (await transfers.receive(REQUEST)).result.status is DataTransferStatus.REJECTED
