"""Triggers by alias: ``'interval'`` for ``IntervalTrigger``, and those that installed packages add."""

from __future__ import annotations

from datetime import tzinfo
from importlib.metadata import entry_points
from inspect import Parameter, signature
from typing import Any

from kalends.triggers.base import BaseTrigger
from kalends.triggers.calendarinterval import CalendarIntervalTrigger
from kalends.triggers.combining import AndTrigger, OrTrigger
from kalends.triggers.cron.trigger import CronTrigger
from kalends.triggers.date import DateTrigger
from kalends.triggers.interval import IntervalTrigger
from kalends.triggers.text.words import quoted

ENTRY_POINTS = "kalends.triggers"
"""The group of entry points in which a package names its trigger classes: the name is the alias."""
BUILT_IN: dict[str, type[BaseTrigger]] = {
    "date": DateTrigger,
    "interval": IntervalTrigger,
    "cron": CronTrigger,
    "calendarinterval": CalendarIntervalTrigger,
    "and": AndTrigger,
    "or": OrTrigger,
}


def create_trigger(
    trigger: BaseTrigger | str | None, timezone: tzinfo | str | None, /, **arguments: Any
) -> BaseTrigger:
    """Return the trigger of a job.

    Args:
        trigger: A trigger, which is returned as it is, an alias, or None for ``date``, which without arguments is now.
        timezone: The zone of the scheduler: the default of the argument ``timezone`` where the class has one.
        arguments: Passed to the class of the alias.

    Raises:
        LookupError: There is no such alias.
        TypeError: It is neither a trigger nor an alias, or has arguments that the class does not accept.
        ValueError: The arguments cannot be carried out.
    """
    if isinstance(trigger, BaseTrigger):
        return trigger
    if trigger is None:
        trigger = "date"
    if not isinstance(trigger, str):
        raise TypeError(
            f"trigger must be an instance of kalends.triggers.base.BaseTrigger or an alias, got "
            f"{type(trigger).__module__}.{type(trigger).__qualname__}"
        )
    kind = trigger_class(trigger)
    if timezone is not None and _accepts_timezone(kind):
        arguments.setdefault("timezone", timezone)
    return kind(**arguments)


def trigger_class(alias: str) -> type[BaseTrigger]:
    """Return the class of an alias.

    Raises:
        LookupError: There is none; the message lists the aliases.
        TypeError: An entry point names something that is no trigger class.
    """
    if alias in BUILT_IN:
        return BUILT_IN[alias]
    found = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if alias not in found:
        raise LookupError(f"trigger must be one of {', '.join(sorted({*BUILT_IN, *found}))}, got {quoted(alias)}")
    kind = found[alias].load()
    if not isinstance(kind, type) or not issubclass(kind, BaseTrigger):
        raise TypeError(f"the entry point {found[alias].value} must name a subclass of BaseTrigger, got {kind!r}")
    return kind


def _accepts_timezone(kind: type[BaseTrigger]) -> bool:
    parameters = signature(kind).parameters
    return "timezone" in parameters or any(one.kind is Parameter.VAR_KEYWORD for one in parameters.values())
