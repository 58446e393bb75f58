"""From what a user wrote to a trigger: the one door into this package."""

from __future__ import annotations

from dataclasses import dataclass, field

from kalends.errors import InvalidSchedule
from kalends.model.policies import DaylightSaving
from kalends.model.spec import ScheduledJobSpec
from kalends.model.trigger import CalendarInterval, CronFields, Exclusion, Interval
from kalends.model.trigger import Trigger as TriggerSpec
from kalends.triggers.agreeing import all_of
from kalends.triggers.bounded import BoundedTrigger
from kalends.triggers.budget import Budget
from kalends.triggers.calendar_interval import days_apart, time_of_day
from kalends.triggers.combined import any_of
from kalends.triggers.cron.eight import Written, parse_eight_fields
from kalends.triggers.cron.meaning import cron_trigger, meaning_of_eight, meaning_of_five
from kalends.triggers.cron.schedule import SCHEDULE, Every, parse_schedule
from kalends.triggers.date import DateTrigger
from kalends.triggers.excluded import Stretch, excluded
from kalends.triggers.interval import IntervalTrigger
from kalends.triggers.moments import read_moment
from kalends.triggers.ports import Instant, Rule, Trigger
from kalends.triggers.quoting import quoted
from kalends.triggers.remembered import remembered
from kalends.triggers.wall import WallTrigger
from kalends.triggers.words import listed
from kalends.triggers.zones import DAY, FOREVER, LAST_INSTANT, Zone, find_zone

DEEPEST = 2
"""How deep anyOf and allOf nest."""
LONGEST_PERIOD = 36_525 * DAY
LONGEST_MONTHS = 1_200
"""A hundred years each."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What every trigger of one resource is built with."""

    zone: Zone
    identity: str
    literal: bool
    created: Instant
    start: Instant | None
    end: Instant | None
    budget: Budget = field(default_factory=Budget)
    """For all searches that building takes together."""


def build_trigger(spec: ScheduledJobSpec, *, created: Instant, zone: str, identity: str) -> Trigger:
    """Return the trigger of a resource.

    Args:
        spec: What the user wrote.
        created: When the resource was created. Intervals count from it where there is no ``startTime``, and a resource
            with neither ``schedule`` nor ``trigger`` fires then, or at ``startTime`` if that is later.
        zone: The IANA name of the zone to use where the spec names none.
        identity: ``namespace/name``, from which H makes its values.

    Raises:
        InvalidSchedule: It cannot be carried out, or certainly never fires; the message says where, and what is
            accepted. A rule whose first fire time lies beyond what a search may cost is accepted.
    """
    setting = setting_of(spec, created=created, zone=zone, identity=identity)
    rule = _exclude(_base(spec, setting), spec.exclude, setting)
    if setting.start is not None or setting.end is not None:
        rule = BoundedTrigger(rule, setting.start, setting.end)
    _refuse_never(rule, spec, setting)
    return remembered(rule)


def setting_of(spec: ScheduledJobSpec, *, created: Instant, zone: str, identity: str) -> Setting:
    """Read what all triggers of a resource have in common."""
    found = find_zone(zone if spec.time_zone is None else spec.time_zone)
    start = None if spec.start_time is None else read_moment(spec.start_time, found, "spec.startTime")
    end = None if spec.end_time is None else read_moment(spec.end_time, found, "spec.endTime", as_end=True)
    if start is not None and end is not None and end < start:
        raise InvalidSchedule(
            f"must not be before startTime ({spec.start_time}), got '{spec.end_time}'", path="spec.endTime"
        )
    literal = spec.daylight_saving is DaylightSaving.LITERAL
    return Setting(found, identity, literal, created, start, end)


def _base(spec: ScheduledJobSpec, setting: Setting) -> Rule:
    if spec.schedule is not None:
        read = parse_schedule(spec.schedule)
        if isinstance(read, Every):
            return _every(read.seconds, setting)
        found = cron_trigger(meaning_of_five(read, setting.identity), setting.zone, literal=setting.literal)
        if found is None:
            raise InvalidSchedule(f"must name a day that some year has, got {quoted(spec.schedule)}", path=SCHEDULE)
        return found
    if spec.trigger is not None:
        return _structured(spec.trigger, setting, "spec.trigger", DEEPEST)
    return DateTrigger(setting.created if setting.start is None else max(setting.created, setting.start))


def _structured(trigger: TriggerSpec, setting: Setting, path: str, depth: int) -> Rule:
    if trigger.cron is not None:
        return _cron(trigger.cron, setting.zone, f"{path}.cron", literal=setting.literal)
    if trigger.interval is not None:
        return _every(period_of(trigger.interval, f"{path}.interval"), setting)
    if trigger.calendar_interval is not None:
        return _calendar(trigger.calendar_interval, setting, f"{path}.calendarInterval")
    if trigger.date is not None:
        return DateTrigger(read_moment(trigger.date.at, setting.zone, f"{path}.date.at"))
    word, members = ("anyOf", trigger.any_of) if trigger.any_of is not None else ("allOf", trigger.all_of)
    if not members:
        raise InvalidSchedule(
            "must have exactly one of cron, interval, calendarInterval, date, anyOf, allOf, the last two not empty",
            path=path,
        )
    if depth == 0:
        raise InvalidSchedule(f"must not be nested more than {DEEPEST} deep", path=f"{path}.{word}")
    built = tuple(
        _structured(member, setting, f"{path}.{word}[{place}]", depth - 1) for place, member in enumerate(members)
    )
    if word == "anyOf":
        return any_of(built, setting.zone)
    common = all_of(built, setting.zone)
    if _never(common, setting):
        raise InvalidSchedule("must have members that agree at some instant", path=f"{path}.{word}")
    return common


def _cron(fields: CronFields, zone: Zone, path: str, *, literal: bool, finer: bool = True) -> WallTrigger:
    found = cron_trigger(
        meaning_of_eight(parse_eight_fields(written(fields), path, finer=finer)), zone, literal=literal
    )
    if found is None:
        raise InvalidSchedule(
            "year, month, day, week and dayOfWeek must name a day that some year has, as all of them must match",
            path=path,
        )
    return found


def written(fields: CronFields) -> Written:
    """Return the fields of ``trigger.cron`` by name."""
    return {
        "year": fields.year,
        "month": fields.month,
        "day": fields.day,
        "week": fields.week,
        "dayOfWeek": fields.day_of_week,
        "hour": fields.hour,
        "minute": fields.minute,
        "second": fields.second,
    }


def _every(period: int, setting: Setting) -> IntervalTrigger:
    return IntervalTrigger(setting.created + period if setting.start is None else setting.start, period)


def period_of(interval: Interval, path: str) -> int:
    """Return how many seconds an interval is long."""
    amounts = (interval.weeks, interval.days, interval.hours, interval.minutes, interval.seconds)
    period = sum(amount * unit for amount, unit in zip(amounts, (7 * DAY, DAY, 3600, 60, 1), strict=True))
    if min(amounts) < 0 or not 1 <= period <= LONGEST_PERIOD:
        raise InvalidSchedule(
            f"must be from 1 second to {LONGEST_PERIOD // DAY} days in all, no part of it negative, "
            f"got {period} seconds",
            path=path,
        )
    return period


def _calendar(interval: CalendarInterval, setting: Setting, path: str) -> WallTrigger:
    months, days = interval.years * 12 + interval.months, interval.weeks * 7 + interval.days
    if min(interval.years, interval.months, interval.weeks, interval.days) < 0 or not months + days:
        raise InvalidSchedule("must have at least one of years, months, weeks, days above 0, and none below", path=path)
    if months > LONGEST_MONTHS or days > LONGEST_PERIOD // DAY:
        raise InvalidSchedule(f"must be at most a hundred years, got {months} months and {days} days", path=path)
    for name, highest in (("hour", 23), ("minute", 59), ("second", 59)):
        if not 0 <= getattr(interval, name) <= highest:
            raise InvalidSchedule(
                f"{name} must be from 0 to {highest}, got '{getattr(interval, name)}'", path=f"{path}.{name}"
            )
    anchor = setting.zone.wall_at(setting.created if setting.start is None else setting.start) // DAY
    times = time_of_day(interval.hour, interval.minute, interval.second)
    return WallTrigger(setting.zone, days_apart(anchor, months, days), times, once=not setting.literal)


def _exclude(rule: Rule, exclusions: tuple[Exclusion, ...], setting: Setting) -> Rule:
    if not exclusions:
        return rule
    stretches, clocks = [], []
    for place, exclusion in enumerate(exclusions):
        path = f"spec.exclude[{place}]"
        if exclusion.cron is not None:
            clocks.append(_cron(exclusion.cron, setting.zone, f"{path}.cron", literal=True, finer=False))
        else:
            stretches.append(_stretch(exclusion, setting.zone, path))
    return excluded(rule, setting.zone, stretches, clocks)


def _stretch(exclusion: Exclusion, zone: Zone, path: str) -> Stretch:
    start, end = -FOREVER, FOREVER
    if exclusion.from_ is not None:
        start = read_moment(exclusion.from_, zone, f"{path}.from")
    if exclusion.to is not None:
        end = read_moment(exclusion.to, zone, f"{path}.to", as_end=True)
    if end < start:
        raise InvalidSchedule(f"must not be before from ({exclusion.from_}), got '{exclusion.to}'", path=f"{path}.to")
    return Stretch(start, end)


def _never(rule: Rule, setting: Setting) -> bool:
    """Tell whether it is certain that a rule has no fire time at all; one that has had its last one is merely over."""
    return all(rule.seek(since, LAST_INSTANT, setting.budget) is None for since in (setting.created - 1, -1))


def _refuse_never(rule: Rule, spec: ScheduledJobSpec, setting: Setting) -> None:
    # What counts from its creation has no fire time where endTime lies before that: it is over, as a cron then is.
    if (setting.end is not None and setting.end < setting.created) or not _never(rule, setting):
        return
    because = [
        *(["exclude"] if spec.exclude else []),
        *(["startTime"] if setting.start is not None else []),
        *(["endTime"] if setting.end is not None else []),
    ]
    path = SCHEDULE if spec.schedule is not None else "spec.trigger"
    raise InvalidSchedule(
        f"must have a fire time{f', but has none with {listed(because)}' if because else ''}", path=path
    )
