"""Certificates of a station with security profile 3, from the CSMS to TLS and back."""

import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.certificates.authority import Authority
from tests.csms.server import wait_for
from tests.scenario.rig import IDENTITY, Rig

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


@pytest.mark.requirement("A02.FR.02", "A02.FR.03", "A02.FR.07", "A02.FR.08", "A02.FR.10")
@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_a_certificate_is_renewed_while_connected(version: str, tmp_path: Path) -> None:
    async with Certified(tmp_path / "rig", version) as rig:
        await rig.booted()
        csr = await rig.asked()
        stranger = Authority(now=datetime.now(UTC))
        assert await rig.signed(stranger.sign(csr)) == "Rejected"
        assert rig.own() == []
        assert await rig.signed(rig.root.sub().sign(csr)) == "Accepted"
        await wait_for(lambda: len(rig.own()) == 1)
        await rig.csms.connected(IDENTITY)
        events = [each.payload["type"] for each in rig.csms.calls("SecurityEventNotification")]
        assert ("InvalidChargingStationCertificate" in events) is (version != "1.6")
        key = (rig.own()[0] / "key.pem").read_text()
        assert key not in rig.log

        await rig.kill()
        await rig.start_daemon()
        await rig.csms.connected(IDENTITY)
        assert len(rig.own()) == 1


@pytest.mark.requirement("A02.FR.28", "A02.FR.29", "M05.FR.02", "M03.FR.04", "M04.FR.02")
@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_a_certificate_that_the_csms_does_not_take_is_given_up(
    version: str, tmp_path: Path
) -> None:
    async with Certified(tmp_path / "rig", version) as rig:
        await rig.booted()
        stranger = Authority("stranger", now=datetime.now(UTC))
        assert (await rig.installed(stranger))["status"] == "Accepted"
        use = ROOT.get(version, "CSMSRootCertificate")
        listed = await rig.csms.call(
            "GetInstalledCertificateIds",
            {"certificateType": use if version == "1.6" else [use]},
        )
        assert listed["status"] == "Accepted"
        found = listed["certificateHashData" if version == "1.6" else "certificateHashDataChain"]
        data = [each if version == "1.6" else each["certificateHashData"] for each in found]
        assert len(data) == 2  # the configured one, too
        assert await rig.signed(stranger.sign(await rig.asked())) == "Accepted"
        # The CSMS refuses what the stranger signed: the configured certificate comes back.
        folder = rig.state / "certificates" / "own"
        await wait_for(lambda: not list(folder.iterdir()), 20)
        await rig.csms.connected(IDENTITY)
        if version != "1.6":
            await rig.csms.wait_for(
                "SecurityEventNotification", type="DiscardedRenewedClientCertificate"
            )
        answers = [
            (await rig.csms.call("DeleteCertificate", {"certificateHashData": each}))["status"]
            for each in data
        ]
        assert sorted(answers) == ["Accepted", "Failed"]  # never the one in use
