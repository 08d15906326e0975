"""The time of before the clock was known (R13; B01.FR.06 brings it).

A machine without a battery for its clock starts in 1970. What happens until the CSMS or somebody
else tells the time is dated by that clock, so that the distances are right; at the first sync all
of it, queued or not, moves to where it belongs. What is left of an earlier boot, whose clock
never was right, moves to where it ends with the present boot's beginning: later it cannot have
been.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from ocppd.model.redating import is_unknown, redated
from ocppd.station.ports import Outside

_LOG = logging.getLogger(__name__)
_KEY = "clock"
_LOOK_EVERY_S = 60.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class UnknownClock:
    """A boot in which the clock is not known yet; `seen` is what it said last."""

    boot_id: str
    seen: datetime


class Dates:
    """Moves dates once the time is known. `boot_id` identifies the present boot, if it can."""

    def __init__(self, outside: Outside, boot_id: str | None) -> None:
        self._outside = outside
        self._boot_id = boot_id or ""
        self._movers: list[Callable[[timedelta], None]] = []
        self._unknown = False
        self._began_at = outside.clock.now()
        self._began = outside.clock.monotonic()
        self._moved_by: timedelta | None = None

    def when_moved(self, move: Callable[[timedelta], None]) -> None:
        """Call a function, in a unit of work, to move what it holds in memory and documents."""
        self._movers.append(move)

    def start(self) -> None:
        """Look at the clock, and at what an earlier boot left; to be called in a unit of work."""
        clock, store = self._outside.clock, self._outside.store
        self._began_at, self._began = clock.now(), clock.monotonic()
        self._unknown = is_unknown(self._began_at)
        left = store.load(UnknownClock).get(_KEY)
        same_boot = left is not None and self._boot_id != "" and left.boot_id == self._boot_id
        if left is not None and not (same_boot and self._unknown):
            self._move(self._began_at - left.seen)
        if self._unknown:
            _LOG.warning("the clock says %s: nobody knows the time yet", self._began_at)
            self._look()
            clock.when_adjusted(self.check)
        elif left is not None:
            store.forget(UnknownClock, _KEY)

    def _look(self) -> None:
        self.check()
        if self._unknown:
            now = self._outside.clock.now()
            self._outside.store.save(_KEY, UnknownClock(self._boot_id, now))
            self._outside.clock.call_later(_LOOK_EVERY_S, self._look)

    def check(self) -> None:
        """Move what is to be moved, if the time has become known."""
        clock = self._outside.clock
        now = clock.now()
        if not self._unknown or is_unknown(now):
            return
        self._unknown = False
        passed = timedelta(seconds=clock.monotonic() - self._began)
        self._moved_by = now - (self._began_at + passed)
        _LOG.info("it is %s: what happened since the start is dated anew", now)
        with self._outside.store.atomically():
            self._move(self._moved_by)
            self._outside.store.forget(UnknownClock, _KEY)

    def _move(self, by: timedelta) -> None:
        self._outside.store.redate(by)
        for move in self._movers:
            move(by)

    def right(self, report: T) -> T:
        """Return what the host reports with dates that are right, as far as the time is known."""
        self.check()
        if self._unknown:
            return report
        clock = self._outside.clock
        by = self._moved_by
        return redated(report, clock.now() - clock.machine_now() if by is None else by)
