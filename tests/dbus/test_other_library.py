"""All of this again on the library that the binding has not taken."""

import asyncio
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from ocppd.dbus.binding import LIBRARY

OTHER = "dbus-next" if LIBRARY == "dbus-fast" else "dbus-fast"


@pytest.mark.skipif("OCPPD_DBUS_LIBRARY" in os.environ, reason="this is the other run")
@pytest.mark.skipif(find_spec(OTHER.replace("-", "_")) is None, reason=f"{OTHER} is not installed")
async def test_everything_on_the_other_library() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--no-header",
        str(Path(__file__).parent),
        f"--ignore={__file__}",
        env={**os.environ, "OCPPD_DBUS_LIBRARY": OTHER},
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()[-5000:]
