"""What a connection survives, under whichever library the binding has taken."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ocppd.dbus import binding, writer
from ocppd.dbus.binding import Bus, DBusError, Message, MessageType, Variant
from tests.private_bus import PrivateBus


@asynccontextmanager
async def two_on(bus: PrivateBus) -> AsyncIterator[tuple[Bus, Bus]]:
    first, second = await Bus.connect(bus.address), await Bus.connect(bus.address)
    try:
        yield first, second
    finally:
        for each in (first, second):
            if each.connected:
                each.close()
                await each.wait_until_lost()


def signal(body: object, signature: str = "v", member: str = "Told") -> Message:
    return Message.new_signal("/t", "org.everest.Test", member, signature, [body])


async def heard(
    listener: Bus, rule: str = "interface='org.everest.Test'"
) -> "asyncio.Queue[Message]":
    queue: asyncio.Queue[Message] = asyncio.Queue()

    def keep(message: Message) -> None:
        if message.message_type is MessageType.SIGNAL and message.interface == "org.everest.Test":
            queue.put_nowait(message)

    listener.add_handler(keep)
    await listener.match(f"type='signal',{rule}")
    return queue


@pytest.mark.parametrize(
    ("text", "arrives"),
    [("a\0b", "ab"), ("a\ud800b", "ab"), ("\U0001f600\uffff", "\U0001f600\uffff"), ("", "")],
)
async def test_text_that_d_bus_cannot_carry_is_left_out(text: str, arrives: str) -> None:
    with PrivateBus() as bus:
        async with two_on(bus) as (sender, listener):
            queue = await heard(listener)
            nested = {"deep": Variant("aa{sv}", [{"k": Variant("s", text)}])}
            sender.send(signal(Variant("a{sv}", nested)))
            message = await asyncio.wait_for(queue.get(), 5)
            [value] = message.body
            assert value.value["deep"].value[0]["k"].value == arrives
            assert sender.connected


async def test_a_burst_of_signals_arrives_whole_and_in_order() -> None:
    with PrivateBus() as bus:
        async with two_on(bus) as (sender, listener):
            queue = await heard(listener)
            for number in range(3000):
                sender.send(signal(number, "i"))
            got = [(await asyncio.wait_for(queue.get(), 10)).body[0] for _ in range(3000)]
            assert got == list(range(3000))
            assert sender.connected


async def test_a_bus_that_stands_still_does_not_end_the_connection() -> None:
    with PrivateBus() as bus:
        async with two_on(bus) as (sender, listener):
            queue = await heard(listener)
            bus.freeze()
            try:
                for number in range(3000):
                    sender.send(signal(number, "i"))
                await asyncio.sleep(0.4)
            finally:
                bus.thaw()
            got = [(await asyncio.wait_for(queue.get(), 10)).body[0] for _ in range(3000)]
            assert got == list(range(3000))
            assert sender.connected
            assert await sender.daemon("GetId")


async def test_signals_that_nobody_takes_are_bounded(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer, "MAX_SIGNALS", 100)
    with PrivateBus() as bus:
        async with two_on(bus) as (sender, listener):
            queue = await heard(listener)
            bus.freeze()
            try:
                for number in range(5000):
                    sender.send(signal(number, "i"))
                call = asyncio.ensure_future(sender.daemon("GetId"))
                await asyncio.sleep(0)
            finally:
                bus.thaw()
            await asyncio.wait_for(call, 10)  # a call is never dropped, and comes after them
            got = []
            async with asyncio.timeout(10):
                while not got or got[-1] != 4999:
                    got.append((await queue.get()).body[0])
            assert got == sorted(got)
            assert got[-100:] == list(range(4900, 5000))
            assert len(got) < 5000
            await asyncio.sleep(0.05)
    told = [record.getMessage() for record in caplog.records]
    assert told[0] == "the bus does not take our signals: the oldest are dropped"
    assert told[1] == f"the bus takes signals again, {5000 - len(got)} were dropped"


async def test_signals_that_nobody_takes_are_bounded_in_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer, "MAX_SIGNAL_BYTES", 200_000)
    with PrivateBus() as bus:
        async with two_on(bus) as (sender, listener):
            queue = await heard(listener)
            bus.freeze()
            try:
                for number in range(100):
                    sender.send(signal(f"{number} " + "x" * 20_000, "s"))
            finally:
                bus.thaw()
            got: list[int] = []
            while 99 not in got:  # the last one always comes
                got.append(int((await asyncio.wait_for(queue.get(), 10)).body[0].split()[0]))
            assert got == sorted(got)
            assert len(got) < 100


async def test_a_call_tells_every_kind_of_failure() -> None:
    with PrivateBus() as bus:
        async with two_on(bus) as (caller, silent):
            with pytest.raises(DBusError) as error:
                await caller.daemon("NoSuchMethod")
            assert error.value.type == "org.freedesktop.DBus.Error.UnknownMethod"
            silent.add_handler(lambda message: message.member == "Wait")
            before = time.monotonic()
            with pytest.raises(TimeoutError):
                await caller.call(silent.unique_name, "/t", "a.b", "Wait", timeout_s=0.2)
            assert time.monotonic() - before < 2
            waiting = asyncio.ensure_future(
                caller.call(silent.unique_name, "/t", "a.b", "Wait", timeout_s=10)
            )
            await asyncio.sleep(0.05)
            bus.kill()
            with pytest.raises(ConnectionError):
                await asyncio.wait_for(waiting, 2)
            await asyncio.wait_for(caller.wait_until_lost(), 2)
            assert not caller.connected
            with pytest.raises(ConnectionError):
                await caller.daemon("GetId")
            caller.send(signal(1, "i"))  # into nowhere


async def test_nobody_listens_at_the_address() -> None:
    with pytest.raises(OSError):
        await Bus.connect("unix:path=/nonexistent/bus")


async def test_a_name_that_is_taken() -> None:
    with PrivateBus() as bus:
        async with two_on(bus) as (first, second):
            assert await first.request_name("org.everest.Ocpp")
            assert not await second.request_name("org.everest.Ocpp")


def test_the_library_is_the_one_asked_for() -> None:
    assert Message.__module__.split(".")[0] == binding.LIBRARY.replace("-", "_")
