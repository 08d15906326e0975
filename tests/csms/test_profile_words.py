"""Charging profiles in the words of each version, as a person writes them into a file."""

import json
from typing import Any

import pytest

from ocppd.csms.profile_words import read_profile
from ocppd.errors import InvalidArgument
from ocppd.model.charging_profiles import ChargingProfilePurpose

OF_16: dict[str, Any] = {
    "chargingProfileId": 7,
    "stackLevel": 1,
    "chargingProfilePurpose": "ChargePointMaxProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": {
        "startSchedule": "2026-03-01T12:00:00Z",
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}],
    },
}
OF_2: dict[str, Any] = {
    "id": 7,
    "stackLevel": 1,
    "chargingProfilePurpose": "ChargingStationMaxProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": [{"id": 1, **OF_16["chargingSchedule"]}],
}


@pytest.mark.parametrize(
    ("words", "evse"),
    [
        (OF_16, None),
        ({"connectorId": 2, "csChargingProfiles": OF_16}, 2),
        (OF_2, None),
        ({"evseId": 0, "chargingProfile": OF_2}, 0),
    ],
)
def test_a_profile_is_read(words: dict[str, Any], evse: int | None) -> None:
    named, profile = read_profile(json.dumps(words))
    assert named == evse
    assert profile.id == 7
    assert profile.purpose is ChargingProfilePurpose.CHARGING_STATION_MAX_PROFILE
    assert profile.schedule.periods[0].limit is not None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "no JSON"),
        ("[1]", "no JSON object"),
        ('{"chargingProfile": 3}', "no JSON object"),
        ("{}", "must contain"),
        (json.dumps({**OF_2, "stackLevel": "high"}), "stackLevel must be integer"),
        (json.dumps({**OF_2, "validFrom": "soon"}), "validFrom must be date-time"),
    ],
)
def test_what_is_no_profile_is_refused(text: str, told: str) -> None:
    with pytest.raises(InvalidArgument, match=rf"^what_if\.profile: .*{told}"):
        read_profile(text)
