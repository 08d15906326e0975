"""The meter of an EVSE: an energy register that only grows, and what it measures now."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ocppd.tools.sim.payloads import Payload, timestamp

_NOMINAL_V = 230.0
_NOMINAL_HZ = 50.0
_VOLTAGE_NOISE = 0.004
_FREQUENCY_NOISE = 0.0004
_PHASES = ("L1", "L2", "L3")


@dataclass(frozen=True, slots=True)
class Flow:
    """What flows to the car: amperes on each phase, or a direct current at a voltage."""

    amperes: tuple[float, float, float] = (0.0, 0.0, 0.0)
    dc_a: float = 0.0
    dc_v: float = 0.0

    @classmethod
    def alternating(cls, current_a: float, phases: int) -> "Flow":
        """Return the same current on the first one to three phases."""
        one, two, three = (current_a if phase < phases else 0.0 for phase in range(3))
        return cls((one, two, three))

    @classmethod
    def direct(cls, power_w: float, voltage_v: float) -> "Flow":
        """Return a direct current of a power."""
        return cls(dc_a=power_w / voltage_v, dc_v=voltage_v)


NO_FLOW = Flow()


class Meter:
    """Counts what goes to the car; the register goes on from session to session.

    `random` gives a number from 0 to below 1: the grid is never quite at 230 V and 50 Hz.
    """

    def __init__(
        self,
        meter_id: str,
        random: Callable[[], float],
        register_wh: float = 0.0,
        *,
        dc: bool = False,
    ) -> None:
        """Start at a register in Wh; a meter of a DC EVSE tells no phases."""
        self.meter_id = meter_id
        self._random = random
        self._dc = dc
        self._phase_wh = [0.0 if dc else register_wh / 3] * 3
        self._dc_wh = register_wh if dc else 0.0
        self._volts = [_NOMINAL_V] * 3
        self._hertz = _NOMINAL_HZ

    @property
    def register_wh(self) -> float:
        """Energy imported since the meter was made, in Wh."""
        return self._dc_wh + sum(self._phase_wh)

    def advance(self, seconds: float, flow: Flow) -> float:
        """Let a flow go on for so long; returns the energy in Wh."""
        before = self.register_wh
        self._dc_wh += flow.dc_a * flow.dc_v * seconds / 3600
        for phase, amperes in enumerate(flow.amperes):
            self._phase_wh[phase] += amperes * self._volts[phase] * seconds / 3600
        self._volts = [_NOMINAL_V * (1 + _VOLTAGE_NOISE * (self._random() - 0.5)) for _ in _PHASES]
        self._hertz = _NOMINAL_HZ * (1 + _FREQUENCY_NOISE * (self._random() - 0.5))
        return self.register_wh - before

    def power_w(self, flow: Flow) -> float:
        """Return the power of a flow at the present voltages."""
        alternating = sum(
            volt * ampere for volt, ampere in zip(self._volts, flow.amperes, strict=True)
        )
        return alternating + flow.dc_a * flow.dc_v

    def reading(self, now: datetime, flow: Flow) -> Payload:
        """Return all the meter knows, as EVerest's Powermeter."""
        payload: Payload = {"timestamp": timestamp(now), "meter_id": self.meter_id}
        if self._dc or flow.dc_v > 0:
            payload["energy_Wh_import"] = {"total": round(self.register_wh, 3)}
            payload["power_W"] = {"total": round(self.power_w(flow), 1)}
            payload["voltage_V"] = {"DC": round(flow.dc_v, 1)}
            payload["current_A"] = {"DC": round(flow.dc_a, 2)}
            return payload
        powers = [volt * ampere for volt, ampere in zip(self._volts, flow.amperes, strict=True)]
        payload["energy_Wh_import"] = {
            "total": round(self.register_wh, 3),
            **_by_phase(self._phase_wh, 3),
        }
        payload["power_W"] = {"total": round(sum(powers), 1), **_by_phase(powers, 1)}
        payload["VAR"] = {"total": 0.0, **_by_phase([0.0] * 3, 1)}
        payload["voltage_V"] = _by_phase(self._volts, 1)
        payload["current_A"] = {**_by_phase(list(flow.amperes), 2), "N": _neutral(flow.amperes)}
        payload["frequency_Hz"] = {"L1": round(self._hertz, 3)}
        return payload


def _by_phase(values: list[float], digits: int) -> dict[str, float]:
    return {name: round(value, digits) for name, value in zip(_PHASES, values, strict=True)}


def _neutral(amperes: tuple[float, float, float]) -> float:
    """Return what the neutral conductor carries back: nothing when the phases are balanced."""
    one, two, three = amperes
    squared = one * one + two * two + three * three - one * two - two * three - three * one
    return round(math.sqrt(max(squared, 0.0)), 2)
