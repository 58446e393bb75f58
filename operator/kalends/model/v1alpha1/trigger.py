"""Structured triggers: those of APScheduler, with Kubernetes names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, StringConstraints
from typing_extensions import override

from kalends.model.rules import Raw, Rule, at_least_one_above_zero, at_least_one_of, exactly_one_of, in_order, is_set
from kalends.model.v1alpha1.base import Moment, Wire, ZoneName

if TYPE_CHECKING:
    from collections.abc import Collection

DEEPEST_COMBINATION = 2
"""How deep anyOf and allOf may nest. A structural schema cannot recurse."""
LONGEST_DAYS = 36_525
"""A hundred years: the longest period between two fire times."""
DAY = 86_400

FieldExpression = (
    Annotated[int, Field(strict=True, ge=0, le=9999)]
    | Annotated[str, StringConstraints(strict=True, min_length=1, max_length=256)]
)
"""One field of a cron trigger: a number, or an expression."""

DaysOfWeek = Annotated[
    tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...],
    Field(min_length=1, max_length=7, json_schema_extra={"x-kubernetes-list-type": "set"}),
]

Amount = Annotated[int, Field(strict=True, ge=0)]


class CronFields(Wire):
    """Fire times whose wall time matches all of these fields."""

    year: FieldExpression | None = None
    """year of four digits, or an expression. Unset: every year."""
    month: FieldExpression | None = None
    """month from 1 to 12, a name such as `jan`, or an expression. Unset: every month, or 1 if only `year` is set."""
    day: FieldExpression | None = None
    """day of the month from 1 to 31, `last` (or `L`), `last-3`, `LW`, `15W`, `2nd fri`, `last sun`, or an expression.
    Unset: every day, or 1 if only larger fields are set."""
    week: FieldExpression | None = None
    """week of the year by ISO 8601, from 1 to 53, or an expression. Unset: every week."""
    day_of_week: FieldExpression | None = None
    """dayOfWeek by name, as in `mon-fri` or `sat,sun`. Digits are refused: 0 is Monday in APScheduler and Sunday in
    cron. Unset: every day of the week."""
    hour: FieldExpression | None = None
    """hour from 0 to 23, or an expression. Unset: every hour, or 0 if only larger fields are set."""
    minute: FieldExpression | None = None
    """minute from 0 to 59, or an expression such as `*/5` or `10-20/2`. Unset: every minute, or 0 if only larger
    fields are set."""
    second: FieldExpression | None = None
    """second from 0 to 59, or an expression. Unset: 0."""

    @classmethod
    @override
    def rules(cls, members: Collection[str]) -> tuple[Rule, ...]:
        """Require at least one field."""
        return (at_least_one_of(*members),)


class Interval(Wire):
    """Fire times a fixed elapsed time apart: the sum of the members."""

    weeks: Annotated[Amount, Field(le=LONGEST_DAYS // 7)] = 0
    """weeks between two fire times. Unset: 0."""
    days: Annotated[Amount, Field(le=LONGEST_DAYS)] = 0
    """days of 24 hours between two fire times. Unset: 0."""
    hours: Annotated[Amount, Field(le=LONGEST_DAYS * 24)] = 0
    """hours between two fire times. Unset: 0."""
    minutes: Annotated[Amount, Field(le=LONGEST_DAYS * 24 * 60)] = 0
    """minutes between two fire times. Unset: 0."""
    seconds: Annotated[Amount, Field(le=LONGEST_DAYS * DAY)] = 0
    """seconds between two fire times. Unset: 0."""

    @property
    def total_seconds(self) -> int:
        """The whole period in seconds."""
        return self.weeks * 7 * DAY + self.days * DAY + self.hours * 3600 + self.minutes * 60 + self.seconds

    @classmethod
    @override
    def rules(cls, members: Collection[str]) -> tuple[Rule, ...]:
        """Require a period between one second and a hundred years."""
        return (
            at_least_one_above_zero(*members),
            Rule(
                cel="self.?weeks.orValue(0) * 604800 + self.?days.orValue(0) * 86400 + self.?hours.orValue(0) * 3600"
                f" + self.?minutes.orValue(0) * 60 + self.?seconds.orValue(0) <= {LONGEST_DAYS * DAY}",
                holds=lambda raw: _total_seconds(raw) <= LONGEST_DAYS * DAY,
                message=f"must add up to at most {LONGEST_DAYS} days, which is a hundred years",
            ),
        )


def _total_seconds(raw: Raw) -> int:
    units = (("weeks", 7 * DAY), ("days", DAY), ("hours", 3600), ("minutes", 60), ("seconds", 1))
    return sum(raw[name] * seconds for name, seconds in units if isinstance(raw.get(name), int))


class CalendarInterval(Wire):
    """Fire times a number of years, months, weeks or days apart, always at the same time of day.

    A month that lacks the day has no fire time.
    """

    years: Annotated[Amount, Field(le=100)] = 0
    """years between two fire times. Unset: 0."""
    months: Annotated[Amount, Field(le=1200)] = 0
    """months between two fire times. Unset: 0."""
    weeks: Annotated[Amount, Field(le=LONGEST_DAYS // 7)] = 0
    """weeks between two fire times; with daysOfWeek, from a week with fire times to the next such week. Weeks begin on
    Monday. The first week contains startTime or, without startTime, the creation of the resource. Unset: 0."""
    days: Annotated[Amount, Field(le=LONGEST_DAYS)] = 0
    """days of the calendar between two fire times. Unset: 0."""
    days_of_week: DaysOfWeek | None = None
    """daysOfWeek lists the days of the week with fire times by name, as in `[tue, thu]`. It requires `weeks` and
    excludes the other units. Unset: the weekday of startTime or, without startTime, of the creation of the resource."""
    hour: Annotated[Amount, Field(le=23)] = 0
    """hour of each fire time, in timeZone. Unset: 0."""
    minute: Annotated[Amount, Field(le=59)] = 0
    """minute of each fire time. Unset: 0."""
    second: Annotated[Amount, Field(le=59)] = 0
    """second of each fire time. Unset: 0."""

    @classmethod
    @override
    def rules(cls, members: Collection[str]) -> tuple[Rule, ...]:
        """Require a period above 0."""
        del members
        return (
            at_least_one_above_zero("years", "months", "weeks", "days"),
            Rule(
                cel="!has(self.daysOfWeek) || (self.?weeks.orValue(0) > 0"
                " && [self.?years.orValue(0), self.?months.orValue(0), self.?days.orValue(0)].all(n, n == 0))",
                holds=lambda raw: not is_set(raw, "daysOfWeek") or _counts_weeks_alone(raw),
                message="`daysOfWeek` may be set only with `weeks`, and without `years`, `months` and `days`",
                field="daysOfWeek",
            ),
        )


def _counts_weeks_alone(raw: Raw) -> bool:
    """Return whether weeks are the only unit above 0. Values of a wrong type are reported separately."""
    weeks, *others = (raw.get(name) or 0 for name in ("weeks", "years", "months", "days"))
    return weeks != 0 and not any(isinstance(other, int) and other > 0 for other in others)


class Date(Wire):
    """One fire time."""

    at: Moment
    """at is the fire time, as in `2027-01-01T00:00:00+01:00`. Without an offset it is wall time in timeZone; a date
    alone means the start of that day; a fraction of a second is rounded up."""


Members = Annotated[tuple["Member", ...], Field(min_length=1, max_length=16)]
KINDS = ("cron", "interval", "calendarInterval", "date", "anyOf", "allOf")


class Trigger(Wire):
    """A rule that names fire times: exactly one member is set."""

    cron: CronFields | None = None
    """cron fires when all of its fields match, as CronTrigger of APScheduler does. From the largest field to the
    smallest, the order is: year, month, day, week, dayOfWeek, hour, minute, second. Unset fields that are smaller than
    every set field have their minimum (week and dayOfWeek: any value); other unset fields match any value."""
    interval: Interval | None = None
    """interval fires again and again, a fixed elapsed time apart. The first fire time is startTime; without startTime,
    it is one interval after the creation of the resource. Clock changes do not affect it."""
    calendar_interval: CalendarInterval | None = None
    """calendarInterval fires every given number of years, months, weeks or days, at the same time of day. A month
    without the day of startTime has no fire time."""
    date: Date | None = None
    """date fires once, at a given instant."""
    any_of: Members | None = None
    """anyOf fires when at least one of its members fires. Members that fire at the same instant cause one fire time."""
    all_of: Members | None = None
    """allOf fires at instants at which all of its members fire."""

    @classmethod
    @override
    def rules(cls, members: Collection[str]) -> tuple[Rule, ...]:
        """Require exactly one kind. The innermost triggers have neither anyOf nor allOf."""
        return (exactly_one_of(*(kind for kind in KINDS if kind in members)),)


class Member(Trigger):
    """A member of anyOf or allOf: a rule that names fire times, with its own limits and time zone."""

    time_zone: ZoneName | None = None
    """timeZone is the IANA name of the time zone of this member. Unset: the time zone of the enclosing trigger or
    spec."""
    start_time: Moment | None = None
    """startTime is the earliest possible fire time of this member, in the format of `spec.startTime`, which applies in
    addition. An interval of this member counts from it. Unset: no limit."""
    end_time: Moment | None = None
    """endTime is the latest possible fire time of this member, in the format of `spec.endTime`, which applies in
    addition. Unset: no limit."""

    @classmethod
    @override
    def rules(cls, members: Collection[str]) -> tuple[Rule, ...]:
        """Require that startTime is not after endTime."""
        return (*super().rules(members), in_order("startTime", "endTime"))


class Exclusion(Wire):
    """Instants that are not fire times: a range, or all instants that match cron fields."""

    from_: Annotated[Moment | None, Field(alias="from")] = None
    """from is the first instant of a range, in RFC 3339. Without an offset it is wall time in timeZone; a date alone
    means the start of that day. Unset: the range has no beginning."""
    to: Moment | None = None
    """to is the last instant of a range, in the format of from. A date alone means the end of that day. Unset: the
    range has no end."""
    cron: CronFields | None = None
    """cron excludes every instant whose wall time in timeZone matches these fields. Unset fields match any value.
    Unset: this is a range."""

    @classmethod
    @override
    def rules(cls, members: Collection[str]) -> tuple[Rule, ...]:
        """Require a range or cron fields, not both."""
        del members
        return (
            Rule(
                cel="has(self.cron) != (has(self.from) || has(self.to))",
                holds=lambda raw: (
                    (raw.get("cron") is not None) != (raw.get("from") is not None or raw.get("to") is not None)
                ),
                message="exactly one of a range (`from`, `to`) and `cron` must be set",
            ),
            in_order("from", "to"),
        )
