"""The table of OCPP 1.6's configuration keys: what each one is in the device model.

The keys are those of OCPP 1.6, its security whitepaper, the application notes on ISO 15118 and on
prices, and EVerest's own (`Internal`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from ocppd.model.variables import Component, ComponentVariable, Variable


class Kind(Enum):
    """Where the value of a key is: the variable, its maxLimit, the slot in use, or computed."""

    VALUE = auto()
    LIMIT = auto()
    SLOT = auto()
    MEASURANDS = auto()


@dataclass(frozen=True, slots=True)
class Key:
    """What a key is; `read_only` binds whoever writes the key."""

    kind: Kind
    read_only: bool
    address: ComponentVariable
    """Of a SLOT key: the variable in SecurityCtrlr that stands in for the slot's."""
    hidden: bool = False


_TEXT = re.compile(r"(\w+)\.(\w+)(?:\[(.+)\])?")


def _address(text: str) -> ComponentVariable:
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return ComponentVariable(Component(match[1]), Variable(match[2], match[3]))


def _rw(variable: str) -> Key:
    return Key(Kind.VALUE, False, _address(variable))


def _ro(variable: str) -> Key:
    return Key(Kind.VALUE, True, _address(variable))


def _limit(variable: str) -> Key:
    return Key(Kind.LIMIT, True, _address(variable))


def _slot(name: str, *, read_only: bool = False, hidden: bool = False) -> Key:
    return Key(Kind.SLOT, read_only, _address(f"SecurityCtrlr.{name}"), hidden)


def _computed() -> Key:
    return Key(Kind.MEASURANDS, True, _address("OCPP16LegacyCtrlr.SupportedMeasurands"))


KEYS: Mapping[str, Key] = {
    # Core
    "AllowOfflineTxForUnknownId": _rw("AuthCtrlr.OfflineTxForUnknownIdEnabled"),
    "AuthorizationCacheEnabled": _rw("AuthCacheCtrlr.Enabled"),
    "AuthorizeRemoteTxRequests": _rw("AuthCtrlr.AuthorizeRemoteStart"),
    "BlinkRepeat": _rw("OCPP16LegacyCtrlr.BlinkRepeat"),
    "ClockAlignedDataInterval": _rw("AlignedDataCtrlr.Interval"),
    "ConnectionTimeOut": _rw("TxCtrlr.EVConnectionTimeOut"),
    "ConnectorPhaseRotation": _rw("OCPP16LegacyCtrlr.ConnectorPhaseRotation"),
    "ConnectorPhaseRotationMaxLength": _ro("OCPP16LegacyCtrlr.ConnectorPhaseRotationMaxLength"),
    "GetConfigurationMaxKeys": _ro("OCPP16LegacyCtrlr.GetConfigurationMaxKeys"),
    "HeartbeatInterval": _rw("OCPPCommCtrlr.HeartbeatInterval"),
    "LightIntensity": _rw("OCPP16LegacyCtrlr.LightIntensity"),
    "LocalAuthorizeOffline": _rw("AuthCtrlr.LocalAuthorizeOffline"),
    "LocalPreAuthorize": _rw("AuthCtrlr.LocalPreAuthorize"),
    "MaxEnergyOnInvalidId": _rw("TxCtrlr.MaxEnergyOnInvalidId"),
    "MeterValuesAlignedData": _rw("AlignedDataCtrlr.Measurands"),
    "MeterValuesAlignedDataMaxLength": _limit("AlignedDataCtrlr.Measurands"),
    "MeterValueSampleInterval": _rw("SampledDataCtrlr.TxUpdatedInterval"),
    "MeterValuesSampledData": _rw("SampledDataCtrlr.TxUpdatedMeasurands"),
    "MeterValuesSampledDataMaxLength": _limit("SampledDataCtrlr.TxUpdatedMeasurands"),
    "MinimumStatusDuration": _rw("OCPP16LegacyCtrlr.MinimumStatusDuration"),
    "NumberOfConnectors": _ro("OCPP16LegacyCtrlr.NumberOfConnectors"),
    "ResetRetries": _rw("OCPPCommCtrlr.ResetRetries"),
    "StopTransactionOnEVSideDisconnect": _ro("OCPP16LegacyCtrlr.StopTransactionOnEVSideDisconnect"),
    "StopTransactionOnInvalidId": _rw("TxCtrlr.StopTxOnInvalidId"),
    "StopTxnAlignedData": _rw("AlignedDataCtrlr.TxEndedMeasurands"),
    "StopTxnAlignedDataMaxLength": _limit("AlignedDataCtrlr.TxEndedMeasurands"),
    "StopTxnSampledData": _rw("SampledDataCtrlr.TxEndedMeasurands"),
    "StopTxnSampledDataMaxLength": _limit("SampledDataCtrlr.TxEndedMeasurands"),
    "SupportedFeatureProfiles": _ro("OCPP16LegacyCtrlr.SupportedFeatureProfiles"),
    "SupportedFeatureProfilesMaxLength": _ro("OCPP16LegacyCtrlr.SupportedFeatureProfilesMaxLength"),
    "TransactionMessageAttempts": _rw("OCPPCommCtrlr.MessageAttempts[TransactionEvent]"),
    "TransactionMessageRetryInterval": _rw(
        "OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]"
    ),
    "UnlockConnectorOnEVSideDisconnect": _rw("OCPP16LegacyCtrlr.UnlockConnectorOnEVSideDisconnect"),
    "WebSocketPingInterval": _rw("OCPPCommCtrlr.WebSocketPingInterval"),
    # CostAndPrice
    "CustomDisplayCostAndPrice": _ro("OCPP16LegacyCtrlr.CustomDisplayCostAndPrice"),
    "CustomIdleFeeAfterStop": _rw("OCPP16LegacyCtrlr.CustomIdleFeeAfterStop"),
    "CustomMultiLanguageMessages": _ro("OCPP16LegacyCtrlr.CustomMultiLanguageMessages"),
    "DefaultPrice": _rw("OCPP16LegacyCtrlr.DefaultPrice"),
    "DefaultPriceText": _rw("OCPP16LegacyCtrlr.DefaultPriceText"),
    "Language": _ro("OCPP16LegacyCtrlr.Language"),
    "NextTimeOffsetTransitionDateTime": _rw("ClockCtrlr.NextTimeOffsetTransitionDateTime"),
    "NumberOfDecimalsForCostValues": _ro("TariffCostCtrlr.NumberOfDecimalsForCostValues"),
    "SupportedLanguages": _ro("OCPP16LegacyCtrlr.SupportedLanguages"),
    "TimeOffset": _rw("ClockCtrlr.TimeOffset"),
    "TimeOffsetNextTransition": _rw("ClockCtrlr.TimeOffset[NextTransition]"),
    "WaitForSetUserPriceTimeout": _rw("OCPP16LegacyCtrlr.WaitForSetUserPriceTimeout"),
    # FirmwareManagement
    "SupportedFileTransferProtocols": _ro("OCPPCommCtrlr.FileTransferProtocols"),
    # Internal
    "AllowChargingProfileWithoutStartSchedule": _rw(
        "OCPP16LegacyCtrlr.AllowChargingProfileWithoutStartSchedule"
    ),
    "AuthorizeConnectorZeroOnConnectorOne": _ro(
        "InternalCtrlr.AuthorizeConnectorZeroOnConnectorOne"
    ),
    "CentralSystemURI": _slot("OcppCsmsUrl", read_only=True),
    "ChargeBoxSerialNumber": _ro("InternalCtrlr.ChargeBoxSerialNumber"),
    "ChargePointId": _slot("Identity", read_only=True),
    "ChargePointModel": _ro("InternalCtrlr.ChargePointModel"),
    "ChargePointSerialNumber": _ro("InternalCtrlr.ChargePointSerialNumber"),
    "ChargePointVendor": _ro("InternalCtrlr.ChargePointVendor"),
    "CompositeScheduleDefaultLimitAmps": _rw(
        "SmartChargingCtrlr.CompositeScheduleDefaultLimitAmps"
    ),
    "CompositeScheduleDefaultLimitWatts": _rw(
        "SmartChargingCtrlr.CompositeScheduleDefaultLimitWatts"
    ),
    "CompositeScheduleDefaultNumberPhases": _rw(
        "SmartChargingCtrlr.CompositeScheduleDefaultNumberPhases"
    ),
    "ConnectorEvseIds": _rw("OCPP16LegacyCtrlr.ConnectorEvseIds"),
    "EnableTLSKeylog": _ro("InternalCtrlr.EnableTLSKeylog"),
    "FirmwareVersion": _ro("InternalCtrlr.FirmwareVersion"),
    "HostName": _slot("HostName", read_only=True),
    "ICCID": _ro("InternalCtrlr.ICCID"),
    "IFace": _ro("InternalCtrlr.IFace"),
    "IgnoredProfilePurposesOffline": _rw("SmartChargingCtrlr.IgnoredProfilePurposesOffline"),
    "IMSI": _ro("InternalCtrlr.IMSI"),
    "LogMessages": _ro("InternalCtrlr.LogMessages"),
    "LogMessagesFormat": _ro("InternalCtrlr.LogMessagesFormat"),
    "LogMessagesRaw": _ro("InternalCtrlr.LogMessagesRaw"),
    "LogRotation": _ro("InternalCtrlr.LogRotation"),
    "LogRotationDateSuffix": _ro("InternalCtrlr.LogRotationDateSuffix"),
    "LogRotationMaximumFileCount": _ro("InternalCtrlr.LogRotationMaximumFileCount"),
    "LogRotationMaximumFileSize": _ro("InternalCtrlr.LogRotationMaximumFileSize"),
    "MaxCompositeScheduleDuration": _ro("InternalCtrlr.MaxCompositeScheduleDuration"),
    "MaxMessageSize": _ro("InternalCtrlr.MaxMessageSize"),
    "MessageQueueSizeThreshold": _ro("InternalCtrlr.MessageQueueSizeThreshold"),
    "MessageTypesDiscardForQueueing": _ro("OCPPCommCtrlr.MessageTypesDiscardForQueueing"),
    "MeterPublicKeys": _rw("OCPP16LegacyCtrlr.MeterPublicKeys"),
    "MeterSerialNumber": _ro("InternalCtrlr.MeterSerialNumber"),
    "MeterType": _ro("InternalCtrlr.MeterType"),
    "OcspRequestInterval": _rw("InternalCtrlr.OcspRequestInterval"),
    "QueueAllMessages": _ro("OCPPCommCtrlr.QueueAllMessages"),
    "RejectRemoteStartTransactionWithoutConnectorId": _rw(
        "OCPP16LegacyCtrlr.RejectRemoteStartTransactionWithoutConnectorId"
    ),
    "RemoteStartTransactionWithoutConnectorIdFindFirst": _rw(
        "OCPP16LegacyCtrlr.RemoteStartTransactionWithoutConnectorIdFindFirst"
    ),
    "ReportClearedErrors": _ro("OCPP16LegacyCtrlr.ReportClearedErrors"),
    "ReportSuspendedEVSEReasonChange": _rw("InternalCtrlr.ReportSuspendedEVSEReasonChange"),
    "RetryBackoffRandomRange": _rw("OCPPCommCtrlr.RetryBackOffRandomRange"),
    "RetryBackoffRepeatTimes": _rw("OCPPCommCtrlr.RetryBackOffRepeatTimes"),
    "RetryBackoffWaitMinimum": _rw("OCPPCommCtrlr.RetryBackOffWaitMinimum"),
    "SeccLeafSubjectCommonName": _rw("ISO15118Ctrlr.SeccId"),
    "SeccLeafSubjectCountry": _rw("ISO15118Ctrlr.CountryName"),
    "SeccLeafSubjectOrganization": _rw("ISO15118Ctrlr.OrganizationName"),
    "StopTransactionIfUnlockNotSupported": _rw(
        "OCPP16LegacyCtrlr.StopTransactionIfUnlockNotSupported"
    ),
    "SupplyVoltage": _rw("SmartChargingCtrlr.SupplyVoltage"),
    "SupportedChargingProfilePurposeTypes": _ro(
        "InternalCtrlr.SupportedChargingProfilePurposeTypes"
    ),
    "SupportedCiphers12": _ro("InternalCtrlr.SupportedCiphers12"),
    "SupportedCiphers13": _ro("InternalCtrlr.SupportedCiphers13"),
    "SupportedMeasurands": _computed(),
    "SwitchSecurityProfileConnectionTimeout": _rw(
        "OCPP16LegacyCtrlr.SwitchSecurityProfileConnectionTimeout"
    ),
    "TLSKeylogFile": _ro("InternalCtrlr.TLSKeylogFile"),
    "UseSslDefaultVerifyPaths": _ro("InternalCtrlr.UseSslDefaultVerifyPaths"),
    "UseTPM": _ro("InternalCtrlr.UseTPM"),
    "UseTPMSeccLeafCertificate": _ro("InternalCtrlr.UseTPMSeccLeafCertificate"),
    "VerifyCsmsAllowWildcards": _ro("InternalCtrlr.VerifyCsmsAllowWildcards"),
    "VerifyCsmsCommonName": _ro("InternalCtrlr.VerifyCsmsCommonName"),
    "WaitForStopTransactionsOnResetTimeout": _rw(
        "OCPP16LegacyCtrlr.WaitForStopTransactionsOnResetTimeout"
    ),
    "WebsocketPingPayload": _ro("InternalCtrlr.WebsocketPingPayload"),
    "WebsocketPongTimeout": _ro("InternalCtrlr.WebsocketPongTimeout"),
    # LocalAuthListManagement
    "LocalAuthListEnabled": _rw("LocalAuthListCtrlr.Enabled"),
    "LocalAuthListMaxLength": _limit("LocalAuthListCtrlr.Entries"),
    "SendLocalListMaxLength": _ro("LocalAuthListCtrlr.ItemsPerMessage"),
    # PnC
    "CentralContractValidationAllowed": _rw("ISO15118Ctrlr.CentralContractValidationAllowed"),
    "CertSigningRepeatTimes": _rw("SecurityCtrlr.CertSigningRepeatTimes"),
    "CertSigningWaitMinimum": _rw("SecurityCtrlr.CertSigningWaitMinimum"),
    "ContractValidationOffline": _rw("ISO15118Ctrlr.ContractValidationOffline"),
    "ISO15118CertificateManagementEnabled": _rw(
        "OCPP16LegacyCtrlr.ISO15118CertificateManagementEnabled"
    ),
    "ISO15118PnCEnabled": _rw("ISO15118Ctrlr.PnCEnabled"),
    # Reservation
    "ReserveConnectorZeroSupported": _ro("OCPP16LegacyCtrlr.ReserveConnectorZeroSupported"),
    # Security
    "AdditionalRootCertificateCheck": _ro("SecurityCtrlr.AdditionalRootCertificateCheck"),
    "AuthorizationKey": _slot("BasicAuthPassword", hidden=True),
    "CertificateSignedMaxChainSize": _ro("SecurityCtrlr.MaxCertificateChainSize"),
    "CertificateStoreMaxLength": _ro("SecurityCtrlr.CertificateEntries"),
    "CpoName": _rw("SecurityCtrlr.OrganizationName"),
    "DisableSecurityEventNotifications": _rw("OCPP16LegacyCtrlr.DisableSecurityEventNotifications"),
    "SecurityProfile": _slot("SecurityProfile"),
    # SmartCharging
    "ChargeProfileMaxStackLevel": _ro("SmartChargingCtrlr.ProfileStackLevel"),
    "ChargingScheduleAllowedChargingRateUnit": _ro("SmartChargingCtrlr.RateUnit"),
    "ChargingScheduleMaxPeriods": _ro("SmartChargingCtrlr.PeriodsPerSchedule"),
    "ConnectorSwitch3to1PhaseSupported": _ro("SmartChargingCtrlr.Phases3to1"),
    "MaxChargingProfilesInstalled": _limit("SmartChargingCtrlr.Entries[ChargingProfiles]"),
}

# The feature profiles of 1.6 that a station may lack, with their keys.
PROFILES: Mapping[str, tuple[str, ...]] = {
    "FirmwareManagement": ("SupportedFileTransferProtocols",),
    "LocalAuthListManagement": (
        "LocalAuthListEnabled",
        "LocalAuthListMaxLength",
        "SendLocalListMaxLength",
    ),
    "Reservation": ("ReserveConnectorZeroSupported",),
    "SmartCharging": (
        "ChargeProfileMaxStackLevel",
        "ChargingScheduleAllowedChargingRateUnit",
        "ChargingScheduleMaxPeriods",
        "ConnectorSwitch3to1PhaseSupported",
        "MaxChargingProfilesInstalled",
    ),
}
