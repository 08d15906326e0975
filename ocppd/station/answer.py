"""Answers of the station, and what follows from them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

R = TypeVar("R")


def nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[R]):
    """A response, and what to do once it is on the wire: what follows never overtakes it."""

    result: R
    then: Callable[[], None] = nothing
