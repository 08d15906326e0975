"""Variables and keys: set by the CSMS, seen by the host, kept through a power cut."""

from pathlib import Path
from typing import Any

import pytest

from tests.scenario.rig import PASSWORD, Rig

TIMEOUT = {
    "component": {"name": "TxCtrlr"},
    "variable": {"name": "EVConnectionTimeOut"},
}


async def read(rig: Rig, *addresses: dict[str, Any]) -> list[dict[str, Any]]:
    requests = [{"component_variable": address} for address in addresses]
    results: list[dict[str, Any]] = await rig.client.call("GetVariables", "aa{sv}", requests)
    return results


async def set_timeout(rig: Rig, version: str, value: str) -> str:
    if version == "1.6":
        key = {"key": "ConnectionTimeOut", "value": value}
        return str((await rig.csms.call("ChangeConfiguration", key))["status"])
    data = [TIMEOUT | {"attributeValue": value}]
    answer = await rig.csms.call("SetVariables", {"setVariableData": data})
    return str(answer["setVariableResult"][0]["attributeStatus"])


@pytest.mark.requirement("B05.FR.10")
@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_what_the_csms_sets_survives_a_power_cut(version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version]) as rig:
        await rig.booted()
        assert await set_timeout(rig, version, "never") == "Rejected"
        assert await set_timeout(rig, version, "4321") == "Accepted"
        await rig.kill()
        await rig.start_daemon()
        [result] = await read(rig, TIMEOUT)
        assert (result["status"], result["value"]) == ("Accepted", "4321")


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_the_host_hears_of_what_it_watches(version: str, tmp_path: Path) -> None:
    key = {"component": {"name": ""}, "variable": {"name": "ConnectionTimeOut"}}
    async with Rig(tmp_path, versions=[version]) as rig:
        await rig.booted()
        await rig.client.call("MonitorVariables", "aa{sv}", [TIMEOUT, key])
        await set_timeout(rig, version, "77")
        forms = [TIMEOUT, key] if version == "1.6" else [TIMEOUT]
        for form in forms:
            heard = await rig.client.wait_for(
                "EventData", lambda event, form=form: event["component_variable"] == form
            )
            assert heard.value["actual_value"] == "77"
        statuses = [result["status"] for result in await read(rig, key, TIMEOUT)]
        known = "Accepted" if version == "1.6" else "UnknownComponent"
        assert statuses == [known, "Accepted"]


@pytest.mark.requirement("B07.FR.08", "B07.FR.10")
@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_the_full_inventory_arrives_page_by_page(version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version]) as rig:
        await rig.booted()
        answer = await rig.csms.call(
            "GetBaseReport", {"requestId": 9, "reportBase": "FullInventory"}
        )
        assert answer["status"] == "Accepted"
        await rig.csms.wait_until(
            lambda: any(not call.payload["tbc"] for call in rig.csms.calls("NotifyReport"))
        )
        pages = [call.payload for call in rig.csms.calls("NotifyReport")]
        assert [page["seqNo"] for page in pages] == list(range(len(pages)))
        assert sum(len(page["reportData"]) for page in pages) > 400
        assert PASSWORD not in str(pages)
