"""Write docs/interfaces.md out of dbus/*.xml: `python -m tests.contract.interfaces_document`."""

import textwrap
import xml.etree.ElementTree as ET
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "interfaces.md"
HEAD = """\
# The interface on the bus

Bus name `org.everest.Ocpp`, on the system bus. Made from the comments in [`dbus/`](../dbus), which
are installed as `/usr/share/dbus-1/interfaces/org.everest.Ocpp*.xml`; how to use it is told in
[integrate.md](integrate.md).

A dictionary is `a{sv}`; its keys are listed with their types, as in `uuid (s)`.
"""
GROUPS = {
    "What ocppd offers": lambda name: ".Agent." not in name,
    "What the host's agents offer": lambda name: ".Agent." in name,
}


def document() -> str:
    """Return the document as it should be."""
    files = sorted(file for file in (ROOT / "dbus").glob("org.everest.Ocpp*.xml"))
    files = [file for file in files if not file.stem.startswith("org.everest.OcppSim")]
    files.sort(key=lambda file: (file.stem != "org.everest.Ocpp", file.stem))
    parts = [HEAD]
    for title, belongs in GROUPS.items():
        names = [file.stem for file in files if belongs(file.stem)]
        listed = [f"- [{name}](#{name.replace('.', '').lower()})" for name in names]
        parts.append("\n".join([f"{title}:", "", *listed, ""]))
    parts += [_interface(file) for file in files]
    return "\n".join(parts)


def _interface(file: Path) -> str:
    parser = ET.XMLParser(target=ET.TreeBuilder(insert_comments=True))
    node = ET.parse(file, parser).getroot()
    comment = ""
    lines: list[str] = []
    for each in node:
        if each.tag is ET.Comment:
            comment = each.text or ""
            continue
        lines += [f"## {each.get('name')}", "", *_told(comment)]
        for member in each:
            if member.tag is ET.Comment:
                comment = member.text or ""
            else:
                lines += [f"### {member.get('name')}", "", f"`{_signature(member)}`", ""]
                lines += _told(comment)
    return "\n".join(lines)


def _signature(member: ET.Element) -> str:
    name = member.get("name")
    if member.tag == "property":
        return f"property {name} {member.get('type')} ({member.get('access')})"
    arguments = member.findall("arg")
    taken = [arg for arg in arguments if arg.get("direction", "in") == "in"]
    given = [arg for arg in arguments if arg.get("direction") == "out"]
    told = f"{member.tag} {name}({', '.join(_argument(arg) for arg in taken)})"
    return f"{told} → {', '.join(_argument(arg) for arg in given)}" if given else told


def _argument(argument: ET.Element) -> str:
    return f"{argument.get('name')} {argument.get('type')}"


def _told(comment: str) -> list[str]:
    """Return a comment in Markdown: prose as it is, lists of keys with their indentation."""
    text = textwrap.dedent(comment).strip("\n")
    _, _, text = text.partition("\n")  # its first line is the name
    lines: list[str] = []
    is_list = False
    for line in text.splitlines():
        if line.startswith("Since: "):
            continue
        starts = line.startswith("@") or (is_list and line.startswith(" "))
        if starts != is_list:
            if is_list:
                lines.append("```")
            lines += ["", "```text"] if starts else [""]
            is_list = starts
        lines.append(line)
    if is_list:
        lines.append("```")
    return [*"\n".join(lines).strip().splitlines(), ""]


if __name__ == "__main__":
    DOCUMENT.write_text(document())
