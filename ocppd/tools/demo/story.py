"""The strict stories: one whole session, and a change of generation in between."""

import asyncio
from typing import Any

from ocppd.tools.demo import checks
from ocppd.tools.demo.checks import Findings
from ocppd.tools.demo.stage import IDENTITY, TOKEN, Stage


async def begin(stage: Stage, version: str) -> None:
    """Wait until the station is registered and has told of both EVSEs.

    Raises TimeoutError.
    """
    await stage.csms.connected(IDENTITY, timeout_s=15)
    await stage.csms.wait_for("BootNotification", timeout_s=10)
    await stage.host.ready()

    def both_available() -> bool:
        return all("Available" in checks.statuses(stage, version, number) for number in (1, 2))

    await stage.csms.wait_until(both_available)
    stage.story(f"Registered in OCPP {version}; both EVSEs are available")


async def whole_session(stage: Stage, version: str) -> Findings:
    """Play one session from plug-in to plug-out, and look whether everybody saw it."""
    findings = Findings()
    await begin(stage, version)
    host = stage.host
    stage.story("A car is plugged in at EVSE 1")
    await host.plug_in(1)
    session_id = str((await host.wait_for("SessionStarted", evse_id=1))["uuid"])
    stage.story(f"The driver swipes {TOKEN}")
    outcome = await host.swipe(TOKEN)
    findings.check("the token started the transaction", outcome == "UsedToStart", outcome)
    await host.wait_for("ChargingStarted", evse_id=1)
    await tell_limit(stage, 1)
    mark = stage.csms.mark()
    action = "MeterValues" if version == "1.6" else "TransactionEvent"
    for _ in range(2):
        message = await stage.csms.wait_for(
            action, lambda payload: bool(payload.get("meterValue")), since=mark
        )
        mark = message.index + 1
    stage.story("The car pauses")
    mark = host.position
    await host.pause_ev(1)
    await host.wait_for("ChargingPausedEV", evse_id=1, since=mark)
    await asyncio.sleep(0.5)
    stage.story("The car goes on")
    mark = host.position
    await host.resume_ev(1)
    await host.wait_for("ChargingStarted", evse_id=1, since=mark)
    await asyncio.sleep(1.2)
    stage.story("The driver swipes again, which ends the transaction")
    outcome = await host.swipe(TOKEN)
    findings.check("the token stopped the transaction", outcome == "UsedToStop", outcome)
    await asyncio.sleep(0.3)
    stage.story("The car is unplugged")
    await host.unplug(1)
    await host.all_acknowledged()
    await settled(stage)
    await _judge(findings, stage, version, session_id)
    return findings


async def settled(stage: Stage, timeout_s: float = 10) -> None:
    """Wait until nothing is queued, and the last messages have been answered."""
    async with asyncio.timeout(timeout_s):
        while await stage.watcher.call("GetQueue"):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    await asyncio.sleep(0.5)


async def tell_limit(stage: Stage, evse_id: int) -> None:
    """Tell which limit applies at an EVSE."""
    limit = (await stage.watcher.properties(evse_id)).get("Limit", {})
    if "limit" in limit:
        stage.story(f"EVSE {evse_id} charges at up to {limit['limit']:g} {limit.get('unit')}")


async def _judge(findings: Findings, stage: Stage, version: str, session_id: str) -> None:
    checks.check_connection(findings, stage, version)
    checks.check_statuses(findings, stage, version)
    checks.check_authorization(findings, stage)
    transaction = checks.only_transaction(findings, stage, version)
    if transaction is not None:
        billed = checks.energy_wh(stage.host.events, session_id)
        checks.check_transaction(findings, stage, transaction, billed)
        checks.check_events(findings, stage, session_id, transaction)
        checks.check_evse(findings, stage, 1, transaction.transaction_id)
    checks.check_traffic(findings, stage)
    await checks.check_station(findings, stage)
    await checks.check_end(findings, stage)


# a change of generation


async def generations(stage: Stage, other: str, *, to_the_end: bool = True) -> Findings:
    """Play a CSMS of 1.6, then one of 2.x, then 1.6 again, under one daemon that charges on.

    What belongs to a transaction goes to the generation that acknowledged its start; one that
    nobody has acknowledged is told as a whole to whoever is there. `to_the_end` ends the daemon.
    """
    findings = Findings()
    host, csms = stage.host, stage.csms
    await begin(stage, "1.6")
    stage.story("A car is plugged in at EVSE 1, and the driver swipes")
    first = await _start(stage, 1)
    await csms.wait_for("MeterValues")
    await asyncio.sleep(0.3)  # not while an answer is under way
    [known] = csms.transactions
    number = known.transaction_id

    stage.story("The CSMS loses its power; charging goes on")
    mark = len(stage.watcher.seen)
    await csms.stop(abort=True)
    await stage.watcher.wait_until(
        lambda: any(
            not one.get("connected")
            for one in stage.watcher.property_changes("ConnectionStatus", mark)
        )
    )
    stage.story("Meanwhile somebody charges at EVSE 2, from plug-in to plug-out")
    second = await _start(stage, 2)
    await asyncio.sleep(2.5)
    await _finish(stage, 2)
    queue = await stage.watcher.call("GetQueue")
    _show_queue(stage, queue)
    findings.check("messages of both transactions wait", len(_waiting_for(queue)) == 2, queue)

    stage.story(f"A CSMS that knows OCPP {other} alone takes its place")
    back = csms.mark()
    await stage.replace_csms([other])
    await csms.connected(IDENTITY, timeout_s=20)
    findings.check(f"the same daemon speaks OCPP {other}", checks.station(stage).version == other)
    await csms.wait_until(
        lambda: any(one.version == other and one.ended for one in csms.transactions), 20
    )
    stage.story("The car at EVSE 1 has had enough")
    await _finish(stage, 1)
    await asyncio.sleep(1.5)
    queue = await stage.watcher.call("GetQueue")
    _show_queue(stage, queue)
    told = [one for one in csms.transactions if one.version == other]
    findings.check(f"OCPP {other} was told of one transaction", len(told) == 1, told)
    for transaction in told[:1]:
        billed = checks.energy_wh(host.events, second)
        checks.check_transaction(findings, stage, transaction, billed)
        offline = [
            message.payload.get("offline", False)
            for message in csms.calls("TransactionEvent")
            if message.index >= back
        ]
        findings.check("each of its messages says that it happened offline", all(offline), offline)
    waiting = [entry for entry in queue if entry.get("state") == "waiting"]
    whose = {entry.get("transaction_id") for entry in waiting}
    text = "what is left of the transaction of 1.6 waits for its own generation"
    findings.check(text, bool(waiting) and len(whose) == 1, queue)

    stage.story("The CSMS of 1.6 is back")
    await csms.stop()
    await stage.replace_csms(["1.6"])
    await csms.connected(IDENTITY, timeout_s=20)
    await csms.wait_until(lambda: known.ended, 20)
    await settled(stage)
    findings.check(
        "the transaction of 1.6 ended under its number",
        known.ended and known.transaction_id == number,
        known.record(),
    )
    checks.check_transaction(findings, stage, known, checks.energy_wh(host.events, first))
    numbers = [one.transaction_id for one in csms.transactions if one.version == "1.6"]
    findings.check("nothing of it was told as another one", numbers == [number], numbers)
    checks.check_traffic(findings, stage)
    await checks.check_station(findings, stage)
    if to_the_end:
        await checks.check_end(findings, stage)
    return findings


async def _start(stage: Stage, evse_id: int) -> str:
    """Plug in, swipe, and charge; return the session's id."""
    since = stage.host.position
    stage.cars.plug_in(evse_id)
    details: dict[str, Any] = await stage.host.wait_for(
        "SessionStarted", evse_id=evse_id, since=since
    )
    # Offline, the first answer may take as long as the daemon waits for the CSMS.
    await stage.host.swipe(TOKEN, evse_id=evse_id)
    await stage.host.wait_for("ChargingStarted", evse_id=evse_id, since=since, timeout_s=20)
    return str(details["uuid"])


async def _finish(stage: Stage, evse_id: int) -> None:
    """Swipe again and unplug."""
    since = stage.host.position
    await stage.host.swipe(TOKEN, evse_id=evse_id)
    await stage.host.wait_for("TransactionFinished", evse_id=evse_id, since=since, timeout_s=20)
    stage.cars.unplug(evse_id)
    await stage.host.all_acknowledged()


def _waiting_for(queue: list[dict[str, Any]]) -> set[Any]:
    """Return the transactions that queued messages belong to."""
    return {entry["transaction_id"] for entry in queue if "transaction_id" in entry}


def _show_queue(stage: Stage, queue: list[dict[str, Any]]) -> None:
    for entry in queue:
        stage.story(
            f"  queued: {entry.get('message')} of {entry.get('transaction_id', '-')}, "
            f"{entry.get('state')} {entry.get('reason', '')}".rstrip()
        )
