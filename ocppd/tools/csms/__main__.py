"""`ocppd-csms`: the CSMS as a program."""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from ocppd.tools.csms.answers import Token
from ocppd.tools.csms.commands import run
from ocppd.tools.csms.control import Control
from ocppd.tools.csms.messages import Direction, Message
from ocppd.tools.csms.prompt import HELP, parse_line, parse_token
from ocppd.tools.csms.server import VERSIONS, Csms
from ocppd.tools.csms.shortcuts import BadCommand
from ocppd.tools.csms.station import CallFailed, Disconnected
from ocppd.tools.traffic import line_of

_COLOURS = {"in": "\x1b[36m", "out": "\x1b[32m", "bad": "\x1b[31m", "note": "\x1b[33m"}
_OFF = "\x1b[0m"


class Screen:
    """Prints lines for people, coloured on a terminal."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._coloured = sys.stdout.isatty()

    def message(self, message: Message) -> None:
        """Print a frame."""
        line = line_of(message.frame, message.action)
        arrow = "▶" if message.direction is Direction.IN else "◀"
        at = message.at.astimezone().strftime("%H:%M:%S.%f")[:-3]
        kind = "bad" if line.refusal else message.direction.value
        self._show(f"{at} {message.station} {message.version} {arrow} {line}", kind)

    def event(self, text: str) -> None:
        """Print that a station came or went."""
        self._show(f"-- {text}", "note")

    def _show(self, text: str, kind: str) -> None:
        if self._quiet:
            return
        try:
            print(f"{_COLOURS[kind]}{text}{_OFF}" if self._coloured else text, flush=True)
        except BrokenPipeError:
            self._quiet = True  # nobody reads any more; the stations are served all the same


def arguments() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        prog="ocppd-csms",
        description="A small CSMS for demonstrations and tests; it can misbehave on request.",
        epilog="Commands on standard input; 'help' lists them.",
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen at (default: %(default)s)")
    add("--port", type=int, default=9000, help="0 picks a free one (default: %(default)s)")
    add(
        "--versions",
        default=",".join(VERSIONS),
        help="OCPP versions, the preferred one first (default: %(default)s)",
    )
    add("--password", help="ask every station for this password by Basic authentication")
    add("--cert", type=Path, metavar="FILE", help="certificate (PEM): listen with TLS")
    add("--key", type=Path, metavar="FILE", help="its private key (PEM)")
    add("--client-ca", type=Path, metavar="FILE", help="ask for client certificates of this CA")
    add(
        "--token",
        action="append",
        default=[],
        metavar="ID=STATUS[,parent=ID]",
        help="what is said of an id token; may be repeated",
    )
    add("--unknown-token", default="Accepted", metavar="STATUS", help="of all other tokens")
    add("--interval", type=int, default=300, metavar="S", help="given in BootNotification.conf")
    add(
        "--boot",
        default="Accepted",
        metavar="STATUS,...",
        help="statuses of one BootNotification after the other, as Pending,Rejected,Accepted",
    )
    add("--strict", action="store_true", help="validate payloads (needs the package 'ocpp')")
    add("--log", type=Path, metavar="FILE", help="append every frame as JSON lines")
    add("--control", type=Path, metavar="PATH", help="Unix socket that takes JSON commands")
    add("--ready-file", type=Path, metavar="FILE", help="write the first line here as well")
    add("--quiet", action="store_true", help="print no traffic")
    for name, metavar, text in (
        ("--delay", "ACTION=S", "answer an action late"),
        ("--drop", "ACTION", "never answer an action"),
        ("--error", "ACTION=CODE", "answer an action with a CALLERROR"),
        ("--garbage", "ACTION=TEXT", "answer an action with a text that is no frame"),
        ("--hangup", "ACTION", "close the connection instead of answering"),
        ("--cut", "ACTION", "the same without a close frame"),
    ):
        add(name, action="append", default=[], metavar=metavar, help=text)
    add(
        "--to",
        type=Path,
        metavar="PATH",
        help="send a command to the ocppd-csms whose --control socket this is, and exit",
    )
    add("--station", metavar="ID", help="with --to: which station the command is for")
    add("command", nargs="*", help="with --to: a command as on standard input")
    add("--refuse", type=int, metavar="STATUS", help="refuse connections with 401, 503, ...")
    return parser


def configured(options: argparse.Namespace, screen: Screen) -> Csms:
    """Return the CSMS that the options describe.

    Raises BadCommand, ValueError, OSError (files), ssl.SSLError, ImportError (`--strict`).
    """
    tokens: dict[str, Token | str] = {}
    for text in options.token:
        token = parse_token(text)
        tokens[token["token"]] = Token(token["status"], token.get("parent"), token.get("expiry"))
    csms = Csms(
        [version.strip() for version in options.versions.split(",")],
        host=options.host,
        port=options.port,
        password=options.password,
        tls=_tls(options),
        tokens=tokens,
        unknown_token=options.unknown_token,
        boot=[status.strip().capitalize() for status in options.boot.split(",")],
        interval_s=options.interval,
        strict=options.strict,
        log=options.log,
        observer=screen.message,
        events=screen.event,
    )
    for text in options.delay:
        action, _, seconds = text.partition("=")
        csms.misbehave(action, delay_s=float(seconds))
    for action in options.drop:
        csms.misbehave(action, drop=True)
    for text in options.error:
        action, _, code = text.partition("=")
        csms.misbehave(action, error=code or "InternalError")
    for text in options.garbage:
        action, _, garbage = text.partition("=")
        csms.misbehave(action, garbage=garbage or "garbage")
    for action in options.hangup:
        csms.misbehave(action, close="frame")
    for action in options.cut:
        csms.misbehave(action, close="abort")
    csms.refuse = options.refuse
    return csms


def _tls(options: argparse.Namespace) -> ssl.SSLContext | None:
    if options.cert is None:
        if options.key or options.client_ca:
            raise BadCommand("--key and --client-ca need --cert")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.cert, options.key)
    if options.client_ca:
        context.load_verify_locations(options.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def serve(csms: Csms, options: argparse.Namespace) -> None:
    """Run until a signal, the command `quit`, or the end of a terminal's input."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    await csms.start()
    control = Control(csms, options.control, ended.set) if options.control else None
    if control is not None:
        await control.start()
    # The first line is for programs; --ready-file has the same, complete when it is there.
    ready = json.dumps({"url": csms.url, "port": csms.port, "versions": csms.versions})
    if options.ready_file:
        partial = options.ready_file.with_name(options.ready_file.name + ".part")
        partial.write_text(ready + "\n")
        partial.rename(options.ready_file)
    print(ready, flush=True)
    prompt = asyncio.create_task(_prompt(csms, ended))
    try:
        await ended.wait()
    finally:
        prompt.cancel()
        if control is not None:
            await control.stop()
        await csms.stop()


async def _prompt(csms: Csms, ended: asyncio.Event) -> None:
    """Carry out the lines of standard input, one after the other."""
    station: str | None = None
    async for line in _lines():
        name, _, rest = line.strip().partition(" ")
        match name:
            case "":
                continue
            case "quit" | "exit":
                ended.set()
            case "help":
                print(HELP, end="", flush=True)
            case "station":
                station = rest.strip() or None
            case _:
                print(await _carried_out(csms, line, station), flush=True)
    if sys.stdin is not None and sys.stdin.isatty():
        ended.set()


async def _lines() -> AsyncIterator[str]:
    """Yield the lines of standard input, a pipe or a terminal.

    It stays a blocking file: a terminal is often the same open file as standard output, which would
    else refuse to take what does not fit at once.
    """
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()
    try:
        descriptor = sys.stdin.fileno()
        loop.add_reader(descriptor, lambda: chunks.put_nowait(os.read(descriptor, 65536)))
    except (AttributeError, OSError, ValueError):
        return  # no standard input, or a plain file: there is nobody to type
    try:
        rest = b""
        while chunk := await chunks.get():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line.decode(errors="replace")
    finally:
        loop.remove_reader(descriptor)


async def _carried_out(csms: Csms, line: str, station: str | None) -> str:
    try:
        command = parse_line(line)
        if station is not None:
            command.setdefault("station", station)
        result = await run(csms, command)
    except (BadCommand, Disconnected) as error:
        return str(error)
    except CallFailed as error:
        return f"CALLERROR {error}"
    except TimeoutError as error:
        return str(error) or "no answer in time"
    return table(result) if command["cmd"] == "transactions" else _pretty(result)


def table(transactions: list[dict[str, Any]]) -> str:
    """Return transactions as lines for a person."""
    if not transactions:
        return "no transactions"
    lines = []
    for one in transactions:
        energy = "? Wh" if one["energy_wh"] is None else f"{one['energy_wh']:g} Wh"
        problems = f"  PROBLEMS: {'; '.join(one['problems'])}" if one["problems"] else ""
        lines.append(
            f"{one['station']} {one['version']} {one['transaction_id']} {one['state']} "
            f"EVSE {one['evse_id']} {one['id_token'] or '-'} {energy} "
            f"{one['started_at']} .. {one['ended_at']} {one['reason']}".rstrip()
            + problems
        )
    return "\n".join(lines)


def _pretty(result: Any) -> str:
    return json.dumps(result, indent=2, ensure_ascii=False)


def send(path: Path, line: str, station: str | None) -> int:
    """Send a command to another ocppd-csms, and print its answer; return the exit code."""
    if line.strip() == "help":
        print(HELP, end="")
        return 0
    try:
        if line.split()[:1] == ["station"]:
            raise BadCommand("station: each command has its own here: --station ID or @ID COMMAND")
        command = parse_line("quit" if line.strip() == "exit" else line)
        if station is not None:
            command.setdefault("station", station)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            connection.sendall(json.dumps(command).encode() + b"\n")
            connection.shutdown(socket.SHUT_WR)
            answer = json.loads(b"".join(iter(lambda: connection.recv(65536), b"")))
    except (BadCommand, OSError, ValueError) as error:
        print(f"ocppd-csms: {error}", file=sys.stderr)
        return 1
    if not answer["ok"]:
        print(answer["error"], file=sys.stderr)
        return 1
    result = answer["result"]
    print(table(result) if command["cmd"] == "transactions" else _pretty(result))
    return 0


def main() -> int:
    """Run the program; return its exit code."""
    parser = arguments()
    options = parser.parse_args()
    if options.to is not None:
        return send(options.to, " ".join(options.command), options.station)
    if options.command or options.station:
        parser.error("a command needs --to; at the prompt it comes on standard input")
    screen = Screen(quiet=options.quiet)
    try:
        csms = configured(options, screen)
    except ImportError as error:
        parser.error(f"--strict needs the packages 'ocpp' and 'jsonschema': {error}")
    except (BadCommand, ValueError, OSError) as error:
        parser.error(str(error))
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(csms, options))
    except OSError as error:
        print(f"ocppd-csms: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
