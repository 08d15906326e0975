"""A host's agent of a few lines: it answers calls by functions, and remembers them.

async with Agent(rig.bus.address, "EvseManager") as agent:
    agent.answers["ForceUnlock"] = ("b", False)
    ...
    assert agent.of("ForceUnlock") == [(1, 1)]
"""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from jeepney import (
    DBusAddress,
    HeaderFields,
    MatchRule,
    MessageType,
    new_error,
    new_method_call,
    new_method_return,
)
from jeepney.io.asyncio import DBusRouter, open_dbus_connection

from tests.client import NAME, STATION, dictionary, plain

PATH = "/host"
PREFIX = "org.everest.Ocpp.Agent."


class Agent:
    """An agent for some interfaces; True is its answer where nothing else is in `answers`."""

    def __init__(self, address: str, *interfaces: str) -> None:
        self._address = address
        self._interfaces = [PREFIX + interface for interface in interfaces]
        self.answers: dict[str, tuple[str, Any] | None] = {
            "SetConnectionTimeout": None,
            "SetMasterPassGroupId": None,
            "SetExternalLimits": None,
            "ConfigureNetwork": ("a{sv}", {"status": ("s", "NotSupported")}),
        }
        """Signature and value by method; None is an empty answer."""
        self.refused: set[str] = set()
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.changed = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._connection = await open_dbus_connection(self._address)
        self._router = DBusRouter(self._connection)
        await self._router.__aenter__()
        self._filter = self._router.filter(MatchRule(type="method_call"), bufsize=1_000)
        self._queue = self._filter.__enter__()
        self._serving = asyncio.create_task(self._serve())
        await self.register()
        return self

    async def register(self) -> None:
        """Register with the daemon: again after each of its starts."""
        manager = DBusAddress(STATION, NAME, "org.everest.Ocpp.AgentManager")
        reply = await self._router.send_and_get_reply(
            new_method_call(manager, "RegisterAgent", "oas", (PATH, self._interfaces))
        )
        assert reply.header.message_type is MessageType.method_return, reply.body

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._serving.cancel()
        with suppress(asyncio.CancelledError):
            await self._serving
        self._filter.__exit__(kind, error, traceback)
        await self._router.__aexit__(kind, error, traceback)
        await self._connection.close()

    async def _serve(self) -> None:
        while True:
            call = await self._queue.get()
            fields = call.header.fields
            member = fields[HeaderFields.member]
            if member in self.refused:
                reply = new_error(call, "org.freedesktop.DBus.Error.UnknownMethod", "s", ("no",))
            else:
                answer = self.answers.get(member, ("b", True))
                signature, value = answer if answer is not None else ("", None)
                value = dictionary(value) if signature == "a{sv}" else value
                reply = new_method_return(call, signature or None, (value,) if signature else ())
            await self._router.send(reply)
            arguments = tuple(
                plain("a{sv}", argument) if isinstance(argument, dict) else argument
                for argument in call.body
            )
            async with self.changed:
                self.calls.append((member, arguments))
                self.changed.notify_all()

    def of(self, member: str) -> list[tuple[Any, ...]]:
        """The arguments of each call of a method so far."""
        return [arguments for name, arguments in self.calls if name == member]

    async def wait_for(self, member: str, *arguments: Any, timeout_s: float = 10) -> None:
        """Wait until a method was called, with these arguments if any are given."""
        async with asyncio.timeout(timeout_s), self.changed:
            await self.changed.wait_for(
                lambda: any(not arguments or each == arguments for each in self.of(member))
            )
