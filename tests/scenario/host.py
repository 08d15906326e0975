"""A host of a few lines: sessions reported over the bus, each report repeated until it is taken.

Unlike the simulator it knows nothing of agents; it is what a test drives by hand.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from tests.client import BusError, Client

TOKEN = {"id_token": {"value": "04A224B2", "type": "ISO14443"}, "authorization_type": "RFID"}


class Host:
    """One EVSE. `clock` gives the host's time; readings grow by `step_wh` with each event."""

    def __init__(
        self,
        client: Client,
        evse_id: int = 1,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        step_wh: float = 10.0,
    ) -> None:
        self.client = client
        self.evse_id = evse_id
        self.session: str | None = None
        self.energy_wh = 1000.0 * evse_id
        self._step_wh = step_wh
        self._clock = clock
        self._last = datetime.min.replace(tzinfo=UTC)

    def now(self) -> str:
        """The host's time, later with every call."""
        self._last = max(self._clock(), self._last + timedelta(milliseconds=1))
        return self._last.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def reading(self, timestamp: str) -> dict[str, Any]:
        self.energy_wh += self._step_wh
        return {
            "timestamp": timestamp,
            "energy_Wh_import": {"total": self.energy_wh},
            "power_W": {"total": 11_000.0},
            "current_A": {"L1": 16.0, "L2": 16.0, "L3": 16.0},
            "voltage_V": {"L1": 230.0, "L2": 230.0, "L3": 230.0},
        }

    def event(self, event: str, part: str | None = None, **fields: Any) -> dict[str, Any]:
        """Make a session event; with `part`, that member holds a reading and the fields."""
        timestamp = self.now()
        made: dict[str, Any] = {"uuid": self.session, "timestamp": timestamp, "event": event}
        if part is not None:
            made[part] = {"meter_value": self.reading(timestamp), **fields}
        return made

    async def ready(self, ready: bool = True) -> None:
        await self.client.evse(self.evse_id, "ReportReady", "b", ready)

    async def report(self, event: dict[str, Any]) -> None:
        await self.client.evse(self.evse_id, "ReportSessionEvent", "a{sv}", event)

    async def powermeter(self) -> None:
        await self.client.evse(self.evse_id, "ReportPowermeter", "a{sv}", self.reading(self.now()))

    async def plug_in(self) -> str:
        self.session = str(uuid4())
        await self.report(self.event("SessionStarted", "session_started", reason="EVConnected"))
        return self.session

    async def start(self, token: dict[str, Any] = TOKEN) -> None:
        await self.report(self.event("TransactionStarted", "transaction_started", id_tag=token))

    async def charge(self) -> None:
        await self.report(self.event("ChargingStarted"))

    async def pause(self) -> None:
        await self.report(self.event("ChargingPausedEV"))

    async def stop(self, reason: str = "Local") -> None:
        await self.report(self.event("TransactionFinished", "transaction_finished", reason=reason))

    async def unplug(self) -> None:
        await self.report(self.event("SessionFinished", "session_finished"))
        self.session = None

    async def charge_once(self) -> str:
        """A whole session, from plug-in to plug-out; returns its uuid."""
        session = await self.plug_in()
        await self.start()
        await self.charge()
        await self.stop()
        await self.unplug()
        return session


async def until_taken(report: Callable[[], Any], timeout_s: float = 30) -> None:
    """Repeat a report until the daemon has it, whether it is down or cannot write."""
    async with asyncio.timeout(timeout_s):
        while True:
            try:
                await report()
            except (BusError, TimeoutError) as error:
                name = getattr(error, "name", "timeout")
                if name.startswith("org.everest.Ocpp") and not name.endswith("StorageFailure"):
                    raise
                await asyncio.sleep(0.02)
            else:
                return
