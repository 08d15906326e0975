"""The CSMS as the station sees it: one connection, made again whenever it is lost.

It chooses the way (network_profiles), dials (websocket), gives the wire to a link in the version
that the CSMS chose, and has the durable queue delivered over it.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ocppd.clock import Clock
from ocppd.csms.delivery import Delivery, Queue
from ocppd.csms.link import Link, Stored, Surroundings
from ocppd.csms.network_profiles import BackOff, NetworkProfile, Rotation, Unusable, profile_of
from ocppd.csms.spelling import SUBPROTOCOLS, Spelling
from ocppd.csms.traffic import OnTraffic
from ocppd.csms.websocket import Dialling, NotConnected, Socket, Tls, dial
from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import (
    InternalCtrlr,
    NetworkConfiguration,
    OCPPCommCtrlr,
    SecurityCtrlr,
)
from ocppd.errors import CsmsError, Offline
from ocppd.model.manners import Manners
from ocppd.model.queue import QueueEntry
from ocppd.model.registration import BootNotification, ConnectionStatus
from ocppd.model.requests import CsmsRequest

_LOG = logging.getLogger(__name__)

R = TypeVar("R")

# What is being said when the connection is to end may still be said for so long.
_LAST_WORDS_S = 0.4
_KEY_OF_16 = re.compile(r"[0-9A-Fa-f]{40}")


class Listener(Protocol):
    """The station, as far as the connection goes."""

    @property
    def registration_status(self) -> str | None:
        """What the CSMS answered to the last BootNotification; None before that."""

    def on_connected(self, status: ConnectionStatus) -> None:
        """Take note of a connection; `status` has the version."""

    def on_disconnected(self, status: ConnectionStatus) -> None:
        """Take note that there is none, or still none; `status` has the reason."""

    def on_event_answered(self, entry: QueueEntry, response: Any) -> None:
        """Use the answer to a queued message, in the unit of work that removes it."""

    def on_event_given_up(self, entry: QueueEntry, reason: str) -> None:
        """Take note that a queued message was set aside (E13.FR.04)."""

    def on_security_event(self, event_type: str, info: str) -> None:
        """Take what the security log should hold."""


class DurableQueue(Queue, Stored, Protocol):
    """The store, as the connection uses it."""


@dataclass(frozen=True, slots=True)
class Files:
    """Where certificates are; read at each connection, so that new ones count at once."""

    roots: tuple[Path, ...] = ()
    certificate: Path | None = None
    key: Path | None = None


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
        files: Files | None = None,
        max_size: int = 1 << 20,
    ) -> None:
        self._model = model
        self._clock = clock
        self._random = random
        self._files = files or Files()
        self._max_size = max_size
        self._spellings: dict[str, Spelling] = {}
        self._listener: Listener | None = None
        self._link: Link | None = None
        self._socket: Socket | None = None
        self._profile: NetworkProfile | None = None
        self._version = _version_spoken_last(model)
        self._reason = "not started"
        self._running: asyncio.Task[None] | None = None
        self._ending: str | None = None
        self._hurry = asyncio.Event()
        self._pings_changed = asyncio.Event()
        self._key_as_bytes = False
        # The security event of each slot's failures since its last connection, in words.
        self._told_of_slot: dict[int, str] = {}
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
            on_answered=self._on_event_answered,
            on_given_up=self._on_event_given_up,
        )
        for address in (OCPPCommCtrlr.WebSocketPingInterval, InternalCtrlr.WebsocketPongTimeout):
            model.observe(address, lambda *_change: self._pings_changed.set())

    def attach(self, listener: Listener, spellings: dict[str, Spelling]) -> None:
        """Give it the station: who listens, and each version's spelling, by sub-protocol."""
        self._listener = listener
        self._spellings = spellings

    # What the core asks for.

    @property
    def connected(self) -> bool:
        """Whether there is a WebSocket to the CSMS, registered or not."""
        return self._link is not None

    @property
    def manners(self) -> Manners:
        """How the CSMS thinks, by the version spoken last, or else the one that is preferred."""
        version = self._version or _preferred_version(self._model)
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
        if self._link is None:
            return
        self._start(self._sent(request, triggered))

    async def _sent(self, request: CsmsRequest[Any], triggered: bool) -> None:
        try:
            await self.call(request, triggered=triggered)
        except CsmsError as error:
            _LOG.info("%s was not taken: %s", type(request).__name__, error)

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
        """Close the connection after what is being said, and connect with the present settings."""
        self._hurry.set()
        if self._socket is not None and self._link is not None:
            self._start(self._say_goodbye(self._link, self._socket, reason))

    # The loop.

    async def _run(self, before: "asyncio.Task[None] | None") -> None:
        if before is not None and not before.done():
            await asyncio.wait([before])
        rotation, back_off = Rotation(self._model), BackOff(self._model, self._random)
        wait_s = 0.0
        try:
            while True:
                await self._pause(wait_s)
                try:
                    wait_s = await self._attempt(rotation, back_off)
                except Exception:  # whatever it is, the station tries again
                    _LOG.exception("the connection to the CSMS failed")
                    self._reason = "internal error"
                    self._tell_disconnected()
                    back_off.failed()
                    wait_s = back_off.wait_s()
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

    async def _attempt(self, rotation: Rotation, back_off: BackOff) -> float:
        """Try once, and stay connected if it works; returns the seconds to the next attempt."""
        self._hurry.clear()
        slot = rotation.slot
        if slot is None:
            self._fail("NetworkConfigurationPriority names no slot")
            return back_off.wait_s()
        try:
            self._profile = profile_of(slot, self._model)
        except Unusable as error:
            self._profile = None
            self._fail(str(error))
            another = rotation.skipped()
            if another and not rotation.all_failed:
                return 0.0
            back_off.failed()
            return back_off.wait_s()
        try:
            socket = await dial(self._dialling(self._profile))
        except NotConnected as error:
            self._fail(str(error))
            if error.security_event is not None and self._told_of_slot.get(slot) != str(error):
                # Durably queued: not one at each of thousands of attempts.
                self._told_of_slot[slot] = str(error)
                self._security_event(error.security_event, str(error))
            if error.refused_password:
                self._key_as_bytes = not self._key_as_bytes
            if rotation.failed() and not rotation.all_failed:
                back_off.succeeded()  # each profile has its own back-off
            else:
                back_off.failed()
            return back_off.wait_s()
        self._told_of_slot.pop(slot, None)
        rotation.succeeded()
        back_off.succeeded()
        if self._hurry.is_set():  # the settings changed while we dialled
            await socket.close("other settings")
            return 0.0
        await self._converse(socket)
        return 0.0 if self._hurry.is_set() else back_off.wait_s()

    def _dialling(self, profile: NetworkProfile) -> Dialling:
        model = self._model
        tls = Tls(
            roots=self._files.roots,
            certificate=self._files.certificate,
            key=self._files.key,
            verify_name=model.flag(InternalCtrlr.VerifyCsmsCommonName, default=True),
            allow_wildcards=model.flag(InternalCtrlr.VerifyCsmsAllowWildcards),
        )
        ciphers = re.split(r"[:,]", model.text(InternalCtrlr.SupportedCiphers12))
        if any(ciphers):
            tls = replace(tls, ciphers=tuple(one.strip() for one in ciphers if one.strip()))
        return Dialling(
            url=profile.url,
            identity=profile.identity,
            security_profile=profile.security_profile,
            subprotocols=[
                name
                for version in profile.versions
                if (name := SUBPROTOCOLS[version]) in self._spellings
            ],
            password=self._password(profile),
            tls=tls,
            max_size=self._max_size,
        )

    def _password(self, profile: NetworkProfile) -> bytes:
        """Return the password as it goes into the header.

        In 1.6 a password of 40 hexadecimal digits is a key of 20 bytes (1.6-J, 6.2.2), in 2.x it is
        a text like any other (A00.FR.205). Where both are offered, a CSMS that refuses the one is
        given the other at the next attempt.
        """
        if _KEY_OF_16.fullmatch(profile.password):
            likely = self._version == "1.6" or profile.versions == ("1.6",)
            if likely != self._key_as_bytes:
                return bytes.fromhex(profile.password)
        return profile.password.encode()

    async def _converse(self, socket: Socket) -> None:
        """Be connected, until one side ends it."""
        spelling = self._spellings[socket.subprotocol or ""]
        link = Link(spelling, socket, self._surroundings)
        model = self._model
        pings = asyncio.create_task(
            socket.keep_alive(
                lambda: model.integer(OCPPCommCtrlr.WebSocketPingInterval),
                lambda: model.integer(InternalCtrlr.WebsocketPongTimeout, 5),
                self._pings_changed,
            )
        )
        delivering = asyncio.create_task(self._delivery.run(link))
        delivering.add_done_callback(_report)
        self._link, self._socket, self._version = link, socket, spelling.version
        cut = False
        try:
            self._tell_connected()
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
            self._link = self._socket = None
            link.close(cut=cut)
            pings.cancel()
            delivering.cancel()
            socket.abort("ended")
        self._tell_disconnected()

    async def _say_goodbye(self, link: Link, socket: Socket, reason: str) -> None:
        await link.finish(_LAST_WORDS_S)
        await socket.close(reason, 1000)

    # What is told of it.

    def _fail(self, reason: str) -> None:
        changed = reason != self._reason
        self._reason = reason
        if changed:
            _LOG.warning("no connection to the CSMS: %s", reason)
            self._tell_disconnected()

    def _tell_connected(self) -> None:
        profile = self._profile
        if profile is not None:
            model = self._model
            model.set_actual(OCPPCommCtrlr.ActiveNetworkProfile, profile.slot)
            if self._version is not None:
                name = "OCPP" + self._version.replace(".", "")
                model.set_actual(NetworkConfiguration.OcppVersion(profile.slot), name)
            if profile.security_profile > model.integer(SecurityCtrlr.SecurityProfile):
                model.set_actual(SecurityCtrlr.SecurityProfile, profile.security_profile)  # A05
        status = self.status
        _LOG.info("connected to %s, OCPP %s", status.csms_url, status.ocpp_version)
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


def _version_spoken_last(model: DeviceModel) -> str | None:
    """Return what the active slot noted at the last connection, before this start of the daemon."""
    slot = model.integer(OCPPCommCtrlr.ActiveNetworkProfile)
    noted = model.text(NetworkConfiguration.OcppVersion(slot))
    for version in SUBPROTOCOLS:
        if noted == "OCPP" + version.replace(".", ""):
            return version
    return None


def _preferred_version(model: DeviceModel) -> str | None:
    """Return what is offered first on the connection that is tried first, if there is any."""
    slot = Rotation(model).slot
    if slot is None:
        return None
    try:
        return profile_of(slot, model).versions[0]
    except Unusable:
        return None


def _report(task: "asyncio.Task[None]") -> None:
    """Log what ended a task that should not end."""
    if not task.cancelled() and task.exception() is not None:
        _LOG.error("%s failed", task.get_name(), exc_info=task.exception())
