"""Misbehaviour: what the CSMS does wrong, to which action, and how often."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Literal

Close = Literal["frame", "abort"]


@dataclass(slots=True)
class Rule:
    """What to do instead of answering a CALL as usual.

    `delay_s` comes first, then one of the others; without any of them the usual answer follows.
    `times` limits how often the rule applies (None: until it is taken back).
    """

    action: str = "*"
    """An action, or `*` for every one."""
    delay_s: float = 0
    drop: bool = False
    """No answer at all."""
    error: str | None = None
    """Answer with a CALLERROR of this code."""
    description: str = ""
    """The description in that CALLERROR."""
    answer: dict[str, Any] | None = None
    """Answer with this payload, whatever is right."""
    garbage: str | None = None
    """Answer with this text, which need not be a frame."""
    close: Close | None = None
    """Close the connection instead of answering: with a close frame, or as a broken line does."""
    times: int | None = None

    def __post_init__(self) -> None:
        if self.close not in (None, "frame", "abort"):
            raise ValueError(f"close is {self.close!r}; expected 'frame' or 'abort'")
        if self.delay_s < 0:
            raise ValueError("delay_s is negative")
        if self.times is not None and self.times < 1:
            raise ValueError("times is less than 1")

    def __str__(self) -> str:
        """Return the rule as a person reads it."""
        parts = [f"delay {self.delay_s:g} s"] if self.delay_s else []
        if self.drop:
            parts.append("no answer")
        if self.error:
            parts.append(f"CALLERROR {self.error}")
        if self.answer is not None:
            parts.append("a fixed answer")
        if self.garbage is not None:
            parts.append("garbage")
        if self.close:
            parts.append("close" if self.close == "frame" else "cut the connection")
        often = "" if self.times is None else f", {self.times} times"
        return f"{self.action}: {', then '.join(parts) or 'the usual answer'}{often}"


FIELDS = frozenset(field.name for field in fields(Rule))


class Rules:
    """The rules in force; the oldest that fits an action applies."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []

    def __iter__(self) -> Iterator[Rule]:
        """Iterate over the rules in force."""
        return iter(list(self._rules))

    def add(self, rule: Rule) -> None:
        """Put a rule in force."""
        self._rules.append(rule)

    def clear(self, action: str | None = None) -> None:
        """Take back the rules for an action, or all."""
        self._rules = [rule for rule in self._rules if action not in (None, rule.action)]

    def take(self, action: str) -> Rule | None:
        """Return the rule that applies to a CALL now, and count its use."""
        for rule in self._rules:
            if rule.action in ("*", action):
                if rule.times is not None:
                    rule.times -= 1
                    if rule.times == 0:
                        self._rules.remove(rule)
                return rule
        return None
