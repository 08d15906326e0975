"""Strict reading: every mistake has its path, and nothing is taken for what it is not."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest

from ocppd.dbus.binding import Variant
from ocppd.dbus.marshalling.schema import (
    array,
    boolean,
    choice,
    dictionary,
    from_dict,
    from_dicts,
    integer,
    moment,
    number,
    optional,
    required,
    text,
    word,
)
from ocppd.errors import InvalidArgument


class Colour(StrEnum):
    RED = "Red"
    BLUE = "Blue"


@dataclass(frozen=True)
class Inner:
    name: str
    weight: float | None = None


@dataclass(frozen=True)
class Outer:
    count: int
    colour: Colour = Colour.RED
    inner: Inner | None = None
    many: tuple[Inner, ...] = ()
    words: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    at: datetime | None = None
    on: bool | None = None
    kind: str | None = None


INNER = dictionary(Inner, required("name", text(5)), optional("weight", number(0, 10)))
OUTER = dictionary(
    Outer,
    required("count", integer(1, 100)),
    optional("colour", choice(Colour)),
    optional("inner", INNER),
    optional("many", array(INNER, 2)),
    optional("words", array(text(5), 3)),
    optional("numbers", array(integer(), 3)),
    optional("at", moment),
    optional("on", boolean),
    optional("kind", word("A", "W")),
)


def read(**keys: Variant) -> Outer:
    return from_dict("thing", OUTER, keys)


V = Variant
COUNT = {"count": V("i", 1)}


@pytest.mark.parametrize("signature", ["y", "n", "q", "i", "u", "x", "t"])
def test_any_width_of_integer_is_an_integer_and_a_number(signature: str) -> None:
    outer = read(
        count=V(signature, 7),
        inner=V("a{sv}", {"name": V("s", "n"), "weight": V(signature, 3)}),
        numbers=V(f"a{signature}", b"\1\2" if signature == "y" else [1, 2]),
    )
    assert outer.count == 7
    assert outer.inner == Inner("n", 3.0)
    assert outer.numbers == (1, 2)


def test_both_forms_of_an_array_of_dictionaries() -> None:
    items = [{"name": V("s", "a")}, {"name": V("s", "b"), "weight": V("d", 1.5)}]
    expected = (Inner("a"), Inner("b", 1.5))
    assert read(**COUNT, many=V("aa{sv}", items)).many == expected
    assert read(**COUNT, many=V("av", [V("a{sv}", item) for item in items])).many == expected
    assert read(**COUNT, words=V("av", [V("s", "x")])).words == ("x",)
    assert read(**COUNT, words=V("as", [])).words == ()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-22T15:00:00Z", datetime(2026, 11, 22, 15, tzinfo=UTC)),
        ("2026-11-22t15:00:00.25z", datetime(2026, 11, 22, 15, 0, 0, 250_000, tzinfo=UTC)),
        ("2026-11-22T15:00:00.123456789Z", datetime(2026, 11, 22, 15, 0, 0, 123_456, tzinfo=UTC)),
        ("2026-11-22T16:00:00+01:00", datetime(2026, 11, 22, 15, tzinfo=UTC)),
    ],
)
def test_date_times(written: str, meant: datetime) -> None:
    assert read(**COUNT, at=V("s", written)).at == meant


BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "thing.count: missing"),
    ({"count": V("s", "1")}, "thing.count: must be an integer, is a string"),
    ({"count": V("d", 1.0)}, "thing.count: must be an integer, is a number"),
    ({"count": V("b", True)}, "thing.count: must be an integer, is a boolean"),
    ({"count": V("v", V("i", 1))}, "thing.count: must be an integer, is v"),
    ({"count": V("i", 0)}, "thing.count: 0 is not in 1 to 100"),
    ({"count": V("t", 2**63)}, "thing.count: 9223372036854775808 is not in 1 to 100"),
    ({**COUNT, "colour": V("s", "red")}, 'thing.colour: "red" is none of Red, Blue'),
    ({**COUNT, "colour": V("i", 1)}, "thing.colour: must be a string, is i"),
    ({**COUNT, "kind": V("s", "V")}, 'thing.kind: "V" is none of A, W'),
    ({**COUNT, "nobody": V("i", 1)}, "thing.nobody: unknown key"),
    ({**COUNT, "a\nb": V("i", 1)}, "thing.a?b: unknown key"),
    ({**COUNT, "inner": V("s", "x")}, "thing.inner: must be a dictionary, is a string"),
    ({**COUNT, "inner": V("a{sv}", {})}, "thing.inner.name: missing"),
    (
        {**COUNT, "inner": V("a{ss}", {"name": "x"})},
        "thing.inner: must be a dictionary, is a{ss}",
    ),
    (
        {**COUNT, "inner": V("a{sv}", {"name": V("s", "toolong")})},
        "thing.inner.name: longer than 5 characters",
    ),
    (
        {**COUNT, "inner": V("a{sv}", {"name": V("s", "n"), "weight": V("d", float("nan"))})},
        "thing.inner.weight: not a finite number",
    ),
    (
        {**COUNT, "inner": V("a{sv}", {"name": V("s", "n"), "weight": V("d", 10.5)})},
        "thing.inner.weight: 10.5 is not in 0 to 10",
    ),
    (
        {**COUNT, "many": V("aa{sv}", [{"name": V("s", "a")}, {}])},
        "thing.many[1].name: missing",
    ),
    (
        {**COUNT, "many": V("aa{sv}", [{"name": V("s", "a")}] * 3)},
        "thing.many: more than 2 items",
    ),
    (
        {**COUNT, "many": V("av", [V("s", "x")])},
        "thing.many[0]: must be a dictionary, is a string",
    ),
    ({**COUNT, "many": V("a{sv}", {})}, "thing.many: must be an array, is a dictionary"),
    ({**COUNT, "words": V("ay", b"abc")}, "thing.words[0]: must be a string, is y"),
    ({**COUNT, "words": V("ai", [1])}, "thing.words[0]: must be a string, is i"),
    ({**COUNT, "on": V("i", 1)}, "thing.on: must be a boolean, is i"),
    (
        {**COUNT, "at": V("s", "2026-11-22 15:00:00")},
        'thing.at: "2026-11-22 15:00:00" is no date-time of RFC 3339',
    ),
    (
        {**COUNT, "at": V("s", "2026-13-22T15:00:00Z")},
        'thing.at: "2026-13-22T15:00:00Z" is no date-time of RFC 3339',
    ),
    (
        {**COUNT, "at": V("s", "0001-01-01T00:00:00+14:00")},
        'thing.at: "0001-01-01T00:00:00+14:00" is no date-time of RFC 3339',
    ),
    (
        {**COUNT, "at": V("s", "0001-01-01T00:00:00Z")},
        'thing.at: "0001-01-01T00:00:00Z" is before 1970',
    ),
    (
        {**COUNT, "at": V("s", "1970-01-01T00:59:59.9+01:00")},
        'thing.at: "1970-01-01T00:59:59.9+01:00" is before 1970',
    ),
]


@pytest.mark.parametrize(("keys", "told"), BAD, ids=[told for _, told in BAD])
def test_mistakes_name_their_path(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        from_dict("thing", OUTER, keys)
    assert str(error.value) == told


def test_mistakes_in_a_list_of_items() -> None:
    good = {"name": V("s", "a")}
    assert from_dicts("requests", INNER, [good], 1) == [Inner("a")]
    with pytest.raises(InvalidArgument, match=r"^requests\[2\]\.name: missing$"):
        from_dicts("requests", INNER, [good, good, {}], 10)
    with pytest.raises(InvalidArgument, match=r"^requests: more than 1 items$"):
        from_dicts("requests", INNER, [good, good], 1)


def test_a_key_error_of_the_model_is_no_unknown_key() -> None:
    def broken(name: str) -> Inner:
        raise KeyError("name")

    reader = dictionary(
        dict[str, Any], required("inner", dictionary(broken, required("name", text(5))))
    )
    with pytest.raises(KeyError):
        from_dict("thing", reader, {"inner": V("a{sv}", {"name": V("s", "x")})})
