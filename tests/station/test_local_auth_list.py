"""Block D: what SendLocalList makes of the list, and what becomes of it (D01, D02)."""

from datetime import timedelta

import pytest

from ocppd.csms.v16.spelling import MANNERS as MANNERS_OF_16
from ocppd.device_model.names import AuthCtrlr, LocalAuthListCtrlr
from ocppd.device_model.values import Value
from ocppd.model.local_auth_list import (
    AuthorizationData,
    LocalListConflict,
    SendLocalList,
    SendLocalListResult,
    SendLocalListStatus,
    UpdateType,
)
from ocppd.model.manners import Manners
from ocppd.model.tokens import (
    AuthorizationStatus,
    AuthorizationType,
    Authorize,
    AuthorizeResponse,
    IdToken,
    IdTokenInfo,
    IdTokenType,
    MessageContent,
    ProvidedIdToken,
)
from ocppd.model.variables import ComponentVariable
from ocppd.station.authorization import Authorization
from ocppd.station.evse import Evses
from ocppd.station.local_auth_list import LocalAuthList
from tests.fakes import START, World
from tests.station.models import TOPOLOGY, shipped_device_model

ACCEPTED = IdTokenInfo(AuthorizationStatus.ACCEPTED)
BLOCKED = IdTokenInfo(AuthorizationStatus.BLOCKED)
FULL, DIFFERENTIAL = UpdateType.FULL, UpdateType.DIFFERENTIAL
Entry = tuple[str, IdTokenInfo | None]


def token(value: str, kind: IdTokenType = IdTokenType.ISO14443) -> IdToken:
    return IdToken(value, kind)


class Bench:
    def __init__(
        self,
        values: dict[ComponentVariable, Value] | None = None,
        *,
        world: World | None = None,
        manners: Manners | None = None,
    ) -> None:
        self.world = world or World()
        self.world.csms.manners = manners or Manners()
        self.world.agents.interfaces.clear()
        self.model = shipped_device_model(self.world.store, values)
        self.list = LocalAuthList(self.world.outside, self.model)
        self.authorization = Authorization(
            self.world.outside, self.model, Evses(TOPOLOGY), self.list
        )
        self.list.start()
        self.authorization.start()

    def again(self) -> "Bench":
        """Return the next run of the daemon, after a cut of any kind."""
        return Bench(world=World(store=self.world.store.reopened()))

    def speak(self, manners: Manners) -> None:
        self.world.csms.manners = manners

    def send(
        self, version: int, kind: UpdateType, *entries: Entry, size_bytes: int = 100
    ) -> SendLocalListResult:
        data = tuple(AuthorizationData(token(value), info) for value, info in entries)
        return self.list.send(SendLocalList(version, kind, data, size_bytes)).result

    def sends(self, version: int, kind: UpdateType, *entries: Entry) -> str:
        return self.send(version, kind, *entries).status.value

    @property
    def version(self) -> int | None:
        return self.list.get_version().result

    @property
    def entries(self) -> int:
        return self.model.integer(LocalAuthListCtrlr.Entries)

    def status(self, value: str, kind: IdTokenType = IdTokenType.ISO14443) -> str | None:
        info = self.list.lookup(token(value, kind))
        return info.status.value if info is not None else None

    async def validate(self, value: str) -> str:
        provided = ProvidedIdToken(token(value), AuthorizationType.RFID)
        return (await self.authorization.validate_token(provided)).authorization_status.value


@pytest.mark.requirement("D01.FR.01", "D01.FR.02", "D01.FR.12", "D01.FR.15", "D02.FR.01")
def test_a_full_list_replaces_what_was_there() -> None:
    bench = Bench()
    assert bench.sends(7, FULL, ("A", ACCEPTED), ("B", BLOCKED)) == "Accepted"
    assert (bench.version, bench.entries) == (7, 2)
    assert bench.sends(3, FULL, ("C", ACCEPTED)) == "Accepted"
    assert (bench.version, bench.entries) == (3, 1)
    assert [bench.status(value) for value in "ABC"] == [None, None, "Accepted"]


@pytest.mark.requirement("D01.FR.16", "D01.FR.17")
def test_a_differential_list_adds_changes_and_removes() -> None:
    bench = Bench()
    bench.send(1, FULL, ("A", ACCEPTED), ("B", ACCEPTED), ("C", ACCEPTED))
    assert bench.sends(2, DIFFERENTIAL, ("b", BLOCKED), ("C", None), ("D", ACCEPTED)) == "Accepted"
    assert [bench.status(value) for value in "ABCD"] == ["Accepted", "Blocked", None, "Accepted"]
    assert (bench.version, bench.entries) == (2, 3)


@pytest.mark.requirement("D01.FR.04", "D01.FR.05")
def test_an_empty_list_empties_or_changes_nothing_but_the_version() -> None:
    bench = Bench()
    bench.send(1, FULL, ("A", ACCEPTED))
    assert bench.sends(2, DIFFERENTIAL) == "Accepted"
    assert (bench.version, bench.entries) == (2, 1)
    assert bench.sends(3, FULL) == "Accepted"
    assert (bench.version, bench.entries) == (3, 0)
    bench.speak(MANNERS_OF_16)  # 1.6, 5.10: version 0 is that of an empty list
    assert bench.version == 0
    assert bench.sends(1, DIFFERENTIAL, ("A", ACCEPTED)) == "Accepted"
    assert bench.version == 1


@pytest.mark.requirement("D02.FR.02", "D02.FR.03", "D01.FR.13")
def test_without_a_list_there_is_no_version() -> None:
    bench = Bench()
    assert bench.version == 0
    bench.send(1, FULL, ("A", ACCEPTED))
    bench.model.set_actual(LocalAuthListCtrlr.Enabled, False)
    assert bench.version is None
    assert bench.status("A") is None
    assert bench.sends(2, FULL) == "NotSupported"
    bench.model.set_actual(LocalAuthListCtrlr.Enabled, True)
    assert (bench.version, bench.status("A")) == (1, "Accepted")


@pytest.mark.requirement("D01.FR.19")
@pytest.mark.parametrize("version", [4, 5])
def test_an_older_difference_does_not_fit(version: int) -> None:
    bench = Bench()
    bench.send(5, FULL, ("A", ACCEPTED))
    assert bench.sends(version, DIFFERENTIAL, ("A", None)) == "VersionMismatch"
    assert (bench.version, bench.status("A")) == (5, "Accepted")


@pytest.mark.requirement("D01.FR.06", "D01.FR.18")
@pytest.mark.parametrize(
    ("version", "kind", "entries", "reason"),
    [
        (0, FULL, [("B", ACCEPTED)], "ValuePositiveOnly"),
        (-1, DIFFERENTIAL, [("B", ACCEPTED)], "ValuePositiveOnly"),
        (9, FULL, [("B", ACCEPTED), ("b", BLOCKED)], "InvalidValue"),
        (9, FULL, [("B", ACCEPTED), ("C", None)], "MissingParam"),
        (9, DIFFERENTIAL, [("B", ACCEPTED), ("", ACCEPTED)], "InvalidIdToken"),
    ],
)
def test_what_is_wrong_changes_nothing(
    version: int, kind: UpdateType, entries: list[Entry], reason: str
) -> None:
    bench = Bench()
    bench.send(5, FULL, ("A", ACCEPTED))
    before = len(bench.world.store.units)
    result = bench.send(version, kind, *entries)
    assert result.status is SendLocalListStatus.FAILED
    assert result.status_info is not None
    assert result.status_info.reason_code == reason
    assert (bench.version, bench.status("A"), bench.status("B")) == (5, "Accepted", None)
    assert len(bench.world.store.units) == before


@pytest.mark.requirement("D01.FR.11")
def test_the_limits_of_one_message() -> None:
    bench = Bench({LocalAuthListCtrlr.ItemsPerMessage: 2})
    two, three = [("A", ACCEPTED), ("B", ACCEPTED)], [(name, ACCEPTED) for name in "ABC"]
    assert bench.send(1, FULL, *three).status is SendLocalListStatus.FAILED
    assert bench.send(1, FULL, *two, size_bytes=65_001).status is SendLocalListStatus.FAILED
    assert bench.version == 0
    assert bench.send(1, FULL, *two, size_bytes=65_000).status is SendLocalListStatus.ACCEPTED


@pytest.mark.requirement("D01.FR.12")
def test_the_limit_of_the_list() -> None:
    bench = Bench({LocalAuthListCtrlr.ItemsPerMessage: 10_001})
    many = [(f"T{number}", ACCEPTED) for number in range(10_000)]
    assert bench.sends(1, FULL, *many) == "Accepted"
    assert bench.sends(2, DIFFERENTIAL, ("X", ACCEPTED)) == "Failed"
    assert (bench.version, bench.entries, bench.status("X")) == (1, 10_000, None)
    assert bench.sends(2, DIFFERENTIAL, ("X", ACCEPTED), ("T0", None)) == "Accepted"


def test_the_room_for_texts() -> None:
    bench = Bench({LocalAuthListCtrlr.ItemsPerMessage: 10_000})
    text = MessageContent("x" * 512)
    info = IdTokenInfo(AuthorizationStatus.ACCEPTED, personal_messages=(text,))
    many = [(f"T{number}", info) for number in range(6_000)]
    assert bench.sends(1, FULL, *many) == "Failed"
    assert bench.entries == 0
    assert bench.sends(1, FULL, *many[:5_000]) == "Accepted"


@pytest.mark.requirement("D01.FR.10")
def test_the_list_survives_a_power_cut_whole_or_not_at_all() -> None:
    bench = Bench()
    bench.send(1, FULL, ("A", ACCEPTED), ("B", ACCEPTED))
    before = len(bench.world.store.units)
    bench.send(2, FULL, ("B", BLOCKED), ("C", ACCEPTED))
    assert len(bench.world.store.units) == before + 1
    after = bench.again()
    assert (after.version, after.entries) == (2, 2)
    assert [after.status(value) for value in "ABC"] == [None, "Blocked", "Accepted"]


def test_tokens_have_a_type_in_2_x_and_none_in_1_6() -> None:
    bench = Bench()
    bench.send(1, FULL, ("A", ACCEPTED))
    assert bench.status("a", IdTokenType.ISO15693) is None
    bench.speak(MANNERS_OF_16)
    assert bench.status("A", IdTokenType.CENTRAL) == "Accepted"
    assert bench.sends(2, DIFFERENTIAL, ("A", BLOCKED)) == "Accepted"
    assert bench.entries == 1
    bench.speak(Manners())
    assert bench.status("A", IdTokenType.ISO15693) == "Blocked"  # the list knows no types
    assert bench.sends(3, DIFFERENTIAL, ("A", None)) == "Accepted"
    assert bench.entries == 0


# What block C makes of it


@pytest.mark.requirement("C14.FR.01", "C14.FR.02", "C13.FR.01")
async def test_the_list_goes_before_the_cache() -> None:
    bench = Bench()
    bench.authorization.cache.learn(token("A"), BLOCKED)
    bench.authorization.cache.learn(token("B"), ACCEPTED)
    bench.send(1, FULL, ("A", ACCEPTED), ("B", BLOCKED))
    assert await bench.validate("a") == "Accepted"
    assert not bench.world.csms.sent
    bench.world.csms.connected = False
    assert await bench.validate("A") == "Accepted"
    assert await bench.validate("B") == "Blocked"


@pytest.mark.requirement("C14.FR.03", "D01.FR.09")
async def test_who_is_not_accepted_by_the_list_is_asked_about() -> None:
    bench = Bench()
    bench.send(1, FULL, ("A", BLOCKED))
    bench.world.csms.replies[Authorize] = lambda _: AuthorizeResponse(ACCEPTED)
    assert await bench.validate("A") == "Accepted"
    assert bench.status("A") == "Blocked"
    assert len(bench.authorization.cache) == 0
    assert bench.world.csms.of(LocalListConflict) == [LocalListConflict(START)]
    bench.model.set_actual(LocalAuthListCtrlr.DisablePostAuthorize, True)
    assert await bench.validate("A") == "Blocked"


async def test_no_conflict_where_the_csms_agrees() -> None:
    bench = Bench(manners=MANNERS_OF_16)
    bench.send(1, FULL, ("A", ACCEPTED))
    for status in (AuthorizationStatus.ACCEPTED, AuthorizationStatus.CONCURRENT_TX):
        bench.authorization.learn(token("A"), IdTokenInfo(status))
    assert not bench.world.csms.sent
    bench.authorization.learn(token("A"), BLOCKED)
    assert bench.world.csms.sent == [LocalListConflict(START)]


@pytest.mark.requirement("C13.FR.05", "C13.FR.06", "C14.FR.04", "C14.FR.05")
@pytest.mark.parametrize("unknown_may", [False, True])
async def test_an_entry_has_its_time(unknown_may: bool) -> None:
    bench = Bench({AuthCtrlr.OfflineTxForUnknownIdEnabled: unknown_may})
    until = IdTokenInfo(AuthorizationStatus.ACCEPTED, cache_expiry=START + timedelta(hours=1))
    bench.send(1, FULL, ("A", until))
    assert await bench.validate("A") == "Accepted"
    bench.world.clock.advance(3600)
    bench.world.csms.replies[Authorize] = lambda _: AuthorizeResponse(BLOCKED)
    assert await bench.validate("A") == "Blocked"
    bench.world.csms.connected = False
    assert await bench.validate("A") == "Expired"
    bench.model.set_actual(LocalAuthListCtrlr.SupportsExpiryDateTime, False)
    assert await bench.validate("A") == "Accepted"  # C13.FR.02, FR.04
