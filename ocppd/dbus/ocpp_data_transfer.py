"""Interface org.everest.Ocpp.OcppDataTransfer."""

from ocppd.dbus.exported import Interface, exported
from ocppd.dbus.marshalling import station
from ocppd.dbus.signatures import Dict
from ocppd.station.data_transfer import DataTransfers


class OcppDataTransferInterface(Interface):
    """Vendor-specific messages to the CSMS."""

    NAME = "org.everest.Ocpp.OcppDataTransfer"

    def __init__(self, data_transfer: DataTransfers) -> None:
        super().__init__()
        self._data_transfer = data_transfer

    @exported(durable=False)
    async def DataTransfer(self, request: Dict) -> Dict:
        """See dbus/org.everest.Ocpp.OcppDataTransfer.xml."""
        response = await self._data_transfer.send(station.read_data_transfer(request))
        return station.data_transfer_response(response)
