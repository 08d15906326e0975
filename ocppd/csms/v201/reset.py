"""Reset as OCPP 2.0.1 and 2.1 spell it (B11, B12; B13 is 2.1's)."""

from typing import TYPE_CHECKING

from ocppd.csms.payload import Payload, Route, present, route
from ocppd.csms.v201.status_info import encode_status_info
from ocppd.model.remote_control import Reset, ResetType, StatusResult

if TYPE_CHECKING:
    from ocppd.station.station import Station


def decode_reset(payload: Payload) -> Reset:
    """Read ResetRequest; without EVSE it is the station."""
    return Reset(ResetType(payload["type"]), payload.get("evseId"))


def encode_reset_response(result: StatusResult) -> Payload:
    """Return ResetResponse."""
    return present(status=result.status, statusInfo=encode_status_info(result.status_info))


def routes(station: "Station") -> dict[str, Route]:
    """Return the CALL of the CSMS for a reset."""
    return {"Reset": route(decode_reset, station.reset.reset, encode_reset_response)}
