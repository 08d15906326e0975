"""The versions of OCPP that this daemon speaks."""

from typing import TYPE_CHECKING

from ocppd.csms.spelling import SUBPROTOCOLS, Spelling
from ocppd.csms.v16 import spelling as v16
from ocppd.csms.v21 import spelling as v21
from ocppd.csms.v201 import spelling as v201

if TYPE_CHECKING:
    from ocppd.station.station import Station


def spellings(station: "Station") -> dict[str, Spelling]:
    """Return each version's spelling for a station, by sub-protocol."""
    return {
        SUBPROTOCOLS[each.version]: each
        for each in (v16.spelling(station), v201.spelling(station), v21.spelling(station))
    }
