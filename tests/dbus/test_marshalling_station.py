"""What the station as a whole is asked and tells, as it comes in and as it goes out."""

from datetime import UTC, datetime

import pytest

from ocppd.dbus.binding import Variant
from ocppd.dbus.marshalling import listings, station
from ocppd.dbus.marshalling.plain import plain, rfc3339, variants
from ocppd.errors import InvalidArgument
from ocppd.model.availability import (
    ChangeAvailability,
    ChangeAvailabilityResponse,
    ChangeAvailabilityStatus,
    OperationalStatus,
    StationError,
)
from ocppd.model.data_transfer import (
    CustomData,
    DataTransfer,
    DataTransferResponse,
    DataTransferStatus,
)
from ocppd.model.queue import QueueEntry
from ocppd.model.registration import (
    BootNotificationResponse,
    ConnectionStatus,
    RegistrationStatus,
)
from ocppd.model.security import SecurityEvent, SecurityEventNotification
from ocppd.model.tokens import (
    MessageContent,
)
from ocppd.model.transactions import (
    OcppTransactionEvent,
    OcppTransactionEventResponse,
    TransactionEventType,
)
from ocppd.model.variables import (
    EvseRef,
    StatusInfo,
)

AT = "2026-11-22T15:00:00.250Z"
MOMENT = datetime(2026, 11, 22, 15, 0, 0, 250_000, tzinfo=UTC)


def test_security_events_are_cut_to_what_ocpp_carries() -> None:
    read = station.read_security_event(
        variants({"type": "t" * 60, "info": "i" * 300, "critical": False, "timestamp": AT})
    )
    assert read == SecurityEvent("t" * 50, "i" * 255, False, MOMENT)
    assert station.read_security_event(variants({"type": "x"})) == SecurityEvent("x")
    assert plain(station.security_event(SecurityEvent("x", "y"))) == {"type": "x", "info": "y"}


def test_availability() -> None:
    read = station.change_availability
    assert read(variants({"operational_status": "Operative"})) == ChangeAvailability(
        OperationalStatus.OPERATIVE
    )
    assert read(
        variants({"operational_status": "Inoperative", "evse": {"id": 1, "connector_id": 2}})
    ) == ChangeAvailability(OperationalStatus.INOPERATIVE, EvseRef(1, 2))
    with pytest.raises(InvalidArgument, match=r"^request\.evse\.id: 0 is not in 1 to"):
        read(variants({"operational_status": "Inoperative", "evse": {"id": 0}}))
    response = ChangeAvailabilityResponse(
        ChangeAvailabilityStatus.REJECTED, StatusInfo("UnknownEvse", "no EVSE 9")
    )
    assert plain(station.change_availability_response(response)) == {
        "status": "Rejected",
        "status_info": {"reason_code": "UnknownEvse", "additional_info": "no EVSE 9"},
    }


def test_errors_of_the_host() -> None:
    error = {
        "uuid": "u",
        "type": "evse_manager/Inoperative",
        "sub_type": "",
        "message": "m",
        "description": "d",
        "severity": "High",
        "evse_id": 1,
        "connector_id": 1,
    }
    read = station.raised_error(variants(error), MOMENT)
    assert read == StationError("u", "evse_manager/Inoperative", "", "m", "d", "High", MOMENT, 1, 1)
    assert plain(station.station_error(read)) == {**error, "timestamp": AT}
    assert station.cleared_error(variants({"uuid": "u"})) == "u"
    assert station.cleared_error(variants(error)) == "u"
    with pytest.raises(InvalidArgument, match=r"^error\.uuid: missing$"):
        station.cleared_error(variants({"type": "x"}))
    with pytest.raises(InvalidArgument, match=r"^error\.severity: \"high\" is none of High"):
        station.raised_error(variants({**error, "severity": "high"}), MOMENT)


def test_the_connection() -> None:
    status = ConnectionStatus(True, "ws://x", "cs", 1, 1, "Wired0", "JSON", "2.0.1")
    assert plain(station.connection_status(status)) == {
        "connected": True,
        "csms_url": "ws://x",
        "identity": "cs",
        "security_profile": 1,
        "configuration_slot": 1,
        "ocpp_interface": "Wired0",
        "ocpp_transport": "JSON",
        "ocpp_version": "2.0.1",
    }
    boot = BootNotificationResponse(RegistrationStatus.PENDING, MOMENT, 30, StatusInfo("Later"))
    assert plain(station.boot_notification_response(boot)) == {
        "status": "Pending",
        "current_time": AT,
        "interval": 30,
        "status_info": {"reason_code": "Later"},
    }


def test_transactions() -> None:
    started = OcppTransactionEvent(TransactionEventType.STARTED, "s", EvseRef(1, 1), "t")
    assert plain(station.transaction_event(started)) == {
        "transaction_event": "Started",
        "session_id": "s",
        "evse": {"id": 1, "connector_id": 1},
        "transaction_id": "t",
    }
    response = OcppTransactionEventResponse(started, 5, -3, MessageContent("bye"))
    written = station.transaction_event_response(response)
    assert written["total_cost"] == Variant("d", 5.0)
    assert plain(written)["charging_priority"] == -3
    assert plain(written)["personal_message"] == {"content": "bye"}
    assert plain(written)["original_transaction_event"]["session_id"] == "s"


def test_data_transfer() -> None:
    request = {
        "vendor_id": "v",
        "message_id": "m",
        "data": "d",
        "custom_data": {"vendor_id": "c", "data": "{}"},
    }
    meant = DataTransfer("v", "m", "d", CustomData("c", "{}"))
    assert station.read_data_transfer(variants(request)) == meant
    assert plain(station.data_transfer(meant)) == request
    response = DataTransferResponse(DataTransferStatus.ACCEPTED, "d", CustomData("c", "{}"))
    written = station.data_transfer_response(response)
    assert station.read_data_transfer_response(written) == response


def test_messages_are_shown_with_what_is_wrong() -> None:
    assert plain(
        station.ocpp_message("[2]", "CSMSToChargingStation", "1.6", masked=True, reason="short")
    ) == {
        "message": "[2]",
        "direction": "CSMSToChargingStation",
        "version": "1.6",
        "masked": True,
        "reason": "short",
    }
    written = station.ocpp_message("[]", "ChargingStationToCSMS", None, masked=False, reason=None)
    assert set(written) == {"message", "direction"}


def test_the_queue_as_a_list() -> None:
    request = SecurityEventNotification("FirmwareUpdated", MOMENT)
    entry = QueueEntry(4, "m", request, MOMENT, 2, "nobody wants it")
    assert plain(listings.queue_entry(entry)) == {
        "id": 4,
        "message": "SecurityEventNotification FirmwareUpdated",
        "timestamp": AT,
        "attempts": 2,
        "state": "set aside",
        "reason": "nobody wants it",
    }


@pytest.mark.parametrize(
    ("token", "shown"),
    [("", ""), ("1234", "****"), ("12345678", "********"), ("123456789", "*****6789")],
)
def test_a_token_is_listed_without_its_value(token: str, shown: str) -> None:
    assert listings.masked(token) == shown


def test_date_times_go_out_in_utc() -> None:
    local = datetime.fromisoformat("2026-11-22T16:00:00.250999+01:00")
    assert rfc3339(local) == AT


def test_plain_values_go_out_by_their_types() -> None:
    written = variants(
        {
            "b": True,
            "i": 1,
            "x": 2**40,
            "d": 1.0,
            "s": "t",
            "none": None,
            "at": MOMENT,
            "dict": {"k": 1},
            "empty": [],
            "words": ["a"],
            "bools": [True],
            "ints": [1],
            "numbers": [1.0],
            "dicts": [{"k": 1}],
            "deep": [[1]],
        }
    )
    assert {key: value.signature for key, value in written.items()} == {
        "b": "b",
        "i": "i",
        "x": "x",
        "d": "d",
        "s": "s",
        "at": "s",
        "dict": "a{sv}",
        "empty": "as",
        "words": "as",
        "bools": "ab",
        "ints": "ai",
        "numbers": "ad",
        "dicts": "aa{sv}",
        "deep": "av",
    }
    with pytest.raises(TypeError, match="no D-Bus type for set"):
        variants({"k": {1}})
