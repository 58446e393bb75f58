"""Days of the year that cron's date fields name, as bit sets."""

from __future__ import annotations

from calendar import isleap
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import assert_never

from kalends.triggers.cron.items import (
    LastDay,
    LastWeekday,
    LastWorkday,
    NearestWorkday,
    NthWeekday,
    SpecialDay,
)
from kalends.triggers.wall_clock.days import Days, EveryDay, Weekdays, YearlyDays
from kalends.triggers.wall_clock.times_of_day import members

EVERY_MONTH = 0b1_1111_1111_1110
EVERY_DAY = (1 << 32) - 2
EVERY_WEEKDAY = 0b111_1111
_FIRST_28_DAYS = (1 << 28) - 1
_SATURDAY, _SUNDAY = 5, 6
_LONGEST_YEAR = 366
_WEEK = 0x7F
_WEEKLY = sum(1 << day for day in range(0, _LONGEST_YEAR, 7))


@dataclass(frozen=True, slots=True)
class DayRule:
    """The date fields of a cron expression, worked out. Bit sets: month 1 is bit 1, day 1 is bit 1, Monday is bit 0.

    A day must be in one of ``months`` and ISO ``weeks`` (0: any), and match ``days`` or one of ``special_days``, and
    match ``weekdays`` or one of ``special_weekdays``; where ``either``, one of these last two will do.
    """

    months: int = EVERY_MONTH
    days: int = EVERY_DAY
    special_days: tuple[SpecialDay, ...] = ()
    weekdays: int = EVERY_WEEKDAY
    special_weekdays: tuple[SpecialDay, ...] = ()
    weeks: int = 0
    either: bool = False

    @property
    def every_week_alike(self) -> bool:
        """Return whether only the weekday decides."""
        if self.months != EVERY_MONTH or self.days != EVERY_DAY or self.weeks:
            return False
        return not (self.special_weekdays or self.either)


@lru_cache(maxsize=1024)
def days_of(rule: DayRule, years: tuple[int, ...] | None = None) -> Days | None:
    """Return the days of ``rule``, shared by all who ask for it; None if no year (of ``years``) has one."""
    if years is None and rule.every_week_alike:
        return EveryDay() if rule.weekdays == EVERY_WEEKDAY else Weekdays(rule.weekdays)
    days = YearlyDays(rule, years, draw)
    # A day up to the 28th falls on each weekday in some year.
    surely = years is None and not rule.weeks and rule.weekdays and rule.days & _FIRST_28_DAYS << 1
    return days if surely or not days.is_empty() else None


class _Layout:
    """Where in a year its months lie, as bit sets; bit 0 is 1 January."""

    def __init__(self, lengths: tuple[int, ...]) -> None:
        self.lengths = lengths
        self.starts = tuple(sum(lengths[:month]) for month in range(12))
        self.months = tuple(((1 << length) - 1) << start for start, length in zip(self.starts, lengths, strict=True))
        self.first_days = sum(1 << start for start in self.starts)
        self.last_days = {
            day: sum(1 << start + day - 1 for start, length in zip(self.starts, lengths, strict=True) if day <= length)
            for day in (29, 30, 31)
        }

    def every(self, days: int) -> int:
        """Return the same days (bit 0 is the 1st) of every month."""
        # A product puts a copy at the start of each month; copies of 28 bits cannot overlap.
        found = (days & _FIRST_28_DAYS) * self.first_days
        for day, bits in self.last_days.items():
            if days >> day - 1 & 1:
                found |= bits
        return found


_COMMON_YEAR = _Layout((31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31))
_LEAP_YEAR = _Layout((31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31))


def draw(rule: DayRule, year: int) -> int:
    """Return the days of a year as a bit set; bit 0 is 1 January."""
    layout = _LEAP_YEAR if isleap(year) else _COMMON_YEAR
    first_weekday = date(year, 1, 1).weekday()
    by_day = layout.every(rule.days >> 1)
    if rule.special_days:
        by_day |= _special(rule.special_days, layout, first_weekday)
    by_weekday = 0
    for weekday in members(rule.weekdays):
        by_weekday |= _WEEKLY << (weekday - first_weekday) % 7
    if rule.special_weekdays:
        by_weekday |= _special(rule.special_weekdays, layout, first_weekday)
    found = by_day | by_weekday if rule.either else by_day & by_weekday
    if rule.weeks:
        found &= _by_week(rule.weeks, year)
    return found & sum(layout.months[month - 1] for month in members(rule.months))


def _special(specials: tuple[SpecialDay, ...], layout: _Layout, weekday: int) -> int:
    """Return the days that ``specials`` are in each month of a year that begins on ``weekday``."""
    found = 0
    for start, length in zip(layout.starts, layout.lengths, strict=True):
        for special in specials:
            day = _day_of(special, weekday, length)
            if day is not None:
                found |= 1 << (start + day - 1)
        weekday = (weekday + length) % 7
    return found


def _day_of(special: SpecialDay, weekday: int, length: int) -> int | None:
    last_weekday = (weekday + length - 1) % 7
    match special:
        case LastDay(before):
            day = length - before
        case LastWorkday(before):
            day = length - before
            day += _to_workday(day, (last_weekday - before) % 7, length) if day >= 1 else 0
        case NearestWorkday(wanted):
            day = wanted + (_to_workday(wanted, (weekday + wanted - 1) % 7, length) if wanted <= length else 0)
        case NthWeekday(wanted, nth):
            day = 1 + (wanted - weekday) % 7 + (nth - 1) * 7
        case LastWeekday(wanted):
            day = length - (last_weekday - wanted) % 7
        case _:
            assert_never(special)
    return day if 1 <= day <= length else None


def _to_workday(day: int, weekday: int, length: int) -> int:
    """Return how far it is to the nearest workday of the same month."""
    if weekday == _SATURDAY:
        return -1 if day > 1 else 2
    if weekday == _SUNDAY:
        return 1 if day < length else -2
    return 0


def _by_week(weeks: int, year: int) -> int:
    """Return the days whose ISO week is in ``weeks``. Week 1 contains 4 January; weeks begin on Monday."""
    monday = 3 - (date(year, 1, 1).weekday() + 3) % 7
    last_week = date(year, 12, 28).isocalendar().week
    found = 0
    for week in members(weeks):
        if week <= last_week:
            found |= _shifted(_WEEK, monday + (week - 1) * 7)
    if weeks >> 1 & 1:  # the last days of a year may belong to week 1 of the next
        found |= _WEEK << (monday + last_week * 7)
    if weeks >> date(year - 1, 12, 28).isocalendar().week & 1:  # the first days, in last year's last week
        found |= _shifted(_WEEK, monday - 7)
    return found


def _shifted(bits: int, places: int) -> int:
    return bits << places if places >= 0 else bits >> -places
