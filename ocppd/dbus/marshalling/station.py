"""What the station as a whole is asked and tells: security, availability, the connection."""

from datetime import datetime
from typing import Any

from ocppd.dbus.binding import Variant
from ocppd.dbus.marshalling.plain import variants
from ocppd.dbus.marshalling.schema import (
    Reader,
    boolean,
    choice,
    dictionary,
    from_dict,
    integer,
    moment,
    optional,
    required,
    text,
    word,
)
from ocppd.dbus.marshalling.tokens import message_content
from ocppd.dbus.marshalling.variables import EVSE, evse, status_info
from ocppd.model.availability import (
    ChangeAvailability,
    ChangeAvailabilityResponse,
    OperationalStatus,
    StationError,
)
from ocppd.model.data_transfer import (
    CustomData,
    DataTransfer,
    DataTransferResponse,
    DataTransferStatus,
)
from ocppd.model.registration import BootNotificationResponse, ConnectionStatus
from ocppd.model.security import SecurityEvent
from ocppd.model.transactions import OcppTransactionEvent, OcppTransactionEventResponse

# -- security ------------------------------------------------------------------------------------

_SECURITY_EVENT: Reader[SecurityEvent] = dictionary(
    SecurityEvent,
    required("type", text(1000, minimum=1)),  # contract 1.2: what is longer than OCPP's is cut
    optional("info", text(10_000)),
    optional("critical", boolean),
    optional("timestamp", moment),
)


def read_security_event(event: dict[str, Variant]) -> SecurityEvent:
    """Read the argument of SecurityEvent, cut to what OCPP carries; raises InvalidArgument."""
    read = from_dict("event", _SECURITY_EVENT, event)
    info = read.info[:255] if read.info is not None else None
    return SecurityEvent(read.type[:50], info, read.critical, read.timestamp)


def security_event(event: SecurityEvent) -> dict[str, Variant]:
    """Write a security event."""
    return variants(
        {
            "type": event.type,
            "info": event.info,
            "critical": event.critical,
            "timestamp": event.timestamp,
        }
    )


# -- availability and errors ---------------------------------------------------------------------

_CHANGE_AVAILABILITY: Reader[ChangeAvailability] = dictionary(
    ChangeAvailability,
    required("operational_status", choice(OperationalStatus)),
    optional("evse", EVSE),
)
_TYPE = text(100, minimum=1)


def change_availability(request: dict[str, Variant]) -> ChangeAvailability:
    """Read the argument of ChangeAvailability; raises InvalidArgument."""
    return from_dict("request", _CHANGE_AVAILABILITY, request)


def change_availability_response(response: ChangeAvailabilityResponse) -> dict[str, Variant]:
    """Write the answer to ChangeAvailability."""
    info = response.status_info
    return variants({"status": response.status, "status_info": status_info(info) if info else None})


_ERROR_KEYS = (
    ("type", _TYPE),
    ("sub_type", text(100)),
    ("message", text(1000)),
    ("description", text(1000)),
    ("severity", word("High", "Medium", "Low")),
)
_ERROR_REST = (
    required("uuid", text(36, minimum=1)),
    optional("timestamp", moment),
    optional("evse_id", integer(1)),
    optional("connector_id", integer(1)),
)
_RAISED: Reader[dict[str, Any]] = dictionary(
    dict[str, Any], *_ERROR_REST, *(required(name, reader) for name, reader in _ERROR_KEYS)
)
_CLEARED: Reader[dict[str, Any]] = dictionary(
    dict[str, Any], *_ERROR_REST, *(optional(name, reader) for name, reader in _ERROR_KEYS)
)


def raised_error(error: dict[str, Variant], now: datetime) -> StationError:
    """Read the argument of RaiseError; raises InvalidArgument."""
    return StationError(**{"timestamp": now, **from_dict("error", _RAISED, error)})


def cleared_error(error: dict[str, Variant]) -> str:
    """Read the argument of ClearError and return the uuid; raises InvalidArgument."""
    return str(from_dict("error", _CLEARED, error)["uuid"])


def station_error(error: StationError) -> dict[str, Variant]:
    """Write an error of the host."""
    return variants(
        {
            "uuid": error.uuid,
            "type": error.type,
            "sub_type": error.sub_type,
            "message": error.message,
            "description": error.description,
            "severity": error.severity,
            "timestamp": error.timestamp,
            "evse_id": error.evse_id,
            "connector_id": error.connector_id,
        }
    )


# -- the connection ------------------------------------------------------------------------------


def connection_status(status: ConnectionStatus) -> dict[str, Variant]:
    """Write the state of the connection to the CSMS."""
    return variants(
        {
            "connected": status.connected,
            "csms_url": status.csms_url,
            "identity": status.identity,
            "security_profile": status.security_profile,
            "configuration_slot": status.configuration_slot,
            "ocpp_interface": status.ocpp_interface,
            "ocpp_transport": status.ocpp_transport,
            "ocpp_version": status.ocpp_version,
            "reason": status.reason,
        }
    )


def boot_notification_response(response: BootNotificationResponse) -> dict[str, Variant]:
    """Write an answer to a BootNotification."""
    info = response.status_info
    return variants(
        {
            "status": response.status,
            "current_time": response.current_time,
            "interval": response.interval_s,
            "status_info": status_info(info) if info else None,
        }
    )


def ocpp_message(
    frame: str, direction: str, version: str | None, *, masked: bool, reason: str | None
) -> dict[str, Variant]:
    """Write a frame as it went over the WebSocket, credentials masked by who calls this."""
    return variants(
        {
            "message": frame,
            "direction": direction,
            "version": version,
            "masked": True if masked else None,
            "reason": reason,
        }
    )


# -- transactions --------------------------------------------------------------------------------


def transaction_event(event: OcppTransactionEvent) -> dict[str, Variant]:
    """Write what the host is told of a transaction."""
    return variants(
        {
            "transaction_event": event.transaction_event,
            "session_id": event.session_id,
            "transaction_id": event.transaction_id,
            "evse": evse(event.evse) if event.evse else None,
        }
    )


def transaction_event_response(response: OcppTransactionEventResponse) -> dict[str, Variant]:
    """Write what the CSMS answered to a message of a transaction."""
    message = response.personal_message
    return variants(
        {
            "original_transaction_event": transaction_event(response.original_transaction_event),
            "total_cost": None if response.total_cost is None else float(response.total_cost),
            "charging_priority": response.charging_priority,
            "personal_message": message_content(message) if message else None,
        }
    )


# -- data transfer -------------------------------------------------------------------------------

_CUSTOM_DATA: Reader[CustomData] = dictionary(
    CustomData, required("vendor_id", text(255)), required("data", text(1_000_000))
)
_DATA_TRANSFER: Reader[DataTransfer] = dictionary(
    DataTransfer,
    required("vendor_id", text(255, minimum=1)),
    optional("message_id", text(50)),
    optional("data", text(1_000_000)),
    optional("custom_data", _CUSTOM_DATA),
)
_DATA_TRANSFER_RESPONSE: Reader[DataTransferResponse] = dictionary(
    DataTransferResponse,
    required("status", choice(DataTransferStatus)),
    optional("data", text(1_000_000)),
    optional("custom_data", _CUSTOM_DATA),
)


def read_data_transfer(request: dict[str, Variant]) -> DataTransfer:
    """Read the argument of DataTransfer; raises InvalidArgument."""
    return from_dict("request", _DATA_TRANSFER, request)


def read_data_transfer_response(response: dict[str, Variant]) -> DataTransferResponse:
    """Read what the host's agent answered; raises InvalidArgument."""
    return from_dict("response", _DATA_TRANSFER_RESPONSE, response)


def _custom_data(data: CustomData | None) -> dict[str, str] | None:
    return {"vendor_id": data.vendor_id, "data": data.data} if data else None


def data_transfer(request: DataTransfer) -> dict[str, Variant]:
    """Write a vendor-specific message of the CSMS."""
    return variants(
        {
            "vendor_id": request.vendor_id,
            "message_id": request.message_id,
            "data": request.data,
            "custom_data": _custom_data(request.custom_data),
        }
    )


def data_transfer_response(response: DataTransferResponse) -> dict[str, Variant]:
    """Write the answer of the CSMS."""
    return variants(
        {
            "status": response.status,
            "data": response.data,
            "custom_data": _custom_data(response.custom_data),
        }
    )
