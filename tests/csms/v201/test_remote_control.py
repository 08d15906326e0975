from types import ModuleType
from typing import Any

import pytest

from ocppd.csms.payload import RpcError
from ocppd.csms.v201 import remote_control as v201
from ocppd.device_model.names import AuthCtrlr
from ocppd.model.availability import ConnectorStatus
from ocppd.model.sessions import StopReason
from ocppd.model.tokens import AuthorizationType, IdToken, IdTokenType, ProvidedIdToken
from ocppd.model.variables import EvseRef
from tests.csms.spoken import Spoken

VERSIONS: dict[str, ModuleType] = {"2.0.1": v201, "2.1": v201}
TOKEN = {"idToken": "T", "type": "ISO14443"}


@pytest.fixture(params=list(VERSIONS))
def spoken(request: pytest.FixtureRequest) -> Spoken:
    return Spoken(request.param, VERSIONS[request.param])


async def _start(spoken: Spoken, **payload: Any) -> dict[str, Any]:
    request = {"remoteStartId": 5, "idToken": TOKEN, **payload}
    return await spoken.answer_to("RequestStartTransaction", request)


@pytest.mark.requirement("F01.FR.02", "F01.FR.04", "F02.FR.10")
async def test_a_remote_start_is_offered_to_the_host(spoken: Spoken) -> None:
    spoken.model.set_actual(AuthCtrlr.AuthorizeRemoteStart, False)
    group = {"idToken": "FLEET", "type": "Central"}
    assert await _start(spoken, evseId=2, groupIdToken=group) == {"status": "Accepted"}
    assert spoken.world.host.of("provide_token") == [
        ProvidedIdToken(
            IdToken("T", IdTokenType.ISO14443),
            AuthorizationType.OCPP,
            request_id=5,
            parent_id_token=IdToken("FLEET", IdTokenType.CENTRAL),
            evse_ids=(2,),
            prevalidated=True,
        )
    ]


@pytest.mark.requirement("F01.FR.13")
async def test_the_answer_names_the_transaction_that_waits_for_a_driver(spoken: Spoken) -> None:
    spoken.charge(1, "tx-1")
    spoken.evses[1].authorized = False
    assert await _start(spoken, evseId=1) == {"status": "Accepted", "transactionId": "tx-1"}


@pytest.mark.requirement("F01.FR.23", "F01.FR.24")
async def test_a_refusal_says_why(spoken: Spoken) -> None:
    spoken.charge(1, "tx-1")
    spoken.evses[2].connectors[1].status = ConnectorStatus.FAULTED
    spoken.evses[2].connectors[2].status = ConnectorStatus.UNAVAILABLE
    for evse, why in (
        ({"evseId": 1}, {"reasonCode": "TxInProgress"}),
        ({"evseId": 3}, {"reasonCode": "UnknownEvse"}),
        (
            {"evseId": 2},
            {"reasonCode": "Unspecified", "additionalInfo": "the connector is Faulted"},
        ),
        ({}, {"reasonCode": "Unspecified", "additionalInfo": "no EVSE is free"}),
    ):
        assert await _start(spoken, **evse) == {"status": "Rejected", "statusInfo": why}
    assert spoken.world.host.heard == []


async def test_a_token_type_that_nobody_knows_is_refused_by_its_path() -> None:
    spoken = Spoken("2.1", v201)
    with pytest.raises(RpcError, match=r"idToken\.type"):
        await _start(spoken, idToken={"idToken": "T", "type": "Palm"})


async def test_the_types_of_2_1_are_offered_too() -> None:
    spoken = Spoken("2.1", v201)
    assert await _start(spoken, idToken={"idToken": "V", "type": "VIN"}) == {"status": "Accepted"}
    [offer] = spoken.world.host.of("provide_token")
    assert (offer.id_token.type, offer.evse_ids) == (IdTokenType.VIN, ())


@pytest.mark.requirement("F03.FR.07", "F03.FR.08")
async def test_a_remote_stop_names_the_transaction(spoken: Spoken) -> None:
    spoken.charge(2, "tx-2")
    answer = await spoken.answer_to("RequestStopTransaction", {"transactionId": "tx-1"})
    assert answer == {"status": "Rejected", "statusInfo": {"reasonCode": "TxNotFound"}}
    answer = await spoken.answer_to("RequestStopTransaction", {"transactionId": "tx-2"})
    assert answer == {"status": "Accepted"}
    assert spoken.world.agents.of("stop_transaction") == [(2, StopReason.REMOTE, None)]


@pytest.mark.requirement("F05.FR.01", "F05.FR.02", "F05.FR.03", "F05.FR.04", "F05.FR.05")
async def test_unlock_connector(spoken: Spoken) -> None:
    async def unlock(evse_id: int, connector_id: int) -> str:
        request = {"evseId": evse_id, "connectorId": connector_id}
        answer = await spoken.answer_to("UnlockConnector", request)
        return str(answer["status"])

    spoken.charge(1, "tx-1")
    assert await unlock(1, 1) == "OngoingAuthorizedTransaction"
    assert await unlock(1, 2) == "UnknownConnector"
    assert await unlock(9, 1) == "UnknownConnector"
    assert await unlock(2, 2) == "Unlocked"
    spoken.world.agents.answer = False
    assert await unlock(2, 2) == "UnlockFailed"
    spoken.world.agents.interfaces.discard("EvseManager")
    assert await unlock(2, 2) == "UnlockFailed"
    assert spoken.world.agents.of("force_unlock") == [(2, 2), (2, 2)]


@pytest.mark.requirement("F06.FR.03", "F06.FR.04", "F06.FR.05", "F06.FR.12")
async def test_trigger_message(spoken: Spoken) -> None:
    for message, evse, expected, sent in (
        ("BootNotification", None, "Accepted", ("boot",)),
        ("Heartbeat", {"id": 7}, "Accepted", ("heartbeat",)),
        (
            "StatusNotification",
            {"id": 2, "connectorId": 2},
            "Accepted",
            ("message", EvseRef(2, 2)),
        ),
        ("StatusNotification", {"id": 2}, "Rejected", None),
        ("TransactionEvent", None, "Rejected", None),
        ("LogStatusNotification", None, "NotImplemented", None),
        ("SignCombinedCertificate", None, "NotImplemented", None),
    ):
        spoken.triggered.clear()
        request = {"requestedMessage": message, **({"evse": evse} if evse else {})}
        answer = await spoken.answer_to("TriggerMessage", request)
        assert answer["status"] == expected
        assert spoken.triggered == ([sent] if sent else [])


@pytest.mark.requirement("F06.FR.19")
async def test_custom_triggers_are_not_implemented() -> None:
    spoken = Spoken("2.1", v201)
    request = {"requestedMessage": "CustomTrigger", "customTrigger": "Hello"}
    assert await spoken.answer_to("TriggerMessage", request) == {"status": "NotImplemented"}
