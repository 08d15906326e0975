"""Processes that do nothing but the least: what the daemon's figures are measured against."""

import asyncio
import sys


async def echo_on_the_bus(address: str) -> None:
    """Own `org.everest.OcppBench` with one empty method, on the daemon's D-Bus binding."""
    from ocppd.dbus.binding import Bus
    from ocppd.dbus.exported import Interface, exported
    from ocppd.dbus.objects import Objects
    from ocppd.dbus.signatures import Dicts

    class Echo(Interface):
        NAME = "org.everest.OcppBench"

        @exported
        def Echo(self) -> None:
            return

        @exported
        def EchoItems(self, items: Dicts) -> Dicts:
            return items

    bus = await Bus.connect(address)
    objects = Objects()
    objects.export("/org/everest/OcppBench", Echo())
    objects.attach(bus)
    await bus.request_name("org.everest.OcppBench")
    await asyncio.Event().wait()


async def echo_on_the_wire(url: str) -> None:
    """Answer each CALL with the text that came first, under the CALL's id: the same bytes."""
    from websockets.asyncio.client import connect
    from websockets.typing import Subprotocol

    async with connect(url, subprotocols=[Subprotocol("ocpp2.0.1")], proxy=None) as socket:
        prepared = str(await socket.recv())
        async for text in socket:
            message_id = text[4 : text.index('"', 4)]
            await socket.send(f'[3,"{message_id}",{prepared}]')


if __name__ == "__main__":
    run = {"bus": echo_on_the_bus, "wire": echo_on_the_wire}[sys.argv[1]]
    asyncio.run(run(sys.argv[2]))
