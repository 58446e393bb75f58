"""Rules that arithmetic alone cannot follow, searched by leaps and, where fire times are dense, a day at a time.

A window is a day of the zone (less where the clocks change), drawn as a bit set. Comparing two of them takes the same
microseconds whether they hold one fire time or 86,400. So what combined rules cost is bounded by days, never by fire
times: some 20 µs and 11 kB for each day that has any, and nothing for the days between.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from kalends.triggers.ports import NOTHING, Instant, Rule, Tally
from kalends.triggers.zones import DAY, Zone

MOST_STEPS = 4_000
"""How many candidates in a row may come to nothing. Where they lie close together a step is a day: eleven years."""
_PATIENCE = 16
"""How many candidates in a row, less than a day apart, are tried before whole days are drawn."""

Leap: TypeAlias = Callable[[Instant], tuple[Instant, bool] | None]
"""Given an instant, returns one not before it, such that no fire time lies between, and whether it is a fire time."""


def first_by_leaps(rule: Rule, zone: Zone, leap: Leap, instant: Instant) -> Instant | None:
    """Return the first fire time of ``rule`` later than ``instant``; None also if MOST_STEPS steps found none.

    Args:
        rule: Asked for its patterns only.
        zone: Whose midnights part the windows.
        leap: Tells how far one can go at once.
        instant: Where to begin.
    """
    start = instant + 1
    close = 0
    for _ in range(MOST_STEPS):
        reached = leap(start)
        if reached is None:
            return None
        candidate, fires = reached
        if fires:
            return candidate
        # Where drawing has begun it goes on: the next crowd may be days away, and each is to cost one step.
        close = close + 1 if candidate - start < DAY or close > _PATIENCE else 0
        start = candidate
        if close > _PATIENCE:
            stop = window_end(zone, start)
            found = rule.pattern(start, stop)
            if found:
                return start + (found & -found).bit_length() - 1
            start = stop
    return None


def tally_windows(rule: Rule, zone: Zone, after: Instant, until: Instant) -> Tally:
    """Count the fire times with ``after`` < fire time <= ``until``, window by window, in constant memory."""
    first = start = rule.next_after(after)
    if first is None or first > until:
        return NOTHING
    count, last = 0, first
    while start is not None and start <= until:
        stop = min(window_end(zone, start), until + 1)
        found = rule.pattern(start, stop)
        count += found.bit_count()
        last = start + found.bit_length() - 1
        start = rule.next_after(stop - 1)
    return Tally(count, first, last)


def window_end(zone: Zone, instant: Instant) -> Instant:
    """Return where the window of ``instant`` ends: at the zone's next midnight, or where its clocks change."""
    span = zone.span_at(instant)
    return min(span.end, instant + DAY - (instant + span.offset) % DAY)
