"""StartTransaction, MeterValues and StopTransaction of OCPP 1.6, checked against their schemas."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from ocppd.csms import validators
from ocppd.csms.v16.meter_values import meter_values_messages, requests
from ocppd.csms.v16.transactions import transaction_messages
from ocppd.errors import NotSpoken
from ocppd.model.queue import TransactionFacts
from ocppd.model.sessions import StopReason
from ocppd.model.tokens import AuthorizationStatus, IdToken, IdTokenType
from ocppd.model.transactions import (
    MeterValue,
    MeterValues,
    ReadingContext,
    SampledValue,
    TransactionEvent,
    TransactionEventType,
)
from ocppd.model.variables import EvseRef
from ocppd.ocppj.frames import Dialect
from tests.csms.transaction_events import (
    CHARGING,
    ENDED,
    PERIODIC,
    PLUGGED,
    SIGNED,
    STARTED,
    T0,
    StationAtHand,
    assert_valid,
    energy,
    events,
    numbers,
)

KNOWN = TransactionFacts("1.6", "17")


def spelled(
    event: TransactionEvent, facts: TransactionFacts = KNOWN
) -> list[tuple[str, dict[str, Any]]]:
    messages = transaction_messages(StationAtHand(), event, facts)  # type: ignore[arg-type]
    assert_valid(Dialect.OCPP_16, messages)
    return [(message.action, message.payload) for message in messages]


def test_the_token_starts_it() -> None:
    assert spelled(STARTED, TransactionFacts()) == [
        (
            "StartTransaction",
            {
                "connectorId": 3,  # EVSE 2, connector 2
                "idTag": "04A224B2",
                "meterStart": 1000,
                "reservationId": 7,
                "timestamp": "2026-11-22T12:00:00.000Z",
            },
        )
    ]


def test_what_comes_before_the_token_is_not_told() -> None:
    assert spelled(PLUGGED) == []
    assert spelled(replace(PERIODIC, starting_token=None)) == []
    assert spelled(replace(ENDED, starting_token=None, stop_token=None)) == []


def test_the_token_after_the_plug_starts_it_too() -> None:
    updated = replace(STARTED, event_type=TransactionEventType.UPDATED, meter_values=())
    [(action, _)] = spelled(updated, TransactionFacts())
    assert action == "StartTransaction"


def test_a_change_of_state_is_not_told_here() -> None:
    assert spelled(CHARGING) == []


def test_values_on_the_way() -> None:
    [(action, payload)] = spelled(PERIODIC)
    assert action == "MeterValues"
    assert payload["connectorId"] == 3
    assert payload["transactionId"] == 17
    assert payload["meterValue"] == [
        {
            "timestamp": "2026-11-22T12:00:00.000Z",
            "sampledValue": [
                {
                    "value": "1234.5",
                    "format": "Raw",
                    "context": "Sample.Periodic",
                    "measurand": "Energy.Active.Import.Register",
                    "location": "Outlet",
                    "unit": "Wh",
                }
            ],
        }
    ]


def test_the_end() -> None:
    [(action, payload)] = spelled(ENDED)
    assert action == "StopTransaction"
    data = payload.pop("transactionData")
    assert payload == {
        "transactionId": 17,
        "idTag": "CAFE0001",
        "meterStop": 4000,
        "timestamp": "2026-11-22T13:00:00.000Z",
        "reason": "Local",
    }
    assert [value["sampledValue"][0]["value"] for value in data] == ["1000", "4000"]
    raw, signed = data[1]["sampledValue"]
    assert (raw["format"], signed["format"]) == ("Raw", "SignedData")
    assert signed["context"] == "Transaction.End"
    assert json.loads(signed["value"]) == {
        "signedMeterData": "T0NNRnw=",
        "signingMethod": "",
        "encodingMethod": "OCMF",
        "publicKey": "b2NhOg==",
    }


@pytest.mark.parametrize(
    ("host", "in_16"),
    [
        ("DeAuthorized", "DeAuthorized"),
        ("Remote", "Remote"),
        ("Local", "Local"),
        ("MasterPass", "Other"),
        ("StoppedByEV", "Other"),
        ("EVDisconnected", "EVDisconnected"),
        ("HardReset", "HardReset"),
        ("ImmediateReset", "Other"),
        ("Reboot", "Reboot"),
        ("EmergencyStop", "EmergencyStop"),
        ("GroundFault", "Other"),
        ("OvercurrentFault", "Other"),
        ("PowerLoss", "PowerLoss"),
        ("PowerQuality", "Other"),
        ("Other", "Other"),
        ("ReqEnergyTransferRejected", "Other"),
        ("EnergyLimitReached", "Other"),
        ("SOCLimitReached", "Other"),
        ("TimeLimitReached", "Other"),
        ("LocalOutOfCredit", "Other"),
        ("Timeout", "Other"),
        ("SoftReset", "SoftReset"),
        ("UnlockCommand", "UnlockCommand"),
        ("EVSEDisabled", "Other"),
    ],
)
def test_the_reasons_of_the_host(host: str, in_16: str) -> None:
    [(_, payload)] = spelled(replace(ENDED, host_stop_reason=StopReason(host)))
    assert payload["reason"] == in_16


def test_a_signed_begin_follows_the_start_with_the_number_of_its_answer() -> None:
    event = replace(
        STARTED, meter_values=(energy(1000.0, ReadingContext.TRANSACTION_BEGIN, SIGNED),)
    )
    first = transaction_messages(StationAtHand(), event, TransactionFacts())  # type: ignore[arg-type]
    assert [message.action for message in first] == ["StartTransaction", "MeterValues"]
    answered = first[0].decode({"idTagInfo": {"status": "Accepted"}, "transactionId": 17})
    assert answered.csms_transaction_id == "17"
    assert answered.id_token_info.status is AuthorizationStatus.ACCEPTED
    facts = TransactionFacts("1.6", answered.csms_transaction_id)
    _, (_, payload) = spelled(event, facts)
    assert payload["transactionId"] == 17
    assert payload["meterValue"][0]["sampledValue"][1]["format"] == "SignedData"


def test_without_a_number_it_is_minus_one() -> None:
    # Errata sheet, 3.18: StartTransaction was given up.
    [(_, payload)] = spelled(ENDED, TransactionFacts())
    assert payload["transactionId"] == -1
    [(_, payload)] = spelled(PERIODIC, TransactionFacts())
    assert payload["transactionId"] == -1


def test_a_transaction_that_ends_as_it_is_authorized_is_two_messages() -> None:
    event = replace(ENDED, authorizes=True)
    assert [action for action, _ in spelled(event)] == ["StartTransaction", "StopTransaction"]


def test_a_token_too_long_for_16_is_cut() -> None:
    token = IdToken("DE-8AA-C12E456L89-2-AND-MORE", IdTokenType.EMAID)
    [(_, payload)] = spelled(replace(STARTED, starting_token=token, id_token=token))
    assert payload["idTag"] == "DE-8AA-C12E456L89-2-"


def test_the_answers() -> None:
    [stop] = transaction_messages(StationAtHand(), ENDED, KNOWN)  # type: ignore[arg-type]
    assert stop.decode({}).id_token_info is None
    answered = stop.decode({"idTagInfo": {"status": "Expired"}})
    assert answered.id_token_info.status is AuthorizationStatus.EXPIRED
    [values] = transaction_messages(StationAtHand(), PERIODIC, KNOWN)  # type: ignore[arg-type]
    assert values.decode({}).csms_transaction_id is None
    [start] = transaction_messages(StationAtHand(), STARTED, KNOWN)  # type: ignore[arg-type]
    accepted = {"idTagInfo": {"status": "Accepted"}, "transactionId": 17}
    assert all(
        answer.names_transaction
        for answer in (start.decode(accepted), stop.decode({}), values.decode({}))
    )


@settings(max_examples=150, deadline=None)
@given(event=events())
def test_whatever_the_core_says_is_valid(event: TransactionEvent) -> None:
    counts = set()
    for facts in numbers():
        messages = transaction_messages(StationAtHand(), event, facts)  # type: ignore[arg-type]
        assert_valid(Dialect.OCPP_16, messages)
        counts.add(tuple(message.action for message in messages))
    assert len(counts) == 1  # what is known of the transaction changes no shape


def test_every_measurand_has_its_word_and_unit() -> None:
    value = MeterValue(
        T0,
        (
            SampledValue(49.98, "Frequency", "Hz"),
            SampledValue(31.0, "Temperature", "Celsius", location="Body"),
            SampledValue(55.0, "SoC", "Percent", location="EV"),
            SampledValue(230.1, "Voltage", "V", phase="L1-N"),
            SampledValue(0.99, "Power.Factor", ""),
        ),
    )
    [message] = meter_values_messages(
        StationAtHand(),  # type: ignore[arg-type]
        MeterValues(EvseRef(1), (value,)),
    )
    assert_valid(Dialect.OCPP_16, [message])
    sampled = message.payload["meterValue"][0]["sampledValue"]
    assert [(each["value"], each.get("unit")) for each in sampled] == [
        ("49.98", None),
        ("31", "Celsius"),
        ("55", "Percent"),
        ("230.1", "V"),
        ("0.99", None),
    ]
    assert "transactionId" not in message.payload


def test_values_that_the_csms_asked_for_name_the_transaction() -> None:
    outgoing = requests(StationAtHand())[MeterValues]  # type: ignore[arg-type]
    request = MeterValues(EvseRef(2), (energy(1.0, ReadingContext.TRIGGER),), "17")
    payload = outgoing.encode(request)
    assert (payload["connectorId"], payload["transactionId"]) == (2, 17)
    assert validators.check_request(Dialect.OCPP_16, "MeterValues", payload) is None
    main = outgoing.encode(MeterValues(EvseRef(0), request.meter_values))
    assert main["connectorId"] == 0


def test_a_measurand_of_21_has_no_word_in_16() -> None:
    value = MeterValue(T0, (SampledValue(16.0, "Current.Import.Offered", "A"),))
    with pytest.raises(NotSpoken):
        requests(StationAtHand())[MeterValues].encode(MeterValues(EvseRef(1), (value,)))  # type: ignore[arg-type]


def test_a_connector_that_is_gone_is_told_by_the_number_that_it_had() -> None:
    gone = replace(STARTED, evse=EvseRef(7, 1), connector_number=9)
    [(action, payload), *_] = spelled(gone)
    assert (action, payload["connectorId"]) == ("StartTransaction", 9)
    with pytest.raises(NotSpoken, match="EVSE 7 is gone"):
        spelled(replace(gone, connector_number=0))
    stop = replace(ENDED, evse=EvseRef(7, 1))
    [(action, payload)] = spelled(stop, TransactionFacts("1.6", "17"))
    assert (action, payload["transactionId"]) == ("StopTransaction", 17)
