"""A name lookup that hangs holds up nothing else, and least of all the end of the daemon."""

import asyncio
import socket
import textwrap
import threading
import time
from pathlib import Path

import pytest

from ocppd.csms import resolver
from ocppd.csms.resolver import lookup
from tests.scenario.rig import Rig


class Dns:
    """The system's resolver, which hangs over names until it is let go."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go = threading.Event()
        self._real = socket.getaddrinfo

    def look_up(self, host, port, *, type, flags):
        if flags & socket.AI_NUMERICHOST:
            return self._real(host, port, type=type, flags=flags)
        self.asked.append(host)
        assert self.go.wait(20)
        if host.startswith("no."):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self._real("127.0.0.1", port, type=type)


@pytest.fixture
def dns(monkeypatch):
    made = Dns()
    monkeypatch.setattr(resolver.socket, "getaddrinfo", made.look_up)
    monkeypatch.setattr(resolver, "_LIMIT_S", 0.1)
    yield made
    made.go.set()


async def test_an_address_needs_no_lookup(dns):
    [(family, _, _, _, address)] = await lookup("127.0.0.1", 80)
    assert (family, address) == (socket.AF_INET, ("127.0.0.1", 80))
    [(family, _, _, _, address)] = await lookup("::1", 443)
    assert (family, address[:2]) == (socket.AF_INET6, ("::1", 443))
    assert dns.asked == []


async def test_an_answer_that_does_not_come_is_not_waited_for(dns):
    with pytest.raises(socket.gaierror, match=r"no answer from the resolver in 0 s"):
        await lookup("csms.example", 80)
    again = asyncio.create_task(lookup("csms.example", 80))
    await asyncio.sleep(0)
    dns.go.set()
    [found] = await again
    assert found[4] == ("127.0.0.1", 80)
    assert dns.asked == ["csms.example"], "the next one waits for the same answer"
    await lookup("csms.example", 80)
    assert dns.asked == ["csms.example"] * 2, "each answer is used once"


async def test_a_name_that_is_not_known(dns):
    dns.go.set()
    with pytest.raises(socket.gaierror, match="Name or service not known"):
        await lookup("no.example", 80)


async def test_there_are_never_many_threads(dns):
    names = [f"csms{number}.example" for number in range(20)]
    results = await asyncio.gather(*(lookup(name, 80) for name in names), return_exceptions=True)
    assert all(isinstance(each, socket.gaierror) for each in results)
    assert "lookups of other names hang" in str(results[-1])
    assert len(dns.asked) == 4
    assert sum(thread.name == "lookup" for thread in threading.enumerate()) == 4
    dns.go.set()
    async with asyncio.timeout(5):
        while any(thread.name == "lookup" for thread in threading.enumerate()):
            await asyncio.sleep(0.01)
    assert len(await lookup(names[-1], 80)) == 1


async def test_the_daemon_ends_while_a_lookup_hangs(tmp_path: Path) -> None:
    """The resolver of the C library blocks, with dead name servers, for up to 40 seconds."""
    asked = tmp_path / "asked"
    (tmp_path / "sitecustomize.py").write_text(
        textwrap.dedent(f"""\
            import pathlib, socket, time

            real = socket.getaddrinfo

            def hang(host, *args, flags=0, **options):
                if host == "csms.example" and not flags & socket.AI_NUMERICHOST:
                    pathlib.Path({str(asked)!r}).touch()
                    time.sleep(30)
                return real(host, *args, flags=flags, **options)

            socket.getaddrinfo = hang
            """)
    )
    async with Rig(tmp_path / "rig", versions=["2.0.1"]) as rig:
        await rig.end_daemon()
        rig.write_config("ws://csms.example/ocpp")
        for file in rig.state.glob("ocppd.db*"):
            file.unlink()
        await rig.start_daemon(PYTHONPATH=str(tmp_path))
        async with asyncio.timeout(10):
            while not asked.exists():
                await asyncio.sleep(0.05)
        began = time.monotonic()
        assert await rig.end_daemon() == 0
        assert time.monotonic() - began < 2.0
