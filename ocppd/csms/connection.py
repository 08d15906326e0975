"""The CSMS as the station sees it: one connection, made again whenever it is lost.

It chooses the way (network_profiles), dials (websocket), gives the wire to a link in the version
that the CSMS chose, and has the durable queue delivered over it.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from ocppd.clock import Clock
from ocppd.csms.back_off import BackOff
from ocppd.csms.delivery import MAX_MESSAGE_SIZE, ORPHAN_AFTER_S, Delivery, Queue
from ocppd.csms.dialler import Dialler, Files, Options
from ocppd.csms.keeping import Keeping, pace_s
from ocppd.csms.link import Link, Stored, Surroundings
from ocppd.csms.listener import Listener
from ocppd.csms.network_profiles import (
    NetworkProfile,
    NotConfigured,
    Rotation,
    Unusable,
    preferred_version,
    profile_of,
    version_spoken_last,
)
from ocppd.csms.refusals import NotConnected
from ocppd.csms.returning import Returning
from ocppd.csms.spelling import SUBPROTOCOLS, Spelling
from ocppd.csms.tls import suites_of_tls_13
from ocppd.csms.traffic import OnTraffic
from ocppd.csms.websocket import Dialling, Socket, dial, is_reachable
from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import (
    InternalCtrlr,
    NetworkConfiguration,
    OCPPCommCtrlr,
)
from ocppd.errors import CsmsError, NetworkNotReady, NoAnswer, Offline
from ocppd.model.manners import Manners
from ocppd.model.queue import QueueEntry
from ocppd.model.registration import BootNotification, ConnectionStatus
from ocppd.model.requests import CsmsRequest

__all__ = ["CsmsConnection", "DurableQueue", "Files", "Listener", "Options"]

_LOG = logging.getLogger(__name__)

R = TypeVar("R")

# What is being said when the connection is to end may still be said for so long.
_LAST_WORDS_S = 0.4
# A connection that the CSMS ends sooner than this was not wanted; so many of them in a row make an
# event, because another station may be connected as us.
_EARLY_S = 30.0
_TOLD_AFTER = 3
# The same kind of refusal is so rarely a security event.
_TOLD_AGAIN_S = 3600.0
_PROBE_LIMIT_S = 5.0


class DurableQueue(Queue, Stored, Protocol):
    """The store, as the connection uses it."""


class CsmsConnection:
    """The port `CsmsPort`."""

    def __init__(
        self,
        model: DeviceModel,
        queue: DurableQueue,
        clock: Clock,
        *,
        new_id: Callable[[], str],
        random: Callable[[], float],
        traffic: OnTraffic,
        files: Callable[[], Files] = Files,
        on_unreached: Callable[[], None] = lambda: None,
        options: Options | None = None,
        orphan_after_s: float = ORPHAN_AFTER_S,
    ) -> None:
        """Connect with the settings of the model.

        `files` is asked at each dial; `on_unreached` is told of one that never came to the CSMS.
        """
        self._on_unreached = on_unreached
        self._model = model
        self._queue = queue
        self._keeping = Keeping(model)
        self._clock = clock
        options = options or Options()
        self._proxied = options.proxy is not None
        self._dialler = Dialler(model, files, options)
        self._rotation = Rotation(model)
        self._back_off = BackOff(model, random)
        self._returning = Returning(
            clock,
            self._rotation,
            options.return_after_s,
            is_idle=lambda: self._listener is not None and self._listener.idle,
            leave=lambda better, asked_for: self._start(self._leave(better, asked_for)),
        )
        self._spellings: Mapping[str, Spelling] = {}
        self._listener: Listener | None = None
        self._link: Link | None = None
        self._socket: Socket | None = None
        self._profile: NetworkProfile | None = None
        self._version = version_spoken_last(model)
        self._reason = "not started"
        self._running: asyncio.Task[None] | None = None
        self._ending: str | None = None
        self._hurry = asyncio.Event()
        self._pings_changed = asyncio.Event()
        self._trouble: str | None = None
        # When each kind of security event was raised last for a slot.
        self._told_of_slot: dict[tuple[int, str], float] = {}
        self._reached: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._surroundings = Surroundings(
            clock=clock,
            stored=queue,
            new_id=new_id,
            registration=self._registration_status,
            message_timeout_s=self._message_timeout_s,
            traffic=traffic,
            security_event=self._security_event,
        )
        self._delivery = Delivery(
            queue,
            clock,
            may_send=lambda: self._registration_status() == "Accepted",
            attempts=lambda: model.integer(OCPPCommCtrlr.MessageAttempts_TransactionEvent, 3),
            interval_s=lambda: model.integer(
                OCPPCommCtrlr.MessageAttemptInterval_TransactionEvent, 60
            ),
            resume_delay_s=lambda: model.integer(InternalCtrlr.MessageQueueResumeDelay),
            pace_s=lambda: pace_s(model),
            max_size=lambda: model.integer(InternalCtrlr.MaxMessageSize, MAX_MESSAGE_SIZE),
            orphan_after_s=orphan_after_s,
            on_answered=self._on_event_answered,
            on_given_up=self._on_event_given_up,
        )
        for address in (OCPPCommCtrlr.WebSocketPingInterval, InternalCtrlr.WebsocketPongTimeout):
            model.observe(address, lambda *_change: self._pings_changed.set())
        model.observe(
            OCPPCommCtrlr.NetworkConfigurationPriority, lambda *_change: self._on_priority()
        )
        # Which suites of TLS 1.3 there are is OpenSSL's to say: Python cannot choose among them.
        suites = ":".join(suites_of_tls_13())
        model.compute(InternalCtrlr.SupportedCiphers13, lambda: suites)

    def attach(self, listener: Listener, spellings: Mapping[str, Spelling]) -> None:
        """Give it the station: who listens, and each version's spelling, by sub-protocol."""
        self._listener = listener
        self._spellings = spellings

    # What the core asks for.

    @property
    def connected(self) -> bool:
        """Whether there is a WebSocket to the CSMS, registered or not."""
        return self._link is not None

    @property
    def trust_anchor(self) -> str | None:
        """The SHA-256 of the root certificate that the connection rests on, if that is known."""
        return self._socket.trust_anchor if self._socket is not None else None

    @property
    def manners(self) -> Manners:
        """How the CSMS thinks, by the version spoken last, or else the one that is preferred."""
        version = self._version or preferred_version(self._model)
        spelling = self._spellings.get(SUBPROTOCOLS[version]) if version else None
        return spelling.manners if spelling else Manners()

    @property
    def status(self) -> ConnectionStatus:
        """What there is to say of the connection now."""
        profile = self._profile
        status = ConnectionStatus(self.connected, reason=None if self._link else self._reason)
        if profile is not None:
            status = replace(
                status,
                csms_url=profile.url,
                identity=profile.identity,
                security_profile=profile.security_profile,
                configuration_slot=profile.slot,
                ocpp_interface=profile.interface,
                ocpp_transport=profile.transport,
            )
        if self._link is not None:
            status = replace(status, ocpp_version=self._link.spelling.version)
        return status

    async def call(self, request: CsmsRequest[R], *, triggered: bool = False) -> R:
        """Send a request and return its decoded answer; raises CsmsError."""
        link = self._link
        if link is None:
            raise Offline(f"not connected to the CSMS: {self._reason}")
        if (
            not triggered
            and not isinstance(request, BootNotification)
            and self._registration_status() != "Accepted"
        ):  # B01.FR.08, B02.FR.02, B03.FR.02
            raise Offline("the CSMS has not accepted the station")
        answer: R = await link.call(request)
        return answer

    def send(self, request: CsmsRequest[Any], *, triggered: bool = False) -> None:
        """Send a request whose answer nobody waits for."""
        if self._link is not None:
            self._start(self._sent(request, triggered))
        elif self.keeps(request):
            self._queue.queue(request)

    async def _sent(self, request: CsmsRequest[Any], triggered: bool) -> None:
        try:
            await self.call(request, triggered=triggered)
        except (Offline, NoAnswer) as error:
            if not triggered and self.keeps(request):
                self._queue.queue(request)
                self.wake()
            else:
                _LOG.info("%s was not taken: %s", type(request).__name__, error)
        except CsmsError as error:
            _LOG.info("%s was not taken: %s", type(request).__name__, error)

    def keeps(self, request: CsmsRequest[Any]) -> bool:
        """Tell whether a request that the CSMS cannot be told now is to wait for it durably.

        While stopped nothing is queued.
        """
        if self._ending is not None:
            return False
        version = self._version or preferred_version(self._model)
        spelling = self._spellings.get(SUBPROTOCOLS[version]) if version else None
        return self._keeping.keeps(request, spelling)

    def wake(self) -> None:
        """Look at the durable queue."""
        self._delivery.wake()

    def start(self) -> None:
        """Connect, and keep connected until `stop`."""
        if self._running is None or self._running.done():
            self._ending = None
            self._running = asyncio.get_running_loop().create_task(
                self._run(self._running), name="connection to the CSMS"
            )
            self._running.add_done_callback(_report)
        elif self._ending is not None:
            # Stopped a moment ago: the next one begins when that one has ended.
            self._ending = None
            before = self._running
            self._running = asyncio.get_running_loop().create_task(
                self._run(before), name="connection to the CSMS"
            )
            self._running.add_done_callback(_report)

    def stop(self) -> None:
        """Disconnect, after what is being said, and stay so until `start`."""
        self._end("stopped")

    def _end(self, reason: str) -> None:
        if self._running is not None and not self._running.done() and self._ending is None:
            self._ending = reason
            self._running.cancel()

    async def ended(self) -> None:
        """Wait until `stop` is done, which takes about a second at most."""
        if self._running is not None:
            await asyncio.wait([self._running])

    def reconnect(self, reason: str) -> None:
        """Close the connection after what is being said, and connect with the present settings.

        While there is none, the next attempt is made at once; one that is being made is given up.
        """
        self._hurry.set()
        if self._socket is not None and self._link is not None:
            self._start(self._say_goodbye(self._link, self._socket, reason))

    # The loop.

    async def _run(self, before: "asyncio.Task[None] | None") -> None:
        if before is not None and not before.done():
            await asyncio.wait([before])
        self._rotation.begin()  # B10.FR.04
        wait_s = 0.0
        try:
            while True:
                await self._pause(wait_s)
                try:
                    wait_s = await self._attempt()
                except Exception:  # whatever it is, the station tries again
                    _LOG.exception("the connection to the CSMS failed")
                    self._reason = "internal error"
                    self._tell_disconnected()
                    wait_s = self._back_off.next_wait_s()
        except asyncio.CancelledError:
            self._reason = self._ending or "stopped"
            self._tell_disconnected()
            raise

    async def _pause(self, seconds: float) -> None:
        """Wait, unless somebody is in a hurry (new settings)."""
        if seconds > 0:
            timer = self._clock.call_later(seconds, self._hurry.set)
            try:
                await self._hurry.wait()
            finally:
                timer.cancel()

    async def _attempt(self) -> float:
        """Try once, and stay connected if it works; returns the seconds to the next attempt."""
        self._hurry.clear()
        slot = self._rotation.slot
        if slot is None:
            self._rotation.failed()  # somebody may have changed the list
            self._fail("NetworkConfigurationPriority names no slot", needs_person=True)
            return self._back_off.next_wait_s()
        try:
            self._profile = profile_of(slot, self._model)
            network = await self._configured_network(slot)
        except Unusable as error:
            self._profile = None
            self._fail(str(error), needs_person=not isinstance(error, NotConfigured))
            return self._leave_out()
        except NetworkNotReady as error:
            self._fail(f"slot {slot}: {error}")
            return self._leave_out()
        try:
            socket = await self._dial(self._profile, network)
        except NotConnected as error:
            return self._on_refusal(slot, error)
        if socket is None:
            return 0.0
        self._reached.discard(slot)
        self._rotation.succeeded()
        self._back_off.connected()
        password = self._dialler.password_of(slot)
        if password is not None and self._profile.security_profile in (1, 2) and self._listener:
            self._listener.on_password_worked(slot, password)
        begun = self._clock.monotonic()
        cut = await self._converse(socket)
        if self._hurry.is_set():
            return 0.0
        self._note_end(early=cut and self._clock.monotonic() - begun < _EARLY_S)
        return self._back_off.next_wait_s()

    def _leave_out(self) -> float:
        """Go on with the next slot, at once unless none can be used."""
        another = self._rotation.skipped()
        if another and not self._rotation.rounds:
            return 0.0
        return self._back_off.next_wait_s()

    async def _configured_network(self, slot: int) -> str | None:
        return None if self._listener is None else await self._listener.configure_network(slot)

    async def _dial(self, profile: NetworkProfile, network: str | None) -> Socket | None:
        """Dial once; None if it is no longer wanted that way. Raises NotConnected."""
        dialling: asyncio.Task[Socket] | None
        dialling = asyncio.create_task(dial(self._dialling(profile, network)))
        hurry = asyncio.create_task(self._hurry.wait())
        try:
            await asyncio.wait({dialling, hurry}, return_when=asyncio.FIRST_COMPLETED)
            if self._hurry.is_set():  # the settings changed while we dialled
                return None
            made, dialling = dialling, None
            return made.result()
        finally:
            hurry.cancel()
            if dialling is not None:
                dialling.cancel()
                await asyncio.wait({dialling})  # never two at a time
                if not dialling.cancelled() and dialling.exception() is None:
                    dialling.result().abort("not wanted any more")

    def _dialling(self, profile: NetworkProfile, network: str | None) -> Dialling:
        return self._dialler.dialling(
            profile,
            self._spellings,
            likely_16=self._version == "1.6" or profile.versions == ("1.6",),
            old_password=self._listener.old_password(profile.slot) if self._listener else None,
            network=network,
        )

    def _on_refusal(self, slot: int, error: NotConnected) -> float:
        """Note that an attempt failed; returns the seconds to the next one."""
        self._fail(str(error), needs_person=error.needs_person)
        if error.security_event is not None:
            # Durably queued: not one at each of thousands of attempts, in whatever words.
            now, told = self._clock.monotonic(), (slot, error.security_event)
            if now - self._told_of_slot.get(told, -_TOLD_AGAIN_S) >= _TOLD_AGAIN_S:
                self._told_of_slot[told] = now
                self._security_event(error.security_event, str(error))
        if error.reached:
            self._reached.add(slot)
        else:
            self._on_unreached()
        if error.refused_password:
            self._dialler.refused(slot)
        rounds = self._rotation.rounds
        another = self._rotation.failed()
        if another:
            self._back_off.another_profile(self._rotation.rounds)
        wait_s = max(self._back_off.next_wait_s(), error.retry_after_s)
        if self._listener is not None and (another or self._rotation.rounds > rounds):
            self._listener.on_slot_failed(slot, reached=slot in self._reached)
            self._reached.discard(slot)
        return wait_s

    def _note_end(self, *, early: bool) -> None:
        """Tell when the CSMS does not want the connections that it accepts."""
        in_a_row = self._back_off.ended(early=early)
        if in_a_row < _TOLD_AFTER or self._profile is None:
            return
        # The same words each time, whatever each connection ended with: they are told once.
        what = (
            f"ended by the CSMS right after connecting, {_TOLD_AFTER} times in a row or more:"
            f" is another station connected as {self._profile.identity}?"
        )
        if in_a_row == _TOLD_AFTER:
            self._security_event("ConnectionDisplaced", what)
            _LOG.warning("no connection to the CSMS: %s", what)
        self._reason = what
        self._note_trouble(f"no connection to the CSMS: {what}")
        self._tell_disconnected()

    # Other slots than the one in use

    def _on_priority(self) -> None:
        """Use a new priority: at once while there is no connection, or else when it suits."""
        if self._link is not None:
            self._returning.priority_changed()
        else:
            self._rotation.begin()
            self._hurry.set()

    async def _leave(self, better: list[int], asked_for: bool) -> None:
        """Leave the connection for a better one; unasked only if somebody is there."""
        link = self._link
        if asked_for:
            self._rotation.begin()
        else:
            better = [slot for slot in better if await self._is_reachable(slot)]
            if self._link is not link or link is None:
                return
            if not better:
                self._returning.stay()
                return
            self._rotation.try_better(better)
        self.reconnect("changing to a preferred connection profile")

    async def _is_reachable(self, slot: int) -> bool:
        try:
            profile = profile_of(slot, self._model)
        except Unusable:
            return False
        if self._proxied:
            return True
        bind = self._dialler.bind_of(profile, None)
        return await is_reachable(profile.url, bind=bind, limit_s=_PROBE_LIMIT_S)

    async def _converse(self, socket: Socket) -> bool:
        """Be connected, until one side ends it; True if that was the CSMS."""
        spelling = self._spellings[socket.subprotocol or ""]
        link = Link(spelling, socket, self._surroundings)
        model = self._model
        pings = asyncio.create_task(
            socket.keep_alive(
                lambda: model.integer(OCPPCommCtrlr.WebSocketPingInterval),
                lambda: model.integer(InternalCtrlr.WebsocketPongTimeout, 5),
                self._pings_changed,
                lambda: model.text(InternalCtrlr.WebsocketPingPayload),
            )
        )
        pings.add_done_callback(_report)
        delivering = asyncio.create_task(self._delivery.run(link))
        delivering.add_done_callback(_report)
        self._link, self._socket, self._version = link, socket, spelling.version
        cut = False
        try:
            self._tell_connected()
            if self._profile is not None:
                self._returning.connected(self._profile.slot)
            while True:
                link.receive(await socket.receive())
        except ConnectionError as error:
            cut = not socket.ended_by_us
            self._reason = str(error)
            _LOG.warning("disconnected from the CSMS: %s", self._reason)
        except asyncio.CancelledError:
            await self._say_goodbye(link, socket, self._ending or "stopped")
            raise
        finally:
            self._returning.disconnected()
            self._link = self._socket = None
            link.close(cut=cut)
            pings.cancel()
            delivering.cancel()
            socket.abort("ended")
        self._tell_disconnected()
        return cut

    async def _say_goodbye(self, link: Link, socket: Socket, reason: str) -> None:
        await link.finish(_LAST_WORDS_S)
        await socket.close(reason, 1000)

    # What is told of it.

    def _fail(self, reason: str, *, needs_person: bool = False) -> None:
        changed = reason != self._reason
        self._reason = reason
        if changed:
            _LOG.warning("no connection to the CSMS: %s", reason)
        self._note_trouble(f"no connection to the CSMS: {reason}" if needs_person else None)
        self._tell_disconnected()

    def _note_trouble(self, trouble: str | None) -> None:
        if trouble != self._trouble and self._listener is not None:
            self._trouble = trouble
            self._listener.on_trouble(trouble)

    def _tell_connected(self) -> None:
        profile = self._profile
        if profile is not None:
            model = self._model
            model.set_actual(OCPPCommCtrlr.ActiveNetworkProfile, profile.slot)
            if self._version is not None:
                name = "OCPP" + self._version.replace(".", "")
                model.set_actual(NetworkConfiguration.OcppVersion(profile.slot), name)
        status = self.status
        _LOG.info("connected to %s, OCPP %s", status.csms_url, status.ocpp_version)
        self._note_trouble(None)
        if self._listener is not None:
            self._guarded(self._listener.on_connected, status)

    def _tell_disconnected(self) -> None:
        if self._listener is not None:
            self._guarded(self._listener.on_disconnected, self.status)

    def _guarded(self, tell: Callable[[ConnectionStatus], None], status: ConnectionStatus) -> None:
        """Keep a fault of a listener from ending the connection."""
        try:
            tell(status)
        except Exception:
            _LOG.exception("the change of the connection was not taken")

    def _registration_status(self) -> str | None:
        return None if self._listener is None else self._listener.registration_status

    def _message_timeout_s(self) -> float:
        return self._profile.message_timeout_s if self._profile else 30

    def _on_event_answered(self, entry: QueueEntry, response: Any) -> None:
        if self._listener is not None:
            self._listener.on_event_answered(entry, response)

    def _on_event_given_up(self, entry: QueueEntry, reason: str) -> None:
        if self._listener is not None:
            self._listener.on_event_given_up(entry, reason)

    def _security_event(self, event_type: str, info: str) -> None:
        if self._listener is not None:
            try:
                self._listener.on_security_event(event_type, info)
            except Exception:
                _LOG.exception("the security event %s was not taken", event_type)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_report)


def _report(task: "asyncio.Task[None]") -> None:
    """Log what ended a task that should not end."""
    if not task.cancelled() and task.exception() is not None:
        _LOG.error("%s failed", task.get_name(), exc_info=task.exception())
