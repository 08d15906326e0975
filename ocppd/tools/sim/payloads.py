"""EVerest's payloads as plain values: what the simulator reports, and what it is told.

An `int` is an integer and a `float` a number on the bus; the difference matters here.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ocppd.model.tokens import (
    AdditionalInfo,
    AuthorizationStatus,
    AuthorizationType,
    IdToken,
    IdTokenType,
    ProvidedIdToken,
    ValidationResult,
)

Payload = dict[str, Any]


def timestamp(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment_of(text: str) -> datetime:
    """Read an RFC 3339 timestamp; raises ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a timestamp needs its offset from UTC")
    return moment.astimezone(UTC)


def id_token(token: IdToken) -> Payload:
    """Write an IdToken."""
    payload: Payload = {"value": token.value, "type": str(token.type)}
    if token.additional_info:
        payload["additional_info"] = [
            {"value": info.value, "type": info.type} for info in token.additional_info
        ]
    return payload


def provided_token(token: ProvidedIdToken) -> Payload:
    """Write a ProvidedIdToken."""
    payload: Payload = {
        "id_token": id_token(token.id_token),
        "authorization_type": str(token.authorization_type),
    }
    if token.request_id is not None:
        payload["request_id"] = token.request_id
    if token.parent_id_token is not None:
        payload["parent_id_token"] = id_token(token.parent_id_token)
    if token.evse_ids:
        payload["connectors"] = list(token.evse_ids)
    if token.prevalidated is not None:
        payload["prevalidated"] = token.prevalidated
    return payload


def read_id_token(payload: Mapping[str, Any]) -> IdToken:
    """Read an IdToken; a type this simulator does not know counts as Central."""
    kind = str(payload.get("type", IdTokenType.CENTRAL))
    known = IdTokenType(kind) if kind in set(IdTokenType) else IdTokenType.CENTRAL
    return IdToken(
        str(payload["value"]),
        known,
        tuple(
            AdditionalInfo(str(info["value"]), str(info["type"]))
            for info in payload.get("additional_info", ())
        ),
    )


def read_provided_token(payload: Mapping[str, Any]) -> ProvidedIdToken:
    """Read the token of a `ProvidedToken` signal; `connectors` are EVSE ids (contract 2.1)."""
    parent = payload.get("parent_id_token")
    return ProvidedIdToken(
        read_id_token(payload["id_token"]),
        AuthorizationType(payload.get("authorization_type", AuthorizationType.OCPP)),
        payload.get("request_id"),
        read_id_token(parent) if parent else None,
        tuple(int(evse_id) for evse_id in payload.get("connectors", ())),
        payload.get("prevalidated"),
    )


def read_validation_result(payload: Mapping[str, Any]) -> ValidationResult:
    """Read what `ValidateToken` answered, as far as a charger needs it."""
    parent = payload.get("parent_id_token")
    status = str(payload.get("authorization_status", AuthorizationStatus.UNKNOWN))
    return ValidationResult(
        AuthorizationStatus(status)
        if status in set(AuthorizationStatus)
        else AuthorizationStatus.UNKNOWN,
        parent_id_token=read_id_token(parent) if parent else None,
        evse_ids=tuple(int(evse_id) for evse_id in payload.get("evse_ids", ())),
        reservation_id=payload.get("reservation_id"),
    )
