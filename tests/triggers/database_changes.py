"""The changes of a zone's offset, read from the transitions that its file lists."""

# ruff: noqa: SLF001 - the transitions have no public name: only the Python version of `zoneinfo` keeps them

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import _zoneinfo  # type: ignore[attr-defined]  # `zoneinfo` itself names the C version

YEAR_2038 = int(datetime(2038, 1, 1, tzinfo=UTC).timestamp())


def database_changes(name: str) -> list[tuple[int, int]]:
    """Return (instant, new offset) from 1970 until 2038, straight from the transitions that the file lists."""
    info: Any = _zoneinfo.ZoneInfo.no_cache(name)
    changes = []
    before = info._tti_before.utcoff if info._trans_utc else None
    for instant, kind in zip(info._trans_utc, info._ttinfos, strict=True):
        if kind.utcoff != before and 0 < instant < YEAR_2038:
            changes.append((instant, int(kind.utcoff.total_seconds())))
        before = kind.utcoff
    if isinstance(info._tz_after, _zoneinfo._TZStr):
        listed_until = datetime.fromtimestamp(info._trans_utc[-1] if info._trans_utc else 0, UTC).year
        for year in range(listed_until + 1, 2038):
            starts, ends = info._tz_after.transitions(year)
            standard, summer = info._tz_after.std.utcoff, info._tz_after.dst.utcoff
            changes.append((starts - int(standard.total_seconds()), int(summer.total_seconds())))
            changes.append((ends - int(summer.total_seconds()), int(standard.total_seconds())))
    return sorted(changes)
