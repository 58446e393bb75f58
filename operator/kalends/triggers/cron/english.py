"""A cron expression, worked out, in plain English: ``at 02:00 from Monday to Friday``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from kalends.triggers.cron.compiled import CompiledCron
from kalends.triggers.cron.days import EVERY_DAY, EVERY_MONTH, EVERY_WEEKDAY, DayRule
from kalends.triggers.cron.items import LastDay, LastWeekday, LastWorkday, NearestWorkday, NthWeekday, SpecialDay
from kalends.triggers.text.words import (
    MONTHS,
    WEEKDAYS,
    counted,
    divides,
    even_step,
    every,
    listed,
    nth,
    ordinal,
    runs,
    spanned,
    weekday_words,
)
from kalends.triggers.wall_clock.times_of_day import members

_MOST_TIMES = 6
_HOURS, _SIXTY = 24, 60


def describe(cron: CompiledCron) -> str:
    """Return when an expression fires, without its zone."""
    hours, minutes, seconds = (members(bits) for bits in (cron.hours, cron.minutes, cron.seconds))
    if len(hours) * len(minutes) * len(seconds) <= _MOST_TIMES:
        clock = [_clock(hour, minute, second) for hour in hours for minute in minutes for second in seconds]
        return f"at {listed(clock)}{tell_days(cron) or ' every day'}"
    lead = _seconds(hours, minutes, seconds) if seconds != (0,) else _minutes(hours, minutes)
    return f"{lead}{tell_days(cron)}"


def tell_days(cron: CompiledCron) -> str:
    """Return on which days it fires, after a space; nothing if on all."""
    rule = cron.rule
    parts = [_by_day(rule)]
    if rule.months != EVERY_MONTH:
        parts.append(spanned(members(rule.months), lambda month: MONTHS[month - 1], "in"))
    if rule.weeks:
        parts.append(f"in ISO {_numbered('week', members(rule.weeks))}")
    if cron.years is not None:
        step = even_step(cron.years)
        years = f"in every {ordinal(step)} year from {cron.years[0]}" if step else spanned(cron.years, str, "in")
        parts.append(years)
    return "".join(f" {part}" for part in parts if part)


def describe_instants(cron: CompiledCron) -> str:
    """Return which instants the fields match, as ``exclude`` has it: whole days where no time is given."""
    hours, minutes, seconds = (members(bits) for bits in (cron.hours, cron.minutes, cron.seconds))
    if len(minutes) < _SIXTY or len(seconds) < _SIXTY:
        return f"{_seconds(hours, minutes, seconds)}{tell_days(cron)}"
    return f"{_hours_of(hours)}{tell_days(cron)}".strip() or "ever"


def _clock(hour: int, minute: int, second: int) -> str:
    return f"{hour:02}:{minute:02}" + (f":{second:02}" if second else "")


def _seconds(hours: Sequence[int], minutes: Sequence[int], seconds: Sequence[int]) -> str:
    step = divides(seconds, _SIXTY)
    lead = every(step, "second") if step else f"at {_numbered('second', seconds)}"
    step = divides(minutes, _SIXTY)
    if len(minutes) == _SIXTY:
        within = "" if lead.startswith("every") else " of every minute"
    else:
        within = (
            f" of every {ordinal(step)} minute" if step and step < _SIXTY else f" of {_numbered('minute', minutes)}"
        )
    return f"{lead}{within}{_hours_of(hours)}"


def _minutes(hours: Sequence[int], minutes: Sequence[int]) -> str:
    step = divides(minutes, _SIXTY)
    if step is not None and step < _SIXTY:
        return f"{every(step, 'minute')}{_hours_of(hours)}"
    if step is not None:
        return _full_hours(hours)
    if len(hours) < _HOURS:
        return f"at {_numbered('minute', minutes)}{_hours_of(hours)}"
    past = f"{counted(minutes[0], 'minute')} past" if len(minutes) == 1 else f"{_numbered('minute', minutes)} of"
    return f"at {past} every hour"


def _full_hours(hours: Sequence[int]) -> str:
    step = divides(hours, _HOURS)
    if step is not None:
        return every(step, "hour")
    if len(runs(hours)) == 1:
        return f"every hour from {hours[0]:02}:00 to {hours[-1]:02}:00"
    return f"at the full hour{_hours_of(hours)}"


def _hours_of(hours: Sequence[int]) -> str:
    """Return within which hours, after a space; nothing if within all."""
    if len(runs(hours)) == 1:
        whole_day = len(hours) == _HOURS
        return "" if whole_day else f" from {hours[0]:02}:00 to {hours[-1]:02}:59"
    step = divides(hours, _HOURS)
    return f" of every {ordinal(step)} hour" if step else f" of {_numbered('hour', hours)}"


def _numbered(unit: str, values: Sequence[int]) -> str:
    """Return ``minute 5``, ``minutes 5, 7 and 10 to 20``, or ``every 7th minute from 0 to 56``."""
    step = even_step(values)
    if step is not None:
        return f"every {ordinal(step)} {unit} from {values[0]} to {values[-1]}"
    parts = [str(first) if first == last else f"{first} to {last}" for first, last in runs(values)]
    return f"{unit if len(values) == 1 else f'{unit}s'} {listed(parts)}"


def _by_day(rule: DayRule) -> str:
    days = [] if rule.days == EVERY_DAY else _days(members(rule.days), rule.special_days)
    weekdays = [] if rule.weekdays == EVERY_WEEKDAY else _weekdays(members(rule.weekdays), rule.special_weekdays)
    if rule.either:
        return listed([*days, *weekdays], "or") if days and weekdays else ""
    if days and weekdays:
        return f"{listed(days)}, but only {listed(weekdays)}"
    return listed(days or weekdays) if days or weekdays else ""


def _days(days: Sequence[int], specials: Sequence[SpecialDay]) -> list[str]:
    step = even_step(days)
    parts = []
    if step is not None:
        parts.append(f"on every {ordinal(step)} day from the {ordinal(days[0])} to the {ordinal(days[-1])}")
    elif days:
        parts.append(f"{spanned(days, lambda day: f'the {ordinal(day)}', 'on')} of the month")
    return [*parts, *(_special(special) for special in specials)]


def _weekdays(weekdays: Sequence[int], specials: Sequence[SpecialDay]) -> list[str]:
    parts = []
    if weekdays:
        parts.append(weekday_words(weekdays))
    return [*parts, *(_special(special) for special in specials)]


def _special(special: SpecialDay) -> str:
    match special:
        case LastDay(0):
            text = "on the last day"
        case LastDay(1):
            text = f"on {_before_last(1)}"
        case LastDay(before):
            text = _before_last(before)
        case LastWorkday(0):
            text = "on the last day from Monday to Friday"
        case LastWorkday(before):
            text = f"on the day from Monday to Friday nearest to {_before_last(before)}"
        case NearestWorkday(day):
            text = f"on the day from Monday to Friday nearest to the {ordinal(day)}"
        case NthWeekday(weekday, number):
            text = f"on the {nth(number)} {WEEKDAYS[weekday]}"
        case LastWeekday(weekday):
            text = f"on the last {WEEKDAYS[weekday]}"
        case _:
            assert_never(special)
    return f"{text} of the month"


def _before_last(days: int) -> str:
    return "the day before the last" if days == 1 else f"{days} days before the last day"
