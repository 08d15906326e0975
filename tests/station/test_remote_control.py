from dataclasses import replace
from typing import Any

import pytest

from ocppd.device_model.names import (
    AuthCtrlr,
    OCPP16LegacyCtrlr,
    SmartChargingCtrlr,
    TxCtrlr,
)
from ocppd.device_model.values import Value
from ocppd.errors import AgentRefused
from ocppd.model.availability import Activity, ConnectorStatus
from ocppd.model.charging_profiles import (
    ChargingProfile,
    ChargingProfileKind,
    ChargingProfilePurpose,
    ProfilePeriod,
    ProfileSchedule,
)
from ocppd.model.charging_schedules import ChargingRateUnit, PerPhase
from ocppd.model.registration import RegistrationStatus
from ocppd.model.remote_control import (
    MessageTrigger,
    StartTransaction,
    StatusResult,
    StopTransaction,
    TriggerMessage,
    UnlockConnector,
)
from ocppd.model.sessions import StopReason
from ocppd.model.tokens import AuthorizationType, IdToken, IdTokenType, ProvidedIdToken
from ocppd.model.variables import ComponentVariable, EvseRef
from ocppd.station.evse import Evses
from ocppd.station.limit_publication import Publication
from ocppd.station.remote_control import RemoteControl
from ocppd.station.smart_charging import SmartCharging
from ocppd.station.trigger_message import MessageTriggers
from tests.fakes import FakeAgents, World
from tests.station.models import TOPOLOGY, shipped_device_model

TOKEN = IdToken("04A224B2", IdTokenType.ISO14443)
OTHER = IdToken("OTHER", IdTokenType.ISO14443)
GROUP = IdToken("FLEET", IdTokenType.CENTRAL)
START = StartTransaction(TOKEN, remote_start_id=77, evse_id=1)
START_16 = StartTransaction(IdToken("04A224B2", IdTokenType.CENTRAL), by_connector=True)


class Stops:
    """The part of the transactions block that stops, with the agent that does it."""

    def __init__(self, agents: FakeAgents) -> None:
        self.agents = agents

    async def stop(self, evse_id: int, reason: StopReason, id_token: IdToken | None = None) -> bool:
        return await self.agents.stop_transaction(evse_id, reason, id_token)


class Sender:
    """Blocks that send what is triggered."""

    status = RegistrationStatus.ACCEPTED

    def trigger_boot(self) -> None:
        raise AssertionError("nobody asked for it")

    def trigger_heartbeat(self) -> None:
        self.beats = True

    def trigger(self, evse: EvseRef | None) -> None:
        raise AssertionError("nobody asked for it")


class Reserved:
    """One reservation, for a token or a group."""

    def __init__(self, id_token: IdToken, group_id_token: IdToken | None = None) -> None:
        self.id_token = id_token
        self.group_id_token = group_id_token

    def admits(self, ref: EvseRef, id_token: IdToken, group_id_token: IdToken | None) -> bool:
        group = self.group_id_token
        return self.id_token.same_as(id_token) or (
            group is not None and group.same_as(group_id_token)
        )


class Bench:
    def __init__(
        self,
        values: dict[ComponentVariable, Value] | None = None,
        reserved: Reserved | None = None,
    ) -> None:
        self.world = World()
        self.model = shipped_device_model(
            self.world.store, {SmartChargingCtrlr.Available: False, **(values or {})}
        )
        self.evses = Evses(TOPOLOGY)
        for evse in self.evses:
            evse.ready = True
            for connector in evse.connectors.values():
                connector.status = ConnectorStatus.AVAILABLE
        self.sender = Sender()
        self.control = RemoteControl(
            self.world.outside,
            self.model,
            self.evses,
            Stops(self.world.agents),
            MessageTriggers(
                self.evses, self.sender, self.sender, self.sender, self.sender, self.sender
            ),
            SmartCharging(self.world.outside, self.model, self.evses, Publication()),
            reserved,
        )

    def start(self, request: StartTransaction = START) -> tuple[str, str | None]:
        """Start; return the status, and the reason code or the transaction id."""
        assert self.offered == []
        return self.start_again(request)

    def start_again(self, request: StartTransaction) -> tuple[str, str | None]:
        before = len(self.offered)
        answer = self.control.start_transaction(request)
        assert len(self.offered) == before
        answer.then()
        result = answer.result
        more = result.status_info.reason_code if result.status_info else result.transaction_id
        return result.status.value, more

    @property
    def offered(self) -> list[ProvidedIdToken]:
        return self.world.host.of("provide_token")

    def charge(self, evse_id: int, *, authorized: bool = True, connector_id: int = 1) -> None:
        evse = self.evses[evse_id]
        evse.session_id = evse.transaction_id = evse.csms_transaction_id = f"tx-{evse_id}"
        evse.authorized = authorized
        evse.connectors[connector_id].occupied = True
        evse.connectors[connector_id].status = ConnectorStatus.OCCUPIED


# Remote start


@pytest.mark.requirement("F01.FR.01", "F01.FR.02", "F02.FR.09", "F02.FR.10")
@pytest.mark.parametrize("ask", [True, False])
def test_an_accepted_token_is_offered_to_the_host_after_the_answer(ask: bool) -> None:
    bench = Bench({AuthCtrlr.AuthorizeRemoteStart: ask})
    assert bench.start(replace(START, group_id_token=GROUP)) == ("Accepted", None)
    assert bench.offered == [
        ProvidedIdToken(
            TOKEN,
            AuthorizationType.OCPP,
            request_id=77,
            parent_id_token=GROUP,
            evse_ids=(1,),
            prevalidated=not ask,
        )
    ]


@pytest.mark.parametrize("status", [ConnectorStatus.UNAVAILABLE, ConnectorStatus.FAULTED])
@pytest.mark.requirement("F01.FR.23", "F02.FR.25")
def test_an_evse_out_of_service_starts_nothing(status: ConnectorStatus) -> None:
    bench = Bench()
    bench.evses[1].connectors[1].status = status
    assert bench.start() == ("Rejected", "Unspecified")
    assert bench.offered == []


@pytest.mark.parametrize("evse_id", [0, 3, -1])
def test_an_unknown_evse_starts_nothing(evse_id: int) -> None:
    assert Bench().start(replace(START, evse_id=evse_id)) == ("Rejected", "UnknownEvse")


def test_one_usable_connector_is_enough() -> None:
    bench = Bench()
    bench.evses[2].connectors[1].status = ConnectorStatus.FAULTED
    assert bench.start(replace(START, evse_id=2)) == ("Accepted", None)
    bench.evses[2].connectors[2].status = ConnectorStatus.UNAVAILABLE
    assert bench.start_again(replace(START, evse_id=2))[0] == "Rejected"


@pytest.mark.requirement("F01.FR.24", "F02.FR.26")
def test_an_authorized_transaction_keeps_others_out() -> None:
    bench = Bench()
    bench.charge(1)
    assert bench.start() == ("Rejected", "TxInProgress")


@pytest.mark.requirement("F01.FR.13")
def test_a_transaction_without_a_driver_is_the_one_that_starts() -> None:
    bench = Bench()
    bench.charge(1, authorized=False)
    assert bench.start() == ("Accepted", "tx-1")


@pytest.mark.requirement("F01.FR.21", "F01.FR.22", "F02.FR.23", "F02.FR.24")
@pytest.mark.parametrize(
    ("reserved", "group", "expected"),
    [
        (None, None, "Rejected"),
        (Reserved(TOKEN), None, "Accepted"),
        (Reserved(OTHER), GROUP, "Rejected"),
        (Reserved(OTHER, GROUP), None, "Rejected"),
        (Reserved(OTHER, GROUP), GROUP, "Accepted"),
    ],
)
def test_a_reserved_evse_starts_for_its_token_or_group_alone(
    reserved: Reserved | None, group: IdToken | None, expected: str
) -> None:
    bench = Bench(reserved=reserved)
    bench.evses[1].connectors[1].status = ConnectorStatus.RESERVED
    assert bench.start(replace(START, group_id_token=group))[0] == expected


@pytest.mark.requirement("F01.FR.06", "F01.FR.20", "F02.FR.22")
def test_without_an_evse_the_host_selects_one() -> None:
    bench = Bench()
    bench.charge(1)
    assert bench.start(replace(START, evse_id=None)) == ("Accepted", None)
    assert bench.offered[0].evse_ids == ()
    assert bench.evses[1].remote_starts == []
    assert len(bench.evses[2].remote_starts) == 1


def test_without_an_evse_and_no_room_nothing_starts() -> None:
    bench = Bench()
    bench.charge(1)
    bench.charge(2)
    assert bench.start(replace(START, evse_id=None))[0] == "Rejected"


def test_a_token_of_nothing_starts_nothing_unless_it_says_so() -> None:
    empty = IdToken("", IdTokenType.ISO14443)
    assert Bench().start(replace(START, id_token=empty)) == ("Rejected", "InvalidIdToken")
    nobody = IdToken("", IdTokenType.NO_AUTHORIZATION)
    assert Bench().start(replace(START, id_token=nobody))[0] == "Accepted"


# Remote start as 1.6 means it


def test_1_6_offers_every_free_evse_without_a_connector_id() -> None:
    bench = Bench()
    assert bench.start(START_16)[0] == "Accepted"
    assert bench.offered[0].evse_ids == (1, 2)
    assert bench.offered[0].request_id is None


def test_1_6_offers_the_first_free_evse_if_told_so() -> None:
    bench = Bench({OCPP16LegacyCtrlr.RemoteStartTransactionWithoutConnectorIdFindFirst: True})
    bench.charge(1)
    assert bench.start(START_16)[0] == "Accepted"
    assert bench.offered[0].evse_ids == (2,)


def test_1_6_rejects_without_a_connector_id_if_told_so() -> None:
    bench = Bench({OCPP16LegacyCtrlr.RejectRemoteStartTransactionWithoutConnectorId: True})
    assert bench.start(START_16) == ("Rejected", "MissingParam")
    assert bench.start(replace(START_16, evse_id=1, connector_id=1))[0] == "Accepted"
    assert bench.start_again(replace(START, evse_id=None))[0] == "Accepted"


def test_the_connector_of_1_6_has_to_be_free_itself() -> None:
    bench = Bench()
    bench.evses[2].connectors[1].status = ConnectorStatus.FAULTED
    on = replace(START_16, evse_id=2)
    assert bench.start(replace(on, connector_id=1))[0] == "Rejected"
    assert bench.start(replace(on, connector_id=3)) == ("Rejected", "UnknownConnectorId")
    assert bench.start(replace(on, connector_id=2))[0] == "Accepted"


def test_a_connector_that_is_finishing_is_free_for_2_x_alone() -> None:
    bench = Bench()
    connector = bench.evses[1].connectors[1]
    connector.status, connector.activity = ConnectorStatus.OCCUPIED, Activity.FINISHING
    assert bench.start(replace(START_16, evse_id=1, connector_id=1))[0] == "Rejected"
    assert bench.start()[0] == "Accepted"


# The charging profile of a remote start


def _profile(
    purpose: ChargingProfilePurpose = ChargingProfilePurpose.TX_PROFILE,
    starts: tuple[int, ...] = (0, 60),
    **changes: Any,
) -> ChargingProfile:
    periods = tuple(ProfilePeriod(start, PerPhase(16.0)) for start in starts)
    schedule = ProfileSchedule(periods, ChargingRateUnit.A)
    return ChargingProfile(1, 0, purpose, ChargingProfileKind.RELATIVE, (schedule,), **changes)


@pytest.mark.requirement("F01.FR.08", "F01.FR.09", "F01.FR.11", "F01.FR.26", "F02.FR.27")
@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (_profile(), ("Accepted", None)),
        (_profile(ChargingProfilePurpose.TX_DEFAULT_PROFILE), ("Rejected", "InvalidProfile")),
        (_profile(transaction_id="tx-9"), ("Rejected", "InvalidProfile")),
        (_profile(starts=(10,)), ("Rejected", "InvalidSchedule")),
        (_profile(starts=(0, 60, 60)), ("Rejected", "InvalidSchedule")),
    ],
)
def test_a_charging_profile_has_to_be_for_the_transaction_to_come(
    profile: ChargingProfile, expected: tuple[str, str | None]
) -> None:
    bench = Bench({SmartChargingCtrlr.Available: True, SmartChargingCtrlr.Enabled: True})
    assert bench.start(replace(START, charging_profile=profile)) == expected


@pytest.mark.requirement("F01.FR.12", "F02.FR.20")
def test_without_smart_charging_a_profile_is_ignored() -> None:
    bench = Bench()
    profile = _profile(ChargingProfilePurpose.CHARGING_STATION_MAX_PROFILE)
    assert bench.start(replace(START, charging_profile=profile))[0] == "Accepted"


# What is remembered of it


@pytest.mark.requirement("F01.FR.25", "F02.FR.01", "F02.FR.21")
def test_the_remote_start_is_found_once_by_its_token() -> None:
    bench = Bench()
    bench.start(replace(START, evse_id=None))
    evse = bench.evses[2]
    assert bench.control.claim(evse, OTHER) is None
    assert bench.control.claim(evse, None) is None
    found = bench.control.claim(evse, IdToken("04a224b2", IdTokenType.CENTRAL))
    assert found is not None
    assert found.remote_start_id == 77
    assert bench.control.claim(evse, TOKEN) is None
    assert bench.control.claim(bench.evses[1], TOKEN) is None


def test_another_remote_start_for_the_token_replaces_the_one_before() -> None:
    bench = Bench()
    bench.start()
    bench.start_again(replace(START, remote_start_id=78))
    found = bench.control.claim(bench.evses[1], TOKEN)
    assert found is not None
    assert found.remote_start_id == 78
    assert bench.evses[1].remote_starts == []


@pytest.mark.requirement("F02.FR.07")
def test_a_remote_start_is_forgotten_some_time_after_the_connection_timeout() -> None:
    bench = Bench({TxCtrlr.EVConnectionTimeOut: 30})
    bench.start()
    bench.world.clock.advance(30)
    assert bench.evses[1].remote_starts[0].until > bench.world.clock.now()
    bench.world.clock.advance(60)
    assert bench.control.claim(bench.evses[1], TOKEN) is None
    assert bench.evses[1].remote_starts == []


# Remote stop


@pytest.mark.requirement("F03.FR.07", "F03.FR.08")
async def test_the_host_stops_the_transaction_that_the_csms_names() -> None:
    bench = Bench()
    bench.charge(2)
    assert bench.control.stop_transaction(StopTransaction("tx-1")).result.status == "Rejected"
    answer = bench.control.stop_transaction(StopTransaction("tx-2"))
    assert answer.result == StatusResult("Accepted")
    assert bench.world.agents.calls == []
    answer.then()
    await bench.world.tasks.settle()
    assert bench.world.agents.of("stop_transaction") == [(2, StopReason.REMOTE, None)]


@pytest.mark.parametrize("known_to", ["evse", "store"])
def test_the_number_of_1_6_names_a_transaction_also_after_a_restart(known_to: str) -> None:
    bench = Bench()
    bench.charge(1)
    bench.evses[1].csms_transaction_id = "4711" if known_to == "evse" else None
    bench.world.store.save_transaction_facts("tx-1", "1.6", "4711")
    assert bench.control.stop_transaction(StopTransaction("4711")).result.status == "Accepted"
    assert bench.control.stop_transaction(StopTransaction("4712")).result.status == "Rejected"
    bench.evses[1].transaction_id = None
    assert bench.control.stop_transaction(StopTransaction("4711")).result.status == "Rejected"


def test_without_an_agent_nobody_stops_it() -> None:
    bench = Bench()
    bench.charge(1)
    bench.world.agents.interfaces.discard("EvseManager")
    assert bench.control.stop_transaction(StopTransaction("tx-1")).result.status == "Rejected"


@pytest.mark.parametrize(
    ("fails", "reasons"), [(True, ["EVSE 1: stop_transaction failed"]), (False, [])]
)
async def test_a_host_that_does_not_stop_harms_nobody(
    fails: bool, reasons: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench()
    bench.charge(1)
    agents = bench.world.agents
    agents.answer = False
    agents.failing = {"stop_transaction"} if fails else set()
    answer = bench.control.stop_transaction(StopTransaction("tx-1"))
    assert answer.result.status == "Accepted"
    assert agents.calls == []
    answer.then()
    await bench.world.tasks.settle()
    assert agents.calls == [("stop_transaction", 1, StopReason.REMOTE, None)]
    assert caplog.messages == [*reasons, "The host does not stop the transaction at EVSE 1"]
    assert bench.evses[1].transaction_id == "tx-1"


# UnlockConnector


async def _unlock(bench: Bench, request: UnlockConnector) -> str:
    return (await bench.control.unlock_connector(request)).result.status


@pytest.mark.requirement("F05.FR.03")
@pytest.mark.parametrize(("evse_id", "connector_id"), [(3, 1), (1, 2), (0, 0)])
async def test_an_unknown_connector_is_not_unlocked(evse_id: int, connector_id: int) -> None:
    bench = Bench()
    assert await _unlock(bench, UnlockConnector(evse_id, connector_id)) == "UnknownConnector"
    assert bench.world.agents.calls == []


@pytest.mark.requirement("F05.FR.04", "F05.FR.05", "F05.FR.06")
@pytest.mark.parametrize(("works", "expected"), [(True, "Unlocked"), (False, "UnlockFailed")])
async def test_the_answer_is_what_the_attempt_came_to(works: bool, expected: str) -> None:
    bench = Bench()
    bench.world.agents.answer = works
    assert await _unlock(bench, UnlockConnector(2, 2)) == expected
    assert bench.world.agents.of("force_unlock") == [(2, 2)]


@pytest.mark.requirement("F05.FR.02")
async def test_an_authorized_transaction_is_left_alone() -> None:
    bench = Bench()
    bench.charge(2, connector_id=2)
    assert await _unlock(bench, UnlockConnector(2, 2)) == "OngoingAuthorizedTransaction"
    assert bench.world.agents.calls == []
    assert await _unlock(bench, UnlockConnector(2, 1)) == "Unlocked"
    bench.evses[2].authorized = False
    assert await _unlock(bench, UnlockConnector(2, 2)) == "Unlocked"


async def test_1_6_finishes_the_transaction_first() -> None:
    bench = Bench()
    bench.charge(1)
    assert await _unlock(bench, UnlockConnector(1, 1, finishes_transaction=True)) == "Unlocked"
    assert [call[0] for call in bench.world.agents.calls] == ["stop_transaction", "force_unlock"]
    assert bench.world.agents.of("stop_transaction") == [(1, StopReason.UNLOCK_COMMAND, None)]


async def test_1_6_does_not_unlock_what_it_could_not_stop() -> None:
    bench = Bench()
    bench.charge(1)
    bench.world.agents.answer = False
    assert await _unlock(bench, UnlockConnector(1, 1, finishes_transaction=True)) == "UnlockFailed"
    assert bench.world.agents.of("force_unlock") == []


@pytest.mark.parametrize("stops", [True, False])
async def test_1_6_stops_for_a_fixed_cable_only_if_told_so(stops: bool) -> None:
    bench = Bench({OCPP16LegacyCtrlr.StopTransactionIfUnlockNotSupported: stops})
    bench.charge(2)
    status = await _unlock(bench, UnlockConnector(2, 1, finishes_transaction=True))
    assert (status, len(bench.world.agents.of("stop_transaction"))) == (
        ("Unlocked", 1) if stops else ("NotSupported", 0)
    )


@pytest.mark.parametrize("absent", [True, False])
async def test_what_nobody_can_unlock_is_not_supported(absent: bool) -> None:
    bench = Bench()
    if absent:
        bench.world.agents.interfaces.discard("EvseManager")
    else:
        bench.world.agents.force_unlock = _no_such_method  # type: ignore[method-assign]
    assert await _unlock(bench, UnlockConnector(1, 1)) == "NotSupported"


async def _no_such_method(evse_id: int, connector_id: int) -> bool:
    raise AgentRefused("there is no method ForceUnlock")


# TriggerMessage


@pytest.mark.requirement("F06.FR.04")
def test_a_message_is_triggered_after_the_answer() -> None:
    bench = Bench()
    answer = bench.control.trigger_message(TriggerMessage(MessageTrigger.HEARTBEAT))
    assert answer.result == StatusResult("Accepted")
    assert not hasattr(bench.sender, "beats")
    answer.then()
    assert bench.sender.beats
