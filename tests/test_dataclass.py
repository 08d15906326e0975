import copy
import dataclasses
import pickle
from typing import Any

import pytest

from ocppd.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    name: str
    value: float = 0.0
    secret: str = dataclasses.field(default="", repr=False)
    tags: tuple[str, ...] = dataclasses.field(default_factory=tuple)


@dataclass(slots=True)
class Counter:
    count: int
    seen: list[int] = dataclasses.field(default_factory=list)


@dataclass(frozen=True, slots=True)
class One:
    name: str


@dataclass(frozen=True, slots=True)
class Other:
    name: str


@dataclass(slots=True, eq=False)
class ByIdentity:
    name: str


@dataclass(frozen=True, slots=True)
class Hidden:
    name: str

    def __repr__(self) -> str:
        return "Hidden(…)"


@dataclass(frozen=True, slots=True)
class Longer(Reading):
    unit: str = "Wh"


def test_fields_are_set_by_place_by_name_and_by_default():
    assert (Reading("a").value, Reading("a", 2.0).value, Reading("a", secret="s").secret) == (
        0.0,
        2.0,
        "s",
    )
    first, second = Counter(1), Counter(1)
    first.seen.append(3)
    assert second.seen == []
    assert Counter(1, [4]).seen == [4]
    longer = Longer("a", 1.0, unit="kWh")
    assert (longer.name, longer.unit) == ("a", "kWh")


@pytest.mark.parametrize("arguments", [(), ("a", 1.0, "s", (), "more")])
def test_wrong_arguments_are_refused_each_time(arguments: tuple[Any, ...]):
    for _ in range(2):
        with pytest.raises(TypeError):
            Reading(*arguments)
    with pytest.raises(TypeError):
        Reading("a", unknown=1)  # type: ignore[call-arg]


def test_what_is_frozen_does_not_change():
    reading = Reading("a")
    with pytest.raises(dataclasses.FrozenInstanceError):
        reading.name = "b"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del reading.name
    assert reading == Reading("a")
    counter = Counter(1)
    counter.count += 1
    assert counter == Counter(2)
    with pytest.raises(AttributeError):
        counter.other = 1  # type: ignore[attr-defined]


def test_equal_are_objects_of_one_class_with_equal_fields():
    assert Reading("a", 1) == Reading("a", 1.0)
    assert hash(Reading("a", 1)) == hash(Reading("a", 1.0))
    assert Reading("a") != Reading("b")
    assert One("a") == One("a")
    assert One("a") != Other("a")
    assert One("a") != "a"
    assert Longer("a") != Reading("a")
    assert ByIdentity("a") != ByIdentity("a")
    assert len({One("a"), One("a"), One("b")}) == 2
    with pytest.raises(TypeError):
        hash(Counter(1))


def test_the_text_of_an_object_hides_what_a_field_or_the_class_hides():
    assert repr(Reading("a", secret="s")) == "Reading(name='a', value=0.0, tags=())"
    assert repr(Hidden("a")) == "Hidden(…)"


def test_the_standard_library_takes_them_as_its_own():
    reading = Reading("a", 1.0, "s", ("t",))
    assert dataclasses.is_dataclass(reading)
    assert [each.name for each in dataclasses.fields(reading)] == [
        "name",
        "value",
        "secret",
        "tags",
    ]
    assert dataclasses.replace(reading, name="b") == Reading("b", 1.0, "s", ("t",))
    assert dataclasses.asdict(One("a")) == {"name": "a"}
    assert copy.deepcopy(reading) == reading == pickle.loads(pickle.dumps(reading))
    match reading:
        case Reading(name, value):
            assert (name, value) == ("a", 1.0)
