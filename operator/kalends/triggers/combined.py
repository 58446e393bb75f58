"""Rules made of rules: ``anyOf`` is their union, ``allOf`` their intersection, both as sets of instants."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from math import gcd
from operator import and_, or_

from kalends.triggers.days import common_days
from kalends.triggers.interval import IntervalTrigger, meeting
from kalends.triggers.ports import Instant, Rule, Tally
from kalends.triggers.times import common_times
from kalends.triggers.wall import WallTrigger
from kalends.triggers.windows import first_by_leaps, tally_windows
from kalends.triggers.zones import DAY, Zone

_HORIZON = 50 * 366 * DAY
_HALF_MINUTE = 30


def any_of(members: Iterable[Rule], zone: Zone) -> Rule:
    """Return the union of ``members``, those first that have no need to search."""
    return AnyOf(tuple(sorted(members, key=lambda member: isinstance(member, AllOf))), zone)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Fires when any of ``members`` does; where several do at one instant, once. Make it with ``any_of``."""

    members: tuple[Rule, ...]
    zone: Zone

    def next_after(self, instant: Instant) -> Instant | None:
        """Return the earliest answer of the members; those that have to search need not look beyond the others'."""
        earliest = None
        for member in self.members:
            if isinstance(member, AllOf) and earliest is not None:
                fire_time = member.next_until(instant, earliest)
            else:
                fire_time = member.next_after(instant)
            if fire_time is not None and (earliest is None or fire_time < earliest):
                earliest = fire_time
        return earliest

    def tally(self, after: Instant, until: Instant) -> Tally:
        """Count day by day."""
        if len(self.members) == 1:
            return self.members[0].tally(after, until)
        return tally_windows(self, self.zone, after, until)

    def pattern(self, start: Instant, stop: Instant) -> int:
        """Return the union of the members' patterns."""
        return reduce(or_, (member.pattern(start, stop) for member in self.members), 0)


@dataclass(frozen=True, slots=True)
class AllOf:
    """Fires at the instants that every one of ``members`` names. Make it with ``all_of``.

    Where members share a wall clock, ``lead`` knows where they can agree: it takes nothing away and saves leaps.
    """

    members: tuple[Rule, ...]
    zone: Zone
    lead: Lead | None = None

    def next_after(self, instant: Instant) -> Instant | None:
        """Leap from member to member until all agree.

        Members that do not agree within fifty years, or 4,000 steps, are taken never to agree.
        """
        return self.next_until(instant, instant + _HORIZON)

    def next_until(self, instant: Instant, limit: Instant) -> Instant | None:
        """Return the same, or None if that is later than ``limit``."""
        fire_time = first_by_leaps(self, self.zone, lambda start: self._leap(start, limit), instant)
        return None if fire_time is None or fire_time > limit else fire_time

    def tally(self, after: Instant, until: Instant) -> Tally:
        """Count day by day."""
        return tally_windows(self, self.zone, after, until)

    def pattern(self, start: Instant, stop: Instant) -> int:
        """Return the intersection of the members' patterns."""
        return reduce(and_, (member.pattern(start, stop) for member in self.members))

    def _leap(self, start: Instant, limit: Instant) -> tuple[Instant, bool] | None:
        """Ask each member in turn for its first fire time from where the one before got to."""
        led = start if self.lead is None else self.lead.next_after(start - 1)
        if led is None:
            return None
        reached = led
        agreed = 0
        for member in self.members:
            fire_time = member.next_after(reached - 1)
            if fire_time is None or fire_time > limit:
                return None
            agreed = agreed + 1 if fire_time == reached else 1
            reached = fire_time
        return reached, agreed == len(self.members)


def all_of(members: Sequence[Rule], zone: Zone) -> Rule:
    """Return the intersection of ``members``, what can be known beforehand worked out."""
    walls = [member for member in members if isinstance(member, WallTrigger)]
    grids = [member for member in members if isinstance(member, IntervalTrigger)]
    others = [member for member in members if not isinstance(member, (WallTrigger, IntervalTrigger))]
    together: list[Rule] = [*walls]
    if grids:
        grid = _common_grid(grids)
        if grid is None or not all(_can_meet(grid, wall) for wall in walls):
            return AnyOf((), zone)
        together.append(grid)
    lead = None
    if len(walls) > 1:
        lead = Lead(zone, _guide(walls))
        if lead.guide is None and not any(wall.once for wall in walls):
            return AnyOf((), zone)
    return AllOf((*together, *others), zone, lead)


@dataclass(frozen=True, slots=True)
class Lead:
    """Where rules on one wall clock can agree: at wall times that all of them name, or right after a gap."""

    zone: Zone
    guide: WallTrigger | None

    def next_after(self, instant: Instant) -> Instant | None:
        """Return the earliest such instant strictly later than ``instant``, within fifty years."""
        named = None if self.guide is None else self.guide.next_after(instant)
        gap_end = self.zone.next_gap_end(instant, instant + _HORIZON if named is None else named)
        return named if gap_end is None else gap_end


def _guide(walls: Sequence[WallTrigger]) -> WallTrigger | None:
    guide = walls[0]
    for other in walls[1:]:
        times = common_times(guide.times, other.times)
        days = common_days(guide.days, other.days)
        if times is None or days is None:
            return None
        guide = WallTrigger(guide.zone, days, times, once=False)
    return guide


def _common_grid(grids: Sequence[IntervalTrigger]) -> IntervalTrigger | None:
    common: IntervalTrigger | None = grids[0]
    for other in grids[1:]:
        common = None if common is None else meeting(common, other)
    return common


def _can_meet(grid: IntervalTrigger, wall: WallTrigger) -> bool:
    """Tell whether the two can agree, as far as seconds within half a minute can tell.

    Since 1970 the clocks of all zones have differed from UTC, and changed, at multiples of that (a test holds the
    database to it).
    """
    step = gcd(grid.period, _HALF_MINUTE)
    meets = any((second - grid.first) % step == 0 for second in wall.times.within)
    return meets or (wall.once and grid.first % step == 0)
