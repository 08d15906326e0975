"""Block D as OCPP 2.0.1 and 2.1 spell it."""

import json
from typing import TYPE_CHECKING

from ocppd.csms.payload import Payload, Route, present, route
from ocppd.csms.v201.status_info import encode_status_info
from ocppd.csms.v201.tokens import decode_id_token, decode_id_token_info
from ocppd.model.local_auth_list import (
    AuthorizationData,
    SendLocalList,
    SendLocalListResult,
    SendLocalListStatus,
    UpdateType,
)

if TYPE_CHECKING:
    from ocppd.station.station import Station


def decode_send_local_list(payload: Payload) -> SendLocalList:
    """Read SendLocalListRequest."""
    return SendLocalList(
        payload["versionNumber"],
        UpdateType(payload["updateType"]),
        tuple(map(_decode_entry, payload.get("localAuthorizationList", ()))),
        size_bytes=len(json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()),
    )


def _decode_entry(payload: Payload) -> AuthorizationData:
    info = payload.get("idTokenInfo")
    return AuthorizationData(
        decode_id_token(payload["idToken"]),
        decode_id_token_info(info) if info is not None else None,
    )


def encode_send_local_list(result: SendLocalListResult) -> Payload:
    """Write SendLocalListResponse: what is not enabled has failed."""
    status = result.status
    if status is SendLocalListStatus.NOT_SUPPORTED:
        status = SendLocalListStatus.FAILED
    return present(status=status.value, statusInfo=encode_status_info(result.status_info))


def encode_get_local_list_version(version: int | None) -> Payload:
    """Write GetLocalListVersionResponse; 0 is for no list at all (D02.FR.02, FR.03)."""
    return {"versionNumber": version or 0}


def routes(station: "Station") -> dict[str, Route]:
    """Return what the CSMS may ask of this block."""
    block = station.local_auth_list
    return {
        "SendLocalList": route(decode_send_local_list, block.send, encode_send_local_list),
        "GetLocalListVersion": route(
            lambda payload: payload, block.get_version, encode_get_local_list_version
        ),
    }
