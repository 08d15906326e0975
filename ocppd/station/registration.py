"""Registration at the CSMS (block B01 to B04), heartbeats and time (G02).

    connected ──▶ BootNotification ──▶ Accepted ── offline and back ──▶ Accepted
                   ▲      │
                   │      ├──▶ Pending, Rejected: again after the interval of the answer
                   └──────┴──▶ no answer: again, each time a little later

A BootNotification is sent once for each start of the daemon, after `restart`, and when the CSMS
triggers it; coming back to the CSMS that accepted the station before needs none. Another address
or version of OCPP is another CSMS, which has not accepted it yet.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from ocppd.clock import Timer
from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import ChargingStation, ClockCtrlr, InternalCtrlr, OCPPCommCtrlr
from ocppd.errors import AgentRefused, CsmsError, Offline
from ocppd.model.registration import (
    BootNotification,
    BootNotificationResponse,
    BootReason,
    ConnectionStatus,
    Heartbeat,
    RegistrationStatus,
)
from ocppd.model.variables import ComponentVariable
from ocppd.station.availability import Availability
from ocppd.station.boot_history import BootHistory
from ocppd.station.ports import Outside
from ocppd.station.security import Security

_LOG = logging.getLogger(__name__)

SYSTEM = "System"

_RETRY_S = 30.0
"""Until the next BootNotification where the CSMS leaves it to us: it answers 0, or not at all.

It is the station's own choice in all versions (1.6, 4.2; B02.FR.07, B03.FR.05). Half a minute is
no flood, and no driver notices it; a CSMS that does not answer at all is asked ever more seldom.
"""
_LONGEST_RETRY_S = 300.0
_REASON_S = 10.0
"""How long the host may take to come and tell why the machine started."""
_TOLERANCE = timedelta(seconds=1)
"""A clock that is less wrong is left alone: many CSMS tell whole seconds only."""
_PLAUSIBLE = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))
_REPORTED_S = 20


class Registration:
    """Whether the CSMS has accepted this station, and the connection to it."""

    def __init__(
        self,
        outside: Outside,
        device_model: DeviceModel,
        availability: Availability,
        security: Security,
        history: BootHistory,
    ) -> None:
        self.status: RegistrationStatus | None = None
        """What the CSMS answered last; None before its first answer."""
        self.response: BootNotificationResponse | None = None
        self.connection_status = ConnectionStatus(connected=False)
        self.stopped = False
        self._outside = outside
        self._device_model = device_model
        self._availability = availability
        self._security = security
        self._history = history
        self._reason: BootReason | None = None
        self._peer: tuple[int | None, str | None, str | None] | None = None
        self._attempt = 0
        self._booting = False
        self._unanswered = 0
        self._not_before = 0.0
        self._boot_timer: Timer | None = None
        self._heartbeat_timer: Timer | None = None
        self._beating = False
        self._setting_clock = False
        self._offline_since: float | None = None
        self._when_online: list[Callable[[], object]] = []
        self._when_stopped: list[Callable[[], object]] = []
        self._when_restarted: list[Callable[[], object]] = []

    def start(self) -> None:
        """Find out why the station started; the connection comes by `on_connected`."""
        self._history.start()
        self._device_model.observe(OCPPCommCtrlr.HeartbeatInterval, self._on_interval_changed)
        self._outside.clock.call_later(_REASON_S, self._learn_reason_soon)

    @property
    def registered(self) -> bool:
        """Whether there is a connection, and the CSMS has accepted the station."""
        return self.connection_status.connected and self.status is RegistrationStatus.ACCEPTED

    # What others may hang in

    def when_online(self, call: Callable[[], object]) -> None:
        """Call a function whenever the CSMS may be told things again: accepted, or back again."""
        self._when_online.append(call)

    def when_stopped(self, call: Callable[[], object]) -> None:
        """Call a function when the host stops OCPP, before the connection ends."""
        self._when_stopped.append(call)

    def when_restarted(self, call: Callable[[], object]) -> None:
        """Call a function when the host lets OCPP go on, before the connection is made."""
        self._when_restarted.append(call)

    # What the host asks for

    def stop(self) -> bool:
        """Disconnect and queue nothing until `restart`; False if that is so already.

        What was queued before stays queued.
        """
        if self.stopped:
            return False
        _LOG.info("OCPP is stopped by the host")
        self.stopped = True
        self._security.silent = True
        for call in self._when_stopped:
            call()
        self._end_attempts()
        self.status = None
        self._peer = None
        self._outside.csms.stop()
        return True

    def restart(self) -> bool:
        """Connect again after `stop`, and boot anew; False if it was not stopped."""
        if not self.stopped:
            return False
        _LOG.info("OCPP goes on")
        self.stopped = False
        self._security.silent = False
        self._reason = BootReason.APPLICATION_RESET
        self._not_before = 0.0
        for call in self._when_restarted:
            call()
        self._outside.csms.start()
        return True

    def on_agent_registered(self, interface: str) -> None:
        """Ask a new agent for System why the machine started, if that is not known yet."""
        if interface == SYSTEM:
            self._learn_reason_soon()

    # The connection

    def on_connected(self, status: ConnectionStatus) -> None:
        """Take note of a connection, and boot or go on."""
        self.connection_status = status
        self._outside.host.connection_status(status)
        # B10.FR.10: another profile has us boot, whichever CSMS is behind it.
        peer = (status.configuration_slot, status.csms_url, status.ocpp_version)
        if peer == self._peer and self.status is RegistrationStatus.ACCEPTED:
            self._resume()
            return
        if peer != self._peer:
            self.status = None
            self._not_before = 0.0
            self._peer = peer
        self._offline_since = None
        # B02.FR.04: a new connection is no reason to ask earlier.
        self._boot_after(self._not_before - self._outside.clock.monotonic())

    def on_disconnected(self, status: ConnectionStatus) -> None:
        """Take note that the connection has ended."""
        if self.connection_status.connected:
            self._offline_since = self._outside.clock.monotonic()
        self.connection_status = status
        self._outside.host.connection_status(status)
        self._end_attempts()

    def _resume(self) -> None:
        """Go on with the CSMS that accepted us before the connection was lost (B04)."""
        offline_s = 0.0
        if self._offline_since is not None:
            offline_s = self._outside.clock.monotonic() - self._offline_since
            self._offline_since = None
        threshold_s = self._device_model.integer(OCPPCommCtrlr.OfflineThreshold)
        _LOG.info("Back online after %.0f s", offline_s)
        self._availability.report_again(long_offline=offline_s > threshold_s)
        self._start_beat()  # B04, step 5
        self._restart_heartbeat()
        self._tell_online()

    def _tell_online(self) -> None:
        for call in self._when_online:
            call()
        self._outside.csms.wake()

    def _end_attempts(self) -> None:
        self._attempt += 1
        self._booting = False
        self._beating = False
        for timer in (self._boot_timer, self._heartbeat_timer):
            if timer is not None:
                timer.cancel()
        self._boot_timer = self._heartbeat_timer = None

    # Booting

    def trigger_boot(self) -> None:
        """Send a BootNotification because the CSMS asked for it (F06), also before its time."""
        self._start_boot(BootReason.TRIGGERED)

    def _boot_after(self, delay_s: float) -> None:
        if self._boot_timer is not None:
            self._boot_timer.cancel()
            self._boot_timer = None
        if delay_s <= 0:
            self._start_boot()
        else:
            self._boot_timer = self._outside.clock.call_later(delay_s, self._start_boot)

    def _start_boot(self, reason: BootReason | None = None) -> None:
        if not self._booting and self.connection_status.connected:
            self._booting = True
            self._outside.tasks.start(self._boot(self._attempt, reason), "BootNotification")

    async def _boot(self, attempt: int, reason: BootReason | None) -> None:
        """Send one BootNotification and do as its answer says."""
        # B01.FR.09: the reason of the start stays the same until a BootNotification is accepted.
        request = self._boot_notification(reason or await self._learn_reason())
        begun = self._outside.clock.monotonic()
        try:
            if attempt != self._attempt:
                return
            response = await self._outside.csms.call(
                request, triggered=reason is BootReason.TRIGGERED
            )
        except Offline:
            return  # there will be another connection
        except CsmsError as error:
            if attempt == self._attempt:
                self._on_no_answer(error)
            return
        finally:
            if attempt == self._attempt:
                self._booting = False
        if attempt == self._attempt:
            self._on_answer(response, self._outside.clock.monotonic() - begun)

    def _boot_notification(self, reason: BootReason) -> BootNotification:
        return BootNotification(
            reason=reason,
            vendor_name=self._first(ChargingStation.VendorName, InternalCtrlr.ChargePointVendor)
            or "unknown",
            model=self._first(ChargingStation.Model, InternalCtrlr.ChargePointModel) or "unknown",
            serial_number=self._first(
                ChargingStation.SerialNumber, InternalCtrlr.ChargePointSerialNumber
            ),
            firmware_version=self._first(
                ChargingStation.FirmwareVersion, InternalCtrlr.FirmwareVersion
            ),
            iccid=self._first(InternalCtrlr.ICCID),
            imsi=self._first(InternalCtrlr.IMSI),
            charge_box_serial_number=self._first(InternalCtrlr.ChargeBoxSerialNumber),
            meter_type=self._first(InternalCtrlr.MeterType),
            meter_serial_number=self._first(InternalCtrlr.MeterSerialNumber),
        )

    def _first(self, *addresses: ComponentVariable) -> str | None:
        """Return the first of these variables that has a value."""
        return next((text for each in addresses if (text := self._device_model.text(each))), None)

    def _on_no_answer(self, error: CsmsError) -> None:
        delay_s = min(self._retry_s() * 2**self._unanswered, _LONGEST_RETRY_S)
        self._unanswered = min(self._unanswered + 1, 10)
        delay_s = max(delay_s, self._retry_s())
        _LOG.warning("No answer to BootNotification: %s; again in %.0f s", error, delay_s)
        self._boot_after(delay_s)

    def _retry_s(self) -> float:
        response = self.response
        if response is None or response.status is RegistrationStatus.ACCEPTED:
            return _RETRY_S
        return float(response.interval_s) if response.interval_s > 0 else _RETRY_S

    def _on_answer(self, response: BootNotificationResponse, round_trip_s: float) -> None:
        _LOG.info("BootNotification: %s, interval %d s", response.status, response.interval_s)
        self._unanswered = 0
        self.response = response
        self.status = response.status
        self._outside.host.boot_notification_response(response)
        if response.sets_clock or self._follows_csms():  # B01.FR.06
            self._set_clock_after(response.current_time, round_trip_s)
        if response.status is not RegistrationStatus.ACCEPTED:
            # B02.FR.08, B03.FR.06; with interval 0: B02.FR.07, B03.FR.05
            delay_s = self._retry_s()
            self._not_before = self._outside.clock.monotonic() + delay_s
            self._stop_heartbeat()
            self._boot_after(delay_s)
            return
        self._not_before = 0.0
        if self._boot_timer is not None:
            self._boot_timer.cancel()
            self._boot_timer = None
        if response.interval_s > 0:  # B01.FR.04, G02.FR.01
            self._device_model.set_actual(OCPPCommCtrlr.HeartbeatInterval, response.interval_s)
        self._restart_heartbeat()
        self._availability.report_all()  # B01.FR.05
        self._tell_online()

    # Why the station started

    def _learn_reason_soon(self) -> None:
        if self._reason is None:
            self._outside.tasks.start(self._note_reason(), "boot reason")

    async def _note_reason(self) -> None:
        await self._learn_reason()

    async def _learn_reason(self) -> BootReason:
        """Return why the station started; asked once, and told as a security event (A04)."""
        if self._reason is None:
            reason = await self._ask_reason()
            # Somebody else may have asked at the same time.
            if self._reason is None:
                self._reason = reason
                self._security.booted(reason)
        return self._reason

    async def _ask_reason(self) -> BootReason:
        own = self._history.reason
        agents = self._outside.agents
        if not agents.has(SYSTEM) and own is not BootReason.POWER_UP:
            return own
        try:
            reason = await agents.get_boot_reason()
        except AgentRefused:
            return own
        return own if reason is BootReason.UNKNOWN else reason

    # Heartbeats

    def trigger_heartbeat(self) -> None:
        """Send a Heartbeat because the CSMS asked for it (F06)."""
        self._start_beat(triggered=True)

    def _start_beat(self, *, triggered: bool = False) -> None:
        if not self._beating:
            self._beating = True
            self._outside.tasks.start(self._beat(self._attempt, triggered), "Heartbeat")

    def _on_interval_changed(self, *_: object) -> None:
        if self.registered:
            self._restart_heartbeat()

    def _stop_heartbeat(self) -> None:
        if self._heartbeat_timer is not None:
            self._heartbeat_timer.cancel()
            self._heartbeat_timer = None

    def _restart_heartbeat(self) -> None:
        """Send heartbeats from now on, one each interval (G02.FR.02), none with interval 0.

        Other messages do not put them off (G02.FR.05 is a recommendation): the clock follows them.
        """
        self._stop_heartbeat()
        interval_s = self._device_model.integer(OCPPCommCtrlr.HeartbeatInterval)
        if interval_s > 0:
            self._heartbeat_timer = self._outside.clock.call_later(interval_s, self._on_beat_due)

    def _on_beat_due(self) -> None:
        self._start_beat()
        self._restart_heartbeat()

    async def _beat(self, attempt: int, triggered: bool) -> None:
        begun = self._outside.clock.monotonic()
        try:
            response = await self._outside.csms.call(Heartbeat(), triggered=triggered)
        except CsmsError as error:
            _LOG.debug("Heartbeat: %s", error)
            return
        finally:
            if attempt == self._attempt:
                self._beating = False
        if response.sets_clock or self._follows_csms():  # G02.FR.06
            round_trip_s = self._outside.clock.monotonic() - begun
            self._set_clock_after(response.current_time, round_trip_s)

    # Time

    def _follows_csms(self) -> bool:
        return "Heartbeat" in self._device_model.members(ClockCtrlr.TimeSource)

    def _set_clock_after(self, told: datetime, round_trip_s: float) -> None:
        """Set the clock by an answer, which was on its way for half of the round trip."""
        if _PLAUSIBLE[0] <= told < _PLAUSIBLE[1]:
            self.set_clock(told + timedelta(seconds=round_trip_s / 2))
        else:
            _LOG.warning("The CSMS says that it is %s; not believed", told)

    def set_clock(self, moment: datetime) -> None:
        """Make the station's clock right at once, and the machine's if the host lets us."""
        clock = self._outside.clock
        offset = moment - clock.now()
        if abs(offset) <= _TOLERANCE:
            return
        clock.adjust(offset)
        _LOG.info("The clock was wrong by %.1f s", offset.total_seconds())
        address = ClockCtrlr.TimeAdjustmentReportingThreshold
        reported_s = self._device_model.integer(address, _REPORTED_S)
        if abs(offset.total_seconds()) > reported_s:
            info = f"adjusted by {offset.total_seconds():.1f} s"
            self._security.raise_event("SettingSystemTime", info)
        if not self._setting_clock:
            self._setting_clock = True
            self._outside.tasks.start(self._set_machine_clock(), "system time")

    async def _set_machine_clock(self) -> None:
        clock = self._outside.clock
        begun = clock.monotonic()
        moment = clock.now()
        try:
            if not await self._outside.agents.set_system_time(moment):
                _LOG.info("The machine's clock is left as it is")
        except AgentRefused as error:
            _LOG.info("The machine's clock is left as it is: %s", error)
        finally:
            self._setting_clock = False
        # If the machine's clock is right now, our correction of it is wrong by as much.
        offset = moment + timedelta(seconds=clock.monotonic() - begun) - clock.now()
        if abs(offset) > _TOLERANCE:
            clock.adjust(offset)
