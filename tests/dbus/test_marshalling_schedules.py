"""Schedules and limits as the bus carries them."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ocppd.dbus.binding import Variant
from ocppd.dbus.marshalling import schedules
from ocppd.dbus.marshalling.plain import plain
from ocppd.errors import InvalidArgument
from ocppd.model.charging_schedules import (
    ChargingRateUnit,
    ChargingSchedule,
    ChargingSchedulePeriod,
    OperationMode,
    PerPhase,
)
from ocppd.model.smart_charging import ExternalLimit

MOMENT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AT = "2026-03-01T12:00:00.000Z"
A, W = ChargingRateUnit.A, ChargingRateUnit.W


def test_schedules() -> None:
    schedule = ChargingSchedule(
        1,
        A,
        (
            ChargingSchedulePeriod(0, 48, 3),
            ChargingSchedulePeriod(60, 0, stack_level=1, profile_id=7, from_profile=True),
        ),
        600,
        MOMENT,
        6,
    )
    written = schedules.charging_schedules([schedule])
    assert plain(written) == {
        "schedules": [
            {
                "evse": 1,
                "charging_rate_unit": "A",
                "duration": 600,
                "start_schedule": AT,
                "min_charging_rate": 6,
                "charging_schedule_period": [
                    {"start_period": 0, "limit": 48.0, "number_phases": 3, "from_profile": False},
                    {
                        "start_period": 60,
                        "limit": 0.0,
                        "stack_level": 1,
                        "profile_id": 7,
                        "from_profile": True,
                    },
                ],
            }
        ]
    }
    [item] = written["schedules"].value
    assert item["min_charging_rate"].signature == "d"
    assert item["charging_schedule_period"].value[1]["limit"].signature == "d"
    assert schedules.charging_schedules([]) == {"schedules": Variant("aa{sv}", [])}


def test_a_period_has_everything_that_a_profile_says() -> None:
    period = ChargingSchedulePeriod(
        0,
        10,
        1,
        2,
        3,
        4,
        11,
        12,
        PerPhase(-1),
        PerPhase(5, 6, 7),
        OperationMode.CHARGING_ONLY,
        PerPhase(8),
        True,
        False,
        9,
        True,
    )
    written = schedules.charging_schedules([ChargingSchedule(1, A, (period,), 60, MOMENT)])
    [item] = plain(written)["schedules"][0]["charging_schedule_period"]
    assert item == {
        "start_period": 0,
        "limit": 10,
        "limit_L2": 11,
        "limit_L3": 12,
        "number_phases": 1,
        "phase_to_use": 2,
        "stack_level": 3,
        "profile_id": 4,
        "discharge_limit": -1,
        "setpoint": 5,
        "setpoint_L2": 6,
        "setpoint_L3": 7,
        "setpoint_reactive": 8,
        "preconditioning_request": False,
        "evse_sleep": True,
        "v2x_baseline": 9,
        "operation_mode": "ChargingOnly",
        "from_profile": True,
    }


def test_a_request_for_schedules_is_read() -> None:
    assert schedules.schedule_request(600, "W") == (600, W)
    for arguments, told in (
        ((0, "A"), r"^duration_s: 0 is not in 1 to 31536000$"),
        ((1, "kW"), r"^unit: \"kW\" is none of A, W$"),
    ):
        with pytest.raises(InvalidArgument, match=told):
            schedules.schedule_request(*arguments)


STEP = ExternalLimit(MOMENT, A, PerPhase(16), 3, profile_id=5)


def limits(step: ExternalLimit, name: str = "schedule_import") -> dict[str, object]:
    [entry] = plain(schedules.external_limits([step], 0))[name]
    assert entry["timestamp"] == AT
    return entry["limits_to_root"]  # type: ignore[no-any-return]


def test_import_limits_are_those_of_each_phase_or_of_all_together() -> None:
    assert limits(STEP) == {
        "ac_max_current_A": {"value": 16, "source": "OCPP profile 5"},
        "ac_max_phase_count": {"value": 3, "source": "OCPP profile 5"},
    }
    assert limits(replace(STEP, unit=W, limit=PerPhase(7000), number_phases=None)) == {
        "total_power_W": {"value": 7000, "source": "OCPP profile 5"}
    }


def test_no_phase_gets_more_than_its_own_limit() -> None:
    apart = PerPhase(16, 10, 13)
    assert limits(replace(STEP, limit=apart))["ac_max_current_A"]["value"] == 10  # type: ignore[index]
    power = limits(replace(STEP, unit=W, limit=apart))
    assert power["total_power_W"]["value"] == 30  # type: ignore[index]


def test_a_limit_that_comes_from_no_profile_limits_nothing() -> None:
    assert limits(ExternalLimit(MOMENT, A)) == {}
    assert plain(schedules.external_limits([STEP], 0))["schedule_export"] == []


def test_export_limits_and_setpoints() -> None:
    step = replace(STEP, discharge_limit=PerPhase(-8), setpoint=PerPhase(-4), profile_id=None)
    assert limits(step, "schedule_export")["ac_max_current_A"] == {"value": 8, "source": "OCPP"}
    [setpoint] = plain(schedules.external_limits([step], 1000))["schedule_setpoints"]
    assert setpoint == {
        "timestamp": AT,
        "setpoint": {"ac_current_A": -4, "priority": 1000, "source": "OCPP"},
    }
