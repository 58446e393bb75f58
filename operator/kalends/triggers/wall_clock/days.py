"""The part of a wall-clock rule that says on which days. Days are counted from 1970-01-01, which is day 0.

A calendar knows only 21 kinds of year: the weekday of 1 January, whether it is a leap year, and whether the year
before was one (which decides the ISO week of its first days). A rule made of months, days, weekdays and weeks is
therefore at most 21 bit sets of 366 days. That makes the next day a shift, a count one machine instruction per sixty
days, and "never" a fact rather than a search.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

EPOCH = date(1970, 1, 1).toordinal()
FIRST_YEAR = 1970
LAST_YEAR = 9999
LAST_DAY = date(9999, 12, 30).toordinal() - EPOCH
"""The last day that is over everywhere on earth before ``datetime`` ends."""

_LONGEST_YEAR = 366
_ALL_WEEK = 0b1111111
WEEK = 7
THURSDAY = 3
"""The weekday of day 0, where Monday is 0."""
Shape = TypeVar("Shape")


def _january_first(year: int) -> int:
    before = year - 1
    return before * 365 + before // 4 - before // 100 + before // 400 + 1 - EPOCH


JANUARY_FIRST = tuple(_january_first(year) for year in range(FIRST_YEAR, LAST_YEAR + 2))
"""Day number of 1 January, by year since 1970."""


class Days(Protocol):
    """A rule that names days between day 0 and LAST_DAY."""

    def first_from(self, day: int) -> int | None:
        """Return the first day of the rule that is not before ``day``."""
        ...

    def count(self, start: int, stop: int) -> int:
        """Count the days of the rule with ``start`` <= day < ``stop``."""
        ...


class EveryDay:
    """No restriction."""

    __slots__ = ()

    def first_from(self, day: int) -> int | None:
        """Return ``day`` itself, if a calendar has it."""
        if 0 <= day <= LAST_DAY:
            return day
        return 0 if day < 0 else None

    def count(self, start: int, stop: int) -> int:
        """Count the days with ``start`` <= day < ``stop``."""
        return max(0, min(stop, LAST_DAY + 1) - max(start, 0))


class Weekdays:
    """The same weekdays in every week: ``weekdays`` is a bit set, Monday is bit 0."""

    __slots__ = ("_forward", "_week")
    years = None

    def __init__(self, weekdays: int) -> None:
        # Indexed by day % 7, so Thursday comes first: 1970-01-01 was one.
        self._week = tuple(weekdays >> (place + THURSDAY) % 7 & 1 for place in range(7))
        ahead = self._week.index(1)
        forward = bytearray(7)
        for place in reversed(range(7)):
            ahead = 0 if self._week[place] else ahead + 1
            forward[place] = ahead
        self._forward = bytes(forward)

    def first_from(self, day: int) -> int | None:
        """Return the first such weekday from ``day`` on."""
        day = max(day, 0)
        day += self._forward[day % 7]
        return day if day <= LAST_DAY else None

    def count(self, start: int, stop: int) -> int:
        """Count the days with ``start`` <= day < ``stop``."""
        return self._before(min(stop, LAST_DAY + 1)) - self._before(max(start, 0)) if start < stop else 0

    def drawn(self, year: int) -> int:
        """Return the days of a year as a bit set; bit 0 is 1 January."""
        january_first = JANUARY_FIRST[year - FIRST_YEAR]
        length = JANUARY_FIRST[year - FIRST_YEAR + 1] - january_first
        return sum(self._week[(january_first + day) % 7] << day for day in range(length))

    def _before(self, day: int) -> int:
        weeks, rest = divmod(max(day, 0), 7)
        return weeks * sum(self._week) + sum(self._week[:rest])


class YearlyDays(Generic[Shape]):
    """Days that follow from the kind of the year, in all ``years`` or in some.

    Args:
        shape: What names the days.
        years: Those that have such days at all, ascending; None: all.
        draw: Makes the bit set of a year (bit 0 is 1 January) from ``shape``, the same for all years of a kind.
    """

    __slots__ = ("_draw", "_drawn", "_shape", "years")

    def __init__(self, shape: Shape, years: Sequence[int] | None, draw: Callable[[Shape, int], int]) -> None:
        self._shape = shape
        self._draw = draw
        self._drawn: dict[int, int] = {}
        self.years = years

    def first_from(self, day: int) -> int | None:
        """Return the first day of the rule that is not before ``day``."""
        day = max(day, 0)
        if day > LAST_DAY:
            return None
        year = year_of(day)
        january_first = JANUARY_FIRST[year - FIRST_YEAR]
        rest = self._days_of(year) >> (day - january_first)
        if rest:
            return _on_calendar(day + _lowest(rest))
        return self._first_of_years_from(year + 1)

    def _first_of_years_from(self, year: int) -> int | None:
        if self.years is None:
            years: Sequence[int] = range(year, min(year + 400, LAST_YEAR) + 1)
        else:
            years = self.years[bisect_left(self.years, year) :]
        drawn = self._drawn
        for candidate in years:
            days = drawn.get(kind_of(candidate))
            if days is None:
                days = self._days_of(candidate)
            if days:
                return _on_calendar(JANUARY_FIRST[candidate - FIRST_YEAR] + _lowest(days))
        return None

    def count(self, start: int, stop: int) -> int:
        """Count the days with ``start`` <= day < ``stop``."""
        start, stop = max(start, 0), min(stop, LAST_DAY + 1)
        if start >= stop:
            return 0
        total = 0
        for year in range(year_of(start), year_of(stop - 1) + 1):
            january_first = JANUARY_FIRST[year - FIRST_YEAR]
            days = self._days_of(year)
            if start > january_first:
                days = days >> (start - january_first) << (start - january_first)
            if stop - january_first < _LONGEST_YEAR:
                days &= (1 << (stop - january_first)) - 1
            total += days.bit_count()
        return total

    def is_empty(self) -> bool:
        """Return whether no calendar ever has such a day."""
        years = _SAMPLES if self.years is None else {kind_of(year): year for year in self.years}
        return not any(self._days_of(year) for year in years.values())

    def _days_of(self, year: int) -> int:
        if self.years is not None:
            place = bisect_left(self.years, year)
            if place == len(self.years) or self.years[place] != year:
                return 0
        return self.drawn(year)

    def drawn(self, year: int) -> int:
        """Return the days of a year as a bit set, even if it is none of ``years``."""
        kind = kind_of(year)
        days = self._drawn.get(kind)
        if days is None:
            days = self._drawn[kind] = self._draw(self._shape, year)
        return days


Calendar: TypeAlias = EveryDay | Weekdays | YearlyDays[Any]
"""Days that the calendar alone decides. What such rules share is known exactly."""


def common_days(one: Calendar, other: Calendar) -> Calendar | None:
    """Return the days that both name; None if no calendar ever has one."""
    if isinstance(one, EveryDay) or one is other:
        return other
    if isinstance(other, EveryDay):
        return one
    both = YearlyDays((one, other), _common_years(one.years, other.years), _draw_both)
    return None if both.is_empty() else both


def is_within(one: Calendar, other: Calendar) -> bool:
    """Return whether ``other`` names every day that ``one`` names."""
    if isinstance(other, EveryDay) or one is other:
        return True
    if isinstance(one, EveryDay):
        one = Weekdays(_ALL_WEEK)
    if other.years is not None and (one.years is None or not {*one.years} <= {*other.years}):
        return False
    return YearlyDays((one, other), one.years, _draw_difference).is_empty()


def _draw_both(both: tuple[Weekdays | YearlyDays[Any], Weekdays | YearlyDays[Any]], year: int) -> int:
    return both[0].drawn(year) & both[1].drawn(year)


def _draw_difference(both: tuple[Weekdays | YearlyDays[Any], Weekdays | YearlyDays[Any]], year: int) -> int:
    return both[0].drawn(year) & ~both[1].drawn(year)


def _common_years(one: Sequence[int] | None, other: Sequence[int] | None) -> Sequence[int] | None:
    if one is None or other is None:
        return other if one is None else one
    return sorted({*one} & {*other})


def year_of(day: int) -> int:
    """Return the year of a day number."""
    return date.fromordinal(day + EPOCH).year


def _kind(year: int) -> int:
    january_first = _january_first(year)
    leap = _january_first(year + 1) - january_first - 365
    leap_before = january_first - _january_first(year - 1) - 365
    return ((january_first + THURSDAY) % 7) * 4 + leap * 2 + leap_before


_KINDS = bytes(_kind(year) for year in range(FIRST_YEAR, LAST_YEAR + 1))


_SAMPLES = {_kind(year): year for year in range(2000, 2400)}


def kind_of(year: int) -> int:
    """Return a number that is equal for years whose calendars are, ISO weeks included."""
    return _KINDS[year - FIRST_YEAR]


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1


def _on_calendar(day: int) -> int | None:
    return day if day <= LAST_DAY else None
