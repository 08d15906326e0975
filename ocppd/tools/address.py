"""Addresses of variables as people type them.

The form is `Component[instance].Variable[instance]@evse.connector`.

A name without a dot is a key of OCPP 1.6: a variable of the component with the empty name. A dot
inside an instance does not separate; a leading dot makes the rest a key, whatever it contains.
"""

import re
from dataclasses import dataclass
from typing import Any

_NAME = r"[^\[\].@=\s][^\[\].@=]*"
_INSTANCE = r"(?:\[(?P<{0}>[^\[\]]+)\])?"
_ADDRESS = re.compile(
    rf"(?P<component>{_NAME}){_INSTANCE.format('component_instance')}"
    rf"\.(?P<variable>{_NAME}){_INSTANCE.format('variable_instance')}"
    r"(?:@(?P<evse>\d{1,9})(?:\.(?P<connector>\d{1,9}))?)?"
)
_KEY = re.compile(r"[^\[\].@=\s][^\[\].@=]*")
HINT = "Component[instance].Variable[instance]@evse.connector, or a key of OCPP 1.6"


class BadAddress(ValueError):
    """The text is no address; the message says what one looks like."""


@dataclass(frozen=True, slots=True)
class Address:
    """A component and a variable; `component` is empty for a key of OCPP 1.6."""

    component: str
    variable: str
    component_instance: str | None = None
    variable_instance: str | None = None
    evse_id: int | None = None
    connector_id: int | None = None

    def __str__(self) -> str:
        """Return the text that parses to this address."""
        if not self.component:
            return f".{self.variable}" if "." in self.variable else self.variable
        text = self.component
        if self.component_instance:
            text += f"[{self.component_instance}]"
        text += f".{self.variable}"
        if self.variable_instance:
            text += f"[{self.variable_instance}]"
        if self.evse_id is not None:
            text += f"@{self.evse_id}"
            if self.connector_id is not None:
                text += f".{self.connector_id}"
        return text

    @classmethod
    def from_dict(cls, item: dict[str, Any]) -> "Address":
        """Read a component_variable, in D-Bus or OCPP spelling of its keys."""
        component = item.get("component", {})
        variable = item.get("variable", {})
        evse = component.get("evse", {})
        return cls(
            component.get("name", ""),
            variable.get("name", ""),
            component.get("instance"),
            variable.get("instance"),
            evse.get("id"),
            evse.get("connector_id", evse.get("connectorId")),
        )

    def component_dict(self, connector_key: str) -> dict[str, Any]:
        """Return the component; `connector_key` is `connector_id` (D-Bus) or `connectorId`."""
        component: dict[str, Any] = {"name": self.component}
        if self.component_instance:
            component["instance"] = self.component_instance
        if self.evse_id is not None:
            component["evse"] = {"id": self.evse_id}
            if self.connector_id is not None:
                component["evse"][connector_key] = self.connector_id
        return component

    def variable_dict(self) -> dict[str, Any]:
        """Return the variable; it is spelled the same on D-Bus and in OCPP."""
        variable: dict[str, Any] = {"name": self.variable}
        if self.variable_instance:
            variable["instance"] = self.variable_instance
        return variable


def parse_address(text: str) -> Address:
    """Read an address.

    Raises BadAddress.
    """
    if _KEY.fullmatch(text):
        return Address("", text)
    if text.startswith(".") and len(text) > 1:
        return Address("", text[1:])
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise BadAddress(f"{text!r} is not an address; expected {HINT}")
    evse, connector = match["evse"], match["connector"]
    return Address(
        match["component"],
        match["variable"],
        match["component_instance"],
        match["variable_instance"],
        int(evse) if evse else None,
        int(connector) if connector else None,
    )


def parse_assignment(text: str) -> tuple[Address, str]:
    """Read `ADDRESS=VALUE`; the value is all that follows the first `=` outside brackets.

    Raises BadAddress.
    """
    depth = 0
    for position, character in enumerate(text):
        depth += (character == "[") - (character == "]")
        if character == "=" and depth == 0:
            return parse_address(text[:position]), text[position + 1 :]
    raise BadAddress(f"{text!r} has no '='; expected ADDRESS=VALUE with ADDRESS = {HINT}")
