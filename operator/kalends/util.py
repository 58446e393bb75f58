"""Helper functions under APScheduler's names, for classes that were written for its base classes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from typing import Any

from kalends.references import check_arguments, name_of, object_at, object_of, reference_of
from kalends.triggers.programs.datetimes import to_datetime
from kalends.triggers.programs.timezones import local_timezone, timezone_of
from kalends.undefined import undefined

__all__ = [
    "asbool",
    "asint",
    "astimezone",
    "check_callable_args",
    "convert_to_datetime",
    "datetime_ceil",
    "datetime_repr",
    "datetime_to_utc_timestamp",
    "get_callable_name",
    "iscoroutinefunction_partial",
    "localize",
    "maybe_ref",
    "normalize",
    "obj_to_ref",
    "ref_to_obj",
    "timedelta_seconds",
    "undefined",
    "utc_timestamp_to_datetime",
]

_YES = frozenset({"true", "yes", "on", "y", "t", "1"})
_NO = frozenset({"false", "no", "off", "n", "f", "0"})


def asint(text: Any) -> int | None:
    """Return a number, which may be written as text; None stays None."""
    return None if text is None else int(text)


def asbool(obj: Any) -> bool:
    """Return what a value means as yes or no.

    Raises:
        ValueError: It is text that says neither.
    """
    if not isinstance(obj, str):
        return bool(obj)
    text = obj.strip().lower()
    if text in _YES or text in _NO:
        return text in _YES
    raise ValueError(f"must be 'true' or 'false', got {obj!r}")


def astimezone(obj: Any) -> tzinfo | None:
    """Return the time zone of a name or a tzinfo; None stays None."""
    return timezone_of(obj)


def convert_to_datetime(value: Any, tz: Any, arg_name: str) -> datetime | None:
    """Return an aware datetime from a datetime, a date, or text; wall times are in ``tz``.

    Raises:
        TypeError: It is something else.
        ValueError: The text is no date and time.
    """
    return to_datetime(value, timezone_of(tz) or local_timezone(), arg_name)


def datetime_to_utc_timestamp(timeval: datetime | None) -> float | None:
    """Return seconds since 1970 in UTC, to the microsecond; None stays None."""
    return None if timeval is None else timeval.timestamp()


def utc_timestamp_to_datetime(timestamp: float | None) -> datetime | None:
    """Return the datetime, in UTC, of seconds since 1970; None stays None."""
    return None if timestamp is None else datetime.fromtimestamp(timestamp, UTC)


def timedelta_seconds(delta: timedelta) -> float:
    """Return how many seconds a timedelta has."""
    return delta.total_seconds()


def datetime_ceil(dateval: datetime) -> datetime:
    """Return the first whole second that is not earlier."""
    return dateval if dateval.microsecond == 0 else dateval + timedelta(seconds=1, microseconds=-dateval.microsecond)


def datetime_repr(dateval: datetime | None) -> str:
    """Return a datetime as people read it, with its zone; ``None`` as text for None."""
    return "None" if dateval is None else f"{dateval:%Y-%m-%d %H:%M:%S %Z}"


def iscoroutinefunction_partial(f: Callable[..., Any]) -> bool:
    """Return whether a callable, or what ``functools.partial`` wraps in it, is a coroutine function."""
    while isinstance(f, partial):
        f = f.func
    return inspect.iscoroutinefunction(f)


def get_callable_name(func: Callable[..., Any]) -> str:
    """Return the best name of a callable."""
    return name_of(func)


def obj_to_ref(obj: Any) -> str:
    """Return the reference to an object: ``package.module:name``.

    Raises:
        ValueError: No reference leads to it.
    """
    return reference_of(obj)


def ref_to_obj(ref: str) -> Any:
    """Return the object of a reference.

    Raises:
        TypeError, ValueError, LookupError: It is not text, not a reference, or there is no such object.
    """
    return object_at(ref)


def maybe_ref(ref: Any) -> Any:
    """Return the object of a reference, or the value itself if it is not text."""
    return object_of(ref)


def check_callable_args(func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Check that a callable accepts these arguments.

    Raises:
        ValueError: It does not.
    """
    check_arguments(func, args, kwargs)


def normalize(dt: datetime) -> datetime:
    """Return the datetime as its zone's clocks show it, after arithmetic."""
    return dt.astimezone(UTC).astimezone(dt.tzinfo)


def localize(dt: datetime, tzinfo: tzinfo) -> datetime:
    """Return a wall time of a zone as an aware datetime. Zones of pytz need their own method for that."""
    of_pytz = getattr(tzinfo, "localize", None)
    if of_pytz is not None:
        found: datetime = of_pytz(dt)
        return found
    return normalize(dt.replace(tzinfo=tzinfo))
