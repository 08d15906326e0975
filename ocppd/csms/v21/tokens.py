"""Tokens as OCPP 2.1 spells them: up to 255 characters, and more types."""

from ocppd.csms.v201.tokens import (
    TokenSpelling,
    decode_group_id_token,
    decode_id_token,
    decode_id_token_info,
    decode_message_content,
    decode_personal_messages,
)

__all__ = [
    "cut_id_token",
    "decode_group_id_token",
    "decode_id_token",
    "decode_id_token_info",
    "decode_message_content",
    "decode_personal_messages",
    "encode_id_token",
]

_SPELLING = TokenSpelling(255)

encode_id_token = _SPELLING.encode
cut_id_token = _SPELLING.cut
