"""Cron expressions worked out: which days, which times of day, and what happens when the clocks change."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from kalends.triggers.cron.days import DayRule, days_of
from kalends.triggers.cron.eight_fields import EightFields
from kalends.triggers.cron.fields import (
    DAY,
    DAY_OF_MONTH,
    DAY_OF_WEEK,
    HOUR,
    HOUR_OF_DAY,
    MINUTE,
    MINUTE_OF_HOUR,
    MONTH,
    MONTH_OF_YEAR,
    SECOND_OF_MINUTE,
    WEEK,
    WEEKDAY,
    YEAR,
    Field,
)
from kalends.triggers.cron.five_fields import FiveFields
from kalends.triggers.cron.items import Hashed, Items, LastWeekday, NthWeekday, SpecialDay, Values
from kalends.triggers.rules.wall_clock import WallRule
from kalends.triggers.wall_clock.times_of_day import members, times_of
from kalends.triggers.zones.zone import Zone

_SUNDAY_FIRST_TO_MONDAY_FIRST = 6
_FULL_MINUTE = 1


@dataclass(frozen=True, slots=True)
class CompiledCron:
    """What a cron expression of either grammar means. Times are bit sets; ``years`` ascend, None: all."""

    rule: DayRule
    hours: int
    minutes: int
    seconds: int
    years: tuple[int, ...] | None
    follows_clock: bool


def compile_five_fields(fields: FiveFields, identity: str) -> CompiledCron:
    """Work out a ``schedule``; ``identity`` is ``namespace/name``, from which H makes its values.

    When both day fields are restricted, a day that matches either will do. ``*`` and ``?`` are no restriction,
    ``*/2``
    is: so the parser of CronJob has it, while Debian's cron takes whatever begins with a star for none.
    """
    days, special_days = values_of(DAY, fields.day, identity)
    weekdays, special_weekdays = values_of(WEEKDAY, fields.weekday, identity)
    rule = DayRule(
        months=values_of(MONTH, fields.month, identity)[0],
        days=days,
        special_days=special_days,
        weekdays=_monday_first(weekdays),
        special_weekdays=tuple(_monday_first_special(special) for special in special_weekdays),
        either=not (_unrestricted(fields.day) or _unrestricted(fields.weekday)),
    )
    return CompiledCron(
        rule,
        hours=values_of(HOUR, fields.hour, identity)[0],
        minutes=values_of(MINUTE, fields.minute, identity)[0],
        seconds=_FULL_MINUTE,
        years=None,
        follows_clock=follows_clock(fields.hour, fields.minute),
    )


def compile_eight_fields(fields: EightFields, identity: str = "") -> CompiledCron:
    """Work out ``trigger.cron``: all of its fields must match.

    H, which ``CronTrigger`` alone accepts, follows from ``identity``.
    """
    days, special_days = values_of(DAY_OF_MONTH, fields[DAY_OF_MONTH], identity)
    rule = DayRule(
        months=values_of(MONTH_OF_YEAR, fields[MONTH_OF_YEAR], identity)[0],
        days=days,
        special_days=special_days,
        weekdays=_wrapped(values_of(DAY_OF_WEEK, fields[DAY_OF_WEEK], identity)[0]),
        weeks=0 if _unrestricted(fields[WEEK]) else values_of(WEEK, fields[WEEK], identity)[0],
    )
    hours, minutes, seconds = (
        values_of(field, fields[field], identity)[0] for field in (HOUR_OF_DAY, MINUTE_OF_HOUR, SECOND_OF_MINUTE)
    )
    years = None if _unrestricted(fields[YEAR]) else members(values_of(YEAR, fields[YEAR], identity)[0])
    return CompiledCron(
        rule, hours, minutes, seconds, years, follows_clock(fields[HOUR_OF_DAY], fields[MINUTE_OF_HOUR])
    )


def cron_trigger(cron: CompiledCron, zone: Zone, *, literal: bool) -> WallRule | None:
    """Return the trigger; None if no year has such a day. ``literal`` is ``daylightSaving: Literal``."""
    days = days_of(cron.rule, cron.years)
    if days is None:
        return None
    times = times_of(cron.hours, cron.minutes, cron.seconds)
    return WallRule(zone, days, times, once=not literal and not cron.follows_clock)


def follows_clock(hour: Items, minute: Items) -> bool:
    """Return whether the rule follows changes of the clocks: its hour or its minute begins with a star.

    This is the rule of Debian's cron (man 8 cron): its parser looks at the first character of these two fields. A star
    later in a list leaves the times fixed, and so does a star in ``second``, a field that Debian's cron does not have.
    ``H/15`` is ``*/15`` with an offset and counts as a star.
    """
    return any(_begins_with_star(items) for items in (hour, minute))


def _begins_with_star(items: Items) -> bool:
    first = items[0]
    if isinstance(first, Hashed):
        return first.whole and first.step is not None
    return isinstance(first, Values) and first.star


def _unrestricted(items: Items) -> bool:
    return any(isinstance(item, Values) and item.is_everything for item in items)


def values_of(field: Field, items: Items, identity: str = "") -> tuple[int, tuple[SpecialDay, ...]]:
    """Return the values of a field as a bit set, and what is no fixed value."""
    bits = 0
    specials: list[SpecialDay] = []
    for item in items:
        if isinstance(item, Values):
            if item.step == 1:
                bits |= (1 << item.last + 1) - (1 << item.first)
            else:
                bits |= _bits(range(item.first, item.last + 1, item.step))
        elif isinstance(item, Hashed):
            bits |= _bits(hashed_values(field, item, identity))
        else:
            specials.append(item)
    return bits, tuple(specials)


def _bits(values: range) -> int:
    bits = 0
    for value in values:
        bits |= 1 << value
    return bits


def hashed_values(field: Field, item: Hashed, identity: str) -> range:
    """Return what H stands for: the same for ever for one resource and field, spread evenly over resources."""
    digest = blake2b(f"{identity}\0{field.name}".encode(), digest_size=8).digest()
    number = int.from_bytes(digest, "big")
    if item.step is None:
        value = item.low + number % (item.high - item.low + 1)
        return range(value, value + 1)
    return range(item.low + number % item.step, item.high + 1, item.step)


def _monday_first(weekdays: int) -> int:
    """Turn a bit set of 0 (Sunday) to 6, and those counted on from there, into one whose bit 0 is Monday."""
    weekdays = _wrapped(weekdays)
    return (weekdays >> 1 | weekdays << _SUNDAY_FIRST_TO_MONDAY_FIRST) & 0x7F


def _wrapped(weekdays: int) -> int:
    return (weekdays | weekdays >> 7) & 0x7F


def _monday_first_special(special: SpecialDay) -> SpecialDay:
    match special:
        case NthWeekday(weekday, nth):
            return NthWeekday((weekday + _SUNDAY_FIRST_TO_MONDAY_FIRST) % 7, nth)
        case LastWeekday(weekday):
            return LastWeekday((weekday + _SUNDAY_FIRST_TO_MONDAY_FIRST) % 7)
    return special
