"""``exclude`` of a job: what a program may give, how it is stored, and the instants that it means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any, TypeAlias

from kalends.errors import InvalidTrigger
from kalends.triggers.cron.trigger import CronTrigger
from kalends.triggers.date import DateTrigger
from kalends.triggers.microseconds.without import Excluded
from kalends.triggers.programs.datetimes import (
    SECOND,
    datetime_from,
    datetime_text,
    microseconds_of,
    shown,
    to_datetime,
)
from kalends.triggers.programs.stored import State, state_of, trigger_of
from kalends.triggers.programs.timezones import zone_of
from kalends.triggers.rules.excluded import InstantRange, apart
from kalends.triggers.rules.wall_clock import WallRule
from kalends.triggers.text.words import quoted
from kalends.triggers.zones.zone import FOREVER

_ACCEPTED = (
    "a CronTrigger, a DateTrigger, a datetime, a date, text such as '2026-12-24', a pair (from, to) of dates or "
    "datetimes, or a list of these"
)
_ALWAYS = FOREVER * SECOND
_PAIR = 2


@dataclass(frozen=True, slots=True)
class ExcludedRange:
    """Moments from ``start`` to ``end``, both included; None: without a bound."""

    start: datetime | None
    end: datetime | None

    def __str__(self) -> str:
        ends = ("" if end is None else shown(end) for end in (self.start, self.end))
        return "..".join(ends)


Exclusion: TypeAlias = ExcludedRange | CronTrigger
Exclusions: TypeAlias = tuple[Exclusion, ...]


def read_exclusions(value: object, info: tzinfo) -> Exclusions:
    """Return what ``exclude`` means.

    Args:
        value: A ``CronTrigger``: all moments at which the clocks of its zone match the fields that it was given; a
            field that it was not given matches everything, so ``CronTrigger(day_of_week="sat,sun")`` is the weekend.
            A date: the whole day. A datetime or a ``DateTrigger``: that moment. A pair: from the first to the second,
            both included; None: without a bound. Or a list, or another iterable, of these. None: nothing.
        info: The zone of dates, and of moments without a zone.

    Raises:
        InvalidTrigger: A text or a range cannot be read. It is a ``ValueError``.
        TypeError: It is something else.
    """
    if value is None:
        return ()
    if isinstance(value, list | set | frozenset) or (isinstance(value, tuple) and not _is_pair(value)):
        items: Iterable[object] = value
    else:
        items = [value]
    return tuple(_read(item, info) for item in items)


def _is_pair(value: tuple[object, ...]) -> bool:
    return len(value) == _PAIR and all(item is None or isinstance(item, str | date) for item in value)


def _read(item: object, info: tzinfo) -> Exclusion:
    if isinstance(item, ExcludedRange):
        return item
    if type(item) is CronTrigger:
        _clock_of(item)  # refuses fields that need the ID of a job, and days that no year has
        return item
    if isinstance(item, DateTrigger):
        return ExcludedRange(item.run_date, item.run_date)
    if isinstance(item, tuple) and _is_pair(item):
        start, end = item
        found = ExcludedRange(_edge(start, info, last=False), _edge(end, info, last=True))
        if found.start is not None and found.end is not None and found.end < found.start:
            raise InvalidTrigger(f"exclude must not end before it begins, got {item!r}")
        return found
    if isinstance(item, str | date):
        return ExcludedRange(_edge(item, info, last=False), _edge(item, info, last=True))
    raise TypeError(f"exclude must be {_ACCEPTED}, got {quoted(repr(item))}")


def _edge(value: object, info: tzinfo, *, last: bool) -> datetime | None:
    """Return the first or the last moment of a day, or the moment that was given."""
    if isinstance(value, str) and len(value.strip()) <= len("2026-12-24"):
        moment = to_datetime(value, info, "exclude")
        value = None if moment is None else moment.date()
    if last and isinstance(value, date) and not isinstance(value, datetime):
        following = to_datetime(datetime.combine(value + timedelta(days=1), time()), info, "exclude")
        return None if following is None else following - timedelta(microseconds=1)
    return to_datetime(value, info, "exclude")


def excluded(exclusions: Exclusions) -> Excluded:
    """Return the instants that exclusions mean."""
    ranges = [
        InstantRange(
            -_ALWAYS if item.start is None else microseconds_of(item.start),
            _ALWAYS if item.end is None else microseconds_of(item.end),
        )
        for item in exclusions
        if isinstance(item, ExcludedRange)
    ]
    return Excluded(apart(ranges), [_clock_of(item) for item in exclusions if isinstance(item, CronTrigger)])


def _clock_of(trigger: CronTrigger) -> WallRule:
    if trigger.start_date is not None or trigger.end_date is not None or trigger.jitter:
        raise InvalidTrigger(f"a CronTrigger of exclude must have no start_date, end_date or jitter, got {trigger!r}")
    return trigger.clock(zone_of(trigger.timezone))


def exclusions_state(exclusions: Exclusions) -> list[State]:
    """Return exclusions as JSON values.

    Raises:
        TypeError: One of them cannot be stored, as its zone has no name.
    """
    return [_state(item) for item in exclusions]


def _state(item: Exclusion) -> State:
    if isinstance(item, CronTrigger):
        return {"cron": state_of(item)}
    ends = {"from": item.start, "to": item.end}
    return {name: datetime_text(moment) for name, moment in ends.items() if moment is not None}


def exclusions_from(states: Iterable[Mapping[str, Any]]) -> Exclusions:
    """Return the exclusions that ``exclusions_state`` wrote.

    Raises:
        InvalidTrigger: They cannot be read.
    """
    found: list[Exclusion] = []
    for state in states:
        if "cron" in state:
            trigger = trigger_of(state["cron"])
            if not isinstance(trigger, CronTrigger):
                raise InvalidTrigger(f"cron of exclude must be a cron trigger, got {quoted(dict(state))}")
            found.append(trigger)
        else:
            ends = (state.get(name) for name in ("from", "to"))
            found.append(ExcludedRange(*(None if text is None else datetime_from(text) for text in ends)))
    return tuple(found)
