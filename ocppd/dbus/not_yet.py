"""Interfaces whose behaviour this release does not have: documented, exported, and refusing."""

from ocppd.dbus.exported import Interface, Signal, exported, readable
from ocppd.dbus.signatures import Dict
from ocppd.errors import NotSupported


def _refuse() -> None:
    raise NotSupported("not in this release")


class SessionCostInterface(Interface):
    """org.everest.Ocpp.SessionCost: prices, of which none are known in this release."""

    NAME = "org.everest.Ocpp.SessionCost"

    TariffMessage = Signal("a{sv}")
    SessionCost = Signal("a{sv}")

    @readable
    def DefaultPrice(self) -> Dict:
        """See dbus/org.everest.Ocpp.SessionCost.xml."""
        return {}


class GridSupportInterface(Interface):
    """org.everest.Ocpp.GridSupport of one EVSE."""

    NAME = "org.everest.Ocpp.GridSupport"

    @exported
    def ReportCapability(self, capability: Dict) -> None:
        """See dbus/org.everest.Ocpp.GridSupport.xml."""
        _refuse()

    @exported
    def ReportAlarm(self, alarm: Dict) -> None:
        """See dbus/org.everest.Ocpp.GridSupport.xml."""
        _refuse()
