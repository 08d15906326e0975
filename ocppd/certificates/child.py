"""Asks the child process that knows X.509."""

import asyncio
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

import ocppd

_LOG = logging.getLogger(__name__)

_TIMEOUT_S = 60.0
"""A board that is busy may need seconds to load the library."""

_ROOT = Path(ocppd.__file__).resolve().parent.parent


class Unanswered(Exception):
    """The child process did not work: there is no memory, no library, or no time."""


async def ask(question: str, timeout_s: float = _TIMEOUT_S, **members: Any) -> dict[str, Any]:
    """Start a child process, and return its answer to one question.

    Raises:
        Unanswered: it cannot be started, fails, or takes longer than `timeout_s`

    """
    search = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    try:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "ocppd.certificates.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PYTHONPATH": os.pathsep.join(search)},
        )
    except OSError as error:
        raise Unanswered(f"the process for certificates cannot be started: {error}") from None
    asked = json.dumps({"question": question, **members}).encode()
    try:
        async with asyncio.timeout(timeout_s):
            out, err = await child.communicate(asked)
    except TimeoutError:
        raise Unanswered(f"no answer about certificates in {timeout_s:.0f} s") from None
    finally:
        if child.returncode is None:  # timed out, or the daemon is about to stop
            child.kill()
    if child.returncode != 0:
        lines = err.decode(errors="replace").strip().splitlines() or ["no message"]
        _LOG.error("the process for certificates failed: %s", lines[-1][:300])
        raise Unanswered(f"the process for certificates failed: {lines[-1][:200]}")
    try:
        answer: dict[str, Any] = json.loads(out)
    except ValueError:
        raise Unanswered("the process for certificates answered something else") from None
    return answer
