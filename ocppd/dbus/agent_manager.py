"""Interface org.everest.Ocpp.AgentManager."""

from ocppd.dbus.agents import Agents
from ocppd.dbus.binding import CURRENT
from ocppd.dbus.exported import Interface, exported, readable
from ocppd.dbus.signatures import ObjectPath, Owners, Strs


class AgentManagerInterface(Interface):
    """Where the host says who implements the agent interfaces."""

    NAME = "org.everest.Ocpp.AgentManager"

    def __init__(self, agents: Agents) -> None:
        super().__init__()
        self._agents = agents
        agents.on_changed = self.refresh

    @exported(durable=False)
    def RegisterAgent(self, path: ObjectPath, interfaces: Strs) -> None:
        """See dbus/org.everest.Ocpp.AgentManager.xml."""
        self._agents.register(str(CURRENT.get().sender), path, interfaces)

    @exported(durable=False)
    def UnregisterAgent(self, path: ObjectPath) -> None:
        """See dbus/org.everest.Ocpp.AgentManager.xml."""
        self._agents.unregister(str(CURRENT.get().sender), path)

    @readable
    def Agents(self) -> Owners:
        """See dbus/org.everest.Ocpp.AgentManager.xml."""
        # A list is what both libraries take for a struct.
        return {interface: list(owner) for interface, owner in self._agents.owners.items()}
