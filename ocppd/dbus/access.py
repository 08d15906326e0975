"""Who may call what: by the sender's uid and groups, as the bus reports them."""

import asyncio
import grp
import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Any

from ocppd.dbus.binding import DAEMON, Bus, Message
from ocppd.model.variables import ComponentVariable


class Access(IntEnum):
    """The classes of callers; each may do what the ones before it may."""

    NONE = 0
    OBSERVE = 1
    CONTROL = 2
    SECURE = 3


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, as the bus reports it; `uid` is None if it could not say."""

    access: Access
    uid: int | None


NOBODY = Caller(Access.NONE, None)

GROUPS: Mapping[Access, str] = MappingProxyType(
    {Access.SECURE: "ocpp-admin", Access.CONTROL: "ocpp", Access.OBSERVE: "ocpp-observe"}
)

# Credentials, what decides to which CSMS the station connects and how, and whom it trusts; by
# component, in lower case as the device model compares names. The empty component stands for keys
# of OCPP 1.6.
_SECURITY = frozenset(
    {
        "additionalrootcertificatecheck",
        "allowsecurityprofiledowngrade",
        "basicauthpassword",
        "identity",
        "securityprofile",
    }
)
_INTERNAL = frozenset(
    {
        "allowcsmsrootcertinstallwithunsecureconnection",
        "allowmfrootcertinstallwithunsecureconnection",
        "allowsecuritylevelzeroconnections",
        "centralsystemuri",
        "chargepointid",
        "enabletlskeylog",
        "hostname",
        "networkconnectionprofiles",
        "supportedciphers12",
        "supportedciphers13",
        "tlskeylogfile",
        "usessldefaultverifypaths",
        "verifycsmsallowwildcards",
        "verifycsmscommonname",
    }
)
_KEYS_16 = frozenset({"authorizationkey"}) | _SECURITY | _INTERNAL
_SECURE_VARIABLES: Mapping[str, frozenset[str]] = {
    "securityctrlr": _SECURITY,
    "ocppcommctrlr": frozenset({"networkconfigurationpriority", "activenetworkprofile"}),
    "internalctrlr": _INTERNAL,
    "ocpp16legacyctrlr": _KEYS_16,
    "": _KEYS_16,
}


def needs_secure(address: ComponentVariable) -> bool:
    """Tell whether writing a variable is for callers of the secure class alone."""
    component = address.component.name.lower()
    if component == "networkconfiguration":
        return True
    return address.variable.name.lower() in _SECURE_VARIABLES.get(component, ())


class Callers:
    """What each caller on the bus may do, asked of the bus once for each connection.

    Root and the user whom this process runs as may do everything.
    """

    def __init__(self, groups: Mapping[Access, str] = GROUPS) -> None:
        self._groups = groups
        self._bus: Bus | None = None
        self._known: dict[str, Caller] = {}
        self._asked: dict[str, asyncio.Future[Caller]] = {}

    async def watch(self, bus: Bus) -> None:
        """Ask this bus from now on, and hear of who leaves it."""
        self.detach()
        self._bus = bus
        await bus.match(f"type='signal',sender='{DAEMON}',member='NameOwnerChanged',arg2=''")

    def detach(self) -> None:
        """Forget everybody: unique names mean nothing on another bus."""
        self._bus = None
        self._known.clear()
        self._asked.clear()

    def left(self, name: str) -> None:
        """Forget a connection that left the bus."""
        self._known.pop(name, None)

    def caller(self, sender: str) -> Caller | None:
        """Return who a sender is, None if the bus was not asked yet."""
        return self._known.get(sender)

    def known(self, sender: str) -> Access | None:
        """Return the class of a caller, None if the bus was not asked yet."""
        caller = self._known.get(sender)
        return None if caller is None else caller.access

    def trusted(self, sender: str) -> bool | None:
        """Return whether a caller may control the station, None if the bus was not asked yet."""
        caller = self._known.get(sender)
        return None if caller is None else caller.access >= Access.CONTROL

    async def of(self, sender: str) -> Access:
        """Return the class of a caller; nobody in particular if it is gone already."""
        return (await self.who(sender)).access

    async def who(self, sender: str) -> Caller:
        """Return who a sender is; nobody in particular if it is gone already."""
        if (known := self._known.get(sender)) is not None:
            return known
        if (asked := self._asked.get(sender)) is not None:
            return await asked
        # Calls of one sender that wait for this are woken in the order in which they came.
        future: asyncio.Future[Caller] = asyncio.get_running_loop().create_future()
        self._asked[sender] = future
        bus, caller = self._bus, NOBODY
        try:
            assert bus is not None
            [credentials] = await bus.daemon("GetConnectionCredentials", "s", sender)
            caller = self._judge(credentials)
            if bus is self._bus:  # on another bus the same name is somebody else's
                self._known[sender] = caller
        except Exception:
            caller = NOBODY
        finally:
            if self._asked.get(sender) is future:
                del self._asked[sender]
            if not future.done():
                future.set_result(caller)
        return caller

    def _judge(self, credentials: Mapping[str, Any]) -> Caller:
        uid = int(credentials["UnixUserID"].value)
        return Caller(self._class_of(uid, credentials), uid)

    def _class_of(self, uid: int, credentials: Mapping[str, Any]) -> Access:
        if uid in (0, os.geteuid()):
            return Access.SECURE
        if "UnixGroupIDs" in credentials:
            groups = set(credentials["UnixGroupIDs"].value)
        else:  # message buses older than dbus-daemon 1.14
            try:
                user = pwd.getpwuid(uid)
            except KeyError:  # a user without a name is in no group that has one
                return Access.NONE
            groups = set(os.getgrouplist(user.pw_name, user.pw_gid))
        for access, name in self._groups.items():
            try:
                if grp.getgrnam(name).gr_gid in groups:
                    return access
            except KeyError:
                continue  # no such group on this machine, so nobody is in it
        return Access.NONE


def is_departure(message: Message) -> bool:
    """Tell whether a message is the bus's word that a connection left it."""
    return (
        message.member == "NameOwnerChanged"
        and message.sender == DAEMON
        and len(message.body) == 3
        and message.body[2] == ""
        and message.body[0].startswith(":")
    )
