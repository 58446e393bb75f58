"""Builds the trigger of a spec: the entry point of this package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from kalends.errors import InvalidSchedule
from kalends.model.values import DaylightSaving
from kalends.triggers.cron.compiled import compile_eight_fields, compile_five_fields, cron_trigger
from kalends.triggers.cron.eight_fields import Written, parse_eight_fields
from kalends.triggers.cron.fields import MONDAY_FIRST
from kalends.triggers.cron.five_fields import SCHEDULE, Every, parse_schedule
from kalends.triggers.protocol import Instant, Rule, Trigger
from kalends.triggers.rules.bounds import BoundedRule
from kalends.triggers.rules.calendar_interval import DaysOfNthWeek, days_apart, time_of_day
from kalends.triggers.rules.combined import any_of
from kalends.triggers.rules.date import DateRule
from kalends.triggers.rules.excluded import InstantRange, excluded
from kalends.triggers.rules.intersections import all_of
from kalends.triggers.rules.interval import IntervalRule
from kalends.triggers.rules.remembered import remembered
from kalends.triggers.rules.wall_clock import WallRule
from kalends.triggers.search.budget import MOST_WORK_OF_BUILDING, Budget
from kalends.triggers.text.instants import read_moment
from kalends.triggers.text.words import listed, quoted
from kalends.triggers.wall_clock.days import Days
from kalends.triggers.when import (
    CalendarIntervalSpec,
    CronSpec,
    ExclusionSpec,
    IntervalSpec,
    MemberSpec,
    TriggerSpec,
    When,
)
from kalends.triggers.zones.zone import DAY, FOREVER, LAST_INSTANT, Zone, find_zone

DEEPEST = 2
"""How deep anyOf and allOf nest."""
LONGEST_PERIOD = 36_525 * DAY
LONGEST_MONTHS = 1_200
"""A hundred years each."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The inputs that all triggers of a resource share."""

    zone: Zone
    identity: str
    literal: bool
    created: Instant
    start: Instant | None
    end: Instant | None
    budget: Budget = field(default_factory=lambda: Budget(MOST_WORK_OF_BUILDING))
    """For all searches that building takes together."""
    alternatives: list[tuple[str, Rule]] = field(default_factory=list)
    """The members of each anyOf as they were built, with their paths."""
    ended: list[str] = field(default_factory=list)
    """Paths of what has an endTime before its creation. Such a rule may have no fire time at all, as intervals count
    from the creation; it is over then, as a cron is, and not impossible."""


def build_trigger(when: When, *, created: Instant, zone: str, identity: str) -> Trigger:
    """Return the trigger of a resource.

    Args:
        when: What the user wrote.
        created: When the resource was created. Intervals count from it where there is no ``startTime``, and a resource
            with neither ``schedule`` nor ``trigger`` fires then, or at ``startTime`` if that is later.
        zone: The IANA name of the zone to use where the spec names none.
        identity: ``namespace/name``, from which H makes its values.

    Raises:
        InvalidSchedule: It cannot be carried out, or certainly never fires; the message says where, and what is
            accepted. A rule whose first fire time lies beyond what a search may cost is accepted.
    """
    return remembered(rule_of(when, setting_of(when, created=created, zone=zone, identity=identity)))


def rule_of(when: When, setting: Setting) -> Rule:
    """Return the rule of a resource; it certainly has fire times, though these may be over."""
    rule = within_limits(_base(when, setting), when, setting)
    _refuse_never(rule, when, setting)
    return rule


def within_limits(rule: Rule, when: When, setting: Setting) -> Rule:
    """Return a rule without what ``exclude``, ``startTime`` and ``endTime`` of the spec take away."""
    return _bounded(_exclude(rule, when.exclude, setting), setting.start, setting.end)


def setting_of(when: When, *, created: Instant, zone: str, identity: str) -> Setting:
    """Read what all triggers of a resource have in common."""
    found = find_zone(zone if when.time_zone is None else when.time_zone)
    start, end = _bounds(when, found, "spec")
    literal = when.daylight_saving is DaylightSaving.LITERAL
    setting = Setting(found, identity, literal, created, start, end)
    _note_end(setting, "spec")
    return setting


def setting_within(member: MemberSpec, setting: Setting, path: str) -> Setting:
    """Return what a member of anyOf or allOf is built with: its own zone and bounds, else those around it.

    ``start`` is what its intervals count from, ``end`` its own.
    """
    zone = setting.zone if member.time_zone is None else find_zone(member.time_zone, f"{path}.timeZone")
    start, end = _bounds(member, zone, path)
    within = replace(setting, zone=zone, start=setting.start if start is None else start, end=end)
    _note_end(within, path)
    return within


def _note_end(setting: Setting, path: str) -> None:
    if setting.end is not None and setting.end < setting.created:
        setting.ended.append(path)


def _bounds(source: When | MemberSpec, zone: Zone, path: str) -> tuple[Instant | None, Instant | None]:
    start = None if source.start_time is None else read_moment(source.start_time, zone, f"{path}.startTime")
    end = None if source.end_time is None else read_moment(source.end_time, zone, f"{path}.endTime", as_end=True)
    if start is not None and end is not None and end < start:
        raise InvalidSchedule(
            f"must not be before startTime ({source.start_time}), got '{source.end_time}'", path=f"{path}.endTime"
        )
    return start, end


def _bounded(rule: Rule, start: Instant | None, end: Instant | None) -> Rule:
    return rule if start is None and end is None else BoundedRule(rule, start, end)


def _base(when: When, setting: Setting) -> Rule:
    if when.schedule is not None:
        read = parse_schedule(when.schedule)
        if isinstance(read, Every):
            return _every(read.seconds, setting)
        found = cron_trigger(compile_five_fields(read, setting.identity), setting.zone, literal=setting.literal)
        if found is None:
            raise InvalidSchedule(f"must name a day that some year has, got {quoted(when.schedule)}", path=SCHEDULE)
        return found
    if when.trigger is not None:
        return _structured(when.trigger, setting, "spec.trigger", DEEPEST)
    return DateRule(setting.created if setting.start is None else max(setting.created, setting.start))


def _structured(trigger: TriggerSpec, setting: Setting, path: str, depth: int) -> Rule:
    if trigger.cron is not None:
        return _cron(trigger.cron, setting.zone, f"{path}.cron", literal=setting.literal)
    if trigger.interval is not None:
        return _every(period_of(trigger.interval, f"{path}.interval"), setting)
    if trigger.calendar_interval is not None:
        return _calendar(trigger.calendar_interval, setting, f"{path}.calendarInterval")
    if trigger.date is not None:
        return DateRule(read_moment(trigger.date.at, setting.zone, f"{path}.date.at"))
    word, members = ("anyOf", trigger.any_of) if trigger.any_of is not None else ("allOf", trigger.all_of)
    if not members:
        raise InvalidSchedule(
            "must have exactly one of cron, interval, calendarInterval, date, anyOf, allOf, the last two not empty",
            path=path,
        )
    if depth == 0:
        raise InvalidSchedule(f"must not be nested more than {DEEPEST} deep", path=f"{path}.{word}")
    built = [_member(member, setting, f"{path}.{word}[{place}]", depth - 1) for place, member in enumerate(members)]
    if word == "anyOf":
        rules = [_bounded(one.rule, one.start, one.end) for one in built]
        setting.alternatives.extend((one.path, rule) for one, rule in zip(built, rules, strict=True))
        return any_of(rules, setting.zone)
    return _agreement(built, setting, f"{path}.{word}")


@dataclass(frozen=True, slots=True)
class _Built:
    """A member, built, and its own bounds."""

    path: str
    rule: Rule
    start: Instant | None
    end: Instant | None


def _member(member: MemberSpec, setting: Setting, path: str, depth: int) -> _Built:
    within = setting_within(member, setting, path)
    start = None if member.start_time is None else within.start
    return _Built(path, _structured(member, within, path, depth), start, within.end)


def _agreement(built: Sequence[_Built], setting: Setting, path: str) -> Rule:
    """Return what all members agree on, within the bounds of all: so bounds do not hide where they can agree."""
    common = all_of([one.rule for one in built], setting.zone)
    start = max((one.start for one in built if one.start is not None), default=None)
    end = min((one.end for one in built if one.end is not None), default=None)
    bounded = _bounded(common, start, end)
    is_over = any(ended.startswith(path) for ended in setting.ended)
    if not is_over and _never(bounded, setting):
        raise InvalidSchedule("must have members that agree at some instant", path=path)
    return bounded


def _cron(fields: CronSpec, zone: Zone, path: str, *, literal: bool, finer: bool = True) -> WallRule:
    found = cron_trigger(
        compile_eight_fields(parse_eight_fields(written(fields), path, finer=finer)), zone, literal=literal
    )
    if found is None:
        raise InvalidSchedule(
            "year, month, day, week and dayOfWeek must name a day that some year has, as all of them must match",
            path=path,
        )
    return found


def written(fields: CronSpec) -> Written:
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


def _every(period: int, setting: Setting) -> IntervalRule:
    return IntervalRule(setting.created + period if setting.start is None else setting.start, period)


def period_of(interval: IntervalSpec, path: str) -> int:
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


def _calendar(interval: CalendarIntervalSpec, setting: Setting, path: str) -> WallRule:
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
    times = time_of_day(interval.hour, interval.minute, interval.second)
    return WallRule(setting.zone, _days(interval, setting, path), times, once=not setting.literal)


def _days(interval: CalendarIntervalSpec, setting: Setting, path: str) -> Days:
    months, days = interval.years * 12 + interval.months, interval.weeks * 7 + interval.days
    anchor = setting.zone.wall_at(setting.created if setting.start is None else setting.start) // DAY
    if interval.days_of_week is None:
        return days_apart(anchor, months, days)
    if not interval.weeks or months or interval.days:
        raise InvalidSchedule(
            "daysOfWeek must be set only with weeks, and without years, months and days", path=f"{path}.daysOfWeek"
        )
    return DaysOfNthWeek(anchor, interval.weeks, [MONDAY_FIRST.index(name) for name in interval.days_of_week])


def _exclude(rule: Rule, exclusions: tuple[ExclusionSpec, ...], setting: Setting) -> Rule:
    if not exclusions:
        return rule
    ranges, clocks = [], []
    for place, exclusion in enumerate(exclusions):
        path = f"spec.exclude[{place}]"
        if exclusion.cron is not None:
            clocks.append(_cron(exclusion.cron, setting.zone, f"{path}.cron", literal=True, finer=False))
        else:
            ranges.append(_range(exclusion, setting.zone, path))
    return excluded(rule, setting.zone, ranges, clocks)


def _range(exclusion: ExclusionSpec, zone: Zone, path: str) -> InstantRange:
    start, end = -FOREVER, FOREVER
    if exclusion.from_ is not None:
        start = read_moment(exclusion.from_, zone, f"{path}.from")
    if exclusion.to is not None:
        end = read_moment(exclusion.to, zone, f"{path}.to", as_end=True)
    if end < start:
        raise InvalidSchedule(f"must not be before from ({exclusion.from_}), got '{exclusion.to}'", path=f"{path}.to")
    return InstantRange(start, end)


def _never(rule: Rule, setting: Setting) -> bool:
    """Return whether a rule certainly has no fire time at all, neither in the past nor in the future."""
    return all(rule.seek(since, LAST_INSTANT, setting.budget) is None for since in (setting.created - 1, -1))


def _refuse_never(rule: Rule, when: When, setting: Setting) -> None:
    if setting.ended or not _never(rule, setting):
        return
    because = [
        *(["exclude"] if when.exclude else []),
        *(["startTime"] if setting.start is not None else []),
        *(["endTime"] if setting.end is not None else []),
    ]
    path = SCHEDULE if when.schedule is not None else "spec.trigger"
    raise InvalidSchedule(
        f"must have a fire time{f', but has none with {listed(because)}' if because else ''}", path=path
    )
