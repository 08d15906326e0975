"""The link: one connection to the CSMS, in one version of OCPP.

It answers the CALLs of the CSMS, each in a task of its own, and asks CALLs for the station, one at
a time. That rule is for each side by itself (part 4, 4.1.1): a CALL of the CSMS that is still being
answered holds up none of the station's, or a handler could never ask the CSMS. The socket is
somebody else's: text comes in by `receive`, goes out by a `Wire`.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ocppd.clock import Clock, Timer
from ocppd.csms import validators
from ocppd.csms.masking import masked
from ocppd.csms.payload import Payload, RpcError
from ocppd.csms.spelling import SILENCE, Message, Spelling
from ocppd.csms.traffic import Direction, OnTraffic, Traffic
from ocppd.errors import NoAnswer, NotSpoken, Refused, StorageFailure
from ocppd.model.requests import CsmsRequest
from ocppd.ocppj.frames import (
    BadFrame,
    Call,
    CallError,
    CallResult,
    CallResultError,
    Frame,
    IgnoredFrame,
    Send,
    parse,
    refusal_of,
    text_of,
)
from ocppd.ocppj.rpc import Asked, Failure, Late, Rpc, Unasked
from ocppd.station.answer import Answer, nothing

_LOG = logging.getLogger(__name__)

# A CSMS asks one CALL at a time; one that does not gets errors beyond this many.
_MAX_BEING_ANSWERED = 100
# What goes before all else that waits: without the one nothing may be said, and a driver stands at
# the charger until the other is answered.
_URGENT = ("BootNotification", "Authorize")
# A CSMS that answers nothing for a long time shall not fill the memory.
_MAX_WAITING = 200
# Late responses that are kept, should their message be tried again.
_MAX_LATE = 16
# A CSMS that sends nothing but rubbish makes one security event in so many seconds.
_INVALID_MESSAGES_PAUSE_S = 60.0


class NotSent(NoAnswer):
    """The CALL never went out: its failure says nothing of what the CSMS thinks of it."""


class Wire(Protocol):
    """Where text goes out."""

    async def send(self, text: str) -> None:
        """Put a text on the wire, in order; raises ConnectionError when there is none."""


class Stored(Protocol):
    """What an answer waits for."""

    @property
    def written(self) -> int:
        """How many units of work were written so far."""

    async def durable(self) -> None:
        """Wait until everything written so far is on disk; raises StorageFailure."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every link of the daemon uses.

    `registration` tells the registration status (None before the first answer),
    `message_timeout_s` how long the CSMS may take for an answer; `security_event` takes a type and
    a text.
    """

    clock: Clock
    stored: Stored
    new_id: Callable[[], str]
    registration: Callable[[], str | None]
    message_timeout_s: Callable[[], float]
    traffic: OnTraffic
    security_event: Callable[[str, str], None]


class Link:
    """One connection, from the handshake to its end."""

    def __init__(self, spelling: Spelling, wire: Wire, surroundings: Surroundings) -> None:
        self.spelling = spelling
        self._wire = wire
        self._around = surroundings
        self._dialect = spelling.dialect
        self._routes = spelling.routes
        self._actions = validators.actions(spelling.dialect)
        self._rpc = Rpc()
        self._turns: dict[Asked, asyncio.Future[None]] = {}
        self._answers: dict[Asked, asyncio.Future[CallResult | CallError]] = {}
        self._timers: dict[Asked, Timer] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._late: OrderedDict[str, CallResult] = OrderedDict()
        self._invalid_messages = 0
        self._next_invalid_event = float("-inf")
        self._closed = False
        self._cut_during: str | None = None

    @property
    def closed(self) -> bool:
        """Whether the connection has ended."""
        return self._closed

    @property
    def cut_during(self) -> str | None:
        """The id of the CALL that the CSMS had not answered when it ended the connection."""
        return self._cut_during

    # What the CSMS says.

    def receive(self, data: str | bytes) -> None:
        """Take what came from the CSMS. Never raises, whatever it is."""
        frame = parse(data, self._dialect)
        match frame:
            case Call():
                self._told(data)
                self._begin(frame)
            case CallResult() | CallError():
                self._on_answer(frame, data)
            case CallResultError(_, code, description):
                self._told(data, f"our answer was refused: {code}")
                _LOG.warning("the CSMS refused an answer: %s %s", code, description)
            case Send(_, action, _):
                # 2.1 has no message of this type from the CSMS, and none may be answered (4.2.4).
                self._told(data, "not expected from a CSMS")
                _LOG.debug("ignored the unconfirmed message %s", action)
            case IgnoredFrame(message_type):
                self._told(data, "unknown message type")
                _LOG.debug("ignored a message of type %d", message_type)
            case BadFrame():
                self._on_bad_frame(frame, data)

    def _on_bad_frame(self, bad: BadFrame, data: str | bytes) -> None:
        self._told(data, bad.reason)
        self._invalid(bad.reason)
        if bad.message_type == 3 and bad.message_id is not None:
            # Whoever asked shall not wait for the time limit.
            outcome = self._rpc.answered(CallError(bad.message_id, bad.code, bad.reason))
            if isinstance(outcome, Asked):
                self._settle(outcome)
        refusal = refusal_of(bad, self._dialect)
        if refusal is not None:
            self._start(self._send(refusal, bad.reason))

    def _begin(self, call: Call) -> None:
        reason = None
        if self._rpc.being_answered >= _MAX_BEING_ANSWERED:
            reason = "too many requests at once"
        elif not self._rpc.begin(call.message_id):
            reason = "a message with this id is being handled"
        if reason is None:
            self._start(self._answer(call))
        else:
            self._invalid(reason)
            self._start(self._send(CallError(call.message_id, "GenericError", reason), reason))

    async def _answer(self, call: Call) -> None:
        """Answer one CALL, then do what follows from the answer, which never overtakes it.

        It follows also from an answer that cannot be stored or sent: the decision is in force, in
        memory. Only what the CSMS has to know of before it happens is left (`Answer.unsaid`).
        """
        stored = self._around.stored
        written = stored.written
        try:
            answer = await self._answer_to(call)
            if not isinstance(answer, Answer):
                if answer is not None:
                    await self._send(answer, answer.description or answer.code)
                return
            said = await self._say(call, answer, stored.written != written)
        finally:
            self._rpc.end(call.message_id)
        follows = answer.then if said or answer.unsaid is None else answer.unsaid
        if follows is not nothing:
            self._follow(call.action, follows)

    async def _say(self, call: Call, answer: Answer[Payload], has_written: bool) -> bool:
        """Send a response when what it acknowledges is on disk; False if the CSMS has it not."""
        try:
            if has_written:
                await self._around.stored.durable()
        except StorageFailure as error:
            _LOG.error("%s: not acknowledged, because it is not stored: %s", call.action, error)
            refusal = self._refuse(call, RpcError("InternalError", "storage failure"))
            await self._send(refusal, refusal.description)
            return False
        return await self._send(CallResult(call.message_id, answer.result))

    async def _answer_to(self, call: Call) -> Answer[Payload] | CallError | None:
        try:
            return await self._answer_of_station(call)
        except RpcError as error:
            return self._refuse(call, error)
        except Exception:
            _LOG.exception("%s failed", call.action)
            return self._refuse(call, RpcError("InternalError", "internal error"))

    async def _answer_of_station(self, call: Call) -> Answer[Payload] | CallError | None:
        action, payload = call.action, call.payload
        route = self._routes.get(action)
        if route is None:
            code = "NotSupported" if action in self._actions else "NotImplemented"
            return self._refuse(call, RpcError(code, f"{action[:100]} is not supported"))
        fault = validators.check_request(self._dialect, action, payload)
        if fault is not None:
            self._invalid(f"{action}: {fault.text}")
            return self._refuse(call, RpcError(fault.code, fault.text))
        status = self._around.registration()
        if status != "Accepted":
            verdict = self.spelling.gate(status, action, payload)
            if verdict is SILENCE:
                _LOG.info("%s is not answered before the CSMS has accepted us", action)
                return None
            if isinstance(verdict, RpcError):
                return self._refuse(call, verdict)
            if isinstance(verdict, dict):
                return Answer(verdict)
        return await route(payload)

    def _refuse(self, call: Call, error: RpcError) -> CallError:
        _LOG.info("refused %s: %s", call.action[:100], error)
        return CallError(
            call.message_id,
            self._dialect.spelled(error.code),
            error.description,
            error.details or {},
        )

    def _follow(self, action: str, then: Callable[[], None]) -> None:
        try:
            then()
        except Exception:
            _LOG.exception("what follows from %s failed", action)

    # What the station says.

    async def call(self, request: CsmsRequest[Any]) -> Any:
        """Ask the CSMS; returns the decoded response.

        Raises:
            NotSpoken: this version has no word for the request
            NoAnswer: the time limit passed, or the connection ended; NotSent if it never went out
            Refused: the CSMS answered with a CALLERROR, or against its own schema

        """
        outgoing = self.spelling.requests.get(type(request))
        if outgoing is None:
            raise NotSpoken(f"OCPP {self.spelling.version} has no {type(request).__name__}")
        message = Message(outgoing.action, outgoing.encode(request), outgoing.decode)
        first = outgoing.action in _URGENT
        return await self.exchange(message, self._around.new_id(), first=first)

    async def exchange(self, message: Message, message_id: str, *, first: bool = False) -> Any:
        """Send a CALL when it is its turn and return the decoded response; raises as `call`.

        A message that is tried again, under the same id, is not sent if the response to an earlier
        try came in the meantime.
        """
        if self._closed:
            raise NotSent("the connection has ended")
        if self._rpc.waiting >= _MAX_WAITING:
            raise NotSent(f"{message.action}: too many requests wait for the CSMS already")
        late = self._late.pop(message_id, None)
        if late is not None:
            return self._decoded(message, late)
        call = Call(message_id, message.action, message.payload)
        text = text_of(call)
        asked = self._rpc.ask(call, first=first)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[CallResult | CallError] = loop.create_future()
        self._answers[asked] = answer
        if self._rpc.next_to_send() is not asked:
            turn: asyncio.Future[None] = loop.create_future()
            self._turns[asked] = turn
            try:
                await turn
            except asyncio.CancelledError:
                self._rpc.give_up(asked)
                self._answers.pop(asked, None)
                if self._rpc.in_flight is asked:  # its turn came and it will never be sent
                    self._abandon(asked)
                raise
            finally:
                self._turns.pop(asked, None)
            if self.closed:  # its turn came in the very step in which the connection ended
                self._answers.pop(asked, None)
                raise NotSent(f"{message.action}: the connection ended")
        self._timers[asked] = self._around.clock.call_later(
            self._around.message_timeout_s(), lambda: self._time_out(asked)
        )
        try:
            await self._transmit(text)
            received = await answer
        except ConnectionError as error:
            self._abandon(asked)
            raise NotSent(f"{message.action}: {error}") from None
        return self._decoded(message, received)

    def _decoded(self, message: Message, answer: CallResult | CallError) -> Any:
        if isinstance(answer, CallError):
            raise Refused(answer.code, answer.description)
        fault = validators.check_response(self._dialect, message.action, answer.payload)
        if fault is None:
            try:
                return message.decode(answer.payload)
            except RpcError as error:
                code, text = error.code, error.description
            except Exception:
                _LOG.exception("the response to %s cannot be read", message.action)
                code, text = "InternalError", "internal error"
        else:
            code, text = fault.code, fault.text
        reason = f"{message.action}: {text}"
        self._invalid(reason)
        if self._dialect.has_results_refused:
            self._start(self._send(CallResultError(answer.message_id, code, text), text))
        raise Refused(self._dialect.spelled(code), f"in the response: {text}")

    def _on_answer(self, answer: CallResult | CallError, data: str | bytes) -> None:
        match self._rpc.answered(answer):
            case Asked() as asked:
                refused = f"refused: {answer.code}" if isinstance(answer, CallError) else None
                self._told(data, refused)
                self._settle(asked)
            case Late(call, late):
                self._told(data, "came after the time limit")
                if isinstance(late, CallResult):
                    self._late[late.message_id] = late
                    if len(self._late) > _MAX_LATE:
                        self._late.popitem(last=False)
                _LOG.warning("the answer to %s came after the time limit", call.action)
            case Unasked():
                self._told(data, "answers nothing that was asked")
                _LOG.warning("an answer to nothing that was asked was dropped")

    def _time_out(self, asked: Asked) -> None:
        if self._rpc.time_out(asked):
            _LOG.warning("%s was not answered in time", asked.call.action)
            self._settle(asked)

    def _abandon(self, asked: Asked) -> None:
        """End a CALL that cannot be sent, so that others get their turn."""
        if self._rpc.time_out(asked):
            self._answers.pop(asked, None)
            self._settle(asked)

    def _settle(self, asked: Asked) -> None:
        """Tell the asker what became of its CALL, and give the next one its turn."""
        timer = self._timers.pop(asked, None)
        if timer is not None:
            timer.cancel()
        answer = self._answers.pop(asked, None)
        if answer is not None and not answer.done():
            match asked.outcome:
                case CallResult() | CallError() as received:
                    answer.set_result(received)
                case Failure.TIMEOUT:
                    answer.set_exception(NoAnswer(f"{asked.call.action}: no answer in time"))
                case _:
                    answer.set_exception(NoAnswer(f"{asked.call.action}: the connection ended"))
        following = self._rpc.next_to_send()
        if following is not None:
            turn = self._turns.get(following)
            if turn is not None and not turn.done():
                turn.set_result(None)

    # The wire.

    async def _send(self, frame: Frame, reason: str | None = None) -> bool:
        """Send what nobody waits for; returns whether it went out as it is.

        A connection that ended meanwhile is no mistake here.
        """
        sound = True
        try:
            text = text_of(frame)
        except (TypeError, ValueError, RecursionError):
            _LOG.exception("an answer cannot be written as JSON")
            text = text_of(CallError(frame.message_id, "InternalError", "internal error"))
            sound = False
        try:
            await self._transmit(text, reason)
        except ConnectionError:
            _LOG.debug("an answer was not sent: the connection has ended")
            return False
        return sound

    async def _transmit(self, text: str, reason: str | None = None) -> None:
        if self._closed:
            raise ConnectionError("the connection has ended")
        await self._wire.send(text)
        self._show(Direction.TO_CSMS, text, reason)

    def _told(self, data: str | bytes, reason: str | None = None) -> None:
        text = data if isinstance(data, str) else f"({len(data)} bytes)"
        self._show(Direction.FROM_CSMS, text, reason)

    def _show(self, direction: Direction, text: str, reason: str | None) -> None:
        shown = masked(text)
        try:
            self._around.traffic(
                Traffic(direction, shown, self.spelling.version, shown is not text, reason)
            )
        except Exception:
            _LOG.exception("a message was not shown")

    def _invalid(self, reason: str) -> None:
        """Raise InvalidMessages, once in a while however many there are."""
        self._invalid_messages += 1
        now = self._around.clock.monotonic()
        if now < self._next_invalid_event:
            return
        self._next_invalid_event = now + _INVALID_MESSAGES_PAUSE_S
        count = (
            f"{self._invalid_messages} messages, the last: " if (self._invalid_messages > 1) else ""
        )
        self._invalid_messages = 0
        self._around.security_event("InvalidMessages", f"{count}{reason}"[:255])

    # The end.

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _LOG.error("the link failed", exc_info=task.exception())

    async def finish(self, limit_s: float) -> None:
        """Let the answers that are being made go out, for at most so long."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=limit_s)

    def close(self, *, cut: bool = False) -> None:
        """End: whoever waits for an answer gets NoAnswer; `cut` tells that the CSMS ended it.

        What the CSMS asked for is gone through with, its answer is not sent any more.
        """
        self._closed = True
        in_flight = self._rpc.in_flight
        if cut and in_flight is not None and in_flight in self._timers:
            self._cut_during = in_flight.call.message_id
        for asked in self._rpc.disconnect():
            turn = self._turns.get(asked)
            if turn is None:
                self._settle(asked)
            elif not turn.done():
                self._answers.pop(asked, None)
                turn.set_exception(NotSent(f"{asked.call.action}: the connection ended"))
