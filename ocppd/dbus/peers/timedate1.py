"""Setting the machine's clock, by systemd-timedated (org.freedesktop.timedate1)."""

from datetime import datetime

from ocppd.dbus.binding import Bus

_NAME = "org.freedesktop.timedate1"
_PATH = "/org/freedesktop/timedate1"


async def set_time(bus: Bus, moment: datetime, timeout_s: float) -> None:
    """Set the clock to a moment; never asks for a password.

    Raises:
        DBusError: not allowed, the clock is kept by NTP, or there is no timedated
        TimeoutError, ConnectionError: no answer

    """
    microseconds = int(moment.timestamp() * 1_000_000)
    await bus.call(
        _NAME, _PATH, _NAME, "SetTime", "xbb", [microseconds, False, False], timeout_s=timeout_s
    )
