"""Rules that arithmetic alone cannot follow, searched by leaps and, where fire times are dense, a day at a time.

A window is a day of the zone (less where the clocks change), as a bit set. Comparing two of them takes the same
microseconds whether they hold one fire time or 86,400. So what combined rules cost is bounded by days, never by fire
times: some 10 µs a leaf and 11 kB for each day that has any, and nothing for the days between.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from kalends.triggers.protocol import Instant, NotFound, PartialTally, Rule, Tally
from kalends.triggers.search.budget import PATTERN, Budget
from kalends.triggers.zones.zone import DAY, Zone

_PATIENCE = 16
"""How many candidates in a row, less than a day apart, are tried before whole days are compared."""

Leap: TypeAlias = Callable[[Instant], tuple[Instant, bool] | NotFound | None]
"""Given an instant, returns a later one or the same, such that no fire time lies between, and whether it is a fire
time; None where there is certainly no fire time from there on."""


def first_by_leaps(
    rule: Rule, zone: Zone, leap: Leap, instant: Instant, until: Instant, budget: Budget
) -> Instant | NotFound | None:
    """Return the first fire time of ``rule`` with ``instant`` < fire time <= ``until``.

    Args:
        rule: Asked for its patterns only.
        zone: Whose midnights part the windows.
        leap: Returns how far the search can advance at once.
        instant: Where to begin.
        until: Where to end.
        budget: Where it is spent, the answer is NotFound.
    """
    start = instant + 1
    close = 0
    while start <= until:
        if budget.is_spent:
            return NotFound(start - 1)
        reached = leap(start)
        if reached is None or isinstance(reached, NotFound):
            return reached
        candidate, fires = reached
        if fires:
            return candidate if candidate <= until else None
        # Keep comparing whole days once begun: the next crowd may be days away, and each must cost a single step.
        close = close + 1 if candidate - start < DAY or close > _PATIENCE else 0
        start = candidate
        if close > _PATIENCE and start <= until:
            stop = min(window_end(zone, start), until + 1)
            budget.spend(PATTERN * rule.leaves)
            found = rule.pattern(start, stop)
            if found:
                return start + (found & -found).bit_length() - 1
            start = stop
    return None


def tally_windows(rule: Rule, zone: Zone, after: Instant, until: Instant, budget: Budget) -> Tally | PartialTally:
    """Count the fire times with ``after`` < fire time <= ``until``, window by window, in constant memory."""
    count, first, last = 0, None, None
    start, is_crowded = after + 1, False
    while start <= until:
        if not is_crowded:
            # Skip days without fire times; after a day that had some, read the pattern of the next day at once.
            found = rule.seek(start - 1, until, budget)
            if found is None:
                break
            if isinstance(found, NotFound):
                return PartialTally(Tally(count, first, last), found.until)
            start = found
        if budget.is_spent:
            return PartialTally(Tally(count, first, last), start - 1)
        stop = min(window_end(zone, start), until + 1)
        budget.spend(PATTERN * rule.leaves)
        bits = rule.pattern(start, stop)
        is_crowded = bits != 0
        if bits:
            count += bits.bit_count()
            first = start + (bits & -bits).bit_length() - 1 if first is None else first
            last = start + bits.bit_length() - 1
        start = stop
    return Tally(count, first, last)


def window_end(zone: Zone, instant: Instant) -> Instant:
    """Return where the window of ``instant`` ends: at the zone's next midnight, or where its clocks change."""
    span = zone.span_at(instant)
    return min(span.end, instant + DAY - (instant + span.offset) % DAY)
