"""A car: what it asks for, and what charging does to its battery."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

_TAPER_FROM_SOC = 80.0
_TAPER_END = 0.15


class CurrentKind(StrEnum):
    """Which current goes through the plug."""

    AC = "AC"
    DC = "DC"


@dataclass(slots=True)
class Ev:
    """A car at the cable.

    Attributes:
        kind: AC or DC
        phases: phases of its charger (AC), 1 to 3
        max_current_a: the most it takes on each phase (AC)
        min_current_a: below this it does not charge (IEC 61851: 6 A)
        max_power_w: the most it takes (DC)
        battery_voltage_v: voltage at the plug (DC)
        cable_a: what the cable is coded for
        capacity_wh: size of the battery
        soc: state of charge in percent
        target_soc: where it stops asking for current
        wants: False while the driver or the car pauses
        communicates: whether it tells its state of charge (ISO 15118); by default if DC
        prepare_s: from the start of the transaction until it asks for current
        stops_when_full: whether it ends the transaction at `target_soc` (DC), or only pauses
        evcc_id: its identifier, six bytes in hexadecimal with colons

    """

    kind: CurrentKind = CurrentKind.AC
    phases: int = 3
    max_current_a: float = 16.0
    min_current_a: float = 6.0
    max_power_w: float = 100_000.0
    battery_voltage_v: float = 400.0
    cable_a: float = 32.0
    capacity_wh: float = 60_000.0
    soc: float = 30.0
    target_soc: float = 100.0
    wants: bool = True
    communicates: bool | None = None
    prepare_s: float = 1.0
    stops_when_full: bool = False
    evcc_id: str = ""

    def __post_init__(self) -> None:
        """Check what somebody may have typed.

        Raises:
            ValueError: with the name of what is out of range

        """
        limits = {
            "phases": (1, 3),
            "max_current_a": (0, 1000),
            "min_current_a": (0, 1000),
            "max_power_w": (0, 10_000_000),
            "battery_voltage_v": (1, 2000),
            "cable_a": (0, 1000),
            "capacity_wh": (1, 10_000_000),
            "soc": (0, 100),
            "target_soc": (0, 100),
            "prepare_s": (0, 3600),
        }
        for name, (least, most) in limits.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise ValueError(f"{name}: {value} is not between {least} and {most}")

    @property
    def full(self) -> bool:
        """Whether it has what it came for."""
        return self.soc >= self.target_soc

    @property
    def asks(self) -> bool:
        """Whether it asks for current."""
        return self.wants and not self.full

    @property
    def tells(self) -> bool:
        """Whether it talks about its battery."""
        return self.kind is CurrentKind.DC if self.communicates is None else self.communicates

    def wanted_power_w(self) -> float:
        """Return what it asks for now (DC): less and less above 80 percent."""
        over = max(self.soc - _TAPER_FROM_SOC, 0.0) / (100.0 - _TAPER_FROM_SOC)
        return self.max_power_w * (1.0 - (1.0 - _TAPER_END) * over)

    def take(self, energy_wh: float) -> None:
        """Fill the battery, at most to the target."""
        reached = self.soc + 100.0 * energy_wh / self.capacity_wh
        self.soc = min(reached, max(self.target_soc, self.soc))

    def changed(self, settings: Mapping[str, Any]) -> "Ev":
        """Return the same car with other settings.

        Raises:
            ValueError: for an unknown setting, or one of the wrong type or out of its range

        """
        types = {field.name: getattr(self, field.name) for field in fields(self)}
        values: dict[str, Any] = {}
        for name, value in settings.items():
            if name not in types:
                raise ValueError(f"{name}: unknown; known are {', '.join(types)}")
            values[name] = _as_type_of(name, types[name], value)
        return replace(self, **values)


def _as_type_of(name: str, present: object, value: Any) -> Any:
    match present:
        case bool() | None if isinstance(value, bool):
            return value
        case CurrentKind() if value in set(CurrentKind):
            return CurrentKind(value)
        case str() if isinstance(value, str) and not isinstance(present, CurrentKind):
            return value
        case int() | float() if isinstance(value, int | float) and not isinstance(value, bool):
            if not isinstance(present, bool):
                return type(present)(value)
    raise ValueError(f"{name}: {value!r} does not fit")
