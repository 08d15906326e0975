"""The host's errors: which are active, and what the CSMS is told of them.

Only `evse_manager/Inoperative` makes a connector Faulted, which its status tells. Every other
error leaves the status alone and is told as an event of its own: NotifyEvent in 2.x, a
StatusNotification with unchanged status in 1.6. What happened while the CSMS could not be told is
told later, unless it has passed by then.
"""

import logging

from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import EVSE, ChargingStation, Connector
from ocppd.errors import CsmsError, NoAnswer, Offline, UnknownEvse
from ocppd.model.availability import ErrorNotification, StationError
from ocppd.model.variables import Component, ComponentVariable, EvseRef
from ocppd.station.availability import INOPERATIVE, Availability
from ocppd.station.event_ids import EventIds
from ocppd.station.evse import Evses
from ocppd.station.ports import Outside

_LOG = logging.getLogger(__name__)

_MOST_UNTOLD = 200
"""A host that raises and clears errors all the time fills no memory while offline."""


class Faults:
    """The errors that the host raised and has not cleared."""

    def __init__(
        self,
        outside: Outside,
        device_model: DeviceModel,
        evses: Evses,
        availability: Availability,
        event_ids: EventIds,
    ) -> None:
        self._outside = outside
        self._device_model = device_model
        self._evses = evses
        self._availability = availability
        self._event_ids = event_ids
        self._active: dict[str, StationError] = {}
        self._untold: list[ErrorNotification] = []

    @property
    def active(self) -> tuple[StationError, ...]:
        """All active errors, oldest first."""
        return tuple(self._active.values())

    def raise_error(self, error: StationError) -> None:
        """Take an error; one with the uuid of an active error changes nothing.

        Raises:
            UnknownEvse: it names an EVSE or a connector that is not there

        """
        if error.uuid in self._active:
            return
        self._errors_at(error).append(error)
        self._active[error.uuid] = error
        _LOG.warning("%s: %s raised: %s", _place(error), error.type, error.message)
        self._changed(error, cleared=False)

    def clear_error(self, uuid: str) -> bool:
        """Forget an error; False, and nothing changes, if it is not active."""
        error = self._active.pop(uuid, None)
        if error is None:
            return False
        self._errors_at(error).remove(error)
        _LOG.info("%s: %s cleared", _place(error), error.type)
        self._changed(error, cleared=True)
        return True

    def tell_untold(self) -> None:
        """Tell what happened while the CSMS could not be told."""
        untold, self._untold = self._untold, []
        for notification in untold:
            self._tell(notification)

    def _errors_at(self, error: StationError) -> list[StationError]:
        if error.evse_id is None:
            return self._availability.station_errors
        evse = self._evses[error.evse_id]
        if error.connector_id is None:
            return evse.errors
        connector = evse.connectors.get(error.connector_id)
        if connector is None:
            raise UnknownEvse(f"EVSE {evse.id} has no connector {error.connector_id}")
        return connector.errors

    def _changed(self, error: StationError, *, cleared: bool) -> None:
        self._show_problem(error)
        if error.type == INOPERATIVE:
            self._availability.refresh_all()
        else:
            self._tell(self._notification(error, cleared=cleared))
        self._outside.host.errors_changed()

    def _show_problem(self, error: StationError) -> None:
        """Set the variable Problem where the error is, and of the component that has it."""
        errors = self._errors_at(error)
        if error.evse_id is None:
            address = ChargingStation.Problem
        elif error.connector_id is None:
            address = EVSE.Problem(error.evse_id)
        else:
            address = Connector.Problem(error.evse_id, error.connector_id)
        self._device_model.set_actual(address, bool(errors))
        component = self._component(error)
        if component != address.component:
            there = any(self._component(each) == component for each in errors)
            self._device_model.set_actual(ComponentVariable(component, address.variable), there)

    def _notification(self, error: StationError, *, cleared: bool) -> ErrorNotification:
        ref = EvseRef(error.evse_id or 0, error.connector_id)
        report = self._availability.report_of(ref)
        return ErrorNotification(
            error=error,
            component=self._component(error),
            cleared=cleared,
            event_id=self._event_ids.next(),
            timestamp=self._outside.clock.now() if cleared else error.timestamp,
            status=report.status,
            activity=report.activity,
            remaining=self._availability.newest_error(ref),
        )

    def _component(self, error: StationError) -> Component:
        """Return the component that has the problem, as the device model has it."""
        if error.evse_id is None:
            return Component("ChargingStation")
        ref = EvseRef(error.evse_id, error.connector_id)
        if error.connector_id is None:
            return Component("EVSE", evse=ref)
        lock = Component("ConnectorPlugRetentionLock", evse=ref)
        if error.type.startswith("connector_lock/") and self._device_model.has_component(lock):
            return lock  # G05.FR.02
        return Component("Connector", evse=ref)

    def _tell(self, notification: ErrorNotification) -> None:
        self._outside.tasks.start(self._send(notification), f"error {notification.event_id}")

    async def _send(self, notification: ErrorNotification) -> None:
        try:
            await self._outside.csms.call(notification)
        except (Offline, NoAnswer):
            self._keep(notification)
        except CsmsError as error:
            _LOG.warning("The CSMS was not told of %s: %s", notification.error.type, error)

    def _keep(self, notification: ErrorNotification) -> None:
        """Keep it for later; an error that came and went meanwhile was nothing to the CSMS."""
        uuid = notification.error.uuid
        if notification.cleared:
            before = len(self._untold)
            self._untold = [each for each in self._untold if each.error.uuid != uuid]
            if len(self._untold) < before:
                return
        self._untold = [*self._untold, notification][-_MOST_UNTOLD:]


def _place(error: StationError) -> str:
    if error.evse_id is None:
        return "Station"
    connector = f" connector {error.connector_id}" if error.connector_id else ""
    return f"EVSE {error.evse_id}{connector}"
