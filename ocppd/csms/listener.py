"""The station, as far as the connection to the CSMS goes."""

from typing import Any, Protocol

from ocppd.model.queue import QueueEntry
from ocppd.model.registration import ConnectionStatus


class Listener(Protocol):
    """Who is told of the connection, and asked about it."""

    @property
    def registration_status(self) -> str | None:
        """What the CSMS answered to the last BootNotification; None before that."""

    @property
    def idle(self) -> bool:
        """Whether a change of CSMS would tear nothing apart: no transaction, nothing queued."""

    def on_connected(self, status: ConnectionStatus) -> None:
        """Take note of a connection; `status` has the version."""

    def on_disconnected(self, status: ConnectionStatus) -> None:
        """Take note that there is none, or still none; `status` has the reason."""

    def on_trouble(self, reason: str | None) -> None:
        """Take note of what keeps us off until a person mends it; None when it is over."""

    def on_event_answered(self, entry: QueueEntry, response: Any) -> None:
        """Use the answer to a queued message, in the unit of work that removes it."""

    def on_event_given_up(self, entry: QueueEntry, reason: str) -> None:
        """Take note that a queued message was set aside (E13.FR.04)."""

    def on_security_event(self, event_type: str, info: str) -> None:
        """Take what the security log should hold."""

    async def configure_network(self, slot: int) -> str | None:
        """Bring up the network of a slot; returns the address or interface to connect from.

        None means any. Raises NetworkNotReady where there is no such network now.
        """

    def old_password(self, slot: int) -> str | None:
        """Return the password that a slot had before one that has not worked yet."""

    def on_password_worked(self, slot: int, password: str) -> None:
        """Take note that the CSMS took a password."""

    def on_slot_failed(self, slot: int, *, reached: bool) -> None:
        """Take note that all attempts that a slot has in a round have failed.

        `reached` tells whether one of them came as far as the CSMS.
        """
