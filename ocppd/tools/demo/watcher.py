"""What the bus tells: all signals of ocppd, kept and shown, and calls to it.

It talks through another D-Bus library than the daemon does, as any client would.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jeepney import DBusAddress, HeaderFields, MatchRule, MessageType, message_bus, new_method_call
from jeepney.io.asyncio import DBusRouter, open_dbus_connection
from jeepney.low_level import Message

from ocppd.tools.ctl.bus import EVSE_MANAGER, NAME, PROPERTIES, STATION, plain
from ocppd.tools.variants import variants

_KEPT = 100_000


class CallRefused(Exception):
    """ocppd answered a call with an error."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A signal; `at` is a time of the monotonic clock."""

    at: float
    path: str
    interface: str
    member: str
    arguments: tuple[Any, ...]

    @property
    def body(self) -> dict[str, Any]:
        """The first argument, if it is a dictionary."""
        first = self.arguments[0] if self.arguments else {}
        return first if isinstance(first, dict) else {}

    @property
    def changed(self) -> dict[str, Any]:
        """The properties in a PropertiesChanged; empty for other signals."""
        return dict(self.arguments[1]) if self.member == "PropertiesChanged" else {}


class Watcher:
    """A client on the bus that remembers what it heard."""

    def __init__(self, address: str, show: Callable[[Seen], None]) -> None:
        self._address = address
        self._show = show
        self._stack = contextlib.AsyncExitStack()
        self._router: DBusRouter | None = None
        self._listening: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self.seen: list[Seen] = []

    async def start(self) -> None:
        """Connect, and subscribe to everything that ocppd signals."""
        connection = await open_dbus_connection(self._address)
        router = await self._stack.enter_async_context(DBusRouter(connection))
        self._router = router
        queue: asyncio.Queue[Message] = asyncio.Queue(_KEPT)
        self._stack.enter_context(router.filter(MatchRule(type="signal"), queue=queue))
        await self._exchange(message_bus.AddMatch(MatchRule(type="signal", sender=NAME)))
        self._listening = asyncio.create_task(self._listen(queue))

    async def stop(self) -> None:
        """Leave the bus."""
        if self._listening is not None:
            self._listening.cancel()
        with contextlib.suppress(OSError, EOFError):
            await self._stack.aclose()

    async def _listen(self, queue: "asyncio.Queue[Message]") -> None:
        while True:
            message = await queue.get()
            fields = message.header.fields
            seen = Seen(
                time.monotonic(),
                fields.get(HeaderFields.path, ""),
                fields.get(HeaderFields.interface, ""),
                fields.get(HeaderFields.member, ""),
                tuple(plain(value) for value in message.body),
            )
            if not seen.path.startswith(STATION):
                continue
            self.seen.append(seen)
            self._show(seen)
            self._changed.set()

    async def _exchange(self, message: Message) -> Any:
        assert self._router is not None, "started"
        reply = await asyncio.wait_for(self._router.send_and_get_reply(message), 30)
        if reply.header.message_type is MessageType.error:
            name = reply.header.fields.get(HeaderFields.error_name, "")
            raise CallRefused(f"{name}: {reply.body[0] if reply.body else ''}")
        return plain(reply.body[0]) if reply.body else None

    async def call(
        self,
        member: str,
        signature: str = "",
        *arguments: Any,
        interface: str = NAME,
        path: str = STATION,
    ) -> Any:
        """Call a method of ocppd.

        Raises CallRefused.
        """
        address = DBusAddress(path, bus_name=NAME, interface=interface)
        return await self._exchange(new_method_call(address, member, signature or None, arguments))

    async def properties(self, evse_id: int | None = None) -> dict[str, Any]:
        """Return the properties of the station, or of an EVSE.

        Raises CallRefused.
        """
        interface = NAME if evse_id is None else EVSE_MANAGER
        path = STATION if evse_id is None else f"{STATION}/Evse/{evse_id}"
        found = await self.call("GetAll", "s", interface, interface=PROPERTIES, path=path)
        return dict(found)

    async def availability(
        self, status: str, evse_id: int, connector_id: int | None = None
    ) -> dict[str, Any]:
        """Put an EVSE or a connector of it in or out of service.

        Raises CallRefused.
        """
        evse = {"id": evse_id}
        if connector_id is not None:
            evse["connector_id"] = connector_id
        request = {"operational_status": status, "evse": evse}
        return dict(await self.call("ChangeAvailability", "a{sv}", variants(request)))

    async def present(self, timeout_s: float = 15) -> None:
        """Wait until ocppd has its name.

        Raises TimeoutError.
        """
        async with asyncio.timeout(timeout_s):
            while not await self._exchange(message_bus.NameHasOwner(NAME)):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    def signals(self, member: str, since: int = 0) -> list[Seen]:
        """Return the signals of a name."""
        return [seen for seen in self.seen[since:] if seen.member == member]

    def property_changes(self, name: str, since: int = 0, path: str = STATION) -> list[Any]:
        """Return the values that a property was told to have had, in order."""
        return [
            seen.changed[name]
            for seen in self.seen[since:]
            if name in seen.changed and seen.path == path
        ]

    async def wait_until(self, condition: Callable[[], bool], timeout_s: float = 15) -> None:
        """Wait until something holds; it is looked at after each signal.

        Raises TimeoutError.
        """
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()
