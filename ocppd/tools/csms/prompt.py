"""What a person types at the CSMS, as the commands of `commands.py`."""

import json
import shlex
from collections.abc import Callable
from typing import Any

from ocppd.tools.csms.shortcuts import BadCommand

Command = dict[str, Any]

HELP = """\
to the station      call ACTION [JSON]                 any request
                    remote-start TOKEN [EVSE]          remote-stop [TRANSACTION]
                    get ADDRESS...                     set ADDRESS=VALUE...
                    reset [soft|hard|TYPE] [EVSE]      unlock [EVSE [CONNECTOR]]
                    availability operative|inoperative [EVSE[.CONNECTOR]]
                    trigger MESSAGE [EVSE[.CONNECTOR]] report [BASE]
                    data-transfer VENDOR [MESSAGE [DATA]]        clear-cache
                    reserve ID TOKEN [EVSE [SECONDS]]  cancel-reservation ID
                    local-list [full|differential VERSION [TOKEN[=STATUS]...]]
                    raw TEXT                           any text, a frame or not
misbehaviour        delay ACTION SECONDS [TIMES]       drop ACTION [TIMES]
(ACTION may be *)   error ACTION CODE [DESCRIPTION]    garbage ACTION TEXT
                    hangup ACTION                      cut ACTION: without a close frame
                    close [CODE [REASON]]              abort: without a close frame
                    refuse [STATUS]                    displace
                    behave [ACTION]                    as usual again
what it knows       boot STATUS...                     token ID=STATUS[,parent=ID]
                    stations                           transactions
                    quit
with several        @ID COMMAND: this command goes to station ID
stations            station ID: the following ones do  (at the prompt; else --station ID)
"""


def parse_line(line: str) -> Command:
    """Read a line; `@ID` before a command names the station that it is for.

    Raises BadCommand, whose text says what was expected.
    """
    if line.strip().startswith("@"):
        station, _, command = line.strip()[1:].partition(" ")
        if not station or not command.strip() or command.strip().startswith("@"):
            raise BadCommand("expected @STATION COMMAND")
        return parse_line(command) | {"station": station}
    name, _, rest = line.strip().partition(" ")
    if name == "raw":
        return {"cmd": "raw", "text": rest}
    if name == "call":
        action, _, payload = rest.strip().partition(" ")
        if not action:
            raise BadCommand("call: expected ACTION [JSON]")
        return {"cmd": "call", "action": action, "payload": _json(payload)}
    reader = _READERS.get(name)
    if reader is None:
        raise BadCommand(f"unknown command {name!r}; try help")
    try:
        words = shlex.split(rest)
    except ValueError as error:
        raise BadCommand(f"{name}: {error}") from error
    try:
        return reader(words)
    except (IndexError, ValueError) as error:
        if isinstance(error, BadCommand):
            raise
        raise BadCommand(f"{name}: wrong arguments; try help") from error


def parse_token(text: str) -> Command:
    """Read `ID=STATUS[,parent=ID][,expiry=TIME]` (the status is Accepted when it is left out).

    Raises BadCommand.
    """
    token, _, rest = text.partition("=")
    command: Command = {"cmd": "token", "token": token, "status": "Accepted"}
    for number, part in enumerate(rest.split(",") if rest else []):
        key, separator, value = part.partition("=")
        if not separator and number == 0:
            command["status"] = part
        elif key in ("parent", "expiry") and value:
            command[key] = value
        else:
            raise BadCommand(f"token: {part!r} is neither a status nor parent=ID nor expiry=TIME")
    if not token:
        raise BadCommand("token: expected ID=STATUS[,parent=ID]")
    return command


def _json(text: str) -> Any:
    if not text.strip():
        return {}
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadCommand(f"call: the payload is not JSON: {error}") from error


def _named(cmd: str, *names: str, least: int = 0) -> Callable[[list[str]], Command]:
    """Return a reader of positional words; those that are left out are left out."""

    def read(words: list[str]) -> Command:
        if not least <= len(words) <= len(names):
            expected = " ".join(name.upper() for name in names) or "nothing more"
            raise BadCommand(f"{cmd}: expected {expected}")
        return {"cmd": cmd, **dict(zip(names, words, strict=False))}

    return read


def _listed(cmd: str, name: str) -> Callable[[list[str]], Command]:
    return lambda words: {"cmd": cmd, name: words}


def _times(words: list[str], position: int) -> Command:
    return {"times": int(words[position])} if len(words) > position else {}


def _misbehave(words: list[str], **what: Any) -> Command:
    return {"cmd": "misbehave", "action": words[0], **what}


def _error(words: list[str]) -> Command:
    return _misbehave(words, error=words[1], description=" ".join(words[2:]))


def _boot(words: list[str]) -> Command:
    return {"cmd": "boot", "statuses": [word.capitalize() for word in words]}


def _close(words: list[str]) -> Command:
    code = {"code": int(words[0])} if words else {}
    return {"cmd": "close", **code, "reason": " ".join(words[1:])}


_READERS: dict[str, Callable[[list[str]], Command]] = {
    "remote-start": _named("remote-start", "token", "evse", least=1),
    "remote-stop": _named("remote-stop", "transaction_id"),
    "get": _listed("get", "addresses"),
    "set": _listed("set", "assignments"),
    "reset": _named("reset", "kind", "evse"),
    "unlock": _named("unlock", "evse", "connector"),
    "availability": _named("availability", "status", "where", least=1),
    "trigger": _named("trigger", "message", "where", least=1),
    "report": _named("report", "base"),
    "clear-cache": _named("clear-cache"),
    "reserve": _named("reserve", "reservation", "token", "evse", "seconds", least=2),
    "cancel-reservation": _named("cancel-reservation", "reservation", least=1),
    "local-list": _listed("local-list", "words"),
    "data-transfer": _named("data-transfer", "vendor", "message", "data", least=1),
    "delay": lambda words: _misbehave(words, delay_s=float(words[1]), **_times(words, 2)),
    "drop": lambda words: _misbehave(words, drop=True, **_times(words, 1)),
    "error": _error,
    "garbage": lambda words: _misbehave(words, garbage=" ".join(words[1:])),
    "hangup": lambda words: _misbehave(words, close="frame"),
    "cut": lambda words: _misbehave(words, close="abort"),
    "close": _close,
    "abort": lambda _words: {"cmd": "close", "abort": True},
    "displace": _named("displace"),
    "refuse": _named("refuse", "status"),
    "behave": _named("behave", "action"),
    "boot": _boot,
    "token": lambda words: parse_token(words[0]),
    "stations": _named("stations"),
    "transactions": _named("transactions"),
    "quit": _named("quit"),
}
