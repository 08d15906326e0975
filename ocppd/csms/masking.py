"""Credentials leave no trace: frames as they may be shown, signalled and logged.

What is masked: values of variables and 1.6 keys that hold a secret, the secrets of a network
profile, and passwords in URLs. Most frames hold none, which one search over the text tells.
"""

import json
import re
from typing import Any

MASK = "***"

# What every frame with a secret has in it; `\\u00` may spell any letter of the others.
_SUSPICIOUS = ("password", "authorizationkey", "vpnkey", "simpin", '"vpn"', "@", "\\u00")
_URL_PASSWORD = re.compile(r"(://[^/\s\"@:]*:)[^/\s\"]*@")

_SECRET_VARIABLES = ("password", "authorizationkey", "vpnkey", "simpin")
_SECRET_MEMBERS = frozenset({"password", "apnpassword", "basicauthpassword", "simpin"})
# What says which variable it is, and what was thought of it.
_SAYS_WHICH = frozenset(
    {
        "component",
        "variable",
        "key",
        "name",
        "instance",
        "evse",
        "type",
        "attributetype",
        "attributestatus",
        "attributestatusinfo",
        "mutability",
        "variablecharacteristics",
        "readonly",
        "status",
        "statusinfo",
    }
)
# What may hold any words.
_FREE_TEXT = frozenset({"data", "value", "attributevalue", "techinfo", "additionalinfo"})


def masked(text: str) -> str:
    """Return a frame without the secrets in it, or the very same text if it has none.

    A frame that cannot be read and looks as if it held a secret is not shown at all.
    """
    folded = text.lower()
    if not any(word in folded for word in _SUSPICIOUS):
        return text
    try:
        frame = json.loads(text)
        shown = _masked(frame)
        if shown != frame:
            text = json.dumps(shown, separators=(",", ":"))
    except (ValueError, RecursionError):
        return f"{MASK} ({len(text)} characters that may hold a secret)"
    return _URL_PASSWORD.sub(rf"\1{MASK}@", text)


def _masked(value: Any, secret: bool = False) -> Any:
    """Return a value without its secrets; `secret` if it belongs to what is one."""
    if isinstance(value, list):
        return [_masked(item, secret) for item in value]
    if isinstance(value, dict):
        secret = secret or _names_secret(value)
        return {name: _masked_member(value, name, member, secret) for name, member in value.items()}
    return MASK if secret and _is_text_or_number(value) else value


def _masked_member(parent: dict[str, Any], name: str, member: Any, secret: bool) -> Any:
    folded = name.lower()
    if folded in _SAYS_WHICH:
        # A VPN's key, told from the key of ChangeConfiguration by its neighbour.
        vpn = folded == "key" and "server" in parent
        return MASK if vpn and _is_text_or_number(member) else _masked(member)
    return _masked(member, secret or folded in _SECRET_MEMBERS)


def _is_text_or_number(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _names_secret(item: dict[str, Any]) -> bool:
    """Tell whether an item's variable (2.x) or key (1.6) holds a secret.

    Wherever the name stands: in a frame that breaks its schema it may be elsewhere.
    """
    texts = [text for name, text in item.items() if name.lower() not in _FREE_TEXT]
    texts += [text for member in texts if isinstance(member, dict) for text in member.values()]
    return any(
        word in text.lower()
        for text in texts
        if isinstance(text, str)
        for word in _SECRET_VARIABLES
    )
