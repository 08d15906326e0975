"""The host's errors: which are active, and what the CSMS is told of them.

Only `evse_manager/Inoperative` makes a connector Faulted, which its status tells. Every other
error leaves the status alone and is told as an event of its own: NotifyEvent in 2.x, a
StatusNotification with unchanged status in 1.6. What happened while the CSMS could not be told is
told later, unless it has passed by then; where the operator wants events kept, by their severity or
altogether, each waits in the durable queue (N07.FR.04).

Errors, and what is still to be told of them, survive a restart of the daemon. After it they are in
doubt: what the host raises again is not told again, and what it has not raised some time after it
said that the EVSE is ready has passed.
"""

import logging
from dataclasses import replace
from datetime import timedelta

from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import EVSE, ChargingStation, Connector
from ocppd.errors import CsmsError, NoAnswer, Offline, UnknownEvse
from ocppd.model.availability import ErrorNotification, StationError
from ocppd.model.redating import redated
from ocppd.model.variables import Component, ComponentVariable, EvseRef
from ocppd.station.availability import INOPERATIVE, Availability
from ocppd.station.event_ids import EventIds
from ocppd.station.evse import Evses
from ocppd.station.ports import Outside

_LOG = logging.getLogger(__name__)

_GRACE_S = 10.0
"""How long a host that is ready may take to raise again what is still wrong."""
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
        self._untold: dict[str, ErrorNotification] = {}
        self._being_told: set[str] = set()
        self._doubtful: set[str] = set()
        self._settling = False

    def start(self) -> None:
        """Take back what survived; to be called in a unit of work, before the host is heard."""
        self._untold = dict(self._outside.store.load(ErrorNotification))
        stored = self._outside.store.load(StationError).values()
        for error in sorted(stored, key=lambda each: each.timestamp):
            try:
                self._errors_at(error).append(error)
            except UnknownEvse:  # the topology has changed
                self._outside.store.forget(StationError, error.uuid)
                continue
            self._active[error.uuid] = error
            self._doubtful.add(error.uuid)
            self._show_problem(error)

    def redate(self, by: timedelta) -> None:
        """Move dates, because the time of day has become known; to be called in a unit of work."""
        for uuid, error in self._active.items():
            moved = redated(error, by)
            if moved is not error:
                errors = self._errors_at(error)
                errors[errors.index(error)] = moved
                self._active[uuid] = moved
                self._outside.store.save(uuid, moved)
        for notification in tuple(self._untold.values()):
            self._note_untold(redated(notification, by))
        self._outside.host.errors_changed()

    def settle(self, _evse_id: int) -> None:
        """Let pass, in a while, what the host that is ready now has not raised again."""
        if self._doubtful and not self._settling:
            self._settling = True
            self._outside.clock.call_later(_GRACE_S, self._give_up_doubtful)

    def _give_up_doubtful(self) -> None:
        self._settling = False
        for uuid in tuple(self._doubtful):
            error = self._active[uuid]
            evse = self._evses.get(error.evse_id) if error.evse_id is not None else None
            if evse is None or evse.ready:
                _LOG.info("%s: %s is not raised any more", _place(error), error.type)
                self.clear_error(uuid)

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
            self._believe(error.uuid)
            return
        errors = self._errors_at(error)
        same = next((each for each in errors if self._is_doubtful_about(each, error)), None)
        with self._outside.store.atomically():
            if same is not None:
                self._rename(same, error, errors)
                return
            errors.append(error)
            self._raise(error)

    def _is_doubtful_about(self, known: StationError, error: StationError) -> bool:
        return known.uuid in self._doubtful and (known.type, known.sub_type) == (
            error.type,
            error.sub_type,
        )

    def _rename(self, known: StationError, error: StationError, errors: list[StationError]) -> None:
        """Take an error for the one of before the restart, to which the host gave another uuid."""
        errors[errors.index(known)] = error
        del self._active[known.uuid]
        self._active[error.uuid] = error
        self._outside.store.forget(StationError, known.uuid)
        self._outside.store.save(error.uuid, error)
        untold = self._untold.get(known.uuid)
        if untold is not None:
            self._forget_untold(known.uuid)
            self._note_untold(replace(untold, error=error))
        self._doubtful.discard(known.uuid)
        self._doubtful.add(error.uuid)
        self._believe(error.uuid)
        self._outside.host.errors_changed()

    def _believe(self, uuid: str) -> None:
        """Take the host's word that an error of before the restart is still there."""
        if uuid in self._doubtful:
            self._doubtful.discard(uuid)
            if uuid in self._untold:
                self._tell(self._untold[uuid])

    def _raise(self, error: StationError) -> None:
        self._active[error.uuid] = error
        self._outside.store.save(error.uuid, error)
        _LOG.warning("%s: %s raised: %s", _place(error), error.type, error.message)
        self._changed(error, cleared=False)

    def clear_error(self, uuid: str) -> bool:
        """Forget an error; False, and nothing changes, if it is not active."""
        error = self._active.pop(uuid, None)
        if error is None:
            return False
        self._errors_at(error).remove(error)
        self._doubtful.discard(uuid)
        _LOG.info("%s: %s cleared", _place(error), error.type)
        with self._outside.store.atomically():
            self._outside.store.forget(StationError, uuid)
            self._changed(error, cleared=True)
        return True

    def tell_untold(self) -> None:
        """Tell what happened while the CSMS could not be told."""
        for uuid, notification in tuple(self._untold.items()):
            if uuid not in self._doubtful and uuid not in self._being_told:
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
            self._take(self._notification(error, cleared=cleared))
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

    def _take(self, notification: ErrorNotification) -> None:
        """Tell of a change; one that undoes what nobody was told was nothing to the CSMS."""
        uuid = notification.error.uuid
        if notification.cleared and uuid in self._untold and uuid not in self._being_told:
            self._forget_untold(uuid)
            return
        self._note_untold(notification)
        if len(self._untold) > _MOST_UNTOLD:
            self._forget_untold(next(iter(self._untold)))
        if not self._outside.csms.connected and self._outside.csms.keeps(notification):
            self._queue(notification)
            return
        self._tell(notification)

    def _tell(self, notification: ErrorNotification) -> None:
        self._being_told.add(notification.error.uuid)
        self._outside.tasks.start(self._send(notification), f"error {notification.event_id}")

    async def _send(self, notification: ErrorNotification) -> None:
        uuid = notification.error.uuid
        try:
            await self._outside.csms.call(notification)
        except (Offline, NoAnswer):
            if self._outside.csms.keeps(notification):
                self._queue(notification)
            return
        except CsmsError as error:
            _LOG.warning("The CSMS was not told of %s: %s", notification.error.type, error)
        finally:
            self._being_told.discard(uuid)
        if self._still_untold(notification) is not None:
            self._forget_untold(uuid)

    def _still_untold(self, notification: ErrorNotification) -> ErrorNotification | None:
        """Return a notification as it is now, with dates that were put right; None if it is not."""
        known = self._untold.get(notification.error.uuid)
        return known if known and known.event_id == notification.event_id else None

    def _queue(self, notification: ErrorNotification) -> None:
        known = self._still_untold(notification)
        with self._outside.store.atomically():
            self._outside.store.queue(known or notification)
            if known is not None:
                self._forget_untold(notification.error.uuid)
        self._outside.csms.wake()

    def _note_untold(self, notification: ErrorNotification) -> None:
        """Note, also for after a restart, what the CSMS is still to be told."""
        self._untold[notification.error.uuid] = notification
        self._outside.store.save(notification.error.uuid, notification)

    def _forget_untold(self, uuid: str) -> None:
        self._untold.pop(uuid, None)
        self._outside.store.forget(ErrorNotification, uuid)


def _place(error: StationError) -> str:
    if error.evse_id is None:
        return "Station"
    connector = f" connector {error.connector_id}" if error.connector_id else ""
    return f"EVSE {error.evse_id}{connector}"
