"""Validation of payloads by code that the build makes from the OCPP schemas.

`generate.py` writes one module for each message into `generated/`; here they are imported on first
use. Nothing of this needs the schemas, or a schema library, at run time.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from ocppd.csms.validators.fault import Fault
from ocppd.ocppj.frames import Dialect

__all__ = ["Fault", "actions", "check_request", "check_response"]

Payload = dict[str, Any]
_Validate = Callable[[Payload, dict[str, object], str | None], object]

_PACKAGES = {Dialect.OCPP_16: "v16", Dialect.OCPP_201: "v201", Dialect.OCPP_21: "v21"}
_PREFIX = "payload"
_NO_FORMATS: dict[str, object] = {}


def _module(name: str) -> ModuleType:
    try:
        return import_module(f"{__name__}.generated.{name}")
    except ModuleNotFoundError as error:
        raise RuntimeError(
            "the payload validators are missing: run python -m ocppd.csms.validators.generate"
        ) from error


@cache
def actions(dialect: Dialect) -> frozenset[str]:
    """Return the actions of a version, in either direction."""
    return frozenset(_module("actions").ACTIONS[_PACKAGES[dialect]])


@cache
def _validator(dialect: Dialect, message: str) -> _Validate:
    validate: _Validate = _module(f"{_PACKAGES[dialect]}.{message}").validate
    return validate


def check_request(dialect: Dialect, action: str, payload: Payload) -> Fault | None:
    """Return the first fault of the payload of a CALL, None if it fits its schema.

    The action has to be one of `actions(dialect)`.
    """
    return _check(_validator(dialect, f"{action}Request"), payload)


def check_response(dialect: Dialect, action: str, payload: Payload) -> Fault | None:
    """Return the first fault of the payload of a CALLRESULT, None if it fits its schema."""
    return _check(_validator(dialect, f"{action}Response"), payload)


def _check(validate: _Validate, payload: Payload) -> Fault | None:
    try:
        validate(payload, _NO_FORMATS, None)
    except Fault:
        try:
            validate(payload, _NO_FORMATS, _PREFIX)  # again, for the path
        except Fault as fault:
            return fault
    return None
