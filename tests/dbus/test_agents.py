"""The host's agents: registration, every call as its XML file has it, and refusals."""

import asyncio
import logging
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ocppd.dbus.access import is_departure
from ocppd.dbus.agents import PREFIX, Agents, BuiltIn
from ocppd.dbus.binding import Bus, DBusError, Message, MessageType, Variant
from ocppd.dbus.marshalling.plain import plain, variants
from ocppd.errors import AccessDenied, AgentRefused, InvalidArgument
from ocppd.model.availability import OperationalStatus
from ocppd.model.data_transfer import CustomData, DataTransfer, DataTransferStatus
from ocppd.model.registration import BootReason
from ocppd.model.sessions import StopReason
from ocppd.model.tokens import IdToken, IdTokenType
from tests.private_bus import PrivateBus

FOLDER = Path(__file__).parents[2] / "dbus"
TOKEN = IdToken("04A2", IdTokenType.ISO14443)
MOMENT = datetime(2026, 11, 22, 15, 0, 0, 250_000, tzinfo=UTC)


class FakeAgent:
    """Answers calls of agent interfaces whose signature is the documented one, and no others."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.calls: list[tuple[str, Any]] = []
        self.answers: dict[str, Any] = {}
        self.silent = False
        bus.add_handler(self._handle)

    def _handle(self, message: Message) -> bool:
        if message.message_type is not MessageType.METHOD_CALL:
            return False
        if self.silent:
            return True
        interface = ET.parse(FOLDER / f"{message.interface}.xml").getroot().find("interface")
        assert interface is not None
        method = interface.find(f"method[@name='{message.member}']")
        assert method is not None, message.member
        arguments = method.findall("arg")
        wanted = "".join(a.get("type", "") for a in arguments if a.get("direction") == "in")
        out = "".join(a.get("type", "") for a in arguments if a.get("direction") == "out")
        if wanted != message.signature:
            self.bus.send(
                Message.new_error(message, "org.freedesktop.DBus.Error.InvalidArgs", wanted)
            )
            return True
        self.calls.append((str(message.member), plain(message.body)))
        answer = self.answers.get(str(message.member))
        if isinstance(answer, DBusError):
            self.bus.send(Message.new_error(message, answer.type, answer.text))
        elif isinstance(answer, tuple):
            self.bus.send(Message.new_method_return(message, *answer))
        else:
            self.bus.send(
                Message.new_method_return(message, out, [] if answer is None else [answer])
            )
        return True


@asynccontextmanager
async def agents_on_a_bus(
    timeout_s: float = 5.0, built_in: BuiltIn | None = None
) -> AsyncIterator[tuple[Agents, FakeAgent, Bus]]:
    with PrivateBus() as bus:
        ours, theirs = await Bus.connect(bus.address), await Bus.connect(bus.address)
        agents = Agents(timeout_s, built_in)
        agents.attach(ours)
        try:
            yield agents, FakeAgent(theirs), ours
        finally:
            for each in (ours, theirs):
                each.close()
                await each.wait_until_lost()


def register(agents: Agents, agent: FakeAgent, *interfaces: str) -> None:
    agents.register(agent.bus.unique_name, "/agent", interfaces)


async def test_each_call_is_spelled_as_documented() -> None:
    async with agents_on_a_bus() as (agents, agent, _):
        register(agents, agent, "EvseManager", "System", PREFIX + "Auth", "OcppDataTransfer")
        yes = dict.fromkeys(
            (
                "EnableDisable",
                "PauseCharging",
                "ResumeCharging",
                "StopTransaction",
                "ForceUnlock",
                "IsResetAllowed",
                "ResetEvse",
                "SetSystemTime",
            ),
            True,
        )
        agent.answers = {
            **yes,
            "GetBootReason": "Watchdog",
            "WithdrawAuthorization": "Accepted",
            "DataTransfer": variants(
                {
                    "status": "Accepted",
                    "data": '"x"',
                    "custom_data": {"vendor_id": "v", "data": "{}"},
                }
            ),
        }
        assert await agents.enable_disable(1, 0, OperationalStatus.INOPERATIVE)
        assert await agents.enable_disable(1, 2, OperationalStatus.OPERATIVE)
        assert await agents.pause_charging(1)
        assert await agents.resume_charging(1)
        assert await agents.stop_transaction(1, StopReason.REMOTE)
        assert await agents.stop_transaction(1, StopReason.LOCAL, TOKEN)
        assert await agents.force_unlock(1, 2)
        assert await agents.is_reset_allowed("Soft")
        await agents.reset("Hard", scheduled=True)
        assert await agents.reset_evse(2)
        assert await agents.set_system_time(MOMENT)
        assert await agents.get_boot_reason() is BootReason.WATCHDOG
        await agents.set_connection_timeout(60)
        await agents.set_master_pass_group_id("G")
        assert await agents.withdraw_authorization(None, TOKEN)
        response = await agents.data_transfer(
            DataTransfer("v", "m", '{"a":1}', CustomData("c", "{}"))
        )
        assert response.status is DataTransferStatus.ACCEPTED
        assert (response.data, response.custom_data) == ('"x"', CustomData("v", "{}"))
        tag = {"value": "04A2", "type": "ISO14443"}
        disable = {"enable_source": "CSMS", "enable_state": "Disable", "enable_priority": 5000}
        assert agent.calls == [
            ("EnableDisable", [1, 0, disable]),
            ("EnableDisable", [1, 2, {**disable, "enable_state": "Enable"}]),
            ("PauseCharging", [1]),
            ("ResumeCharging", [1]),
            ("StopTransaction", [1, {"reason": "Remote"}]),
            (
                "StopTransaction",
                [1, {"reason": "Local", "id_tag": {"id_token": tag, "authorization_type": "OCPP"}}],
            ),
            ("ForceUnlock", [1, 2]),
            ("IsResetAllowed", ["Soft"]),
            ("Reset", ["Hard", True]),
            ("ResetEvse", [2]),
            ("SetSystemTime", ["2026-11-22T15:00:00.250Z"]),
            ("GetBootReason", []),
            ("SetConnectionTimeout", [60]),
            ("SetMasterPassGroupId", ["G"]),
            ("WithdrawAuthorization", [{"id_token": tag}]),
            (
                "DataTransfer",
                [
                    {
                        "vendor_id": "v",
                        "message_id": "m",
                        "data": '{"a":1}',
                        "custom_data": {"vendor_id": "c", "data": "{}"},
                    }
                ],
            ),
        ]


async def test_refusals_are_logged_with_the_name_of_the_peer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with agents_on_a_bus(timeout_s=0.2) as (agents, agent, _):
        with pytest.raises(AgentRefused, match="no agent is registered for EvseManager"):
            await agents.pause_charging(1)
        register(agents, agent, "EvseManager", "OcppDataTransfer", "System")
        agent.answers = {
            "PauseCharging": DBusError("com.example.Busy", "not now"),
            "ResumeCharging": ("s", ["yes"]),
            "ForceUnlock": ("bb", [True, True]),
            "StopTransaction": False,
            "GetBootReason": "Boredom",
            "DataTransfer": {"status": Variant("s", "Perhaps")},
        }
        for call, why in (
            (agents.pause_charging(1), "com.example.Busy: not now"),
            (agents.resume_charging(1), "it answered with another type"),
            (agents.force_unlock(1, 1), "it answered with another type"),
            (agents.get_boot_reason(), "answer 'Boredom'"),
            (agents.data_transfer(DataTransfer("v")), 'response.status: "Perhaps" is none of'),
        ):
            caplog.clear()
            with pytest.raises(AgentRefused, match=why):
                await call
            [record] = [r for r in caplog.records if r.levelno == logging.WARNING]
            assert agent.bus.unique_name in record.getMessage()
        assert await agents.stop_transaction(1, StopReason.REMOTE) is False
        agent.silent = True
        before = asyncio.get_running_loop().time()
        with pytest.raises(AgentRefused, match=r"did not answer in 0.2 s"):
            await agents.pause_charging(1)
        assert asyncio.get_running_loop().time() - before < 2


async def test_a_slow_agent_holds_up_nobody() -> None:
    async with agents_on_a_bus(timeout_s=1.0) as (agents, agent, _):
        register(agents, agent, "EvseManager", "Auth")
        agent.silent = True
        slow = asyncio.ensure_future(agents.pause_charging(1))
        await asyncio.sleep(0.05)
        agent.silent = False
        await asyncio.wait_for(agents.set_connection_timeout(3), 0.5)
        assert not slow.done()
        with pytest.raises(AgentRefused):
            await slow


async def test_one_agent_for_each_interface() -> None:
    heard: list[tuple[str, str]] = []
    agents = Agents()
    agents.on_registered = lambda interface: heard.append(("there", interface))
    agents.on_gone = lambda interface: heard.append(("gone", interface))
    agents.register(":1.1", "/a", ["EvseManager", "Auth", "Auth"])
    assert heard == [("there", "EvseManager"), ("there", "Auth")]
    with pytest.raises(AccessDenied, match=r"Agent\.Auth is registered by :1\.1"):
        agents.register(":1.2", "/b", ["System", "Auth"])
    assert not agents.has("System"), "for none of them"
    agents.register(":1.1", "/c", ["Auth"])  # its own, elsewhere
    assert agents.owners == {
        PREFIX + "Auth": (":1.1", "/c"),
        PREFIX + "EvseManager": (":1.1", "/a"),
    }
    with pytest.raises(InvalidArgument, match=r"interfaces\[1\]: no such agent interface"):
        agents.register(":1.1", "/a", ["Auth", "Nonsense"])
    with pytest.raises(InvalidArgument, match="interfaces: 1 to 16"):
        agents.register(":1.1", "/a", [])
    with pytest.raises(InvalidArgument, match="path: nothing is registered with /zzz"):
        agents.unregister(":1.1", "/zzz")
    with pytest.raises(InvalidArgument):
        agents.unregister(":1.2", "/a")
    heard.clear()
    agents.unregister(":1.1", "/c")
    assert heard == [("gone", "Auth")]
    agents.register(":1.2", "/b", ["Auth"])
    agents.left(":1.1")
    assert heard == [("gone", "Auth"), ("there", "Auth"), ("gone", "EvseManager")]
    assert agents.owners == {PREFIX + "Auth": (":1.2", "/b")}
    agents.detach()
    assert agents.owners == {}


def test_a_listener_that_fails_keeps_no_other_from_hearing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    agents = Agents()
    heard: list[str] = []

    def fail_once(interface: str) -> None:
        heard.append(interface)
        if interface == "EvseManager":
            raise RuntimeError("a fault of the listener")

    agents.on_registered = fail_once
    agents.register(":1.1", "/a", ["EvseManager", "Auth"])
    assert heard == ["EvseManager", "Auth"]
    heard.clear()
    agents.on_gone = fail_once
    agents.detach()
    assert heard == ["EvseManager", "Auth"]
    assert len([record for record in caplog.records if record.exc_info]) == 2


async def test_an_agent_that_leaves_the_bus_is_gone() -> None:
    async with agents_on_a_bus() as (agents, agent, ours):
        gone: asyncio.Queue[str] = asyncio.Queue()
        agents.on_gone = gone.put_nowait

        def follow(message: Message) -> None:
            if is_departure(message):
                agents.left(message.body[0])

        ours.add_handler(follow)
        await ours.match("type='signal',member='NameOwnerChanged',arg2=''")
        register(agents, agent, "EvseManager")
        agent.bus.close()
        assert await asyncio.wait_for(gone.get(), 5) == "EvseManager"
        assert not agents.has("EvseManager")


class FakeMachine(FakeAgent):
    """login1 and timedate1, as far as they are called."""

    def _handle(self, message: Message) -> bool:
        if message.message_type is not MessageType.METHOD_CALL:
            return False
        self.calls.append((f"{message.interface}.{message.member}", plain(message.body)))
        answer = self.answers.get(str(message.member))
        if isinstance(answer, DBusError):
            self.bus.send(Message.new_error(message, answer.type, answer.text))
        else:
            self.bus.send(
                Message.new_method_return(
                    message, "s" if answer else "", [answer] if answer else []
                )
            )
        return True


async def test_without_a_system_agent_the_machine_does_it() -> None:
    async with agents_on_a_bus() as (agents, agent, _):
        with pytest.raises(AgentRefused, match=r"login1\.Reboot refused"):
            await agents.reset("Soft", scheduled=False)  # nobody has the name
        machine = FakeMachine(agent.bus)
        agent.bus._connection.remove_message_handler(agent._handle)
        await agent.bus.request_name("org.freedesktop.login1")
        await agent.bus.request_name("org.freedesktop.timedate1")
        machine.answers = {"CanReboot": "yes"}
        assert await agents.is_reset_allowed("Hard")
        machine.answers = {"CanReboot": "challenge"}
        with pytest.raises(AgentRefused, match="polkit wants a password"):
            await agents.is_reset_allowed("Hard")
        await agents.reset("Hard", scheduled=False)
        assert await agents.set_system_time(MOMENT)
        assert machine.calls[2:] == [
            ("org.freedesktop.login1.Manager.Reboot", [False]),
            ("org.freedesktop.timedate1.SetTime", [1_795_359_600_250_000, False, False]),
        ]
        machine.answers = {"SetTime": DBusError("org.x.AutomaticTimeSyncEnabled", "NTP is on")}
        with pytest.raises(AgentRefused, match="NTP is on"):
            await agents.set_system_time(MOMENT)
        with pytest.raises(AgentRefused, match="no agent is registered for System"):
            await agents.get_boot_reason()


async def test_what_the_machine_does_can_be_turned_off() -> None:
    async with agents_on_a_bus(built_in=BuiltIn(reset=False, time=False)) as (agents, _, __):
        for call in (
            agents.is_reset_allowed("Soft"),
            agents.reset("Soft", scheduled=False),
            agents.set_system_time(MOMENT),
        ):
            with pytest.raises(AgentRefused, match="turned off"):
                await call
