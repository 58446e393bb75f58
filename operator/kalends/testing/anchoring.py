"""Triggers that count from the moment of their construction, by the clock of a test."""

from __future__ import annotations

from copy import copy
from datetime import datetime
from typing import TypeVar

from kalends.triggers.base import BaseTrigger
from kalends.triggers.calendarinterval import CalendarIntervalTrigger
from kalends.triggers.combining import BaseCombiningTrigger
from kalends.triggers.date import DateTrigger
from kalends.triggers.interval import IntervalTrigger

_T = TypeVar("_T", bound=BaseTrigger)


def anchored(trigger: _T, now: datetime) -> _T:
    """Return a trigger whose start, if it was not given, follows from ``now`` and not from the system's clock."""
    if isinstance(trigger, BaseCombiningTrigger):
        found = copy(trigger)
        found.triggers = [anchored(member, now) for member in trigger.triggers]
        return found
    if isinstance(trigger, IntervalTrigger) and trigger.start_is_default:
        interval = copy(trigger)
        interval.start_date = (now + trigger.interval).astimezone(trigger.timezone)
        return interval
    if isinstance(trigger, DateTrigger) and trigger.run_date_is_default:
        moment = copy(trigger)
        moment.run_date = now.astimezone(trigger.timezone)
        return moment
    if isinstance(trigger, CalendarIntervalTrigger) and trigger.start_is_default:
        calendar = copy(trigger)
        calendar.start_date = now.astimezone(trigger.timezone).date()
        return calendar
    return trigger
