"""A message bus of our own, with the access policy that ocppd ships."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

_POLICIES = (
    Path(__file__).parents[3] / "dbus" / "org.everest.Ocpp.conf",
    Path("/usr/share/dbus-1/system.d/org.everest.Ocpp.conf"),
)
_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
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
    <allow send_destination="org.freedesktop.DBus"
           send_interface="org.freedesktop.DBus.Monitoring"/>
  </policy>
</busconfig>
"""


class BusFailed(Exception):
    """The bus does not start; the text says why."""


class PrivateBus:
    """A dbus-daemon in a folder; who runs it may do there what root may on the system bus."""

    def __init__(self, folder: Path, groups: Mapping[str, str] | None = None) -> None:
        """Prepare a bus; `groups` replaces group names of the policy by groups that exist here."""
        self._folder = folder
        self._groups = groups or {}
        self._process: subprocess.Popen[bytes] | None = None
        self.socket = folder / "bus"

    @property
    def address(self) -> str:
        """The address for DBUS_SYSTEM_BUS_ADDRESS, `busctl --address=` and `ocppd --bus`."""
        return f"unix:path={self.socket}"

    def start(self) -> None:
        """Start it, and return when it listens.

        Raises BusFailed.
        """
        policy = next((path for path in _POLICIES if path.exists()), None)
        if policy is None:
            raise BusFailed(f"the policy {_POLICIES[0].name} is not there")
        if shutil.which("dbus-daemon") is None:
            raise BusFailed("there is no dbus-daemon; it comes with the package of that name")
        included = self._folder / "policy.conf"
        rules = policy.read_text()
        for name, here in self._groups.items():
            rules = rules.replace(f'policy group="{name}"', f'policy group="{here}"')
        included.write_text(rules)
        config = self._folder / "bus.conf"
        config.write_text(_CONFIG.format(socket=self.socket, policy=included, uid=os.geteuid()))
        self.socket.unlink(missing_ok=True)
        with (self._folder / "bus.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address"],
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us; the bus goes last
            )
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            raise BusFailed((self._folder / "bus.log").read_text().strip())

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it; its clients lose their connections."""
        if self._process is not None:
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process.send_signal(how)
            self._process.wait()
            self._process = None
