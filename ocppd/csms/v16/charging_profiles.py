"""ChargingProfile and its parts in OCPP 1.6 (7.8 to 7.15), which has one schedule in each."""

from datetime import datetime

from ocppd.csms.payload import Payload, moment
from ocppd.model.charging_profiles import (
    ChargingProfile,
    ChargingProfileKind,
    ChargingProfilePurpose,
    ProfilePeriod,
    ProfileSchedule,
    RecurrencyKind,
)
from ocppd.model.charging_schedules import ChargingRateUnit, PerPhase

_MAX = "ChargePointMaxProfile"


def decode_purpose(word: str) -> ChargingProfilePurpose:
    """Return the purpose; ChargePointMaxProfile is ChargingStationMaxProfile since 2.0."""
    return (
        ChargingProfilePurpose.CHARGING_STATION_MAX_PROFILE
        if word == _MAX
        else ChargingProfilePurpose(word)
    )


def decode_charging_profile(payload: Payload) -> ChargingProfile:
    """Read a ChargingProfile, which has one schedule."""
    recurrency = payload.get("recurrencyKind")
    transaction_id = payload.get("transactionId")
    return ChargingProfile(
        payload["chargingProfileId"],
        payload["stackLevel"],
        decode_purpose(payload["chargingProfilePurpose"]),
        ChargingProfileKind(payload["chargingProfileKind"]),
        (_decode_schedule(payload["chargingSchedule"]),),
        recurrency=RecurrencyKind(recurrency) if recurrency is not None else None,
        valid_from=_moment(payload.get("validFrom")),
        valid_to=_moment(payload.get("validTo")),
        transaction_id=str(transaction_id) if transaction_id is not None else None,
    )


def _decode_schedule(payload: Payload) -> ProfileSchedule:
    return ProfileSchedule(
        tuple(
            ProfilePeriod(one["startPeriod"], PerPhase(one["limit"]), one.get("numberPhases"))
            for one in payload["chargingSchedulePeriod"]
        ),
        ChargingRateUnit(payload["chargingRateUnit"]),
        start=_moment(payload.get("startSchedule")),
        duration_s=payload.get("duration"),
        min_charging_rate=payload.get("minChargingRate"),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else moment(text)
