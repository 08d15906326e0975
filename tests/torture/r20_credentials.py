"""Renewal and change of profile, wrong and cut at each step: a working credential always remains.

An authority of our own, a CSMS that wants the station's certificate. Certificates with a bad chain,
for another key, out of date or not to be read; a network profile to a CSMS that cannot be trusted;
kill -9 at random moments of a renewal. Required: what is wrong is refused, and after each of them,
and after each kill, the station comes back to its CSMS, with one working certificate or another,
within the configured attempts.
"""

import asyncio
import random
import ssl
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ocppd.tools.csms.server import Csms
from ocppd.tools.csms.station import CallFailed, Disconnected
from tests.certificates.authority import Authority, name
from tests.scenario.certified import TRIGGER, Certified
from tests.scenario.rig import IDENTITY
from tests.torture.figures import Figure, Options, at_most, exactly, none_of, told

# Each dial is a second after the last, and each credential and profile has one.
_BACK_S = 15.0


async def run(options: Options) -> list[Figure]:
    figures: list[Figure] = []
    for version in ("1.6", "2.0.1", "2.1") if options.full else ("2.0.1",):
        async with Certified(options.folder / version, version) as rig:
            await rig.booted()
            figures += await _wrong_certificates(rig)
            figures += await _cuts(rig, options)
            if version != "1.6":
                figures += await _wrong_profile(rig, options)
    return figures


async def _back(rig: Certified) -> float:
    """Kill the daemon, start it, and return the seconds until it is back at the CSMS."""
    await rig.kill()
    await rig.csms.disconnected(IDENTITY)
    rig.csms.station(IDENTITY).registration = None
    began = time.monotonic()
    await rig.start_daemon()
    await rig.csms.connected(IDENTITY, timeout_s=_BACK_S)
    seconds = time.monotonic() - began
    await rig.csms.wait_until(lambda: rig.csms.station(IDENTITY).registration == "Accepted")
    return seconds


def _csr_of_another_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(name("0042"))
    csr = request.sign(key, hashes.SHA256())
    return csr.public_bytes(serialization.Encoding.PEM).decode()


async def _wrong_certificates(rig: Certified) -> list[Figure]:
    root, stranger = rig.root, Authority("stranger", now=datetime.now(UTC))
    csr = await rig.asked()
    sound = root.sign(csr)
    wrong = {
        "signed by a stranger": stranger.sign(csr),
        "for another key": root.sign(_csr_of_another_key()),
        "expired": root.sign(csr, begins=-20, ends=-10),
        "cut in the middle": sound[: len(sound) // 2],
        "one letter changed": sound[:200] + ("A" if sound[200] != "A" else "B") + sound[201:],
        "the root itself": root.pem,
        "no certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "a word": "certificate",
    }
    taken, lost = [], []
    for what, chain in wrong.items():
        with suppress(CallFailed):
            if await rig.signed(chain) != "Rejected":
                taken.append(what)
        if not rig.csms.station(IDENTITY).connected:
            lost.append(what)
    longest_s = await _back(rig)
    return [
        none_of(f"{rig.version}: wrong certificates taken", taken),
        none_of(f"{rig.version}: connection lost by them", lost),
        at_most(f"{rig.version}: back after a kill", _BACK_S, longest_s, "s"),
    ]


async def _cuts(rig: Certified, options: Options) -> list[Figure]:
    """Renew, and cut the power somewhere; the CSMS signs what it is asked for at once."""
    chance = options.chance(f"R20 {rig.version}")
    kills = options.size(6, 200)
    longest_s, lost = 0.0, []
    for number in range(kills):
        renewal = asyncio.create_task(_renew(rig, chance))
        await asyncio.sleep(chance.uniform(0, 1.5))
        try:
            longest_s = max(longest_s, await _back(rig))
        except TimeoutError:
            lost.append(f"kill {number}")
            break
        finally:
            renewal.cancel()
            with suppress(asyncio.CancelledError, Disconnected, CallFailed, TimeoutError):
                await renewal
    own = rig.state / "certificates" / "own"
    readable = [
        str(path.relative_to(own)) for path in own.rglob("*") if path.stat().st_mode & 0o077
    ]
    return [
        told(f"{rig.version}: renewals cut", f"{kills}, {len(rig.own())} certificates kept"),
        none_of(f"{rig.version}: cut off for good", lost),
        at_most(f"{rig.version}: back after a cut", _BACK_S, longest_s, "s"),
        none_of(f"{rig.version}: keys that others may read", readable),
    ]


async def _renew(rig: Certified, chance: random.Random) -> None:
    mark = rig.csms.mark()
    await rig.csms.connected(IDENTITY)
    action, message = TRIGGER[rig.version]
    await rig.csms.call(action, {"requestedMessage": message})
    call = await rig.csms.wait_for("SignCertificate", since=mark)
    rig.request = call.payload
    chain = rig.root.sign(call.payload["csr"])
    if chance.random() < 0.2:
        chain = Authority("stranger", now=datetime.now(UTC)).sign(call.payload["csr"])
    await rig.signed(chain)


async def _wrong_profile(rig: Certified, options: Options) -> list[Figure]:
    """Send the station to a CSMS whose certificate a stranger signed; it has to come back."""
    folder = options.folder / f"stranger-{rig.version}"
    folder.mkdir()
    stranger = Authority("stranger", now=datetime.now(UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*stranger.issue("127.0.0.1", folder, address=True))
    async with Csms([rig.version], tls=context) as trap:
        profile: dict[str, Any] = {
            "ocppInterface": "Wired0",
            "ocppTransport": "JSON",
            "ocppVersion": "OCPP20",
            "messageTimeout": 30,
            "securityProfile": 3,
            "ocppCsmsUrl": trap.url,
        }
        if rig.version == "2.1":
            profile["identity"] = IDENTITY
        answer = await rig.csms.call(
            "SetNetworkProfile", {"configurationSlot": 2, "connectionData": profile}
        )
        item = {
            "component": {"name": "OCPPCommCtrlr"},
            "variable": {"name": "NetworkConfigurationPriority"},
            "attributeValue": "2,1",
        }
        written = await rig.csms.call("SetVariables", {"setVariableData": [item]})
        [result] = written["setVariableResult"]
        back_s = await _back(rig)
        visits = len(trap.attempts)
        again_s = await _back(rig)
    return [
        exactly(f"{rig.version}: the profile is taken", "Accepted", answer["status"]),
        told(f"{rig.version}: the priority is", result["attributeStatus"]),
        at_most(f"{rig.version}: back at the first profile", _BACK_S, max(back_s, again_s), "s"),
        exactly(f"{rig.version}: messages to a stranger", 0, len(trap.messages) + visits),
    ]
