"""Tests of the installed package on a booted Debian, as root; they change the machine.

`tests/image/run` gives them a throw-away system, Debian's autopkgtest a test bed. Everywhere else
they are left out.
"""

import os
from collections.abc import Callable
from typing import Any

import pytest

collect_ignore_glob = [] if os.environ.get("OCPPD_BOOTED") else ["booted/*", "installed/*"]
_FIGURES: list[str] = []


@pytest.fixture
def figure() -> Callable[..., None]:
    """Return what tells a measured value; the last lines of the output repeat them all."""

    def tell(name: str, seen: float, unit: str, limit: float | None = None) -> None:
        required = f"   <= {limit:g} {unit}" if limit is not None else ""
        _FIGURES.append(f"{name:<58} {seen:8.2f} {unit:<5}{required}")
        if limit is not None:
            assert seen <= limit, f"{name}: {seen:g} {unit}, at most {limit:g} is allowed"

    return tell


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print all figures."""
    if _FIGURES:
        terminalreporter.section("figures")
        for line in _FIGURES:
            terminalreporter.line(line)
