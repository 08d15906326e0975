"""Certificates of a station with security profile 3, from the CSMS to TLS and back."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.certificates.authority import Authority
from tests.csms.server import wait_for
from tests.scenario.certified import ROOT, Certified
from tests.scenario.rig import IDENTITY


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
