"""The state folder belongs to one daemon: two would send from one queue."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path


class StateInUse(Exception):
    """Another process has the state folder; the text says which."""


class StateFolder:
    """A claim on a state folder, for as long as the process lives.

    A folder that cannot be written cannot be claimed, and is used without: the store says what is
    wrong with it.
    """

    def __init__(self, folder: Path) -> None:
        """Claim a folder.

        Raises:
            StateInUse: another process has it

        """
        path = folder / "lock"
        self._file: int | None = None
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(file, 32).decode(errors="replace").strip() or "unknown"
            os.close(file)
            raise StateInUse(f"{folder} is in use by process {owner}") from None
        with suppress(OSError):  # a full disk: it is ours, though nobody can read whose
            os.truncate(file, 0)
            os.write(file, str(os.getpid()).encode())
        self._file = file

    def release(self) -> None:
        """Let others have it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
