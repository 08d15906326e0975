"""Device models that hold just what a test needs."""

from ocppd.device_model.definitions import AttributeDefinition, VariableDefinition
from ocppd.device_model.device_model import DeviceModel
from ocppd.model.variables import (
    AttributeType,
    Characteristics,
    ComponentVariable,
    DataType,
    Mutability,
)


def model_of(values: dict[ComponentVariable, object]) -> DeviceModel:
    """Make a device model of these variables, all writable."""
    return DeviceModel(
        VariableDefinition(
            address,
            Characteristics(DataType.STRING),
            (AttributeDefinition(AttributeType.ACTUAL, Mutability.READ_WRITE, str(value)),),
        )
        for address, value in values.items()
    )
