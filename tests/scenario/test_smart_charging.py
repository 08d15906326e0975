"""Limits from the CSMS and from the host, to the bus, to the agent and back (block K)."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.client import EVSE_MANAGER, BusError, evse_path
from tests.scenario.agent import Agent
from tests.scenario.host import Host
from tests.scenario.rig import Rig
from tests.scenario.test_remote_control import VERSIONS

LIMITS = "ExternalEnergyLimits"


def profile(
    version: str, number: int, purpose: str, *periods: tuple[int, float], **members: Any
) -> dict[str, Any]:
    """Return a relative profile in the words of a version; a station's one is absolute."""
    schedule: dict[str, Any] = {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [
            {"startPeriod": start, "limit": limit} for start, limit in periods
        ],
    }
    kind = "Relative"
    if purpose == "ChargingStationMaxProfile":
        kind, schedule["startSchedule"] = "Absolute", "2026-01-01T00:00:00Z"
        purpose = "ChargePointMaxProfile" if version == "1.6" else purpose
    made = {
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        **members,
    }
    if version == "1.6":
        return {"chargingProfileId": number, "chargingSchedule": schedule, **made}
    return {"id": number, "chargingSchedule": [{"id": 1, **schedule}], **made}


async def install(rig: Rig, version: str, evse_id: int, made: dict[str, Any]) -> str:
    words = {"connectorId": evse_id, "csChargingProfiles": made}
    if version != "1.6":
        words = {"evseId": evse_id, "chargingProfile": made}
    return str((await rig.csms.call("SetChargingProfile", words))["status"])


async def composite(rig: Rig, version: str, evse_id: int) -> list[tuple[int, float]]:
    place = {"connectorId" if version == "1.6" else "evseId": evse_id}
    answer = await rig.csms.call("GetCompositeSchedule", {**place, "duration": 3600})
    assert answer["status"] == "Accepted"
    schedule = answer["chargingSchedule" if version == "1.6" else "schedule"]
    periods = schedule["chargingSchedulePeriod"]
    return [(one["startPeriod"], one["limit"]) for one in periods]


async def limit(rig: Rig, evse_id: int = 1) -> dict[str, Any]:
    path, interface = evse_path(evse_id), EVSE_MANAGER
    value: dict[str, Any] = await rig.client.get("Limit", path=path, interface=interface)
    return value


async def transaction_id(rig: Rig) -> str:
    """Wait for what the CSMS calls the transaction at EVSE 1."""
    async with asyncio.timeout(10):
        while True:
            path, interface = evse_path(1), EVSE_MANAGER
            found = await rig.client.get("TransactionId", path=path, interface=interface)
            if found:
                return str(found)
            await asyncio.sleep(0.02)


def imported(agent: Agent, evse_id: int) -> list[float | None]:
    """The first import limit of each call for an EVSE, in A."""
    return [
        limits["schedule_import"][0]["limits_to_root"].get("ac_max_current_A", {}).get("value")
        for number, limits in agent.of("SetExternalLimits")
        if number == evse_id
    ]


async def told(agent: Agent, evse_id: int, amount: float | None) -> None:
    """Wait until the agent was told a limit last."""
    async with agent.changed:
        await agent.changed.wait_for(lambda: imported(agent, evse_id)[-1:] == [amount])


@pytest.mark.requirement(
    "K01.FR.04", "K01.FR.07", "K01.FR.17", "K01.FR.27", "K08.FR.02", "K10.FR.05"
)
@VERSIONS
async def test_from_a_profile_to_the_host_and_over_a_power_cut(
    version: str, tmp_path: Path
) -> None:
    async with Rig(tmp_path, versions=[version], strict=True) as rig:
        await rig.booted()
        host = Host(rig.client)
        await host.ready()
        async with Agent(rig.bus.address, LIMITS) as agent:
            await told(agent, 1, None)  # no profile, no limit
            assert "profile_id" not in await limit(rig)

            default = profile(version, 1, "TxDefaultProfile", (0, 16.0), (600, 10.0))
            assert await install(rig, version, 1, default) == "Accepted"
            await told(agent, 1, 16.0)
            assert await composite(rig, version, 1) == [(0, 16.0), (600, 10.0)]
            now = await limit(rig)
            assert (now["limit"], now["unit"], now["profile_id"]) == (16.0, "A", 1)

            await host.plug_in()
            await host.start()
            transaction: Any = host.session
            if version == "1.6":
                transaction = int(await transaction_id(rig))
            own = profile(version, 2, "TxProfile", (0, 12.0), (1, 11.0), transactionId=transaction)
            assert await install(rig, version, 1, own) == "Accepted"
            await told(agent, 1, 11.0)  # in its second, by itself
            assert (await limit(rig))["profile_id"] == 2

            whole = profile(version, 3, "ChargingStationMaxProfile", (0, 8.0))
            assert await install(rig, version, 0, whole) == "Accepted"
            await told(agent, 1, 8.0)

        await rig.kill()
        await rig.start_daemon()
        assert (await limit(rig))["limit"] == 8.0
        why = await rig.client.call("ExplainLimit", "issa{sv}", 1, "", "A", {})
        assert why["profile_id"] == 3
        standings = {one["profile_id"]: one["standing"] for one in why["contributions"]}
        assert standings[3] == "GivesLimit"
        supposed = json.dumps(profile(version, 4, "ChargingStationMaxProfile", (0, 5.0)))
        supposed = supposed.replace('"stackLevel": 0', '"stackLevel": 1')
        what_if = {"profile": supposed, "evse_id": 0}
        would = await rig.client.call("ExplainLimit", "issa{sv}", 1, "", "A", what_if)
        assert (would["profile_id"], would["limit"]) == (4, 5.0)
        with pytest.raises(BusError, match=r"what_if\.profile"):
            await rig.client.call("ExplainLimit", "issa{sv}", 1, "", "A", {"profile": "{}"})


@pytest.mark.requirement("K11.FR.02", "K11.FR.04", "K13.FR.02", "K13.FR.03", "K09.FR.01")
@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_a_limit_of_an_energy_management(version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version], strict=True) as rig:
        await rig.booted()
        host = Host(rig.client)
        await host.ready()
        await host.plug_in()
        await host.start()
        await host.charge()
        request = {
            "evse_id": 0,
            "source": "EMS",
            "charging_rate_unit": "A",
            "charging_schedule_period": [{"start_period": 0, "limit": 9.0}],
        }
        assert await rig.client.call("SetExternalLimit", "a{sv}", request) == -1
        assert (await limit(rig))["limit"] == 9.0
        notified = await rig.csms.wait_for("NotifyChargingLimit")
        assert notified.payload["chargingLimit"] == {"chargingLimitSource": "EMS"}
        await rig.csms.wait_for("TransactionEvent", triggerReason="ChargingRateChanged")

        wanted = {"requestId": 5, "chargingProfile": {"chargingLimitSource": ["EMS"]}}
        assert (await rig.csms.call("GetChargingProfiles", wanted))["status"] == "Accepted"
        report = await rig.csms.wait_for("ReportChargingProfiles", requestId=5)
        assert report.payload["chargingLimitSource"] == "EMS"
        assert report.payload["chargingProfile"][0]["id"] == -1
        cleared = await rig.csms.call("ClearChargingProfile", {"chargingProfileId": -1})
        assert cleared["status"] == "Unknown"

        assert await rig.client.call("ClearExternalLimit", "a{sv}", {}) is True
        assert (await limit(rig))["limit"] == 48.0
        await rig.csms.wait_for("ClearedChargingLimit", chargingLimitSource="EMS")
