"""Booting, heartbeats, time, and stopping at the host's wish."""

import asyncio
from datetime import timedelta

import pytest

from ocppd.device_model.names import ChargingStation, ClockCtrlr, InternalCtrlr, OCPPCommCtrlr
from ocppd.errors import NoAnswer, Refused
from ocppd.model.registration import (
    BootNotification,
    BootNotificationResponse,
    BootReason,
    ConnectionStatus,
    Heartbeat,
    HeartbeatResponse,
    RegistrationStatus,
)
from ocppd.model.security import SecurityEvent, SecurityEventNotification
from tests.fakes import START, FakeAgents, World
from tests.station.blocks import (
    CONNECTED,
    CSMS_URL,
    DISCONNECTED,
    Blocks,
    accepted,
    pending,
    rejected,
)

IDENTITY = {
    ChargingStation.VendorName: "Vendor",
    ChargingStation.Model: "Model",
    ChargingStation.SerialNumber: "SN1",
    ChargingStation.FirmwareVersion: "1.2",
    InternalCtrlr.ICCID: "8949",
}


def boots(blocks: Blocks) -> list[BootNotification]:
    return blocks.csms.of(BootNotification)


def heartbeats(blocks: Blocks) -> int:
    return len(blocks.csms.of(Heartbeat))


@pytest.mark.requirement("B01.FR.01", "B01.FR.09", "B01.FR.04", "B01.FR.05")
async def test_a_cold_boot() -> None:
    blocks = Blocks(IDENTITY)
    await blocks.connect()
    (boot,) = boots(blocks)
    assert boot.reason is BootReason.POWER_UP
    assert (boot.vendor_name, boot.model, boot.serial_number) == ("Vendor", "Model", "SN1")
    assert (boot.firmware_version, boot.iccid, boot.imsi) == ("1.2", "8949", None)
    assert blocks.csms.sent[0] is boot
    assert blocks.registration.status is RegistrationStatus.ACCEPTED
    assert blocks.registration.registered
    assert blocks.device_model.integer(OCPPCommCtrlr.HeartbeatInterval) == 300
    assert len(blocks.statuses()) == 4
    assert blocks.csms.log[-1] == "wake"
    assert blocks.world.host.of("connection_status") == [CONNECTED]
    assert blocks.world.host.of("boot_notification_response") == [accepted()]


@pytest.mark.requirement("G02.FR.01", "G02.FR.02")
async def test_heartbeats_come_at_the_interval_of_the_answer() -> None:
    blocks = Blocks()
    blocks.answers = [accepted(20)]
    await blocks.connect()
    await blocks.advance(19)
    assert heartbeats(blocks) == 0
    await blocks.advance(1)
    assert heartbeats(blocks) == 1
    await blocks.advance(40)
    assert heartbeats(blocks) == 3
    assert blocks.csms.triggered == []


@pytest.mark.requirement("G02.FR.02")
async def test_a_new_interval_counts_from_when_it_is_set() -> None:
    blocks = Blocks()
    blocks.answers = [accepted(20)]
    await blocks.connect()
    await blocks.advance(15)
    blocks.device_model.set_actual(OCPPCommCtrlr.HeartbeatInterval, 10)
    await blocks.advance(9)
    assert heartbeats(blocks) == 0
    await blocks.advance(1)
    assert heartbeats(blocks) == 1
    blocks.device_model.set_actual(OCPPCommCtrlr.HeartbeatInterval, 0)
    await blocks.advance(100)
    assert heartbeats(blocks) == 1


async def test_interval_zero_leaves_the_variable_alone() -> None:
    blocks = Blocks({OCPPCommCtrlr.HeartbeatInterval: 77})
    blocks.answers = [accepted(0)]
    await blocks.connect()
    assert blocks.device_model.integer(OCPPCommCtrlr.HeartbeatInterval) == 77


async def test_a_csms_that_is_slow_gets_one_heartbeat_at_a_time() -> None:
    blocks = Blocks()
    blocks.answers = [accepted(5)]
    await blocks.connect()
    blocks.world.clock.advance(20)  # nothing is answered meanwhile
    await blocks.settle()
    assert heartbeats(blocks) == 1


@pytest.mark.requirement("B02.FR.08", "B02.FR.04", "B02.FR.02", "B02.FR.06")
async def test_pending_waits_for_the_interval_and_says_nothing_else() -> None:
    blocks = Blocks()
    blocks.answers = [pending(20)]
    await blocks.connect()
    assert blocks.registration.status is RegistrationStatus.PENDING
    assert not blocks.registration.registered
    await blocks.advance(19)
    assert len(boots(blocks)) == 1
    await blocks.advance(1)
    assert len(boots(blocks)) == 2
    assert blocks.registration.registered
    assert "stop" not in blocks.csms.log


@pytest.mark.requirement("B03.FR.06", "B03.FR.02")
async def test_rejected_waits_for_the_interval() -> None:
    blocks = Blocks()
    blocks.answers = [rejected(40), rejected(10)]
    await blocks.connect()
    assert blocks.registration.status is RegistrationStatus.REJECTED
    assert len(blocks.csms.sent) == 1
    await blocks.advance(40)
    await blocks.advance(9)
    assert len(blocks.csms.sent) == 2
    await blocks.advance(1)
    assert len(boots(blocks)) == 3


@pytest.mark.requirement("B02.FR.07", "B03.FR.05")
@pytest.mark.parametrize("answer", [pending(0), rejected(0), pending(-5)])
async def test_without_interval_the_station_chooses(answer: object) -> None:
    blocks = Blocks()
    blocks.answers = [answer]
    await blocks.connect()
    await blocks.advance(29)
    assert len(boots(blocks)) == 1
    await blocks.advance(1)
    assert len(boots(blocks)) == 2


@pytest.mark.parametrize("failure", [NoAnswer("too late"), Refused("InternalError")])
async def test_no_answer_is_tried_again_ever_more_seldom(failure: Exception) -> None:
    blocks = Blocks()
    blocks.answers = [failure] * 9
    await blocks.connect()
    times = []
    while len(boots(blocks)) < 9:
        before = len(boots(blocks))
        waited = 0
        while len(boots(blocks)) == before:
            await blocks.advance(1)
            waited += 1
        times.append(waited)
    assert times == [30, 60, 120, 240, 300, 300, 300, 300]


@pytest.mark.requirement("B01.FR.09")
async def test_retries_keep_the_reason() -> None:
    blocks = Blocks()
    blocks.world.agents.boot_reason = BootReason.WATCHDOG
    blocks.answers = [pending(5), NoAnswer("lost"), rejected(5)]
    await blocks.connect()
    await blocks.advance(60)
    assert [boot.reason for boot in boots(blocks)] == [BootReason.WATCHDOG] * 4


@pytest.mark.requirement("B02.FR.04")
async def test_a_new_connection_is_no_reason_to_ask_earlier() -> None:
    blocks = Blocks()
    blocks.answers = [pending(60)]
    await blocks.connect()
    await blocks.advance(10)
    await blocks.disconnect()
    await blocks.advance(10)
    await blocks.connect()
    await blocks.advance(39)
    assert len(boots(blocks)) == 1
    await blocks.advance(1)
    assert len(boots(blocks)) == 2


async def test_a_boot_cut_off_is_sent_on_the_next_connection() -> None:
    blocks = Blocks()
    blocks.answers = [NoAnswer("cut off")]
    blocks.csms.connected = True
    blocks.registration.on_connected(CONNECTED)
    while not boots(blocks):
        await asyncio.sleep(0)
    blocks.registration.on_disconnected(DISCONNECTED)
    blocks.registration.on_connected(CONNECTED)
    await blocks.settle()
    assert blocks.registration.registered
    await blocks.advance(60)
    assert len(boots(blocks)) == 2


@pytest.mark.requirement("B02.FR.04", "F06.FR.10")
async def test_a_trigger_is_answered_before_the_interval_is_over() -> None:
    blocks = Blocks()
    blocks.answers = [pending(60), pending(60)]
    await blocks.connect()
    blocks.registration.trigger_boot()
    await blocks.settle()
    assert [boot.reason for boot in boots(blocks)] == [BootReason.POWER_UP, BootReason.TRIGGERED]
    assert blocks.csms.triggered == [boots(blocks)[1]]
    await blocks.advance(60)
    assert boots(blocks)[2].reason is BootReason.POWER_UP


@pytest.mark.requirement("B01.FR.03", "B04.FR.01")
async def test_coming_back_needs_no_boot_but_a_heartbeat() -> None:
    blocks = Blocks()
    online: list[str] = []
    blocks.registration.when_online(lambda: online.append("online"))
    blocks.answers = [accepted(20)]
    await blocks.connect()
    await blocks.disconnect()
    assert not blocks.registration.registered
    await blocks.advance(120)
    assert heartbeats(blocks) == 0
    await blocks.connect()
    assert len(boots(blocks)) == 1
    assert heartbeats(blocks) == 1
    await blocks.advance(20)
    assert heartbeats(blocks) == 2
    assert online == ["online", "online"]
    assert blocks.world.host.of("connection_status") == [CONNECTED, DISCONNECTED, CONNECTED]


@pytest.mark.parametrize(
    "other",
    [
        ConnectionStatus(True, csms_url="ws://other.example", ocpp_version="2.0.1"),
        ConnectionStatus(True, csms_url=CSMS_URL, ocpp_version="1.6"),
    ],
)
async def test_another_csms_or_version_has_not_accepted_us_yet(other: ConnectionStatus) -> None:
    blocks = Blocks()
    await blocks.connect()
    await blocks.disconnect()
    await blocks.connect(other)
    assert len(boots(blocks)) == 2
    assert len(blocks.statuses()) == 8


# Why it started


async def test_without_a_host_the_station_tells_what_it_knows() -> None:
    world = World(agents=FakeAgents(interfaces=set()))
    blocks = Blocks(world=world)
    await blocks.connect()
    assert boots(blocks)[0].reason is BootReason.POWER_UP
    blocks = blocks.again()
    blocks.world.agents.interfaces.clear()
    await blocks.connect()
    assert boots(blocks)[0].reason is BootReason.APPLICATION_RESET
    blocks = blocks.again(boot_id="boot-2")
    blocks.world.agents.interfaces.clear()
    await blocks.connect()
    assert boots(blocks)[0].reason is BootReason.POWER_UP


@pytest.mark.parametrize("told", [BootReason.UNKNOWN, None])
async def test_a_reset_is_remembered_once(told: BootReason | None) -> None:
    blocks = Blocks()
    blocks.history.expect_reset(BootReason.SCHEDULED_RESET)
    for reason in (BootReason.SCHEDULED_RESET, BootReason.POWER_UP):
        blocks = blocks.again(boot_id=reason.value)
        if told is None:
            blocks.world.agents.interfaces.clear()
        else:
            blocks.world.agents.boot_reason = told
        await blocks.connect()
        assert boots(blocks)[0].reason is reason


@pytest.mark.requirement("A04.FR.01")
async def test_the_start_is_a_security_event_told_once() -> None:
    blocks = Blocks()
    blocks.registration.on_agent_registered("System")
    await blocks.connect()
    await blocks.advance(20)
    (event,) = blocks.world.store.queued
    assert isinstance(event, SecurityEventNotification)
    assert event.type == "StartupOfTheDevice"


async def test_the_start_is_noted_also_without_a_connection() -> None:
    blocks = Blocks()
    await blocks.advance(10)
    assert [event.type for event in blocks.world.store.queued] == ["StartupOfTheDevice"]


# Time


def security_events(blocks: Blocks) -> list[SecurityEvent]:
    return [
        event
        for event in blocks.world.host.of("security_event")
        if event.type == "SettingSystemTime"
    ]


@pytest.mark.requirement("B01.FR.06")
async def test_the_clock_follows_the_csms_at_once_and_the_machine_if_it_may() -> None:
    blocks = Blocks()
    blocks.world.agents.sets_time = False
    blocks.answers = [
        BootNotificationResponse(RegistrationStatus.PENDING, START + timedelta(hours=1), 10)
    ]
    await blocks.connect()
    assert blocks.world.clock.now() == START + timedelta(hours=1)
    assert blocks.world.agents.of("set_system_time") == [(START + timedelta(hours=1),)]
    assert [event.info for event in security_events(blocks)] == ["adjusted by 3600.0 s"]


async def test_when_the_machine_took_the_time_nothing_is_added_to_it() -> None:
    blocks = Blocks()
    clock, agents = blocks.world.clock, blocks.world.agents
    told = agents.set_system_time

    async def set_system_time(moment: object) -> bool:
        clock._now += timedelta(hours=1)
        return await told(moment)  # type: ignore[arg-type]

    agents.set_system_time = set_system_time  # type: ignore[method-assign]
    blocks.registration.set_clock(START + timedelta(hours=1))
    await blocks.settle()
    assert clock.now() == START + timedelta(hours=1)
    assert clock._offset == timedelta()


@pytest.mark.requirement("G02.FR.06")
async def test_half_of_the_round_trip_is_added() -> None:
    blocks = Blocks()
    blocks.answers = [accepted(10)]
    await blocks.connect()

    def slow(_: Heartbeat) -> HeartbeatResponse:
        blocks.world.clock.advance(8)
        return HeartbeatResponse(blocks.world.clock.now() + timedelta(seconds=100))

    blocks.csms.replies[Heartbeat] = slow
    blocks.registration.trigger_heartbeat()
    await blocks.settle()
    assert blocks.world.clock.now() == START + timedelta(seconds=8 + 100 + 4)


@pytest.mark.parametrize(
    ("source", "always", "follows"),
    [
        ("Heartbeat", False, True),
        ("NTP,Heartbeat", False, True),
        ("NTP", False, False),
        ("NTP", True, True),
    ],
)
async def test_only_a_csms_that_is_a_source_of_time_sets_the_clock(
    source: str, always: bool, follows: bool
) -> None:
    blocks = Blocks({ClockCtrlr.TimeSource: source})
    hour = timedelta(hours=1)
    blocks.answers = [
        BootNotificationResponse(RegistrationStatus.ACCEPTED, START + hour, 300, sets_clock=always)
    ]
    await blocks.connect()
    assert (blocks.world.clock.now() == START + hour) is follows


@pytest.mark.parametrize(
    ("threshold", "offset_s", "reported"), [(20, 19, False), (20, -21, True), (3600, 60, False)]
)
async def test_a_big_step_is_a_security_event(
    threshold: int, offset_s: int, reported: bool
) -> None:
    blocks = Blocks({ClockCtrlr.TimeAdjustmentReportingThreshold: threshold})
    blocks.registration.set_clock(START + timedelta(seconds=offset_s))
    await blocks.settle()
    assert bool(security_events(blocks)) is reported


async def test_a_second_is_no_reason_to_touch_the_clock() -> None:
    blocks = Blocks()
    blocks.registration.set_clock(START + timedelta(seconds=0.9))
    await blocks.settle()
    assert blocks.world.clock.now() == START
    assert blocks.world.agents.of("set_system_time") == []


@pytest.mark.parametrize("year", [1970, 9999])
async def test_an_absurd_time_is_not_believed(year: int) -> None:
    blocks = Blocks()
    blocks.answers = [
        BootNotificationResponse(RegistrationStatus.ACCEPTED, START.replace(year=year), 300)
    ]
    await blocks.connect()
    assert blocks.world.clock.now() == START


# Stop and restart


async def test_stop_and_restart() -> None:
    blocks = Blocks()
    heard: list[str] = []
    blocks.registration.when_stopped(lambda: heard.append("stopped"))
    blocks.registration.when_restarted(lambda: heard.append("restarted"))
    await blocks.online()
    assert blocks.registration.restart() is False
    assert blocks.registration.stop() is True
    await blocks.disconnect()
    assert blocks.registration.stop() is False
    assert blocks.registration.stopped
    assert blocks.registration.status is None
    queued = len(blocks.world.store.queued)
    blocks.security.report(SecurityEvent("MemoryExhaustion"))
    assert len(blocks.world.store.queued) == queued
    await blocks.advance(3600)
    assert blocks.csms.sent == []
    assert blocks.registration.restart() is True
    assert blocks.registration.restart() is False
    await blocks.connect()
    assert [boot.reason for boot in boots(blocks)] == [BootReason.APPLICATION_RESET]
    assert blocks.registration.registered
    assert heard == ["stopped", "restarted"]
    assert [entry for entry in blocks.csms.log if entry in ("stop", "start")] == ["stop", "start"]


async def test_a_restart_does_not_wait_for_an_interval_from_before() -> None:
    blocks = Blocks()
    blocks.answers = [rejected(3600)]
    await blocks.connect()
    blocks.registration.stop()
    await blocks.disconnect()
    blocks.registration.restart()
    await blocks.connect()
    assert len(boots(blocks)) == 2
