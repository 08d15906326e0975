"""Interface org.everest.Ocpp.ErrorHistory."""

from ocppd.clock import Clock
from ocppd.dbus.exported import Interface, exported, readable
from ocppd.dbus.marshalling import station
from ocppd.dbus.signatures import Dict, Dicts
from ocppd.station.dates import Dates
from ocppd.station.faults import Faults


class ErrorHistoryInterface(Interface):
    """The host's errors."""

    NAME = "org.everest.Ocpp.ErrorHistory"

    def __init__(self, faults: Faults, dates: Dates, clock: Clock) -> None:
        super().__init__()
        self._dates = dates
        self._faults = faults
        self._clock = clock

    @exported
    def RaiseError(self, error: Dict) -> None:
        """See dbus/org.everest.Ocpp.ErrorHistory.xml."""
        read = station.raised_error(error, self._clock.now())
        self._faults.raise_error(self._dates.right(read))

    @exported
    def ClearError(self, error: Dict) -> None:
        """See dbus/org.everest.Ocpp.ErrorHistory.xml."""
        self._faults.clear_error(station.cleared_error(error))

    @readable
    def ActiveErrors(self) -> Dicts:
        """See dbus/org.everest.Ocpp.ErrorHistory.xml."""
        return [station.station_error(error) for error in self._faults.active]
