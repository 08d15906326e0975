"""Which way to the CSMS comes next, and when: connection profiles and back-off (B10).

The slots are the instances of NetworkConfiguration, tried in the order of
NetworkConfigurationPriority.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from ocppd.csms.spelling import SUBPROTOCOLS
from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import (
    InternalCtrlr,
    NetworkConfiguration,
    OCPPCommCtrlr,
    SecurityCtrlr,
)

# However the variables are set, the CSMS is not called more often than this.
_SHORTEST_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class NetworkProfile:
    """One way to a CSMS, as the device model has it now.

    `versions` are what may be offered on it, in order of preference.
    """

    slot: int
    url: str
    identity: str
    security_profile: int
    password: str = field(repr=False)
    message_timeout_s: int
    interface: str
    transport: str
    versions: tuple[str, ...]


class Unusable(Exception):
    """A slot cannot be used as it is; the text says why."""


def profile_of(slot: int, model: DeviceModel) -> NetworkProfile:
    """Read a slot of the device model.

    Raises:
        Unusable: something is missing or contradicts itself

    """
    url = model.text(NetworkConfiguration.OcppCsmsUrl(slot))
    if not url:
        raise Unusable(f"not configured: slot {slot} has no OcppCsmsUrl")
    identity = model.text(NetworkConfiguration.Identity(slot)) or model.text(SecurityCtrlr.Identity)
    if not identity or ":" in identity:  # part 4, 3.1.1
        raise Unusable(f"slot {slot} has no Identity, or one with a colon")
    security_profile = model.integer(NetworkConfiguration.SecurityProfile(slot), -1)
    if not 0 <= security_profile <= 3:
        raise Unusable(f"slot {slot} has no SecurityProfile")
    wanted = "wss" if security_profile >= 2 else "ws"
    if url.partition("://")[0].lower() != wanted:  # A00.FR.312, FR.415
        raise Unusable(f"slot {slot}: security profile {security_profile} needs a {wanted} address")
    confirmed = model.integer(SecurityCtrlr.SecurityProfile)
    if security_profile < confirmed and not (
        (confirmed, security_profile) == (3, 2)
        and model.flag(SecurityCtrlr.AllowSecurityProfileDowngrade)
    ):  # A05: a profile that was reached is not left downwards
        raise Unusable(f"slot {slot} has security profile {security_profile}, below {confirmed}")
    password = model.text(NetworkConfiguration.BasicAuthPassword(slot)) or model.text(
        SecurityCtrlr.BasicAuthPassword
    )
    if security_profile in (1, 2) and not password:
        raise Unusable(f"slot {slot} has no BasicAuthPassword")
    return NetworkProfile(
        slot=slot,
        url=url,
        identity=identity,
        security_profile=security_profile,
        password=password,
        message_timeout_s=model.integer(NetworkConfiguration.MessageTimeout(slot))
        or model.integer(OCPPCommCtrlr.MessageTimeout_Default)
        or 30,
        interface=model.text(NetworkConfiguration.OcppInterface(slot), "Any"),
        transport=model.text(NetworkConfiguration.OcppTransport(slot), "JSON"),
        versions=_versions(slot, security_profile, model),
    )


def _versions(slot: int, security_profile: int, model: DeviceModel) -> tuple[str, ...]:
    """Return the versions to offer; 2.x has no connection without authentication."""
    supported = model.members(InternalCtrlr.SupportedOcppVersions)
    versions = tuple(
        version for version, subprotocol in SUBPROTOCOLS.items() if subprotocol in supported
    )
    versions = tuple(sorted(versions, key=lambda one: supported.index(SUBPROTOCOLS[one])))
    if security_profile == 0 and not model.flag(InternalCtrlr.AllowSecurityLevelZeroConnections):
        versions = tuple(version for version in versions if version == "1.6")
    if not versions:
        why = ": security profile 0 is for 1.6 alone" if supported and security_profile == 0 else ""
        raise Unusable(f"slot {slot}: no version of OCPP may be offered on it{why}")
    return versions


class Rotation:
    """The order in which slots are tried.

    The first slot of the priority list comes first (B10.FR.04), each gets so many attempts
    (B10.FR.03), and when all have failed, the one that worked last is kept to (B10.FR.07).
    """

    def __init__(self, model: DeviceModel) -> None:
        self._model = model
        self._order = [
            int(slot)
            for slot in model.members(OCPPCommCtrlr.NetworkConfigurationPriority)
            if slot.isdecimal()
        ]
        self._at = 0
        self._failures = 0
        self._failed_slots = 0
        self._last_good: int | None = None

    @property
    def slot(self) -> int | None:
        """The slot to try now; None if there is none."""
        return self._order[self._at] if self._order else None

    def succeeded(self) -> None:
        """Note that the slot of now has a connection."""
        self._last_good = self._at
        self._failures = 0
        self._failed_slots = 0

    def failed(self) -> bool:
        """Note that an attempt failed; True if another slot is next."""
        if not self._order:
            return False
        self._failures += 1
        attempts = self._model.integer(OCPPCommCtrlr.NetworkProfileConnectionAttempts, 3)
        return attempts >= 0 and self._failures >= max(attempts, 1) and self._next_slot()

    def skipped(self) -> bool:
        """Note that the slot of now is unusable; True if another slot is next."""
        return bool(self._order) and self._next_slot()

    def _next_slot(self) -> bool:
        self._failures = 0
        self._failed_slots += 1
        before = self._at
        if self._last_good is not None and self._failed_slots >= len(self._order):
            self._at = self._last_good
        else:
            self._at = (self._at + 1) % len(self._order)
        return self._at != before

    @property
    def all_failed(self) -> bool:
        """Whether each slot had its attempts since the last success."""
        return self._failed_slots >= len(self._order)


class BackOff:
    """How long to wait before the next attempt (part 4, 5.3 of 2.0.1, 5.4 of 2.1).

    The minimum, doubled after each failure so many times, and each time a random part.
    """

    def __init__(self, model: DeviceModel, random: Callable[[], float]) -> None:
        self._model = model
        self._random = random
        self._failures = 0

    def succeeded(self) -> None:
        """Begin anew (errata 2025-04, 4.12)."""
        self._failures = 0

    def failed(self) -> None:
        """Double the next wait."""
        self._failures += 1

    def wait_s(self) -> float:
        """Return the seconds to wait now."""
        model = self._model
        minimum = model.integer(OCPPCommCtrlr.RetryBackOffWaitMinimum, 1)
        span = model.integer(OCPPCommCtrlr.RetryBackOffRandomRange)
        doublings = min(self._failures, model.integer(OCPPCommCtrlr.RetryBackOffRepeatTimes), 16)
        return max(float(minimum << doublings) + self._random() * span, _SHORTEST_WAIT_S)
