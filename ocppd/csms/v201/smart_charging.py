"""Block K as OCPP 2.0.1 spells it; 2.1 has more members of a profile, which are read here too."""

from typing import TYPE_CHECKING, Any

from ocppd.csms.payload import Payload, Route, RpcError, present, rounded, route, timestamp
from ocppd.csms.spelling import Outgoing
from ocppd.csms.v201.charging_profiles import (
    as_201,
    decode_charging_profile,
    encode_charging_profile,
    encode_phases,
    encode_schedule,
)
from ocppd.csms.v201.status_info import encode_status_info
from ocppd.model.charging_profiles import ChargingProfilePurpose
from ocppd.model.charging_schedules import (
    ChargingRateUnit,
    ChargingSchedule,
    ChargingSchedulePeriod,
    PerPhase,
)
from ocppd.model.remote_control import StatusResult
from ocppd.model.requests import Nothing
from ocppd.model.smart_charging import (
    ChargingProfileStatus,
    ClearChargingProfile,
    ClearedChargingLimit,
    CompositeScheduleResult,
    GetChargingProfiles,
    GetChargingProfilesResult,
    GetCompositeSchedule,
    NotifyChargingLimit,
    ReportChargingProfiles,
    SetChargingProfile,
    SetChargingProfileResult,
)

if TYPE_CHECKING:
    from ocppd.station.station import Station

_SOURCES = ("EMS", "Other", "SO")


def decode_set_charging_profile(payload: Payload) -> SetChargingProfile:
    """Read SetChargingProfileRequest."""
    return SetChargingProfile(
        payload["evseId"], decode_charging_profile(payload["chargingProfile"])
    )


def encode_set_charging_profile_response(result: SetChargingProfileResult) -> Payload:
    """Return SetChargingProfileResponse; without smart charging a CALLERROR (K01.FR.29)."""
    if result.status is ChargingProfileStatus.NOT_SUPPORTED:
        raise RpcError("NotSupported", "smart charging is not enabled")
    return present(status=result.status.value, statusInfo=encode_status_info(result.status_info))


def decode_clear_charging_profile(payload: Payload) -> ClearChargingProfile:
    """Read ClearChargingProfileRequest."""
    criteria = payload.get("chargingProfileCriteria", {})
    purpose = criteria.get("chargingProfilePurpose")
    return ClearChargingProfile(
        payload.get("chargingProfileId"),
        criteria.get("evseId"),
        ChargingProfilePurpose(purpose) if purpose is not None else None,
        criteria.get("stackLevel"),
    )


def encode_clear_charging_profile_response(result: StatusResult) -> Payload:
    """Return ClearChargingProfileResponse."""
    return present(status=result.status, statusInfo=encode_status_info(result.status_info))


def decode_get_composite_schedule(payload: Payload) -> GetCompositeSchedule:
    """Read GetCompositeScheduleRequest."""
    unit = payload.get("chargingRateUnit")
    return GetCompositeSchedule(
        payload["evseId"],
        payload["duration"],
        ChargingRateUnit(unit) if unit is not None else None,
    )


def encode_composite_schedule_response(result: CompositeScheduleResult) -> Payload:
    """Return GetCompositeScheduleResponse."""
    schedule = result.schedule
    return present(
        status="Rejected" if schedule is None else "Accepted",
        statusInfo=encode_status_info(result.status_info),
        schedule=None if schedule is None else as_201(encode_composite_schedule(schedule)),
    )


def encode_composite_schedule_of_21(result: CompositeScheduleResult) -> Payload:
    """Return GetCompositeScheduleResponse with all that 2.1 can say of a period."""
    payload = encode_composite_schedule_response(result)
    if result.schedule is not None:
        payload["schedule"] = encode_composite_schedule(result.schedule)
    return payload


def encode_composite_schedule(schedule: ChargingSchedule) -> Payload:
    """Return a CompositeScheduleType."""
    return {
        "evseId": schedule.evse_id,
        "duration": schedule.duration_s,
        "scheduleStart": timestamp(schedule.start_schedule),
        "chargingRateUnit": schedule.charging_rate_unit.value,
        "chargingSchedulePeriod": [_encode_period(one) for one in schedule.periods],
    }


def _encode_period(period: ChargingSchedulePeriod) -> Payload:
    limit = PerPhase(period.limit, period.limit_l2, period.limit_l3).each(rounded)
    return present(
        startPeriod=period.start_period_s,
        **encode_phases("limit", limit),
        numberPhases=period.number_phases,
        phaseToUse=period.phase_to_use,
        **encode_phases("dischargeLimit", period.discharge_limit),
        **encode_phases("setpoint", period.setpoint),
        operationMode=period.operation_mode.value if period.operation_mode else None,
    )


def decode_get_charging_profiles(payload: Payload) -> GetChargingProfiles:
    """Read GetChargingProfilesRequest."""
    criterion = payload["chargingProfile"]
    purpose = criterion.get("chargingProfilePurpose")
    return GetChargingProfiles(
        payload["requestId"],
        payload.get("evseId"),
        tuple(criterion.get("chargingProfileId", ())),
        ChargingProfilePurpose(purpose) if purpose is not None else None,
        criterion.get("stackLevel"),
        tuple(criterion.get("chargingLimitSource", ())),
    )


def encode_get_charging_profiles_response(result: GetChargingProfilesResult) -> Payload:
    """Return GetChargingProfilesResponse."""
    return {"status": "Accepted" if result.found else "NoProfiles"}


def encode_report_charging_profiles(request: ReportChargingProfiles) -> Payload:
    """Return ReportChargingProfilesRequest (K09.FR.01, FR.02)."""
    return present(
        requestId=request.request_id,
        chargingLimitSource=request.source,
        evseId=request.evse_id,
        chargingProfile=[as_201(encode_charging_profile(one)) for one in request.profiles],
        tbc=request.to_be_continued or None,
    )


def _read_nothing(_payload: Payload) -> Nothing:
    return Nothing()


def encode_notify_charging_limit(request: NotifyChargingLimit) -> Payload:
    """Return NotifyChargingLimitRequest; the source is never CSO (K11.FR.05)."""
    return present(
        evseId=request.evse_id or None,
        chargingLimit=present(
            chargingLimitSource=_source(request.source), isGridCritical=request.grid_critical
        ),
        chargingSchedule=[as_201(encode_schedule(one)) for one in request.schedules] or None,
    )


def encode_cleared_charging_limit(request: ClearedChargingLimit) -> Payload:
    """Return ClearedChargingLimitRequest."""
    return present(evseId=request.evse_id or None, chargingLimitSource=_source(request.source))


def _source(source: str) -> str:
    """Return one of the words that 2.0.1 has."""
    return source if source in _SOURCES else "Other"


REQUESTS: dict[type, Outgoing[Any, Any]] = {
    NotifyChargingLimit: Outgoing(
        "NotifyChargingLimit", encode_notify_charging_limit, _read_nothing
    ),
    ClearedChargingLimit: Outgoing(
        "ClearedChargingLimit", encode_cleared_charging_limit, _read_nothing
    ),
    ReportChargingProfiles: Outgoing(
        "ReportChargingProfiles", encode_report_charging_profiles, _read_nothing
    ),
}


def routes(station: "Station") -> dict[str, Route]:
    """Return the CALLs of the CSMS about charging profiles."""
    block = station.smart_charging
    return {
        "SetChargingProfile": route(
            decode_set_charging_profile, block.set_profile, encode_set_charging_profile_response
        ),
        "ClearChargingProfile": route(
            decode_clear_charging_profile,
            block.clear_profiles,
            encode_clear_charging_profile_response,
        ),
        "GetCompositeSchedule": route(
            decode_get_composite_schedule,
            block.get_composite_schedule,
            encode_composite_schedule_response,
        ),
        "GetChargingProfiles": route(
            decode_get_charging_profiles,
            block.get_profiles,
            encode_get_charging_profiles_response,
        ),
    }
