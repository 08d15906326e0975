"""Components, variables, and what is read from, written to and told of them."""

from typing import Any

from ocppd.dbus.binding import Variant
from ocppd.dbus.marshalling.plain import rfc3339
from ocppd.dbus.marshalling.schema import (
    Reader,
    choice,
    dictionary,
    from_dicts,
    integer,
    optional,
    required,
    text,
)
from ocppd.model.events import EventData
from ocppd.model.variables import (
    AttributeType,
    Component,
    ComponentVariable,
    EvseRef,
    GetVariable,
    GetVariableResult,
    GetVariableStatus,
    SetVariable,
    SetVariableResult,
    SetVariableStatus,
    StatusInfo,
    Variable,
)

MAX_ITEMS = 1000

EVSE: Reader[EvseRef] = dictionary(
    EvseRef, required("id", integer(1)), optional("connector_id", integer(1))
)
_NAME = text(50)
_COMPONENT: Reader[Component] = dictionary(
    Component, required("name", _NAME), optional("instance", _NAME), optional("evse", EVSE)
)
_VARIABLE: Reader[Variable] = dictionary(
    Variable, required("name", _NAME), optional("instance", _NAME)
)
_STRICT: Reader[ComponentVariable] = dictionary(
    ComponentVariable, required("component", _COMPONENT), required("variable", _VARIABLE)
)

# Addresses of nothing but two names, once read: the same few are asked for again and again.
_MAX_KNOWN = 2000
_known: dict[tuple[str, str], ComponentVariable] = {}


def _component_variable(signature: str, value: Any) -> ComponentVariable:
    """Read an address; one that is known is not read twice."""
    key = _names(value) if signature == "a{sv}" and len(value) == 2 else None
    if key is not None and (address := _known.get(key)) is not None:
        return address
    address = _STRICT(signature, value)
    if key is not None and len(_known) < _MAX_KNOWN:
        _known[key] = address
    return address


def _names(value: dict[str, Variant]) -> tuple[str, str] | None:
    """Return the names of component and variable if the address has nothing else."""
    try:
        component, variable = value["component"], value["variable"]
        if component.signature != "a{sv}" or variable.signature != "a{sv}":
            return None
        if len(component.value) != 1 or len(variable.value) != 1:
            return None
        first, second = component.value["name"], variable.value["name"]
    except KeyError:
        return None
    if first.signature != "s" or second.signature != "s":
        return None
    return first.value, second.value


_ADDRESS = required("component_variable", _component_variable, "address")
_ATTRIBUTE_TYPE = optional("attribute_type", choice(AttributeType))
_GET: Reader[GetVariable] = dictionary(GetVariable, _ADDRESS, _ATTRIBUTE_TYPE)
_SET: Reader[SetVariable] = dictionary(
    SetVariable, _ADDRESS, required("value", text(1000)), _ATTRIBUTE_TYPE
)

# The words of a status and of an attribute type go out thousands of times: one variant of each.
_WORDS: dict[str, Variant] = {
    str(word): Variant("s", str(word))
    for kind in (GetVariableStatus, SetVariableStatus, AttributeType)
    for word in kind
}


def get_variables(requests: list[dict[str, Variant]]) -> list[GetVariable]:
    """Read the items of GetVariables; raises InvalidArgument."""
    return from_dicts("requests", _GET, requests, MAX_ITEMS)


def set_variables(requests: list[dict[str, Variant]]) -> list[SetVariable]:
    """Read the items of SetVariables; raises InvalidArgument."""
    return from_dicts("requests", _SET, requests, MAX_ITEMS)


def component_variables(items: list[dict[str, Variant]]) -> list[ComponentVariable]:
    """Read the items of MonitorVariables; raises InvalidArgument."""
    return from_dicts("component_variables", _component_variable, items, MAX_ITEMS)


def evse(ref: EvseRef) -> Variant:
    """Write a reference to an EVSE, and perhaps to a connector."""
    fields = {"id": Variant("i", ref.id)}
    if ref.connector_id is not None:
        fields["connector_id"] = Variant("i", ref.connector_id)
    return Variant("a{sv}", fields)


def component_variable(address: ComponentVariable) -> Variant:
    """Write the address of a variable."""
    component = {"name": Variant("s", address.component.name)}
    if address.component.instance is not None:
        component["instance"] = Variant("s", address.component.instance)
    if address.component.evse is not None:
        component["evse"] = evse(address.component.evse)
    variable = {"name": Variant("s", address.variable.name)}
    if address.variable.instance is not None:
        variable["instance"] = Variant("s", address.variable.instance)
    return Variant(
        "a{sv}",
        {"component": Variant("a{sv}", component), "variable": Variant("a{sv}", variable)},
    )


def _echo(address: ComponentVariable, asked: ComponentVariable, raw: dict[str, Variant]) -> Variant:
    """Write an address; as it came in where that is the same, which is most of the work saved."""
    if address is asked and address.component.evse is None:
        return raw["component_variable"]
    return component_variable(address)


def _head(
    result: GetVariableResult | SetVariableResult,
    request: GetVariable | SetVariable,
    raw: dict[str, Variant],
) -> dict[str, Variant]:
    """Write what results of reading and of writing have in common."""
    fields = {
        "status": _WORDS[result.status],
        "component_variable": _echo(result.address, request.address, raw),
    }
    if result.attribute_type is not None:
        fields["attribute_type"] = _WORDS[result.attribute_type]
    return fields


def get_variable_results(
    results: list[GetVariableResult],
    requests: list[GetVariable],
    raw: list[dict[str, Variant]],
) -> list[dict[str, Variant]]:
    """Write the results of GetVariables, which belong one by one to the requests."""
    written = []
    for result, request, item in zip(results, requests, raw, strict=True):
        fields = _head(result, request, item)
        if result.value is not None:
            fields["value"] = Variant("s", result.value)
        written.append(fields)
    return written


def set_variable_results(
    results: list[SetVariableResult],
    requests: list[SetVariable],
    raw: list[dict[str, Variant]],
) -> list[dict[str, Variant]]:
    """Write the results of SetVariables, which belong one by one to the requests."""
    return [
        _head(result, request, item)
        for result, request, item in zip(results, requests, raw, strict=True)
    ]


def status_info(info: StatusInfo) -> Variant:
    """Write why something is so."""
    fields = {"reason_code": Variant("s", info.reason_code)}
    if info.additional_info is not None:
        fields["additional_info"] = Variant("s", info.additional_info)
    return Variant("a{sv}", fields)


def event_data(event: EventData) -> dict[str, Variant]:
    """Write the change of a monitored variable."""
    fields: dict[str, Variant] = {
        "component_variable": component_variable(event.address),
        "event_id": Variant("i", event.event_id),
        "timestamp": Variant("s", rfc3339(event.timestamp)),
        "trigger": Variant("s", event.trigger.value),
        "actual_value": Variant("s", event.actual_value),
        "event_notification_type": Variant("s", event.event_notification_type.value),
    }
    rest: tuple[tuple[str, str, Any], ...] = (
        ("cause", "i", event.cause),
        ("tech_code", "s", event.tech_code),
        ("tech_info", "s", event.tech_info),
        ("cleared", "b", event.cleared),
        ("transaction_id", "s", event.transaction_id),
        ("variable_monitoring_id", "i", event.variable_monitoring_id),
    )
    fields.update({key: Variant(kind, value) for key, kind, value in rest if value is not None})
    return fields
