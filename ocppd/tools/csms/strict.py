"""Validation of payloads against the schemas of the `ocpp` package; only where asked for."""

import json
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Any

_CODES = {
    "type": "TypeConstraintViolation",
    "required": "OccurrenceConstraintViolation",
    "minItems": "OccurrenceConstraintViolation",
    "maxItems": "OccurrenceConstraintViolation",
    "additionalProperties": "FormatViolation",
}
_CODES_16 = {
    "OccurrenceConstraintViolation": "OccurenceConstraintViolation",
    "FormatViolation": "FormationViolation",
}
"""OCPP-J 1.6 spells the first one with one r."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a payload breaks its schema: the code of the CALLERROR, and a text with the path."""

    code: str
    text: str


class Schemas:
    """The schemas of all versions.

    Needs the packages `ocpp` and `jsonschema`; raises ImportError without them.
    """

    def __init__(self) -> None:
        self._jsonschema: Any = import_module("jsonschema")
        self._package = import_module("ocpp").__name__
        self._validator = cache(self._load)

    def fault(
        self, version: str, action: str, payload: Any, *, response: bool = False
    ) -> Fault | None:
        """Return what is wrong with a payload, or None."""
        validator = self._validator(version, action, response)
        if validator is None:
            return None
        exact = json.loads(json.dumps(payload), parse_float=Decimal)
        error = next(iter(validator.iter_errors(exact)), None)
        if error is None:
            return None
        code = _CODES.get(error.validator, "PropertyConstraintViolation")
        if version == "1.6":
            code = _CODES_16.get(code, code)
        path = ".".join(str(part) for part in error.absolute_path)
        return Fault(code, f"{path or 'payload'}: {error.message}"[:255])

    def _load(self, version: str, action: str, response: bool) -> Any:
        folder = {"1.6": "v16", "2.0.1": "v201", "2.1": "v21"}[version]
        suffix = "Response" if response else ("" if version == "1.6" else "Request")
        if not action.isalnum():
            return None
        schemas = files(self._package) / folder / "schemas"
        for name in (f"{action}{suffix}.json", f"{action}.json"):
            file = schemas / name
            if file.is_file():
                # Decimals: in binary fractions 0.3 is no multiple of 0.1.
                schema = json.loads(file.read_text("utf-8-sig"), parse_float=Decimal)
                checker = self._jsonschema.FormatChecker()
                kind = self._jsonschema.validators.validator_for(schema)
                return kind(schema, format_checker=checker)
            if response:
                return None
        return None
