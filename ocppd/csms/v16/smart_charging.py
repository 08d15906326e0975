"""The profile Smart Charging as OCPP 1.6 spells it (3.13, 5.5, 5.7, 5.16): by connector."""

from functools import partial
from typing import TYPE_CHECKING

from ocppd.csms.payload import Payload, Route, present, rounded, route, timestamp
from ocppd.csms.v16.charging_profiles import decode_charging_profile, decode_purpose
from ocppd.csms.v16.remote_control import decode_connector_id
from ocppd.model.charging_schedules import ChargingRateUnit, ChargingSchedule
from ocppd.model.remote_control import StatusResult
from ocppd.model.smart_charging import (
    ClearChargingProfile,
    CompositeScheduleResult,
    GetCompositeSchedule,
    SetChargingProfile,
    SetChargingProfileResult,
)
from ocppd.station.answer import Answer
from ocppd.station.evse import Evses

if TYPE_CHECKING:
    from ocppd.station.station import Station


def _evse_id(evses: Evses, connector_id: int) -> int:
    return 0 if connector_id == 0 else decode_connector_id(evses, connector_id).id


def decode_set_charging_profile(evses: Evses, payload: Payload) -> SetChargingProfile:
    """Read SetChargingProfile.req."""
    return SetChargingProfile(
        _evse_id(evses, payload["connectorId"]),
        decode_charging_profile(payload["csChargingProfiles"]),
    )


def encode_set_charging_profile(result: SetChargingProfileResult) -> Payload:
    """Write SetChargingProfile.conf."""
    return {"status": result.status.value}


def decode_clear_charging_profile(evses: Evses, payload: Payload) -> ClearChargingProfile:
    """Read ClearChargingProfile.req."""
    connector_id = payload.get("connectorId")
    purpose = payload.get("chargingProfilePurpose")
    return ClearChargingProfile(
        payload.get("id"),
        None if connector_id is None else _evse_id(evses, connector_id),
        None if purpose is None else decode_purpose(purpose),
        payload.get("stackLevel"),
    )


def encode_clear_charging_profile(result: StatusResult) -> Payload:
    """Write ClearChargingProfile.conf."""
    return {"status": result.status}


def decode_get_composite_schedule(evses: Evses, payload: Payload) -> GetCompositeSchedule:
    """Read GetCompositeSchedule.req."""
    unit = payload.get("chargingRateUnit")
    return GetCompositeSchedule(
        _evse_id(evses, payload["connectorId"]),
        payload["duration"],
        ChargingRateUnit(unit) if unit is not None else None,
    )


def encode_composite_schedule(connector_id: int, result: CompositeScheduleResult) -> Payload:
    """Write GetCompositeSchedule.conf for the connector that was asked for."""
    schedule = result.schedule
    if schedule is None:
        return {"status": "Rejected"}
    return {
        "status": "Accepted",
        "connectorId": connector_id,
        "scheduleStart": timestamp(schedule.start_schedule),
        "chargingSchedule": _encode_schedule(schedule),
    }


def _encode_schedule(schedule: ChargingSchedule) -> Payload:
    rate = schedule.min_charging_rate
    return present(
        duration=schedule.duration_s,
        startSchedule=timestamp(schedule.start_schedule),
        chargingRateUnit=schedule.charging_rate_unit.value,
        minChargingRate=rounded(rate) if rate is not None else None,
        chargingSchedulePeriod=[
            present(
                startPeriod=one.start_period_s,
                limit=rounded(one.limit),
                numberPhases=one.number_phases,
            )
            for one in schedule.periods
        ],
    )


def routes(station: "Station") -> dict[str, Route]:
    """Return the CALLs of the CSMS about charging profiles."""
    block, evses = station.smart_charging, station.evses

    async def composite_schedule(payload: Payload) -> Answer[Payload]:
        request = decode_get_composite_schedule(evses, payload)
        answer = block.get_composite_schedule(request)
        return Answer(encode_composite_schedule(payload["connectorId"], answer.result))

    return {
        "SetChargingProfile": route(
            partial(decode_set_charging_profile, evses),
            block.set_profile,
            encode_set_charging_profile,
        ),
        "ClearChargingProfile": route(
            partial(decode_clear_charging_profile, evses),
            block.clear_profiles,
            encode_clear_charging_profile,
        ),
        "GetCompositeSchedule": composite_schedule,
    }
