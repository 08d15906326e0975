"""TransactionEvent and MeterValues of OCPP 2.0.1 and 2.1, checked against their schemas."""

from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings

from ocppd.csms import validators
from ocppd.csms.v21 import meter_values as meters_21
from ocppd.csms.v21 import transactions as transactions_21
from ocppd.csms.v201 import meter_values as meters_201
from ocppd.csms.v201 import transactions as transactions_201
from ocppd.errors import NotSpoken
from ocppd.model.queue import TransactionFacts
from ocppd.model.sessions import SignedMeterValue
from ocppd.model.tokens import AuthorizationStatus
from ocppd.model.transactions import (
    MeterValue,
    MeterValues,
    ReadingContext,
    SampledValue,
    StoppedReason,
    TransactionEvent,
    TransactionEventResponse,
    TriggerReason,
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
    StationAtHand,
    assert_valid,
    energy,
    events,
)

VERSIONS = [
    pytest.param(transactions_201, Dialect.OCPP_201, id="2.0.1"),
    pytest.param(transactions_21, Dialect.OCPP_21, id="2.1"),
]
METERS = [
    pytest.param(meters_201, Dialect.OCPP_201, id="2.0.1"),
    pytest.param(meters_21, Dialect.OCPP_21, id="2.1"),
]


def spelled(module: ModuleType, event: TransactionEvent) -> dict[str, Any]:
    [message] = module.transaction_messages(StationAtHand(), event, TransactionFacts())
    assert message.action == "TransactionEvent"
    return message.payload


@pytest.mark.parametrize(("module", "dialect"), VERSIONS)
@pytest.mark.parametrize("event", [STARTED, PLUGGED, CHARGING, PERIODIC, ENDED])
def test_every_event_is_one_valid_message(
    module: ModuleType, dialect: Dialect, event: TransactionEvent
) -> None:
    assert_valid(dialect, module.transaction_messages(StationAtHand(), event, TransactionFacts()))


@settings(max_examples=150, deadline=None)
@given(event=events())
def test_whatever_the_core_says_is_valid(event: TransactionEvent) -> None:
    for module, dialect in (
        (transactions_201, Dialect.OCPP_201),
        (transactions_21, Dialect.OCPP_21),
    ):
        facts = TransactionFacts()
        assert_valid(dialect, module.transaction_messages(StationAtHand(), event, facts))  # type: ignore[attr-defined]


@pytest.mark.requirement("E01.FR.10", "E01.FR.16", "F02.FR.01", "E01.FR.13")
def test_the_first_event_in_full() -> None:
    assert spelled(transactions_201, STARTED) == {
        "eventType": "Started",
        "timestamp": "2026-11-22T12:00:00.000Z",
        "triggerReason": "Authorized",
        "seqNo": 0,
        "cableMaxCurrent": 32,
        "reservationId": 7,
        "transactionInfo": {
            "transactionId": "11111111-2222-3333-4444-555555555555",
            "chargingState": "EVConnected",
            "remoteStartId": 42,
        },
        "evse": {"id": 2, "connectorId": 2},
        "idToken": {"idToken": "04A224B2", "type": "ISO14443"},
        "meterValue": [
            {
                "timestamp": "2026-11-22T12:00:00.000Z",
                "sampledValue": [
                    {
                        "value": 1000.0,
                        "measurand": "Energy.Active.Import.Register",
                        "context": "Transaction.Begin",
                        "location": "Outlet",
                        "unitOfMeasure": {"unit": "Wh"},
                    }
                ],
            }
        ],
    }


@pytest.mark.requirement("E04.FR.03", "E12.FR.02")
def test_offline_is_said_only_if_it_was() -> None:
    assert "offline" not in spelled(transactions_201, CHARGING)
    assert spelled(transactions_201, replace(CHARGING, offline=True))["offline"] is True


@pytest.mark.parametrize(
    ("core", "in_201"),
    [
        (TriggerReason.TX_RESUMED, "ChargingStateChanged"),
        (TriggerReason.SOC_LIMIT_REACHED, "EnergyLimitReached"),
        (TriggerReason.REMOTE_START, "RemoteStart"),
    ],
)
def test_trigger_reasons_that_201_lacks(core: TriggerReason, in_201: str) -> None:
    event = replace(CHARGING, trigger_reason=core)
    assert spelled(transactions_201, event)["triggerReason"] == in_201
    assert spelled(transactions_21, event)["triggerReason"] == core.value


def test_the_stop_reason_that_201_lacks() -> None:
    event = replace(ENDED, stopped_reason=StoppedReason.REQ_ENERGY_TRANSFER_REJECTED)
    info = spelled(transactions_201, event)["transactionInfo"]
    assert info["stoppedReason"] == "Other"
    info = spelled(transactions_21, event)["transactionInfo"]
    assert info["stoppedReason"] == "ReqEnergyTransferRejected"


def test_the_car_beside_the_token_in_21() -> None:
    event = replace(STARTED, evcc_id="AA:BB:CC:DD:EE:FF")
    assert spelled(transactions_21, event)["idToken"]["additionalInfo"] == [
        {"additionalIdToken": "AA:BB:CC:DD:EE:FF", "type": "EVCCID"}
    ]
    assert "additionalInfo" not in spelled(transactions_201, event)["idToken"]


@pytest.mark.requirement("E02.FR.14", "J02.FR.21")
def test_signed_values() -> None:
    without_key = replace(SIGNED, public_key=None)
    event = replace(
        ENDED, meter_values=(energy(4000.0, ReadingContext.TRANSACTION_END, without_key),)
    )
    [sampled] = spelled(transactions_201, event)["meterValue"][0]["sampledValue"]
    assert sampled["value"] == 4000.0
    # 2.0.1 wants the key even where it is not told (2.7.17).
    assert sampled["signedMeterValue"] == {
        "signedMeterData": "T0NNRnw=",
        "signingMethod": "",
        "encodingMethod": "OCMF",
        "publicKey": "",
    }
    [sampled] = spelled(transactions_21, event)["meterValue"][0]["sampledValue"]
    assert sampled["signedMeterValue"] == {
        "signedMeterData": "T0NNRnw=",
        "encodingMethod": "OCMF",
    }


def test_signed_data_too_long_for_201_are_left_out_not_cut() -> None:
    signed = SignedMeterValue("x" * 2501, "ECDSA", "OCMF")
    event = replace(ENDED, meter_values=(energy(1.0, ReadingContext.TRANSACTION_END, signed),))
    [sampled] = spelled(transactions_201, event)["meterValue"][0]["sampledValue"]
    assert "signedMeterValue" not in sampled
    [sampled] = spelled(transactions_21, event)["meterValue"][0]["sampledValue"]
    assert sampled["signedMeterValue"]["signedMeterData"] == "x" * 2501


@pytest.mark.parametrize(("module", "dialect"), METERS)
@pytest.mark.requirement("J01.FR.02", "J01.FR.03")
def test_meter_values_outside_of_a_transaction(module: ModuleType, dialect: Dialect) -> None:
    request = MeterValues(EvseRef(0), (energy(5.0, ReadingContext.SAMPLE_CLOCK),))
    outgoing = module.REQUESTS[MeterValues]
    payload = outgoing.encode(request)
    assert payload["evseId"] == 0
    assert validators.check_request(dialect, "MeterValues", payload) is None
    [message] = module.meter_values_messages(StationAtHand(), request)
    assert message.payload == payload


@pytest.mark.parametrize(("module", "dialect"), METERS)
def test_a_temperature_has_no_word_in_2x(module: ModuleType, dialect: Dialect) -> None:
    values = (MeterValue(STARTED.timestamp, (SampledValue(31.0, "Temperature", "Celsius"),)),)
    with pytest.raises(NotSpoken):
        module.REQUESTS[MeterValues].encode(MeterValues(EvseRef(1), values))
    assert module.meter_values_messages(StationAtHand(), MeterValues(EvseRef(1), values)) == []
    transactions = transactions_201 if dialect is Dialect.OCPP_201 else transactions_21
    assert "meterValue" not in spelled(transactions, replace(PERIODIC, meter_values=values))


@pytest.mark.requirement("E05.FR.01")
def test_the_answer() -> None:
    decode = transactions_201.decode_transaction_event_response
    assert decode({}) == TransactionEventResponse()
    response = decode(
        {
            "totalCost": 1.5,
            "chargingPriority": 3,
            "idTokenInfo": {"status": "Blocked"},
            "updatedPersonalMessage": {"format": "UTF8", "content": "Hallo"},
        }
    )
    assert response.id_token_info is not None
    assert response.id_token_info.status is AuthorizationStatus.BLOCKED
    assert (response.total_cost, response.charging_priority) == (1.5, 3)
    assert response.personal_messages[0].content == "Hallo"


@dataclass
class _Asked:
    transactions: Any


@dataclass
class _Statuses:
    known: dict[str | None, tuple[bool | None, bool]]

    def status_of(self, transaction_id: str | None) -> tuple[bool | None, bool]:
        return self.known[transaction_id]


@pytest.mark.requirement("E14.FR.01", "E14.FR.02", "E14.FR.06", "E14.FR.07")
@pytest.mark.parametrize(
    ("request_payload", "response"),
    [
        ({"transactionId": "a"}, {"ongoingIndicator": True, "messagesInQueue": False}),
        ({"transactionId": "b"}, {"ongoingIndicator": False, "messagesInQueue": False}),
        ({}, {"messagesInQueue": True}),
    ],
)
async def test_get_transaction_status(
    request_payload: dict[str, Any], response: dict[str, Any]
) -> None:
    station = _Asked(_Statuses({"a": (True, False), "b": (False, False), None: (None, True)}))
    route = transactions_201.routes(station)["GetTransactionStatus"]  # type: ignore[arg-type]
    answer = await route(request_payload)
    assert answer.result == response
    assert (
        validators.check_response(Dialect.OCPP_201, "GetTransactionStatus", answer.result) is None
    )
