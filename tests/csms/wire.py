"""A link with a wire that a test holds in its hands."""

import asyncio
import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ocppd.csms.link import Link, Surroundings
from ocppd.csms.payload import Payload, Route
from ocppd.csms.spelling import Message, Outgoing, Spelling, gate_of_2, gate_of_16
from ocppd.csms.traffic import Traffic
from ocppd.errors import StorageFailure
from ocppd.model.manners import Manners
from ocppd.model.registration import Heartbeat, HeartbeatResponse
from ocppd.ocppj.frames import Dialect
from ocppd.station.answer import Answer
from tests.fakes import FakeClock

NOW = "2026-03-01T12:00:00Z"


class Stored:
    """A disk that is as slow or as broken as the test wants."""

    def __init__(self) -> None:
        self.written = 0
        self.gate: asyncio.Event | None = None
        self.failure: str | None = None

    async def durable(self) -> None:
        if self.failure is not None:
            raise StorageFailure(self.failure)
        if self.gate is not None:
            await self.gate.wait()


class Bench:
    """A link, what it sent, and what it told."""

    def __init__(
        self,
        dialect: Dialect = Dialect.OCPP_201,
        routes: dict[str, Route] | None = None,
        encode_entry: Callable[..., list[Message]] = lambda _entry, _facts: [],
    ) -> None:
        self.sent: list[Any] = []
        self.traffic: list[Traffic] = []
        self.events: list[tuple[str, str]] = []
        self.status: str | None = "Accepted"
        self.clock = FakeClock()
        self.stored = Stored()
        self.timeout_s = 30.0
        self.broken = False
        self.answers: dict[str, Payload] = {}
        ids = itertools.count(1)
        surroundings = Surroundings(
            clock=self.clock,
            stored=self.stored,
            new_id=lambda: f"our-{next(ids)}",
            registration=lambda: self.status,
            message_timeout_s=lambda: self.timeout_s,
            traffic=self.traffic.append,
            security_event=lambda kind, info: self.events.append((kind, info)),
        )
        heartbeat = Outgoing(
            "Heartbeat",
            lambda _request: {},
            lambda payload: HeartbeatResponse(
                datetime.fromisoformat(payload["currentTime"]).astimezone(UTC)
            ),
        )
        spelling = Spelling(
            dialect=dialect,
            manners=Manners(),
            routes=routes or {},
            requests={Heartbeat: heartbeat},
            encode_entry=encode_entry,
            gate=gate_of_16 if dialect is Dialect.OCPP_16 else gate_of_2,
        )
        self.link = Link(spelling, self, surroundings)

    async def send(self, text: str) -> None:
        if self.broken:
            raise ConnectionError("the wire is cut")
        frame = json.loads(text)
        self.sent.append(frame)
        if frame[0] == 2 and frame[2] in self.answers:
            asyncio.get_running_loop().call_soon(self.say, 3, frame[1], self.answers[frame[2]])

    def say(self, *frame: Any) -> None:
        """Say something as the CSMS."""
        self.link.receive(json.dumps(frame))

    async def ask(self, action: str, payload: Payload, message_id: str = "7") -> Any:
        """Send a CALL as the CSMS and return what comes first after it."""
        before = len(self.sent)
        self.say(2, message_id, action, payload)
        await settle()
        return self.sent[before] if len(self.sent) > before else None


def answering(result: Payload, then: Callable[[], None] | None = None) -> Route:
    """Make a route that always answers the same."""

    async def route(_payload: Payload) -> Answer[Payload]:
        return Answer(result) if then is None else Answer(result, then)

    return route


async def settle() -> None:
    """Let everything that is ready run."""
    for _ in range(20):
        await asyncio.sleep(0)
