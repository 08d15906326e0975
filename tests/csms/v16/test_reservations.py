from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from ocppd.csms.v16 import reservations
from ocppd.model.remote_control import StatusResult
from ocppd.model.reservations import Reservation, ReserveNowResult, ReserveNowStatus
from ocppd.model.tokens import IdToken, IdTokenType
from ocppd.station.answer import Answer
from ocppd.station.evse import Evses
from tests.csms.spoken import as_sent
from tests.station.models import TOPOLOGY

UNTIL = datetime(2030, 1, 1, tzinfo=UTC)
DRIVER = IdToken("04A224B2", IdTokenType.CENTRAL)
REQUEST = {"expiryDate": "2030-01-01T00:00:00Z", "idTag": "04A224B2", "reservationId": 5}


class Block:
    """Notes what is asked, and answers as told."""

    def __init__(self, status: ReserveNowStatus = ReserveNowStatus.ACCEPTED) -> None:
        self.status = status
        self.asked: list[object] = []

    async def reserve(self, request: Reservation) -> Answer[ReserveNowResult]:
        self.asked.append(request)
        return Answer(ReserveNowResult(self.status))

    async def cancel(self, reservation_id: int) -> Answer[StatusResult]:
        self.asked.append(reservation_id)
        return Answer(StatusResult("Accepted"))


async def ask(block: Block, action: str, payload: dict[str, Any]) -> Any:
    station: Any = SimpleNamespace(reservations=block, evses=Evses(TOPOLOGY))
    answer = await reservations.routes(station)[action](as_sent("1.6", action, payload))
    return as_sent("1.6", action, answer.result, response=True)


@pytest.mark.parametrize(
    ("more", "meant"),
    [
        ({"connectorId": 0}, Reservation(5, DRIVER, UNTIL, by_connector=True)),
        (
            {"connectorId": 3, "parentIdTag": "FLEET"},
            Reservation(
                5,
                DRIVER,
                UNTIL,
                evse_id=2,
                connector_id=2,
                group_id_token=IdToken("FLEET", IdTokenType.CENTRAL),
                by_connector=True,
            ),
        ),
        (
            {"connectorId": 4},
            Reservation(5, DRIVER, UNTIL, evse_id=-1, connector_id=-1, by_connector=True),
        ),
    ],
)
async def test_what_is_reserved(more: dict[str, Any], meant: Reservation) -> None:
    block = Block()
    assert await ask(block, "ReserveNow", REQUEST | more) == {"status": "Accepted"}
    assert block.asked == [meant]


@pytest.mark.parametrize("status", list(ReserveNowStatus))
async def test_each_answer(status: ReserveNowStatus) -> None:
    answer = await ask(Block(status), "ReserveNow", REQUEST | {"connectorId": 1})
    assert answer == {"status": status.value}


async def test_cancelling() -> None:
    block = Block()
    answer = await ask(block, "CancelReservation", {"reservationId": 5})
    assert answer == {"status": "Accepted"}
    assert block.asked == [5]
