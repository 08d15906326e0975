"""Core profile: ChangeConfiguration and GetConfiguration (1.6, 5.3 and 5.8).

BootNotification and Heartbeat are in `registration.py`.
"""

from functools import partial
from typing import TYPE_CHECKING

from ocppd.csms.payload import Payload, Route, RpcError, present, route
from ocppd.model.provisioning import ConfigurationKey
from ocppd.model.variables import (
    Component,
    ComponentVariable,
    SetVariable,
    SetVariableResult,
    SetVariableStatus,
    Variable,
)
from ocppd.station.answer import Answer
from ocppd.station.ports import LegacyKeys

if TYPE_CHECKING:
    from ocppd.station.station import Station

CONFIGURATION_STATUS = {
    SetVariableStatus.ACCEPTED: "Accepted",
    SetVariableStatus.REBOOT_REQUIRED: "RebootRequired",
    SetVariableStatus.REJECTED: "Rejected",
    SetVariableStatus.UNKNOWN_COMPONENT: "NotSupported",
    SetVariableStatus.UNKNOWN_VARIABLE: "NotSupported",
    SetVariableStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE: "NotSupported",
}
# CiString500Type
_LONGEST_VALUE = 500
_MAX_KEYS = "GetConfigurationMaxKeys"

Configuration = tuple[list[ConfigurationKey], list[str]]
"""The keys that are known, and the names of those that are not."""


def routes(station: "Station") -> dict[str, Route]:
    """Return the actions of this block that the CSMS may send."""
    provisioning = station.provisioning
    return {
        "ChangeConfiguration": route(
            decode_change_configuration, provisioning.set_variables, encode_change_configuration
        ),
        "GetConfiguration": route(
            partial(decode_get_configuration, provisioning.keys),
            partial(get_configuration, provisioning.keys),
            encode_get_configuration,
        ),
    }


def decode_change_configuration(payload: Payload) -> list[SetVariable]:
    """Read ChangeConfiguration.req: one key is one variable."""
    address = ComponentVariable(Component(""), Variable(payload["key"]))
    return [SetVariable(address, payload["value"])]


def encode_change_configuration(results: list[SetVariableResult]) -> Payload:
    """Return ChangeConfiguration.conf; 1.6 has fewer words for a refusal."""
    [result] = results
    return {"status": CONFIGURATION_STATUS[result.status]}


def decode_get_configuration(keys: LegacyKeys, payload: Payload) -> list[str]:
    """Read GetConfiguration.req; no keys are all keys."""
    asked: list[str] = payload.get("key") or []
    limit = keys.read(_MAX_KEYS)
    if limit is not None and limit.value is not None and len(asked) > int(limit.value):
        raise RpcError(
            "OccurrenceConstraintViolation", f"{_MAX_KEYS} is {limit.value}, not {len(asked)}"
        )
    return asked


def get_configuration(keys: LegacyKeys, asked: list[str]) -> Answer[Configuration]:
    """Look keys up; one that has no value is not there, as if it were unknown."""
    known: list[ConfigurationKey] = []
    unknown: list[str] = []
    for name in asked or keys.names():
        key = keys.read(name)
        if key is not None and key.value is not None:
            known.append(key)
        elif asked:
            unknown.append(name)
    return Answer((known, unknown))


def encode_get_configuration(configuration: Configuration) -> Payload:
    """Return GetConfiguration.conf."""
    known, unknown = configuration
    return present(
        configurationKey=[
            present(
                key=key.key,
                readonly=key.read_only,
                value=key.value[:_LONGEST_VALUE] if key.value is not None else None,
            )
            for key in known
        ]
        or None,
        unknownKey=unknown or None,
    )
