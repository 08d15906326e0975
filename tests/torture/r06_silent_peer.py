"""A CSMS that falls silent: noticed within ping interval and time limit, then redialled, drained.

The CSMS is a process that is stopped (SIGSTOP): its kernel still takes what is sent. In full, and
where network namespaces can be made, also a line that swallows every packet. Required: told on the
bus that the connection is lost within WebSocketPingInterval + WebsocketPongTimeout; the host works
on meanwhile; when the CSMS is back, everything comes, once and in order.
"""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tests.scenario.host import Host
from tests.torture.figures import Figure, Options, at_most, exactly, none_of
from tests.torture.peer import Peer
from tests.torture.wire import WireRig, eventually, values

PING_S, PONG_S = 2, 2
_SCHEDULING_S = 0.5
_NAMESPACE, _HERE, _THERE = "ocppd-torture", "10.213.77.1", "10.213.77.2"
_VALUES = values(
    OCPPCommCtrlr__WebSocketPingInterval=PING_S,
    InternalCtrlr__WebsocketPongTimeout=PONG_S,
    OCPPCommCtrlr__NetworkProfileConnectionAttempts=-1,
)
Change = Callable[[], Awaitable[None]]


async def run(options: Options) -> list[Figure]:
    figures: list[Figure] = []
    for version in ("1.6", "2.0.1", "2.1") if options.full else ("2.0.1",):
        async with Peer(version) as peer:
            figures += await _silence(options, peer, "SIGSTOP", _stopped(peer), _continued(peer))
    if options.full and os.geteuid() == 0:
        async with _namespace(), Peer("2.0.1", host=_THERE, port=9000, within=_INSIDE) as peer:
            cut, mend = _link("down"), _link("up")
            figures += await _silence(options, peer, "packets dropped", cut, mend)
    return figures


def _stopped(peer: Peer) -> Change:
    async def stop() -> None:
        peer.send(signal.SIGSTOP)

    return stop


def _continued(peer: Peer) -> Change:
    async def go_on() -> None:
        peer.send(signal.SIGCONT)

    return go_on


async def _silence(
    options: Options, peer: Peer, how: str, cut: Change, mend: Change
) -> list[Figure]:
    label = f"{how}, {peer.version}"
    folder = options.folder / label.replace(" ", "-")
    async with WireRig(folder, peer, values=_VALUES) as rig:
        await eventually(lambda: len(peer.of("BootNotification")) > 0, 20)
        host = Host(rig.client)
        await host.ready()
        await host.plug_in()
        await host.start()
        await rig.drained()
        await asyncio.sleep(1)
        await cut()
        cut_at = time.monotonic()
        heard = len(rig.client.signals)
        await rig.client.wait_for(
            "PropertiesChanged",
            lambda body: body[1].get("IsConnected") is False,
            since=heard,
            timeout_s=PING_S + PONG_S + 10,
        )
        noticed_s = time.monotonic() - cut_at
        await host.charge()
        await host.pause()
        await host.stop()
        await host.unplug()
        await mend()
        mended_at = time.monotonic()
        await rig.drained(90)
        drained_s = time.monotonic() - mended_at
        faults = _told_wrongly(peer)
    return [
        at_most(f"{label}: noticed after", PING_S + PONG_S + _SCHEDULING_S, noticed_s, "s"),
        at_most(f"{label}: all told after the CSMS is back", 40.0, drained_s, "s"),
        none_of(f"{label}: messages lost, doubled or out of order", faults),
        exactly(f"{label}: BootNotifications", 1, len(peer.of("BootNotification"))),
    ]


def _told_wrongly(peer: Peer) -> list[str]:
    """Tell what is wrong with the one session that the CSMS heard of."""
    if peer.version == "1.6":
        told = [frame[2] for frame in peer.calls if frame[2] in _TOLD_16]
        return [] if told == ["StartTransaction", "StopTransaction"] else [str(told)]
    numbers = [payload["seqNo"] for payload in peer.of("TransactionEvent")]
    ends = [payload["eventType"] for payload in peer.of("TransactionEvent")]
    faults = [] if numbers == list(range(len(numbers))) else [f"seqNo {numbers}"]
    return faults if ends[-1:] == ["Ended"] and "Started" in ends[:1] else [*faults, str(ends)]


_TOLD_16 = ("StartTransaction", "StopTransaction")


# A network of our own


_INSIDE = ("ip", "netns", "exec", _NAMESPACE)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


@asynccontextmanager
async def _namespace() -> AsyncIterator[None]:
    """Make a network namespace with a cable to it."""
    _ip("netns", "add", _NAMESPACE)
    try:
        _ip("link", "add", "torture0", "type", "veth", "peer", "name", "eth0", "netns", _NAMESPACE)
        _ip("addr", "add", f"{_HERE}/24", "dev", "torture0")
        _ip("link", "set", "torture0", "up")
        _ip("-n", _NAMESPACE, "addr", "add", f"{_THERE}/24", "dev", "eth0")
        _ip("-n", _NAMESPACE, "link", "set", "eth0", "up")
        yield
    finally:
        _ip("netns", "del", _NAMESPACE)


def _link(state: str) -> Change:
    """Take away, or give back, the way of all packets of the CSMS: nobody is told."""

    async def change() -> None:
        verb = "add" if state == "down" else "del"
        _ip("-n", _NAMESPACE, "route", verb, "blackhole", f"{_HERE}/32")

    return change
