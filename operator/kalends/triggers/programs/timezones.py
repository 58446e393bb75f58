"""What a program may give as a time zone, and how it is read, stored and used."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from tzlocal import get_localzone

from kalends.errors import InvalidSchedule, InvalidTrigger, UnknownTimeZone
from kalends.triggers.text.words import quoted
from kalends.triggers.zones.zone import Zone, find_zone

_OFFSET = re.compile(r"([+-])([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?")
_ACCEPTED = "an IANA time zone name such as 'Europe/Berlin', or a tzinfo"


def timezone_of(value: object, name: str = "timezone") -> tzinfo | None:
    """Return the time zone that a program gave; None if it gave none.

    Args:
        value: The name of a zone of the IANA database, ``UTC``, or a tzinfo. A zone of pytz, which has an attribute
            ``zone``, becomes the ``ZoneInfo`` of that name, or a fixed offset where it has no name.
        name: The argument, for messages.

    Raises:
        UnknownTimeZone: There is no zone of that name. It is a ``ValueError`` and a ``ZoneInfoNotFoundError``.
        TypeError: The value is neither text nor a tzinfo.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return _named(value, name)
    if not isinstance(value, tzinfo):
        raise TypeError(f"{name} must be {_ACCEPTED}, got {type(value).__name__}")
    if isinstance(value, (ZoneInfo, timezone)):
        return value
    zone = getattr(value, "zone", None)
    if isinstance(zone, str):
        return _named(zone, name)
    fixed = value.utcoffset(None)
    return value if fixed is None else timezone(fixed)


def local_timezone() -> tzinfo:
    """Return the time zone of this machine."""
    return get_localzone()


def _named(text: str, name: str) -> tzinfo:
    if text.upper() == "UTC":
        return UTC
    try:
        find_zone(text)
        return ZoneInfo(text)
    except (InvalidSchedule, KeyError, ValueError, OSError):
        raise UnknownTimeZone(f"{name} must be {_ACCEPTED}, got {quoted(text)}") from None


def zone_of(info: tzinfo) -> Zone:
    """Return the zone with which wall times of ``info`` become instants.

    A zone with a name is read from the database that Kalends follows. Any other tzinfo is asked for its offsets.
    """
    if isinstance(info, ZoneInfo) and info.key:
        try:
            return find_zone(info.key)
        except InvalidSchedule:
            return Zone(info.key, info)
    if isinstance(info, timezone):
        return find_zone("UTC") if info is UTC else _fixed(info)
    return Zone(str(info), info)


@lru_cache(maxsize=256)
def _fixed(info: timezone) -> Zone:
    return Zone(str(info), info)


def timezone_text(info: tzinfo) -> str:
    """Return what ``timezone_from`` reads: the name of a zone, or its offset from UTC, such as ``+02:00``.

    Raises:
        TypeError: It has neither a name in the IANA database nor a fixed offset.
    """
    if info is UTC:
        return "UTC"
    if isinstance(info, ZoneInfo) and info.key:
        try:
            find_zone(info.key)
        except InvalidSchedule:
            pass
        else:
            return info.key
    elif isinstance(info, timezone):
        return _offset_text(info)
    raise TypeError(f"timezone must have a name in the IANA database or a fixed offset to be stored, got {info!r}")


def _offset_text(info: timezone) -> str:
    text = datetime(2000, 1, 1, tzinfo=info).isoformat()[19:]
    if not _OFFSET.fullmatch(text):
        raise TypeError(f"timezone must have an offset of whole seconds to be stored, got {text}")
    return text


def timezone_from(text: str) -> tzinfo:
    """Return the time zone that ``timezone_text`` wrote.

    Raises:
        InvalidTrigger: It is neither the name of a zone nor an offset.
    """
    found = _OFFSET.fullmatch(text)
    if found is None:
        return _named(text, "timezone")
    sign, hours, minutes, seconds = found.groups()
    length = timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds or 0))
    try:
        return timezone(-length if sign == "-" else length)
    except ValueError:
        raise InvalidTrigger(f"timezone must be less than 24 hours from UTC, got {text}") from None
