"""The security log: in order, bounded, and off the event loop."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ocppd.store.background import Background
from ocppd.store.security_log import SecurityLogFile


class Log:
    def __init__(self, path: Path, **options: int) -> None:
        self.path = path
        self.cleared = 0
        self.background = Background()
        self.file = SecurityLogFile(path, self.clear, self.background, **options)

    def clear(self) -> None:
        self.cleared += 1
        self.file.append("SecurityLogWasCleared")

    async def append(self, *lines: str) -> None:
        for line in lines:
            self.file.append(line)
        await self.written()

    async def written(self) -> None:
        for _ in range(3):  # what follows from it as well
            await self.background.get(lambda: None)

    @property
    def lines(self) -> list[str]:
        return self.path.read_text().splitlines()


@contextmanager
def opened(path: Path, **options: int) -> Iterator[Log]:
    log = Log(path, **options)
    try:
        yield log
    finally:
        log.background.close(2.0)


@pytest.mark.requirement("A04.FR.04")
async def test_lines_are_kept_in_order(tmp_path: Path) -> None:
    with opened(tmp_path / "security.log") as log:
        await log.append("one", "zwei ä \ud800")
        assert log.lines == ["one", "zwei ä \\ud800"]
        assert log.path.stat().st_mode & 0o777 == 0o640
    with opened(tmp_path / "security.log") as log:
        await log.append("three")
        assert log.lines[-1] == "three"
        assert log.cleared == 0


async def test_it_stays_within_its_size_and_says_when_events_went(tmp_path: Path) -> None:
    with opened(tmp_path / "security.log", largest=60) as log:
        await log.append(*(f"event number {number:02d}" for number in range(6)))
        assert log.cleared == 0, "two files are kept"
        await log.append("event number 06")
        assert log.cleared == 1
        text = log.path.read_text() + log.path.with_name("security.log.1").read_text()
        assert "event number 06" in text
        assert "SecurityLogWasCleared" in text
        assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 120


async def test_a_rotation_by_others_is_no_loss_and_written_on(tmp_path: Path) -> None:
    with opened(tmp_path / "security.log") as log:
        await log.append("one")
        log.path.rename(log.path.with_name("security.log.1"))
        await log.append("two")
        assert log.lines == ["two"]
        assert log.cleared == 0


@pytest.mark.parametrize("how", ["removed", "cut"])
async def test_what_others_clear_is_told(tmp_path: Path, how: str) -> None:
    with opened(tmp_path / "security.log") as log:
        await log.append("one")
        if how == "removed":
            log.path.unlink()
        else:
            os.truncate(log.path, 0)
        await log.append("two")
        assert log.cleared == 1
        assert log.lines == ["two", "SecurityLogWasCleared"]


async def test_while_the_disk_fails_lines_wait(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ocppd.store.security_log._RETRY_S", 0.05)
    with opened(tmp_path / "missing" / "security.log") as log:
        await log.append("one", "two")
        assert [record.message[:30] for record in caplog.records] == [
            "cannot write the security log:"
        ]
        (tmp_path / "missing").mkdir()
        until = time.monotonic() + 2
        while not log.path.exists() and time.monotonic() < until:
            await log.written()
        await log.append("three")
        assert log.lines == ["one", "two", "three"]
        assert log.cleared == 0


async def test_a_full_disk_leaves_no_half_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    full = True

    def write(descriptor: int, data: bytes) -> int:
        return real(descriptor, data[:3] if full else data)

    monkeypatch.setattr("ocppd.store.security_log.os.write", write)
    with opened(tmp_path / "security.log") as log:
        await log.append("number one")
        full = False
        await log.append("number two")
        assert log.lines == ["number one", "number two"]
        assert log.cleared == 0


async def test_a_slow_disk_stalls_nobody_and_fills_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stall = 0.3
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        time.sleep(stall)
        return real(descriptor, data)

    monkeypatch.setattr("ocppd.store.security_log.os.write", write)
    monkeypatch.setattr("ocppd.store.security_log.os.fdatasync", lambda descriptor: None)
    with opened(tmp_path / "security.log") as log:
        began = time.monotonic()
        for number in range(1100):
            log.file.append(str(number))
        assert time.monotonic() - began < 0.2
        stall = 0
        await log.written()
        assert log.lines[:1000] == [str(number) for number in range(1000)]
        assert log.cleared == 1
        assert log.lines[-1] == "SecurityLogWasCleared"
