"""The agent's ConfigureNetwork and what ends it, on a bus."""

import asyncio
from typing import Any

import pytest

from ocppd.dbus.binding import DBusError
from ocppd.dbus.marshalling.networks import read_network_report
from ocppd.dbus.marshalling.plain import variants
from ocppd.errors import AgentRefused, InvalidArgument
from ocppd.model.network_profiles import (
    Apn,
    ConfigureNetwork,
    NetworkReport,
    NetworkResult,
    NetworkStatus,
    Vpn,
)
from tests.dbus.test_agents import agents_on_a_bus, register

REQUEST = ConfigureNetwork("Wireless0", Apn("m2m", "PAP", "u", "p", "0042", "20404", True))


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ({"status": "Ready"}, NetworkResult(NetworkStatus.READY)),
        (
            {"status": "Ready", "interface_address": "10.0.0.2"},
            NetworkResult(NetworkStatus.READY, "10.0.0.2"),
        ),
        ({"status": "Failed"}, NetworkResult(NetworkStatus.FAILED)),
        ({"status": "NotSupported"}, NetworkResult(NetworkStatus.NOT_SUPPORTED)),
    ],
)
async def test_what_the_agent_answers(answer: dict[str, Any], result: NetworkResult) -> None:
    async with agents_on_a_bus() as (agents, agent, _):
        register(agents, agent, "org.everest.Ocpp.Agent.System")
        agent.answers["ConfigureNetwork"] = variants(answer)
        assert await agents.configure_network(REQUEST) == result
        assert await agents.configure_network(ConfigureNetwork("Any", None, VPN)) == result
    (_, [first]), (_, [second]) = agent.calls
    assert first == {
        "request_id": 1,
        "interface": "Wireless0",
        "apn": {
            "apn": "m2m",
            "apn_user_name": "u",
            "apn_password": "p",
            "sim_pin": 42,
            "preferred_network": "20404",
            "use_only_preferred_network": True,
            "apn_authentication": "PAP",
        },
    }
    assert second == {
        "request_id": 2,
        "interface": "Any",
        "vpn": {"server": "vpn.example", "type": "IPSec", "user": "u", "password": "p", "key": "k"},
    }


VPN = Vpn("vpn.example", "IPSec", user="u", password="p", key="k")


@pytest.mark.parametrize("error", ["UnknownMethod", "UnknownInterface", "NotSupported"])
async def test_an_agent_without_the_method_is_no_obstacle(error: str) -> None:
    async with agents_on_a_bus() as (agents, agent, _):
        register(agents, agent, "org.everest.Ocpp.Agent.System")
        agent.answers["ConfigureNetwork"] = DBusError(f"org.freedesktop.DBus.Error.{error}", "no")
        result = await agents.configure_network(REQUEST)
        assert result.status is NetworkStatus.NOT_SUPPORTED


async def test_what_is_no_answer_is_a_refusal() -> None:
    async with agents_on_a_bus(timeout_s=0.2) as (agents, agent, _):
        with pytest.raises(AgentRefused):
            await agents.configure_network(REQUEST)
        register(agents, agent, "org.everest.Ocpp.Agent.System")
        for answer in (
            variants({"status": "Fine"}),
            variants({}),
            ("b", [True]),
            DBusError("org.example.Broken", "no"),
        ):
            agent.answers["ConfigureNetwork"] = answer
            with pytest.raises(AgentRefused):
                await agents.configure_network(REQUEST)
        agent.silent = True
        with pytest.raises(AgentRefused):
            await agents.configure_network(REQUEST)


async def test_processing_ends_with_a_report() -> None:
    async with agents_on_a_bus() as (agents, agent, _):
        register(agents, agent, "org.everest.Ocpp.Agent.System")
        agent.answers["ConfigureNetwork"] = variants({"status": "Processing"})
        asked = asyncio.create_task(agents.configure_network(REQUEST))
        while not agent.calls:
            await asyncio.sleep(0.01)
        with pytest.raises(InvalidArgument, match="no request 9"):
            agents.on_network_report(NetworkReport(9, NetworkStatus.READY))
        report = read_network_report(
            variants({"request_id": 1, "status": "Ready", "interface_address": "wwan0"})
        )
        agents.on_network_report(report)
        assert await asked == NetworkResult(NetworkStatus.READY, "wwan0")
        with pytest.raises(InvalidArgument, match="no request 1"):
            agents.on_network_report(report)


async def test_a_network_that_takes_too_long() -> None:
    async with agents_on_a_bus() as (agents, agent, _):
        register(agents, agent, "org.everest.Ocpp.Agent.System")
        agents.network_timeout_s = lambda: 0.1
        agent.answers["ConfigureNetwork"] = variants({"status": "Processing"})
        with pytest.raises(AgentRefused, match="no network in"):
            await agents.configure_network(REQUEST)


@pytest.mark.parametrize(
    "status",
    [
        {"request_id": 1, "status": "Processing"},
        {"request_id": 1},
        {"status": "Ready"},
        {"request_id": 1, "status": "Ready", "more": 1},
    ],
)
def test_reports_that_say_nothing(status: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match="status"):
        read_network_report(variants(status))
