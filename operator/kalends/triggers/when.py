"""When a schedule is due, in no wire format: what triggers are built from, and what every API version is mapped to.

Texts (cron expressions, moments, names of zones) stay as the user wrote them. ``build_trigger`` reads them, and says
what is accepted.
"""

from __future__ import annotations

from dataclasses import dataclass

from kalends.model.values import DaylightSaving

FieldExpression = int | str
"""One field of ``trigger.cron``: a number, or an expression."""


@dataclass(frozen=True, slots=True)
class CronSpec:
    """Fields of wall time, all of which must match. Unset: see ``triggers/cron/eight_fields.py``."""

    year: FieldExpression | None = None
    month: FieldExpression | None = None
    day: FieldExpression | None = None
    week: FieldExpression | None = None
    day_of_week: FieldExpression | None = None
    hour: FieldExpression | None = None
    minute: FieldExpression | None = None
    second: FieldExpression | None = None


@dataclass(frozen=True, slots=True)
class IntervalSpec:
    """A period of elapsed time: the sum of its units."""

    weeks: int = 0
    days: int = 0
    hours: int = 0
    minutes: int = 0
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class CalendarIntervalSpec:
    """A number of calendar units, and the time of day."""

    years: int = 0
    months: int = 0
    weeks: int = 0
    days: int = 0
    days_of_week: tuple[str, ...] | None = None
    hour: int = 0
    minute: int = 0
    second: int = 0


@dataclass(frozen=True, slots=True)
class DateSpec:
    """A moment."""

    at: str


@dataclass(frozen=True, slots=True)
class TriggerSpec:
    """A rule that names fire times: exactly one member is set."""

    cron: CronSpec | None = None
    interval: IntervalSpec | None = None
    calendar_interval: CalendarIntervalSpec | None = None
    date: DateSpec | None = None
    any_of: tuple[MemberSpec, ...] | None = None
    all_of: tuple[MemberSpec, ...] | None = None


@dataclass(frozen=True, slots=True)
class MemberSpec(TriggerSpec):
    """A member of ``anyOf`` or ``allOf``: a rule with its own zone and bounds."""

    time_zone: str | None = None
    start_time: str | None = None
    end_time: str | None = None


@dataclass(frozen=True, slots=True)
class ExclusionSpec:
    """Instants that are not fire times: a range, or whatever cron fields match."""

    from_: str | None = None
    to: str | None = None
    cron: CronSpec | None = None


@dataclass(frozen=True, slots=True)
class When:
    """A cron expression or a trigger, within bounds; with neither, one fire time at the creation."""

    schedule: str | None = None
    trigger: TriggerSpec | None = None
    time_zone: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    exclude: tuple[ExclusionSpec, ...] = ()
    daylight_saving: DaylightSaving = DaylightSaving.ADJUST
