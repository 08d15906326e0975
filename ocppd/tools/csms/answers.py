"""What the CSMS answers to each action of a station when nothing else was asked of it.

All actions that a station may send in OCPP 1.6 (with the security extensions), 2.0.1 and 2.1 are
here; a CSMS without certificate authority, payment or smart charging refuses what needs one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from ocppd.tools.csms.ledger import Ledger
from ocppd.tools.csms.messages import now, timestamp

Payload = dict[str, Any]

SEND_ONLY = frozenset({"NotifyPeriodicEventStream"})
"""What a station sends as SEND, which has no answer (2.1)."""


@dataclass(slots=True)
class Token:
    """What the CSMS says of an id token; `parent` is its group."""

    status: str = "Accepted"
    parent: str | None = None
    expiry: str | None = None


@dataclass(slots=True)
class Backoffice:
    """What the CSMS knows and decides, for all its stations."""

    tokens: dict[str, Token] = field(default_factory=dict)
    unknown_token: str = "Accepted"  # noqa: S105
    """The status of a token that is not in `tokens`."""
    boot_statuses: list[str] = field(default_factory=lambda: ["Accepted"])
    """Given to one BootNotification after the other; the last one stays."""
    boot_interval_s: int = 300
    """Heartbeat interval, or the pause before the next BootNotification."""
    data_transfer_status: str = "Accepted"
    ledger: Ledger = field(default_factory=Ledger)

    def token(self, value: str) -> Token:
        """Return what is said of a token; OCPP compares them without regard to case."""
        for known, token in self.tokens.items():
            if known.casefold() == value.casefold():
                return token
        return Token(self.unknown_token)

    def boot_status(self) -> str:
        """Return the status for a BootNotification that comes now."""
        if len(self.boot_statuses) > 1:
            return self.boot_statuses.pop(0)
        return self.boot_statuses[0]


class Asker(Protocol):
    """The station that asks."""

    id: str
    version: str


Answerer = Callable[[Backoffice, Asker, Payload], Payload]


def _nothing(_office: Backoffice, _asker: Asker, _payload: Payload) -> Payload:
    return {}


def _fixed(**answer: Any) -> Answerer:
    return lambda _office, _asker, _payload: dict(answer)


def _refused(status: str, reason: str, **more: Any) -> Answerer:
    """Refuse in 2.x terms, with the reason that people read."""
    return _fixed(status=status, statusInfo={"reasonCode": reason}, **more)


def _boot(office: Backoffice, _asker: Asker, _payload: Payload) -> Payload:
    return {
        "currentTime": timestamp(now()),
        "interval": office.boot_interval_s,
        "status": office.boot_status(),
    }


def _heartbeat(_office: Backoffice, _asker: Asker, _payload: Payload) -> Payload:
    return {"currentTime": timestamp(now())}


def _data_transfer(office: Backoffice, _asker: Asker, _payload: Payload) -> Payload:
    return {"status": office.data_transfer_status}


_STATUSES_16 = frozenset({"Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"})


def _id_tag_info(token: Token) -> Payload:
    """Say it in 1.6: five statuses, and every other refusal is Invalid."""
    info: Payload = {"status": token.status if token.status in _STATUSES_16 else "Invalid"}
    if token.parent:
        info["parentIdTag"] = token.parent
    if token.expiry:
        info["expiryDate"] = token.expiry
    return info


def _id_token_info(token: Token) -> Payload:
    info: Payload = {"status": token.status}
    if token.parent:
        info["groupIdToken"] = {"idToken": token.parent, "type": "Central"}
    if token.expiry:
        info["cacheExpiryDateTime"] = token.expiry
    return info


def _authorize_16(office: Backoffice, _asker: Asker, payload: Payload) -> Payload:
    return {"idTagInfo": _id_tag_info(office.token(payload.get("idTag", "")))}


def _start(office: Backoffice, asker: Asker, payload: Payload) -> Payload:
    return {
        "transactionId": office.ledger.start(asker.id, payload),
        "idTagInfo": _id_tag_info(office.token(payload.get("idTag", ""))),
    }


def _stop(office: Backoffice, asker: Asker, payload: Payload) -> Payload:
    office.ledger.stop(asker.id, payload)
    if "idTag" not in payload:
        return {}
    return {"idTagInfo": _id_tag_info(office.token(payload["idTag"]))}


def _meter_values_16(office: Backoffice, asker: Asker, payload: Payload) -> Payload:
    office.ledger.meter(asker.id, payload)
    return {}


def _authorize_2x(office: Backoffice, _asker: Asker, payload: Payload) -> Payload:
    id_token = payload.get("idToken", {})
    if id_token.get("type") == "NoAuthorization":
        return {"idTokenInfo": {"status": "Accepted"}}
    answer: Payload = {"idTokenInfo": _id_token_info(office.token(id_token.get("idToken", "")))}
    if "iso15118CertificateHashData" in payload or "certificate" in payload:
        answer["certificateStatus"] = "NoCertificateAvailable"
    return answer


def _transaction_event(office: Backoffice, asker: Asker, payload: Payload) -> Payload:
    office.ledger.event(asker.id, asker.version, payload)
    id_token = payload.get("idToken")
    if id_token is None:
        return {}
    if id_token.get("type") == "NoAuthorization":
        return {"idTokenInfo": {"status": "Accepted"}}
    return {"idTokenInfo": _id_token_info(office.token(id_token.get("idToken", "")))}


def _certificate_chain_status(_office: Backoffice, _asker: Asker, payload: Payload) -> Payload:
    """Answer each request of the chain: unknown, and ask again in a day."""
    later = timestamp(now() + timedelta(days=1))
    return {
        "certificateStatus": [
            {
                "certificateHashData": request.get("certificateHashData", {}),
                "source": request.get("source", "OCSP"),
                "status": "Unknown",
                "nextUpdate": later,
            }
            for request in payload.get("certificateStatusRequests", [])
        ]
    }


def _vat_number(_office: Backoffice, _asker: Asker, payload: Payload) -> Payload:
    return {
        "vatNumber": payload.get("vatNumber", ""),
        "status": "Rejected",
        "statusInfo": {"reasonCode": "UnsupportedRequest"},
    }


_V16: dict[str, Answerer] = {
    "Authorize": _authorize_16,
    "BootNotification": _boot,
    "DataTransfer": _data_transfer,
    "DiagnosticsStatusNotification": _nothing,
    "FirmwareStatusNotification": _nothing,
    "Heartbeat": _heartbeat,
    "LogStatusNotification": _nothing,
    "MeterValues": _meter_values_16,
    "SecurityEventNotification": _nothing,
    "SignCertificate": _fixed(status="Rejected"),
    "SignedFirmwareStatusNotification": _nothing,
    "StartTransaction": _start,
    "StatusNotification": _nothing,
    "StopTransaction": _stop,
}

_V201: dict[str, Answerer] = {
    "Authorize": _authorize_2x,
    "BootNotification": _boot,
    "ClearedChargingLimit": _nothing,
    "DataTransfer": _data_transfer,
    "FirmwareStatusNotification": _nothing,
    "Get15118EVCertificate": _refused("Failed", "NoCertProvider", exiResponse=""),
    "GetCertificateStatus": _refused("Failed", "NoOcspResponder"),
    "Heartbeat": _heartbeat,
    "LogStatusNotification": _nothing,
    "MeterValues": _nothing,
    "NotifyChargingLimit": _nothing,
    "NotifyCustomerInformation": _nothing,
    "NotifyDisplayMessages": _nothing,
    "NotifyEVChargingNeeds": _refused("Rejected", "NoSmartCharging"),
    "NotifyEVChargingSchedule": _fixed(status="Accepted"),
    "NotifyEvent": _nothing,
    "NotifyMonitoringReport": _nothing,
    "NotifyReport": _nothing,
    "PublishFirmwareStatusNotification": _nothing,
    "ReportChargingProfiles": _nothing,
    "ReservationStatusUpdate": _nothing,
    "SecurityEventNotification": _nothing,
    "SignCertificate": _refused("Rejected", "NoCertAuthority"),
    "StatusNotification": _nothing,
    "TransactionEvent": _transaction_event,
}

_V21: dict[str, Answerer] = _V201 | {
    "BatterySwap": _nothing,
    "ClosePeriodicEventStream": _nothing,
    "GetCertificateChainStatus": _certificate_chain_status,
    "NotifyDERAlarm": _nothing,
    "NotifyDERStartStop": _nothing,
    "NotifyEVChargingNeeds": _refused("NoChargingProfile", "NoSmartCharging"),
    "NotifyPriorityCharging": _nothing,
    "NotifySettlement": _nothing,
    "OpenPeriodicEventStream": _fixed(status="Accepted"),
    "PullDynamicScheduleUpdate": _refused("Rejected", "UnknownProfile"),
    "ReportDERControl": _nothing,
    "VatNumberValidation": _vat_number,
}

ANSWERS: dict[str, dict[str, Answerer]] = {"1.6": _V16, "2.0.1": _V201, "2.1": _V21}

_TO_STATION_16 = frozenset(
    {
        "CancelReservation",
        "CertificateSigned",
        "ChangeAvailability",
        "ChangeConfiguration",
        "ClearCache",
        "ClearChargingProfile",
        "DataTransfer",
        "DeleteCertificate",
        "ExtendedTriggerMessage",
        "GetCompositeSchedule",
        "GetConfiguration",
        "GetDiagnostics",
        "GetInstalledCertificateIds",
        "GetLocalListVersion",
        "GetLog",
        "InstallCertificate",
        "RemoteStartTransaction",
        "RemoteStopTransaction",
        "ReserveNow",
        "Reset",
        "SendLocalList",
        "SetChargingProfile",
        "SignedUpdateFirmware",
        "TriggerMessage",
        "UnlockConnector",
        "UpdateFirmware",
    }
)
_TO_STATION_201 = frozenset(
    {
        "CancelReservation",
        "CertificateSigned",
        "ChangeAvailability",
        "ClearCache",
        "ClearChargingProfile",
        "ClearDisplayMessage",
        "ClearVariableMonitoring",
        "CostUpdated",
        "CustomerInformation",
        "DataTransfer",
        "DeleteCertificate",
        "GetBaseReport",
        "GetChargingProfiles",
        "GetCompositeSchedule",
        "GetDisplayMessages",
        "GetInstalledCertificateIds",
        "GetLocalListVersion",
        "GetLog",
        "GetMonitoringReport",
        "GetReport",
        "GetTransactionStatus",
        "GetVariables",
        "InstallCertificate",
        "PublishFirmware",
        "RequestStartTransaction",
        "RequestStopTransaction",
        "ReserveNow",
        "Reset",
        "SendLocalList",
        "SetChargingProfile",
        "SetDisplayMessage",
        "SetMonitoringBase",
        "SetMonitoringLevel",
        "SetNetworkProfile",
        "SetVariableMonitoring",
        "SetVariables",
        "TriggerMessage",
        "UnlockConnector",
        "UnpublishFirmware",
        "UpdateFirmware",
    }
)
_TO_STATION_21 = _TO_STATION_201 | frozenset(
    {
        "AFRRSignal",
        "AdjustPeriodicEventStream",
        "ChangeTransactionTariff",
        "ClearDERControl",
        "ClearTariffs",
        "GetDERControl",
        "GetPeriodicEventStream",
        "GetTariffs",
        "NotifyAllowedEnergyTransfer",
        "NotifyWebPaymentStarted",
        "RequestBatterySwap",
        "SetDERControl",
        "SetDefaultTariff",
        "UpdateDynamicSchedule",
        "UsePriorityCharging",
    }
)
TO_STATION = {"1.6": _TO_STATION_16, "2.0.1": _TO_STATION_201, "2.1": _TO_STATION_21}
"""The actions that a CSMS sends, by version."""
