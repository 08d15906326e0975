"""An event loop that is stuck says where; at rest it costs nothing."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

from ocppd.event_loop import new_event_loop

ROOT = Path(__file__).parents[1]


def run(code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", f"from ocppd.event_loop import new_event_loop\n{code}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )


STUCK = """
import asyncio, logging, time
logging.basicConfig(format="%(message)s")
def the_culprit():
    time.sleep(2.6)
async def main():
    asyncio.get_running_loop().call_soon(the_culprit)
    await asyncio.sleep(3)
with asyncio.Runner(loop_factory=new_event_loop) as runner:
    runner.run(main())
print("went on")
"""


def test_a_handler_that_does_not_return_is_told_with_its_stack() -> None:
    ended = run(STUCK)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "went on\n"
    assert ended.stderr.count("the event loop has been stuck for 2 s or longer, in\n") == 1
    assert "in the_culprit" in ended.stderr


def test_a_loop_at_rest_is_not_stuck() -> None:
    ended = run(
        "import asyncio\n"
        "with asyncio.Runner(loop_factory=new_event_loop) as runner:\n"
        "    runner.run(asyncio.sleep(2.6))\n"
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_what_the_watchdog_ends_says_where_it_was() -> None:
    ended = run(
        "import asyncio, os, signal\n"
        "def the_culprit():\n"
        "    os.kill(os.getpid(), signal.SIGABRT)\n"
        "async def main():\n"
        "    the_culprit()\n"
        "with asyncio.Runner(loop_factory=new_event_loop) as runner:\n"
        "    runner.run(main())\n"
    )
    assert ended.returncode == -signal.SIGABRT
    assert "in the_culprit" in ended.stderr


def test_the_timer_does_not_outlive_the_loop() -> None:
    loop = new_event_loop()
    loop.run_until_complete(asyncio.sleep(0))
    assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    loop.close()
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
