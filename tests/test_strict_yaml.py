from pathlib import Path

import pytest

from ocppd.strict_yaml import Node, YamlError, load, loads


def member(text: str) -> Node:
    node = loads(f"key: {text}\n").get("key")
    assert node is not None
    return node


@pytest.mark.parametrize(
    "text", ["no", "yes", "on", "True", "12:30", "0123", "0x1f", "1_000", ".inf", "2026-11-22"]
)
def test_what_yaml_1_1_would_turn_into_something_else_stays_text(text: str) -> None:
    assert member(text).text() == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("12", 12),
        ("-3", -3),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ('"12"', "12"),
    ],
)
def test_scalars_of_the_core_schema(text: str, value: object) -> None:
    node = member(text)
    assert node.value == value
    assert type(node.value) is type(value)


@pytest.mark.parametrize("text", ["", "~", "null"])
def test_null_is_absent(text: str) -> None:
    assert loads(f"key: {text}\n").get("key") is None


def test_every_node_knows_its_line_and_path() -> None:
    root = loads("a:\n  - b: 1\n  - b:\n      c: x\n")
    node = root.mapping()["a"].items()[1].mapping()["b"].mapping()["c"]
    assert (node.line, node.path) == (4, "a[1].b.c")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3: a: the key is there twice, first in line 1"),
        ("a:\n  b: 1\n  b: 2\n", "f.yaml:3: a.b: the key is there twice, first in line 2"),
        ("a: &x 1\n", "f.yaml:1: a: anchors are not allowed"),
        ("a: *x\n", "f.yaml:1: aliases are not allowed"),
        ("a: !!int 1\n", "f.yaml:1: a: tags are not allowed"),
        ("? [a]\n: 1\n", "f.yaml:1: a key must be a single word"),
        ("a: 1\n---\nb: 1\n", "f.yaml:2: a second document begins"),
        ("a: [1\n", "f.yaml:2: did not find expected ',' or ']'"),
        ("a: \x07\n", "f.yaml:1: control characters are not allowed"),
        ("a: " + "[" * 60 + "]" * 60, "f.yaml:1: is nested deeper than 50"),
    ],
)
def test_mistakes_name_file_line_and_path(text: str, message: str) -> None:
    with pytest.raises(YamlError) as caught:
        loads(text, "f.yaml")
    assert str(caught.value) == message


def test_deep_nesting_is_a_mistake_not_a_crash() -> None:
    with pytest.raises(YamlError):
        loads("[" * 100_000)


def test_the_accessors_complain_with_the_place() -> None:
    root = loads("n: 70000\nflag: no\nlist: {}\nserial: 12\nname: ''\n", "f.yaml").mapping()
    for complaint, call in {
        "f.yaml:1: n: 70000 is outside 1..65535": lambda: root["n"].integer(1, 65535),
        "f.yaml:2: flag: expected true or false, found a text (no)": root["flag"].flag,
        "f.yaml:3: list: expected a list, found a mapping": root["list"].items,
        "f.yaml:4: serial: expected a text in quotes, found an integer (12)": root["serial"].text,
        "f.yaml:5: name: must not be empty": lambda: root["name"].text(min_length=1),
    }.items():
        with pytest.raises(YamlError) as caught:
            call()
        assert str(caught.value) == complaint


def test_unknown_and_missing_keys() -> None:
    root = loads("a: 1\n\ntypo: 2\n", "f.yaml")
    with pytest.raises(YamlError, match=r"^f.yaml:3: typo: unknown key; known are: a, b$"):
        root.mapping(("a",), ("b",))
    with pytest.raises(YamlError, match=r"^f.yaml:1: the key c is missing$"):
        root.mapping(("c",))
    assert set(root.mapping()) == {"a", "typo"}


def test_written_keeps_the_spelling() -> None:
    assert [node.written() for node in loads("[0123, true, 1.50, 'x']").items()] == [
        "0123",
        "true",
        "1.50",
        "x",
    ]


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    with pytest.raises(YamlError, match=r"x.yaml: cannot be read: No such file or directory$"):
        load(file)
    file.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(YamlError, match=r"x.yaml:2: is not UTF-8$"):
        load(file)
    file.write_bytes(b"")
    assert load(file).is_null
    file.write_text("\ufeffa: [1, {b: c}]\n")
    assert load(file).plain() == {"a": [1, {"b": "c"}]}
