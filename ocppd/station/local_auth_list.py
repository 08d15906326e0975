"""Block D, Local authorization list: the tokens that the CSMS wants known here (D01, D02).

The list is what SendLocalList made of it, and nothing else changes it (D01.FR.09). Who may charge
by it is decided in block C (C13, C14).
"""

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import LocalAuthListCtrlr
from ocppd.model.local_auth_list import (
    AuthorizationData,
    SendLocalList,
    SendLocalListResult,
    SendLocalListStatus,
    UpdateType,
)
from ocppd.model.tokens import IdToken, IdTokenInfo, IdTokenType
from ocppd.model.variables import ComponentVariable, StatusInfo
from ocppd.station.answer import Answer
from ocppd.station.ports import Outside

_LOG = logging.getLogger(__name__)

ENTRY_BYTES = 256
"""What an entry takes in the store, beside its texts."""

_KEY = "list"


@dataclass(frozen=True, slots=True)
class ListedToken:
    """What the list says of one token, which is kept as a hash."""

    info: IdTokenInfo


@dataclass(frozen=True, slots=True)
class ListVersion:
    """The version that the CSMS gave to the list."""

    version: int


class LocalAuthList:
    """The list and its version, as they survive a power cut (D01.FR.10)."""

    def __init__(self, outside: Outside, device_model: DeviceModel) -> None:
        self._store = outside.store
        self._csms = outside.csms
        self._device_model = device_model
        self._entries: dict[str, ListedToken] = {}
        self._version = 0
        self._bytes = 0

    def start(self) -> None:
        """Take up what survived."""
        self._entries = dict(self._store.load(ListedToken))
        version = self._store.load(ListVersion).get(_KEY)
        self._version = version.version if version is not None else 0
        self._bytes = sum(map(_size, self._entries.values()))
        self._tell_size()

    def __len__(self) -> int:
        """Return how many tokens are listed."""
        return len(self._entries)

    @property
    def enabled(self) -> bool:
        """Whether there is a list, and it is switched on (D01.FR.13)."""
        model = self._device_model
        return model.flag(LocalAuthListCtrlr.Available) and model.flag(LocalAuthListCtrlr.Enabled)

    @property
    def version(self) -> int:
        """The version of the list, 0 where the CSMS is to understand that there is none."""
        if not self._entries and self._csms.manners.empty_list_has_no_version:
            return 0
        return self._version

    def lookup(self, id_token: IdToken) -> IdTokenInfo | None:
        """Return the entry of a token, whatever its expiry date, or None."""
        if not self.enabled or not id_token.value:
            return None
        for key in self._keys(id_token):
            entry = self._entries.get(key)
            if entry is not None:
                return entry.info
        return None

    # What the CSMS asks for

    def get_version(self, _request: object = None) -> Answer[int | None]:
        """Return the version of the list (D02.FR.01, FR.02), None if it is disabled (FR.03)."""
        return Answer(self.version if self.enabled else None)

    def send(self, request: SendLocalList) -> Answer[SendLocalListResult]:
        """Replace or change the list, wholly or not at all (D01.FR.02)."""
        refusal = self._problem_with(request)
        if refusal is None:
            refusal = self._update(request)
        if refusal is not None:
            _LOG.warning(
                "local list %d (%s, %d entries) refused: %s, %s",
                request.version,
                request.update_type.value,
                len(request.entries),
                refusal.status.value,
                refusal.status_info.additional_info if refusal.status_info else "",
            )
            return Answer(refusal)
        _LOG.info("local list %d: %d tokens", self._version, len(self._entries))
        return Answer(SendLocalListResult(SendLocalListStatus.ACCEPTED))

    def _problem_with(self, request: SendLocalList) -> SendLocalListResult | None:
        if not self.enabled:
            why = StatusInfo("NotEnabled", "the local authorization list is not enabled")
            return SendLocalListResult(SendLocalListStatus.NOT_SUPPORTED, why)
        if request.version <= 0:  # D01.FR.18; 1.6 errata 3.52
            return _failed("ValuePositiveOnly", "the version has to be greater than 0")
        differential = request.update_type is UpdateType.DIFFERENTIAL
        if differential and request.version <= self.version:  # D01.FR.19
            why = StatusInfo("InvalidValue", f"the list has version {self.version} already")
            return SendLocalListResult(SendLocalListStatus.VERSION_MISMATCH, why)
        # D01.FR.11
        most = self._device_model.integer(LocalAuthListCtrlr.ItemsPerMessage)
        if len(request.entries) > most:
            return _failed("TooManyElements", f"more than {most} entries in a message")
        longest = self._device_model.integer(LocalAuthListCtrlr.BytesPerMessage)
        if request.size_bytes > longest:
            return _failed("TooLargeElement", f"more than {longest} bytes in a message")
        if any(not entry.id_token.value for entry in request.entries):
            return _failed("InvalidIdToken", "a token is empty")
        names = {self._keys(entry.id_token)[0] for entry in request.entries}
        if len(names) < len(request.entries):  # D01.FR.06
            return _failed("InvalidValue", "a token stands in the list twice")
        if not differential and any(entry.info is None for entry in request.entries):
            return _failed("MissingParam", "a full list says of each token what it may")
        return None

    def _update(self, request: SendLocalList) -> SendLocalListResult | None:
        """Do what a request says, unless it does not fit; D01.FR.04, FR.05, FR.15 to FR.17."""
        if request.update_type is UpdateType.FULL:
            entries: dict[str, ListedToken] = {}
        else:
            entries = dict(self._entries)
        for data in request.entries:
            self._apply(entries, data)
        most = self._limit(LocalAuthListCtrlr.Entries)
        if most is not None and len(entries) > most:
            return _failed("TooManyElements", f"there is room for {most:.0f} tokens")
        size = sum(map(_size, entries.values()))
        room = self._limit(LocalAuthListCtrlr.Storage)
        if room is not None and size > room:
            return _failed("OutOfStorage", f"there is room for {room:.0f} bytes")
        with self._store.atomically():
            for key in self._entries.keys() - entries.keys():
                self._store.forget(ListedToken, key)
            for key, entry in entries.items():
                if self._entries.get(key) != entry:
                    self._store.save(key, entry)
            self._store.save(_KEY, ListVersion(request.version))  # D01.FR.01
        self._entries, self._version, self._bytes = entries, request.version, size
        self._tell_size()
        return None

    def _apply(self, entries: dict[str, ListedToken], data: AuthorizationData) -> None:
        keys = self._keys(data.id_token)
        for key in keys:
            entries.pop(key, None)
        if data.info is not None:
            entries[keys[0]] = ListedToken(data.info)

    def _keys(self, token: IdToken) -> tuple[str, ...]:
        """Return under which keys a token may be listed; the first is that of a new entry.

        A list that came without types, or is asked without, goes by the values alone.
        """
        if self._csms.manners.types_tokens:
            return (_key(token.type.value, token.value), _key("", token.value))
        return (_key("", token.value), *(_key(each.value, token.value) for each in IdTokenType))

    def _limit(self, address: ComponentVariable) -> float | None:
        variable = self._device_model.find(address)
        return variable.characteristics.max_limit if variable is not None else None

    def _tell_size(self) -> None:
        self._device_model.set_actual(LocalAuthListCtrlr.Entries, len(self._entries))  # D01.FR.12
        self._device_model.set_actual(LocalAuthListCtrlr.Storage, self._bytes)


def _failed(reason: str, text: str) -> SendLocalListResult:
    return SendLocalListResult(SendLocalListStatus.FAILED, StatusInfo(reason, text))


def _key(token_type: str, value: str) -> str:
    """Return the hash under which a token is kept; case does not matter (identifierString)."""
    text = f"{token_type}:{value.lower()}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _size(entry: ListedToken) -> int:
    info = entry.info
    texts: Iterable[str] = (message.content for message in info.personal_messages)
    group = len(info.group_id_token.value) if info.group_id_token is not None else 0
    return ENTRY_BYTES + group + sum(map(len, texts))
