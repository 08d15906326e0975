"""The security events of the standard, and which of them are critical.

OCPP 2.1, part 2 appendices, 1 (the same as in 2.0.1, with one more): critical events are sent to
the CSMS, all events are logged. Version 1.6 has other names for some and counts fewer as
critical; that is decided where it is spelled.
"""

CRITICAL: dict[str, bool] = {
    "FirmwareUpdated": True,
    "FailedToAuthenticateAtCsms": False,
    "CsmsFailedToAuthenticate": False,
    "SettingSystemTime": True,
    "StartupOfTheDevice": True,
    "ResetOrReboot": True,
    "SecurityLogWasCleared": True,
    "ReconfigurationOfSecurityParameters": False,
    "MemoryExhaustion": True,
    "InvalidMessages": False,
    "AttemptedReplayAttacks": False,
    "TamperDetectionActivated": True,
    "InvalidFirmwareSignature": True,
    "InvalidFirmwareSigningCertificate": True,
    "InvalidCsmsCertificate": True,
    "InvalidChargingStationCertificate": True,
    "DiscardedRenewedClientCertificate": True,
    "InvalidTLSVersion": True,
    "InvalidTLSCipherSuite": True,
    "MaintenanceLoginAccepted": True,
    "MaintenanceLoginFailed": True,
}

NAMES_OF_16: dict[str, str] = {
    "FailedToAuthenticateAtCsms": "FailedToAuthenticationAtCentralSystem",
    "CsmsFailedToAuthenticate": "CentralSystemFailedToAuthentication",
    "InvalidCsmsCertificate": "InvalidCentralSystemCertificate",
    "InvalidChargingStationCertificate": "InvalidChargePointCertificate",
}
"""How the security whitepaper for 1.6 (edition 3, 8) calls some of them."""

_NAMES = {name.casefold(): name for name in CRITICAL} | {
    other.casefold(): name for name, other in NAMES_OF_16.items()
}


def name_of(event_type: str) -> str:
    """Return the name in 2.x's words; one that is not of the standard stays as it is."""
    return _NAMES.get(event_type.casefold(), event_type)


def is_critical(name: str) -> bool:
    """Tell whether the standard has an event sent to the CSMS; unknown ones are not."""
    return CRITICAL.get(name, False)
