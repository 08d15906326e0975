"""Components and variables as OCPP 2.0.1 and 2.1 spell them."""

from ocppd.csms.payload import Payload
from ocppd.model.variables import Component, ComponentVariable, EvseRef, Variable


def decode_component(payload: Payload) -> Component:
    """Read ComponentType."""
    evse = payload.get("evse")
    return Component(
        payload["name"],
        payload.get("instance"),
        None if evse is None else EvseRef(evse["id"], evse.get("connectorId")),
    )


def decode_variable(payload: Payload) -> Variable:
    """Read VariableType."""
    return Variable(payload["name"], payload.get("instance"))


def decode_address(payload: Payload) -> ComponentVariable:
    """Read the members `component` and `variable`."""
    return ComponentVariable(
        decode_component(payload["component"]), decode_variable(payload["variable"])
    )


def encode_component(component: Component) -> Payload:
    """Return ComponentType."""
    payload: Payload = {"name": component.name}
    if component.instance is not None:
        payload["instance"] = component.instance
    evse = component.evse
    if evse is not None:
        payload["evse"] = {"id": evse.id}
        if evse.connector_id is not None:
            payload["evse"]["connectorId"] = evse.connector_id
    return payload


def encode_variable(variable: Variable) -> Payload:
    """Return VariableType."""
    if variable.instance is None:
        return {"name": variable.name}
    return {"name": variable.name, "instance": variable.instance}
