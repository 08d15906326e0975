"""The local authorization list, from the CSMS to the reader (D01, D02, C13, C14)."""

from pathlib import Path
from typing import Any

import pytest

from ocppd.tools.csms.answers import Token
from tests.scenario.rig import Rig
from tests.scenario.test_authorization import VERSIONS, set_variable, status, validate


def entry(version: str, value: str, word: str | None = "Accepted") -> dict[str, Any]:
    """One entry; without a word the token leaves the list."""
    if version == "1.6":
        info = {"idTagInfo": {"status": word, "parentIdTag": "FLEET"}} if word else {}
        return {"idTag": value, **info}
    group = {"idToken": "FLEET", "type": "Central"}
    info = {"idTokenInfo": {"status": word, "groupIdToken": group}} if word else {}
    return {"idToken": {"idToken": value, "type": "ISO14443"}, **info}


async def send(rig: Rig, version: str, number: int, kind: str, *entries: dict[str, Any]) -> str:
    name = "listVersion" if version == "1.6" else "versionNumber"
    payload: dict[str, Any] = {name: number, "updateType": kind}
    if entries:
        payload["localAuthorizationList"] = list(entries)
    return str((await rig.csms.call("SendLocalList", payload))["status"])


async def list_version(rig: Rig) -> int:
    [number] = (await rig.csms.call("GetLocalListVersion", {})).values()
    return int(number)


@pytest.mark.requirement(
    "C13.FR.01", "C14.FR.02", "C14.FR.03", "D01.FR.10", "D01.FR.15", "D01.FR.16", "D02.FR.01"
)
@VERSIONS
async def test_the_list_lets_drivers_charge_and_survives_a_power_cut(
    version: str, tmp_path: Path
) -> None:
    async with Rig(tmp_path, versions=[version], strict=True) as rig:
        await rig.booted()
        assert await list_version(rig) == 0
        entries = [entry(version, "FRIEND"), entry(version, "THIEF", "Blocked")]
        assert await send(rig, version, 1, "Full", *entries) == "Accepted"
        result = await validate(rig.client, "friend")
        assert result["authorization_status"] == "Accepted"
        assert result["parent_id_token"] == {"value": "FLEET", "type": "Central"}
        assert rig.csms.calls("Authorize") == []
        rig.csms.office.tokens["THIEF"] = Token("Blocked")
        assert await status(rig.client, "THIEF") == "Blocked"
        assert len(rig.csms.calls("Authorize")) == 1
        assert await send(rig, version, 2, "Differential", entry(version, "NEW")) == "Accepted"
        await rig.kill()
        await rig.start_daemon()
        await rig.csms.wait_until(lambda: len(rig.csms.calls("BootNotification")) == 2)
        assert await list_version(rig) == 2

        await rig.csms.stop(abort=True)
        await rig.client.wait_for(
            "PropertiesChanged", lambda body: body[1].get("IsConnected") is False
        )
        await set_variable(rig.client, "AuthCtrlr", "OfflineTxForUnknownIdEnabled", "false")
        assert await status(rig.client, "NEW") == "Accepted"
        assert await status(rig.client, "FRIEND") == "Accepted"
        assert await status(rig.client, "THIEF") == "Blocked"
        expected = "Invalid" if version == "1.6" else "Unknown"
        assert await status(rig.client, "STRANGER") == expected


@pytest.mark.requirement("D01.FR.19", "D02.FR.03")
@VERSIONS
async def test_what_does_not_fit_is_refused(version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version], strict=True) as rig:
        await rig.booted()
        assert await send(rig, version, 5, "Full", entry(version, "A")) == "Accepted"
        refused = await send(rig, version, 5, "Differential", entry(version, "A", None))
        assert refused == "VersionMismatch"
        assert await list_version(rig) == 5
        await set_variable(rig.client, "LocalAuthListCtrlr", "Enabled", "false")
        assert await list_version(rig) == (-1 if version == "1.6" else 0)
        refused = await send(rig, version, 6, "Full", entry(version, "B"))
        assert refused == ("NotSupported" if version == "1.6" else "Failed")


async def test_1_6_hears_of_a_conflict(tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=["1.6"], strict=True) as rig:
        await rig.booted()
        profiles = await rig.csms.call("GetConfiguration", {"key": ["SupportedFeatureProfiles"]})
        assert "LocalAuthListManagement" in profiles["configurationKey"][0]["value"].split(",")
        await send(rig, "1.6", 1, "Full", entry("1.6", "THIEF", "Blocked"))
        rig.csms.office.tokens["THIEF"] = Token("Accepted")
        assert await status(rig.client, "THIEF") == "Accepted"
        told = await rig.csms.wait_for("StatusNotification", errorCode="LocalListConflict")
        assert told.payload["connectorId"] == 0
