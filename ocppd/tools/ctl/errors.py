"""Why a command could not be carried out: one sentence, and an exit code."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of ocppctl."""

    DONE = 0
    REFUSED = 1
    """ocppd or the CSMS refused what was asked, wholly or in part."""
    WRONG = 2
    """The command line, or an argument, is not as documented."""
    ABSENT = 3
    """There is no bus, or no ocppd on it."""
    DENIED = 4
    """The bus or ocppd does not let this user do it."""
    FAILED = 5
    """Anything else that went wrong: no answer in time, an error of ocppd, the bus went away."""


class Problem(Exception):
    """A command ends here; the text is for a person."""

    def __init__(self, text: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(text)
        self.code = code


class NoSuchMember(Problem):
    """The running ocppd has no such method, signal or property."""
