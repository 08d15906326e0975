"""Time, as the core asks for it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> None:
        """Forget the call; nothing happens if it was made already."""


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """Return the present moment in UTC, as well as it is known."""

    def machine_now(self) -> datetime:
        """Return what the machine's own clock says, by which the host dates its reports."""

    def monotonic(self) -> float:
        """Return seconds that never jump, for measuring distances."""

    def call_later(self, delay_s: float, call: Callable[[], object]) -> Timer:
        """Call a function after so many seconds, unless its timer is cancelled."""

    def adjust(self, offset: timedelta) -> None:
        """Add to every later `now()` what the machine's clock is wrong by."""

    def when_adjusted(self, call: Callable[[], object]) -> None:
        """Call a function after each `adjust`, for who waits for a time of day."""
