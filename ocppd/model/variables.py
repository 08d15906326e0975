"""Components, variables, and requests to read and write them."""

from dataclasses import dataclass, field
from enum import StrEnum


class AttributeType(StrEnum):
    """AttributeEnumType."""

    ACTUAL = "Actual"
    TARGET = "Target"
    MIN_SET = "MinSet"
    MAX_SET = "MaxSet"


class Mutability(StrEnum):
    """MutabilityEnumType: what the CSMS may do with an attribute."""

    READ_ONLY = "ReadOnly"
    WRITE_ONLY = "WriteOnly"
    READ_WRITE = "ReadWrite"


class DataType(StrEnum):
    """DataEnumType."""

    STRING = "string"
    DECIMAL = "decimal"
    INTEGER = "integer"
    DATE_TIME = "dateTime"
    BOOLEAN = "boolean"
    OPTION_LIST = "OptionList"
    SEQUENCE_LIST = "SequenceList"
    MEMBER_LIST = "MemberList"


class GetVariableStatus(StrEnum):
    """GetVariableStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNKNOWN_COMPONENT = "UnknownComponent"
    UNKNOWN_VARIABLE = "UnknownVariable"
    NOT_SUPPORTED_ATTRIBUTE_TYPE = "NotSupportedAttributeType"


class SetVariableStatus(StrEnum):
    """SetVariableStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNKNOWN_COMPONENT = "UnknownComponent"
    UNKNOWN_VARIABLE = "UnknownVariable"
    NOT_SUPPORTED_ATTRIBUTE_TYPE = "NotSupportedAttributeType"
    REBOOT_REQUIRED = "RebootRequired"


@dataclass(frozen=True, slots=True)
class EvseRef:
    """EVSEType: an EVSE (1..n; 0 is the station), and perhaps one of its connectors (1..m)."""

    id: int
    connector_id: int | None = None


@dataclass(frozen=True, slots=True)
class Component:
    """A component of the device model; an empty name stands for "1.6 key"."""

    name: str
    instance: str | None = None
    evse: EvseRef | None = None


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a component."""

    name: str
    instance: str | None = None


@dataclass(frozen=True, slots=True)
class ComponentVariable:
    """The address of one datum of the device model."""

    component: Component
    variable: Variable

    def __hash__(self) -> int:
        """Return the same as the generated one would distinguish, at a third of its cost."""
        component, variable = self.component, self.variable
        return hash(
            (component.name, component.instance, component.evse, variable.name, variable.instance)
        )

    def __str__(self) -> str:
        """Return the address as people write it: `Component[x].Variable[y]@evse.connector`."""
        component, variable = self.component, self.variable
        text = component.name + (f"[{component.instance}]" if component.instance else "")
        text += "." + variable.name + (f"[{variable.instance}]" if variable.instance else "")
        if component.evse is not None:
            text += f"@{component.evse.id}"
            if component.evse.connector_id is not None:
                text += f".{component.evse.connector_id}"
        return text


@dataclass(frozen=True, slots=True)
class StatusInfo:
    """StatusInfoType: why, as a code of at most 20 characters and a text of at most 1024."""

    reason_code: str
    additional_info: str | None = None


@dataclass(frozen=True, slots=True)
class GetVariable:
    """One item of GetVariables; without attribute type it asks for Actual."""

    address: ComponentVariable
    attribute_type: AttributeType | None = None


@dataclass(frozen=True, slots=True)
class GetVariableResult:
    """The answer to one GetVariable; the value only when Accepted."""

    address: ComponentVariable
    status: GetVariableStatus
    value: str | None = None
    attribute_type: AttributeType | None = None
    status_info: StatusInfo | None = None


@dataclass(frozen=True, slots=True)
class SetVariable:
    """One item of SetVariables; the value stays out of reprs, it may be a secret."""

    address: ComponentVariable
    value: str = field(repr=False)
    attribute_type: AttributeType | None = None


@dataclass(frozen=True, slots=True)
class SetVariableResult:
    """The answer to one SetVariable."""

    address: ComponentVariable
    status: SetVariableStatus
    attribute_type: AttributeType | None = None
    status_info: StatusInfo | None = None


@dataclass(frozen=True, slots=True)
class Characteristics:
    """VariableCharacteristicsType: what values a variable may have."""

    data_type: DataType
    unit: str | None = None
    min_limit: float | None = None
    max_limit: float | None = None
    values_list: tuple[str, ...] = ()
    supports_monitoring: bool = False
    max_elements: int | None = None
