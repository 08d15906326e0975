"""Why the station started, as far as the station itself can tell.

The host may know better (`GetBootReason`); this is for when nobody does.
"""

from dataclasses import dataclass

from ocppd.model.registration import BootReason
from ocppd.station.ports import Store

_KEY = "last"


@dataclass(frozen=True, slots=True)
class LastBoot:
    """The boot of the machine during which the daemon ran last; `id` is the kernel's."""

    id: str


@dataclass(frozen=True, slots=True)
class PendingReset:
    """A reset that the CSMS asked for and that was begun."""

    reason: BootReason


class BootHistory:
    """What earlier runs left behind.

    `boot_id` identifies the present boot of the machine, if that can be known.
    """

    def __init__(self, store: Store, boot_id: str | None = None) -> None:
        self._store = store
        self._boot_id = boot_id
        self.reason = BootReason.POWER_UP
        """Why this run began."""
        self.machine_restarted = True
        """Whether the machine itself has booted since the last run."""

    def start(self) -> None:
        """Look at what the last run left, and leave word for the next."""
        last = self._store.load(LastBoot).get(_KEY)
        reset = self._store.load(PendingReset).get(_KEY)
        self.machine_restarted = last is None or self._boot_id is None or last.id != self._boot_id
        if reset is not None:
            self.reason = reset.reason
        elif not self.machine_restarted:
            self.reason = BootReason.APPLICATION_RESET
        with self._store.atomically():
            if reset is not None:
                self._store.forget(PendingReset, _KEY)
            if self._boot_id is not None and (last is None or last.id != self._boot_id):
                self._store.save(_KEY, LastBoot(self._boot_id))

    def expect_reset(self, reason: BootReason) -> None:
        """Leave word that the next start is this reset."""
        self._store.save(_KEY, PendingReset(reason))

    def no_reset(self) -> None:
        """Take back what `expect_reset` said."""
        self._store.forget(PendingReset, _KEY)
