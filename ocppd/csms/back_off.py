"""How long to wait before the next attempt (part 4, 5.3 of 2.0.1, 5.4 of 2.1)."""

from collections.abc import Callable

from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import OCPPCommCtrlr

# However the variables are set, the CSMS is not called more often than this.
_SHORTEST_WAIT_S = 1.0
# A day: beyond that, more doublings say nothing.
_MOST_DOUBLINGS = 16


class BackOff:
    """The minimum, doubled after each failure so many times, and each time a random part.

    A connection that works begins it anew (errata 2025-04, 4.12); except one that the CSMS ends
    again and again right after it was made: where two stations share an identity, each new
    connection displaces the other's, and neither shall fight for it.
    """

    def __init__(self, model: DeviceModel, random: Callable[[], float]) -> None:
        self._model = model
        self._random = random
        self._doublings = 0
        self._early_ends = 0

    def connected(self) -> None:
        """Begin anew."""
        self._doublings = max(0, self._early_ends - 1)

    def ended(self, *, early: bool) -> int:
        """Note how a connection ended; returns how many in a row ended early."""
        self._early_ends = self._early_ends + 1 if early else 0
        self._doublings = max(0, self._early_ends - 1)
        return self._early_ends

    def another_profile(self, rounds: int) -> None:
        """Begin with another profile: the more rounds through all of them failed, the later."""
        self._doublings = rounds

    def next_wait_s(self) -> float:
        """Return the seconds to wait now; the next wait is the double."""
        model = self._model
        minimum = model.integer(OCPPCommCtrlr.RetryBackOffWaitMinimum, 1)
        span = model.integer(OCPPCommCtrlr.RetryBackOffRandomRange)
        most = min(model.integer(OCPPCommCtrlr.RetryBackOffRepeatTimes), _MOST_DOUBLINGS)
        doublings = min(self._doublings, most)
        self._doublings += 1
        return max(float(minimum << doublings) + self._random() * span, _SHORTEST_WAIT_S)
