"""The fire times of a trigger without those that ``exclude`` of a job takes away."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence

from typing_extensions import override

from kalends.triggers.microseconds.exact import MicrosecondTrigger
from kalends.triggers.protocol import NOTHING, Instant, NotFound, PartialTally, Tally, Trigger, may_search
from kalends.triggers.rules.excluded import InstantRange
from kalends.triggers.rules.wall_clock import WallRule
from kalends.triggers.zones.zone import DAY

_SECOND = 1_000_000
_MOST_STRETCHES = 2_000
"""Excluded stretches that a question may pass."""
_DAYS_KEPT = 64
_WHOLE_DAY = (1 << DAY) - 1


class Excluded:
    """Instants that are excluded, in microseconds: ``ranges`` (ascending, apart), and what ``clocks`` show."""

    def __init__(self, ranges: Sequence[InstantRange], clocks: Sequence[WallRule]) -> None:
        self._ranges = tuple(ranges)
        self._clocks = tuple(clocks)
        self._days: OrderedDict[int, int] = OrderedDict()

    @property
    def has_clocks(self) -> bool:
        """Whether days must be looked at one after another."""
        return bool(self._clocks)

    def end_of(self, instant: Instant) -> Instant | None:
        """Return the last instant of an excluded stretch that ``instant`` lies in; None if it is not excluded."""
        for span in self._ranges:
            if span.start <= instant <= span.end:
                return span.end
        day, second = divmod(instant // _SECOND, DAY)
        bits = self._bits(day) >> second
        if not bits & 1:
            return None
        last = second + (~bits & (bits + 1)).bit_length() - 2
        return (day * DAY + last + 1) * _SECOND - 1

    def free_after(self, after: Instant, until: Instant) -> Iterator[tuple[Instant, Instant]]:
        """Yield the stretches with ``after`` < instant <= ``until`` that are not excluded, both ends included."""
        start = after + 1
        while start <= until:
            taken = self.end_of(start)
            if taken is not None:
                start = taken + 1
                continue
            end = min(until, self._last_free(start))
            yield start, end
            start = end + 1

    def _last_free(self, instant: Instant) -> Instant:
        """Return the last instant before the next excluded stretch, or before the end of the day of UTC."""
        ends = [span.start - 1 for span in self._ranges if span.start > instant]
        if self._clocks:
            day, second = divmod(instant // _SECOND, DAY)
            bits = self._bits(day) >> second
            free = DAY - second if not bits else (bits & -bits).bit_length() - 1
            ends.append((day * DAY + second + free) * _SECOND - 1)
        return min(ends, default=instant + (1 << 62))

    def _bits(self, day: int) -> int:
        """Return the seconds of a day of UTC that clocks exclude as a bit set."""
        if not self._clocks:
            return 0
        known = self._days.get(day)
        if known is None:
            known = 0
            for clock in self._clocks:
                known |= clock.pattern(day * DAY, (day + 1) * DAY)
            self._days[day] = known & _WHOLE_DAY
            if len(self._days) > _DAYS_KEPT:
                self._days.popitem(last=False)
        return known


class Without(MicrosecondTrigger):
    """Fires when ``times`` does, except at instants that are excluded."""

    def __init__(self, times: Trigger, excluded: Excluded) -> None:
        self._times = times
        self._excluded = excluded

    @property
    def may_search(self) -> bool:
        """Whether a question may take as long as a search."""
        return self._excluded.has_clocks or may_search(self._times)

    @override
    def next_after(self, instant: Instant) -> Instant | NotFound | None:
        """Return the earliest fire time strictly later than ``instant``, past one excluded stretch after another."""
        for _ in range(_MOST_STRETCHES):
            found = self._times.next_after(instant)
            if not isinstance(found, int):
                return found
            end = self._excluded.end_of(found)
            if end is None:
                return found
            instant = end
        return NotFound(instant)

    @override
    def tally(self, after: Instant, until: Instant) -> Tally | PartialTally:
        """Count the fire times with ``after`` < fire time <= ``until``, one stretch after another."""
        total = NOTHING
        for number, (start, end) in enumerate(self._excluded.free_after(after, until)):
            if number == _MOST_STRETCHES:
                return PartialTally(total, start - 1)
            found = self._times.tally(start - 1, end)
            if isinstance(found, PartialTally):
                return PartialTally(_sum(total, found.tally), found.until)
            total = _sum(total, found)
        return total


def _sum(one: Tally, later: Tally) -> Tally:
    if not one.count or not later.count:
        return one if one.count else later
    return Tally(one.count + later.count, one.first, later.last)
