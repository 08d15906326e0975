"""The daemon's command line."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from ocppd import __version__
from ocppd.config import DEFAULT_FILE, DEFAULT_STATE, read
from ocppd.daemon import run
from ocppd.event_loop import new_event_loop
from ocppd.strict_yaml import YamlError
from ocppd.systemd import logs_to_journal

_BAD_CONFIGURATION = 78  # EX_CONFIG of sysexits.h: systemd does not restart on it
_PRIORITIES = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}


class _JournalFormatter(logging.Formatter):
    """One entry of the journal per record: each line with its priority, none without."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        prefix = f"<{_PRIORITIES.get(record.levelno, 6)}>"
        return "\n".join(prefix + line for line in text.splitlines() or [""])


def main(arguments: list[str] | None = None) -> int:
    """Run the daemon until SIGTERM; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="ocppd", description="OCPP for EV chargers, as org.everest.Ocpp on D-Bus."
    )
    parser.add_argument("--config", type=Path, default=DEFAULT_FILE, help="default: %(default)s")
    parser.add_argument(
        "--state", type=Path, default=DEFAULT_STATE, help="folder; default: %(default)s"
    )
    parser.add_argument(
        "--bus", default="system", help='address of the bus; "system" (default) or "session"'
    )
    parser.add_argument("--check", action="store_true", help="check all files and exit")
    parser.add_argument("--version", action="version", version=f"ocppd {__version__}")
    options = parser.parse_args(arguments)
    try:
        if options.check:
            return _check(options.config)
        config = read(options.config)
        _set_up_logging(config.log_level)
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            return runner.run(run(config, options.state, options.bus))
    except YamlError as error:
        priority = "<3>" if logs_to_journal() else ""
        sys.stderr.write(f"{priority}ocppd: {error}\n")
        return _BAD_CONFIGURATION


def _check(file: Path) -> int:
    from ocppd.check import check  # only here: the daemon starts without it

    mistakes, summary = check(file)
    for mistake in mistakes:
        sys.stderr.write(f"ocppd: {mistake}\n")
    if mistakes:
        return _BAD_CONFIGURATION
    sys.stdout.write(f"{file}: ok, {summary}\n")
    return 0


def _set_up_logging(level: str) -> None:
    handler = logging.StreamHandler()
    if logs_to_journal():
        handler.setFormatter(_JournalFormatter("%(name)s: %(message)s"))
    else:
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    for library in ("websockets", "dbus_fast", "dbus_next", "asyncio"):
        logging.getLogger(library).setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
