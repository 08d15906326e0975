"""What follows from the CSMS's answers: for the token, the cache, the host, the transaction."""

import pytest

from ocppd.csms.v16.spelling import MANNERS as MANNERS_OF_16
from ocppd.device_model.names import TxCtrlr
from ocppd.model.manners import Manners
from ocppd.model.sessions import (
    StopReason,
)
from ocppd.model.tokens import AuthorizationStatus, IdToken, IdTokenInfo, IdTokenType
from ocppd.model.transactions import (
    OcppTransactionEvent,
    OcppTransactionEventResponse,
    StoppedReason,
    TransactionEventResponse,
    TriggerReason,
)
from ocppd.model.variables import EvseRef
from tests.fakes import FakeCsms, World
from tests.station.transaction_world import (
    ENDED,
    STARTED,
    TOKEN,
    UPDATED,
    Bay,
    E,
    answer,
    token,
)

R = TriggerReason


def in_16() -> Bay:
    return Bay(World(csms=FakeCsms(manners=MANNERS_OF_16)))


async def test_a_token_that_is_not_accepted_is_stopped() -> None:
    bay = Bay()
    bay.charge()
    info = IdTokenInfo(AuthorizationStatus.BLOCKED)
    answer(bay, 0, TransactionEventResponse(id_token_info=info))
    await bay.world.tasks.settle()
    assert bay.world.agents.of("stop_transaction") == [(1, StopReason.DE_AUTHORIZED, None)]
    assert bay.learned == [(TOKEN, info)]
    [(evse_id, result)] = bay.world.host.of("validate_result_update")
    assert (evse_id, result.authorization_status) == (1, AuthorizationStatus.BLOCKED)
    bay.report(E.TRANSACTION_FINISHED, stop_reason=StopReason.DE_AUTHORIZED)
    assert (bay.told[-1].trigger_reason, bay.told[-1].stopped_reason) == (
        R.DEAUTHORIZED,
        StoppedReason.DE_AUTHORIZED,
    )


@pytest.mark.requirement("E05.FR.02", "E05.FR.03")
async def test_a_token_that_is_not_accepted_may_have_a_little_energy() -> None:
    bay = Bay(settings={TxCtrlr.StopTxOnInvalidId: "false", TxCtrlr.MaxEnergyOnInvalidId: "500"})
    bay.charge()
    bay.measure(1200)
    answer(
        bay,
        0,
        TransactionEventResponse(id_token_info=IdTokenInfo(AuthorizationStatus.INVALID)),
    )
    await bay.world.tasks.settle()
    assert bay.world.agents.calls == []
    bay.pass_time(1)
    bay.measure(1499)
    bay.pass_time(1)
    bay.measure(1500)
    bay.pass_time(1)
    bay.measure(1501)
    await bay.world.tasks.settle()
    assert bay.world.agents.of("pause_charging") == [(1,)]
    assert bay.world.agents.of("stop_transaction") == []


@pytest.mark.requirement("E05.FR.02")
async def test_without_any_allowance_it_is_paused_at_once() -> None:
    bay = Bay(settings={TxCtrlr.StopTxOnInvalidId: "false", TxCtrlr.MaxEnergyOnInvalidId: ""})
    bay.charge()
    answer(
        bay,
        0,
        TransactionEventResponse(id_token_info=IdTokenInfo(AuthorizationStatus.EXPIRED)),
    )
    await bay.world.tasks.settle()
    assert bay.world.agents.of("pause_charging") == [(1,)]


@pytest.mark.requirement("E05.FR.10", "C15.FR.04")
@pytest.mark.parametrize("named", [False, True])
async def test_the_end_of_a_refused_token_is_deauthorized_also_without_a_reason(
    named: bool,
) -> None:
    bay = in_16() if named else Bay()
    bay.charge()
    response = TransactionEventResponse(
        id_token_info=IdTokenInfo(AuthorizationStatus.INVALID),
        names_transaction=named,
        csms_transaction_id="17" if named else None,
    )
    answer(bay, 0, response)
    await bay.world.tasks.settle()
    bay.report(E.TRANSACTION_FINISHED)
    told = bay.told[-1]
    assert (told.event_type, told.trigger_reason) == (ENDED, R.DEAUTHORIZED)
    assert told.stopped_reason is StoppedReason.DE_AUTHORIZED
    assert told.host_stop_reason is StopReason.DE_AUTHORIZED


async def test_a_host_that_does_not_stop_a_refused_token_is_asked_to_pause() -> None:
    bay = Bay()
    bay.charge()
    bay.world.agents.answer = False
    info = IdTokenInfo(AuthorizationStatus.BLOCKED)
    answer(bay, 0, TransactionEventResponse(id_token_info=info))
    await bay.world.tasks.settle()
    assert [call[0] for call in bay.world.agents.calls] == ["stop_transaction", "pause_charging"]
    bay.report(E.TRANSACTION_FINISHED)
    assert bay.told[-1].stopped_reason is StoppedReason.OTHER


async def test_what_is_said_of_the_stopping_token_stops_nothing() -> None:
    bay = Bay(settings={TxCtrlr.TxStopPoint: "EVConnected"})
    bay.charge()
    bay.finish(id_token=token("CAFE"))
    info = IdTokenInfo(AuthorizationStatus.INVALID)
    answer(bay, 2, TransactionEventResponse(id_token_info=info))
    await bay.world.tasks.settle()
    assert bay.world.agents.calls == []
    assert bay.learned == [(IdToken("CAFE", IdTokenType.ISO14443), info)]


def test_the_host_hears_of_2x_events_and_answers() -> None:
    bay = Bay()
    bay.charge()
    evse = EvseRef(1, 1)
    assert bay.world.host.of("transaction_event") == [
        OcppTransactionEvent(STARTED, "session-1", evse, "session-1"),
        OcppTransactionEvent(UPDATED, "session-1", evse, "session-1"),
    ]
    answer(bay, 0, TransactionEventResponse(total_cost=1.25, charging_priority=2))
    assert bay.world.host.of("transaction_event_response") == [
        OcppTransactionEventResponse(
            OcppTransactionEvent(STARTED, "session-1", evse, "session-1"), 1.25, 2
        )
    ]


def test_the_host_hears_of_16_transactions_by_their_number() -> None:
    bay = in_16()
    bay.charge()
    evse = EvseRef(1, 1)
    assert bay.world.host.of("transaction_event") == [
        OcppTransactionEvent(STARTED, "session-1", evse)
    ]
    assert bay.evses[1].csms_transaction_id is None
    answer(
        bay,
        0,
        TransactionEventResponse(
            id_token_info=IdTokenInfo(AuthorizationStatus.ACCEPTED),
            names_transaction=True,
            csms_transaction_id="17",
        ),
    )
    assert bay.evses[1].csms_transaction_id == "17"
    assert bay.world.host.of("transaction_event")[1:] == [
        OcppTransactionEvent(UPDATED, "session-1", evse, "17")
    ]
    assert bay.world.host.of("transaction_event_response") == [
        OcppTransactionEventResponse(OcppTransactionEvent(STARTED, "session-1", evse))
    ]
    [(evse_id, _)] = bay.world.host.of("validate_result_update")
    assert evse_id == 1
    again = bay.restarted()
    assert again.evses[1].csms_transaction_id == "17"
    again.finish()
    assert again.world.host.of("transaction_event") == [
        OcppTransactionEvent(ENDED, "session-1", evse, "17")
    ]


def test_a_transaction_begun_in_16_gets_its_id_from_the_first_csms_that_knows_it() -> None:
    bay = in_16()
    bay.charge()
    bay.world.csms.manners = Manners()
    evse = EvseRef(1, 1)
    bay = bay.restarted()  # what the host has heard survives
    for _ in range(2):
        answer(bay, 0, TransactionEventResponse())
    assert bay.world.host.of("transaction_event") == [
        OcppTransactionEvent(UPDATED, "session-1", evse, "session-1")
    ]
    assert bay.world.host.of("transaction_event_response") == [
        OcppTransactionEventResponse(
            OcppTransactionEvent(event_type, "session-1", evse, "session-1")
        )
        for event_type in (STARTED, UPDATED)
    ]
    assert bay.evses[1].csms_transaction_id == "session-1"


def test_in_16_a_car_without_token_is_no_transaction_to_the_host() -> None:
    bay = Bay(World(csms=FakeCsms(manners=MANNERS_OF_16)), {TxCtrlr.TxStartPoint: "EVConnected"})
    bay.plug()
    bay.unplug()
    assert [each.event_type for each in bay.told] == [STARTED, ENDED]
    assert bay.world.host.of("transaction_event") == []
