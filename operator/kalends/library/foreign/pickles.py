"""Reads pickles of APScheduler 3 without running code that they name.

A pickle is a program: it names callables, and the reader calls them. This reader finds only the names of a list.
Classes of APScheduler become ``Foreign`` objects, which keep their state and do nothing; dates, time zones and numbers
become themselves. Any other name is refused, and the message says which.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from typing_extensions import override

from kalends.library.foreign.pickle_size import SizeLimit
from kalends.references import object_at

_TRIGGERS = (
    "cron.CronTrigger",
    "interval.IntervalTrigger",
    "date.DateTrigger",
    "calendarinterval.CalendarIntervalTrigger",
    "combining.AndTrigger",
    "combining.OrTrigger",
)
_FIELDS = ("BaseField", "WeekField", "DayOfMonthField", "DayOfWeekField", "MonthField")
_EXPRESSIONS = (
    "AllExpression",
    "RangeExpression",
    "MonthRangeExpression",
    "WeekdayRangeExpression",
    "WeekdayPositionExpression",
    "LastDayOfMonthExpression",
)


class Foreign:
    """An object of a class of APScheduler: the name of its class, and its state."""

    kind = ""

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}

    def __new__(cls, *_: object) -> Foreign:  # noqa: D102, PYI034 - pickles make objects in this way
        found = super().__new__(cls)
        found.state = {}
        return found

    def __setstate__(self, state: Any) -> None:
        """Keep the state."""
        parts = state if isinstance(state, tuple) else (state,)  # with slots, a pickle has a pair
        for part in parts:
            if isinstance(part, Mapping):
                self.state.update(part)


def _foreign(name: str) -> type[Foreign]:
    return type(name, (Foreign,), {"kind": name})


class _Callable:
    """A function that pickles may call and cannot change. ``BUILD`` would set its attributes, for all later pickles."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __setstate__(self, _: Any) -> None:
        raise pickle.UnpicklingError("the pickle changes a function that it may only call, which is not admitted")


def _getattr(found: object, name: str) -> object:
    """Return what a pickled ``ZoneInfo`` asks ``getattr`` for, and nothing else."""
    if found is not ZoneInfo or name != "_unpickle":
        raise pickle.UnpicklingError(f"the pickle asks for the attribute {name!r} of {found!r}, which is not admitted")
    return _ZONE


def _zone(key: str, *_: object) -> tzinfo:
    return ZoneInfo(key)


_ZONE = _Callable(_zone)


def _bytearray(content: object = b"", encoding: str = "latin-1") -> bytearray:
    """Return a ``bytearray`` of bytes, or of text as in protocol 2. Of a number, it would have any size."""
    if isinstance(content, bytes):
        return bytearray(content)
    if isinstance(content, str) and encoding == "latin-1":
        return bytearray(content, encoding)
    raise pickle.UnpicklingError(f"the pickle asks for a bytearray of {type(content).__name__}, which is not admitted")


def _bytes(text: str, encoding: str) -> bytes:
    """Return the bytes that pickles of protocols before 3 have as text."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"the pickle asks for the encoding {encoding!r}, which is not admitted")
    return text.encode("latin1")


def _utc() -> tzinfo:
    return UTC


_ADMITTED: Mapping[tuple[str, str], Any] = {
    ("_codecs", "encode"): _Callable(_bytes),
    ("builtins", "getattr"): _Callable(_getattr),
    ("builtins", "set"): set,
    ("builtins", "frozenset"): frozenset,
    ("builtins", "bytearray"): _Callable(_bytearray),
    ("collections", "OrderedDict"): dict,
    ("datetime", "datetime"): datetime,
    ("datetime", "date"): date,
    ("datetime", "time"): time,
    ("datetime", "timedelta"): timedelta,
    ("datetime", "timezone"): timezone,
    ("decimal", "Decimal"): Decimal,
    ("uuid", "UUID"): UUID,
    ("zoneinfo", "ZoneInfo"): ZoneInfo,
    ("zoneinfo", "ZoneInfo._unpickle"): _ZONE,
    ("pytz", "_p"): _ZONE,
    ("pytz", "_UTC"): _Callable(_utc),
    **{
        (f"apscheduler.triggers.{name.partition('.')[0]}", name.partition(".")[2]): _foreign(name.partition(".")[2])
        for name in _TRIGGERS
    },
    **{("apscheduler.triggers.cron.fields", name): _foreign(name) for name in _FIELDS},
    **{("apscheduler.triggers.cron.expressions", name): _foreign(name) for name in _EXPRESSIONS},
}


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, allow: Collection[str]) -> None:
        super().__init__(io.BytesIO(data))
        self._allow = allow

    @override
    def find_class(self, module: str, name: str, /) -> Any:
        found = _ADMITTED.get((module.replace("__builtin__", "builtins"), name))  # of protocols before 3
        if found is not None:
            return found
        reference = f"{module}:{name}"
        if reference in self._allow:
            return object_at(reference)
        raise pickle.UnpicklingError(
            f"the pickle names {reference}, which is not admitted; if it is a class of the program whose objects do no "
            "harm when they are made, allow it by this name"
        )


def admitted(allow: Collection[str]) -> frozenset[str]:
    """Return names of further classes that pickles may name.

    Raises:
        TypeError: It is one text, of which each part would be a name.
    """
    if isinstance(allow, str):
        raise TypeError(f"allow must be a list of names such as 'package.module:Class', got the text {allow!r}")
    return frozenset(allow)


def unpickled(data: bytes, allow: Collection[str] = (), limit: SizeLimit | None = None) -> Any:
    """Return what a pickle of APScheduler has.

    Args:
        data: The pickle.
        allow: Further classes that it may name, as ``module:Class``. A pickle can call them with any arguments.
        limit: That of all pickles of the job; None: this pickle is the only one.

    Raises:
        pickle.UnpicklingError: It names something else, is too large, or cannot be read.
        TypeError: ``allow`` is one text.
    """
    names = admitted(allow)
    try:
        (limit or SizeLimit()).spend(data)
        return _Unpickler(data, names).load()
    except pickle.UnpicklingError:
        raise
    except Exception as error:
        raise pickle.UnpicklingError(f"the pickle cannot be read: {type(error).__name__}: {error}") from error


def foreign_object(reference: str, state: Any) -> Foreign:
    """Return an object of a class of APScheduler, as ``export_jobs`` writes it.

    Raises:
        pickle.UnpicklingError: The class is not admitted.
    """
    module, _, name = reference.partition(":")
    kind: Callable[[], Any] | None = _ADMITTED.get((module, name))
    if not isinstance(kind, type) or not issubclass(kind, Foreign):
        raise pickle.UnpicklingError(f"the file names the class {reference}, which is not admitted")
    found = kind()
    found.__setstate__(state)
    return found
