"""The security log: a bounded text file, one event a line (A04.FR.04)."""

import logging
from collections.abc import Callable
from pathlib import Path

_LOG = logging.getLogger(__name__)
_LARGEST = 1 << 20


class SecurityLogFile:
    """The port `SecurityLog`; when the file is full it becomes `….1`, and an older one goes.

    `on_cleared` is called when events were lost by that (event SecurityLogWasCleared).
    """

    def __init__(self, path: Path, on_cleared: Callable[[], None], largest: int = _LARGEST) -> None:
        self._path = path
        self._older = path.with_name(f"{path.name}.1")
        self._on_cleared = on_cleared
        self._largest = largest
        self._failed = False

    def append(self, line: str) -> None:
        """Add a line; a disk that fails is told once, and tried again with the next line."""
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        cleared = False
        try:
            if self._size() + len(data) > self._largest:
                cleared = self._older.exists()
                self._path.replace(self._older)
            with self._path.open("ab") as file:
                file.write(data)
            self._path.chmod(0o640)
        except OSError as error:
            if not self._failed:
                _LOG.error("cannot write the security log: %s", error)
            self._failed = True
            return
        self._failed = False
        if cleared:
            self._on_cleared()

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0
