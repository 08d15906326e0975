"""Commands for the device model: `get` and `set`."""

import argparse
from collections.abc import Sequence
from typing import Any

from ocppd.tools.address import Address, BadAddress, parse_address, parse_assignment
from ocppd.tools.ctl import output
from ocppd.tools.ctl.bus import Bus
from ocppd.tools.ctl.errors import Exit, Problem
from ocppd.tools.variants import variants

_ITEMS_PER_CALL = 200
"""A reply of thousands would hold up the daemon for others; the interface takes up to 1000."""

REASONS = {
    "Accepted": "",
    "Rejected": "refused",
    "UnknownComponent": "there is no such component",
    "UnknownVariable": "the component has no such variable",
    "NotSupportedAttributeType": "the variable has no such attribute",
    "RebootRequired": "stored; it takes effect after a reboot",
}
_GET_REASONS = REASONS | {"Rejected": "its value may not be read (write-only)"}
_SET_REASONS = REASONS | {
    "Rejected": "refused: out of range, of the wrong type, or not to be changed now"
}

_CONNECTION_REASON = (
    "refused: the slot is active or in NetworkConfigurationPriority (change another slot, then put "
    "it there), or the value does not fit the slot's other settings"
)
_PRIORITY_REASON = (
    "refused: one of the slots does not exist, is not complete, or is less secure than the station "
    "is now"
)

USUAL = (
    "SecurityCtrlr.Identity",
    "SecurityCtrlr.SecurityProfile",
    "OCPPCommCtrlr.ActiveNetworkProfile",
    "OCPPCommCtrlr.NetworkConfigurationPriority",
    "OCPPCommCtrlr.HeartbeatInterval",
    "OCPPCommCtrlr.WebSocketPingInterval",
    "OCPPCommCtrlr.OfflineThreshold",
    "OCPPCommCtrlr.MessageTimeout[Default]",
    "OCPPCommCtrlr.MessageAttempts[TransactionEvent]",
    "OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]",
    "OCPPCommCtrlr.RetryBackOffWaitMinimum",
    "AuthCtrlr.Enabled",
    "AuthCtrlr.AuthorizeRemoteStart",
    "AuthCtrlr.LocalAuthorizeOffline",
    "AuthCtrlr.LocalPreAuthorize",
    "AuthCtrlr.OfflineTxForUnknownIdEnabled",
    "AuthCacheCtrlr.Enabled",
    "LocalAuthListCtrlr.Enabled",
    "TxCtrlr.EVConnectionTimeOut",
    "TxCtrlr.StopTxOnEVSideDisconnect",
    "TxCtrlr.StopTxOnInvalidId",
    "TxCtrlr.TxStartPoint",
    "TxCtrlr.TxStopPoint",
    "SampledDataCtrlr.TxUpdatedInterval",
    "SampledDataCtrlr.TxUpdatedMeasurands",
    "AlignedDataCtrlr.Interval",
    "AlignedDataCtrlr.Measurands",
)
"""What `get` without an address shows: what one looks at first."""


def addressed(texts: Sequence[str]) -> list[Address]:
    """Read addresses from the command line.

    Raises Problem.
    """
    try:
        return [parse_address(text) for text in texts]
    except BadAddress as error:
        raise Problem(str(error), Exit.WRONG) from error


def component_variable(address: Address) -> dict[str, Any]:
    """Return an address as the interface wants it."""
    return {
        "component": address.component_dict("connector_id"),
        "variable": address.variable_dict(),
    }


def read(
    bus: Bus, addresses: Sequence[Address], attribute: str | None = None
) -> list[dict[str, Any]]:
    """Read variables; one result for each address, in order.

    Raises Problem.
    """
    more = {"attribute_type": attribute} if attribute else {}
    requests = [
        variants({"component_variable": component_variable(address), **more})
        for address in addresses
    ]
    return _in_parts(bus, "GetVariables", "aa{sv}", requests)


def _in_parts(
    bus: Bus, member: str, signature: str, requests: list[Any], *more: Any
) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = []
    for start in range(0, len(requests), _ITEMS_PER_CALL):
        part = requests[start : start + _ITEMS_PER_CALL]
        results += bus.call(member, signature, part, *more)
    if len(results) != len(requests):
        raise Problem(f"{member} gave {len(results)} results for {len(requests)} requests")
    return results


def _reason(reasons: dict[str, str], address: Address, result: dict[str, Any]) -> str:
    """Return why a result is not simply Accepted, in words."""
    status = str(result.get("status"))
    if not address.component and status.startswith("Unknown"):
        return "there is no such key, or the station does not speak OCPP 1.6 now"
    if status == "Rejected" and reasons is _SET_REASONS:
        # The bus gives no reasons of refused settings; what these may be is known all the same.
        if address.component.casefold() == "networkconfiguration":
            return _CONNECTION_REASON
        if address.variable.casefold() in ("networkconfigurationpriority", "activenetworkprofile"):
            return _PRIORITY_REASON
    return reasons.get(status, status)


def get(bus: Bus, options: argparse.Namespace) -> Exit:
    """Show variables; without an address those that one looks at first."""
    addresses = addressed(options.address or USUAL)
    results = read(bus, addresses, options.attribute)
    if not options.address:
        found = [
            (address, result)
            for address, result in zip(addresses, results, strict=True)
            if result.get("status") == "Accepted"
        ]
        addresses, results = [pair[0] for pair in found], [pair[1] for pair in found]
    refused = any(result.get("status") != "Accepted" for result in results)
    if options.json:
        output.as_json(
            [
                {"address": str(address), **result}
                for address, result in zip(addresses, results, strict=True)
            ]
        )
    elif options.value:
        for result in results:
            print(output.clean(result.get("value", "")))
    else:
        rows = [
            (
                address,
                result.get("value", ""),
                _reason(_GET_REASONS, address, result),
            )
            for address, result in zip(addresses, results, strict=True)
        ]
        if refused:
            output.table(("variable", "value", "reason"), rows)
        else:
            output.table(("variable", "value"), [row[:2] for row in rows])
    return Exit.REFUSED if refused else Exit.DONE


def set_(bus: Bus, options: argparse.Namespace) -> Exit:
    """Set variables, and say of each that was not simply accepted why."""
    try:
        pairs = [parse_assignment(text) for text in options.assignment]
    except BadAddress as error:
        raise Problem(str(error), Exit.WRONG) from error
    more = {"attribute_type": options.attribute} if options.attribute else {}
    requests = [
        variants({"component_variable": component_variable(address), "value": value, **more})
        for address, value in pairs
    ]
    results = _in_parts(bus, "SetVariables", "aa{sv}s", requests, options.source)
    if options.json:
        output.as_json(
            [
                {"address": str(address), **result}
                for (address, _), result in zip(pairs, results, strict=True)
            ]
        )
    else:
        rows = []
        for (address, _), result in zip(pairs, results, strict=True):
            name = str(result.get("status"))
            rows.append((address, name, _reason(_SET_REASONS, address, result)))
        columns = ("variable", "status", "reason")
        if all(row[2] == "" for row in rows):
            output.table(columns[:2], [row[:2] for row in rows])
        else:
            output.table(columns, rows)
    accepted = all(result.get("status") == "Accepted" for result in results)
    return Exit.DONE if accepted else Exit.REFUSED
