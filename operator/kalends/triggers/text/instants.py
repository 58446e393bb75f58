"""What users write for an instant: RFC 3339, or wall time in the zone of the schedule when there is no offset."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from kalends.errors import InvalidSchedule
from kalends.model.forms import MOMENT
from kalends.triggers.protocol import Instant
from kalends.triggers.text.words import quoted
from kalends.triggers.wall_clock.days import EPOCH
from kalends.triggers.zones.zone import DAY, Zone

_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


def read_moment(text: str, zone: Zone, path: str, *, as_end: bool = False) -> Instant:
    """Return the instant that ``text`` names, such as 2027-01-01T00:00:00Z, 2027-01-01T09:00 or 2027-01-01.

    A fraction of a second, which JavaScript and Python write, is rounded into the range that the instant bounds: up,
    or down with ``as_end``.

    Args:
        text: A date, or a date and time, perhaps with an offset from UTC.
        zone: Whose wall time it is when there is no offset. In a gap it is the instant right after; in a fold, the
            first of the two.
        path: Where it stands, for messages.
        as_end: Whether the instant ends a range: then a date alone means its last second rather than its first.

    Raises:
        InvalidSchedule: It names none between 1970 and 9999.
    """
    found = MOMENT.read(text)
    moment = _moment(found) if found is not None else None
    if found is None or moment is None or not _FIRST <= moment < _LAST:
        raise InvalidSchedule(f"must be {MOMENT.accepted}, from 1970 to 9999, got {quoted(text)}", path=path)
    rounded_up = 0 if as_end else int(bool((found["fraction"] or "").strip("0")))
    if found["offset"] is not None:
        return int(moment.timestamp()) + rounded_up
    seconds = (moment.toordinal() - EPOCH) * DAY + moment.hour * 3600 + moment.minute * 60 + moment.second
    if found["time"] is None and as_end:
        return zone.first_instant(seconds + DAY) - 1
    return zone.first_instant(seconds + rounded_up)


def has_offset(text: str) -> bool:
    """Return whether a moment says how far it is from UTC, so that it is the same instant in every zone."""
    found = MOMENT.read(text)
    return found is not None and found["offset"] is not None


def _moment(found: re.Match[str]) -> datetime | None:
    """Return the date and time; in UTC where no offset is given."""
    offset = found["offset"]
    try:
        whole, _, _ = (found["time"] or "00:00").partition(".")
        moment = datetime.fromisoformat(f"{found['date']}T{whole}")
        return moment.replace(tzinfo=UTC if offset is None or offset in "Zz" else _fixed(offset))
    except ValueError:
        return None


def _fixed(offset: str) -> timezone:
    length = timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6]))
    return timezone(-length if offset[0] == "-" else length)
