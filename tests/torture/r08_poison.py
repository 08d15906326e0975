"""A message that is never answered, or always refused: tried as configured, then set aside.

Required, for both kinds in each generation: as many attempts as MessageAttempts says, at least as
far apart as MessageAttemptInterval says (it grows with each attempt); then the entry is shown as
set aside with the reason, and the messages behind it reach the CSMS.
"""

import asyncio
import time
from typing import Any

from tests.scenario.host import Host
from tests.torture.figures import Figure, Options, at_most, exactly, none_of
from tests.torture.wire import Answer, WireCsms, WireRig, site, values

ATTEMPTS, INTERVAL_S, TIMEOUT_S = 3, 1, 1
_EVSE = 1


class Poison:
    """A CSMS that answers everything but what it finds poisonous: the start at one EVSE."""

    def __init__(self, wire: WireCsms, answer: Answer) -> None:
        self._wire = wire
        self._answer = answer
        self.tried_at: list[float] = []
        self.after: list[str] = []
        """What came of other transactions after the first attempt."""
        wire.decide = self._decide

    def _decide(self, action: str, payload: Any) -> Answer:
        if self._is_poison(action, payload):
            self.tried_at.append(time.monotonic())
            return self._answer
        if self.tried_at and action in ("TransactionEvent", "StopTransaction"):
            self.after.append(payload.get("eventType", action))
        return self._wire.usual(action, payload)

    @staticmethod
    def _is_poison(action: str, payload: Any) -> bool:
        if action == "StartTransaction":
            return bool(payload["connectorId"] == _EVSE)
        return (
            action == "TransactionEvent"
            and payload["eventType"] == "Started"
            and payload.get("evse", {}).get("id") == _EVSE
        )


KINDS: dict[str, Answer] = {
    "never answered": None,
    "always refused": '[4,"{id}","InternalError","not today",{}]',
}


async def run(options: Options) -> list[Figure]:
    versions = ("1.6", "2.0.1", "2.1") if options.full else ("1.6", "2.0.1")
    runs = [(version, kind) for version in versions for kind in KINDS]
    figures: list[Figure] = []
    for found in await asyncio.gather(*(_poisoned(options, *one) for one in runs)):
        figures += found
    return figures


async def _poisoned(options: Options, version: str, kind: str) -> list[Figure]:
    more = values(
        OCPPCommCtrlr__MessageAttempts__TransactionEvent=ATTEMPTS,
        OCPPCommCtrlr__MessageAttemptInterval__TransactionEvent=INTERVAL_S,
    )
    folder = options.folder / f"{version} {kind}"
    async with site(folder, version, values=more, message_timeout_s=TIMEOUT_S) as (rig, wire):
        poison = Poison(wire, KINDS[kind])
        sick, well = Host(rig.client, _EVSE), Host(rig.client, 2)
        await sick.ready()
        await well.ready()
        began = time.monotonic()
        await sick.charge_once()
        await well.charge_once()
        entries = await _settled(rig)
        settled_s = time.monotonic() - began
        kept = await _after_restart(rig)
    waits = [b - a for a, b in zip(poison.tried_at, poison.tried_at[1:], strict=False)]
    least = [INTERVAL_S * number for number in range(1, ATTEMPTS)]
    aside = [entry for entry in entries if entry["state"] == "set aside"]
    last = "StopTransaction" if version == "1.6" else "Ended"
    label = f"{version}, {kind}"
    return [
        exactly(f"{label}: attempts", ATTEMPTS, len(poison.tried_at)),
        none_of(
            f"{label}: attempts too close",
            [f"{w:.2f} s" for w, most in zip(waits, least, strict=False) if w < most - 0.05],
        ),
        exactly(
            f"{label}: set aside, with its reason",
            True,
            any("Started" in e["message"] and e.get("reason") for e in aside),
        ),
        exactly(f"{label}: what is behind it comes", True, last in poison.after),
        exactly(f"{label}: still shown after a restart", len(aside), kept),
        at_most(f"{label}: the queue is through after", 40, settled_s, "s"),
    ]


async def _settled(rig: WireRig) -> list[dict[str, Any]]:
    async with asyncio.timeout(60):
        while True:
            entries = await rig.queue()
            if not any(entry["state"] == "waiting" for entry in entries):
                return entries
            await asyncio.sleep(0.1)


async def _after_restart(rig: WireRig) -> int:
    await rig.kill()
    await rig.start_daemon()
    return sum(entry["state"] == "set aside" for entry in await rig.queue())
