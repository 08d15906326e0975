"""Block H, Reservation: EVSEs are kept for drivers (H01 to H04).

Where the host has an agent for it, the host keeps the reservations and this block passes on; else
they are kept here, over restarts. A reservation ends when its driver begins a session, when its
time is over, when the CSMS cancels it, or when its EVSE fails.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from ocppd.clock import Timer
from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import OCPP16LegacyCtrlr, ReservationCtrlr
from ocppd.errors import AgentRefused, CsmsError, NoAnswer, Offline
from ocppd.model.availability import ConnectorStatus
from ocppd.model.remote_control import StatusResult
from ocppd.model.reservations import (
    Reservation,
    ReservationMatch,
    ReservationStatus,
    ReservationStatusUpdate,
    ReservationUpdate,
    ReserveNowResult,
    ReserveNowStatus,
)
from ocppd.model.sessions import SessionEvent, SessionEventType
from ocppd.model.tokens import (
    AuthorizationStatus,
    IdToken,
    ProvidedIdToken,
    ValidationResult,
)
from ocppd.model.variables import EvseRef, StatusInfo
from ocppd.station.answer import Answer
from ocppd.station.availability import Availability
from ocppd.station.evse import Connector, Evse, Evses
from ocppd.station.ports import Outside
from ocppd.station.reservation_holds import held

_LOG = logging.getLogger(__name__)

AGENT = "Reservation"
_MOST_DELAY_S = 86_400.0
_BROKEN = (ConnectorStatus.FAULTED, ConnectorStatus.UNAVAILABLE)
_BEGINNINGS = (SessionEventType.SESSION_STARTED, SessionEventType.TRANSACTION_STARTED)


@dataclass(frozen=True, slots=True)
class UntoldUpdate:
    """What the CSMS has to be told of a reservation and has not been yet."""

    reservation_id: int
    status: ReservationStatus


class Reservations:
    """Keeps reservations, or knows what the host keeps."""

    def __init__(
        self, outside: Outside, device_model: DeviceModel, evses: Evses, availability: Availability
    ) -> None:
        self._outside = outside
        self._device_model = device_model
        self._evses = evses
        self._availability = availability
        self._kept: dict[int, Reservation] = {}
        self._untold: dict[int, UntoldUpdate] = {}
        self._telling = False
        self._worked: set[int] = set()
        self._reviewing = False
        self._timer: Timer | None = None
        self._host_admits: tuple[IdToken, frozenset[int]] | None = None
        self.group_of: Callable[[IdToken], IdToken | None] = lambda token: None
        """Which group a token is of, as far as that is known here (H03.FR.07)."""

    def start(self) -> None:
        """Take up what survived; what is over meanwhile is told when the CSMS is there."""
        self._kept = {each.id: each for each in self._outside.store.load(Reservation).values()}
        self._untold = {
            each.reservation_id: each for each in self._outside.store.load(UntoldUpdate).values()
        }
        self._availability.when_changed(self.review)
        self._expire()

    @property
    def listed(self) -> tuple[Reservation, ...]:
        """The reservations, by the time of their end."""
        return tuple(sorted(self._kept.values(), key=lambda each: (each.expiry, each.id)))

    # What the CSMS asks for

    async def reserve(self, request: Reservation) -> Answer[ReserveNowResult]:
        """Reserve an EVSE, a type of connector, or just any EVSE (H01)."""
        problem = self._problem_with(request)
        if problem is not None:
            return self._refuse(request, ReserveNowStatus.REJECTED, problem)
        if self._outside.agents.has(AGENT):
            return await self._reserve_at_host(request)
        status = self._status_for(request)
        if status is not ReserveNowStatus.ACCEPTED:
            return self._refuse(request, status, None)
        self._keep(request)  # H01.FR.02, FR.03
        return Answer(ReserveNowResult(status), then=self.review)

    async def _reserve_at_host(self, request: Reservation) -> Answer[ReserveNowResult]:
        try:
            status = await self._outside.agents.reserve_now(request)
        except AgentRefused as error:
            why = StatusInfo("Unspecified", str(error))
            return self._refuse(request, ReserveNowStatus.REJECTED, why)
        if status is not ReserveNowStatus.ACCEPTED:
            return self._refuse(request, status, None)
        self._keep(replace(request, by_host=True))
        return Answer(ReserveNowResult(status), then=self.review)

    def _refuse(
        self, request: Reservation, status: ReserveNowStatus, why: StatusInfo | None
    ) -> Answer[ReserveNowResult]:
        text = why.additional_info or why.reason_code if why is not None else ""
        _LOG.info("reservation %d: %s %s", request.id, status.value, text)
        return Answer(ReserveNowResult(status, why))

    async def cancel(self, reservation_id: int) -> Answer[StatusResult]:
        """End a reservation because the CSMS wants it (H02)."""
        kept = self._kept.get(reservation_id)
        if self._outside.agents.has(AGENT) and (kept is None or kept.by_host):
            try:
                cancelled = await self._outside.agents.cancel_reservation(reservation_id)
            except AgentRefused as error:
                why = StatusInfo("Unspecified", str(error))
                return Answer(StatusResult("Rejected", why))
        else:
            cancelled = kept is not None
        if not cancelled:
            return Answer(StatusResult("Rejected", StatusInfo("NotFound")))  # H02.FR.01
        self._end(reservation_id, ReservationStatus.CANCELLED)
        return Answer(StatusResult("Accepted"), then=self.review)  # H02.FR.02 to FR.06

    def _problem_with(self, request: Reservation) -> StatusInfo | None:
        """Tell what no state of the EVSEs would mend."""
        model = self._device_model
        available = model.flag(ReservationCtrlr.Available)
        if not available or not model.flag(ReservationCtrlr.Enabled):  # H01.FR.01
            return StatusInfo("NotEnabled", "the station takes no reservations")
        if not request.id_token.value:
            return StatusInfo("InvalidIdToken", "the token is empty")
        if request.expiry <= self._outside.clock.now():
            return StatusInfo("InvalidValue", "it would be over already")
        if request.evse_id is None:
            anywhere = (
                OCPP16LegacyCtrlr.ReserveConnectorZeroSupported  # 1.6, 5.13
                if request.by_connector
                else ReservationCtrlr.NonEvseSpecific  # H01.FR.18, FR.19
            )
            if not model.flag(anywhere):
                return StatusInfo("UnsupportedRequest", "an EVSE has to be named")
        elif self._evses.get(request.evse_id) is None:
            return StatusInfo("UnknownEvse")
        if not self._targets(request):
            if request.connector_type is not None:
                return StatusInfo("UnknownConnectorType")
            return StatusInfo("UnknownConnectorId")
        return None

    # Where a reservation may be, and what is there

    def _targets(self, reservation: Reservation) -> list[tuple[Evse, list[Connector]]]:
        """Return the EVSEs that would do, with the connectors that make them do."""
        found = []
        for evse in self._evses:
            connectors = [
                connector
                for connector in evse.connectors.values()
                if reservation.connector_id in (None, connector.id)
                and reservation.connector_type in (None, connector.type)
            ]
            if reservation.evse_id in (None, evse.id) and connectors:
                found.append((evse, connectors))
        return found

    def _evses_for(self, reservation: Reservation) -> list[int]:
        return [evse.id for evse, _ in self._targets(reservation)]

    def _status_for(self, request: Reservation) -> ReserveNowStatus:
        """Answer by what is true of the EVSEs that would do (H01.FR.04 to FR.14, FR.23)."""
        old = self._kept.get(request.id)
        if old is not None and old.evse_id is not None and old.evse_id == request.evse_id:
            return ReserveNowStatus.ACCEPTED  # H01.FR.02: it has the EVSE already
        others = [each for each in self._kept.values() if each.id != request.id]
        taken = self._held_by(others)
        states = set()
        for evse, connectors in self._targets(request):
            state = _state(evse, connectors)
            reserved = evse.id in taken or any(connector.reserved for connector in connectors)
            if state is ConnectorStatus.AVAILABLE and reserved:
                state = ConnectorStatus.RESERVED
            states.add(state)
        if ConnectorStatus.AVAILABLE in states:
            return ReserveNowStatus.ACCEPTED
        if states & {ConnectorStatus.RESERVED, ConnectorStatus.OCCUPIED}:  # H01.FR.11
            return ReserveNowStatus.OCCUPIED
        if states == {ConnectorStatus.FAULTED}:  # H01.FR.12
            return ReserveNowStatus.FAULTED
        return ReserveNowStatus.UNAVAILABLE  # H01.FR.14

    def _held_by(self, reservations: Iterable[Reservation]) -> set[int]:
        """Return the EVSEs that these hold; what the host keeps, the host holds."""
        own = [each for each in reservations if not each.by_host]
        named = {each.evse_id for each in own if each.evse_id is not None}
        free = {
            evse.id
            for evse in self._evses
            if evse.id not in named
            and _state(evse, evse.connectors.values()) is ConnectorStatus.AVAILABLE
        }
        wanted = {each.id: self._evses_for(each) for each in own if each.evse_id is None}
        return named | held(free, wanted)

    # Keeping

    def _keep(self, reservation: Reservation) -> None:
        self._kept[reservation.id] = reservation
        self._outside.store.save(str(reservation.id), reservation)
        _LOG.info("reservation %d: until %s", reservation.id, reservation.expiry)
        self._arm()
        self._outside.host.reservations_changed()

    def _end(self, reservation_id: int, status: ReservationStatus, *, tell: bool = False) -> None:
        with self._outside.store.atomically():
            if self._kept.pop(reservation_id, None) is not None:
                self._outside.store.forget(Reservation, str(reservation_id))
                _LOG.info("reservation %d: %s", reservation_id, status.value)
            if tell:
                update = UntoldUpdate(reservation_id, status)
                self._untold[reservation_id] = update
                self._outside.store.save(str(reservation_id), update)
        self._arm()
        self._outside.host.reservations_changed()

    def review(self) -> None:
        """End what lost its EVSE, and hold what the rest needs: to be called after any change."""
        if self._reviewing:
            return
        self._reviewing = True
        try:
            self._remove_broken()
            taken = self._held_by(self._kept.values())
            for evse in self._evses:
                hold = evse.id in taken
                if any(connector.held is not hold for connector in evse.connectors.values()):
                    for connector in evse.connectors.values():
                        connector.held = hold  # H01.FR.23: all of them
                    self._availability.refresh(evse.id)
        finally:
            self._reviewing = False
        self.tell_untold()

    def _remove_broken(self) -> None:
        """End reservations whose EVSEs have become Faulted or Unavailable (H01.FR.16, FR.17).

        An EVSE that has not worked since the start is one whose host is not there yet.
        """
        broken = set()
        for evse in self._evses:
            if _state(evse, evse.connectors.values()) not in _BROKEN:
                self._worked.add(evse.id)
            elif evse.id in self._worked and not self._availability.is_closed(evse.id):
                broken.add(evse.id)
        for each in list(self._kept.values()):
            if not each.by_host and broken.issuperset(self._evses_for(each)):
                self._end(each.id, ReservationStatus.REMOVED, tell=True)

    # Use

    def on_session_event(self, evse_id: int, event: SessionEvent) -> SessionEvent:
        """Take note that a driver begins; return the event with the reservation it uses.

        The reservation is over with that (H03.FR.09, FR.10); the CSMS is told with the transaction
        (H01.FR.15).
        """
        if event.event not in _BEGINNINGS or event.id_token is None:
            return event
        token, group = event.id_token.id_token, event.id_token.parent_id_token
        used = self._kept.get(event.reservation_id) if event.reservation_id is not None else None
        if used is None:
            used = self._usable(evse_id, token, group)
        if used is None:
            return event
        # The statuses follow from what the event makes of the connector.
        self._end(used.id, ReservationStatus.USED)
        return replace(event, reservation_id=used.id)

    def _usable(
        self, evse_id: int, token: IdToken | None, group: IdToken | None
    ) -> Reservation | None:
        """Return the reservation that a driver may use at an EVSE: rather the EVSE's own."""
        if token is not None and group is None:
            group = self.group_of(token)
        fitting = [
            each
            for each in self.listed
            if each.is_for(token, group) and evse_id in self._evses_for(each)
        ]
        return min(fitting, key=lambda each: each.evse_id is None, default=None)

    def admits(self, ref: EvseRef, id_token: IdToken, group_id_token: IdToken | None) -> bool:
        """Tell whether a reserved connector is reserved for this token or its group."""
        if self._usable(ref.id, id_token, group_id_token) is not None:
            return True
        if self._host_admits is None or not self._host_admits[0].same_as(id_token):
            return False
        return ref.id in self._host_admits[1]

    async def ask_host(
        self, evse_id: int | None, id_token: IdToken, group_id_token: IdToken | None
    ) -> None:
        """Find out at which reserved EVSEs the host knows a reservation for a token.

        For `admits`, which is asked next: the host may have reservations of its own.
        """
        self._host_admits = None
        if not self._outside.agents.has(AGENT):
            return
        admitted = set()
        for evse in self._evses:
            if evse_id not in (None, evse.id):
                continue
            if not any(connector.reserved for connector in evse.connectors.values()):
                continue
            try:
                match = await self._outside.agents.exists_reservation(
                    evse.id, id_token, group_id_token
                )
            except AgentRefused as error:
                _LOG.warning("EVSE %d: %s", evse.id, error)
                continue
            if match in (ReservationMatch.FOR_DRIVER, ReservationMatch.NOT_RESERVED):
                admitted.add(evse.id)
        self._host_admits = (id_token, frozenset(admitted))

    def restrict(self, provided: ProvidedIdToken, result: ValidationResult) -> ValidationResult:
        """Bar a token from what is held for others, and name its reservation (1.6, 5.13; H03).

        Where the host keeps the reservations it knows by itself.
        """
        if result.authorization_status is not AuthorizationStatus.ACCEPTED or not self._kept:
            return result
        token, group = provided.id_token, result.parent_id_token
        wanted = result.evse_ids or provided.evse_ids or tuple(each.id for each in self._evses)
        if provided.evse_ids:
            wanted = tuple(each for each in wanted if each in provided.evse_ids)
        known = [evse_id for evse_id in wanted if self._evses.get(evse_id) is not None]
        usable = {evse_id: self._usable(evse_id, token, group) for evse_id in known}
        allowed = [
            evse_id
            for evse_id in known
            if usable[evse_id] is not None
            or not any(each.held for each in self._evses[evse_id].connectors.values())
        ]
        if known and not allowed:
            return ValidationResult(AuthorizationStatus.NOT_AT_THIS_TIME)
        if len(allowed) < len(known):
            result = replace(result, evse_ids=tuple(allowed))
        own = next((each for each in usable.values() if each is not None), None)
        return replace(result, reservation_id=own.id) if own is not None else result

    # What the host reports

    def on_update(self, update: ReservationUpdate) -> None:
        """Take note of what became of a reservation that the host keeps."""
        match update.status:
            case ReservationStatus.PLACED:
                return
            case ReservationStatus.EXPIRED | ReservationStatus.REMOVED:  # H04.FR.01, H01.FR.16, 17
                self._end(update.reservation_id, update.status, tell=True)
            case _:
                self._end(update.reservation_id, update.status)
        self.review()

    # Time, and telling

    def _expire(self) -> None:
        """End what is over (H04); the host tells of what it keeps itself."""
        now = self._outside.clock.now()
        for each in list(self._kept.values()):
            if each.expiry <= now:
                told_by_host = each.by_host and self._outside.agents.has(AGENT)
                self._end(each.id, ReservationStatus.EXPIRED, tell=not told_by_host)
        self._arm()
        self.review()  # H04.FR.02, FR.03

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._kept:
            return
        due: datetime = min(each.expiry for each in self._kept.values())
        # The wall clock may be set meanwhile: look again once a day at least.
        delay_s = min((due - self._outside.clock.now()).total_seconds(), _MOST_DELAY_S)
        self._timer = self._outside.clock.call_later(max(delay_s, 0.0), self._expire)

    def tell_untold(self) -> None:
        """Tell the CSMS what it has not been told yet, now or when it is there again."""
        if self._untold and not self._telling and self._outside.csms.connected:
            self._telling = True
            self._outside.tasks.start(self._tell(), "what became of reservations")

    async def _tell(self) -> None:
        try:
            while self._untold:
                update = next(iter(self._untold.values()))
                try:
                    await self._outside.csms.call(
                        ReservationStatusUpdate(update.reservation_id, update.status)
                    )
                except (Offline, NoAnswer) as error:
                    _LOG.info("reservation %d: %s", update.reservation_id, error)
                    return
                except CsmsError as error:
                    _LOG.debug("reservation %d: %s", update.reservation_id, error)
                if self._untold.get(update.reservation_id) is update:
                    del self._untold[update.reservation_id]
                    self._outside.store.forget(UntoldUpdate, str(update.reservation_id))
        finally:
            self._telling = False


def _state(evse: Evse, connectors: Iterable[Connector]) -> ConnectorStatus:
    """Return what is true of an EVSE by some of its connectors, were it not for reservations."""
    statuses = {connector.status for connector in connectors}
    if statuses == {ConnectorStatus.FAULTED}:
        return ConnectorStatus.FAULTED
    if statuses.issubset(_BROKEN):
        return ConnectorStatus.UNAVAILABLE
    busy = any(each.status is ConnectorStatus.OCCUPIED for each in evse.connectors.values())
    if busy or (evse.session_id is not None and evse.authorized):  # also one without a car yet
        return ConnectorStatus.OCCUPIED
    return ConnectorStatus.AVAILABLE
