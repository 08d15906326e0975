"""docs/ocppctl.md has every command and option."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocppd.tools.ctl.__main__ import arguments

DOCUMENT = (Path(__file__).parents[3] / "docs" / "ocppctl.md").read_text()
COMMON = {"--help", "--bus", "--json", "--timeout", "--count", "--seconds"}


def commands() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in arguments()._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


@pytest.mark.parametrize(("name", "parser"), list(commands()), ids=lambda each: str(each)[:20])
def test_a_command_is_documented_with_its_options(
    name: str, parser: argparse.ArgumentParser
) -> None:
    rows = [line for line in DOCUMENT.splitlines() if line.startswith("|") and f"`{name}" in line]
    assert rows, f"no row of the table has {name}"
    options = {
        option
        for action in parser._actions
        for option in action.option_strings
        if option.startswith("--") and option not in COMMON
    }
    missing = {option for option in options if not any(option in row for row in rows)}
    assert missing == set()


def test_what_is_common_is_documented() -> None:
    for option in ("--bus", "--json", "--timeout", "--version", "-n N", "--seconds S"):
        assert option in DOCUMENT
