"""Reports that ocppd has not acknowledged yet, in order for each EVSE.

A session event or an error stays until it is acknowledged or refused for good, also over a restart
of ocppd. A measurement or a state is worth reporting only while it is the latest.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from ocppd.model.sessions import SessionEventType
from ocppd.tools.sim.payloads import Payload, moment_of, timestamp

STATION = 0
_JUST_BEFORE = timedelta(milliseconds=1)


class Member(StrEnum):
    """The methods of ocppd that take reports."""

    READY = "ReportReady"
    SESSION_EVENT = "ReportSessionEvent"
    POWERMETER = "ReportPowermeter"
    PUBLIC_KEY = "ReportPowermeterPublicKeyOcmf"
    EV_INFO = "ReportEvInfo"
    HW_CAPABILITIES = "ReportHwCapabilities"
    LIMITS = "ReportLimits"
    ENERGY_TRANSFER_MODES = "ReportSupportedEnergyTransferModes"
    RAISE_ERROR = "RaiseError"
    CLEAR_ERROR = "ClearError"


LASTING = frozenset({Member.SESSION_EVENT, Member.RAISE_ERROR, Member.CLEAR_ERROR})


@dataclass(frozen=True, slots=True)
class Report:
    """One call to ocppd: for an EVSE, or with `STATION` for the charger."""

    evse_id: int
    member: Member
    argument: Any

    @property
    def lasting(self) -> bool:
        """Whether it must be acknowledged, however long that takes."""
        return self.member in LASTING

    @property
    def awaited(self) -> bool:
        """Whether somebody may wait for its acknowledgement; readings come and go."""
        return self.member is not Member.POWERMETER

    @property
    def event(self) -> Payload | None:
        """The session event, if it is one."""
        return self.argument if self.member is Member.SESSION_EVENT else None


@dataclass(slots=True)
class Lane:
    """The reports of one EVSE, oldest first.

    `known` is the session that ocppd has acknowledged the start of and not yet the end, with its
    connector: what it has to be told of before anything else after a restart.
    """

    evse_id: int
    waiting: deque[Report] = field(default_factory=deque)
    known: tuple[str, int] | None = None

    def put(self, report: Report) -> None:
        """Append a report; a newer measurement takes the place of those that still wait."""
        if not report.lasting and self.waiting:
            head, *others = self.waiting  # the head may be under way
            kept = [other for other in others if other.member is not report.member]
            self.waiting = deque([head, *kept])
        self.waiting.append(report)

    def head(self) -> Report | None:
        """Return the report whose turn it is."""
        return self.waiting[0] if self.waiting else None

    def done(self, report: Report, *, acknowledged: bool) -> None:
        """Take a report out: ocppd acknowledged it, or refused it for good."""
        if self.waiting and self.waiting[0] is report:
            self.waiting.popleft()
        event = report.event
        if event is None or not acknowledged:
            return
        if event["event"] == SessionEventType.SESSION_STARTED:
            self.known = (event["uuid"], event["connector_id"])
        elif event["event"] == SessionEventType.SESSION_FINISHED:
            self.known = None

    def begin(self, resumed: datetime, states: list[Report]) -> None:
        """Put before everything that waits what a new ocppd has to hear first.

        That is the running session, then the states of the EVSE, the last of which should be that
        it is ready. Events that wait are younger than the resumption: it gets a time just before
        the first of them. Measurements that wait are out of date.
        """
        lasting = [
            report
            for report in self.waiting
            if report.lasting
            and report not in states
            and not (report.event and report.event["event"] == SessionEventType.SESSION_RESUMED)
        ]
        first = next((report.event for report in lasting if report.event is not None), None)
        if first is not None:
            resumed = moment_of(first["timestamp"]) - _JUST_BEFORE
        self.waiting = deque([*self._resumption(resumed), *states, *lasting])

    def _resumption(self, moment: datetime) -> list[Report]:
        if self.known is None:
            return []
        uuid, connector_id = self.known
        event: Payload = {
            "uuid": uuid,
            "timestamp": timestamp(moment),
            "event": str(SessionEventType.SESSION_RESUMED),
            "connector_id": connector_id,
        }
        return [Report(self.evse_id, Member.SESSION_EVENT, event)]
