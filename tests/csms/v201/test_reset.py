"""Reset in OCPP 2.0.1 and 2.1."""

from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from ocppd.csms.v201 import reset as v201
from tests.csms.spoken import as_sent
from tests.station.blocks import Blocks

ALL = [
    ("2.0.1", v201, "Immediate"),
    ("2.0.1", v201, "OnIdle"),
    ("2.1", v201, "Immediate"),
    ("2.1", v201, "OnIdle"),
    ("2.1", v201, "ImmediateAndResume"),
]


async def ask(version: str, module: ModuleType, blocks: Blocks, **request: Any) -> dict[str, Any]:
    station: Any = SimpleNamespace(reset=blocks.reset)
    answer = await module.routes(station)["Reset"](as_sent(version, "Reset", request))
    answer.then()
    return as_sent(version, "Reset", answer.result, response=True)


@pytest.mark.requirement("B11.FR.01", "B13.FR.02")
@pytest.mark.parametrize(("version", "module", "kind"), ALL)
async def test_an_idle_station(version: str, module: ModuleType, kind: str) -> None:
    blocks = Blocks()
    await blocks.online()
    blocks.world.store.entries.clear()
    assert await ask(version, module, blocks, type=kind) == {"status": "Accepted"}
    await blocks.advance(1)
    assert blocks.world.agents.of("reset") == [("NotSpecified", False)]


@pytest.mark.requirement("B12.FR.01")
@pytest.mark.parametrize(("version", "module"), [("2.0.1", v201), ("2.1", v201)])
async def test_scheduled_says_for_whom_it_waits(version: str, module: ModuleType) -> None:
    blocks = Blocks()
    await blocks.online()
    blocks.start_transaction(2)
    told = await ask(version, module, blocks, type="OnIdle")
    assert told["status"] == "Scheduled"
    assert told["statusInfo"] == {
        "reasonCode": "TxInProgress",
        "additionalInfo": "waits for EVSE 2",
    }


@pytest.mark.requirement("B11.FR.09")
@pytest.mark.parametrize(("version", "module"), [("2.0.1", v201), ("2.1", v201)])
async def test_an_evse_that_cannot_be_reset(version: str, module: ModuleType) -> None:
    told = await ask(version, module, Blocks(), type="Immediate", evseId=1)
    assert told["status"] == "Rejected"
    assert told["statusInfo"]["reasonCode"] == "UnsupportedRequest"
