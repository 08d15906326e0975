"""What every run has in common: its options, its figures, and the table of them.

A run is a module `r01_kill.py` in this folder. Its docstring says the target in own words (the
first line is what the list of runs shows), and it has one function:

    async def run(options: Options) -> list[Figure]
"""

import asyncio
import importlib
import random
import re
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

_PRINTED = 50
_SLOWED_DOWN = 4
_MODULE = re.compile(r"r(\d\d)_\w+\.py")


@dataclass(frozen=True, slots=True)
class Options:
    """How to run: `folder` is empty, belongs to this run alone and is removed after it."""

    folder: Path
    seed: int
    full: bool = False

    def size(self, short: int, full: int) -> int:
        """Return how often: `short` in CI, `full` before a release."""
        return full if self.full else short

    def chance(self, purpose: str = "") -> random.Random:
        """Return a generator for one purpose, the same one each time for the same seed."""
        return random.Random(f"{self.seed}/{purpose}")


@dataclass(frozen=True, slots=True)
class Figure:
    """A row of the table: what is measured, what is required of it, what was seen."""

    target: str
    required: str
    seen: str
    met: bool
    nearly: bool = False
    """A time that is too long by less than a machine may be slowed down by other tests."""


def at_most(target: str, limit: float, seen: float, unit: str = "") -> Figure:
    """Return the figure of something that must not be more than `limit`."""
    nearly = unit in ("ms", "s") and seen <= limit * _SLOWED_DOWN
    required = f"<= {_number(limit)} {unit}".rstrip()
    return Figure(target, required, _with(seen, unit), seen <= limit, nearly)


def at_least(target: str, limit: float, seen: float, unit: str = "") -> Figure:
    """Return the figure of something that must not be less than `limit`."""
    return Figure(target, f">= {_number(limit)} {unit}".rstrip(), _with(seen, unit), seen >= limit)


def exactly(target: str, wanted: object, seen: object) -> Figure:
    """Return the figure of something that must be just so."""
    return Figure(target, _number(wanted), _number(seen), seen == wanted)


def none_of(target: str, seen: Sequence[object]) -> Figure:
    """Return the figure of faults: there must be none; all are printed, the table has a few."""
    if not seen:
        return Figure(target, "0", "0", met=True)
    print(f"{target}:", *seen[:_PRINTED], sep="\n    ")
    few = "; ".join(str(fault)[:100] for fault in seen[:3])
    return Figure(target, "0", f"{len(seen)}: {few}", met=False)


def told(target: str, seen: str) -> Figure:
    """Return a row that only tells something of the run, such as how much it did."""
    return Figure(target, "-", seen, met=True)


def _with(value: float, unit: str) -> str:
    return f"{_number(value)} {unit}".rstrip()


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def table(rows: Sequence[tuple[str, Figure]]) -> str:
    """Lay out rows of (run, figure) as `target | required | seen`."""
    texts = [("", "", "target", "required", "seen")]
    texts += [
        (run, "ok" if figure.met else "MISSED", figure.target, figure.required, figure.seen)
        for run, figure in rows
    ]
    widths = [max(len(row[column]) for row in texts) for column in range(4)]
    lines = [
        f"{run:{widths[0]}} {verdict:{widths[1]}} {target:{widths[2]}} | {required:{widths[3]}} | "
        f"{seen}".rstrip()
        for run, verdict, target, required, seen in texts
    ]
    lines.insert(1, "-" * min(max(map(len, lines)), 120))
    return "\n".join(lines)


Run = Callable[[Options], Awaitable[list[Figure]]]


@dataclass(frozen=True, slots=True)
class Module:
    """A run by its number: `R1` is the target, `r01_kill` the module."""

    number: int
    name: str

    @property
    def label(self) -> str:
        """The target as it is written: R1."""
        return f"R{self.number}"

    @property
    def about(self) -> str:
        """The first line of the module's docstring."""
        return (self._load().__doc__ or "").splitlines()[0]

    async def run(self, options: Options) -> list[Figure]:
        """Run it."""
        run: Run = self._load().run
        return list(await run(options))

    def _load(self) -> ModuleType:
        return importlib.import_module(f"tests.torture.{self.name}")


def modules() -> list[Module]:
    """Return all runs, by their numbers."""
    found = [
        Module(int(match[1]), path.stem)
        for path in Path(__file__).parent.iterdir()
        if (match := _MODULE.fullmatch(path.name))
    ]
    return sorted(found, key=lambda module: (module.number, module.name))


def run_now(module: Module, options: Options) -> list[Figure]:
    """Run a module in an event loop of its own; what it raises is a missed figure."""
    try:
        return asyncio.run(module.run(options))
    except Exception as error:
        traceback.print_exc()
        text = f"{type(error).__name__}: {error}"[:200]
        return [Figure("the run itself", "ends", text, met=False)]
