"""What a request to the CSMS has in common, however a version spells it."""

from typing import Generic, TypeVar

R = TypeVar("R")


class CsmsRequest(Generic[R]):
    """A request to the CSMS whose answer, decoded, is an R."""

    __slots__ = ()


class Nothing:
    """The answer of a request that the CSMS merely acknowledges."""

    __slots__ = ()
