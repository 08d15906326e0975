"""SecurityEventNotification in OCPP 2.0.1 and 2.1."""

from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from ocppd.csms.v201 import security as v201
from ocppd.model.security import SecurityEventNotification
from tests.csms.spoken import as_sent
from tests.fakes import START


@pytest.mark.requirement("A04.FR.01")
@pytest.mark.parametrize(("version", "module"), [("2.0.1", v201), ("2.1", v201)])
def test_a_queued_event_is_one_message(version: str, module: ModuleType) -> None:
    station: Any = SimpleNamespace()
    (message,) = module.security_messages(
        station, SecurityEventNotification("InvalidTLSVersion", START, "1.0")
    )
    assert as_sent(version, message.action, message.payload) == {
        "type": "InvalidTLSVersion",
        "timestamp": "2026-03-01T12:00:00.000Z",
        "techInfo": "1.0",
    }
    (message,) = module.security_messages(station, SecurityEventNotification("Own", START))
    assert "techInfo" not in as_sent(version, message.action, message.payload)
