"""The grammar of ``trigger.cron``: APScheduler's expressions, each read to its end.

The expressions are those of its user guide (``apscheduler.triggers.cron``). APScheduler itself overlooks what follows a
name, so that its ``mon-fri/2`` is ``mon-fri`` and its ``last-3`` is ``last``; here the first is refused, and the second
is the third day before the last. ``day`` also reads what the day of month of ``schedule`` does: ``L``, ``L-3``, ``LW``,
``L-3W``, ``15W``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

from kalends.errors import InvalidSchedule
from kalends.triggers.cron.fields import DAY_OF_MONTH, DAY_OF_WEEK, EIGHT_FIELDS, MONDAY_FIRST, WEEK, Field
from kalends.triggers.cron.five_field_reader import special_day
from kalends.triggers.cron.five_field_writer import write_item
from kalends.triggers.cron.items import Item, Items, LastDay, LastWeekday, NthWeekday, Values
from kalends.triggers.text.words import quoted

_LONGEST = 1_000
_NUMBER = "[0-9]{1,9}"
_EVERYTHING = re.compile(rf"\*(?:/({_NUMBER}))?")
_NUMBERS = re.compile(rf"({_NUMBER})(?:-({_NUMBER}))?(?:/({_NUMBER}))?")
_NAMES = re.compile("([a-z]{3})(?:-([a-z]{3}))?")
_LAST = re.compile("last(?=$|-[0-9]{1,2}$)")
_POSITIONS = ("1st", "2nd", "3rd", "4th", "5th")
_POSITION = re.compile(rf"({'|'.join(_POSITIONS)}|last) +([a-z]{{3}})")
Written: TypeAlias = Mapping[str, str | int | None]
"""What the user wrote, by the name of the field; None: nothing."""
EightFields: TypeAlias = Mapping[Field, Items]
_EVERY_VALUE = {field: Values(field.low, field.high, star=True) for field in EIGHT_FIELDS}


def parse_eight_fields(written: Written, path: str, *, finer: bool = True) -> EightFields:
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
            items[field] = (_EVERY_VALUE[field],)
        else:
            items[field] = (Values(field.low, field.low),)
    return items


def parse_expression(field: Field, written: str | int, path: str) -> Items:
    """Read one field.

    Raises:
        InvalidSchedule: It is none; the message names the field, what it accepts, and what was found.
    """
    text = str(written)
    try:
        if len(text) > _LONGEST:
            field.refuse(text, f"it is longer than {_LONGEST} characters")
        return _parse(field, text)
    except InvalidSchedule as invalid:
        raise InvalidSchedule(invalid.message, path=path) from None


@lru_cache(maxsize=1024)
def _parse(field: Field, text: str) -> Items:
    if not text.isascii():
        field.refuse(text)
    return tuple(_parse_item(field, item.strip(" ")) for item in text.lower().split(","))


def _parse_item(field: Field, item: str) -> Item:
    if found := _EVERYTHING.fullmatch(item):
        return Values(field.low, field.high, _step(field, item, found[1], field.high - field.low), star=True)
    if field is not DAY_OF_WEEK and (found := _NUMBERS.fullmatch(item)):
        return _numbers(field, item, *found.groups())
    if field.names and (found := _NAMES.fullmatch(item)):
        return _names(field, item, found[1], found[2] or found[1])
    special = _special_day(item) if field is DAY_OF_MONTH else None
    if special is None:
        field.refuse(item)
    return special


def _special_day(item: str) -> Item | None:
    found = _POSITION.fullmatch(item)
    if found is None:
        return special_day(DAY_OF_MONTH, _LAST.sub("l", item))
    if found[2] not in MONDAY_FIRST:
        return None
    weekday = MONDAY_FIRST.index(found[2])
    return LastWeekday(weekday) if found[1] == "last" else NthWeekday(weekday, _POSITIONS.index(found[1]) + 1)


def _step(field: Field, item: str, text: str | None, longest: int) -> int:
    if text is None:
        return 1
    if not 1 <= int(text) <= longest:
        accepted = f"a step must be from 1 to {longest} here" if longest else "there is no room for a step here"
        field.refuse(item, accepted)
    return int(text)


def _numbers(field: Field, item: str, start: str, end: str | None, steps: str | None) -> Values:
    first = int(start)
    last = int(end) if end is not None else field.high if steps is not None else first
    for value in (first, last):
        if not field.low <= value <= field.high:
            field.refuse(item, f"{value} is not from {field.low} to {field.high}")
    if last < first:
        field.refuse(item, f"a range must ascend, and {last} comes before {first}")
    return Values(first, last, _step(field, item, steps, last - first))


def _names(field: Field, item: str, start: str, end: str) -> Values:
    first, last = field.number(start), field.number(end)
    if first is None or last is None:
        field.refuse(item, f"{quoted(start if first is None else end)} is not a name that this field accepts")
    if last < first:
        if field.names != MONDAY_FIRST:
            field.refuse(item, f"a range must ascend, and {end} comes before {start}")
        last += len(MONDAY_FIRST)
    return Values(first, last)


def write_expression(field: Field, items: Items) -> str:
    """Return text that ``parse_expression`` reads the same."""
    return ",".join(_write(field, item) for item in items)


def _write(field: Field, item: Item) -> str:
    match item:
        case Values():
            return _write_values(field, item)
        case LastDay(before):
            return f"last-{before}" if before else "last"
        case LastWeekday(weekday):
            return f"last {MONDAY_FIRST[weekday]}"
        case NthWeekday(weekday, nth):
            return f"{_POSITIONS[nth - 1]} {MONDAY_FIRST[weekday]}"
    return write_item(field, item)


def _write_values(field: Field, values: Values) -> str:
    steps = f"/{values.step}" if values.step > 1 else ""
    if values.star:
        return f"*{steps}"
    low, high = (_spelt(field, value) for value in (values.first, values.last))
    return f"{low}{steps}" if low == high else f"{low}-{high}{steps}"


def _spelt(field: Field, value: int) -> str:
    return MONDAY_FIRST[value % len(MONDAY_FIRST)] if field is DAY_OF_WEEK else str(value)
