"""Tokens, and what is said of them."""

from typing import Any

from ocppd.dbus.binding import Variant
from ocppd.dbus.marshalling.plain import variants
from ocppd.dbus.marshalling.schema import (
    Reader,
    array,
    boolean,
    choice,
    dictionary,
    from_dict,
    integer,
    optional,
    required,
    text,
    word,
)
from ocppd.model.tokens import (
    AdditionalInfo,
    AuthorizationType,
    CertificateHashData,
    IdToken,
    IdTokenType,
    MessageContent,
    ProvidedIdToken,
    ValidationResult,
)

_ADDITIONAL_INFO: Reader[AdditionalInfo] = dictionary(
    AdditionalInfo, required("value", text(255)), required("type", text(50))
)
ID_TOKEN: Reader[IdToken] = dictionary(
    IdToken,
    required("value", text(255)),  # of 2.1; what a version cannot carry is refused there
    required("type", choice(IdTokenType)),
    optional("additional_info", array(_ADDITIONAL_INFO, 10)),
)
_HASH_DATA: Reader[CertificateHashData] = dictionary(
    CertificateHashData,
    required("hashAlgorithm", word("SHA256", "SHA384", "SHA512"), "hash_algorithm"),
    required("issuerNameHash", text(128), "issuer_name_hash"),
    required("issuerKeyHash", text(128), "issuer_key_hash"),
    required("serialNumber", text(40), "serial_number"),
    required("responderURL", text(2000), "responder_url"),
)
PROVIDED_ID_TOKEN: Reader[ProvidedIdToken] = dictionary(
    ProvidedIdToken,
    required("id_token", ID_TOKEN),
    required("authorization_type", choice(AuthorizationType)),
    optional("request_id", integer()),
    optional("parent_id_token", ID_TOKEN),
    optional("connectors", array(integer(1), 128), "evse_ids"),
    optional("prevalidated", boolean),
    optional("certificate", text(5500)),
    optional(
        "iso15118CertificateHashData", array(_HASH_DATA, 4, minimum=1), "certificate_hash_data"
    ),
)


def read_provided_id_token(token: dict[str, Variant]) -> ProvidedIdToken:
    """Read the argument of ValidateToken; raises InvalidArgument."""
    return from_dict("provided_token", PROVIDED_ID_TOKEN, token)


def id_token(token: IdToken) -> dict[str, Any]:
    """Write a token."""
    fields: dict[str, Any] = {"value": token.value, "type": token.type}
    if token.additional_info:
        fields["additional_info"] = [
            {"value": info.value, "type": info.type} for info in token.additional_info
        ]
    return fields


def provided_id_token(token: ProvidedIdToken) -> dict[str, Variant]:
    """Write a token as presented, or as the CSMS sent it."""
    return variants(
        {
            "id_token": id_token(token.id_token),
            "authorization_type": token.authorization_type,
            "request_id": token.request_id,
            "parent_id_token": id_token(token.parent_id_token) if token.parent_id_token else None,
            "connectors": token.evse_ids or None,
            "prevalidated": token.prevalidated,
            "certificate": token.certificate,
            "iso15118CertificateHashData": [
                {
                    "hashAlgorithm": each.hash_algorithm,
                    "issuerNameHash": each.issuer_name_hash,
                    "issuerKeyHash": each.issuer_key_hash,
                    "serialNumber": each.serial_number,
                    "responderURL": each.responder_url,
                }
                for each in token.certificate_hash_data
            ]
            or None,
        }
    )


def message_content(message: MessageContent) -> dict[str, Variant]:
    """Write a text for the driver."""
    return variants(
        {"content": message.content, "format": message.format, "language": message.language}
    )


def validation_result(result: ValidationResult) -> dict[str, Variant]:
    """Write what is known of a token."""
    parent = result.parent_id_token
    return variants(
        {
            "authorization_status": result.authorization_status,
            # An empty list of dictionaries has to say what it is a list of.
            "tariff_messages": Variant(
                "aa{sv}", [message_content(message) for message in result.tariff_messages]
            ),
            "certificate_status": result.certificate_status,
            "expiry_time": result.expiry_time,
            "parent_id_token": id_token(parent) if parent else None,
            "evse_ids": result.evse_ids or None,
            "reservation_id": result.reservation_id,
            "allowed_energy_transfer_modes": result.allowed_energy_transfer_modes or None,
        }
    )


def validate_result_update(evse_id: int, result: ValidationResult) -> dict[str, Variant]:
    """Write what the CSMS said later of the token of a running transaction."""
    return variants({"validation_result": validation_result(result), "connector_id": evse_id})
