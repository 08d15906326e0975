"""Callers who ask too much are limited, and nobody else notices."""

import asyncio
import socket
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from ocppd.dbus import limits, reader
from ocppd.dbus.access import Access, Caller, Callers
from ocppd.dbus.binding import LIMITS_EXCEEDED, DBusError, Message, MessageFlag
from ocppd.dbus.exported import Interface, exported
from ocppd.dbus.limits import MAX_IN_FLIGHT, OBSERVERS, STRANGERS, TRUSTED, UNKNOWN, Limits
from ocppd.dbus.objects import Objects
from ocppd.dbus.reader import MAX_MESSAGE, Oversized, Reader
from ocppd.dbus.service import NAME, STATION_PATH
from ocppd.dbus.signatures import Str
from tests.dbus.rig import Served, served

OBSERVER = Caller(Access.OBSERVE, 1001)
HOST = Caller(Access.CONTROL, 0)


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def let_in(limited: Limits, sender: str, caller: Caller | None, most: int = 100_000) -> int:
    """Call until it is refused; every call is answered at once."""
    for number in range(most):
        admission = limited.admit(sender, caller)
        if admission is None:
            return number
        admission.end()
    return most


def test_a_user_has_one_allowance_for_all_connections() -> None:
    time = Time()
    limited = Limits(time)
    assert let_in(limited, ":1.1", OBSERVER) == OBSERVERS.burst
    assert let_in(limited, ":1.2", OBSERVER) == 0
    assert let_in(limited, ":1.3", Caller(Access.OBSERVE, 1002), 10) == 10
    time.now += 1
    assert let_in(limited, ":1.2", OBSERVER) == OBSERVERS.per_second
    limited.left(":1.1")
    limited.left(":1.2")
    assert let_in(limited, ":1.4", OBSERVER) == 0, "a new connection is no new allowance"
    assert let_in(limited, ":1.5", Caller(Access.NONE, 1003)) == STRANGERS.burst


def test_trusted_callers_are_limited_each_by_itself() -> None:
    limited = Limits(Time())
    assert let_in(limited, ":1.1", HOST) == TRUSTED.burst
    assert let_in(limited, ":1.2", HOST, 100) == 100
    held = [limited.admit(":1.2", HOST) for _ in range(TRUSTED.in_flight)]
    assert None not in held
    assert limited.admit(":1.2", HOST) is None
    held[0].end()  # type: ignore[union-attr]
    held[0].end()  # type: ignore[union-attr]
    assert limited.admit(":1.2", HOST) is not None
    assert limited.admit(":1.2", HOST) is None


def test_all_together_have_a_limit_that_the_host_is_not_subject_to() -> None:
    limited = Limits(Time())
    senders = [f":1.{number}" for number in range(100)]
    inside = sum(
        limited.admit(sender, None) is not None
        for sender in senders
        for _ in range(UNKNOWN.in_flight)
    )
    assert inside == MAX_IN_FLIGHT
    assert limited.admit(":1.200", None) is None
    assert limited.admit(":1.201", HOST) is not None


def test_nothing_is_kept_of_who_left() -> None:
    limited = Limits(Time())
    for number in range(10_000):
        sender = f":1.{number}"
        let_in(limited, sender, None, 1)
        let_in(limited, sender, Caller(Access.NONE, number), 1)
        limited.left(sender)
    assert len(limited) == 0
    assert len(limited._accounts) <= limits._MAX_ABSENT + 1
    limited.clear()
    assert limited._accounts == {}


def test_connections_of_one_user_in_different_groups_fill_no_account() -> None:
    limited = Limits(Time())
    stranger = Caller(Access.NONE, OBSERVER.uid)
    let_in(limited, ":1.1", OBSERVER, 1000)
    assert limited.admit(":1.2", stranger) is None
    assert limited.admit(":1.1", OBSERVER) is None


async def refused_of(here: Served, count: int) -> int:
    """Make as many calls at once; return how many were refused."""

    async def one() -> bool:
        try:
            await here.client.bus.call(NAME, STATION_PATH, NAME, "GetTransactions")
        except DBusError as error:
            return error.type == LIMITS_EXCEEDED
        return False

    return sum(await asyncio.gather(*(one() for _ in range(count))))


async def test_an_observer_who_calls_too_often_is_told_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with served() as here:
        trusted = await here.another()
        assert await trusted.call("GetTransactions") == []
        name = here.client.bus.unique_name
        here.service._callers._known[name] = OBSERVER
        since, made, refused = time.monotonic(), 0, 0
        async with asyncio.timeout(30):
            while refused < 300:
                refused += await refused_of(here, 100)  # the bus keeps 128 replies for a caller
                made += 100
        lasted = time.monotonic() - since
        assert refused >= made - OBSERVERS.burst - OBSERVERS.per_second * lasted - 1
        assert await trusted.call("GetTransactions") == []
        texts = [r.getMessage() for r in caplog.records if "too often" in r.getMessage()]
        assert texts == ["user 1001 calls too often: 1 calls refused"]


@pytest.mark.parametrize("expects_reply", [True, False])
async def test_a_call_of_30_mib_is_refused_while_it_arrives(expects_reply: bool) -> None:
    async with served() as here:
        large = "x" * (30 << 20)
        if expects_reply:
            with pytest.raises(DBusError, match="at most 4194304 are read") as error:
                await here.client.bus.call(
                    NAME, STATION_PATH, NAME, "GetVariables", "s", [large], timeout_s=20
                )
            assert error.value.type == LIMITS_EXCEEDED
        else:
            here.client.bus.send(
                Message(
                    destination=NAME,
                    path=STATION_PATH,
                    interface=NAME,
                    member="Stop",
                    signature="s",
                    body=[large],
                    flags=MessageFlag.NO_REPLY_EXPECTED,
                )
            )
        assert await here.client.call("GetTransactions") == [], "and the next one is served"


class Talkative(Interface):
    NAME = f"{NAME}.Agent.Auth"

    @exported
    def SetMasterPassGroupId(self, group_id: Str) -> Str:
        """Answer with more than anybody wants to read."""
        return "x" * (MAX_MESSAGE + 1)


async def test_an_answer_that_is_too_large_is_a_failure_at_once() -> None:
    async with served() as here:
        other = await here.another()
        agent = Objects()
        agent.export("/agent", Talkative())
        agent.attach(other.bus)
        with pytest.raises(DBusError) as error:
            await here.client.bus.call(
                other.bus.unique_name,
                "/agent",
                Talkative.NAME,
                "SetMasterPassGroupId",
                "s",
                ["x"],
                timeout_s=20,
            )
        assert error.value.type == LIMITS_EXCEEDED


async def test_a_ping_is_answered_to_whoever_may_look() -> None:
    async with served(groups={}) as here:
        peer = "org.freedesktop.DBus.Peer"
        assert await here.client.call("Ping", interface=peer) is None
        here.service._callers._known[here.client.bus.unique_name] = Caller(Access.NONE, 1)
        for member, interface in (
            ("Ping", peer),
            ("Introspect", "org.freedesktop.DBus.Introspectable"),
            ("GetManagedObjects", "org.freedesktop.DBus.ObjectManager"),
        ):
            with pytest.raises(DBusError, match="for callers of the class observe"):
                await here.client.call(member, interface=interface)
        with pytest.raises(DBusError, match="for callers of the class observe"):
            await here.client.get("Health")


class Fed:
    """A reader, and the other end of its socket."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.ours.setblocking(False)
        self.taken: list[bytes] = []
        self.refused: list[Oversized] = []
        self.lost: list[Exception] = []
        self.take: Callable[[bytes], None] = self.taken.append
        self.reader = Reader(
            self.ours,
            asyncio.get_running_loop(),
            take=lambda message: self.take(message),
            refuse=self.refused.append,
            lost=self.lost.append,
        )
        self.reader.start()

    async def feed(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.theirs, data)
        for _ in range(200):
            await asyncio.sleep(0)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.ours.fileno())
        self.ours.close()
        self.theirs.close()


def message(**fields: Any) -> bytes:
    return bytes(
        Message(
            destination=NAME, path="/x", interface="a.b", member="C", serial=7, **fields
        )._marshall(False)
    )


async def test_messages_are_cut_out_of_the_stream_wherever_it_is_cut() -> None:
    fed = Fed()
    fed.theirs.setblocking(False)
    one, two = message(), message(signature="s", body=["x" * 100])
    stream = one + two + one
    for cut in range(len(stream)):
        fed.taken.clear()
        await fed.feed(stream[:cut])
        await fed.feed(stream[cut:])
        assert fed.taken == [one, two, one]
    fed.close()


async def test_of_a_large_one_the_header_is_told_and_the_rest_is_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader, "MAX_MESSAGE", 1000)
    fed = Fed()
    fed.theirs.setblocking(False)
    large = message(signature="s", body=["x" * 300_000])
    for position in range(0, len(large), 50):
        await fed.feed(large[position : position + 50])
        assert len(fed.reader._buffer) < 1000
        if position > 5000:
            await fed.feed(large[position + 50 :])
            break
    assert fed.taken == []
    assert fed.refused == [Oversized(1, 0, 7, len(large), path="/x", interface="a.b", member="C")]
    small = message()
    await fed.feed(small)
    assert fed.taken == [small]
    fed.close()


async def test_a_fault_in_one_message_costs_none_of_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fed = Fed()
    fed.theirs.setblocking(False)
    taken: list[bytes] = []

    def take(data: bytes) -> None:
        taken.append(data)
        if len(taken) == 1:
            raise ValueError("what is this?")

    fed.take = take
    await fed.feed(message() * 3)
    assert len(taken) == 3
    assert [record.getMessage() for record in caplog.records] == [
        "a message from the bus was not understood"
    ]
    fed.theirs.close()
    await asyncio.sleep(0.05)
    assert [type(error) for error in fed.lost] == [EOFError] * len(fed.lost)
    assert fed.lost
    fed.close()


async def test_others_have_their_turn_between_many_messages() -> None:
    fed = Fed()
    fed.theirs.setblocking(False)
    seen: list[int] = []

    async def look() -> None:
        while len(fed.taken) < 500:
            seen.append(len(fed.taken))
            await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    await asyncio.get_running_loop().sock_sendall(fed.theirs, message() * 500)
    await asyncio.wait_for(looking, 5)
    assert max(b - a for a, b in pairwise(seen)) <= 32
    fed.close()


async def test_nothing_is_read_while_it_is_held() -> None:
    fed = Fed()
    fed.theirs.setblocking(False)
    fed.reader.hold(True)
    await fed.feed(message())
    assert fed.taken == []
    fed.reader.hold(False)
    await asyncio.sleep(0.05)
    assert len(fed.taken) == 1
    fed.close()


class NoAnswer(Callers):
    """A bus that is lost before it has said who anybody is."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = asyncio.Event()

    async def of(self, sender: str) -> Access:
        await self.lost.wait()
        return Access.NONE


class Line:
    """A connection to a bus, with what comes over it."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    def add_handler(self, handler: Callable[[Message], bool]) -> None:
        self.handle = handler

    def send(self, message: Message) -> None:
        self.sent.append(message)


def call_of(sender: str) -> Message:
    return Message(
        destination=NAME, path=STATION_PATH, interface=NAME, member="X", sender=sender, serial=1
    )


async def test_a_bus_that_is_lost_takes_no_places_with_it() -> None:
    callers = NoAnswer()
    objects = Objects(callers)
    for _ in range(3):
        line: Any = Line()
        objects.attach(line)
        for number in range(MAX_IN_FLIGHT // UNKNOWN.in_flight):
            for _ in range(UNKNOWN.in_flight):
                line.handle(call_of(f":1.{number}"))
        assert line.sent == [], "nobody is refused"
        objects.detach()
    # On the next bus the same names are somebody else's, who are answered there.
    line = Line()
    objects.attach(line)
    line.handle(call_of(":1.7"))
    callers.lost.set()
    async with asyncio.timeout(5):
        while not line.sent:
            await asyncio.sleep(0)
    assert len(line.sent) == 1
