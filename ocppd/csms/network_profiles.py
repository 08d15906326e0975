"""Which way to the CSMS comes next: connection profiles (B10).

The slots are the instances of NetworkConfiguration, tried in the order of
NetworkConfigurationPriority.
"""

from dataclasses import dataclass, field

from ocppd.csms.spelling import SUBPROTOCOLS
from ocppd.device_model.device_model import DeviceModel
from ocppd.device_model.names import (
    InternalCtrlr,
    NetworkConfiguration,
    OCPPCommCtrlr,
    SecurityCtrlr,
)


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


class NotConfigured(Unusable):
    """Nobody has said yet where the CSMS is: a state of a new station, not a fault."""


def profile_of(slot: int, model: DeviceModel) -> NetworkProfile:
    """Read a slot of the device model.

    Raises:
        NotConfigured: it has no address
        Unusable: something else is missing or contradicts itself

    """
    url = model.text(NetworkConfiguration.OcppCsmsUrl(slot))
    if not url:
        raise NotConfigured(f"not configured: slot {slot} has no OcppCsmsUrl")
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

    At the start, and when the priority changed, the first slot of the priority list comes first
    (B10.FR.04). Each gets so many attempts (B10.FR.03). After a loss the slot that was connected is
    first, then all others. When all have failed, the next round does the same: first the slot that
    worked last (B10.FR.07), then all others (B10.FR.08), for ever (B10.FR.09).
    """

    def __init__(self, model: DeviceModel) -> None:
        self._model = model
        self._last_good: int | None = None
        self._failures = 0
        self._at_once: frozenset[int] = frozenset()
        self.rounds = 0
        """How many rounds through all slots failed since the last connection."""
        self._left = self.priority()

    def priority(self) -> list[int]:
        """Return the slots of the priority list, each once."""
        slots = self._model.members(OCPPCommCtrlr.NetworkConfigurationPriority)
        return list(dict.fromkeys(int(slot) for slot in slots if slot.isdecimal()))

    @property
    def slot(self) -> int | None:
        """The slot to try now; None if there is none."""
        return self._left[0] if self._left else None

    @property
    def last_good(self) -> int | None:
        """The slot that worked last since the start."""
        return self._last_good

    def better_than(self, slot: int) -> list[int]:
        """Return the slots that are preferred to one; all if that one is not in the list."""
        order = self.priority()
        return order[: order.index(slot)] if slot in order else order

    def begin(self) -> None:
        """Begin with the first of the priority list, as after a start."""
        self._left = self.priority()
        self._failures = self.rounds = 0
        self._at_once = frozenset()
        if not self._left and self._last_good is not None:
            self._left = [self._last_good]

    def try_better(self, better: list[int]) -> None:
        """Try each of these slots once, and then go back to the slot of now."""
        self._left = [*better, *self._round()]
        self._at_once = frozenset(better)
        self._failures = self.rounds = 0

    def succeeded(self) -> None:
        """Note that the slot of now has a connection."""
        self._last_good = self.slot
        self._failures = self.rounds = 0
        self._at_once = frozenset()
        self._left = self._round()

    def failed(self) -> bool:
        """Note that an attempt failed; True if another slot is next."""
        if self.slot is None:
            self._left = self._round()
            return False
        self._failures += 1
        attempts = self._model.integer(OCPPCommCtrlr.NetworkProfileConnectionAttempts, 3)
        if self.slot in self._at_once:
            attempts = 1
        return attempts >= 0 and self._failures >= max(attempts, 1) and self.skipped()

    def skipped(self) -> bool:
        """Leave the slot of now for the rest of this round; True if another slot is next."""
        before = self.slot
        self._failures = 0
        if before in self._at_once:
            self._at_once -= {before}
        self._left = self._left[1:]
        if not self._left:
            self.rounds += 1
            self._left = self._round()
        return self.slot != before

    def _round(self) -> list[int]:
        """Return the order of a whole round."""
        order = self.priority()
        if self._last_good is None:
            return order
        return [self._last_good, *(slot for slot in order if slot != self._last_good)]


def version_spoken_last(model: DeviceModel) -> str | None:
    """Return what the active slot noted at the last connection, before this start of the daemon."""
    slot = model.integer(OCPPCommCtrlr.ActiveNetworkProfile)
    noted = model.text(NetworkConfiguration.OcppVersion(slot))
    for version in SUBPROTOCOLS:
        if noted == "OCPP" + version.replace(".", ""):
            return version
    return None


def preferred_version(model: DeviceModel) -> str | None:
    """Return what is offered first on the connection that is tried first, if there is any."""
    slot = Rotation(model).slot
    if slot is None:
        return None
    try:
        return profile_of(slot, model).versions[0]
    except Unusable:
        return None
