"""`@dataclass`, as that of the standard library but cheap to define.

The standard library writes and compiles up to six functions for each class as it is defined. The
daemon has some 250 of them, most of which a run never makes an object of: that was a third of its
start, and a megabyte of code. Here `__init__` is written when the first object is made, and the
rest is shared. Fields, slots, `replace`, `fields` and `match` are those of the standard library;
what the daemon does not use (`order`, `kw_only`, `InitVar`, `field(init=False)`) is left out.
"""

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(*, frozen: bool = False, slots: bool = False, eq: bool = True):
        """Return a class decorator; the options are those of `dataclasses.dataclass`."""

        def define(cls: type) -> type:
            made = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots)(cls)
            methods = {"__init__": _init_when_called(made, frozen), "__repr__": _repr}
            if eq:
                methods |= _comparison(made, frozen)
            if frozen:
                methods |= _FROZEN
            for name, method in methods.items():
                if name not in cls.__dict__ or cls.__dict__[name] is None:
                    setattr(made, name, method)
            return made

        return define


def _init_when_called(cls: type, frozen: bool) -> Callable[..., None]:
    def init(self: Any, *arguments: Any, **named: Any) -> None:
        written = _written_init(cls, frozen)
        setattr(cls, "__init__", written)  # noqa: B010  to mypy this is no attribute to assign
        written(self, *arguments, **named)

    return init


def _written_init(cls: Any, frozen: bool) -> Callable[..., None]:
    """Write what the standard library would: only a function of its own text checks arguments."""
    known: dict[str, Any] = {"_set": object.__setattr__, "_MISSING": dataclasses.MISSING}
    parameters, lines = ["self"], []
    for each in dataclasses.fields(cls):
        name = value = each.name
        if each.default is not dataclasses.MISSING:
            known[f"_default_{name}"] = each.default
            parameters.append(f"{name}=_default_{name}")
        elif each.default_factory is not dataclasses.MISSING:
            known[f"_make_{name}"] = each.default_factory
            parameters.append(f"{name}=_MISSING")
            value = f"_make_{name}() if {name} is _MISSING else {name}"
        else:
            parameters.append(name)
        lines.append(f"_set(self, {name!r}, {value})" if frozen else f"self.{name} = {value}")
    text = f"def __init__({', '.join(parameters)}):\n " + "\n ".join(lines or ["pass"])
    exec(text, known)  # noqa: S102  names of fields alone, as in the standard library
    init: Callable[..., None] = known["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


def _comparison(cls: Any, frozen: bool) -> dict[str, Any]:
    """Return `__eq__` by the values of all fields, and `__hash__` where they cannot change."""
    names = [each.name for each in dataclasses.fields(cls) if each.compare]
    # With less than two names attrgetter returns no tuple.
    values = attrgetter(*names) if len(names) > 1 else _values_of(names)

    def equal(self: Any, other: object) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return values(self) == values(other)

    def hash_of(self: Any) -> int:
        return hash(values(self))

    return {"__eq__": equal, "__hash__": hash_of if frozen else None}


def _values_of(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    return lambda self: tuple([getattr(self, name) for name in names])


def _repr(self: Any) -> str:
    shown = (f"{each.name}={getattr(self, each.name)!r}" for each in _shown(self))
    return f"{self.__class__.__qualname__}({', '.join(shown)})"


def _shown(value: Any) -> list[dataclasses.Field[Any]]:
    return [each for each in dataclasses.fields(value) if each.repr]


def _refuse_to_set(self: object, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, each.name) for each in dataclasses.fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for each, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, each.name, value)


_FROZEN = {
    "__setattr__": _refuse_to_set,
    "__delattr__": _refuse_to_delete,
    "__getstate__": _state,
    "__setstate__": _set_state,
}
