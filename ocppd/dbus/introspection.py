"""What introspection tells: the documented interfaces, with argument names and annotations.

The files of `dbus/` are the contract, and are installed; where they are not found the code tells
the same of itself, but for the names of results.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from ocppd.dbus.exported import Interface

_DOCTYPE = (
    '<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"\n'
    ' "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">\n'
)
_EMITS = "org.freedesktop.DBus.Property.EmitsChangedSignal"

_TEXTS: dict[str, str] = {}

_STANDARD = """
<interface name="org.freedesktop.DBus.Introspectable">
  <method name="Introspect"><arg name="xml_data" type="s" direction="out"/></method>
</interface>
<interface name="org.freedesktop.DBus.Peer">
  <method name="Ping"/>
  <method name="GetMachineId"><arg name="machine_uuid" type="s" direction="out"/></method>
</interface>
<interface name="org.freedesktop.DBus.ObjectManager">
  <method name="GetManagedObjects">
    <arg name="objpath_interfaces_and_properties" type="a{oa{sa{sv}}}" direction="out"/>
  </method>
</interface>
"""
_PROPERTIES = """
<interface name="org.freedesktop.DBus.Properties">
  <method name="Get">
    <arg name="interface_name" type="s" direction="in"/>
    <arg name="property_name" type="s" direction="in"/>
    <arg name="value" type="v" direction="out"/>
  </method>
  <method name="Set">
    <arg name="interface_name" type="s" direction="in"/>
    <arg name="property_name" type="s" direction="in"/>
    <arg name="value" type="v" direction="in"/>
  </method>
  <method name="GetAll">
    <arg name="interface_name" type="s" direction="in"/>
    <arg name="props" type="a{sv}" direction="out"/>
  </method>
  <signal name="PropertiesChanged">
    <arg name="interface_name" type="s"/>
    <arg name="changed_properties" type="a{sv}"/>
    <arg name="invalidated_properties" type="as"/>
  </signal>
</interface>
"""


def _folders() -> Iterable[Path]:
    yield Path(__file__).parents[2] / "dbus"
    for prefix in (sys.prefix, "/usr", "/usr/local"):
        yield Path(prefix) / "share" / "dbus-1" / "interfaces"


def _documented(name: str) -> ET.Element | None:
    """Return an interface as its file has it, without the comments."""
    for folder in _folders():
        try:
            root = ET.parse(folder / f"{name}.xml").getroot()  # noqa: S314 - our own file
        except (OSError, ET.ParseError):
            continue
        return root.find("interface")
    return None


def described(interface: type[Interface]) -> ET.Element:
    """Return an interface as the code has it."""
    element = ET.Element("interface", name=interface.NAME)
    for method in interface.METHODS.values():
        each = ET.SubElement(element, "method", name=method.name)
        for name, signature in method.arguments:
            ET.SubElement(each, "arg", name=name, type=signature, direction="in")
        if method.out_signature:
            ET.SubElement(each, "arg", type=method.out_signature, direction="out")
    for signal in interface.SIGNALS.values():
        each = ET.SubElement(element, "signal", name=signal.name)
        ET.SubElement(each, "arg", type=signal.signature)
    for prop in interface.PROPERTIES.values():
        each = ET.SubElement(
            element, "property", name=prop.name, type=prop.signature, access="read"
        )
        ET.SubElement(each, "annotation", name=_EMITS, value=prop.emits)
    return element


def _text(interface: type[Interface]) -> str:
    if (text := _TEXTS.get(interface.NAME)) is None:
        element = _documented(interface.NAME)
        if element is None:
            element = described(interface)
        text = _TEXTS[interface.NAME] = ET.tostring(element, encoding="unicode")
    return text


def introspection(interfaces: Sequence[type[Interface]], children: Sequence[str]) -> str:
    """Return the introspection data of an object with these interfaces and child nodes."""
    parts = [_DOCTYPE, "<node>", _STANDARD]
    if interfaces:
        parts.append(_PROPERTIES)
    parts += [_text(each) for each in interfaces]
    parts += [f'<node name="{child}"/>\n' for child in children]
    return "".join([*parts, "</node>\n"])
