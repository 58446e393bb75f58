"""One field of ``schedule``, read: numbers and names, ranges, steps, and the letters L, W, # and H."""

from __future__ import annotations

import re
from functools import lru_cache

from kalends.triggers.cron.fields import DAY, DAY_OF_MONTH, WEEKDAY, Field
from kalends.triggers.cron.items import (
    Hashed,
    Item,
    Items,
    LastDay,
    LastWeekday,
    LastWorkday,
    NearestWorkday,
    NthWeekday,
    SpecialDay,
    Values,
)
from kalends.triggers.text.words import quoted

_NUMBER = r"\+?[0-9]{1,18}"  # Go's integers take a sign
_RANGE = re.compile(rf"([*?]|{_NUMBER}|[a-z]{{3}})(?:-({_NUMBER}|[a-z]{{3}}))?(?:/({_NUMBER}))?")
_HASHED = re.compile(r"h(?:\(([0-9]{1,2})-([0-9]{1,2})\))?(?:/([0-9]{1,2}))?")
_LAST_DAY = re.compile(r"l(?:-([0-9]{1,2}))?(w)?")
_NEAREST_WORKDAY = re.compile(r"([0-9]{1,2})w")
_SOME_WEEKDAY = re.compile(r"([0-9]|[a-z]{3})(?:#?(l)|#([0-9]))")
_WEEK = 7
_HASHED_DAYS = 28
"""The days that every month has."""
_MOST_BEFORE_LAST = 30
_MOST_IN_MONTH = 5


@lru_cache(maxsize=1024)
def parse_field(field: Field, text: str) -> Items:
    """Read a field; CronJob passes over empty items, so ``1,,2`` is ``1,2``."""
    if text == "*":
        return (Values(field.low, field.high, star=True),)
    items = [item for item in text.lower().split(",") if item] if text.isascii() else []
    if not items:
        field.refuse(text)
    return tuple(_parse_item(field, item) for item in items)


def _parse_item(field: Field, item: str) -> Item:
    found = _RANGE.fullmatch(item)
    if found is not None:
        return _values(field, item, *found.groups())
    hashed = hashed_item(field, item)
    if hashed is not None:
        return hashed
    special: Item | None = None
    if field is DAY:
        special = special_day(field, item)
    elif field is WEEKDAY:
        special = _special_weekday(item)
    if special is None:
        field.refuse(item)
    return special


def _values(field: Field, item: str, start: str, end: str | None, steps: str | None) -> Values:
    step = int(steps) if steps else 1
    if step == 0:
        field.refuse(item, "a step must be at least 1")
    if start in {"*", "?"}:
        if end is not None:
            field.refuse(item, f"{start} cannot begin a range")
        return Values(field.low, field.high, step, star=True)
    first = _value(field, item, start)
    last = first if end is None else _value(field, item, end)
    if field is WEEKDAY:
        first, last = _week_range(first, last, by_name=start.isalpha())
    if end is None:
        return Values(first, field.high if steps else first, step)
    if last < first:
        field.refuse(item, f"a range must ascend, and {end} comes before {start}")
    return Values(first, last, step)


def _week_range(first: int, last: int, *, by_name: bool) -> tuple[int, int]:
    """Count a range of weekdays on beyond Saturday where it runs through Sunday: fri-sun is 5 to 7, sat-mon 6 to 8."""
    if (first, last) == (0, _WEEK):
        return 0, _WEEK - 1
    first, last = first % _WEEK, last % _WEEK
    if last < first and (last == 0 or by_name):
        last += _WEEK
    return first, last


def _value(field: Field, item: str, text: str) -> int:
    value = field.number(text) if text.isalpha() else int(text)
    if value is None:
        field.refuse(item, f"{quoted(text)} is not a name that this field accepts")
    highest = _WEEK if field is WEEKDAY else field.high
    if not field.low <= value <= highest:
        field.refuse(item, f"{value} is not from {field.low} to {highest}")
    return value


def hashed_item(field: Field, item: str) -> Hashed | None:
    """Return what ``h``, ``h/15``, ``h(0-29)`` or ``h(0-29)/10`` stands for; None for other text."""
    found = _HASHED.fullmatch(item)
    return None if found is None else _hashed(field, item, *found.groups())


def _hashed(field: Field, item: str, start: str | None, end: str | None, steps: str | None) -> Hashed:
    low, high = field.low, _HASHED_DAYS if field in {DAY, DAY_OF_MONTH} else field.high
    if start is not None and end is not None:
        low, high = _value(field, item, start), _value(field, item, end)
        if field is WEEKDAY and _WEEK in {low, high}:
            field.refuse(item, "within H, days of the week are counted from 0 (Sunday) to 6")
        if high < low:
            field.refuse(item, f"a range must ascend, and {end} comes before {start}")
    step = int(steps) if steps else None
    if step is not None and not 1 <= step <= high - low + 1:
        field.refuse(item, f"a step must be from 1 to {high - low + 1} here")
    return Hashed(low, high, step, whole=start is None)


def special_day(field: Field, item: str) -> SpecialDay | None:
    """Return the day of the month that ``L``, ``L-3``, ``LW``, ``L-3W`` or ``15W`` names; None for other text.

    ``W`` is as in Quartz: the nearest day from Monday to Friday in the same month.
    """
    found = _LAST_DAY.fullmatch(item)
    if found is not None:
        before = int(found[1] or 0)
        if found[1] and not 1 <= before <= _MOST_BEFORE_LAST:
            field.refuse(item, f"at most {_MOST_BEFORE_LAST} days lie before the last day")
        return LastWorkday(before) if found[2] else LastDay(before)
    found = _NEAREST_WORKDAY.fullmatch(item)
    return None if found is None else NearestWorkday(_value(field, item, found[1]))


def _special_weekday(item: str) -> Item | None:
    found = _SOME_WEEKDAY.fullmatch(item)
    if found is None:
        return None
    weekday = _value(WEEKDAY, item, found[1]) % _WEEK
    if found[2]:
        return LastWeekday(weekday)
    nth = int(found[3])
    if not 1 <= nth <= _MOST_IN_MONTH:
        WEEKDAY.refuse(item, f"a month has the same day of the week up to {_MOST_IN_MONTH} times")
    return NthWeekday(weekday, nth)
