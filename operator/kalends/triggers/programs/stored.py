"""Triggers as JSON, for job stores: what is written, and how it is read again.

A state is an object with ``type`` (an alias such as ``cron``, or ``module:Class``), ``version``, and the arguments of
the trigger. Moments are RFC 3339 with the name of their zone in brackets, as in RFC 9557. Nothing is pickled.

A trigger class of a program is stored if it is a dataclass, or if it defines ``__getstate__`` and ``__setstate__``. Its
fields, or what ``__getstate__`` returns, must be JSON values: None, booleans, numbers, text, lists, and dictionaries
with text as keys. Triggers among them are stored too. A class that inherits from a trigger of Kalends and adds no
attributes needs neither.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, timedelta
from importlib import import_module
from typing import Any, TypeAlias

from kalends.errors import InvalidTrigger
from kalends.triggers.base import BaseTrigger
from kalends.triggers.calendarinterval import CalendarIntervalTrigger
from kalends.triggers.combining import AndTrigger, BaseCombiningTrigger, OrTrigger
from kalends.triggers.cron.trigger import CronTrigger
from kalends.triggers.date import DateTrigger
from kalends.triggers.interval import IntervalTrigger
from kalends.triggers.programs.datetimes import datetime_from, datetime_text
from kalends.triggers.programs.rule_trigger import RuleTrigger
from kalends.triggers.programs.timezones import timezone_from, timezone_text
from kalends.triggers.text.words import quoted

State: TypeAlias = dict[str, Any]
STATE_VERSION = 1
_TRIGGER = "$trigger"
_MICROSECOND = timedelta(microseconds=1)
_ACCEPTED = "None, a boolean, a number, text, a list, a dictionary with text as keys, or a trigger"


def state_of(trigger: BaseTrigger) -> State:
    """Return a trigger as JSON values.

    Raises:
        TypeError: It cannot be stored; the message names the place and what is accepted.
    """
    kind = type(trigger)
    for alias, (known, write, _) in _KINDS.items():
        if kind is known:
            return {"type": alias, "version": STATE_VERSION, **write(trigger)}
    ref = _reference(kind)
    if is_dataclass(trigger):
        data = {part.name: getattr(trigger, part.name) for part in fields(trigger)}
        return {"type": ref, "version": STATE_VERSION, "fields": _plain(data, kind.__name__)}
    if isinstance(trigger, RuleTrigger) and kind.__getstate__ is RuleTrigger.__getstate__:
        return {"type": ref, "version": STATE_VERSION, "inherited": _inherited_state(trigger)}
    if kind.__getstate__ is not object.__getstate__ and hasattr(kind, "__setstate__"):
        return {"type": ref, "version": STATE_VERSION, "state": _plain(trigger.__getstate__(), kind.__name__)}
    raise TypeError(f"{ref} must be a dataclass, or define __getstate__ and __setstate__, to be stored")


def trigger_of(state: Mapping[str, Any]) -> BaseTrigger:
    """Return the trigger that ``state_of`` wrote.

    A state that names a class of a program imports its module: states must come from a store that is trusted as much as
    the code of the program.

    Raises:
        InvalidTrigger: The state cannot be read, or is of a later version. It is a ``ValueError``.
        LookupError: There is no class of that name.
    """
    kind = state.get("type")
    version = state.get("version")
    if not isinstance(kind, str) or not isinstance(version, int):
        raise InvalidTrigger(f"the state of a trigger must have a type and a version, got {quoted(dict(state))}")
    if version > STATE_VERSION:
        raise InvalidTrigger(f"the state of a trigger must be of version {STATE_VERSION} at most, got {version}")
    try:
        if kind in _KINDS:
            return _KINDS[kind][2](state)
        return _custom(_class(kind), state)
    except (KeyError, TypeError) as error:
        raise InvalidTrigger(f"the state of a {kind} trigger cannot be read: {error!r}") from error


def _inherited_state(trigger: RuleTrigger) -> State:
    extra = getattr(trigger, "__dict__", {})
    if extra:
        raise TypeError(
            f"{_reference(type(trigger))} must define __getstate__ and __setstate__ to be stored, "
            f"as it adds the attributes {', '.join(extra)}"
        )
    return next(
        {"type": alias, "version": STATE_VERSION, **write(trigger)}
        for alias, (known, write, _) in _KINDS.items()
        if isinstance(trigger, known)
    )


def _custom(kind: type[BaseTrigger], state: Mapping[str, Any]) -> BaseTrigger:
    if "fields" in state:
        return kind(**_restored(state["fields"]))
    trigger = kind.__new__(kind)
    data = trigger_of(state["inherited"]).__getstate__() if "inherited" in state else _restored(state["state"])
    trigger.__setstate__(data)  # type: ignore[attr-defined]  # state_of stores nothing without it
    return trigger


def _reference(kind: type) -> str:
    """Return ``module:Class``, by which another process finds the class.

    Raises:
        TypeError: It would not find it.
    """
    ref = f"{kind.__module__}:{kind.__qualname__}"
    found: Any = sys.modules.get(kind.__module__)
    for name in kind.__qualname__.split("."):
        found = getattr(found, name, None)
    if found is not kind:
        raise TypeError(f"{ref} must be a class that can be imported under this name to be stored")
    return ref


def _class(ref: str) -> type[BaseTrigger]:
    module, _, name = ref.partition(":")
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise LookupError(
            f"the state of a trigger must name a class that can be imported, got {quoted(ref)}"
        ) from error
    if not isinstance(found, type) or not issubclass(found, BaseTrigger):
        raise InvalidTrigger(f"the state of a trigger must name a subclass of BaseTrigger, got {quoted(ref)}")
    return found


def _plain(value: Any, place: str) -> Any:
    if isinstance(value, BaseTrigger):
        return {_TRIGGER: state_of(value)}
    if value is None or isinstance(value, (bool, str, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, list):
        return [_plain(item, f"{place}[{number}]") for number, item in enumerate(value)]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value) and _TRIGGER not in value:
        return {key: _plain(item, f"{place}.{key}") for key, item in value.items()}
    raise TypeError(f"{place} must be {_ACCEPTED} to be stored, got {quoted(repr(value))}")


def _restored(value: Any) -> Any:
    if isinstance(value, list):
        return [_restored(item) for item in value]
    if isinstance(value, dict):
        return (
            trigger_of(value[_TRIGGER]) if _TRIGGER in value else {key: _restored(item) for key, item in value.items()}
        )
    return value


def _moment(value: Any) -> str | None:
    return None if value is None else datetime_text(value)


def _day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()


def _write_cron(trigger: Any) -> State:
    return {
        "fields": {field.name: field.expression for field in trigger.fields if not field.is_default},
        "start_date": _moment(trigger.start_date),
        "end_date": _moment(trigger.end_date),
        "timezone": timezone_text(trigger.timezone),
        "jitter": trigger.jitter,
    }


def _read_cron(state: Mapping[str, Any]) -> CronTrigger:
    return CronTrigger(
        **state["fields"],
        start_date=_moment_from(state["start_date"]),
        end_date=_moment_from(state["end_date"]),
        timezone=timezone_from(state["timezone"]),
        jitter=state["jitter"],
    )


def _write_interval(trigger: Any) -> State:
    return {
        "microseconds": trigger.interval // _MICROSECOND,
        "start_date": _moment(trigger.start_date),
        "start_is_default": trigger.start_is_default,
        "end_date": _moment(trigger.end_date),
        "timezone": timezone_text(trigger.timezone),
        "jitter": trigger.jitter,
    }


def _read_interval(state: Mapping[str, Any]) -> IntervalTrigger:
    interval = timedelta(microseconds=state["microseconds"])
    # Whole numbers apart: a float of seconds is inexact for long intervals.
    trigger = IntervalTrigger(
        days=interval.days,
        seconds=interval.seconds + interval.microseconds / 10**6,
        start_date=_moment_from(state["start_date"]),
        end_date=_moment_from(state["end_date"]),
        timezone=timezone_from(state["timezone"]),
        jitter=state["jitter"],
    )
    trigger.start_is_default = state["start_is_default"]
    return trigger


def _write_date(trigger: Any) -> State:
    return {"run_date": _moment(trigger.run_date), "run_date_is_default": trigger.run_date_is_default}


def _read_date(state: Mapping[str, Any]) -> DateTrigger:
    trigger = DateTrigger(_moment_from(state["run_date"]))
    trigger.run_date_is_default = state["run_date_is_default"]
    return trigger


_UNITS = ("years", "months", "weeks", "days", "hour", "minute", "second")


def _write_calendar(trigger: Any) -> State:
    return {
        **{name: getattr(trigger, name) for name in _UNITS},
        "start_date": _day(trigger.start_date),
        "start_is_default": trigger.start_is_default,
        "end_date": _day(trigger.end_date),
        "timezone": timezone_text(trigger.timezone),
        "jitter": trigger.jitter,
    }


def _read_calendar(state: Mapping[str, Any]) -> CalendarIntervalTrigger:
    trigger = CalendarIntervalTrigger(
        **{name: state[name] for name in _UNITS},
        start_date=state["start_date"],
        end_date=state["end_date"],
        timezone=timezone_from(state["timezone"]),
        jitter=state["jitter"],
    )
    trigger.start_is_default = state["start_is_default"]
    return trigger


def _write_members(trigger: Any) -> State:
    return {"triggers": [state_of(member) for member in trigger.triggers], "jitter": trigger.jitter}


def _members_reader(kind: type[BaseCombiningTrigger]) -> Callable[[Mapping[str, Any]], BaseCombiningTrigger]:
    def read(state: Mapping[str, Any]) -> BaseCombiningTrigger:
        return kind([trigger_of(member) for member in state["triggers"]], state["jitter"])

    return read


def _moment_from(text: str | None) -> Any:
    return None if text is None else datetime_from(text)


_Writer: TypeAlias = Callable[[Any], State]
_Reader: TypeAlias = Callable[[Mapping[str, Any]], BaseTrigger]
_KINDS: dict[str, tuple[type[RuleTrigger], _Writer, _Reader]] = {
    "date": (DateTrigger, _write_date, _read_date),
    "interval": (IntervalTrigger, _write_interval, _read_interval),
    "cron": (CronTrigger, _write_cron, _read_cron),
    "calendarinterval": (CalendarIntervalTrigger, _write_calendar, _read_calendar),
    "and": (AndTrigger, _write_members, _members_reader(AndTrigger)),
    "or": (OrTrigger, _write_members, _members_reader(OrTrigger)),
}
