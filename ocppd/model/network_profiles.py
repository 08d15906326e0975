"""Connection profiles (B09, B10), and the network that one needs from the host."""

from dataclasses import dataclass, field
from enum import StrEnum

from ocppd.model.variables import StatusInfo


@dataclass(frozen=True, slots=True)
class Apn:
    """APNType: how to get into a mobile network."""

    apn: str
    authentication: str
    user_name: str | None = None
    password: str | None = field(default=None, repr=False)
    sim_pin: str | None = field(default=None, repr=False)
    preferred_network: str | None = None
    use_only_preferred_network: bool | None = None


@dataclass(frozen=True, slots=True)
class Vpn:
    """VPNType: how to get into a virtual private network."""

    server: str
    type: str
    user: str | None = None
    group: str | None = None
    password: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class NetworkConnectionProfile:
    """NetworkConnectionProfileType; `version` is what nobody has to heed (deprecated)."""

    url: str
    security_profile: int
    message_timeout_s: int
    interface: str
    transport: str
    version: str | None = None
    identity: str | None = None
    basic_auth_password: str | None = field(default=None, repr=False)
    apn: Apn | None = None
    vpn: Vpn | None = None


@dataclass(frozen=True, slots=True)
class SetNetworkProfile:
    """SetNetworkProfileRequest."""

    slot: int
    profile: NetworkConnectionProfile


class SetNetworkProfileStatus(StrEnum):
    """SetNetworkProfileStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class SetNetworkProfileResult:
    """SetNetworkProfileResponse."""

    status: SetNetworkProfileStatus
    status_info: StatusInfo | None = None


class NetworkStatus(StrEnum):
    """What the host says of a network that it was asked for."""

    READY = "Ready"
    PROCESSING = "Processing"
    FAILED = "Failed"
    REJECTED = "Rejected"
    NOT_SUPPORTED = "NotSupported"


@dataclass(frozen=True, slots=True)
class ConfigureNetwork:
    """Asks the host to bring up the network of a connection profile."""

    interface: str
    apn: Apn | None = None
    vpn: Vpn | None = None


@dataclass(frozen=True, slots=True)
class NetworkResult:
    """What became of it; `interface_address` is what to connect from: an address or a name."""

    status: NetworkStatus
    interface_address: str | None = None


@dataclass(frozen=True, slots=True)
class NetworkReport:
    """ReportConfigureNetworkStatus: the end of a request that was being processed."""

    request_id: int
    status: NetworkStatus
    interface_address: str | None = None
