"""Sessions of the host: which are open, which reports were taken, which are over.

Every report is idempotent by session, event and time, also after a restart: what is needed for it
is saved with the state it led to.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ocppd.clock import Clock
from ocppd.errors import InvalidArgument, UnknownSession
from ocppd.model.redating import redated
from ocppd.model.sessions import SessionEvent, SessionEventType
from ocppd.station.ports import Store
from ocppd.station.transaction import Seen, Session

REMEMBERED_REPORTS = 64
"""How many reports of a session are remembered; a host repeats the last few."""
REMEMBERED_SESSIONS = 64
"""How many finished sessions are remembered, of the whole station."""

_TOMORROW = timedelta(days=1)
_BEGINS = frozenset({SessionEventType.SESSION_STARTED, SessionEventType.SESSION_RESUMED})


@dataclass(frozen=True, slots=True)
class FinishedSession:
    """A session that is over, as far as a repeated report must be recognized."""

    uuid: str
    evse_id: int
    last_event_at: datetime
    seen: tuple[Seen, ...]


class Sessions:
    """All sessions that the station knows.

    `doubtful` are those of which nobody knows whether they go on: they were open when the daemon
    or the host was last seen, and the host has not said anything of them since.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._open: dict[str, Session] = {}
        self._finished: dict[str, FinishedSession] = {}
        self.doubtful: set[str] = set()

    def load(self) -> None:
        """Take back what survived; all of it is doubtful."""
        self._open = dict(self._store.load(Session))
        finished = sorted(
            self._store.load(FinishedSession).values(), key=lambda session: session.last_event_at
        )
        self._finished = {session.uuid: session for session in finished}
        self.doubtful = set(self._open)

    def redate(self, by: timedelta) -> None:
        """Move all dates that are of before the clock was known, those of reports too."""
        for session in self:
            self.save(redated(session, by))
        for uuid, finished in self._finished.items():
            self._finished[uuid] = redated(finished, by)
            self._store.save(uuid, self._finished[uuid])

    def __iter__(self) -> Iterator[Session]:
        """Return the open sessions."""
        return iter(tuple(self._open.values()))

    def get(self, uuid: str) -> Session | None:
        """Return an open session."""
        return self._open.get(uuid)

    def at(self, evse_id: int) -> Iterator[Session]:
        """Return the open sessions of an EVSE: one, unless the end of an earlier was not told."""
        return (session for session in self if session.evse_id == evse_id)

    def with_transaction(self, evse_id: int) -> Session | None:
        """Return the session at an EVSE whose transaction is open."""
        return next((each for each in self.at(evse_id) if each.transaction is not None), None)

    def take(self, evse_id: int, event: SessionEvent) -> Session | None:
        """Return the session that a report is about, a new one where it begins with this report.

        None if the report was taken before. A session whose last report lies in the future is one
        during which the clock was set back: reports of the present are taken again.

        Raises:
            UnknownSession: no open session of this EVSE has this uuid
            InvalidArgument: it is older than the last report of the session, or of tomorrow

        """
        latest = max(self._clock.now(), self._clock.machine_now())
        if event.timestamp > latest + _TOMORROW:
            raise InvalidArgument("event.timestamp: more than a day in the future")
        seen = Seen(event.event, event.timestamp)
        session = self._open.get(event.uuid)
        known = session or self._finished.get(event.uuid)
        if known is not None:
            if known.evse_id != evse_id:
                raise UnknownSession(
                    f"session {event.uuid} is at EVSE {known.evse_id}, not at EVSE {evse_id}"
                )
            if seen in known.seen:
                return None
            if event.event is SessionEventType.SESSION_RESUMED and self._is_late(known, event):
                return session
            if event.timestamp < known.last_event_at <= latest:
                raise InvalidArgument(
                    "event.timestamp: before the last event of the session, which was at "
                    f"{known.last_event_at.isoformat()}"
                )
        if session is not None:
            return session
        if known is not None:
            raise UnknownSession(f"session {event.uuid} is over")
        if event.event not in _BEGINS:
            raise UnknownSession(f"no session {event.uuid} is open at EVSE {evse_id}")
        return Session(event.uuid, evse_id, event.connector_id, event.timestamp, event.timestamp)

    def _is_late(self, known: Session | FinishedSession, event: SessionEvent) -> bool:
        """Tell whether a resumption is older than what the host said last, but no mistake.

        A host that got no answer to its last report resumes the session before it, to report
        that again: an open session then goes on, and nothing changes for one that is over.
        """
        late = event.timestamp <= known.last_event_at
        return late and (known.uuid in self.doubtful or known.uuid not in self._open)

    def noted(self, session: Session, event: SessionEvent) -> Session:
        """Return the session with one more report taken."""
        seen = (*session.seen, Seen(event.event, event.timestamp))
        return replace(
            session,
            last_event_at=max(session.last_event_at, event.timestamp),
            seen=seen[-REMEMBERED_REPORTS:],
        )

    def save(self, session: Session) -> None:
        """Keep a session as it is now."""
        self._open[session.uuid] = session
        self._store.save(session.uuid, session)

    def finish(self, session: Session) -> None:
        """Forget a session, but for its reports."""
        self._open.pop(session.uuid, None)
        self.doubtful.discard(session.uuid)
        self._store.forget(Session, session.uuid)
        finished = FinishedSession(
            session.uuid, session.evse_id, session.last_event_at, session.seen
        )
        self._finished[session.uuid] = finished
        self._store.save(session.uuid, finished)
        while len(self._finished) > REMEMBERED_SESSIONS:
            oldest = next(iter(self._finished))
            del self._finished[oldest]
            self._store.forget(FinishedSession, oldest)
