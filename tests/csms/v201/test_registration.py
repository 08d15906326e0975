"""BootNotification and Heartbeat in OCPP 2.0.1 and 2.1."""

import pytest

from ocppd.csms.v201 import registration as v201
from ocppd.model.registration import (
    BootNotification,
    BootReason,
    Heartbeat,
    HeartbeatResponse,
    RegistrationStatus,
)
from ocppd.model.variables import StatusInfo
from tests.csms.spoken import as_sent
from tests.fakes import START

VERSIONS = pytest.mark.parametrize(
    ("version", "requests"), [("2.0.1", v201.REQUESTS), ("2.1", v201.REQUESTS)]
)


@VERSIONS
@pytest.mark.requirement("B01.FR.01", "B01.FR.09")
def test_boot_notification(version: str, requests: dict) -> None:
    outgoing = requests[BootNotification]
    for reason in BootReason:
        payload = outgoing.encode(
            BootNotification(reason, "V" * 60, "M" * 60, "S" * 60, "F" * 60, "8" * 30, None)
        )
        assert as_sent(version, outgoing.action, payload) == {
            "reason": reason.value,
            "chargingStation": {
                "vendorName": "V" * 50,
                "model": "M" * 20,
                "serialNumber": "S" * 25,
                "firmwareVersion": "F" * 50,
                "modem": {"iccid": "8" * 20},
            },
        }


@VERSIONS
def test_what_is_not_known_is_left_out(version: str, requests: dict) -> None:
    outgoing = requests[BootNotification]
    payload = outgoing.encode(BootNotification(BootReason.UNKNOWN, "V", "M"))
    assert as_sent(version, outgoing.action, payload)["chargingStation"] == {
        "vendorName": "V",
        "model": "M",
    }


@VERSIONS
def test_the_answer_with_its_reason(version: str, requests: dict) -> None:
    outgoing = requests[BootNotification]
    payload = {
        "status": "Rejected",
        "currentTime": "2026-03-01T12:00:00.000Z",
        "interval": 60,
        "statusInfo": {"reasonCode": "NotFound", "additionalInfo": "who?"},
    }
    answer = outgoing.decode(as_sent(version, outgoing.action, payload, response=True))
    assert (answer.status, answer.interval_s) == (RegistrationStatus.REJECTED, 60)
    assert answer.status_info == StatusInfo("NotFound", "who?")
    assert not answer.sets_clock


@VERSIONS
def test_heartbeat(version: str, requests: dict) -> None:
    outgoing = requests[Heartbeat]
    assert as_sent(version, outgoing.action, outgoing.encode(Heartbeat())) == {}
    payload = {"currentTime": "2026-03-01T12:00:00Z"}
    answer = outgoing.decode(as_sent(version, outgoing.action, payload, response=True))
    assert answer == HeartbeatResponse(START)
