"""``startTime`` and ``endTime``: what lies outside them is not a fire time."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import override

from kalends.triggers.protocol import NOTHING, Instant, NotFound, PartialTally, Rule, Tally
from kalends.triggers.rules.rule import Combination
from kalends.triggers.search.budget import Budget


@dataclass(frozen=True, slots=True)
class BoundedRule(Combination):
    """The fire times of ``rule`` with ``start`` <= fire time <= ``end``; None is no bound."""

    rule: Rule
    start: Instant | None = None
    end: Instant | None = None

    @property
    @override
    def leaves(self) -> int:
        """As many as the rule has."""
        return self.rule.leaves

    @property
    @override
    def is_direct(self) -> bool:
        """Bounds take no search."""
        return self.rule.is_direct

    @override
    def seek(self, instant: Instant, until: Instant, budget: Budget) -> Instant | NotFound | None:
        """Return the earliest fire time with ``instant`` < fire time <= ``until``."""
        if self.start is not None:
            instant = max(instant, self.start - 1)
        if self.end is not None:
            until = min(until, self.end)
        return self.rule.seek(instant, until, budget) if instant < until else None

    @override
    def count(self, after: Instant, until: Instant, budget: Budget) -> Tally | PartialTally:
        """Count what lies within both pairs of bounds."""
        if self.start is not None:
            after = max(after, self.start - 1)
        if self.end is not None:
            until = min(until, self.end)
        return self.rule.count(after, until, budget) if after < until else NOTHING

    @override
    def pattern(self, start: Instant, stop: Instant) -> int:
        """Return the fire times with ``start`` <= fire time < ``stop`` as a bit set."""
        begin = start if self.start is None else max(start, self.start)
        end = stop if self.end is None else min(stop, self.end + 1)
        return self.rule.pattern(begin, end) << (begin - start) if begin < end else 0
