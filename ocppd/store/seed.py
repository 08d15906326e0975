"""The device model of this station: from component files, topology, configuration and the store.

Definitions come from files at each start; the store holds the values alone that changed at run
time. So an update of the package may add, change and remove variables, and what an operator set
stays. Reading the files is slow on a small machine, so the result is kept as JSON beside the store,
and used for as long as nothing that it came from has changed.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ocppd.device_model.definitions import AttributeDefinition, VariableDefinition
from ocppd.device_model.device_model import DeviceModel, VariableStore
from ocppd.device_model.names import Connector, OCPP16LegacyCtrlr, OCPPCommCtrlr
from ocppd.device_model.values import Value, complaint, spell
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
from ocppd.store import component_files
from ocppd.store.component_files import Catalogue, package_files, station_files
from ocppd.strict_yaml import Node, YamlError, load

_LOG = logging.getLogger(__name__)

Topology = Sequence[Sequence[str | None]]
"""The type of each connector of each EVSE, in order; None where it is not known."""
StoredVariables = Mapping[tuple[ComponentVariable, AttributeType], tuple[str, str]]
"""Value and source of each attribute that changed at run time."""

_FORMAT = 1
_FEWEST_SLOTS = 2


def build_device_model(
    topology: Topology,
    *,
    slots: int = _FEWEST_SLOTS,
    values: Mapping[ComponentVariable, Value] | None = None,
    folder: Path | None = None,
    stored: StoredVariables | None = None,
    store: VariableStore | None = None,
    cache: Path | None = None,
) -> DeviceModel:
    """Build the device model.

    Initial values are those of the package, then `values` (of ocppd.yaml), then the files in
    `folder`; what was changed at run time (`stored`) comes last. There are `slots` instances of
    NetworkConfiguration, at least two. `cache` is a file that may be written, or nothing.

    Raises:
        YamlError: a file of the station, or a value of ocppd.yaml, has a mistake

    """
    slots = max(slots, _FEWEST_SLOTS)
    spelled = {address: spell(value) or "" for address, value in (values or {}).items()}
    fingerprint = _fingerprint(topology, slots, spelled, folder)
    definitions = _read_cache(cache, fingerprint)
    if definitions is None:
        definitions = _definitions(topology, slots, spelled, folder)
        _write_cache(cache, fingerprint, definitions)
    device_model = DeviceModel(definitions, store)
    for (address, attribute_type), (value, source) in (stored or {}).items():
        if not device_model.restore(address, attribute_type, value, source):
            _LOG.warning("The saved value of %s does not fit it any more; left out", address)
    return device_model


def mistakes_in(
    topology: Topology,
    roots: Iterable[Node],
    *,
    slots: int = _FEWEST_SLOTS,
    values: Mapping[ComponentVariable, Value] | None = None,
) -> list[YamlError]:
    """Return all that is wrong with what files of the station say together.

    `roots` are their documents, each without a mistake of its own; the rest as for
    `build_device_model`. A key of OCPP 1.6 has to have its variable.
    """
    catalogue = component_files.read_catalogue()
    spelled = {address: spell(value) or "" for address, value in (values or {}).items()}
    documents = list(roots)
    model = _Definitions()
    slots = max(slots, _FEWEST_SLOTS)
    mistakes = _fill(model, catalogue, topology, slots, spelled, documents)
    for root in documents:
        for address, node in component_files.station_keys(root).values():
            if not model.has(address):
                mistakes.append(node.error(f"there is no variable {address}"))
    return mistakes


def _definitions(
    topology: Topology,
    slots: int,
    values: Mapping[ComponentVariable, str],
    folder: Path | None,
) -> list[VariableDefinition]:
    catalogue = component_files.read_catalogue()
    model = _Definitions()
    documents = [load(path) for path in station_files(folder)]
    mistakes = _fill(model, catalogue, topology, slots, values, documents)
    if mistakes:
        raise mistakes[0]
    return model.all()


def _fill(
    model: "_Definitions",
    catalogue: Catalogue,
    topology: Topology,
    slots: int,
    values: Mapping[ComponentVariable, str],
    documents: Iterable[Node],
) -> list[YamlError]:
    """Put all definitions and initial values into a model; returns what is wrong with them."""
    for template in catalogue.components.values():
        if template.present:
            for component in _places(template.name, template.scope, topology, slots):
                model.add(template.at(component))
    _apply_topology(model, topology, slots)
    mistakes = []
    for address, value in values.items():
        problem = model.give(address, AttributeType.ACTUAL, value)
        if problem:
            mistakes.append(YamlError("ocppd.yaml", 0, str(address), problem))
    return mistakes + _apply_files(model, catalogue, documents, topology)


def _places(name: str, scope: str, topology: Topology, slots: int) -> list[Component]:
    match scope:
        case "evse":
            return [Component(name, None, EvseRef(evse_id)) for evse_id in _evse_ids(topology)]
        case "connector":
            return [
                Component(name, None, EvseRef(evse_id, connector_id))
                for evse_id in _evse_ids(topology)
                for connector_id in range(1, len(topology[evse_id - 1]) + 1)
            ]
        case "slot":
            return [Component(name, str(slot)) for slot in range(1, slots + 1)]
        case _:
            return [Component(name)]


def _evse_ids(topology: Topology) -> range:
    return range(1, len(topology) + 1)


class _Definitions:
    """Definitions under their addresses, whatever the case of the names."""

    def __init__(self) -> None:
        self._definitions: dict[tuple[object, ...], VariableDefinition] = {}

    @staticmethod
    def _key(address: ComponentVariable) -> tuple[object, ...]:
        component, variable = address.component, address.variable
        return (
            component.name.casefold(),
            (component.instance or "").casefold(),
            component.evse,
            variable.name.casefold(),
            (variable.instance or "").casefold(),
        )

    def add(self, definitions: Iterable[VariableDefinition]) -> None:
        for definition in definitions:
            self._definitions[self._key(definition.address)] = definition

    def has(self, address: ComponentVariable) -> bool:
        """Tell whether there is such a variable."""
        return self._key(address) in self._definitions

    def change(self, address: ComponentVariable, **characteristics: Any) -> None:
        definition = self._definitions[self._key(address)]
        changed = replace(definition.characteristics, **characteristics)
        self.add([replace(definition, characteristics=changed)])

    def give(
        self, address: ComponentVariable, attribute_type: AttributeType, value: str
    ) -> str | None:
        """Give an attribute its initial value; returns why that is not possible."""
        definition = self._definitions.get(self._key(address))
        if definition is None:
            return f"there is no variable {address}"
        if attribute_type not in {each.type for each in definition.attributes}:
            return f"{address} has no attribute {attribute_type}"
        problem = (
            complaint(value, definition.characteristics, zero_allowed=definition.zero_allowed)
            if value
            else None
        )
        if problem is not None:
            return f"{problem.reason_code}: {problem.additional_info}"
        attributes = tuple(
            replace(each, value=value) if each.type is attribute_type else each
            for each in definition.attributes
        )
        self.add([replace(definition, attributes=attributes)])
        return None

    def all(self) -> list[VariableDefinition]:
        """Return all, in the order of components, so that reports are the same after each start."""
        ordered = sorted(self._definitions.items(), key=lambda item: _order(item[1].address))
        return [definition for _, definition in ordered]


def _order(address: ComponentVariable) -> tuple[str, str, int, int, str, str]:
    component, variable = address.component, address.variable
    evse = component.evse
    return (
        component.name.casefold(),
        component.instance or "",
        evse.id if evse else 0,
        (evse.connector_id or 0) if evse else 0,
        variable.name.casefold(),
        variable.instance or "",
    )


def _apply_topology(model: _Definitions, topology: Topology, slots: int) -> None:
    connectors = 0
    for evse_id in _evse_ids(topology):
        for connector_id, connector_type in enumerate(topology[evse_id - 1], start=1):
            connectors += 1
            if connector_type:
                address = Connector.ConnectorType(evse_id, connector_id)
                model.give(address, AttributeType.ACTUAL, connector_type)
    model.give(OCPP16LegacyCtrlr.NumberOfConnectors, AttributeType.ACTUAL, str(connectors))
    # B09: the slots that there are, for the CSMS to choose from.
    model.change(
        OCPPCommCtrlr.NetworkConfigurationPriority,
        values_list=tuple(str(slot) for slot in range(1, slots + 1)),
    )


def _apply_files(
    model: _Definitions, catalogue: Catalogue, documents: Iterable[Node], topology: Topology
) -> list[YamlError]:
    mistakes = []
    initial_values: list[component_files.InitialValue] = []
    for root in documents:
        definitions, values = component_files.station_file(root, catalogue)
        for component, node in component_files.station_components(root):
            evse = component.evse
            if evse is not None and (
                evse.id > len(topology) or (evse.connector_id or 0) > len(topology[evse.id - 1])
            ):
                mistakes.append(node.error("no such EVSE or connector is configured"))
        model.add(definitions)
        initial_values += values
    for initial in initial_values:
        problem = model.give(initial.address, initial.attribute_type, initial.value)
        if problem:
            mistakes.append(initial.node.error(problem))
    return mistakes


# The cache


def _fingerprint(
    topology: Topology,
    slots: int,
    values: Mapping[ComponentVariable, str],
    folder: Path | None,
) -> str:
    """Return what tells one set of inputs from another: the contents, not the dates, of files."""
    digest = hashlib.sha256(repr((_FORMAT, [list(each) for each in topology], slots)).encode())
    for address, value in sorted(values.items(), key=lambda item: str(item[0])):
        digest.update(repr((str(address), value)).encode())
    code = Path(component_files.__file__)
    for path in (Path(__file__), code, *package_files(), *station_files(folder)):
        with suppress(OSError):  # what cannot be read is told when it is parsed
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _read_cache(cache: Path | None, fingerprint: str) -> list[VariableDefinition] | None:
    if cache is None:
        return None
    try:
        document = json.loads(cache.read_bytes())
        if document["fingerprint"] != fingerprint:
            return None
        return [_from_row(row) for row in document["definitions"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _write_cache(
    cache: Path | None, fingerprint: str, definitions: Sequence[VariableDefinition]
) -> None:
    """Write the cache aside and move it, so that a power cut leaves a whole file or none."""
    if cache is None:
        return
    document = {"fingerprint": fingerprint, "definitions": [_to_row(each) for each in definitions]}
    aside = cache.with_name(cache.name + ".new")
    try:
        aside.touch(mode=0o600)  # initial values may be passwords
        aside.write_text(json.dumps(document, separators=(",", ":")))
        aside.replace(cache)
    except OSError as error:
        _LOG.warning("Cannot keep the component definitions: %s", error)


def _to_row(definition: VariableDefinition) -> list[Any]:
    address, shape = definition.address, definition.characteristics
    evse = address.component.evse
    return [
        [
            address.component.name,
            address.component.instance,
            evse.id if evse else None,
            evse.connector_id if evse else None,
            address.variable.name,
            address.variable.instance,
        ],
        [
            shape.data_type,
            shape.unit,
            shape.min_limit,
            shape.max_limit,
            shape.values_list,
            shape.supports_monitoring,
            shape.max_elements,
        ],
        [
            [each.type, each.mutability, each.value, each.persistent, each.constant]
            for each in definition.attributes
        ],
        [definition.required, definition.reboot, definition.zero_allowed],
    ]


def _from_row(row: list[Any]) -> VariableDefinition:
    (
        (component, instance, evse_id, connector_id, name, variable_instance),
        shape,
        attributes,
        flags,
    ) = row
    evse = None if evse_id is None else EvseRef(evse_id, connector_id)
    data_type, unit, low, high, values, monitorable, most = shape
    return VariableDefinition(
        ComponentVariable(Component(component, instance, evse), Variable(name, variable_instance)),
        Characteristics(DataType(data_type), unit, low, high, tuple(values), monitorable, most),
        tuple(
            AttributeDefinition(AttributeType(kind), Mutability(mutability), value, *rest)
            for kind, mutability, value, *rest in attributes
        ),
        *flags,
    )
