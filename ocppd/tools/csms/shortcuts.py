"""What people ask a station for, in the words of its version.

Each shortcut returns the CALLs that ask for it: one, or several where 1.6 has no message for many
items at once.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from ocppd.tools.address import BadAddress, parse_address, parse_assignment

Payload = dict[str, Any]
Calls = list[tuple[str, Payload]]

_REQUEST_IDS = count(1)
_TRIGGERS_16 = frozenset(
    {
        "BootNotification",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "MeterValues",
        "StatusNotification",
    }
)
"""What TriggerMessage of 1.6 knows; ExtendedTriggerMessage has the rest."""

_RESETS = {"soft": "OnIdle", "onidle": "OnIdle", "hard": "Immediate", "immediate": "Immediate"}


class BadCommand(ValueError):
    """A command is not as documented; the message says how it should be."""


def remote_start(
    version: str,
    token: str,
    evse: int | str | None = None,
    *,
    token_type: str = "ISO14443",  # noqa: S107
    parent: str | None = None,
    profile: Payload | None = None,
) -> Calls:
    """Ask for a transaction with a token; in 1.6 `evse` is the number of the connector."""
    payload: Payload
    if version == "1.6":
        payload = {"idTag": token}
        if evse is not None:
            payload["connectorId"] = _number(evse, "the connector")
        if profile is not None:
            payload["chargingProfile"] = profile
        return [("RemoteStartTransaction", payload)]
    payload = {
        "remoteStartId": next(_REQUEST_IDS),
        "idToken": {"idToken": token, "type": token_type},
    }
    if evse is not None:
        payload["evseId"] = _number(evse, "the EVSE")
    if parent is not None:
        payload["groupIdToken"] = {"idToken": parent, "type": "Central"}
    if profile is not None:
        payload["chargingProfile"] = profile
    return [("RequestStartTransaction", payload)]


def remote_stop(version: str, transaction_id: str) -> Calls:
    """Ask for the end of a transaction."""
    if version == "1.6":
        number = _number(transaction_id, "the transaction of 1.6")
        return [("RemoteStopTransaction", {"transactionId": number})]
    return [("RequestStopTransaction", {"transactionId": str(transaction_id)})]


def get(version: str, addresses: Sequence[str], attribute: str | None = None) -> Calls:
    """Ask for variables; in 1.6 for keys, all when none is named."""
    if version == "1.6":
        return [("GetConfiguration", {"key": list(addresses)} if addresses else {})]
    if not addresses:
        raise BadCommand("get: name a variable (report shows all of them)")
    items = []
    for text in addresses:
        address = _address(text)
        item: Payload = {
            "component": address.component_dict("connectorId"),
            "variable": address.variable_dict(),
        }
        if attribute:
            item["attributeType"] = attribute
        items.append(item)
    return [("GetVariables", {"getVariableData": items})]


def set_(version: str, assignments: Sequence[str], attribute: str | None = None) -> Calls:
    """Set variables, given as ADDRESS=VALUE; in 1.6 keys, one CALL for each."""
    if not assignments:
        raise BadCommand("set: expected ADDRESS=VALUE")
    items: list[Payload] = []
    calls: Calls = []
    for text in assignments:
        try:
            address, value = parse_assignment(text)
        except BadAddress as error:
            raise BadCommand(f"set: {error}") from error
        if version == "1.6":
            key = str(address).removeprefix(".")
            calls.append(("ChangeConfiguration", {"key": key, "value": value}))
            continue
        item: Payload = {
            "component": address.component_dict("connectorId"),
            "variable": address.variable_dict(),
            "attributeValue": value,
        }
        if attribute:
            item["attributeType"] = attribute
        items.append(item)
    return calls or [("SetVariables", {"setVariableData": items})]


def reset(version: str, kind: str | None = None, evse: int | str | None = None) -> Calls:
    """Ask for a reset: Soft or Hard in 1.6, OnIdle, Immediate or ImmediateAndResume in 2.x."""
    word = (kind or "soft").lower()
    if version == "1.6":
        name = {"onidle": "Soft", "immediate": "Hard"}.get(word, word.capitalize())
        return [("Reset", {"type": name})]
    payload: Payload = {"type": _RESETS.get(word, kind)}
    if evse is not None:
        payload["evseId"] = _number(evse, "the EVSE")
    return [("Reset", payload)]


def unlock(version: str, evse: int | str = 1, connector: int | str = 1) -> Calls:
    """Ask for a connector to be unlocked; in 1.6 `evse` is the number of the connector."""
    if version == "1.6":
        return [("UnlockConnector", {"connectorId": _number(evse, "the connector")})]
    payload = {
        "evseId": _number(evse, "the EVSE"),
        "connectorId": _number(connector, "the connector"),
    }
    return [("UnlockConnector", payload)]


def availability(version: str, status: str, where: str | int | None = None) -> Calls:
    """Put the station, an EVSE (`2`) or a connector (`2.1`) in or out of service."""
    status = status.capitalize()
    if status not in ("Operative", "Inoperative"):
        raise BadCommand(f"availability: {status!r} is neither operative nor inoperative")
    evse, _, connector = str(where or "").partition(".")
    if version == "1.6":
        number = _number(evse, "the connector") if evse else 0
        return [("ChangeAvailability", {"connectorId": number, "type": status})]
    payload: Payload = {"operationalStatus": status}
    if evse:
        payload["evse"] = {"id": _number(evse, "the EVSE")}
        if connector:
            payload["evse"]["connectorId"] = _number(connector, "the connector")
    return [("ChangeAvailability", payload)]


def trigger(version: str, message: str, where: str | int | None = None) -> Calls:
    """Have a message sent, for the station, an EVSE (`2`) or a connector (`2.1`)."""
    payload: Payload = {"requestedMessage": message}
    evse, _, connector = str(where or "").partition(".")
    if version == "1.6":
        if evse:
            payload["connectorId"] = _number(evse, "the connector")
        action = "TriggerMessage" if message in _TRIGGERS_16 else "ExtendedTriggerMessage"
        return [(action, payload)]
    if evse:
        payload["evse"] = {"id": _number(evse, "the EVSE")}
        if connector:
            payload["evse"]["connectorId"] = _number(connector, "the connector")
    return [("TriggerMessage", payload)]


def report(version: str, base: str = "FullInventory") -> Calls:
    """Ask for all variables; NotifyReport brings them in 2.x."""
    if version == "1.6":
        return [("GetConfiguration", {})]
    return [("GetBaseReport", {"requestId": next(_REQUEST_IDS), "reportBase": base})]


def clear_cache(_version: str) -> Calls:
    """Have the authorization cache emptied."""
    return [("ClearCache", {})]


def reserve(
    version: str,
    reservation: int | str,
    token: str,
    evse: int | str | None = None,
    seconds: float | str = 3600,
    *,
    token_type: str = "ISO14443",  # noqa: S107
    parent: str | None = None,
) -> Calls:
    """Reserve an EVSE for a token, any without `evse` or with 0; in 1.6 it is a connector."""
    number = _number(reservation, "the reservation")
    place = _number(evse, "the EVSE") if evse is not None else 0
    try:
        until = (datetime.now(UTC) + timedelta(seconds=float(seconds))).isoformat()
    except (ValueError, OverflowError):
        raise BadCommand(f"reserve: {seconds!r} is no number of seconds") from None
    payload: Payload
    if version == "1.6":
        payload = {
            "connectorId": place,
            "expiryDate": until,
            "idTag": token,
            "reservationId": number,
        }
        if parent is not None:
            payload["parentIdTag"] = parent
        return [("ReserveNow", payload)]
    payload = {
        "id": number,
        "expiryDateTime": until,
        "idToken": {"idToken": token, "type": token_type},
    }
    if place:
        payload["evseId"] = place
    if parent is not None:
        payload["groupIdToken"] = {"idToken": parent, "type": "Central"}
    return [("ReserveNow", payload)]


def cancel_reservation(_version: str, reservation: int | str) -> Calls:
    """End a reservation."""
    return [("CancelReservation", {"reservationId": _number(reservation, "the reservation")})]


def local_list(
    version: str,
    words: Sequence[str] = (),
    *,
    token_type: str = "ISO14443",  # noqa: S107
) -> Calls:
    """Send a local authorization list, `full VERSION TOKEN=STATUS...`, or a difference to it.

    In a `differential` one a token without status leaves the list. Without any words: which version
    is there?
    """
    if not words:
        return [("GetLocalListVersion", {})]
    kind = words[0].capitalize()
    if kind not in ("Full", "Differential") or len(words) == 1:
        raise BadCommand("local-list: expected full|differential VERSION [TOKEN[=STATUS]...]")
    old = version == "1.6"
    entries: list[Payload] = []
    for word in words[2:]:
        token, _, status = word.partition("=")
        entry: Payload = {"idToken": {"idToken": token, "type": token_type}}
        if old:
            entry = {"idTag": token}
        if status:
            entry["idTagInfo" if old else "idTokenInfo"] = {"status": status}
        entries.append(entry)
    payload: Payload = {
        "listVersion" if old else "versionNumber": _number(words[1], "the version"),
        "updateType": kind,
    }
    if entries:
        payload["localAuthorizationList"] = entries
    return [("SendLocalList", payload)]


def data_transfer(version: str, vendor: str, message: str | None = None, data: Any = None) -> Calls:
    """Send data of a vendor; in 1.6 they are a string, in 2.x any JSON."""
    payload: Payload = {"vendorId": vendor}
    if message:
        payload["messageId"] = message
    if data is not None:
        if version == "1.6" and not isinstance(data, str):
            raise BadCommand("data-transfer: the data of 1.6 are a string")
        payload["data"] = data
    return [("DataTransfer", payload)]


SHORTCUTS: dict[str, Callable[..., Calls]] = {
    "remote-start": remote_start,
    "remote-stop": remote_stop,
    "get": get,
    "set": set_,
    "reset": reset,
    "unlock": unlock,
    "availability": availability,
    "trigger": trigger,
    "report": report,
    "clear-cache": clear_cache,
    "reserve": reserve,
    "cancel-reservation": cancel_reservation,
    "local-list": local_list,
    "data-transfer": data_transfer,
}


def _number(value: int | str, what: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise BadCommand(f"{value!r} is no number; expected that of {what}") from None


def _address(text: str) -> Any:
    try:
        return parse_address(text)
    except BadAddress as error:
        raise BadCommand(str(error)) from error
