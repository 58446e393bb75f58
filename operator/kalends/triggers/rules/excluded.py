"""``exclude``: fire times that fall into these do not exist."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from typing_extensions import override

from kalends.triggers.protocol import NOTHING, Instant, NotFound, PartialTally, Rule, Tally
from kalends.triggers.rules.rule import Combination, Leaf
from kalends.triggers.rules.wall_clock import WallRule
from kalends.triggers.search.budget import Budget
from kalends.triggers.search.windows import first_by_leaps, tally_windows, window_end
from kalends.triggers.wall_clock.days import EveryDay, Weekdays, YearlyDays, is_within
from kalends.triggers.wall_clock.times_of_day import Times
from kalends.triggers.zones.zone import DAY, Zone


@dataclass(frozen=True, slots=True)
class InstantRange:
    """Instants with ``start`` <= instant <= ``end``."""

    start: Instant
    end: Instant


@dataclass(frozen=True, slots=True)
class ExcludedRule(Combination):
    """The fire times of ``rule`` that lie neither in ``ranges`` (ascending, apart) nor in ``clocks``.

    ``clocks`` are wall-clock rules that follow the clock: what counts is what the zone's clocks show at the fire
    time.
    """

    rule: Rule
    zone: Zone
    ranges: tuple[InstantRange, ...]
    clocks: tuple[WallRule, ...]

    @property
    @override
    def leaves(self) -> int:
        """Those of the rule, and each clock."""
        return self.rule.leaves + len(self.clocks)

    @property
    @override
    def is_direct(self) -> bool:
        """Stretches are leapt over, and counted by subtraction."""
        return not self.clocks and isinstance(self.rule, Leaf)

    @override
    def seek(self, instant: Instant, until: Instant, budget: Budget) -> Instant | NotFound | None:
        """Leap from fire time to fire time of the rule, past what is excluded."""

        def leap(start: Instant) -> tuple[Instant, bool] | NotFound | None:
            return self._leap(start, until, budget)

        return first_by_leaps(self, self.zone, leap, instant, until, budget)

    @override
    def count(self, after: Instant, until: Instant, budget: Budget) -> Tally | PartialTally:
        """Count by subtraction where only ranges are excluded from a plain rule, else day by day."""
        if self.clocks or not isinstance(self.rule, Leaf):
            return tally_windows(self, self.zone, after, until, budget)
        first = self.seek(after, until, budget)
        if first is None or isinstance(first, NotFound):
            return NOTHING if first is None else PartialTally(NOTHING, first.until)
        taken = sum(
            self.rule.count(max(after, span.start - 1), min(until, span.end), budget).count
            for span in self.ranges
            if span.start <= until and span.end > after
        )
        return Tally(self.rule.count(after, until, budget).count - taken, first, self._last(self.rule, after, until))

    @override
    def pattern(self, start: Instant, stop: Instant) -> int:
        """Return the fire times with ``start`` <= fire time < ``stop`` as a bit set."""
        bits = self.rule.pattern(start, stop)
        for clock in self.clocks:
            if not bits:
                break
            bits &= ~clock.pattern(start, stop)
        for span in self.ranges:
            low, high = max(span.start, start), min(span.end + 1, stop)
            if low < high:
                bits &= ~(((1 << (high - low)) - 1) << (low - start))
        return bits

    def _leap(self, start: Instant, until: Instant, budget: Budget) -> tuple[Instant, bool] | NotFound | None:
        """Go to the rule's next fire time, or if that is excluded, past what is excluded along with it."""
        fire_time = self.rule.seek(start - 1, until, budget)
        if fire_time is None or isinstance(fire_time, NotFound):
            return fire_time
        span = self._range_of(fire_time)
        if span is not None:
            return span.end + 1, False
        for clock in self.clocks:
            if clock.seek(fire_time - 1, fire_time, budget) is not None:
                past = window_end(self.zone, fire_time) if clock.times.per_day == DAY else fire_time + 1
                return past, False
        return fire_time, True

    def _range_of(self, instant: Instant) -> InstantRange | None:
        place = bisect_right(self.ranges, instant, key=_start) - 1
        return self.ranges[place] if place >= 0 and instant <= self.ranges[place].end else None

    def _last(self, rule: Leaf, after: Instant, until: Instant) -> Instant | None:
        """Return the last fire time outside the ranges, going back past one of them at a time."""
        last = rule.tally(after, until).last
        while last is not None and (span := self._range_of(last)) is not None:
            last = rule.tally(after, span.start - 1).last
        return last


def excluded(rule: Rule, zone: Zone, ranges: Iterable[InstantRange], clocks: Iterable[WallRule]) -> ExcludedRule:
    """Return a rule without what is excluded; it is without fire times where that is certain to be all of them."""
    clocks = tuple(clocks)
    if any(_takes_all(clock, rule, zone) for clock in clocks):
        ranges, clocks = [_ALWAYS], ()
    return ExcludedRule(rule, zone, apart(ranges), clocks)


def _takes_all(clock: WallRule, rule: Rule, zone: Zone) -> bool:
    """Return whether a wall clock trigger excludes every fire time of a rule, judged by days and times of day alone."""
    if isinstance(clock.days, EveryDay) and clock.times.per_day == DAY:
        return True
    if not isinstance(rule, WallRule) or rule.zone is not zone:
        return False
    # A rule that fires right after a gap does so at a time that it does not name, on the same day or the next.
    moved = rule.once and bool(zone.gaps())
    if moved and (clock.times.per_day < DAY or any(gap.end > DAY for gap in zone.gaps())):
        return False
    calendars = (EveryDay, Weekdays, YearlyDays)
    return (
        isinstance(rule.days, calendars)
        and isinstance(clock.days, calendars)
        and _are_within(rule.times, clock.times)
        and is_within(rule.days, clock.days)
    )


def _are_within(times: Times, other: Times) -> bool:
    return times.pattern() & ~other.pattern() == 0


_ALWAYS = InstantRange(-(1 << 62), 1 << 62)


def _start(span: InstantRange) -> Instant:
    return span.start


def apart(ranges: Iterable[InstantRange]) -> tuple[InstantRange, ...]:
    """Return the same instants as ranges that ascend and do not touch."""
    found: list[InstantRange] = []
    for span in sorted(ranges, key=_start):
        if found and span.start <= found[-1].end + 1:
            found[-1] = InstantRange(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return tuple(found)
