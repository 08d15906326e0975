"""The buttons of the simulator on the bus: `org.everest.OcppSim`."""

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

from ocppd.dbus.binding import Bus
from ocppd.dbus.exported import Interface, Signal, exported
from ocppd.dbus.marshalling.plain import plain, variants
from ocppd.dbus.objects import Objects
from ocppd.dbus.signatures import Bool, Dict, Double, Int32, Str
from ocppd.errors import InvalidArgument
from ocppd.model.tokens import ProvidedIdToken
from ocppd.tools.sim.evse import SimulatorError
from ocppd.tools.sim.payloads import read_provided_token
from ocppd.tools.sim.simulator import Event, Simulator, provided

_LOG = logging.getLogger(__name__)

NAME = "org.everest.OcppSim"
PATH = "/org/everest/OcppSim"
_RECONNECT_S = 1.0

T = TypeVar("T")


def _refusing(do: Callable[[], T]) -> T:
    try:
        return do()
    except (SimulatorError, ValueError) as error:
        raise InvalidArgument(str(error)) from error


class OcppSim(Interface):
    """What a driver, a technician and the power company can do."""

    NAME = NAME

    Happened = Signal("sa{sv}")

    def __init__(self, simulator: Simulator) -> None:
        super().__init__()
        self._simulator = simulator
        self._charger = simulator.charger
        simulator.listen(self._happened)

    def _happened(self, event: Event) -> None:
        self.Happened(event.what, variants(event.details))

    @exported
    def PlugIn(self, evse_id: Int32, connector_id: Int32) -> None:
        """Plug a car in."""
        _refusing(lambda: self._charger.plug_in(evse_id, connector_id))

    @exported
    def Unplug(self, evse_id: Int32) -> None:
        """Pull the cable."""
        _refusing(lambda: self._charger.unplug(evse_id))

    @exported
    async def Swipe(self, token: Str, type: Str, evse_id: Int32) -> Str:
        """Present a token at a reader, and wait for the decision."""
        return await self._present(lambda: provided(token, type or "ISO14443", evse_id=evse_id))

    @exported
    async def PresentToken(self, provided_token: Dict) -> Str:
        """Present a token in full: Autocharge, Plug and Charge, a bank card."""
        return await self._present(lambda: read_provided_token(plain(provided_token)))

    async def _present(self, read: Callable[[], ProvidedIdToken]) -> str:
        try:
            return str(await self._simulator.present(read()))
        except (SimulatorError, KeyError, TypeError, ValueError) as error:
            raise InvalidArgument(str(error)) from error

    @exported
    def SetEv(self, evse_id: Int32, ev: Dict) -> None:
        """Change the car that is plugged in, or choose the next one."""
        _refusing(lambda: self._charger.set_ev(evse_id, plain(ev)))

    @exported
    def PauseEv(self, evse_id: Int32) -> None:
        """Let the car ask for no current."""
        _refusing(lambda: self._charger.set_ev(evse_id, {"wants": False}))

    @exported
    def ResumeEv(self, evse_id: Int32) -> None:
        """Let the car ask for current again."""
        _refusing(lambda: self._charger.set_ev(evse_id, {"wants": True}))

    @exported
    def StopTransaction(self, evse_id: Int32, reason: Str) -> Bool:
        """End a transaction at the charger, as by a button."""
        return _refusing(lambda: self._charger.stop_transaction(evse_id, reason or "Local"))

    @exported
    def RaiseFault(self, evse_id: Int32, type: Str, options: Dict) -> Str:
        """Raise an error."""

        def raise_fault() -> str:
            texts = plain(options)
            connector_id = texts.pop("connector_id", None)
            unknown = set(texts) - {"sub_type", "message", "description", "severity"}
            if unknown:
                raise SimulatorError(f"{min(unknown)}: unknown")
            return self._charger.raise_fault(type, evse_id or None, connector_id, **texts)

        return _refusing(raise_fault)

    @exported
    def ClearFault(self, evse_id: Int32, type: Str) -> Int32:
        """Clear errors."""
        return _refusing(lambda: self._charger.clear_fault(type, evse_id or None))

    @exported
    def EnableDisable(self, evse_id: Int32, connector_id: Int32, source: Dict) -> Bool:
        """Enable or disable an EVSE or a connector, from any source."""
        return _refusing(lambda: self._charger.enable_disable(evse_id, connector_id, plain(source)))

    @exported
    def PowerCut(self) -> None:
        """Cut the power."""
        _refusing(self._charger.power_cut)

    @exported
    def PowerOn(self, resume: Bool) -> None:
        """Give the power back."""
        _refusing(lambda: self._charger.power_on(resume=resume))

    @exported
    def Reboot(self) -> None:
        """Reboot, as by a button inside the charger."""
        self._charger.reboot()

    @exported
    def SetSpeed(self, speed: Double) -> None:
        """Let energy flow faster than in life."""
        _refusing(lambda: self._charger.set_speed(speed))

    @exported
    def State(self) -> Dict:
        """Return what a person wants to see."""
        return variants(self._charger.state())


async def control(simulator: Simulator, address: str | None) -> None:
    """Offer the buttons on a bus, and again when the bus was lost, until cancelled.

    Raises:
        SimulatorError: another simulator has the name already

    """
    objects = Objects()
    objects.export(PATH, OcppSim(simulator))
    while True:
        try:
            bus = await Bus.connect(address)
        except Exception as error:
            _LOG.warning("no bus: %s; trying on", error)
            await asyncio.sleep(_RECONNECT_S)
            continue
        try:
            objects.attach(bus)
            if not await bus.request_name(NAME):
                raise SimulatorError(f"another simulator is on this bus: {NAME} is taken")
            await bus.wait_until_lost()
        except ConnectionError:
            _LOG.warning("the bus is lost; trying again")
        finally:
            bus.close()
        await asyncio.sleep(_RECONNECT_S)
