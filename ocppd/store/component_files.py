"""Component files: which variables components have, in YAML.

A file describes one component, or several in a list:

    component: FloodSensor          # name, perhaps with instance, evse and connector
    evse: 1
    variables:
      Active: {mutability: ReadOnly, value: false}
      "Level[north]": {type: decimal, unit: m, min: 0, max: 2, value: 0.5}

What OCPP standardizes (the type of `Active`, all variables of a `TokenReader`) need not be
repeated: it comes from the files of the package, which have the same form. Those also say, with
`scope`, to which part of the topology a component belongs, and with `present: false` that a station
has it only if a file of its own names it. In a file of the station `values` are initial values:

    values:
      - {component: AuthCtrlr, variable: LocalPreAuthorize, value: false}
      - {component: EVSE, evse: 1, variable: Power, attribute: MaxSet, value: 22000}

and `keys` are configuration keys that the station has in OCPP 1.6 beyond those of the standard:

    keys:
      FloodLimit: {component: FloodSensor, evse: 1, variable: "Level[north]"}
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ocppd.device_model.definitions import AttributeDefinition, VariableDefinition
from ocppd.device_model.values import complaint
from ocppd.model.variables import (
    AttributeType,
    Characteristics,
    Component,
    ComponentVariable,
    DataType,
    EvseRef,
    Mutability,
    Variable,
)
from ocppd.station.connection_settings import is_connection_setting
from ocppd.strict_yaml import Node, load

_PACKAGE = Path(__file__).with_name("components")
_SCOPES = ("station", "evse", "connector", "slot")
_NAME = re.compile(r"([^\[\]]{1,50})(?:\[([^\[\]]{1,50})\])?")
_LONGEST_NAME = 50

_ADDRESS = ("instance", "evse", "connector")
_ATTRIBUTE = ("mutability", "value", "persistent", "constant")
_VARIABLE = (
    *_ATTRIBUTE,
    "type",
    "unit",
    "min",
    "max",
    "values",
    "max_elements",
    "monitorable",
    "required",
    "reboot",
    "zero_allowed",
    "present",
    "attributes",
)


@dataclass(frozen=True, slots=True)
class Template:
    """A variable without an address."""

    characteristics: Characteristics
    attributes: tuple[AttributeDefinition, ...]
    required: bool = False
    reboot: bool = False
    zero_allowed: bool = False
    present: bool = True

    def at(self, component: Component, name: tuple[str, str | None]) -> VariableDefinition:
        """Return the variable at an address."""
        return VariableDefinition(
            ComponentVariable(component, Variable(*name)),
            self.characteristics,
            self.attributes,
            self.required,
            self.reboot,
            self.zero_allowed,
        )


Name = tuple[str, str | None]
"""A variable's name and instance."""


@dataclass(slots=True)
class ComponentTemplate:
    """A component that OCPP, or this daemon, standardizes."""

    name: str
    scope: str = "station"
    present: bool = True
    variables: dict[Name, Template] = field(default_factory=dict)

    def at(self, component: Component) -> list[VariableDefinition]:
        """Return the variables that a component has without being asked for."""
        return [
            template.at(component, name)
            for name, template in self.variables.items()
            if template.present
        ]


@dataclass(slots=True)
class Catalogue:
    """All that is standardized."""

    components: dict[str, ComponentTemplate] = field(default_factory=dict)
    variables: dict[Name, Template] = field(default_factory=dict)
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def find(self, component: str, name: Name) -> Template | None:
        """Return what is known of a variable: of this component, of its name, or of any."""
        for templates in (
            self.components[component].variables if component in self.components else {},
            self.variables,
        ):
            for each in (name, (name[0], None)):
                if each in templates:
                    return templates[each]
        return None


@dataclass(frozen=True, slots=True)
class InitialValue:
    """An initial value that a file of the station gives."""

    address: ComponentVariable
    attribute_type: AttributeType
    value: str
    node: Node


def package_files() -> list[Path]:
    """Return the files of the package, in the order of their names."""
    return sorted(_PACKAGE.glob("*.yaml"))


def station_files(folder: Path | None) -> list[Path]:
    """Return the station's own files, in the order of their names; none without the folder."""
    return sorted(folder.glob("*.yaml")) if folder is not None else []


def read_catalogue() -> Catalogue:
    """Read the files of the package."""
    catalogue = Catalogue()
    lists = load(_PACKAGE / "lists.yaml")
    catalogue.lists = {name: node.texts() for name, node in lists.mapping().items()}
    generic = load(_PACKAGE / "generic.yaml")
    for key, node in generic.mapping(("variables", "components"))["variables"].mapping().items():
        catalogue.variables[key, None] = _template(node, None, catalogue)
    for name in generic.mapping()["components"].texts():
        catalogue.components[name] = ComponentTemplate(name, present=False)
    for path in package_files():
        if path.name in ("lists.yaml", "generic.yaml"):
            continue
        root = load(path)
        members = root.mapping(("component", "variables"), ("scope", "present"))
        component = ComponentTemplate(members["component"].text(max_length=_LONGEST_NAME))
        if scope := root.get("scope"):
            component.scope = scope.one_of(*_SCOPES)
        if present := root.get("present"):
            component.present = present.flag()
        for key, node in members["variables"].mapping().items():
            component.variables[_name(key, node)] = _template(node, None, catalogue)
        catalogue.components[component.name] = component
    return catalogue


def read_station_file(
    path: Path, catalogue: Catalogue
) -> tuple[list[VariableDefinition], list[InitialValue]]:
    """Read a file of the station: more components, and initial values.

    Raises:
        YamlError: a mistake

    """
    return station_file(load(path), catalogue)


def station_file(
    root: Node, catalogue: Catalogue
) -> tuple[list[VariableDefinition], list[InitialValue]]:
    """Read the document of a file of the station, as `read_station_file`."""
    if root.is_null:
        return [], []
    definitions: list[VariableDefinition] = []
    initial_values: list[InitialValue] = []
    if "component" in root.mapping():
        definitions += _component(root, catalogue)
    else:
        root.mapping((), ("components", "values", "keys"))
        if components := root.get("components"):
            for node in components.items():
                definitions += _component(node, catalogue)
        if values := root.get("values"):
            initial_values = [_initial_value(node) for node in values.items()]
    return definitions, initial_values


def read_keys(folder: Path | None) -> dict[str, ComponentVariable]:
    """Read the configuration keys of OCPP 1.6 that the station's files add.

    Raises:
        YamlError: a mistake; also a key that would reach a setting of the connection

    """
    keys: dict[str, ComponentVariable] = {}
    for path in station_files(folder):
        keys |= {name: address for name, (address, _) in station_keys(load(path)).items()}
    return keys


def station_components(root: Node) -> list[tuple[Component, Node]]:
    """Return the components of a document that was read already, each with its place."""
    if root.is_null:
        return []
    listed = root.get("components")
    nodes = [root] if "component" in root.mapping() else listed.items() if listed else []
    return [(_address(node), node) for node in nodes]


def station_keys(root: Node) -> dict[str, tuple[ComponentVariable, Node]]:
    """Read the configuration keys of OCPP 1.6 in a file of the station, as `read_keys`."""
    keys: dict[str, tuple[ComponentVariable, Node]] = {}
    node = None if root.is_null else root.get("keys")
    for name, each in node.mapping().items() if node is not None else ():
        if len(name) > _LONGEST_NAME:
            raise each.error(f"a key has at most {_LONGEST_NAME} characters")
        members = each.mapping(("component", "variable"), _ADDRESS)
        variable = Variable(*_name(members["variable"].text(), members["variable"]))
        address = ComponentVariable(_address(each), variable)
        if is_connection_setting(address):
            raise each.error("a setting of the connection is no key of the station's own")
        keys[name] = address, each
    return keys


def _component(node: Node, catalogue: Catalogue) -> list[VariableDefinition]:
    members = node.mapping(("component",), (*_ADDRESS, "variables"))
    component = _address(node)
    variables = node.get("variables")
    if variables is None:
        template = catalogue.components.get(component.name)
        if template is None or not template.variables:
            raise members["component"].error(
                f"the variables of {component.name} are not standardized; name them"
            )
        return template.at(component)
    definitions = []
    for key, each in variables.mapping().items():
        name = _name(key, each)
        known = catalogue.find(component.name, name)
        definitions.append(_template(each, known, catalogue).at(component, name))
    return definitions


def _address(node: Node) -> Component:
    name = node.mapping()["component"].text(min_length=1, max_length=_LONGEST_NAME)
    instance = node.get("instance")
    evse, connector = node.get("evse"), node.get("connector")
    if connector is not None and evse is None:
        raise connector.error("a connector needs an evse")
    return Component(
        name,
        instance.written() if instance is not None else None,
        None
        if evse is None
        else EvseRef(
            evse.integer(minimum=1), connector.integer(minimum=1) if connector is not None else None
        ),
    )


def _initial_value(node: Node) -> InitialValue:
    members = node.mapping(("component", "variable", "value"), (*_ADDRESS, "attribute"))
    name = _name(members["variable"].text(), members["variable"])
    attribute = node.get("attribute")
    return InitialValue(
        ComponentVariable(_address(node), Variable(*name)),
        AttributeType(attribute.one_of(*AttributeType)) if attribute else AttributeType.ACTUAL,
        members["value"].written(),
        members["value"],
    )


def _name(key: str, node: Node) -> Name:
    match = _NAME.fullmatch(key)
    if match is None:
        raise node.error("a variable is called Name or Name[instance], each of 50 characters")
    return match[1], match[2]


def _template(node: Node, base: Template | None, catalogue: Catalogue) -> Template:
    members = node.mapping((), _VARIABLE) if not node.is_null else {}
    if base is None and "type" not in members:
        raise node.error("the type is missing")
    characteristics = _characteristics(members, base, catalogue)
    attributes = {each.type: each for each in base.attributes} if base else {}
    if base is None or any(key in members for key in _ATTRIBUTE):
        others = members.get("attributes")
        if others is None or base is not None or any(key in members for key in _ATTRIBUTE[:2]):
            attributes[AttributeType.ACTUAL] = _attribute(
                AttributeType.ACTUAL, members, attributes.get(AttributeType.ACTUAL)
            )
    if "attributes" in members:
        for name, each in members["attributes"].mapping().items():
            if name not in set(AttributeType):
                raise each.error("attributes are " + ", ".join(AttributeType))
            inherited = {key: members[key] for key in ("persistent",) if key in members}
            kind = AttributeType(name)
            attributes[kind] = _attribute(
                kind, inherited | each.mapping((), _ATTRIBUTE), attributes.get(kind)
            )
    zero_allowed = _flag(members, "zero_allowed", base.zero_allowed if base else False)
    _check_values(node, members, characteristics, attributes, zero_allowed=zero_allowed)
    return Template(
        characteristics,
        tuple(attributes.values()),
        required=_flag(members, "required", base.required if base else False),
        reboot=_flag(members, "reboot", base.reboot if base else False),
        zero_allowed=zero_allowed,
        # The station's own file names it, so it is there.
        present=_flag(members, "present", default=True),
    )


def _characteristics(
    members: Mapping[str, Node], base: Template | None, catalogue: Catalogue
) -> Characteristics:
    if base is not None:
        characteristics = base.characteristics
    else:
        characteristics = Characteristics(DataType(members["type"].one_of(*DataType)))
    if "type" in members:
        characteristics = replace(
            characteristics, data_type=DataType(members["type"].one_of(*DataType))
        )
    if "unit" in members:
        characteristics = replace(characteristics, unit=members["unit"].text(max_length=16))
    if "min" in members:
        characteristics = replace(characteristics, min_limit=members["min"].number())
    if "max" in members:
        characteristics = replace(characteristics, max_limit=members["max"].number())
    if "max_elements" in members:
        most = members["max_elements"].integer(minimum=1)
        characteristics = replace(characteristics, max_elements=most)
    if "monitorable" in members:
        flag = members["monitorable"].flag()
        characteristics = replace(characteristics, supports_monitoring=flag)
    if "values" in members:
        node = members["values"]
        if isinstance(node.value, str):
            if node.value not in catalogue.lists:
                raise node.error(f"there is no list {node.value}")
            values = catalogue.lists[node.value]
        else:
            values = tuple(each.written() for each in node.items())
        characteristics = replace(characteristics, values_list=values)
    return characteristics


def _attribute(
    kind: AttributeType, members: Mapping[str, Node], base: AttributeDefinition | None
) -> AttributeDefinition:
    """Read an attribute; what nobody says is ReadOnly, so that no file opens more than it says."""
    base = base or AttributeDefinition(kind, Mutability.READ_ONLY)
    if "mutability" in members:
        base = replace(base, mutability=Mutability(members["mutability"].one_of(*Mutability)))
    if "value" in members and not members["value"].is_null:
        base = replace(base, value=members["value"].written())
    return replace(
        base,
        persistent=_flag(members, "persistent", base.persistent),
        constant=_flag(members, "constant", base.constant),
    )


def _check_values(
    node: Node,
    members: Mapping[str, Node],
    characteristics: Characteristics,
    attributes: Mapping[AttributeType, AttributeDefinition],
    *,
    zero_allowed: bool,
) -> None:
    for attribute in attributes.values():
        if not attribute.value:
            continue
        problem = complaint(attribute.value, characteristics, zero_allowed=zero_allowed)
        if problem is not None:
            place = members.get("value", node)
            raise place.error(f"{attribute.value[:60]}: {problem.additional_info}")


def _flag(members: Mapping[str, Node], key: str, default: bool) -> bool:
    return members[key].flag() if key in members else default
