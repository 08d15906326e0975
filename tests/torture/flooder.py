"""A process of another user that asks too much of a bus; `r14_flood` starts it.

    python -m tests.torture.flooder SOCKET CONNECTIONS CALLS RULES LARGE

It opens the connections, adds so many match rules to each, sends the calls through all of them
without waiting (besides signals to the daemon itself), and LARGE calls of 31 MiB. It prints the
names of the errors that came back, with how many of each, as JSON.
"""

import asyncio
import json
import os
import sys
from collections import Counter

from jeepney import (
    DBusAddress,
    HeaderFields,
    MatchRule,
    MessageFlag,
    message_bus,
    new_method_call,
    new_signal,
)
from jeepney.low_level import Message, MessageType, Parser

STATION = DBusAddress("/org/everest/Ocpp", "org.everest.Ocpp", "org.everest.Ocpp")
_LARGE = "x" * (31 << 20)
_AT_ONCE = 64  # a bus lets a connection wait for 128 replies


class Connection:
    """One connection, with the least of the protocol."""

    def __init__(self, answers: "Counter[str]") -> None:
        self._answers = answers
        self._parser = Parser()
        self._serial = 0
        self._open = asyncio.Semaphore(_AT_ONCE)
        self._asked: set[int] = set()

    async def connect(self, path: str) -> None:
        self._reader, self._writer = await asyncio.open_unix_connection(path)
        uid = str(os.geteuid()).encode().hex()
        self._writer.write(f"\0AUTH EXTERNAL {uid}\r\n".encode())
        if not (await self._reader.readline()).startswith(b"OK"):
            raise ConnectionError("the bus refuses this user")
        self._writer.write(b"BEGIN\r\n")
        self._reading = asyncio.create_task(self._read())
        await self.send(message_bus.Hello())

    async def send(self, message: Message) -> None:
        """Send, and do not wait for an answer unless very many are missing."""
        answered = message.header.message_type is MessageType.method_call
        waits = answered and not message.header.flags & MessageFlag.no_reply_expected
        if waits:
            await self._open.acquire()
        self._serial += 1
        if waits:
            self._asked.add(self._serial)
        self._writer.write(message.serialise(self._serial))
        await self._writer.drain()

    async def _read(self) -> None:
        while data := await self._reader.read(65536):
            self._parser.add_data(data)
            while (message := self._parser.get_next_message()) is not None:
                kind = message.header.message_type
                if kind is MessageType.error:
                    self._answers[str(message.header.fields[HeaderFields.error_name])] += 1
                elif kind is MessageType.method_return:
                    self._answers["answered"] += 1
                else:
                    continue
                serial = message.header.fields.get(HeaderFields.reply_serial)
                if serial in self._asked:  # a bus refuses signals, too
                    self._asked.remove(serial)
                    self._open.release()
        self._answers["connection lost"] += 1
        self._asked.clear()

    async def answered(self) -> None:
        """Wait until nothing is missing."""
        async with asyncio.timeout(600):  # the bus is what takes so long
            while self._asked:
                await asyncio.sleep(0.01)

    async def close(self) -> None:
        """Wait for the last answers, and leave."""
        await self.answered()
        self._reading.cancel()
        self._writer.close()


async def main(path: str, connections: int, calls: int, rules: int, large: int) -> None:
    answers: Counter[str] = Counter()
    callers = [Connection(answers) for _ in range(connections)]
    for caller in callers:
        await caller.connect(path)
    for number in range(rules):
        rule = message_bus.AddMatch(MatchRule(type="signal", path=f"/org/everest/Ocpp/{number}"))
        for caller in callers:
            await caller.send(rule)
    for caller in callers:
        await caller.answered()
    answers.clear()
    reads = [
        new_method_call(STATION, "GetVariables", "aa{sv}", ([],)),
        new_method_call(STATION, "GetTransactions"),
        new_method_call(STATION, "Stop"),
        new_signal(STATION, "Nonsense"),
    ]
    reads[-1].header.fields[HeaderFields.destination] = STATION.bus_name
    each = -(-calls // connections)

    async def flood(caller: Connection) -> None:
        for number in range(each):
            await caller.send(reads[number % len(reads)])

    await asyncio.gather(*(flood(caller) for caller in callers))
    for _ in range(large):
        await callers[0].send(new_method_call(STATION, "GetCompositeSchedules", "s", (_LARGE,)))
    for caller in callers:
        await caller.close()
    print(json.dumps(answers))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:6])))
