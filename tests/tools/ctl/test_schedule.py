"""`ocppctl schedule` with profiles: bands, explanations, pictures and what would be."""

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from ocppd.tools.ctl.errors import Problem
from ocppd.tools.ctl.schedule import moment
from tests.private_bus import PrivateBus
from tests.tools.ctl.fake_ocppd import fake_ocppd
from tests.tools.ctl.test_ocppctl import bus, ctl  # noqa: F401 - bus is a fixture

PROFILE = {
    "purpose": "TxDefaultProfile",
    "stack_level": 0,
    "evse_id": 1,
    "source": "CSO",
}
SCHEDULE: dict[str, Any] = {
    "schedule": {
        "evse": 1,
        "charging_rate_unit": "A",
        "duration": 7200,
        "start_schedule": "2026-11-22T10:00:00Z",
        "charging_schedule_period": [
            {"start_period": 0, "limit": 16.0, "profile_id": 7, "from_profile": True},
            {"start_period": 3600, "limit": 8.0, "profile_id": 9, "from_profile": True},
        ],
    },
    "profiles": [
        {
            **PROFILE,
            "profile_id": 7,
            "periods": [{"start_period": 0, "end_period": 7200, "limit": 16.0}],
        },
        {
            **PROFILE,
            "profile_id": 9,
            "what_if": True,
            "purpose": "ChargingStationMaxProfile <&>",
            "periods": [{"start_period": 3600, "end_period": 7200, "limit": 8.0}],
        },
    ],
}
LIMIT: dict[str, Any] = {
    "limit": 8.0,
    "unit": "A",
    "from_profile": True,
    "number_phases": 3,
    "profile_id": 9,
    "until": "2026-11-22T12:00:00.000Z",
    "contributions": [
        {**PROFILE, "profile_id": 9, "standing": "GivesLimit", "limit": 8.0},
        {**PROFILE, "profile_id": 7, "standing": "AllowsMore", "limit": 16.0},
        {**PROFILE, "profile_id": 5, "standing": "Overruled", "limit": 6.0, "by_profile_id": 7},
    ],
}


async def test_a_band_for_each_profile(bus: PrivateBus) -> None:  # noqa: F811
    async with fake_ocppd(bus.address) as fake:
        fake.ocpp.explained = SCHEDULE
        code, output, error = await ctl(bus, "schedule", "--evse", "1", "--duration", "7200")
        assert (code, error) == (0, "")
        assert fake.ocpp.asked[-1] == ("explain schedule", (1, 7200, "A", {}))
    title, curve, seven, nine, legend, first, second = output.splitlines()
    assert title == "EVSE 1 from 2026-11-22T10:00:00Z for 2:00:00"
    assert curve == f"  {'█' * 36}{'▄' * 36}  to 16 A"
    assert seven == f"  {'█' * 36}{'░' * 36}  7 TxDefaultProfile, level 0"
    assert nine.startswith(f"  {' ' * 36}{'█' * 36}  9 ")
    assert nine.endswith(", not installed")
    assert "gives the limit" in legend
    assert first.split() == ["+0:00:00", "16", "A", "(profile", "7)"]
    assert second.split() == ["+1:00:00", "8", "A", "(profile", "9)"]


async def test_an_explanation(bus: PrivateBus) -> None:  # noqa: F811
    async with fake_ocppd(bus.address) as fake:
        fake.ocpp.explained = LIMIT
        code, output, error = await ctl(
            bus, "schedule", "--evse", "1", "--explain", "2026-11-22T11:30:00Z"
        )
        assert (code, error) == (0, "")
        assert fake.ocpp.asked[-1] == ("explain limit", (1, "2026-11-22T11:30:00Z", "A", {}))
    lines = output.splitlines()
    assert lines[0] == (
        "EVSE 1 2026-11-22T11:30:00Z: 8 A, 3 phases from profile 9, until 2026-11-22T12:00:00.000Z"
    )
    assert lines[2].endswith("EVSE 1  8 A    gives the limit")
    assert lines[3].endswith("would allow more")
    assert lines[4].endswith("is overruled: profile 7 has a higher stack level")


async def test_what_would_be(bus: PrivateBus, tmp_path: Path) -> None:  # noqa: F811
    supposed = tmp_path / "profile.json"
    supposed.write_text(json.dumps({"id": 9}))
    async with fake_ocppd(bus.address) as fake:
        fake.ocpp.explained = LIMIT
        wanted = ("--what-if", str(supposed), "--evse", "1")
        assert (await ctl(bus, "schedule", "--explain", *wanted))[0] == 0
        assert fake.ocpp.asked[-1] == ("explain limit", (1, "", "A", {"profile": '{"id": 9}'}))
        supposed.write_text("{")
        code, _, error = await ctl(bus, "schedule", *wanted)
        assert code == 2
        assert "profile.json: no JSON" in error
        code, _, error = await ctl(bus, "schedule", "--what-if", str(tmp_path / "none"))
        assert code == 2


async def test_a_picture(bus: PrivateBus, tmp_path: Path) -> None:  # noqa: F811
    picture = tmp_path / "limits.svg"
    async with fake_ocppd(bus.address) as fake:
        fake.ocpp.explained = SCHEDULE
        code, output, _ = await ctl(bus, "schedule", "--evse", "1", "--svg", str(picture))
    assert (code, output) == (0, f"{picture}: written\n")
    root = ET.fromstring(picture.read_text())
    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert "9 ChargingStationMaxProfile <&>, level 0, not installed" in texts
    assert {"16 A", "10:00", "12:00"} <= set(texts)
    curves = [one.get("d") for one in root.iter() if one.get("stroke-width") == "2"]
    assert curves == ["M60.0 28.0H520.0V118.0H980.0"]


def test_times() -> None:
    now = datetime(2026, 11, 22, 18, 0, tzinfo=timezone(timedelta(hours=1)))
    assert moment("", now) == ""
    assert moment("19:30", now) == "2026-11-22T18:30:00Z"
    assert moment("9:30", now) == "2026-11-23T08:30:00Z"
    assert moment("2026-11-22T19:30+02:00", now) == "2026-11-22T17:30:00Z"
    with pytest.raises(Problem, match="no time"):
        moment("soon", now)
