"""Tokens, and texts for their owners, as OCPP 2.0.1 spells them; 2.1 only widens the fields."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ocppd.csms.payload import Payload, RpcError, moment, present
from ocppd.errors import NotSpoken
from ocppd.model.tokens import (
    AdditionalInfo,
    AuthorizationStatus,
    IdToken,
    IdTokenInfo,
    IdTokenType,
    MessageContent,
    MessageFormat,
)

_MULTILANGUAGE = "org.openchargealliance.multilanguage"
_ADDITIONAL_TYPE_LENGTH = 50
_FORMATS = frozenset(MessageFormat)


@dataclass(frozen=True, slots=True)
class TokenSpelling:
    """How one version writes tokens.

    Attributes:
        length: of idToken and additionalIdToken, in characters
        substitutes: the type that stands for one that this version does not have

    """

    length: int
    substitutes: Mapping[IdTokenType, IdTokenType] = field(default_factory=dict)

    def encode(self, token: IdToken) -> Payload:
        """Return IdTokenType; `NotSpoken` if the token is too long for this version.

        For Authorize, where the answer to half a token would be about somebody else.
        """
        if len(token.value) > self.length:
            raise NotSpoken(f"a token of {len(token.value)} characters is too long")
        return self.cut(token)

    def cut(self, token: IdToken) -> Payload:
        """Return IdTokenType, its value cut where it is too long.

        For transactions, which have to be told whoever began them: what was authorized while
        another version was spoken may have a longer token.
        """
        additional_info = [
            {"additionalIdToken": info.value, "type": info.type}
            for info in token.additional_info
            if len(info.value) <= self.length and len(info.type) <= _ADDITIONAL_TYPE_LENGTH
        ]
        return present(
            idToken=token.value[: self.length],
            type=self.substitutes.get(token.type, token.type).value,
            additionalInfo=additional_info or None,
        )


_SPELLING = TokenSpelling(
    36,
    {
        IdTokenType.DIRECT_PAYMENT: IdTokenType.CENTRAL,
        IdTokenType.EVCCID: IdTokenType.MAC_ADDRESS,
        IdTokenType.VIN: IdTokenType.LOCAL,
    },
)

encode_id_token = _SPELLING.encode
cut_id_token = _SPELLING.cut


def decode_id_token(payload: Payload) -> IdToken:
    """Read IdTokenType; 2.1 leaves the list of types open, and this station knows its appendix."""
    try:
        token_type = IdTokenType(payload["type"])
    except ValueError:
        raise RpcError(
            "PropertyConstraintViolation", f"idToken.type: unknown {payload['type']!r}"
        ) from None
    return _id_token(payload, token_type)


def decode_group_id_token(payload: Payload) -> IdToken:
    """Read the token of a group, which is of type Central whatever is said (C09.FR.13)."""
    try:
        return decode_id_token(payload)
    except RpcError:
        return _id_token(payload, IdTokenType.CENTRAL)


def _id_token(payload: Payload, token_type: IdTokenType) -> IdToken:
    return IdToken(
        payload["idToken"],
        token_type,
        tuple(
            AdditionalInfo(info["additionalIdToken"], info["type"])
            for info in payload.get("additionalInfo", ())
        ),
    )


def decode_message_content(payload: Payload) -> MessageContent:
    """Read MessageContentType."""
    return MessageContent(
        payload["content"], MessageFormat(payload["format"]), payload.get("language")
    )


def decode_id_token_info(payload: Payload) -> IdTokenInfo:
    """Read IdTokenInfoType, with the texts in further languages of the OCA's extension."""
    expiry = payload.get("cacheExpiryDateTime")
    group = payload.get("groupIdToken")
    return IdTokenInfo(
        AuthorizationStatus(payload["status"]),
        cache_expiry=moment(expiry) if expiry is not None else None,
        group_id_token=decode_group_id_token(group) if group and group["idToken"] else None,
        charging_priority=payload.get("chargingPriority"),
        evse_ids=tuple(payload.get("evseId", ())),
        language1=payload.get("language1"),
        language2=payload.get("language2"),
        personal_messages=decode_personal_messages(payload, "personalMessage"),
    )


def decode_personal_messages(payload: Payload, member: str) -> tuple[MessageContent, ...]:
    """Read the text of `member` and its translations in customData (`<member>Extra`)."""
    messages = [payload[member]] if member in payload else []
    custom_data = payload.get("customData", {})
    if custom_data.get("vendorId") == _MULTILANGUAGE:
        extra = custom_data.get(f"{member}Extra")
        messages += extra if isinstance(extra, list) else []
    return tuple(decode_message_content(message) for message in messages if _is_message(message))


def _is_message(message: object) -> bool:
    """Tell whether a text can be read; the schemas do not look into customData."""
    return (
        isinstance(message, dict)
        and isinstance(message.get("content"), str)
        and message.get("format") in _FORMATS
        and isinstance(message.get("language"), str | None)
    )
