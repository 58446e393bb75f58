"""Rules on the clock on the wall: days and times of day, resolved in a zone. Cron and calendar intervals are such.

What happens when the clocks change is one of two things.

``once``: each wall time that the rule names happens once, at the first instant at which the zone's clocks show it or
a later one. So what a gap leaves out fires right after the gap (several such times, only once, as they become one
instant), and what a fold repeats fires the first time. This is what Debian's cron does for jobs at fixed times (man 8
cron), without its limit of three hours.

Otherwise the rule follows the clock: it fires whenever the clocks show a time that it names: never in a gap, twice in
a fold.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from typing_extensions import override

from kalends.triggers.protocol import NOTHING, Instant, Tally
from kalends.triggers.rules.rule import Leaf
from kalends.triggers.wall_clock.days import Days
from kalends.triggers.wall_clock.times_of_day import HOUR, Times
from kalends.triggers.zones.zone import DAY, FOREVER, Span, Zone


@dataclass(frozen=True, slots=True)
class WallRule(Leaf):
    """Fires on ``days`` at ``times`` as the clocks of ``zone`` show them."""

    zone: Zone
    days: Days
    times: Times
    once: bool

    @override
    def next_after(self, instant: Instant) -> Instant | None:
        """Return the earliest fire time strictly later than ``instant``; for most rules in about a microsecond."""
        span = self.zone.span_at(instant)
        wall = instant + span.offset
        if wall < span.shown and self.once:
            wall = span.shown - 1
        named = self._named_after(wall)
        if named is not None:
            fire_time = named - span.offset
            if fire_time < span.end:
                return fire_time
            if self.once:
                return self.zone.first_instant(named)
        return None if self.once else self._shown_from(span.end)

    @override
    def tally(self, after: Instant, until: Instant) -> Tally:
        """Count by arithmetic: some microseconds for each change of the clocks and each year between the two."""
        first = self.next_after(after)
        if first is None or first > until:
            return NOTHING
        count = sum(self._count_in(span, after + 1, until + 1) for span in self.zone.spans(first, until + 1))
        return Tally(count, first, self._last_until(first, until))

    def pattern(self, start: Instant, stop: Instant) -> int:
        """Return the fire times with ``start`` <= fire time < ``stop`` as a bit set."""
        bits = 0
        for span in self.zone.spans(start, stop):
            begin = max(start, span.start)
            if begin == span.start and self._fires_for_gap(span):
                bits |= 1 << (begin - start)
            low = begin + span.offset
            if self.once and low < span.shown:
                low = span.shown
            high = min(stop, span.end) + span.offset
            if low < high:
                bits |= self._named_pattern(low, high) << (low - span.offset - start)
        return bits

    def _last_until(self, first: Instant, until: Instant) -> Instant:
        """Return the latest fire time <= ``until``, given the first: bisection takes some thirty questions."""
        low, high = first, until
        while low < high:
            middle = (low + high) // 2
            following = self.next_after(middle)
            if following is None or following > until:
                high = middle
            else:
                low = following
        return low

    def _named_after(self, wall: int) -> int | None:
        """Return the first wall time later than ``wall`` that the rule names."""
        hours, rest = divmod(wall, HOUR)
        day, hour = divmod(hours, 24)
        found = self.days.first_from(day)
        if found == day:
            times = self.times
            if times.next_hour[hour] == hour:  # what Times.after does, here for speed
                within = times.within
                place = bisect_right(within, rest)
                if place < len(within):
                    return wall - rest + within[place]
            second = times.after(hour, HOUR)
            if second is not None:
                return day * DAY + second
            found = self.days.first_from(day + 1)
        return None if found is None else found * DAY + self.times.first

    def _shown_from(self, instant: Instant) -> Instant | None:
        """Return the first showing, from ``instant`` on, which begins a span, of a wall time that the rule names."""
        while instant < FOREVER:
            span = self.zone.span_at(instant)
            named = self._named_after(span.start + span.offset - 1)
            if named is None:
                break
            if named - span.offset < span.end:
                return named - span.offset
            # Nothing is named before then, so nothing can be shown until a day earlier.
            instant = max(span.end, named - DAY)
        return None

    def _count_in(self, span: Span, start: Instant, stop: Instant) -> int:
        begin = max(start, span.start)
        low = begin + span.offset
        if self.once:
            low = max(low, span.shown)
        count = self._named_between(low, min(stop, span.end) + span.offset)
        if begin == span.start and self._fires_for_gap(span) and not self._named_between(low, low + 1):
            count += 1
        return count

    def _fires_for_gap(self, span: Span) -> bool:
        """Return whether the rule named a wall time in the gap before ``span``, for which its first instant stands."""
        resumed = span.start + span.offset
        return self.once and span.shown < resumed and self._named_between(span.shown, resumed) > 0

    def _named_between(self, low: int, high: int) -> int:
        """Count the wall times with ``low`` <= wall time < ``high`` that the rule names."""
        if low >= high:
            return 0
        first_day, first_second = divmod(low, DAY)
        last_day, last_second = divmod(high, DAY)
        count = self.days.count(first_day, last_day) * self.times.per_day
        if first_second and self.days.first_from(first_day) == first_day:
            count -= self.times.before(first_second)
        if last_second and self.days.first_from(last_day) == last_day:
            count += self.times.before(last_second)
        return count

    def _named_pattern(self, low: int, high: int) -> int:
        """Return the wall times with ``low`` <= wall time < ``high`` as a bit set, bit 0 for ``low``."""
        bits = 0
        day = self.days.first_from(low // DAY)
        while day is not None and day * DAY < high:
            begin = day * DAY
            daily = self.times.pattern()
            bits |= daily << (begin - low) if begin >= low else daily >> (low - begin)
            day = self.days.first_from(day + 1)
        return bits & ((1 << (high - low)) - 1)
