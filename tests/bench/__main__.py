"""`make bench`: one run, each figure beside its floor; it prints, it never fails."""

import argparse
import asyncio
import json
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from ocppd.dbus.binding import Bus
from tests.bench import schedules
from tests.bench.measure import Process, Report, Samples, timed
from tests.bench.raw_csms import RawCsms
from tests.client import EVSE_MANAGER, NAME, OCPP, STATION, dictionary, evse_path
from tests.private_bus import PrivateBus

ROOT = Path(__file__).parents[2]
BENCH = ("org.everest.OcppBench", "/org/everest/OcppBench", "org.everest.OcppBench")
VARIABLES = (
    ("OCPPCommCtrlr", "HeartbeatInterval"),
    ("AuthCtrlr", "Enabled"),
    ("SampledDataCtrlr", "TxUpdatedInterval"),
    ("TxCtrlr", "EVConnectionTimeOut"),
)
CONFIG = """\
station: {{vendor: Acme, model: AC22}}
evses:
  - connectors: [cType2]
  - connectors: [cType2]
csms:
  - {{url: "{url}", identity: CP1, password: 0123456789abcdef}}
versions: [2.0.1]
device_model: device-model.d
log: {{level: error}}
"""
# One heartbeat an hour and no aligned values: what is measured is the station at rest.
VALUES = """\
values:
  - {component: OCPPCommCtrlr, variable: RetryBackOffWaitMinimum, value: 1}
  - {component: OCPPCommCtrlr, variable: RetryBackOffRandomRange, value: 0}
  - {component: OCPPCommCtrlr, variable: RetryBackOffRepeatTimes, value: 0}
  - {component: AlignedDataCtrlr, variable: Interval, value: 0}
  - {component: DeviceDataCtrlr, variable: "ItemsPerMessage[GetVariables]", value: 1000}
  - {component: DeviceDataCtrlr, variable: "BytesPerMessage[GetVariables]", value: 100000}
"""


class Daemon:
    """ocppd as a process on a private bus."""

    def __init__(self, bus: PrivateBus, url: str) -> None:
        self._bus = bus
        self.folder = Path(tempfile.mkdtemp(prefix="ocppd-bench-"))
        (self.folder / "state").mkdir()
        (self.folder / "device-model.d").mkdir()
        (self.folder / "device-model.d" / "values.yaml").write_text(VALUES)
        (self.folder / "ocppd.yaml").write_text(CONFIG.format(url=url))

    async def start(self, client: Bus) -> Process:
        self.started = time.perf_counter()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ocppd",
            "--config",
            self.folder / "ocppd.yaml",
            "--state",
            self.folder / "state",
            "--bus",
            self._bus.address,
            cwd=ROOT,
            env=_with_bytecode(self.folder.parent),
        )
        while not (await client.daemon("NameHasOwner", "s", NAME))[0]:
            if self._process.returncode is not None:
                sys.exit("the daemon does not start")
            await asyncio.sleep(0.002)
        self.named = time.perf_counter()
        return Process(self._process.pid)

    async def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        await self._process.wait()

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def _with_bytecode(folder: Path) -> dict[str, str]:
    """Return the environment, but with compiled modules kept, as a package installs them."""
    environment = os.environ | {"PYTHONPYCACHEPREFIX": str(folder / "ocppd-bench-bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


@asynccontextmanager
async def floor(kind: str, argument: str) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.floors", kind, argument, cwd=ROOT
    )
    try:
        yield
    finally:
        process.kill()
        await process.wait()


def requests(count: int) -> list[dict[str, Any]]:
    return [
        {"component_variable": {"component": {"name": name}, "variable": {"name": variable}}}
        for name, variable in (VARIABLES[n % len(VARIABLES)] for n in range(count))
    ]


async def variables_over_the_bus(report: Report, bus: PrivateBus, client: Bus) -> None:
    async with floor("bus", bus.address):
        while not (await client.daemon("NameHasOwner", "s", "org.everest.OcppBench"))[0]:
            await asyncio.sleep(0.01)

        async def echo() -> None:
            await client.call(*BENCH, "Echo")

        echoed = await timed(echo, 2000)
        for count, most in ((1, 2.0), (100, 4.0)):
            body = [[variants(item) for item in requests(count)]]

            async def get(body: list[Any] = body) -> None:
                await client.call(NAME, STATION, OCPP, "GetVariables", "aa{sv}", body)

            async def echo_items(body: list[Any] = body) -> None:
                await client.call(*BENCH, "EchoItems", "aa{sv}", body)

            times = 2000 if count == 1 else 500
            seen, same = await timed(get, times), await timed(echo_items, times)
            report.samples(f"GetVariables of {count} over the bus", seen, echoed, most)
            report.note(f"    against an echo of the same items: {seen.p50 / same.p50:.2f}x")


def variants(item: dict[str, Any]) -> dict[str, Any]:
    """Return a dictionary as the binding's variants."""
    from ocppd.dbus.binding import Variant

    def wrap(signature: str, value: Any) -> Variant:
        if signature == "a{sv}":
            value = {key: wrap(*inner) for key, inner in value.items()}
        return Variant(signature, value)

    return {key: wrap(*value) for key, value in dictionary(item).items()}


def ask_variables(message_id: str, count: int) -> str:
    data = [
        {"component": {"name": name}, "variable": {"name": variable}}
        for name, variable in (VARIABLES[n % len(VARIABLES)] for n in range(count))
    ]
    return json.dumps([2, message_id, "GetVariables", {"getVariableData": data}])


def write_variable(message_id: str, number: int) -> str:
    data = [
        {
            "component": {"name": "OCPPCommCtrlr"},
            "variable": {"name": "OfflineThreshold"},
            "attributeValue": str(60 + number % 2),
        }
    ]
    return json.dumps([2, message_id, "SetVariables", {"setVariableData": data}])


async def variables_over_the_wire(report: Report, csms: RawCsms) -> None:
    numbers = iter(range(10**9))

    async def ask(make: Any, *more: Any) -> str:
        message_id = f"bench-{next(numbers):08d}"
        return await csms.ask(message_id, make(message_id, *more))

    commits = commit_floor()
    for name, make, argument, most in (
        ("GetVariables of 1 from the CSMS", ask_variables, 1, 1.8),
        ("GetVariables of 100 from the CSMS", ask_variables, 100, 3.0),
        ("SetVariables of 1 from the CSMS, synced", write_variable, None, 0.0),
    ):

        async def once(make: Any = make, argument: Any = argument) -> None:
            await ask(make, next(numbers) if argument is None else argument)

        answer = await ask(make, 1 if argument is None else argument)
        if answer.startswith("[4"):
            report.note(f"{name}: refused, {answer}")
            continue
        seen = await timed(once, 1000)
        payload = answer[answer.index(",", 4) + 1 : -1]
        text = make("bench-00000000", 1 if argument is None else argument)
        echoed = await wire_floor(text, payload)
        if argument is None:
            whole = Samples([echoed.p50 + 2 * commits.p50])
            report.samples(f"{name} (floor: echo + 2 commits)", seen, whole, 1.0)
        else:
            report.samples(name, seen, echoed, most)


async def wire_floor(text: str, payload: str) -> Samples:
    """Measure the round trip of the same bytes to a bare station."""
    async with RawCsms() as csms, floor("wire", csms.url):
        await csms.connected.wait()
        assert csms._connection is not None
        await csms._connection.send(payload)
        numbers = iter(range(10**9))
        tail = text[len('[2,"') + 1 + len("bench-00000000") :]

        async def once() -> None:
            message_id = f"bench-{next(numbers):08d}"
            await csms.ask(message_id, f'[2,"{message_id}{tail}')

        return await timed(once, 1000)


def commit_floor() -> Samples:
    """Measure one insert with a commit that is on disk."""
    folder = tempfile.mkdtemp(prefix="ocppd-bench-")
    database = sqlite3.connect(Path(folder) / "floor.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE t (x)")
    values = []
    for _ in range(500):
        start = time.perf_counter()
        database.execute("INSERT INTO t VALUES (?)", ("x" * 300,))
        values.append((time.perf_counter() - start) * 1000)
    database.close()
    shutil.rmtree(folder)
    return Samples(values)


async def inventory(report: Report, csms: RawCsms, process: Process) -> None:
    done = asyncio.Event()
    entries = 0

    def on_call(action: str, payload: Any) -> None:
        nonlocal entries
        if action == "NotifyReport":
            entries += len(payload.get("reportData", []))
            if not payload.get("tbc", False):
                done.set()

    csms.on_call = on_call
    values, cpu = [], []
    for number in range(11):
        entries = 0
        done.clear()
        before = process.cpu_ms()
        start = time.perf_counter()
        message_id = f"report-{number}"
        payload = {"requestId": number, "reportBase": "FullInventory"}
        await csms.ask(message_id, json.dumps([2, message_id, "GetBaseReport", payload]))
        await asyncio.wait_for(done.wait(), 30)
        values.append((time.perf_counter() - start) * 1000)
        cpu.append(process.cpu_ms() - before)
    report.figure(f"FullInventory, {entries} variables", Samples(values).p50, "ms", 15)
    report.note(f"    of which CPU of the daemon: {Samples(cpu).p50:.1f} ms")


class Sessions:
    """Transactions as a host reports them, one after the other, in made-up time."""

    def __init__(self, client: Bus) -> None:
        self._client = client
        self._now = datetime.now(UTC) - timedelta(days=2)
        self._energy = 1000.0

    def _event(self, uuid: str, event: str, **more: Any) -> list[Any]:
        self._now += timedelta(milliseconds=250)
        self._energy += 5.0
        reading = {
            "timestamp": self._now.isoformat().replace("+00:00", "Z"),
            "energy_Wh_import": {"total": self._energy},
        }
        body = {"uuid": uuid, "timestamp": reading["timestamp"], "event": event}
        for name, value in more.items():
            body[name] = {"meter_value": reading, **value}
        return [variants(body)]

    async def _report(self, body: list[Any]) -> None:
        path = evse_path(1)
        await self._client.call(NAME, path, EVSE_MANAGER, "ReportSessionEvent", "a{sv}", body)

    async def one(self) -> float:
        """Report a session; returns how long its transaction took to queue, in ms."""
        uuid = str(uuid4())
        token = {
            "id_token": {"value": "04A224B2", "type": "ISO14443"},
            "authorization_type": "RFID",
        }
        await self._report(
            self._event(uuid, "SessionStarted", session_started={"reason": "EVConnected"})
        )
        began = self._event(uuid, "TransactionStarted", transaction_started={"id_tag": token})
        ended = self._event(uuid, "TransactionFinished", transaction_finished={"reason": "Local"})
        start = time.perf_counter()
        await self._report(began)
        await self._report(ended)
        taken = (time.perf_counter() - start) * 1000
        await self._report(self._event(uuid, "SessionFinished", session_finished={}))
        return taken


async def queue_and_drain(report: Report, bus: PrivateBus, client: Bus, messages: int) -> None:
    csms = RawCsms()
    await csms.start()
    daemon = Daemon(bus, csms.url)
    process = await daemon.start(client)
    await asyncio.wait_for(csms.connected.wait(), 10)
    await asyncio.sleep(0.5)
    idle = process.resident_mib()
    await csms.stop()
    await client.call(NAME, evse_path(1), EVSE_MANAGER, "ReportReady", "b", [True])
    sessions = Sessions(client)

    async def queued() -> int:
        database = sqlite3.connect(daemon.folder / "state" / "ocppd.db")
        [count] = database.execute("SELECT count(*) FROM queue").fetchone()
        database.close()
        return int(count)

    for goal in (0, messages // 10, messages):
        while await queued() < goal:
            for _ in range(50):
                await sessions.one()
        values = [await sessions.one() for _ in range(60)]
        report.figure(f"queue a transaction, {goal} queued", Samples(values).p50, "ms", 2)
    before = process.cpu_with_dead_threads_ms()
    waiting = await queued()
    again = RawCsms(port=csms.port)
    start = time.perf_counter()
    await again.start()
    await asyncio.wait_for(again.connected.wait(), 30)
    while await queued() > 0:
        await asyncio.sleep(0.25)
    seconds = time.perf_counter() - start
    cpu = process.cpu_with_dead_threads_ms() - before
    report.figure(f"drain {waiting} messages, CPU each", cpu / waiting, "ms", 0.5)
    report.note(f"    {waiting / seconds:.0f} messages/s on loopback")
    report.note(f"    message ids sent: {len(again.ids)}, different: {len(set(again.ids))}")
    report.figure("resident memory, idle", idle, "MiB", 45)
    report.figure(f"resident memory after {waiting} messages", process.resident_mib(), "MiB", 45)
    report.note(f"    proportional: {process.proportional_mib():.1f} MiB")
    await again.stop()
    await daemon.stop()
    daemon.close()


async def starting(report: Report, bus: PrivateBus, client: Bus) -> None:
    names, boots, cpus = [], [], []
    async with RawCsms() as csms:
        daemon = Daemon(bus, csms.url)
        for _ in range(7):
            booted = asyncio.Event()
            csms.on_call = lambda action, _payload, booted=booted: (
                booted.set() if action == "BootNotification" else None
            )
            process = await daemon.start(client)
            names.append((daemon.named - daemon.started) * 1000)
            await asyncio.wait_for(booted.wait(), 10)
            boots.append((time.perf_counter() - daemon.started) * 1000)
            cpus.append(process.cpu_with_dead_threads_ms())
            await daemon.stop()
        daemon.close()
    report.figure("start to bus name", Samples(names[1:]).p50, "ms", 500)
    report.figure("start to BootNotification", Samples(boots[1:]).p50, "ms", 2000)
    report.figure("start to BootNotification, CPU", Samples(cpus[1:]).p50, "ms", 250)
    report.note(f"    first start, with an empty store: {cpus[0]:.0f} ms CPU")


async def at_rest(report: Report, process: Process, seconds: int) -> None:
    await asyncio.sleep(3)
    cpu, wake_ups = process.cpu_ms(), process.wake_ups()
    await asyncio.sleep(seconds)
    a_minute = (process.cpu_ms() - cpu) * 60 / seconds
    a_second = (process.wake_ups() - wake_ups) / seconds
    report.figure("at rest, CPU a minute", a_minute, "ms", 5)
    report.figure("at rest, wake-ups a second", a_second, "/s", 0.5)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000, help="queued at the most")
    parser.add_argument("--rest", type=int, default=60, help="seconds to watch it at rest")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}; times in ms\n")
    report = Report()
    with PrivateBus() as bus:
        client = await Bus.connect(bus.address)
        async with RawCsms() as csms:
            daemon = Daemon(bus, csms.url)
            process = await daemon.start(client)
            await asyncio.wait_for(csms.connected.wait(), 10)
            await asyncio.sleep(0.5)
            await variables_over_the_bus(report, bus, client)
            await variables_over_the_wire(report, csms)
            await inventory(report, csms, process)
            await schedules.limit_on_the_bus(report, client)
            await at_rest(report, process, options.rest)
            await daemon.stop()
            daemon.close()
        await starting(report, bus, client)
        await queue_and_drain(report, bus, client, options.messages)
        client.close()
    schedules.composite(report)
    report.close()


if __name__ == "__main__":
    asyncio.run(main())
