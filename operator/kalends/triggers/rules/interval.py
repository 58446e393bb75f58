"""Elapsed time: a grid of instants that no change of the clocks can move."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from typing_extensions import override

from kalends.triggers.protocol import NOTHING, Instant, Tally
from kalends.triggers.rules.rule import Leaf
from kalends.triggers.zones.zone import DAY, LAST_INSTANT


@dataclass(frozen=True, slots=True)
class IntervalRule(Leaf):
    """Fires at ``first`` and every ``period`` seconds from then on."""

    first: Instant
    period: int

    @override
    def next_after(self, instant: Instant) -> Instant | None:
        """Return the earliest fire time strictly later than ``instant``."""
        since = instant - self.first
        fire_time = self.first if since < 0 else instant + self.period - since % self.period
        return fire_time if fire_time < LAST_INSTANT else None

    @override
    def tally(self, after: Instant, until: Instant) -> Tally:
        """Count by division."""
        first = self.next_after(after)
        until = min(until, LAST_INSTANT - 1)
        if first is None or first > until:
            return NOTHING
        steps = (until - first) // self.period
        return Tally(steps + 1, first, first + steps * self.period)

    def pattern(self, start: Instant, stop: Instant) -> int:
        """Return the fire times with ``start`` <= fire time < ``stop`` as a bit set."""
        first = self.next_after(start - 1)
        if first is None or first >= stop:
            return 0
        return (_comb(self.period) << (first - start)) & ((1 << (stop - start)) - 1)


@lru_cache(maxsize=64)
def _comb(period: int) -> int:
    """Return a day's bit set with a bit every ``period`` seconds, bit 0 among them."""
    bits = 1
    width = period
    while width < DAY:
        bits |= bits << width
        width *= 2
    return bits


def meeting(one: IntervalRule, other: IntervalRule) -> IntervalRule | None:
    """Return the grid of the instants that two grids share (the Chinese remainder theorem); None if they share none."""
    step, inverse = _greatest_divisor(one.period, other.period)
    distance = other.first - one.first
    if distance % step:
        return None
    period = one.period // step * other.period
    first = one.first + distance // step * inverse % (other.period // step) * one.period
    latest = max(one.first, other.first)
    first += -((first - latest) // period) * period
    return IntervalRule(first, period)


def _greatest_divisor(one: int, other: int) -> tuple[int, int]:
    """Return their greatest common divisor g, and x such that ``one`` * x = g (mod ``other``)."""
    factor, following = 1, 0
    while other:
        quotient, rest = divmod(one, other)
        one, other = other, rest
        factor, following = following, factor - quotient * following
    return one, factor
