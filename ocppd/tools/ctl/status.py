"""Commands that look: `status`, `transactions` and `queue` (which also acts)."""

import argparse
import sys
from typing import Any

from ocppd.tools.address import parse_address
from ocppd.tools.ctl import output
from ocppd.tools.ctl.bus import Bus
from ocppd.tools.ctl.errors import Exit, NoSuchMember, Problem
from ocppd.tools.ctl.variables import read

_BAR_WIDTH = 30
_HEARTBEAT_INTERVAL = parse_address("OCPPCommCtrlr.HeartbeatInterval")
_A_DAY_S = 86_400


def status(bus: Bus, options: argparse.Namespace) -> Exit:
    """Show the connection, the registration, the health, the host's agents and the EVSEs."""
    station = bus.properties()
    states = _states(bus)
    found = {
        "version": station.get("Version", ""),
        "connection": station.get("ConnectionStatus", {}),
        "boot": station.get("BootNotificationResponse", {}),
        "heartbeat_interval": _heartbeat_interval(bus),
        "health": station.get("Health", {}),
        "agents": _optional(bus, "org.everest.Ocpp.AgentManager", "Agents", {}),
        "errors": _optional(bus, "org.everest.Ocpp.ErrorHistory", "ActiveErrors", []),
        "evses": [_evse(evse, states) for evse in bus.evses()],
    }
    if options.json:
        output.as_json(found)
        return Exit.DONE
    agents = [name.removeprefix("org.everest.Ocpp.Agent.") for name in sorted(found["agents"])]
    rows = [
        ("connection", _connection(found["connection"])),
        ("boot", _boot(found["boot"], found["heartbeat_interval"])),
        ("health", _health(found["health"])),
        ("agents", ", ".join(agents) or "none: the host has registered no agent"),
        ("version", found["version"]),
    ]
    rows += [("error", _error(error)) for error in found["errors"]]
    output.pairs(rows)
    print()
    columns = ("evse", "connector", "type", "status", "service", "transaction", "limit")
    lines = [
        (
            evse["evse_id"],
            connector.get("id"),
            connector.get("type"),
            connector.get("status"),
            evse["operational_status"],
            _transaction(evse),
            limit_text(evse["limit"]),
        )
        for evse in found["evses"]
        for connector in evse["connectors"] or [{}]
    ]
    output.table(columns, lines)
    return Exit.DONE


def _optional(bus: Bus, interface: str, name: str, absent: Any) -> Any:
    """Return a property of an interface that this ocppd may not have."""
    try:
        return bus.properties(interface).get(name, absent)
    except NoSuchMember:
        return absent


def _states(bus: Bus) -> dict[Any, str]:
    """Return the charging state of each EVSE with an open transaction."""
    return {one.get("evse_id"): str(one.get("state", "")) for one in _transactions(bus)}


def _heartbeat_interval(bus: Bus) -> str:
    """Return what counts: the variable, which may have changed since the boot's answer."""
    [result] = read(bus, [_HEARTBEAT_INTERVAL])
    return str(result.get("value", ""))


def _evse(properties: dict[str, Any], states: dict[Any, str]) -> dict[str, Any]:
    return {
        "evse_id": properties.get("EvseId"),
        "operational_status": properties.get("OperationalStatus", ""),
        "session_id": properties.get("SessionId", ""),
        "transaction_id": properties.get("TransactionId", ""),
        "charging_state": states.get(properties.get("EvseId"), ""),
        "connectors": properties.get("Connectors", []),
        "limit": properties.get("Limit", {}),
    }


def _transaction(evse: dict[str, Any]) -> str:
    """Return the transaction's id; in 1.6 it has none before the CSMS has given one."""
    if evse["transaction_id"]:
        return str(evse["transaction_id"])
    if evse["charging_state"]:
        return f"({evse['charging_state']})"
    return "(session)" if evse["session_id"] else ""


def _connection(connection: dict[str, Any]) -> str:
    url = connection.get("csms_url", "")
    if not connection.get("connected"):
        reason = connection.get("reason") or "no reason is known"
        return f"not connected{f' to {url}' if url else ''}: {reason}"
    text = f"connected to {url}" if url else "connected"
    if "identity" in connection:
        text += f" as {connection['identity']}"
    words = []
    if "ocpp_version" in connection:
        words.append(f"OCPP {connection['ocpp_version']}")
    if "security_profile" in connection:
        words.append(f"security profile {connection['security_profile']}")
    if "configuration_slot" in connection:
        words.append(f"slot {connection['configuration_slot']}")
    return f"{text} ({', '.join(words)})" if words else text


def _boot(boot: dict[str, Any], heartbeat_interval: str) -> str:
    if not boot:
        return "not answered yet"
    text = f"{boot.get('status')} at {boot.get('current_time')}"
    if boot.get("status") != "Accepted":
        text += f", asked again every {boot.get('interval')} s"
    elif heartbeat_interval:
        text += f", heartbeat every {heartbeat_interval} s"
    info = boot.get("status_info", {})
    details = [info.get("reason_code"), info.get("additional_info")]
    told = ": ".join(str(detail) for detail in details if detail)
    return f"{text} ({told})" if told else text


def _health(health: dict[str, Any]) -> str:
    reasons = health.get("reasons", [])
    text = str(health.get("status", "unknown"))
    return f"{text}: {'; '.join(reasons)}" if reasons else text


def _error(error: dict[str, Any]) -> str:
    where = "station" if "evse_id" not in error else f"EVSE {error['evse_id']}"
    if "connector_id" in error:
        where += f".{error['connector_id']}"
    text = error.get("message") or error.get("description", "")
    since = f" (since {error['timestamp']})" if "timestamp" in error else ""
    return f"{where}: {error.get('type')} {text}".rstrip() + since


def limit_text(limit: dict[str, Any]) -> str:
    """Return the property `Limit` in words."""
    if "limit" not in limit:
        return ""
    text = f"{limit['limit']:g} {limit.get('unit', '')}".rstrip()
    if "number_phases" in limit:
        text += f", {limit['number_phases']} phases"
    if "profile_id" in limit:
        text += f", profile {limit['profile_id']}"
    return f"{text}, until {limit['until']}" if "until" in limit else text


def transactions(bus: Bus, options: argparse.Namespace) -> Exit:
    """List the open transactions; with `--follow` go on with what happens to them."""
    if options.follow:
        # Subscribed before the list is asked for: what happens in between is not lost.
        bus.subscribe(interface="org.everest.Ocpp", member="OcppTransactionEvent")
        bus.subscribe_presence()
    found = _transactions(bus)
    if options.json:
        printed = output.as_json_line if options.follow else output.as_json
        printed(found)
    elif found:
        columns = ("evse", "connector", "transaction", "csms", "state", "started", "energy", "seq")
        rows = [
            (
                one.get("evse_id"),
                one.get("connector_id"),
                one.get("transaction_id"),
                one.get("csms_transaction_id"),
                one.get("state"),
                one.get("started"),
                f"{one['energy_Wh']:g} Wh" if "energy_Wh" in one else "",
                one.get("seq_no"),
            )
            for one in found
        ]
        output.table(columns, rows)
    else:
        print("no transaction is open", flush=True)
    if options.follow:
        from ocppd.tools.ctl.live import transaction_events

        sys.stdout.flush()
        return transaction_events(bus, options)
    return Exit.DONE


def _transactions(bus: Bus) -> list[dict[str, Any]]:
    try:
        return list(bus.call("GetTransactions"))
    except NoSuchMember:
        return [
            {
                "evse_id": evse.get("EvseId"),
                "transaction_id": evse.get("TransactionId", ""),
                "session_id": evse.get("SessionId", ""),
            }
            for evse in bus.evses()
            if evse.get("TransactionId")
        ]


def queue(bus: Bus, options: argparse.Namespace) -> Exit:
    """List the messages that wait for the CSMS, or put back or delete some that were set aside."""
    if options.action != "show":
        return _deal_with(bus, options)
    if options.id:
        raise Problem("an id goes with release or drop", Exit.WRONG)
    found = list(bus.call("GetQueue"))
    if options.json:
        output.as_json(found)
        return Exit.DONE
    if not found:
        print("nothing waits for the CSMS")
        return Exit.DONE
    columns = ("id", "message", "transaction", "time", "attempts", "state", "reason")
    rows = [
        (
            entry.get("id"),
            entry.get("message"),
            entry.get("transaction_id"),
            entry.get("timestamp"),
            entry.get("attempts"),
            entry.get("state"),
            entry.get("reason"),
        )
        for entry in found
    ]
    output.table(columns, rows)
    aside = sum(entry.get("state") == "set aside" for entry in found)
    print(f"\n{len(found) - aside} waiting, {aside} set aside")
    return Exit.DONE


def _deal_with(bus: Bus, options: argparse.Namespace) -> Exit:
    if not options.id:
        text = f"which message is to {options.action}? 'ocppctl queue' lists them"
        raise Problem(text, Exit.WRONG)
    method, word = {
        "release": ("ReleaseQueued", "released"),
        "drop": ("DropQueued", "dropped"),
    }[options.action]
    done = {number: bool(bus.call(method, "i", number)) for number in options.id}
    if options.json:
        output.as_json([{"id": number, word: each} for number, each in done.items()])
    else:
        for number, each in done.items():
            print(f"{number}: {word if each else 'is not set aside'}")
    return Exit.DONE if all(done.values()) else Exit.REFUSED
