"""Block K, SmartCharging: charging profiles, and the limits that follow from them.

`composite_schedule.py` works the limits out, `profile_validation.py` says what may be installed,
`limit_publication.py` tells the host.

`external_limits.py` keeps those of external systems (K11 to K14). Left out: priority charging,
dynamic profiles and schedules that the car negotiates (K15 to K22, K28, K29).
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import InternalCtrlr, SmartChargingCtrlr
from ocppd.errors import CsmsError, InvalidArgument, UnknownEvse
from ocppd.model.charging_profiles import (
    ChargingProfile,
    ChargingProfilePurpose,
    InstalledProfile,
)
from ocppd.model.charging_schedules import ChargingRateUnit, ChargingSchedule
from ocppd.model.remote_control import StatusResult
from ocppd.model.smart_charging import (
    ChargingProfileStatus,
    ClearChargingProfile,
    CompositeScheduleResult,
    GetChargingProfiles,
    GetChargingProfilesResult,
    GetCompositeSchedule,
    RemoteStartProfile,
    ReportChargingProfiles,
    SetChargingProfile,
    SetChargingProfileResult,
)
from ocppd.model.variables import StatusInfo
from ocppd.station.answer import Answer, nothing
from ocppd.station.composite_schedule import Span, Window, composite_schedule, station_schedule
from ocppd.station.energy_limits import INTERFACE as ENERGY_LIMITS
from ocppd.station.energy_limits import EnergyLimits
from ocppd.station.evse import Evse, Evses, RemoteStart
from ocppd.station.installed_profiles import InstalledProfiles, delays
from ocppd.station.limit_publication import Limit, LimitPublication, Publication, as_schedule
from ocppd.station.ports import Outside
from ocppd.station.profile_validation import problem_with, same_place
from ocppd.station.schedule_explanation import Band, Explanation, bands, explain
from ocppd.station.situations import Situations

_LOG = logging.getLogger(__name__)

_LONGEST_S = 365 * 86_400
_MOST_PROFILES = 500
# As many profiles as fit a report's message with certainty; a long one goes by itself.
_PERIODS_A_REPORT = 100
Purpose = ChargingProfilePurpose
_OF_OTHERS = (Purpose.CHARGING_STATION_EXTERNAL_CONSTRAINTS, Purpose.LOCAL_GENERATION)
_DEFAULTS = (
    SmartChargingCtrlr.CompositeScheduleDefaultLimitAmps,
    SmartChargingCtrlr.CompositeScheduleDefaultLimitWatts,
    SmartChargingCtrlr.CompositeScheduleDefaultNumberPhases,
    SmartChargingCtrlr.SupplyVoltage,
    SmartChargingCtrlr.IgnoredProfilePurposesOffline,
    SmartChargingCtrlr.SetpointPriority,
)


class SmartCharging:
    """Keeps the profiles, answers for them, and tells what limits apply."""

    def __init__(
        self, outside: Outside, device_model: DeviceModel, evses: Evses, publication: Publication
    ) -> None:
        self._outside = outside
        self._device_model = device_model
        self._evses = evses
        self._situations = Situations(outside, device_model, evses)
        self.profiles = InstalledProfiles(outside.store, device_model)
        self._transactions: dict[int, str | None] = {}
        self._reached: dict[int, frozenset[int]] = {}
        self._remote_starts: dict[int, RemoteStartProfile] = {}
        self._energy = EnergyLimits(outside, device_model)
        self._limits = LimitPublication(
            outside, evses, publication, self.spans, self.default_limit, self._energy
        )

    # Life

    def start(self) -> None:
        """Take back the profiles, and publish now, at each change and periodically."""
        self._situations.start()
        self.profiles.load()
        waiting = self._outside.store.load(RemoteStartProfile).values()
        self._remote_starts = {one.evse_id: one for one in waiting}
        self._transactions = {evse.id: evse.transaction_id for evse in self._evses}
        for address in _DEFAULTS:
            self._device_model.observe(address, lambda *_: self.publish())
        self.publish()

    def stop(self) -> None:
        """Publish no more until the next `publish`."""
        self._limits.stop()

    def publish(self) -> None:
        """Tell the host the schedules as they are now."""
        self._limits.publish()

    @property
    def schedules(self) -> tuple[ChargingSchedule, ...]:
        """What was published last."""
        return self._limits.schedules

    def limit_of(self, evse_id: int) -> Limit | None:
        """Return what applies to an EVSE now; None before the first publication."""
        return self._limits.limit_of(evse_id)

    def on_agent_registered(self, interface: str) -> None:
        """Tell a new energy management the limits that apply."""
        if interface == ENERGY_LIMITS:
            self._energy.on_agent_registered(self.schedules)

    def on_connection(self, *, connected: bool) -> None:
        """Note that the connection came or went: some profiles count only online (K01.FR.101)."""
        offline_since = self._situations.offline_since
        if not self._situations.note_connection(connected=connected):
            return
        if connected and offline_since is not None:
            offline = self._outside.clock.now() - offline_since
            self.profiles.remove(lambda one: _ends_offline(one.profile, offline))
        if any(one.profile.max_offline_duration_s is not None for one in self.profiles) or (
            self._situations.of(0).ignored_offline
        ):
            self.publish()

    def on_transaction(self, evse: Evse) -> None:
        """Follow the transaction and the session of an EVSE."""
        with self._outside.store.atomically():
            before = self._situations.of(evse.id)
            self._situations.note_session(evse)
            known = self._transactions.get(evse.id)
            if evse.transaction_id != known:
                self._transactions[evse.id] = evse.transaction_id
                self._end_profiles_of(known)
                if evse.transaction_id is not None:
                    self._begin(evse, evse.transaction_id)
            elif evse.session_id is None:
                self._forget_remote_start(evse.id)
        if evse.transaction_id != known or self._situations.of(evse.id) != before:
            self.publish()

    def on_ev_info(self, evse_id: int) -> None:
        """Follow the state of charge: some limits begin with it (K01.FR.100)."""
        soc = self._situations.of(evse_id).soc
        reached = frozenset(
            one.profile.id
            for one in self.profiles
            if one.evse_id in (0, evse_id)
            and soc is not None
            and one.profile.schedule.limit_at_soc is not None
            and soc >= one.profile.schedule.limit_at_soc.soc
        )
        if reached != self._reached.get(evse_id, frozenset()):
            self._reached[evse_id] = reached
            self.publish()

    def on_remote_start(self, evse: Evse, start: RemoteStart) -> None:
        """Keep the profile of a remote start for the transaction that it leads to (K05.FR.02)."""
        profile = start.charging_profile
        if profile is None:
            return
        if evse.transaction_id is not None:
            self._install(evse.id, replace(profile, transaction_id=evse.transaction_id))
            self.publish()
        else:
            waiting = RemoteStartProfile(evse.id, profile)
            self._remote_starts[evse.id] = waiting
            self._outside.store.save(str(evse.id), waiting)

    def _forget_remote_start(self, evse_id: int) -> RemoteStartProfile | None:
        waiting = self._remote_starts.pop(evse_id, None)
        if waiting is not None:
            self._outside.store.forget(RemoteStartProfile, str(evse_id))
        return waiting

    def _begin(self, evse: Evse, transaction_id: str) -> None:
        waiting = self._forget_remote_start(evse.id)
        if waiting is not None:
            self._install(evse.id, replace(waiting.profile, transaction_id=transaction_id))
        self.profiles.draw_delays(  # K01.FR.93
            lambda one: (
                one.evse_id in (0, evse.id) and one.profile.transaction_id in (None, transaction_id)
            ),
            self._outside.random,
        )

    def _end_profiles_of(self, transaction_id: str | None) -> None:
        """Forget the profiles of a transaction that is over (3.2)."""
        if transaction_id is not None:
            self.profiles.remove(lambda one: one.profile.transaction_id == transaction_id)

    # What the CSMS asks for

    @property
    def enabled(self) -> bool:
        """Whether charging profiles are used at all."""
        model = self._device_model
        return model.flag(SmartChargingCtrlr.Available) and model.flag(SmartChargingCtrlr.Enabled)

    def set_profile(self, request: SetChargingProfile) -> Answer[SetChargingProfileResult]:
        """Install a profile (K01)."""
        if not self.enabled:  # K01.FR.29
            return Answer(SetChargingProfileResult(ChargingProfileStatus.NOT_SUPPORTED))
        profile = self._bound(request)
        if isinstance(profile, ChargingProfile):
            problem = self.problem_with(request.evse_id, profile)
        else:
            problem = profile
        if problem is not None:
            _LOG.info(
                "Charging profile %d rejected: %s",
                request.profile.id,
                problem.additional_info or problem.reason_code,
            )
            return Answer(SetChargingProfileResult(ChargingProfileStatus.REJECTED, problem))
        assert isinstance(profile, ChargingProfile)
        self._install(request.evse_id, profile)
        return Answer(
            SetChargingProfileResult(ChargingProfileStatus.ACCEPTED),
            then=self.publish,  # K01.FR.07
        )

    def problem_with(self, evse_id: int, profile: ChargingProfile) -> StatusInfo | None:
        """Return why a profile cannot be installed, whatever its transaction."""
        if evse_id != 0 and self._evses.get(evse_id) is None:  # K01.FR.28
            return StatusInfo("UnknownEvse")
        existing = self.profiles.get(profile.id)
        if existing is not None and existing.profile.purpose in _OF_OTHERS:  # K01.FR.05
            return StatusInfo("InvalidProfileId", "the profile is not the CSMS's")
        return problem_with(
            profile,
            evse_id,
            self.profiles,
            self._situations.abilities_of(evse_id, self.profiles.most(_MOST_PROFILES)),
            replaces_same_level=self._replaces_same_level,
        )

    @property
    def _replaces_same_level(self) -> bool:
        return self._outside.csms.manners.replaces_profiles_of_same_level

    def _bound(self, request: SetChargingProfile) -> ChargingProfile | StatusInfo:
        """Return the profile with the station's id of its transaction, or why there is none."""
        profile = request.profile
        if profile.purpose is not Purpose.TX_PROFILE:
            return replace(profile, transaction_id=None)
        evse = self._evses.get(request.evse_id)
        if evse is None:
            return profile  # which is told by the EVSE, not by the transaction
        if evse.transaction_id is None:  # K01.FR.09
            return StatusInfo("TxNotFound", f"no transaction at EVSE {evse.id}")
        named = profile.transaction_id
        if named is None and not self._outside.csms.manners.names_transactions:  # K01.FR.03
            return StatusInfo("MissingParam", "transactionId")
        if named is not None and named != evse.csms_transaction_id:  # K01.FR.33
            return StatusInfo("TxNotFound", f"transaction {named} is not at EVSE {evse.id}")
        return replace(profile, transaction_id=evse.transaction_id)

    def _install(self, evse_id: int, profile: ChargingProfile) -> None:
        installed = InstalledProfile(profile, evse_id, self._outside.clock.now())
        installed = replace(installed, delays_s=delays(installed, self._outside.random))
        instead = same_place(profile, evse_id, self.profiles) if self._replaces_same_level else []
        self.profiles.install(installed, instead)
        _LOG.info(
            "Charging profile %d: %s at EVSE %d, stack level %d",
            profile.id,
            profile.purpose.value,
            evse_id,
            profile.stack_level,
        )

    def clear_profiles(self, request: ClearChargingProfile) -> Answer[StatusResult]:
        """Forget profiles (K10); those of an external system are not the CSMS's to clear."""

        def chosen(one: InstalledProfile) -> bool:
            profile = one.profile
            if profile.purpose in _OF_OTHERS:  # K10.FR.04, FR.08, FR.09
                return False
            if request.profile_id is not None:  # K10.FR.03
                return profile.id == request.profile_id
            return (
                request.evse_id in (None, one.evse_id)
                and request.purpose in (None, profile.purpose)
                and request.stack_level in (None, profile.stack_level)
            )

        gone = self.profiles.remove(chosen)
        if not gone:  # K10.FR.01
            return Answer(StatusResult("Unknown"))
        _LOG.info("Charging profiles cleared: %s", ", ".join(str(one.profile.id) for one in gone))
        return Answer(StatusResult("Accepted"), then=self.publish)  # K10.FR.05

    def get_composite_schedule(
        self, request: GetCompositeSchedule
    ) -> Answer[CompositeScheduleResult]:
        """Return what an EVSE, or with 0 the station, may draw from now on (K08)."""
        if request.evse_id != 0 and self._evses.get(request.evse_id) is None:  # K08.FR.05
            return Answer(CompositeScheduleResult(status_info=StatusInfo("UnknownEvse")))
        units = self._situations.units()
        if request.unit is not None and request.unit not in units:  # K08.FR.07
            info = StatusInfo("UnsupportedRateUnit", request.unit.value)
            return Answer(CompositeScheduleResult(status_info=info))
        if not self.enabled:
            return Answer(CompositeScheduleResult(status_info=StatusInfo("NotEnabled")))
        if request.duration_s < 1:
            return Answer(CompositeScheduleResult(status_info=StatusInfo("ValueTooLow")))
        unit = request.unit or (
            ChargingRateUnit.A if ChargingRateUnit.A in units else ChargingRateUnit.W
        )
        longest = self._device_model.integer(InternalCtrlr.MaxCompositeScheduleDuration, _LONGEST_S)
        schedules = self.composite_schedules(
            min(request.duration_s, longest, _LONGEST_S), unit, [request.evse_id]
        )
        return Answer(CompositeScheduleResult(schedules[0]))

    def get_profiles(self, request: GetChargingProfiles) -> Answer[GetChargingProfilesResult]:
        """Report the installed profiles that match (K09)."""
        found = [one for one in self.profiles if _matches(one, request)]
        if not found:
            return Answer(GetChargingProfilesResult(found=False))

        def then() -> None:
            self._outside.tasks.start(
                self._report(request.request_id, found), f"profiles {request.request_id}"
            )

        return Answer(GetChargingProfilesResult(found=True), then=then, unsaid=nothing)

    async def _report(self, request_id: int, found: Sequence[InstalledProfile]) -> None:
        reports = list(_reports(request_id, found))
        try:
            for at, report in enumerate(reports):  # K09.FR.02
                more = at + 1 < len(reports)
                await self._outside.csms.call(replace(report, to_be_continued=more), triggered=True)
        except CsmsError as error:
            _LOG.info("The charging profiles were not reported to the end: %s", error)

    # What limits apply

    def spans(
        self,
        evse_id: int,
        window: Window,
        unit: ChargingRateUnit,
        what_if: Sequence[InstalledProfile] = (),
    ) -> tuple[Span, ...]:
        """Return what applies to an EVSE, or with 0 to the station."""
        profiles = self._with(what_if) if self.enabled else []
        situation = self._situations.of(evse_id)
        if evse_id != 0:
            return composite_schedule(profiles, situation, window, unit)
        evses = [self._situations.of(evse.id) for evse in self._evses]
        return station_schedule(profiles, situation, evses, self.default_limit(unit), window, unit)

    def composite_schedules(
        self, duration_s: int, unit: ChargingRateUnit, evse_ids: Iterable[int] | None = None
    ) -> tuple[ChargingSchedule, ...]:
        """Return the schedules of the station (EVSE 0) and of each EVSE, from now on.

        Where no profile limits, the periods have the default limits and no stack level.

        Raises:
            InvalidArgument: `duration_s` is not within 1 to 31536000 (365 days)

        """
        if not 1 <= duration_s <= _LONGEST_S:
            raise InvalidArgument(f"duration_s: {duration_s} is outside 1..{_LONGEST_S}")
        window = Window(self._outside.clock.now(), duration_s)
        return tuple(
            as_schedule(
                evse_id,
                self.spans(evse_id, window, unit),
                window,
                unit,
                self.default_limit(unit),
            )
            for evse_id in (evse_ids if evse_ids is not None else range(len(self._evses) + 1))
        )

    def default_limit(self, unit: ChargingRateUnit) -> float:
        """Return what applies where no profile does, in A or W."""
        model = self._device_model
        if unit is ChargingRateUnit.A:
            return model.decimal(SmartChargingCtrlr.CompositeScheduleDefaultLimitAmps, 48.0)
        return model.decimal(SmartChargingCtrlr.CompositeScheduleDefaultLimitWatts, 33_120.0)

    # Why

    def explain(
        self,
        evse_id: int,
        unit: ChargingRateUnit,
        moment: datetime | None = None,
        what_if: Sequence[InstalledProfile] = (),
    ) -> Explanation:
        """Tell what limits an EVSE or the station and why, as if `what_if` were installed too.

        Raises:
            UnknownEvse: there is no such EVSE

        """
        self._known(evse_id)
        return explain(
            self._with(what_if),
            self._situations.of(evse_id),
            moment or self._outside.clock.now(),
            unit,
            lambda window: self.spans(evse_id, window, unit, what_if),
        )

    def explained_schedule(
        self,
        evse_id: int,
        duration_s: int,
        unit: ChargingRateUnit,
        what_if: Sequence[InstalledProfile] = (),
    ) -> tuple[ChargingSchedule, tuple[Band, ...]]:
        """Return a schedule from now on, and what each profile that leads in it would give.

        Raises:
            UnknownEvse: there is no such EVSE

        """
        self._known(evse_id)
        window = Window(self._outside.clock.now(), duration_s)
        spans = self.spans(evse_id, window, unit, what_if)
        schedule = as_schedule(evse_id, spans, window, unit, self.default_limit(unit))
        return schedule, bands(spans, self._situations.of(evse_id), unit)

    def suppose(self, evse_id: int, profile: ChargingProfile) -> InstalledProfile:
        """Return a profile as it would be installed.

        Raises:
            UnknownEvse: there is no such EVSE
            InvalidArgument: it would be refused; the text says why

        """
        self._known(evse_id)
        bound = self._bound(SetChargingProfile(evse_id, profile))
        problem = self.problem_with(evse_id, bound) if isinstance(bound, ChargingProfile) else bound
        if problem is not None:
            told = ": ".join(filter(None, (problem.reason_code, problem.additional_info)))
            raise InvalidArgument(f"what_if.profile: {told}")
        assert isinstance(bound, ChargingProfile)
        return InstalledProfile(bound, evse_id, self._outside.clock.now())

    def _known(self, evse_id: int) -> None:
        if evse_id != 0 and self._evses.get(evse_id) is None:
            raise UnknownEvse(f"evse_id: no EVSE {evse_id}")

    def _with(self, what_if: Sequence[InstalledProfile]) -> list[InstalledProfile]:
        """Return the profiles as they would be."""
        replaced = {one.profile.id for one in what_if}
        if self._replaces_same_level:
            for new in what_if:
                same = same_place(new.profile, new.evse_id, self.profiles)
                replaced.update(one.profile.id for one in same)
        return [*(one for one in self.profiles if one.profile.id not in replaced), *what_if]


def _ends_offline(profile: ChargingProfile, offline: timedelta) -> bool:
    """Tell whether a profile does not come back after being offline so long (K01.FR.102)."""
    most = profile.max_offline_duration_s
    return (
        profile.invalid_after_offline_duration
        and most is not None
        and offline > timedelta(seconds=most)
    )


def _matches(installed: InstalledProfile, request: GetChargingProfiles) -> bool:
    profile = installed.profile
    if request.evse_id not in (None, installed.evse_id):  # K09.FR.04, FR.05
        return False
    if request.profile_ids:  # K09.FR.03
        return profile.id in request.profile_ids
    return (
        request.purpose in (None, profile.purpose)
        and request.stack_level in (None, profile.stack_level)
        and (not request.sources or installed.source in request.sources)
    )


def _reports(
    request_id: int, found: Sequence[InstalledProfile]
) -> Iterable[ReportChargingProfiles]:
    """Put profiles of the same source and EVSE together, as many as one message may hold."""
    groups: dict[tuple[str, int], list[ChargingProfile]] = {}
    for one in found:
        groups.setdefault((one.source, one.evse_id), []).append(one.profile)
    for (source, evse_id), profiles in groups.items():
        for page in _pages(profiles):
            yield ReportChargingProfiles(request_id, source, evse_id, tuple(page))


def _pages(profiles: Iterable[ChargingProfile]) -> Iterable[list[ChargingProfile]]:
    page: list[ChargingProfile] = []
    periods = 0
    for profile in profiles:
        more = sum(len(schedule.periods) for schedule in profile.schedules)
        if page and periods + more > _PERIODS_A_REPORT:
            yield page
            page, periods = [], 0
        page.append(profile)
        periods += more
    yield page
