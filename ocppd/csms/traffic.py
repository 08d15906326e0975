"""What goes over the wire, as it may be shown."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """Who said it."""

    FROM_CSMS = "CSMSToChargingStation"
    TO_CSMS = "ChargingStationToCSMS"


@dataclass(frozen=True, slots=True)
class Traffic:
    """One frame; secrets in it are masked.

    `reason` says what is wrong with it: why a frame of the CSMS was refused or dropped.
    """

    direction: Direction
    text: str
    version: str
    masked: bool = False
    reason: str | None = None


OnTraffic = Callable[[Traffic], None]
