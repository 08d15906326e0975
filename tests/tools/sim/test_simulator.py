"""The simulator and the template of ocppd, on a private bus."""

import asyncio
from typing import Any

import pytest

from ocppd.tools.sim.arbiter import Outcome
from ocppd.tools.sim.settings import ChargerSettings, EvseSettings
from ocppd.tools.sim.simulator import Simulator
from tests.client import BusError, Client
from tests.templates.standin import StandIn

QUICK = ChargerSettings(meter_interval_s=0.1, reboot_s=0.1)


async def charging(host: Simulator, evse_id: int = 1, token: str = "04A224B2") -> None:
    await host.plug_in(evse_id, prepare_s=0.05)
    assert await host.swipe(token, evse_id=evse_id) is Outcome.USED_TO_START
    await host.wait_for("ChargingStarted", evse_id=evse_id)


async def test_a_session_from_plug_in_to_plug_out_is_reported_in_order() -> None:
    async with StandIn() as ocppd, Simulator(ocppd.address, QUICK) as host:
        await host.ready()
        await charging(host)
        assert await host.swipe("04A224B2") is Outcome.USED_TO_STOP
        await host.unplug(1)
        await host.all_acknowledged()
        assert await ocppd.events(1) == [
            "SessionStarted",
            "AuthRequired",
            "Authorized",
            "TransactionStarted",
            "PrepareCharging",
            "ChargingStarted",
            "StoppingCharging",
            "ChargingFinished",
            "TransactionFinished",
            "SessionFinished",
        ]
        assert await ocppd.events(2) == []


async def test_the_evse_says_what_it_is_before_it_is_ready() -> None:
    settings = ChargerSettings(evses=(EvseSettings(("cCCS2",)),))
    async with StandIn(evses=[["cCCS2"]]) as ocppd, Simulator(ocppd.address, settings) as host:
        await host.ready()
        reports = {report["member"]: report["argument"] for report in await ocppd.reports(1)}
        names = list(reports)
        assert names.index("ReportHwCapabilities") < names.index("ReportReady")
        assert reports["ReportReady"] is True
        assert reports["ReportHwCapabilities"]["connector_type"] == "cCCS2"
        assert reports["ReportSupportedEnergyTransferModes"] == ["DC_core", "DC_extended"]
        assert bytes.fromhex(reports["ReportPowermeterPublicKeyOcmf"])


async def test_the_meter_is_reported_at_its_interval() -> None:
    async with StandIn() as ocppd, Simulator(ocppd.address, QUICK) as host:
        await host.ready()
        await charging(host)
        await asyncio.sleep(0.5)
        readings = [
            report["argument"]
            for report in await ocppd.reports(1)
            if report["member"] == "ReportPowermeter"
        ]
        assert len(readings) >= 4
        registers = [reading["energy_Wh_import"]["total"] for reading in readings]
        assert registers == sorted(registers)
        assert registers[-1] > registers[0]


async def test_a_token_that_ocppd_refuses_does_not_charge() -> None:
    tokens = {"BAD": {"authorization_status": "Blocked"}}
    async with StandIn(tokens=tokens) as ocppd, Simulator(ocppd.address, QUICK) as host:
        await host.ready()
        await host.plug_in(1)
        assert await host.swipe("BAD") is Outcome.REJECTED


async def test_a_remote_start_comes_as_a_token() -> None:
    async with StandIn() as ocppd, Simulator(ocppd.address, QUICK) as host:
        await host.ready()
        await host.plug_in(2, prepare_s=0.05)
        await ocppd.do(
            "ProvideToken",
            "a{sv}",
            {
                "id_token": {"value": "REMOTE", "type": "Central"},
                "authorization_type": "OCPP",
                "request_id": 42,
                "connectors": [2],
                "prevalidated": True,
            },
        )
        started = await host.wait_for("TransactionStarted", evse_id=2)
        id_tag = started["transaction_started"]["id_tag"]
        assert id_tag["id_token"]["value"] == "REMOTE"
        assert id_tag["request_id"] == 42


async def test_the_limit_of_ocppd_is_obeyed() -> None:
    async with StandIn() as ocppd, Simulator(ocppd.address, QUICK) as host:
        await ocppd.do("SetLimit", "ia{sv}", 1, {"limit": 10.0, "unit": "A", "number_phases": 3})
        await host.ready()
        await host.wait_for("LimitChanged", evse_id=1)
        await charging(host)
        evse = host.charger.evses[1]
        assert evse.flow.amperes == (10.0, 10.0, 10.0)
        await ocppd.do("SetLimit", "ia{sv}", 1, {"limit": 0.0, "unit": "W"})
        paused = await host.wait_for("ChargingPausedEVSE", evse_id=1)
        assert paused["charging_paused_evse"] == {"reasons": ["NoEnergy"]}


@pytest.mark.parametrize(
    ("interface", "member", "arguments", "answer"),
    [
        ("EvseManager", "PauseCharging", [1], True),
        ("EvseManager", "ResumeCharging", [1], False),
        ("EvseManager", "StopTransaction", [1, {"reason": "Remote"}], True),
        ("EvseManager", "StopTransaction", [2, {"reason": "Remote"}], False),
        ("EvseManager", "ForceUnlock", [1, 1], True),
        ("EvseManager", "ForceUnlock", [1, 2], False),
        ("EvseManager", "SetPlugAndChargeConfiguration", [1, {"pnc_enabled": False}], ""),
        (
            "EvseManager",
            "UpdateAllowedEnergyTransferModes",
            [2, ["AC_single_phase_core"]],
            "Accepted",
        ),
        ("EvseManager", "UpdateAllowedEnergyTransferModes", [1, ["DC_core"]], "NoHlc"),
        (
            "EvseManager",
            "UpdateAllowedEnergyTransferModes",
            [2, ["MCS"]],
            "IncompatibleEnergyTransfer",
        ),
        ("EvseManager", "SetDerAvailable", [1, True], "Rejected"),
        ("System", "IsResetAllowed", ["Soft"], True),
        ("System", "ResetEvse", [2], True),
        ("System", "SetSystemTime", ["2030-01-01T00:00:00Z"], True),
        ("System", "SetSystemTime", ["noon"], False),
        ("System", "GetBootReason", [], "PowerUp"),
        ("System", "UpdateFirmware", [{"location": "http://x", "request_id": 1}], "Rejected"),
        ("System", "AllowFirmwareInstallation", [], ""),
        ("System", "UploadLogs", [{"location": "ftp://x"}], {"upload_logs_status": "Rejected"}),
        ("System", "ConfigureNetwork", [{"request_id": 1}], {"status": "NotSupported"}),
        ("Auth", "SetConnectionTimeout", [30], ""),
        ("Auth", "SetMasterPassGroupId", ["M"], ""),
        ("Auth", "WithdrawAuthorization", [{"evse_id": 9}], "EvseNotFound"),
        (
            "OcppDataTransfer",
            "DataTransfer",
            [{"vendor_id": "org.everest.OcppSim", "data": "x"}],
            {"status": "Accepted", "data": "x"},
        ),
        (
            "OcppDataTransfer",
            "DataTransfer",
            [{"vendor_id": "org.everest.OcppSim", "message_id": "No"}],
            {"status": "UnknownMessageId"},
        ),
        ("OcppDataTransfer", "DataTransfer", [{"vendor_id": "?"}], {"status": "UnknownVendorId"}),
    ],
)
async def test_the_agents_do_what_ocppd_asks(
    interface: str, member: str, arguments: list[Any], answer: Any
) -> None:
    async with StandIn() as ocppd, Simulator(ocppd.address, QUICK) as host:
        await host.ready()
        await charging(host)
        assert await ocppd.agent(interface, member, *arguments) == answer


@pytest.mark.parametrize(
    ("interface", "member", "arguments"),
    [
        ("EvseManager", "PauseCharging", [9]),
        ("EvseManager", "StopTransaction", [1, {}]),
        ("EvseManager", "StopTransaction", [1, {"reason": "Boredom"}]),
        ("EvseManager", "EnableDisable", [1, 1, {"enable_state": "Maybe"}]),
        ("System", "Reset", ["Gently", False]),
        ("Auth", "WithdrawAuthorization", [{"id_token": {}}]),
    ],
)
async def test_an_agent_refuses_what_is_not_as_documented(
    interface: str, member: str, arguments: list[Any]
) -> None:
    async with StandIn() as ocppd, Simulator(ocppd.address, QUICK) as host:
        await host.ready()
        with pytest.raises(BusError, match="InvalidArgument"):
            await ocppd.agent(interface, member, *arguments)


async def test_the_agents_serve_ocppd_alone() -> None:
    async with StandIn() as ocppd, Simulator(ocppd.address, QUICK) as host:
        await host.ready()
        [(sender, path), *_] = (
            await ocppd.client.get("Agents", interface="org.everest.Ocpp.AgentManager")
        ).values()
        async with Client(ocppd.address, sender) as stranger:
            with pytest.raises(BusError, match="AccessDenied"):
                await stranger.call(
                    "PauseCharging",
                    "i",
                    1,
                    path=path,
                    interface="org.everest.Ocpp.Agent.EvseManager",
                )


async def test_ocppd_tells_the_connection_timeout_and_the_master_pass() -> None:
    parameters = {"connection_timeout_s": 7, "master_pass_group_id": "BOSS"}
    async with StandIn(**parameters) as ocppd, Simulator(ocppd.address, QUICK) as host:
        await host.ready()
        await host.wait_for("SetMasterPassGroupId")
        assert host.charger.arbiter.connection_timeout_s == 7
        assert host.charger.arbiter.master_pass_group_id == "BOSS"


async def test_availability_is_switched_by_ocppd() -> None:
    async with StandIn() as ocppd, Simulator(ocppd.address, QUICK) as host:
        await host.ready()
        source = {"enable_source": "CSMS", "enable_state": "Disable", "enable_priority": 5000}
        assert await ocppd.agent("EvseManager", "EnableDisable", 2, 1, source) is False
        await host.wait_for("Disabled", evse_id=2)
        await host.all_acknowledged()
        assert await ocppd.events(2) == ["Disabled"]


# --- Robustness ----------------------------------------------------------------------------------


async def test_a_report_is_repeated_until_it_is_stored() -> None:
    async with StandIn() as ocppd, Simulator(ocppd.address) as host:
        await host.ready()
        await ocppd.do("FailReports", "si", "StorageFailure", 3)
        await host.plug_in(1)
        await host.all_acknowledged()
        assert await ocppd.events(1) == ["SessionStarted", "AuthRequired"]


async def test_a_report_that_ocppd_refuses_is_dropped_and_told() -> None:
    async with StandIn() as ocppd, Simulator(ocppd.address) as host:
        await host.ready()
        await ocppd.do("FailReports", "si", "InvalidArgument", 1)
        await host.raise_fault("powermeter/CommunicationFault", 1)
        refused = await host.wait_for("ReportRefused")
        assert refused["member"] == "RaiseError"
        await host.all_acknowledged()


async def test_what_happens_while_ocppd_is_away_is_reported_when_it_comes() -> None:
    async with StandIn(start=False) as ocppd, Simulator(ocppd.address, QUICK) as host:
        await host.plug_in(1)
        await host.unplug(1)
        await ocppd.start()
        await host.ready()
        assert await ocppd.events(1) == ["SessionStarted", "AuthRequired", "SessionFinished"]


async def test_a_new_ocppd_hears_of_the_running_session_before_readiness() -> None:
    async with StandIn() as ocppd, Simulator(ocppd.address, QUICK) as host:
        await host.ready()
        await charging(host)
        await host.all_acknowledged()
        since = host.position
        await ocppd.kill()
        await host.wait_for("OcppdGone", since=since)
        host.charger.stop_transaction(1, "Local")
        await ocppd.start()
        await host.wait_for("OcppdFound", since=since)
        await host.ready()
        reports = [report["member"] for report in await ocppd.reports(1)]
        assert reports[0] == "ReportSessionEvent"
        assert "ReportReady" in reports[: reports.index("ReportSessionEvent", 1)]
        events = await ocppd.session_events(1)
        assert [event["event"] for event in events] == [
            "SessionResumed",
            "StoppingCharging",
            "ChargingFinished",
            "TransactionFinished",
        ]
        assert len({event["uuid"] for event in events}) == 1
        assert await ocppd.agent("System", "GetBootReason") == "PowerUp"


async def test_a_token_without_an_ocppd_is_rejected() -> None:
    async with StandIn(start=False) as ocppd, Simulator(ocppd.address, QUICK) as host:
        await host.plug_in(1)
        assert await host.swipe("04A224B2") is Outcome.REJECTED


async def test_the_bus_itself_may_come_back() -> None:
    async with StandIn(start=False) as ocppd, Simulator(ocppd.address, QUICK) as host:
        await ocppd.client.__aexit__(None, None, None)
        ocppd.bus.kill()
        await host.plug_in(1)
        ocppd.bus.start()
        await ocppd.client.__aenter__()
        await ocppd.start()
        await host.ready()
        assert await ocppd.events(1) == ["SessionStarted", "AuthRequired"]


async def test_a_second_host_waits_until_the_first_is_gone() -> None:
    async with StandIn() as ocppd, Simulator(ocppd.address, QUICK) as second:
        await second.ready()
        async with Simulator(ocppd.address, QUICK) as first:
            refused = await first.wait_for("RegistrationFailed")
            assert "AccessDenied" in refused["reason"] or "agent" in refused["reason"]
            await second.__aexit__(None, None, None)
            await first.ready()


async def test_a_power_cut_leaves_the_bus_and_resumes_the_session() -> None:
    async with StandIn() as ocppd, Simulator(ocppd.address, QUICK) as host:
        await host.ready()
        await charging(host)
        await host.all_acknowledged()
        before = len(await ocppd.events(1))
        since = host.position
        await host.power_cut(0.3)
        await host.wait_for("OcppdFound", since=since)
        await host.wait_for("ChargingStarted", since=since)
        await host.all_acknowledged()
        events = (await ocppd.events(1))[before:]
        assert events == ["SessionResumed", "PrepareCharging", "ChargingStarted"]


async def test_a_reset_answers_first_then_leaves_and_boots() -> None:
    async with StandIn() as ocppd, Simulator(ocppd.address, QUICK) as host:
        await host.ready()
        since = host.position
        await ocppd.agent("System", "Reset", "NotSpecified", True)
        await host.wait_for("PowerLost", since=since)
        await host.wait_for("OcppdFound", since=since)
        assert await ocppd.agent("System", "GetBootReason") == "ScheduledReset"


async def test_the_command_for_resets_is_run(tmp_path: Any) -> None:
    mark = tmp_path / "rebooted"
    async with (
        StandIn() as ocppd,
        Simulator(ocppd.address, QUICK, on_reset=f"touch {mark}") as host,
    ):
        await host.ready()
        await ocppd.agent("System", "Reset", "Hard", False)
        async with asyncio.timeout(5):
            while not mark.exists():
                await asyncio.sleep(0.02)


async def test_waiting_for_what_does_not_come_says_what_came() -> None:
    async with StandIn() as ocppd, Simulator(ocppd.address, QUICK) as host:
        await host.plug_in(1)
        with pytest.raises(TimeoutError, match="PluggedIn"):
            await host.wait_for("Unplugged", timeout_s=0.1)
