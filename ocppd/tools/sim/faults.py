"""Errors that the simulator can raise, and what they do to charging.

The types are EVerest's, of its global error stream. Only `evse_manager/Inoperative` makes a
connector Faulted; a hardware error that ends charging brings it along, as in EVerest.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ocppd.model.sessions import StopReason
from ocppd.tools.sim.payloads import Payload, timestamp

INOPERATIVE = "evse_manager/Inoperative"
LOCK_FAILURE = "connector_lock/MREC1ConnectorLockFailure"


class Severity(StrEnum):
    """EVerest's severities."""

    LOW = "Low"
    MEDIUM = "Medium"
    HIGH = "High"


class Effect(StrEnum):
    """What an error does to charging."""

    NONE = "none"
    PAUSE = "pause"
    STOP = "stop"


STOPS: dict[str, StopReason] = {
    INOPERATIVE: StopReason.OTHER,
    "evse_board_support/MREC2GroundFailure": StopReason.GROUND_FAULT,
    "ac_rcd/MREC2GroundFailure": StopReason.GROUND_FAULT,
    "evse_board_support/MREC4OverCurrentFailure": StopReason.OVERCURRENT_FAULT,
    "evse_manager/MREC4OverCurrentFailure": StopReason.OVERCURRENT_FAULT,
    "evse_board_support/MREC5OverVoltage": StopReason.POWER_QUALITY,
    "evse_manager/MREC5OverVoltage": StopReason.POWER_QUALITY,
    "evse_board_support/MREC6UnderVoltage": StopReason.POWER_QUALITY,
    "evse_board_support/MREC8EmergencyStop": StopReason.EMERGENCY_STOP,
    "evse_board_support/MREC10InvalidVehicleMode": StopReason.OTHER,
    "evse_manager/MREC11CableCheckFault": StopReason.OTHER,
    "evse_board_support/MREC14PilotFault": StopReason.OTHER,
    "evse_board_support/MREC15PowerLoss": StopReason.POWER_LOSS,
    "evse_board_support/MREC17EVSEContactorFault": StopReason.OTHER,
    "evse_board_support/MREC19CableOverTempStop": StopReason.OTHER,
    "evse_board_support/MREC20PartialInsertion": StopReason.OTHER,
    "evse_manager/MREC22ResistanceFault": StopReason.OTHER,
    "evse_board_support/MREC23ProximityFault": StopReason.OTHER,
    "evse_board_support/MREC24ConnectorVoltageHigh": StopReason.POWER_QUALITY,
    "evse_board_support/MREC25BrokenLatch": StopReason.OTHER,
    "evse_board_support/MREC26CutCable": StopReason.OTHER,
}
PAUSES = frozenset({LOCK_FAILURE, "evse_board_support/MREC3HighTemperature"})


@dataclass(frozen=True, slots=True)
class Fault:
    """One active error (EVerest's Error); without `evse_id` it is the whole charger's."""

    uuid: str
    type: str
    raised: datetime
    sub_type: str = ""
    message: str = ""
    description: str = ""
    severity: Severity = Severity.HIGH
    evse_id: int | None = None
    connector_id: int | None = None
    cause: str | None = None

    @property
    def effect(self) -> Effect:
        """What it does to charging."""
        if self.type in STOPS:
            return Effect.STOP
        return Effect.PAUSE if self.type in PAUSES else Effect.NONE

    @property
    def inoperative(self) -> bool:
        """Whether no charging is possible while it lasts."""
        return self.effect is Effect.STOP

    def payload(self) -> Payload:
        """Return it as `RaiseError` and `ClearError` take it."""
        payload: Payload = {
            "type": self.type,
            "sub_type": self.sub_type,
            "message": self.message,
            "description": self.description,
            "severity": str(self.severity),
            "uuid": self.uuid,
            "timestamp": timestamp(self.raised),
        }
        if self.evse_id is not None:
            payload["evse_id"] = self.evse_id
        if self.connector_id is not None:
            payload["connector_id"] = self.connector_id
        return payload
