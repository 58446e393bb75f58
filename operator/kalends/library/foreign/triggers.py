"""From the state of a trigger of APScheduler 3 to a trigger of Kalends."""

from __future__ import annotations

from typing import Any

from kalends.library.foreign.pickles import Foreign, foreign_object
from kalends.triggers.base import BaseTrigger
from kalends.triggers.calendarinterval import CalendarIntervalTrigger
from kalends.triggers.combining import AndTrigger, OrTrigger
from kalends.triggers.cron import CronTrigger
from kalends.triggers.date import DateTrigger
from kalends.triggers.interval import IntervalTrigger

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_POSITIONS = ("1st", "2nd", "3rd", "4th", "5th", "last")
_UNITS = ("years", "months", "weeks", "days")
_TIMES = ("hour", "minute", "second")


def trigger_from(found: Any) -> BaseTrigger:
    """Return the trigger of Kalends for a trigger that a pickle or a file has.

    Raises:
        ValueError: It is no trigger of APScheduler, or Kalends refuses its arguments.
    """
    if isinstance(found, BaseTrigger):  # of a class of the program that was allowed
        return found
    if not isinstance(found, Foreign):
        raise ValueError(f"the trigger must be a trigger of APScheduler, got {type(found).__name__}")  # noqa: TRY004
    state = found.state
    match found.kind:
        case "CronTrigger":
            return CronTrigger(**_cron_fields(state["fields"]), **_bounds(state))
        case "IntervalTrigger":
            period = state["interval"]
            seconds = period.seconds + period.microseconds / 10**6
            return IntervalTrigger(days=period.days, seconds=seconds, **_bounds(state))
        case "DateTrigger":
            return DateTrigger(state["run_date"])
        case "CalendarIntervalTrigger":
            units = dict(zip(_UNITS, state["interval"], strict=True))
            times = dict(zip(_TIMES, state["time"], strict=True))
            return CalendarIntervalTrigger(**units, **times, **_bounds(state))
        case "AndTrigger" | "OrTrigger":
            members = [trigger_from(foreign_object(*member)) for member in state["triggers"]]
            kind = AndTrigger if found.kind == "AndTrigger" else OrTrigger
            return kind(members, state.get("jitter"))
    raise ValueError(f"the trigger must be a trigger of APScheduler, got {found.kind}")


def _bounds(state: dict[str, Any]) -> dict[str, Any]:
    return {name: state.get(name) for name in ("start_date", "end_date", "timezone", "jitter")}


def _cron_fields(fields: list[Foreign]) -> dict[str, Any]:
    states = [field.state for field in fields]
    return {
        state["name"]: ",".join(_expression(one) for one in state["expressions"])
        for state in states
        if not state["is_default"]
    }


def _expression(found: Foreign) -> str:
    state = found.state
    step = f"/{state['step']}" if state.get("step") else ""
    first, last = state.get("first"), state.get("last")
    match found.kind:
        case "AllExpression":
            return f"*{step}"
        case "RangeExpression":
            return f"{first}{step}" if last in {None, first} else f"{first}-{last}{step}"
        case "MonthRangeExpression":
            return _named(_MONTHS, int(first or 1) - 1, None if last is None else last - 1)
        case "WeekdayRangeExpression":
            return _named(_WEEKDAYS, int(first or 0), last)
        case "WeekdayPositionExpression":
            return f"{_POSITIONS[state['option_num']]} {_WEEKDAYS[state['weekday']]}"
        case "LastDayOfMonthExpression":
            return "last"
    raise ValueError(f"the expression of a cron field must be one of APScheduler's, got {found.kind}")


def _named(names: tuple[str, ...], first: int, last: int | None) -> str:
    return names[first] if last in {None, first} else f"{names[first]}-{names[last or 0]}"
