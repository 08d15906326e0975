"""What an EVSE may give a car, and how it tells of it."""

from dataclasses import dataclass

from ocppd.tools.sim.meter import Flow
from ocppd.tools.sim.payloads import Payload
from ocppd.tools.sim.settings import EvseSettings
from ocppd.tools.sim.vehicle import CurrentKind, Ev

_NOMINAL_V = 230.0
_NOMINAL_DC_V = 400.0


@dataclass(frozen=True, slots=True)
class Limit:
    """What ocppd allows the EVSE now: amperes on each phase, or watts in all."""

    amount: float
    unit: str = "A"
    phases: int | None = None

    def current_a(self, phases: int) -> float:
        """Return the limit as a current on each phase."""
        return self.amount if self.unit == "A" else self.amount / (phases * _NOMINAL_V)

    def power_w(self, phases: int) -> float:
        """Return the limit as a power; a DC station's amperes are those of its grid side."""
        return self.amount if self.unit == "W" else self.amount * phases * _NOMINAL_V


def usable_phases(settings: EvseSettings, ev: Ev | None, limit: Limit | None) -> int:
    """Return how many phases hardware, car and ocppd have in common."""
    allowed = limit.phases if limit is not None else None
    return max(1, min(settings.phases, ev.phases if ev is not None else 3, allowed or 3))


@dataclass(frozen=True, slots=True)
class Offer:
    """What hardware, cable and ocppd leave: amperes on each phase (AC), watts (DC)."""

    kind: CurrentKind
    current_a: float
    power_w: float
    phases: int

    def suffices(self, settings: EvseSettings, ev: Ev) -> bool:
        """Tell whether a car can charge with it at all."""
        if self.kind is CurrentKind.DC:
            return self.power_w > 0
        return self.current_a >= max(settings.min_current_a, ev.min_current_a)

    def taken_by(self, ev: Ev) -> Flow:
        """Return what a car makes of it."""
        if self.kind is CurrentKind.DC:
            return Flow.direct(min(self.power_w, ev.wanted_power_w()), ev.battery_voltage_v)
        return Flow.alternating(min(self.current_a, ev.max_current_a), min(self.phases, ev.phases))

    def payload(self, ev: Ev | None) -> Payload:
        """Return it as EVerest's Limits."""
        current_a = self.current_a
        if self.kind is CurrentKind.DC:
            current_a = self.power_w / (ev.battery_voltage_v if ev is not None else _NOMINAL_DC_V)
        return {"max_current": round(current_a, 3), "nr_of_phases_available": self.phases}


def offer(settings: EvseSettings, ev: Ev | None, limit: Limit | None, phases: int) -> Offer:
    """Return what is left for a car on so many phases."""
    current_a, power_w = settings.max_current_a, settings.max_power_w
    if ev is not None:
        current_a = min(current_a, ev.cable_a)
    if limit is not None:
        current_a = min(current_a, limit.current_a(phases))
        power_w = min(power_w, limit.power_w(settings.phases))
    kind = ev.kind if ev is not None else settings.kind
    return Offer(kind, max(current_a, 0.0), max(power_w, 0.0), phases)


def hw_capabilities(settings: EvseSettings) -> Payload:
    """Return EVerest's HardwareCapabilities."""
    return {
        "max_current_A_import": settings.max_current_a,
        "min_current_A_import": settings.min_current_a,
        "max_phase_count_import": settings.phases,
        "min_phase_count_import": 1,
        "max_current_A_export": 0.0,
        "min_current_A_export": 0.0,
        "max_phase_count_export": 0,
        "min_phase_count_export": 0,
        "supports_changing_phases_during_charging": settings.switches_phases,
        "supports_cp_state_E": False,
        "connector_type": settings.hardware_type,
    }


def ev_info(ev: Ev | None, flow: Flow) -> Payload:
    """Return what a car tells of itself; nothing without one, or if it does not talk."""
    if ev is None or not ev.tells:
        return {}
    info: Payload = {
        "soc": float(round(ev.soc)),
        "battery_capacity": ev.capacity_wh,
        "battery_full_soc": ev.target_soc,
    }
    if ev.evcc_id:
        info["evcc_id"] = ev.evcc_id
    if ev.kind is CurrentKind.DC:
        info["maximum_power_limit"] = ev.max_power_w
        info["present_voltage"] = ev.battery_voltage_v
        info["present_current"] = round(flow.dc_a, 2)
    return info
