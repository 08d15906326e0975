"""A rig with security profile 3: an authority of its own signs the CSMS and the station."""

import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.certificates.authority import Authority
from tests.scenario.rig import Rig

SERIAL = "0042"
VALUES = """\
values:
  - {component: OCPPCommCtrlr, variable: RetryBackOffWaitMinimum, value: 1}
  - {component: OCPPCommCtrlr, variable: RetryBackOffRandomRange, value: 0}
  - {component: OCPPCommCtrlr, variable: RetryBackOffRepeatTimes, value: 0}
  - {component: OCPPCommCtrlr, variable: NetworkProfileConnectionAttempts, value: 1}
  - {component: SecurityCtrlr, variable: OrganizationName, value: Grid Ltd}
"""
TRIGGER = {
    "1.6": ("ExtendedTriggerMessage", "SignChargePointCertificate"),
    "2.0.1": ("TriggerMessage", "SignChargingStationCertificate"),
    "2.1": ("TriggerMessage", "SignChargingStationCertificate"),
}
ROOT = {"1.6": "CentralSystemRootCertificate"}


class Certified(Rig):
    """A rig whose CSMS wants a certificate of the station that `root` signed."""

    def __init__(self, folder: Path, version: str) -> None:
        self.version = version
        self.root = Authority(now=datetime.now(UTC))
        self.seen: list[str] = []
        folder.mkdir(exist_ok=True)
        ca = folder / "ca.pem"
        ca.write_text(self.root.pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.root.issue("127.0.0.1", folder, address=True))
        context.load_verify_locations(ca)
        context.verify_mode = ssl.CERT_REQUIRED
        certificate, key = self.root.issue(SERIAL, folder)
        super().__init__(
            folder,
            versions=[version],
            values=VALUES,
            more_config=f"tls: {{ca_file: {ca}, certificate_file: {certificate}, key_file: {key}}}",
            tls=context,
            password=None,
        )

    def write_config(self, url: str | None = None) -> None:
        super().write_config(url)
        path = self.folder / "ocppd.yaml"
        text = path.read_text()
        path.write_text(text.replace('    password: "', '    security_profile: 3\n    password: "'))

    async def asked(self, mark: int = 0) -> str:
        """Trigger a request for a certificate, and return it."""
        action, message = TRIGGER[self.version]
        answer = await self.csms.call(action, {"requestedMessage": message})
        assert answer["status"] == "Accepted"
        call = await self.csms.wait_for("SignCertificate", since=mark)
        csr: str = call.payload["csr"]
        self.request = call.payload
        return csr

    async def signed(self, chain: str) -> str:
        payload: dict[str, Any] = {"certificateChain": chain}
        if self.version != "1.6":
            payload["certificateType"] = "ChargingStationCertificate"
        if self.version == "2.1":
            payload["requestId"] = self.request["requestId"]
        return str((await self.csms.call("CertificateSigned", payload))["status"])

    def own(self) -> list[Path]:
        """The folders of keys that the CSMS has taken."""
        folder = self.state / "certificates" / "own"
        return sorted(path.parent for path in folder.glob("*/proven"))

    async def installed(self, root: Authority) -> dict[str, Any]:
        use = ROOT.get(self.version, "CSMSRootCertificate")
        request = {"certificateType": use, "certificate": root.pem}
        return dict(await self.csms.call("InstallCertificate", request))
