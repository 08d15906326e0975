from types import SimpleNamespace
from typing import Any

import pytest

from ocppd.csms.v16 import local_auth_list
from ocppd.device_model.names import LocalAuthListCtrlr
from ocppd.model.availability import ConnectorStatus
from ocppd.model.local_auth_list import LocalListConflict
from ocppd.model.tokens import IdToken, IdTokenType
from ocppd.station.status_reports import Report
from tests.csms.spoken import Spoken, as_sent
from tests.fakes import START

ENTRY = {"idTag": "04A224B2", "idTagInfo": {"status": "Accepted", "parentIdTag": "FLEET"}}


async def test_a_list_comes_changes_and_has_a_version() -> None:
    spoken = Spoken("1.6", local_auth_list)
    full = {"listVersion": 4, "updateType": "Full", "localAuthorizationList": [ENTRY]}
    assert await spoken.answer_to("SendLocalList", full) == {"status": "Accepted"}
    info = spoken.local_auth_list.lookup(IdToken("04a224b2", IdTokenType.ISO15693))
    assert info is not None
    assert info.group_id_token == IdToken("FLEET", IdTokenType.CENTRAL)
    assert await spoken.answer_to("GetLocalListVersion", {}) == {"listVersion": 4}
    more = {
        "listVersion": 5,
        "updateType": "Differential",
        "localAuthorizationList": [{"idTag": "04a224B2"}, {**ENTRY, "idTag": "B"}],
    }
    assert await spoken.answer_to("SendLocalList", more) == {"status": "Accepted"}
    assert spoken.local_auth_list.lookup(IdToken("04A224B2", IdTokenType.ISO14443)) is None
    assert await spoken.answer_to("GetLocalListVersion", {}) == {"listVersion": 5}


async def test_an_empty_list_has_version_0_and_none_minus_1() -> None:
    spoken = Spoken("1.6", local_auth_list)
    assert await spoken.answer_to("GetLocalListVersion", {}) == {"listVersion": 0}
    empty: dict[str, Any] = {"listVersion": 2, "updateType": "Full", "localAuthorizationList": []}
    assert await spoken.answer_to("SendLocalList", empty) == {"status": "Accepted"}
    assert await spoken.answer_to("GetLocalListVersion", {}) == {"listVersion": 0}
    spoken.model.set_actual(LocalAuthListCtrlr.Enabled, False)
    assert await spoken.answer_to("GetLocalListVersion", {}) == {"listVersion": -1}
    assert await spoken.answer_to("SendLocalList", empty) == {"status": "NotSupported"}


@pytest.mark.parametrize(
    ("version", "kind", "status"),
    [(0, "Full", "Failed"), (-1, "Full", "Failed"), (4, "Differential", "VersionMismatch")],
)
async def test_a_list_that_is_refused(version: int, kind: str, status: str) -> None:
    spoken = Spoken("1.6", local_auth_list)
    full = {"listVersion": 4, "updateType": "Full", "localAuthorizationList": [ENTRY]}
    await spoken.answer_to("SendLocalList", full)
    request = {"listVersion": version, "updateType": kind}
    assert await spoken.answer_to("SendLocalList", request) == {"status": status}


async def test_the_limit_of_one_message() -> None:
    spoken = Spoken("1.6", local_auth_list)
    spoken.model.set_actual(LocalAuthListCtrlr.ItemsPerMessage, 1)
    entries = [ENTRY, {**ENTRY, "idTag": "B"}]
    request = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": entries}
    assert await spoken.answer_to("SendLocalList", request) == {"status": "Failed"}


def test_a_conflict_is_told_with_the_status_of_the_station() -> None:
    report = Report(ConnectorStatus.AVAILABLE)
    station: Any = SimpleNamespace(availability=SimpleNamespace(report_of=lambda ref: report))
    outgoing = local_auth_list.requests(station)[LocalListConflict]
    payload = as_sent("1.6", outgoing.action, outgoing.encode(LocalListConflict(START)))
    assert (outgoing.action, payload) == (
        "StatusNotification",
        {
            "connectorId": 0,
            "errorCode": "LocalListConflict",
            "status": "Available",
            "timestamp": "2026-03-01T12:00:00.000Z",
        },
    )
