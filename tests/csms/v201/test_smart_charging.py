from datetime import datetime, timedelta
from typing import Any

import pytest

from ocppd.csms.payload import RpcError, timestamp
from ocppd.csms.v21 import smart_charging as v21
from ocppd.csms.v201 import smart_charging as v201
from ocppd.device_model.names import SmartChargingCtrlr
from ocppd.model.requests import Nothing
from ocppd.model.smart_charging import ReportChargingProfiles
from tests.csms.spoken import Spoken

VERSIONS = ("2.0.1", "2.1")
EMPTY = {"status": "Accepted"}


@pytest.fixture(params=VERSIONS)
def spoken(request: pytest.FixtureRequest) -> Spoken:
    return _spoken(request.param)


def _spoken(version: str) -> Spoken:
    spoken = Spoken(version, v201, *([v21] if version == "2.1" else []))
    spoken.model.set_actual(SmartChargingCtrlr.Available, True)
    spoken.world.csms.replies[ReportChargingProfiles] = lambda _request: Nothing()
    return spoken


def _charge(spoken: Spoken, evse_id: int, *names: str | None) -> None:
    spoken.charge(evse_id, *names)
    spoken.smart_charging.on_transaction(spoken.evses[evse_id])


def profile(
    number: int = 1, limit: float = 10, purpose: str = "TxDefaultProfile", **changes: Any
) -> dict[str, Any]:
    schedule = {
        "id": 1,
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
    }
    return {
        "id": number,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": [schedule | changes.pop("schedule", {})],
        **changes,
    }


async def _set(spoken: Spoken, evse_id: int, charging_profile: dict[str, Any]) -> dict[str, Any]:
    request = {"evseId": evse_id, "chargingProfile": charging_profile}
    return await spoken.answer_to("SetChargingProfile", request)


async def _composite(spoken: Spoken, **request: Any) -> dict[str, Any]:
    request = {"evseId": 1, "duration": 60} | request
    return await spoken.answer_to("GetCompositeSchedule", request)


@pytest.mark.requirement("K01.FR.07", "K01.FR.14", "K08.FR.02", "K10.FR.03", "K10.FR.05")
async def test_a_profile_limits_until_it_is_cleared(spoken: Spoken) -> None:
    assert await _set(spoken, 0, profile()) == EMPTY
    now = spoken.world.clock.now()
    answer = await _composite(spoken)
    assert answer["schedule"]["scheduleStart"] == timestamp(now)
    assert answer == {
        "status": "Accepted",
        "schedule": {
            "evseId": 1,
            "duration": 60,
            "scheduleStart": timestamp(now),
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0, "numberPhases": 3}],
        },
    }
    assert await spoken.answer_to("ClearChargingProfile", {"chargingProfileId": 1}) == EMPTY
    periods = (await _composite(spoken))["schedule"]["chargingSchedulePeriod"]
    assert periods == [{"startPeriod": 0, "limit": 48.0, "numberPhases": 3}]


@pytest.mark.requirement("K10.FR.01", "K10.FR.04")
async def test_profiles_are_cleared_by_what_all_of_them_match(spoken: Spoken) -> None:
    await _set(spoken, 1, profile(1))
    await _set(spoken, 2, profile(2))
    await _set(spoken, 2, profile(3, stackLevel=4))
    criteria = {"evseId": 2, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile"}
    clear = {"chargingProfileCriteria": criteria}
    assert await spoken.answer_to("ClearChargingProfile", clear) == EMPTY
    assert (await spoken.answer_to("ClearChargingProfile", clear))["status"] == "Unknown"
    assert await _reported(spoken, {}) == [(1, "CSO", [1]), (2, "CSO", [3])]
    assert await spoken.answer_to("ClearChargingProfile", {}) == EMPTY
    assert await _reported(spoken, {}) is None


async def _reported(
    spoken: Spoken, criterion: dict[str, Any], **request: Any
) -> list[tuple[int, str, list[int]]] | None:
    """Return EVSE, source and ids of each report; None if there is none."""
    before = len(spoken.world.csms.of(ReportChargingProfiles))
    answer = await spoken.answer_to(
        "GetChargingProfiles", {"requestId": 7, "chargingProfile": criterion, **request}
    )
    reports = spoken.world.csms.of(ReportChargingProfiles)[before:]
    if answer == {"status": "NoProfiles"}:
        assert reports == []
        return None
    assert answer == EMPTY
    payloads = [spoken.say(report)[1] for report in reports]
    assert [one.get("tbc", False) for one in payloads] == [True] * (len(payloads) - 1) + [False]
    assert {one["requestId"] for one in payloads} == {7}
    return [
        (one["evseId"], one["chargingLimitSource"], [each["id"] for each in one["chargingProfile"]])
        for one in payloads
    ]


@pytest.mark.requirement(
    "K09.FR.01", "K09.FR.02", "K09.FR.03", "K09.FR.04", "K09.FR.05", "K09.FR.06"
)
async def test_the_profiles_that_match_are_reported(spoken: Spoken) -> None:
    await _set(spoken, 0, profile(1, stackLevel=9))
    await _set(spoken, 1, profile(2))
    await _set(spoken, 2, profile(3, stackLevel=2))
    everything = [(0, "CSO", [1]), (1, "CSO", [2]), (2, "CSO", [3])]
    assert await _reported(spoken, {}) == everything
    assert await _reported(spoken, {}, evseId=0) == everything[:1]
    assert await _reported(spoken, {"stackLevel": 2}) == everything[2:]
    assert await _reported(spoken, {"chargingProfileId": [2, 1]}) == everything[:2]
    assert await _reported(spoken, {"chargingLimitSource": ["EMS"]}) is None
    assert await _reported(spoken, {"chargingProfilePurpose": "TxProfile"}) is None


@pytest.mark.requirement("K01.FR.03", "K01.FR.04", "K01.FR.09", "K01.FR.33")
async def test_a_tx_profile_is_for_the_transaction_that_it_names(spoken: Spoken) -> None:
    wanted = profile(purpose="TxProfile", transactionId="tx-1")
    nowhere = await _set(spoken, 1, wanted)
    assert nowhere["statusInfo"]["reasonCode"] == "TxNotFound"
    _charge(spoken, 1, "tx-1")
    assert await _set(spoken, 1, wanted) == EMPTY
    other = await _set(spoken, 1, profile(purpose="TxProfile", transactionId="tx-2"))
    assert other["statusInfo"]["reasonCode"] == "TxNotFound"
    nameless = await _set(spoken, 1, profile(purpose="TxProfile"))
    assert nameless["statusInfo"]["reasonCode"] == "MissingParam"
    limit = (await _composite(spoken))["schedule"]["chargingSchedulePeriod"][0]["limit"]
    assert limit == 10

    _charge(spoken, 1, None)

    assert await _reported(spoken, {}) is None


@pytest.mark.requirement("K01.FR.28", "K08.FR.05", "K08.FR.07", "K01.FR.26")
async def test_what_cannot_be_is_rejected_with_a_reason(spoken: Spoken) -> None:
    spoken.model.set_actual(SmartChargingCtrlr.RateUnit, "A")
    watts = await _set(spoken, 1, profile(schedule={"chargingRateUnit": "W"}))
    assert watts["statusInfo"]["reasonCode"] == "UnsupportedRateUnit"
    assert (await _set(spoken, 9, profile()))["statusInfo"]["reasonCode"] == "UnknownEvse"
    assert (await _composite(spoken, evseId=9))["status"] == "Rejected"
    assert (await _composite(spoken, chargingRateUnit="W"))["status"] == "Rejected"


@pytest.mark.requirement("K01.FR.29")
async def test_without_smart_charging_it_is_not_supported(spoken: Spoken) -> None:
    spoken.model.set_actual(SmartChargingCtrlr.Enabled, False)
    with pytest.raises(RpcError, match="NotSupported"):
        await _set(spoken, 1, profile())


@pytest.mark.requirement("K01.FR.05", "K01.FR.06", "K01.FR.52", "K01.FR.53")
async def test_a_profile_replaces_its_namesake_and_no_other(spoken: Spoken) -> None:
    assert await _set(spoken, 0, profile(1)) == EMPTY
    assert await _set(spoken, 0, profile(1, 20)) == EMPTY
    for evse_id in (0, 1):
        other = await _set(spoken, evse_id, profile(2))
        assert other["statusInfo"]["reasonCode"] == "DuplicateProfile"
    assert await _reported(spoken, {}) == [(0, "CSO", [1])]


@pytest.mark.requirement("K01.FR.90")
async def test_local_time_is_the_time_on_the_wall() -> None:
    spoken = _spoken("2.1")
    start = datetime.fromisoformat("2030-01-01T08:00:00+05:00")
    schedule = {"startSchedule": start.isoformat(), "useLocalTime": True}
    wanted = profile(chargingProfileKind="Absolute", schedule=schedule)

    assert await _set(spoken, 1, wanted) == EMPTY

    await spoken.answer_to("GetChargingProfiles", {"requestId": 1, "chargingProfile": {}})
    [report] = spoken.world.csms.of(ReportChargingProfiles)
    [told] = spoken.say(report)[1]["chargingProfile"][0]["chargingSchedule"]
    assert told["startSchedule"] == "2030-01-01T08:00:00.000Z"
    assert told["useLocalTime"] is True


@pytest.mark.requirement("K08.FR.04")
async def test_a_limit_is_told_with_one_digit_and_never_too_high(spoken: Spoken) -> None:
    later = timestamp(spoken.world.clock.now() + timedelta(seconds=30))
    await _set(spoken, 1, profile(1, 9.99))
    zero = {"startSchedule": later, "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0}]}
    zero_later = profile(2, stackLevel=1, chargingProfileKind="Absolute", schedule=zero)
    assert await _set(spoken, 1, zero_later) == EMPTY
    periods = (await _composite(spoken))["schedule"]["chargingSchedulePeriod"]
    assert [(one["startPeriod"], one["limit"]) for one in periods] == [(0, 9.9), (30, 0)]
