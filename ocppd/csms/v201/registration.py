"""BootNotification and Heartbeat as OCPP 2.0.1 and 2.1 spell them (B01, G02)."""

from typing import Any

from ocppd.csms.payload import Payload, moment, present
from ocppd.csms.spelling import Outgoing
from ocppd.csms.v201.status_info import decode_status_info
from ocppd.model.registration import (
    BootNotification,
    BootNotificationResponse,
    Heartbeat,
    HeartbeatResponse,
    RegistrationStatus,
)


def encode_boot_notification(request: BootNotification) -> Payload:
    """Return BootNotificationRequest, each text cut to its field."""
    modem = present(iccid=_cut(request.iccid, 20), imsi=_cut(request.imsi, 20))
    station = present(
        vendorName=request.vendor_name[:50],
        model=request.model[:20],
        serialNumber=_cut(request.serial_number, 25),
        firmwareVersion=_cut(request.firmware_version, 50),
        modem=modem or None,
    )
    return {"reason": request.reason.value, "chargingStation": station}  # B01.FR.09


def decode_boot_notification_response(payload: Payload) -> BootNotificationResponse:
    """Read BootNotificationResponse."""
    return BootNotificationResponse(
        status=RegistrationStatus(payload["status"]),
        current_time=moment(payload["currentTime"]),
        interval_s=int(payload["interval"]),
        status_info=decode_status_info(payload.get("statusInfo")),
    )


def encode_heartbeat(_request: Heartbeat) -> Payload:
    """Return HeartbeatRequest."""
    return {}


def decode_heartbeat_response(payload: Payload) -> HeartbeatResponse:
    """Read HeartbeatResponse."""
    return HeartbeatResponse(moment(payload["currentTime"]))


def _cut(text: str | None, length: int) -> str | None:
    return text[:length] if text is not None else None


REQUESTS: dict[type, Outgoing[Any, Any]] = {
    BootNotification: Outgoing(
        "BootNotification", encode_boot_notification, decode_boot_notification_response
    ),
    Heartbeat: Outgoing("Heartbeat", encode_heartbeat, decode_heartbeat_response),
}
