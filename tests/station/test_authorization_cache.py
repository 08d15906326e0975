from dataclasses import replace
from datetime import timedelta

import pytest

from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import AuthCacheCtrlr
from ocppd.device_model.values import Value
from ocppd.model.tokens import (
    AuthorizationStatus,
    IdToken,
    IdTokenInfo,
    IdTokenType,
    MessageContent,
)
from ocppd.model.variables import ComponentVariable
from ocppd.station.authorization_cache import ENTRY_BYTES, AuthorizationCache, CachedToken
from tests.fakes import START, World
from tests.station.models import shipped_device_model

ACCEPTED = IdTokenInfo(AuthorizationStatus.ACCEPTED)
BLOCKED = IdTokenInfo(AuthorizationStatus.BLOCKED)


def card(value: str) -> IdToken:
    return IdToken(value, IdTokenType.ISO14443)


class Bench:
    def __init__(self, values: dict[ComponentVariable, Value] | None = None) -> None:
        self.world = World()
        self.values = values or {}
        self.model = self._model()
        self.cache = self._cache()

    def _model(self) -> DeviceModel:
        return shipped_device_model(self.world.store, self.values)

    def _cache(self) -> AuthorizationCache:
        cache = AuthorizationCache(self.world.clock, self.world.store, self.model)
        cache.start()
        return cache

    def power_cut(self) -> None:
        self.world = World(clock=self.world.clock, store=self.world.store.reopened())
        self.model = self._model()
        self.cache = self._cache()

    def status(self, value: str) -> AuthorizationStatus | None:
        info = self.cache.lookup(card(value))
        return info.status if info is not None else None

    def room_for(self, entries: int) -> None:
        self.model.describe(AuthCacheCtrlr.Storage, max_limit=float(entries * ENTRY_BYTES))


@pytest.mark.requirement("C10.FR.01", "C10.FR.02")
def test_what_was_learnt_survives_a_power_cut_whatever_its_status() -> None:
    bench = Bench()
    bench.cache.learn(card("A"), ACCEPTED)
    bench.cache.learn(card("B"), BLOCKED)
    bench.power_cut()
    assert bench.status("A") is AuthorizationStatus.ACCEPTED
    assert bench.status("B") is AuthorizationStatus.BLOCKED
    assert bench.status("C") is None


@pytest.mark.requirement("C10.FR.12")
def test_tokens_are_not_stored_in_the_clear() -> None:
    bench = Bench()
    bench.cache.learn(card("04A224B2"), ACCEPTED)
    [(key, document)] = bench.world.store.documents[CachedToken].items()
    assert "04a224b2" not in f"{key}{document}".lower()
    assert len(key) == 64


def test_case_does_not_matter_and_the_type_does() -> None:
    bench = Bench()
    bench.cache.learn(card("abcd"), ACCEPTED)
    assert bench.status("ABCD") is AuthorizationStatus.ACCEPTED
    assert bench.cache.lookup(IdToken("abcd", IdTokenType.KEY_CODE)) is None


@pytest.mark.requirement("C12.FR.06", "C10.FR.05")
def test_the_newest_answer_counts() -> None:
    bench = Bench()
    bench.cache.learn(card("A"), ACCEPTED)
    bench.cache.learn(card("A"), BLOCKED)
    assert bench.status("A") is AuthorizationStatus.BLOCKED
    bench.power_cut()
    assert bench.status("A") is AuthorizationStatus.BLOCKED


@pytest.mark.requirement("C02.FR.03", "C03.FR.02", "C05.FR.02")
@pytest.mark.parametrize("token_type", [IdTokenType.CENTRAL, IdTokenType.NO_AUTHORIZATION])
def test_tokens_of_the_csms_and_of_nobody_are_not_kept(token_type: IdTokenType) -> None:
    bench = Bench()
    bench.cache.learn(IdToken("A", token_type), ACCEPTED)
    assert len(bench.cache) == 0


@pytest.mark.requirement("C10.FR.09")
def test_texts_for_the_driver_are_not_kept() -> None:
    bench = Bench()
    info = replace(ACCEPTED, language1="nl", personal_messages=(MessageContent("0.30/kWh"),))
    bench.cache.learn(card("A"), info)
    assert bench.cache.lookup(card("A")) == replace(info, personal_messages=())
    assert "0.30" not in str(bench.world.store.documents[CachedToken])


@pytest.mark.requirement("C10.FR.08")
def test_the_lifetime_begins_anew_with_each_use() -> None:
    bench = Bench({AuthCacheCtrlr.LifeTime: 100})
    bench.cache.learn(card("A"), ACCEPTED)
    bench.cache.learn(card("B"), ACCEPTED)
    bench.world.clock.advance(90)
    bench.cache.use(card("A"))
    bench.world.clock.advance(20)
    assert bench.status("A") is AuthorizationStatus.ACCEPTED
    assert bench.status("B") is None
    bench.power_cut()
    bench.world.clock.advance(75)
    assert bench.status("A") is AuthorizationStatus.ACCEPTED
    bench.world.clock.advance(10)
    assert len(bench.cache) == 0


@pytest.mark.requirement("C10.FR.10")
def test_entries_leave_the_store_when_their_lifetime_is_over_though_nobody_asks() -> None:
    bench = Bench({AuthCacheCtrlr.LifeTime: 60})
    bench.cache.learn(card("A"), ACCEPTED)
    bench.world.clock.advance(30)
    bench.cache.learn(card("B"), ACCEPTED)
    bench.world.clock.advance(30)
    assert len(bench.world.store.documents[CachedToken]) == 1
    bench.world.clock.advance(30)
    assert len(bench.world.store.documents[CachedToken]) == 0
    assert bench.world.clock.timers == 0


def test_a_shorter_lifetime_counts_at_once() -> None:
    bench = Bench()
    bench.cache.learn(card("A"), ACCEPTED)
    bench.world.clock.advance(1000)
    assert bench.status("A") is AuthorizationStatus.ACCEPTED
    bench.model.set_actual(AuthCacheCtrlr.LifeTime, 999)
    assert len(bench.cache) == 0


@pytest.mark.requirement("C10.FR.13")
def test_what_was_accepted_until_a_date_is_expired_after_it() -> None:
    bench = Bench({AuthCacheCtrlr.LifeTime: 60})
    until = replace(ACCEPTED, cache_expiry=START + timedelta(hours=1))
    bench.cache.learn(card("A"), until)
    bench.world.clock.advance(3599)
    assert bench.status("A") is AuthorizationStatus.ACCEPTED
    bench.world.clock.advance(1)
    assert bench.status("A") is AuthorizationStatus.EXPIRED
    bench.power_cut()
    assert bench.status("A") is AuthorizationStatus.EXPIRED
    bench.world.clock.advance(60)
    assert len(bench.cache) == 0


def test_a_clock_that_was_set_counts_at_the_next_look() -> None:
    bench = Bench()
    bench.cache.learn(card("A"), replace(ACCEPTED, cache_expiry=START + timedelta(hours=1)))
    bench.world.clock.adjust(timedelta(hours=2))
    assert bench.status("A") is AuthorizationStatus.EXPIRED


@pytest.mark.requirement("C10.FR.10")
def test_a_date_in_the_past_takes_a_token_out() -> None:
    bench = Bench()
    bench.cache.learn(card("A"), ACCEPTED)
    bench.cache.learn(card("A"), replace(ACCEPTED, cache_expiry=START - timedelta(seconds=1)))
    assert bench.status("A") is None
    assert not bench.world.store.documents[CachedToken]


@pytest.mark.requirement("C11.FR.03", "C11.FR.04", "C10.FR.11")
def test_a_cache_that_is_disabled_knows_nothing_and_is_not_cleared() -> None:
    bench = Bench()
    bench.cache.learn(card("A"), ACCEPTED)
    bench.model.set_actual(AuthCacheCtrlr.Enabled, False)
    assert bench.status("A") is None
    assert bench.cache.clear() is False
    bench.cache.learn(card("B"), ACCEPTED)
    bench.model.set_actual(AuthCacheCtrlr.Enabled, True)
    assert (bench.status("A"), bench.status("B")) == (AuthorizationStatus.ACCEPTED, None)
    assert bench.cache.clear() is True
    assert bench.status("A") is None
    bench.power_cut()
    assert len(bench.cache) == 0


@pytest.mark.requirement("C10.FR.07")
def test_a_full_cache_forgets_what_was_not_accepted_first() -> None:
    bench = Bench()
    bench.room_for(3)
    for value, info in (("A", ACCEPTED), ("B", BLOCKED), ("C", ACCEPTED), ("D", BLOCKED)):
        bench.cache.learn(card(value), info)
        bench.world.clock.advance(1)
    assert [bench.status(value) for value in "ABCD"] == [
        AuthorizationStatus.ACCEPTED,
        None,
        AuthorizationStatus.ACCEPTED,
        AuthorizationStatus.BLOCKED,
    ]
    assert bench.model.integer(AuthCacheCtrlr.Storage) == 3 * ENTRY_BYTES


@pytest.mark.parametrize(("policy", "forgotten"), [("LRU", "B"), ("LFU", "C"), ("FIFO", "A")])
@pytest.mark.requirement("C10.FR.07")
def test_the_policy_says_which_accepted_token_is_forgotten(policy: str, forgotten: str) -> None:
    bench = Bench({AuthCacheCtrlr.Policy: policy})
    bench.room_for(3)
    for value in "ABC":
        bench.cache.learn(card(value), ACCEPTED)
        bench.world.clock.advance(1)
    for value in "BBCA":  # A is the oldest, B the longest unused, C of the last two the less used
        bench.cache.use(card(value))
        bench.world.clock.advance(1)
    bench.cache.use(card("A"))
    bench.cache.learn(card("D"), ACCEPTED)
    assert [value for value in "ABCD" if bench.status(value) is None] == [forgotten]
    bench.power_cut()
    assert [value for value in "ABCD" if bench.status(value) is None] == [forgotten]


def test_a_learnt_answer_and_what_it_displaces_are_one_unit() -> None:
    bench = Bench()
    bench.room_for(1)
    bench.cache.learn(card("A"), ACCEPTED)
    bench.world.store.units.clear()
    bench.cache.learn(card("B"), ACCEPTED)
    [unit] = bench.world.store.units
    assert [step.split()[0] for step in unit] == ["save", "forget"]
