from typing import Any

import pytest

from ocppd.csms.v16 import remote_control
from ocppd.device_model.names import SmartChargingCtrlr
from ocppd.model.certificates import SigningUse
from ocppd.model.sessions import StopReason
from ocppd.model.tokens import AuthorizationType, IdToken, IdTokenType, ProvidedIdToken
from ocppd.model.variables import EvseRef
from tests.csms.spoken import Spoken

# The connectors of the station under test: 1 at EVSE 1, 2 and 3 at EVSE 2.


@pytest.fixture
def spoken() -> Spoken:
    return Spoken("1.6", remote_control)


async def _status(spoken: Spoken, action: str, **payload: Any) -> str:
    answer = await spoken.answer_to(action, payload)
    assert set(answer) == {"status"}
    return str(answer["status"])


async def test_a_remote_start_is_offered_at_the_evse_of_its_connector(spoken: Spoken) -> None:
    assert await _status(spoken, "RemoteStartTransaction", idTag="T", connectorId=3) == "Accepted"
    assert spoken.world.host.of("provide_token") == [
        ProvidedIdToken(
            IdToken("T", IdTokenType.CENTRAL),
            AuthorizationType.OCPP,
            evse_ids=(2,),
            prevalidated=False,
        )
    ]


async def test_a_remote_start_without_connector_is_offered_where_there_is_room(
    spoken: Spoken,
) -> None:
    assert await _status(spoken, "RemoteStartTransaction", idTag="T") == "Accepted"
    assert spoken.world.host.of("provide_token")[0].evse_ids == (1, 2)


@pytest.mark.parametrize("connector_id", [0, 4, -1])
async def test_an_unknown_connector_starts_and_unlocks_nothing(
    spoken: Spoken, connector_id: int
) -> None:
    start = await _status(spoken, "RemoteStartTransaction", idTag="T", connectorId=connector_id)
    unlock = await _status(spoken, "UnlockConnector", connectorId=connector_id)
    assert (start, unlock) == ("Rejected", "NotSupported")
    assert spoken.world.host.heard == []
    assert spoken.world.agents.calls == []


@pytest.mark.parametrize(
    ("purpose", "connector_id", "expected"),
    [
        ("TxProfile", 1, "Accepted"),
        ("TxProfile", None, "Rejected"),
        ("TxDefaultProfile", 1, "Rejected"),
    ],
)
async def test_a_profile_is_checked_in_the_words_of_1_6(
    spoken: Spoken, purpose: str, connector_id: int | None, expected: str
) -> None:
    for switch in (SmartChargingCtrlr.Available, SmartChargingCtrlr.Enabled):
        spoken.model.set_actual(switch, True)
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}],
        },
    }
    where = {"connectorId": connector_id} if connector_id is not None else {}
    assert (
        await _status(spoken, "RemoteStartTransaction", idTag="T", chargingProfile=profile, **where)
        == expected
    )


async def test_a_remote_stop_names_the_transaction_by_its_number(spoken: Spoken) -> None:
    spoken.charge(2, "session", csms_id="4711")
    assert await _status(spoken, "RemoteStopTransaction", transactionId=4712) == "Rejected"
    assert await _status(spoken, "RemoteStopTransaction", transactionId=4711) == "Accepted"
    assert spoken.world.agents.of("stop_transaction") == [(2, StopReason.REMOTE, None)]


async def test_unlocking_finishes_the_transaction_first(spoken: Spoken) -> None:
    spoken.charge(1, "session")
    assert await _status(spoken, "UnlockConnector", connectorId=1) == "Unlocked"
    assert spoken.world.agents.calls == [
        ("stop_transaction", 1, StopReason.UNLOCK_COMMAND, None),
        ("force_unlock", 1, 1),
    ]


@pytest.mark.parametrize(
    ("agent", "works", "expected"),
    [(True, False, "UnlockFailed"), (False, True, "NotSupported")],
)
async def test_what_cannot_be_unlocked(
    spoken: Spoken, agent: bool, works: bool, expected: str
) -> None:
    spoken.world.agents.answer = works
    if not agent:
        spoken.world.agents.interfaces.discard("EvseManager")
    assert await _status(spoken, "UnlockConnector", connectorId=3) == expected


@pytest.mark.parametrize("action", ["TriggerMessage", "ExtendedTriggerMessage"])
async def test_what_may_be_triggered(spoken: Spoken, action: str) -> None:
    for message, payload, expected in (
        ("BootNotification", {}, ("boot",)),
        ("Heartbeat", {"connectorId": 2}, ("heartbeat",)),
        ("StatusNotification", {}, ("message", None)),
        ("StatusNotification", {"connectorId": 0}, ("message", EvseRef(0))),
        ("StatusNotification", {"connectorId": 3}, ("message", EvseRef(2, 2))),
    ):
        spoken.triggered.clear()
        assert await _status(spoken, action, requestedMessage=message, **payload) == "Accepted"
        assert spoken.triggered == [expected]


async def test_a_certificate_may_be_asked_for(spoken: Spoken) -> None:
    request = {"requestedMessage": "SignChargePointCertificate"}
    assert await _status(spoken, "ExtendedTriggerMessage", **request) == "Accepted"
    assert spoken.triggered == [("sign", SigningUse.CHARGING_STATION)]


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ("TriggerMessage", "DiagnosticsStatusNotification"),
        ("TriggerMessage", "FirmwareStatusNotification"),
        ("ExtendedTriggerMessage", "LogStatusNotification"),
    ],
)
async def test_what_this_station_does_not_send(spoken: Spoken, action: str, message: str) -> None:
    assert await _status(spoken, action, requestedMessage=message) == "NotImplemented"


async def test_an_unknown_connector_triggers_nothing(spoken: Spoken) -> None:
    for message in ("StatusNotification", "MeterValues"):
        status = await _status(spoken, "TriggerMessage", requestedMessage=message, connectorId=9)
        assert status == "Rejected"
    assert spoken.triggered == []
