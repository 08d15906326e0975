"""Whether the station can keep its promises, and why not."""

from ocppd.station.ports import HostPort


class Health:
    """Reasons, each by who gives it; none means well."""

    def __init__(self, host: HostPort) -> None:
        self._host = host
        self._reasons: dict[str, str] = {}

    @property
    def reasons(self) -> tuple[str, ...]:
        """In words for a person."""
        return tuple(self._reasons.values())

    def note(self, who: str, reason: str | None) -> None:
        """Note what is wrong with a part, or (None) that it is well."""
        if self._reasons.get(who) == reason:
            return
        if reason is None:
            self._reasons.pop(who, None)
        else:
            self._reasons[who] = reason
        self._host.health_changed()
