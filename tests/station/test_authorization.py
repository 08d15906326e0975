import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from ocppd.csms.v16.spelling import MANNERS as MANNERS_OF_16
from ocppd.device_model.names import (
    AuthCacheCtrlr,
    AuthCtrlr,
    ISO15118Ctrlr,
    LocalAuthListCtrlr,
    TxCtrlr,
)
from ocppd.device_model.values import Value
from ocppd.errors import CsmsError, NoAnswer, NotSpoken, Offline, Refused
from ocppd.model.tokens import (
    AuthorizationStatus,
    AuthorizationType,
    Authorize,
    AuthorizeResponse,
    CertificateHashData,
    CertificateStatus,
    IdToken,
    IdTokenInfo,
    IdTokenType,
    MessageContent,
    ProvidedIdToken,
    ValidationResult,
)
from ocppd.model.variables import ComponentVariable
from ocppd.station.authorization import Authorization
from ocppd.station.evse import Evses
from tests.fakes import START, World
from tests.station.models import TOPOLOGY, shipped_device_model

TOKEN = IdToken("04A224B2", IdTokenType.ISO14443)
GROUP = IdToken("FLEET", IdTokenType.CENTRAL)
ACCEPTED = IdTokenInfo(AuthorizationStatus.ACCEPTED)
BLOCKED = IdTokenInfo(AuthorizationStatus.BLOCKED)
EXPIRED = IdTokenInfo(AuthorizationStatus.EXPIRED)
Values = dict[ComponentVariable, Value]


class List:
    """A local list as the tests write it."""

    def __init__(self) -> None:
        self.entries: dict[str, IdTokenInfo] = {}

    def lookup(self, id_token: IdToken) -> IdTokenInfo | None:
        return self.entries.get(id_token.value)


class Bench:
    def __init__(self, values: Values | None = None, *, version_16: bool = False) -> None:
        self.world = World()
        if version_16:
            self.world.csms.manners = MANNERS_OF_16
        self.list = List()
        self.model = shipped_device_model(self.world.store, values)
        self.evses = Evses(TOPOLOGY)
        self.authorization = Authorization(self.world.outside, self.model, self.evses, self.list)
        self.authorization.start()

    def csms_says(self, info: IdTokenInfo, **more: object) -> None:
        response = AuthorizeResponse(info, **more)  # type: ignore[arg-type]
        self.world.csms.replies[Authorize] = lambda _: response

    def csms_fails(self, error: CsmsError, *, disconnects: bool = False) -> None:
        def fail(_: object) -> None:
            self.world.csms.connected = not disconnects
            raise error

        self.world.csms.replies[Authorize] = fail

    @property
    def asked(self) -> list[Authorize]:
        return self.world.csms.of(Authorize)

    async def validate(self, token: IdToken = TOKEN, **more: object) -> ValidationResult:
        kind = more.pop("authorization_type", AuthorizationType.RFID)
        return await self.authorization.validate_token(ProvidedIdToken(token, kind, **more))  # type: ignore[arg-type]

    async def status(self, token: IdToken = TOKEN, **more: object) -> str:
        return (await self.validate(token, **more)).authorization_status.value


# Online


@pytest.mark.requirement("C01.FR.02", "C10.FR.04")
async def test_an_unknown_token_is_asked_about_once() -> None:
    bench = Bench()
    bench.csms_says(ACCEPTED)
    assert await bench.status() == "Accepted"
    assert bench.asked == [Authorize(TOKEN)]
    assert await bench.status() == "Accepted"
    assert len(bench.asked) == 1


@pytest.mark.parametrize("status", list(AuthorizationStatus))
async def test_the_host_is_told_the_status_of_the_csms(status: AuthorizationStatus) -> None:
    bench = Bench()
    bench.csms_says(IdTokenInfo(status))
    assert await bench.status() == status.value


async def test_without_local_pre_authorize_each_token_is_asked_about() -> None:
    bench = Bench({AuthCtrlr.LocalPreAuthorize: False})
    bench.list.entries[TOKEN.value] = ACCEPTED
    bench.csms_says(ACCEPTED)
    await bench.status()
    await bench.status()
    assert len(bench.asked) == 2


@pytest.mark.requirement("C10.FR.03", "C12.FR.05")
async def test_a_cached_refusal_is_asked_about_again() -> None:
    bench = Bench()
    bench.authorization.learn(TOKEN, BLOCKED)
    bench.csms_says(ACCEPTED)
    assert await bench.status() == "Accepted"
    assert len(bench.asked) == 1


@pytest.mark.requirement("C10.FR.03")
async def test_a_cached_refusal_is_final_with_disable_post_authorize() -> None:
    bench = Bench({AuthCacheCtrlr.DisablePostAuthorize: True})
    bench.authorization.learn(TOKEN, BLOCKED)
    assert await bench.status() == "Blocked"
    assert not bench.asked


async def test_what_only_expired_here_is_asked_about_even_so() -> None:
    bench = Bench({AuthCacheCtrlr.DisablePostAuthorize: True})
    bench.authorization.learn(TOKEN, replace(ACCEPTED, cache_expiry=START + timedelta(hours=1)))
    bench.world.clock.advance(3600)
    bench.csms_says(ACCEPTED)
    assert await bench.status() == "Accepted"
    assert len(bench.asked) == 1


@pytest.mark.requirement("C10.FR.11")
async def test_a_disabled_cache_is_neither_asked_nor_told() -> None:
    bench = Bench({AuthCacheCtrlr.Enabled: False})
    bench.csms_says(ACCEPTED)
    await bench.status()
    await bench.status()
    assert len(bench.asked) == 2
    assert len(bench.authorization.cache) == 0


@pytest.mark.requirement("C13.FR.01", "C14.FR.01", "C14.FR.02")
async def test_the_local_list_outranks_the_cache() -> None:
    bench = Bench()
    bench.authorization.learn(TOKEN, BLOCKED)
    bench.list.entries[TOKEN.value] = replace(ACCEPTED, group_id_token=GROUP)
    result = await bench.validate()
    assert (result.authorization_status, result.parent_id_token) == (
        AuthorizationStatus.ACCEPTED,
        GROUP,
    )
    assert not bench.asked


@pytest.mark.requirement("C14.FR.03")
async def test_a_refusal_in_the_local_list_is_asked_about_though_the_cache_accepts() -> None:
    bench = Bench()
    bench.authorization.learn(TOKEN, ACCEPTED)
    bench.list.entries[TOKEN.value] = BLOCKED
    bench.csms_says(IdTokenInfo(AuthorizationStatus.NO_CREDIT))
    assert await bench.status() == "NoCredit"


async def test_a_refusal_in_the_local_list_is_final_with_disable_post_authorize() -> None:
    bench = Bench({LocalAuthListCtrlr.DisablePostAuthorize: True})
    bench.list.entries[TOKEN.value] = BLOCKED
    assert await bench.status() == "Blocked"
    assert not bench.asked


@pytest.mark.requirement("C14.FR.04", "C14.FR.05")
async def test_the_date_in_the_local_list_counts_where_the_list_supports_it() -> None:
    bench = Bench()
    bench.list.entries[TOKEN.value] = replace(ACCEPTED, cache_expiry=START + timedelta(hours=1))
    assert await bench.status() == "Accepted"
    assert not bench.asked
    bench.world.clock.advance(3600)
    bench.csms_says(BLOCKED)
    assert await bench.status() == "Blocked"
    assert len(bench.asked) == 1
    bench.model.set_actual(LocalAuthListCtrlr.SupportsExpiryDateTime, False)
    assert await bench.status() == "Accepted"
    assert len(bench.asked) == 1


async def test_what_is_in_the_local_list_is_not_cached() -> None:
    bench = Bench({AuthCtrlr.LocalPreAuthorize: False})
    bench.list.entries[TOKEN.value] = ACCEPTED
    bench.csms_says(BLOCKED)
    await bench.status()
    assert len(bench.authorization.cache) == 0


async def test_a_disabled_local_list_is_not_looked_at() -> None:
    bench = Bench({LocalAuthListCtrlr.Enabled: False})
    bench.list.entries[TOKEN.value] = ACCEPTED
    bench.csms_says(BLOCKED)
    assert await bench.status() == "Blocked"


@pytest.mark.parametrize(
    ("known", "expected"), [(None, "Unknown"), (BLOCKED, "Blocked"), (ACCEPTED, "Accepted")]
)
@pytest.mark.parametrize("pre_authorize", [True, False])
async def test_nothing_is_asked_with_disable_remote_authorization(
    known: IdTokenInfo | None, expected: str, pre_authorize: bool
) -> None:
    bench = Bench(
        {AuthCtrlr.DisableRemoteAuthorization: True, AuthCtrlr.LocalPreAuthorize: pre_authorize}
    )
    if known is not None:
        bench.authorization.learn(TOKEN, known)
    assert await bench.status() == expected
    assert not bench.asked


# What is no answer


@pytest.mark.parametrize(
    "error", [NoAnswer("late"), Refused("InternalError"), NotSpoken("too long")]
)
async def test_a_failed_authorize_is_unknown_and_spoils_no_entry(error: CsmsError) -> None:
    bench = Bench({AuthCtrlr.LocalPreAuthorize: False})
    bench.authorization.learn(TOKEN, ACCEPTED)
    bench.csms_fails(error)
    assert await bench.status() == "Unknown"
    assert bench.authorization.cache.lookup(TOKEN) == ACCEPTED
    bench.world.csms.connected = False
    assert await bench.status() == "Accepted"


@pytest.mark.parametrize(
    ("error", "disconnects"), [(Offline("not accepted yet"), False), (NoAnswer("closed"), True)]
)
async def test_a_connection_that_fails_meanwhile_counts_as_offline(
    error: CsmsError, disconnects: bool
) -> None:
    bench = Bench({AuthCtrlr.LocalPreAuthorize: False})
    bench.authorization.learn(TOKEN, ACCEPTED)
    bench.csms_fails(error, disconnects=disconnects)
    assert await bench.status() == "Accepted"


async def test_several_tokens_are_asked_about_side_by_side() -> None:
    bench = Bench()
    answered: list[str] = []

    def answer(request: Authorize) -> AuthorizeResponse:
        answered.append(request.id_token.value)
        return AuthorizeResponse(ACCEPTED)

    bench.world.csms.replies[Authorize] = answer
    other = IdToken("B", IdTokenType.ISO14443)
    await asyncio.gather(bench.status(), bench.status(other))
    assert bench.asked == [Authorize(TOKEN), Authorize(other)]
    assert answered == [TOKEN.value, "B"]


# Offline


@pytest.mark.parametrize(
    ("known", "authorize_offline", "unknown_enabled", "expected"),
    [
        (ACCEPTED, True, False, "Accepted"),
        (ACCEPTED, True, True, "Accepted"),
        (ACCEPTED, False, False, "Unknown"),
        (ACCEPTED, False, True, "Accepted"),
        (BLOCKED, True, True, "Blocked"),
        (BLOCKED, False, True, "Blocked"),
        (EXPIRED, True, False, "Expired"),
        (None, True, True, "Accepted"),
        (None, True, False, "Unknown"),
        (None, False, False, "Unknown"),
    ],
)
@pytest.mark.parametrize("source", ["list", "cache"])
@pytest.mark.requirement("C13.FR.02", "C13.FR.04", "C13.FR.05", "C13.FR.06", "C15.FR.08")
async def test_who_may_charge_offline(
    known: IdTokenInfo | None,
    authorize_offline: bool,
    unknown_enabled: bool,
    expected: str,
    source: str,
) -> None:
    bench = Bench(
        {
            AuthCtrlr.LocalAuthorizeOffline: authorize_offline,
            AuthCtrlr.OfflineTxForUnknownIdEnabled: unknown_enabled,
        }
    )
    if known is not None and source == "cache":
        bench.authorization.learn(TOKEN, known)
    elif known is not None:
        bench.list.entries[TOKEN.value] = known
    bench.world.csms.connected = False
    assert await bench.status() == expected


@pytest.mark.requirement("C15.FR.01")
async def test_an_unknown_token_that_is_accepted_offline_is_not_cached() -> None:
    bench = Bench()
    bench.world.csms.connected = False
    assert await bench.status() == "Accepted"
    assert len(bench.authorization.cache) == 0


async def test_a_token_that_expired_in_the_cache_is_no_unknown_one_offline() -> None:
    bench = Bench()
    bench.authorization.learn(TOKEN, replace(ACCEPTED, cache_expiry=START + timedelta(hours=1)))
    bench.world.clock.advance(3600)
    bench.world.csms.connected = False
    assert await bench.status() == "Expired"


async def test_a_csms_of_1_6_has_no_word_for_unknown() -> None:
    bench = Bench({AuthCtrlr.OfflineTxForUnknownIdEnabled: False}, version_16=True)
    bench.world.csms.connected = False
    assert await bench.status() == "Invalid"


# What needs no asking


async def test_without_authorization_every_token_may_charge() -> None:
    bench = Bench({AuthCtrlr.Enabled: False})
    assert await bench.status() == "Accepted"
    assert not bench.asked


async def test_a_prevalidated_token_is_not_asked_about() -> None:
    bench = Bench()
    result = await bench.validate(prevalidated=True, parent_id_token=GROUP)
    assert result == ValidationResult(AuthorizationStatus.ACCEPTED, parent_id_token=GROUP)
    assert not bench.asked


@pytest.mark.requirement("C02.FR.01", "C03.FR.01", "C05.FR.01")
@pytest.mark.parametrize("token_type", [IdTokenType.CENTRAL, IdTokenType.NO_AUTHORIZATION])
async def test_tokens_of_the_csms_and_of_nobody_are_not_asked_about(
    token_type: IdTokenType,
) -> None:
    bench = Bench()
    assert await bench.status(IdToken("X", token_type)) == "Accepted"
    assert not bench.asked


async def test_a_csms_without_token_types_is_asked_about_its_own_tokens() -> None:
    bench = Bench(version_16=True)
    bench.csms_says(BLOCKED)
    token = IdToken("X", IdTokenType.CENTRAL)
    assert await bench.status(token, prevalidated=False) == "Blocked"
    assert await bench.status(IdToken("", IdTokenType.NO_AUTHORIZATION)) == "Accepted"


# What the host is told


@pytest.mark.requirement("C09.FR.02", "C01.FR.08", "C01.FR.09")
async def test_all_that_the_csms_says_reaches_the_host() -> None:
    bench = Bench()
    german = MessageContent("Hallo", language="de")
    english = MessageContent("Hello", language="en-US")
    dutch = MessageContent("Hoi", language="nl")
    bench.csms_says(
        IdTokenInfo(
            AuthorizationStatus.ACCEPTED,
            cache_expiry=START + timedelta(days=1),
            group_id_token=GROUP,
            evse_ids=(1, 2),
            language1="nl-NL",
            language2="en",
            personal_messages=(german, english, dutch),
        ),
        tariff_messages=(MessageContent("0.30"),),
        allowed_energy_transfer=("AC_three_phase", "DC", "AC_DER"),
    )
    assert await bench.validate() == ValidationResult(
        AuthorizationStatus.ACCEPTED,
        tariff_messages=(dutch, english, german, MessageContent("0.30")),
        expiry_time=START + timedelta(days=1),
        parent_id_token=GROUP,
        evse_ids=(1, 2),
        allowed_energy_transfer_modes=("AC_three_phase_core", "DC", "AC_DER_IEC", "AC_DER_SAE"),
    )


@pytest.mark.requirement("C01.FR.21")
@pytest.mark.parametrize(
    ("presented_at", "expected"),
    [((), "Accepted"), ((2,), "Accepted"), ((1, 2), "Accepted"), ((1,), "NotAtThisLocation")],
)
async def test_a_token_counts_at_the_evses_that_the_csms_names(
    presented_at: tuple[int, ...], expected: str
) -> None:
    bench = Bench()
    bench.csms_says(replace(ACCEPTED, evse_ids=(2,)))
    assert await bench.status(evse_ids=presented_at) == expected
    assert await bench.status(evse_ids=presented_at) == expected


# Contract certificates


HASHES = (CertificateHashData("SHA256", "a", "b", "1", "http://ocsp"),)


async def test_hash_data_of_a_contract_go_to_the_csms() -> None:
    bench = Bench()
    bench.csms_says(ACCEPTED, certificate_status=CertificateStatus.ACCEPTED)
    result = await bench.validate(certificate="PEM", certificate_hash_data=HASHES)
    assert bench.asked == [Authorize(TOKEN, None, HASHES)]
    assert result.authorization_status is AuthorizationStatus.ACCEPTED
    assert result.certificate_status is CertificateStatus.ACCEPTED


async def test_a_bad_certificate_outweighs_an_accepted_token() -> None:
    bench = Bench()
    bench.csms_says(ACCEPTED, certificate_status=CertificateStatus.CERTIFICATE_REVOKED)
    result = await bench.validate(certificate_hash_data=HASHES)
    assert result.authorization_status is AuthorizationStatus.INVALID
    assert result.certificate_status is CertificateStatus.CERTIFICATE_REVOKED
    assert len(bench.authorization.cache) == 0


@pytest.mark.parametrize(
    ("central", "connected", "expected"),
    [(True, True, "Accepted"), (False, True, "Invalid"), (True, False, "NotAtThisTime")],
)
async def test_a_chain_alone_goes_to_the_csms_if_that_is_allowed(
    central: bool, connected: bool, expected: str
) -> None:
    bench = Bench({ISO15118Ctrlr.CentralContractValidationAllowed: central})
    bench.csms_says(ACCEPTED)
    bench.world.csms.connected = connected
    assert await bench.status(certificate="PEM") == expected
    assert bench.asked == ([Authorize(TOKEN, "PEM")] if expected == "Accepted" else [])


@pytest.mark.parametrize(
    ("error", "expected"),
    [(NotSpoken("not in 1.6"), "Invalid"), (Offline("gone"), "NotAtThisTime")],
)
async def test_a_contract_that_nobody_validates_is_not_accepted(
    error: CsmsError, expected: str
) -> None:
    bench = Bench()
    bench.csms_fails(error)
    assert await bench.status(certificate_hash_data=HASHES) == expected


# ClearCache


@pytest.mark.requirement("C11.FR.01", "C11.FR.03", "C11.FR.04")
@pytest.mark.parametrize(("enabled", "expected"), [(True, "Accepted"), (False, "Rejected")])
async def test_clear_cache(enabled: bool, expected: str) -> None:
    bench = Bench({AuthCacheCtrlr.Enabled: enabled})
    assert bench.authorization.clear_cache().result.status == expected


# What the host's authorization has to know


def _timeouts(bench: Bench) -> list[tuple[object, ...]]:
    return bench.world.agents.of("set_connection_timeout")


async def _settled(bench: Bench, change: Callable[[], None]) -> None:
    change()
    await bench.world.tasks.settle()


async def test_the_agent_is_told_timeout_and_master_pass_at_start_and_on_change() -> None:
    bench = Bench({TxCtrlr.EVConnectionTimeOut: 45, AuthCtrlr.MasterPassGroupId: "POLICE"})
    await bench.world.tasks.settle()
    assert _timeouts(bench) == [(45,)]
    assert bench.world.agents.of("set_master_pass_group_id") == [("POLICE",)]
    await _settled(bench, lambda: bench.model.set_actual(TxCtrlr.EVConnectionTimeOut, 60))
    await _settled(bench, lambda: bench.model.set_actual(AuthCtrlr.MasterPassGroupId, "FIRE"))
    assert _timeouts(bench) == [(45,), (60,)]
    assert bench.world.agents.of("set_master_pass_group_id") == [("POLICE",), ("FIRE",)]


async def test_an_agent_that_registers_later_is_told_then() -> None:
    world = World()
    world.agents.interfaces.discard("Auth")
    model = shipped_device_model(world.store)
    authorization = Authorization(world.outside, model, Evses(TOPOLOGY))
    authorization.start()
    await world.tasks.settle()
    assert world.agents.calls == []
    world.agents.interfaces.add("Auth")
    authorization.on_agent_registered("System")
    await world.tasks.settle()
    assert world.agents.calls == []
    authorization.on_agent_registered("Auth")
    await world.tasks.settle()
    assert world.agents.calls == [
        ("set_connection_timeout", 120),
        ("set_master_pass_group_id", ""),
    ]


async def test_an_agent_that_refuses_harms_nobody() -> None:
    bench = Bench()
    bench.world.agents.interfaces.discard("Auth")  # it goes while the call is under way
    await bench.world.tasks.settle()
    bench.csms_says(ACCEPTED)
    assert await bench.status() == "Accepted"
