"""Name lookups that nobody has to wait for to the end.

The system's resolver blocks, with a DNS that does not answer for half a minute and more. In
asyncio's own threads it would hold up the end of the process, which waits for them, and the other
work that is done there.
"""

import asyncio
import contextlib
import socket
import threading
from typing import Any

Address = tuple[int, int, int, str, Any]
"""As `socket.getaddrinfo` returns it: family, kind, protocol, canonical name, address."""

# Each is of another name or port; more than these do not hang.
_MOST_AT_ONCE = 4
# Two tries of the system's resolver with each of two servers.
_LIMIT_S = 20.0

_running: dict[tuple[str, int], "asyncio.Future[list[Address]]"] = {}


async def lookup(host: str, port: int) -> list[Address]:
    """Return the addresses of a host for TCP.

    Who asks for what is being looked up gets the same answer. Raises OSError, or UnicodeError for
    what is no name.
    """
    with contextlib.suppress(socket.gaierror):  # an address needs no lookup
        return _look_up(host, port, socket.AI_NUMERICHOST | socket.AI_NUMERICSERV)
    loop = asyncio.get_running_loop()
    key = (host, port)
    answer = _running.get(key)
    if answer is None or answer.get_loop() is not loop:
        for old, other in list(_running.items()):
            if other.get_loop().is_closed():
                del _running[old]
        if len(_running) >= _MOST_AT_ONCE:
            raise _not_now(f"{len(_running)} lookups of other names hang")
        answer = _running[key] = loop.create_future()
        answer.add_done_callback(lambda done: _ended(key, done))
        thread = threading.Thread(
            target=_answer, args=(host, port, loop, answer), name="lookup", daemon=True
        )
        thread.start()
    try:
        async with asyncio.timeout(_LIMIT_S):
            return await asyncio.shield(answer)  # who waits may give up; the others go on
    except TimeoutError:
        raise _not_now(f"no answer from the resolver in {_LIMIT_S:.0f} s") from None


def _not_now(why: str) -> socket.gaierror:
    return socket.gaierror(socket.EAI_AGAIN, why)


def _look_up(host: str, port: int, flags: int = 0) -> list[Address]:
    found: list[Any] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return found


def _answer(
    host: str,
    port: int,
    loop: asyncio.AbstractEventLoop,
    answer: "asyncio.Future[list[Address]]",
) -> None:
    found: list[Address] | Exception
    try:
        found = _look_up(host, port)
    except (OSError, UnicodeError) as error:  # a name that is none is no IDNA either
        found = error

    def tell() -> None:
        if answer.done():
            return
        if isinstance(found, Exception):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
        loop.call_soon_threadsafe(tell)


def _ended(key: tuple[str, int], answer: "asyncio.Future[list[Address]]") -> None:
    if _running.get(key) is answer:
        del _running[key]
    if not answer.cancelled():
        answer.exception()  # nobody may be waiting any more
