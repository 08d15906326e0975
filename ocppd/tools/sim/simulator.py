"""The simulator for programs: a charger on a bus, for tests and demonstrations.

async with Simulator(bus.address) as host:
    await host.ready()
    await host.plug_in(evse_id=1)
    assert await host.swipe("04A224B2") == "UsedToStart"
    await host.wait_for("ChargingStarted", evse_id=1)
    await host.unplug(evse_id=1)
    await host.all_acknowledged()
"""

import asyncio
import logging
import random
import shlex
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from ocppd.clock import Clock
from ocppd.model.tokens import AuthorizationType, IdToken, IdTokenType, ProvidedIdToken
from ocppd.system_clock import SystemClock
from ocppd.tools.sim.arbiter import Outcome
from ocppd.tools.sim.charger import Charger
from ocppd.tools.sim.evse import SimulatorError
from ocppd.tools.sim.link import Link
from ocppd.tools.sim.payloads import Payload
from ocppd.tools.sim.settings import ChargerSettings
from ocppd.tools.sim.signing import new_signer

_LOG = logging.getLogger(__name__)

_KEPT_EVENTS = 10_000
_LONGEST_VALIDATION_S = 90.0


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: a session event, a signal of ocppd, a call of it, and so on."""

    what: str
    details: Payload

    @property
    def evse_id(self) -> int:
        """The EVSE where it happened; 0 for the charger."""
        return int(self.details.get("evse_id", 0))


Listener = Callable[[Event], None]


class Simulator:
    """A charger that reports to the ocppd on a bus.

    `events` is what happened lately, oldest first; `wait_for` waits for what comes. All methods
    raise SimulatorError for what cannot be done. `charger` is the charger itself.
    """

    def __init__(
        self,
        address: str | None = None,
        settings: ChargerSettings | None = None,
        *,
        clock: Clock | None = None,
        seed: int | None = None,
        on_reset: str = "",
    ) -> None:
        """Build a charger for the bus at an address, by default the system bus.

        `on_reset` is a command line that is run when the machine reboots, without a shell: what
        restarts ocppd on a real board.
        """
        self._address = address
        self._on_reset = shlex.split(on_reset)
        self._listeners: list[Listener] = []
        self._changed = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.events: list[Event] = []
        self._forgotten = 0
        settings = settings or ChargerSettings()
        chance = random.Random(seed)
        self.charger = Charger(
            settings,
            self,
            clock or SystemClock(),
            lambda: str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            chance.random,
            new_signer() if settings.signed else None,
        )
        self._link = Link(address, self.charger, self.happened)

    async def __aenter__(self) -> Self:
        """Switch the charger on."""
        self.charger.start()
        self.power_back()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Vanish from the bus."""
        self.charger.stop()
        self.power_lost()
        running, self._running = self._running, None
        for task in (running, *self._tasks):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    # --- The driver -------------------------------------------------------------------------------

    async def plug_in(self, evse_id: int = 1, connector_id: int = 1, **ev: Any) -> None:
        """Plug a car in; `ev` are settings of `vehicle.Ev`."""
        if ev:
            self.charger.set_ev(evse_id, ev)
        self.charger.plug_in(evse_id, connector_id)

    async def unplug(self, evse_id: int = 1) -> None:
        """Pull the cable."""
        self.charger.unplug(evse_id)

    async def swipe(
        self,
        token: str,
        token_type: str = IdTokenType.ISO14443,
        *,
        evse_id: int = 0,
        authorization_type: str = AuthorizationType.RFID,
    ) -> Outcome:
        """Present a token, at an EVSE's own reader or (0) at the charger's, and wait for ocppd.

        Returns what became of it: `UsedToStart`, `UsedToStop`, `Accepted` while it waits for a
        cable, or why not.
        """
        return await self.present(
            provided(token, token_type, evse_id=evse_id, authorization_type=authorization_type)
        )

    async def present(self, token: ProvidedIdToken) -> Outcome:
        """Present a token in full, and wait for ocppd's decision."""
        since = self.position
        outcome = self.charger.swipe(token)
        if outcome is not Outcome.PROCESSING:
            return outcome
        decided = await self.wait_for(
            "Token",
            lambda details: (
                details["token"] == token.id_token.value
                and details["outcome"] not in (Outcome.PROCESSING, Outcome.ALREADY_IN_PROCESS)
            ),
            since=since,
            timeout_s=_LONGEST_VALIDATION_S,
        )
        return Outcome(decided["outcome"])

    async def set_ev(self, evse_id: int, **ev: Any) -> None:
        """Change the car at an EVSE, or choose the next one."""
        self.charger.set_ev(evse_id, ev)

    async def pause_ev(self, evse_id: int = 1) -> None:
        """Let the car ask for no current."""
        self.charger.set_ev(evse_id, {"wants": False})

    async def resume_ev(self, evse_id: int = 1) -> None:
        """Let the car ask for current again."""
        self.charger.set_ev(evse_id, {"wants": True})

    # --- The technician ---------------------------------------------------------------------------

    async def raise_fault(
        self,
        fault_type: str,
        evse_id: int | None = None,
        connector_id: int | None = None,
        **texts: str,
    ) -> str:
        """Raise an error; returns its uuid. `texts` are the texts of EVerest's errors."""
        return self.charger.raise_fault(fault_type, evse_id, connector_id, **texts)

    async def clear_fault(self, fault_type: str = "", evse_id: int | None = None) -> int:
        """Clear errors by type or uuid, or all; returns how many."""
        return self.charger.clear_fault(fault_type, evse_id)

    async def power_cut(self, seconds: float = 0.0, *, resume: bool = True) -> None:
        """Cut the power, and give it back after so many seconds."""
        self.charger.power_cut()
        await asyncio.sleep(seconds)
        self.charger.power_on(resume=resume)

    # --- What happened ----------------------------------------------------------------------------

    async def ready(self, timeout_s: float = 10.0) -> None:
        """Wait until ocppd knows the agents and has heard that all EVSEs are ready."""
        async with asyncio.timeout(timeout_s):
            await self._link.ready.wait()
            await self.all_acknowledged(timeout_s)

    async def all_acknowledged(self, timeout_s: float = 10.0) -> None:
        """Wait until ocppd has acknowledged every report but measurements."""
        async with asyncio.timeout(timeout_s):
            while any(report.awaited for report in self.charger.waiting()):
                self._changed.clear()
                await self._changed.wait()

    async def wait_for(
        self,
        what: str,
        match: Callable[[Payload], bool] = lambda _: True,
        *,
        evse_id: int | None = None,
        since: int = 0,
        timeout_s: float = 10.0,
    ) -> Payload:
        """Return the details of the first event of a name that fits, already there or to come.

        Session events go by EVerest's names, signals and calls of ocppd by theirs, and besides
        there are `Token`, `Acknowledged`, `PluggedIn`, `LimitChanged` and others. What happened
        before the `position` in `since` does not count.
        """
        position = since
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    for event in self.since(position):
                        here = evse_id is None or event.evse_id == evse_id
                        if event.what == what and here and match(event.details):
                            return event.details
                    position = max(since, self.position)
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            seen = [event.what for event in self.since(since)]
            raise TimeoutError(f"no {what} within {timeout_s:g} s; there was: {seen}") from None

    @property
    def position(self) -> int:
        """How many events there have been."""
        return self._forgotten + len(self.events)

    def since(self, position: int) -> list[Event]:
        """Return the events after a position, as far as they are remembered."""
        return self.events[max(position - self._forgotten, 0) :]

    def listen(self, listener: Listener) -> None:
        """Have everything that happens told to a function."""
        self._listeners.append(listener)

    # --- What the charger needs -------------------------------------------------------------------

    def reported(self, evse_id: int) -> None:
        """Deliver a report."""
        self._link.reported(evse_id)

    def validate(self, token: ProvidedIdToken) -> None:
        """Ask ocppd about a token."""
        self._link.validate(token)

    def happened(self, what: str, details: Payload) -> None:
        """Remember and tell what happened."""
        event = Event(what, details)
        self.events.append(event)
        if len(self.events) >= 2 * _KEPT_EVENTS:
            del self.events[:_KEPT_EVENTS]
            self._forgotten += _KEPT_EVENTS
        self._changed.set()
        for listener in self._listeners:
            listener(event)

    def power_lost(self) -> None:
        """Vanish from the bus."""
        if self._running is not None:
            self._running.cancel()

    def power_back(self) -> None:
        """Come back to the bus, as another client."""
        self._link = Link(self._address, self.charger, self.happened)
        self._running = asyncio.get_running_loop().create_task(self._link.run())
        if self.charger.boot_reason.endswith("Reset") and self._on_reset:
            task = asyncio.get_running_loop().create_task(self._run_reset_command())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run_reset_command(self) -> None:
        try:
            process = await asyncio.create_subprocess_exec(*self._on_reset)
        except OSError as error:
            _LOG.error("the command for resets cannot be run: %s", error)
            return
        if await process.wait():
            _LOG.error("the command for resets ended with %s", process.returncode)


def provided(
    token: str,
    token_type: str = IdTokenType.ISO14443,
    *,
    evse_id: int = 0,
    authorization_type: str = AuthorizationType.RFID,
) -> ProvidedIdToken:
    """Return a token as a reader provides it.

    Raises:
        SimulatorError: it is no token, or too long

    """
    if not 1 <= len(token) <= 36:
        raise SimulatorError("a token has 1 to 36 characters")
    if token_type not in set(IdTokenType):
        raise SimulatorError(f"{token_type!r} is none of {', '.join(IdTokenType)}")
    if authorization_type not in set(AuthorizationType):
        raise SimulatorError(f"{authorization_type!r} is none of {', '.join(AuthorizationType)}")
    return ProvidedIdToken(
        IdToken(token, IdTokenType(token_type)),
        AuthorizationType(authorization_type),
        evse_ids=(evse_id,) if evse_id else (),
    )
