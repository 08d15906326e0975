"""Commands that act on the station: `availability`, `stop` and `restart`."""

import argparse
from typing import Any

from ocppd.tools.ctl import output
from ocppd.tools.ctl.bus import Bus
from ocppd.tools.ctl.errors import Exit, Problem
from ocppd.tools.variants import variants


def availability(bus: Bus, options: argparse.Namespace) -> Exit:
    """Put the station, an EVSE or a connector in or out of service."""
    request: dict[str, Any] = {"operational_status": options.status.capitalize()}
    if options.where is not None:
        request["evse"] = _evse(options.where)
    response = bus.call("ChangeAvailability", "a{sv}", variants(request))
    status = str(response.get("status"))
    if options.json:
        output.as_json(response)
    else:
        info = response.get("status_info", {})
        details = [info.get("reason_code"), info.get("additional_info")]
        reason = ": ".join(str(detail) for detail in details if detail)
        if status == "Scheduled":
            reason = reason or "it takes effect when the running transaction has ended"
        print(output.clean(f"{status} ({reason})" if reason else status))
    return Exit.REFUSED if status == "Rejected" else Exit.DONE


def _evse(where: str) -> dict[str, int]:
    evse, _, connector = where.partition(".")
    try:
        found = {"id": int(evse)}
        if connector:
            found["connector_id"] = int(connector)
    except ValueError:
        text = f"{where!r} is neither EVSE nor EVSE.CONNECTOR, as in 2 or 2.1"
        raise Problem(text, Exit.WRONG) from None
    return found


def stop(bus: Bus, options: argparse.Namespace) -> Exit:
    """Disconnect from the CSMS until `restart`."""
    stopped = bool(bus.call("Stop"))
    return _tell(
        options,
        "stopped",
        stopped,
        "disconnected; nothing is queued until 'ocppctl restart'"
        if stopped
        else "it was stopped already",
    )


def restart(bus: Bus, options: argparse.Namespace) -> Exit:
    """Connect again after `stop`."""
    restarted = bool(bus.call("Restart"))
    return _tell(
        options,
        "restarted",
        restarted,
        "connecting to the CSMS again" if restarted else "it was not stopped",
    )


def _tell(options: argparse.Namespace, name: str, done: bool, text: str) -> Exit:
    if options.json:
        output.as_json({name: done})
    else:
        print(text)
    return Exit.DONE if done else Exit.REFUSED
