"""A private message bus with the policy that ocppd ships.

`PrivateBus` runs a real dbus-daemon of the type "system", with the rules of the distribution's
system bus and `dbus/org.everest.Ocpp.conf` after them. Use it as a context manager, or `start`,
`kill` and `start` again for a bus that dies and comes back at the same address. The user who runs
the tests may do what root may.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

POLICY = Path(__file__).parents[1] / "dbus" / "org.everest.Ocpp.conf"

CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <auth>EXTERNAL</auth>
  <listen>unix:path={socket}</listen>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>
    <allow send_destination="org.freedesktop.DBus"
           send_interface="org.freedesktop.DBus.Introspectable"/>
    <allow send_destination="org.freedesktop.DBus"
           send_interface="org.freedesktop.DBus.Properties"/>
  </policy>
  <include>{policy}</include>
  <policy user="{uid}">
    <allow own="*"/>
    <allow send_type="method_call"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"""


class PrivateBus:
    """A dbus-daemon of our own.

    `groups` replaces group names of the policy by groups of this machine, so that the policy can
    be tried where the package is not installed. `socket` keeps the address over a restart.
    """

    def __init__(self, groups: Mapping[str, str] | None = None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="ocppd-bus-"))
        self._folder.chmod(0o755)
        self._groups = groups or {}
        self._process: subprocess.Popen[bytes] | None = None
        self.socket = self._folder / "bus"

    @property
    def address(self) -> str:
        """The address for DBUS_SYSTEM_BUS_ADDRESS, `busctl --address=` and `ocppd --bus`."""
        return f"unix:path={self.socket}"

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment with the bus as the system bus."""
        return {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.address}

    @property
    def pid(self) -> int:
        """The process id of the running daemon."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start the daemon and wait until it listens."""
        policy = POLICY.read_text()
        for name, here in self._groups.items():
            policy = policy.replace(f'policy group="{name}"', f'policy group="{here}"')
        included = self._folder / "policy.conf"
        included.write_text(policy)
        config = self._folder / "bus.conf"
        config.write_text(CONFIG.format(socket=self.socket, policy=included, uid=os.geteuid()))
        self.socket.unlink(missing_ok=True)
        log = (self._folder / "log").open("ab")
        self._process = subprocess.Popen(
            ["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address"],
            stdout=subprocess.PIPE,
            stderr=log,
        )
        log.close()
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            raise RuntimeError((self._folder / "log").read_text())

    def kill(self) -> None:
        """End the daemon at once; its clients lose their connections."""
        if self._process is not None:
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process.kill()
            self._process.wait()
            self._process = None

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
