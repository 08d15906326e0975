"""YAML as configuration files should be read: strictly, and with a place for each complaint.

The types are those of YAML 1.2's core schema without its exotic spellings: `true` and `false` are
the only booleans, integers are decimal and have no leading zeros, `null`, `~` and nothing are null.
So `no`, `12:30` and `0123` are texts. Doubled keys, anchors, tags and second documents are refused.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import TypeVar

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_LONGEST_NUMBER = 40
_DEEPEST = 50
_LARGEST_FILE = 4 * 1024 * 1024

type_names = {
    dict: "a mapping",
    list: "a list",
    str: "a text",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    type(None): "nothing",
}

Scalar = str | int | float | bool | None


class YamlError(Exception):
    """A mistake in a file; its text reads `file:line: path: what`."""

    def __init__(self, file: str, line: int, path: str, text: str) -> None:
        """Keep the file's name, the line (from 1), the path in the document and the complaint."""
        place = f"{file}:{line}" if line else file
        super().__init__(f"{place}: {path}: {text}" if path else f"{place}: {text}")
        self.file = file
        self.line = line
        self.path = path
        self.text = text


@dataclass(slots=True)
class Node:
    """A part of a document: a value, the line on which it begins (from 1), and its path.

    `value` is a dict of nodes, a list of nodes, or a scalar; `raw` is a scalar as it is written.
    The accessors raise a YamlError that names the place.
    """

    file: str
    line: int
    path: str
    value: "dict[str, Node] | list[Node] | Scalar"
    raw: str = ""
    key_lines: dict[str, int] = field(default_factory=dict)

    def error(self, text: str) -> YamlError:
        """Return a complaint about this part."""
        return YamlError(self.file, self.line, self.path, text)

    def _expected(self, what: str) -> YamlError:
        found = type_names[type(self.value)]
        if not isinstance(self.value, dict | list | None):
            found += f" ({self.raw[:40]})"
        return self.error(f"expected {what}, found {found}")

    @property
    def is_null(self) -> bool:
        """Whether nothing, `~` or `null` is written here."""
        return self.value is None

    def mapping(
        self, required: tuple[str, ...] = (), optional: tuple[str, ...] | None = None
    ) -> "dict[str, Node]":
        """Return the members of a mapping.

        With `optional`, any key that is neither required nor optional is refused.
        """
        if not isinstance(self.value, dict):
            raise self._expected("a mapping")
        if optional is not None:
            for key in self.value:
                if key not in required and key not in optional:
                    known = ", ".join(sorted((*required, *optional)))
                    path = f"{self.path}.{key}" if self.path else key
                    raise YamlError(
                        self.file, self.key_lines[key], path, f"unknown key; known are: {known}"
                    )
        for key in required:
            if key not in self.value:
                raise self.error(f"the key {key} is missing")
        return self.value

    def items(self) -> "list[Node]":
        """Return the elements of a list."""
        if not isinstance(self.value, list):
            raise self._expected("a list")
        return self.value

    def get(self, key: str) -> "Node | None":
        """Return a member of a mapping; None when it is absent or null."""
        member = self.mapping().get(key)
        return None if member is None or member.value is None else member

    def text(
        self, *, min_length: int = 0, max_length: int | None = None, pattern: str | None = None
    ) -> str:
        """Return a text; numbers and booleans have to be quoted to be one."""
        if not isinstance(self.value, str):
            hint = " in quotes" if isinstance(self.value, bool | int | float) else ""
            raise self._expected("a text" + hint)
        if len(self.value) < min_length:
            raise self.error(
                "must not be empty"
                if min_length == 1
                else f"is shorter than {min_length} characters"
            )
        if max_length is not None and len(self.value) > max_length:
            raise self.error(f"is longer than {max_length} characters")
        if pattern is not None and not re.fullmatch(pattern, self.value):
            raise self.error(f"{self.value[:60]!r} is not of the form {pattern}")
        return self.value

    def written(self) -> str:
        """Return a scalar as it is written: `900`, `true` and `0123` unchanged."""
        if isinstance(self.value, dict | list) or self.value is None:
            raise self._expected("a value")
        return self.raw

    def integer(self, minimum: int | None = None, maximum: int | None = None) -> int:
        """Return an integer within limits, both inclusive."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise self._expected("an integer")
        self._check_range(self.value, minimum, maximum)
        return self.value

    def number(self, minimum: float | None = None, maximum: float | None = None) -> float:
        """Return an integer or a decimal number within limits, both inclusive."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self._expected("a number")
        self._check_range(self.value, minimum, maximum)
        return float(self.value)

    def _check_range(self, value: float, minimum: float | None, maximum: float | None) -> None:
        if (minimum is not None and value < minimum) or (maximum is not None and value > maximum):
            lower = "…" if minimum is None else f"{minimum:g}"
            upper = "…" if maximum is None else f"{maximum:g}"
            raise self.error(f"{self.raw} is outside {lower}..{upper}")

    def flag(self) -> bool:
        """Return a boolean: `true` or `false`, nothing else."""
        if not isinstance(self.value, bool):
            raise self._expected("true or false")
        return self.value

    def texts(self) -> tuple[str, ...]:
        """Return a list of texts."""
        return tuple(item.text() for item in self.items())

    def one_of(self, *choices: str) -> str:
        """Return a text out of a closed set."""
        if not isinstance(self.value, str) or self.value not in choices:
            raise self._expected("one of " + ", ".join(choices))
        return self.value

    def plain(self) -> object:
        """Return the whole part as ordinary dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


T = TypeVar("T")


def every_mistake(root: Node, read: Callable[[Node], T]) -> tuple[list[YamlError], T | None]:
    """Read a document, and after a mistake again without the part that has it, until it is read.

    Returns all mistakes, but those that come of a part that was left out, such as a missing key;
    and what was read of the rest, if that has a meaning. Changes the document.
    """
    mistakes: list[YamlError] = []
    left_out: list[str] = []
    while True:
        try:
            return mistakes, read(root)
        except YamlError as error:
            if not any(_is_within(path, error.path) for path in left_out):
                mistakes.append(error)
            if error.file != root.file or not _leave_out(root, error.path):
                return mistakes, None
            left_out.append(error.path)


def _is_within(path: str, place: str) -> bool:
    return not place or path == place or path.startswith((f"{place}.", f"{place}["))


def _leave_out(node: Node, path: str) -> bool:
    """Take the part with this path out of a document; False if it is not within."""
    match node.value:
        case dict(members):
            for key, member in members.items():
                if (f"{node.path}.{key}" if node.path else key) == path:
                    del members[key]
                    return True
                if _is_within(path, member.path) and _leave_out(member, path):
                    return True
        case list(items):
            for index, item in enumerate(items):
                if item.path == path:
                    del items[index]
                    return True
                if _is_within(path, item.path) and _leave_out(item, path):
                    return True
    return False


def load(path: Path | str) -> Node:
    """Read a file; raise YamlError for whatever is wrong with it, also when it cannot be read."""
    file = str(path)
    try:
        with Path(path).open("rb") as stream:
            content = stream.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise YamlError(file, 0, "", f"cannot be read: {error.strerror or error}") from None
    if len(content) > _LARGEST_FILE:
        raise YamlError(file, 0, "", f"is larger than {_LARGEST_FILE} bytes")
    try:
        return loads(content.decode("utf-8-sig"), file)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise YamlError(file, line, "", "is not UTF-8") from None


def loads(text: str, file: str = "<text>") -> Node:
    """Read a document; an empty one is a null node."""
    try:
        return _build(yaml.parse(text, Loader=_LOADER), file)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = error.problem or error.context or "is not YAML"
        raise YamlError(file, mark.line + 1 if mark else 0, "", what) from None
    except yaml.YAMLError as error:
        # A character that YAML does not allow; the reader knows its position alone.
        position = getattr(error, "position", None)
        line = text.count("\n", 0, position) + 1 if isinstance(position, int) else 0
        raise YamlError(file, line, "", str(getattr(error, "reason", error))) from None


def _build(events: Iterator[yaml.Event], file: str) -> Node:
    """Turn the parser's events into nodes, without recursion: depth is limited, not fatal."""
    root: Node | None = None
    open_nodes: list[Node] = []
    key: str | None = None
    keys: list[str | None] = []
    for event in events:
        line = event.start_mark.line + 1 if event.start_mark else 0
        match event:
            case yaml.DocumentStartEvent() if root is not None:
                raise YamlError(file, line, "", "a second document begins")
            case yaml.AliasEvent():
                raise YamlError(file, line, "", "aliases are not allowed")
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                open_nodes.pop()
                key = keys.pop()
            case yaml.NodeEvent():
                parent = open_nodes[-1] if open_nodes else None
                if parent is not None and isinstance(parent.value, dict) and key is None:
                    key = _key(event, parent, line)
                    continue
                node = _node(event, file, line, _path(parent, key))
                if parent is None:
                    root = node
                elif isinstance(parent.value, list):
                    parent.value.append(node)
                elif isinstance(parent.value, dict) and key is not None:
                    parent.value[key] = node
                key = None
                if not isinstance(event, yaml.ScalarEvent):
                    if len(open_nodes) >= _DEEPEST:
                        raise YamlError(file, line, "", f"is nested deeper than {_DEEPEST}")
                    open_nodes.append(node)
                    keys.append(None)
    return root if root is not None else Node(file, 1, "", None)


def _path(parent: Node | None, key: str | None) -> str:
    if parent is None:
        return ""
    if isinstance(parent.value, list):
        return f"{parent.path}[{len(parent.value)}]"
    return f"{parent.path}.{key}" if parent.path else str(key)


def _key(event: yaml.NodeEvent, parent: Node, line: int) -> str:
    if not isinstance(event, yaml.ScalarEvent):
        raise YamlError(parent.file, line, parent.path, "a key must be a single word")
    key: str = event.value
    path = f"{parent.path}.{key}" if parent.path else key
    if key in parent.key_lines:
        first = parent.key_lines[key]
        raise YamlError(parent.file, line, path, f"the key is there twice, first in line {first}")
    if event.anchor is not None or event.tag is not None:
        raise YamlError(parent.file, line, path, "tags and anchors are not allowed")
    parent.key_lines[key] = line
    return key


def _node(event: yaml.NodeEvent, file: str, line: int, path: str) -> Node:
    if event.anchor is not None:
        raise YamlError(file, line, path, "anchors are not allowed")
    if getattr(event, "tag", None) is not None:
        raise YamlError(file, line, path, "tags are not allowed")
    match event:
        case yaml.MappingStartEvent():
            return Node(file, line, path, {})
        case yaml.SequenceStartEvent():
            return Node(file, line, path, [])
    raw: str = event.value  # type: ignore[attr-defined]  # what is left is a ScalarEvent
    plain = event.implicit[0] and event.style in (None, "")  # type: ignore[attr-defined]
    return Node(file, line, path, _scalar(raw) if plain else raw, raw)


def _scalar(raw: str) -> Scalar:
    if raw in ("", "~", "null"):
        return None
    if raw in ("true", "false"):
        return raw == "true"
    if len(raw) <= _LONGEST_NUMBER:
        if _INTEGER.fullmatch(raw):
            return int(raw)
        if _NUMBER.fullmatch(raw) and isfinite(number := float(raw)):
            return number
    return raw
