"""A private message bus with the policy that ocppd ships, for tests.

`PrivateBus` is a real dbus-daemon of the type "system", with the rules of the distribution's system
bus and `dbus/org.everest.Ocpp.conf` after them. Use it as a context manager, or `start`, `kill` and
`start` again for a bus that dies and comes back at the same address. The user who runs the tests
may do what root may.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from ocppd.tools.demo import private_bus


class PrivateBus(private_bus.PrivateBus):
    """A dbus-daemon of our own, in a folder of its own."""

    def __init__(self, groups: Mapping[str, str] | None = None) -> None:
        folder = Path(tempfile.mkdtemp(prefix="ocppd-bus-"))
        folder.chmod(0o755)
        super().__init__(folder, groups)

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment with the bus as the system bus."""
        return {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.address}

    @property
    def pid(self) -> int:
        """The process id of the running daemon."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End the daemon at once; its clients lose their connections."""
        self.stop(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop the daemon where it is, so that nobody can send or receive."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen daemon go on."""
        os.kill(self.pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
