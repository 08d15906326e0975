"""`ocppd-csms` as a process: options, prompt, control socket, output."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol


@contextlib.asynccontextmanager
async def program(*options: str) -> AsyncIterator[tuple[Process, dict[str, Any]]]:
    """Run ocppd-csms on a free port; yield it and what its first line says."""
    command = [sys.executable, "-m", "ocppd.tools.csms", "--port", "0", *options]
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    assert process.stdout is not None
    try:
        first = await asyncio.wait_for(process.stdout.readline(), 10)
        yield process, json.loads(first)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 5) == 0
        assert process.stderr is not None
        assert await process.stderr.read() == b""


async def station(ready: dict[str, Any], version: str, name: str = "CS1") -> ClientConnection:
    return await connect(f"{ready['url']}/{name}", subprotocols=[Subprotocol(f"ocpp{version}")])


async def until(process: Process, words: str) -> list[str]:
    """Return the lines of output up to one that has these words."""
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or words not in lines[-1]:
        line = await asyncio.wait_for(process.stdout.readline(), 5)
        assert line, f"ended; printed: {lines}"
        lines.append(line.decode().rstrip())
    return lines


async def type_in(process: Process, line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line.encode() + b"\n")
    await process.stdin.drain()


async def control(path: Path, *commands: dict[str, Any]) -> list[dict[str, Any]]:
    reader, writer = await asyncio.open_unix_connection(str(path))
    for command in commands:
        writer.write(json.dumps(command).encode() + b"\n")
    writer.write_eof()
    answers = (await asyncio.wait_for(reader.read(), 10)).splitlines()
    writer.close()
    return [json.loads(answer) for answer in answers]


async def test_the_traffic_is_printed_in_words() -> None:
    async with program("--versions", "1.6", "--token", "AB=Blocked,parent=P") as (process, ready):
        assert ready["versions"] == ["1.6"]
        websocket = await station(ready, "1.6")
        await websocket.send('[2,"1","Authorize",{"idTag":"AB"}]')
        expected = [3, "1", {"idTagInfo": {"status": "Blocked", "parentIdTag": "P"}}]
        assert json.loads(await websocket.recv()) == expected
        lines = await until(process, "Blocked")
        assert lines[0] == "-- CS1 connected 1.6"
        assert lines[1].endswith("CS1 1.6 ▶ → Authorize AB")
        assert lines[2].endswith("CS1 1.6 ◀ ✗ Authorize Blocked -- Blocked")
        assert "\x1b" not in "".join(lines), "no colours in a pipe"


async def test_commands_at_the_prompt() -> None:
    async with program("--quiet") as (process, ready):
        await type_in(process, "nonsense")
        await until(process, "unknown command 'nonsense'")
        await type_in(process, "get AuthCtrlr.Enabled")
        await until(process, "no station is connected")
        websocket = await station(ready, "2.1")
        await websocket.send('[2,"1","Heartbeat",{}]')
        await websocket.recv()
        await type_in(process, "")
        await type_in(process, "get AuthCtrlr.Enabled EVSE.Power@1")
        question = json.loads(await websocket.recv())
        assert question[2:] == [
            "GetVariables",
            {
                "getVariableData": [
                    {"component": {"name": "AuthCtrlr"}, "variable": {"name": "Enabled"}},
                    {
                        "component": {"name": "EVSE", "evse": {"id": 1}},
                        "variable": {"name": "Power"},
                    },
                ]
            },
        ]
        await websocket.send(json.dumps([4, question[1], "InternalError", "sorry", {}]))
        await until(process, "CALLERROR InternalError: sorry")
        await type_in(process, "raw [1,2")
        assert await websocket.recv() == "[1,2"
        await type_in(process, "help")
        await until(process, "quit")
        await type_in(process, "quit")
        assert await asyncio.wait_for(process.wait(), 5) == 0


async def test_the_control_socket(tmp_path: Path) -> None:
    path = tmp_path / "control"
    ready_file, log = tmp_path / "ready", tmp_path / "log"
    files = ["--control", str(path), "--ready-file", str(ready_file), "--log", str(log)]
    async with program(*files) as (_process, ready):
        assert json.loads(ready_file.read_text()) == ready
        assert path.stat().st_mode & 0o777 == 0o600
        websocket = await station(ready, "2.0.1")
        await websocket.send('[2,"1","Heartbeat",{}]')
        await websocket.recv()
        calling = asyncio.create_task(
            control(
                path,
                {"cmd": "call", "action": "ClearCache", "payload": {}, "id": 5},
            )
        )
        question = json.loads(await websocket.recv())
        assert question[2:] == ["ClearCache", {}]
        await websocket.send(json.dumps([3, question[1], {"status": "Accepted"}]))
        assert await calling == [{"id": 5, "ok": True, "result": {"status": "Accepted"}}]
        answers = await control(
            path,
            {"cmd": "stations"},
            {"cmd": "wait", "action": "Heartbeat"},
            {"cmd": "call"},
            {"cmd": "whatever"},
            {"cmd": "misbehave", "action": "Heartbeat", "error": "GenericError", "times": 1},
            {"cmd": "misbehave", "mood": "bad"},
        )
        by_ok: dict[bool, list[Any]] = {True: [], False: []}
        for answer in answers:
            by_ok[answer["ok"]].append(answer.get("result", answer.get("error")))
        errors = " | ".join(by_ok[False])
        for text in ("'action' is missing", "unknown command 'whatever'", "unknown mood"):
            assert text in errors
        assert len(by_ok[True]) == 3
        await websocket.send('[2,"2","Heartbeat",{}]')
        assert json.loads(await websocket.recv())[2] == "GenericError"
        refused = await control(path, {"cmd": "refuse", "status": 503})
        assert refused[0]["result"] == {"refuse": 503}
        with pytest.raises(InvalidStatus):
            await station(ready, "2.1", "CS2")
    assert not path.exists()
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    assert entries[0]["event"] == "connected"
    assert any(entry.get("event") == "refused" for entry in entries)


async def test_a_report_is_collected_and_transactions_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "control"
    async with program("--control", str(path)) as (process, ready):
        websocket = await station(ready, "2.0.1")
        asking = asyncio.create_task(control(path, {"cmd": "report"}))
        question = json.loads(await websocket.recv())
        await websocket.send(json.dumps([3, question[1], {"status": "Accepted"}]))
        for number, more in ((0, True), (1, False)):
            item = {"component": {"name": "C"}, "variable": {"name": f"V{number}"}}
            part = {
                "requestId": question[3]["requestId"],
                "generatedAt": "2026-11-22T10:00:00Z",
                "seqNo": number,
                "tbc": more,
                "reportData": [item],
            }
            await websocket.send(json.dumps([2, f"r{number}", "NotifyReport", part]))
            await websocket.recv()
        [answer] = await asking
        names = [item["variable"]["name"] for item in answer["result"]["reportData"]]
        assert names == ["V0", "V1"]
        event = {
            "eventType": "Started",
            "timestamp": "2026-11-22T10:00:00Z",
            "triggerReason": "Authorized",
            "seqNo": 0,
            "transactionInfo": {"transactionId": "tx-1"},
            "evse": {"id": 1, "connectorId": 1},
        }
        await websocket.send(json.dumps([2, "t", "TransactionEvent", event]))
        await websocket.recv()
        await type_in(process, "transactions")
        await until(process, "CS1 2.0.1 tx-1 open EVSE 1 - ? Wh")
        stopping = asyncio.create_task(control(path, {"cmd": "remote-stop"}))
        question = json.loads(await websocket.recv())
        assert question[2:] == ["RequestStopTransaction", {"transactionId": "tx-1"}]
        await websocket.send(json.dumps([3, question[1], {"status": "Accepted"}]))
        assert (await stopping)[0]["ok"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--versions", "3.0"], "unknown OCPP versions"),
        (["--key", "x"], "need --cert"),
        (["--cert", "/nonexistent"], "No such file"),
        (["--token", "=x"], "expected ID=STATUS"),
        (["--delay", "Heartbeat"], "could not convert"),
    ],
)
async def test_wrong_options_are_told_without_a_traceback(options: list[str], words: str) -> None:
    command = [sys.executable, "-m", "ocppd.tools.csms", *options]
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
    _, errors = await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == 2
    assert words in errors.decode()
    assert "Traceback" not in errors.decode()


async def test_a_command_from_another_terminal(tmp_path: Path) -> None:
    path = tmp_path / "control"

    async def send(*words: str) -> tuple[int | None, str, str]:
        command = [sys.executable, "-m", "ocppd.tools.csms", "--to", str(path), *words]
        process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
        output, errors = await asyncio.wait_for(process.communicate(), 10)
        return process.returncode, output.decode(), errors.decode()

    code, _, errors = await send("stations")
    assert (code, errors) == (1, "ocppd-csms: [Errno 2] No such file or directory\n")
    async with program("--control", str(path), "--quiet") as (_process, ready):
        websocket = await station(ready, "1.6")
        asking = asyncio.create_task(send("remote-start", "AB", "1"))
        question = json.loads(await websocket.recv())
        assert question[2:] == ["RemoteStartTransaction", {"idTag": "AB", "connectorId": 1}]
        await websocket.send(json.dumps([3, question[1], {"status": "Accepted"}]))
        code, output, _ = await asking
        assert (code, json.loads(output)) == (0, {"status": "Accepted"})
        assert await send("remote-stop") == (
            1,
            "",
            "remote-stop: no transaction is open; name one\n",
        )
        assert (await send("nonsense"))[0] == 1
        code, output, _ = await send("help")
        assert (code, "remote-start TOKEN" in output) == (0, True)
        assert await send("transactions") == (0, "no transactions\n", "")


async def test_one_of_several_stations_and_the_end_from_another_terminal(tmp_path: Path) -> None:
    path = tmp_path / "control"

    async def send(*words: str) -> tuple[int | None, str, str]:
        command = [sys.executable, "-m", "ocppd.tools.csms", "--to", str(path), *words]
        process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
        output, errors = await asyncio.wait_for(process.communicate(), 10)
        return process.returncode, output.decode(), errors.decode()

    async with program("--control", str(path), "--quiet") as (process, ready):
        first = await station(ready, "2.0.1", "CP-a")
        second = await station(ready, "1.6", "CP-b")
        code, _, errors = await send("clear-cache")
        assert (code, errors) == (1, "several stations are connected, say which: CP-a, CP-b\n")
        for words, websocket in (
            (("--station", "CP-b", "clear-cache"), second),
            (("@CP-a", "clear-cache"), first),
        ):
            asking = asyncio.create_task(send(*words))
            question = json.loads(await asyncio.wait_for(websocket.recv(), 5))
            assert question[2:] == ["ClearCache", {}]
            await websocket.send(json.dumps([3, question[1], {"status": "Accepted"}]))
            assert (await asking)[0] == 0
        await type_in(process, "@CP-a raw x")
        assert await asyncio.wait_for(first.recv(), 5) == "x"
        await type_in(process, "@CP-a")
        await until(process, "expected @STATION COMMAND")
        code, _, errors = await send("--station", "CP-c", "clear-cache")
        assert (code, errors) == (1, "CP-c has not been here\n")
        assert (await send("station", "CP-a"))[0] == 1
        assert await send("quit") == (0, "{}\n", "")
        assert await asyncio.wait_for(process.wait(), 5) == 0


async def test_colours_on_a_terminal_and_its_end() -> None:
    primary, secondary = os.openpty()
    command = [sys.executable, "-m", "ocppd.tools.csms", "--port", "0"]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=secondary, stdout=secondary, stderr=PIPE, start_new_session=True
    )
    os.close(secondary)
    loop = asyncio.get_running_loop()
    text = b""

    async def until_shown(words: bytes) -> None:
        nonlocal text
        while words not in text:
            text += await asyncio.wait_for(loop.run_in_executor(None, os.read, primary, 4096), 5)

    await until_shown(b"}\r\n")
    ready = json.loads(text.splitlines()[0])
    websocket = await station(ready, "2.1")
    await websocket.send('[2,"1","Heartbeat",{}]')
    await websocket.recv()
    await until_shown(b"\x1b[32m")
    assert b"\x1b[36m" in text
    os.write(primary, b"transactions\n")
    await until_shown(b"no transactions")
    os.write(primary, b"\x04")
    assert await asyncio.wait_for(process.wait(), 5) == 0, "Ctrl-D ends it"
    os.close(primary)
