"""Asking and answering in OCPP-J, without I/O: what is in flight, what waits, what an answer means.

One CALL is in flight in each direction (1.6 J 4.1.1, 2.x part 4 4.1.1); further ones wait in order.
The owner tells what was received and that a time limit has passed, and does the sending.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from enum import Enum, auto

from ocppd.ocppj.frames import Call, CallError, CallResult

# An answer that comes later than this many other time-outs is no longer matched.
_MAX_LATE = 16


class Failure(Enum):
    """Why a CALL of ours has no response."""

    TIMEOUT = auto()
    DISCONNECTED = auto()


@dataclass(eq=False, slots=True)
class Asked:
    """A CALL of ours, from the moment that it waits for its turn."""

    call: Call
    outcome: CallResult | CallError | Failure | None = field(default=None)
    """What became of it; None while it waits or is in flight."""
    urgent: bool = False
    """It goes before those that are not."""


@dataclass(frozen=True, slots=True)
class Late:
    """An answer to a CALL that had timed out."""

    call: Call
    answer: CallResult | CallError


@dataclass(frozen=True, slots=True)
class Unasked:
    """An answer to nothing that we know of."""

    answer: CallResult | CallError


class Rpc:
    """The state of one connection."""

    def __init__(self) -> None:
        self._waiting: deque[Asked] = deque()
        self._in_flight: Asked | None = None
        self._late: OrderedDict[str, Call] = OrderedDict()
        self._being_answered: set[str] = set()

    @property
    def in_flight(self) -> Asked | None:
        """The CALL that was sent and has no answer yet."""
        return self._in_flight

    @property
    def waiting(self) -> int:
        """How many CALLs wait for their turn."""
        return len(self._waiting)

    @property
    def being_answered(self) -> int:
        """How many CALLs of the peer have no answer yet."""
        return len(self._being_answered)

    def ask(self, call: Call, *, first: bool = False) -> Asked:
        """Put a CALL in line: at its end, or before all that are not urgent themselves."""
        asked = Asked(call, urgent=first)
        place = sum(other.urgent for other in self._waiting) if first else len(self._waiting)
        self._waiting.insert(place, asked)
        return asked

    def next_to_send(self) -> Asked | None:
        """Return the CALL to send now, if there is one and none is in flight."""
        if self._in_flight is not None or not self._waiting:
            return None
        self._in_flight = self._waiting.popleft()
        return self._in_flight

    def give_up(self, asked: Asked) -> None:
        """Forget a CALL whose asker no longer wants an answer, unless it was sent already."""
        if asked is not self._in_flight and asked in self._waiting:
            self._waiting.remove(asked)

    def time_out(self, asked: Asked) -> bool:
        """End a CALL that was in flight for too long; False if it has its answer by now."""
        if asked is not self._in_flight:
            return False
        self._in_flight = None
        asked.outcome = Failure.TIMEOUT
        self._late[asked.call.message_id] = asked.call
        if len(self._late) > _MAX_LATE:
            self._late.popitem(last=False)
        return True

    def answered(self, answer: CallResult | CallError) -> Asked | Late | Unasked:
        """Match an answer of the peer with the CALL that it belongs to."""
        asked = self._in_flight
        if asked is not None and asked.call.message_id == answer.message_id:
            self._in_flight = None
            asked.outcome = answer
            return asked
        late = self._late.pop(answer.message_id, None)
        return Unasked(answer) if late is None else Late(late, answer)

    def begin(self, message_id: str) -> bool:
        """Note a CALL of the peer; False if one with this id is being answered already."""
        if message_id in self._being_answered:
            return False
        self._being_answered.add(message_id)
        return True

    def end(self, message_id: str) -> None:
        """Note that a CALL of the peer has its answer, or gets none."""
        self._being_answered.discard(message_id)

    def disconnect(self) -> list[Asked]:
        """End everything; returns the CALLs that get no answer any more, oldest first."""
        ended = [self._in_flight] if self._in_flight is not None else []
        ended += self._waiting
        self._in_flight = None
        self._waiting.clear()
        self._late.clear()
        self._being_answered.clear()
        for asked in ended:
            asked.outcome = Failure.DISCONNECTED
        return ended
