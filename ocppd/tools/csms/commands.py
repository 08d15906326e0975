"""Commands to the CSMS, as JSON objects; the control socket and the prompt both end here.

A command is `{"cmd": NAME, "station": ID?, "timeout_s": SECONDS?, ...}`; `run` returns what the
answer says, or raises `BadCommand`, or what `Csms.call` raises.
"""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from ocppd.tools.csms import shortcuts
from ocppd.tools.csms.answers import Token
from ocppd.tools.csms.rules import FIELDS
from ocppd.tools.csms.server import Csms
from ocppd.tools.csms.shortcuts import SHORTCUTS, BadCommand

Command = dict[str, Any]
_REPORT_TIMEOUT_S = 60.0


async def run(csms: Csms, command: Command) -> Any:
    """Carry out one command.

    Raises BadCommand; for CALLs also CallFailed, Disconnected and TimeoutError.
    """
    name = command.get("cmd")
    if name in SHORTCUTS:
        return await _shortcut(csms, str(name), command)
    action = COMMANDS.get(str(name))
    if action is None:
        known = ", ".join(sorted([*COMMANDS, *SHORTCUTS]))
        raise BadCommand(f"unknown command {name!r}; there are {known}")
    try:
        result = action(csms, command)
        return await result if inspect.isawaitable(result) else result
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, BadCommand):
            raise
        missing = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise BadCommand(f"{name}: {missing}") from error


async def _shortcut(csms: Csms, name: str, command: Command) -> Any:
    station = csms.station(command.get("station"))
    more = {key: value for key, value in command.items() if key not in _COMMON}
    if name == "remote-stop" and not more.get("transaction_id"):
        transaction = csms.office.ledger.last_open(station.id)
        if transaction is None:
            raise BadCommand("remote-stop: no transaction is open; name one")
        more["transaction_id"] = transaction.transaction_id
    try:
        calls = SHORTCUTS[name](station.version, **more)
    except TypeError as error:
        raise BadCommand(f"{name}: {str(error).partition('() ')[2] or error}") from error
    mark = csms.mark()
    answers = [
        await station.call(action, payload, float(command.get("timeout_s", 30)))
        for action, payload in calls
    ]
    if name == "report" and station.version != "1.6":
        return await _report(csms, station.id, answers[0], calls[0][1]["requestId"], mark)
    return answers[0] if len(answers) == 1 else answers


async def _report(csms: Csms, station: str, answer: Any, request_id: int, mark: int) -> Any:
    """Collect the NotifyReports of a report until the last one."""
    if answer.get("status") != "Accepted":
        return answer

    def parts() -> list[Any]:
        return [
            message.payload
            for message in csms.calls("NotifyReport", requestId=request_id)
            if message.index >= mark and message.station == station
        ]

    def complete() -> bool:
        found = parts()
        return bool(found) and not found[-1].get("tbc", False)

    await csms.wait_until(complete, _REPORT_TIMEOUT_S)
    return {
        **answer,
        "reportData": [item for part in parts() for item in part.get("reportData", [])],
    }


_COMMON = frozenset({"cmd", "station", "timeout_s", "id"})


async def _call(csms: Csms, command: Command) -> Any:
    payload = command.get("payload", {})
    if not isinstance(payload, dict):
        raise BadCommand("call: the payload is no object")
    return await csms.call(
        str(command["action"]),
        payload,
        station=command.get("station"),
        timeout_s=float(command.get("timeout_s", 30)),
    )


async def _raw(csms: Csms, command: Command) -> Any:
    await csms.station(command.get("station")).send_text(str(command["text"]))
    return {}


async def _close(csms: Csms, command: Command) -> Any:
    await csms.station(command.get("station")).close(
        int(command.get("code", 1000)),
        str(command.get("reason", "")),
        abort=bool(command.get("abort", False)),
    )
    return {}


async def _displace(csms: Csms, command: Command) -> Any:
    """Close as when another connection of the same station came."""
    station = csms.station(command.get("station"))
    await station.close(1000, "displaced by a newer connection")
    return {}


def _misbehave(csms: Csms, command: Command) -> Any:
    what = {key: value for key, value in command.items() if key not in _COMMON}
    unknown = set(what) - FIELDS
    if unknown:
        raise BadCommand(f"misbehave: unknown {', '.join(sorted(unknown))}")
    rule = csms.misbehave(what.pop("action", "*"), **what)
    return {"rule": str(rule)}


def _behave(csms: Csms, command: Command) -> Any:
    csms.behave(command.get("action"))
    return {"rules": [str(rule) for rule in csms.rules]}


def _refuse(csms: Csms, command: Command) -> Any:
    status = int(command.get("status", 503))
    if not 400 <= status <= 599:
        raise BadCommand("refuse: the status is from 400 to 599")
    csms.refuse = status
    return {"refuse": csms.refuse}


def _boot(csms: Csms, command: Command) -> Any:
    statuses = command.get("statuses", [])
    if not statuses or any(one not in ("Accepted", "Pending", "Rejected") for one in statuses):
        raise BadCommand("boot: expected one or more of Accepted, Pending, Rejected")
    csms.office.boot_statuses = list(statuses)
    if "interval_s" in command:
        csms.office.boot_interval_s = int(command["interval_s"])
    return {"statuses": csms.office.boot_statuses}


def _token(csms: Csms, command: Command) -> Any:
    status = str(command.get("status", "Accepted"))
    csms.office.tokens[str(command["token"])] = Token(
        status, command.get("parent"), command.get("expiry")
    )
    return {"tokens": {value: token.status for value, token in csms.office.tokens.items()}}


def _stations(csms: Csms, _command: Command) -> Any:
    return [
        {
            "station": station.id,
            "connected": station.connected,
            "version": station.version,
            "registration": station.registration,
        }
        for station in csms.stations.values()
    ]


def _transactions(csms: Csms, command: Command) -> Any:
    return [
        transaction.record()
        for transaction in csms.transactions
        if command.get("station") in (None, transaction.station)
    ]


def _received(csms: Csms, command: Command) -> Any:
    since = int(command.get("since", 0))
    return [
        message.record() | {"index": message.index}
        for message in csms.calls(command.get("action"))
        if message.index >= since and command.get("station") in (None, message.station)
    ]


async def _wait(csms: Csms, command: Command) -> Any:
    message = await csms.wait_for(
        str(command["action"]),
        since=int(command.get("since", 0)),
        timeout_s=float(command.get("timeout_s", 10)),
        station=command.get("station"),
        **command.get("fields", {}),
    )
    return message.record() | {"index": message.index}


COMMANDS: dict[str, Callable[[Csms, Command], Any | Awaitable[Any]]] = {
    "call": _call,
    "raw": _raw,
    "close": _close,
    "displace": _displace,
    "misbehave": _misbehave,
    "behave": _behave,
    "refuse": _refuse,
    "boot": _boot,
    "token": _token,
    "stations": _stations,
    "transactions": _transactions,
    "received": _received,
    "wait": _wait,
    "mark": lambda csms, _command: {"mark": csms.mark()},
}

__all__ = ["COMMANDS", "BadCommand", "run", "shortcuts"]
