"""`make torture`: run the reliability targets, each in a process of its own, and tell the figures.

    python -m tests.torture                    all runs in the short form that CI runs
    python -m tests.torture R1 R12 --full      two of them in full
    python -m tests.torture R1 --seed 4711     the same once more

Exit status: 0 all figures met, 1 one or more missed, 2 a mistake in the command.
"""

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from tests.torture.figures import Figure, Module, Options, modules, run_now, table

ROOT = Path(__file__).parents[2]
_FIGURES = "figures.json"


def main() -> int:
    options = _arguments()
    if options.list:
        for module in modules():
            print(f"{module.label:4} {module.about}")
        return 0
    wanted = _wanted(options.runs)
    if options.child:
        return _run_here(wanted[0], options)
    return asyncio.run(_run_all(wanted, options))


async def _run_all(wanted: list[Module], options: argparse.Namespace) -> int:
    print(f"seed {options.seed}, {'full' if options.full else 'short'} forms", flush=True)
    limit = asyncio.Semaphore(options.jobs)
    results = await asyncio.gather(*(_run_apart(module, options, limit) for module in wanted))
    rows = [
        (module.label, figure)
        for module, figures in zip(wanted, results, strict=True)
        for figure in figures
    ]
    print(f"\n{table(rows)}\n")
    missed = sorted({run for run, figure in rows if not figure.met}, key=lambda run: int(run[1:]))
    for run in missed:
        full = " --full" if options.full else ""
        print(f"again: python -m tests.torture {run}{full} --seed {options.seed}")
    print(f"MISSED: {', '.join(missed)}" if missed else "all targets met on this machine")
    return 1 if missed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("runs", nargs="*", metavar="R1", help="which runs; all without")
    parser.add_argument("--full", action="store_true", help="the sizes of the targets (hours)")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--jobs", type=int, default=1, help="how many runs at the same time")
    parser.add_argument("--list", action="store_true", help="tell what there is")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _wanted(names: list[str]) -> list[Module]:
    known = modules()
    if not names:
        return known
    wanted: list[Module] = []
    for name in names:
        found = [m for m in known if name.upper() == m.label or name == m.name]
        if not found:
            print(f"no run {name}; there are {', '.join(m.label for m in known)}", file=sys.stderr)
            sys.exit(2)
        wanted += found
    return wanted


def _run_here(module: Module, options: argparse.Namespace) -> int:
    """Be the process of one run: its figures go to a file in its folder."""
    folder = options.child / "work"
    folder.mkdir()
    figures = run_now(module, Options(folder, options.seed, options.full))
    (options.child / _FIGURES).write_text(json.dumps([asdict(figure) for figure in figures]))
    return 0


async def _run_apart(
    module: Module, options: argparse.Namespace, limit: asyncio.Semaphore
) -> list[Figure]:
    """Run a module as a process; its output is shown when a figure is missed."""
    async with limit:
        folder = Path(tempfile.mkdtemp(prefix=f"ocppd-{module.name}-"))
        folder.chmod(0o755)  # other users' processes are part of some runs
        print(f"{module.label}: {module.about}", flush=True)
        began = time.monotonic()
        arguments = [module.name, "--child", folder, "--seed", str(options.seed)]
        with (folder / "output").open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.torture",
                *arguments,
                *(["--full"] if options.full else []),
                cwd=ROOT,
                stdout=output,
                stderr=output,
            )
            await process.wait()
        try:
            written = json.loads((folder / _FIGURES).read_text())
            figures = [Figure(**figure) for figure in written]
        except FileNotFoundError:
            status = f"status {process.returncode}"
            figures = [Figure("the run itself", "ends", status, met=False)]
        met = all(figure.met for figure in figures)
        if not met:
            text = (folder / "output").read_text(errors="replace")
            print("\n".join(f"    {line}" for line in text.splitlines()[-200:]))
        seconds = time.monotonic() - began
        print(f"{module.label}: {'ok' if met else 'MISSED'} after {seconds:.0f} s", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        return figures


if __name__ == "__main__":
    sys.exit(main())
