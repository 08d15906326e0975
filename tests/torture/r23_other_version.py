"""A change of the version with a full queue: drained or kept, never mixed.

Transactions are under way and the queue is full when the CSMS goes; one of the other generation
comes in its place, and later the first again. Required: a transaction that a CSMS has acknowledged
is told to that generation alone, from its start to its end and without a gap; one that nobody has
acknowledged is told to the one that is there, whole; in the end nothing waits and nothing is set
aside.
"""

import asyncio
from collections import defaultdict
from typing import Any

from tests.scenario.host import Host
from tests.scenario.rig import Rig
from tests.torture.figures import Figure, Options, exactly, none_of, told
from tests.torture.wire import HARMLESS, values

PAIRS = (("1.6", "2.0.1"), ("2.0.1", "1.6"), ("1.6", "2.1"), ("2.1", "1.6"))


async def run(options: Options) -> list[Figure]:
    figures: list[Figure] = []
    for first, second in PAIRS if options.full else PAIRS[:2]:
        figures += await _changed(options, first, second)
    return figures


def _token(value: str) -> dict[str, Any]:
    return {"id_token": {"value": value, "type": "ISO14443"}, "authorization_type": "RFID"}


async def _changed(options: Options, first: str, second: str) -> list[Figure]:
    queued = options.size(10, 300)
    rig = Rig(
        options.folder / f"{first}-{second}",
        versions=[first, second],
        csms_versions=[first],
        values=values(),
        more_config=HARMLESS,
    )
    async with rig:
        await rig.booted()
        one, two = Host(rig.client, 1), Host(rig.client, 2)
        for host in (one, two):
            await host.ready()
        # Acknowledged by the first CSMS, still under way when it goes.
        await one.plug_in()
        await one.start(_token("FIRST"))
        await one.charge()
        await _drained(rig)
        port, before = rig.csms.port, rig.csms
        await rig.csms.stop(abort=True)
        await rig.client.wait_for(
            "PropertiesChanged", lambda body: body[1].get("IsConnected") is False
        )
        # What fills the queue: the rest of it, and whole sessions that nobody knows.
        await one.pause()
        await one.stop()
        await one.unplug()
        for number in range(queued):
            await two.plug_in()
            await two.start(_token(f"OFFLINE{number}"))
            await two.stop()
            await two.unplug()
        full = len(await rig.client.call("GetQueue"))
        middle = await _next(rig, port, second)
        await _until_only_foreign(rig)
        left = len(await rig.client.call("GetQueue"))
        last = await _next(rig, port, first)
        await _drained(rig)
        entries = await rig.client.call("GetQueue")
    label = f"{first}, {second}, {first}"
    faults = _mixed(first, before, middle, last)
    return [
        told(f"{label}: queued", f"{full} messages, {left} kept for {first}"),
        none_of(f"{label}: told to both, with gaps, or not at all", faults),
        exactly(f"{label}: sessions told to {second}", queued, _sessions(middle, second)),
        exactly(f"{label}: left or set aside in the end", 0, len(entries)),
    ]


async def _next(rig: Rig, port: int, version: str) -> Any:
    """Put a CSMS that speaks one version in the place of the last."""
    await rig.csms.stop(abort=True)
    rig.csms = type(rig.csms)([version], port=port, **rig._csms_options)
    await rig.csms.start()
    await rig.csms.wait_for("BootNotification", timeout_s=30)
    return rig.csms


async def _drained(rig: Rig) -> None:
    async with asyncio.timeout(120):
        while await rig.client.call("GetQueue"):
            await asyncio.sleep(0.1)


async def _until_only_foreign(rig: Rig) -> None:
    """Wait until nothing leaves the queue any more."""
    still = 0
    async with asyncio.timeout(120):
        before = -1
        while still < 10:
            now = len(await rig.client.call("GetQueue"))
            still = still + 1 if now == before else 0
            before = now
            await asyncio.sleep(0.1)


def _starts_and_stops(csms: Any) -> tuple[list[Any], list[Any]]:
    return csms.calls("StartTransaction"), csms.calls("StopTransaction")


def _events(csms: Any) -> dict[str, list[Any]]:
    events: dict[str, list[Any]] = defaultdict(list)
    for call in csms.calls("TransactionEvent"):
        events[call.payload["transactionInfo"]["transactionId"]].append(call.payload)
    return events


def _sessions(csms: Any, version: str) -> int:
    """Return how many whole sessions a CSMS was told."""
    if version == "1.6":
        starts, stops = _starts_and_stops(csms)
        return min(len(starts), len(stops))
    return sum(_is_whole(events) for events in _events(csms).values())


def _is_whole(events: list[Any]) -> bool:
    kinds = [event["eventType"] for event in events]
    numbers = [event["seqNo"] for event in events]
    return kinds[0] == "Started" and kinds[-1] == "Ended" and numbers == list(range(len(numbers)))


def _mixed(first: str, before: Any, middle: Any, last: Any) -> list[str]:
    """Tell what the transaction under way was told wrongly."""
    faults = []
    if first == "1.6":
        starts, _ = _starts_and_stops(before)
        late_starts, stops = _starts_and_stops(last)
        if len(starts) != 1 or late_starts or len(stops) != 1:
            faults.append(
                f"1.6 heard {len(starts)} + {len(late_starts)} starts, {len(stops)} stops"
            )
        if any(
            call.payload.get("idToken", {}).get("idToken") == "FIRST"
            for call in middle.calls("TransactionEvent")
        ):
            faults.append("2.x heard of the transaction of 1.6")
        return faults
    whole = _events(before)
    for transaction, events in _events(last).items():
        whole[transaction] += events
    if len(whole) != 1 or not all(_is_whole(events) for events in whole.values()):
        faults.append(f"2.x heard {[[e['seqNo'] for e in events] for events in whole.values()]}")
    if any(call.payload.get("idTag") == "FIRST" for call in middle.calls()):
        faults.append("1.6 heard of the transaction of 2.x")
    return faults
