"""The schemas of the ocpp package, an independent judge of what the station spells."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import ocpp

_ROOT = Path(ocpp.__file__).parent


@cache
def _validator(version: str, name: str) -> Any:
    schema = json.loads((_ROOT / version / "schemas" / f"{name}.json").read_text("utf-8-sig"))
    return jsonschema.Draft7Validator(schema)


def check(version: str, action: str, payload: object, *, response: bool = False) -> None:
    """Fail unless a payload is valid; `version` is v16, v201 or v21."""
    suffix = "Response" if response else "" if version == "v16" else "Request"
    name = f"{action}{suffix}"
    errors = [error.message for error in _validator(version, name).iter_errors(payload)]
    assert not errors, f"{name}: {errors}"
