"""docs/integrate.md shows parts of the programs that are tested, to the letter."""

import re
import stat

import pytest

from ocppd import errors
from tests.examples.hosts import EXAMPLES
from tests.scenario.rig import ROOT

DOCUMENT = ROOT / "docs" / "integrate.md"
PROGRAMS = {"c": "host.c", "python": "host.py", "bash": "host.sh"}


@pytest.mark.parametrize("language", PROGRAMS)
def test_what_is_shown_stands_in_the_program(language: str) -> None:
    program = (EXAMPLES / PROGRAMS[language]).read_text()
    shown = re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text(), re.M | re.S)
    assert shown
    for excerpt in shown:
        assert f"\n{excerpt}" in program


def test_nothing_else_is_shown_as_code() -> None:
    opened = re.findall(r"^```(.+)$", DOCUMENT.read_text(), re.M)
    assert set(opened) == set(PROGRAMS)


def test_every_error_is_explained() -> None:
    text = DOCUMENT.read_text()
    named = [
        kind.__name__
        for kind in vars(errors).values()
        if isinstance(kind, type) and f"Error.{kind.__name__}" in _contract()
    ]
    assert len(named) >= 5
    for name in named:
        assert f".{name}`" in text


def _contract() -> str:
    return "".join(file.read_text() for file in (ROOT / "dbus").glob("*.xml"))


def test_the_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", DOCUMENT.read_text()):
        assert (DOCUMENT.parent / target).exists(), target


def test_the_scripts_can_be_run() -> None:
    for name in ("host.py", "host.sh"):
        assert (EXAMPLES / name).stat().st_mode & stat.S_IXUSR
