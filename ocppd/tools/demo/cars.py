"""The cars of the story, told from those of the person who plays along."""

from ocppd.tools.sim.evse import Phase
from ocppd.tools.sim.simulator import Event, Simulator


class Cars:
    """Plugs in and unplugs the cars of the story, and no others."""

    def __init__(self, host: Simulator) -> None:
        self._host = host
        self._plugged: dict[int, int] = {}
        """How many cars have been plugged in at each EVSE."""
        self._ours: dict[int, int] = {}
        """Which of them was the story's."""
        host.listen(self._happened)

    def _happened(self, event: Event) -> None:
        if event.what == "PluggedIn":
            self._plugged[event.evse_id] = self._plugged.get(event.evse_id, 0) + 1

    def plug_in(self, evse_id: int) -> None:
        """Plug in a car of the story. Raises SimulatorError."""
        self._host.charger.plug_in(evse_id)
        self._ours[evse_id] = self._plugged.get(evse_id, 0)

    def ours(self, evse_id: int) -> bool:
        """Say whether the car at an EVSE is one of the story."""
        there = self._host.charger.evse(evse_id).ev is not None
        return there and self._ours.get(evse_id) == self._plugged.get(evse_id)

    def unplug(self, evse_id: int) -> None:
        """Unplug the story's car; the person's car stays."""
        if self.ours(evse_id):
            self._host.charger.unplug(evse_id)

    def clear(self) -> None:
        """Unplug all cars of the story."""
        for evse_id in self._host.charger.evses:
            self.unplug(evse_id)

    def idle(self, evse_id: int) -> bool:
        """Say whether nobody has anything to do with an EVSE, and it could charge."""
        evse = self._host.charger.evse(evse_id)
        return evse.usable and evse.phase is Phase.IDLE and evse.ev is None
