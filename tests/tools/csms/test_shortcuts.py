"""What people type becomes valid requests in the words of each version."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ocppd.tools.csms.prompt import parse_line, parse_token
from ocppd.tools.csms.shortcuts import SHORTCUTS, BadCommand
from ocppd.tools.csms.strict import Schemas

SCHEMAS = Schemas()

LINES = [
    "remote-start ABCD 1",
    "get AuthCtrlr.Enabled@1.2",
    "set AuthCtrlr.Enabled=true",
    "reset soft",
    "reset immediate",
    "unlock 1 1",
    "availability inoperative 1.1",
    "availability operative",
    "trigger StatusNotification 1.1",
    "trigger LogStatusNotification",
    "report",
    "clear-cache",
    "reserve 7 ABCD",
    "reserve 7 ABCD 1 60",
    "cancel-reservation 7",
    "local-list",
    "local-list full 3 ABCD=Accepted EFGH=Blocked",
    "local-list differential 4 ABCD",
    "local-list full 5",
    "data-transfer com.example message text",
]


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
@pytest.mark.parametrize("line", [*LINES, "remote-stop 7"])
def test_every_shortcut_makes_a_valid_request(version: str, line: str) -> None:
    command = parse_line(line)
    for action, payload in SHORTCUTS[command.pop("cmd")](version, **command):
        assert SCHEMAS.fault(version, action, payload) is None


@pytest.mark.parametrize(
    ("version", "line", "calls"),
    [
        ("1.6", "reset immediate", [("Reset", {"type": "Hard"})]),
        ("2.1", "reset soft", [("Reset", {"type": "OnIdle"})]),
        ("2.1", "reset ImmediateAndResume", [("Reset", {"type": "ImmediateAndResume"})]),
        (
            "1.6",
            "set A=1 B=x=y",
            [
                ("ChangeConfiguration", {"key": "A", "value": "1"}),
                ("ChangeConfiguration", {"key": "B", "value": "x=y"}),
            ],
        ),
        ("1.6", "get", [("GetConfiguration", {})]),
        (
            "1.6",
            "local-list differential 4 AB=Blocked CD",
            [
                (
                    "SendLocalList",
                    {
                        "listVersion": 4,
                        "updateType": "Differential",
                        "localAuthorizationList": [
                            {"idTag": "AB", "idTagInfo": {"status": "Blocked"}},
                            {"idTag": "CD"},
                        ],
                    },
                )
            ],
        ),
        ("2.1", "cancel-reservation 7", [("CancelReservation", {"reservationId": 7})]),
        (
            "1.6",
            "trigger LogStatusNotification 2",
            [
                (
                    "ExtendedTriggerMessage",
                    {"requestedMessage": "LogStatusNotification", "connectorId": 2},
                )
            ],
        ),
    ],
)
def test_the_words_of_a_version(
    version: str, line: str, calls: list[tuple[str, dict[str, Any]]]
) -> None:
    command = parse_line(line)
    assert SHORTCUTS[command.pop("cmd")](version, **command) == calls


@pytest.mark.parametrize(
    "line",
    ["call", "call X {", "remote-start", "delay X", "delay X y", "drop X 0x", "error X", "get 'a"],
)
def test_what_cannot_be_read_is_told(line: str) -> None:
    with pytest.raises(BadCommand):
        parse_line(line)


def test_misbehaviour_from_the_prompt() -> None:
    assert parse_line("delay Heartbeat 2.5 3") == {
        "cmd": "misbehave",
        "action": "Heartbeat",
        "delay_s": 2.5,
        "times": 3,
    }
    assert parse_line("error * GenericError not now")["description"] == "not now"
    assert parse_line("cut Authorize")["close"] == "abort"
    assert parse_token("AB=Blocked,parent=P,expiry=T") == {
        "cmd": "token",
        "token": "AB",
        "status": "Blocked",
        "parent": "P",
        "expiry": "T",
    }
    with pytest.raises(BadCommand):
        parse_token("AB=Blocked,color=red")


@pytest.mark.parametrize(
    "line", ["local-list half 3 AB", "local-list full", "local-list full x", "reserve x AB"]
)
def test_what_makes_no_request_is_told(line: str) -> None:
    command = parse_line(line)
    with pytest.raises(BadCommand):
        SHORTCUTS[command.pop("cmd")]("2.1", **command)


def test_a_reservation_is_for_an_evse_or_any_and_for_some_time() -> None:
    [(action, payload)] = SHORTCUTS["reserve"]("2.0.1", 7, "ABCD", 2, "60", parent="FLEET")
    assert action == "ReserveNow"
    assert (payload["id"], payload["evseId"]) == (7, 2)
    assert payload["groupIdToken"]["idToken"] == "FLEET"
    left = datetime.fromisoformat(payload["expiryDateTime"]) - datetime.now(UTC)
    assert 50 < left.total_seconds() <= 60
    assert "evseId" not in SHORTCUTS["reserve"]("2.0.1", 7, "ABCD")[0][1]
    assert SHORTCUTS["reserve"]("1.6", 7, "ABCD")[0][1]["connectorId"] == 0
