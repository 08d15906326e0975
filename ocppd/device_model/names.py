"""Names of the standardized variables that the code reads.

Spelled as OCPP spells them, so that a search for the name in the specification, a component file,
or a log also finds the code. An instance follows after an underscore:
`OCPPCommCtrlr.MessageAttempts_TransactionEvent`. Variables of an EVSE, a connector or a connection
profile are functions: `EVSE.Power(1)`, `Connector.AvailabilityState(1, 2)`,
`NetworkConfiguration.OcppCsmsUrl(1)`.
"""

from collections.abc import Callable
from functools import cache

from ocppd.model.variables import Component, ComponentVariable, EvseRef, Variable


def variable(component: str, name: str, instance: str | None = None) -> ComponentVariable:
    """Return the address of a variable of the station."""
    return ComponentVariable(Component(component), Variable(name, instance))


def _of_evse(
    component: str, name: str, instance: str | None = None
) -> Callable[[int], ComponentVariable]:
    @cache
    def address(evse_id: int) -> ComponentVariable:
        return ComponentVariable(
            Component(component, None, EvseRef(evse_id)), Variable(name, instance)
        )

    return address


def _of_connector(component: str, name: str) -> Callable[[int, int], ComponentVariable]:
    @cache
    def address(evse_id: int, connector_id: int) -> ComponentVariable:
        return ComponentVariable(
            Component(component, None, EvseRef(evse_id, connector_id)), Variable(name)
        )

    return address


def _of_slot(component: str, name: str) -> Callable[[int], ComponentVariable]:
    @cache
    def address(slot: int) -> ComponentVariable:
        return ComponentVariable(Component(component, str(slot)), Variable(name))

    return address


class AlignedDataCtrlr:
    Available = variable("AlignedDataCtrlr", "Available")
    Enabled = variable("AlignedDataCtrlr", "Enabled")
    Interval = variable("AlignedDataCtrlr", "Interval")
    Measurands = variable("AlignedDataCtrlr", "Measurands")
    SendDuringIdle = variable("AlignedDataCtrlr", "SendDuringIdle")
    SignReadings = variable("AlignedDataCtrlr", "SignReadings")
    SignUpdatedReadings = variable("AlignedDataCtrlr", "SignUpdatedReadings")
    TxEndedInterval = variable("AlignedDataCtrlr", "TxEndedInterval")
    TxEndedMeasurands = variable("AlignedDataCtrlr", "TxEndedMeasurands")


class AuthCacheCtrlr:
    Available = variable("AuthCacheCtrlr", "Available")
    Enabled = variable("AuthCacheCtrlr", "Enabled")
    LifeTime = variable("AuthCacheCtrlr", "LifeTime")
    Policy = variable("AuthCacheCtrlr", "Policy")
    Storage = variable("AuthCacheCtrlr", "Storage")
    DisablePostAuthorize = variable("AuthCacheCtrlr", "DisablePostAuthorize")


class AuthCtrlr:
    Enabled = variable("AuthCtrlr", "Enabled")
    AdditionalInfoItemsPerMessage = variable("AuthCtrlr", "AdditionalInfoItemsPerMessage")
    AuthorizeRemoteStart = variable("AuthCtrlr", "AuthorizeRemoteStart")
    LocalAuthorizeOffline = variable("AuthCtrlr", "LocalAuthorizeOffline")
    LocalPreAuthorize = variable("AuthCtrlr", "LocalPreAuthorize")
    MasterPassGroupId = variable("AuthCtrlr", "MasterPassGroupId")
    OfflineTxForUnknownIdEnabled = variable("AuthCtrlr", "OfflineTxForUnknownIdEnabled")
    DisableRemoteAuthorization = variable("AuthCtrlr", "DisableRemoteAuthorization")
    SupportedIdTokenTypes = variable("AuthCtrlr", "SupportedIdTokenTypes")


class ChargingStation:
    AllowNewSessionsPendingFirmwareUpdate = variable(
        "ChargingStation", "AllowNewSessionsPendingFirmwareUpdate"
    )
    AvailabilityState = variable("ChargingStation", "AvailabilityState")
    Available = variable("ChargingStation", "Available")
    Model = variable("ChargingStation", "Model")
    SerialNumber = variable("ChargingStation", "SerialNumber")
    VendorName = variable("ChargingStation", "VendorName")
    FirmwareVersion = variable("ChargingStation", "FirmwareVersion")
    SupplyPhases = variable("ChargingStation", "SupplyPhases")
    PhaseRotation = variable("ChargingStation", "PhaseRotation")
    Problem = variable("ChargingStation", "Problem")
    ActiveTransactionId = variable("ChargingStation", "ActiveTransactionId")


class ClockCtrlr:
    Enabled = variable("ClockCtrlr", "Enabled")
    DateTime = variable("ClockCtrlr", "DateTime")
    NextTimeOffsetTransitionDateTime = variable("ClockCtrlr", "NextTimeOffsetTransitionDateTime")
    NtpServerUri_1 = variable("ClockCtrlr", "NtpServerUri", "1")
    NtpServerUri_2 = variable("ClockCtrlr", "NtpServerUri", "2")
    NtpSource = variable("ClockCtrlr", "NtpSource")
    TimeAdjustmentReportingThreshold = variable("ClockCtrlr", "TimeAdjustmentReportingThreshold")
    TimeOffset = variable("ClockCtrlr", "TimeOffset")
    TimeOffset_NextTransition = variable("ClockCtrlr", "TimeOffset", "NextTransition")
    TimeSource = variable("ClockCtrlr", "TimeSource")
    TimeZone = variable("ClockCtrlr", "TimeZone")


class ConnectedEV:
    Available = _of_evse("ConnectedEV", "Available")
    ACCurrent = _of_evse("ConnectedEV", "ACCurrent")
    BatteryCapacity = _of_evse("ConnectedEV", "BatteryCapacity")
    ChargingCompleteBulk = _of_evse("ConnectedEV", "ChargingCompleteBulk")
    ChargingCompleteFull = _of_evse("ConnectedEV", "ChargingCompleteFull")
    ChargingState = _of_evse("ConnectedEV", "ChargingState")
    DCCurrent = _of_evse("ConnectedEV", "DCCurrent")
    DCVoltage = _of_evse("ConnectedEV", "DCVoltage")
    DepartureTime = _of_evse("ConnectedEV", "DepartureTime")
    DischargePower = _of_evse("ConnectedEV", "DischargePower")
    EnergyImport = _of_evse("ConnectedEV", "EnergyImport")
    Power = _of_evse("ConnectedEV", "Power")
    ProtocolAgreed = _of_evse("ConnectedEV", "ProtocolAgreed")
    ProtocolSupportedByEV_1 = _of_evse("ConnectedEV", "ProtocolSupportedByEV", "1")
    ProtocolSupportedByEV_2 = _of_evse("ConnectedEV", "ProtocolSupportedByEV", "2")
    ProtocolSupportedByEV_3 = _of_evse("ConnectedEV", "ProtocolSupportedByEV", "3")
    ProtocolSupportedByEV_4 = _of_evse("ConnectedEV", "ProtocolSupportedByEV", "4")
    ProtocolSupportedByEV_5 = _of_evse("ConnectedEV", "ProtocolSupportedByEV", "5")
    RemainingTimeBulk = _of_evse("ConnectedEV", "RemainingTimeBulk")
    RemainingTimeFull = _of_evse("ConnectedEV", "RemainingTimeFull")
    StateOfCharge = _of_evse("ConnectedEV", "StateOfCharge")
    StateOfChargeBulk = _of_evse("ConnectedEV", "StateOfChargeBulk")
    VehicleID = _of_evse("ConnectedEV", "VehicleID")


class Connector:
    AvailabilityState = _of_connector("Connector", "AvailabilityState")
    Available = _of_connector("Connector", "Available")
    ChargeProtocol = _of_connector("Connector", "ChargeProtocol")
    ConnectorType = _of_connector("Connector", "ConnectorType")
    PhaseRotation = _of_connector("Connector", "PhaseRotation")
    Problem = _of_connector("Connector", "Problem")
    SupplyPhases = _of_connector("Connector", "SupplyPhases")


class CustomizationCtrlr:
    Enabled = variable("CustomizationCtrlr", "Enabled")
    CustomImplementationEnabled_org_openchargealliance_costmsg = variable(
        "CustomizationCtrlr", "CustomImplementationEnabled", "org.openchargealliance.costmsg"
    )
    CustomImplementationEnabled_org_openchargealliance_multilanguage = variable(
        "CustomizationCtrlr", "CustomImplementationEnabled", "org.openchargealliance.multilanguage"
    )
    CustomTriggers = variable("CustomizationCtrlr", "CustomTriggers")


class DeviceDataCtrlr:
    Enabled = variable("DeviceDataCtrlr", "Enabled")
    BytesPerMessage_GetReport = variable("DeviceDataCtrlr", "BytesPerMessage", "GetReport")
    BytesPerMessage_GetVariables = variable("DeviceDataCtrlr", "BytesPerMessage", "GetVariables")
    BytesPerMessage_SetVariables = variable("DeviceDataCtrlr", "BytesPerMessage", "SetVariables")
    ConfigurationValueSize = variable("DeviceDataCtrlr", "ConfigurationValueSize")
    ItemsPerMessage_GetReport = variable("DeviceDataCtrlr", "ItemsPerMessage", "GetReport")
    ItemsPerMessage_GetVariables = variable("DeviceDataCtrlr", "ItemsPerMessage", "GetVariables")
    ItemsPerMessage_SetVariables = variable("DeviceDataCtrlr", "ItemsPerMessage", "SetVariables")
    ReportingValueSize = variable("DeviceDataCtrlr", "ReportingValueSize")
    ValueSize = variable("DeviceDataCtrlr", "ValueSize")


class DisplayMessageCtrlr:
    Available = variable("DisplayMessageCtrlr", "Available")
    Enabled = variable("DisplayMessageCtrlr", "Enabled")
    DisplayMessages = variable("DisplayMessageCtrlr", "DisplayMessages")
    Language = variable("DisplayMessageCtrlr", "Language")
    PersonalMessageSize = variable("DisplayMessageCtrlr", "PersonalMessageSize")
    QRCodeDisplayCapable = variable("DisplayMessageCtrlr", "QRCodeDisplayCapable")
    SupportedFormats = variable("DisplayMessageCtrlr", "SupportedFormats")
    SupportedPriorities = variable("DisplayMessageCtrlr", "SupportedPriorities")
    SupportedStates = variable("DisplayMessageCtrlr", "SupportedStates")


class EVSE:
    ActiveTransactionId = _of_evse("EVSE", "ActiveTransactionId")
    AllowReset = _of_evse("EVSE", "AllowReset")
    AvailabilityState = _of_evse("EVSE", "AvailabilityState")
    Available = _of_evse("EVSE", "Available")
    ChargingState = _of_evse("EVSE", "ChargingState")
    DCInputPhaseControl = _of_evse("EVSE", "DCInputPhaseControl")
    DischargePower = _of_evse("EVSE", "DischargePower")
    EvseId = _of_evse("EVSE", "EvseId")
    ISO15118EvseId = _of_evse("EVSE", "ISO15118EvseId")
    Power = _of_evse("EVSE", "Power")
    Problem = _of_evse("EVSE", "Problem")
    SupplyPhases = _of_evse("EVSE", "SupplyPhases")


class FiscalMetering:
    EnergyExport = _of_evse("FiscalMetering", "EnergyExport")
    EnergyExportRegister = _of_evse("FiscalMetering", "EnergyExportRegister")
    EnergyImport = _of_evse("FiscalMetering", "EnergyImport")
    EnergyImportRegister = _of_evse("FiscalMetering", "EnergyImportRegister")
    PublicKey = _of_evse("FiscalMetering", "PublicKey")


class InternalCtrlr:
    Enabled = variable("InternalCtrlr", "Enabled")
    AllowCSMSRootCertInstallWithUnsecureConnection = variable(
        "InternalCtrlr", "AllowCSMSRootCertInstallWithUnsecureConnection"
    )
    AllowMFRootCertInstallWithUnsecureConnection = variable(
        "InternalCtrlr", "AllowMFRootCertInstallWithUnsecureConnection"
    )
    AllowSecurityLevelZeroConnections = variable(
        "InternalCtrlr", "AllowSecurityLevelZeroConnections"
    )
    AuthorizeConnectorZeroOnConnectorOne = variable(
        "InternalCtrlr", "AuthorizeConnectorZeroOnConnectorOne"
    )
    ChargeBoxSerialNumber = variable("InternalCtrlr", "ChargeBoxSerialNumber")
    ChargePointModel = variable("InternalCtrlr", "ChargePointModel")
    ChargePointSerialNumber = variable("InternalCtrlr", "ChargePointSerialNumber")
    ChargePointVendor = variable("InternalCtrlr", "ChargePointVendor")
    ClientCertificateExpireCheckInitialDelaySeconds = variable(
        "InternalCtrlr", "ClientCertificateExpireCheckInitialDelaySeconds"
    )
    ClientCertificateExpireCheckIntervalSeconds = variable(
        "InternalCtrlr", "ClientCertificateExpireCheckIntervalSeconds"
    )
    DeferFirmwareDownloadDuringTransaction = variable(
        "InternalCtrlr", "DeferFirmwareDownloadDuringTransaction"
    )
    EnableTLSKeylog = variable("InternalCtrlr", "EnableTLSKeylog")
    FirmwareVersion = variable("InternalCtrlr", "FirmwareVersion")
    ICCID = variable("InternalCtrlr", "ICCID")
    IFace = variable("InternalCtrlr", "IFace")
    IMSI = variable("InternalCtrlr", "IMSI")
    MaxCompositeScheduleDuration = variable("InternalCtrlr", "MaxCompositeScheduleDuration")
    MaxCustomerInformationDataLength = variable("InternalCtrlr", "MaxCustomerInformationDataLength")
    MaxMessageSize = variable("InternalCtrlr", "MaxMessageSize")
    MessageQueueDrainRate = variable("InternalCtrlr", "MessageQueueDrainRate")
    MessageQueueResumeDelay = variable("InternalCtrlr", "MessageQueueResumeDelay")
    MessageQueueSizeThreshold = variable("InternalCtrlr", "MessageQueueSizeThreshold")
    MeterSerialNumber = variable("InternalCtrlr", "MeterSerialNumber")
    MeterType = variable("InternalCtrlr", "MeterType")
    MonitorsProcessingInterval = variable("InternalCtrlr", "MonitorsProcessingInterval")
    NetworkConfigTimeout = variable("InternalCtrlr", "NetworkConfigTimeout")
    OcspRequestInterval = variable("InternalCtrlr", "OcspRequestInterval")
    ReportSuspendedEVSEReasonChange = variable("InternalCtrlr", "ReportSuspendedEVSEReasonChange")
    ResumeTransactionsOnBoot = variable("InternalCtrlr", "ResumeTransactionsOnBoot")
    RoundClockAlignedTimestamps = variable("InternalCtrlr", "RoundClockAlignedTimestamps")
    SupportedChargingProfilePurposeTypes = variable(
        "InternalCtrlr", "SupportedChargingProfilePurposeTypes"
    )
    SupportedCiphers12 = variable("InternalCtrlr", "SupportedCiphers12")
    SupportedCiphers13 = variable("InternalCtrlr", "SupportedCiphers13")
    SupportedCriteria = variable("InternalCtrlr", "SupportedCriteria")
    SupportedOcppVersions = variable("InternalCtrlr", "SupportedOcppVersions")
    UseSslDefaultVerifyPaths = variable("InternalCtrlr", "UseSslDefaultVerifyPaths")
    UseTPM = variable("InternalCtrlr", "UseTPM")
    UseTPMSeccLeafCertificate = variable("InternalCtrlr", "UseTPMSeccLeafCertificate")
    V2GCertificateExpireCheckInitialDelaySeconds = variable(
        "InternalCtrlr", "V2GCertificateExpireCheckInitialDelaySeconds"
    )
    V2GCertificateExpireCheckIntervalSeconds = variable(
        "InternalCtrlr", "V2GCertificateExpireCheckIntervalSeconds"
    )
    VerifyCsmsAllowWildcards = variable("InternalCtrlr", "VerifyCsmsAllowWildcards")
    VerifyCsmsCommonName = variable("InternalCtrlr", "VerifyCsmsCommonName")
    WebsocketPingPayload = variable("InternalCtrlr", "WebsocketPingPayload")
    WebsocketPongTimeout = variable("InternalCtrlr", "WebsocketPongTimeout")


class ISO15118Ctrlr:
    Available = variable("ISO15118Ctrlr", "Available")
    Enabled = variable("ISO15118Ctrlr", "Enabled")
    CentralContractValidationAllowed = variable("ISO15118Ctrlr", "CentralContractValidationAllowed")
    CertificateStatusSource = variable("ISO15118Ctrlr", "CertificateStatusSource")
    ContractCertificateInstallationEnabled = variable(
        "ISO15118Ctrlr", "ContractCertificateInstallationEnabled"
    )
    ContractValidationOffline = variable("ISO15118Ctrlr", "ContractValidationOffline")
    CountryName = variable("ISO15118Ctrlr", "CountryName")
    MaxPriceElements = variable("ISO15118Ctrlr", "MaxPriceElements")
    MaxScheduleEntries = variable("ISO15118Ctrlr", "MaxScheduleEntries")
    NotificationMaxDelay = variable("ISO15118Ctrlr", "NotificationMaxDelay")
    OrganizationName = variable("ISO15118Ctrlr", "OrganizationName")
    PnCEnabled = variable("ISO15118Ctrlr", "PnCEnabled")
    RequestedEnergyTransferMode = variable("ISO15118Ctrlr", "RequestedEnergyTransferMode")
    RequestMeteringReceipt = variable("ISO15118Ctrlr", "RequestMeteringReceipt")
    SeccId = variable("ISO15118Ctrlr", "SeccId")
    ServiceRenegotiationSupport = variable("ISO15118Ctrlr", "ServiceRenegotiationSupport")
    SupportedProviders = variable("ISO15118Ctrlr", "SupportedProviders")
    V2GCertificateInstallationEnabled = variable(
        "ISO15118Ctrlr", "V2GCertificateInstallationEnabled"
    )


class LocalAuthListCtrlr:
    Available = variable("LocalAuthListCtrlr", "Available")
    Enabled = variable("LocalAuthListCtrlr", "Enabled")
    BytesPerMessage = variable("LocalAuthListCtrlr", "BytesPerMessage")
    Entries = variable("LocalAuthListCtrlr", "Entries")
    ItemsPerMessage = variable("LocalAuthListCtrlr", "ItemsPerMessage")
    Storage = variable("LocalAuthListCtrlr", "Storage")
    DisablePostAuthorize = variable("LocalAuthListCtrlr", "DisablePostAuthorize")
    SupportsExpiryDateTime = variable("LocalAuthListCtrlr", "SupportsExpiryDateTime")


class MonitoringCtrlr:
    Available = variable("MonitoringCtrlr", "Available")
    Enabled = variable("MonitoringCtrlr", "Enabled")
    ActiveMonitoringBase = variable("MonitoringCtrlr", "ActiveMonitoringBase")
    ActiveMonitoringLevel = variable("MonitoringCtrlr", "ActiveMonitoringLevel")
    BytesPerMessage_ClearVariableMonitoring = variable(
        "MonitoringCtrlr", "BytesPerMessage", "ClearVariableMonitoring"
    )
    BytesPerMessage_SetVariableMonitoring = variable(
        "MonitoringCtrlr", "BytesPerMessage", "SetVariableMonitoring"
    )
    ItemsPerMessage_ClearVariableMonitoring = variable(
        "MonitoringCtrlr", "ItemsPerMessage", "ClearVariableMonitoring"
    )
    ItemsPerMessage_SetVariableMonitoring = variable(
        "MonitoringCtrlr", "ItemsPerMessage", "SetVariableMonitoring"
    )
    MaxPeriodicEventStreams = variable("MonitoringCtrlr", "MaxPeriodicEventStreams")
    MonitoringBase = variable("MonitoringCtrlr", "MonitoringBase")
    MonitoringLevel = variable("MonitoringCtrlr", "MonitoringLevel")
    OfflineQueuingSeverity = variable("MonitoringCtrlr", "OfflineQueuingSeverity")


class NetworkConfiguration:
    ApnAuthentication = _of_slot("NetworkConfiguration", "ApnAuthentication")
    ApnEnabled = _of_slot("NetworkConfiguration", "ApnEnabled")
    Apn = _of_slot("NetworkConfiguration", "Apn")
    ApnPassword = _of_slot("NetworkConfiguration", "ApnPassword")
    ApnUserName = _of_slot("NetworkConfiguration", "ApnUserName")
    BasicAuthPassword = _of_slot("NetworkConfiguration", "BasicAuthPassword")
    CsmsRootCertificateHashAlgorithm = _of_slot(
        "NetworkConfiguration", "CsmsRootCertificateHashAlgorithm"
    )
    CsmsRootCertificateIssuerKeyHash = _of_slot(
        "NetworkConfiguration", "CsmsRootCertificateIssuerKeyHash"
    )
    CsmsRootCertificateIssuerNameHash = _of_slot(
        "NetworkConfiguration", "CsmsRootCertificateIssuerNameHash"
    )
    CsmsRootCertificateSerialNumber = _of_slot(
        "NetworkConfiguration", "CsmsRootCertificateSerialNumber"
    )
    HostName = _of_slot("NetworkConfiguration", "HostName")
    Identity = _of_slot("NetworkConfiguration", "Identity")
    MessageTimeout = _of_slot("NetworkConfiguration", "MessageTimeout")
    OcppCsmsUrl = _of_slot("NetworkConfiguration", "OcppCsmsUrl")
    OcppInterface = _of_slot("NetworkConfiguration", "OcppInterface")
    OcppTransport = _of_slot("NetworkConfiguration", "OcppTransport")
    OcppVersion = _of_slot("NetworkConfiguration", "OcppVersion")
    PreferredNetwork = _of_slot("NetworkConfiguration", "PreferredNetwork")
    SecurityProfile = _of_slot("NetworkConfiguration", "SecurityProfile")
    SimPin = _of_slot("NetworkConfiguration", "SimPin")
    UseOnlyPreferredNetwork = _of_slot("NetworkConfiguration", "UseOnlyPreferredNetwork")


class OCPP16LegacyCtrlr:
    AllowChargingProfileWithoutStartSchedule = variable(
        "OCPP16LegacyCtrlr", "AllowChargingProfileWithoutStartSchedule"
    )
    BlinkRepeat = variable("OCPP16LegacyCtrlr", "BlinkRepeat")
    ConnectorEvseIds = variable("OCPP16LegacyCtrlr", "ConnectorEvseIds")
    ConnectorPhaseRotation = variable("OCPP16LegacyCtrlr", "ConnectorPhaseRotation")
    ConnectorPhaseRotationMaxLength = variable(
        "OCPP16LegacyCtrlr", "ConnectorPhaseRotationMaxLength"
    )
    CustomDisplayCostAndPrice = variable("OCPP16LegacyCtrlr", "CustomDisplayCostAndPrice")
    CustomIdleFeeAfterStop = variable("OCPP16LegacyCtrlr", "CustomIdleFeeAfterStop")
    CustomMultiLanguageMessages = variable("OCPP16LegacyCtrlr", "CustomMultiLanguageMessages")
    DefaultPrice = variable("OCPP16LegacyCtrlr", "DefaultPrice")
    DefaultPriceText = variable("OCPP16LegacyCtrlr", "DefaultPriceText")
    DisableSecurityEventNotifications = variable(
        "OCPP16LegacyCtrlr", "DisableSecurityEventNotifications"
    )
    GetConfigurationMaxKeys = variable("OCPP16LegacyCtrlr", "GetConfigurationMaxKeys")
    ISO15118CertificateManagementEnabled = variable(
        "OCPP16LegacyCtrlr", "ISO15118CertificateManagementEnabled"
    )
    Language = variable("OCPP16LegacyCtrlr", "Language")
    LightIntensity = variable("OCPP16LegacyCtrlr", "LightIntensity")
    MeterPublicKeys = variable("OCPP16LegacyCtrlr", "MeterPublicKeys")
    MinimumStatusDuration = variable("OCPP16LegacyCtrlr", "MinimumStatusDuration")
    NumberOfConnectors = variable("OCPP16LegacyCtrlr", "NumberOfConnectors")
    RejectRemoteStartTransactionWithoutConnectorId = variable(
        "OCPP16LegacyCtrlr", "RejectRemoteStartTransactionWithoutConnectorId"
    )
    RemoteStartTransactionWithoutConnectorIdFindFirst = variable(
        "OCPP16LegacyCtrlr", "RemoteStartTransactionWithoutConnectorIdFindFirst"
    )
    ReportClearedErrors = variable("OCPP16LegacyCtrlr", "ReportClearedErrors")
    ReserveConnectorZeroSupported = variable("OCPP16LegacyCtrlr", "ReserveConnectorZeroSupported")
    StopTransactionIfUnlockNotSupported = variable(
        "OCPP16LegacyCtrlr", "StopTransactionIfUnlockNotSupported"
    )
    StopTransactionOnEVSideDisconnect = variable(
        "OCPP16LegacyCtrlr", "StopTransactionOnEVSideDisconnect"
    )
    SupportedFeatureProfiles = variable("OCPP16LegacyCtrlr", "SupportedFeatureProfiles")
    SupportedFeatureProfilesMaxLength = variable(
        "OCPP16LegacyCtrlr", "SupportedFeatureProfilesMaxLength"
    )
    SupportedLanguages = variable("OCPP16LegacyCtrlr", "SupportedLanguages")
    SwitchSecurityProfileConnectionTimeout = variable(
        "OCPP16LegacyCtrlr", "SwitchSecurityProfileConnectionTimeout"
    )
    UnlockConnectorOnEVSideDisconnect = variable(
        "OCPP16LegacyCtrlr", "UnlockConnectorOnEVSideDisconnect"
    )
    WaitForSetUserPriceTimeout = variable("OCPP16LegacyCtrlr", "WaitForSetUserPriceTimeout")
    WaitForStopTransactionsOnResetTimeout = variable(
        "OCPP16LegacyCtrlr", "WaitForStopTransactionsOnResetTimeout"
    )


class OCPPCommCtrlr:
    Enabled = variable("OCPPCommCtrlr", "Enabled")
    ActiveNetworkProfile = variable("OCPPCommCtrlr", "ActiveNetworkProfile")
    ExternalConfigChangeDate = variable("OCPPCommCtrlr", "ExternalConfigChangeDate")
    FieldLength_Get15118EVCertificateResponse_exiResponse = variable(
        "OCPPCommCtrlr", "FieldLength", "Get15118EVCertificateResponse.exiResponse"
    )
    FileTransferProtocols = variable("OCPPCommCtrlr", "FileTransferProtocols")
    HeartbeatInterval = variable("OCPPCommCtrlr", "HeartbeatInterval")
    MessageAttemptInterval_TransactionEvent = variable(
        "OCPPCommCtrlr", "MessageAttemptInterval", "TransactionEvent"
    )
    MessageAttempts_TransactionEvent = variable(
        "OCPPCommCtrlr", "MessageAttempts", "TransactionEvent"
    )
    MessageTimeout_Default = variable("OCPPCommCtrlr", "MessageTimeout", "Default")
    MessageTypesDiscardForQueueing = variable("OCPPCommCtrlr", "MessageTypesDiscardForQueueing")
    NetworkConfigurationPriority = variable("OCPPCommCtrlr", "NetworkConfigurationPriority")
    NetworkProfileConnectionAttempts = variable("OCPPCommCtrlr", "NetworkProfileConnectionAttempts")
    OfflineThreshold = variable("OCPPCommCtrlr", "OfflineThreshold")
    PublicKeyWithSignedMeterValue = variable("OCPPCommCtrlr", "PublicKeyWithSignedMeterValue")
    QueueAllMessages = variable("OCPPCommCtrlr", "QueueAllMessages")
    ResetRetries = variable("OCPPCommCtrlr", "ResetRetries")
    RetryBackOffRandomRange = variable("OCPPCommCtrlr", "RetryBackOffRandomRange")
    RetryBackOffRepeatTimes = variable("OCPPCommCtrlr", "RetryBackOffRepeatTimes")
    RetryBackOffWaitMinimum = variable("OCPPCommCtrlr", "RetryBackOffWaitMinimum")
    UnlockOnEVSideDisconnect = variable("OCPPCommCtrlr", "UnlockOnEVSideDisconnect")
    WebSocketPingInterval = variable("OCPPCommCtrlr", "WebSocketPingInterval")


class ReservationCtrlr:
    Available = variable("ReservationCtrlr", "Available")
    Enabled = variable("ReservationCtrlr", "Enabled")
    NonEvseSpecific = variable("ReservationCtrlr", "NonEvseSpecific")


class SampledDataCtrlr:
    Available = variable("SampledDataCtrlr", "Available")
    Enabled = variable("SampledDataCtrlr", "Enabled")
    RegisterValuesWithoutPhases = variable("SampledDataCtrlr", "RegisterValuesWithoutPhases")
    SignReadings = variable("SampledDataCtrlr", "SignReadings")
    SignStartedReadings = variable("SampledDataCtrlr", "SignStartedReadings")
    SignUpdatedReadings = variable("SampledDataCtrlr", "SignUpdatedReadings")
    TxEndedInterval = variable("SampledDataCtrlr", "TxEndedInterval")
    TxEndedMeasurands = variable("SampledDataCtrlr", "TxEndedMeasurands")
    TxStartedMeasurands = variable("SampledDataCtrlr", "TxStartedMeasurands")
    TxUpdatedInterval = variable("SampledDataCtrlr", "TxUpdatedInterval")
    TxUpdatedMeasurands = variable("SampledDataCtrlr", "TxUpdatedMeasurands")


class SecurityCtrlr:
    Enabled = variable("SecurityCtrlr", "Enabled")
    AdditionalRootCertificateCheck = variable("SecurityCtrlr", "AdditionalRootCertificateCheck")
    AllowSecurityProfileDowngrade = variable("SecurityCtrlr", "AllowSecurityProfileDowngrade")
    BasicAuthPassword = variable("SecurityCtrlr", "BasicAuthPassword")
    CertificateEntries = variable("SecurityCtrlr", "CertificateEntries")
    CertSigningRepeatTimes = variable("SecurityCtrlr", "CertSigningRepeatTimes")
    CertSigningWaitMinimum = variable("SecurityCtrlr", "CertSigningWaitMinimum")
    Identity = variable("SecurityCtrlr", "Identity")
    MaxCertificateChainSize = variable("SecurityCtrlr", "MaxCertificateChainSize")
    OrganizationName = variable("SecurityCtrlr", "OrganizationName")
    SecurityProfile = variable("SecurityCtrlr", "SecurityProfile")


class SmartChargingCtrlr:
    Available = variable("SmartChargingCtrlr", "Available")
    Enabled = variable("SmartChargingCtrlr", "Enabled")
    ACPhaseSwitchingSupported = variable("SmartChargingCtrlr", "ACPhaseSwitchingSupported")
    ChargingProfilePersistence_ChargingStationExternalConstraints = variable(
        "SmartChargingCtrlr", "ChargingProfilePersistence", "ChargingStationExternalConstraints"
    )
    ChargingProfilePersistence_LocalGeneration = variable(
        "SmartChargingCtrlr", "ChargingProfilePersistence", "LocalGeneration"
    )
    ChargingProfilePersistence_TxProfile = variable(
        "SmartChargingCtrlr", "ChargingProfilePersistence", "TxProfile"
    )
    CompositeScheduleDefaultLimitAmps = variable(
        "SmartChargingCtrlr", "CompositeScheduleDefaultLimitAmps"
    )
    CompositeScheduleDefaultLimitWatts = variable(
        "SmartChargingCtrlr", "CompositeScheduleDefaultLimitWatts"
    )
    CompositeScheduleDefaultNumberPhases = variable(
        "SmartChargingCtrlr", "CompositeScheduleDefaultNumberPhases"
    )
    Entries_ChargingProfiles = variable("SmartChargingCtrlr", "Entries", "ChargingProfiles")
    ExternalConstraintsProfileDisallowed = variable(
        "SmartChargingCtrlr", "ExternalConstraintsProfileDisallowed"
    )
    ExternalControlSignalsEnabled = variable("SmartChargingCtrlr", "ExternalControlSignalsEnabled")
    IgnoredProfilePurposesOffline = variable("SmartChargingCtrlr", "IgnoredProfilePurposesOffline")
    LimitChangeSignificance = variable("SmartChargingCtrlr", "LimitChangeSignificance")
    MaxExternalConstraintsId = variable("SmartChargingCtrlr", "MaxExternalConstraintsId")
    NotifyChargingLimitWithSchedules = variable(
        "SmartChargingCtrlr", "NotifyChargingLimitWithSchedules"
    )
    PeriodsPerSchedule = variable("SmartChargingCtrlr", "PeriodsPerSchedule")
    Phases3to1 = variable("SmartChargingCtrlr", "Phases3to1")
    ProfileStackLevel = variable("SmartChargingCtrlr", "ProfileStackLevel")
    RateUnit = variable("SmartChargingCtrlr", "RateUnit")
    SetpointPriority = variable("SmartChargingCtrlr", "SetpointPriority")
    SupplyVoltage = variable("SmartChargingCtrlr", "SupplyVoltage")
    SupportedAdditionalPurposes = variable("SmartChargingCtrlr", "SupportedAdditionalPurposes")
    SupportsFeature_DynamicProfiles = variable(
        "SmartChargingCtrlr", "SupportsFeature", "DynamicProfiles"
    )
    SupportsFeature_EvseSleep = variable("SmartChargingCtrlr", "SupportsFeature", "EvseSleep")
    SupportsFeature_LimitAtSoC = variable("SmartChargingCtrlr", "SupportsFeature", "LimitAtSoC")
    SupportsFeature_MaxOfflineDuration = variable(
        "SmartChargingCtrlr", "SupportsFeature", "MaxOfflineDuration"
    )
    SupportsFeature_RandomizedDelay = variable(
        "SmartChargingCtrlr", "SupportsFeature", "RandomizedDelay"
    )
    SupportsFeature_UseLocalTime = variable("SmartChargingCtrlr", "SupportsFeature", "UseLocalTime")
    UpdateRateLimit = variable("SmartChargingCtrlr", "UpdateRateLimit")


class TariffCostCtrlr:
    Available_Cost = variable("TariffCostCtrlr", "Available", "Cost")
    Available_Tariff = variable("TariffCostCtrlr", "Available", "Tariff")
    ConditionsSupported_Tariff = variable("TariffCostCtrlr", "ConditionsSupported", "Tariff")
    Currency = variable("TariffCostCtrlr", "Currency")
    Enabled_Cost = variable("TariffCostCtrlr", "Enabled", "Cost")
    Enabled_RunningCost = variable("TariffCostCtrlr", "Enabled", "RunningCost")
    Enabled_Tariff = variable("TariffCostCtrlr", "Enabled", "Tariff")
    HandleFailedTariff_Tariff = variable("TariffCostCtrlr", "HandleFailedTariff", "Tariff")
    Interval_Cost = variable("TariffCostCtrlr", "Interval", "Cost")
    Interval_Tariff = variable("TariffCostCtrlr", "Interval", "Tariff")
    MaxElements_Tariff = variable("TariffCostCtrlr", "MaxElements", "Tariff")
    NumberOfDecimalsForCostValues = variable("TariffCostCtrlr", "NumberOfDecimalsForCostValues")
    OfflineTariffFallbackMessage = variable("TariffCostCtrlr", "OfflineTariffFallbackMessage")
    TariffFallbackMessage = variable("TariffCostCtrlr", "TariffFallbackMessage")
    TotalCostFallbackMessage = variable("TariffCostCtrlr", "TotalCostFallbackMessage")


class TxCtrlr:
    Enabled = variable("TxCtrlr", "Enabled")
    AllowEnergyTransferResumption = variable("TxCtrlr", "AllowEnergyTransferResumption")
    ChargingTime = variable("TxCtrlr", "ChargingTime")
    EVConnectionTimeOut = variable("TxCtrlr", "EVConnectionTimeOut")
    EnergyTransferResumptionRandomRange = variable("TxCtrlr", "EnergyTransferResumptionRandomRange")
    MaxEnergyOnInvalidId = variable("TxCtrlr", "MaxEnergyOnInvalidId")
    ResumptionTimeout = variable("TxCtrlr", "ResumptionTimeout")
    StopTxOnEVSideDisconnect = variable("TxCtrlr", "StopTxOnEVSideDisconnect")
    StopTxOnInvalidId = variable("TxCtrlr", "StopTxOnInvalidId")
    SupportedLimits = variable("TxCtrlr", "SupportedLimits")
    TxBeforeAcceptedEnabled = variable("TxCtrlr", "TxBeforeAcceptedEnabled")
    TxStartPoint = variable("TxCtrlr", "TxStartPoint")
    TxStopPoint = variable("TxCtrlr", "TxStopPoint")


class V2XChargingCtrlr:
    Available = _of_evse("V2XChargingCtrlr", "Available")
    Enabled = _of_evse("V2XChargingCtrlr", "Enabled")
    LocalFrequencyUpdateThreshold = _of_evse("V2XChargingCtrlr", "LocalFrequencyUpdateThreshold")
    SupportedEnergyTransferModes = _of_evse("V2XChargingCtrlr", "SupportedEnergyTransferModes")
    SupportedOperationModes = _of_evse("V2XChargingCtrlr", "SupportedOperationModes")
