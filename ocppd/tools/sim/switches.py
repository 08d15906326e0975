"""Who enabled and disabled an EVSE or a connector, and who prevails.

Each source has one entry; the entry with the highest priority (0 is the highest) decides, among
equals the one that disables.
"""

from dataclasses import dataclass, field
from enum import StrEnum

LOWEST_PRIORITY = 10_000


class EnableState(StrEnum):
    """What a source wants."""

    UNASSIGNED = "Unassigned"
    DISABLE = "Disable"
    ENABLE = "Enable"


SOURCES = (
    "Unspecified",
    "LocalAPI",
    "LocalKeyLock",
    "ServiceTechnician",
    "RemoteKeyLock",
    "MobileApp",
    "FirmwareUpdate",
    "CSMS",
)


@dataclass(frozen=True, slots=True)
class Switch:
    """The wish of one source (EVerest's EnableDisableSource)."""

    source: str
    state: EnableState
    priority: int

    def __post_init__(self) -> None:
        """Refuse what EVerest's type does not allow."""
        if self.source not in SOURCES:
            raise ValueError(f"enable_source: {self.source!r} is none of {', '.join(SOURCES)}")
        if not 0 <= self.priority <= LOWEST_PRIORITY:
            raise ValueError(f"enable_priority: {self.priority} is not from 0 to {LOWEST_PRIORITY}")


@dataclass(slots=True)
class Switches:
    """The wishes for one EVSE or connector; enabled when there is none."""

    entries: dict[str, Switch] = field(default_factory=dict)

    def put(self, switch: Switch) -> None:
        """Replace what the source wanted before."""
        if switch.state is EnableState.UNASSIGNED:
            self.entries.pop(switch.source, None)
        else:
            self.entries[switch.source] = switch

    def deciding(self) -> Switch | None:
        """Return the entry that prevails."""
        return min(
            self.entries.values(),
            key=lambda switch: (switch.priority, switch.state is EnableState.ENABLE),
            default=None,
        )

    @property
    def enabled(self) -> bool:
        """Whether the entry that prevails enables."""
        decision = self.deciding()
        return decision is None or decision.state is EnableState.ENABLE
