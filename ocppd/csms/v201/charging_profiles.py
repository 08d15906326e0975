"""ChargingProfileType and its parts in 2.0.1 and 2.1, which adds members (K)."""

from datetime import UTC, datetime
from typing import Any

from ocppd.csms.payload import Payload, moment, present, timestamp
from ocppd.model.charging_profiles import (
    ChargingProfile,
    ChargingProfileKind,
    ChargingProfilePurpose,
    LimitAtSoC,
    ProfilePeriod,
    ProfileSchedule,
    RecurrencyKind,
)
from ocppd.model.charging_schedules import ChargingRateUnit, OperationMode, PerPhase


def decode_charging_profile(payload: Payload) -> ChargingProfile:
    """Read a ChargingProfileType."""
    recurrency = payload.get("recurrencyKind")
    return ChargingProfile(
        payload["id"],
        payload["stackLevel"],
        ChargingProfilePurpose(payload["chargingProfilePurpose"]),
        ChargingProfileKind(payload["chargingProfileKind"]),
        tuple(_decode_schedule(one) for one in payload["chargingSchedule"]),
        recurrency=RecurrencyKind(recurrency) if recurrency is not None else None,
        valid_from=_moment(payload.get("validFrom")),
        valid_to=_moment(payload.get("validTo")),
        transaction_id=payload.get("transactionId"),
        max_offline_duration_s=payload.get("maxOfflineDuration"),
        invalid_after_offline_duration=payload.get("invalidAfterOfflineDuration", False),
        dyn_update_interval_s=payload.get("dynUpdateInterval"),
        dyn_update_time=_moment(payload.get("dynUpdateTime")),
    )


def _decode_schedule(payload: Payload) -> ProfileSchedule:
    start = payload.get("startSchedule")
    local = payload.get("useLocalTime", False)
    at_soc = payload.get("limitAtSoC")
    return ProfileSchedule(
        tuple(_decode_period(one) for one in payload["chargingSchedulePeriod"]),
        ChargingRateUnit(payload["chargingRateUnit"]),
        id=payload["id"],
        start=wall_clock(start) if start is not None and local else _moment(start),
        duration_s=payload.get("duration"),
        min_charging_rate=payload.get("minChargingRate"),
        use_local_time=local,
        randomized_delay_s=payload.get("randomizedDelay", 0),
        limit_at_soc=LimitAtSoC(at_soc["soc"], at_soc["limit"]) if at_soc is not None else None,
    )


def _decode_period(payload: Payload) -> ProfilePeriod:
    mode = payload.get("operationMode")
    return ProfilePeriod(
        payload["startPeriod"],
        _decode_phases(payload, "limit"),
        number_phases=payload.get("numberPhases"),
        phase_to_use=payload.get("phaseToUse"),
        discharge_limit=_decode_phases(payload, "dischargeLimit"),
        setpoint=_decode_phases(payload, "setpoint"),
        setpoint_reactive=_decode_phases(payload, "setpointReactive"),
        operation_mode=OperationMode(mode) if mode is not None else None,
        evse_sleep=payload.get("evseSleep"),
        preconditioning_request=payload.get("preconditioningRequest"),
        v2x_baseline=payload.get("v2xBaseline"),
    )


def _decode_phases(payload: Payload, name: str) -> PerPhase | None:
    """Read a limit; where one further phase is told, the other is like the first."""
    value = payload.get(name)
    if value is None:
        return None
    l2, l3 = payload.get(f"{name}_L2"), payload.get(f"{name}_L3")
    if l2 is None and l3 is None:
        return PerPhase(value)
    return PerPhase(value, value if l2 is None else l2, value if l3 is None else l3)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else moment(text)


def wall_clock(text: str) -> datetime:
    """Return the time that stands in a text, whatever zone it names, as if it were UTC."""
    moment(text)  # refuses what is none
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return moment(text)


def encode_charging_profile(profile: ChargingProfile) -> Payload:
    """Return a ChargingProfileType."""
    return present(
        id=profile.id,
        stackLevel=profile.stack_level,
        chargingProfilePurpose=profile.purpose.value,
        chargingProfileKind=profile.kind.value,
        recurrencyKind=profile.recurrency.value if profile.recurrency else None,
        validFrom=_timestamp(profile.valid_from),
        validTo=_timestamp(profile.valid_to),
        transactionId=profile.transaction_id,
        maxOfflineDuration=profile.max_offline_duration_s,
        invalidAfterOfflineDuration=profile.invalid_after_offline_duration or None,
        dynUpdateInterval=profile.dyn_update_interval_s,
        dynUpdateTime=_timestamp(profile.dyn_update_time),
        chargingSchedule=[encode_schedule(one) for one in profile.schedules],
    )


def encode_schedule(schedule: ProfileSchedule) -> Payload:
    """Return a ChargingScheduleType."""
    at_soc = schedule.limit_at_soc
    return present(
        id=schedule.id,
        startSchedule=_timestamp(schedule.start),
        duration=schedule.duration_s,
        chargingRateUnit=schedule.unit.value,
        minChargingRate=schedule.min_charging_rate,
        useLocalTime=schedule.use_local_time or None,
        randomizedDelay=schedule.randomized_delay_s or None,
        limitAtSoC={"soc": at_soc.soc, "limit": at_soc.limit} if at_soc else None,
        chargingSchedulePeriod=[_encode_period(one) for one in schedule.periods],
    )


def _encode_period(period: ProfilePeriod) -> Payload:
    return present(
        startPeriod=period.start_period_s,
        **encode_phases("limit", period.limit),
        numberPhases=period.number_phases,
        phaseToUse=period.phase_to_use,
        **encode_phases("dischargeLimit", period.discharge_limit),
        **encode_phases("setpoint", period.setpoint),
        **encode_phases("setpointReactive", period.setpoint_reactive),
        operationMode=period.operation_mode.value if period.operation_mode else None,
        evseSleep=period.evse_sleep,
        preconditioningRequest=period.preconditioning_request,
        v2xBaseline=period.v2x_baseline,
    )


def encode_phases(name: str, value: PerPhase | None) -> dict[str, Any]:
    """Return the members of a limit or setpoint."""
    if value is None:
        return {}
    told = {name: value.l1, f"{name}_L2": value.l2, f"{name}_L3": value.l3}
    return {key: one for key, one in told.items() if one is not None}


_SINCE_21 = frozenset(
    {
        "maxOfflineDuration",
        "invalidAfterOfflineDuration",
        "dynUpdateInterval",
        "dynUpdateTime",
        "useLocalTime",
        "randomizedDelay",
        "limitAtSoC",
        "operationMode",
        "evseSleep",
        "preconditioningRequest",
        "v2xBaseline",
    }
).union(
    f"{name}{phase}"
    for name in ("limit", "dischargeLimit", "setpoint", "setpointReactive")
    for phase in ("", "_L2", "_L3")
) - {"limit"}


def as_201(payload: Payload, unit: str | None = None) -> Payload:
    """Return a payload without what 2.0.1 has no words for; it was set while 2.1 was spoken.

    Where the phases have limits of their own, the lowest current or the power of all is told.
    """
    unit = payload.get("chargingRateUnit", unit)
    told = {name: _as_201(value, unit) for name, value in payload.items() if name not in _SINCE_21}
    phases = [payload[key] for key in ("limit", "limit_L2", "limit_L3") if key in payload]
    if len(phases) > 1:
        told["limit"] = min(phases) if unit == ChargingRateUnit.A else sum(phases)
    elif "startPeriod" in payload:
        told.setdefault("limit", 0.0)
    return told


def _as_201(value: Any, unit: str | None) -> Any:
    match value:
        case dict():
            return as_201(value, unit)
        case list():
            return [_as_201(one, unit) for one in value]
        case _:
            return value


def _timestamp(at: datetime | None) -> str | None:
    return None if at is None else timestamp(at)
