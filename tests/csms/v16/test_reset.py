"""Reset in OCPP 1.6."""

from types import SimpleNamespace
from typing import Any

import pytest

from ocppd.csms.v16.reset import routes
from ocppd.csms.v16.spelling import MANNERS
from tests.csms.spoken import as_sent
from tests.station.blocks import Blocks


@pytest.mark.parametrize("kind", ["Soft", "Hard"])
@pytest.mark.parametrize("allowed", [True, False])
async def test_the_host_is_told_soft_or_hard(kind: str, allowed: bool) -> None:
    blocks = Blocks(manners=MANNERS)
    await blocks.online()
    blocks.world.store.entries.clear()
    blocks.world.agents.reset_allowed = allowed
    station: Any = SimpleNamespace(reset=blocks.reset)
    answer = await routes(station)["Reset"](as_sent("1.6", "Reset", {"type": kind}))
    told = as_sent("1.6", "Reset", answer.result, response=True)
    assert told == {"status": "Accepted" if allowed else "Rejected"}
    answer.then()
    await blocks.advance(1)
    assert blocks.world.agents.of("is_reset_allowed") == [(kind,)]
    assert blocks.world.agents.of("reset") == ([(kind, False)] if allowed else [])
