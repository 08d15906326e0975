"""TriggerMessage (F06): which message the CSMS may ask for, and who sends it.

What is accepted is sent (F06.FR.10), so a message that would have nothing to say is Rejected. Not
part of this release, and so NotImplemented: the notifications of firmware updates and logs, one
certificate for both purposes, and custom triggers.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from ocppd.model.certificates import SigningUse
from ocppd.model.registration import RegistrationStatus
from ocppd.model.remote_control import (
    MessageTrigger,
    StatusResult,
    TriggerMessage,
    TriggerMessageStatus,
)
from ocppd.model.variables import EvseRef, StatusInfo
from ocppd.station.answer import Answer, nothing
from ocppd.station.evse import Evse, Evses


class Registers(Protocol):
    """What is needed of block B."""

    @property
    def status(self) -> RegistrationStatus | None:
        """What the CSMS answered to the last BootNotification."""

    def trigger_boot(self) -> None:
        """Send a BootNotification."""

    def trigger_heartbeat(self) -> None:
        """Send a Heartbeat."""


class Triggered(Protocol):
    """A block that sends one kind of message for an EVSE, a connector or (None) all."""

    def trigger(self, evse: EvseRef | None, /) -> None:
        """Send the message."""


class Signs(Protocol):
    """What is needed of blocks A02 and A03."""

    def why_not(self, use: SigningUse, /) -> StatusInfo | None:
        """Return why a certificate cannot be asked for now; None if it can."""

    def sign(self, use: SigningUse, /) -> None:
        """Ask for a certificate."""


_SIGNING = {
    MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE: SigningUse.CHARGING_STATION,
    MessageTrigger.SIGN_V2G_CERTIFICATE: SigningUse.V2G,  # A02.FR.22
    MessageTrigger.SIGN_V2G20_CERTIFICATE: SigningUse.V2G20,  # A02.FR.23
}


class MessageTriggers:
    """Answers TriggerMessage, and hands it to the block that has the message."""

    def __init__(
        self,
        evses: Evses,
        registration: Registers,
        availability: Triggered,
        meter_values: Triggered,
        transactions: Triggered,
        certificates: Signs,
    ) -> None:
        self._evses = evses
        self._registration = registration
        self._availability = availability
        self._meter_values = meter_values
        self._transactions = transactions
        self._certificates = certificates

    def trigger(self, request: TriggerMessage) -> Answer[StatusResult]:
        """Say whether a message will be sent, and send it after the answer (F06.FR.04, FR.05)."""
        match request.requested_message:
            case MessageTrigger.BOOT_NOTIFICATION:
                return self._boot(request)
            case MessageTrigger.HEARTBEAT:
                return _accept(self._registration.trigger_heartbeat)
            case MessageTrigger.STATUS_NOTIFICATION:
                return self._status(request)
            case MessageTrigger.METER_VALUES:
                return self._of_evses(
                    request, self._meter_values, _was_metered, "there is no reading yet"
                )
            case MessageTrigger.TRANSACTION_EVENT:
                return self._of_evses(
                    request, self._transactions, _has_transaction, "there is no transaction"
                )
            case message if message in _SIGNING:  # A02
                return self._sign(_SIGNING[message])
            case _:  # F06.FR.08, FR.19
                return Answer(StatusResult(TriggerMessageStatus.NOT_IMPLEMENTED.value))

    def _boot(self, request: TriggerMessage) -> Answer[StatusResult]:
        accepted = self._registration.status is RegistrationStatus.ACCEPTED
        if accepted and not request.lenient:  # F06.FR.17
            return _reject(StatusInfo("Unspecified", "the boot was accepted"))
        return _accept(self._registration.trigger_boot)

    def _sign(self, use: SigningUse) -> Answer[StatusResult]:
        refusal = self._certificates.why_not(use)
        if refusal is not None:
            return _reject(refusal)
        return _accept(partial(self._certificates.sign, use))

    def _status(self, request: TriggerMessage) -> Answer[StatusResult]:
        evse = request.evse
        if evse is None or (evse.id == 0 and evse.connector_id is None):
            if request.lenient:
                return _accept(partial(self._availability.trigger, evse))
            return _reject(StatusInfo("MissingParam", "a connector is needed"))  # F06.FR.12
        if evse.connector_id is None:
            return _reject(StatusInfo("MissingParam", "a connector is needed"))  # F06.FR.12
        if self._evses.connector(evse) is None:
            return _reject(self._unknown(evse))
        return _accept(partial(self._availability.trigger, evse))

    def _of_evses(
        self,
        request: TriggerMessage,
        block: Triggered,
        has: Callable[[Evse], bool],
        otherwise: str,
    ) -> Answer[StatusResult]:
        """Trigger a message of one EVSE, or of all that have something to say (F06.FR.11)."""
        wanted = request.evse if request.evse is not None and request.evse.id != 0 else None
        if wanted is None:
            evses = list(self._evses)
        else:
            evse = self._evses.get(wanted.id)
            if evse is None or (
                wanted.connector_id is not None and wanted.connector_id not in evse.connectors
            ):
                return _reject(self._unknown(wanted))
            evses = [evse]
        if not any(map(has, evses)):
            return _reject(StatusInfo("Unspecified", otherwise))
        return _accept(partial(block.trigger, wanted))

    def _unknown(self, ref: EvseRef) -> StatusInfo:
        known = self._evses.get(ref.id) is not None
        return StatusInfo("UnknownConnectorId" if known else "UnknownEvse")


def _was_metered(evse: Evse) -> bool:
    return evse.powermeter is not None


def _has_transaction(evse: Evse) -> bool:
    return evse.transaction_id is not None


def _accept(send: Callable[[], None]) -> Answer[StatusResult]:
    return Answer(StatusResult(TriggerMessageStatus.ACCEPTED.value), then=send, unsaid=nothing)


def _reject(why: StatusInfo) -> Answer[StatusResult]:
    return Answer(StatusResult(TriggerMessageStatus.REJECTED.value, why))
