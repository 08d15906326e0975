"""What charging limits depend on at each EVSE, as the station knows it now (block K)."""

import logging
import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import ClockCtrlr, OCPP16LegacyCtrlr, SmartChargingCtrlr
from ocppd.model.charging_profiles import ChargingProfilePurpose
from ocppd.model.charging_schedules import ChargingRateUnit
from ocppd.model.smart_charging import PowerPath
from ocppd.station.evse import Evse, Evses
from ocppd.station.merged_period import Situation
from ocppd.station.ports import Outside
from ocppd.station.profile_validation import Abilities

_LOG = logging.getLogger(__name__)

_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)")
_DIRECT_CURRENT = ("cCCS1", "cCCS2", "cChaoJi", "cG105", "cGBT-DC", "cUltraChaoJi", "cMCS")
_WORDS_OF_16 = {
    "ChargePointMaxProfile": ChargingProfilePurpose.CHARGING_STATION_MAX_PROFILE,
}


@lru_cache(maxsize=4)
def _zone_named(name: str) -> tzinfo | None:
    """Return a time zone by its name; looked for, and missed aloud, once."""
    from zoneinfo import ZoneInfo  # most stations leave the name empty

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        _LOG.warning("ClockCtrlr.TimeZone: there is no time zone %s", name)
        return None


def time_zone(model: DeviceModel) -> tzinfo:
    """Return the local time: ClockCtrlr.TimeZone, or else TimeOffset, or else UTC."""
    name = model.text(ClockCtrlr.TimeZone)
    named = _zone_named(name) if name else None
    if named is not None:
        return named
    offset = _OFFSET.fullmatch(model.text(ClockCtrlr.TimeOffset))
    if offset is None:
        return UTC
    ahead = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
    if ahead >= timedelta(days=1):
        return UTC
    return timezone(-ahead if offset[1] == "-" else ahead)


def is_direct_current(evse: Evse | None) -> bool:
    """Tell whether an EVSE charges with direct current, by its connectors."""
    return evse is not None and all(
        connector.type in _DIRECT_CURRENT for connector in evse.connectors.values()
    )


class Situations:
    """Knows the situation of each EVSE; the path of power is noted as it closes and opens."""

    def __init__(self, outside: Outside, device_model: DeviceModel, evses: Evses) -> None:
        self._outside = outside
        self._model = device_model
        self._evses = evses
        self._offline_since: datetime | None = None
        self._paths: dict[int, PowerPath] = {}

    def start(self) -> None:
        """Take back since when power may flow."""
        self._paths = {one.evse_id: one for one in self._outside.store.load(PowerPath).values()}
        self._offline_since = None if self._outside.csms.connected else self._outside.clock.now()

    @property
    def offline_since(self) -> datetime | None:
        """Since when there is no connection, if there is none."""
        return self._offline_since

    def note_connection(self, *, connected: bool) -> bool:
        """Note that the connection was made or lost; True if that is new."""
        if connected == (self._offline_since is None):
            return False
        self._offline_since = None if connected else self._outside.clock.now()
        return True

    def note_session(self, evse: Evse) -> None:
        """Note whether the driver is authorized and the car connected (K01.FR.42)."""
        path = self._paths.get(evse.id)
        if path is not None and path.session_id != evse.session_id:
            del self._paths[evse.id]
            self._outside.store.forget(PowerPath, str(evse.id))
            path = None
        connected = any(connector.occupied for connector in evse.connectors.values())
        if path is None and evse.session_id is not None and evse.authorized and connected:
            path = PowerPath(evse.id, evse.session_id, self._outside.clock.now())
            self._paths[evse.id] = path
            self._outside.store.save(str(evse.id), path)

    def of(self, evse_id: int) -> Situation:
        """Return what is true of an EVSE, or with 0 of the station."""
        model = self._model
        evse = self._evses.get(evse_id)
        path = self._paths.get(evse_id)
        return Situation(
            evse_id,
            voltage=float(model.integer(SmartChargingCtrlr.SupplyVoltage) or 230),
            phases=model.integer(SmartChargingCtrlr.CompositeScheduleDefaultNumberPhases) or 3,
            transaction_id=evse.transaction_id if evse else None,
            power_path_closed=path.closed_at if path else None,
            soc=evse.ev_info.soc if evse and evse.ev_info else None,
            offline_since=self._offline_since,
            ignored_offline=self._ignored_offline(),
            time_zone=time_zone(model),
            csms_sets_setpoint=model.text(SmartChargingCtrlr.SetpointPriority) == "CSMS",
        )

    def abilities_of(self, evse_id: int, most_profiles: int) -> Abilities:
        """Return what an EVSE can do with a profile."""
        model = self._model
        highest = model.text(SmartChargingCtrlr.MaxExternalConstraintsId)
        return Abilities(
            highest_level=model.integer(SmartChargingCtrlr.ProfileStackLevel, 255),
            most_periods=model.integer(SmartChargingCtrlr.PeriodsPerSchedule, 1024),
            most_profiles=most_profiles,
            units=self.units(),
            additional_purposes=frozenset(
                purpose
                for purpose in ChargingProfilePurpose
                if purpose in model.members(SmartChargingCtrlr.SupportedAdditionalPurposes)
            ),
            highest_external_id=int(highest) if highest else None,
            dynamic=model.flag(SmartChargingCtrlr.SupportsFeature_DynamicProfiles),
            local_time=model.flag(SmartChargingCtrlr.SupportsFeature_UseLocalTime),
            randomized_delay=model.flag(SmartChargingCtrlr.SupportsFeature_RandomizedDelay),
            limit_at_soc=model.flag(SmartChargingCtrlr.SupportsFeature_LimitAtSoC),
            max_offline_duration=model.flag(SmartChargingCtrlr.SupportsFeature_MaxOfflineDuration),
            evse_sleep=model.flag(SmartChargingCtrlr.SupportsFeature_EvseSleep),
            without_start=model.flag(OCPP16LegacyCtrlr.AllowChargingProfileWithoutStartSchedule),
            phase_switching=model.flag(SmartChargingCtrlr.ACPhaseSwitchingSupported),
            direct_current=is_direct_current(self._evses.get(evse_id)),
        )

    def units(self) -> frozenset[ChargingRateUnit]:
        """Return the units of SmartChargingCtrlr.RateUnit."""
        members = self._model.members(SmartChargingCtrlr.RateUnit)
        return frozenset(unit for unit in ChargingRateUnit if unit in members)

    def _ignored_offline(self) -> frozenset[ChargingProfilePurpose]:
        members = self._model.members(SmartChargingCtrlr.IgnoredProfilePurposesOffline)
        purposes = (_WORDS_OF_16.get(one, one) for one in members)
        return frozenset(
            ChargingProfilePurpose(one) for one in purposes if one in set(ChargingProfilePurpose)
        )
