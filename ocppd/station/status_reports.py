"""What the CSMS was told of each connector, and what it still has to be told (G01, B04).

Which status a connector has is not decided here; see `availability`.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from ocppd.clock import Timer
from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import OCPP16LegacyCtrlr
from ocppd.errors import CsmsError, NotSpoken, Refused
from ocppd.model.availability import (
    Activity,
    ConnectorStatus,
    RequestedStatus,
    StationError,
    StatusNotification,
)
from ocppd.model.variables import EvseRef
from ocppd.station.event_ids import EventIds
from ocppd.station.ports import Outside

_LOG = logging.getLogger(__name__)

NewestError = Callable[[EvseRef], StationError | None]


@dataclass(frozen=True, slots=True)
class Report:
    """What a StatusNotification says of a connector, in any version."""

    status: ConnectorStatus
    activity: Activity | None = None
    info: str | None = None


class StatusReports:
    """Tells each change once, when it has lasted long enough.

    EVSE 0 is the station. What could not be sent is told when the connection is back.
    """

    def __init__(
        self,
        outside: Outside,
        device_model: DeviceModel,
        event_ids: EventIds,
        newest_error: NewestError,
    ) -> None:
        self._outside = outside
        self._device_model = device_model
        self._event_ids = event_ids
        self._newest_error = newest_error
        self._present: dict[EvseRef, Report] = {}
        self._told: dict[EvseRef, Report] = {}
        self._timers: dict[EvseRef, Timer] = {}

    def of(self, ref: EvseRef) -> Report:
        """Return what is true of a connector, told or not."""
        return self._present.get(ref, Report(ConnectorStatus.UNAVAILABLE))

    def note(self, ref: EvseRef, report: Report) -> bool:
        """Take what is true of a connector now; True if it is news, which the CSMS is told."""
        if self._present.get(ref) == report:
            return False
        self._present[ref] = report
        timer = self._timers.pop(ref, None)
        if timer is not None:
            timer.cancel()
        # 1.6, 4.9: a status that does not last so long is not told. Zero for 2.x, unless set there.
        hold_s = self._device_model.integer(OCPP16LegacyCtrlr.MinimumStatusDuration)
        if hold_s <= 0:
            self._tell_change(ref)
        elif self._told.get(ref) != report:
            self._timers[ref] = self._outside.clock.call_later(
                hold_s, lambda: self._tell_change(ref)
            )
        return True

    def tell_all(self) -> None:
        """Tell everything to a CSMS that knows nothing of it (B01.FR.05)."""
        self._told.clear()
        for ref in self._present:
            self._tell(ref, changed=True)

    def tell_again(self, *, long_offline: bool) -> None:
        """Tell what has to be told after having been offline.

        All connectors after a long time (B04.FR.01), otherwise those whose status changed
        (B04.FR.02). Version 1.6 hears of all in any case.
        """
        for ref, report in self._present.items():
            told = self._told.get(ref)
            changed = long_offline or told is None or told.status is not report.status
            self._tell(ref, changed=changed)

    def tell_requested(self, ref: EvseRef) -> None:
        """Tell what is true now because the CSMS asked for it (F06)."""
        if ref in self._present:
            self._tell(ref, changed=True, requested=True)

    def _tell_change(self, ref: EvseRef) -> None:
        told, report = self._told.get(ref), self._present[ref]
        if told == report:
            return
        self._tell(ref, changed=told is None or told.status is not report.status)

    def _tell(self, ref: EvseRef, *, changed: bool, requested: bool = False) -> None:
        timer = self._timers.pop(ref, None)
        if timer is not None:
            timer.cancel()
        report = self._told[ref] = self._present[ref]
        kind = RequestedStatus if requested else StatusNotification
        notification = kind(
            timestamp=self._outside.clock.now(),
            evse_id=ref.id,
            connector_id=ref.connector_id or 0,
            status=report.status,
            activity=report.activity,
            error=self._newest_error(ref),
            info=report.info,
            status_changed=changed,
            event_id=self._event_ids.next(),
        )
        if not self._outside.csms.connected:
            if self._outside.csms.keeps(notification):
                self._outside.store.queue(notification)
            else:
                del self._told[ref]
            return
        self._outside.tasks.start(
            self._send(ref, report, notification), f"status of {ref.id}.{ref.connector_id or 0}"
        )

    async def _send(self, ref: EvseRef, report: Report, notification: StatusNotification) -> None:
        try:
            await self._outside.csms.call(
                notification, triggered=isinstance(notification, RequestedStatus)
            )
        except NotSpoken:
            pass  # 2.x has no word for it, and so nothing to be told
        except Refused as error:
            _LOG.warning("The CSMS refused a status: %s", error)
        except CsmsError as error:
            _LOG.debug("A status was not told: %s", error)
            if self._told.get(ref) is report:
                del self._told[ref]
