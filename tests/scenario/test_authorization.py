"""Tokens, from the reader over the bus to the CSMS and back (C01, C10 to C15)."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ocppd.tools.csms.answers import Token
from tests.client import Client
from tests.scenario.agent import Agent
from tests.scenario.rig import Rig

VERSIONS = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
VALIDATOR = "org.everest.Ocpp.AuthTokenValidator"


async def validate(client: Client, value: str = "04A224B2", **more: Any) -> dict[str, Any]:
    token = {
        "id_token": {"value": value, "type": "ISO14443"},
        "authorization_type": "RFID",
        **more,
    }
    result: dict[str, Any] = await client.call("ValidateToken", "a{sv}", token, interface=VALIDATOR)
    return result


async def status(client: Client, value: str = "04A224B2") -> str:
    return str((await validate(client, value))["authorization_status"])


async def set_variable(client: Client, component: str, variable: str, value: str) -> None:
    [result] = await client.call(
        "SetVariables",
        "aa{sv}s",
        [
            {
                "component_variable": {
                    "component": {"name": component},
                    "variable": {"name": variable},
                },
                "value": value,
            }
        ],
        "test",
    )
    assert result["status"] == "Accepted"


@pytest.mark.requirement("C01.FR.02", "C10.FR.02", "C10.FR.04", "C12.FR.02")
@VERSIONS
async def test_a_token_is_asked_about_once_and_known_after_a_power_cut(
    version: str, tmp_path: Path
) -> None:
    async with Rig(tmp_path, versions=[version], strict=True) as rig:
        await rig.booted()
        rig.csms.office.tokens["04A224B2"] = Token("Accepted", parent="FLEET")
        result = await validate(rig.client)
        assert result["authorization_status"] == "Accepted"
        assert result["parent_id_token"] == {"value": "FLEET", "type": "Central"}
        assert (await validate(rig.client, "04a224b2")) == result
        assert len(rig.csms.calls("Authorize")) == 1

        await rig.csms.stop(abort=True)
        await asyncio.sleep(0.5)  # the answer to the host does not wait for the disk
        await rig.kill()
        await rig.start_daemon()
        assert (await validate(rig.client)) == result


@pytest.mark.requirement("C10.FR.03", "C13.FR.04", "C15.FR.08")
@VERSIONS
async def test_a_refused_token_stays_refused_offline_and_an_unknown_one_may_charge(
    version: str, tmp_path: Path
) -> None:
    async with Rig(tmp_path, versions=[version], strict=True) as rig:
        await rig.booted()
        rig.csms.office.tokens["THIEF"] = Token("Blocked")
        assert await status(rig.client, "THIEF") == "Blocked"
        assert await status(rig.client, "THIEF") == "Blocked"
        assert len(rig.csms.calls("Authorize")) == 2

        await rig.csms.stop(abort=True)
        await rig.client.wait_for(
            "PropertiesChanged", lambda body: body[1].get("IsConnected") is False
        )
        assert await status(rig.client, "THIEF") == "Blocked"
        assert await status(rig.client, "STRANGER") == "Accepted"
        await set_variable(rig.client, "AuthCtrlr", "OfflineTxForUnknownIdEnabled", "false")
        expected = "Invalid" if version == "1.6" else "Unknown"
        assert await status(rig.client, "STRANGER") == expected


@VERSIONS
async def test_a_failed_authorize_spoils_nothing(version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version], strict=True) as rig:
        await rig.booted()
        assert await status(rig.client) == "Accepted"
        await set_variable(rig.client, "AuthCtrlr", "LocalPreAuthorize", "false")
        rig.csms.misbehave("Authorize", error="InternalError")
        assert await status(rig.client) == "Unknown"
        await set_variable(rig.client, "AuthCtrlr", "LocalPreAuthorize", "true")
        assert await status(rig.client) == "Accepted"


@pytest.mark.requirement("C11.FR.01", "C11.FR.03")
@VERSIONS
async def test_clear_cache(version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version], strict=True) as rig:
        await rig.booted()
        assert await status(rig.client) == "Accepted"
        assert await rig.csms.call("ClearCache") == {"status": "Accepted"}
        assert await status(rig.client) == "Accepted"
        assert len(rig.csms.calls("Authorize")) == 2


async def test_a_token_that_1_6_has_no_room_for_is_unknown(tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=["1.6"], strict=True) as rig:
        await rig.booted()
        assert await status(rig.client, "A" * 21) == "Unknown"
        assert rig.csms.calls("Authorize") == []


@VERSIONS
async def test_the_hosts_authorization_hears_of_timeout_and_master_pass(
    version: str, tmp_path: Path
) -> None:
    async with (
        Rig(tmp_path, versions=[version], strict=True) as rig,
        Agent(rig.bus.address, "Auth") as agent,
    ):
        await agent.wait_for("SetConnectionTimeout", 120)
        await agent.wait_for("SetMasterPassGroupId", "")
        await set_variable(rig.client, "AuthCtrlr", "MasterPassGroupId", "POLICE")
        await agent.wait_for("SetMasterPassGroupId", "POLICE")
        await rig.booted()
        if version == "1.6":
            request = {"key": "ConnectionTimeOut", "value": "45"}
            await rig.csms.call("ChangeConfiguration", request)
        else:
            data = {
                "component": {"name": "TxCtrlr"},
                "variable": {"name": "EVConnectionTimeOut"},
                "attributeValue": "45",
            }
            await rig.csms.call("SetVariables", {"setVariableData": [data]})
        await agent.wait_for("SetConnectionTimeout", 45)
