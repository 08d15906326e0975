"""Error codes that people can look up: the minimum required error codes (MREC) of ChargeX.

The keys are EVerest's error types; the codes are published at https://chargex.inl.gov.
"""

VENDOR = "https://chargex.inl.gov"

_CODES = {
    "connector_lock/MREC1ConnectorLockFailure": "CX001",
    "evse_board_support/MREC2GroundFailure": "CX002",
    "evse_board_support/MREC3HighTemperature": "CX003",
    "evse_board_support/MREC4OverCurrentFailure": "CX004",
    "evse_board_support/MREC5OverVoltage": "CX005",
    "evse_board_support/MREC6UnderVoltage": "CX006",
    "evse_board_support/MREC8EmergencyStop": "CX008",
    "evse_board_support/MREC10InvalidVehicleMode": "CX010",
    "evse_board_support/MREC14PilotFault": "CX014",
    "evse_board_support/MREC15PowerLoss": "CX015",
    "evse_board_support/MREC17EVSEContactorFault": "CX017",
    "evse_board_support/MREC18CableOverTempDerate": "CX018",
    "evse_board_support/MREC19CableOverTempStop": "CX019",
    "evse_board_support/MREC20PartialInsertion": "CX020",
    "evse_board_support/MREC23ProximityFault": "CX023",
    "evse_board_support/MREC24ConnectorVoltageHigh": "CX024",
    "evse_board_support/MREC25BrokenLatch": "CX025",
    "evse_board_support/MREC26CutCable": "CX026",
    "evse_manager/MREC4OverCurrentFailure": "CX004",
    "evse_manager/MREC5OverVoltage": "CX005",
    "evse_manager/MREC11CableCheckFault": "CX011",
    "evse_manager/MREC22ResistanceFault": "CX022",
    "ac_rcd/MREC2GroundFailure": "CX002",
}


def code_of(error_type: str) -> str | None:
    """Return the code of an error, such as CX002, or None if it has none."""
    return _CODES.get(error_type)
