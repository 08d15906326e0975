"""When to leave a connection for one that is preferred.

B10 knows how a station gets to a worse profile, and no way back but a reboot. This one goes by
itself, while nobody is charging and nothing waits for the CSMS of now: soon after the priority was
changed, and else every so often.
"""

from collections.abc import Callable

from ocppd.clock import Clock, Timer
from ocppd.csms.network_profiles import Rotation

# A CSMS that sends a Reset after it changed the priority (B10) shall be able to.
_AFTER_CHANGE_S = 60.0
_BUSY_PAUSE_S = 10.0


class Returning:
    """Watches one connection at a time.

    `leave` is called with the slots to try, and whether they were asked for: then each has all its
    attempts, and the profile of now only comes back by the order of the list.
    """

    def __init__(
        self,
        clock: Clock,
        rotation: Rotation,
        return_after_s: float,
        *,
        is_idle: Callable[[], bool],
        leave: Callable[[list[int], bool], None],
    ) -> None:
        self._clock = clock
        self._rotation = rotation
        self._return_after_s = return_after_s
        self._is_idle = is_idle
        self._leave = leave
        self._slot: int | None = None
        self._timer: Timer | None = None
        self._asked_for = False

    def connected(self, slot: int) -> None:
        """Begin to watch."""
        self.disconnected()
        self._slot = slot
        self._wait(self._return_after_s)

    def disconnected(self) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()
        self._slot = self._timer = None
        self._asked_for = False

    def priority_changed(self) -> None:
        """Go to what is first now, in a while."""
        if self._slot is not None:
            self._asked_for = True
            self._wait(_AFTER_CHANGE_S)

    def stay(self) -> None:
        """Go on as before: none of the better ones can be reached."""
        if self._slot is not None:
            self._wait(self._return_after_s)

    def _wait(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds > 0:
            self._timer = self._clock.call_later(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._slot is None:
            return
        better = self._rotation.better_than(self._slot)
        if not better:
            self._asked_for = False
        elif not self._is_idle():
            self._wait(_BUSY_PAUSE_S)
        else:
            asked_for, self._asked_for = self._asked_for, False
            self._leave(better, asked_for)
