"""Interface org.everest.Ocpp.Reservation."""

from ocppd.dbus.exported import Interface, exported, readable
from ocppd.dbus.marshalling import reservations
from ocppd.dbus.signatures import Dict, Dicts
from ocppd.station.reservations import Reservations


class ReservationInterface(Interface):
    """What the host reports of reservations, and which there are."""

    NAME = "org.everest.Ocpp.Reservation"

    def __init__(self, block: Reservations) -> None:
        super().__init__()
        self._block = block

    @exported
    def ReportReservationUpdate(self, update: Dict) -> None:
        """See dbus/org.everest.Ocpp.Reservation.xml."""
        self._block.on_update(reservations.read_update(update))

    @readable
    def Reservations(self) -> Dicts:
        """See dbus/org.everest.Ocpp.Reservation.xml."""
        return [reservations.reservation(each) for each in self._block.listed]
