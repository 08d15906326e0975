"""Requests about charging profiles (block K), and what is told of them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ocppd.model.charging_profiles import (
    ChargingProfile,
    ChargingProfilePurpose,
    ProfileSchedule,
)
from ocppd.model.charging_schedules import ChargingRateUnit, ChargingSchedule, PerPhase
from ocppd.model.requests import CsmsRequest, Nothing
from ocppd.model.variables import StatusInfo


class ChargingProfileStatus(StrEnum):
    """ChargingProfileStatusEnumType, and what only 1.6 has a word for."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    NOT_SUPPORTED = "NotSupported"


@dataclass(frozen=True, slots=True)
class SetChargingProfile:
    """SetChargingProfileRequest; `profile.transaction_id` is as the CSMS calls it."""

    evse_id: int
    profile: ChargingProfile


@dataclass(frozen=True, slots=True)
class SetChargingProfileResult:
    """SetChargingProfileResponse."""

    status: ChargingProfileStatus
    status_info: StatusInfo | None = None


@dataclass(frozen=True, slots=True)
class ClearChargingProfile:
    """ClearChargingProfileRequest: one by its id, or all that match what is given."""

    profile_id: int | None = None
    evse_id: int | None = None
    purpose: ChargingProfilePurpose | None = None
    stack_level: int | None = None


@dataclass(frozen=True, slots=True)
class GetCompositeSchedule:
    """GetCompositeScheduleRequest; without a unit the station chooses."""

    evse_id: int
    duration_s: int
    unit: ChargingRateUnit | None = None


@dataclass(frozen=True, slots=True)
class CompositeScheduleResult:
    """GetCompositeScheduleResponse: the schedule, or why there is none."""

    schedule: ChargingSchedule | None = None
    status_info: StatusInfo | None = None


@dataclass(frozen=True, slots=True)
class GetChargingProfiles:
    """GetChargingProfilesRequest: by ids, or by what is given; EVSE 0 is the station itself."""

    request_id: int
    evse_id: int | None = None
    profile_ids: tuple[int, ...] = ()
    purpose: ChargingProfilePurpose | None = None
    stack_level: int | None = None
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GetChargingProfilesResult:
    """GetChargingProfilesResponse: whether a report follows."""

    found: bool


@dataclass(frozen=True, slots=True)
class ReportChargingProfiles(CsmsRequest[Nothing]):
    """ReportChargingProfilesRequest; all profiles have the source and the EVSE in common."""

    request_id: int
    source: str
    evse_id: int
    profiles: tuple[ChargingProfile, ...]
    to_be_continued: bool = False


@dataclass(frozen=True, slots=True)
class ExternalLimit:
    """What the host's energy management may draw from a moment on: a step of SetExternalLimits.

    `limit` is None where nothing limits. `profile_id` is whose limit it is, if it is one's.
    """

    timestamp: datetime
    unit: ChargingRateUnit
    limit: PerPhase | None = None
    number_phases: int | None = None
    discharge_limit: PerPhase | None = None
    setpoint: PerPhase | None = None
    profile_id: int | None = None


@dataclass(frozen=True, slots=True)
class RemoteStartProfile:
    """A profile of a remote start, until its transaction begins (K05)."""

    evse_id: int
    profile: ChargingProfile


@dataclass(frozen=True, slots=True)
class PowerPath:
    """Since when the driver is authorized and the car connected, in a session (K01.FR.42)."""

    evse_id: int
    session_id: str
    closed_at: datetime


@dataclass(frozen=True, slots=True)
class HostLimit:
    """A limit that an external system sets through the host (K11 to K14).

    `source` is EMS, SO or Other, or since 2.1 another word. It is for EVSE 0, the station, or one.
    """

    evse_id: int
    source: str
    schedule: ProfileSchedule
    grid_critical: bool | None = None


@dataclass(frozen=True, slots=True)
class NotifyChargingLimit(CsmsRequest[Nothing]):
    """NotifyChargingLimitRequest; without schedules unless a variable says so (K11.FR.03)."""

    evse_id: int
    source: str
    grid_critical: bool | None = None
    schedules: tuple[ProfileSchedule, ...] = ()


@dataclass(frozen=True, slots=True)
class ClearedChargingLimit(CsmsRequest[Nothing]):
    """ClearedChargingLimitRequest (K13.FR.02)."""

    evse_id: int
    source: str
