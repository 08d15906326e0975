"""SIGTERM ends the daemon in 2 s, nothing is lost, and a Reset is answered before the close.

R17: SIGTERM at random moments of sessions, with a CSMS that answers, is silent, slow or away; and
after a Reset was received: as soon as the host is asked whether it may be, as soon as it is told to
reset, or a few milliseconds later. Over TLS, in both generations.
"""

import asyncio
import contextlib
import signal
import time
from typing import Any

from tests.scenario.agent import Agent
from tests.scenario.rig import FAST, Rig
from tests.torture.figures import Figure, Options, at_most, none_of, told
from tests.torture.sessions import NO_ALIGNED_VALUES, StubbornHost, compare, until_sent
from tests.torture.tls import secured

_VERSIONS = ("1.6", "2.0.1")
_PEERS = ("answers", "is silent", "is slow", "is away")


async def run(options: Options) -> list[Figure]:
    """End it in both generations, then reset it."""
    figures: list[Figure] = []
    for version in _VERSIONS:
        folder = options.folder / version
        folder.mkdir()
        rig = Rig(
            folder,
            versions=[version],
            values=FAST + NO_ALIGNED_VALUES,
            log="info",
            **secured(folder),
        )
        async with rig:
            await rig.booted()
            figures += await _ended(rig, version, options)
            figures += await _reset(rig, version, options)
    return figures


async def _ended(rig: Rig, version: str, options: Options) -> list[Figure]:
    chance = options.chance(version)
    hosts = [StubbornHost(rig.client, evse_id, chance, 0.05) for evse_id in (1, 2)]
    slowest_ms, statuses, done = 0.0, [], False

    async def charge(host: StubbornHost) -> None:
        while not done:
            await host.session()

    going = [asyncio.create_task(charge(host)) for host in hosts]
    rounds = options.size(1, 50) * len(_PEERS)
    for number in range(rounds):
        await _behave(rig, _PEERS[number % len(_PEERS)])
        await asyncio.sleep(chance.random() * 0.7)
        begun = time.monotonic()
        statuses.append(await rig.end_daemon(signal.SIGTERM))
        slowest_ms = max(slowest_ms, (time.monotonic() - begun) * 1000)
        await rig.start_daemon()
        for host in hosts:
            host.daemon += 1
    done = True
    await _behave(rig, "answers")
    await asyncio.gather(*going)
    await until_sent(rig.client)
    journal = [session for host in hosts for session in host.journal]
    verdict = compare(version, rig.csms.calls(), journal)
    return [
        told(f"{version}: SIGTERM, sessions", f"{rounds}, {len(journal)}"),
        at_most(f"{version}: slowest end", 2_000, slowest_ms, "ms"),
        none_of(f"{version}: other statuses than 0", [each for each in statuses if each]),
        none_of(f"{version}: lost or wrong", verdict.lost + verdict.extra),
        none_of(f"{version}: repeats that differ", verdict.differing),
    ]


async def _behave(rig: Rig, peer: str) -> None:
    """Let the CSMS be so from now on."""
    rig.csms.behave()
    if peer == "is away":
        await rig.csms.stop(abort=True)
        return
    with contextlib.suppress(OSError):  # it listens already
        await rig.csms.start()
    if peer == "is silent":
        rig.csms.misbehave("*", drop=True)
    elif peer == "is slow":
        rig.csms.misbehave("*", delay_s=0.3)


async def _reset(rig: Rig, version: str, options: Options) -> list[Figure]:
    chance = options.chance(f"reset {version}")
    request = {"type": "Hard" if version == "1.6" else "Immediate"}
    unanswered, slowest_ms, refused, asked = [], 0.0, [], 0
    rounds = options.size(3, 150)
    for number in range(rounds):
        moment = ("IsResetAllowed", "Reset", "at random")[number % 3]
        await rig.end_daemon()
        since = rig.csms.mark()
        await rig.start_daemon()
        async with Agent(rig.bus.address, "System") as agent:
            agent.answers |= {"Reset": None, "GetBootReason": ("s", "RemoteReset")}
            await _booted(rig, since)
            answer = asyncio.create_task(_answer(rig, request))
            if moment == "at random":
                await asyncio.sleep(chance.random() * 0.03)
            else:
                await _called(agent, moment)
            begun = time.monotonic()
            await rig.end_daemon(signal.SIGTERM)
            slowest_ms = max(slowest_ms, (time.monotonic() - begun) * 1000)
            text = await answer
            if agent.of("IsResetAllowed"):
                asked += 1
                if text is None:
                    unanswered.append(f"#{number}, SIGTERM: {moment}")
                elif text["status"] != "Accepted" and moment == "Reset":
                    refused.append(f"#{number}, SIGTERM: {moment}: {text}")
    await rig.start_daemon()
    return [
        told(f"{version}: resets, received in time", f"{rounds}, {asked}"),
        none_of(f"{version}: Reset not answered", unanswered),
        none_of(f"{version}: Reset done, but not accepted", refused),
        at_most(f"{version}: slowest end", 2_000, slowest_ms, "ms"),
    ]


async def _booted(rig: Rig, since: int) -> None:
    """Wait until the CSMS has accepted the station, on a connection after `since`."""
    boot = await rig.csms.wait_for("BootNotification", since=since, timeout_s=30)
    await rig.csms.wait_until(lambda: rig.csms.answer_to(boot) is not None)


async def _answer(rig: Rig, request: dict[str, Any]) -> dict[str, Any] | None:
    """Ask for a reset; None if the connection ended without an answer."""
    try:
        return dict(await rig.csms.call("Reset", request, timeout_s=10))
    except Exception as error:
        print(f"Reset: {error!r}")
        return None


async def _called(agent: Agent, member: str) -> None:
    async with asyncio.timeout(10):
        while not agent.of(member):
            await asyncio.sleep(0.001)
