"""The device model: every variable of the station, behind all versions of OCPP.

Names and instances are found whatever their case, as OCPP wants it; results repeat the address as
it was asked for. What the CSMS may do is bound by each attribute's mutability; the station's own
side (any source other than `csms`) may also write what is ReadOnly. What is WriteOnly is read by
nobody but the code itself, through `text()`.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

from ocppd.device_model.definitions import AttributeDefinition, VariableDefinition
from ocppd.device_model.names import DeviceDataCtrlr
from ocppd.device_model.values import Value, complaint, members_of, spell
from ocppd.model.variables import (
    AttributeType,
    Characteristics,
    Component,
    ComponentVariable,
    DataType,
    GetVariable,
    GetVariableResult,
    GetVariableStatus,
    Mutability,
    SetVariable,
    SetVariableResult,
    SetVariableStatus,
    StatusInfo,
)

_LOG = logging.getLogger(__name__)

CSMS = "csms"
"""The source of what the CSMS writes, and the one that mutability binds."""
INTERNAL = "internal"
"""The source of what the station itself sets."""
FACTORY = "factory"
"""The source of a value that was reset."""

LONGEST_VALUE = 2500
_MOST_SPELLINGS = 4096

Observer = Callable[[ComponentVariable, str, str, str], object]
"""Gets the address as it is defined, the value before, the value now, and the source."""
Verdict = SetVariableStatus | tuple[SetVariableStatus, StatusInfo | None] | None
Guard = Callable[[str], Verdict]
"""Gets the new value: refuses it, has more to say of it (RebootRequired), or (None) lets it be."""

_Key = tuple[str, str, int | None, int | None]


class VariableStore(Protocol):
    """Where values that changed at run time survive."""

    def atomically(self) -> AbstractContextManager[None]:
        """Write all or nothing of what the block holds; nests."""

    def save_attribute(
        self,
        address: ComponentVariable,
        attribute_type: AttributeType,
        value: str | None,
        source: str,
    ) -> None:
        """Save the value of an attribute; None is back to the factory value."""


class Attribute:
    """One attribute of a variable, with its value; an empty text is no value."""

    __slots__ = ("definition", "source", "value")

    def __init__(self, definition: AttributeDefinition) -> None:
        self.definition = definition
        self.value = definition.value or ""
        self.source = FACTORY


class ModelVariable:
    """A variable with its attributes; to be read outside of this module, not to be changed."""

    __slots__ = (
        "actual",
        "attributes",
        "characteristics",
        "compute",
        "definition",
        "guards",
        "observers",
    )

    def __init__(self, definition: VariableDefinition) -> None:
        self.definition = definition
        self.characteristics = definition.characteristics
        self.attributes = {each.type: Attribute(each) for each in definition.attributes}
        self.actual = self.attributes.get(AttributeType.ACTUAL)
        self.compute: Callable[[], Value] | None = None
        self.guards: list[Guard] = []
        self.observers: list[Observer] = []

    @property
    def address(self) -> ComponentVariable:
        """The address as it is defined."""
        return self.definition.address

    def value_of(self, attribute: Attribute) -> str:
        """Return the present value of an attribute, secrets included; empty if it has none."""
        if self.compute is not None and attribute is self.actual:
            return spell(self.compute()) or ""
        return attribute.value

    def readable_value_of(self, attribute: Attribute) -> str | None:
        """Return the present value of an attribute, or None if it is WriteOnly."""
        if attribute.definition.mutability is Mutability.WRITE_ONLY:
            return None
        return self.value_of(attribute)


class DeviceModel:
    """All variables of the station."""

    def __init__(
        self, definitions: Iterable[VariableDefinition] = (), store: VariableStore | None = None
    ) -> None:
        """Start with the factory values of all definitions; without a store nothing survives."""
        self._store = store
        self._components: dict[_Key, dict[tuple[str, str], ModelVariable]] = {}
        self._by_spelling: dict[ComponentVariable, ModelVariable] = {}
        self._observers: list[Observer] = []
        for definition in definitions:
            self.define(definition)

    # What there is

    def define(self, definition: VariableDefinition) -> None:
        """Add a variable; one that exists is replaced and loses its value."""
        address = definition.address
        variables = self._components.setdefault(_component_key(address.component), {})
        variables[_variable_key(address)] = ModelVariable(definition)
        self._by_spelling.clear()

    def remove(self, component: Component) -> None:
        """Take a component out, with all its variables."""
        if self._components.pop(_component_key(component), None) is not None:
            self._by_spelling.clear()

    def describe(self, address: ComponentVariable, **changes: object) -> None:
        """Change characteristics at run time, such as `max_limit` when the hardware tells it.

        An unknown variable is left alone.
        """
        variable = self.find(address)
        if variable is not None:
            changed: Characteristics = replace(variable.characteristics, **changes)  # type: ignore[arg-type]
            variable.characteristics = changed

    def find(self, address: ComponentVariable) -> ModelVariable | None:
        """Return a variable, whatever the case of its names."""
        found = self._by_spelling.get(address)
        if found is not None:
            return found
        variables = self._components.get(_component_key(address.component))
        if variables is None:
            return None
        found = variables.get(_variable_key(address))
        if found is not None:
            if len(self._by_spelling) >= _MOST_SPELLINGS:
                self._by_spelling.clear()
            self._by_spelling[address] = found
        return found

    def has_component(self, component: Component) -> bool:
        """Tell whether there is such a component."""
        return _component_key(component) in self._components

    def variables(self) -> Iterator[ModelVariable]:
        """Return all variables, component by component."""
        for variables in self._components.values():
            yield from variables.values()

    def components(self) -> Iterator[tuple[ModelVariable, ...]]:
        """Return the variables of each component."""
        for variables in self._components.values():
            yield tuple(variables.values())

    # What the code reads

    def text(self, address: ComponentVariable, default: str = "") -> str:
        """Return the actual value, secrets included; the default if there is none."""
        variable = self._by_spelling.get(address) or self.find(address)
        if variable is None or variable.actual is None:
            return default
        if variable.compute is not None:
            return variable.value_of(variable.actual) or default
        return variable.actual.value or default

    def flag(self, address: ComponentVariable, default: bool = False) -> bool:
        """Return the actual value of a boolean."""
        text = self.text(address)
        return text == "true" if text else default

    def integer(self, address: ComponentVariable, default: int = 0) -> int:
        """Return the actual value of an integer."""
        text = self.text(address)
        try:
            return int(text) if text else default
        except ValueError:
            return default

    def decimal(self, address: ComponentVariable, default: float = 0.0) -> float:
        """Return the actual value of a number."""
        text = self.text(address)
        try:
            return float(text) if text else default
        except ValueError:
            return default

    def members(self, address: ComponentVariable) -> tuple[str, ...]:
        """Return the elements of a list, in order."""
        return members_of(self.text(address))

    def has(self, address: ComponentVariable) -> bool:
        """Tell whether a variable exists and has an actual value."""
        return bool(self.text(address))

    # What is asked from outside

    def read(self, item: GetVariable, source: str = CSMS) -> GetVariableResult:
        """Read one attribute (B06).

        An attribute without value is an empty text for the CSMS (B06.FR.13), and
        NotSupportedAttributeType for everybody else.
        """
        address = item.address
        attribute_type = item.attribute_type or AttributeType.ACTUAL  # B06.FR.11
        variable = self._by_spelling.get(address) or self.find(address)
        if variable is None:
            if address.component.name and self.has_component(address.component):
                status = GetVariableStatus.UNKNOWN_VARIABLE
            else:
                status = GetVariableStatus.UNKNOWN_COMPONENT
            return GetVariableResult(address, status, None, attribute_type)
        attribute = variable.attributes.get(attribute_type)
        if attribute is None:
            status = GetVariableStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE
            return GetVariableResult(address, status, None, attribute_type)
        value = variable.readable_value_of(attribute)
        if value is None:  # B06.FR.09
            info = StatusInfo("WriteOnly")
            return GetVariableResult(
                address, GetVariableStatus.REJECTED, None, attribute_type, info
            )
        if not value and source != CSMS:
            status = GetVariableStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE
            return GetVariableResult(address, status, None, attribute_type)
        limit = self._longest_reported()
        if len(value) > limit:
            value = value[:limit]
        return GetVariableResult(address, GetVariableStatus.ACCEPTED, value, attribute_type)

    def _longest_reported(self) -> int:
        text = self.text(DeviceDataCtrlr.ReportingValueSize)
        return int(text) if text else LONGEST_VALUE

    def check(
        self, item: SetVariable, source: str = CSMS
    ) -> tuple[SetVariableStatus, StatusInfo | None]:
        """Tell what `write` would answer, without writing; guards are asked too."""
        address = item.address
        attribute_type = item.attribute_type or AttributeType.ACTUAL  # B05.FR.12
        variable = self._by_spelling.get(address) or self.find(address)
        if variable is None:
            if address.component.name and self.has_component(address.component):
                return SetVariableStatus.UNKNOWN_VARIABLE, None  # B05.FR.05
            return SetVariableStatus.UNKNOWN_COMPONENT, None  # B05.FR.04
        attribute = variable.attributes.get(attribute_type)
        if attribute is None:
            return SetVariableStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE, None  # B05.FR.06
        if source == CSMS and attribute.definition.mutability is Mutability.READ_ONLY:
            return SetVariableStatus.REJECTED, StatusInfo("ReadOnly")  # B05.FR.09
        problem = self._problem(variable, attribute_type, item.value)
        if problem is not None:
            return SetVariableStatus.REJECTED, problem  # B05.FR.07, FR.08
        if attribute_type is not AttributeType.ACTUAL:
            return SetVariableStatus.ACCEPTED, None
        return _judge(variable, item.value)

    def write(self, item: SetVariable, source: str = CSMS) -> SetVariableResult:
        """Write one attribute (B05): validated, saved, and told to the observers."""
        status, info = self.check(item, source)
        attribute_type = item.attribute_type or AttributeType.ACTUAL
        if status in (SetVariableStatus.ACCEPTED, SetVariableStatus.REBOOT_REQUIRED):
            variable = self.find(item.address)
            if variable is not None:
                self._put(variable, attribute_type, item.value, source)
        return SetVariableResult(item.address, status, attribute_type, info)

    def set_actual(self, address: ComponentVariable, value: Value, source: str = INTERNAL) -> None:
        """Set the actual value as the station knows it, without asking for permission.

        An unknown variable is left alone: a station may lack any that it does not need.
        """
        variable = self._by_spelling.get(address) or self.find(address)
        if variable is not None:
            self._put(variable, AttributeType.ACTUAL, spell(value) or "", source)

    def set_attribute(
        self,
        address: ComponentVariable,
        attribute_type: AttributeType,
        value: Value,
        source: str = INTERNAL,
    ) -> None:
        """Set any attribute as the station knows it; one that is not defined is left alone."""
        variable = self.find(address)
        if variable is not None and attribute_type in variable.attributes:
            self._put(variable, attribute_type, spell(value) or "", source)

    def restore(
        self,
        address: ComponentVariable,
        attribute_type: AttributeType,
        value: str,
        source: str,
    ) -> bool:
        """Take a saved value back at the start; False if it does not fit the definitions now."""
        variable = self.find(address)
        attribute = variable.attributes.get(attribute_type) if variable else None
        if variable is None or attribute is None or not attribute.definition.persistent:
            return False
        if value and self._problem(variable, attribute_type, value) is not None:
            return False
        attribute.value = value
        attribute.source = source
        return True

    def reset(self, address: ComponentVariable | None = None) -> None:
        """Put one variable, or all, back to the factory values, and tell the observers.

        Values that are not persistent are states, not settings, and stay.
        """
        if address is None:
            variables = list(self.variables())
        else:
            found = self.find(address)
            variables = [found] if found else []
        for variable in variables:
            for attribute_type, attribute in variable.attributes.items():
                if attribute.source != FACTORY and attribute.definition.persistent:
                    self._put(variable, attribute_type, attribute.definition.value or "", FACTORY)

    # What follows from a change

    def observe(self, address: ComponentVariable | None, observer: Observer) -> Callable[[], None]:
        """Call an observer after an actual value, or with None any, has changed.

        Returns a function that ends it. An unknown variable never changes.
        """
        if address is None:
            observers = self._observers
        else:
            variable = self.find(address)
            observers = [] if variable is None else variable.observers
        observers.append(observer)

        def end() -> None:
            if observer in observers:
                observers.remove(observer)

        return end

    def guard(self, address: ComponentVariable, guard: Guard) -> None:
        """Ask a function before each write from outside of an actual value.

        It refuses with a status, qualifies with RebootRequired, or returns None.
        """
        variable = self.find(address)
        if variable is not None:
            variable.guards.append(guard)

    def compute(self, address: ComponentVariable, compute: Callable[[], Value]) -> None:
        """Ask a function for the actual value at each reading; its changes are not observed."""
        variable = self.find(address)
        if variable is not None:
            variable.compute = compute

    # Inside

    def _put(
        self, variable: ModelVariable, attribute_type: AttributeType, value: str, source: str
    ) -> None:
        attribute = variable.attributes.get(attribute_type)
        if attribute is None:
            return
        old = attribute.value
        if old == value and (source == attribute.source or not attribute.definition.persistent):
            return
        attribute.value = value
        attribute.source = source
        if self._store is not None and attribute.definition.persistent:
            with self._store.atomically():
                self._store.save_attribute(
                    variable.address, attribute_type, None if source == FACTORY else value, source
                )
        if old != value and attribute_type is AttributeType.ACTUAL:
            for observer in (*variable.observers, *self._observers):
                try:
                    observer(variable.address, old, value, source)
                except Exception:
                    # One that fails must neither undo the write nor keep the others from it.
                    _LOG.exception("An observer of %s failed", variable.address)

    def _problem(
        self, variable: ModelVariable, attribute_type: AttributeType, value: str
    ) -> StatusInfo | None:
        if len(value) > (limit := self._longest_value()):
            return StatusInfo("TooLargeElement", f"the longest is {limit} characters")
        definition = variable.definition
        problem = complaint(value, variable.characteristics, zero_allowed=definition.zero_allowed)
        if problem is not None or len(variable.attributes) == 1:
            return problem
        return _out_of_set_range(variable, attribute_type, value)

    def _longest_value(self) -> int:
        for address in (DeviceDataCtrlr.ConfigurationValueSize, DeviceDataCtrlr.ValueSize):
            if text := self.text(address):
                return min(int(text), LONGEST_VALUE)
        return LONGEST_VALUE


def _component_key(component: Component) -> _Key:
    evse = component.evse
    instance = component.instance
    return (
        component.name.casefold(),
        instance.casefold() if instance else "",
        evse.id if evse is not None else None,
        evse.connector_id if evse is not None else None,
    )


def _variable_key(address: ComponentVariable) -> tuple[str, str]:
    variable = address.variable
    instance = variable.instance
    return variable.name.casefold(), instance.casefold() if instance else ""


def _judge(variable: ModelVariable, value: str) -> tuple[SetVariableStatus, StatusInfo | None]:
    """Ask all guards; the first refusal counts, and RebootRequired outweighs Accepted."""
    status = (
        SetVariableStatus.REBOOT_REQUIRED
        if variable.definition.reboot
        else SetVariableStatus.ACCEPTED
    )
    info: StatusInfo | None = None
    for guard in variable.guards:
        verdict = guard(value)
        if verdict is None:
            continue
        told, told_info = verdict if isinstance(verdict, tuple) else (verdict, None)
        if told is SetVariableStatus.ACCEPTED:
            continue
        status, info = told, told_info
        if told is not SetVariableStatus.REBOOT_REQUIRED:
            break
    return status, info


def _out_of_set_range(
    variable: ModelVariable, attribute_type: AttributeType, value: str
) -> StatusInfo | None:
    """Keep Actual and Target between MinSet and MaxSet, where those are set."""
    data_type = variable.characteristics.data_type
    if data_type not in (DataType.INTEGER, DataType.DECIMAL) or attribute_type not in (
        AttributeType.ACTUAL,
        AttributeType.TARGET,
    ):
        return None
    low = variable.attributes.get(AttributeType.MIN_SET)
    high = variable.attributes.get(AttributeType.MAX_SET)
    if low is not None and low.value and float(value) < float(low.value):
        return StatusInfo("ValueTooLow", f"MinSet is {low.value}")
    if high is not None and high.value and float(value) > float(high.value):
        return StatusInfo("ValueTooHigh", f"MaxSet is {high.value}")
    return None
