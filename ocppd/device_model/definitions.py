"""What a variable is, before it has a value."""

from dataclasses import dataclass, field

from ocppd.model.variables import AttributeType, Characteristics, ComponentVariable, Mutability


@dataclass(frozen=True, slots=True)
class AttributeDefinition:
    """One attribute of a variable, and the value it has when it leaves the factory."""

    type: AttributeType
    mutability: Mutability
    value: str | None = field(default=None, repr=False)
    persistent: bool = True
    constant: bool = False


@dataclass(frozen=True, slots=True)
class VariableDefinition:
    """One variable of one component.

    `reboot` variables take effect after a reset; `zero_allowed` ones may be 0 below their minimum,
    which switches them off; a `required` one must have a value while its component is available.
    """

    address: ComponentVariable
    characteristics: Characteristics
    attributes: tuple[AttributeDefinition, ...]
    required: bool = False
    reboot: bool = False
    zero_allowed: bool = False
