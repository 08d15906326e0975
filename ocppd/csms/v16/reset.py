"""Reset as OCPP 1.6 spells it (5.14): at once, Soft or Hard, and only the whole station."""

from typing import TYPE_CHECKING

from ocppd.csms.payload import Payload, Route, route
from ocppd.model.remote_control import Reset, ResetType, StatusResult

if TYPE_CHECKING:
    from ocppd.station.station import Station


def decode_reset(payload: Payload) -> Reset:
    """Read Reset.req: the host is told whether it is Soft or Hard."""
    return Reset(ResetType.IMMEDIATE, host_type=payload["type"])


def encode_reset_response(result: StatusResult) -> Payload:
    """Return Reset.conf."""
    return {"status": result.status}


def routes(station: "Station") -> dict[str, Route]:
    """Return the CALL of the CSMS for a reset."""
    return {"Reset": route(decode_reset, station.reset.reset, encode_reset_response)}
