"""The session events of an EVSE, as they are written down and reported.

Their timestamps grow strictly, also when the clock is set back: ocppd refuses a session's past, and
takes two reports of the same event and time for one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ocppd.clock import Clock
from ocppd.model.sessions import SessionEventType
from ocppd.model.tokens import ProvidedIdToken
from ocppd.tools.sim.outbox import Member
from ocppd.tools.sim.payloads import Payload, timestamp
from ocppd.tools.sim.signing import Reading

_STEP = timedelta(milliseconds=1)


@dataclass(slots=True)
class Session:
    """From plug-in, or authorization, to plug-out; the transaction inside it is EVerest's."""

    uuid: str
    connector_id: int
    started: datetime
    token: ProvidedIdToken | None = None
    reservation_id: int | None = None
    start_wh: float | None = None
    begin: Reading | None = None


@dataclass(slots=True)
class Surroundings:
    """What an EVSE needs from outside: the time, ids, and whoever takes its reports."""

    clock: Clock
    new_id: Callable[[], str]
    report: Callable[[int, Member, object], None]
    speed: float = 1.0


@dataclass(slots=True)
class Chronicle:
    """Writes the session events of one EVSE."""

    evse_id: int
    around: Surroundings
    _last: datetime | None = None

    def stamp(self) -> datetime:
        """Return the present moment, or the next one that is free for an event."""
        now = self.around.clock.now()
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        if self._last is not None and now <= self._last:
            now = self._last + _STEP
        self._last = now
        return now

    def write(
        self,
        event: SessionEventType,
        session: Session | None,
        details: Mapping[str, Any],
        moment: datetime | None = None,
        connector_id: int | None = None,
    ) -> None:
        """Report an event: of a session, or of a connector that has none."""
        if session is not None and connector_id not in (None, session.connector_id):
            session = None
        payload: Payload = {
            "uuid": session.uuid if session is not None else self.around.new_id(),
            "timestamp": timestamp(moment or self.stamp()),
            "event": str(event),
            "connector_id": session.connector_id if session is not None else connector_id or 1,
            **details,
        }
        self.around.report(self.evse_id, Member.SESSION_EVENT, payload)
