"""The message journal: what was said between station and CSMS, in bounded files.

A message is a line of JSON, written in the background and never synced: a cut of power may take the
last seconds, a kill half a second. There are four files, and the oldest goes when the newest is
full. The journal yields to the store: where the disk is nearly full it first gives up its older
files, then writes nothing, and the next message that is kept tells how many were lost.
"""

import asyncio
import json
import logging
import os
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from ocppd.model.messages import JournalMessage, MessageFilter
from ocppd.store.background import Background

_LOG = logging.getLogger(__name__)

_FILES = 4
_FLUSH_S = 0.5
_FLUSH_SIZE = 256 << 10
# What waits for a slow disk at most, in characters.
_MOST_WAITING = 4 << 20
# A message that is longer is kept to this length.
_LONGEST = 64 << 10
# An answer of the bus is not longer than this, in characters.
_LONGEST_ANSWER = 8 << 20
# Free space that is left for the store, or a quarter of a small disk.
_RESERVE = 4 << 20
_MOST_ACTIONS = 256
_HEAD = re.compile(r'\s*\[\s*(\d)\s*,\s*"([^"\\]{1,100})"\s*(?:,\s*"([^"\\]{1,100})")?')
_CALLS = ("2", "6")
_OTHER = {
    "CSMSToChargingStation": "ChargingStationToCSMS",
    "ChargingStationToCSMS": "CSMSToChargingStation",
}


class _Said(NamedTuple):
    moment: datetime
    direction: str
    version: str
    text: str
    masked: bool
    reason: str | None


class MessageJournal:
    """Keeps messages in `<path>`, `<path>.1` and so on, `size` bytes in all; with 0 none."""

    def __init__(
        self, path: Path, size: int, background: Background, now: Callable[[], datetime]
    ) -> None:
        self._size = size
        self._background = background
        self._now = now
        self._files = _Files(path, max(size // _FILES, 1))
        self._said: list[_Said] = []
        self._length = 0
        self._waiting = 0
        self._lost = 0
        self._timer: asyncio.TimerHandle | None = None

    def note(
        self, direction: str, version: str, text: str, *, masked: bool, reason: str | None
    ) -> None:
        """Keep a message, which holds no secret any more; returns at once."""
        if self._size <= 0:
            return
        length = min(len(text), _LONGEST) + 200
        if self._waiting + self._length + length > _MOST_WAITING:
            self._lost += 1
            return
        self._said.append(_Said(self._now(), direction, version, text, masked, reason))
        self._length += length
        if self._length >= _FLUSH_SIZE:
            self._flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FLUSH_S, self._flush)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._said:
            return
        said, length, lost = self._said, self._length, self._lost
        self._said, self._length, self._lost = [], 0, 0
        self._waiting += length
        loop = asyncio.get_running_loop()

        def write() -> None:
            try:
                self._files.write(said, lost)
            finally:
                with suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(self._written, length)

        self._background.do(write)

    def _written(self, length: int) -> None:
        self._waiting -= length

    async def find(self, wanted: MessageFilter) -> list[JournalMessage]:
        """Return the newest messages that are wanted, oldest of them first."""
        self._flush()
        return await self._background.get(lambda: self._files.find(wanted))

    def close(self) -> None:
        """Hand over what is left; the background writes it when it is closed."""
        self._flush()


class _Files:
    """The files, as the background's thread sees them."""

    def __init__(self, path: Path, largest: int) -> None:
        self._paths = [path, *(path.with_name(f"{path.name}.{n}") for n in range(1, _FILES))]
        self._largest = largest
        self._number: int | None = None
        self._lost = 0
        self._failed = False
        self._asked: OrderedDict[tuple[str, str], str] = OrderedDict()

    def write(self, said: list[_Said], lost: int) -> None:
        self._number = number = self._last_number()
        lines: list[bytes] = []
        for each in said:
            number += 1
            lines.append(self._line(each, number, self._lost if not lines else 0))
        data = b"".join(lines)
        try:
            if not self._has_room(len(data)):
                raise OSError("no space is left but for the store")
            self._append(data)
        except OSError as error:
            self._lost += len(said) + lost
            if not self._failed:
                _LOG.warning("messages are not kept: %s", error)
            self._failed = True
        else:
            self._number, self._lost, self._failed = number, lost, False

    def _append(self, data: bytes) -> None:
        path = self._paths[0]
        size = _size(path)
        if size and size + len(data) > self._largest:
            for older, newer in zip(self._paths[:0:-1], self._paths[-2::-1], strict=True):
                with suppress(FileNotFoundError):
                    newer.replace(older)
            size = 0
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
        except OSError:
            with suppress(OSError):  # no half lines
                os.ftruncate(descriptor, size)
            raise
        finally:
            os.close(descriptor)

    def _has_room(self, length: int) -> bool:
        """Tell whether the disk has room, and give up older files until it has."""
        for path in [*self._paths[:0:-1], None]:
            status = os.statvfs(self._paths[0].parent)
            reserve = min(_RESERVE, status.f_blocks * status.f_frsize // 4)
            if status.f_bavail * status.f_frsize >= reserve + length:
                return True
            if path is not None:
                path.unlink(missing_ok=True)
        return False

    def _line(self, said: _Said, number: int, lost: int) -> bytes:
        head = _HEAD.match(said.text)
        action, message_id = None, None
        if head is not None:
            kind, message_id, named = head.groups()
            if kind in _CALLS:
                action = named
                self._asked[said.direction, message_id] = action or ""
                if len(self._asked) > _MOST_ACTIONS:
                    self._asked.popitem(last=False)
            else:
                action = self._asked.pop((_OTHER.get(said.direction, ""), message_id), None)
        line: dict[str, Any] = {
            "n": number,
            "t": said.moment.astimezone(UTC).isoformat(timespec="milliseconds"),
            "d": said.direction,
            "v": said.version,
        }
        optional = {
            "i": message_id,
            "a": action,
            "x": said.masked or None,
            "r": said.reason,
            "s": len(said.text) if len(said.text) > _LONGEST else None,
            "l": lost or None,
        }
        line |= {name: value for name, value in optional.items() if value is not None}
        line["m"] = said.text[:_LONGEST]
        return json.dumps(line, separators=(",", ":")).encode() + b"\n"

    def _last_number(self) -> int:
        if self._number is not None:
            return self._number
        for path in self._paths:
            with suppress(OSError):
                if path == self._paths[0]:
                    _end_last_line(path)
                for line in _lines_backwards(path):
                    message = _message(line)
                    if message is not None:
                        return message.number
        return 0

    def find(self, wanted: MessageFilter) -> list[JournalMessage]:
        found: list[JournalMessage] = []
        length = 0
        for message in self._backwards():
            if len(found) >= wanted.limit or message.number <= wanted.after:
                break
            if wanted.admits(message):
                length += len(message.text)
                if length > _LONGEST_ANSWER:
                    break
                found.append(message)
        return found[::-1]

    def _backwards(self) -> Iterator[JournalMessage]:
        for path in self._paths:
            try:
                lines = _lines_backwards(path)
            except OSError:
                continue
            for line in lines:
                message = _message(line)
                if message is not None:
                    yield message


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _lines_backwards(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()[::-1]


def _end_last_line(path: Path) -> None:
    """End the line that a cut of power has left half written."""
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(end - 1)
            if file.read(1) != b"\n":
                file.write(b"\n")


def _message(line: bytes) -> JournalMessage | None:
    """Read a line; None for one that is damaged."""
    try:
        plain = json.loads(line)
        return JournalMessage(
            number=int(plain["n"]),
            timestamp=datetime.fromisoformat(plain["t"]),
            direction=str(plain["d"]),
            version=str(plain["v"]),
            text=str(plain["m"]),
            message_id=plain.get("i"),
            action=plain.get("a"),
            masked=bool(plain.get("x")),
            reason=plain.get("r"),
            size=plain.get("s"),
            lost=int(plain.get("l", 0)),
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
