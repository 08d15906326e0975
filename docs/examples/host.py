#!/usr/bin/python3
"""A host of ocppd in Python: one charging session at EVSE 1, from plug-in to plug-out.

host.py TOKEN SECONDS      TOKEN "-": wait for a remote start

It needs jeepney alone (Debian: python3-jeepney). The CSMS may start, stop, pause and unlock it.
"""

import asyncio
import contextlib
import sys
import time
import uuid
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from jeepney import (
    DBusAddress,
    HeaderFields,
    MatchRule,
    Message,
    MessageType,
    Properties,
    message_bus,
    new_error,
    new_method_call,
    new_method_return,
)
from jeepney.io.asyncio import DBusRouter, open_dbus_connection

NAME = "org.everest.Ocpp"
STATION = "/org/everest/Ocpp"
EVSE_ID = 1
EVSE = DBusAddress(f"{STATION}/Evse/{EVSE_ID}", NAME, "org.everest.Ocpp.EvseManager")
AGENT_PATH = "/host"
AGENT = "org.everest.Ocpp.Agent.EvseManager"

# What ocppd will not take however often it is told; everything else is worth another try.
FINAL = {
    "org.everest.Ocpp.Error.InvalidArgument",
    "org.everest.Ocpp.Error.UnknownEvse",
    "org.everest.Ocpp.Error.UnknownSession",
    "org.everest.Ocpp.Error.AccessDenied",
    "org.freedesktop.DBus.Error.AccessDenied",
    "org.freedesktop.DBus.Error.NotSupported",
}


class BusError(Exception):
    """An error reply, by its name."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def reading(timestamp: str) -> tuple[str, Any]:
    """The hardware: a meter that has counted 11 kW since the machine started."""
    wh = time.clock_gettime(time.CLOCK_BOOTTIME) * 11_000 / 3600
    total = ("a{sv}", {"total": ("d", wh)})
    return ("a{sv}", {"timestamp": ("s", timestamp), "energy_Wh_import": total})


class Host:
    """One EVSE: what it does, and what ocppd has not heard of it yet."""

    def __init__(self, router: DBusRouter) -> None:
        self._router = router
        self._owner = ""
        self._unreported: deque[dict[str, tuple[str, Any]]] = deque()
        self._to_do = asyncio.Event()
        self._all_reported = asyncio.Event()
        self._remote_starts: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._paused = False
        self.greeted = asyncio.Event()
        self.session = ""
        self.resumed = False
        self.stop: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    # -- calls

    async def call(self, message: Message, timeout_s: float = 25) -> Any:
        """Call a method and return its results; raises BusError."""
        reply = await asyncio.wait_for(self._router.send_and_get_reply(message), timeout_s)
        if reply.header.message_type is MessageType.error:
            name = reply.header.fields[HeaderFields.error_name]
            raise BusError(name, reply.body[0] if reply.body else "")
        return reply.body

    async def evse(self, method: str, signature: str, *arguments: Any) -> None:
        await self.call(new_method_call(EVSE, method, signature, arguments))

    # -- ocppd comes, and comes back

    async def meet(self) -> None:
        """Greet an ocppd that has started since: register, resume what goes on, be ready."""
        manager = DBusAddress(STATION, NAME, "org.everest.Ocpp.AgentManager")
        arguments = (AGENT_PATH, [AGENT])
        await self.call(new_method_call(manager, "RegisterAgent", "oas", arguments))
        [owner] = await self.call(message_bus.GetNameOwner(NAME))
        [(_, known)] = await self.call(Properties(EVSE).get("SessionId"))
        if known and known == (self.session or known):
            # Dated as the next report: a session cannot go back in time.
            at = self._unreported[0]["timestamp"] if self._unreported else ("s", now())
            event = {"uuid": ("s", known), "timestamp": at, "event": ("s", "SessionResumed")}
            await self.evse("ReportSessionEvent", "a{sv}", event)
            self.resumed = not self.session
            self.session = known
            say(f"SessionResumed {known}")
        await self.evse("ReportReady", "b", True)
        self._owner = owner
        self.greeted.set()

    def on_owner_changed(self, owner: str) -> None:
        """Note that ocppd is there, or gone."""
        self.greeted.clear()
        self._owner = ""
        if owner:
            self._to_do.set()

    # -- reports

    def report(self, event: str, part: str = "", **facts: tuple[str, Any]) -> None:
        """Have an event reported; `part` is what it brings along, with a reading."""
        at = now()
        report = {"uuid": ("s", self.session), "timestamp": ("s", at), "event": ("s", event)}
        if part:
            report[part] = ("a{sv}", {"meter_value": reading(at), **facts})
        self._unreported.append(report)
        self._all_reported.clear()
        self._to_do.set()

    async def deliver(self) -> None:
        """Report one event after the other, each until ocppd has it on disk."""
        while True:
            await self._to_do.wait()
            self._to_do.clear()
            try:
                if not self._owner:
                    await self.meet()
                while self._unreported:
                    event = self._unreported[0]
                    await self.evse("ReportSessionEvent", "a{sv}", event)
                    self._unreported.popleft()
                    say(event["event"][1])
            except (BusError, TimeoutError) as error:
                say(f"not reported: {error or 'no answer'}")
                if isinstance(error, BusError) and error.name in FINAL and self._owner:
                    self._unreported.popleft()  # a mistake of this program
                else:
                    await asyncio.sleep(1)
                self._to_do.set()
            if not self._unreported:
                self._all_reported.set()

    async def measure(self) -> None:
        """Report a reading. Only the latest counts, so one that is lost is not repeated."""
        _, values = reading(now())
        with contextlib.suppress(BusError, TimeoutError):
            await self.evse("ReportPowermeter", "a{sv}", values)

    # -- tokens

    def on_provided_token(self, token: dict[str, Any]) -> None:
        """Take the token of a remote start that ocppd has accepted."""
        self._remote_starts.put_nowait(token)

    async def remote_start(self) -> dict[str, Any]:
        say("waiting for a remote start")
        return await self._remote_starts.get()

    async def is_accepted(self, token: dict[str, Any]) -> bool:
        """Ask ocppd, which asks its lists, its cache and the CSMS; this may take a while."""
        validator = DBusAddress(STATION, NAME, "org.everest.Ocpp.AuthTokenValidator")
        call = new_method_call(validator, "ValidateToken", "a{sv}", (token,))
        try:
            [result] = await self.call(call, timeout_s=60)
        except (BusError, TimeoutError) as error:
            say(f"nobody can tell: {error or 'no answer'}")
            return False
        say(f"token: {result['authorization_status'][1]}")
        return bool(result["authorization_status"][1] == "Accepted")

    # -- the agent: what ocppd asks of the charger, mostly because the CSMS asked

    def answer(self, call: Message) -> Message:
        """Do what ocppd asks; an error is a refusal."""
        fields = call.header.fields
        methods: dict[str, Callable[..., tuple[str, Any]]] = {
            "EnableDisable": self._enable_disable,
            "PauseCharging": lambda evse_id: self._pause(True),
            "ResumeCharging": lambda evse_id: self._pause(False),
            "StopTransaction": self._stop_transaction,
            "ForceUnlock": lambda evse_id, connector_id: ("b", self.stop.done()),
        }
        method = methods.get(fields[HeaderFields.member])
        if fields.get(HeaderFields.interface) != AGENT or method is None:
            return new_error(call, "org.freedesktop.DBus.Error.UnknownMethod")
        if fields[HeaderFields.sender] != self._owner and self._owner:
            return new_error(call, "org.freedesktop.DBus.Error.AccessDenied")
        if call.body[0] != EVSE_ID:
            return new_error(call, "org.everest.Ocpp.Error.UnknownEvse")
        signature, value = method(*call.body)
        say(f"asked for {fields[HeaderFields.member]}")
        return new_method_return(call, signature, (value,))

    def _enable_disable(self, evse_id: int, connector_id: int, source: Any) -> tuple[str, Any]:
        return "b", source["enable_state"][1] == "Enable"

    def _pause(self, paused: bool) -> tuple[str, Any]:
        if paused != self._paused:
            self._paused = paused
            self.report("ChargingPausedEVSE" if paused else "ChargingResumed")
        return "b", True

    def _stop_transaction(self, evse_id: int, request: Any) -> tuple[str, Any]:
        if not self.stop.done():
            self.stop.set_result(request["reason"][1])
        return "b", True

    # -- the session

    async def charge(self, token_id: str, seconds: float) -> bool:
        """Play a session; False if the token was refused."""
        await self.greeted.wait()
        if not self.resumed:
            self.session = str(uuid.uuid4())
            self.report("SessionStarted", "session_started", reason=("s", "EVConnected"))
            if token_id == "-":
                token = await self.remote_start()
            else:
                id_token = {"value": ("s", token_id), "type": ("s", "ISO14443")}
                token = {"id_token": ("a{sv}", id_token), "authorization_type": ("s", "RFID")}
            if not token.get("prevalidated", ("b", False))[1] and not await self.is_accepted(token):
                self.report("SessionFinished", "session_finished")
                await self._all_reported.wait()
                return False
            self.report("TransactionStarted", "transaction_started", id_tag=("a{sv}", token))
        self.report("ChargingStarted")
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.stop.done():
            await asyncio.wait([self.stop], timeout=1)
            await self.measure()
        reason = self.stop.result() if self.stop.done() else "Local"
        self.report("ChargingFinished")
        self.report("TransactionFinished", "transaction_finished", reason=("s", reason))
        self.report("SessionFinished", "session_finished")
        await self._all_reported.wait()
        return True


async def main(token_id: str, seconds: float) -> int:
    """Connect to the system bus, and charge once."""
    connection = await open_dbus_connection("SYSTEM")
    async with DBusRouter(connection) as router:
        host = Host(router)
        offers = MatchRule(type="signal", sender=NAME, member="ProvidedToken")
        owners = MatchRule(type="signal", sender="org.freedesktop.DBus", member="NameOwnerChanged")
        owners.add_arg_condition(0, NAME)
        for rule in (offers, owners):
            await router.send_and_get_reply(message_bus.AddMatch(rule))

        async def listen() -> None:
            with (
                router.filter(MatchRule(type="method_call"), bufsize=100) as calls,
                router.filter(MatchRule(type="signal"), bufsize=1000) as signals,
            ):
                host._to_do.set()
                await asyncio.gather(answer(calls), hear(signals))

        async def answer(calls: "asyncio.Queue[Message]") -> None:
            while True:
                await router.send(host.answer(await calls.get()))

        async def hear(signals: "asyncio.Queue[Message]") -> None:
            while True:
                signal = await signals.get()
                member = signal.header.fields[HeaderFields.member]
                if member == "ProvidedToken":
                    host.on_provided_token(signal.body[0])
                elif member == "NameOwnerChanged" and signal.body[0] == NAME:
                    host.on_owner_changed(signal.body[2])

        tasks = [asyncio.create_task(listen()), asyncio.create_task(host.deliver())]
        charging = asyncio.create_task(host.charge(token_id, seconds))
        # Without the bus nothing works; who started this program starts it again.
        await asyncio.wait([charging, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
    await connection.close()
    return 0 if charging.done() and charging.result() else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], float(sys.argv[2]))))
