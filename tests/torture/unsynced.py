"""A disk that forgets what was not synced, fails on demand, and is slow on demand.

    disk = Disk(state, scratch)                  # compiles unsynced.c, once for each process
    process = start(…, env={**os.environ, **disk.env})
    at = disk.position                           # after an acknowledgement was received
    disk.image(cut, folder, random)              # what a power cut at position `cut` leaves

    disk.fail(errno.ENOSPC, "write")             # from now on, until heal()
    disk.stall(2.0, "sync")

The program is any process whose libc can be preloaded (Python, SQLite). What was acknowledged
while the log was `at` bytes long has to be in every image of a cut at `at` or later. An image has
all that was synced; of what was not, each sector of 512 bytes is there or is not, by chance, and
so is a name that no sync of its folder made last. -shm files are left out: they are not data.
"""

import errno
import functools
import mmap
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

SOURCE = Path(__file__).with_name("unsynced.c")
SECTOR = 512

OPERATIONS = {"open": 1, "write": 2, "sync": 4, "truncate": 8, "name": 16, "read": 32}
EVERYTHING = tuple(OPERATIONS)
CHANGES = ("open", "write", "sync", "truncate", "name")

_CONTROL = struct.Struct("=iIIII108s")
_RECORD = struct.Struct("=B3xIQQ")


@functools.cache
def library() -> Path:
    """Compile unsynced.c; raises FileNotFoundError or CalledProcessError without a compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise FileNotFoundError("a C compiler is needed: apt install gcc libc6-dev")
    target = Path(tempfile.mkdtemp(prefix="unsynced-")) / "unsynced.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O2", "-o", target, SOURCE, "-ldl", "-lpthread"],
        check=True,
    )
    return target


@dataclass(frozen=True, slots=True)
class Record:
    """One change of the disk, as it was made; `end` is the position after it."""

    op: str
    inode: int
    at: int
    data: bytes
    end: int


@dataclass(slots=True)
class _File:
    """A file: what is surely on disk, and what was written since."""

    synced: bytearray = field(default_factory=bytearray)
    later: list[Record] = field(default_factory=list)

    def sync(self) -> None:
        for record in self.later:
            _apply(self.synced, record)
        self.later.clear()

    def after_a_cut(self, random: Random) -> bytes:
        content = bytearray(self.synced)
        # Often all or nothing of it, and otherwise any part.
        chance = random.choice((0.0, 0.0, 1.0, 0.5, 0.9, 0.1))
        for record in self.later:
            if record.op == "t":
                if random.random() < chance:
                    _apply(content, record)
                continue
            for start in range(0, len(record.data), SECTOR):
                if random.random() < chance:
                    sector = record.data[start : start + SECTOR]
                    _apply(content, Record("w", 0, record.at + start, sector, 0))
        return bytes(content)


def _apply(content: bytearray, record: Record) -> None:
    end = record.at + (len(record.data) if record.op == "w" else 0)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    if record.op == "w":
        content[record.at : end] = record.data
    else:
        del content[record.at :]


class Disk:
    """The files of one folder, as a process changes them."""

    def __init__(self, folder: Path, scratch: Path, *, log: bool = True) -> None:
        """Watch `folder`; the log and the switches for faults are put into `scratch`."""
        self.folder = folder.resolve()
        scratch.mkdir(parents=True, exist_ok=True)
        self._log = scratch / "unsynced.log"
        self._log.touch()
        # What was there before counts as synced.
        self._before = scratch / "before"
        if self.folder.exists():
            shutil.copytree(self.folder, self._before, dirs_exist_ok=True)
        self._inodes = {
            path.relative_to(self.folder): path.stat().st_ino
            for path in self.folder.rglob("*")
            if path.is_file()
        }
        switches = scratch / "unsynced.control"
        switches.write_bytes(bytes(_CONTROL.size))
        with switches.open("r+b") as file:
            self._control = mmap.mmap(file.fileno(), _CONTROL.size)
        self._fault: tuple[int, int, int] = (0, 0, 0)
        self._delay: tuple[int, int] = (0, 0)
        self._match = ""
        self.env = {
            "LD_PRELOAD": str(library()),
            "UNSYNCED_FOLDER": str(self.folder),
            "UNSYNCED_CONTROL": str(switches.resolve()),
        }
        if log:
            self.env["UNSYNCED_LOG"] = str(self._log.resolve())

    # Faults.

    def fail(self, error: int, *operations: str, match: str = "", per_mille: int = 1000) -> None:
        """Let operations (all, if none is named) fail with an errno, on paths with `match`."""
        self._fault = (error, _mask(operations or EVERYTHING), per_mille)
        self._match = match
        self._switch()

    def fill(self, *, match: str = "") -> None:
        """Be full: nothing can be written or made, all can be read, renamed and removed."""
        self.fail(errno.ENOSPC, "write", match=match)

    def stall(self, seconds: float, *operations: str, match: str = "") -> None:
        """Let each operation (sync, if none is named) take so long."""
        self._delay = (int(seconds * 1000), _mask(operations or ("sync",)))
        self._match = match
        self._switch()

    def heal(self) -> None:
        """Work well again."""
        self._fault, self._delay, self._match = (0, 0, 0), (0, 0), ""
        self._switch()

    def _switch(self) -> None:
        error, operations, per_mille = self._fault
        self._control[:] = _CONTROL.pack(
            error, operations, per_mille, *self._delay, self._match.encode()
        )

    # Power cuts.

    @property
    def position(self) -> int:
        """How long the log is: the moment now."""
        return self._log.stat().st_size

    def positions(self, start: int = 0) -> list[int]:
        """Return the moments after each change, from `start` on."""
        return [record.end for record in self._records() if record.end >= start]

    def image(self, cut: int, target: Path, random: Random) -> None:
        """Make in `target` what the folder is after a power cut at position `cut`."""
        for path, content in self._after(cut, random).items():
            place = target / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)

    def _records(self) -> Iterator[Record]:
        text = self._log.read_bytes()
        at = 0
        while at + _RECORD.size <= len(text):
            op, size, inode, where = _RECORD.unpack_from(text, at)
            start = at + _RECORD.size
            at = start + size
            if at > len(text):
                return  # killed while it wrote this
            yield Record(chr(op), inode, where, text[start:at], at)

    def _after(self, cut: int, random: Random) -> dict[Path, bytes]:
        names: dict[str, _File] = {}
        durable: dict[str, _File] = {}
        by_inode: dict[int, _File] = {}
        folders: dict[int, str] = {}
        for path, inode in self._inodes.items():
            file = _File(bytearray((self._before / path).read_bytes()))
            by_inode[inode] = names[str(self.folder / path)] = file
        durable.update(names)
        for record in self._records():
            if record.end > cut:
                break
            match record.op:
                case "o":
                    path = record.data.decode()
                    if path not in names or record.at:
                        names[path] = _File()
                    by_inode[record.inode] = names[path]
                case "d":
                    folders[record.inode] = record.data.decode()
                case "w" | "t":
                    by_inode[record.inode].later.append(record)
                case "s" if record.inode in folders:
                    # What the folder lists now, it lists after a cut.
                    parent = folders[record.inode]
                    for path in [path for path in durable if _parent(path) == parent]:
                        del durable[path]
                    durable |= {path: f for path, f in names.items() if _parent(path) == parent}
                case "s":
                    if record.inode in by_inode:
                        by_inode[record.inode].sync()
                case "r":
                    source, to = record.data.decode().split("\0")
                    if source in names:
                        names[to] = names.pop(source)
                case "u":
                    names.pop(record.data.decode(), None)
        listed = names if random.random() < 0.5 else durable
        return {
            Path(path).relative_to(self.folder): file.after_a_cut(random)
            for path, file in listed.items()
            if not path.endswith("-shm") and Path(path).is_relative_to(self.folder)
        }


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _mask(operations: tuple[str, ...]) -> int:
    return sum({OPERATIONS[operation] for operation in operations})
