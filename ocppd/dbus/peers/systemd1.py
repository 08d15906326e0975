"""Why this process runs, by what systemd and the kernel know."""

import os
import time
from pathlib import Path

from ocppd.dbus.binding import Bus, DBusError
from ocppd.model.registration import BootReason

_NAME = "org.freedesktop.systemd1"
_PATH = "/org/freedesktop/systemd1"
_PROPERTIES = "org.freedesktop.DBus.Properties"

# WDIOF_CARDRESET of linux/watchdog.h: the watchdog restarted the machine.
_CARDRESET = 0x20
_BOOT_STATUS = Path("/sys/class/watchdog/watchdog0/bootstatus")

# A daemon that starts later than this after the machine did was started anew by somebody.
_BOOT_TAKES_S = 600.0


async def boot_reason(bus: Bus, timeout_s: float, boot_status: Path = _BOOT_STATUS) -> BootReason:
    """Tell whether the machine started, by itself or by its watchdog, or only this process."""
    if await _restarts(bus, timeout_s) > 0:
        return BootReason.APPLICATION_RESET
    if time.clock_gettime(time.CLOCK_BOOTTIME) - time.process_time() > _BOOT_TAKES_S:
        return BootReason.APPLICATION_RESET
    if _by_watchdog(boot_status):
        return BootReason.WATCHDOG
    return BootReason.POWER_UP


def _by_watchdog(boot_status: Path) -> bool:
    try:
        return bool(int(boot_status.read_text()) & _CARDRESET)
    except (OSError, ValueError):
        return False  # no watchdog, or one that does not tell


async def _restarts(bus: Bus, timeout_s: float) -> int:
    """Return how often systemd has restarted our unit; 0 where there is none."""
    try:
        [unit] = await bus.call(
            _NAME,
            _PATH,
            f"{_NAME}.Manager",
            "GetUnitByPID",
            "u",
            [os.getpid()],
            timeout_s=timeout_s,
        )
        [count] = await bus.call(
            _NAME,
            unit,
            _PROPERTIES,
            "Get",
            "ss",
            [f"{_NAME}.Service", "NRestarts"],
            timeout_s=timeout_s,
        )
    except (DBusError, TimeoutError, ConnectionError):
        return 0
    return int(count.value)
