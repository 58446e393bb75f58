"""``CalendarIntervalTrigger``: fires at a time of day, a number of calendar units apart."""

from __future__ import annotations

from datetime import date, datetime, time, tzinfo
from types import MappingProxyType

from typing_extensions import override

from kalends.clock import MicrosecondClock
from kalends.errors import InvalidTrigger
from kalends.triggers.programs.datetimes import SECOND, datetime_of, to_date
from kalends.triggers.programs.rule_trigger import RuleTrigger, SecondsPart, checked_jitter, chosen_timezone
from kalends.triggers.programs.timezones import zone_of
from kalends.triggers.protocol import Instant, Trigger
from kalends.triggers.rules.calendar_interval import days_apart, time_of_day
from kalends.triggers.rules.wall_clock import WallRule
from kalends.triggers.wall_clock.days import EPOCH
from kalends.triggers.zones.zone import DAY

_DAYS_OF_WEEK = 7
_MONTHS_OF_YEAR = 12
_LONGEST = 100_000
"""Units: a number beyond it is a mistake."""


class CalendarIntervalTrigger(RuleTrigger):
    """Fires at a time of day on ``start_date``, and on days that are a number of calendar units apart.

    From one day to the next, years and months are added first, keeping the day of the month. They are added again where
    the month lacks that day, so that every month from the 31st on leaves out the shorter months. Then weeks and days
    are added. A time of day that a change of the clocks leaves out becomes the first instant after the gap; a time of
    day that the clocks show twice fires once, the first time.

    Args:
        years: Years between two fire times.
        months: Months.
        weeks: Weeks.
        days: Days. At least one of these four must be above 0.
        hour: Hour of the time of day.
        minute: Minute of the time of day.
        second: Second of the time of day.
        start_date: The first day: a date, or text such as ``2026-01-31``; unset: today.
        end_date: The last possible day, inclusive.
        timezone: The zone whose clocks and calendar count; unset: the local time zone.
        jitter: Each run is delayed by up to so many seconds.

    Raises:
        InvalidTrigger: The arguments cannot be carried out. It is a ``ValueError``.
    """

    __slots__ = (
        "days",
        "end_date",
        "follows_clock",
        "hour",
        "minute",
        "months",
        "second",
        "start_date",
        "start_is_default",
        "weeks",
        "years",
    )

    ATTRIBUTES = (
        "years",
        "months",
        "weeks",
        "days",
        "hour",
        "minute",
        "second",
        "start_date",
        "start_is_default",
        "end_date",
        "timezone",
        "jitter",
        "follows_clock",
    )
    ADDED = MappingProxyType({"follows_clock": False})

    start_date: date
    start_is_default: bool
    end_date: date | None
    follows_clock: bool
    """Whether the time of day follows the clock. The option ``daylight_saving`` of a job sets it."""

    def __init__(  # noqa: PLR0913 - the parameters are those of APScheduler
        self,
        *,
        years: int = 0,
        months: int = 0,
        weeks: int = 0,
        days: int = 0,
        hour: int = 0,
        minute: int = 0,
        second: int = 0,
        start_date: date | str | None = None,
        end_date: date | str | None = None,
        timezone: tzinfo | str | None = None,
        jitter: float | None = None,
    ) -> None:
        self.years, self.months, self.weeks, self.days = years, months, weeks, days
        self.hour, self.minute, self.second = hour, minute, second
        _check_units(years, months, weeks, days)
        _check_time(hour, minute, second)
        self.timezone = chosen_timezone(timezone)
        start = to_date(start_date, self.timezone, "start_date")
        self.start_is_default = start is None
        self.start_date = datetime_of(int(MicrosecondClock().now()), self.timezone).date() if start is None else start
        self.end_date = to_date(end_date, self.timezone, "end_date")
        if self.end_date is not None and self.end_date < self.start_date:
            raise InvalidTrigger(f"end_date must not be before start_date ({self.start_date}), got {self.end_date}")
        self.jitter = checked_jitter(jitter)
        self.follows_clock = False

    def _rule(self, anchor: date) -> WallRule:
        months = self.years * _MONTHS_OF_YEAR + self.months
        apart = days_apart(_day_number(anchor), months, self.weeks * _DAYS_OF_WEEK + self.days)
        times = time_of_day(self.hour, self.minute, self.second)
        return WallRule(zone_of(self.timezone), apart, times, once=not self.follows_clock)

    def _part(self, anchor: date) -> SecondsPart:
        rule = self._rule(anchor)
        if self.end_date is None:
            return SecondsPart(rule)
        return SecondsPart(rule, end=rule.zone.first_instant((_day_number(self.end_date) + 1) * DAY) - 1)

    @override
    def seconds_part(self) -> SecondsPart:
        return self._part(self.start_date)

    @override
    def read_fire_times(self) -> Trigger:
        return self.seconds_part().in_microseconds()

    @override
    def fire_times_from(self, first: Instant) -> Trigger:
        """Return the same fire times if ``first`` is one of them, else those that count from its day."""
        known = self.fire_times()
        if known.fires_at(first):
            return known
        return self._part(datetime_of(first, self.timezone).date()).in_microseconds()

    @override
    def fire_times_after(self, previous: Instant) -> Trigger:
        """Return the fire times that count from ``previous``; from ``start_date`` where jitter may have moved it."""
        return self.fire_times() if self.jitter else self.fire_times_from(previous)

    @override
    def _last_moment(self) -> datetime | None:
        end = self.seconds_part().end
        return None if end is None else datetime_of((end + 1) * SECOND - 1, self.timezone)

    def __str__(self) -> str:
        return repr(self)

    def __repr__(self) -> str:
        fields = [
            f"{name}={getattr(self, name)}" for name in ("years", "months", "weeks", "days") if getattr(self, name)
        ]
        fields.append(f"time='{time(self.hour, self.minute, self.second)}'")
        fields.append(f"start_date='{self.start_date}'")
        if self.end_date is not None:
            fields.append(f"end_date='{self.end_date}'")
        return f"{type(self).__name__}({', '.join(fields)}, timezone='{self.timezone}')"


def _day_number(day: date) -> int:
    return day.toordinal() - EPOCH


def _check_units(*units: int) -> None:
    if any(unit != int(unit) or not 0 <= unit <= _LONGEST for unit in units):
        raise InvalidTrigger(f"years, months, weeks and days must be whole numbers from 0 to {_LONGEST}, got {units}")
    if not any(units):
        raise InvalidTrigger("the interval must be at least 1 day long: years, months, weeks or days must be above 0")


def _check_time(hour: int, minute: int, second: int) -> None:
    try:
        time(hour, minute, second)
    except (TypeError, ValueError) as error:
        raise InvalidTrigger(f"hour, minute and second must be a time of day: {error}") from None
