"""From the state of a trigger of APScheduler 3 to a trigger of Kalends.

The pickle or the file of a state may have been made to do harm: each value is checked for its type and its range
before anything is computed with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, TypeVar

from kalends.errors import SearchUnfinished
from kalends.library.foreign.pickles import Foreign, foreign_object
from kalends.triggers.base import BaseTrigger
from kalends.triggers.calendarinterval import CalendarIntervalTrigger
from kalends.triggers.combining import AndTrigger, OrTrigger
from kalends.triggers.cron import CronTrigger
from kalends.triggers.date import DateTrigger
from kalends.triggers.interval import IntervalTrigger
from kalends.triggers.programs.datetimes import SECOND, datetime_of, microseconds_of
from kalends.triggers.programs.rule_trigger import is_rule, searched

MOST_MEMBERS = 1000
"""How many triggers the trigger of a job may consist of, combinations included."""
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_POSITIONS = ("1st", "2nd", "3rd", "4th", "5th", "last")
_UNITS = ("years", "months", "weeks", "days")
_TIMES = ("hour", "minute", "second")
_MOST_IN_A_DELAY = 100
"""Fire times that may lie within the jitter. The run may be that of any: the last is taken, so that none runs twice."""
_MOST_IN_CRON = 9999
_MOST_UNITS = 1_000_000
_T = TypeVar("_T")


def trigger_from(found: Any) -> BaseTrigger:
    """Return the trigger of Kalends for a trigger that a pickle or a file has.

    Raises:
        ValueError: It is no trigger of APScheduler, or Kalends refuses its arguments.
    """
    return _Reader().read(found)


def fire_time_of(trigger: BaseTrigger, next_run_time: datetime | None) -> datetime | None:
    """Return the fire time of a next run that APScheduler has delayed by the jitter of its trigger.

    Intervals continue from a delayed time, so that it is their fire time.
    """
    jitter = getattr(trigger, "jitter", None)
    if next_run_time is None or not jitter or isinstance(trigger, IntervalTrigger) or not is_rule(trigger):
        return next_run_time
    times, last = trigger.fire_times(), microseconds_of(next_run_time)  # type: ignore[attr-defined]  # it is a rule
    earliest = last - int(jitter * SECOND)
    found = earliest - 1
    try:
        for _ in range(_MOST_IN_A_DELAY):
            upcoming = searched(times, found)
            if upcoming is None or upcoming > last:
                return next_run_time if found < earliest else datetime_of(found, next_run_time.tzinfo or UTC)
            found = upcoming
    except SearchUnfinished:
        pass
    return next_run_time


class _Reader:
    """Reads a trigger and its members, and counts them."""

    def __init__(self) -> None:
        self._count = 0

    def read(self, found: Any) -> BaseTrigger:
        self._count += 1
        if self._count > MOST_MEMBERS:
            raise ValueError(f"the trigger must consist of at most {MOST_MEMBERS} triggers")
        if isinstance(found, BaseTrigger):  # of a class of the program that was allowed
            return found
        if not isinstance(found, Foreign):
            raise ValueError(f"the trigger must be a trigger of APScheduler, got {type(found).__name__}")  # noqa: TRY004
        state = found.state
        match found.kind:
            case "CronTrigger":
                return CronTrigger(**_cron_fields(state["fields"]), **_bounds(state))
            case "IntervalTrigger":
                period = _of_type(timedelta, "interval", state["interval"])
                seconds = period.seconds + period.microseconds / 10**6
                return _interval(IntervalTrigger(days=period.days, seconds=seconds, **_bounds(state)))
            case "DateTrigger":
                return _date(DateTrigger(_of_type(datetime, "run_date", state["run_date"])))
            case "CalendarIntervalTrigger":
                units = _numbers("interval", _UNITS, state["interval"])
                options: dict[str, Any] = {**units, **_time_of_day(state["time"]), **_bounds(state)}
                return CalendarIntervalTrigger(**options)
            case "AndTrigger" | "OrTrigger":
                members = [self.read(_member(member)) for member in _sequence("triggers", state["triggers"])]
                kind = AndTrigger if found.kind == "AndTrigger" else OrTrigger
                return kind(members, _jitter(state.get("jitter")))
        raise ValueError(f"the trigger must be a trigger of APScheduler, got {found.kind}")


# A moment that was not given is the time at which the trigger was made, to the microsecond. APScheduler does not keep
# whether it was given. A ScheduledJob, whose fire times are whole seconds, rounds it up.


def _interval(trigger: IntervalTrigger) -> IntervalTrigger:
    trigger.start_is_default = trigger.start_date.microsecond > 0
    return trigger


def _date(trigger: DateTrigger) -> DateTrigger:
    trigger.run_date_is_default = trigger.run_date.microsecond > 0
    return trigger


def _member(pair: Any) -> Foreign:
    reference, state = _sequence("a member of triggers", pair)
    return foreign_object(_of_type(str, "the class of a member of triggers", reference), state)


def _bounds(state: Mapping[str, Any]) -> dict[str, Any]:
    # A datetime is a date.
    return {
        "start_date": _of_type_or_none(date, "start_date", state.get("start_date")),
        "end_date": _of_type_or_none(date, "end_date", state.get("end_date")),
        "timezone": _of_type_or_none(tzinfo, "timezone", state.get("timezone")),
        "jitter": _jitter(state.get("jitter")),
    }


def _jitter(value: Any) -> float | None:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    raise ValueError(f"jitter must be a number of seconds, or None, got {type(value).__name__}")


def _time_of_day(value: Any) -> dict[str, int]:
    if isinstance(value, time):
        return {name: getattr(value, name) for name in _TIMES}
    return _numbers("time", _TIMES, value)


def _cron_fields(fields: Any) -> dict[str, Any]:
    states = [_of_type(Foreign, "a field of cron", field).state for field in _sequence("fields", fields)]
    return {
        _of_type(str, "the name of a field of cron", state["name"]): ",".join(
            _expression(_of_type(Foreign, "an expression of cron", expression))
            for expression in _sequence("expressions", state["expressions"])
        )
        for state in states
        if not state["is_default"]
    }


def _expression(found: Foreign) -> str:
    state = found.state
    step, first, last = (
        _number(name, value) if (value := state.get(name)) is not None else None for name in ("step", "first", "last")
    )
    by = f"/{step}" if step else ""
    match found.kind:
        case "AllExpression":
            return f"*{by}"
        case "RangeExpression":
            return f"{first}{by}" if last in {None, first} else f"{first}-{last}{by}"
        case "MonthRangeExpression":
            return _named(_MONTHS, (first or 1) - 1, None if last is None else last - 1)
        case "WeekdayRangeExpression":
            return _named(_WEEKDAYS, first or 0, last)
        case "WeekdayPositionExpression":
            position = _number("option_num", state["option_num"], len(_POSITIONS) - 1)
            return f"{_POSITIONS[position]} {_WEEKDAYS[_number('weekday', state['weekday'], len(_WEEKDAYS) - 1)]}"
        case "LastDayOfMonthExpression":
            return "last"
    raise ValueError(f"the expression of a cron field must be one of APScheduler's, got {found.kind}")


def _named(names: tuple[str, ...], first: int, last: int | None) -> str:
    if not 0 <= first < len(names) or (last is not None and not 0 <= last < len(names)):
        raise ValueError(f"a range of cron must be within {names[0]}-{names[-1]}")
    return names[first] if last is None or last == first else f"{names[first]}-{names[last]}"


# -- values of a state


def _of_type(kind: type[_T], name: str, value: Any) -> _T:
    if not isinstance(value, kind):
        # Not the value itself: its text may be enormous.
        raise ValueError(f"{name} must be {kind.__name__}, got {type(value).__name__}")  # noqa: TRY004 - the state is wrong
    return value


def _of_type_or_none(kind: type[_T], name: str, value: Any) -> _T | None:
    return None if value is None else _of_type(kind, name, value)


def _sequence(name: str, value: Any) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{name} must be a list, got {type(value).__name__}")  # noqa: TRY004 - the state is wrong
    return value


def _number(name: str, value: Any, most: int = _MOST_IN_CRON) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"{name} must be a whole number from 0 to {most}, got {_shown(value)}")
    return value


def _shown(value: Any) -> str:
    return str(value) if type(value) is int and abs(value) < 1 << 64 else type(value).__name__


def _numbers(name: str, names: Sequence[str], values: Any) -> dict[str, int]:
    found = [_number(name, value, _MOST_UNITS) for value in _sequence(name, values)]
    if len(found) != len(names):
        raise ValueError(f"{name} must have {len(names)} numbers, got {len(found)}")
    return dict(zip(names, found, strict=True))
