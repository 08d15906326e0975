"""Block P as OCPP 1.6 spells it: `data` is any text."""

from typing import TYPE_CHECKING

from ocppd.csms.payload import Payload, Route, present, route
from ocppd.csms.spelling import Outgoing
from ocppd.errors import InvalidArgument
from ocppd.model.data_transfer import DataTransfer, DataTransferResponse, DataTransferStatus

if TYPE_CHECKING:
    from ocppd.station.station import Station


def encode_data_transfer(request: DataTransfer) -> Payload:
    """Write DataTransfer.req."""
    if request.custom_data is not None:
        raise InvalidArgument("request.custom_data: OCPP 1.6 has no custom data")
    return present(vendorId=request.vendor_id, messageId=request.message_id, data=request.data)


def decode_data_transfer(payload: Payload) -> DataTransfer:
    """Read DataTransfer.req."""
    return DataTransfer(payload["vendorId"], payload.get("messageId"), payload.get("data"))


def encode_data_transfer_response(response: DataTransferResponse) -> Payload:
    """Write DataTransfer.conf."""
    return present(status=response.status.value, data=response.data)


def decode_data_transfer_response(payload: Payload) -> DataTransferResponse:
    """Read DataTransfer.conf."""
    return DataTransferResponse(DataTransferStatus(payload["status"]), payload.get("data"))


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
