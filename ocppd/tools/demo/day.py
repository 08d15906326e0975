"""A day that goes on: rounds that yield to the person who plays along in a second terminal."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

from ocppd.tools.csms import CallFailed, Disconnected
from ocppd.tools.csms.commands import BadCommand, run
from ocppd.tools.demo import checks
from ocppd.tools.demo.stage import BLOCKED, Stage, StageFailed
from ocppd.tools.demo.story import begin, generations, tell_limit
from ocppd.tools.demo.watcher import CallRefused
from ocppd.tools.sim.arbiter import Outcome
from ocppd.tools.sim.evse import SimulatorError

# Not the card that is printed to try: to swipe it again would end the person's transaction.
_DRIVER = "04D1D2D3D4D5D6"
_APP = "04A1A2A3A4A5A6"


class RoundOver(Exception):
    """A round cannot go on, as somebody has done something else; the text says what."""


_YIELDING = (
    RoundOver,
    SimulatorError,
    BadCommand,
    CallFailed,
    CallRefused,
    Disconnected,
    TimeoutError,
)


async def endless_day(stage: Stage, version: str) -> NoReturn:
    """Play one round after the other until somebody has seen enough.

    Raises StageFailed when the daemon has ended.
    """
    await _yielding(stage, "The beginning", begin(stage, version))
    rounds: list[Callable[[Stage], Awaitable[None]]] = [
        _by_card,
        _by_the_csms,
        _blocked_card,
        _out_of_service,
        _questions,
    ]
    number = 0
    while True:
        for play in rounds:
            number += 1
            stage.story(f"Round {number}")
            await _yielding(stage, f"Round {number}", play(stage))
            stage.cars.clear()
            await stage.pause(4)


async def generations_live(stage: Stage, other: str) -> None:
    """Play the change of generation; a CSMS is there after it, whatever a person does."""

    async def play() -> None:
        (await generations(stage, other, to_the_end=False)).show()

    if not await _yielding(stage, "The change of generation", play()):
        stage.cars.clear()
        await stage.csms.stop()
        await stage.replace_csms(["1.6"])


async def _yielding(stage: Stage, what: str, playing: Awaitable[None]) -> bool:
    """Play; tell what is in the way of it, if so. Returns whether nothing was."""
    try:
        await playing
    except _YIELDING as error:
        if not stage.daemon_lives():
            raise StageFailed("the daemon has ended") from error
        stage.story(f"{what} is over early: {error or 'it took too long'}")
        return False
    return True


async def _idle_evse(stage: Stage, preferred: int) -> int:
    """Return an EVSE that nobody uses; wait until there is one."""
    evse_ids = sorted(stage.host.charger.evses, key=lambda evse_id: evse_id != preferred)
    told = False
    while True:
        for evse_id in evse_ids:
            if stage.cars.idle(evse_id):
                return evse_id
        if not told:
            stage.story("No EVSE is idle; the story waits until one is (ocppd-sim state, unplug)")
            told = True
        await asyncio.sleep(0.5)
        if not stage.daemon_lives():
            raise StageFailed("the daemon has ended")


def _plug_in(stage: Stage, evse_id: int, more: str = "") -> None:
    stage.story(f"A car is plugged in at EVSE {evse_id}{more}")
    stage.cars.plug_in(evse_id)


def _unplug(stage: Stage, evse_id: int) -> None:
    if not stage.cars.ours(evse_id):
        raise RoundOver(f"the car at EVSE {evse_id} is not the one of the story any more")
    stage.story("The car is unplugged")
    stage.cars.unplug(evse_id)


async def _swipe(stage: Stage, evse_id: int, wanted: Outcome) -> None:
    outcome = await stage.host.swipe(_DRIVER, evse_id=evse_id)
    if outcome is not wanted:
        raise RoundOver(f"the reader of EVSE {evse_id} says {outcome}")


async def _by_card(stage: Stage) -> None:
    evse_id = await _idle_evse(stage, 1)
    since = stage.host.position
    _plug_in(stage, evse_id)
    await stage.pause(2)
    stage.story(f"The driver swipes {_DRIVER}")
    await _swipe(stage, evse_id, Outcome.USED_TO_START)
    await stage.host.wait_for("ChargingStarted", evse_id=evse_id, since=since)
    since = stage.host.position
    await stage.pause(3)
    await tell_limit(stage, evse_id)
    await stage.pause(6)
    stage.story("The car pauses")
    await stage.host.pause_ev(evse_id)
    await stage.pause(4)
    stage.story("The car goes on")
    await stage.host.resume_ev(evse_id)
    await stage.host.wait_for("ChargingStarted", evse_id=evse_id, since=since)
    await stage.pause(6)
    stage.story("The driver swipes again")
    await _swipe(stage, evse_id, Outcome.USED_TO_STOP)
    await stage.pause(2)
    _unplug(stage, evse_id)


async def _by_the_csms(stage: Stage) -> None:
    evse_id = await _idle_evse(stage, 2)
    _plug_in(stage, evse_id)
    await stage.pause(2)
    stage.story("An app has the CSMS start a transaction there")
    since = stage.host.position
    answer = await run(stage.csms, {"cmd": "remote-start", "token": _APP, "evse": evse_id})
    if answer.get("status") != "Accepted":
        raise RoundOver(f"the station answers {answer.get('status')}")
    await stage.host.wait_for("ChargingStarted", evse_id=evse_id, since=since)
    await stage.pause(8)
    stage.story("The app has it stopped")
    its = [one for one in stage.csms.transactions if one.id_token == _APP and not one.ended]
    if not its:
        raise RoundOver("the app's transaction is not open any more")
    await run(stage.csms, {"cmd": "remote-stop", "transaction_id": its[-1].transaction_id})
    await stage.host.wait_for("TransactionFinished", evse_id=evse_id, since=since)
    await stage.pause(2)
    _unplug(stage, evse_id)


async def _blocked_card(stage: Stage) -> None:
    evse_id = await _idle_evse(stage, 1)
    _plug_in(stage, evse_id, ", and a blocked card is tried")
    outcome = await stage.host.swipe(BLOCKED, evse_id=evse_id)
    stage.story(f"The reader says: {outcome}")
    await stage.pause(3)
    _unplug(stage, evse_id)


async def _out_of_service(stage: Stage) -> None:
    evse_id = await _idle_evse(stage, 2)
    # In 1.6 an EVSE has no number of its own, its connector has.
    connector_id = 1 if checks.station(stage).version == "1.6" else None
    stage.story(f"The host's web page takes EVSE {evse_id} out of service, over the bus")
    response = await stage.watcher.availability("Inoperative", evse_id, connector_id)
    stage.story(f"ocppd answers {response.get('status')}")
    try:
        await stage.pause(4)
    finally:
        await stage.watcher.availability("Operative", evse_id, connector_id)


async def _questions(stage: Stage) -> None:
    stage.story("The CSMS asks for a variable, and changes it")
    old = checks.station(stage).version == "1.6"
    name = "HeartbeatInterval" if old else "OCPPCommCtrlr.HeartbeatInterval"
    await run(stage.csms, {"cmd": "get", "addresses": [name]})
    await run(stage.csms, {"cmd": "set", "assignments": [f"{name}=120"]})
    await stage.pause(2)
    stage.story("It asks for one that does not exist")
    await run(stage.csms, {"cmd": "get", "addresses": ["NoSuch" if old else "NoSuch.Thing"]})
