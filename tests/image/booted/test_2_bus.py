"""The interface over busctl, in each version: each method, each var, and who may do what."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from machine import (
    EVSE,
    EVSE_MANAGER,
    NAME,
    ROOT,
    STATION,
    TOKEN,
    Csms,
    Failed,
    Session,
    Signals,
    call,
    configure,
    get,
    get_variable,
    run,
    set_variable,
    variable,
    wait_until,
)

USERS = {
    "root": None,
    "stranger": "",
    "observer": "ocpp-observe",
    "controller": "ocpp",
    "admin": "ocpp-admin",
}


@pytest.fixture(params=["1.6", "2.0.1", "2.1"])
def version(request: pytest.FixtureRequest, csms: Csms) -> str:
    """Return a version that the station speaks now."""
    configure([request.param])
    csms.wait_registered()
    wait_until(lambda: get("ConnectionStatus").get("ocpp_version") == request.param, "it speaks it")
    return str(request.param)


def test_the_seven_methods(csms: Csms, version: str) -> None:
    assert set_variable("OCPPCommCtrlr", "HeartbeatInterval", "77") == "Accepted"
    assert get_variable("OCPPCommCtrlr", "HeartbeatInterval")["value"] == "77"
    monitored = ["aa{sv}", "1", "2", *variable("OCPPCommCtrlr", "HeartbeatInterval").split()[3:]]
    assert call(STATION, NAME, "MonitorVariables", *monitored) == []
    assert (
        call(
            STATION,
            NAME,
            "SecurityEvent",
            "a{sv}",
            "2",
            "type",
            "s",
            "TamperDetectionActivated",
            "critical",
            "b",
            "true",
        )
        == []
    )
    csms.wait_for("SecurityEventNotification", type="TamperDetectionActivated")
    connector = ["evse", "a{sv}", "2", "id", "i", "1", "connector_id", "i", "1"]
    request = ["a{sv}", "2", "operational_status", "s", "Inoperative", *connector]
    assert call(STATION, NAME, "ChangeAvailability", *request)[0]["status"] == "Accepted"
    wait_until(lambda: _status_of_connector() == "Unavailable", "the connector is unavailable")
    assert call(STATION, NAME, "Stop") == [True]
    wait_until(lambda: not get("IsConnected"), "it is disconnected")
    assert call(STATION, NAME, "Stop") == [False]
    boots = len(csms.received("BootNotification"))
    assert call(STATION, NAME, "Restart") == [True]
    csms.wait_registered()
    wait_until(lambda: len(csms.received("BootNotification")) > boots, "it boots again")
    assert call(STATION, NAME, "Restart") == [False]


def _status_of_connector() -> str:
    return str(get("Connectors", path=EVSE, interface=EVSE_MANAGER)[0]["status"])


def test_the_seven_vars(csms: Csms, version: str, folder: Path) -> None:
    with Signals(folder) as signals:
        monitored = [
            "aa{sv}",
            "1",
            "2",
            *variable("OCPPCommCtrlr", "HeartbeatInterval").split()[3:],
        ]
        call(STATION, NAME, "MonitorVariables", *monitored)
        set_variable("OCPPCommCtrlr", "HeartbeatInterval", "88")
        csms.command("raw", text="no JSON")
        call(STATION, NAME, "Stop")
        call(STATION, NAME, "Restart")
        csms.wait_registered()
        Session().begin().end()
        for member in (
            *("OcppTransactionEvent", "OcppTransactionEventResponse", "SecurityEvent", "EventData"),
            *("BootNotificationResponse", "OcppMessage"),
        ):
            wait_until(lambda member=member: signals.seen(member), f"the signal {member}", 20)
        wait_until(
            lambda: signals.seen("OcppTransactionEvent")[-1][0]["transaction_event"] == "Ended",
            "its end",
        )
        changed = [name for _, values, _ in signals.seen("PropertiesChanged") for name in values]

    events = [event["transaction_event"] for [event] in signals.seen("OcppTransactionEvent")]
    assert (events[0], events[-1]) == ("Started", "Ended")
    data = [event for [event] in signals.seen("EventData")]
    assert data[0]["actual_value"] == "88"
    assert {each["component_variable"]["variable"]["name"] for each in data} == {
        "HeartbeatInterval"
    }
    assert signals.seen("BootNotificationResponse")[-1][0]["status"] == "Accepted"
    assert {"IsConnected", "ConnectionStatus"} <= set(changed)
    assert get("IsConnected") is True
    assert get("ConnectionStatus")["ocpp_version"] == version
    assert get("BootNotificationResponse")["status"] == "Accepted"
    assert [each["evse"] for each in get("ChargingSchedules")["schedules"]] == [0, 1, 2]


def test_introspection_is_the_documented_interface() -> None:
    out = run("busctl", "introspect", "--no-pager", NAME, STATION)

    for member in ("GetVariables", "MonitorVariables", "ChargingSchedules", "EventData"):
        assert f".{member}" in out
    assert "/org/everest/Ocpp/Evse/2" in run("busctl", "tree", "--no-pager", "--list", NAME)


def test_a_session_by_the_shell_of_the_documents(csms: Csms) -> None:
    configure(["2.0.1"])
    csms.wait_registered()
    told = len(csms.transactions())
    texts = [(ROOT / name).read_text() for name in ("README.md",)]
    [script] = [
        block.partition("```")[0]
        for text in texts
        for block in text.split("```bash\n")[1:]
        if "ReportSessionEvent" in block
    ]

    run("bash", "-euo", "pipefail", "-c", script)

    wait_until(lambda: csms.transactions()[-1]["state"] == "ended", "the CSMS saw the end")
    [transaction] = csms.transactions()[told:]
    assert transaction["problems"] == []
    assert transaction["energy_wh"] == 1500
    assert transaction["id_token"] == TOKEN


@pytest.mark.parametrize("program", ["host.sh", "host.py"])
def test_a_session_by_a_host_of_the_documents(csms: Csms, users: None, program: str) -> None:
    """Each as a user who is in group ocpp alone."""
    configure(["2.0.1"])
    csms.wait_registered()
    told = len(csms.transactions())

    run(str(ROOT / "docs" / "examples" / program), TOKEN, "2", user="controller")

    wait_until(lambda: csms.transactions()[-1]["state"] == "ended", "the CSMS saw the end")
    [transaction] = csms.transactions()[told:]
    assert transaction["problems"] == []
    assert transaction["reason"] == "Local"
    assert transaction["id_token"] == TOKEN


# ------------------------------------------------------------------------------------------ access


@pytest.fixture(scope="module")
def users(csms: Csms) -> None:
    """Make a user in each group, and one in none."""
    for name, group in USERS.items():
        if group is not None:
            run("useradd", "--create-home", *(["--groups", group] if group else []), name)


READS = {
    "property": lambda user: get("IsConnected", user=user),
    "GetVariables": lambda user: get_variable("OCPPCommCtrlr", "HeartbeatInterval", user=user),
    "GetCompositeSchedules": lambda user: call(
        STATION, NAME, "GetCompositeSchedules", "is", "60", "A", user=user
    ),
    "GetQueue": lambda user: call(STATION, NAME, "GetQueue", user=user),
    "GetTransactions": lambda user: call(STATION, NAME, "GetTransactions", user=user),
    "introspection": lambda user: run("busctl", "introspect", NAME, STATION, user=user),
    "property of an EVSE": lambda user: get(
        "Connectors", path=EVSE, interface=EVSE_MANAGER, user=user
    ),
}
CONTROLS = {
    "Restart": lambda user: call(STATION, NAME, "Restart", user=user),
    "SetVariables": lambda user: set_variable(
        "OCPPCommCtrlr", "HeartbeatInterval", "99", user=user
    ),
    "MonitorVariables": lambda user: call(
        STATION, NAME, "MonitorVariables", "aa{sv}", "0", user=user
    ),
    "SecurityEvent": lambda user: call(
        STATION, NAME, "SecurityEvent", "a{sv}", "1", "type", "s", "Test", user=user
    ),
    "ChangeAvailability": lambda user: call(
        *(
            STATION,
            NAME,
            "ChangeAvailability",
            "a{sv}",
            "1",
            "operational_status",
            "s",
            "Operative",
        ),
        user=user,
    ),
    "ReportReady of an EVSE": lambda user: call(
        EVSE, EVSE_MANAGER, "ReportReady", "b", "true", user=user
    ),
    "ValidateToken": lambda user: call(
        *(STATION, f"{NAME}.AuthTokenValidator", "ValidateToken", "a{sv}", "2"),
        *("authorization_type", "s", "RFID", "id_token", "a{sv}", "2"),
        *("value", "s", TOKEN, "type", "s", "ISO14443"),
        user=user,
    ),
}
SECRETS = {
    "password": lambda user: set_variable(
        "SecurityCtrlr", "BasicAuthPassword", "f" * 40, user=user
    ),
    "network profile": lambda user: set_variable(
        "OCPPCommCtrlr", "NetworkConfigurationPriority", "1", user=user
    ),
}
ALLOWED = {
    "stranger": set(),
    "observer": {"observe"},
    "controller": {"observe", "control"},
    "admin": {"observe", "control", "secure"},
    "root": {"observe", "control", "secure"},
}
MEMBERS = [
    *(("observe", name, action) for name, action in READS.items()),
    *(("control", name, action) for name, action in CONTROLS.items()),
    *(("secure", name, action) for name, action in SECRETS.items()),
]


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(
    ("kind", "action"),
    [pytest.param(kind, action, id=f"{kind}-{name}") for kind, name, action in MEMBERS],
)
def test_access(user: str, kind: str, action) -> None:
    who = None if user == "root" else user
    if kind in ALLOWED[user]:
        action(who)
    else:
        with pytest.raises(Failed, match=r"Access denied|is for callers of the class"):
            action(who)


LISTENER = """\
from jeepney import MatchRule, message_bus
from jeepney.io.blocking import open_dbus_connection, Proxy
from jeepney.low_level import HeaderFields
bus = open_dbus_connection("SYSTEM")
rule = MatchRule(type="signal", sender="org.everest.Ocpp")
Proxy(message_bus, bus).AddMatch(rule)
print("listening", flush=True)
while True:
    message = bus.receive()
    print(message.header.fields.get(HeaderFields.member), flush=True)
"""


@pytest.fixture
def listeners(users: None, folder: Path) -> Iterator[dict[str, Path]]:
    """Have each user listen for signals; return the file of what each hears."""
    script = folder / "listen.py"
    script.write_text(LISTENER)
    files = {user: folder / user for user in USERS}
    processes = []
    for user, path in files.items():
        with path.open("w") as file:
            command = ("runuser", "-u", user, "--", sys.executable, str(script))
            processes.append(subprocess.Popen(command, stdout=file))
    for path in files.values():
        wait_until(lambda path=path: "listening" in path.read_text(), "they listen")
    yield files
    for process in processes:
        process.terminate()
        process.wait()


def test_who_hears_which_signal(csms: Csms, listeners: dict[str, Path]) -> None:
    csms.wait_registered()
    csms.command("raw", text="no JSON")
    Session().begin().end()
    for member in ("OcppTransactionEventResponse", "SecurityEvent"):
        wait_until(lambda member=member: member in listeners["root"].read_text(), "root hears")
    time.sleep(0.5)

    heard = {
        user: set(path.read_text().split()) - {"listening"} for user, path in listeners.items()
    }
    assert heard["stranger"] <= {"NameAcquired"}
    common = {"OcppTransactionEvent", "OcppTransactionEventResponse", "SecurityEvent"}
    assert common <= heard["observer"]
    assert "OcppMessage" not in heard["observer"]
    for user in ("controller", "admin", "root"):
        assert common | {"OcppMessage"} <= heard[user], user


def test_nobody_else_can_be_ocppd(users: None) -> None:
    own = (
        *(
            "busctl",
            "call",
            "org.freedesktop.DBus",
            "/org/freedesktop/DBus",
            "org.freedesktop.DBus",
        ),
        *("RequestName", "su", NAME, "4"),
    )

    for user in ("stranger", "observer", "controller", "admin"):
        with pytest.raises(Failed, match="Access denied"):
            run(*own, user=user)
