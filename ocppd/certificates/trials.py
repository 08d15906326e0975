"""Which certificate a dial uses, while a new one has yet to prove itself.

Plain functions of what is installed: files are elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ocppd.certificates.entries import Credential, Root


def choose(candidates: Sequence[Credential], now: datetime) -> Credential | None:
    """Return the newest that has begun to be valid, rather one that is not expired (A02.FR.09).

    An expired one is better than none: it is up to the CSMS (2.0.1 errata, A00.FR.430).
    """
    begun = [each for each in candidates if each.not_before <= now]
    return max(
        begun,
        key=lambda each: (each.not_after >= now, each.not_before, each.name),
        default=None,
    )


@dataclass(frozen=True, slots=True)
class LeafTrial:
    """The station's certificate for one dial: `used`, `new` while it is on trial, and the rest."""

    used: Credential | None
    new: Credential | None = None
    others: tuple[Credential, ...] = ()

    @classmethod
    def of(cls, candidates: Sequence[Credential], now: datetime, turn: int) -> "LeafTrial":
        """Choose: the newest, but in odd turns the one that worked before, if there is one."""
        newest = choose(candidates, now)
        if newest is None:
            return cls(None)
        # What begins later is no alternative: it has its own time.
        others = tuple(each for each in candidates if each != newest and each.not_before <= now)
        if newest.proven:
            return cls(newest, None, others)
        proven = [each for each in others if each.proven]
        fallback = choose(proven or others, now)
        if fallback is None:
            return cls(newest, newest)
        used = fallback if turn % 2 else newest
        return cls(used, newest, tuple(each for each in (*others, newest) if each != used))


def trusted(roots: Sequence[Root]) -> list[Root]:
    """Return the roots that were not replaced by one that works."""
    replaced = {name for each in roots if each.confirmed for name in each.replaces}
    return [each for each in roots if each.facts.sha256 not in replaced]


@dataclass(frozen=True, slots=True)
class RootTrial:
    """The roots of the CSMS for one dial; `new` is on trial."""

    used: tuple[Root, ...]
    new: Root | None = None

    @classmethod
    def of(cls, roots: Sequence[Root], number: int) -> "RootTrial":
        """Choose: the successor first, then what it replaces, by turns (M05.FR.13, FR.14)."""
        present = trusted(roots)
        new = next((each for each in present if not each.confirmed), None)
        if new is None:
            return cls(tuple(present))
        old = tuple(each for each in present if each.facts.sha256 in new.replaces)
        if number % 2 and old:
            return cls(old, new)
        return cls(tuple(each for each in present if each not in old), new)
