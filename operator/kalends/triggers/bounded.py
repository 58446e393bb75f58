"""``startTime`` and ``endTime``: what lies outside them is not a fire time."""

from __future__ import annotations

from dataclasses import dataclass

from kalends.triggers.ports import NOTHING, Instant, Rule, Tally


@dataclass(frozen=True, slots=True)
class BoundedTrigger:
    """The fire times of ``rule`` with ``start`` <= fire time <= ``end``; None is no bound."""

    rule: Rule
    start: Instant | None = None
    end: Instant | None = None

    def next_after(self, instant: Instant) -> Instant | None:
        """Return the earliest fire time strictly later than ``instant``."""
        if self.start is not None and instant < self.start:
            instant = self.start - 1
        if self.end is not None and instant >= self.end:
            return None
        fire_time = self.rule.next_after(instant)
        if fire_time is None or (self.end is not None and fire_time > self.end):
            return None
        return fire_time

    def tally(self, after: Instant, until: Instant) -> Tally:
        """Count what lies within both pairs of bounds."""
        if self.start is not None:
            after = max(after, self.start - 1)
        if self.end is not None:
            until = min(until, self.end)
        return self.rule.tally(after, until) if after < until else NOTHING

    def pattern(self, start: Instant, stop: Instant) -> int:
        """Return the fire times with ``start`` <= fire time < ``stop`` as a bit set."""
        begin = start if self.start is None else max(start, self.start)
        end = stop if self.end is None else min(stop, self.end + 1)
        return self.rule.pattern(begin, end) << (begin - start) if begin < end else 0
