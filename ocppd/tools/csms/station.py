"""One station: its present connection, and the CALLs in both directions."""

import asyncio
import contextlib
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from uuid import uuid4

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from ocppd.tools import frames
from ocppd.tools.csms.answers import ANSWERS, TO_STATION, Backoffice
from ocppd.tools.csms.messages import Direction
from ocppd.tools.csms.rules import Rule, Rules
from ocppd.tools.csms.strict import Schemas
from ocppd.tools.frames import Frame, Kind

_LOG = logging.getLogger(__name__)
_SEND_TIMEOUT_S = 30.0
_BOOKED = frozenset({"MeterValues", "StartTransaction", "StopTransaction", "TransactionEvent"})
"""What the ledger has to see, also where a handler decides on the answer."""

Payload = dict[str, Any]
Handler = Callable[["Station", Payload], Payload | Awaitable[Payload | None] | None]
"""Answers a CALL instead of the usual answer; None means the usual answer after all."""


class Disconnected(Exception):
    """The station is not connected, or went before it answered."""


class CallFailed(Exception):
    """The station answered with a CALLERROR."""

    def __init__(self, code: str, description: str = "", details: Any = None) -> None:
        super().__init__(f"{code}: {description}" if description else code)
        self.code = code
        self.description = description
        self.details = details


class Refusal(Exception):
    """Raised by a handler: the CALL is answered with this CALLERROR."""

    def __init__(self, code: str, description: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.description = description


class Context(Protocol):
    """What a station needs of the CSMS."""

    office: Backoffice
    rules: Rules
    handlers: dict[str, Handler]
    schemas: Schemas | None
    enforce_boot: bool

    def passed(self, station: "Station", direction: Direction, frame: Frame, action: str) -> None:
        """Record a frame."""


class Station:
    """A station that has been connected; the object outlives its connections."""

    def __init__(self, station_id: str, context: Context) -> None:
        self.id = station_id
        self.version = ""
        """Of the present or last connection."""
        self.connection = 0
        """The number of the present or last connection; 0 before the first."""
        self.registration: str | None = None
        """The status in the last BootNotification answer, if there was one."""
        self.triggered: set[str] = set()
        """What the CSMS asked for, and the station may therefore send before it is accepted."""
        self._context = context
        self._websocket: ServerConnection | None = None
        self._waiting: dict[str, tuple[str, asyncio.Future[Frame]]] = {}
        self._asked: dict[str, str] = {}
        """Actions of the CALLs sent on this connection, to name the answers."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._one_call = asyncio.Lock()

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._websocket is not None

    # the connection

    async def serve(self, websocket: ServerConnection, version: str, connection: int) -> None:
        """Read from a connection until it ends."""
        self.version, self.connection = version, connection
        self._websocket = websocket
        try:
            async for text in websocket:
                if self._websocket is not websocket:
                    break  # displaced: what the old line still carries is nobody's
                self._received(frames.parse(text))
        except ConnectionClosed:
            pass
        finally:
            if self._websocket is websocket:
                self._drop_connection()

    def _drop_connection(self) -> None:
        self._websocket = None
        self._asked.clear()
        waiting, self._waiting = self._waiting, {}
        for _, future in waiting.values():
            if not future.done():
                future.set_exception(Disconnected(f"{self.id} is gone"))
                future.exception()  # nobody may be waiting any more
        for task in list(self._tasks):
            task.cancel()

    async def close(self, code: int = 1000, reason: str = "", *, abort: bool = False) -> None:
        """End the connection: with a close frame, or as a broken line does."""
        websocket = self._websocket
        if websocket is None:
            return
        self._drop_connection()
        if abort:
            websocket.transport.abort()
        else:
            await websocket.close(code, reason)

    async def send_text(self, text: str) -> None:
        """Send any text as one message, a frame or not.

        Raises Disconnected.
        """
        websocket = self._websocket
        if websocket is None:
            raise Disconnected(f"{self.id} is not connected")
        frame = frames.parse(text)
        self._context.passed(self, Direction.OUT, frame, frame.action)
        await self._put(websocket, text)

    async def _send(self, text: str, action: str) -> None:
        websocket = self._websocket
        if websocket is None:
            raise Disconnected(f"{self.id} is not connected")
        self._context.passed(self, Direction.OUT, frames.parse(text), action)
        await self._put(websocket, text)

    async def _put(self, websocket: ServerConnection, text: str) -> None:
        try:
            async with asyncio.timeout(_SEND_TIMEOUT_S):  # unlike wait_for it swallows no end
                await websocket.send(text)
        except (ConnectionClosed, TimeoutError) as error:
            raise Disconnected(f"{self.id} is gone") from error

    # CALLs to the station

    async def call(self, action: str, payload: Payload | None = None, timeout_s: float = 30) -> Any:
        """Send a CALL and return the payload of its CALLRESULT.

        CALLs wait for each other: OCPP-J allows one at a time in each direction.
        Raises CallFailed on a CALLERROR, Disconnected, TimeoutError after `timeout_s`.
        """
        async with self._one_call:
            message_id = str(uuid4())
            future: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
            self._waiting[message_id] = (action, future)
            self._note_trigger(action, payload or {})
            try:
                self._asked[message_id] = action
                await self._send(frames.call(message_id, action, payload or {}), action)
                async with asyncio.timeout(timeout_s):
                    frame = await future
            finally:
                self._waiting.pop(message_id, None)
        if frame.kind is Kind.CALL_ERROR:
            raise CallFailed(frame.error_code, frame.description, frame.payload)
        await self._check_answer(action, frame)
        return frame.payload

    def _note_trigger(self, action: str, payload: Payload) -> None:
        if action in ("TriggerMessage", "ExtendedTriggerMessage"):
            wanted = str(payload.get("requestedMessage", ""))
            self.triggered.add("SignCertificate" if wanted.startswith("Sign") else wanted)
        elif action in ("GetBaseReport", "GetReport"):
            self.triggered.add("NotifyReport")
        elif action == "GetMonitoringReport":
            self.triggered.add("NotifyMonitoringReport")

    async def _check_answer(self, action: str, frame: Frame) -> None:
        """With strict validation, tell a 2.1 station of an answer that breaks its schema."""
        schemas = self._context.schemas
        if schemas is None or action not in TO_STATION[self.version]:
            return
        fault = schemas.fault(self.version, action, frame.payload, response=True)
        if fault is None:
            return
        if self.version == "2.1":
            text = frames.call_result_error(frame.message_id, fault.code, fault.text)
            with contextlib.suppress(Disconnected):
                await self._send(text, action)
        raise CallFailed(fault.code, f"the answer breaks its schema: {fault.text}", frame.payload)

    # CALLs from the station

    def _received(self, frame: Frame) -> None:
        match frame.kind:
            case Kind.CALL:
                self._context.passed(self, Direction.IN, frame, frame.action)
                self._start(self._answer(frame))
            case Kind.SEND:
                self._context.passed(self, Direction.IN, frame, frame.action)
            case Kind.CALL_RESULT | Kind.CALL_ERROR | Kind.CALL_RESULT_ERROR:
                action = self._asked.get(frame.message_id, "")
                self._context.passed(self, Direction.IN, frame, action)
                _, future = self._waiting.get(frame.message_id, ("", None))
                if future is not None and not future.done():
                    future.set_result(frame)
            case Kind.BAD:
                self._context.passed(self, Direction.IN, frame, frame.action)
                self._start(self._answer_bad(frame))

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer_bad(self, frame: Frame) -> None:
        """Say that a frame cannot be read, where the version has words for it.

        2.x answers RpcFrameworkError, with the id -1 when none can be read; 1.6 has
        FormationViolation for a CALL with an id and nothing for the rest. Unknown message types
        are ignored.
        """
        if frame.description.startswith("unknown message type"):
            return
        with contextlib.suppress(Disconnected):
            if self.version != "1.6":
                text = frames.call_error(
                    frame.message_id or "-1", "RpcFrameworkError", frame.description
                )
                await self._send(text, frame.action)
            elif frame.message_id and "Call" in frame.description:
                text = frames.call_error(frame.message_id, "FormationViolation", frame.description)
                await self._send(text, frame.action)

    async def _answer(self, frame: Frame) -> None:
        try:
            # The decision is taken before the first await: what the CSMS books keeps the order
            # in which the station told it.
            usual = self._decide(frame)
            rule = self._context.rules.take(frame.action)
            text = await usual if inspect.isawaitable(usual) else usual
            if rule is not None:
                await self._misbehave(rule, frame, text)
            else:
                await self._send(text, frame.action)
        except Disconnected:
            _LOG.debug("%s left before %s was answered", self.id, frame.action)

    def _decide(self, frame: Frame) -> str | Awaitable[str]:
        refusal = self._refusal(frame)
        if refusal is not None:
            return frames.call_error(frame.message_id, refusal.code, refusal.description)
        handler = self._context.handlers.get(frame.action)
        if handler is not None:
            return self._handled(handler, frame)
        return self._usual(frame)

    def _refusal(self, frame: Frame) -> Refusal | None:
        answers = ANSWERS[self.version]
        if frame.action in TO_STATION[self.version] and frame.action not in answers:
            return Refusal("NotSupported", f"{frame.action} is sent by a CSMS")
        if frame.action not in answers and frame.action not in self._context.handlers:
            return Refusal("NotImplemented", f"{frame.action} is not an action of {self.version}")
        # B02.FR.09, B03.FR.07; recommended for 1.6 by its errata.
        if (
            self._context.enforce_boot
            and self.registration in ("Pending", "Rejected")
            and frame.action != "BootNotification"
            and frame.action not in self.triggered
        ):
            return Refusal("SecurityError", f"registration is {self.registration}")
        if self._context.schemas is not None:
            fault = self._context.schemas.fault(self.version, frame.action, frame.payload)
            if fault is not None:
                return Refusal(fault.code, fault.text)
        return None

    def _usual(self, frame: Frame) -> str:
        try:
            answer = ANSWERS[self.version][frame.action](self._context.office, self, frame.payload)
        except (AttributeError, TypeError, KeyError, IndexError) as error:
            # Without strict validation any payload may come: this one is not built as it should be.
            return frames.call_error(frame.message_id, "TypeConstraintViolation", repr(error))
        return self._result(frame, answer)

    def _result(self, frame: Frame, answer: Payload) -> str:
        if frame.action == "BootNotification":
            self.registration = answer.get("status")
            if self.registration == "Accepted":
                self.triggered.clear()
        return frames.call_result(frame.message_id, answer)

    async def _handled(self, handler: Handler, frame: Frame) -> str:
        booked = self._usual(frame) if frame.action in _BOOKED else None
        try:
            answer = handler(self, frame.payload)
            if inspect.isawaitable(answer):
                answer = await answer
        except Refusal as refusal:
            return frames.call_error(frame.message_id, refusal.code, refusal.description)
        except Exception:
            _LOG.exception("the handler of %s failed", frame.action)
            return frames.call_error(frame.message_id, "InternalError", "the handler failed")
        if answer is None:
            return booked or self._usual(frame)
        return self._result(frame, answer)

    async def _misbehave(self, rule: Rule, frame: Frame, usual: str) -> None:
        if rule.delay_s:
            await asyncio.sleep(rule.delay_s)
        if rule.close:
            # From a task of its own: closing cancels the answers in progress, this one too.
            closing = asyncio.create_task(
                self.close(1001, "as ordered", abort=rule.close == "abort")
            )
            await asyncio.shield(closing)
        elif rule.drop:
            _LOG.debug("no answer to %s, as ordered", frame.action)
        elif rule.garbage is not None:
            await self.send_text(rule.garbage)
        elif rule.error is not None:
            text = frames.call_error(frame.message_id, rule.error, rule.description)
            await self._send(text, frame.action)
        elif rule.answer is not None:
            await self._send(self._result(frame, rule.answer), frame.action)
        else:
            await self._send(usual, frame.action)
