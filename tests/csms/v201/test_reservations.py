from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from ocppd.csms.v201 import reservations
from ocppd.model.remote_control import StatusResult
from ocppd.model.reservations import (
    Reservation,
    ReservationStatus,
    ReservationStatusUpdate,
    ReserveNowResult,
    ReserveNowStatus,
)
from ocppd.model.tokens import IdToken, IdTokenType
from ocppd.model.variables import StatusInfo
from ocppd.station.answer import Answer
from tests.csms.spoken import as_sent

UNTIL = datetime(2030, 1, 1, tzinfo=UTC)
DRIVER = IdToken("04A224B2", IdTokenType.ISO14443)
REQUEST = {
    "id": 5,
    "expiryDateTime": "2030-01-01T00:00:00Z",
    "idToken": {"idToken": "04A224B2", "type": "ISO14443"},
}


class Block:
    """Notes what is asked, and answers as told."""

    def __init__(self, result: ReserveNowResult) -> None:
        self.result = result
        self.asked: list[object] = []

    async def reserve(self, request: Reservation) -> Answer[ReserveNowResult]:
        self.asked.append(request)
        return Answer(self.result)

    async def cancel(self, reservation_id: int) -> Answer[StatusResult]:
        self.asked.append(reservation_id)
        return Answer(StatusResult("Rejected", StatusInfo("NotFound")))


async def ask(version: str, block: Block, action: str, payload: dict[str, Any]) -> Any:
    station: Any = SimpleNamespace(reservations=block)
    route = reservations.routes(station)[action]
    answer = await route(as_sent(version, action, payload))
    return as_sent(version, action, answer.result, response=True)


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
@pytest.mark.parametrize(
    ("more", "meant"),
    [
        ({}, Reservation(5, DRIVER, UNTIL)),
        ({"evseId": 2}, Reservation(5, DRIVER, UNTIL, evse_id=2)),
        ({"connectorType": "cCCS2"}, Reservation(5, DRIVER, UNTIL, connector_type="cCCS2")),
        (
            {"groupIdToken": {"idToken": "FLEET", "type": "Central"}},
            Reservation(5, DRIVER, UNTIL, group_id_token=IdToken("FLEET", IdTokenType.CENTRAL)),
        ),
    ],
)
async def test_what_is_reserved(version: str, more: dict[str, Any], meant: Reservation) -> None:
    block = Block(ReserveNowResult(ReserveNowStatus.ACCEPTED))
    assert await ask(version, block, "ReserveNow", REQUEST | more) == {"status": "Accepted"}
    assert block.asked == [meant]


@pytest.mark.parametrize("status", list(ReserveNowStatus))
async def test_each_answer_with_its_reason(status: ReserveNowStatus) -> None:
    block = Block(ReserveNowResult(status, StatusInfo("UnknownEvse")))
    assert await ask("2.0.1", block, "ReserveNow", REQUEST) == {
        "status": status.value,
        "statusInfo": {"reasonCode": "UnknownEvse"},
    }


async def test_cancelling() -> None:
    block = Block(ReserveNowResult(ReserveNowStatus.ACCEPTED))
    answer = await ask("2.1", block, "CancelReservation", {"reservationId": 5})
    assert answer == {"status": "Rejected", "statusInfo": {"reasonCode": "NotFound"}}
    assert block.asked == [5]


@pytest.mark.requirement("H04.FR.01", "H01.FR.16", "H01.FR.17")
@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
@pytest.mark.parametrize("status", [ReservationStatus.EXPIRED, ReservationStatus.REMOVED])
def test_the_end_is_told(version: str, status: ReservationStatus) -> None:
    outgoing = reservations.REQUESTS[ReservationStatusUpdate]
    payload = as_sent(version, outgoing.action, outgoing.encode(ReservationStatusUpdate(5, status)))
    assert payload == {"reservationId": 5, "reservationUpdateStatus": status.value}
