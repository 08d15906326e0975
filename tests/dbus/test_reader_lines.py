"""Trusted senders are served before the others, and nobody's messages change their order."""

import asyncio
import re

import pytest

from ocppd.dbus import reader
from tests.dbus.test_limits import Fed

BUS = "org.freedesktop.DBus"


def frame(message_type: int, number: int, *fields: tuple[int, str, str | int]) -> bytes:
    """A message as the bus passes it on: the libraries leave out who has sent it."""
    header = b""
    for code, signature, value in fields:
        header += bytes(-len(header) % 8) + bytes((code, 1)) + signature.encode() + b"\0"
        if isinstance(value, int):
            header += value.to_bytes(4, "little")
        else:
            header += len(value).to_bytes(4, "little") + value.encode() + b"\0"
    fixed = bytes((ord("l"), message_type, 0, 1)) + bytes(4) + (number + 1).to_bytes(4, "little")
    return fixed + len(header).to_bytes(4, "little") + header + bytes(-len(header) % 8)


def sent_by(sender: str, number: int) -> bytes:
    """A call by a sender, or from the bus itself a signal."""
    kind = 4 if sender == BUS else 1
    return frame(kind, number, (1, "o", "/x"), (3, "s", f"M{number}"), (7, "s", sender))


class InLines(Fed):
    """A reader that knows whom to trust."""

    def __init__(self, trusted: dict[str, bool]) -> None:
        super().__init__()
        self.trusted = trusted
        self.reader._trusted = self.trusted.get
        self.theirs.setblocking(False)

    def members(self, sender: str) -> list[int]:
        """The numbers of the messages of a sender, in the order in which they were taken."""
        pattern = sender.encode() + b"\0"
        found = [re.search(rb"M(\d+)\0", each) for each in self.taken if pattern in each]
        return [int(match[1]) for match in found if match]


async def test_the_trusted_come_before_whoever_floods() -> None:
    fed = InLines({":1.1": False, ":1.2": True})
    flood = b"".join(sent_by(":1.1", number) for number in range(3000))
    feeding = asyncio.create_task(fed.feed(flood + sent_by(":1.2", 0)))
    async with asyncio.timeout(10):
        while not any(b":1.2\0" in each for each in fed.taken[-50:]):
            await asyncio.sleep(0)
        before = len(fed.taken)
        assert before < 500, "most of the flood is still to be served"
        while len(fed.taken) < 3001:
            await asyncio.sleep(0)
    await feeding
    assert fed.members(":1.1") == list(range(3000))
    fed.close()


async def test_of_one_sender_nothing_is_overtaken() -> None:
    # In the middle it becomes known that it is trusted: what waits comes first.
    fed = InLines({})
    count = 0

    def take(data: bytes) -> None:
        nonlocal count
        fed.taken.append(data)
        count += 1
        if count == 20:
            fed.trusted[":1.1"] = True

    fed.take = take
    await fed.feed(b"".join(sent_by(":1.1", number) for number in range(300)))
    async with asyncio.timeout(10):
        while len(fed.taken) < 300:
            await asyncio.sleep(0)
    assert fed.members(":1.1") == list(range(300))
    fed.close()


async def test_that_a_sender_left_is_heard_after_what_it_said() -> None:
    fed = InLines({":1.1": False})
    calls = b"".join(sent_by(":1.1", number) for number in range(50))
    await fed.feed(calls + sent_by(BUS, 7))
    async with asyncio.timeout(10):
        while len(fed.taken) < 51:
            await asyncio.sleep(0)
    assert fed.taken[-1] == sent_by(BUS, 7)
    fed.close()


async def test_an_answer_overtakes_calls_and_a_first_call_those_of_the_known() -> None:
    fed = InLines({":1.1": False})
    calls = b"".join(sent_by(":1.1", number) for number in range(100))
    # As if a sender began in the number of the call that it answers.
    answer = frame(2, 9, (5, "u", 0x00730107), (7, "s", ":1.9"))
    fed.theirs.sendall(calls + answer + sent_by(":1.5", 0) + sent_by(":1.5", 1))
    async with asyncio.timeout(10):
        while len(fed.taken) < 103:
            await asyncio.sleep(0)
    assert fed.taken[0] == answer
    assert fed.taken[1] == sent_by(":1.5", 0)
    assert fed.members(":1.1") == list(range(100))
    assert fed.members(":1.5") == [0, 1]
    fed.close()


async def test_the_second_line_is_bounded_and_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader, "_MOST_WAITING", 5000)
    fed = InLines({":1.1": False})
    most = 0

    def take(data: bytes) -> None:
        nonlocal most
        fed.taken.append(data)
        most = max(most, fed.reader._waiting)

    fed.take = take
    flood = b"".join(sent_by(":1.1", number) for number in range(1000))
    await fed.feed(flood)
    async with asyncio.timeout(10):
        while len(fed.taken) < 1000:
            await asyncio.sleep(0)
    assert 1000 < most <= 5000
    assert fed.reader._waiting == 0
    assert not fed.reader._waiting_of
    assert fed.members(":1.1") == list(range(1000))
    fed.close()
