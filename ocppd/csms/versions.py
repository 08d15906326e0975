"""The versions of OCPP that this daemon speaks, each loaded when it is first spoken."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from ocppd.csms.spelling import SUBPROTOCOLS, Spelling

if TYPE_CHECKING:
    from ocppd.station.station import Station


class Spellings(Mapping[str, Spelling]):
    """Each version's spelling for a station, by sub-protocol.

    A station speaks one version for months: the modules of the others would only take time at the
    start, and memory ever after.
    """

    def __init__(self, station: "Station") -> None:
        self._station = station
        self._loaded: dict[str, Spelling] = {}

    def __getitem__(self, subprotocol: str) -> Spelling:
        if subprotocol not in self._loaded:
            self._loaded[subprotocol] = _LOADERS[subprotocol](self._station)
        return self._loaded[subprotocol]

    def __contains__(self, subprotocol: object) -> bool:
        return subprotocol in _LOADERS

    def __iter__(self) -> Iterator[str]:
        return iter(_LOADERS)

    def __len__(self) -> int:
        return len(_LOADERS)


def _v16(station: "Station") -> Spelling:
    from ocppd.csms.v16.spelling import spelling

    return spelling(station)


def _v201(station: "Station") -> Spelling:
    from ocppd.csms.v201.spelling import spelling

    return spelling(station)


def _v21(station: "Station") -> Spelling:
    from ocppd.csms.v21.spelling import spelling

    return spelling(station)


_LOADERS: dict[str, Callable[["Station"], Spelling]] = {
    SUBPROTOCOLS["1.6"]: _v16,
    SUBPROTOCOLS["2.0.1"]: _v201,
    SUBPROTOCOLS["2.1"]: _v21,
}
