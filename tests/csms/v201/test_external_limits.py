"""External limits and profiles of 2.1, as 2.0.1 and 2.1 say them to the CSMS."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ocppd.csms import validators
from ocppd.csms.v21 import smart_charging as v21
from ocppd.csms.v201 import smart_charging as v201
from ocppd.model.charging_profiles import (
    ChargingProfile,
    ChargingProfileKind,
    ChargingProfilePurpose,
    LimitAtSoC,
    ProfilePeriod,
    ProfileSchedule,
)
from ocppd.model.charging_schedules import (
    ChargingRateUnit,
    ChargingSchedule,
    ChargingSchedulePeriod,
    OperationMode,
    PerPhase,
)
from ocppd.model.smart_charging import (
    ClearedChargingLimit,
    CompositeScheduleResult,
    NotifyChargingLimit,
    ReportChargingProfiles,
)
from ocppd.ocppj.frames import Dialect

MOMENT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SCHEDULE = ProfileSchedule(
    (
        ProfilePeriod(0, PerPhase(16, 10, 13), operation_mode=OperationMode.CHARGING_ONLY),
        ProfilePeriod(60, PerPhase(6), number_phases=3),
    ),
    ChargingRateUnit.A,
    id=1,
    start=MOMENT,
    randomized_delay_s=5,
    limit_at_soc=LimitAtSoC(80, 6),
)
WORDS: dict[Dialect, Any] = {Dialect.OCPP_201: v201, Dialect.OCPP_21: v21}


def said(dialect: Dialect, request: object) -> dict[str, Any]:
    """Return what a version says, after its schema has taken it."""
    outgoing = WORDS[dialect].REQUESTS[type(request)]
    payload: dict[str, Any] = outgoing.encode(request)
    assert validators.check_request(dialect, outgoing.action, payload) is None
    return payload


@pytest.mark.requirement("K11.FR.02", "K11.FR.03", "K13.FR.02")
@pytest.mark.parametrize("dialect", WORDS)
def test_external_limits_are_said(dialect: Dialect) -> None:
    told = said(dialect, NotifyChargingLimit(1, "SO", True, (SCHEDULE,)))
    assert told["evseId"] == 1
    assert told["chargingLimit"] == {"chargingLimitSource": "SO", "isGridCritical": True}
    assert len(told["chargingSchedule"][0]["chargingSchedulePeriod"]) == 2
    assert "chargingSchedule" not in said(dialect, NotifyChargingLimit(0, "EMS"))
    assert said(dialect, ClearedChargingLimit(0, "EMS"))["chargingLimitSource"] == "EMS"


def test_a_source_that_only_21_knows_is_another_one_before() -> None:
    request = ClearedChargingLimit(0, "Heat pump")
    assert said(Dialect.OCPP_21, request)["chargingLimitSource"] == "Heat pump"
    assert said(Dialect.OCPP_201, request)["chargingLimitSource"] == "Other"


def test_201_reports_what_it_has_words_for() -> None:
    profile = ChargingProfile(
        1,
        0,
        ChargingProfilePurpose.TX_DEFAULT_PROFILE,
        ChargingProfileKind.ABSOLUTE,
        (SCHEDULE,),
        max_offline_duration_s=60,
    )
    report = ReportChargingProfiles(7, "CSO", 1, (profile,))
    [whole] = said(Dialect.OCPP_21, report)["chargingProfile"]
    [plain] = said(Dialect.OCPP_201, report)["chargingProfile"]
    assert whole["maxOfflineDuration"] == 60
    assert whole["chargingSchedule"][0]["chargingSchedulePeriod"][0]["limit_L2"] == 10
    assert plain["chargingSchedule"][0]["chargingSchedulePeriod"] == [
        {"startPeriod": 0, "limit": 10},
        {"startPeriod": 60, "limit": 6, "numberPhases": 3},
    ]


def test_a_composite_schedule_with_phases_apart_is_one_number_in_201() -> None:
    period = ChargingSchedulePeriod(0, 16, 3, limit_l2=10, limit_l3=13, from_profile=True)
    schedule = ChargingSchedule(1, ChargingRateUnit.W, (period,), 60, MOMENT)
    for unit, limit in ((ChargingRateUnit.W, 39), (ChargingRateUnit.A, 10)):
        result = CompositeScheduleResult(replace(schedule, charging_rate_unit=unit))
        plain = v201.encode_composite_schedule_response(result)
        assert plain["schedule"]["chargingSchedulePeriod"] == [
            {"startPeriod": 0, "limit": limit, "numberPhases": 3}
        ]
        assert validators.check_response(Dialect.OCPP_201, "GetCompositeSchedule", plain) is None
        whole = v201.encode_composite_schedule_of_21(result)
        assert whole["schedule"]["chargingSchedulePeriod"][0]["limit_L3"] == 13
        assert validators.check_response(Dialect.OCPP_21, "GetCompositeSchedule", whole) is None
