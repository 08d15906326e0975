"""The host's errors as OCPP 1.6 has words for them (StatusNotification.req, 6.47)."""

from dataclasses import dataclass

from ocppd.model.availability import StationError
from ocppd.station import mrec
from ocppd.station.availability import INOPERATIVE

_BY_MREC = {
    "CX001": "ConnectorLockFailure",
    "CX002": "GroundFailure",
    "CX003": "HighTemperature",
    "CX004": "OverCurrentFailure",
    "CX005": "OverVoltage",
    "CX006": "UnderVoltage",
}
_BY_TYPE = {"powermeter/CommunicationFault": "PowerMeterFailure"}
_LONGEST_INFO = 50
_LONGEST_VENDOR = 255
_LONGEST_CODE = 50


@dataclass(frozen=True, slots=True)
class ErrorWords:
    """The members of StatusNotification.req that speak of an error."""

    error_code: str = "NoError"
    info: str | None = None
    vendor_id: str | None = None
    vendor_error_code: str | None = None


def words_of(error: StationError | None) -> ErrorWords:
    """Return what 1.6 says of an error: a published code if it has one, else the host's words."""
    if error is None:
        return ErrorWords()
    code = mrec.code_of(error.type)
    if code is not None:
        return ErrorWords(
            _BY_MREC.get(code, "OtherError"),
            error.description[:_LONGEST_INFO] or None,
            mrec.VENDOR,
            code,
        )
    name = error.type.partition("/")[2] or error.type
    if error.sub_type:
        name += f"/{error.sub_type}"
    info = f"caused_by:{error.message}" if error.type == INOPERATIVE else error.description
    return ErrorWords(
        _BY_TYPE.get(error.type, "OtherError"),
        info[:_LONGEST_INFO] or None,
        error.message[:_LONGEST_VENDOR] or None,
        name[:_LONGEST_CODE],
    )
