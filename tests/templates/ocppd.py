"""A stand-in for ocppd, for those who write hosts: a template of python-dbusmock.

    python3 -m dbusmock --template tests/templates/ocppd.py -p '{"evses": [["cType2"], ["cCCS2"]]}'

It has the objects and interfaces that a host uses, takes its reports as ocppd does (a repeated
session event changes nothing, one that runs back in time is refused), answers about tokens, and
calls the host's agents. It knows no CSMS and keeps nothing.

Parameters, all optional:
    evses           list of lists of connector types; two EVSEs of type 2
    tokens          token -> ValidationResult; tokens that are not listed are Accepted
    connection_timeout_s, master_pass_group_id      what the Auth agent is told; 60 and none

What the test does with it, beside dbusmock's own methods, on org.freedesktop.DBus.Mock of
/org/everest/Ocpp:
    SetToken(token, result)           what ValidateToken answers from now on
    ProvideToken(provided_token)      the signal ProvidedToken, as for a remote start
    UpdateValidation(update)          the signal ValidateResultUpdate
    SetLimit(evse_id, limit)          the property Limit of an EVSE, with PropertiesChanged
    FailReports(error, count)         the next reports fail: StorageFailure, NotReady...
    GetReports(evse_id)               what was reported and acknowledged: member and argument
    CallAgent(interface, member, signature, arguments)
                                      calls the agent, as the CSMS would have it
"""

from datetime import datetime
from typing import Any

from dbusmock import MOCK_IFACE
from dbusmock.mockobject import DBusMockObject, objects

import dbus

BUS_NAME = "org.everest.Ocpp"
MAIN_OBJ = "/org/everest/Ocpp"
MAIN_IFACE = "org.everest.Ocpp"
SYSTEM_BUS = True
IS_OBJECT_MANAGER = False

EVSE_PATH = MAIN_OBJ + "/Evse/"
AGENT = "org.everest.Ocpp.Agent."
AGENTS = frozenset(
    AGENT + name
    for name in (
        "EvseManager",
        "System",
        "Auth",
        "Reservation",
        "DisplayMessage",
        "OcppDataTransfer",
        "ExternalEnergyLimits",
        "Iso15118Extensions",
        "GridSupport",
        "ChargerInformation",
    )
)
EVENTS = frozenset(
    (
        "Authorized",
        "Deauthorized",
        "Enabled",
        "Disabled",
        "SessionStarted",
        "AuthRequired",
        "TransactionStarted",
        "PrepareCharging",
        "ChargingStarted",
        "ChargingPausedEV",
        "ChargingPausedEVSE",
        "ChargingResumed",
        "StoppingCharging",
        "ChargingFinished",
        "TransactionFinished",
        "SessionFinished",
        "ReservationStart",
        "ReservationEnd",
        "SessionResumed",
        "PluginTimeout",
        "SwitchingPhases",
        "ReplugStarted",
        "ReplugFinished",
    )
)
PARTS = {
    "SessionStarted": ("session_started", ("reason", "meter_value")),
    "SessionFinished": ("session_finished", ("meter_value",)),
    "TransactionStarted": ("transaction_started", ("id_tag", "meter_value")),
    "TransactionFinished": ("transaction_finished", ("meter_value",)),
}
REPORTS = {
    "ReportReady": "b",
    "ReportPowermeter": "a{sv}",
    "ReportPowermeterPublicKeyOcmf": "s",
    "ReportEvInfo": "a{sv}",
    "ReportHwCapabilities": "a{sv}",
    "ReportLimits": "a{sv}",
    "ReportSupportedEnergyTransferModes": "as",
}


def error(name: str, text: str) -> dbus.exceptions.DBusException:
    """Return an error of ocppd."""
    return dbus.exceptions.DBusException(text, name=f"org.everest.Ocpp.Error.{name}")


def load(mock: DBusMockObject, parameters: dict[str, Any]) -> None:
    """Build the station and its EVSEs."""
    mock.evses = parameters.get("evses", [["cType2"], ["cType2"]])
    mock.tokens = dict(parameters.get("tokens", {}))
    mock.connection_timeout_s = parameters.get("connection_timeout_s", 60)
    mock.master_pass_group_id = parameters.get("master_pass_group_id", "")
    mock.agents = {}
    mock.failures = []
    mock.reports = []
    mock.last_events = {}
    mock.errors = {}
    mock.AddProperties("org.everest.Ocpp", {"IsConnected": True, "Version": "0"})
    mock.AddProperty(
        "org.everest.Ocpp.AgentManager", "Agents", dbus.Dictionary({}, signature="s(so)")
    )
    mock.AddProperty(
        "org.everest.Ocpp.ErrorHistory", "ActiveErrors", dbus.Array([], signature="a{sv}")
    )
    for evse_id, connectors in enumerate(mock.evses, start=1):
        add_evse(mock, evse_id, connectors)


def add_evse(mock: DBusMockObject, evse_id: int, connectors: list[str]) -> None:
    """Add the object of an EVSE."""
    properties = {
        "EvseId": dbus.Int32(evse_id),
        "Connectors": dbus.Array(
            [
                {"id": dbus.Int32(number), "type": kind, "status": "Unavailable"}
                for number, kind in enumerate(connectors, start=1)
            ],
            signature="a{sv}",
        ),
        "OperationalStatus": "Operative",
        "SessionId": "",
        "TransactionId": "",
        "Limit": dbus.Dictionary({}, signature="sv"),
    }

    def taker(member: str) -> Any:
        def take(_: DBusMockObject, argument: Any) -> None:
            fail_if_told(mock)
            mock.reports.append((evse_id, member, argument))

        return take

    def session_event(evse: DBusMockObject, event: dict[str, Any]) -> None:
        check(event)
        fail_if_told(mock)
        take_session_event(mock, evse, evse_id, event)

    methods = [(member, signature, "", taker(member)) for member, signature in REPORTS.items()]
    methods.append(("ReportSessionEvent", "a{sv}", "", session_event))
    mock.AddObject(f"{EVSE_PATH}{evse_id}", "org.everest.Ocpp.EvseManager", properties, methods)


def check(event: dict[str, Any]) -> None:
    """Refuse a session event that is not as documented, with the path of what is missing."""
    for key in ("uuid", "timestamp", "event"):
        if key not in event:
            raise error("InvalidArgument", f"{key}: missing")
    if event["event"] not in EVENTS:
        raise error("InvalidArgument", f"event: {event['event']!r} is unknown")
    part, keys = PARTS.get(str(event["event"]), ("", ()))
    if part and part not in event:
        raise error("InvalidArgument", f"{part}: missing")
    for key in keys:
        if key not in event[part]:
            raise error("InvalidArgument", f"{part}.{key}: missing")
    try:
        datetime.fromisoformat(str(event["timestamp"]))
    except ValueError:
        raise error("InvalidArgument", "timestamp: not a date-time") from None


def take_session_event(
    mock: DBusMockObject, evse: DBusMockObject, evse_id: int, event: dict[str, Any]
) -> None:
    """Take an event once, and none that runs back in time."""
    uuid, name = str(event["uuid"]), str(event["event"])
    moment = datetime.fromisoformat(str(event["timestamp"]))
    last, known = mock.last_events.get(uuid, (moment, set()))
    if (name, moment) in known:
        return
    if moment < last:
        raise error("InvalidArgument", f"timestamp: before {last}, the last of this session")
    mock.last_events[uuid] = (moment, known | {(name, moment)})
    mock.reports.append((evse_id, "ReportSessionEvent", event))
    if name in ("SessionStarted", "SessionResumed"):
        evse.UpdateProperties("org.everest.Ocpp.EvseManager", {"SessionId": uuid})
    elif name == "SessionFinished":
        evse.UpdateProperties("org.everest.Ocpp.EvseManager", {"SessionId": ""})


def fail_if_told(mock: DBusMockObject) -> None:
    """Fail as FailReports wants it."""
    if mock.failures:
        raise error(mock.failures.pop(0), "as told by FailReports")


# --- What ocppd does -----------------------------------------------------------------------------


@dbus.service.method(
    "org.everest.Ocpp.AgentManager",
    in_signature="oas",
    sender_keyword="sender",
    connection_keyword="connection",
)
def RegisterAgent(
    self: DBusMockObject, path: str, interfaces: list[str], sender: str, connection: Any
) -> None:
    """Take the caller as the agent of interfaces, and push what it has to know."""
    names = [name if name.startswith(AGENT) else AGENT + name for name in interfaces]
    for name in names:
        if name not in AGENTS:
            raise error("InvalidArgument", f"interfaces: {name} is unknown")
        if name in self.agents and self.agents[name][0] != sender:
            raise error("AccessDenied", f"{name} has an agent: {self.agents[name][0]}")
    for name in names:
        self.agents[name] = (sender, path)
    tell_agents(self)

    def owner_changed(owner: str) -> None:
        if not owner:
            self.agents = {name: at for name, at in self.agents.items() if at[0] != sender}
            tell_agents(self)

    connection.watch_name_owner(sender, owner_changed)
    for evse_id, connectors in enumerate(self.evses, start=1):
        for connector_id in range(1, len(connectors) + 1):
            source = {
                "enable_source": "CSMS",
                "enable_state": "Enable",
                "enable_priority": dbus.Int32(5000),
            }
            arguments = [dbus.Int32(evse_id), dbus.Int32(connector_id), source]
            tell_agent(self, connection, "EvseManager", "EnableDisable", "iia{sv}", arguments)
    timeout = dbus.Int32(self.connection_timeout_s)
    tell_agent(self, connection, "Auth", "SetConnectionTimeout", "i", [timeout])
    group = self.master_pass_group_id
    tell_agent(self, connection, "Auth", "SetMasterPassGroupId", "s", [group])


def tell_agent(
    mock: DBusMockObject,
    connection: Any,
    interface: str,
    member: str,
    signature: str,
    arguments: list[Any],
) -> None:
    """Call an agent whose answer does not matter."""
    if AGENT + interface in mock.agents:
        sender, path = mock.agents[AGENT + interface]
        connection.call_async(
            sender,
            path,
            AGENT + interface,
            member,
            signature,
            arguments,
            lambda *_: None,
            lambda refused: mock.log(f"{member} of the agent failed: {refused}"),
        )


@dbus.service.method("org.everest.Ocpp.AgentManager", in_signature="o", sender_keyword="sender")
def UnregisterAgent(self: DBusMockObject, path: str, sender: str) -> None:
    """Forget what the caller registered with a path."""
    kept = {name: at for name, at in self.agents.items() if at != (sender, path)}
    if kept == self.agents:
        raise error("InvalidArgument", f"path: you have registered nothing with {path}")
    self.agents = kept
    tell_agents(self)


def tell_agents(mock: DBusMockObject) -> None:
    """Tell who is registered."""
    agents = {
        name: dbus.Struct((sender, dbus.ObjectPath(path)), signature="so")
        for name, (sender, path) in mock.agents.items()
    }
    mock.UpdateProperties(
        "org.everest.Ocpp.AgentManager", {"Agents": dbus.Dictionary(agents, signature="s(so)")}
    )


@dbus.service.method(
    "org.everest.Ocpp.AuthTokenValidator", in_signature="a{sv}", out_signature="a{sv}"
)
def ValidateToken(self: DBusMockObject, provided_token: dict[str, Any]) -> dict[str, Any]:
    """Answer about a token."""
    for key in ("id_token", "authorization_type"):
        if key not in provided_token:
            raise error("InvalidArgument", f"{key}: missing")
    result = {"authorization_status": "Accepted"}
    result.update(self.tokens.get(str(provided_token["id_token"]["value"]), {}))
    return {**result, "tariff_messages": dbus.Array([], signature="a{sv}")}


@dbus.service.method("org.everest.Ocpp.ErrorHistory", in_signature="a{sv}")
def RaiseError(self: DBusMockObject, error: dict[str, Any]) -> None:
    """Take an error of the host."""
    fail_if_told(self)
    self.errors[str(error["uuid"])] = error
    tell_errors(self)


@dbus.service.method("org.everest.Ocpp.ErrorHistory", in_signature="a{sv}")
def ClearError(self: DBusMockObject, error: dict[str, Any]) -> None:
    """Hear that an error is gone."""
    fail_if_told(self)
    self.errors.pop(str(error["uuid"]), None)
    tell_errors(self)


def tell_errors(mock: DBusMockObject) -> None:
    """Tell the active errors."""
    active = dbus.Array(list(mock.errors.values()), signature="a{sv}")
    mock.UpdateProperties("org.everest.Ocpp.ErrorHistory", {"ActiveErrors": active})


# --- What the test does --------------------------------------------------------------------------


@dbus.service.method(MOCK_IFACE, in_signature="sa{sv}")
def SetToken(self: DBusMockObject, token: str, result: dict[str, Any]) -> None:
    """Answer so about a token from now on."""
    self.tokens[str(token)] = result


@dbus.service.method(MOCK_IFACE, in_signature="a{sv}")
def ProvideToken(self: DBusMockObject, provided_token: dict[str, Any]) -> None:
    """Offer a token, as after a remote start."""
    self.EmitSignal(
        "org.everest.Ocpp.AuthTokenProvider", "ProvidedToken", "a{sv}", [provided_token]
    )


@dbus.service.method(MOCK_IFACE, in_signature="a{sv}")
def UpdateValidation(self: DBusMockObject, update: dict[str, Any]) -> None:
    """Say more about the token of a running transaction."""
    self.EmitSignal(
        "org.everest.Ocpp.AuthTokenValidator", "ValidateResultUpdate", "a{sv}", [update]
    )


@dbus.service.method(MOCK_IFACE, in_signature="ia{sv}")
def SetLimit(self: DBusMockObject, evse_id: int, limit: dict[str, Any]) -> None:
    """Limit an EVSE."""
    evse = objects[f"{EVSE_PATH}{evse_id}"]
    evse.UpdateProperties("org.everest.Ocpp.EvseManager", {"Limit": limit})


@dbus.service.method(MOCK_IFACE, in_signature="si")
def FailReports(self: DBusMockObject, error: str, count: int) -> None:
    """Let the next reports fail."""
    self.failures = [str(error)] * int(count)


@dbus.service.method(MOCK_IFACE, in_signature="i", out_signature="aa{sv}")
def GetReports(self: DBusMockObject, evse_id: int) -> Any:
    """Return what was reported of an EVSE, oldest first."""
    return dbus.Array(
        [
            {"member": member, "argument": argument}
            for evse, member, argument in self.reports
            if evse == evse_id
        ],
        signature="a{sv}",
    )


@dbus.service.method(
    MOCK_IFACE,
    in_signature="sssav",
    out_signature="v",
    async_callbacks=("reply", "fail"),
    connection_keyword="connection",
)
def CallAgent(
    self: DBusMockObject,
    interface: str,
    member: str,
    signature: str,
    arguments: list[Any],
    reply: Any,
    fail: Any,
    connection: Any,
) -> None:
    """Call the agent of an interface and return its answer; an empty text if it has none."""
    name = interface if interface.startswith(AGENT) else AGENT + interface
    if name not in self.agents:
        fail(error("NotReady", f"nobody has registered for {name}"))
        return
    sender, path = self.agents[name]
    connection.call_async(
        sender,
        path,
        name,
        member,
        signature,
        list(arguments),
        lambda *results: reply(results[0] if results else ""),
        fail,
    )
