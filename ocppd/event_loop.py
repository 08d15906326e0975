"""The event loop, which tells where it is stuck.

A handler that does not return stops everything else. A timer of the kernel runs while one does,
and only then: at rest nothing wakes up for this.
"""

import asyncio
import contextlib
import faulthandler
import logging
import selectors
import signal
import sys
import threading
import traceback
from types import FrameType

_LOG = logging.getLogger(__name__)

STALLED_S = 2.0
_AGAIN_S = 30.0


class _Selector(selectors.EpollSelector):
    """Waits for events as any other; between two waits the timer runs."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout > 0:
            signal.setitimer(signal.ITIMER_REAL, 0)
        ready = super().select(timeout)
        signal.setitimer(signal.ITIMER_REAL, STALLED_S, _AGAIN_S)
        return ready

    def close(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        super().close()


def _on_alarm(_number: int, frame: FrameType | None) -> None:
    stack = "".join(traceback.format_stack(frame)).rstrip()
    # Where the stall is in the log itself, it cannot be logged; nothing may leave this function,
    # or it would be raised in whatever runs.
    with contextlib.suppress(Exception):
        _LOG.error("the event loop has been stuck for %g s or longer, in\n%s", STALLED_S, stack)


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop that logs its stack whenever a handler takes longer than STALLED_S.

    If the process is ended by SIGABRT, as systemd's watchdog does, it prints where it was. For
    the main thread; in any other it is the usual loop.
    """
    if threading.current_thread() is not threading.main_thread():
        return asyncio.new_event_loop()
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):  # stderr is no file
            faulthandler.enable()
    signal.signal(signal.SIGALRM, _on_alarm)
    return asyncio.SelectorEventLoop(_Selector())


__all__ = ["STALLED_S", "new_event_loop"]
