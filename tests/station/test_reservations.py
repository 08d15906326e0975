"""Block H: EVSEs kept for drivers, here and by the host's agent (H01 to H04)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ocppd.device_model.names import OCPP16LegacyCtrlr, ReservationCtrlr
from ocppd.errors import NotSpoken
from ocppd.model.availability import (
    Activity,
    ChangeAvailability,
    ConnectorStatus,
    OperationalStatus,
)
from ocppd.model.requests import Nothing
from ocppd.model.reservations import (
    Reservation,
    ReservationMatch,
    ReservationStatus,
    ReservationStatusUpdate,
    ReservationUpdate,
    ReserveNowResult,
    ReserveNowStatus,
)
from ocppd.model.sessions import SessionEvent, SessionEventType, SessionStartReason
from ocppd.model.tokens import (
    AuthorizationStatus,
    AuthorizationType,
    IdToken,
    IdTokenType,
    ProvidedIdToken,
    ValidationResult,
)
from ocppd.model.variables import EvseRef
from ocppd.station.reservations import Reservations
from tests.fakes import START
from tests.station.blocks import Blocks, station_error

DRIVER = IdToken("DRIVER", IdTokenType.ISO14443)
STRANGER = IdToken("STRANGER", IdTokenType.ISO14443)
FLEET = IdToken("FLEET", IdTokenType.CENTRAL)
HOUR = START + timedelta(hours=1)
ANY = Reservation(1, DRIVER, HOUR)
EVSE_1 = Reservation(1, DRIVER, HOUR, evse_id=1)
CCS = Reservation(1, DRIVER, HOUR, connector_type="cCCS2")
ACCEPTED = ValidationResult(AuthorizationStatus.ACCEPTED)


class Bench:
    """A station of one EVSE of type 2, and one with CCS and type 2."""

    def __init__(self, blocks: Blocks | None = None) -> None:
        self.blocks = blocks or Blocks()
        self.world = self.blocks.world
        self.csms = self.blocks.csms
        self.csms.replies[ReservationStatusUpdate] = lambda _: Nothing()
        self.model = self.blocks.device_model
        self.evses = self.blocks.evses
        self.reservations = Reservations(
            self.world.outside, self.model, self.evses, self.blocks.availability
        )
        self.reservations.start()
        self.blocks.registration.when_online(self.reservations.tell_untold)

    async def online(self) -> "Bench":
        await self.blocks.online()
        return self

    def again(self) -> "Bench":
        """Return the next run of the daemon, after a cut of any kind."""
        return Bench(self.blocks.again())

    async def result(self, request: Reservation) -> ReserveNowResult:
        answer = await self.reservations.reserve(request)
        answer.then()
        await self.blocks.settle()
        return answer.result

    async def reserve(self, request: Reservation) -> str:
        return (await self.result(request)).status.value

    async def cancel(self, number: int) -> str:
        answer = await self.reservations.cancel(number)
        answer.then()
        await self.blocks.settle()
        return answer.result.status

    @property
    def statuses(self) -> list[str]:
        return [
            f"{evse.id}.{connector.id} {connector.status.value}"
            for evse in self.evses
            for connector in evse.connectors.values()
        ]

    @property
    def reserved(self) -> list[int]:
        found = {
            evse.id
            for evse in self.evses
            for connector in evse.connectors.values()
            if connector.status is ConnectorStatus.RESERVED
        }
        return sorted(found)

    @property
    def told(self) -> list[tuple[int, str]]:
        updates = self.csms.of(ReservationStatusUpdate)
        return [(each.reservation_id, each.status.value) for each in updates]

    def occupy(self, evse_id: int, connector_id: int = 1, *, authorized: bool = False) -> None:
        self.blocks.availability.on_session_activity(
            evse_id, connector_id, Activity.PREPARING, True, authorized=authorized
        )

    def leave(self, evse_id: int, connector_id: int = 1) -> None:
        self.blocks.availability.on_session_activity(evse_id, connector_id, None, False)

    def begin(
        self, evse_id: int, token: IdToken, group: IdToken | None = None, **more: Any
    ) -> int | None:
        """Let a driver begin a session; return the reservation that is told with it."""
        provided = ProvidedIdToken(token, AuthorizationType.RFID, parent_id_token=group)
        event = SessionEvent(
            "s1",
            self.world.clock.now(),
            SessionEventType.TRANSACTION_STARTED,
            id_token=provided,
            **more,
        )
        told = self.reservations.on_session_event(evse_id, event)
        self.occupy(evse_id, authorized=True)
        return told.reservation_id

    def validate(
        self, token: IdToken, *evse_ids: int, group: IdToken | None = None
    ) -> ValidationResult:
        provided = ProvidedIdToken(token, AuthorizationType.RFID, evse_ids=evse_ids)
        return self.reservations.restrict(provided, replace(ACCEPTED, parent_id_token=group))


# H01


@pytest.mark.requirement("H01.FR.03", "H01.FR.23")
async def test_an_evse_is_reserved_with_all_its_connectors() -> None:
    bench = await Bench().online()
    answer = await bench.reservations.reserve(Reservation(1, DRIVER, HOUR, evse_id=2))
    assert answer.result == ReserveNowResult(ReserveNowStatus.ACCEPTED)
    assert bench.blocks.statuses() == []  # not before the answer
    answer.then()
    await bench.blocks.settle()
    assert bench.blocks.statuses() == ["2.1 Reserved", "2.2 Reserved"]
    assert [each.id for each in bench.reservations.listed] == [1]
    assert bench.world.host.of("reservations_changed")


@pytest.mark.requirement("H01.FR.04", "H01.FR.07", "H01.FR.18", "H01.FR.20")
async def test_any_evse_is_kept_until_the_last_one_is_reserved() -> None:
    bench = await Bench().online()
    assert await bench.reserve(ANY) == "Accepted"
    assert bench.reserved == []
    bench.occupy(1)
    assert bench.reserved == [2]
    bench.leave(1)
    assert bench.reserved == []
    assert await bench.reserve(replace(ANY, id=2)) == "Accepted"
    assert bench.reserved == [1, 2]
    assert await bench.reserve(replace(ANY, id=3)) == "Occupied"
    assert await bench.cancel(2) == "Accepted"
    assert bench.reserved == []
    assert bench.blocks.statuses()[-3:] == ["1.1 Available", "2.1 Available", "2.2 Available"]


@pytest.mark.requirement("H01.FR.06", "H01.FR.09", "H01.FR.24")
async def test_a_type_of_connector_is_kept() -> None:
    bench = await Bench().online()
    assert await bench.reserve(CCS) == "Accepted"
    assert bench.reserved == [2]
    assert await bench.reserve(replace(CCS, id=2)) == "Occupied"
    both = Reservation(3, DRIVER, HOUR, connector_type="sType2")
    assert await bench.reserve(both) == "Accepted"
    assert bench.reserved == [1, 2]


@pytest.mark.requirement("H01.FR.11", "H01.FR.12", "H01.FR.14")
@pytest.mark.parametrize("request_", [EVSE_1, replace(ANY, connector_type="sType2"), ANY])
async def test_what_is_not_available_cannot_be_reserved(request_: Reservation) -> None:
    bench = await Bench().online()
    for evse_id in (1, 2):
        bench.occupy(evse_id)
    assert await bench.reserve(request_) == "Occupied"
    for evse_id in (1, 2):
        bench.leave(evse_id)
        bench.blocks.availability.on_ready(evse_id, False)
    assert await bench.reserve(request_) == "Unavailable"
    for evse_id in (1, 2):
        bench.blocks.faults.raise_error(station_error(f"e{evse_id}", evse_id=evse_id))
    bench.blocks.faults.raise_error(station_error("e3", evse_id=2, connector_id=2))
    assert await bench.reserve(request_) == "Faulted"
    assert bench.reservations.listed == ()


@pytest.mark.requirement("H01.FR.11")
async def test_a_driver_on_the_way_to_the_car_occupies_the_evse() -> None:
    bench = await Bench().online()
    bench.evses[1].session_id, bench.evses[1].authorized = "s1", True
    assert await bench.reserve(EVSE_1) == "Occupied"


@pytest.mark.requirement("H01.FR.01", "H01.FR.19")
@pytest.mark.parametrize(
    ("request_", "switch", "reason"),
    [
        (EVSE_1, ReservationCtrlr.Enabled, "NotEnabled"),
        (EVSE_1, ReservationCtrlr.Available, "NotEnabled"),
        (ANY, ReservationCtrlr.NonEvseSpecific, "UnsupportedRequest"),
        (CCS, ReservationCtrlr.NonEvseSpecific, "UnsupportedRequest"),
        (
            replace(ANY, by_connector=True),
            OCPP16LegacyCtrlr.ReserveConnectorZeroSupported,
            "UnsupportedRequest",
        ),
    ],
)
async def test_what_is_switched_off_is_rejected(
    request_: Reservation, switch: Any, reason: str
) -> None:
    bench = await Bench().online()
    bench.model.set_actual(switch, False)
    result = await bench.result(request_)
    assert result.status is ReserveNowStatus.REJECTED
    assert result.status_info is not None
    assert result.status_info.reason_code == reason
    bench.model.set_actual(switch, True)
    assert await bench.reserve(request_) == "Accepted"


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (replace(EVSE_1, evse_id=3), "UnknownEvse"),
        (replace(EVSE_1, connector_id=2), "UnknownConnectorId"),
        (replace(EVSE_1, connector_type="cCCS2"), "UnknownConnectorType"),
        (replace(ANY, connector_type="cG105"), "UnknownConnectorType"),
        (replace(ANY, expiry=START), "InvalidValue"),
        (replace(ANY, id_token=IdToken("", IdTokenType.ISO14443)), "InvalidIdToken"),
    ],
)
async def test_what_cannot_be_reserved_is_rejected(request_: Reservation, reason: str) -> None:
    bench = await Bench().online()
    result = await bench.result(request_)
    assert result.status is ReserveNowStatus.REJECTED
    assert result.status_info is not None
    assert result.status_info.reason_code == reason


@pytest.mark.requirement("H01.FR.02")
async def test_a_known_id_replaces_its_reservation() -> None:
    bench = await Bench().online()
    assert await bench.reserve(EVSE_1) == "Accepted"
    later = replace(EVSE_1, expiry=HOUR + timedelta(hours=1), id_token=STRANGER)
    assert await bench.reserve(later) == "Accepted"
    assert bench.reservations.listed == (later,)
    assert await bench.reserve(replace(later, evse_id=2)) == "Accepted"
    assert bench.reserved == [2]
    bench.occupy(1)
    assert await bench.reserve(replace(later, evse_id=1)) == "Occupied"
    assert bench.reserved == [2]


@pytest.mark.requirement("H01.FR.16", "H01.FR.17")
async def test_a_reservation_goes_with_its_evse() -> None:
    bench = await Bench().online()
    await bench.reserve(EVSE_1)
    bench.blocks.faults.raise_error(station_error())
    await bench.blocks.settle()
    assert bench.reservations.listed == ()
    assert bench.told == [(1, "Removed")]
    await bench.reserve(replace(ANY, id=2))
    request = ChangeAvailability(OperationalStatus.INOPERATIVE, EvseRef(2))
    bench.blocks.availability.change(request).then()
    await bench.blocks.settle()
    assert bench.told == [(1, "Removed"), (2, "Removed")]


async def test_a_reservation_for_any_evse_outlives_one_of_them() -> None:
    bench = await Bench().online()
    await bench.reserve(ANY)
    bench.blocks.faults.raise_error(station_error())
    assert bench.reservations.listed == (ANY,)
    assert bench.reserved == [2]
    bench.blocks.availability.close("reset", 2)
    assert bench.reservations.listed == (ANY,)


# H02, H04


@pytest.mark.requirement("H02.FR.01", "H02.FR.02", "H02.FR.03", "H02.FR.04")
async def test_cancelling() -> None:
    bench = await Bench().online()
    await bench.reserve(EVSE_1)
    assert await bench.cancel(2) == "Rejected"
    assert await bench.cancel(1) == "Accepted"
    assert bench.blocks.statuses() == ["1.1 Reserved", "1.1 Available"]
    assert bench.told == []
    assert await bench.cancel(1) == "Rejected"


@pytest.mark.requirement("H02.FR.05", "H02.FR.06")
async def test_cancelling_one_for_any_evse_frees_them_all() -> None:
    bench = await Bench().online()
    await bench.reserve(EVSE_1)
    await bench.reserve(replace(ANY, id=2))
    assert bench.reserved == [1, 2]
    assert await bench.cancel(2) == "Accepted"
    assert bench.reserved == [1]


@pytest.mark.requirement("H04.FR.01", "H04.FR.02", "H04.FR.03")
async def test_a_reservation_ends_by_itself() -> None:
    bench = await Bench().online()
    await bench.reserve(EVSE_1)
    await bench.reserve(replace(ANY, id=2, expiry=HOUR + timedelta(days=3)))
    bench.world.clock.advance(3599)
    assert bench.reserved == [1, 2]
    bench.world.clock.advance(1)
    await bench.blocks.settle()
    assert bench.reserved == []
    assert bench.told == [(1, "Expired")]
    bench.world.clock.advance(3 * 86_400)
    await bench.blocks.settle()
    assert bench.told == [(1, "Expired"), (2, "Expired")]


@pytest.mark.requirement("H04.FR.01")
async def test_the_end_is_told_when_the_csms_is_back() -> None:
    bench = await Bench().online()
    await bench.reserve(EVSE_1)
    await bench.blocks.disconnect()
    bench.world.clock.advance(3600)
    await bench.blocks.settle()
    assert bench.told == []
    again = bench.again()
    assert again.reservations.listed == ()
    await again.blocks.connect()
    assert again.told == [(1, "Expired")]
    third = again.again()
    await third.blocks.connect()
    assert third.told == []  # told once


@pytest.mark.requirement("H01.FR.07", "H04.FR.01")
async def test_reservations_survive_a_restart() -> None:
    bench = await Bench().online()
    await bench.reserve(EVSE_1)
    await bench.reserve(replace(ANY, id=2, expiry=HOUR + timedelta(hours=1)))
    again = await bench.again().online()
    assert [each.id for each in again.reservations.listed] == [1, 2]
    assert again.reserved == [1, 2]
    again.world.clock.advance(3600)
    await again.blocks.settle()
    assert again.told == [(1, "Expired")]
    last = again.again()
    last.world.clock.advance(3600)  # over before anybody is there
    assert last.reservations.listed == ()
    await last.blocks.connect()
    assert last.told == [(2, "Expired")]


async def test_a_csms_without_the_word_is_not_told_again() -> None:
    bench = await Bench().online()

    def no_word(_: object) -> None:
        raise NotSpoken("1.6")

    bench.csms.replies[ReservationStatusUpdate] = no_word
    await bench.reserve(EVSE_1)
    bench.world.clock.advance(3600)
    await bench.blocks.settle()
    assert bench.told == [(1, "Expired")]
    bench.reservations.tell_untold()
    await bench.blocks.settle()
    assert bench.told == [(1, "Expired")]


# H03


@pytest.mark.requirement("H03.FR.01", "H03.FR.09", "H03.FR.10", "H01.FR.15")
async def test_its_driver_uses_it() -> None:
    bench = await Bench().online()
    await bench.reserve(EVSE_1)
    bench.occupy(1)
    assert bench.reserved == [1]
    assert bench.begin(1, IdToken("driver", IdTokenType.ISO15693)) == 1
    assert bench.statuses[0] == "1.1 Occupied"
    bench.leave(1)
    assert bench.statuses[0] == "1.1 Available"
    assert bench.reservations.listed == ()


@pytest.mark.requirement("H03.FR.10")
async def test_without_a_cable_the_connector_is_available_to_its_driver() -> None:
    bench = await Bench().online()
    await bench.reserve(EVSE_1)
    event = SessionEvent(
        "s1",
        START,
        SessionEventType.SESSION_STARTED,
        id_token=ProvidedIdToken(DRIVER, AuthorizationType.RFID),
        start_reason=SessionStartReason.AUTHORIZED,
    )
    assert bench.reservations.on_session_event(1, event).reservation_id == 1
    bench.blocks.availability.on_session_activity(1, 1, Activity.PREPARING, False, authorized=True)
    assert bench.statuses[0] == "1.1 Available"


@pytest.mark.requirement("H03.FR.02", "H03.FR.03", "H03.FR.04", "H03.FR.05", "H03.FR.06")
@pytest.mark.parametrize("request_", [replace(EVSE_1, evse_id=2), CCS, ANY])
async def test_the_group_uses_it_too(request_: Reservation) -> None:
    bench = await Bench().online()
    await bench.reserve(replace(request_, group_id_token=FLEET))
    assert bench.begin(2, STRANGER) is None
    assert bench.reservations.listed
    assert bench.begin(2, STRANGER, FLEET) == 1
    assert not bench.reservations.listed


@pytest.mark.requirement("H03.FR.07")
async def test_the_group_may_be_known_from_list_or_cache() -> None:
    bench = await Bench().online()
    bench.reservations.group_of = lambda token: FLEET if token == STRANGER else None
    await bench.reserve(replace(EVSE_1, group_id_token=FLEET))
    assert bench.reservations.admits(EvseRef(1, 1), STRANGER, None)
    assert bench.begin(1, STRANGER) == 1


async def test_the_reservation_of_the_evse_is_used_first() -> None:
    bench = await Bench().online()
    await bench.reserve(ANY)
    await bench.reserve(replace(EVSE_1, id=2))
    assert bench.begin(1, DRIVER) == 2
    assert [each.id for each in bench.reservations.listed] == [1]


async def test_the_host_may_name_the_reservation() -> None:
    bench = await Bench().online()
    await bench.reserve(EVSE_1)
    assert bench.begin(1, STRANGER, reservation_id=1) == 1
    assert not bench.reservations.listed
    assert bench.begin(1, STRANGER, reservation_id=7) == 7


@pytest.mark.requirement("H03.FR.01", "H01.FR.07")
async def test_a_stranger_is_sent_where_nothing_is_reserved() -> None:
    bench = await Bench().online()
    await bench.reserve(EVSE_1)
    assert bench.validate(DRIVER).reservation_id == 1
    assert bench.validate(DRIVER).evse_ids == ()
    assert bench.validate(STRANGER).evse_ids == (2,)
    assert bench.validate(STRANGER).reservation_id is None
    barred = bench.validate(STRANGER, 1)
    assert barred.authorization_status is AuthorizationStatus.NOT_AT_THIS_TIME
    assert bench.validate(STRANGER, 2) == ACCEPTED
    assert bench.validate(DRIVER, 2) == ACCEPTED
    await bench.reserve(replace(EVSE_1, id=2, evse_id=2))
    assert bench.validate(STRANGER).authorization_status is AuthorizationStatus.NOT_AT_THIS_TIME


@pytest.mark.requirement("F01.FR.21", "F01.FR.22")
async def test_a_remote_start_is_admitted_for_the_driver() -> None:
    bench = await Bench().online()
    await bench.reserve(replace(EVSE_1, group_id_token=FLEET))
    assert bench.reservations.admits(EvseRef(1, 1), DRIVER, None)
    assert bench.reservations.admits(EvseRef(1, 1), STRANGER, FLEET)
    assert not bench.reservations.admits(EvseRef(1, 1), STRANGER, None)
    assert not bench.reservations.admits(EvseRef(2, 1), DRIVER, None)


# The host's agent


class TestHost:
    async def bench(self) -> Bench:
        bench = await Bench().online()
        bench.world.agents.interfaces.add("Reservation")
        return bench

    async def test_the_host_keeps_them(self) -> None:
        bench = await self.bench()
        assert await bench.reserve(EVSE_1) == "Accepted"
        assert bench.world.agents.of("reserve_now") == [(EVSE_1,)]
        assert bench.reserved == []  # the host reports the connectors
        assert bench.reservations.listed == (replace(EVSE_1, by_host=True),)
        assert await bench.cancel(1) == "Accepted"
        assert bench.world.agents.of("cancel_reservation") == [(1,)]
        assert bench.reservations.listed == ()
        bench.world.agents.answer = False
        assert await bench.cancel(1) == "Rejected"

    @pytest.mark.parametrize("status", list(ReserveNowStatus))
    async def test_its_answer_is_passed_on(self, status: ReserveNowStatus) -> None:
        bench = await self.bench()
        bench.world.agents.reserve_status = status
        assert await bench.reserve(EVSE_1) == status.value
        assert bool(bench.reservations.listed) is (status is ReserveNowStatus.ACCEPTED)

    async def test_a_failure_is_a_refusal(self) -> None:
        bench = await self.bench()
        bench.world.agents.failing = {"reserve_now", "cancel_reservation"}
        assert await bench.reserve(EVSE_1) == "Rejected"
        assert await bench.cancel(1) == "Rejected"

    @pytest.mark.requirement("H04.FR.01", "H01.FR.16")
    async def test_what_it_reports_is_told(self) -> None:
        bench = await self.bench()
        await bench.reserve(EVSE_1)
        for status in ReservationStatus:
            bench.reservations.on_update(ReservationUpdate(1, status))
            await bench.blocks.settle()
        assert bench.told == [(1, "Expired"), (1, "Removed")]
        assert bench.reservations.listed == ()

    async def test_it_is_asked_about_its_own_reservations(self) -> None:
        bench = await self.bench()
        bench.blocks.availability.on_reservation(1, 0, True)
        for match, admitted in (
            (ReservationMatch.FOR_DRIVER, True),
            (ReservationMatch.NOT_RESERVED, True),
            (ReservationMatch.FOR_OTHERS, False),
            (ReservationMatch.FOR_OTHERS_WITH_PARENT, False),
        ):
            bench.world.agents.match = match
            await bench.reservations.ask_host(None, DRIVER, FLEET)
            assert bench.reservations.admits(EvseRef(1, 1), DRIVER, FLEET) is admitted
        assert bench.world.agents.of("exists_reservation") == [(1, DRIVER, FLEET)] * 4
        assert not bench.reservations.admits(EvseRef(1, 1), STRANGER, FLEET)
