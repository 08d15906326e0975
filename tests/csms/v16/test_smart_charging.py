from typing import Any

import pytest

from ocppd.csms.payload import timestamp
from ocppd.csms.v16 import smart_charging
from ocppd.device_model.names import SmartChargingCtrlr
from tests.csms.spoken import Spoken

EMPTY = {"status": "Accepted"}


@pytest.fixture
def spoken() -> Spoken:
    spoken = Spoken("1.6", smart_charging)
    spoken.model.set_actual(SmartChargingCtrlr.Available, True)
    return spoken


def _charge(spoken: Spoken, evse_id: int, *names: str | None) -> None:
    spoken.charge(evse_id, *names)
    spoken.smart_charging.on_transaction(spoken.evses[evse_id])


def profile(
    number: int = 1, limit: float = 10, purpose: str = "TxDefaultProfile", **changes: Any
) -> dict[str, Any]:
    return {
        "chargingProfileId": number,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
        },
        **changes,
    }


async def _set(spoken: Spoken, connector_id: int, charging_profile: dict[str, Any]) -> str:
    request = {"connectorId": connector_id, "csChargingProfiles": charging_profile}
    status: str = (await spoken.answer_to("SetChargingProfile", request))["status"]
    return status


async def _limit(spoken: Spoken, connector_id: int) -> float:
    request = {"connectorId": connector_id, "duration": 60, "chargingRateUnit": "A"}
    answer = await spoken.answer_to("GetCompositeSchedule", request)
    assert answer["connectorId"] == connector_id
    assert answer["scheduleStart"] == timestamp(spoken.world.clock.now())
    [period] = answer["chargingSchedule"]["chargingSchedulePeriod"]
    limit: float = period["limit"]
    return limit


async def test_a_default_for_one_connector_comes_before_that_for_all(spoken: Spoken) -> None:
    assert await _set(spoken, 0, profile(1, 10)) == "Accepted"
    assert await _set(spoken, 1, profile(2, 16)) == "Accepted"
    assert (await _limit(spoken, 1), await _limit(spoken, 2)) == (16, 10)
    assert await _limit(spoken, 3) == 10  # the second connector of EVSE 2


async def test_a_profile_takes_the_place_of_one_of_its_level(spoken: Spoken) -> None:
    await _set(spoken, 1, profile(1, 10))
    assert await _set(spoken, 1, profile(2, 16)) == "Accepted"
    assert (await spoken.answer_to("ClearChargingProfile", {"id": 1}))["status"] == "Unknown"
    assert await _limit(spoken, 1) == 16


async def test_a_tx_profile_needs_a_transaction_and_may_leave_its_number_out(
    spoken: Spoken,
) -> None:
    tx_profile = profile(purpose="TxProfile")
    assert await _set(spoken, 1, tx_profile) == "Rejected"
    _charge(spoken, 1, "session", "17")
    assert await _set(spoken, 1, tx_profile) == "Accepted"
    assert await _set(spoken, 1, tx_profile | {"transactionId": 17}) == "Accepted"
    assert await _set(spoken, 1, tx_profile | {"transactionId": 18}) == "Rejected"
    assert await _set(spoken, 0, tx_profile) == "Rejected"


async def test_the_station_has_a_limit_of_its_own_word(spoken: Spoken) -> None:
    start = timestamp(spoken.world.clock.now())
    whole = profile(3, 20, "ChargePointMaxProfile", chargingProfileKind="Absolute")
    whole["chargingSchedule"] |= {"startSchedule": start}
    assert await _set(spoken, 1, whole) == "Rejected"
    assert await _set(spoken, 0, whole) == "Accepted"
    assert (await _limit(spoken, 0), await _limit(spoken, 1)) == (20, 20)
    clear = {"chargingProfilePurpose": "ChargePointMaxProfile", "connectorId": 0}
    assert await spoken.answer_to("ClearChargingProfile", clear) == EMPTY
    assert await _limit(spoken, 1) == 48


async def test_an_unknown_connector_is_rejected(spoken: Spoken) -> None:
    assert await _set(spoken, 9, profile()) == "Rejected"
    request = {"connectorId": 9, "duration": 60}
    assert await spoken.answer_to("GetCompositeSchedule", request) == {"status": "Rejected"}


async def test_without_smart_charging_it_is_not_supported(spoken: Spoken) -> None:
    spoken.model.set_actual(SmartChargingCtrlr.Enabled, False)
    assert await _set(spoken, 1, profile()) == "NotSupported"
