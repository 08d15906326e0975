"""Reset of the station and of an EVSE: answered first, with the transactions told."""

from typing import Any

import pytest

from ocppd.device_model.names import EVSE, OCPP16LegacyCtrlr, OCPPCommCtrlr, TxCtrlr
from ocppd.errors import AgentRefused
from ocppd.model.registration import BootNotification, BootReason
from ocppd.model.remote_control import Reset, ResetType, StatusResult
from ocppd.model.security import SecurityEventNotification
from ocppd.model.sessions import StopReason
from ocppd.model.transactions import TriggerReason
from tests.fakes import START
from tests.station.blocks import Blocks

IMMEDIATE, ON_IDLE = ResetType.IMMEDIATE, ResetType.ON_IDLE
RESUME = ResetType.IMMEDIATE_AND_RESUME


async def ask(blocks: Blocks, kind: ResetType, **request: Any) -> StatusResult:
    answer = await blocks.reset.reset(Reset(kind, **request))
    assert resets(blocks) == []  # nothing overtakes the answer
    answer.then()
    await blocks.settle()
    return answer.result


def resets(blocks: Blocks) -> list[tuple[Any, ...]]:
    return blocks.world.agents.of("reset")


async def online(values: dict[Any, Any] | None = None) -> Blocks:
    blocks = Blocks(values)
    await blocks.online()
    blocks.world.store.entries.clear()
    return blocks


@pytest.mark.requirement("B11.FR.01", "B11.FR.03")
@pytest.mark.parametrize("kind", [IMMEDIATE, ON_IDLE, RESUME])
async def test_an_idle_station_is_reset_after_the_answer(kind: ResetType) -> None:
    blocks = await online()
    assert (await ask(blocks, kind)).status == "Accepted"
    assert sorted(blocks.statuses()) == [
        "0.0 Unavailable",
        "1.1 Unavailable",
        "2.1 Unavailable",
        "2.2 Unavailable",
    ]
    await blocks.advance(1)
    assert resets(blocks) == [("NotSpecified", False)]


@pytest.mark.requirement("B11.FR.04", "B01.FR.03", "B01.FR.09")
async def test_the_next_boot_says_that_it_was_reset() -> None:
    blocks = await online()
    await ask(blocks, IMMEDIATE)
    await blocks.advance(1)
    blocks = blocks.again(boot_id="boot-2")
    blocks.world.agents.boot_reason = BootReason.UNKNOWN
    await blocks.connect()
    assert blocks.csms.of(BootNotification)[0].reason is BootReason.REMOTE_RESET


@pytest.mark.requirement("B11.FR.06", "B12.FR.10")
async def test_the_host_may_forbid_it() -> None:
    blocks = await online()
    blocks.world.agents.reset_allowed = False
    result = await ask(blocks, IMMEDIATE)
    assert result.status == "Rejected"
    assert result.status_info is not None
    await blocks.advance(100)
    assert resets(blocks) == []
    assert blocks.statuses() == []


async def test_without_anybody_who_can_reset_it_is_rejected_and_says_so() -> None:
    blocks = await online()
    blocks.world.agents.interfaces.discard("System")
    result = await ask(blocks, IMMEDIATE)
    assert result.status == "Rejected"
    assert result.status_info is not None
    assert "System" in (result.status_info.additional_info or "")


@pytest.mark.requirement("B12.FR.02", "B12.FR.04")
@pytest.mark.parametrize(
    ("host_type", "reason"),
    [
        ("NotSpecified", StopReason.IMMEDIATE_RESET),
        ("Soft", StopReason.SOFT_RESET),
        ("Hard", StopReason.HARD_RESET),
    ],
)
async def test_an_immediate_reset_ends_transactions_first(
    host_type: str, reason: StopReason
) -> None:
    blocks = await online()
    blocks.start_transaction(1)
    assert (await ask(blocks, IMMEDIATE, host_type=host_type)).status == "Accepted"
    assert blocks.transactions.stopped == [(1, reason)]
    await blocks.advance(5)
    assert resets(blocks) == []
    blocks.end_transaction(1)
    await blocks.advance(1)
    assert resets(blocks) == [(host_type, False)]


@pytest.mark.requirement("B12.FR.05")
async def test_what_the_transactions_have_to_tell_gets_its_time() -> None:
    blocks = await online({OCPP16LegacyCtrlr.WaitForStopTransactionsOnResetTimeout: 20})
    blocks.world.store.queue(SecurityEventNotification("MemoryExhaustion", START))
    await ask(blocks, IMMEDIATE)
    await blocks.advance(10)
    assert resets(blocks) == []
    blocks.world.store.entries.clear()
    await blocks.advance(2)
    assert len(resets(blocks)) == 1


@pytest.mark.requirement("B12.FR.05")
async def test_but_no_more_than_that_and_none_offline() -> None:
    blocks = await online({OCPP16LegacyCtrlr.WaitForStopTransactionsOnResetTimeout: 20})
    blocks.start_transaction(1)
    await ask(blocks, IMMEDIATE)
    await blocks.advance(19)
    assert resets(blocks) == []
    await blocks.advance(2)
    assert len(resets(blocks)) == 1

    blocks = await online()
    blocks.world.store.queue(SecurityEventNotification("MemoryExhaustion", START))
    await blocks.disconnect()
    await ask(blocks, IMMEDIATE)
    await blocks.advance(1)
    assert len(resets(blocks)) == 1


@pytest.mark.requirement("B12.FR.01", "B12.FR.03", "B11.FR.07")
async def test_on_idle_waits_for_the_transactions_and_lets_no_new_one_begin() -> None:
    blocks = await online()
    blocks.start_transaction(1)
    blocks.availability.refresh(1)
    result = await ask(blocks, ON_IDLE)
    assert result.status == "Scheduled"
    assert blocks.transactions.stopped == []
    assert blocks.evses[2].connectors[1].status.value == "Unavailable"
    assert blocks.evses[1].connectors[1].status.value == "Occupied"
    await blocks.advance(600)
    assert resets(blocks) == []
    blocks.end_transaction(1)
    await blocks.advance(1)
    assert resets(blocks) == [("NotSpecified", True)]
    blocks = blocks.again(boot_id="boot-2")
    blocks.world.agents.boot_reason = BootReason.UNKNOWN
    await blocks.online()
    assert blocks.history.reason is BootReason.SCHEDULED_RESET
    await blocks.advance(10)
    assert resets(blocks) == []
    assert blocks.evses[1].connectors[1].status.value == "Available"


async def test_a_scheduled_reset_survives_the_daemon_but_not_the_machine() -> None:
    blocks = await online()
    blocks.start_transaction(1)
    await ask(blocks, ON_IDLE)
    cut = blocks.again(boot_id="boot-2")
    await cut.online()
    await cut.advance(10)
    assert resets(cut) == []
    assert cut.evses[2].connectors[1].status.value == "Available"

    blocks = await online()
    blocks.start_transaction(1)
    await ask(blocks, ON_IDLE)
    again = blocks.again(boot_id="boot-1", open_transaction=1)
    await again.online()
    assert again.evses[2].connectors[1].status.value == "Unavailable"
    again.world.store.entries.clear()
    again.end_transaction(1)
    await again.advance(2)
    assert len(resets(again)) == 1


@pytest.mark.parametrize("kind", [IMMEDIATE, ON_IDLE])
async def test_a_reset_that_the_csms_was_not_told_of_does_not_happen(kind: ResetType) -> None:
    blocks = await online()
    blocks.start_transaction(1)
    answer = await blocks.reset.reset(Reset(kind))
    assert answer.unsaid is not None
    answer.unsaid()
    again = blocks.again(boot_id="boot-1", open_transaction=1)
    await again.online()
    again.world.store.entries.clear()
    for here in (blocks, again):
        here.end_transaction(1)
        await here.advance(600)
        assert resets(here) == []


async def test_an_answer_that_is_lost_leaves_what_was_scheduled_before() -> None:
    blocks = await online()
    blocks.start_transaction(1)
    await ask(blocks, ON_IDLE)
    answer = await blocks.reset.reset(Reset(ON_IDLE))
    assert answer.unsaid is not None
    answer.unsaid()
    again = blocks.again(boot_id="boot-1", open_transaction=1)
    await again.online()
    again.world.store.entries.clear()
    again.end_transaction(1)
    await again.advance(2)
    assert len(resets(again)) == 1


async def test_an_immediate_reset_does_not_wait_for_a_scheduled_one() -> None:
    blocks = await online()
    blocks.start_transaction(1)
    assert (await ask(blocks, ON_IDLE)).status == "Scheduled"
    assert (await ask(blocks, ON_IDLE)).status == "Scheduled"
    assert (await ask(blocks, IMMEDIATE)).status == "Accepted"
    assert blocks.transactions.stopped == [(1, StopReason.IMMEDIATE_RESET)]
    blocks.end_transaction(1)
    await blocks.advance(3)
    assert resets(blocks) == [("NotSpecified", False)]


async def test_a_reset_that_fails_is_tried_again_and_then_given_up() -> None:
    blocks = await online({OCPPCommCtrlr.ResetRetries: 2})
    tried = []

    async def reset(reset_type: str, *, scheduled: bool) -> None:
        tried.append(reset_type)
        raise AgentRefused("no")

    blocks.world.agents.reset = reset  # type: ignore[method-assign]
    await ask(blocks, IMMEDIATE)
    await blocks.advance(60)
    assert len(tried) == 3
    assert blocks.evses[1].connectors[1].status.value == "Available"
    assert blocks.again().history.reason is BootReason.APPLICATION_RESET


async def test_a_machine_that_does_not_go_down_is_of_use_again() -> None:
    blocks = await online({OCPPCommCtrlr.ResetRetries: 0})
    await ask(blocks, IMMEDIATE)
    await blocks.advance(119)
    assert blocks.evses[1].connectors[1].status.value == "Unavailable"
    await blocks.advance(2)
    assert blocks.evses[1].connectors[1].status.value == "Available"


# One EVSE


@pytest.mark.requirement("B11.FR.08")
async def test_an_evse_is_reset_without_the_rest() -> None:
    blocks = await online({EVSE.AllowReset(2): True})
    assert (await ask(blocks, IMMEDIATE, evse_id=2)).status == "Accepted"
    await blocks.advance(1)
    assert blocks.world.agents.of("reset_evse") == [(2,)]
    assert resets(blocks) == []
    assert "1.1 Unavailable" not in blocks.statuses()
    assert blocks.statuses()[-2:] == ["2.1 Available", "2.2 Available"]


@pytest.mark.requirement("B12.FR.07", "B12.FR.08")
@pytest.mark.parametrize(
    ("kind", "status", "stopped"),
    [
        (IMMEDIATE, "Accepted", [(2, StopReason.IMMEDIATE_RESET)]),
        (ON_IDLE, "Scheduled", []),
    ],
)
async def test_the_transaction_of_the_evse_ends_before(
    kind: ResetType, status: str, stopped: list[Any]
) -> None:
    blocks = await online({EVSE.AllowReset(2): True})
    blocks.start_transaction(1)
    blocks.start_transaction(2)
    assert (await ask(blocks, kind, evse_id=2)).status == status
    assert blocks.transactions.stopped == stopped
    assert blocks.world.agents.of("reset_evse") == []
    blocks.end_transaction(2)
    await blocks.advance(1)
    assert blocks.world.agents.of("reset_evse") == [(2,)]


@pytest.mark.requirement("B11.FR.09", "B12.FR.09")
@pytest.mark.parametrize(("evse_id", "code"), [(2, "UnsupportedRequest"), (3, "UnknownEvse")])
async def test_an_evse_that_cannot_be_reset(evse_id: int, code: str) -> None:
    blocks = await online()
    for kind in (IMMEDIATE, ON_IDLE):
        result = await ask(blocks, kind, evse_id=evse_id)
        assert result.status == "Rejected"
        assert result.status_info is not None
        assert result.status_info.reason_code == code


# ImmediateAndResume


@pytest.mark.requirement("B13.FR.01")
async def test_what_cannot_be_resumed_is_not_interrupted() -> None:
    blocks = await online({TxCtrlr.ResumptionTimeout: 0})
    blocks.start_transaction(1)
    assert (await ask(blocks, RESUME)).status == "Rejected"


@pytest.mark.requirement("B13.FR.03", "B13.FR.04", "B13.FR.20", "B13.FR.21")
async def test_transactions_are_interrupted_and_not_ended() -> None:
    blocks = await online()
    blocks.start_transaction(1)
    assert (await ask(blocks, RESUME)).status == "Accepted"
    assert blocks.transactions.stopped == []
    assert blocks.transactions.told == [(1, TriggerReason.RESET_COMMAND)]
    assert blocks.world.agents.of("pause_charging") == [(1,)]
    await blocks.advance(1)
    assert len(resets(blocks)) == 1


@pytest.mark.requirement("B13.FR.10", "B13.FR.11", "B13.FR.12", "B13.FR.13", "B13.FR.30")
@pytest.mark.parametrize("allowed", [True, False])
async def test_the_transaction_of_an_evse_goes_on_after_its_reset(allowed: bool) -> None:
    blocks = await online(
        {EVSE.AllowReset(1): True, TxCtrlr.AllowEnergyTransferResumption: allowed}
    )
    blocks.start_transaction(1)
    await ask(blocks, RESUME, evse_id=1)
    await blocks.advance(1)
    assert blocks.world.agents.of("reset_evse") == [(1,)]
    assert blocks.transactions.told == [
        (1, TriggerReason.RESET_COMMAND),
        (1, TriggerReason.TX_RESUMED),
    ]
    assert blocks.world.agents.of("resume_charging") == ([(1,)] if allowed else [])
