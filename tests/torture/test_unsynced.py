"""The disk double itself: it forgets what was not synced, and nothing else."""

import errno
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from tests.torture.unsynced import Disk

WRITER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1] + "/a.db", isolation_level=None)
database.execute("PRAGMA journal_mode = WAL")
database.execute("PRAGMA synchronous = " + sys.argv[2])
database.execute("PRAGMA wal_autocheckpoint = 20")
database.execute("CREATE TABLE t (x INTEGER PRIMARY KEY, y)")
for number in range(150):
    database.execute("INSERT INTO t VALUES (?, ?)", (number, "x" * 300))
    print(number, flush=True)
"""


def lost(folder: Path, synchronous: str) -> int:
    """Return in how many of 60 power cuts something acknowledged is lost, or the file is bad."""
    state = folder / "state"
    state.mkdir()
    disk = Disk(state, folder / "scratch")
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(state), synchronous],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **disk.env},
    )
    assert process.stdout is not None
    acknowledged = [(disk.position, int(line)) for line in process.stdout]
    process.wait()
    process.stdout.close()
    random = Random(7)
    moments = disk.positions(acknowledged[0][0])
    bad = 0
    for number in range(60):
        cut = random.choice(moments)
        image = folder / f"image-{number}"
        image.mkdir()
        disk.image(cut, image, random)
        wanted = max(each for at, each in acknowledged if at <= cut)
        database = sqlite3.connect(image / "a.db")
        try:
            [count] = database.execute("SELECT count(*) FROM t").fetchone()
            [verdict] = database.execute("PRAGMA integrity_check").fetchone()
            bad += count <= wanted or verdict != "ok"
        except sqlite3.DatabaseError:
            bad += 1
        database.close()
    return bad


def test_what_is_synced_is_kept(tmp_path: Path) -> None:
    assert lost(tmp_path, "FULL") == 0


def test_what_is_not_synced_is_lost(tmp_path: Path) -> None:
    assert lost(tmp_path, "OFF") > 10


def run(disk: Disk, script: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", f"import os, sys\nfrom pathlib import Path\n{script}"],
        env={**os.environ, **disk.env, "FOLDER": str(disk.folder)},
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()


WRITE = """
try:
    Path(os.environ["FOLDER"], "file").write_text("text")
    print("written")
except OSError as error:
    print(error.errno)
"""


def test_it_fails_as_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    disk = Disk(tmp_path / "state", tmp_path / "scratch")
    disk.fill()
    assert run(disk, WRITE) == str(errno.ENOSPC)
    disk.fail(errno.EIO, "open", match="other")
    assert run(disk, WRITE) == "written"
    disk.fail(errno.EIO, "open", match="file")
    assert run(disk, WRITE) == str(errno.EIO)
    disk.heal()
    disk.stall(0.4, "write")
    began = time.monotonic()
    assert run(disk, WRITE) == "written"
    assert time.monotonic() - began >= 0.4


@pytest.mark.parametrize("synced", [True, False], ids=["folder synced", "not synced"])
def test_a_new_name_needs_a_sync_of_its_folder(tmp_path: Path, *, synced: bool) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "file").write_text("old")
    disk = Disk(state, tmp_path / "scratch")
    sync = "folder = os.open(f'{os.environ[\"FOLDER\"]}', os.O_RDONLY); os.fsync(folder)"
    run(
        disk,
        f"""
file = open(os.environ["FOLDER"] + "/new", "w")
file.write("new")
file.flush()
os.fsync(file.fileno())
os.rename(os.environ["FOLDER"] + "/new", os.environ["FOLDER"] + "/file")
{sync if synced else ""}
""",
    )
    seen = set()
    for number in range(20):
        image = tmp_path / f"image-{number}"
        image.mkdir()
        disk.image(disk.position, image, Random(number))
        seen.add((image / "file").read_text())
    assert seen == ({"new"} if synced else {"new", "old"})
