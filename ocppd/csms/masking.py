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


def _masked(value: Any) -> Any:
    if isinstance(value, list):
        return [_masked(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: _masked_member(value, name, member) for name, member in value.items()}


def _masked_member(parent: dict[str, Any], name: str, member: Any) -> Any:
    folded = name.lower()
    secret = (
        folded in _SECRET_MEMBERS
        # A VPN's key, told from the key of ChangeConfiguration by its neighbour.
        or (folded == "key" and "server" in parent)
        or (folded in ("attributevalue", "value") and _names_secret(parent))
    )
    if secret and member is not None and not isinstance(member, bool):
        return MASK  # whatever it is: a frame against its schema may hold one as well
    return _masked(member)


def _names_secret(item: dict[str, Any]) -> bool:
    """Tell whether an item's variable (2.x) or key (1.6) holds a secret."""
    variable = item.get("variable")
    name = variable.get("name") if isinstance(variable, dict) else item.get("key")
    return isinstance(name, str) and any(word in name.lower() for word in _SECRET_VARIABLES)
