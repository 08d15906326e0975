"""The way to the CSMS below TLS: name lookup, interface, HTTP proxy, and life signs of TCP."""

import asyncio
import base64
import contextlib
import fcntl
import ipaddress
import re
import socket
import struct
from dataclasses import dataclass, field
from pathlib import Path

from ocppd.csms.refusals import ProxyRefused, text_of
from ocppd.csms.resolver import lookup

# Of several addresses, one that swallows our packets shall not use up the time of the others.
_ADDRESS_LIMIT_S = 10.0
# A peer that is gone is noticed so late at last, even without pings of the WebSocket.
_KEEPALIVE_S = (60, 15, 4)
_UNACKNOWLEDGED_MS = 120_000
_LONGEST_ANSWER = 8192
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r]")
_SIOCGIFADDR = 0x8915
_IF_INET6 = Path("/proc/net/if_inet6")


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that is asked to CONNECT to the CSMS; user and password are for it alone."""

    host: str
    port: int
    user: str | None = None
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


async def open_socket(
    host: str, port: int, *, bind: str | None = None, proxy: Proxy | None = None
) -> socket.socket:
    """Connect to a host, from an interface (or its address) and through a proxy if given.

    Raises:
        ProxyRefused: the proxy cannot be reached, or does not connect us
        OSError: whatever the network says; TimeoutError where nobody answers

    """
    if proxy is None:
        return await _connect(host, port, bind)
    try:
        opened = await _connect(proxy.host, proxy.port, bind)
    except OSError as error:
        raise ProxyRefused(str(proxy), why=text_of(error)) from error
    try:
        await _ask(opened, proxy, host, port)
    except BaseException:
        opened.close()
        raise
    return opened


async def _connect(host: str, port: int, bind: str | None) -> socket.socket:
    loop = asyncio.get_running_loop()
    found = await lookup(host, port)
    failure: OSError = OSError(f"no address of {host} can be used from {bind}")
    for family, kind, protocol, _, address in found:
        opened = socket.socket(family, kind, protocol)
        try:
            opened.setblocking(False)
            if bind is not None and not _bind(opened, bind):
                opened.close()
                continue
            async with asyncio.timeout(_ADDRESS_LIMIT_S if len(found) > 1 else None):
                await loop.sock_connect(opened, address)
            _keep_alive(opened)
            return opened
        except OSError as error:
            failure = error
            opened.close()
        except BaseException:
            opened.close()
            raise
    raise failure


def _keep_alive(opened: socket.socket) -> None:
    idle, interval, count = _KEEPALIVE_S
    with contextlib.suppress(OSError):
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, count)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)


# Interfaces


def _bind(opened: socket.socket, bind: str) -> bool:
    """Bind to an address, or to an interface; False if it has none of this socket's family.

    Binding to the interface itself is the kernel's to allow. Where it does not, the interface's
    address has to do: the routes then decide which way the packets take.
    """
    try:
        address = str(ipaddress.ip_address(bind))
    except ValueError:
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, bind.encode() + b"\0")
            return True
        except PermissionError:
            found = address_of_interface(bind, opened.family)
            if found is None:
                return False
            address = found
        except OSError as error:
            raise OSError(error.errno, f"there is no interface {bind}") from None
    is_v6 = ":" in address
    if is_v6 != (opened.family == socket.AF_INET6):
        return False
    opened.bind((address, 0))
    return True


def address_of_interface(name: str, family: int) -> str | None:
    """Return an address of an interface that leads further than the link, if it has one."""
    if family == socket.AF_INET:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            request = struct.pack("256s", name.encode()[:15])
            try:
                answer = fcntl.ioctl(asking.fileno(), _SIOCGIFADDR, request)
            except OSError:
                return None
        return socket.inet_ntoa(answer[20:24])
    try:
        lines = _IF_INET6.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        address, _, _, scope, _, interface = line.split()
        if interface == name and scope != "20":  # 0x20: of the link alone
            return str(ipaddress.IPv6Address(bytes.fromhex(address)))
    return None


# The proxy


async def _ask(opened: socket.socket, proxy: Proxy, host: str, port: int) -> None:
    """Have the proxy connect us (RFC 9110, 9.3.6); what follows is the CSMS's."""
    loop = asyncio.get_running_loop()
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}", "User-Agent: ocppd"]
    if proxy.user is not None:
        credentials = base64.b64encode(f"{proxy.user}:{proxy.password}".encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {credentials}")
    await loop.sock_sendall(opened, ("\r\n".join(lines) + "\r\n\r\n").encode())
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        # Byte by byte: what comes after the empty line is not the proxy's any more.
        received = await loop.sock_recv(opened, 1)
        head += received
        if not received or len(head) > _LONGEST_ANSWER:
            raise ProxyRefused(str(proxy))
    match = _STATUS_LINE.match(bytes(head))
    status = int(match[1]) if match else 0
    if not 200 <= status < 300:
        raise ProxyRefused(str(proxy), status)
