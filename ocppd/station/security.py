"""Security events (A04): each goes into the security log, critical ones to the CSMS as well.

They are kept in the durable queue until the CSMS has them. Certificates and keys are elsewhere.
"""

import json
import logging
from typing import Protocol

from ocppd.model.registration import BootReason
from ocppd.model.security import SecurityEvent, SecurityEventNotification
from ocppd.station.ports import Outside
from ocppd.station.security_events import is_critical, name_of

_LOG = logging.getLogger(__name__)

_LONGEST_TYPE = 50
_LONGEST_INFO = 255

_BOOT_EVENTS = {
    BootReason.POWER_UP: "StartupOfTheDevice",
    BootReason.FIRMWARE_UPDATE: "FirmwareUpdated",
}


class SecurityLog(Protocol):
    """The log of all security events, critical or not (A04.FR.04)."""

    def append(self, line: str) -> None:
        """Add one line, which holds no line break; a failure is the log's own business."""


class Security:
    """What happened that an operator should know."""

    def __init__(self, outside: Outside, log: SecurityLog) -> None:
        self.silent = False
        """While True nothing is queued, as after `Stop`; the log goes on."""
        self._outside = outside
        self._log = log

    def report(self, event: SecurityEvent) -> None:
        """Take an event from the host: logged, and sent if it is critical.

        `critical` of the event counts more than the standard's table. What is too long is cut: the
        type to 50, the info to 255 characters.
        """
        name = name_of(event.type)[:_LONGEST_TYPE]
        info = event.info[:_LONGEST_INFO] if event.info is not None else None
        moment = event.timestamp or self._outside.clock.now()
        sent = is_critical(name) if event.critical is None else event.critical
        line = {"time": moment.isoformat(), "type": name, "critical": sent, "info": info}
        # JSON in ASCII: whatever a peer sent, it cannot break the line or act on a terminal.
        self._log.append(json.dumps(line))
        if not sent or self.silent:
            return
        insisted = event.critical is True
        # A04.FR.01, A04.FR.02
        self._outside.store.queue(SecurityEventNotification(name, moment, info, insisted))
        self._outside.csms.wake()

    def raise_event(
        self, event_type: str, info: str | None = None, critical: bool | None = None
    ) -> None:
        """Report what the station noticed itself; the host hears of it too."""
        event = SecurityEvent(
            event_type[:_LONGEST_TYPE], info[:_LONGEST_INFO] if info is not None else None, critical
        )
        _LOG.info("Security event %s", event.type)
        self.report(event)
        self._outside.host.security_event(event)

    def booted(self, reason: BootReason) -> None:
        """Report that the station has booted, and why."""
        self.raise_event(_BOOT_EVENTS.get(reason, "ResetOrReboot"), reason.value)
