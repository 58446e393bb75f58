"""A single instant."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import override

from kalends.triggers.protocol import NOTHING, Instant, Tally
from kalends.triggers.rules.rule import Leaf


@dataclass(frozen=True, slots=True)
class DateRule(Leaf):
    """Fires once, ``at`` an instant."""

    at: Instant

    @override
    def next_after(self, instant: Instant) -> Instant | None:
        """Return the only fire time, if it is strictly later than ``instant``."""
        return self.at if instant < self.at else None

    @override
    def tally(self, after: Instant, until: Instant) -> Tally:
        """Count the only fire time."""
        return Tally(1, self.at, self.at) if after < self.at <= until else NOTHING

    def pattern(self, start: Instant, stop: Instant) -> int:
        """Return one bit, or none."""
        return 1 << (self.at - start) if start <= self.at < stop else 0
