"""The template of ocppd behaves as ocppd where a host can tell."""

from pathlib import Path
from typing import Any

import pytest

from tests.client import BusError
from tests.templates.standin import StandIn

HERE = Path(__file__).parent


def event(name: str, second: int, **parts: Any) -> dict[str, Any]:
    return {
        "uuid": "s-1",
        "timestamp": f"2026-03-01T12:00:{second:02}.000Z",
        "event": name,
        "connector_id": 1,
        **parts,
    }


METER = {"timestamp": "2026-03-01T12:00:00Z", "energy_Wh_import": {"total": 0.0}}
STARTED = event(
    "SessionStarted", 0, session_started={"reason": "EVConnected", "meter_value": METER}
)


async def test_a_repeated_event_is_acknowledged_and_changes_nothing() -> None:
    async with StandIn() as ocppd:
        await ocppd.client.evse(1, "ReportSessionEvent", "a{sv}", STARTED)
        await ocppd.client.evse(1, "ReportSessionEvent", "a{sv}", STARTED)
        await ocppd.client.evse(1, "ReportSessionEvent", "a{sv}", event("AuthRequired", 0))
        assert await ocppd.events(1) == ["SessionStarted", "AuthRequired"]
        assert await ocppd.events(2) == []


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (event("AuthRequired", 0) | {"event": "Sneezed"}, "event"),
        (event("SessionStarted", 5), "session_started: missing"),
        (event("TransactionStarted", 5, transaction_started={"meter_value": METER}), "id_tag"),
        (event("AuthRequired", 5) | {"timestamp": "noon"}, "timestamp"),
        ({"event": "AuthRequired"}, "uuid: missing"),
    ],
)
async def test_an_event_that_is_not_as_documented_is_refused(
    wrong: dict[str, Any], text: str
) -> None:
    async with StandIn() as ocppd:
        with pytest.raises(BusError, match=text) as refused:
            await ocppd.client.evse(1, "ReportSessionEvent", "a{sv}", wrong)
        assert refused.value.name == "org.everest.Ocpp.Error.InvalidArgument"


async def test_an_event_of_the_past_is_refused() -> None:
    async with StandIn() as ocppd:
        await ocppd.client.evse(1, "ReportSessionEvent", "a{sv}", event("AuthRequired", 9))
        with pytest.raises(BusError, match="timestamp"):
            await ocppd.client.evse(1, "ReportSessionEvent", "a{sv}", event("PrepareCharging", 8))


async def test_reports_fail_as_often_as_told() -> None:
    async with StandIn() as ocppd:
        await ocppd.do("FailReports", "si", "StorageFailure", 1)
        with pytest.raises(BusError, match="StorageFailure"):
            await ocppd.client.evse(1, "ReportReady", "b", True)
        await ocppd.client.evse(1, "ReportReady", "b", True)
        assert [report["member"] for report in await ocppd.reports(1)] == ["ReportReady"]


async def test_tokens_are_answered_as_told() -> None:
    async with StandIn(tokens={"BAD": {"authorization_status": "Blocked"}}) as ocppd:
        for value, status in (("BAD", "Blocked"), ("GOOD", "Accepted")):
            token = {
                "id_token": {"value": value, "type": "ISO14443"},
                "authorization_type": "RFID",
            }
            result = await ocppd.client.call(
                "ValidateToken", "a{sv}", token, interface="org.everest.Ocpp.AuthTokenValidator"
            )
            assert result["authorization_status"] == status


async def test_an_agent_registers_with_known_interfaces_only() -> None:
    async with StandIn() as ocppd:
        manager = "org.everest.Ocpp.AgentManager"
        with pytest.raises(BusError, match="unknown"):
            await ocppd.client.call("RegisterAgent", "oas", "/a", ["Coffee"], interface=manager)
        await ocppd.client.call("RegisterAgent", "oas", "/a", ["Auth"], interface=manager)
        await ocppd.client.call("UnregisterAgent", "o", "/a", interface=manager)
        with pytest.raises(BusError, match="nothing"):
            await ocppd.client.call("UnregisterAgent", "o", "/a", interface=manager)
