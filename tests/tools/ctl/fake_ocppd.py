"""A small `org.everest.Ocpp` on a real bus, with the members that ocppctl uses.

It follows dbus/*.xml and answers from tables; a test sets the tables and sends the signals.
"""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from dbus_fast import DBusError, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.service import PropertyAccess, ServiceInterface, dbus_property, method, signal

# ruff: noqa: F722, F821


def v(value: Any) -> Any:
    """Return a value as a variant, dictionaries and lists of them at any depth."""
    match value:
        case bool():
            return Variant("b", value)
        case int():
            return Variant("i", value)
        case float():
            return Variant("d", value)
        case dict():
            return Variant("a{sv}", d(value))
        case list() if value and isinstance(value[0], dict):
            return Variant("aa{sv}", [d(item) for item in value])
        case list():
            return Variant("as", value)
        case _:
            return Variant("s", value)


def d(values: dict[str, Any]) -> dict[str, Any]:
    return {key: v(value) for key, value in values.items()}


def bare(value: Any) -> Any:
    """Return a value without variants."""
    if isinstance(value, Variant):
        return bare(value.value)
    if isinstance(value, dict):
        return {key: bare(item) for key, item in value.items()}
    if isinstance(value, list):
        return [bare(item) for item in value]
    return value


class Ocpp(ServiceInterface):
    def __init__(self) -> None:
        super().__init__("org.everest.Ocpp")
        self.stopped = False
        self.variables = {"C.V": "1", "OCPPCommCtrlr.HeartbeatInterval": "300", "Key16": "k"}
        self.monitored: list[Any] = []
        self.asked: list[tuple[str, Any]] = []
        self.error: tuple[str, str] | None = None
        self.connection: dict[str, Any] = {
            "connected": True,
            "csms_url": "ws://csms/ocpp",
            "identity": "CS1",
            "ocpp_version": "2.0.1",
            "security_profile": 1,
        }
        self.boot: dict[str, Any] = {
            "status": "Accepted",
            "current_time": "2026-11-22T10:00:00Z",
            "interval": 300,
        }
        self.health: dict[str, Any] = {"status": "ok", "reasons": []}
        self.queue: list[dict[str, Any]] = []
        self.journal: list[dict[str, Any]] = []
        self.open: list[dict[str, Any]] = []
        self.availability: dict[str, Any] = {"status": "Accepted"}
        self.schedules: dict[str, Any] = {"schedules": []}
        self.explained: dict[str, Any] = {}

    def _fail(self) -> None:
        if self.error is not None:
            raise DBusError(*self.error)

    def _find(self, request: dict[str, Any]) -> str:
        item = request["component_variable"]
        component = item["component"]["name"]
        name = item["variable"]["name"]
        return f"{component}.{name}" if component else name

    @method()
    def Stop(self) -> "b":  # type: ignore[valid-type]
        done, self.stopped = not self.stopped, True
        return done

    @method()
    def Restart(self) -> "b":  # type: ignore[valid-type]
        done, self.stopped = self.stopped, False
        return done

    @method()
    def GetVariables(self, requests: "aa{sv}") -> "aa{sv}":  # type: ignore
        self._fail()
        self.asked += [("get", bare(request)) for request in requests]
        results = []
        for request in bare(requests):
            found = self._find(request)
            result = {"component_variable": request["component_variable"]}
            if found in self.variables:
                result |= {"status": "Accepted", "value": self.variables[found]}
            elif found.startswith("C."):
                result |= {"status": "UnknownVariable"}
            else:
                result |= {"status": "UnknownComponent"}
            results.append(d(result))
        return results

    @method()
    def SetVariables(self, requests: "aa{sv}", source: "s") -> "aa{sv}":  # type: ignore
        self._fail()
        results = []
        for request in bare(requests):
            self.asked.append((source, request))
            found = self._find(request)
            status = "Accepted"
            if found not in self.variables:
                status = "UnknownVariable"
            elif request["value"] == "bad":
                status = "Rejected"
            elif request["value"] == "later":
                status = "RebootRequired"
            else:
                self.variables[found] = request["value"]
            results.append(
                d({"status": status, "component_variable": request["component_variable"]})
            )
        return results

    @method()
    def ChangeAvailability(self, request: "a{sv}") -> "a{sv}":  # type: ignore
        self._fail()
        self.asked.append(("availability", bare(request)))
        return d(self.availability)

    @method()
    def MonitorVariables(self, items: "aa{sv}") -> None:  # type: ignore
        self._fail()
        self.monitored += bare(items)

    @method()
    def GetCompositeSchedules(self, duration_s: "i", unit: "s") -> "a{sv}":  # type: ignore
        self.asked.append(("schedules", (duration_s, unit)))
        return d(self.schedules)

    @method()
    def ExplainSchedule(  # type: ignore[no-untyped-def]
        self,
        evse_id: "i",
        duration_s: "i",
        unit: "s",
        what_if: "a{sv}",  # type: ignore
    ) -> "a{sv}":  # type: ignore
        self.asked.append(("explain schedule", (evse_id, duration_s, unit, bare(what_if))))
        return d(self.explained)

    @method()
    def ExplainLimit(  # type: ignore[no-untyped-def]
        self,
        evse_id: "i",
        at: "s",
        unit: "s",
        what_if: "a{sv}",  # type: ignore
    ) -> "a{sv}":  # type: ignore
        self.asked.append(("explain limit", (evse_id, at, unit, bare(what_if))))
        return d(self.explained)

    @method()
    def GetQueue(self) -> "aa{sv}":  # type: ignore
        return [d(entry) for entry in self.queue]

    def _deal_with(self, number: int) -> bool:
        before = len(self.queue)
        aside = {"id": number, "state": "set aside"}
        self.queue = [each for each in self.queue if not aside.items() <= each.items()]
        return len(self.queue) < before

    @method()
    def ReleaseQueued(self, number: "i") -> "b":  # type: ignore
        self.asked.append(("release", number))
        return self._deal_with(number)

    @method()
    def DropQueued(self, number: "i") -> "b":  # type: ignore
        self.asked.append(("drop", number))
        return self._deal_with(number)

    @method()
    def GetMessages(self, wanted: "a{sv}") -> "aa{sv}":  # type: ignore
        self._fail()
        self.asked.append(("messages", bare(wanted)))
        return [d(each) for each in self.journal]

    @method()
    def GetTransactions(self) -> "aa{sv}":  # type: ignore
        return [d(entry) for entry in self.open]

    @signal()
    def OcppMessage(self, message: "a{sv}") -> "a{sv}":  # type: ignore
        return d(message)

    @signal()
    def EventData(self, event: "a{sv}") -> "a{sv}":  # type: ignore
        return d(event)

    @signal()
    def OcppTransactionEvent(self, event: "a{sv}") -> "a{sv}":  # type: ignore
        return d(event)

    @dbus_property(access=PropertyAccess.READ)
    def ConnectionStatus(self) -> "a{sv}":  # type: ignore
        return d(self.connection)

    @dbus_property(access=PropertyAccess.READ)
    def BootNotificationResponse(self) -> "a{sv}":  # type: ignore
        return d(self.boot)

    @dbus_property(access=PropertyAccess.READ)
    def Health(self) -> "a{sv}":  # type: ignore
        return d(self.health)

    @dbus_property(access=PropertyAccess.READ)
    def ChargingSchedules(self) -> "a{sv}":  # type: ignore
        return d(self.schedules)

    @dbus_property(access=PropertyAccess.READ)
    def Version(self) -> "s":  # type: ignore
        return "0.1.0"


class AgentManager(ServiceInterface):
    def __init__(self) -> None:
        super().__init__("org.everest.Ocpp.AgentManager")

    @dbus_property(access=PropertyAccess.READ)
    def Agents(self) -> "a{s(so)}":  # type: ignore
        return {"org.everest.Ocpp.Agent.System": (":1.7", "/agent")}


class EvseManager(ServiceInterface):
    def __init__(self, evse_id: int) -> None:
        super().__init__("org.everest.Ocpp.EvseManager")
        self.evse_id = evse_id
        self.transaction = ""
        self.session = ""
        self.limit: dict[str, Any] = {}

    @dbus_property(access=PropertyAccess.READ)
    def EvseId(self) -> "i":  # type: ignore
        return self.evse_id

    @dbus_property(access=PropertyAccess.READ)
    def Connectors(self) -> "aa{sv}":  # type: ignore
        status = "Occupied" if self.transaction else "Available"
        return [d({"id": 1, "type": "cType2", "status": status})]

    @dbus_property(access=PropertyAccess.READ)
    def OperationalStatus(self) -> "s":  # type: ignore
        return "Operative"

    @dbus_property(access=PropertyAccess.READ)
    def SessionId(self) -> "s":  # type: ignore
        return f"session of {self.transaction}" if self.transaction else self.session

    @dbus_property(access=PropertyAccess.READ)
    def TransactionId(self) -> "s":  # type: ignore
        return self.transaction

    @dbus_property(access=PropertyAccess.READ)
    def Limit(self) -> "a{sv}":  # type: ignore
        return d(self.limit)


class FakeOcppd:
    """The service on the bus."""

    def __init__(self, bus: MessageBus) -> None:
        self.bus = bus
        self.ocpp = Ocpp()
        self.evses = [EvseManager(1), EvseManager(2)]

    async def leave(self) -> None:
        """Give the name up, as a daemon that ends."""
        await self.bus.release_name("org.everest.Ocpp")

    async def come(self) -> None:
        """Take the name."""
        await self.bus.request_name("org.everest.Ocpp")


@contextlib.asynccontextmanager
async def fake_ocppd(address: str) -> AsyncIterator[FakeOcppd]:
    """Run the service on a bus."""
    bus = await MessageBus(bus_address=address).connect()
    fake = FakeOcppd(bus)
    bus.export("/org/everest/Ocpp", fake.ocpp)
    bus.export("/org/everest/Ocpp", AgentManager())
    for evse in fake.evses:
        bus.export(f"/org/everest/Ocpp/Evse/{evse.evse_id}", evse)
    await fake.come()
    try:
        yield fake
    finally:
        bus.disconnect()
        with contextlib.suppress(EOFError, OSError):
            await bus.wait_for_disconnect()
