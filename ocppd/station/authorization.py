"""Block C, Authorization: who may charge? (C01 to C06, C09 to C15).

The host asks with each token that is presented; the answer comes from the local authorization
list, the cache or the CSMS. Who may stop whose transaction is decided by the host, which is told
the group of each token (C09), the master pass group and the connection timeout.

Left out: contract certificates are not verified here (C07); the CSMS does it where it may.
"""

import logging
from collections.abc import Iterable
from typing import Protocol

from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import (
    AuthCacheCtrlr,
    AuthCtrlr,
    ISO15118Ctrlr,
    LocalAuthListCtrlr,
    TxCtrlr,
)
from ocppd.errors import AgentRefused, CsmsError, Offline
from ocppd.model.local_auth_list import LocalListConflict
from ocppd.model.remote_control import StatusResult
from ocppd.model.tokens import (
    AuthorizationStatus,
    Authorize,
    AuthorizeResponse,
    CertificateStatus,
    IdToken,
    IdTokenInfo,
    IdTokenType,
    MessageContent,
    ProvidedIdToken,
    ValidationResult,
)
from ocppd.model.variables import StatusInfo
from ocppd.station.answer import Answer
from ocppd.station.authorization_cache import AuthorizationCache
from ocppd.station.evse import Evses
from ocppd.station.ports import Outside

_LOG = logging.getLogger(__name__)

AGENT = "Auth"
DEFAULT_CONNECTION_TIMEOUT_S = 120

_ACCEPTED = AuthorizationStatus.ACCEPTED
_UNKNOWN = AuthorizationStatus.UNKNOWN
# A token in use elsewhere is a valid one all the same (1.6, 3.5.2).
_VALID = {AuthorizationStatus.CONCURRENT_TX: _ACCEPTED}

# EnergyTransferModeEnumType in EVerest's words, where they differ.
_ENERGY_TRANSFER_MODES = {
    "AC_single_phase": ("AC_single_phase_core",),
    "AC_three_phase": ("AC_three_phase_core",),
    "AC_DER": ("AC_DER_IEC", "AC_DER_SAE"),
}


class LocalList(Protocol):
    """The local authorization list (block D)."""

    def lookup(self, id_token: IdToken) -> IdTokenInfo | None:
        """Return the entry of a token, whatever its expiry date, or None."""


class Restricts(Protocol):
    """The reservations (block H), as they concern who may charge."""

    def restrict(self, provided: ProvidedIdToken, result: ValidationResult) -> ValidationResult:
        """Bar a token from what is reserved for others."""


class NoLocalList:
    """The list of a station that has none."""

    def lookup(self, id_token: IdToken) -> IdTokenInfo | None:
        """Return None."""
        return None


class Authorization:
    """Validates tokens for the host, and remembers what the CSMS says of them."""

    def __init__(
        self,
        outside: Outside,
        device_model: DeviceModel,
        evses: Evses,
        local_list: LocalList | None = None,
        reservations: Restricts | None = None,
    ) -> None:
        self._clock = outside.clock
        self._csms = outside.csms
        self._agents = outside.agents
        self._tasks = outside.tasks
        self._device_model = device_model
        self._evses = evses
        self._reservations = reservations
        self._local_list = local_list if local_list is not None else NoLocalList()
        self.cache = AuthorizationCache(outside.clock, outside.store, device_model)

    def start(self) -> None:
        """Load the cache, and tell the host what its authorization has to know, now and later."""
        self.cache.start()
        self._device_model.observe(TxCtrlr.EVConnectionTimeOut, lambda *_: self._push_timeout())
        self._device_model.observe(AuthCtrlr.MasterPassGroupId, lambda *_: self._push_group())
        self.push_settings()

    def on_agent_registered(self, interface: str) -> None:
        """Tell an agent that is new what its predecessor was told."""
        if interface == AGENT:
            self.push_settings()

    def push_settings(self) -> None:
        """Tell the host's authorization the connection timeout and the master pass group."""
        self._push_timeout()
        self._push_group()

    # What the CSMS says

    def clear_cache(self) -> Answer[StatusResult]:
        """Forget all cached tokens (C11)."""
        if self.cache.clear():
            return Answer(StatusResult("Accepted"))  # C11.FR.03
        return Answer(StatusResult("Rejected", StatusInfo("NotEnabled")))  # C11.FR.04

    def learn(self, id_token: IdToken, info: IdTokenInfo) -> None:
        """Take over what a response says of a token (C10.FR.04, FR.05).

        What is in the local list is not cached (1.6, 3.5.3), nor changes the list (D01.FR.09).
        """
        listed = self._listed(id_token)
        if listed is None:
            self.cache.learn(id_token, info)
        elif _VALID.get(listed.status, listed.status) is not _VALID.get(info.status, info.status):
            self._csms.send(LocalListConflict(self._clock.now()))

    # What the host asks

    async def validate_token(self, provided: ProvidedIdToken) -> ValidationResult:
        """Tell whether a token may charge; a CSMS that fails to answer is an answer, too.

        In this order: what needs no asking, the local list, the cache, the CSMS. Without a CSMS:
        the list and the cache once more, then OfflineTxForUnknownIdEnabled. At last: is there a
        place that is not reserved for others?
        """
        result = await self._validate(provided)
        if self._reservations is not None:
            result = self._reservations.restrict(provided, result)
        return result

    def group_of(self, token: IdToken) -> IdToken | None:
        """Return the group of a token, if list or cache know it (H03.FR.07)."""
        known = self._listed(token) or self.cache.lookup(token)
        return known.group_id_token if known is not None else None

    async def _validate(self, provided: ProvidedIdToken) -> ValidationResult:
        token = provided.id_token
        if self._needs_no_asking(provided):
            return ValidationResult(_ACCEPTED, parent_id_token=provided.parent_id_token)
        if provided.certificate is not None or provided.certificate_hash_data:
            return await self._validate_contract(provided)
        if not self._csms.connected:
            return self._decide_offline(provided)
        asks = not self._device_model.flag(AuthCtrlr.DisableRemoteAuthorization)
        # Without asking there is nothing but what is known here, whatever LocalPreAuthorize says.
        if self._device_model.flag(AuthCtrlr.LocalPreAuthorize) or not asks:
            known = self._listed(token)
            if known is not None:
                final = self._device_model.flag(LocalAuthListCtrlr.DisablePostAuthorize)
            else:
                known = self.cache.lookup(token)
                final = self._device_model.flag(AuthCacheCtrlr.DisablePostAuthorize)
            if known is not None and known.status is _ACCEPTED:  # C12.FR.02, C14.FR.02, FR.04
                self.cache.use(token)
                return self._result(provided, known)
            if known is not None and (not asks or (final and not self._lapsed(known))):
                return self._result(provided, known)
        if not asks:
            return ValidationResult(_UNKNOWN)
        return await self._ask(provided)  # C01.FR.02, C10.FR.03, C12.FR.05, C14.FR.03

    async def _ask(self, provided: ProvidedIdToken) -> ValidationResult:
        """Ask the CSMS; what is no answer changes nothing of what is known here."""
        try:
            response = await self._csms.call(Authorize(provided.id_token))
        except CsmsError as error:
            _LOG.warning("Authorize: %s", error)
            if isinstance(error, Offline) or not self._csms.connected:
                return self._decide_offline(provided)
            return ValidationResult(_UNKNOWN)
        self.learn(provided.id_token, response.id_token_info)  # C10.FR.04
        return self._result(provided, response.id_token_info, response)

    def _needs_no_asking(self, provided: ProvidedIdToken) -> bool:
        if provided.prevalidated or not self._device_model.flag(AuthCtrlr.Enabled, True):
            return True
        match provided.id_token.type:
            case IdTokenType.NO_AUTHORIZATION:
                return True
            case IdTokenType.CENTRAL:
                # C03.FR.01, C05.FR.01. A CSMS without token types gets its own tokens
                # back as Central, and asked to have them authorized (1.6, 5.11).
                return self._csms.manners.types_tokens
            case _:
                return False

    def _decide_offline(self, provided: ProvidedIdToken) -> ValidationResult:
        token = provided.id_token
        known = self._listed(token) or self.cache.lookup(token)
        if known is not None and known.status is not _ACCEPTED:
            # Not an unknown token, but a refused one (C13.FR.04, FR.06; 1.6, 3.5.4).
            return self._result(provided, known)
        if known is not None and self._device_model.flag(AuthCtrlr.LocalAuthorizeOffline):
            self.cache.use(token)
            return self._result(provided, known)  # C13.FR.02, FR.05
        if self._device_model.flag(AuthCtrlr.OfflineTxForUnknownIdEnabled):
            # C15.FR.08; the cache does not learn from it (C15.FR.01).
            return ValidationResult(_ACCEPTED, parent_id_token=provided.parent_id_token)
        if not self._csms.manners.knows_unknown_tokens:
            return ValidationResult(AuthorizationStatus.INVALID)
        return ValidationResult(_UNKNOWN)

    def _listed(self, token: IdToken) -> IdTokenInfo | None:
        """Return the entry of the local list, if the list is enabled and the entry is valid.

        An entry whose date has passed is Expired where the list supports dates (C13.FR.05,
        C14.FR.05).
        """
        if not self._device_model.flag(LocalAuthListCtrlr.Enabled):
            return None
        info = self._local_list.lookup(token)
        if info is None or info.cache_expiry is None or info.status is not _ACCEPTED:
            return info
        dated = self._device_model.flag(LocalAuthListCtrlr.SupportsExpiryDateTime)
        if dated and info.cache_expiry <= self._clock.now():
            return IdTokenInfo(AuthorizationStatus.EXPIRED, cache_expiry=info.cache_expiry)
        return info

    def _lapsed(self, info: IdTokenInfo) -> bool:
        """Tell whether it was the station that found a token expired: the CSMS may prolong it."""
        return (
            info.status is AuthorizationStatus.EXPIRED
            and info.cache_expiry is not None
            and info.cache_expiry <= self._clock.now()
        )

    # Contract certificates

    async def _validate_contract(self, provided: ProvidedIdToken) -> ValidationResult:
        """Have the CSMS validate a contract certificate (C07), as its chain is not verified here.

        Hash data go as they are; a chain goes if CentralContractValidationAllowed.
        """
        if not self._csms.connected:
            return ValidationResult(AuthorizationStatus.NOT_AT_THIS_TIME)
        if not self._device_model.flag(ISO15118Ctrlr.PnCEnabled):
            return ValidationResult(AuthorizationStatus.INVALID)
        hashes = provided.certificate_hash_data
        central = self._device_model.flag(ISO15118Ctrlr.CentralContractValidationAllowed)
        certificate = provided.certificate if central and not hashes else None
        if not hashes and certificate is None:
            return ValidationResult(AuthorizationStatus.INVALID)
        try:
            response = await self._csms.call(Authorize(provided.id_token, certificate, hashes))
        except CsmsError as error:
            _LOG.warning("Authorize with a contract certificate: %s", error)
            if isinstance(error, Offline):
                return ValidationResult(AuthorizationStatus.NOT_AT_THIS_TIME)
            return ValidationResult(AuthorizationStatus.INVALID)
        result = self._result(provided, response.id_token_info, response)
        if response.certificate_status in (None, CertificateStatus.ACCEPTED):
            self.learn(provided.id_token, response.id_token_info)
            return result
        if result.authorization_status is _ACCEPTED:
            return ValidationResult(
                AuthorizationStatus.INVALID, certificate_status=response.certificate_status
            )
        return result

    # What the host is told

    def _result(
        self,
        provided: ProvidedIdToken,
        info: IdTokenInfo,
        response: AuthorizeResponse | None = None,
    ) -> ValidationResult:
        status = info.status
        wanted, allowed = set(provided.evse_ids), set(info.evse_ids)
        if status is _ACCEPTED and wanted and allowed and not wanted & allowed:  # C01.FR.21
            status = AuthorizationStatus.NOT_AT_THIS_LOCATION
        texts = list(info.personal_messages)
        modes: Iterable[str] = ()
        certificate_status = None
        if response is not None:
            texts += response.tariff_messages
            certificate_status = response.certificate_status
            modes = response.allowed_energy_transfer
        return ValidationResult(
            status,
            tariff_messages=_by_language(texts, info),
            certificate_status=certificate_status,
            expiry_time=info.cache_expiry,
            parent_id_token=info.group_id_token or provided.parent_id_token,
            evse_ids=info.evse_ids,
            allowed_energy_transfer_modes=tuple(
                name for mode in modes for name in _ENERGY_TRANSFER_MODES.get(mode, (mode,))
            ),
        )

    def _push_timeout(self) -> None:
        if self._agents.has(AGENT):
            self._tasks.start(self._set_timeout(), "connection timeout")

    def _push_group(self) -> None:
        if self._agents.has(AGENT):
            self._tasks.start(self._set_group(), "master pass group")

    async def _set_timeout(self) -> None:
        # Read when it is sent: of two changes in a row the host keeps the later one.
        timeout_s = self._device_model.integer(
            TxCtrlr.EVConnectionTimeOut, DEFAULT_CONNECTION_TIMEOUT_S
        )
        try:
            await self._agents.set_connection_timeout(timeout_s)
        except AgentRefused as error:
            _LOG.warning("The host does not take the connection timeout: %s", error)

    async def _set_group(self) -> None:
        try:
            await self._agents.set_master_pass_group_id(
                self._device_model.text(AuthCtrlr.MasterPassGroupId)
            )
        except AgentRefused as error:
            _LOG.warning("The host does not take the master pass group: %s", error)


def _by_language(texts: Iterable[MessageContent], info: IdTokenInfo) -> tuple[MessageContent, ...]:
    """Return texts in the order the driver prefers: language1, language2, others (C01.FR.08, 09).

    Languages are compared by their primary subtag where the whole tag does not match.
    """

    def rank(text: MessageContent) -> int:
        for place, language in enumerate((info.language1, info.language2)):
            if language and text.language and _primary(text.language) == _primary(language):
                return place
        return 2

    return tuple(sorted(texts, key=rank))


def _primary(tag: str) -> str:
    return tag.lower().partition("-")[0]
