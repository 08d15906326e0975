"""A charging profile in OCPP's own words, of any version, as a person writes it into a file."""

import json
from typing import Any

from ocppd.csms import validators
from ocppd.csms.payload import RpcError
from ocppd.csms.v16 import charging_profiles as v16
from ocppd.csms.v201 import charging_profiles as v201
from ocppd.errors import InvalidArgument
from ocppd.model.charging_profiles import ChargingProfile
from ocppd.ocppj.frames import Dialect

_WORDS_16 = "chargingProfileId"


def read_profile(text: str) -> tuple[int | None, ChargingProfile]:
    """Read a ChargingProfile of 1.6 or a ChargingProfileType of 2.x, or the request around it.

    Returns the EVSE (in 1.6 the connector) of the request too, None for a profile alone.

    Raises:
        InvalidArgument: it is neither; the text says what is wrong

    """
    try:
        read: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidArgument("what_if.profile: no JSON") from None
    if not isinstance(read, dict):
        raise InvalidArgument("what_if.profile: no JSON object")
    whole = read.get("csChargingProfiles", read.get("chargingProfile"))
    place = read.get("connectorId", read.get("evseId")) if whole is not None else None
    profile = read if whole is None else whole
    if not isinstance(profile, dict):
        raise InvalidArgument("what_if.profile: no JSON object")
    where = place if isinstance(place, int) and not isinstance(place, bool) else None
    try:
        if _WORDS_16 in profile:
            _check(Dialect.OCPP_16, {"connectorId": where or 0, "csChargingProfiles": profile})
            return where, v16.decode_charging_profile(profile)
        _check(Dialect.OCPP_21, {"evseId": where or 0, "chargingProfile": profile})
        return where, v201.decode_charging_profile(profile)
    except RpcError as error:
        raise InvalidArgument(f"what_if.profile: {error.description}") from None


def _check(dialect: Dialect, payload: dict[str, Any]) -> None:
    fault = validators.check_request(dialect, "SetChargingProfile", payload)
    if fault is not None:
        raise InvalidArgument(f"what_if.profile: {fault.text}")
