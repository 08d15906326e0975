"""Who may do what: the shipped policy in a real dbus-daemon, and the daemon's own check behind it.

The callers are processes of another user, with and without the groups; groups of this machine stand
in for those that the package makes.
"""

import ast
import asyncio
import grp
import os
import sys
from pathlib import Path
from typing import Any

import pytest

import ocppd
from ocppd.csms.v16.key_table import KEYS, Kind
from ocppd.dbus.access import Access, Caller, needs_secure
from ocppd.dbus.binding import Message
from ocppd.dbus.service import NAME, STATION_PATH
from ocppd.device_model import names
from ocppd.device_model.names import InternalCtrlr, SecurityCtrlr
from ocppd.model.security import SecurityEvent
from ocppd.model.variables import Component, ComponentVariable, Variable
from tests.dbus.rig import Served, item, served

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")

NOBODY = 65534
DENIED_BY_BUS = "org.freedesktop.DBus.Error.AccessDenied"
DENIED = f"{NAME}.Error.AccessDenied"
ROOT = Path(__file__).parents[2]


def stand_ins() -> list[str]:
    """Return three groups of this machine."""
    found = [each.gr_name for each in grp.getgrall() if 0 < each.gr_gid < NOBODY]
    return sorted(found)[:3]


OBSERVE, CONTROL, SECURE = stand_ins()
BUS_GROUPS = {"ocpp-observe": OBSERVE, "ocpp": CONTROL, "ocpp-admin": SECURE}
GROUPS = {Access.SECURE: SECURE, Access.CONTROL: CONTROL, Access.OBSERVE: OBSERVE}

# A caller in a process of its own: calls what its arguments say, and prints the error's name.
CALL = """
import asyncio, sys
from ocppd.dbus.binding import Bus, DBusError
from ocppd.dbus.marshalling.plain import variants
address, interface, member, signature, arguments = sys.argv[1:]
async def main():
    bus = await Bus.connect(address)
    try:
        body = eval(arguments)
        await bus.call("org.everest.Ocpp", "/org/everest/Ocpp", interface, member, signature, body)
        print("answered")
    except DBusError as error:
        print(error.type, error.text)
asyncio.run(main())
"""

# A listener that matches all signals of the daemon and prints what it gets.
LISTEN = """
import asyncio, sys
from ocppd.dbus.binding import Bus, DBusError, MessageType
async def main():
    bus = await Bus.connect(sys.argv[1])
    ended = asyncio.Event()
    def hear(message):
        if message.message_type is MessageType.SIGNAL and message.path.startswith("/org/everest"):
            print(message.member, flush=True)
            if message.member == "SecurityEvent":
                ended.set()
    bus.add_handler(hear)
    await bus.match("type='signal',sender='org.everest.Ocpp'")
    print("ready", flush=True)
    if "eavesdrop" in sys.argv:
        try:
            await bus.match("eavesdrop='true',type='signal'")
        except DBusError as error:
            print(error.type, flush=True)
    try:
        await asyncio.wait_for(ended.wait(), float(sys.argv[-1]) if len(sys.argv) > 2 else 10)
    except TimeoutError:
        print("nothing")
asyncio.run(main())
"""


async def as_nobody(
    script: str, *arguments: str, groups: tuple[str, ...] = ()
) -> asyncio.subprocess.Process:
    """Start a Python script as an unprivileged user in these groups."""
    ids = ",".join(str(grp.getgrnam(group).gr_gid) for group in groups)
    return await asyncio.create_subprocess_exec(
        "setpriv",
        f"--reuid={NOBODY}",
        f"--regid={NOBODY}",
        f"--groups={ids}" if ids else "--clear-groups",
        sys.executable,
        "-c",
        script,
        *arguments,
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=asyncio.subprocess.PIPE,
    )


async def outcome(
    here: Served,
    group: str | None,
    member: str,
    signature: str = "",
    arguments: str = "[]",
    interface: str = NAME,
) -> str:
    """Call a method as nobody in a group and return "answered" or the error's name and text."""
    process = await as_nobody(
        CALL,
        here.bus.address,
        interface,
        member,
        signature,
        arguments,
        groups=(group,) if group else (),
    )
    out, _ = await process.communicate()
    return out.decode().strip()


PROPERTIES = "org.freedesktop.DBus.Properties"
READS: list[tuple[str, ...]] = [
    ("GetVariables", "aa{sv}", "[[]]"),
    ("GetCompositeSchedules", "is", "[60, 'A']"),
    ("ExplainLimit", "issa{sv}", "[1, '', 'A', {}]"),
    ("ExplainSchedule", "iisa{sv}", "[1, 60, 'A', {}]"),
    ("GetQueue",),
    ("GetTransactions",),
    ("Get", "ss", f"['{NAME}', 'IsConnected']", PROPERTIES),
    ("GetAll", "s", f"['{NAME}']", PROPERTIES),
    ("Introspect", "", "[]", "org.freedesktop.DBus.Introspectable"),
    ("GetManagedObjects", "", "[]", "org.freedesktop.DBus.ObjectManager"),
]
WRITES: list[tuple[str, ...]] = [
    ("SetVariables", "aa{sv}s", "[[], 'x']"),
    ("SecurityEvent", "a{sv}", "[variants({'type': 'x'})]"),
    ("Restart",),
    ("MonitorVariables", "aa{sv}", "[[]]"),
    ("ChangeAvailability", "a{sv}", "[variants({'operational_status': 'Operative'})]"),
    (
        "RegisterAgent",
        "oas",
        "['/a', ['Auth']]",
        f"{NAME}.AgentManager",
    ),
    ("GetMessages", "a{sv}", "[{}]"),
    ("ReleaseQueued", "i", "[1]"),
    ("DropQueued", "i", "[1]"),
    ("ClearError", "a{sv}", "[variants({'uuid': 'x'})]", f"{NAME}.ErrorHistory"),
]


@needs_root
async def test_the_policy_denies_who_is_in_no_group() -> None:
    async with served(bus_groups=BUS_GROUPS, groups=GROUPS) as here:
        for call in READS + WRITES:
            assert (await outcome(here, None, *call)).split()[0] == DENIED_BY_BUS, call


@needs_root
async def test_observers_read_and_do_nothing_else() -> None:
    async with served(bus_groups=BUS_GROUPS, groups=GROUPS) as here:
        for call in READS:
            assert await outcome(here, OBSERVE, *call) == "answered", call
        for call in WRITES:
            assert (await outcome(here, OBSERVE, *call)).split()[0] == DENIED_BY_BUS, call


@needs_root
@pytest.mark.parametrize("group", [CONTROL, SECURE], ids=["control", "secure"])
async def test_control_does_everything(group: str) -> None:
    async with served(bus_groups=BUS_GROUPS, groups=GROUPS) as here:
        for call in READS[:3] + WRITES:
            assert await outcome(here, group, *call) == "answered", call


CREDENTIALS = (
    "[[variants({'component_variable': {'component': {'name': 'OCPPCommCtrlr'},"
    " 'variable': {'name': 'HeartbeatInterval'}}, 'value': '77'}),"
    " variants({'component_variable': {'component': {'name': 'securityctrlr'},"
    " 'variable': {'name': 'BASICAUTHPASSWORD'}}, 'value': 'correct horse 16'})], 'x']"
)


@needs_root
async def test_credentials_are_for_the_secure_class_and_nothing_is_applied_in_part() -> None:
    async with served(bus_groups=BUS_GROUPS, groups=GROUPS) as here:
        call = ("SetVariables", "aa{sv}s", CREDENTIALS)
        denied = await outcome(here, CONTROL, *call)
        assert denied == (
            f"{DENIED} requests[1].component_variable: securityctrlr.BASICAUTHPASSWORD is for"
            " callers of the class secure"
        )
        assert here.store.attributes == {}
        assert await outcome(here, SECURE, *call) == "answered"
        written = {
            str(address): value for (address, _), (value, _) in here.store.attributes.items()
        }
        assert written["OCPPCommCtrlr.HeartbeatInterval"] == "77"
        assert written["SecurityCtrlr.BasicAuthPassword"] == "correct horse 16"


@needs_root
async def test_the_daemon_checks_again_behind_a_policy_that_lets_everything_through() -> None:
    # The bus takes the control group for what the daemon takes for observers.
    groups = {Access.SECURE: SECURE, Access.OBSERVE: CONTROL}
    async with served(bus_groups=BUS_GROUPS, groups=groups) as here:
        assert await outcome(here, CONTROL, *READS[0]) == "answered"
        denied = await outcome(here, CONTROL, *WRITES[0])
        assert denied == f"{DENIED} SetVariables is for callers of the class control"
    async with served(bus_groups=BUS_GROUPS, groups={}) as here:
        denied = await outcome(here, CONTROL, *READS[0])
        assert denied == f"{DENIED} GetVariables is for callers of the class observe"


async def heard_by(here: Served, *groups: str, extra: tuple[str, ...] = ()) -> list[str]:
    """Return which signals reach nobody in these groups."""
    listener = await as_nobody(LISTEN, here.bus.address, *extra, groups=groups)
    assert listener.stdout is not None
    assert await listener.stdout.readline() == b"ready\n"
    host = here.service.host
    host.ocpp_message('[2,"1","Heartbeat",{}]', "ChargingStationToCSMS", "2.1")
    host.charging_schedules(())
    host.security_event(SecurityEvent("the last one"))
    out, _ = await listener.communicate()
    return out.decode().split()


@needs_root
async def test_ocpp_messages_reach_the_control_class_alone() -> None:
    async with served(bus_groups=BUS_GROUPS, groups=GROUPS) as here:
        for_all = ["PropertiesChanged", "SecurityEvent"]
        assert await heard_by(here, CONTROL) == ["OcppMessage", *for_all]
        assert await heard_by(here, SECURE) == ["OcppMessage", *for_all]
        assert await heard_by(here, OBSERVE) == for_all
        # in whatever order the groups of one user come
        assert await heard_by(here, OBSERVE, CONTROL) == ["OcppMessage", *for_all]
        assert await heard_by(here, extra=("1",)) == ["nothing"]
        spying = await heard_by(here, OBSERVE, extra=("eavesdrop", "2"))
        assert sorted(spying) == sorted([DENIED_BY_BUS, *for_all])


@needs_root
async def test_nobody_else_may_be_the_daemon() -> None:
    async with served(bus_groups=BUS_GROUPS, groups=GROUPS) as here:
        script = """
import asyncio, sys
from ocppd.dbus.binding import Bus, DBusError
async def main():
    bus = await Bus.connect(sys.argv[1])
    try:
        print(await bus.request_name("org.everest.Ocpp"))
    except DBusError as error:
        print(error.type)
asyncio.run(main())
"""
        for group in (OBSERVE, CONTROL, SECURE):
            process = await as_nobody(script, here.bus.address, groups=(group,))
            out, _ = await process.communicate()
            assert out.decode().strip() == DENIED_BY_BUS


@needs_root
async def test_an_agent_of_another_user_is_called_and_its_reply_comes_back() -> None:
    script = """
import asyncio, sys
from ocppd.dbus.binding import Bus
from ocppd.dbus.exported import Interface, exported
from ocppd.dbus.objects import Objects
from ocppd.dbus.signatures import Bool, Int32
class Agent(Interface):
    NAME = "org.everest.Ocpp.Agent.EvseManager"
    @exported
    def PauseCharging(self, evse_id: Int32) -> Bool:
        return evse_id == 7
async def main():
    bus = await Bus.connect(sys.argv[1])
    objects = Objects()
    objects.export("/agent", Agent())
    objects.attach(bus)
    await bus.call("org.everest.Ocpp", "/org/everest/Ocpp", "org.everest.Ocpp.AgentManager",
                   "RegisterAgent", "oas", ["/agent", ["EvseManager"]])
    print("ready", flush=True)
    await bus.wait_until_lost()
asyncio.run(main())
"""
    async with served(bus_groups=BUS_GROUPS, groups=GROUPS) as here:
        agent = await as_nobody(script, here.bus.address, groups=(CONTROL,))
        assert agent.stdout is not None
        assert await agent.stdout.readline() == b"ready\n"
        assert await here.service.agents.pause_charging(7) is True
        agent.kill()
        await agent.wait()
        async with asyncio.timeout(5):
            while here.service.agents.has("EvseManager"):
                await asyncio.sleep(0.01)


async def test_root_and_the_daemons_own_user_may_do_everything() -> None:
    async with served(groups={}) as here:
        request: list[dict[str, Any]] = [
            item("SecurityCtrlr", "BasicAuthPassword", value="correct horse 16")
        ]
        [result] = await here.client.call("SetVariables", "aa{sv}s", request, "test")
        assert result["status"] == "Accepted"


async def test_a_call_without_interface_is_checked_like_any_other() -> None:
    async with served(groups={}) as here:
        callers = here.service._callers
        callers._known[here.client.bus.unique_name] = Caller(Access.OBSERVE, 1001)
        message = Message(destination=NAME, path=STATION_PATH, member="Stop")
        reply = await here.client.bus._connection.call(message)
        assert reply.error_name == DENIED
        assert here.world.csms.log == []


async def test_what_is_known_of_a_caller_is_dropped_when_it_leaves() -> None:
    async with served() as here:
        callers = here.service._callers
        other = await here.another()
        await other.call("GetVariables", "aa{sv}", [])
        name = other.bus.unique_name
        assert callers.known(name) is Access.SECURE
        other.bus.close()
        async with asyncio.timeout(5):
            while callers.known(name) is not None:
                await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("component", "variable", "secure"),
    [
        ("SecurityCtrlr", "BasicAuthPassword", True),
        ("securityctrlr", "IDENTITY", True),
        ("SecurityCtrlr", "SecurityProfile", True),
        ("SecurityCtrlr", "OrganizationName", False),
        ("NetworkConfiguration", "OcppCsmsUrl", True),
        ("NETWORKCONFIGURATION", "Anything", True),
        ("OCPPCommCtrlr", "NetworkConfigurationPriority", True),
        ("OCPPCommCtrlr", "HeartbeatInterval", False),
        ("", "AuthorizationKey", True),
        ("", "authorizationkey", True),
        ("", "HeartbeatInterval", False),
        ("OCPP16LegacyCtrlr", "AuthorizationKey", True),
        ("internalctrlr", "VERIFYCSMSCOMMONNAME", True),
        ("", "VerifyCsmsCommonName", True),
        ("InternalCtrlr", "MaxMessageSize", False),
    ],
)
def test_what_is_secure(component: str, variable: str, secure: bool) -> None:
    assert needs_secure(ComponentVariable(Component(component), Variable(variable))) is secure


# Read where it is decided whom the station trusts, and as whom it is trusted; yet no more than an
# operation needs: these weaken nothing.
HARMLESS = {
    "SecurityCtrlr.CertificateEntries": "how many certificates have room",
    "InternalCtrlr.SupportedOcppVersions": "which versions are offered",
    "OCPPCommCtrlr.MessageTimeout[Default]": "how long an answer is waited for",
    "OCPPCommCtrlr.NetworkProfileConnectionAttempts": "how often a slot is tried",
    "OCPP16LegacyCtrlr.SwitchSecurityProfileConnectionTimeout": "when an upgrade is taken back",
}
DECIDING = (
    "certificates",
    "csms/dialler.py",
    "csms/network_profiles.py",
    "csms/tls.py",
    "csms/websocket.py",
    "station/certificate_management.py",
    "station/connection_settings.py",
    "station/network_profiles.py",
    "station/slot_trials.py",
)


def variables_read_in(file: Path) -> set[ComponentVariable]:
    """Return the variables of the device model that a module names."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            component = getattr(names, node.value.id, None)
            variable = getattr(component, node.attr, None)
            if isinstance(variable, ComponentVariable):
                found.add(variable)
    return found


def test_whatever_trust_depends_on_is_secure() -> None:
    """A variable that these modules read is of the secure class, unless it is known as harmless."""
    package = Path(ocppd.__file__).parent
    files = [
        file
        for each in DECIDING
        for file in ([package / each] if each.endswith(".py") else (package / each).glob("*.py"))
    ]
    read = set().union(*(variables_read_in(file) for file in files))
    assert InternalCtrlr.VerifyCsmsCommonName in read
    assert SecurityCtrlr.AdditionalRootCertificateCheck in read
    assert len(read) > 15
    control = {str(address) for address in read if not needs_secure(address)}
    assert control <= set(HARMLESS)


def test_a_key_of_16_is_as_secure_as_the_variable_that_it_stands_for() -> None:
    secure = {
        name for name, key in KEYS.items() if key.kind is Kind.SLOT or needs_secure(key.address)
    }
    assert {"AuthorizationKey", "CentralSystemURI", "VerifyCsmsCommonName"} <= secure
    for name in secure:
        assert needs_secure(ComponentVariable(Component(""), Variable(name))), name
        assert needs_secure(ComponentVariable(Component("OCPP16LegacyCtrlr"), Variable(name))), name
