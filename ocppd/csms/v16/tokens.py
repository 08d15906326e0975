"""Tokens as OCPP 1.6 spells them: an idTag of at most 20 characters, without a type."""

from ocppd.csms.payload import Payload, moment
from ocppd.errors import NotSpoken
from ocppd.model.tokens import AuthorizationStatus, IdToken, IdTokenInfo, IdTokenType

ID_TAG_LENGTH = 20


def encode_id_token(token: IdToken) -> str:
    """Return a token as an idTag; `NotSpoken` if it is too long to be one.

    For Authorize, where the answer to half a token would be about somebody else.
    """
    if len(token.value) > ID_TAG_LENGTH:
        raise NotSpoken(f"a token of {len(token.value)} characters is no idTag of OCPP 1.6")
    return token.value


def cut_id_token(token: IdToken) -> str:
    """Return a token as an idTag, cut where it is too long.

    For transactions, which have to be told whoever began them: what was authorized while
    another version was spoken may have a longer token.
    """
    return token.value[:ID_TAG_LENGTH]


def decode_id_tag(id_tag: str) -> IdToken:
    """Read an idTag of the CSMS."""
    return IdToken(id_tag, IdTokenType.CENTRAL)


def decode_id_tag_info(payload: Payload) -> IdTokenInfo:
    """Read IdTagInfo; `expiryDate` is when the token has to leave the cache."""
    expiry = payload.get("expiryDate")
    parent = payload.get("parentIdTag")
    return IdTokenInfo(
        AuthorizationStatus(payload["status"]),
        cache_expiry=moment(expiry) if expiry is not None else None,
        group_id_token=decode_id_tag(parent) if parent else None,
    )
