"""What kind of charger is simulated."""

from dataclasses import dataclass
from enum import StrEnum

from ocppd.tools.sim.vehicle import CurrentKind

_DC_TYPES = ("cCCS", "cG105", "cMCS", "cTesla", "Pan")
_HARDWARE_TYPES = {
    "cType2": "IEC62196Type2Cable",
    "sType2": "IEC62196Type2Socket",
    "cCCS1": "cCCS1",
    "cCCS2": "cCCS2",
    "cTesla": "cTesla",
    "cG105": "cG105",
    "cMCS": "cMCS",
}


class Selection(StrEnum):
    """How a token that names no EVSE finds one (EVerest's SelectionAlgorithm)."""

    PLUG_EVENTS = "PlugEvents"
    FIND_FIRST = "FindFirst"


@dataclass(frozen=True, slots=True)
class EvseSettings:
    """One EVSE: the types of its connectors (1 to m), and what its hardware can do."""

    connector_types: tuple[str, ...] = ("cType2",)
    max_current_a: float = 32.0
    min_current_a: float = 6.0
    phases: int = 3
    max_power_w: float = 150_000.0
    switches_phases: bool = True

    def __post_init__(self) -> None:
        """Refuse an EVSE that cannot be."""
        if not self.connector_types:
            raise ValueError("an EVSE needs a connector")
        unknown = [kind for kind in self.connector_types if kind not in _HARDWARE_TYPES]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is none of {', '.join(_HARDWARE_TYPES)}")

    def kind_of(self, connector_id: int) -> CurrentKind:
        """Return which current a connector gives."""
        return (
            CurrentKind.DC
            if self.connector_types[connector_id - 1].startswith(_DC_TYPES)
            else CurrentKind.AC
        )

    @property
    def kind(self) -> CurrentKind:
        """Which current it gives, judged by its first connector."""
        return self.kind_of(1)

    @property
    def hardware_type(self) -> str:
        """The type of its first connector as EVerest's board support names it."""
        return _HARDWARE_TYPES[self.connector_types[0]]

    @property
    def energy_transfer_modes(self) -> list[str]:
        """What it can offer a car by ISO 15118."""
        if self.kind is CurrentKind.DC:
            return ["DC_core", "DC_extended"]
        return ["AC_single_phase_core"] + (["AC_three_phase_core"] if self.phases == 3 else [])


@dataclass(frozen=True, slots=True)
class ChargerSettings:
    """The charger.

    Attributes:
        evses: its EVSEs, with ids from 1
        connection_timeout_s: how long an authorization waits for its cable, until ocppd says
        plug_in_timeout: whether a car that nobody authorizes in that time has to be replugged
        meter_interval_s: seconds between two readings
        speed: how many times faster than in life energy flows
        selection: how a token that names no EVSE finds one
        prefer_waiting_car: whether a token whose group is already charging starts a waiting car
            rather than stop that transaction
        signed: whether the meters sign
        reset_allowed: what `IsResetAllowed` answers
        reboot_s: how long a reboot takes
        first_register_wh: where the registers of the meters start

    """

    evses: tuple[EvseSettings, ...] = (EvseSettings(), EvseSettings())
    connection_timeout_s: float = 60.0
    plug_in_timeout: bool = False
    meter_interval_s: float = 1.0
    speed: float = 1.0
    selection: Selection = Selection.PLUG_EVENTS
    prefer_waiting_car: bool = True
    signed: bool = True
    reset_allowed: bool = True
    reboot_s: float = 3.0
    first_register_wh: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a charger that cannot be."""
        if not 1 <= len(self.evses) <= 128:
            raise ValueError("a charger has 1 to 128 EVSEs")
        if self.meter_interval_s <= 0 or self.speed <= 0:
            raise ValueError("intervals and speed are more than 0")
