"""docs/interfaces.md is what dbus/*.xml says."""

import xml.etree.ElementTree as ET

from tests.contract.interfaces_document import DOCUMENT, ROOT, document


def test_the_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text() == document(), "run: make docs"


def test_every_member_is_in_it() -> None:
    headings = [line for line in document().splitlines() if line.startswith("### ")]
    members = [
        f"### {member.get('name')}"
        for file in (ROOT / "dbus").glob("org.everest.Ocpp*.xml")
        if not file.stem.startswith("org.everest.OcppSim")
        for kind in ("method", "signal", "property")
        for member in ET.parse(file).getroot().iter(kind)
    ]
    assert sorted(headings) == sorted(members)
    assert len(members) > 60


def test_what_an_argument_may_be_stands_as_in_the_file() -> None:
    text = document()
    [section] = [each for each in text.split("\n### ") if each.startswith("ReportSessionEvent\n")]
    assert section.splitlines()[2] == "`method ReportSessionEvent(event a{sv})`"
    assert "    uuid (s, 1 to 36 characters): the session\n" in section
    assert text.count("```text\n") == text.count("\n```\n")
