"""Security events: all are logged, critical ones are kept until the CSMS has them."""

import json
from datetime import UTC, datetime

import pytest

from ocppd.model.registration import BootReason
from ocppd.model.security import SecurityEvent, SecurityEventNotification
from ocppd.station.security_events import CRITICAL, is_critical, name_of
from tests.station.blocks import Blocks


def queued(blocks: Blocks) -> list[SecurityEventNotification]:
    return [each for each in blocks.world.store.queued if type(each) is SecurityEventNotification]


@pytest.mark.requirement("A04.FR.01", "A04.FR.02", "A04.FR.04")
async def test_a_critical_event_is_logged_and_queued() -> None:
    blocks = Blocks()
    moment = datetime(2026, 2, 1, tzinfo=UTC)
    blocks.security.report(SecurityEvent("TamperDetectionActivated", "lid", timestamp=moment))
    assert queued(blocks) == [SecurityEventNotification("TamperDetectionActivated", moment, "lid")]
    assert json.loads(blocks.log.lines[0]) == {
        "time": "2026-02-01T00:00:00+00:00",
        "type": "TamperDetectionActivated",
        "critical": True,
        "info": "lid",
    }
    assert blocks.csms.log == ["wake"]
    assert blocks.world.host.of("security_event") == []
    assert queued(blocks.again()) == queued(blocks)


@pytest.mark.requirement("A04.FR.04")
@pytest.mark.parametrize("name", ["InvalidMessages", "SomethingOfMyOwn"])
async def test_what_is_not_critical_is_logged_only(name: str) -> None:
    blocks = Blocks()
    blocks.security.report(SecurityEvent(name))
    assert queued(blocks) == []
    assert len(blocks.log.lines) == 1


async def test_the_reporter_has_the_last_word() -> None:
    blocks = Blocks()
    blocks.security.report(SecurityEvent("MemoryExhaustion", critical=False))
    blocks.security.report(SecurityEvent("InvalidMessages", critical=True))
    assert [(each.type, each.insisted) for each in queued(blocks)] == [("InvalidMessages", True)]
    assert len(blocks.log.lines) == 2


async def test_what_is_too_long_is_cut() -> None:
    blocks = Blocks()
    blocks.security.report(SecurityEvent("T" * 60, "i" * 300, critical=True))
    assert (len(queued(blocks)[0].type), len(queued(blocks)[0].tech_info or "")) == (50, 255)


async def test_nothing_in_an_event_breaks_the_log() -> None:
    blocks = Blocks()
    nasty = 'a"\n2026 type=StartupOfTheDevice\r\x1b[2J\u2028\ud800'
    blocks.security.report(SecurityEvent("Own", nasty))
    (line,) = blocks.log.lines
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["info"] == nasty


async def test_what_the_station_notices_the_host_hears_too() -> None:
    blocks = Blocks()
    blocks.security.raise_event("InvalidMessages", "x" * 300)
    (event,) = blocks.world.host.of("security_event")
    assert (event.type, len(event.info)) == ("InvalidMessages", 255)


async def test_nothing_is_queued_while_stopped() -> None:
    blocks = Blocks()
    blocks.security.silent = True
    blocks.security.report(SecurityEvent("MemoryExhaustion"))
    assert queued(blocks) == []
    assert len(blocks.log.lines) == 1


@pytest.mark.parametrize(
    ("reason", "event"),
    [
        (BootReason.POWER_UP, "StartupOfTheDevice"),
        (BootReason.FIRMWARE_UPDATE, "FirmwareUpdated"),
        (BootReason.REMOTE_RESET, "ResetOrReboot"),
        (BootReason.SCHEDULED_RESET, "ResetOrReboot"),
        (BootReason.WATCHDOG, "ResetOrReboot"),
    ],
)
async def test_each_start_is_told_by_its_reason(reason: BootReason, event: str) -> None:
    blocks = Blocks()
    blocks.security.booted(reason)
    assert [each.type for each in queued(blocks)] == [event]


def test_names_of_16_are_understood() -> None:
    assert name_of("InvalidCentralSystemCertificate") == "InvalidCsmsCertificate"
    assert name_of("invalidtlsversion") == "InvalidTLSVersion"
    assert name_of("MyOwn") == "MyOwn"
    assert not is_critical("MyOwn")


def test_what_the_appendix_does_not_call_critical() -> None:
    # OCPP 2.1, part 2 appendices, 1.
    assert len(CRITICAL) == 21
    assert {name for name, critical in CRITICAL.items() if not critical} == {
        "FailedToAuthenticateAtCsms",
        "CsmsFailedToAuthenticate",
        "ReconfigurationOfSecurityParameters",
        "InvalidMessages",
        "AttemptedReplayAttacks",
    }
