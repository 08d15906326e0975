"""Block F as OCPP 1.6 spells it: connectors instead of EVSEs, no remoteStartId."""

from functools import partial
from typing import TYPE_CHECKING

from ocppd.csms.payload import Payload, Route, route
from ocppd.csms.v16.authorization import encode_status
from ocppd.csms.v16.charging_profiles import decode_charging_profile
from ocppd.csms.v16.tokens import decode_id_tag
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
from ocppd.station.evse import Evses

if TYPE_CHECKING:
    from ocppd.station.station import Station

_NOWHERE = EvseRef(-1, -1)
"""What an unknown connectorId stands for: no EVSE has this id, so the station refuses it."""

_TRIGGERS = {"SignChargePointCertificate": MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE}


def decode_connector_id(evses: Evses, connector_id: int) -> EvseRef:
    """Return where a connector is that 1.6 numbers over the whole station."""
    return evses.by_number(connector_id) or _NOWHERE


def decode_remote_start_transaction(evses: Evses, payload: Payload) -> StartTransaction:
    """Read RemoteStartTransaction.req."""
    connector_id = payload.get("connectorId")
    ref = decode_connector_id(evses, connector_id) if connector_id is not None else None
    profile = payload.get("chargingProfile")
    return StartTransaction(
        decode_id_tag(payload["idTag"]),
        evse_id=ref.id if ref is not None else None,
        connector_id=ref.connector_id if ref is not None else None,
        charging_profile=decode_charging_profile(profile) if profile is not None else None,
        by_connector=True,
    )


def encode_remote_start_transaction(result: StartTransactionResult) -> Payload:
    """Write RemoteStartTransaction.conf."""
    return {"status": result.status.value}


def decode_remote_stop_transaction(payload: Payload) -> StopTransaction:
    """Read RemoteStopTransaction.req."""
    return StopTransaction(str(payload["transactionId"]))


def decode_unlock_connector(evses: Evses, payload: Payload) -> UnlockConnector:
    """Read UnlockConnector.req; a transaction is finished first (1.6, 5.18)."""
    ref = decode_connector_id(evses, payload["connectorId"])
    return UnlockConnector(ref.id, ref.connector_id or 0, finishes_transaction=True)


def encode_unlock_connector(result: StatusResult) -> Payload:
    """Write UnlockConnector.conf: what is not there cannot be unlocked."""
    if result.status == UnlockStatus.UNKNOWN_CONNECTOR:
        return {"status": UnlockStatus.NOT_SUPPORTED.value}
    return {"status": result.status}


def decode_trigger_message(evses: Evses, payload: Payload) -> TriggerMessage:
    """Read TriggerMessage.req or ExtendedTriggerMessage.req."""
    word = payload["requestedMessage"]
    connector_id = payload.get("connectorId")
    evse: EvseRef | None = None
    if connector_id == 0:
        evse = EvseRef(0)
    elif connector_id is not None:
        evse = decode_connector_id(evses, connector_id)
    return TriggerMessage(_TRIGGERS.get(word) or MessageTrigger(word), evse, lenient=True)


def routes(station: "Station") -> dict[str, Route]:
    """Return what the CSMS may ask of this block."""
    control, evses = station.remote_control, station.evses
    trigger = route(partial(decode_trigger_message, evses), control.trigger_message, encode_status)
    return {
        "RemoteStartTransaction": route(
            partial(decode_remote_start_transaction, evses),
            control.start_if_admitted,
            encode_remote_start_transaction,
        ),
        "RemoteStopTransaction": route(
            decode_remote_stop_transaction, control.stop_transaction, encode_status
        ),
        "UnlockConnector": route(
            partial(decode_unlock_connector, evses),
            control.unlock_connector,
            encode_unlock_connector,
        ),
        "TriggerMessage": trigger,
        "ExtendedTriggerMessage": trigger,
    }
