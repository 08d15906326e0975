"""The whole station without a process: its blocks, its store on disk, its link to a CSMS in memory.

Time is virtual, the wire is two lists, the host and its agents are fakes; everything between is the
product: the blocks, the spelling of each version, the connection with its back-off, the delivery
of the durable queue, SQLite. `restarted` is the station after a power cut.
"""

import asyncio
import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import ocppd.csms.connection as connection_module
from ocppd.csms.connection import CsmsConnection
from ocppd.csms.spelling import SUBPROTOCOLS
from ocppd.csms.v16.configuration_keys import ConfigurationKeys
from ocppd.csms.versions import Spellings
from ocppd.csms.websocket import NotConnected
from ocppd.device_model.names import (
    InternalCtrlr,
    NetworkConfiguration,
    OCPPCommCtrlr,
    SecurityCtrlr,
)
from ocppd.station.evse import Evses
from ocppd.station.station import Settings, Station
from ocppd.store.seed import build_device_model
from ocppd.store.store import SqliteStore
from ocppd.tools.csms.messages import timestamp
from tests.fakes import FakeClock, World
from tests.torture.wire import usual_answer

TOPOLOGY = (("cType2",), ("cType2",))
# How often everything that is ready runs; more is needed only where a thread has to answer.
_ROUNDS = 400


class Line:
    """One connection in memory, as `ocppd.csms.websocket.Socket` is one on a network."""

    def __init__(self, csms: "CsmsInMemory", number: int, subprotocol: str) -> None:
        self.subprotocol = subprotocol
        self.number = number
        self.peer = "memory"
        self.ended_by_us = False
        self._csms = csms
        self._incoming: asyncio.Queue[str | None] = asyncio.Queue()
        self._open = True

    async def receive(self) -> str:
        text = await self._incoming.get() if self._open or not self._incoming.empty() else None
        if text is None:
            raise ConnectionError("the line is cut")
        return text

    async def send(self, text: str) -> None:
        if not self._open:
            raise ConnectionError("the line is cut")
        self._csms.take(self, json.loads(text))

    async def keep_alive(self, *_: object) -> None:
        await asyncio.Event().wait()

    async def close(self, _reason: str, _code: int = 1000) -> None:
        self.ended_by_us = True
        self.cut()

    def abort(self, _reason: str) -> None:
        self.ended_by_us = self.ended_by_us or self._open
        self.cut()

    def cut(self) -> None:
        """End it, from either side."""
        self._open = False
        self._incoming.put_nowait(None)

    def put(self, text: str) -> None:
        """Say something as the CSMS."""
        if self._open:
            self._incoming.put_nowait(text)


class CsmsInMemory:
    """A CSMS that answers at once, later, with errors or not at all; it keeps what it was told."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.reachable = True
        self.manner = "friendly"
        """`friendly`, `silent`, `failing` (CALLERROR), or `late` (answers when told to)."""
        self.line: Line | None = None
        self.lines = 0
        self.calls: list[list[Any]] = []
        """Every CALL of the station, resends too."""
        self.answers: dict[str, list[Any]] = {}
        """What the station answered, by message id."""
        self.asked: dict[str, str] = {}
        self.token_status = "Accepted"
        self.time: Callable[[], datetime] | None = None
        """The time that it tells; the real one without."""
        self.interval_s = 86_400
        self.heard: Callable[[list[Any], Line], None] = lambda _frame, _line: None
        self.open_calls: list[str] = []
        self._numbers: dict[str, int] = {}
        self._ids = itertools.count(1)
        self._late: list[tuple[Line, list[Any]]] = []

    async def dial(self, dialling: Any, *_: object, **__: object) -> Line:
        """Stand in for `ocppd.csms.websocket.dial`."""
        await asyncio.sleep(0)
        subprotocol = SUBPROTOCOLS[self.version]
        if not self.reachable or subprotocol not in dialling.subprotocols:
            raise NotConnected("connection refused by memory")
        if self.line is not None:
            self.line.cut()
        self.lines += 1
        self.line = Line(self, self.lines, subprotocol)
        return self.line

    def cut(self) -> None:
        """Break the line, as a network does."""
        if self.line is not None:
            self.line.cut()
        self.open_calls.clear()
        self._late.clear()

    def take(self, line: Line, frame: list[Any]) -> None:
        if frame[0] != 2:
            self.answers[frame[1]] = frame
            return
        self.calls.append(frame)
        self.heard(frame, line)
        registering = frame[2] in ("BootNotification", "Heartbeat")
        if self.manner == "silent" and not registering:
            return
        if self.manner == "failing" and not registering:
            line.put(json.dumps([4, frame[1], "InternalError", "not today", {}]))
            return
        if self.manner == "late" and not registering:
            self._late.append((line, frame))
            return
        self._answer(line, frame)

    def answer_late(self) -> None:
        """Answer what was held back."""
        late, self._late = self._late, []
        for line, frame in late:
            self._answer(line, frame)

    def _answer(self, line: Line, frame: list[Any]) -> None:
        _, message_id, action, payload = frame
        answer = usual_answer(self.version, action, payload)
        if "currentTime" in answer and self.time is not None:
            answer["currentTime"] = timestamp(self.time())
        if "interval" in answer:
            answer["interval"] = self.interval_s
        if action == "StartTransaction":
            # The same message, sent again, is the same transaction.
            number = self._numbers.setdefault(message_id, len(self._numbers) + 1)
            answer = {"transactionId": number, "idTagInfo": {"status": self.token_status}}
        elif action == "Authorize":
            key = "idTagInfo" if self.version == "1.6" else "idTokenInfo"
            answer = {key: {"status": self.token_status}}
        elif action == "TransactionEvent" and "idToken" in payload:
            answer = {"idTokenInfo": {"status": self.token_status}}
        line.put(json.dumps([3, message_id, answer]))

    def ask(self, action: str, payload: dict[str, Any]) -> str | None:
        """Send a CALL if there is a line; returns its message id."""
        if self.line is None:
            return None
        message_id = f"csms-{next(self._ids)}"
        self.asked[message_id] = action
        self.line.put(json.dumps([2, message_id, action, payload]))
        return message_id


class Lines:
    """A security log in memory."""

    def append(self, _line: str) -> None:
        """Forget it."""


class WholeStation:
    """The station; `csms` and the folder of its store outlive it."""

    def __init__(
        self,
        folder: Path,
        csms: CsmsInMemory,
        *,
        clock: FakeClock | None = None,
        values: dict[Any, Any] | None = None,
        versions: str | None = None,
        run: int = 1,
    ) -> None:
        self.folder = folder
        self.csms = csms
        self.clock = clock or FakeClock()
        self.faults: list[str] = []
        self._values = values or {}
        self._versions = versions or f"ocpp{csms.version}"
        self._run = run
        self._ids = itertools.count(1)
        self.world = World(clock=self.clock)
        self.world.tasks.start = self._start  # type: ignore[method-assign]
        self.store = SqliteStore(
            folder / "ocppd.db", now=self.clock.now, new_id=self._new_id, on_health=self._on_health
        )
        self.model = build_device_model(
            TOPOLOGY,
            values=self._settings(),
            stored=self.store.variables,
            store=self.store,
            cache=folder.parent / "device-model.json",
        )
        self.connection = CsmsConnection(
            self.model,
            self.store,
            self.clock,
            new_id=self._new_id,
            random=lambda: 0.5,
            traffic=lambda _traffic: None,
        )
        outside = replace(
            self.world.outside, store=self.store, csms=self.connection, new_id=self._new_id
        )
        self.station = Station(
            outside,
            self.model,
            Evses(TOPOLOGY),
            keys=ConfigurationKeys(
                self.model, active=lambda: self.connection.manners.names_transactions
            ),
            security_log=Lines(),
            settings=Settings(boot_id=f"boot-{run}"),
        )
        self.connection.attach(self.station, Spellings(self.station))

    def _settings(self) -> dict[Any, Any]:
        return {
            NetworkConfiguration.OcppCsmsUrl(1): "ws://memory",
            NetworkConfiguration.SecurityProfile(1): "1",
            NetworkConfiguration.Identity(1): "CP1",
            NetworkConfiguration.BasicAuthPassword(1): "0123456789abcdef",
            OCPPCommCtrlr.NetworkConfigurationPriority: "1",
            OCPPCommCtrlr.RetryBackOffRandomRange: "0",
            OCPPCommCtrlr.RetryBackOffWaitMinimum: "1",
            OCPPCommCtrlr.RetryBackOffRepeatTimes: "0",
            InternalCtrlr.SupportedOcppVersions: self._versions,
            SecurityCtrlr.Identity: "CP1",
            **self._values,
        }

    def _new_id(self) -> str:
        return f"{self._run:08d}-0000-4000-8000-{next(self._ids):012d}"

    def _on_health(self, failure: str | None) -> None:
        if failure is not None:
            self.faults.append(f"store: {failure}")

    def _start(self, work: Any, name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self.world.tasks._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self.world.tasks._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.faults.append(f"{task.get_name()}: {task.exception()!r}")

    def patch(self, patch: pytest.MonkeyPatch) -> None:
        """Have the connection dial into memory."""
        patch.setattr(connection_module, "dial", self.csms.dial)

    async def start(self) -> None:
        """Take back what was stored, and connect."""
        self.station.start()
        self.connection.start()
        await self.settle()

    async def settle(self) -> None:
        """Let everything run that needs no time to pass."""
        quiet = 0
        for _ in range(_ROUNDS):
            seen = self._progress()
            for _ in range(4):
                await asyncio.sleep(0)
            await self.store.durable()
            await asyncio.sleep(0)
            quiet = quiet + 1 if self._progress() == seen else 0
            if quiet >= 4:
                return

    def _progress(self) -> tuple[object, ...]:
        return (
            len(self.csms.calls),
            len(self.csms.answers),
            self.store.written,
            self.csms.lines,
            len(self.world.host.heard),
            self.clock.timers,
        )

    async def pass_time(self, seconds: float, step_s: float = 1.0) -> None:
        """Let time pass step by step, so that what is due runs in between."""
        passed = 0.0
        while passed < seconds:
            step = min(step_s, seconds - passed)
            self.clock.advance(step)
            passed += step
            await self.settle()

    async def stop(self) -> None:
        """End this run, as SIGTERM does."""
        self.connection.stop()
        await self.connection.ended()
        for task in list(self.world.tasks._tasks):
            task.cancel()
        self.store.close()

    async def restarted(self) -> "WholeStation":
        """Return the station after the daemon was ended and started anew."""
        await self.stop()
        self.csms.cut()
        again = WholeStation(
            self.folder,
            self.csms,
            clock=_same_time(self.clock),
            values=self._values,
            versions=self._versions,
            run=self._run + 1,
        )
        again.faults = self.faults
        await again.start()
        return again


def _same_time(clock: FakeClock) -> FakeClock:
    """Return a clock that shows the same time, and has no timers of the run before."""
    return FakeClock(clock.now())
