"""The local authorization list as OCPP 1.6 spells it (3.5.2, 5.10, 5.15): idTags without a type."""

import json
from typing import TYPE_CHECKING, Any

from ocppd.csms.payload import Payload, Route, route, timestamp
from ocppd.csms.spelling import Outgoing
from ocppd.csms.v16.availability import status_word
from ocppd.csms.v16.tokens import decode_id_tag, decode_id_tag_info
from ocppd.model.local_auth_list import (
    AuthorizationData,
    LocalListConflict,
    SendLocalList,
    SendLocalListResult,
    UpdateType,
)
from ocppd.model.requests import Nothing
from ocppd.model.variables import EvseRef

if TYPE_CHECKING:
    from ocppd.station.station import Station

_NOT_SUPPORTED = -1


def decode_send_local_list(payload: Payload) -> SendLocalList:
    """Read SendLocalList.req."""
    return SendLocalList(
        payload["listVersion"],
        UpdateType(payload["updateType"]),
        tuple(map(_decode_entry, payload.get("localAuthorizationList", ()))),
        size_bytes=len(json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()),
    )


def _decode_entry(payload: Payload) -> AuthorizationData:
    info = payload.get("idTagInfo")
    return AuthorizationData(
        decode_id_tag(payload["idTag"]), decode_id_tag_info(info) if info is not None else None
    )


def encode_send_local_list(result: SendLocalListResult) -> Payload:
    """Write SendLocalList.conf; 1.6 has no word for why."""
    return {"status": result.status.value}


def encode_get_local_list_version(version: int | None) -> Payload:
    """Write GetLocalListVersion.conf; -1 is for a list that is not there."""
    return {"listVersion": version if version is not None else _NOT_SUPPORTED}


def routes(station: "Station") -> dict[str, Route]:
    """Return what the CSMS may ask of this block."""
    block = station.local_auth_list
    return {
        "SendLocalList": route(decode_send_local_list, block.send, encode_send_local_list),
        "GetLocalListVersion": route(
            lambda payload: payload, block.get_version, encode_get_local_list_version
        ),
    }


def requests(station: "Station") -> dict[type, Outgoing[Any, Any]]:
    """Return what the station tells of this block: that the CSMS says otherwise (3.5.2)."""

    def encode_conflict(request: LocalListConflict) -> Payload:
        report = station.availability.report_of(EvseRef(0))
        return {
            "connectorId": 0,
            "errorCode": "LocalListConflict",
            "status": status_word(report.status, report.activity),
            "timestamp": timestamp(request.timestamp),
        }

    def decode(_payload: Payload) -> Nothing:
        return Nothing()

    return {LocalListConflict: Outgoing("StatusNotification", encode_conflict, decode)}
