"""The authorization cache of block C (C10 to C12): what the CSMS last said of each token.

Tokens are kept as hashes (C10.FR.12), across power cuts (C10.FR.02). What the CSMS said of prices
and texts is not kept (C10.FR.09).
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from ocppd.clock import Clock, Timer
from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import AuthCacheCtrlr
from ocppd.model.tokens import AuthorizationStatus, IdToken, IdTokenInfo, IdTokenType
from ocppd.station.ports import Store

ENTRY_BYTES = 256
"""What an entry takes in the store, beside the identifier of its group."""

# C02.FR.03, C03.FR.02, C05.FR.02
_NOT_CACHED = frozenset({IdTokenType.NO_AUTHORIZATION, IdTokenType.CENTRAL})

_POLICIES: dict[str, Callable[["CachedToken"], tuple[object, ...]]] = {
    "LRU": lambda entry: (entry.last_used,),
    "LFU": lambda entry: (entry.uses, entry.last_used),
    "FIFO": lambda entry: (entry.added_at,),
}
_MOST_DELAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class CachedToken:
    """One entry; `uses` counts how often it was asked for or heard of."""

    info: IdTokenInfo
    added_at: datetime
    last_used: datetime
    uses: int = 1


class AuthorizationCache:
    """Remembers what the CSMS said of tokens, as long and as many as the variables allow."""

    def __init__(self, clock: Clock, store: Store, device_model: DeviceModel) -> None:
        self._clock = clock
        self._store = store
        self._device_model = device_model
        self._entries: dict[str, CachedToken] = {}
        self._bytes = 0
        self._timer: Timer | None = None
        self._due: datetime | None = None

    def start(self) -> None:
        """Take up what survived."""
        self._entries = dict(self._store.load(CachedToken))
        self._bytes = sum(map(_size, self._entries.values()))
        self._device_model.observe(AuthCacheCtrlr.LifeTime, lambda *_: self._expire())
        self._expire()
        self._tell_storage()

    def __len__(self) -> int:
        """Return how many tokens are known."""
        return len(self._entries)

    @property
    def enabled(self) -> bool:
        """Whether the cache is there and switched on (C10.FR.11)."""
        return self._device_model.flag(AuthCacheCtrlr.Available, True) and self._device_model.flag(
            AuthCacheCtrlr.Enabled
        )

    def lookup(self, token: IdToken) -> IdTokenInfo | None:
        """Return what is known of a token, None if nothing is.

        What the CSMS accepted until a date that has passed is Expired (C10.FR.13).
        """
        if not self.enabled:
            return None
        key = _key(token)
        entry = self._entries.get(key)
        if entry is not None and self._end_of(entry) <= self._clock.now():
            self._end(key, entry)
            entry = self._entries.get(key)
        return entry.info if entry is not None else None

    def use(self, token: IdToken) -> None:
        """Note that a token was authorized by its entry: its lifetime begins anew (C10.FR.08)."""
        key = _key(token)
        entry = self._entries.get(key)
        if entry is not None:
            used = replace(entry, last_used=self._clock.now(), uses=entry.uses + 1)
            with self._store.atomically():
                self._put(key, used)

    def learn(self, token: IdToken, info: IdTokenInfo) -> None:
        """Take over what the CSMS says of a token (C10.FR.01, FR.04, FR.05, C12.FR.06).

        An expiry date in the past takes it out of the cache (2.1, C10.FR.10).
        """
        if not self.enabled or token.type in _NOT_CACHED or not token.value:
            return
        now = self._clock.now()
        key = _key(token)
        old = self._entries.get(key)
        with self._store.atomically():
            if info.cache_expiry is not None and info.cache_expiry <= now:
                self._forget(key)
            else:
                self._put(
                    key,
                    CachedToken(
                        replace(info, personal_messages=()),
                        added_at=old.added_at if old is not None else now,
                        last_used=now,
                        uses=old.uses + 1 if old is not None else 1,
                    ),
                )
                self._make_room(key)
        self._tell_storage()

    def clear(self) -> bool:
        """Forget all tokens; False if the cache is disabled (C11.FR.03, FR.04)."""
        if not self.enabled:
            return False
        with self._store.atomically():
            for key in list(self._entries):
                self._forget(key)
        self._disarm()
        self._tell_storage()
        return True

    def _put(self, key: str, entry: CachedToken) -> None:
        old = self._entries.get(key)
        self._bytes += _size(entry) - (_size(old) if old is not None else 0)
        self._entries[key] = entry
        self._store.save(key, entry)
        self._arm(self._end_of(entry))

    def _forget(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= _size(entry)
            self._store.forget(CachedToken, key)

    def _make_room(self, newest: str) -> None:
        """Take out entries until the rest fits (C10.FR.07).

        Those that are not Accepted go first, then whichever AuthCacheCtrlr.Policy says.
        """
        limit = self._limit()
        if limit is None or self._bytes <= limit:
            return
        rank = _POLICIES.get(self._device_model.text(AuthCacheCtrlr.Policy), _POLICIES["LRU"])

        def order(item: tuple[str, CachedToken]) -> tuple[object, ...]:
            return (item[1].info.status is AuthorizationStatus.ACCEPTED, *rank(item[1]))

        others = (item for item in self._entries.items() if item[0] != newest)
        for key, _ in sorted(others, key=order):
            if self._bytes <= limit:
                break
            self._forget(key)

    def _limit(self) -> float | None:
        """Return AuthCacheCtrlr.Storage's maxLimit: bytes."""
        variable = self._device_model.find(AuthCacheCtrlr.Storage)
        return variable.characteristics.max_limit if variable is not None else None

    def _tell_storage(self) -> None:
        self._device_model.set_actual(AuthCacheCtrlr.Storage, self._bytes)

    # Time

    def _end_of(self, entry: CachedToken) -> datetime:
        """Return when an entry ceases to be true.

        That is the date the CSMS gave (C10.FR.13), or LifeTime seconds after the last use
        (C10.FR.08); an entry that has expired stays for a lifetime more.
        """
        expiry = entry.info.cache_expiry
        if expiry is not None and entry.info.status is not AuthorizationStatus.EXPIRED:
            return expiry
        life_time_s = self._device_model.integer(AuthCacheCtrlr.LifeTime)
        if life_time_s <= 0:
            return _NEVER
        try:
            return entry.last_used + timedelta(seconds=life_time_s)
        except OverflowError:
            return _NEVER

    def _end(self, key: str, entry: CachedToken) -> None:
        """Change an entry that the CSMS dated to Expired, take out others (C10.FR.10).

        One that was valid and is not because time has passed must not count as unknown while
        offline (1.6, 3.5.4).
        """
        info = entry.info
        if info.cache_expiry is not None and info.status is AuthorizationStatus.ACCEPTED:
            expired = replace(info, status=AuthorizationStatus.EXPIRED)
            self._put(key, replace(entry, info=expired, last_used=self._clock.now()))
        else:
            self._forget(key)

    def _expire(self) -> None:
        self._disarm()
        now = self._clock.now()
        with self._store.atomically():
            for key, entry in list(self._entries.items()):
                end = self._end_of(entry)
                if end <= now:
                    self._end(key, entry)
                else:
                    self._arm(end)
        self._tell_storage()

    def _arm(self, end: datetime) -> None:
        if end == _NEVER or (self._due is not None and self._due <= end):
            return
        self._disarm()
        self._due = end
        # The wall clock may be set meanwhile: look again once a day at least.
        delay_s = min((end - self._clock.now()).total_seconds(), _MOST_DELAY_S)
        self._timer = self._clock.call_later(delay_s, self._expire)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._due = None


_NEVER = datetime.max.replace(tzinfo=UTC)


def _key(token: IdToken) -> str:
    """Return the hash under which a token is kept; case does not matter (identifierString)."""
    text = f"{token.type.value}:{token.value.lower()}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _size(entry: CachedToken) -> int:
    group = entry.info.group_id_token
    return ENTRY_BYTES + (len(group.value) if group is not None else 0)
