"""What a connection profile was before a change that has not proved itself yet (A01, A05).

A new password, address or security profile of a slot counts at once. What it was before is kept,
on disk, until there was a connection with the new one: then it is forgotten, and else it comes
back, so that a station never locks itself out.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from ocppd.clock import Timer
from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import NetworkConfiguration, OCPP16LegacyCtrlr, SecurityCtrlr
from ocppd.model.variables import Component, ComponentVariable, Variable
from ocppd.station.ports import Outside
from ocppd.station.security import Security

_LOG = logging.getLogger(__name__)
_SWITCH_TIMEOUT_S = 20
# What of a slot says where the CSMS is, and over which network.
_WHERE = ("OcppCsmsUrl", "OcppInterface", "Apn", "VpnServer")


@dataclass(frozen=True, slots=True)
class SlotBefore:
    """The values of a slot, by variable, before it was changed.

    `by_time` says that they come back after SwitchSecurityProfileConnectionTimeout, and else when
    the slot has used up its attempts.
    """

    slot: int
    values: dict[str, str] = field(repr=False)
    by_time: bool = False


@dataclass(frozen=True, slots=True)
class OldPassword:
    """The password of a slot before the present one, which has not worked yet."""

    slot: int
    password: str = field(repr=False)


class SlotTrials:
    """Keeps what was, until what is has worked."""

    def __init__(self, outside: Outside, device_model: DeviceModel, security: Security) -> None:
        self._outside = outside
        self._device_model = device_model
        self._security = security
        self._before: dict[int, SlotBefore] = {}
        self._passwords: dict[int, OldPassword] = {}
        self._timer: Timer | None = None

    def start(self) -> None:
        """Take back what was on trial before the daemon ended."""
        store = self._outside.store
        self._before = {each.slot: each for each in store.load(SlotBefore).values()}
        self._passwords = {each.slot: each for each in store.load(OldPassword).values()}
        self._begin_timer()

    # What is changed

    def keep(self, slot: int, values: Mapping[str, str], *, by_time: bool = False) -> None:
        """Keep what these variables of a slot were before they are changed.

        Of two changes in a row, what was before the first one is what has worked.
        """
        if slot in self._before:
            return
        before = SlotBefore(slot, dict(values), by_time)
        self._before[slot] = before
        self._outside.store.save(str(slot), before)

    def keep_password(self, slot: int, password: str) -> None:
        """Keep the password of a slot that has worked, as another takes its place (A01)."""
        if password and slot not in self._passwords:
            self._passwords[slot] = OldPassword(slot, password)
            self._outside.store.save(str(slot), self._passwords[slot])

    def begin_switch(self) -> None:
        """Begin to count the time that a new security profile has (whitepaper, A05.FR.07)."""
        self._begin_timer()

    def is_on_trial(self, slot: int) -> bool:
        """Tell whether a slot was changed and has had no connection since."""
        return slot in self._before

    def old_password(self, slot: int) -> str | None:
        """Return the former password of a slot, if the present one has not worked yet."""
        old = self._passwords.get(slot)
        return None if old is None else old.password

    # What becomes of it

    def on_connected(self, slot: int) -> None:
        """Forget what a slot was: it works as it is."""
        if self._before.pop(slot, None) is not None:
            self._outside.store.forget(SlotBefore, str(slot))
            self._begin_timer()

    def on_password_worked(self, slot: int, password: str) -> None:
        """Forget the former password if the CSMS took the present one."""
        if slot not in self._passwords:
            return
        model = self._device_model
        present = model.text(NetworkConfiguration.BasicAuthPassword(slot)) or model.text(
            SecurityCtrlr.BasicAuthPassword
        )
        if password == present:
            del self._passwords[slot]
            self._outside.store.forget(OldPassword, str(slot))
            _LOG.info("the CSMS takes the new password of slot %d", slot)
        else:
            _LOG.warning("the CSMS takes the former password of slot %d, not the new one", slot)

    def on_slot_failed(self, slot: int, *, reached: bool) -> None:
        """Bring back what a slot was, when it has used up its attempts.

        Attempts that never reached the CSMS say nothing against the new values, unless those lead
        elsewhere: then a wrong address cannot be told from a network that is down, and the address
        that has worked is the better one to wait with.
        """
        before = self._before.get(slot)
        if before is None or before.by_time or not (reached or self._leads_elsewhere(before)):
            return
        self._bring_back(before)

    def _leads_elsewhere(self, before: SlotBefore) -> bool:
        return any(
            before.values.get(name, "") != self._device_model.text(_address(before.slot, name))
            for name in _WHERE
            if name in before.values
        )

    def forget(self, slot: int) -> None:
        """Forget all about a slot that is no more."""
        self.on_connected(slot)
        if self._passwords.pop(slot, None) is not None:
            self._outside.store.forget(OldPassword, str(slot))

    # Inside

    def _begin_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if any(before.by_time for before in self._before.values()):
            seconds = self._device_model.integer(
                OCPP16LegacyCtrlr.SwitchSecurityProfileConnectionTimeout, _SWITCH_TIMEOUT_S
            )
            self._timer = self._outside.clock.call_later(seconds, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        with self._outside.store.atomically():
            for before in [each for each in self._before.values() if each.by_time]:
                self._bring_back(before)
        self._outside.csms.reconnect("falling back to the former security profile")

    def _bring_back(self, before: SlotBefore) -> None:
        """Undo a change that did not work (A05.FR.08)."""
        slot = before.slot
        _LOG.warning("no connection with slot %d as it was changed: it is as before again", slot)
        with self._outside.store.atomically():
            for name, value in before.values.items():
                self._device_model.set_actual(_address(slot, name), value)
            self._before.pop(slot, None)
            self._outside.store.forget(SlotBefore, str(slot))
        self._security.raise_event(
            "ReconfigurationOfSecurityParameters", f"slot {slot} did not work and is as before"
        )


def _address(slot: int, name: str) -> ComponentVariable:
    return ComponentVariable(Component("NetworkConfiguration", str(slot)), Variable(name))
