"""Days a number of calendar units apart, as APScheduler's CalendarIntervalTrigger counts them.

From one day to the next: add the years and months, keeping the day of the month; where that month lacks the day, add
them again; then add the weeks and days. Days are counted from 1970-01-01.
"""

from __future__ import annotations

from bisect import bisect_right
from calendar import monthrange
from collections.abc import Iterable
from datetime import date

from kalends.triggers.wall_clock.days import EPOCH, LAST_DAY, LAST_YEAR, THURSDAY, WEEK, Days
from kalends.triggers.wall_clock.times_of_day import Times, times_of

_CHECKPOINT = 64


def days_apart(anchor: int, months: int, days: int) -> Days:
    """Return the days from ``anchor`` on, ``months`` and ``days`` apart; one of them must be above 0."""
    if not months:
        return EveryNthDay(anchor, days)
    return SteppedDays(anchor, months, days)


def time_of_day(hour: int, minute: int, second: int) -> Times:
    """Return a single time of day."""
    return times_of(1 << hour, 1 << minute, 1 << second)


class EveryNthDay:
    """``anchor``, and every ``step`` days from then on."""

    __slots__ = ("anchor", "step")

    def __init__(self, anchor: int, step: int) -> None:
        self.anchor = anchor
        self.step = step

    def first_from(self, day: int) -> int | None:
        """Return the first of them that is not before ``day``."""
        found = self.anchor if day <= self.anchor else day + (self.anchor - day) % self.step
        return found if found <= LAST_DAY else None

    def count(self, start: int, stop: int) -> int:
        """Count those with ``start`` <= day < ``stop``."""
        return self._before(stop) - self._before(start) if start < stop else 0

    def _before(self, day: int) -> int:
        return max(0, -((self.anchor - min(day, LAST_DAY + 1)) // self.step))


class DaysOfNthWeek:
    """The same weekdays (0 is Monday) in every ``step``-th week, counted from the ISO week of ``anchor``, from it on.

    Weeks begin on Monday, and are counted on through the turn of the year: a year of 53 weeks changes nothing.
    """

    __slots__ = ("_anchor", "_monday", "_period", "weekdays")

    def __init__(self, anchor: int, step: int, weekdays: Iterable[int]) -> None:
        self._anchor = anchor
        self._monday = anchor - (anchor + THURSDAY) % WEEK
        self._period = step * WEEK
        self.weekdays = sum(1 << weekday for weekday in {*weekdays})
        """A bit set; Monday is bit 0."""

    def first_from(self, day: int) -> int | None:
        """Return the first of them that is not before ``day``."""
        day = max(day, self._anchor)
        since = (day - self._monday) % self._period
        rest = self.weekdays >> since
        if not rest:  # this week has no more, or is none of them
            day += self._period - since
            rest = self.weekdays
        found = day + (rest & -rest).bit_length() - 1
        return found if found <= LAST_DAY else None

    def count(self, start: int, stop: int) -> int:
        """Count those with ``start`` <= day < ``stop``."""
        start, stop = max(start, self._anchor), min(stop, LAST_DAY + 1)
        return self._since_monday(stop) - self._since_monday(start) if start < stop else 0

    def _since_monday(self, day: int) -> int:
        """Count those since the first Monday, those before the anchor included."""
        rounds, rest = divmod(day - self._monday, self._period)
        return rounds * self.weekdays.bit_count() + (self.weekdays & ((1 << min(rest, WEEK)) - 1)).bit_count()


class SteppedDays:
    """``anchor``, and so on by ``months`` and then ``days``.

    Where days follow from each other there is no formula, so they are worked out once, as far as anybody asked, and
    every 64th is kept: less than 1 kB for a century of months.
    """

    __slots__ = ("_checkpoints", "_days", "_months", "_recent")

    def __init__(self, anchor: int, months: int, days: int) -> None:
        self._months = months
        self._days = days
        self._checkpoints = [anchor]
        self._recent = (0, anchor)
        """Where the last question ended: the next one is about a later day, as a rule."""

    def first_from(self, day: int) -> int | None:
        """Return the first of them that is not before ``day``."""
        return self._find(day)[1]

    def count(self, start: int, stop: int) -> int:
        """Count those with ``start`` <= day < ``stop``."""
        return self._find(stop)[0] - self._find(start)[0] if start < stop else 0

    def _find(self, day: int) -> tuple[int, int | None]:
        """Return how many days come before ``day``, and the first that does not."""
        checkpoints = self._checkpoints
        place = max(bisect_right(checkpoints, day) - 1, 0)
        number, found = place * _CHECKPOINT, checkpoints[place]
        recent = self._recent
        if recent[0] > number and recent[1] <= day:
            number, found = recent
        while found < day:
            following = self._following(found)
            if following is None:
                return number + 1, None
            number, found = number + 1, following
            if number == len(checkpoints) * _CHECKPOINT:
                checkpoints[number // _CHECKPOINT :] = [found]  # which two threads may well do both
        self._recent = number, found
        return number, found

    def _following(self, day: int) -> int | None:
        start = date.fromordinal(day + EPOCH)
        month = start.year * 12 + start.month - 1
        while True:
            month += self._months
            year, place = divmod(month, 12)
            if year > LAST_YEAR:
                return None
            if start.day <= monthrange(year, place + 1)[1]:
                break
        found = _day_number(year, place + 1, start.day) + self._days
        return found if found <= LAST_DAY else None


def _day_number(year: int, month: int, day: int) -> int:
    return date(year, month, day).toordinal() - EPOCH
