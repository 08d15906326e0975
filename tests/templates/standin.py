"""A private bus with the template of ocppd on it, as a process of its own.

async with StandIn() as ocppd, Simulator(ocppd.address) as host:
    await host.ready()
    assert "SessionStarted" in await ocppd.events(1)
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.client import Client, variant
from tests.private_bus import PrivateBus

TEMPLATE = Path(__file__).with_name("ocppd.py")
MOCK = "org.freedesktop.DBus.Mock"


class StandIn:
    """The bus, the stand-in and a client of it; `parameters` are the template's."""

    def __init__(self, *, start: bool = True, **parameters: Any) -> None:
        self._parameters = parameters
        self._start = start
        self._process: asyncio.subprocess.Process | None = None
        self.bus = PrivateBus()
        self.client = Client(self.bus.address)

    @property
    def address(self) -> str:
        return self.bus.address

    async def __aenter__(self) -> Self:
        self.bus.start()
        await self.client.__aenter__()
        if self._start:
            await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.kill()
        await self.client.__aexit__(kind, error, traceback)
        self.bus.__exit__(kind, error, traceback)

    async def start(self) -> None:
        """Start the stand-in; what an earlier one was told is gone."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "dbusmock",
            "--template",
            str(TEMPLATE),
            "--parameters",
            json.dumps(self._parameters),
            "--logfile",
            os.devnull,
            env={**self.bus.environment, "PYTHONWARNINGS": "ignore"},
        )
        await self.client.wait_until_owned()
        # The name is there before the template is loaded.
        async with asyncio.timeout(10):
            while not await self._loaded():
                await asyncio.sleep(0.02)

    async def _loaded(self) -> bool:
        xml = await self.client.call(
            "Introspect", path="/org/everest/Ocpp", interface="org.freedesktop.DBus.Introspectable"
        )
        return "RegisterAgent" in xml

    async def kill(self) -> None:
        """End the stand-in at once."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None

    async def do(self, member: str, signature: str, *arguments: Any) -> Any:
        """Call one of the template's methods for tests."""
        return await self.client.call(member, signature, *arguments, interface=MOCK)

    async def agent(self, interface: str, member: str, *arguments: Any) -> Any:
        """Call the host's agent."""
        values = [variant(argument) for argument in arguments]
        signature = "".join(one for one, _ in values)
        return await self.client.call(
            "CallAgent", "sssav", interface, member, signature, values, interface=MOCK
        )

    async def reports(self, evse_id: int) -> list[dict[str, Any]]:
        """Return what the host has reported of an EVSE, oldest first."""
        reports: list[dict[str, Any]] = await self.do("GetReports", "i", evse_id)
        return reports

    async def session_events(self, evse_id: int) -> list[dict[str, Any]]:
        """Return the session events of an EVSE."""
        return [
            report["argument"]
            for report in await self.reports(evse_id)
            if report["member"] == "ReportSessionEvent"
        ]

    async def events(self, evse_id: int) -> list[str]:
        """Return the names of the session events of an EVSE."""
        return [event["event"] for event in await self.session_events(evse_id)]
