"""Block P, Data transfer: vendor-specific messages in both directions (P01, P02).

What they mean is between the CSMS and the host; here they only pass.
"""

import logging
from dataclasses import replace

from ocppd.errors import AgentRefused, InvalidArgument, NoAnswer, Offline, Refused
from ocppd.model.data_transfer import DataTransfer, DataTransferResponse, DataTransferStatus
from ocppd.station.answer import Answer
from ocppd.station.ports import Outside

_LOG = logging.getLogger(__name__)

AGENT = "OcppDataTransfer"
LONGEST_VENDOR_ID = 255
LONGEST_MESSAGE_ID = 50


class DataTransfers:
    """Passes DataTransfer messages between the CSMS and the host."""

    def __init__(self, outside: Outside) -> None:
        self._csms = outside.csms
        self._agents = outside.agents

    async def send(self, request: DataTransfer) -> DataTransferResponse:
        """Send a message of the host to the CSMS, and return its answer (P02).

        Offline if there is no connection, or no answer in time; Rejected if the CSMS answers with
        an error.

        Raises:
            InvalidArgument: a field is too long, or is not what the version spoken can carry

        """
        _check(request)
        try:
            return await self._csms.call(request)
        except (Offline, NoAnswer) as error:
            _LOG.info("DataTransfer of %s: %s", request.vendor_id, error)
            return DataTransferResponse(DataTransferStatus.OFFLINE)
        except Refused as error:
            _LOG.warning("DataTransfer of %s: %s", request.vendor_id, error)
            return DataTransferResponse(DataTransferStatus.REJECTED)

    async def receive(self, request: DataTransfer) -> Answer[DataTransferResponse]:
        """Hand a message of the CSMS to the host, and answer what it says (P01)."""
        if not self._agents.has(AGENT):
            return Answer(DataTransferResponse(DataTransferStatus.UNKNOWN_VENDOR_ID))  # P01.FR.05
        try:
            response = await self._agents.data_transfer(request)
        except AgentRefused as error:
            _LOG.warning("DataTransfer of %s: %s", request.vendor_id, error)
            return Answer(DataTransferResponse(DataTransferStatus.REJECTED))
        match response.status:
            case DataTransferStatus.OFFLINE:  # no word for the CSMS
                response = replace(response, status=DataTransferStatus.REJECTED)
            case DataTransferStatus.UNKNOWN_VENDOR_ID:  # 1.6, 4.3: without data
                response = DataTransferResponse(response.status, custom_data=response.custom_data)
            case _:
                pass
        return Answer(response)


def _check(request: DataTransfer) -> None:
    for path, value, longest in (
        ("request.vendor_id", request.vendor_id, LONGEST_VENDOR_ID),
        ("request.message_id", request.message_id or "", LONGEST_MESSAGE_ID),
        (
            "request.custom_data.vendor_id",
            request.custom_data.vendor_id if request.custom_data is not None else "",
            LONGEST_VENDOR_ID,
        ),
    ):
        if len(value) > longest:
            raise InvalidArgument(f"{path}: longer than {longest} characters")
