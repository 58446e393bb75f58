"""What can be known about ``allOf`` before any search: where its members can agree, and whether they ever can.

Grids of elapsed time meet by the Chinese remainder theorem, days of the calendar by the 21 kinds of year, times of day
as sets. "Never" is said only where that is certain, for every offset that the zone has and every gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

from kalends.triggers.protocol import Rule
from kalends.triggers.rules.calendar_interval import DaysOfNthWeek, EveryNthDay
from kalends.triggers.rules.combined import AllOf, AnyOf, Lead
from kalends.triggers.rules.interval import IntervalRule, meeting
from kalends.triggers.rules.wall_clock import WallRule
from kalends.triggers.wall_clock.days import THURSDAY, WEEK, Calendar, Days, EveryDay, Weekdays, YearlyDays, common_days
from kalends.triggers.wall_clock.times_of_day import Times, common_times
from kalends.triggers.zones.zone import DAY, Gap, Zone

_YEAR = 366


def all_of(members: Sequence[Rule], zone: Zone) -> Rule:
    """Return the intersection of ``members``; an empty ``AnyOf`` where it is certain that they never agree."""
    members = [one for member in members for one in (member.members if isinstance(member, AllOf) else (member,))]
    walls = [member for member in members if isinstance(member, WallRule)]
    grids = [member for member in members if isinstance(member, IntervalRule)]
    others = [member for member in members if not isinstance(member, (WallRule, IntervalRule))]
    never = AnyOf((), zone)
    together: list[Rule] = [*walls]
    if grids:
        grid = _common_grid(grids)
        if grid is None or not all(_can_meet(grid, wall) for wall in walls):
            return never
        together.append(grid)
    lead = None
    if len(walls) > 1 and all(wall.zone is walls[0].zone for wall in walls):
        lead = _lead(walls)
        if lead.guide is None and not lead.gaps:
            return never
    return AllOf((*together, *others), zone, lead)


def _common_grid(grids: Sequence[IntervalRule]) -> IntervalRule | None:
    common: IntervalRule | None = grids[0]
    for other in grids[1:]:
        common = None if common is None else meeting(common, other)
    return common


def _can_meet(grid: IntervalRule, wall: WallRule) -> bool:
    """Return whether both can fire at once at some offset of the zone, judged by the time of day alone."""
    step = gcd(grid.period, DAY)
    if any(
        (hour * 3600 + second - offset - grid.first) % step == 0
        for offset in wall.zone.offsets()
        for hour in wall.times.hours
        for second in wall.times.within
    ):
        return True
    return wall.once and any(
        (gap.end - gap.offset - grid.first) % step == 0 and _names_within(wall.times, gap) for gap in wall.zone.gaps()
    )


def _lead(walls: Sequence[WallRule]) -> Lead:
    """Return where rules on one clock can agree."""
    zone = walls[0].zone
    days = _common_calendar([wall.days for wall in walls])
    times: Times | None = walls[0].times
    for wall in walls[1:]:
        times = None if times is None else common_times(times, wall.times)
    guide = None if days is None or times is None else WallRule(zone, days, times, once=False)
    # Right after a gap, times that differ become one instant: on one day, or on two where the gap holds a midnight.
    gaps = any(
        all(_names_after(wall, gap) for wall in walls) and (days is not None or gap.end > DAY) for gap in zone.gaps()
    )
    return Lead(zone, guide, gaps)


def _names_after(wall: WallRule, gap: Gap) -> bool:
    """Return whether a rule can fire at the first instant after a gap."""
    ends = gap.end % DAY
    return wall.times.before(ends + 1) > wall.times.before(ends) or (wall.once and _names_within(wall.times, gap))


def _names_within(times: Times, gap: Gap) -> bool:
    """Return whether a gap leaves out a time of day."""
    if gap.end - gap.start >= DAY:
        return True
    before_midnight = times.before(min(gap.end, DAY)) > times.before(gap.start)
    return before_midnight or (gap.end > DAY and times.before(gap.end - DAY) > 0)


def _common_calendar(rules: Sequence[Days]) -> Days | None:
    """Return days among which are all that the rules share; None if they share none."""
    steps = [rule for rule in rules if isinstance(rule, EveryNthDay)]
    calendars: list[Calendar] = [rule for rule in rules if isinstance(rule, (Weekdays, YearlyDays))]
    grid = _common_grid([IntervalRule(rule.anchor, rule.step) for rule in steps]) if steps else None
    if steps and grid is None:
        return None
    calendars += [Weekdays(rule.weekdays) for rule in rules if isinstance(rule, DaysOfNthWeek)]
    if grid is not None and grid.period % WEEK == 0:
        calendars.append(Weekdays(1 << (grid.first + THURSDAY) % WEEK))
    common: Calendar | None = EveryDay()
    for calendar in calendars:
        common = None if common is None else common_days(common, calendar)
    if grid is not None and common is not None and (grid.period > _YEAR or isinstance(common, (EveryDay, Weekdays))):
        return EveryNthDay(grid.first, grid.period)  # the sparser of the two
    return common
