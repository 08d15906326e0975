"""The device model of a station with two EVSEs, as the package ships it, for tests of the core."""

from collections.abc import Mapping
from functools import cache

from ocppd.device_model.definitions import VariableDefinition
from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.values import Value
from ocppd.model.variables import ComponentVariable
from ocppd.store.seed import build_device_model
from tests.fakes import MemoryStore

TOPOLOGY = (("sType2",), ("cCCS2", "sType2"))


@cache
def _definitions() -> tuple[VariableDefinition, ...]:
    return tuple(variable.definition for variable in build_device_model(TOPOLOGY).variables())


def shipped_device_model(
    store: MemoryStore, values: Mapping[ComponentVariable, Value] | None = None
) -> DeviceModel:
    """Return a fresh model with these actual values set."""
    model = DeviceModel(_definitions(), store)
    for address, value in (values or {}).items():
        assert model.find(address) is not None, f"there is no {address}"
        model.set_actual(address, value)
    return model
