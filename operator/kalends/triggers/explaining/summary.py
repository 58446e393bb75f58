"""A schedule in few words, for the column Schedule of ``kubectl get``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kalends.triggers.build import written
from kalends.triggers.when import CalendarIntervalSpec, IntervalSpec, TriggerSpec, When

LONGEST_SUMMARY = 40
"""Characters; a longer one would push the other columns off the screen."""

INTERVAL_UNITS = {"weeks": "w", "days": "d", "hours": "h", "minutes": "m", "seconds": "s"}
CALENDAR_UNITS = ("years", "months", "weeks", "days")


def summary(when: When) -> str:
    """Return when a schedule is due, in at most 40 characters: ``0 2 * * *``, ``every 6h``, ``once``."""
    if when.schedule is not None:
        text = when.schedule
    elif when.trigger is not None:
        text = _of_trigger(when.trigger)
    else:
        text = "once"
    return _cut(text)


def summary_of_unread(spec: object) -> str:
    """Return what can be said of a spec that cannot be read as a whole: its ``schedule``, if that is a text."""
    schedule = spec.get("schedule") if isinstance(spec, Mapping) else None
    return _cut(schedule) if isinstance(schedule, str) else ""


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SUMMARY else text[: LONGEST_SUMMARY - 1] + "…"


def _of_trigger(trigger: TriggerSpec) -> str:
    if trigger.cron is not None:
        fields = (f"{name}={value}" for name, value in written(trigger.cron).items() if value is not None)
        return f"cron({', '.join(fields)})"
    if trigger.interval is not None:
        return "every " + " ".join(
            f"{n}{INTERVAL_UNITS[unit]}" for unit, n in _amounts(trigger.interval, INTERVAL_UNITS)
        )
    if trigger.calendar_interval is not None:
        return _of_calendar(trigger.calendar_interval)
    if trigger.date is not None:
        return f"at {trigger.date.at}"
    joint, members = (" or ", trigger.any_of) if trigger.any_of else (" and ", trigger.all_of)
    return joint.join(_in_brackets(member) for member in members or ())


def _in_brackets(member: TriggerSpec) -> str:
    text = _of_trigger(member)
    return f"({text})" if member.any_of or member.all_of else text


def _of_calendar(calendar: CalendarIntervalSpec) -> str:
    amounts = _amounts(calendar, CALENDAR_UNITS)
    period = " ".join(f"{n} {unit}" if n > 1 else f"1 {unit.removesuffix('s')}" for unit, n in amounts)
    if calendar.days_of_week is not None:
        period += f" on {','.join(calendar.days_of_week)}"
    seconds = f":{calendar.second:02}" if calendar.second else ""
    return f"every {period} at {calendar.hour:02}:{calendar.minute:02}{seconds}"


def _amounts(period: IntervalSpec | CalendarIntervalSpec, units: Iterable[str]) -> list[tuple[str, int]]:
    given = ((unit, getattr(period, unit)) for unit in units)
    return [(unit, amount) for unit, amount in given if amount]
