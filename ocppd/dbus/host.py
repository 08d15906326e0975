"""The host, as the station sees it: whatever it tells becomes a signal or a property."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ocppd.dbus.auth_token_provider import AuthTokenProviderInterface
from ocppd.dbus.auth_token_validator import AuthTokenValidatorInterface
from ocppd.dbus.error_history import ErrorHistoryInterface
from ocppd.dbus.evse_manager import EvseManagerInterface
from ocppd.dbus.marshalling import station, tokens, variables
from ocppd.dbus.ocpp import OcppInterface, Told
from ocppd.dbus.reservation import ReservationInterface
from ocppd.model.charging_schedules import ChargingSchedule
from ocppd.model.events import EventData
from ocppd.model.registration import BootNotificationResponse, ConnectionStatus
from ocppd.model.security import SecurityEvent
from ocppd.model.tokens import ProvidedIdToken, ValidationResult
from ocppd.model.transactions import OcppTransactionEvent, OcppTransactionEventResponse


@dataclass(frozen=True, slots=True)
class Exported:
    """The interfaces that tell something by themselves."""

    ocpp: OcppInterface
    validator: AuthTokenValidatorInterface
    provider: AuthTokenProviderInterface
    errors: ErrorHistoryInterface
    reservations: ReservationInterface
    evses: Mapping[int, EvseManagerInterface]


class Host:
    """A port of the station; before `exported` is there, states are kept and events are lost.

    `on_state` is called when the connection, the registration or the health changed.
    """

    def __init__(self) -> None:
        self.told = Told()
        self.on_state: Callable[[], None] = lambda: None
        self.exported: Exported | None = None
        self._changed_evses: set[int] = set()

    def provide_token(self, token: ProvidedIdToken) -> None:
        """Offer a token that came from the CSMS, as if presented at the reader."""
        if self.exported is not None:
            self.exported.provider.ProvidedToken(tokens.provided_id_token(token))

    def validate_result_update(self, evse_id: int, result: ValidationResult) -> None:
        """Tell that the CSMS thinks otherwise of the token of a running transaction."""
        if self.exported is not None:
            self.exported.validator.ValidateResultUpdate(
                tokens.validate_result_update(evse_id, result)
            )

    def transaction_event(self, event: OcppTransactionEvent) -> None:
        """Signal an event of an OCPP transaction."""
        if self.exported is not None:
            self.exported.ocpp.OcppTransactionEvent(station.transaction_event(event))

    def transaction_event_response(self, response: OcppTransactionEventResponse) -> None:
        """Signal what the CSMS answered to such an event."""
        if self.exported is not None:
            self.exported.ocpp.OcppTransactionEventResponse(
                station.transaction_event_response(response)
            )

    def security_event(self, event: SecurityEvent) -> None:
        """Signal a security event that the station raised itself."""
        if self.exported is not None:
            self.exported.ocpp.SecurityEventSignal(station.security_event(event))

    def event_data(self, event: EventData) -> None:
        """Signal a change of a monitored variable."""
        if self.exported is not None:
            self.exported.ocpp.EventData(variables.event_data(event))

    def boot_notification_response(self, response: BootNotificationResponse) -> None:
        """Tell each answer to a BootNotification."""
        self.told.boot = response
        self.on_state()
        if self.exported is not None:
            ocpp = self.exported.ocpp
            ocpp.changed("BootNotificationResponse")
            ocpp.BootNotificationResponseSignal(station.boot_notification_response(response))

    def connection_status(self, status: ConnectionStatus) -> None:
        """Tell that the connection was made or lost."""
        self.told.connection = status
        self.on_state()
        if self.exported is not None:
            self.exported.ocpp.refresh()

    def charging_schedules(self, schedules: tuple[ChargingSchedule, ...]) -> None:
        """Publish the composite schedules, station first."""
        self.told.schedules = schedules
        if self.exported is not None:
            self.exported.ocpp.changed("ChargingSchedules")

    def evse_changed(self, evse_id: int) -> None:
        """Tell that a property of an EVSE object may have changed."""
        # A report changes several connectors and the EVSE one after the other; the bus hears once.
        if self.exported is not None:
            if not self._changed_evses:
                asyncio.get_running_loop().call_soon(self._tell_evses)
            self._changed_evses.add(evse_id)

    def _tell_evses(self) -> None:
        changed, self._changed_evses = self._changed_evses, set()
        for evse_id in sorted(changed):
            if self.exported is not None and evse_id in self.exported.evses:
                self.exported.evses[evse_id].refresh()

    def errors_changed(self) -> None:
        """Tell that the list of active errors changed."""
        if self.exported is not None:
            self.exported.errors.refresh()

    def reservations_changed(self) -> None:
        """Tell that the list of reservations changed."""
        if self.exported is not None:
            self.exported.reservations.refresh()

    def health_changed(self) -> None:
        """Tell that `Station.health` changed."""
        self.on_state()
        if self.exported is not None:
            self.exported.ocpp.refresh()

    def ocpp_message(
        self,
        frame: str,
        direction: str,
        version: str | None,
        *,
        masked: bool = False,
        reason: str | None = None,
    ) -> None:
        """Signal a frame as it went over the WebSocket, its credentials masked already.

        `direction` is "CSMSToChargingStation" or "ChargingStationToCSMS". Who listens cannot be
        known on D-Bus; the policy lets callers of the control class receive it. `reason` says what
        is wrong with a frame of the CSMS.
        """
        if self.exported is not None:
            self.exported.ocpp.OcppMessage(
                station.ocpp_message(frame, direction, version, masked=masked, reason=reason)
            )
