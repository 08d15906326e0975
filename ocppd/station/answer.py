"""Answers of the station, and what follows from them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

R = TypeVar("R")


def nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[R]):
    """A response, and what to do once it is on the wire: what follows never overtakes it.

    What was decided is in force even if the response cannot be stored or sent, so `then` is done
    all the same; unless it is nothing to do behind the asker's back: `unsaid` is done instead.
    """

    result: R
    then: Callable[[], None] = nothing
    unsaid: Callable[[], None] | None = None
