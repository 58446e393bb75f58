"""``DateTrigger``: fires once."""

from __future__ import annotations

from datetime import date, datetime

from typing_extensions import override

from kalends.clock import MicrosecondClock
from kalends.triggers.microseconds.exact import Grid, Never
from kalends.triggers.programs.datetimes import SECOND, datetime_of, microseconds_of, shown, to_datetime
from kalends.triggers.programs.rule_trigger import RuleTrigger, SecondsPart
from kalends.triggers.programs.timezones import local_timezone, timezone_of
from kalends.triggers.protocol import Instant, Trigger
from kalends.triggers.rules.combined import AnyOf
from kalends.triggers.rules.date import DateRule
from kalends.triggers.zones.zone import find_zone


class DateTrigger(RuleTrigger):
    """Fires once, at ``run_date``, exact to the microsecond; also if that has passed, so that the run is missed.

    Args:
        run_date: When to fire; unset: now.
        timezone: The zone of a moment without a zone; unset: the local time zone.

    Raises:
        InvalidTrigger: The moment cannot be read. It is a ``ValueError``.
    """

    __slots__ = ("run_date", "run_date_is_default")

    ATTRIBUTES = ("run_date", "run_date_is_default", "timezone", "jitter")

    run_date: datetime
    run_date_is_default: bool

    def __init__(self, run_date: datetime | date | str | None = None, timezone: object = None) -> None:
        info = timezone_of(timezone) or local_timezone()
        moment = to_datetime(run_date, info, "run_date")
        self.run_date_is_default = moment is None
        self.run_date = datetime_of(int(MicrosecondClock().now()), info) if moment is None else moment
        self.timezone = self.run_date.tzinfo or info
        self.jitter = None

    @property
    def _at(self) -> Instant:
        return microseconds_of(self.run_date)

    @override
    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Return ``run_date``, whatever ``now`` is; None after a previous fire time."""
        return self.run_date if previous_fire_time is None else None

    @override
    def read_fire_times(self) -> Trigger:
        return Grid(self._at, 1, self._at)

    @override
    def fire_times_from(self, first: Instant) -> Trigger:
        """Return no fire times: a date fires once."""
        return Never()

    @override
    def seconds_part(self) -> SecondsPart:
        if self._at % SECOND:
            return SecondsPart(AnyOf((), find_zone("UTC")), complete=False)
        return SecondsPart(DateRule(self._at // SECOND))

    def __str__(self) -> str:
        return f"date[{shown(self.run_date)}]"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} (run_date='{shown(self.run_date)}')>"
