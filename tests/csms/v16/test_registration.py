"""BootNotification and Heartbeat in OCPP 1.6."""

from ocppd.csms.v16.registration import REQUESTS
from ocppd.model.registration import (
    BootNotification,
    BootReason,
    Heartbeat,
    HeartbeatResponse,
    RegistrationStatus,
)
from tests.csms.spoken import as_sent
from tests.fakes import START


def test_boot_notification_with_all_there_is_cut_to_its_fields() -> None:
    outgoing = REQUESTS[BootNotification]
    long = "x" * 99
    payload = outgoing.encode(
        BootNotification(BootReason.POWER_UP, long, long, long, long, long, long, long, long, long)
    )
    lengths = {name: len(text) for name, text in as_sent("1.6", outgoing.action, payload).items()}
    assert lengths == {
        "chargePointVendor": 20,
        "chargePointModel": 20,
        "chargePointSerialNumber": 25,
        "chargeBoxSerialNumber": 25,
        "firmwareVersion": 50,
        "iccid": 20,
        "imsi": 20,
        "meterType": 25,
        "meterSerialNumber": 25,
    }


def test_what_is_not_known_is_left_out() -> None:
    outgoing = REQUESTS[BootNotification]
    payload = outgoing.encode(BootNotification(BootReason.UNKNOWN, "V", "M"))
    assert as_sent("1.6", outgoing.action, payload) == {
        "chargePointVendor": "V",
        "chargePointModel": "M",
    }


def test_the_answer_always_sets_the_clock() -> None:
    outgoing = REQUESTS[BootNotification]
    payload = {"status": "Pending", "currentTime": "2026-03-01T13:00:00+01:00", "interval": 7}
    answer = outgoing.decode(as_sent("1.6", outgoing.action, payload, response=True))
    assert (answer.status, answer.current_time) == (RegistrationStatus.PENDING, START)
    assert (answer.interval_s, answer.sets_clock) == (7, True)


def test_heartbeat() -> None:
    outgoing = REQUESTS[Heartbeat]
    assert as_sent("1.6", outgoing.action, outgoing.encode(Heartbeat())) == {}
    payload = {"currentTime": "2026-03-01T12:00:00Z"}
    answer = outgoing.decode(as_sent("1.6", outgoing.action, payload, response=True))
    assert answer == HeartbeatResponse(START, sets_clock=True)
