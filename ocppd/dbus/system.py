"""Interface org.everest.Ocpp.System: what the host reports of firmware, logs and networks."""

from ocppd.dbus.agents import Agents
from ocppd.dbus.exported import Interface, exported
from ocppd.dbus.marshalling.networks import read_network_report
from ocppd.dbus.signatures import Dict
from ocppd.errors import NotSupported


class SystemInterface(Interface):
    """What ends the work of the agent System; firmware and logs are not in this release."""

    NAME = "org.everest.Ocpp.System"

    def __init__(self, agents: Agents) -> None:
        super().__init__()
        self._agents = agents

    @exported
    def ReportFirmwareUpdateStatus(self, status: Dict) -> None:
        """See dbus/org.everest.Ocpp.System.xml."""
        raise NotSupported("not in this release")

    @exported
    def ReportLogStatus(self, status: Dict) -> None:
        """See dbus/org.everest.Ocpp.System.xml."""
        raise NotSupported("not in this release")

    @exported
    def ReportConfigureNetworkStatus(self, status: Dict) -> None:
        """See dbus/org.everest.Ocpp.System.xml."""
        self._agents.on_network_report(read_network_report(status))
