"""SecurityEventNotification as the security whitepaper for OCPP 1.6 spells it (A04, 8)."""

from typing import TYPE_CHECKING, Any

from ocppd.csms.payload import Payload, present, timestamp
from ocppd.csms.spelling import Message, Outgoing
from ocppd.device_model.names import OCPP16LegacyCtrlr
from ocppd.model.requests import Nothing
from ocppd.model.security import SecurityEventNotification
from ocppd.station.security_events import CRITICAL, NAMES_OF_16

if TYPE_CHECKING:
    from ocppd.station.station import Station

_NOT_CRITICAL_IN_16 = frozenset(
    {
        "InvalidFirmwareSignature",
        "InvalidFirmwareSigningCertificate",
        "InvalidCsmsCertificate",
        "InvalidChargingStationCertificate",
        "DiscardedRenewedClientCertificate",
        "InvalidTLSVersion",
        "InvalidTLSCipherSuite",
        "MaintenanceLoginAccepted",
        "MaintenanceLoginFailed",
    }
)
"""Critical in the appendices of 2.x, but not in the whitepaper's table."""


def is_told(request: SecurityEventNotification) -> bool:
    """Tell whether 1.6 has this event sent: critical by its own table, or insisted on."""
    return request.insisted or not (
        CRITICAL.get(request.type, False) and request.type in _NOT_CRITICAL_IN_16
    )


def encode_security_event_notification(request: SecurityEventNotification) -> Payload:
    """Return SecurityEventNotification.req, with the whitepaper's name of the event."""
    return present(
        type=NAMES_OF_16.get(request.type, request.type),
        timestamp=timestamp(request.timestamp),
        techInfo=request.tech_info,
    )


def _read_nothing(_payload: Payload) -> Nothing:
    return Nothing()


def security_messages(station: "Station", request: SecurityEventNotification) -> list[Message]:
    """Return the message for a queued event, or none where 1.6 does not send it."""
    silent = station.device_model.flag(OCPP16LegacyCtrlr.DisableSecurityEventNotifications)
    if silent or not is_told(request):
        return []
    payload = encode_security_event_notification(request)
    return [Message("SecurityEventNotification", payload, _read_nothing)]


REQUESTS: dict[type, Outgoing[Any, Any]] = {
    SecurityEventNotification: Outgoing(
        "SecurityEventNotification", encode_security_event_notification, _read_nothing
    ),
}
