"""What a measurement is made of: samples, percentiles, and a process seen from outside."""

import os
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Samples:
    """Durations in milliseconds."""

    values: list[float]

    @property
    def p50(self) -> float:
        return statistics.median(self.values)

    @property
    def p99(self) -> float:
        return sorted(self.values)[int(len(self.values) * 0.99)]


async def timed(call: Callable[[], Awaitable[object]], times: int) -> Samples:
    """Call so many times, one after the other, after a tenth as many to warm up."""
    for _ in range(max(times // 10, 5)):
        await call()
    values = []
    for _ in range(times):
        start = time.perf_counter()
        await call()
        values.append((time.perf_counter() - start) * 1000)
    return Samples(values)


class Process:
    """A process, as /proc tells of it."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")

    def cpu_ms(self) -> float:
        """CPU time of all threads so far, in milliseconds."""
        total = 0
        for task in (self._folder / "task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
        return total / 1e6

    def cpu_with_dead_threads_ms(self) -> float:
        """The same with threads that have ended, as coarse as the kernel's ticks."""
        fields = (self._folder / "stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / _TICKS

    def wake_ups(self) -> int:
        """How often its threads went to sleep by themselves."""
        return sum(
            int(line.split()[1])
            for task in (self._folder / "task").iterdir()
            for line in (task / "status").read_text().splitlines()
            if line.startswith("voluntary_ctxt_switches")
        )

    def resident_mib(self) -> float:
        """Resident memory in MiB."""
        return self._memory("Rss")

    def proportional_mib(self) -> float:
        """Proportional share of resident memory in MiB."""
        return self._memory("Pss")

    def _memory(self, name: str) -> float:
        for line in (self._folder / "smaps_rollup").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) / 1024
        raise LookupError(name)


class Report:
    """A table that grows as the measurements are made."""

    def __init__(self) -> None:
        self._missed: list[str] = []
        print(f"{'':54} {'p50':>9} {'p99':>9} {'floor':>9} {'ratio':>7}  goal")

    def samples(self, what: str, seen: Samples, floor: Samples, most: float) -> None:
        """Show round trips beside those of their floor; `most` is the ratio to reach."""
        ratio = seen.p50 / floor.p50
        self._row(
            what,
            f"{seen.p50:.3f} ms",
            f"{seen.p99:.2f}",
            f"{floor.p50:.3f}",
            f"{ratio:.2f}",
            f"<= {most:g}x",
            ratio <= most,
        )

    def figure(self, what: str, value: float, unit: str, most: float, note: str = "") -> None:
        """Show one figure; `most` is the goal."""
        self._row(
            what, f"{value:.2f} {unit}", "", "", "", f"<= {most:g} {unit} {note}", value <= most
        )

    def note(self, text: str) -> None:
        """Say something else."""
        print(text)

    def _row(
        self, what: str, p50: str, p99: str, floor: str, ratio: str, goal: str, reached: bool
    ) -> None:
        mark = "" if reached else "  MISSED"
        print(f"{what:54} {p50:>9} {p99:>9} {floor:>9} {ratio:>7}  {goal}{mark}", flush=True)
        if not reached:
            self._missed.append(what)

    def close(self) -> None:
        """Say what was missed."""
        if self._missed:
            print(f"\nmissed on this machine: {'; '.join(self._missed)}")
        else:
            print("\nall goals reached on this machine")
