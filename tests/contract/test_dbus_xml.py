"""The files in dbus/ are the contract: the code exports exactly what they document."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from ocppd.dbus import service
from ocppd.dbus.agents import INTERFACES, PREFIX
from ocppd.dbus.exported import Interface
from ocppd.dbus.introspection import described

FOLDER = Path(__file__).parents[2] / "dbus"
EMITS = "org.freedesktop.DBus.Property.EmitsChangedSignal"
EXPORTED: dict[str, type[Interface]] = {
    kind.NAME: kind
    for kind in vars(service).values()
    if isinstance(kind, type) and issubclass(kind, Interface)
}
FILES = sorted(file for file in FOLDER.glob("org.everest.Ocpp*.xml") if "Sim" not in file.stem)


def documented(name: str) -> ET.Element:
    interface = ET.parse(FOLDER / f"{name}.xml").getroot().find("interface")
    assert interface is not None
    return interface


def members(interface: ET.Element) -> dict[str, object]:
    found: dict[str, object] = {}
    for each in interface:
        arguments = each.findall("arg")
        key = f"{each.tag} {each.get('name')}"
        assert key not in found
        match each.tag:
            case "method":
                found[key] = (
                    [
                        (arg.get("name"), arg.get("type"))
                        for arg in arguments
                        if arg.get("direction") == "in"
                    ],
                    [arg.get("type") for arg in arguments if arg.get("direction") == "out"],
                )
            case "signal":
                found[key] = [arg.get("type") for arg in arguments]
            case "property":
                annotations = {a.get("name"): a.get("value") for a in each.findall("annotation")}
                found[key] = (each.get("type"), each.get("access"), annotations)
    return found


@pytest.mark.parametrize("name", sorted(EXPORTED))
def test_what_is_exported_is_as_documented(name: str) -> None:
    assert members(described(EXPORTED[name])) == members(documented(name))


def test_every_file_is_an_interface_of_ours_or_of_an_agent() -> None:
    agents = {PREFIX + interface for interface in INTERFACES}
    assert {file.stem for file in FILES} == set(EXPORTED) | agents


def commented(file: Path) -> list[tuple[str, ET.Element]]:
    """Return every member with the comment right above it."""
    parser = ET.XMLParser(target=ET.TreeBuilder(insert_comments=True))
    interface = ET.parse(file, parser).getroot().find("interface")
    assert interface is not None
    children = list(interface)
    assert len(children) % 2 == 0, "a member without comment, or a comment without member"
    pairs = list(zip(children[::2], children[1::2], strict=True))
    assert all(comment.tag is ET.Comment for comment, _ in pairs)
    return [(comment.text or "", member) for comment, member in pairs]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_member_is_documented_with_its_arguments(file: Path) -> None:
    assert documented(file.stem).get("name") == file.stem
    for comment, member in commented(file):
        name = member.get("name")
        assert comment.split()[0] == f"{name}:"
        assert "Since: 0.1" in comment
        for argument in member.findall("arg"):
            assert f"@{argument.get('name')}" in comment, name
        if member.tag == "property":
            [annotation] = member.findall("annotation")
            assert annotation.get("name") == EMITS


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_nothing_carries_a_file_descriptor(file: Path) -> None:
    types = [arg.get("type", "") for arg in documented(file.stem).iter("arg")]
    assert not any("h" in signature for signature in types)


def test_what_is_not_in_this_release_says_so() -> None:
    refusing = {
        (name, member.get("name"))
        for name, kind in EXPORTED.items()
        if kind.__module__.endswith("not_yet")
        for member in documented(name).iter("method")
    } | {
        ("org.everest.Ocpp.System", "ReportFirmwareUpdateStatus"),
        ("org.everest.Ocpp.System", "ReportLogStatus"),
        ("org.everest.Ocpp.Iso15118Extensions", "ReportChargingNeeds"),
        ("org.everest.Ocpp.Iso15118Extensions", "ReportEvInfo"),
        ("org.everest.Ocpp.Iso15118Extensions", "ReportServiceRenegotiationSupported"),
    }
    said = {
        (file.stem, member.get("name"))
        for file in FILES
        for comment, member in commented(file)
        if "Answers org.freedesktop.DBus.Error.NotSupported in this release."
        in " ".join(comment.split())
    }
    assert said == refusing
