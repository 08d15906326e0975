"""SecurityEventNotification in OCPP 1.6, by the whitepaper's own table."""

from types import SimpleNamespace
from typing import Any

import pytest

from ocppd.csms.v16.security import security_messages
from ocppd.device_model.names import OCPP16LegacyCtrlr
from ocppd.model.security import SecurityEventNotification
from ocppd.station.security_events import CRITICAL
from tests.fakes import START, MemoryStore
from tests.station.models import shipped_device_model

CRITICAL_IN_16 = {
    "FirmwareUpdated",
    "SettingSystemTime",
    "StartupOfTheDevice",
    "ResetOrReboot",
    "SecurityLogWasCleared",
    "MemoryExhaustion",
    "TamperDetectionActivated",
}


def station(*, silent: bool = False) -> Any:
    address = OCPP16LegacyCtrlr.DisableSecurityEventNotifications
    return SimpleNamespace(device_model=shipped_device_model(MemoryStore(), {address: silent}))


def told(name: str, *, insisted: bool = False, silent: bool = False) -> list[str]:
    request = SecurityEventNotification(name, START, "i" * 255, insisted)
    messages = security_messages(station(silent=silent), request)
    for message in messages:
        # The ocpp package has no schema of the whitepaper's messages: its fields are these.
        assert message.action == "SecurityEventNotification"
        assert set(message.payload) == {"type", "timestamp", "techInfo"}
        assert message.payload["timestamp"] == "2026-03-01T12:00:00.000Z"
    return [message.payload["type"] for message in messages]


@pytest.mark.requirement("A04.FR.01")
def test_what_the_whitepaper_calls_critical_is_sent() -> None:
    queued = [name for name, critical in CRITICAL.items() if critical]
    assert {name for name in queued if told(name)} == CRITICAL_IN_16


@pytest.mark.parametrize(
    ("name", "name_in_16"),
    [
        ("InvalidCsmsCertificate", "InvalidCentralSystemCertificate"),
        ("InvalidChargingStationCertificate", "InvalidChargePointCertificate"),
        ("FailedToAuthenticateAtCsms", "FailedToAuthenticationAtCentralSystem"),
        ("MyOwn", "MyOwn"),
    ],
)
def test_what_somebody_insists_on_is_sent_under_its_name(name: str, name_in_16: str) -> None:
    assert told(name, insisted=True) == [name_in_16]


def test_an_operator_may_switch_it_off() -> None:
    assert told("MemoryExhaustion", silent=True) == []
    assert told("MemoryExhaustion", insisted=True, silent=True) == []
