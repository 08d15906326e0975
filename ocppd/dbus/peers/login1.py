"""Restarting the machine, by systemd-logind or elogind (org.freedesktop.login1)."""

from ocppd.dbus.binding import Bus

_NAME = "org.freedesktop.login1"
_PATH = "/org/freedesktop/login1"
_MANAGER = "org.freedesktop.login1.Manager"


async def can_reboot(bus: Bus, timeout_s: float) -> bool:
    """Tell whether this process may restart the machine without anybody being asked.

    Raises:
        DBusError: there is no logind, or it refuses to say
        TimeoutError, ConnectionError: no answer

    """
    [word] = await bus.call(_NAME, _PATH, _MANAGER, "CanReboot", timeout_s=timeout_s)
    return bool(word == "yes")


async def reboot(bus: Bus, timeout_s: float) -> None:
    """Restart the machine; never asks for a password.

    Raises:
        DBusError: not allowed, or there is no logind
        TimeoutError, ConnectionError: no answer

    """
    await bus.call(_NAME, _PATH, _MANAGER, "Reboot", "b", [False], timeout_s=timeout_s)
