"""The power is lost while a car charges: host, daemon and CSMS come back in any order (E17).

Whoever is first, nothing is told of what was open before the host has said what is true; then the
transaction goes on, or ends once, with what was stored of it, and no number is left out.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.scenario.host import Host, until_taken
from tests.scenario.rig import FAST, Rig

VERSIONS = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
QUIET = FAST + "  - {component: AlignedDataCtrlr, variable: Interval, value: 0}\n"
NOT_RESUMED = QUIET + (
    '  - {component: InternalCtrlr, variable: ResumeTransactionsOnBoot, value: "false"}\n'
)
OF_TRANSACTIONS = ("StartTransaction", "StopTransaction", "MeterValues", "TransactionEvent")


def told(rig: Rig, since: int = 0) -> list[Any]:
    """What the CSMS heard of transactions, but for what it had heard before under the same id."""
    calls = [call for call in rig.csms.calls() if call.action in OF_TRANSACTIONS]
    before = {call.message_id for call in calls if call.index < since}
    return [call for call in calls if call.index >= since and call.message_id not in before]


def is_end(call: Any) -> bool:
    return call.action == "StopTransaction" or call.payload.get("eventType") == "Ended"


async def ended(rig: Rig) -> dict[str, Any]:
    """Wait for the end of the one transaction; check the whole of it, and return the end."""
    async with asyncio.timeout(20):
        while not any(is_end(call) for call in told(rig)) or await rig.client.call("GetQueue"):
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.2)
    by_id: dict[str, Any] = {}
    for call in told(rig):
        first = by_id.setdefault(call.message_id, call)
        assert first.payload == call.payload, "repeated, but not as it was"
    calls = list(by_id.values())
    [end] = [call for call in calls if is_end(call)]
    if end.action == "StopTransaction":
        [start] = [call for call in calls if call.action == "StartTransaction"]
        answers = [
            rig.csms.answer_to(call) for call in told(rig) if call.action == "StartTransaction"
        ]
        numbers = {answer.payload["transactionId"] for answer in answers if answer is not None}
        assert end.payload["transactionId"] in numbers
        assert calls.index(start) < calls.index(end)
        assert all(call.payload.get("transactionId", 0) != -1 for call in calls)
    else:
        assert [call.payload["seqNo"] for call in calls] == list(range(len(calls)))
        assert len({call.payload["transactionInfo"]["transactionId"] for call in calls}) == 1
        assert calls[-1] is end
    assert await rig.client.call("GetTransactions") == []
    payload: dict[str, Any] = end.payload
    return payload


def reason(end: dict[str, Any]) -> str:
    return str(end.get("reason") or end["transactionInfo"]["stoppedReason"])


def final_wh(end: dict[str, Any]) -> float:
    if "meterStop" in end:
        return float(end["meterStop"])
    last = end["meterValue"][-1]["sampledValue"]
    [value] = [
        each["value"]
        for each in last
        if each.get("measurand", "Energy.Active.Import.Register") == "Energy.Active.Import.Register"
        and "phase" not in each
    ]
    return float(value)


async def charging(rig: Rig) -> Host:
    """Charge at EVSE 1; the last thing that is stored is the reading before `charge`."""
    host = Host(rig.client)
    await host.ready()
    await host.plug_in()
    await host.start()
    await host.powermeter()
    await host.charge()
    return host


async def drained(rig: Rig) -> None:
    async with asyncio.timeout(10):
        while await rig.client.call("GetQueue"):
            await asyncio.sleep(0.05)


async def off_the_air(rig: Rig) -> None:
    """Take the CSMS away, and remember where it was."""
    port = rig.csms.port
    await rig.csms.stop(abort=True)
    rig.csms.port = port


Story = Callable[[Host, str], Awaitable[None]]


async def resumes(host: Host, session: str) -> None:
    """The host resumes the session and then is ready, which ends nothing."""
    event = {"uuid": session, "timestamp": host.now(), "event": "SessionResumed"}
    await until_taken(lambda: host.report(event))
    await until_taken(host.ready)
    await host.stop()
    await host.unplug()


async def goes_on(host: Host, _session: str) -> None:
    """The host says without further ado what happens next."""
    event = host.event("ChargingPausedEV")
    await until_taken(lambda: host.report(event))
    await until_taken(host.ready)
    await host.stop()
    await host.unplug()


async def has_ended(host: Host, _session: str) -> None:
    """The transaction ended while nobody listened; the first thing said is its end."""
    event = host.event("TransactionFinished", "transaction_finished", reason="EVDisconnected")
    await until_taken(lambda: host.report(event))
    await until_taken(host.unplug)
    await until_taken(host.ready)


async def knows_nothing(host: Host, _session: str) -> None:
    """The host lost it too, and is ready for the next car."""
    await until_taken(host.ready)


STORIES = {
    resumes: "Local",
    goes_on: "Local",
    has_ended: "EVDisconnected",
    knows_nothing: "PowerLoss",
}
BACK = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)


def check(end: dict[str, Any], story: Story, host: Host, stored_wh: float) -> None:
    assert reason(end) == STORIES[story]
    if story is knows_nothing:
        assert final_wh(end) == stored_wh, "the last that was stored, and nothing else"
    else:
        assert stored_wh < final_wh(end) <= host.energy_wh


@VERSIONS
@BACK
@pytest.mark.requirement("E17.FR.14", "E17.FR.21")
async def test_the_daemon_and_the_csms_are_there_before_the_host(
    version: str, story: Story, tmp_path: Path
) -> None:
    async with Rig(tmp_path, versions=[version], values=QUIET) as rig:
        await rig.booted()
        host = await charging(rig)
        session, stored_wh = str(host.session), host.energy_wh
        await drained(rig)
        mark = rig.csms.mark()
        await rig.kill()
        await rig.start_daemon()
        await rig.csms.wait_for("BootNotification", since=mark)
        await asyncio.sleep(0.4)
        assert told(rig, since=mark) == [], "nobody knows yet what is true"
        [open_] = await rig.client.call("GetTransactions")
        assert open_["session_id"] == session
        await story(host, session)
        check(await ended(rig), story, host, stored_wh)


@VERSIONS
@BACK
@pytest.mark.requirement("E17.FR.14", "E17.FR.21", "E04.FR.02")
async def test_the_host_is_first_and_the_csms_last(
    version: str, story: Story, tmp_path: Path
) -> None:
    """The host calls before there is a daemon, and again until it is heard."""
    async with Rig(tmp_path, versions=[version], values=QUIET) as rig:
        await rig.booted()
        host = await charging(rig)
        session, stored_wh = str(host.session), host.energy_wh
        await drained(rig)
        await off_the_air(rig)
        await rig.kill()
        speaking = asyncio.ensure_future(story(host, session))
        await asyncio.sleep(0.2)
        await rig.start_daemon()
        await speaking
        assert not any(is_end(call) for call in told(rig))
        await rig.csms.start()
        end = await ended(rig)
        check(end, story, host, stored_wh)
        if version != "1.6":
            assert end["offline"]


@VERSIONS
@pytest.mark.parametrize("story", [resumes, knows_nothing], ids=["resumed", "lost"])
@pytest.mark.requirement("E04.FR.01", "E12.FR.02")
async def test_what_began_without_a_csms(version: str, story: Story, tmp_path: Path) -> None:
    """Start and all are in the queue of a daemon that was killed; the CSMS is back in between."""
    async with Rig(tmp_path, versions=[version], values=QUIET) as rig:
        await rig.booted()
        await off_the_air(rig)
        host = await charging(rig)
        session, stored_wh = str(host.session), host.energy_wh
        await rig.kill()
        mark = rig.csms.mark()
        await rig.csms.start()
        await rig.start_daemon()
        begins = "StartTransaction" if version == "1.6" else "TransactionEvent"
        await rig.csms.wait_for(begins, since=mark)
        await drained(rig)
        assert not any(is_end(call) for call in told(rig)), "it began; more nobody knows"
        await story(host, session)
        check(await ended(rig), story, host, stored_wh)
        if version != "1.6":
            assert told(rig)[0].payload["offline"]


@VERSIONS
@pytest.mark.parametrize("answered", [False, True], ids=["unanswered", "answer lost"])
@pytest.mark.parametrize("story", [resumes, knows_nothing], ids=["resumed", "lost"])
@pytest.mark.requirement("E04.FR.01")
async def test_the_power_goes_before_the_start_is_acknowledged(
    version: str, story: Story, answered: bool, tmp_path: Path
) -> None:
    """In 1.6 the number of the transaction is unknown then; the start is told again as it was."""
    begins = "StartTransaction" if version == "1.6" else "TransactionEvent"
    async with Rig(tmp_path, versions=[version], values=QUIET) as rig:
        await rig.booted()
        if answered:
            rig.csms.misbehave(begins, delay_s=0.5)
        else:
            rig.csms.misbehave(begins, drop=True)
        mark = rig.csms.mark()
        host = await charging(rig)
        session, stored_wh = str(host.session), host.energy_wh
        first = await rig.csms.wait_for(begins)
        await rig.kill()
        await asyncio.sleep(0.6 if answered else 0)
        rig.csms.behave()
        mark = rig.csms.mark()
        await rig.start_daemon()
        again = await rig.csms.wait_for(begins, since=mark)
        assert (again.message_id, again.payload) == (first.message_id, first.payload)
        await story(host, session)
        check(await ended(rig), story, host, stored_wh)


@VERSIONS
@pytest.mark.requirement("E17.FR.21")
async def test_another_cut_while_everybody_waits_changes_nothing(
    version: str, tmp_path: Path
) -> None:
    """Cut before the host has spoken, after it was ready, and once the end is told."""
    async with Rig(tmp_path, versions=[version], values=QUIET) as rig:
        await rig.booted()
        host = await charging(rig)
        stored_wh = host.energy_wh
        await drained(rig)
        for _ in range(2):
            await rig.kill()
            await rig.start_daemon()
        await host.ready()
        await rig.kill()
        await rig.start_daemon()
        await host.ready()
        end = await ended(rig)
        check(end, knows_nothing, host, stored_wh)
        mark = rig.csms.mark()
        await rig.kill()
        await rig.start_daemon()
        await host.ready()
        await rig.csms.wait_for("BootNotification", since=mark)
        await asyncio.sleep(0.3)
        assert told(rig, since=mark) == []


@VERSIONS
async def test_a_station_that_does_not_resume_ends_it_before_the_host_is_there(
    version: str, tmp_path: Path
) -> None:
    """InternalCtrlr.ResumeTransactionsOnBoot false: nobody is waited for, and nothing made up."""
    async with Rig(tmp_path, versions=[version], values=NOT_RESUMED) as rig:
        await rig.booted()
        host = await charging(rig)
        stored_wh = host.energy_wh
        await drained(rig)
        await rig.kill()
        await rig.start_daemon()
        check(await ended(rig), knows_nothing, host, stored_wh)
        mark = rig.csms.mark()
        await host.ready()
        await asyncio.sleep(0.3)
        assert told(rig, since=mark) == []
