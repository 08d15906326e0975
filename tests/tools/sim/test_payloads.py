"""Whatever the simulator reports is as ocppd's interface documents it."""

from collections.abc import Callable
from typing import Any

import pytest

from ocppd.dbus.marshalling import sessions, station, tokens
from ocppd.dbus.marshalling.plain import variants
from ocppd.model.sessions import SessionEventType
from ocppd.model.tokens import AuthorizationType, IdToken, IdTokenType, ProvidedIdToken
from ocppd.tools.sim.faults import STOPS
from ocppd.tools.sim.outbox import Member, Report
from ocppd.tools.sim.payloads import moment_of, provided_token, read_provided_token
from ocppd.tools.sim.settings import ChargerSettings, EvseSettings
from ocppd.tools.sim.signing import new_signer
from ocppd.tools.sim.supply import Limit
from tests.fakes import START
from tests.tools.sim.scene import Scene, token

READERS: dict[Member, Callable[[Any], object]] = {
    Member.SESSION_EVENT: lambda argument: sessions.session_event(variants(argument)),
    Member.POWERMETER: lambda argument: sessions.powermeter(variants(argument)),
    Member.PUBLIC_KEY: sessions.public_key,
    Member.EV_INFO: lambda argument: sessions.ev_info(variants(argument)),
    Member.HW_CAPABILITIES: lambda argument: sessions.hw_capabilities(variants(argument)),
    Member.LIMITS: lambda argument: sessions.evse_limits(variants(argument)),
    Member.ENERGY_TRANSFER_MODES: sessions.energy_transfer_modes,
    Member.RAISE_ERROR: lambda argument: station.raised_error(variants(argument), START),
    Member.CLEAR_ERROR: lambda argument: station.cleared_error(variants(argument)),
    Member.READY: bool,
}


def eventful_day(kind: str) -> list[Report]:
    """Let everything happen that can happen, and return all reports."""
    scene = Scene(
        ChargerSettings(evses=(EvseSettings((kind,)),) * 2, plug_in_timeout=True),
        groups={"A": "FLEET"},
        signer=new_signer(),
    )
    charger = scene.charger
    reports: list[Report] = []
    lanes = charger.lanes

    def take() -> None:
        for evse_id, lane in lanes.items():
            reports.extend(lane.waiting)
            scene.acknowledge(evse_id)

    charger.begin_reports()
    charger.start()
    scene.swipe("T", evse_ids=(1,))
    scene.clock.advance(61)
    take()
    charger.plug_in(2)
    scene.clock.advance(61)
    charger.unplug(2)
    take()
    charger.set_ev(1, {"evcc_id": "02:00:00:00:00:01", "communicates": True})
    scene.charge(1, "A")
    charger.evses[1].pause()
    charger.set_limit(1, Limit(0.0))
    charger.evses[1].resume()
    charger.set_limit(1, Limit(16.0, "A", 3))
    charger.set_limit(1, Limit(16.0, "A", 1))
    take()
    scene.clock.advance(5)
    charger.set_ev(1, {"wants": False})
    charger.set_ev(1, {"wants": True})
    take()
    charger.begin_reports()
    charger.power_cut()
    charger.power_on()
    take()
    scene.clock.advance(5)
    scene.swipe("A")
    charger.unplug(1)
    take()
    for fault_type in STOPS:
        charger.raise_fault(fault_type, 1, 1, severity="Medium", message="m", sub_type="s")
        charger.clear_fault(fault_type)
        charger.raise_fault(fault_type)
        charger.clear_fault()
    for state in ("Disable", "Enable"):
        charger.enable_disable(
            1, 0, {"enable_source": "CSMS", "enable_state": state, "enable_priority": 5000}
        )
    take()
    return reports


@pytest.mark.parametrize("kind", ["cType2", "sType2", "cCCS2"])
def test_every_report_of_an_eventful_day_is_as_documented(kind: str) -> None:
    reports = eventful_day(kind)
    for report in reports:
        READERS[report.member](report.argument)
    assert {report.member for report in reports} == set(Member)
    reported = {report.event["event"] for report in reports if report.event is not None}
    # The simulator knows no reservations and replugs without unplugging, and resumes by starting.
    assert reported == set(SessionEventType) - {
        SessionEventType.CHARGING_RESUMED,
        SessionEventType.RESERVATION_START,
        SessionEventType.RESERVATION_END,
        SessionEventType.REPLUG_STARTED,
        SessionEventType.REPLUG_FINISHED,
        *({SessionEventType.SWITCHING_PHASES} if kind == "cCCS2" else set()),
    }


@pytest.mark.parametrize("by", AuthorizationType)
@pytest.mark.parametrize("kind", IdTokenType)
def test_a_token_means_the_same_to_both_sides(by: AuthorizationType, kind: IdTokenType) -> None:
    mine = ProvidedIdToken(
        IdToken("04A224B2", kind), by, 7, IdToken("FLEET", IdTokenType.CENTRAL), (1, 2), True
    )
    assert tokens.read_provided_id_token(variants(provided_token(mine))) == mine
    assert read_provided_token(provided_token(mine)) == mine


def test_a_token_with_little_in_it_means_the_same_to_both_sides() -> None:
    mine = token("A")
    assert tokens.read_provided_id_token(variants(provided_token(mine))) == mine
    assert read_provided_token(provided_token(mine)) == mine


def test_a_time_needs_its_offset() -> None:
    assert moment_of("2026-03-01T13:00:00+01:00") == START
    with pytest.raises(ValueError, match="offset"):
        moment_of("2026-03-01T12:00:00")
