"""`/etc/ocppd/ocppd.yaml` as one frozen Config.

How this box runs the daemon: identity, topology, CSMS slots, storage, log. It is checked as a
whole, only read, and says where each mistake is. Whatever OCPP calls a variable is given to the
device model on the first start and changes there.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ocppd.device_model.names import (
    ChargingStation,
    InternalCtrlr,
    NetworkConfiguration,
    OCPPCommCtrlr,
    SecurityCtrlr,
)
from ocppd.model.charging_schedules import ChargingRateUnit
from ocppd.model.variables import ComponentVariable
from ocppd.strict_yaml import Node, YamlError, load

DEFAULT_FILE = Path("/etc/ocppd/ocppd.yaml")
DEFAULT_STATE = Path("/var/lib/ocppd")
DEFAULT_DEVICE_MODEL = Path("/etc/ocppd/device-model.d")
VERSIONS = ("2.1", "2.0.1", "1.6")
_URL = re.compile(r"wss?://[^\s/?#]+(?:[/?][^\s#]*)?")
_IDENTITY = re.compile(r"[A-Za-z0-9*\-_=+|@.]+")  # identifierString of 2.x, without the colon
_IDENTITY_16 = re.compile(r"[ -~]+")  # OCPP-J 1.6 escapes what a URL cannot have
_PROXY = re.compile(r"http://(\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\[\]]+)(?::(\d{1,5}))?/?")
_INTERFACES = (
    *(f"{kind}{number}" for kind in ("Wired", "Wireless") for number in range(4)),
    "Any",
)
_CREDENTIALS = "$CREDENTIALS_DIRECTORY/"
_UNREAD = "of systemd"
_MOST_EVSES = 128
_MOST_CONNECTORS = 16


@dataclass(frozen=True, slots=True)
class StationConfig:
    """What the station is: BootNotification tells it to the CSMS."""

    vendor: str = "unknown"
    model: str = "unknown"
    serial_number: str | None = None
    firmware_version: str | None = None
    iccid: str | None = None
    imsi: str | None = None


@dataclass(frozen=True, slots=True)
class SlotConfig:
    """One way to a CSMS: a slot of the component NetworkConfiguration."""

    slot: int
    url: str
    identity: str
    security_profile: int
    password: str | None = field(default=None, repr=False)
    message_timeout_s: int = 30
    interface: str = "Any"


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """Files for security profiles 2 and 3; without `ca_file` the system's roots are trusted."""

    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class ProxyConfig:
    """An HTTP proxy on the way to every CSMS."""

    host: str
    port: int
    user: str | None = None
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ConnectionConfig:
    """How this box connects, whatever the CSMS.

    `interfaces` has the machine's name for an OcppInterface. `return_after_s` is how long an idle
    station stays with a CSMS that is not its first choice; 0: until that one is lost.
    """

    compression: bool = True
    return_after_s: float = 3600.0
    interfaces: Mapping[str, str] = field(default_factory=dict)
    proxy: ProxyConfig | None = None


@dataclass(frozen=True, slots=True)
class HostConfig:
    """How long the host's agents may take, and what the daemon does without them."""

    agent_timeout_s: float = 10.0
    agent_grace_s: float = 15.0
    builtin_system: bool = True


@dataclass(frozen=True, slots=True)
class SchedulesConfig:
    """How composite schedules are published: each `interval_s` (0: on change only)."""

    interval_s: int = 30
    duration_s: int = 600
    unit: ChargingRateUnit = ChargingRateUnit.A


@dataclass(frozen=True, slots=True)
class QueueConfig:
    """How long the rest of a transaction waits for a CSMS of the OCPP that it was begun in."""

    orphan_after_h: float = 72.0


@dataclass(frozen=True, slots=True)
class Config:
    """All of the file; `evses` has the connector types of each EVSE."""

    station: StationConfig = StationConfig()
    evses: tuple[tuple[str, ...], ...] = ()
    csms: tuple[SlotConfig, ...] = ()
    versions: tuple[str, ...] = VERSIONS
    tls: TlsConfig = TlsConfig()
    connection: ConnectionConfig = field(default_factory=ConnectionConfig)
    host: HostConfig = HostConfig()
    charging_schedules: SchedulesConfig = SchedulesConfig()
    queue: QueueConfig = QueueConfig()
    device_model: Path = DEFAULT_DEVICE_MODEL
    log_level: str = "info"
    max_message_size: int = 1 << 20
    message_journal_size: int = 8 << 20

    @property
    def slots(self) -> int:
        """The highest slot of NetworkConfiguration that is configured, 1 without any."""
        return max((slot.slot for slot in self.csms), default=1)

    def initial_values(self) -> dict[ComponentVariable, str]:
        """Return what the device model is told on the first start."""
        station = self.station
        values: dict[ComponentVariable, str | None] = {
            ChargingStation.VendorName: station.vendor,
            ChargingStation.Model: station.model,
            ChargingStation.SerialNumber: station.serial_number,
            ChargingStation.FirmwareVersion: station.firmware_version,
            InternalCtrlr.ChargePointVendor: station.vendor,
            InternalCtrlr.ChargePointModel: station.model,
            InternalCtrlr.ChargePointSerialNumber: station.serial_number,
            InternalCtrlr.ChargeBoxSerialNumber: station.serial_number,
            InternalCtrlr.FirmwareVersion: station.firmware_version,
            InternalCtrlr.ICCID: station.iccid,
            InternalCtrlr.IMSI: station.imsi,
            InternalCtrlr.SupportedOcppVersions: ",".join(f"ocpp{one}" for one in self.versions),
        }
        for slot in self.csms:
            values |= {
                NetworkConfiguration.OcppCsmsUrl(slot.slot): slot.url,
                NetworkConfiguration.Identity(slot.slot): slot.identity,
                NetworkConfiguration.SecurityProfile(slot.slot): str(slot.security_profile),
                NetworkConfiguration.BasicAuthPassword(slot.slot): slot.password,
                NetworkConfiguration.MessageTimeout(slot.slot): str(slot.message_timeout_s),
                NetworkConfiguration.OcppInterface(slot.slot): slot.interface,
                NetworkConfiguration.OcppTransport(slot.slot): "JSON",
            }
        if self.csms:
            values[SecurityCtrlr.Identity] = self.csms[0].identity
            values[SecurityCtrlr.SecurityProfile] = str(self.csms[0].security_profile)
            values[OCPPCommCtrlr.NetworkConfigurationPriority] = ",".join(
                str(slot.slot) for slot in self.csms
            )
        return {address: value for address, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Places:
    """Where the files are that ocppd.yaml names.

    `credentials` is the folder in which systemd gives the service what LoadCredential= says; None:
    this process was given nothing. Then they are a mistake, unless there is a list `unread`: their
    names are put there.
    """

    folder: Path
    credentials: Path | None = None
    unread: list[str] | None = None

    def of(self, node: Node) -> Path | None:
        """Return a file; None if it is a credential, and only the service can tell.

        Raises:
            YamlError: no text, or a credential that was not given

        """
        text = node.text(min_length=1)
        if not text.startswith(_CREDENTIALS):
            return self.folder / text
        name = text.removeprefix(_CREDENTIALS)
        if not re.fullmatch(r"[\w.-]+", name, re.ASCII) or name in (".", ".."):
            raise node.error(f"is not of the form {_CREDENTIALS}NAME")
        if self.credentials is not None:
            return self.credentials / name
        if self.unread is None:
            raise node.error(f"systemd has given no credentials: see LoadCredential={name}:…")
        self.unread.append(name)
        return None


def read(path: Path) -> Config:
    """Read and check the file.

    Raises:
        YamlError: a mistake, with file, line and path

    """
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    return decode(load(path), Places(path.parent, Path(credentials) if credentials else None))


def decode(root: Node, places: Places) -> Config:
    """Read the document of the file, as `read`."""
    if root.is_null:
        return Config()
    members = root.mapping(
        optional=(
            "station",
            "evses",
            "csms",
            "versions",
            "tls",
            "connection",
            "host",
            "charging_schedules",
            "queue",
            "device_model",
            "log",
            "max_message_size",
            "message_journal",
        )
    )

    def member(name: str) -> Node | None:
        node = members.get(name)
        return None if node is None or node.is_null else node

    config = Config()
    station, evses, csms, versions = (
        member(name) for name in ("station", "evses", "csms", "versions")
    )
    tls, host, schedules = (member(name) for name in ("tls", "host", "charging_schedules"))
    journal = member("message_journal")
    log, device_model, size = (member(name) for name in ("log", "device_model", "max_message_size"))
    connection, queue = member("connection"), member("queue")
    offered = _versions(versions) if versions else config.versions
    files = _tls(tls, places) if tls else config.tls
    return Config(
        station=_station(station) if station else config.station,
        evses=_evses(evses) if evses else config.evses,
        csms=_slots(csms, places, offered, files) if csms else config.csms,
        versions=offered,
        tls=files,
        connection=_connection(connection, places) if connection else config.connection,
        host=_host(host) if host else config.host,
        charging_schedules=_schedules(schedules) if schedules else config.charging_schedules,
        queue=_queue(queue) if queue else config.queue,
        device_model=_device_model(device_model, places.folder)
        if device_model
        else config.device_model,
        log_level=_log_level(log) if log else config.log_level,
        max_message_size=size.integer(65_536, 1 << 26) if size else config.max_message_size,
        message_journal_size=(
            _message_journal(journal) if journal else config.message_journal_size
        ),
    )


def _station(node: Node) -> StationConfig:
    members = node.mapping(
        required=("vendor", "model"),
        optional=("serial_number", "firmware_version", "iccid", "imsi"),
    )
    limits = {  # BootNotification of 1.6 and 2.x, whichever is shorter
        "vendor": 20,
        "model": 20,
        "serial_number": 25,
        "firmware_version": 50,
        "iccid": 20,
        "imsi": 20,
    }
    return StationConfig(
        **{
            name: member.text(min_length=1, max_length=limits[name])
            for name, member in members.items()
            if not member.is_null
        }
    )


def _evses(node: Node) -> tuple[tuple[str, ...], ...]:
    evses = node.items()
    if len(evses) > _MOST_EVSES:
        raise node.error(f"there are more than {_MOST_EVSES} EVSEs")
    found = []
    for evse in evses:
        connectors = evse.mapping(required=("connectors",), optional=())["connectors"]
        if not 1 <= len(connectors.items()) <= _MOST_CONNECTORS:
            raise connectors.error(f"an EVSE has 1 to {_MOST_CONNECTORS} connectors")
        found.append(
            tuple(connector.text(min_length=1, max_length=20) for connector in connectors.items())
        )
    return tuple(found)


def _slots(
    node: Node, places: Places, versions: tuple[str, ...], tls: TlsConfig
) -> tuple[SlotConfig, ...]:
    slots: list[SlotConfig] = []
    for item in node.items():
        members = item.mapping(
            required=("url", "identity"),
            optional=(
                "slot",
                "security_profile",
                "password",
                "password_file",
                "message_timeout_s",
                "interface",
            ),
        )
        slot = members["slot"].integer(1, 99) if "slot" in members else len(slots) + 1
        if any(slot == other.slot for other in slots):
            raise item.error(f"slot {slot} is there twice")
        slots.append(_slot(item, members, slot, places))
        _check_identity(members["identity"], versions)
        if slots[-1].security_profile == 3 and None in (tls.certificate_file, tls.key_file):
            raise item.error(
                "security profile 3 needs tls.certificate_file and tls.key_file, the station's own"
            )
    return tuple(slots)


def _check_identity(node: Node, versions: tuple[str, ...]) -> None:
    """Refuse what OCPP-J does not allow: in 1.6 any text, in 2.x an identifierString."""
    identity = node.text(min_length=1, max_length=48)
    if ":" in identity:  # RFC 7617: the user of Basic authentication
        raise node.error("must not contain a colon")
    if versions == ("1.6",):
        if not _IDENTITY_16.fullmatch(identity):
            raise node.error("must have printable characters of ASCII alone")
    elif not _IDENTITY.fullmatch(identity):
        raise node.error("must have letters, digits and any of *-_=+|@. alone, as OCPP 2.x wants")


def _check_url(node: Node) -> str:
    url = node.text(max_length=2000)
    if not _URL.fullmatch(url):
        raise node.error("is not the address of a WebSocket, as in wss://host/path")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise node.error("has a port outside 1..65535, or a host in wrong brackets") from None
    if not host:
        raise node.error("has no host")
    if port == 0:
        raise node.error("has a port outside 1..65535")
    return url


def _slot(item: Node, members: dict[str, Node], slot: int, places: Places) -> SlotConfig:
    url = _check_url(members["url"])
    identity = members["identity"].text(min_length=1, max_length=48)
    secure = url.startswith("wss:")
    profile = 2 if secure else 1
    if "security_profile" in members:
        profile = members["security_profile"].integer(0, 3)
        if secure != (profile >= 2):  # profiles 2 and 3 are TLS
            wanted = "wss" if profile >= 2 else "ws"
            raise members["security_profile"].error(f"profile {profile} needs a {wanted} address")
    password = _password(item, members, places)
    if password is None and profile in (1, 2):
        raise item.error(f"security profile {profile} needs a password or a password_file")
    timeout = members.get("message_timeout_s")
    interface = members.get("interface")
    return SlotConfig(
        slot=slot,
        url=url,
        identity=identity,
        security_profile=profile,
        password=password,
        message_timeout_s=timeout.integer(1, 600) if timeout else 30,
        interface=interface.one_of(*_INTERFACES) if interface else "Any",
    )


def _password(
    item: Node, members: dict[str, Node], places: Places, *, longest: int = 64
) -> str | None:
    """Read a secret; 64 characters are the limit of NetworkConfiguration.BasicAuthPassword."""
    if "password" in members and "password_file" in members:
        raise item.error("has both a password and a password_file")
    if "password" in members:
        return members["password"].text(min_length=1, max_length=longest)
    if "password_file" not in members:
        return None
    node = members["password_file"]
    file = places.of(node)
    if file is None:
        return _UNREAD
    try:
        password = file.read_text("utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise node.error(f"cannot be read: {reason}") from None
    if not 1 <= len(password) <= longest:
        raise node.error(f"the password in it has not 1 to {longest} characters")
    return password


def _versions(node: Node) -> tuple[str, ...]:
    versions = []
    for item in node.items():
        version = item.written()
        if version not in VERSIONS:
            raise item.error(f"{version} is none of {', '.join(VERSIONS)}")
        if version in versions:
            raise item.error(f"{version} is there twice")
        versions.append(version)
    if not versions:
        raise node.error("must not be empty")
    return tuple(versions)


def _tls(node: Node, places: Places) -> TlsConfig:
    members = node.mapping(optional=("ca_file", "certificate_file", "key_file"))
    files = {}
    for name, member in members.items():
        if not member.is_null:
            file = places.of(member)
            if file is not None and not file.is_file():
                raise member.error(f"there is no file {file}")
            files[name] = file or Path(_UNREAD)
    return TlsConfig(**files)


def _connection(node: Node, places: Places) -> ConnectionConfig:
    members = node.mapping(optional=("compression", "return_after_s", "interfaces", "proxy"))
    default = ConnectionConfig()
    compression, interfaces = members.get("compression"), members.get("interfaces")
    return_after, proxy = members.get("return_after_s"), members.get("proxy")
    return ConnectionConfig(
        compression=compression.flag() if compression else default.compression,
        return_after_s=return_after.number(0, 604_800) if return_after else default.return_after_s,
        interfaces=_interfaces(interfaces) if interfaces else default.interfaces,
        proxy=_proxy(proxy, places) if proxy and not proxy.is_null else None,
    )


def _interfaces(node: Node) -> dict[str, str]:
    """Read the machine's names of interfaces; 15 characters are the kernel's limit."""
    members = node.mapping(optional=_INTERFACES)
    return {name: member.text(min_length=1, max_length=15) for name, member in members.items()}


def _proxy(node: Node, places: Places) -> ProxyConfig:
    members = node.mapping(required=("url",), optional=("user", "password", "password_file"))
    url = members["url"].text(max_length=2000)
    match = _PROXY.fullmatch(url)
    if match is None:
        raise members["url"].error("is not the address of an HTTP proxy, as in http://host:port")
    port = int(match[2] or 80)
    if not 1 <= port <= 65535:
        raise members["url"].error("has a port outside 1..65535")
    user = members["user"].text(min_length=1, max_length=255) if "user" in members else None
    password = _password(node, members, places, longest=255)
    if user is None and password is not None:
        raise node.error("has a password, but no user")
    if user is not None and ":" in user:
        raise members["user"].error("must not contain a colon")
    return ProxyConfig(match[1].strip("[]"), port, user, password or "")


def _device_model(node: Node, folder: Path) -> Path:
    """Return the folder; one that is named must be there, the usual one need not."""
    found = folder / node.text(min_length=1)
    if not found.is_dir():
        raise node.error(f"there is no folder {found}")
    return found


def _message_journal(node: Node) -> int:
    """Return its size in bytes; 0: there is none."""
    members = node.mapping(optional=("size_mib",))
    size = members.get("size_mib")
    if size is None or size.is_null:
        return Config().message_journal_size
    return size.integer(0, 1024) << 20


def _host(node: Node) -> HostConfig:
    members = node.mapping(optional=("agent_timeout_s", "agent_grace_s", "builtin_system"))
    default = HostConfig()
    timeout, grace = members.get("agent_timeout_s"), members.get("agent_grace_s")
    builtin = members.get("builtin_system")
    return HostConfig(
        agent_timeout_s=timeout.number(0.1, 300) if timeout else default.agent_timeout_s,
        agent_grace_s=grace.number(0, 3600) if grace else default.agent_grace_s,
        builtin_system=builtin.flag() if builtin else default.builtin_system,
    )


def _schedules(node: Node) -> SchedulesConfig:
    members = node.mapping(optional=("interval_s", "duration_s", "unit"))
    default = SchedulesConfig()
    interval, duration = members.get("interval_s"), members.get("duration_s")
    unit = members.get("unit")
    return SchedulesConfig(
        interval_s=interval.integer(0, 86_400) if interval else default.interval_s,
        duration_s=duration.integer(1, 604_800) if duration else default.duration_s,
        unit=ChargingRateUnit(unit.one_of("A", "W")) if unit else default.unit,
    )


def _queue(node: Node) -> QueueConfig:
    after = node.mapping(optional=("orphan_after_h",)).get("orphan_after_h")
    return QueueConfig(after.number(1, 87_600)) if after else QueueConfig()


def _log_level(node: Node) -> str:
    level = node.mapping(required=("level",), optional=())["level"]
    return level.one_of("debug", "info", "warning", "error")


__all__ = ["Config", "YamlError", "read"]
