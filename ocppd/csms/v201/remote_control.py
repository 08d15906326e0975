"""Block F as OCPP 2.0.1 and 2.1 spell it."""

from typing import TYPE_CHECKING

from ocppd.csms.payload import Payload, Route, present, route
from ocppd.csms.v201.charging_profiles import decode_charging_profile
from ocppd.csms.v201.status_info import encode_status_info, encode_status_result
from ocppd.csms.v201.tokens import decode_group_id_token, decode_id_token
from ocppd.model.remote_control import (
    MessageTrigger,
    StartTransaction,
    StartTransactionResult,
    StatusResult,
    StopTransaction,
    TriggerMessage,
    UnlockConnector,
    UnlockStatus,
)
from ocppd.model.variables import EvseRef

if TYPE_CHECKING:
    from ocppd.station.station import Station


def decode_request_start_transaction(payload: Payload) -> StartTransaction:
    """Read RequestStartTransactionRequest."""
    group = payload.get("groupIdToken")
    profile = payload.get("chargingProfile")
    return StartTransaction(
        decode_id_token(payload["idToken"]),
        remote_start_id=payload["remoteStartId"],
        evse_id=payload.get("evseId"),
        group_id_token=decode_group_id_token(group) if group is not None else None,
        charging_profile=decode_charging_profile(profile) if profile is not None else None,
    )


def encode_request_start_transaction(result: StartTransactionResult) -> Payload:
    """Write RequestStartTransactionResponse."""
    return present(
        status=result.status.value,
        transactionId=result.transaction_id,
        statusInfo=encode_status_info(result.status_info),
    )


def decode_request_stop_transaction(payload: Payload) -> StopTransaction:
    """Read RequestStopTransactionRequest."""
    return StopTransaction(payload["transactionId"])


def decode_unlock_connector(payload: Payload) -> UnlockConnector:
    """Read UnlockConnectorRequest."""
    return UnlockConnector(payload["evseId"], payload["connectorId"])


def encode_unlock_connector(result: StatusResult) -> Payload:
    """Write UnlockConnectorResponse: what cannot be unlocked at all was not unlocked."""
    if result.status == UnlockStatus.NOT_SUPPORTED:  # F05.FR.05
        result = StatusResult(UnlockStatus.UNLOCK_FAILED, result.status_info)
    return encode_status_result(result)


def decode_trigger_message(payload: Payload) -> TriggerMessage:
    """Read TriggerMessageRequest."""
    evse = payload.get("evse")
    return TriggerMessage(
        MessageTrigger(payload["requestedMessage"]),
        EvseRef(evse["id"], evse.get("connectorId")) if evse is not None else None,
    )


def routes(station: "Station") -> dict[str, Route]:
    """Return what the CSMS may ask of this block."""
    control = station.remote_control
    return {
        "RequestStartTransaction": route(
            decode_request_start_transaction,
            control.start_if_admitted,
            encode_request_start_transaction,
        ),
        "RequestStopTransaction": route(
            decode_request_stop_transaction, control.stop_transaction, encode_status_result
        ),
        "UnlockConnector": route(
            decode_unlock_connector, control.unlock_connector, encode_unlock_connector
        ),
        "TriggerMessage": route(
            decode_trigger_message, control.trigger_message, encode_status_result
        ),
    }
