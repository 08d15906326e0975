"""The machine's clock, on the running event loop."""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from ocppd.clock import Timer

_LOG = logging.getLogger(__name__)


class SystemClock:
    """The machine's clock, corrected by what the CSMS told of the time."""

    def __init__(self) -> None:
        self._offset = timedelta()
        self._when_adjusted: list[Callable[[], object]] = []

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return self.machine_now() + self._offset

    def machine_now(self) -> datetime:
        """Return what the machine's own clock says."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never jump."""
        return time.monotonic()

    def call_later(self, delay_s: float, call: Callable[[], object]) -> Timer:
        """Call a function from the running event loop."""
        return asyncio.get_running_loop().call_later(max(delay_s, 0.0), call)

    def adjust(self, offset: timedelta) -> None:
        """Correct every later `now()`."""
        self._offset += offset
        for call in self._when_adjusted:
            try:
                call()
            except Exception:  # the others have to hear of it all the same
                _LOG.exception("that the clock was set was not taken note of")

    def when_adjusted(self, call: Callable[[], object]) -> None:
        """Call a function after each `adjust`."""
        self._when_adjusted.append(call)
