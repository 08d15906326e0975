"""How much one caller may ask for, so that it cannot keep the daemon from serving the others.

Trusted callers (control, secure) are limited by connection, far above what a host does. All others
are limited by user, whatever the number of their connections.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ocppd.dbus.access import Access, Caller

_LOG = logging.getLogger(__name__)

_LOG_AGAIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Limit:
    """What one caller may have: calls a second, at once after a pause, and without an answer."""

    per_second: float
    burst: int
    in_flight: int


TRUSTED = Limit(per_second=10_000, burst=20_000, in_flight=1024)
OBSERVERS = Limit(per_second=100, burst=500, in_flight=64)
STRANGERS = Limit(per_second=10, burst=50, in_flight=8)
# Until the bus has said who it is; that takes one question.
UNKNOWN = Limit(per_second=1_000, burst=256, in_flight=128)
# All calls together that are being served, or whose senders are being asked for; beyond it only
# trusted callers are let in.
MAX_IN_FLIGHT = 1024
# Users without a connection whose accounts are kept, lest a new connection be a new allowance.
_MAX_ABSENT = 256

_LIMITS = {
    Access.NONE: STRANGERS,
    Access.OBSERVE: OBSERVERS,
    Access.CONTROL: TRUSTED,
    Access.SECURE: TRUSTED,
}

Key = str | int
"""Whose calls are counted together: a unique name on the bus, or a uid."""


@dataclass(slots=True)
class _Account:
    """What one caller has left; `senders` are its connections that were seen."""

    limit: Limit
    tokens: float
    since: float
    in_flight: int = 0
    senders: set[str] = field(default_factory=set)
    refused: int = 0
    logged: float | None = None


class Limits:
    """The account of each caller, for as long as it is on the bus."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._accounts: dict[Key, _Account] = {}
        self._keys: dict[str, Key] = {}
        self._in_flight = 0

    def admit(self, sender: str, caller: Caller | None) -> "Admission | None":
        """Let a call in and return what to end it with, or None if its sender has to be refused.

        `caller` is None while the bus has not said yet who the sender is.
        """
        account = self._account(sender, caller)
        now = self._monotonic()
        limit = account.limit
        account.tokens = min(limit.burst, account.tokens + (now - account.since) * limit.per_second)
        account.since = now
        if (
            account.tokens < 1
            or account.in_flight >= limit.in_flight
            or (limit is not TRUSTED and self._in_flight >= MAX_IN_FLIGHT)
        ):
            self._refuse(sender, account, now)
            return None
        account.tokens -= 1
        account.in_flight += 1
        self._in_flight += 1
        return Admission(self, account)

    def _account(self, sender: str, caller: Caller | None) -> _Account:
        key: Key = sender
        limit = UNKNOWN
        if caller is not None:
            limit = _LIMITS[caller.access]
            if limit is not TRUSTED and caller.uid is not None:
                key = caller.uid
        before = self._keys.get(sender)
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = _Account(limit, limit.burst, self._monotonic())
        elif account.limit is not limit:  # now it is known who it is, or who the user is by now
            if account.limit is UNKNOWN:
                account.tokens = float(limit.burst)
            account.limit = limit  # that of a user's connections in turn, if they differ
        if before != key:
            self._keys[sender] = key
            account.senders.add(sender)
            if before is not None:
                self._leave(sender, before)
        return account

    def _leave(self, sender: str, key: Key) -> None:
        account = self._accounts.get(key)
        if account is not None:
            account.senders.discard(sender)
            if not account.senders and (
                not isinstance(key, int) or len(self._accounts) > len(self._keys) + _MAX_ABSENT
            ):
                del self._accounts[key]

    def _refuse(self, sender: str, account: _Account, now: float) -> None:
        account.refused += 1
        if account.logged is None or now - account.logged >= _LOG_AGAIN_S:
            key = self._keys[sender]
            who = f"user {key}" if isinstance(key, int) else f"caller {key}"
            _LOG.warning("%s calls too often: %d calls refused", who, account.refused)
            account.logged = now
            account.refused = 0

    def end(self, account: _Account) -> None:
        """Take note that a call has its answer."""
        account.in_flight -= 1
        self._in_flight -= 1

    def left(self, sender: str) -> None:
        """Forget a connection that left the bus."""
        key = self._keys.pop(sender, None)
        if key is not None:
            self._leave(sender, key)

    def clear(self) -> None:
        """Forget everybody: the bus is lost."""
        self._accounts.clear()
        self._keys.clear()

    def __len__(self) -> int:
        """How many connections are remembered."""
        return len(self._keys)


class Admission:
    """A call that was let in, until it has its answer."""

    __slots__ = ("_account", "_limits")

    def __init__(self, limits: Limits, account: _Account) -> None:
        self._limits = limits
        self._account: _Account | None = account

    def end(self) -> None:
        """Give its place back, once."""
        if self._account is not None:
            self._limits.end(self._account)
            self._account = None
