"""Block P as OCPP 2.x spells it: `data` is any JSON, which the host reads and writes as text."""

import json
import logging
from typing import TYPE_CHECKING, Any, NoReturn

from ocppd.csms.payload import Payload, Route, present, route
from ocppd.csms.spelling import Outgoing
from ocppd.errors import InvalidArgument
from ocppd.model.data_transfer import (
    CustomData,
    DataTransfer,
    DataTransferResponse,
    DataTransferStatus,
)

if TYPE_CHECKING:
    from ocppd.station.station import Station

_LOG = logging.getLogger(__name__)


def encode_data_transfer(request: DataTransfer) -> Payload:
    """Write DataTransferRequest; InvalidArgument if a text of the host is not JSON."""
    return present(
        vendorId=request.vendor_id,
        messageId=request.message_id,
        data=_parse(request.data, "request.data") if request.data is not None else None,
        customData=_encode_custom_data(request.custom_data, "request.custom_data"),
    )


def decode_data_transfer(payload: Payload) -> DataTransfer:
    """Read DataTransferRequest."""
    return DataTransfer(
        payload["vendorId"],
        payload.get("messageId"),
        _decode_data(payload),
        _decode_custom_data(payload),
    )


def encode_data_transfer_response(response: DataTransferResponse) -> Payload:
    """Write DataTransferResponse.

    The host cannot be told any more that its answer is not JSON: `data` goes as a string then,
    custom data that are no object are left out.
    """
    data: Any = None
    if response.data is not None:
        try:
            data = _parse(response.data, "data")
        except InvalidArgument:
            data = response.data
    try:
        custom_data = _encode_custom_data(response.custom_data, "custom_data")
    except InvalidArgument as error:
        _LOG.warning("The host's answer to a DataTransfer loses its custom data: %s", error)
        custom_data = None
    return present(status=response.status.value, data=data, customData=custom_data)


def decode_data_transfer_response(payload: Payload) -> DataTransferResponse:
    """Read DataTransferResponse."""
    return DataTransferResponse(
        DataTransferStatus(payload["status"]), _decode_data(payload), _decode_custom_data(payload)
    )


def _decode_data(payload: Payload) -> str | None:
    return _text(payload["data"]) if "data" in payload else None


def _decode_custom_data(payload: Payload) -> CustomData | None:
    custom_data = payload.get("customData")
    if custom_data is None:
        return None
    rest = {name: value for name, value in custom_data.items() if name != "vendorId"}
    return CustomData(custom_data["vendorId"], _text(rest))


def _encode_custom_data(custom_data: CustomData | None, path: str) -> Payload | None:
    if custom_data is None:
        return None
    members = _parse(custom_data.data, f"{path}.data")
    if not isinstance(members, dict):
        raise InvalidArgument(f"{path}.data: not a JSON object")
    return {**members, "vendorId": custom_data.vendor_id}


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _parse(text: str, path: str) -> Any:
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:  # also UnicodeEncodeError: half a surrogate pair
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "cannot be represented"
        raise InvalidArgument(f"{path}: not JSON ({reason})") from None
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def routes(station: "Station") -> dict[str, Route]:
    """Return what the CSMS may ask of this block."""
    return {
        "DataTransfer": route(
            decode_data_transfer, station.data_transfer.receive, encode_data_transfer_response
        )
    }


REQUESTS = {
    DataTransfer: Outgoing("DataTransfer", encode_data_transfer, decode_data_transfer_response)
}
