"""Components and variables as OCPP 2.0.1 and 2.1 spell them."""

from functools import lru_cache

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
    component, variable = payload["component"], payload["variable"]
    evse = component.get("evse") or {}
    return _address(
        component["name"],
        component.get("instance"),
        evse.get("id"),
        evse.get("connectorId"),
        variable["name"],
        variable.get("instance"),
    )


@lru_cache(maxsize=1024)
def _address(
    component: str,
    component_instance: str | None,
    evse_id: int | None,
    connector_id: int | None,
    variable: str,
    variable_instance: str | None,
) -> ComponentVariable:
    """Return an address; a CSMS asks for the same ones again and again."""
    evse = None if evse_id is None else EvseRef(evse_id, connector_id)
    return ComponentVariable(
        Component(component, component_instance, evse), Variable(variable, variable_instance)
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
