"""`ocppctl` as a process, against a service with the same members on a private bus."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from ocppd import __version__
from tests.private_bus import PrivateBus
from tests.tools.ctl.fake_ocppd import FakeOcppd, fake_ocppd


@pytest.fixture(scope="module")
def bus() -> Iterator[PrivateBus]:
    with PrivateBus() as running:
        yield running


def start(address: str, *arguments: str) -> Any:
    environment = {**os.environ, "OCPPD_BUS": address, "PYTHONUNBUFFERED": ""}
    return asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ocppd.tools.ctl", *arguments),
        stdout=PIPE,
        stderr=PIPE,
        env=environment,
        # A test run in the background of a shell ignores Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


async def ctl(bus: PrivateBus, *arguments: str) -> tuple[int, str, str]:
    """Run ocppctl to its end: exit code, output, errors."""
    process = await start(bus.address, *arguments)
    output, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode is not None
    assert b"Traceback" not in errors, errors.decode()
    return process.returncode, output.decode(), errors.decode()


@contextlib.asynccontextmanager
async def live(bus: PrivateBus, *arguments: str) -> AsyncIterator[Process]:
    """Run a command that goes on; it has to end by Ctrl-C without a word."""
    process = await start(bus.address, *arguments)
    try:
        yield process
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            assert await asyncio.wait_for(process.wait(), 5) == 130
            assert b"Traceback" not in await process.stderr.read()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def line(process: Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), 5)).decode().rstrip("\n")


async def said(process: Process, words: str) -> None:
    """Wait for a note on standard error."""
    assert process.stderr is not None
    text = (await asyncio.wait_for(process.stderr.readline(), 5)).decode()
    assert words in text


async def listening(fake: FakeOcppd, process: Process) -> None:
    """Wait until the command has subscribed, which it does before its first call returns."""
    for _ in range(100):
        await asyncio.sleep(0.05)
        if process.returncode is not None:
            raise AssertionError(await process.stderr.read())  # type: ignore[union-attr]
        if await subscribed(fake):
            return
    raise AssertionError("ocppctl has not subscribed")


async def subscribed(fake: FakeOcppd) -> bool:
    """Say whether anybody but the service itself is on the bus with a match of ours.

    The bus does not tell matches; ocppctl adds its last one right before it waits, so its name
    being there for a moment is what can be seen from outside.
    """
    from dbus_fast import Message

    reply = await fake.bus.call(
        Message(
            destination="org.freedesktop.DBus",
            path="/org/freedesktop/DBus",
            interface="org.freedesktop.DBus",
            member="ListNames",
        )
    )
    assert reply is not None
    others = [name for name in reply.body[0] if name.startswith(":")]
    if len(others) < 2:
        return False
    await asyncio.sleep(0.3)
    return True


async def test_status_for_people(bus: PrivateBus) -> None:
    async with fake_ocppd(bus.address) as fake:
        fake.ocpp.variables["OCPPCommCtrlr.HeartbeatInterval"] = "60"  # changed since the boot
        fake.evses[1].transaction = "42"
        fake.evses[1].limit = {"limit": 16.0, "unit": "A", "number_phases": 3, "profile_id": 7}
        code, output, errors = await ctl(bus, "status")
        assert (code, errors) == (0, "")
        lines = output.splitlines()
        assert lines[0].split(maxsplit=1) == [
            "connection",
            "connected to ws://csms/ocpp as CS1 (OCPP 2.0.1, security profile 1)",
        ]
        assert lines[1].endswith("Accepted at 2026-11-22T10:00:00Z, heartbeat every 60 s")
        assert lines[2].split() == ["health", "ok"]
        assert lines[3].split() == ["agents", "System"]
        assert lines[6].split()[:5] == ["EVSE", "CONNECTOR", "TYPE", "STATUS", "SERVICE"]
        assert lines[7].split() == ["1", "1", "cType2", "Available", "Operative"]
        expected = "2     1          cType2  Occupied   Operative  42           16 A, 3 phases"
        assert lines[8] == f"{expected}, profile 7"


async def test_status_tells_why_there_is_no_connection(bus: PrivateBus) -> None:
    async with fake_ocppd(bus.address) as fake:
        fake.ocpp.connection = {"connected": False, "reason": "connection refused"}
        fake.ocpp.boot = {}
        fake.ocpp.health = {"status": "degraded", "reasons": ["the disk is full"]}
        _, output, _ = await ctl(bus, "status")
        assert "not connected: connection refused" in output
        assert "not answered yet" in output
        assert "degraded: the disk is full" in output


async def test_status_shows_a_transaction_that_has_no_number_yet(bus: PrivateBus) -> None:
    async with fake_ocppd(bus.address) as fake:
        fake.evses[0].session = "s"
        fake.evses[1].session = "t"
        fake.ocpp.open = [{"transaction_id": "u", "evse_id": 2, "state": "Charging"}]
        _, output, _ = await ctl(bus, "status")
        first, second = output.splitlines()[-2:]
        assert first.split()[5:] == ["(session)"]
        assert second.split()[5:] == ["(Charging)"]


async def test_its_version(bus: PrivateBus) -> None:
    assert await ctl(bus, "--version") == (0, f"ocppctl {__version__}\n", "")


async def test_status_for_programs(bus: PrivateBus) -> None:
    async with fake_ocppd(bus.address):
        code, output, _ = await ctl(bus, "--json", "status")
        found = json.loads(output)
        assert code == 0
        assert found["connection"]["identity"] == "CS1"
        assert found["agents"] == {"org.everest.Ocpp.Agent.System": [":1.7", "/agent"]}
        assert [evse["evse_id"] for evse in found["evses"]] == [1, 2]
        assert found["evses"][0]["connectors"] == [
            {"id": 1, "type": "cType2", "status": "Available"}
        ]


async def test_get_shows_values_and_why_one_is_not_there(bus: PrivateBus) -> None:
    async with fake_ocppd(bus.address) as fake:
        code, output, _ = await ctl(bus, "get", "C.V", "Key16")
        assert code == 0
        assert [row.split() for row in output.splitlines()] == [
            ["VARIABLE", "VALUE"],
            ["C.V", "1"],
            ["Key16", "k"],
        ]
        code, output, _ = await ctl(
            bus, "get", "C.V", "C.No", "X[i].Y[j]@2.1", "--attribute=Target"
        )
        assert code == 1
        assert "the component has no such variable" in output
        assert "there is no such component" in output
        assert fake.ocpp.asked[-1] == (
            "get",
            {
                "component_variable": {
                    "component": {
                        "name": "X",
                        "instance": "i",
                        "evse": {"id": 2, "connector_id": 1},
                    },
                    "variable": {"name": "Y", "instance": "j"},
                },
                "attribute_type": "Target",
            },
        )
        assert "there is no such key" in (await ctl(bus, "get", "NoKey"))[1]
        assert await ctl(bus, "get", "--value", "C.V") == (0, "1\n", "")
        code, output, _ = await ctl(bus, "get", "C.V", "C.No", "--json")
        assert code == 1
        assert [item["status"] for item in json.loads(output)] == ["Accepted", "UnknownVariable"]
        code, output, _ = await ctl(bus, "get")
        assert code == 0
        assert "OCPPCommCtrlr.HeartbeatInterval" in output
        assert "AuthCtrlr" not in output, "what this station does not have is left out"


async def test_get_reads_many_in_parts_and_in_order(bus: PrivateBus) -> None:
    async with fake_ocppd(bus.address) as fake:
        fake.ocpp.variables |= {f"C.N{number}": str(number) for number in range(450)}
        names = [f"C.N{number}" for number in range(450)]
        code, output, _ = await ctl(bus, "get", "--value", *names)
        assert code == 0
        assert output.split() == [str(number) for number in range(450)]


async def test_set_tells_each_refusal(bus: PrivateBus) -> None:
    async with fake_ocppd(bus.address) as fake:
        code, output, _ = await ctl(bus, "set", "C.V=a=b")
        assert (code, fake.ocpp.variables["C.V"]) == (0, "a=b")
        assert output.splitlines()[1].split() == ["C.V", "Accepted"]
        assert fake.ocpp.asked[-1][0] == "ocppctl"
        code, output, _ = await ctl(bus, "set", "C.V=later", "Key16=bad", "C.No=1")
        assert code == 1
        rows = output.splitlines()[1:]
        assert "it takes effect after a reboot" in rows[0]
        assert "out of range" in rows[1]
        assert "has no such variable" in rows[2]
        fake.ocpp.variables["NetworkConfiguration.OcppCsmsUrl"] = "ws://csms"
        fake.ocpp.variables["OCPPCommCtrlr.NetworkConfigurationPriority"] = "1"
        slot, order = (
            "NetworkConfiguration[1].OcppCsmsUrl=bad",
            "OCPPCommCtrlr.NetworkConfigurationPriority=bad",
        )
        code, output, _ = await ctl(bus, "set", slot, order)
        assert code == 1
        rows = output.splitlines()[1:]
        assert "the slot is active or in NetworkConfigurationPriority" in rows[0]
        assert "one of the slots does not exist" in rows[1]
        code, output, _ = await ctl(bus, "set", "C.V=bad", "--json", "--source", "me")
        assert code == 1
        assert json.loads(output)[0]["status"] == "Rejected"
        assert fake.ocpp.asked[-1][0] == "me"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["get", "A..B"], "is not an address"),
        (["get", "A.B@x"], "is not an address"),
        (["get", ""], "is not an address"),
        (["set", "A.B"], "has no '='"),
        (["set", "A[=x].B"], "has no '='"),
        (["availability", "operative", "one"], "neither EVSE nor EVSE.CONNECTOR"),
        (["availability", "broken"], "invalid choice"),
        (["nonsense"], "invalid choice"),
    ],
)
async def test_bad_input_is_told(bus: PrivateBus, arguments: list[str], words: str) -> None:
    async with fake_ocppd(bus.address):
        code, output, errors = await ctl(bus, *arguments)
        assert (code, output) == (2, "")
        assert words in errors


async def test_availability(bus: PrivateBus) -> None:
    async with fake_ocppd(bus.address) as fake:
        assert await ctl(bus, "availability", "operative") == (0, "Accepted\n", "")
        assert fake.ocpp.asked[-1][1] == {"operational_status": "Operative"}
        fake.ocpp.availability = {"status": "Scheduled"}
        code, output, _ = await ctl(bus, "availability", "inoperative", "2.1")
        assert code == 0
        assert output.startswith("Scheduled (it takes effect when")
        assert fake.ocpp.asked[-1][1]["evse"] == {"id": 2, "connector_id": 1}
        info = {"reason_code": "UnknownEvse", "additional_info": "there are 2"}
        fake.ocpp.availability = {"status": "Rejected", "status_info": info}
        code, output, _ = await ctl(bus, "availability", "inoperative", "9")
        assert (code, output) == (1, "Rejected (UnknownEvse: there are 2)\n")


async def test_stop_and_restart(bus: PrivateBus) -> None:
    async with fake_ocppd(bus.address):
        assert (await ctl(bus, "restart"))[0] == 1
        assert (await ctl(bus, "stop"))[0] == 0
        code, output, _ = await ctl(bus, "stop")
        assert (code, output) == (1, "it was stopped already\n")
        assert await ctl(bus, "restart", "--json") == (0, '{\n  "restarted": true\n}\n', "")


async def test_the_queue(bus: PrivateBus) -> None:
    async with fake_ocppd(bus.address) as fake:
        assert await ctl(bus, "queue") == (0, "nothing waits for the CSMS\n", "")
        fake.ocpp.queue = [
            {
                "id": 1,
                "message": "TransactionEvent Started",
                "transaction_id": "tx",
                "timestamp": "2026-11-22T10:00:00Z",
                "attempts": 2,
                "state": "waiting",
            },
            {
                "id": 2,
                "message": "SecurityEventNotification",
                "timestamp": "2026-11-22T10:00:01Z",
                "attempts": 0,
                "state": "set aside",
                "reason": "its generation has not been back for 72 h",
            },
        ]
        code, output, _ = await ctl(bus, "queue")
        assert code == 0
        assert "TransactionEvent Started" in output
        assert "its generation has not been back for 72 h" in output
        assert output.endswith("1 waiting, 1 set aside\n")
        assert json.loads((await ctl(bus, "queue", "--json"))[1]) == fake.ocpp.queue


@pytest.mark.parametrize(("action", "word"), [("release", "released"), ("drop", "dropped")])
async def test_dealing_with_what_was_set_aside(bus: PrivateBus, action: str, word: str) -> None:
    async with fake_ocppd(bus.address) as fake:
        fake.ocpp.queue = [{"id": 1, "state": "waiting"}, {"id": 2, "state": "set aside"}]
        assert await ctl(bus, "queue", action, "2") == (0, f"2: {word}\n", "")
        assert await ctl(bus, "queue", action, "2", "1") == (
            1,
            "2: is not set aside\n1: is not set aside\n",
            "",
        )
        assert fake.ocpp.asked == [(action, 2), (action, 2), (action, 1)]
        code, output, _ = await ctl(bus, "queue", action, "7", "--json")
        assert (code, json.loads(output)) == (1, [{"id": 7, word: False}])
        code, _, error = await ctl(bus, "queue", action)
        assert code == 2
        assert f"which message is to {action}?" in error
        assert (await ctl(bus, "queue", "show", "2"))[0] == 2


async def test_transactions_now_and_live(bus: PrivateBus) -> None:
    async with fake_ocppd(bus.address) as fake:
        assert (await ctl(bus, "transactions"))[1] == "no transaction is open\n"
        fake.ocpp.open = [
            {
                "transaction_id": "tx",
                "session_id": "s",
                "evse_id": 1,
                "state": "Charging",
                "started": "2026-11-22T10:00:00Z",
                "energy_Wh": 1234.5,
                "seq_no": 4,
            }
        ]
        code, output, _ = await ctl(bus, "transactions")
        assert code == 0
        assert "1234.5 Wh" in output
        async with live(bus, "transactions", "--follow") as process:
            assert (await line(process)).startswith("EVSE")
            assert "tx" in await line(process)
            fake.ocpp.OcppTransactionEvent(
                {
                    "transaction_event": "Ended",
                    "session_id": "s",
                    "transaction_id": "tx",
                    "evse": {"id": 1},
                }
            )
            assert (await line(process)).endswith("Ended EVSE 1 transaction tx session s")


async def test_schedules_with_a_plot(bus: PrivateBus) -> None:
    async with fake_ocppd(bus.address) as fake:
        assert (await ctl(bus, "schedule"))[1] == "no schedule has been published yet\n"
        periods = [
            {"start_period": 0, "limit": 16.0, "stack_level": 1, "number_phases": 3},
            {"start_period": 3661, "limit": 48.0},
        ]
        fake.ocpp.schedules = {
            "schedules": [
                {
                    "evse": 1,
                    "charging_rate_unit": "A",
                    "duration": 7200,
                    "start_schedule": "2026-11-22T10:00:00Z",
                    "charging_schedule_period": periods,
                }
            ]
        }
        code, output, _ = await ctl(bus, "schedule", "--duration", "7200")
        assert code == 0
        assert fake.ocpp.asked[-1] == ("schedules", (7200, "A"))
        await ctl(bus, "schedule", "--duration", "0")
        assert fake.ocpp.asked[-1] == ("schedules", (0, "A")), "ocppd says what it thinks of it"
        lines = output.splitlines()
        assert lines[0] == "EVSE 1 from 2026-11-22T10:00:00Z for 2:00:00"
        assert lines[1].split() == ["+0:00:00", "16", "A,", "3", "phases", "█" * 10]
        assert lines[2].split(maxsplit=4) == ["+1:01:01", "48", "A", "█" * 30, "(default limit)"]


def event(component: str, variable: str, value: str) -> dict[str, Any]:
    return {
        "component_variable": {"component": {"name": component}, "variable": {"name": variable}},
        "event_id": 1,
        "timestamp": "2026-11-22T10:00:00Z",
        "trigger": "Delta",
        "actual_value": value,
        "event_notification_type": "CustomMonitor",
    }


async def test_monitor_shows_what_was_asked_for_alone(bus: PrivateBus) -> None:
    async with fake_ocppd(bus.address) as fake, live(bus, "monitor", "C.V", "C.No") as process:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z C\.V = 1", await line(process))
        await said(process, "C.No: no such variable")
        assert len(fake.ocpp.monitored) == 2
        fake.ocpp.EventData(event("C", "Other", "x"))
        fake.ocpp.EventData(event("C", "V", "2"))
        assert await line(process) == "2026-11-22T10:00:00Z C.V = 2"
        await fake.leave()
        await said(process, "ocppd has left the bus")
        await fake.come()
        await said(process, "ocppd is back")
        for _ in range(50):
            if len(fake.ocpp.monitored) == 4:
                break
            await asyncio.sleep(0.05)
        assert len(fake.ocpp.monitored) == 4, "a new daemon has to be told again"


async def test_monitor_ends_after_as_many_as_wanted(bus: PrivateBus) -> None:
    async with fake_ocppd(bus.address) as fake:
        process = await start(bus.address, "monitor", "C.V", "-n", "2", "--json")
        await listening(fake, process)
        for value in ("2", "3", "4"):
            fake.ocpp.EventData(event("C", "V", value))
        output, _ = await asyncio.wait_for(process.communicate(), 5)
        assert process.returncode == 0
        shown = [json.loads(one) for one in output.splitlines()]
        assert [one["actual_value"] for one in shown] == ["2", "3"]
        assert shown[0]["address"] == "C.V"


def message(text: str, *, from_csms: bool) -> dict[str, Any]:
    direction = "CSMSToChargingStation" if from_csms else "ChargingStationToCSMS"
    return {"message": text, "direction": direction, "version": "2.0.1"}


async def test_messages_are_decoded_with_the_reason_of_each_refusal(bus: PrivateBus) -> None:
    frames = [
        ('[2,"1","Heartbeat",{}]', False),
        ('[3,"1",{"currentTime":"T"}]', True),
        ('[2,"2","RequestStartTransaction",{"remoteStartId":1,"idToken":{"idToken":"A"}}]', True),
        ('[3,"2",{"status":"Rejected","statusInfo":{"reasonCode":"TxInProgress"}}]', False),
        ('[2,"3","Reset",{"type":"Immediate"}]', True),
        ('[4,"3","NotSupported","not here",{}]', False),
        ("\x1b[31mgarbage", True),
    ]
    async with fake_ocppd(bus.address) as fake, live(bus, "messages", "--follow") as process:
        await listening(fake, process)
        for text, from_csms in frames:
            fake.ocpp.OcppMessage(message(text, from_csms=from_csms))
        lines = [(await line(process)).split(maxsplit=2)[2] for _ in frames]
        assert lines == [
            "▶ → Heartbeat",
            "◀ ✓ Heartbeat T",
            "◀ → RequestStartTransaction remoteStartId 1, idToken (idToken A)",
            "▶ ✗ RequestStartTransaction Rejected -- Rejected (TxInProgress)",
            "◀ → Reset type Immediate",
            "▶ ✗ Reset -- NotSupported: not here",
            "◀ ✗ unreadable ?[31mgarbage -- not JSON: Expecting value: line 1 column 1 (char 0)",
        ]


async def test_messages_for_programs_and_refusals_alone(bus: PrivateBus) -> None:
    async with fake_ocppd(bus.address) as fake:
        process = await start(bus.address, "messages", "-f", "--json", "--refused", "-n", "1")
        await listening(fake, process)
        fake.ocpp.OcppMessage(message('[2,"1","Reset",{"type":"OnIdle"}]', from_csms=True))
        fake.ocpp.OcppMessage(message('[3,"1",{"status":"Rejected"}]', from_csms=False))
        output, _ = await asyncio.wait_for(process.communicate(), 5)
        [shown] = [json.loads(one) for one in output.splitlines()]
        assert shown.pop("time")
        assert shown == {
            "direction": "ChargingStationToCSMS",
            "version": "2.0.1",
            "kind": "CallResult",
            "action": "Reset",
            "summary": "Rejected",
            "refusal": "Rejected",
            "message": [3, "1", {"status": "Rejected"}],
        }


def kept(number: int, text: str, *, from_csms: bool, **more: Any) -> dict[str, Any]:
    moment = f"2026-03-01T00:00:{number:02}.000Z"
    return {**message(text, from_csms=from_csms), "number": number, "timestamp": moment, **more}


JOURNAL = [
    kept(1, '[3,"0",{"currentTime":"T"}]', from_csms=True, action="Heartbeat", lost=7),
    kept(2, '[2,"1","Reset",{"type":"OnIdle"}]', from_csms=True),
    kept(3, '[3,"1",{"status":"Rejected"}]', from_csms=False, action="Reset"),
    kept(4, '[3,"9",{}]', from_csms=True, reason="answers nothing that was asked"),
]


async def test_messages_of_before_come_from_the_journal(bus: PrivateBus) -> None:
    async with fake_ocppd(bus.address) as fake:
        fake.ocpp.journal = JOURNAL
        code, output, _ = await ctl(bus, "messages")
        assert code == 0
        assert output.splitlines() == [
            "    7 messages could not be kept",
            "2026-03-01T00:00:01.000Z 2.0.1 ◀ ✓ Heartbeat",
            "2026-03-01T00:00:02.000Z 2.0.1 ◀ → Reset type OnIdle",
            "2026-03-01T00:00:03.000Z 2.0.1 ▶ ✗ Reset Rejected -- Rejected",
            "2026-03-01T00:00:04.000Z 2.0.1 ◀ ✓ answer -- answers nothing that was asked",
        ]
        assert fake.ocpp.asked == [("messages", {"limit": 120})]
        _, output, _ = await ctl(bus, "messages", "--refused", "--last", "1")
        assert [one.split()[0] for one in output.splitlines()] == ["2026-03-01T00:00:04.000Z"]
        _, output, _ = await ctl(bus, "messages", "--action", "Reset", "--json")
        assert [json.loads(one)["number"] for one in output.splitlines()] == [2, 3]
        assert fake.ocpp.asked[-1] == ("messages", {"limit": 1000, "action": "Reset"})
        assert (await ctl(bus, "messages", "--last", "1001"))[0] == 2


async def test_following_goes_on_where_the_journal_ends(bus: PrivateBus) -> None:
    async with fake_ocppd(bus.address) as fake:
        fake.ocpp.journal = JOURNAL
        process = await start(bus.address, "messages", "-f", "--last", "1", "--json", "-n", "1")
        await listening(fake, process)
        fake.ocpp.OcppMessage(message('[3,"1",{"status":"Rejected"}]', from_csms=False))  # known
        fake.ocpp.OcppMessage(message('[2,"2","Heartbeat",{}]', from_csms=False))
        output, _ = await asyncio.wait_for(process.communicate(), 5)
        shown = [json.loads(one) for one in output.splitlines()]
        assert [each["message"] for each in shown] == [[3, "9", {}], [2, "2", "Heartbeat", {}]]


async def test_a_closed_pipe_is_no_failure(bus: PrivateBus) -> None:
    async with fake_ocppd(bus.address) as fake:
        process = await start(bus.address, "messages", "-f", "--raw")
        await listening(fake, process)
        process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]
        for _ in range(3):
            fake.ocpp.OcppMessage(message('[2,"1","Heartbeat",{}]', from_csms=False))
        assert await asyncio.wait_for(process.wait(), 5) == 0
        assert await process.stderr.read() == b""


async def test_a_time_limit_ends_a_live_command(bus: PrivateBus) -> None:
    async with fake_ocppd(bus.address):
        assert await ctl(bus, "messages", "-f", "--seconds", "0.2") == (0, "", "")


@pytest.mark.parametrize("command", ["status", "queue", "stop", "messages", "transactions"])
async def test_nobody_there(bus: PrivateBus, command: str) -> None:
    code, output, errors = await ctl(bus, command)
    assert (code, output) == (3, "")
    assert errors == "ocppctl: ocppd is not running: nobody is org.everest.Ocpp on this bus\n"


@pytest.mark.parametrize("address", ["unix:path=/nonexistent/bus", "nonsense", "tcp:host=x,port=1"])
async def test_no_bus(bus: PrivateBus, address: str) -> None:
    code, output, errors = await ctl(bus, "status", "--bus", address)
    assert (code, output) == (3, "")
    assert errors.startswith(f"ocppctl: cannot reach the message bus at {address}: ")
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        ("org.freedesktop.DBus.Error.AccessDenied", 4, "access denied: this user may not use"),
        ("org.everest.Ocpp.Error.AccessDenied", 4, "(requests[0] is a credential)"),
        ("org.everest.Ocpp.Error.InvalidArgument", 2, "not accepted as input: requests[0]"),
        ("org.everest.Ocpp.Error.StorageFailure", 5, "GetVariables failed: StorageFailure: req"),
        ("org.freedesktop.DBus.Error.NotSupported", 5, "this ocppd does not have GetVariables"),
    ],
)
async def test_errors_are_sentences(bus: PrivateBus, error: str, code: int, words: str) -> None:
    async with fake_ocppd(bus.address) as fake:
        fake.ocpp.error = (error, "requests[0] is a credential")
        result, output, errors = await ctl(bus, "get", "C.V")
        assert (result, output) == (code, "")
        assert words in errors


async def test_no_answer_in_time(bus: PrivateBus) -> None:
    async with fake_ocppd(bus.address):
        process = await start(bus.address, "status", "--timeout", "0.3")
        # The service's event loop is this one: while it is held nobody answers.
        time.sleep(2)
        _, errors = await asyncio.wait_for(process.communicate(), 5)
        assert process.returncode == 5
        assert errors.decode() == "ocppctl: ocppd did not answer within 0.3 s\n"


async def test_the_bus_goes_away(tmp_path: Path) -> None:
    with PrivateBus() as own:
        async with fake_ocppd(own.address) as fake:
            process = await start(own.address, "messages", "--follow")
            await listening(fake, process)
            own.kill()
            assert await asyncio.wait_for(process.wait(), 5) == 3
            errors = (await process.stderr.read()).decode()
            assert errors.startswith("ocppctl: the message bus went away")


async def test_the_start_is_light(bus: PrivateBus) -> None:
    """What costs a small board seconds is not imported: no asyncio, no rich, no websockets."""
    program = (
        "import sys; sys.argv = ['ocppctl', 'queue', '--bus', 'nonsense']\n"
        "from ocppd.tools.ctl.__main__ import main\n"
        "main()\n"
        "print([name for name in ('asyncio', 'rich', 'websockets', 'dbus_fast', 'yaml')"
        " if name in sys.modules])"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=PIPE, stderr=PIPE
    )
    output, _ = await process.communicate()
    assert output.decode().strip() == "[]"
