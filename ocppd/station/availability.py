"""Availability (block G): what may be used, and what is told of it.

Station, EVSEs and connectors are each Operative or Inoperative by ChangeAvailability, which
survives reboots; a change waits while a transaction runs, and what is idle follows at once. From
that, from what the host reports and from faults comes the status of each connector. The host's
agent carries out what the CSMS decided (`EnableDisable`).
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ocppd.clock import Timer
from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import EVSE, ChargingStation
from ocppd.device_model.names import Connector as ConnectorNames
from ocppd.errors import AgentRefused
from ocppd.model.availability import (
    Activity,
    ChangeAvailability,
    ChangeAvailabilityResponse,
    ChangeAvailabilityStatus,
    ConnectorStatus,
    OperationalStatus,
    StationError,
)
from ocppd.model.variables import EvseRef, StatusInfo
from ocppd.station.answer import Answer
from ocppd.station.connector_status import (
    Condition,
    claims_reservation,
    status_of,
    status_of_evse,
    status_of_station,
)
from ocppd.station.event_ids import EventIds
from ocppd.station.evse import Connector, Evse, Evses
from ocppd.station.ports import Outside
from ocppd.station.status_reports import Report, StatusReports

_LOG = logging.getLogger(__name__)

STATION = EvseRef(0)
EVSE_MANAGER = "EvseManager"
INOPERATIVE = "evse_manager/Inoperative"
"""The one type of error that makes it impossible to charge."""

_RETRY_S = 10.0
"""How long after a failure the agent is asked again to enable or disable a connector."""
_FREE = (ConnectorStatus.AVAILABLE, ConnectorStatus.RESERVED)


@dataclass(frozen=True, slots=True)
class OperationalState:
    """What ChangeAvailability said of the station, an EVSE or a connector (G03.FR.08, G04.FR.09).

    `scheduled` waits until no transaction is in the way.
    """

    status: OperationalStatus = OperationalStatus.OPERATIVE
    scheduled: OperationalStatus | None = None


class Availability:
    """Who may charge where, on three levels.

    `agent_grace_s` is how long the host's agent may be away from the bus before its connectors
    become Unavailable.
    """

    def __init__(
        self,
        outside: Outside,
        device_model: DeviceModel,
        evses: Evses,
        event_ids: EventIds,
        agent_grace_s: float = 15.0,
    ) -> None:
        self.station_errors: list[StationError] = []
        self._outside = outside
        self._device_model = device_model
        self._evses = evses
        self._reports = StatusReports(outside, device_model, event_ids, self.newest_error)
        self._agent_grace_s = agent_grace_s
        self._agent_missed: Timer | None = None
        self._states: dict[EvseRef, OperationalState] = {}
        self._closed: dict[str, int | None] = {}
        self._pushed: dict[EvseRef, OperationalStatus] = {}
        self._failed: dict[EvseRef, OperationalStatus] = {}
        self._retry: Timer | None = None
        self._pushing: set[EvseRef] = set()
        self._when_ready: list[Callable[[int], None]] = []
        self._when_ended: list[Callable[[int], None]] = []
        self._when_changed: list[Callable[[], None]] = []

    def start(self) -> None:
        """Take back what survived the reboot (B01.FR.07, G01.FR.02)."""
        saved = self._outside.store.load(OperationalState)
        self._states = {ref: saved[key] for ref in self._targets() if (key := _key(ref)) in saved}
        self._refresh_all()

    # What others may hang in

    def when_ready(self, call: Callable[[int], None]) -> None:
        """Call a function each time that the host reports an EVSE ready, before its status."""
        self._when_ready.append(call)

    def when_transaction_ended(self, call: Callable[[int], None]) -> None:
        """Call a function after a transaction has ended and the EVSE's availability is settled."""
        self._when_ended.append(call)

    def when_changed(self, call: Callable[[], None]) -> None:
        """Call a function after the statuses were looked at, whatever became of them."""
        self._when_changed.append(call)

    # What the CSMS asks for

    def change(self, request: ChangeAvailability) -> Answer[ChangeAvailabilityResponse]:
        """Make the station, an EVSE or a connector Operative or Inoperative (G03, G04).

        Statuses are told after the answer.
        """
        problem = self._problem_with(request.evse)
        if problem is not None:
            return Answer(ChangeAvailabilityResponse(ChangeAvailabilityStatus.REJECTED, problem))
        ref = request.evse or STATION  # G04.FR.01
        wanted = request.operational_status
        present = self._state(ref)
        status = ChangeAvailabilityStatus.ACCEPTED
        state = OperationalState(wanted)
        # G03.FR.03, G04.FR.04: what it is already is accepted, and nothing waits any more.
        if present.status is not wanted and self._is_busy(ref):
            status = ChangeAvailabilityStatus.SCHEDULED  # G03.FR.05, G04.FR.06
            state = OperationalState(present.status, wanted)
        self._save(ref, state)
        _LOG.info("%s: %s, %s", _name(ref), wanted.value, status.value)
        return Answer(ChangeAvailabilityResponse(status), then=self._refresh_all)

    def _problem_with(self, ref: EvseRef | None) -> StatusInfo | None:
        if ref is None:
            return None
        evse = self._evses.get(ref.id)
        if evse is None:
            return StatusInfo("UnknownEvse", f"there is no EVSE {ref.id}")
        if ref.connector_id is None:
            if self._outside.csms.manners.addresses_connectors_alone:
                return StatusInfo("InvalidInput", "the CSMS knows connectors, not EVSEs")
            return None
        if ref.connector_id not in evse.connectors:
            text = f"EVSE {ref.id} has no connector {ref.connector_id}"
            return StatusInfo("UnknownConnectorId", text)
        return None

    def trigger(self, ref: EvseRef | None) -> None:
        """Tell the status of the station (EVSE 0), an EVSE, a connector, or None: all (F06)."""
        for each in (STATION, *self._connector_refs()):
            if ref is None or each == ref or (ref.connector_id is None and each.id == ref.id):
                self._reports.tell_requested(each)

    def report_all(self) -> None:
        """Tell the status of everything, after the boot was accepted (B01.FR.05)."""
        self._refresh_all()
        self._reports.tell_all()

    def report_again(self, *, long_offline: bool) -> None:
        """Tell what has to be told after having been offline (B04.FR.01, B04.FR.02)."""
        self._refresh_all()
        self._reports.tell_again(long_offline=long_offline)

    # What the host reports

    def on_ready(self, evse_id: int, ready: bool) -> None:
        """Take note that an EVSE can work, or not; raises UnknownEvse.

        Reported again, it is the host back from a restart: open transactions are settled again.
        """
        evse = self._evses[evse_id]
        evse.ready = ready
        if ready:
            for call in self._when_ready:
                call(evse_id)
        self._settle(evse)

    def on_agent_registered(self) -> None:
        """Tell a new agent for EvseManager what is Operative and what is not."""
        if self._agent_missed is not None:
            self._agent_missed.cancel()
            self._agent_missed = None
        self._pushed.clear()
        self._try_again()

    def on_agent_gone(self) -> None:
        """Wait for the agent to come back; without it the connectors become Unavailable.

        They stay so until the host reports its EVSEs ready again.
        """
        if self._agent_missed is None:
            self._agent_missed = self._outside.clock.call_later(
                self._agent_grace_s, self._on_agent_missed
            )

    def _on_agent_missed(self) -> None:
        self._agent_missed = None
        _LOG.warning("The host's agent for EvseManager is missed; no EVSE is ready without it")
        for evse in self._evses:
            evse.ready = False
        self._refresh_all()

    def on_session_activity(
        self,
        evse_id: int,
        connector_id: int,
        activity: Activity | None,
        occupied: bool,
        info: str | None = None,
        *,
        authorized: bool = False,
    ) -> None:
        """Take note of what a connector is busy with, None when its session is over.

        `authorized` tells that a token was accepted for it, which uses a reservation; every
        activity after Preparing implies it. `info` is for 1.6, at most 50 characters.
        """
        evse = self._evses[evse_id]
        connector = evse.connectors[connector_id]
        if info is not None or connector.activity is not activity:
            connector.info = info  # the same activity without a text is no news
        connector.activity = activity
        connector.occupied = occupied
        connector.claimed = activity is not None and (
            connector.claimed or claims_reservation(activity, authorized=authorized)
        )
        self._settle(evse)

    def on_enabled(self, evse_id: int, connector_id: int = 0) -> None:
        """Take note that the host enabled a connector, or with 0 all of the EVSE."""
        self._set_disabled(evse_id, connector_id, disabled=False)

    def on_disabled(self, evse_id: int, connector_id: int = 0) -> None:
        """Take note that the host disabled a connector, or with 0 all of the EVSE."""
        self._set_disabled(evse_id, connector_id, disabled=True)

    def _set_disabled(self, evse_id: int, connector_id: int, *, disabled: bool) -> None:
        evse = self._evses[evse_id]
        for connector in evse.connectors.values():
            if connector_id in (0, connector.id):
                connector.disabled = disabled
        self._refresh_evse(evse)

    def on_reservation(self, evse_id: int, connector_id: int, reserved: bool) -> None:
        """Take note that a reservation holds a connector, or no longer; 0 is all of the EVSE."""
        evse = self._evses[evse_id]
        for connector in evse.connectors.values():
            if connector_id in (0, connector.id):
                connector.reserved = reserved
        self._refresh_evse(evse)

    def on_transaction_ended(self, evse_id: int) -> None:
        """Carry out what waited for the end of a transaction."""
        self._settle(self._evses[evse_id])
        for call in self._when_ended:
            call(evse_id)

    # What other blocks ask for

    def close(self, reason: str, evse_id: int | None = None) -> None:
        """Make what is idle Unavailable, and the rest once it is idle, until `open`.

        It is not kept over a restart. Without EVSE it holds for the whole station.
        """
        self._closed[reason] = evse_id
        self._refresh_all()

    def open(self, reason: str) -> None:
        """End what `close` did for the same reason."""
        if self._closed.pop(reason, 0) != 0:
            self._refresh_all()

    def is_closed(self, evse_id: int) -> bool:
        """Tell whether an EVSE is out of service by `close` alone, and so not for long."""
        return any(each in (None, evse_id) for each in self._closed.values())

    def refresh(self, evse_id: int, connector_id: int | None = None) -> None:
        """Look again at the status of an EVSE's connectors, or one of them."""
        evse = self._evses[evse_id]
        if connector_id is None:
            self._refresh_evse(evse)
        else:
            self._refresh_connector(evse, evse.connectors[connector_id])
            self._refresh_evse(evse)

    def refresh_all(self) -> None:
        """Look again at the status of everything."""
        self._refresh_all()

    def report_of(self, ref: EvseRef) -> Report:
        """Return what is true of a connector; of an EVSE it is that of its first connector."""
        if ref.id != 0 and ref.connector_id is None:
            ref = EvseRef(ref.id, 1)
        return self._reports.of(ref)

    def newest_error(self, ref: EvseRef) -> StationError | None:
        """Return the newest active error at a connector or its EVSE, or (EVSE 0) the station."""
        evse = self._evses.get(ref.id)
        if evse is None:
            errors = self.station_errors
        else:
            connector = evse.connectors.get(ref.connector_id or 1)
            errors = evse.errors + (connector.errors if connector else [])
        # An error that stops everything is told before those one can charge with.
        return max(
            errors, key=lambda error: (error.type == INOPERATIVE, error.timestamp), default=None
        )

    def is_operative(self, evse_id: int, connector_id: int) -> bool:
        """Tell whether a connector is Operative on all three levels."""
        evse = self._evses[evse_id]
        return self._is_operative(evse, evse.connectors[connector_id])

    # Operability

    def _targets(self) -> Iterator[EvseRef]:
        yield STATION
        for evse in self._evses:
            yield EvseRef(evse.id)
            for connector in evse.connectors.values():
                yield EvseRef(evse.id, connector.id)

    def _connector_refs(self) -> Iterator[EvseRef]:
        return (ref for ref in self._targets() if ref.connector_id is not None)

    def _state(self, ref: EvseRef) -> OperationalState:
        return self._states.get(ref, OperationalState())

    def _save(self, ref: EvseRef, state: OperationalState) -> None:
        if self._state(ref) == state:
            return
        self._states[ref] = state
        self._outside.store.save(_key(ref), state)

    def _connector_is_busy(self, evse: Evse, connector: Connector) -> bool:
        if evse.transaction_id is not None:
            elsewhere = any(each.occupied for each in evse.connectors.values())
            return connector.occupied or not elsewhere
        manners = self._outside.csms.manners
        return manners.preparing_is_busy and connector.activity is Activity.PREPARING

    def _is_busy(self, ref: EvseRef) -> bool:
        return any(
            self._connector_is_busy(evse, connector)
            for evse in self._evses
            if ref.id in (0, evse.id)
            for connector in evse.connectors.values()
            if ref.connector_id in (None, connector.id)
        )

    def _is_operative(self, evse: Evse, connector: Connector) -> bool:
        """Tell whether all three levels allow it; what is scheduled holds for an idle one."""
        busy = self._connector_is_busy(evse, connector)
        if not busy and any(evse_id in (None, evse.id) for evse_id in self._closed.values()):
            return False
        for ref in (STATION, EvseRef(evse.id), EvseRef(evse.id, connector.id)):
            state = self._state(ref)
            status = state.status if busy else state.scheduled or state.status
            if status is OperationalStatus.INOPERATIVE:
                return False
        return True

    def _settle(self, evse: Evse) -> None:
        """Carry out the scheduled changes that no transaction holds up any more."""
        with self._outside.store.atomically():
            for ref in (*self._states,):
                scheduled = self._states[ref].scheduled
                if scheduled is not None and ref.id in (0, evse.id) and not self._is_busy(ref):
                    _LOG.info("%s: %s, as scheduled", _name(ref), scheduled.value)
                    self._save(ref, OperationalState(scheduled))
        self._refresh_evse(evse)

    # Statuses

    def _refresh_all(self) -> None:
        for evse in self._evses:
            for connector in evse.connectors.values():
                self._refresh_connector(evse, connector)
            self._device_model.set_actual(
                EVSE.AvailabilityState(evse.id),
                status_of_evse(each.status for each in evse.connectors.values()).value,
            )
        self._refresh_station()

    def _refresh_evse(self, evse: Evse) -> None:
        for connector in evse.connectors.values():
            self._refresh_connector(evse, connector)
        status = status_of_evse(each.status for each in evse.connectors.values())
        self._device_model.set_actual(EVSE.AvailabilityState(evse.id), status.value)
        self._refresh_station()

    def _refresh_connector(self, evse: Evse, connector: Connector) -> None:
        errors = evse.errors + connector.errors
        status = status_of(
            Condition(
                faulted=any(error.type == INOPERATIVE for error in errors),
                operative=self._is_operative(evse, connector) and not self._station_is_faulted(),
                usable=evse.ready and not connector.disabled,
                occupied=connector.occupied,
                reserved=connector.reserved or connector.held,
                claimed=connector.claimed,
            )
        )
        connector.status = status
        # 1.6 calls a connector Preparing also for a driver without a car, but not for a car at a
        # connector that is reserved for somebody else.
        busy = status is ConnectorStatus.OCCUPIED or (status in _FREE and connector.claimed)
        report = Report(status, connector.activity, connector.info) if busy else Report(status)
        news = self._reports.note(EvseRef(evse.id, connector.id), report)
        self._device_model.set_actual(
            ConnectorNames.AvailabilityState(evse.id, connector.id), status.value
        )
        if news:
            self._outside.host.evse_changed(evse.id)

    def _refresh_station(self) -> None:
        own = Condition(
            faulted=self._station_is_faulted(),
            operative=self._state(STATION).status is OperationalStatus.OPERATIVE
            and None not in self._closed.values(),
        )
        self._reports.note(STATION, Report(status_of(own)))
        evses = [
            status_of_evse(each.status for each in evse.connectors.values()) for evse in self._evses
        ]
        self._device_model.set_actual(
            ChargingStation.AvailabilityState, status_of_station(evses, own).value
        )
        self._enforce()
        for call in self._when_changed:
            call()

    def _station_is_faulted(self) -> bool:
        return any(error.type == INOPERATIVE for error in self.station_errors)

    # Enforcement

    def _enforce(self) -> None:
        """Have the agent carry out what changed, each connector in its own order."""
        if not self._outside.agents.has(EVSE_MANAGER):
            return
        for ref in self._connector_refs():
            if ref not in self._pushing and self._has_to_push(ref, self._effective(ref)):
                self._pushing.add(ref)
                self._outside.tasks.start(self._push(ref), f"enable or disable {_name(ref)}")

    def _effective(self, ref: EvseRef) -> OperationalStatus:
        evse = self._evses[ref.id]
        operative = self._is_operative(evse, evse.connectors[ref.connector_id or 1])
        return OperationalStatus.OPERATIVE if operative else OperationalStatus.INOPERATIVE

    def _has_to_push(self, ref: EvseRef, status: OperationalStatus) -> bool:
        return status not in (self._pushed.get(ref), self._failed.get(ref))

    async def _push(self, ref: EvseRef) -> None:
        try:
            while self._has_to_push(ref, status := self._effective(ref)):
                self._failed.pop(ref, None)
                self._pushed[ref] = status
                # A new agent may have come meanwhile, which is told in any case.
                if not await self._is_taken(ref, status) and self._pushed.get(ref) is status:
                    del self._pushed[ref]
                    self._failed[ref] = status
                    self._try_again_later()
        finally:
            self._pushing.discard(ref)

    async def _is_taken(self, ref: EvseRef, status: OperationalStatus) -> bool:
        """Tell whether the agent took the command, whatever it makes of it.

        It keeps what each source wants, and one that is more important may decide otherwise.
        """
        try:
            in_service = await self._outside.agents.enable_disable(
                ref.id, ref.connector_id or 0, status
            )
        except AgentRefused as error:
            _LOG.warning("%s was not made %s: %s", _name(ref), status.value, error)
            return False
        if in_service is not (status is OperationalStatus.OPERATIVE):
            _LOG.warning("%s was not made %s: the host wants otherwise", _name(ref), status.value)
        return True

    def _try_again_later(self) -> None:
        if self._retry is None:
            self._retry = self._outside.clock.call_later(_RETRY_S, self._try_again)

    def _try_again(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._failed.clear()
        self._enforce()


def _key(ref: EvseRef) -> str:
    return str(ref.id) if ref.connector_id is None else f"{ref.id}.{ref.connector_id}"


def _name(ref: EvseRef) -> str:
    if ref.id == 0:
        return "The station"
    return f"EVSE {ref.id}" + (f" connector {ref.connector_id}" if ref.connector_id else "")
