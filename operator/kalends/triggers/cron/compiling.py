"""Cron expressions worked out: which days, which times of day, and what happens when the clocks change."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING

from kalends.errors import InvalidSchedule
from kalends.triggers.cron.drawing import DayRule, days_of
from kalends.triggers.cron.expressions import parse_expression
from kalends.triggers.cron.fields import (
    DAY,
    DAY_OF_MONTH,
    DAY_OF_WEEK,
    EIGHT_FIELDS,
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
from kalends.triggers.cron.items import Hashed, Items, LastWeekday, NthWeekday, SpecialDay, Values
from kalends.triggers.cron.schedule import SCHEDULE, FiveFields
from kalends.triggers.quoting import quoted
from kalends.triggers.times import members, times_of
from kalends.triggers.wall import WallTrigger

if TYPE_CHECKING:
    from kalends.triggers.zones import Zone

EightFields = Mapping[Field, Items]
_SUNDAY_FIRST_TO_MONDAY_FIRST = 6
_FULL_MINUTE = 1
_EVERYTHING = {field: Values(field.low, field.high, star=True) for field in EIGHT_FIELDS}


def five_field_trigger(fields: FiveFields, zone: Zone, *, identity: str, literal: bool) -> WallTrigger:
    """Return the trigger of a ``schedule``.

    When both day fields are restricted, a day that matches either will do. ``*`` and ``?`` are no restriction,
    ``*/2`` is: that is how the parser of CronJob sees it, while Debian's cron takes whatever begins with a star for
    none.

    Args:
        fields: The expression.
        zone: Whose clocks it follows.
        identity: ``namespace/name``, from which H makes its values.
        literal: Whether ``daylightSaving`` is Literal.

    Raises:
        InvalidSchedule: No calendar has such a day.
    """
    months, _ = _bits(MONTH, fields.month, identity)
    days, special_days = _bits(DAY, fields.day, identity)
    weekdays, special_weekdays = _bits(WEEKDAY, fields.weekday, identity)
    rule = DayRule(
        months=months,
        days=days,
        special_days=special_days,
        weekdays=_monday_first(weekdays),
        special_weekdays=tuple(_monday_first_special(special) for special in special_weekdays),
        either=not (_unrestricted(fields.day) or _unrestricted(fields.weekday)),
    )
    found = days_of(rule)
    if found is None:
        raise InvalidSchedule(f"schedule must name a day that some year has, got {quoted(fields)}", path=SCHEDULE)
    hours, _ = _bits(HOUR, fields.hour, identity)
    minutes, _ = _bits(MINUTE, fields.minute, identity)
    once = not literal and not follows_clock(fields.hour, fields.minute)
    return WallTrigger(zone, found, times_of(hours, minutes, _FULL_MINUTE), once)


def read_eight_fields(written: Mapping[str, str | int | None], path: str, *, finer: bool = True) -> EightFields:
    """Read the fields of ``trigger.cron``, by name as messages have it.

    APScheduler's rule for what is left unset: what is coarser than the finest field given is ``*``; of what is finer,
    hour, minute and second are 0, month and day are 1. Without ``finer``, which is how ``exclude`` reads them, all is
    ``*``.

    Raises:
        InvalidSchedule: One of them cannot be read, or there is none.
    """
    given = [place for place, field in enumerate(EIGHT_FIELDS) if written.get(field.name) is not None]
    if not given:
        raise InvalidSchedule(f"must have at least one of {', '.join(field.name for field in EIGHT_FIELDS)}", path=path)
    items: dict[Field, Items] = {}
    for place, field in enumerate(EIGHT_FIELDS):
        text = written.get(field.name)
        if text is not None:
            items[field] = parse_expression(field, text, f"{path}.{field.name}")
        elif place < given[-1] or field in {WEEK, DAY_OF_WEEK} or not finer:
            items[field] = (_EVERYTHING[field],)
        else:
            items[field] = (Values(field.low, field.low),)
    return items


def eight_field_trigger(fields: EightFields, zone: Zone, *, literal: bool, path: str) -> WallTrigger:
    """Return the trigger of ``trigger.cron``: all fields must match.

    Raises:
        InvalidSchedule: No calendar has such a day.
    """
    days, special_days = _bits(DAY_OF_MONTH, fields[DAY_OF_MONTH])
    rule = DayRule(
        months=_bits(MONTH_OF_YEAR, fields[MONTH_OF_YEAR])[0],
        days=days,
        special_days=special_days,
        weekdays=_bits(DAY_OF_WEEK, fields[DAY_OF_WEEK])[0],
        weeks=0 if _unrestricted(fields[WEEK]) else _bits(WEEK, fields[WEEK])[0],
    )
    years = None if _unrestricted(fields[YEAR]) else members(_bits(YEAR, fields[YEAR])[0])
    found = days_of(rule, years)
    if found is None:
        raise InvalidSchedule(
            "must name a day that some year has: year, month, day, week and dayOfWeek must all match", path=path
        )
    clock = [fields[field] for field in (HOUR_OF_DAY, MINUTE_OF_HOUR, SECOND_OF_MINUTE)]
    hours, minutes, seconds = (_bits(SECOND_OF_MINUTE, items)[0] for items in clock)
    return WallTrigger(zone, found, times_of(hours, minutes, seconds), once=not literal and not follows_clock(*clock))


def follows_clock(*fields: Items) -> bool:
    """Tell whether an item of these time fields begins with a star: the rule then follows changes of the clocks.

    ``H/15`` is ``*/15`` with an offset and counts as one.
    """
    return any(
        (isinstance(item, Values) and item.star) or (isinstance(item, Hashed) and item.whole and item.step is not None)
        for items in fields
        for item in items
    )


def _unrestricted(items: Items) -> bool:
    return any(isinstance(item, Values) and item.is_everything for item in items)


def _bits(field: Field, items: Items, identity: str = "") -> tuple[int, tuple[SpecialDay, ...]]:
    """Return the values of a field as a bit set, and what is no fixed value."""
    bits = 0
    specials = []
    for item in items:
        match item:
            case Values(first, last, step):
                for value in range(first, last + 1, step):
                    bits |= 1 << value
            case Hashed():
                for value in hashed_values(field, item, identity):
                    bits |= 1 << value
            case _:
                specials.append(item)
    return bits, tuple(specials)


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
    weekdays = (weekdays | weekdays >> 7) & 0x7F
    return (weekdays >> 1 | weekdays << _SUNDAY_FIRST_TO_MONDAY_FIRST) & 0x7F


def _monday_first_special(special: SpecialDay) -> SpecialDay:
    match special:
        case NthWeekday(weekday, nth):
            return NthWeekday((weekday + _SUNDAY_FIRST_TO_MONDAY_FIRST) % 7, nth)
        case LastWeekday(weekday):
            return LastWeekday((weekday + _SUNDAY_FIRST_TO_MONDAY_FIRST) % 7)
    return special
