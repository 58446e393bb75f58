"""``exclude``: fire times that fall into these do not exist."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from kalends.triggers.ports import NOTHING, Instant, Rule, Tally, last_until
from kalends.triggers.wall import WallTrigger
from kalends.triggers.windows import first_by_leaps, tally_windows, window_end
from kalends.triggers.zones import DAY, Zone


@dataclass(frozen=True, slots=True)
class Stretch:
    """Instants with ``start`` <= instant <= ``end``."""

    start: Instant
    end: Instant


@dataclass(frozen=True, slots=True)
class ExcludedTrigger:
    """The fire times of ``rule`` that lie neither in ``stretches`` (ascending, apart) nor in ``clocks``.

    ``clocks`` are wall-clock rules that follow the clock: what counts is what the zone's clocks show at the fire
    time.
    """

    rule: Rule
    zone: Zone
    stretches: tuple[Stretch, ...]
    clocks: tuple[WallTrigger, ...]

    def next_after(self, instant: Instant) -> Instant | None:
        """Return the earliest fire time strictly later than ``instant``, or None if 4,000 steps found none."""
        return first_by_leaps(self, self.zone, self._leap, instant)

    def tally(self, after: Instant, until: Instant) -> Tally:
        """Count by subtraction where only stretches are excluded, else day by day."""
        if self.clocks:
            return tally_windows(self, self.zone, after, until)
        first = self.next_after(after)
        if first is None or first > until:
            return NOTHING
        taken = sum(
            self.rule.tally(max(after, stretch.start - 1), min(until, stretch.end)).count
            for stretch in self.stretches
            if stretch.start <= until and stretch.end > after
        )
        return Tally(self.rule.tally(after, until).count - taken, first, last_until(self, first, until))

    def pattern(self, start: Instant, stop: Instant) -> int:
        """Return the fire times with ``start`` <= fire time < ``stop`` as a bit set."""
        bits = self.rule.pattern(start, stop)
        for clock in self.clocks:
            if not bits:
                break
            bits &= ~clock.pattern(start, stop)
        for stretch in self.stretches:
            low, high = max(stretch.start, start), min(stretch.end + 1, stop)
            if low < high:
                bits &= ~(((1 << (high - low)) - 1) << (low - start))
        return bits

    def _leap(self, start: Instant) -> tuple[Instant, bool] | None:
        """Go to the rule's next fire time, or if that is excluded, past what is excluded along with it."""
        fire_time = self.rule.next_after(start - 1)
        if fire_time is None:
            return None
        place = bisect_right(self.stretches, fire_time, key=_start) - 1
        if place >= 0 and fire_time <= self.stretches[place].end:
            return self.stretches[place].end + 1, False
        for clock in self.clocks:
            if clock.next_after(fire_time - 1) == fire_time:
                past = window_end(self.zone, fire_time) if clock.times.per_day == DAY else fire_time + 1
                return past, False
        return fire_time, True


def _start(stretch: Stretch) -> Instant:
    return stretch.start


def apart(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """Return the same instants as stretches that ascend and do not touch."""
    found: list[Stretch] = []
    for stretch in sorted(stretches, key=_start):
        if found and stretch.start <= found[-1].end + 1:
            found[-1] = Stretch(found[-1].start, max(found[-1].end, stretch.end))
        else:
            found.append(stretch)
    return tuple(found)
