"""Restarting the machine, by systemd-logind or elogind (org.freedesktop.login1)."""

from ocppd.dbus.binding import Bus

_NAME = "org.freedesktop.login1"
_PATH = "/org/freedesktop/login1"
_MANAGER = "org.freedesktop.login1.Manager"


_REFUSALS = {
    "na": "this machine cannot be restarted",
    "no": "polkit forbids ocppd to restart this machine",
    "challenge": "polkit wants a password to restart this machine: the rule for ocppd is missing",
}


async def refusal(bus: Bus, timeout_s: float) -> str | None:
    """Say why this process may not restart the machine without anybody being asked.

    Returns None if it may.

    Raises:
        DBusError: there is no logind, or it refuses to say
        TimeoutError, ConnectionError: no answer

    """
    [word] = await bus.call(_NAME, _PATH, _MANAGER, "CanReboot", timeout_s=timeout_s)
    return None if word == "yes" else _REFUSALS.get(word, f"logind says {word!r}")


async def reboot(bus: Bus, timeout_s: float) -> None:
    """Restart the machine; never asks for a password.

    Raises:
        DBusError: not allowed, or there is no logind
        TimeoutError, ConnectionError: no answer

    """
    await bus.call(_NAME, _PATH, _MANAGER, "Reboot", "b", [False], timeout_s=timeout_s)
