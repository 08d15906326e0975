"""Frames over a limit: closed with 1009 and little memory; what JSON leaves open is refused.

Required: a frame longer than `max_message_size` ends the connection with 1009, however it comes
(whole, in pieces, compressed, or only announced), the memory never grows by more than three times
the limit, and the station comes back. Nesting, digits, NaN, half surrogates and doubled keys are
refused, each with a CALLERROR where the version has words for it, and the connection goes on.
"""

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

from websockets.exceptions import ConnectionClosed

from tests.torture.figures import Figure, Options, at_most, none_of
from tests.torture.wire import WireCsms, WireRig, eventually, memory, reset_peak, site, values

LIMIT = 1 << 20
VERSIONS = ("1.6", "2.0.1", "2.1")
_FORMAT = {"1.6": "FormationViolation"}
# Type and id can be read, the rest cannot: what the error says of it. Each is in the payload of
# an action that no station has, so that nothing but the reading can be at fault.
BAD_JSON = {
    "nesting of 5,000": "[" * 5000 + "]" * 5000,
    "nesting of 100,000": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "an integer of 5,000 digits": "9" * 5000,
    "a negative integer of 5,000 digits": "-" + "9" * 5000,
    "an integer of 65 bits": str(2**64),
    "a fraction of 5,000 digits that overflows": "9" * 5000 + ".5",
    "an exponent that overflows": "1e999",
    "NaN": "NaN",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "half a surrogate pair": '"\\ud800"',
    "half a surrogate pair, the low one": '"x\\udfffy"',
    "half a surrogate pair as a key": '{"\\ud800":1}',
    "a doubled key": '{"k":1,"k":2}',
    "a doubled key deep inside": '[{"k":{"j":1,"j":1}}]',
    "a line feed in a text": '"a\nb"',
    "a comma too many": "[1,]",
    "a number in octal": "017",
    "nothing": "",
}


async def run(options: Options) -> list[Figure]:
    figures: list[Figure] = []
    for version in VERSIONS if options.full else VERSIONS[:2]:
        async with site(
            options.folder / version, version, compression="deflate", values=values()
        ) as (rig, wire):
            figures.append(await _refused(version, wire))
            figures += await _too_long(version, rig, wire)
            figures.append(
                none_of(f"{version}: tracebacks in the log", ["x"] * rig.log.count("Traceback"))
            )
    return figures


async def _refused(version: str, wire: WireCsms) -> Figure:
    """Send what JSON leaves open; each must be answered by an error, on the same connection."""
    answers: dict[str, list[Any]] = {}
    wire.heard = lambda frame: answers.__setitem__(frame[1], frame) if frame[0] != 2 else None
    connections = wire.connections
    wanted = _FORMAT.get(version, "FormatViolation")
    faults: list[str] = []
    for number, text in enumerate(BAD_JSON.values()):
        await wire.say(f'[2,"bad-{number}","NoSuchAction",{{"a":{text}}}]')
    await wire.say('[2,"good","NoSuchAction",{"a":1.5}]')
    await eventually(lambda: "good" in answers)
    with suppress(TimeoutError):
        await eventually(lambda: len(answers) > len(BAD_JSON), 5)
    for number, what in enumerate(BAD_JSON):
        answer = answers.get(f"bad-{number}")
        if answer is None or answer[0] != 4 or answer[2] != wanted:
            faults.append(f"{what}: {str(answer)[:100]}")
    if answers["good"][:1] != [4] or answers["good"][2] not in ("NotImplemented", "NotSupported"):
        faults.append(f"a sound frame: {answers['good']}")
    if wire.connections != connections:
        faults.append("the connection ended")
    return none_of(f"{version}: depth, digits, NaN, surrogates, doubled keys taken", faults)


async def _whole(wire: WireCsms) -> None:
    await wire.say(json.dumps([2, "big", "DataTransfer", {"vendorId": "x" * LIMIT}]))


async def _in_pieces(wire: WireCsms) -> None:
    async def pieces() -> AsyncIterator[str]:
        yield '[2,"big","DataTransfer",{"vendorId":"'
        for _ in range(256):
            yield "x" * 65_536

    await wire.connection.send(pieces())


async def _compressed(wire: WireCsms) -> None:
    """A bomb: 64 MiB that are 64 KiB on the wire."""
    await wire.say("[" + " " * (64 << 20) + "]")


async def _announced(wire: WireCsms) -> None:
    """The head of a frame of 8 GiB, and a little of it, past the library of this CSMS."""
    wire.connection.transport.write(b"\x81\x7f" + struct.pack("!Q", 8 << 30) + b"[" * 4096)


WAYS: dict[str, Callable[[WireCsms], Awaitable[None]]] = {
    "whole": _whole,
    "in pieces": _in_pieces,
    "compressed": _compressed,
    "announced": _announced,
}


async def _too_long(version: str, rig: WireRig, wire: WireCsms) -> list[Figure]:
    faults: list[str] = []
    most_mib = 0.0
    assert rig.process is not None
    for what, send in WAYS.items():
        closes, connections = len(wire.closes), wire.connections
        reset_peak(rig.process.pid)
        before_mib = memory(rig.process.pid, "VmHWM")
        with suppress(ConnectionClosed):
            await send(wire)
        await eventually(lambda: len(wire.closes) > closes)  # noqa: B023
        if wire.closes[-1] != 1009:
            faults.append(f"{what}: closed with {wire.closes[-1]}")
        most_mib = max(most_mib, memory(rig.process.pid, "VmHWM") - before_mib)
        await eventually(lambda: wire.connections > connections, 10)  # noqa: B023
        await asyncio.sleep(0.2)
    return [
        none_of(f"{version}: frames over the limit not closed with 1009", faults),
        at_most(f"{version}: peak memory, in limits", 3.0, most_mib / (LIMIT >> 20)),
    ]
