"""Interface org.everest.Ocpp."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocppd import __version__
from ocppd.dbus.access import Access, Callers, needs_secure
from ocppd.dbus.binding import CURRENT, Variant
from ocppd.dbus.exported import Interface, Signal, exported, readable
from ocppd.dbus.marshalling import explanations, listings, messages, schedules, variables
from ocppd.dbus.marshalling import station as marshalling
from ocppd.dbus.signatures import Bool, Dict, Dicts, Int32, Str
from ocppd.device_model.device_model import CSMS
from ocppd.errors import AccessDenied, InvalidArgument
from ocppd.model import registration
from ocppd.model.charging_profiles import InstalledProfile
from ocppd.model.charging_schedules import ChargingSchedule
from ocppd.station.answer import Answer
from ocppd.station.ports import Journal, Outbox, ReadProfile
from ocppd.station.station import Station

MAX_SOURCE = 50

# Who asks over this interface is not the CSMS, whatever they call themselves.
_HOST = "host"

if TYPE_CHECKING:
    LaterDict = Answer[dict[str, Variant]]
    LaterDicts = Answer[list[dict[str, Variant]]]
else:
    LaterDict, LaterDicts = Dict, Dicts


_STARTING = registration.ConnectionStatus(connected=False, reason="starting")


@dataclass(slots=True)
class Told:
    """What the station told last of the states that are properties."""

    connection: registration.ConnectionStatus = _STARTING
    boot: registration.BootNotificationResponse | None = None
    schedules: tuple[ChargingSchedule, ...] = ()


class OcppInterface(Interface):
    """The OCPP side of the station."""

    NAME = "org.everest.Ocpp"

    OcppTransactionEvent = Signal("a{sv}")
    OcppTransactionEventResponse = Signal("a{sv}")
    SecurityEventSignal = Signal("a{sv}", name="SecurityEvent")
    EventData = Signal("a{sv}")
    BootNotificationResponseSignal = Signal("a{sv}", name="BootNotificationResponse")
    OcppMessage = Signal("a{sv}")

    def __init__(
        self,
        station: Station,
        outbox: Outbox,
        told: Told,
        callers: Callers | None = None,
        journal: Journal | None = None,
        read_profile: ReadProfile = explanations.no_reader,
    ) -> None:
        super().__init__()
        self._station = station
        self._outbox = outbox
        self._told_by_station = told
        self._callers = callers
        self._journal = journal
        self._read_profile = read_profile

    # -- methods ----------------------------------------------------------------------------------

    @exported(durable=False)
    def Stop(self) -> Bool:
        """See dbus/org.everest.Ocpp.xml."""
        return self._station.registration.stop()

    @exported(durable=False)
    def Restart(self) -> Bool:
        """See dbus/org.everest.Ocpp.xml."""
        return self._station.registration.restart()

    @exported
    def SecurityEvent(self, event: Dict) -> None:
        """See dbus/org.everest.Ocpp.xml."""
        read = self._station.dates.right(marshalling.read_security_event(event))
        self._station.security.report(read)

    @exported(access=Access.OBSERVE, durable=False)
    def GetVariables(self, requests: Dicts) -> Dicts:
        """See dbus/org.everest.Ocpp.xml."""
        items = variables.get_variables(requests)
        answer = self._station.provisioning.get_variables(items, _HOST)
        return variables.get_variable_results(answer.result, items, requests)

    @exported
    def SetVariables(self, requests: Dicts, source: Str) -> LaterDicts:
        """See dbus/org.everest.Ocpp.xml."""
        items = variables.set_variables(requests)
        if len(source) > MAX_SOURCE:
            raise InvalidArgument(f"source: longer than {MAX_SOURCE} characters")
        for index, item in enumerate(items):
            if needs_secure(item.address) and not self._is_secure():
                raise AccessDenied(
                    f"requests[{index}].component_variable: {item.address} is for callers of the"
                    " class secure"
                )
        origin = f"{_HOST}:{source}" if source == CSMS else source
        answer = self._station.provisioning.set_variables(items, origin)
        return Answer(variables.set_variable_results(answer.result, items, requests), answer.then)

    def _is_secure(self) -> bool:
        if self._callers is None:
            return True
        return self._callers.known(str(CURRENT.get().sender)) is Access.SECURE

    @exported
    def ChangeAvailability(self, request: Dict) -> LaterDict:
        """See dbus/org.everest.Ocpp.xml."""
        answer = self._station.availability.change(marshalling.change_availability(request))
        return Answer(marshalling.change_availability_response(answer.result), answer.then)

    @exported(durable=False)
    def MonitorVariables(self, component_variables: Dicts) -> None:
        """See dbus/org.everest.Ocpp.xml."""
        addresses = variables.component_variables(component_variables)
        self._station.variable_monitor.monitor(addresses)

    @exported(access=Access.OBSERVE, durable=False)
    def GetCompositeSchedules(self, duration_s: Int32, unit: Str) -> Dict:
        """See dbus/org.everest.Ocpp.xml."""
        request = schedules.schedule_request(duration_s, unit)
        return schedules.charging_schedules(
            self._station.smart_charging.composite_schedules(*request)
        )

    @exported(access=Access.OBSERVE, durable=False)
    def ExplainLimit(self, evse_id: Int32, at: Str, unit: Str, what_if: Dict) -> Dict:
        """See dbus/org.everest.Ocpp.xml."""
        charging = self._station.smart_charging
        in_unit, moment = explanations.read_unit(unit), explanations.read_at(at)
        supposed, number = self._supposed(evse_id, what_if)
        told = charging.explain(evse_id, in_unit, moment, supposed)
        return explanations.explanation(told, in_unit, charging.default_limit(in_unit), number)

    @exported(access=Access.OBSERVE, durable=False)
    def ExplainSchedule(self, evse_id: Int32, duration_s: Int32, unit: Str, what_if: Dict) -> Dict:
        """See dbus/org.everest.Ocpp.xml."""
        in_unit, duration = explanations.read_unit(unit), explanations.read_duration(duration_s)
        supposed, number = self._supposed(evse_id, what_if)
        told = self._station.smart_charging.explained_schedule(evse_id, duration, in_unit, supposed)
        return explanations.explained_schedule(*told, number)

    def _supposed(
        self, evse_id: int, what_if: dict[str, Variant]
    ) -> tuple[list[InstalledProfile], int | None]:
        """Return the profile of what_if, as if it were installed, and its id."""
        asked = explanations.read_what_if(what_if)
        if asked.profile is None:
            return [], None
        named, profile = self._read_profile(asked.profile)
        where = next(one for one in (asked.evse_id, named, evse_id) if one is not None)
        supposed = self._station.smart_charging.suppose(where, profile)
        return [supposed], profile.id

    @exported
    def SetExternalLimit(self, limit: Dict) -> Int32:
        """See dbus/org.everest.Ocpp.xml."""
        return self._station.external_limits.set(explanations.read_limit(limit))

    @exported
    def ClearExternalLimit(self, which: Dict) -> Bool:
        """See dbus/org.everest.Ocpp.xml."""
        return self._station.external_limits.clear(*explanations.read_which(which)) > 0

    @exported(access=Access.OBSERVE, durable=False)
    async def GetQueue(self) -> Dicts:
        """See dbus/org.everest.Ocpp.xml."""
        return [listings.queue_entry(entry) for entry in await self._outbox.all_entries()]

    @exported
    async def ReleaseQueued(self, id: Int32) -> Bool:
        """See dbus/org.everest.Ocpp.xml."""
        released = await self._outbox.release(id)
        if released:
            self._station.on_queue_released()
        return released

    @exported
    def DropQueued(self, id: Int32) -> Bool:
        """See dbus/org.everest.Ocpp.xml."""
        return self._outbox.drop(id)

    @exported(access=Access.OBSERVE, durable=False)
    def GetTransactions(self) -> Dicts:
        """See dbus/org.everest.Ocpp.xml."""
        return [
            listings.open_transaction(each)
            for each in self._station.transactions.open_transactions()
        ]

    @exported(durable=False)
    async def GetMessages(self, filter: Dict) -> Dicts:
        """See dbus/org.everest.Ocpp.xml."""
        wanted = messages.read_filter(filter)
        if self._journal is None:
            return []
        return [messages.journal_message(each) for each in await self._journal.find(wanted)]

    # -- properties -------------------------------------------------------------------------------

    @readable
    def ChargingSchedules(self) -> Dict:
        """See dbus/org.everest.Ocpp.xml."""
        return schedules.charging_schedules(self._told_by_station.schedules)

    @readable
    def IsConnected(self) -> Bool:
        """See dbus/org.everest.Ocpp.xml."""
        return self._told_by_station.connection.connected

    @readable
    def ConnectionStatus(self) -> Dict:
        """See dbus/org.everest.Ocpp.xml."""
        return marshalling.connection_status(self._told_by_station.connection)

    @readable
    def BootNotificationResponse(self) -> Dict:
        """See dbus/org.everest.Ocpp.xml."""
        boot = self._told_by_station.boot
        return marshalling.boot_notification_response(boot) if boot else {}

    @readable(emits="const")
    def Version(self) -> Str:
        """See dbus/org.everest.Ocpp.xml."""
        return __version__

    @readable
    def Health(self) -> Dict:
        """See dbus/org.everest.Ocpp.xml."""
        reasons = list(self._station.health.reasons)
        return {
            "status": Variant("s", "degraded" if reasons else "ok"),
            "reasons": Variant("as", reasons),
        }
