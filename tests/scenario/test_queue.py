"""What the CSMS refuses is set aside, shown, and put back or deleted by who is in charge."""

import asyncio
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.client import BusError
from tests.scenario.host import Host
from tests.scenario.rig import FAST, Rig

VERSIONS = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
# One attempt: what is refused is set aside at once.
ONCE = FAST + (
    "  - {component: AlignedDataCtrlr, variable: Interval, value: 0}\n"
    '  - {component: OCPPCommCtrlr, variable: "MessageAttempts[TransactionEvent]", value: 1}\n'
)


async def queue(rig: Rig) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = await rig.client.call("GetQueue")
    return entries


async def queue_is(rig: Rig, *states: str) -> list[dict[str, Any]]:
    """Wait until the queue is in a state."""
    async with asyncio.timeout(15):
        found = await queue(rig)
        while [entry["state"] for entry in found] != list(states):
            await asyncio.sleep(0.05)
            found = await queue(rig)
    return found


@VERSIONS
@pytest.mark.requirement("E13.FR.04")
async def test_what_was_set_aside_is_put_back_and_delivered(version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version], values=ONCE) as rig:
        await rig.booted()
        host = Host(rig.client)
        await host.ready()
        await host.plug_in()
        await host.start()
        await queue_is(rig)
        ends = "StopTransaction" if version == "1.6" else "TransactionEvent"
        rig.csms.misbehave(ends, error="InternalError", description="out of memory")
        mark = rig.csms.mark()
        await host.stop()
        [aside] = await queue_is(rig, "set aside")
        assert aside["attempts"] == 1
        assert "out of memory" in aside["reason"]
        rig.csms.behave()

        # It survives a restart, and waits for somebody to decide.
        assert await rig.end_daemon(signal.SIGTERM) == 0
        await rig.start_daemon()
        await rig.csms.wait_for("BootNotification", since=mark)
        assert [entry["id"] for entry in await queue_is(rig, "set aside")] == [aside["id"]]
        assert await rig.client.call("ReleaseQueued", "i", 999) is False
        mark = rig.csms.mark()
        assert await rig.client.call("ReleaseQueued", "i", aside["id"]) is True
        end = await rig.csms.wait_for(ends, since=mark)
        if version == "1.6":
            start = rig.csms.answer_to(rig.csms.calls("StartTransaction")[0])
            assert start is not None
            assert end.payload["transactionId"] == start.payload["transactionId"]
        await queue_is(rig)
        assert await rig.client.call("ReleaseQueued", "i", aside["id"]) is False


@VERSIONS
async def test_what_was_set_aside_is_deleted_for_good(version: str, tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=[version], values=ONCE) as rig:
        await rig.booted()
        host = Host(rig.client)
        await host.ready()
        begins = "StartTransaction" if version == "1.6" else "TransactionEvent"
        rig.csms.misbehave(begins, error="InternalError", times=1)
        await host.plug_in()
        await host.start()
        [aside] = await queue_is(rig, "set aside")
        assert await rig.client.call("DropQueued", "i", aside["id"]) is True
        assert await rig.client.call("DropQueued", "i", aside["id"]) is False
        assert await queue(rig) == []
        await rig.kill()  # the answer came when it was on disk
        await rig.start_daemon()
        assert aside["id"] not in [entry["id"] for entry in await queue(rig)]


async def test_what_still_waits_is_neither_put_back_nor_deleted(tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=["2.0.1"], values=ONCE, start_csms=False) as rig:
        host = Host(rig.client)
        await host.ready()
        await host.plug_in()
        await host.start()
        waiting = await queue(rig)
        assert waiting
        assert {entry["state"] for entry in waiting} == {"waiting"}
        for member in ("ReleaseQueued", "DropQueued"):
            assert await rig.client.call(member, "i", waiting[0]["id"]) is False
        assert await queue(rig) == waiting
        with pytest.raises(BusError) as refused:
            await rig.client.call("DropQueued", "s", "1")
        assert refused.value.name.startswith("org.")


async def test_a_message_that_cannot_be_read_is_shown_until_it_is_deleted(tmp_path: Path) -> None:
    async with Rig(tmp_path, versions=["2.0.1"], values=ONCE, start_csms=False) as rig:
        host = Host(rig.client)
        await host.ready()
        await host.plug_in()
        await host.start()
        [first, *_] = await queue(rig)
        assert await rig.end_daemon(signal.SIGTERM) == 0
        with sqlite3.connect(rig.state / "ocppd.db") as database:
            database.execute("UPDATE queue SET body = '{' WHERE id = ?", (first["id"],))
        database.close()
        await rig.start_daemon()
        shown = {entry["id"]: entry for entry in await queue(rig)}[first["id"]]
        assert (shown["state"], shown["reason"]) == ("set aside", "not readable")
        assert shown["message"] == "TransactionEvent"
        assert shown["transaction_id"] == first["transaction_id"]
        assert await rig.client.call("ReleaseQueued", "i", first["id"]) is False
        assert await rig.client.call("DropQueued", "i", first["id"]) is True
        assert first["id"] not in {entry["id"] for entry in await queue(rig)}
