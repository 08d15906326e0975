"""Block K as OCPP 2.1 spells it: 2.0.1 with all members of profiles, and any source of limits."""

from typing import TYPE_CHECKING, Any

from ocppd.csms.payload import Payload, Route, present, route
from ocppd.csms.spelling import Outgoing
from ocppd.csms.v201 import smart_charging as v201
from ocppd.csms.v201.charging_profiles import encode_charging_profile, encode_schedule
from ocppd.model.requests import Nothing
from ocppd.model.smart_charging import (
    ClearedChargingLimit,
    NotifyChargingLimit,
    ReportChargingProfiles,
)

if TYPE_CHECKING:
    from ocppd.station.station import Station


def encode_report_charging_profiles(request: ReportChargingProfiles) -> Payload:
    """Return ReportChargingProfilesRequest (K09.FR.01, FR.02)."""
    return present(
        requestId=request.request_id,
        chargingLimitSource=request.source,
        evseId=request.evse_id,
        chargingProfile=[encode_charging_profile(one) for one in request.profiles],
        tbc=request.to_be_continued or None,
    )


def encode_notify_charging_limit(request: NotifyChargingLimit) -> Payload:
    """Return NotifyChargingLimitRequest; the source is never CSO (K11.FR.05)."""
    return present(
        evseId=request.evse_id,
        chargingLimit=present(
            chargingLimitSource=request.source, isGridCritical=request.grid_critical
        ),
        chargingSchedule=[encode_schedule(one) for one in request.schedules] or None,
    )


def encode_cleared_charging_limit(request: ClearedChargingLimit) -> Payload:
    """Return ClearedChargingLimitRequest."""
    return {"evseId": request.evse_id, "chargingLimitSource": request.source}


def _read_nothing(_payload: Payload) -> Nothing:
    return Nothing()


REQUESTS: dict[type, Outgoing[Any, Any]] = {
    ReportChargingProfiles: Outgoing(
        "ReportChargingProfiles", encode_report_charging_profiles, _read_nothing
    ),
    NotifyChargingLimit: Outgoing(
        "NotifyChargingLimit", encode_notify_charging_limit, _read_nothing
    ),
    ClearedChargingLimit: Outgoing(
        "ClearedChargingLimit", encode_cleared_charging_limit, _read_nothing
    ),
}


def routes(station: "Station") -> dict[str, Route]:
    """Return the CALLs of the CSMS that 2.1 answers otherwise."""
    return {
        "GetCompositeSchedule": route(
            v201.decode_get_composite_schedule,
            station.smart_charging.get_composite_schedule,
            v201.encode_composite_schedule_of_21,
        ),
    }
