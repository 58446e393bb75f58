"""The fields of a job beside its call and its times: which values they accept, and their defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from kalends.triggers.base import BaseTrigger

CONCURRENCY = ("skip", "queue", "replace")
COALESCE = ("latest", "earliest", "all")
DAYLIGHT_SAVING = ("adjust", "literal")
OPTIONS: Mapping[str, Any] = {
    "concurrency": "skip",
    "retry": None,
    "time_limit": None,
    "max_runs": None,
    "exclude": (),
    "daylight_saving": "adjust",
}
"""The fields that APScheduler's jobs have not, and their defaults."""


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{name} must be text that is not empty, got {value!r}")
    return value


def _trigger(name: str, value: Any) -> BaseTrigger:
    if not isinstance(value, BaseTrigger) and not callable(getattr(value, "get_next_fire_time", None)):
        raise TypeError(f"{name} must be a trigger, got {type(value).__name__}")
    found: BaseTrigger = value
    return found


def _grace_time(name: str, value: Any) -> int | None:
    if isinstance(value, timedelta) and not value % timedelta(seconds=1):
        value = int(value.total_seconds())
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value <= 0):
        raise TypeError(f"{name} must be a whole number of seconds above 0, or None, got {value!r}")
    return value


def _coalesce(name: str, value: Any) -> bool | str:
    if isinstance(value, str):
        return _one_of(name, value, COALESCE)
    return bool(value)


def _number(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise TypeError(f"{name} must be a whole number above 0, got {value!r}")
    return value


def _number_or_none(name: str, value: Any) -> int | None:
    return None if value is None else _number(name, value)


def _one_of(name: str, value: Any, accepted: Sequence[str]) -> str:
    if value not in accepted:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, accepted))}, got {value!r}")
    found: str = value
    return found


def _retry(name: str, value: Any) -> int | Mapping[str, Any] | None:
    known = {"limit", "backoff", "factor", "max_backoff", "on_lost"}
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value or None
    if isinstance(value, Mapping) and value.keys() <= known:
        return dict(value)
    raise ValueError(f"{name} must be a number of retries, or a mapping with {', '.join(sorted(known))}, got {value!r}")


def _time_limit(name: str, value: Any) -> float | None:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if seconds is not None and (not isinstance(seconds, int | float) or isinstance(seconds, bool) or seconds <= 0):
        raise TypeError(f"{name} must be a number of seconds above 0, or None, got {value!r}")
    return seconds


ACCEPT: Mapping[str, Callable[[str, Any], Any]] = {
    "name": _text,
    "trigger": _trigger,
    "executor": _text,
    "misfire_grace_time": _grace_time,
    "coalesce": _coalesce,
    "max_instances": _number,
    "concurrency": lambda name, value: _one_of(name, value, CONCURRENCY),
    "retry": _retry,
    "time_limit": _time_limit,
    "max_runs": _number_or_none,
    "daylight_saving": lambda name, value: _one_of(name, value, DAYLIGHT_SAVING),
}
"""By name: what checks a value and returns it as a job keeps it."""
