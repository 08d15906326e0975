"""`ocppctl config check`: what the daemon would say of its files at the next start."""

import argparse
import subprocess
import sys

from ocppd.tools.ctl import output
from ocppd.tools.ctl.errors import Exit


def check(_bus: None, options: argparse.Namespace) -> Exit:
    """Check a configuration and the device model's folder, without the daemon and the bus."""
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "ocppd", "--check", "--config", options.file],
        capture_output=True,
        text=True,
        check=False,
    )
    mistakes = [line.removeprefix("ocppd: ") for line in ended.stderr.splitlines()]
    if options.json:
        output.as_json({"file": options.file, "ok": ended.returncode == 0, "mistakes": mistakes})
    else:
        for line in mistakes or [ended.stdout.strip()]:
            print(line)
    return Exit.DONE if ended.returncode == 0 else Exit.REFUSED
