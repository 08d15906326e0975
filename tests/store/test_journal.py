"""The message journal: bounded, in order, over restarts, and never in the way of the store."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from ocppd.model.messages import JournalMessage, MessageFilter
from ocppd.store.background import Background
from ocppd.store.journal import MessageJournal

IN, OUT = "CSMSToChargingStation", "ChargingStationToCSMS"


class Clock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment


@asynccontextmanager
async def journal(
    folder: Path, size: int = 1 << 20, clock: Clock | None = None
) -> AsyncIterator[MessageJournal]:
    background = Background()
    made = MessageJournal(folder / "messages.jsonl", size, background, clock or Clock())
    try:
        yield made
    finally:
        made.close()
        background.close(2.0)


def say(to: MessageJournal, text: str, direction: str = OUT, reason: str | None = None) -> None:
    to.note(direction, "2.0.1", text, masked=False, reason=reason)


async def texts(of: MessageJournal, **wanted: object) -> list[str]:
    return [each.text for each in await of.find(MessageFilter(**wanted))]  # type: ignore[arg-type]


CALL = '[2,"a","Heartbeat",{}]'
RESULT = '[3,"a",{"currentTime":"2026-03-01T00:00:00Z"}]'
ASKED = '[2,"a","Reset",{"type":"Immediate"}]'
REFUSED = '[4,"a","NotSupported","no",{}]'


async def test_what_was_said_is_found_with_its_action_and_reason(tmp_path: Path) -> None:
    async with journal(tmp_path) as kept:
        say(kept, CALL)
        say(kept, ASKED, IN)
        say(kept, RESULT, IN)
        say(kept, REFUSED, OUT, "Reset is not supported")
        say(kept, "nonsense", IN, "no JSON")
        found = await kept.find(MessageFilter())
        assert [(m.number, m.direction, m.action, m.message_id, m.reason) for m in found] == [
            (1, OUT, "Heartbeat", "a", None),
            (2, IN, "Reset", "a", None),
            (3, IN, "Heartbeat", "a", None),
            (4, OUT, "Reset", "a", "Reset is not supported"),
            (5, IN, None, None, "no JSON"),
        ]
        assert found[0] == JournalMessage(
            1, datetime(2026, 3, 1, 0, 0, 1, tzinfo=UTC), OUT, "2.0.1", CALL, "a", "Heartbeat"
        )
        assert await texts(kept, action="Reset") == [ASKED, REFUSED]
        assert await texts(kept, refused=True) == [REFUSED, "nonsense"]
        assert await texts(kept, refused=True, limit=1) == ["nonsense"]
        assert await texts(kept, direction=IN, message_id="a") == [ASKED, RESULT]
        assert await texts(kept, after=3) == [REFUSED, "nonsense"]
        assert await texts(kept, since=found[3].timestamp) == [REFUSED, "nonsense"]


async def test_it_survives_a_restart_and_goes_on_counting(tmp_path: Path) -> None:
    async with journal(tmp_path) as kept:
        say(kept, "one")
    with (tmp_path / "messages.jsonl").open("ab") as file:
        file.write(b'{"n":2,"t":"20')  # the power was cut here
    async with journal(tmp_path) as kept:
        say(kept, "two")
        found = await kept.find(MessageFilter())
    assert [(each.number, each.text) for each in found] == [(1, "one"), (2, "two")]


async def test_it_stays_within_its_size(tmp_path: Path) -> None:
    async with journal(tmp_path, size=40_000) as kept:
        for number in range(2000):
            say(kept, f"message {number:04} {'x' * 100}")
            if number % 20 == 0:
                await kept.find(MessageFilter(limit=1))
        size = sum(path.stat().st_size for path in tmp_path.iterdir())
        assert 25_000 < size <= 45_000
        found = await texts(kept, limit=1000)
        assert found[-1].startswith("message 1999")
        numbers = [int(text.split()[1]) for text in found]
        assert numbers == list(range(numbers[0], 2000))
        assert len(numbers) > 100


async def test_what_is_too_long_is_cut_and_says_so(tmp_path: Path) -> None:
    async with journal(tmp_path) as kept:
        say(kept, "ä" * 100_000)
        [found] = await kept.find(MessageFilter())
    assert found.size == 100_000
    assert found.text == "ä" * (64 << 10)


async def test_any_text_is_kept_as_it_is(tmp_path: Path) -> None:
    odd = ['\ud800 "\n\r\x00 ', "", "[" * 5000, '[3,"' + "a" * 200 + '",{}]']
    async with journal(tmp_path) as kept:
        for text in odd:
            say(kept, text)
        assert await texts(kept) == odd


async def test_with_size_0_there_is_none(tmp_path: Path) -> None:
    async with journal(tmp_path, size=0) as kept:
        say(kept, "one")
        assert await texts(kept) == []
    assert list(tmp_path.iterdir()) == []


async def test_it_yields_to_the_store_when_the_disk_is_nearly_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    free = 100 << 20
    real = os.statvfs

    def statvfs(path: Path) -> object:
        real(path)
        return SimpleNamespace(f_blocks=1 << 20, f_frsize=1024, f_bavail=free // 1024)

    monkeypatch.setattr("ocppd.store.journal.os.statvfs", statvfs)
    async with journal(tmp_path, size=4000) as kept:
        for number in range(40):
            say(kept, f"{number} {'x' * 200}")
            await kept.find(MessageFilter(limit=1))
        assert len(list(tmp_path.iterdir())) == 4
        free = 1 << 20
        say(kept, "lost")
        say(kept, "lost too")
        await kept.find(MessageFilter(limit=1))
        assert [path.name for path in tmp_path.iterdir()] == ["messages.jsonl"]
        free = 100 << 20
        say(kept, "there")
        found = await kept.find(MessageFilter())
        assert [(m.text, m.lost) for m in found[-1:]] == [("there", 2)]
        assert found[-1].number == 41
    assert caplog.text.count("not kept") == 1


async def test_a_folder_that_is_not_there_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with journal(tmp_path / "missing") as kept:
        say(kept, "one")
        assert await texts(kept) == []
        say(kept, "two")
        assert await texts(kept) == []
        (tmp_path / "missing").mkdir()
        say(kept, "three")
        [found] = await kept.find(MessageFilter())
        assert (found.text, found.lost) == ("three", 2)
    assert caplog.text.count("not kept") == 1


async def test_a_slow_disk_stalls_nobody_and_fills_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write

    def slow(descriptor: int, data: object) -> int:
        time.sleep(0.5)
        return real(descriptor, data)  # type: ignore[arg-type]

    monkeypatch.setattr("ocppd.store.journal.os.write", slow)
    async with journal(tmp_path, size=32 << 20) as kept:
        say(kept, "first")
        kept._flush()
        began = time.monotonic()
        for _ in range(200):
            say(kept, "x" * 60_000)
        assert time.monotonic() - began < 0.2
        assert kept._waiting + kept._length <= 4 << 20
        await asyncio.sleep(0)
        found = await kept.find(MessageFilter(limit=1))
        say(kept, "last")
        found = await kept.find(MessageFilter(limit=1))
        assert found[0].text == "last"
        assert found[0].lost > 100


async def test_lines_are_plain_json(tmp_path: Path) -> None:
    async with journal(tmp_path) as kept:
        say(kept, CALL)
    [line] = (tmp_path / "messages.jsonl").read_text().splitlines()
    assert json.loads(line)["m"] == CALL
    assert (tmp_path / "messages.jsonl").stat().st_mode & 0o777 == 0o640
