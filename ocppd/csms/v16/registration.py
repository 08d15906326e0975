"""BootNotification and Heartbeat as OCPP 1.6 spells them (4.2, 4.6)."""

from typing import Any

from ocppd.csms.payload import Payload, moment, present
from ocppd.csms.spelling import Outgoing
from ocppd.model.registration import (
    BootNotification,
    BootNotificationResponse,
    Heartbeat,
    HeartbeatResponse,
    RegistrationStatus,
)


def encode_boot_notification(request: BootNotification) -> Payload:
    """Return BootNotification.req, each text cut to its field; 1.6 asks for no reason."""
    return present(
        chargePointVendor=request.vendor_name[:20],
        chargePointModel=request.model[:20],
        chargePointSerialNumber=_cut(request.serial_number, 25),
        chargeBoxSerialNumber=_cut(request.charge_box_serial_number, 25),
        firmwareVersion=_cut(request.firmware_version, 50),
        iccid=_cut(request.iccid, 20),
        imsi=_cut(request.imsi, 20),
        meterType=_cut(request.meter_type, 25),
        meterSerialNumber=_cut(request.meter_serial_number, 25),
    )


def decode_boot_notification_response(payload: Payload) -> BootNotificationResponse:
    """Read BootNotification.conf; 1.6 has no TimeSource, its clock always follows (4.2)."""
    return BootNotificationResponse(
        status=RegistrationStatus(payload["status"]),
        current_time=moment(payload["currentTime"]),
        interval_s=int(payload["interval"]),
        sets_clock=True,
    )


def encode_heartbeat(_request: Heartbeat) -> Payload:
    """Return Heartbeat.req."""
    return {}


def decode_heartbeat_response(payload: Payload) -> HeartbeatResponse:
    """Read Heartbeat.conf."""
    return HeartbeatResponse(moment(payload["currentTime"]), sets_clock=True)


def _cut(text: str | None, length: int) -> str | None:
    return text[:length] if text is not None else None


REQUESTS: dict[type, Outgoing[Any, Any]] = {
    BootNotification: Outgoing(
        "BootNotification", encode_boot_notification, decode_boot_notification_response
    ),
    Heartbeat: Outgoing("Heartbeat", encode_heartbeat, decode_heartbeat_response),
}
