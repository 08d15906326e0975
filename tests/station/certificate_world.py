"""The two blocks of certificates on fakes."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from ocppd.device_model.names import ChargingStation, SecurityCtrlr
from ocppd.device_model.values import Value
from ocppd.errors import Offline
from ocppd.model.certificates import (
    OwnCertificate,
    SignCertificate,
    SignCertificateResponse,
    SigningUse,
    SignV2gCertificate,
)
from ocppd.model.manners import Manners
from ocppd.model.registration import ConnectionStatus
from ocppd.model.security import SecurityEvent
from ocppd.model.variables import ComponentVariable
from ocppd.station.certificate_management import CertificateManagement
from ocppd.station.certificate_renewal import CertificateRenewal
from ocppd.station.security import Security
from tests.fakes import START, World
from tests.station.blocks import Lines
from tests.station.models import shipped_device_model

STATION = SigningUse.CHARGING_STATION
ANCHOR = "a1" * 32


def own(
    *, days: float = 400, begins: float = -1, proven: bool = True, use: SigningUse = STATION
) -> OwnCertificate:
    """A certificate that is valid from and until so many days from the start."""
    return OwnCertificate(use, START + timedelta(days=begins), START + timedelta(days=days), proven)


class Certified:
    """Both blocks, a connection of security profile 3, and a CSMS that accepts requests."""

    def __init__(
        self,
        values: Mapping[ComponentVariable, Value] | None = None,
        *,
        manners: Manners | None = None,
        profile: int = 3,
    ) -> None:
        self.world = World()
        self.csms = self.world.csms
        self.csms.manners = manners or Manners()
        self.csms.trust_anchor = ANCHOR
        self.certificates = self.world.certificates
        self.certificates.station[STATION] = own()
        self.accepts: list[bool | Exception] = []
        self.csms.replies |= {SignCertificate: self._answer, SignV2gCertificate: self._answer}
        self.model = shipped_device_model(
            self.world.store,
            {SecurityCtrlr.OrganizationName: "Grid Ltd", ChargingStation.SerialNumber: "SN-1"}
            | dict(values or {}),
        )
        self.log = Lines()
        self.security = Security(self.world.outside, self.log)
        self.status = ConnectionStatus(True, security_profile=profile, identity="CS1")
        base = (self.world.outside, self.model, self.security, lambda: self.status)
        self.management = CertificateManagement(*base)
        self.renewal = CertificateRenewal(*base)

    def _answer(self, _request: SignCertificate) -> SignCertificateResponse:
        answer = self.accepts.pop(0) if self.accepts else True
        if isinstance(answer, Exception):
            raise answer
        return SignCertificateResponse(answer)

    async def online(self) -> None:
        """Start, connect, and be accepted."""
        self.renewal.start()
        await self.connect()
        self.renewal.on_online()

    async def connect(self, **changes: Any) -> None:
        self.status = replace(self.status, connected=True, **changes)
        self.csms.connected = True
        self.renewal.on_connected(self.status)
        await self.settled()

    def disconnect(self) -> None:
        self.status = replace(self.status, connected=False)
        self.csms.connected = False

    async def settled(self) -> None:
        await self.world.tasks.settle()

    async def passes(self, seconds: float) -> None:
        """Let time pass, second by second where something is due."""
        end = self.world.clock.monotonic() + seconds
        while self.world.clock.monotonic() < end:
            self.world.clock.advance(min(5.0, end - self.world.clock.monotonic()))
            await self.settled()

    @property
    def requests(self) -> list[SignCertificate]:
        """The requests that were sent."""
        return [each for each in self.csms.sent if isinstance(each, SignCertificate)]

    @property
    def events(self) -> list[str]:
        """The security events that were raised."""
        raised: list[SecurityEvent] = self.world.host.of("security_event")
        return [each.type for each in raised]

    @property
    def reconnects(self) -> int:
        return sum(line.startswith("reconnect") for line in self.csms.log)


OFFLINE = Offline("gone")
