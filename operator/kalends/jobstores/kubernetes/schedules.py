"""From a trigger of a program to the schedule of a ScheduledJob, whose fire times are whole seconds."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timezone, tzinfo
from typing import Any

from kalends.errors import InvalidTrigger
from kalends.model.instants import format_instant
from kalends.triggers.base import BaseTrigger
from kalends.triggers.calendarinterval import CalendarIntervalTrigger
from kalends.triggers.combining import AndTrigger, OrTrigger
from kalends.triggers.cron.trigger import CronTrigger
from kalends.triggers.date import DateTrigger
from kalends.triggers.described import DescribedTrigger
from kalends.triggers.interval import IntervalTrigger
from kalends.triggers.programs.datetimes import SECOND, datetime_of, microseconds_of
from kalends.triggers.programs.rule_trigger import RuleTrigger, searched
from kalends.triggers.programs.timezones import timezone_text
from kalends.triggers.protocol import Instant
from kalends.triggers.when import (
    CalendarIntervalSpec,
    CronSpec,
    DateSpec,
    IntervalSpec,
    MemberSpec,
    TriggerSpec,
    When,
)

ACCEPTED = (
    "must be a CronTrigger, IntervalTrigger, DateTrigger, CalendarIntervalTrigger, OrTrigger or AndTrigger of Kalends: "
    "a ScheduledJob has no triggers of programs"
)
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKDAY = f"[0-6]|{'|'.join(_WEEKDAYS)}"
_WEEKDAY_ITEM = re.compile(rf"({_WEEKDAY})(?:-({_WEEKDAY}))?(?:/([0-9]+))?")


def whole_second(moment: datetime) -> datetime:
    """Return the first whole second that is not before a moment."""
    return datetime_of(_ceil(moment) * SECOND, moment.tzinfo or UTC)


def when_of(trigger: BaseTrigger, first: datetime | None, now: datetime) -> When:
    """Return the schedule whose fire times from ``first`` on are those of a job.

    Args:
        trigger: The trigger of the job.
        first: The first fire time of the job, a whole second; None: the job is paused.
        now: The current time. A first fire time that is the next fire time of the trigger needs no mention.

    Raises:
        InvalidTrigger: No ScheduledJob has these fire times; the message says what is accepted.
    """
    if isinstance(trigger, DescribedTrigger):
        return _from(trigger, trigger.when, first, now, exact=True)
    spec = _member(trigger, None)
    when = When(
        trigger=TriggerSpec(**{kind: getattr(spec, kind) for kind in _KINDS}),
        time_zone=spec.time_zone,
        start_time=spec.start_time,
        end_time=spec.end_time,
    )
    if first is None:
        return when
    instant = _ceil(first)
    if isinstance(trigger, DateTrigger):
        return replace(when, trigger=TriggerSpec(date=DateSpec(format_instant(instant))))
    if isinstance(trigger, IntervalTrigger):
        return replace(when, start_time=format_instant(instant))
    return _from(trigger, when, first, now, exact=False)


_KINDS = ("cron", "interval", "calendar_interval", "date", "any_of", "all_of")


def _from(trigger: RuleTrigger | Any, when: When, first: datetime | None, now: datetime, *, exact: bool) -> When:
    """Return a schedule that begins with ``first``.

    Args:
        trigger: Whose fire times follow.
        when: The schedule of the trigger.
        first: The first fire time.
        now: The current time.
        exact: Whether ``first`` must be a fire time of the trigger.
    """
    if first is None:
        return when
    at = microseconds_of(first)
    times = trigger.fire_times()
    if times.fires_at(at):
        following = searched(times, microseconds_of(now) - 1)
        return when if following == at or at < microseconds_of(now) else replace(when, start_time=_text(at))
    if exact:
        raise InvalidTrigger(f"next_run_time must be a fire time of {trigger}, got {first}")
    # The trigger continues after a first fire time that is not its own.
    begin = at + SECOND
    if isinstance(trigger, CronTrigger) and trigger.start_date is not None:
        begin = max(begin, _ceil(trigger.start_date) * SECOND)
    rest = replace(_member(trigger, None), start_time=_text(begin), time_zone=None)
    alternatives = (MemberSpec(date=DateSpec(_text(at))), rest)
    return When(trigger=TriggerSpec(any_of=alternatives), time_zone=when.time_zone)


def _member(trigger: BaseTrigger, zone: str | None) -> MemberSpec:
    """Return a trigger as a member of a combination; ``zone`` is the zone around it."""
    kind = type(trigger)
    if kind is CronTrigger:
        return _cron(trigger, zone)
    if kind is IntervalTrigger:
        return _interval(trigger)
    if kind is DateTrigger:
        return _date(trigger)
    if kind is CalendarIntervalTrigger:
        return _calendar(trigger, zone)
    if kind in {OrTrigger, AndTrigger}:
        return _combination(trigger, zone)
    raise InvalidTrigger(f"{ACCEPTED}, got {kind.__module__}.{kind.__qualname__}")


def _cron(trigger: Any, zone: str | None) -> MemberSpec:
    fields = {field.name: field.expression for field in trigger.fields if not field.is_default}
    if "day_of_week" in fields:
        fields["day_of_week"] = ",".join(map(_named_weekdays, fields["day_of_week"].split(",")))
    return MemberSpec(
        cron=CronSpec(**(fields or {"second": "*"})),
        time_zone=_zone(trigger.timezone, zone),
        start_time=None if trigger.start_date is None else format_instant(_ceil(trigger.start_date)),
        end_time=_end(trigger.end_date),
    )


def _named_weekdays(item: str) -> str:
    """Return an item of ``day_of_week`` without digits, which mean other days to cron, and without steps in ranges."""
    found = _WEEKDAY_ITEM.fullmatch(item)
    if found is None:
        return item
    first, step = _weekday(found[1]), found[3]
    last = _weekday(found[2]) if found[2] else None
    if step:
        return ",".join(_WEEKDAYS[first : (6 if last is None else last) + 1 : int(step)])
    return _WEEKDAYS[first] if last is None else f"{_WEEKDAYS[first]}-{_WEEKDAYS[last]}"


def _weekday(text: str) -> int:
    return int(text) if text.isdigit() else _WEEKDAYS.index(text)


def _interval(trigger: Any) -> MemberSpec:
    days, seconds, rest = trigger.interval.days, trigger.interval.seconds, trigger.interval.microseconds
    if rest:
        raise InvalidTrigger(f"the interval must be a whole number of seconds, got {trigger.interval}")
    if not trigger.start_is_default:
        _insist_on_seconds(trigger.start_date, "start_date")
    spec = IntervalSpec(days=days, hours=seconds // 3600, minutes=seconds // 60 % 60, seconds=seconds % 60)
    start = format_instant(_ceil(trigger.start_date))
    return MemberSpec(interval=spec, start_time=start, end_time=_end(trigger.end_date))


def _date(trigger: Any) -> MemberSpec:
    if not trigger.run_date_is_default:
        _insist_on_seconds(trigger.run_date, "run_date")
    return MemberSpec(date=DateSpec(format_instant(_ceil(trigger.run_date))))


def _calendar(trigger: Any, zone: str | None) -> MemberSpec:
    units = ("years", "months", "weeks", "days", "hour", "minute", "second")
    return MemberSpec(
        calendar_interval=CalendarIntervalSpec(**{name: getattr(trigger, name) for name in units}),
        time_zone=_zone(trigger.timezone, zone),
        start_time=trigger.start_date.isoformat(),
        end_time=None if trigger.end_date is None else trigger.end_date.isoformat(),
    )


def _combination(trigger: Any, zone: str | None) -> MemberSpec:
    own = _zone_of_first(trigger) if zone is None else zone
    for member in trigger.triggers:
        if getattr(member, "jitter", None):
            raise InvalidTrigger(f"jitter must be that of the whole trigger, as members have none, got {member!r}")
    members = tuple(_member(member, own) for member in trigger.triggers)
    around = own if zone is None else None
    if isinstance(trigger, OrTrigger):
        return MemberSpec(any_of=members, time_zone=around)
    return MemberSpec(all_of=members, time_zone=around)


def _zone_of_first(trigger: Any) -> str:
    try:
        return _zone(trigger.timezone, None) or "UTC"
    except InvalidTrigger:
        return "UTC"  # of an interval or a date, whose zone decides nothing


def _zone(info: tzinfo, around: str | None) -> str | None:
    """Return the name of a zone, None if it is the zone around."""
    try:
        name = timezone_text(info)
    except TypeError as error:
        raise InvalidTrigger(str(error)) from error
    if isinstance(info, timezone) and info is not UTC:
        raise InvalidTrigger(f"timezone must be a name of the IANA database such as 'Europe/Berlin', got {name!r}")
    return None if name == around else name


def _end(moment: datetime | None) -> str | None:
    return None if moment is None else format_instant(microseconds_of(moment) // SECOND)


def _insist_on_seconds(moment: datetime, name: str) -> None:
    if moment.microsecond:
        raise InvalidTrigger(f"{name} must be a whole second, as the fire times of ScheduledJobs are, got {moment}")


def _ceil(moment: datetime) -> Instant:
    return -(-microseconds_of(moment) // SECOND)


def _text(microseconds: Instant) -> str:
    return format_instant(microseconds // SECOND)
