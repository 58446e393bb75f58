"""``IntervalTrigger``: fires again and again, a fixed duration apart."""

from __future__ import annotations

from datetime import datetime, timedelta

from typing_extensions import override

from kalends.clock import MicrosecondClock
from kalends.errors import InvalidTrigger
from kalends.triggers.microseconds.exact import Grid
from kalends.triggers.programs.datetimes import LAST_MICROSECOND, SECOND, datetime_of, microseconds_of, shown
from kalends.triggers.programs.rule_trigger import RuleTrigger, SecondsPart, bounds_of, checked_jitter, chosen_timezone
from kalends.triggers.protocol import Instant
from kalends.triggers.rules.combined import AnyOf
from kalends.triggers.rules.interval import IntervalRule, meeting
from kalends.triggers.zones.zone import find_zone

_MICROSECOND = timedelta(microseconds=1)


class IntervalTrigger(RuleTrigger):
    """Fires at ``start_date`` and every interval from then on, exact to the microsecond.

    An interval is elapsed time: a change of the clocks does not move it, so that every 24 hours may be another time of
    day in summer. For a time of day use ``CronTrigger`` or ``CalendarIntervalTrigger``.

    Args:
        weeks: Weeks of the interval.
        days: Days of 24 hours.
        hours: Hours.
        minutes: Minutes.
        seconds: Seconds. All of these are added up; each may be a fraction.
        start_date: The first fire time; unset: an interval from now.
        end_date: The last possible fire time, inclusive.
        timezone: The zone of moments without a zone, and of the fire times; unset: that of ``start_date``, else of
            ``end_date``, else the local time zone.
        jitter: Each run is delayed by up to so many seconds. The fire times stay as they are.

    Attributes:
        interval: The interval as a timedelta.
        interval_length: The interval in seconds.
        start_is_default: Whether no ``start_date`` was given.

    Raises:
        InvalidTrigger: The interval is shorter than a microsecond, or a moment or the jitter cannot be read. It is a
            ``ValueError``.
    """

    __slots__ = ("end_date", "interval", "interval_length", "start_date", "start_is_default")

    ATTRIBUTES = ("timezone", "start_date", "start_is_default", "end_date", "interval", "interval_length", "jitter")

    interval: timedelta
    interval_length: float
    start_date: datetime
    start_is_default: bool
    end_date: datetime | None

    def __init__(  # noqa: PLR0913, PLR0917 - the parameters are those of APScheduler
        self,
        weeks: float = 0,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
        start_date: datetime | str | None = None,
        end_date: datetime | str | None = None,
        timezone: object = None,
        jitter: float | None = None,
    ) -> None:
        try:
            interval = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
        except (OverflowError, ValueError) as error:
            raise InvalidTrigger(f"the interval must be a duration that a timedelta can hold: {error}") from None
        if interval <= timedelta(0):
            raise InvalidTrigger(f"the interval must be at least one microsecond, got {interval.total_seconds()} s")
        self.interval = interval
        self.interval_length = interval.total_seconds()
        self.timezone = chosen_timezone(timezone, start_date, end_date)
        start, self.end_date = bounds_of(start_date or None, end_date, self.timezone)
        self.start_is_default = start is None
        self.start_date = self._from_now() if start is None else start
        self.jitter = checked_jitter(jitter)

    def _from_now(self) -> datetime:
        now = int(MicrosecondClock().now())
        return datetime_of(min(now + self._period, LAST_MICROSECOND), self.timezone)

    @property
    def _period(self) -> int:
        return self.interval // _MICROSECOND

    @property
    def _end(self) -> Instant:
        return LAST_MICROSECOND if self.end_date is None else min(microseconds_of(self.end_date), LAST_MICROSECOND)

    @override
    def read_fire_times(self) -> Grid:
        return Grid(microseconds_of(self.start_date), self._period, self._end)

    @override
    def fire_times_after(self, previous: Instant) -> Grid:
        """Return the fire times from an interval after ``previous`` on.

        With jitter, ``previous`` may be a fire time that was delayed, so the interval counts from ``start_date`` then.
        """
        return self.fire_times_from(previous) if not self.jitter else self.read_fire_times()

    @override
    def fire_times_from(self, first: Instant) -> Grid:
        return Grid(first + self._period, self._period, self._end)

    @override
    def seconds_part(self) -> SecondsPart:
        first, period = microseconds_of(self.start_date), self._period
        common = meeting(IntervalRule(first, period), IntervalRule(0, SECOND))
        complete = first % SECOND == 0 and period % SECOND == 0
        if common is None:
            return SecondsPart(AnyOf((), find_zone("UTC")), complete=False)
        # The rules meet at 1970 or later; earlier fire times are as far apart.
        start = -(-first // SECOND)
        whole = common.period // SECOND
        begin = common.first // SECOND
        begin -= (begin - start) // whole * whole
        return SecondsPart(IntervalRule(begin, whole), end=self._end // SECOND, complete=complete)

    @override
    def _last_moment(self) -> datetime | None:
        return self.end_date

    def __str__(self) -> str:
        return f"interval[{self.interval}]"

    def __repr__(self) -> str:
        options = [f"interval={self.interval!r}", f"start_date='{shown(self.start_date)}'"]
        if self.end_date is not None:
            options.append(f"end_date='{shown(self.end_date)}'")
        if self.jitter:
            options.append(f"jitter={self.jitter}")
        return f"<{type(self).__name__} ({', '.join(options)}, timezone='{self.timezone}')>"
