"""Answers that are a status and perhaps the reason, as OCPP 2.x spells them."""

from ocppd.csms.payload import Payload, present
from ocppd.model.remote_control import StatusResult
from ocppd.model.variables import StatusInfo

_REASON_CODE_LENGTH = 20
_ADDITIONAL_INFO_LENGTH = 512


def encode_status_info(
    info: StatusInfo | None, longest: int = _ADDITIONAL_INFO_LENGTH
) -> Payload | None:
    """Write StatusInfoType, its text cut to what 2.0.1 has room for (2.1: 1024 characters)."""
    if info is None:
        return None
    text = info.additional_info
    return present(
        reasonCode=info.reason_code[:_REASON_CODE_LENGTH],
        additionalInfo=text[:longest] if text is not None else None,
    )


def decode_status_info(payload: Payload | None) -> StatusInfo | None:
    """Read StatusInfoType."""
    if payload is None:
        return None
    return StatusInfo(payload["reasonCode"], payload.get("additionalInfo"))


def encode_status_result(result: StatusResult) -> Payload:
    """Write a response of `status` and `statusInfo`."""
    return present(status=result.status, statusInfo=encode_status_info(result.status_info))
