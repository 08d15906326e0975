"""A disk that can be filled and emptied: a small tmpfs for root, else a limit on file sizes."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SIZE = "8m"
_FILLER = "filler"


class SmallDisk:
    """Where a state folder is; `fill` leaves no byte free, `free` gives all of it back."""

    def __init__(self, folder: Path, *, mounted: bool) -> None:
        self.folder = folder
        self.kind = f"tmpfs of {_SIZE}iB" if mounted else "limit on the size of files"
        self._mounted = mounted

    def fill(self, pid: int, *, running: bool = True) -> None:
        """Leave no space; `pid` is the process that writes there, if it is `running`."""
        if not self._mounted:
            if not running:
                return
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
            return
        file = os.open(self.folder / _FILLER, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            for size in (1 << 16, 1 << 12, 1):
                with suppress(OSError):
                    while True:
                        os.write(file, bytes(size))
        finally:
            os.close(file)

    def free(self, pid: int) -> None:
        """Give the space back."""
        if self._mounted:
            (self.folder / _FILLER).unlink()
        else:
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Mount a small disk there if that is allowed."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "ocppd-torture", folder]
    mounted = os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0
    try:
        yield SmallDisk(folder, mounted=mounted)
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", folder], check=True)
