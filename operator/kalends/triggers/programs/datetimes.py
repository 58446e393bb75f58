"""What a program may give as a date or a time, and the microseconds of the engine that it becomes."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo

from kalends.errors import InvalidTrigger
from kalends.triggers.programs.timezones import timezone_from, timezone_text
from kalends.triggers.protocol import Instant
from kalends.triggers.text.words import quoted
from kalends.triggers.zones.zone import LAST_INSTANT

SECOND = 1_000_000
"""Microseconds of a second: the unit of instants in a program."""
LAST_MICROSECOND: Instant = LAST_INSTANT * SECOND - 1
"""Fire times end here, so that every time zone can show them."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MOMENT = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})"
    r"(?:[ Tt](?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{1,2})(?::(?P<second>[0-9]{1,2})(?:\.(?P<fraction>[0-9]{1,6}))?)?"
    r"(?P<offset>[Zz]|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_ACCEPTED = "a datetime, a date, or text such as '2026-01-31', '2026-01-31 09:00:00.25' or '2026-01-31T09:00:00+01:00'"
_STORED = re.compile(r"([^\[\]]+)(?:\[([^\[\]]+)\])?")


def to_datetime(value: object, info: tzinfo, name: str) -> datetime | None:
    """Return a moment with a time zone; None if none was given.

    Args:
        value: A datetime (one without a zone is wall time in ``info``, as Python reads it: in a gap, as far after it as
            it lies in it), a date (its midnight), or text in the form of ISO 8601: month, day and hour may have a
            single digit, seconds up to six decimals.
        info: The zone of wall times without an offset.
        name: The argument, for messages.

    Raises:
        InvalidTrigger: The text is no date or time.
        TypeError: The value is something else.
    """
    if value is None:
        return None
    if isinstance(value, str):
        found = _MOMENT.fullmatch(value)
        if found is None:
            raise InvalidTrigger(f"{name} must be {_ACCEPTED}, got {quoted(value)}")
        try:
            value = _read(found)
        except ValueError as error:
            raise InvalidTrigger(f"{name} must be {_ACCEPTED}, got {quoted(found.string)}: {error}") from None
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        raise TypeError(f"{name} must be {_ACCEPTED}, got {type(value).__name__}")
    if value.tzinfo is not None:
        return value
    # Through UTC and back, so that a wall time in a gap becomes a time that the clocks show.
    return value.replace(tzinfo=info).astimezone(UTC).astimezone(info)


def _read(found: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second = (
        int(found[part] or 0) for part in ("year", "month", "day", "hour", "minute", "second")
    )
    microsecond = int((found["fraction"] or "").ljust(6, "0"))
    return datetime(year, month, day, hour, minute, second, microsecond, tzinfo=_offset(found["offset"]))


def _offset(text: str | None) -> timezone | None:
    if text is None:
        return None
    if text in "Zz":
        return UTC
    length = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-length if text[0] == "-" else length)


def to_date(value: object, info: tzinfo, name: str) -> date | None:
    """Return a date; None if none was given. Of a datetime with a zone it is the date in ``info``.

    Raises:
        InvalidTrigger: The text is no date.
        TypeError: The value is neither a date nor text.
    """
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    moment = to_datetime(value, info, name)
    return None if moment is None else moment.astimezone(info).date()


def microseconds_of(moment: datetime) -> Instant:
    """Return the instant of a datetime in microseconds since 1970; without a zone it is local time, as in Python."""
    if moment.tzinfo is None:
        moment = moment.astimezone()
    return (moment - _EPOCH) // _MICROSECOND


def datetime_of(instant: Instant, info: tzinfo) -> datetime:
    """Return an instant in microseconds since 1970 as the clocks of a zone show it."""
    return (_EPOCH + timedelta(microseconds=instant)).astimezone(info)


def shown(moment: datetime) -> str:
    """Return a moment as ``str`` and ``repr`` of triggers have it; a fraction of a second only where there is one."""
    fraction = f".{moment.microsecond:06}" if moment.microsecond else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction} {moment.tzname()}"


def datetime_text(moment: datetime) -> str:
    """Return text that ``datetime_from`` reads: RFC 3339, and the name of the zone in brackets, as in RFC 9557.

    Raises:
        TypeError: Its zone has neither a name nor a fixed offset.
    """
    info = moment.tzinfo or UTC
    name = timezone_text(info)
    return moment.isoformat() if isinstance(info, timezone) else f"{moment.isoformat()}[{name}]"


def datetime_from(text: str) -> datetime:
    """Return the moment that ``datetime_text`` wrote: the same instant, also where the zone's rules have changed.

    Raises:
        InvalidTrigger: It is no such text.
    """
    found = _STORED.fullmatch(text)
    try:
        moment = datetime.fromisoformat(found[1]) if found is not None else None
    except ValueError:
        moment = None
    if found is None or moment is None or moment.tzinfo is None:
        raise InvalidTrigger(f"must be a moment with an offset from UTC, got {quoted(text)}")
    return moment if found[2] is None else moment.astimezone(timezone_from(found[2]))
