"""What explains limits, and external limits, as the bus carries them."""

from typing import Any

import pytest

from ocppd.dbus.marshalling import explanations
from ocppd.dbus.marshalling.plain import variants
from ocppd.errors import InvalidArgument
from ocppd.model.charging_profiles import ProfilePeriod, ProfileSchedule
from ocppd.model.charging_schedules import ChargingRateUnit, PerPhase
from ocppd.model.smart_charging import HostLimit

LIMIT: dict[str, Any] = {
    "evse_id": 0,
    "source": "EMS",
    "charging_rate_unit": "W",
    "charging_schedule_period": [{"start_period": 0, "limit": 4000}],
}


def test_an_external_limit_is_read() -> None:
    periods = [
        {"start_period": 0, "limit": 10.0, "limit_L3": 12, "number_phases": 3},
        {"start_period": 60, "discharge_limit": -5.0, "setpoint": -2.0},
    ]
    read = explanations.read_limit(variants({**LIMIT, "charging_schedule_period": periods}))
    assert read == HostLimit(
        0,
        "EMS",
        ProfileSchedule(
            (
                ProfilePeriod(0, PerPhase(10, 10, 12), 3),
                ProfilePeriod(60, discharge_limit=PerPhase(-5), setpoint=PerPhase(-2)),
            ),
            ChargingRateUnit.W,
            id=1,
        ),
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"source": "CSO"}, r"^limit\.source: the CSO limits"),
        ({"charging_rate_unit": "kW"}, r"^limit\.charging_rate_unit: "),
        ({"evse_id": -1}, r"^limit\.evse_id: "),
        (
            {"charging_schedule_period": [{"start_period": 1, "limit": 5.0}]},
            r"^limit\.charging_schedule_period\[0\]\.start_period: the first one is 0",
        ),
        (
            {
                "charging_schedule_period": [
                    {"start_period": 0, "limit": 5.0},
                    {"start_period": 0, "limit": 6.0},
                ]
            },
            r"^limit\.charging_schedule_period\[1\]\.start_period: not after",
        ),
        (
            {"charging_schedule_period": [{"start_period": 0, "limit": -5.0}]},
            r"^limit\.charging_schedule_period\[0\]\.limit: ",
        ),
        (
            {"charging_schedule_period": [{"start_period": 0}]},
            r"^limit\.charging_schedule_period\[0\]: limits nothing",
        ),
        (
            {"charging_schedule_period": [{"start_period": 0, "limit_L2": 3.0}]},
            r"^limit\.charging_schedule_period\[0\]\.limit: missing",
        ),
    ],
)
def test_an_external_limit_that_makes_no_sense_is_refused(
    change: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidArgument, match=told):
        explanations.read_limit(variants({**LIMIT, **change}))


def test_questions_are_read() -> None:
    assert explanations.read_at("") is None
    asked = explanations.read_what_if(variants({"profile": "{}", "evse_id": 2}))
    assert asked == explanations.WhatIf("{}", 2)
    assert explanations.read_which(variants({"source": "SO"})) == (None, "SO")
    for call in (
        lambda: explanations.read_at("tomorrow"),
        lambda: explanations.read_unit("kW"),
        lambda: explanations.read_duration(604_801),
        lambda: explanations.read_what_if(variants({"profiles": "{}"})),
    ):
        with pytest.raises(InvalidArgument):
            call()
