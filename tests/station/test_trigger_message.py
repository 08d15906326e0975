from datetime import UTC, datetime

import pytest

from ocppd.model.certificates import SigningUse
from ocppd.model.registration import RegistrationStatus
from ocppd.model.remote_control import MessageTrigger, TriggerMessage
from ocppd.model.sessions import PerPhase, Powermeter
from ocppd.model.variables import EvseRef, StatusInfo
from ocppd.station.evse import Evses
from ocppd.station.trigger_message import MessageTriggers
from tests.station.models import TOPOLOGY

SIGNED = {
    MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE: SigningUse.CHARGING_STATION,
    MessageTrigger.SIGN_V2G_CERTIFICATE: SigningUse.V2G,
    MessageTrigger.SIGN_V2G20_CERTIFICATE: SigningUse.V2G20,
}
SENT_BY_THE_CORE = {
    MessageTrigger.BOOT_NOTIFICATION,
    MessageTrigger.HEARTBEAT,
    MessageTrigger.STATUS_NOTIFICATION,
    MessageTrigger.METER_VALUES,
    MessageTrigger.TRANSACTION_EVENT,
    *SIGNED,
}
READING = Powermeter(datetime(2026, 3, 1, tzinfo=UTC), PerPhase(1.0))


class Sender:
    """A block that notes what it would send."""

    def __init__(self, name: str, sent: list[tuple[object, ...]]) -> None:
        self.name = name
        self.sent = sent

    def trigger(self, evse: EvseRef | None) -> None:
        self.sent.append((self.name, evse))


class Registration:
    def __init__(self, sent: list[tuple[object, ...]]) -> None:
        self.status: RegistrationStatus | None = RegistrationStatus.ACCEPTED
        self.sent = sent

    def trigger_boot(self) -> None:
        self.sent.append(("boot",))

    def trigger_heartbeat(self) -> None:
        self.sent.append(("heartbeat",))


class Signer:
    def __init__(self, sent: list[tuple[object, ...]]) -> None:
        self.refusal: StatusInfo | None = None
        self.sent = sent

    def why_not(self, use: SigningUse) -> StatusInfo | None:
        return self.refusal

    def sign(self, use: SigningUse) -> None:
        self.sent.append(("sign", use))


class Bench:
    def __init__(self) -> None:
        self.sent: list[tuple[object, ...]] = []
        self.registration = Registration(self.sent)
        self.evses = Evses(TOPOLOGY)
        self.signer = Signer(self.sent)
        self.triggers = MessageTriggers(
            self.evses,
            self.registration,
            Sender("status", self.sent),
            Sender("meter", self.sent),
            Sender("transaction", self.sent),
            self.signer,
        )

    def ask(
        self, trigger: MessageTrigger, evse: EvseRef | None = None, *, lenient: bool = False
    ) -> tuple[str, list[tuple[object, ...]]]:
        """Return the status, and what was sent after the answer."""
        answer = self.triggers.trigger(TriggerMessage(trigger, evse, lenient))
        assert self.sent == []  # F06.FR.04
        answer.then()
        sent, self.sent[:] = list(self.sent), []
        return answer.result.status, sent


@pytest.mark.requirement("F06.FR.17")
@pytest.mark.parametrize(
    ("status", "lenient", "expected"),
    [
        (RegistrationStatus.ACCEPTED, False, "Rejected"),
        (RegistrationStatus.ACCEPTED, True, "Accepted"),
        (RegistrationStatus.PENDING, False, "Accepted"),
        (RegistrationStatus.REJECTED, False, "Accepted"),
        (None, False, "Accepted"),
    ],
)
def test_a_boot_notification_is_for_who_was_not_accepted(
    status: RegistrationStatus | None, lenient: bool, expected: str
) -> None:
    bench = Bench()
    bench.registration.status = status
    told, sent = bench.ask(MessageTrigger.BOOT_NOTIFICATION, lenient=lenient)
    assert (told, sent) == (expected, [("boot",)] if expected == "Accepted" else [])


@pytest.mark.requirement("F06.FR.03")
def test_an_evse_that_does_not_matter_is_ignored() -> None:
    assert Bench().ask(MessageTrigger.HEARTBEAT, EvseRef(99)) == ("Accepted", [("heartbeat",)])


@pytest.mark.requirement("F06.FR.12", "F06.FR.13")
@pytest.mark.parametrize(
    ("evse", "lenient", "expected"),
    [
        (EvseRef(2, 2), False, "Accepted"),
        (EvseRef(2, 2), True, "Accepted"),
        (EvseRef(2, 3), False, "Rejected"),
        (EvseRef(3, 1), False, "Rejected"),
        (EvseRef(-1, -1), True, "Rejected"),
        (EvseRef(2), False, "Rejected"),
        (EvseRef(0), False, "Rejected"),
        (EvseRef(0), True, "Accepted"),
        (None, False, "Rejected"),
        (None, True, "Accepted"),
    ],
)
def test_a_status_is_a_connectors_and_in_1_6_also_that_of_all(
    evse: EvseRef | None, lenient: bool, expected: str
) -> None:
    told, sent = Bench().ask(MessageTrigger.STATUS_NOTIFICATION, evse, lenient=lenient)
    assert (told, sent) == (expected, [("status", evse)] if expected == "Accepted" else [])


@pytest.mark.requirement("F06.FR.06", "F06.FR.10", "F06.FR.11")
def test_meter_values_need_a_reading() -> None:
    bench = Bench()
    assert bench.ask(MessageTrigger.METER_VALUES) == ("Rejected", [])
    bench.evses[2].powermeter = READING
    assert bench.ask(MessageTrigger.METER_VALUES) == ("Accepted", [("meter", None)])
    assert bench.ask(MessageTrigger.METER_VALUES, EvseRef(2, 1)) == (
        "Accepted",
        [("meter", EvseRef(2, 1))],
    )
    assert bench.ask(MessageTrigger.METER_VALUES, EvseRef(1)) == ("Rejected", [])
    assert bench.ask(MessageTrigger.METER_VALUES, EvseRef(3)) == ("Rejected", [])
    assert bench.ask(MessageTrigger.METER_VALUES, EvseRef(2, 3)) == ("Rejected", [])


@pytest.mark.requirement("F06.FR.07", "F06.FR.10", "F06.FR.11")
def test_a_transaction_event_needs_a_transaction() -> None:
    bench = Bench()
    assert bench.ask(MessageTrigger.TRANSACTION_EVENT) == ("Rejected", [])
    bench.evses[1].transaction_id = "tx-1"
    assert bench.ask(MessageTrigger.TRANSACTION_EVENT) == ("Accepted", [("transaction", None)])
    assert bench.ask(MessageTrigger.TRANSACTION_EVENT, EvseRef(1)) == (
        "Accepted",
        [("transaction", EvseRef(1))],
    )
    assert bench.ask(MessageTrigger.TRANSACTION_EVENT, EvseRef(2)) == ("Rejected", [])


@pytest.mark.requirement("F06.FR.08", "F06.FR.19")
@pytest.mark.parametrize("trigger", sorted(set(MessageTrigger) - SENT_BY_THE_CORE))
def test_what_this_station_does_not_send_is_not_implemented(trigger: MessageTrigger) -> None:
    assert Bench().ask(trigger) == ("NotImplemented", [])


@pytest.mark.requirement("A02.FR.22", "A02.FR.23", "F06.FR.04")
@pytest.mark.parametrize("trigger", SIGNED)
def test_a_certificate_is_asked_for_where_it_can_be(trigger: MessageTrigger) -> None:
    bench = Bench()
    assert bench.ask(trigger) == ("Accepted", [("sign", SIGNED[trigger])])
    bench.signer.refusal = StatusInfo("MissingParam", "OrganizationName is not set")
    assert bench.ask(trigger) == ("Rejected", [])
