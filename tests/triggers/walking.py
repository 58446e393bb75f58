"""The oracle: a walk through time, a minute or a second at a step, that looks at the clock on the wall each time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from kalends.triggers import NotFound, Trigger

EPOCH = date(1970, 1, 1)
MINUTE, DAY = 60, 86_400


@lru_cache(maxsize=256)
def offset_at(zone: str, instant: int) -> int:
    offset = datetime.fromtimestamp(instant, ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


@lru_cache(maxsize=64)
def clock(zone: str, start: int, stop: int, step: int) -> list[tuple[int, int]]:
    """Return (instant, wall time in seconds since 1970 on the wall) for a stretch of time."""
    info = ZoneInfo(zone)
    naive = datetime(1970, 1, 1)  # noqa: DTZ001  wall time has no zone
    return [
        (instant, round((datetime.fromtimestamp(instant, info).replace(tzinfo=None) - naive).total_seconds()))
        for instant in range(start, stop, step)
    ]


@lru_cache(maxsize=256)
def changes(zone: str, first_year: int, last_year: int) -> list[int]:
    """Return the instants at which the clocks of a zone change, found by asking each hour."""
    start = int(datetime(first_year, 1, 1, tzinfo=UTC).timestamp())
    stop = int(datetime(last_year + 1, 1, 1, tzinfo=UTC).timestamp())
    info = ZoneInfo(zone)
    found = []
    before = datetime.fromtimestamp(start, info).utcoffset()
    for day in range(start, stop, DAY):
        if datetime.fromtimestamp(day + DAY, info).utcoffset() == before:
            continue
        for instant in range(day + MINUTE, day + DAY + MINUTE, MINUTE):
            after = datetime.fromtimestamp(instant, info).utcoffset()
            if after != before:
                found.append(instant)
                before = after
    return found


def day_of(wall: int) -> date:
    return EPOCH + timedelta(days=wall // DAY)


def walk(
    zone: str,
    start: int,
    stop: int,
    names: Callable[[int], bool],
    *,
    once: bool,
    step: int = MINUTE,
    before: int = 2 * DAY,
) -> Iterator[int]:
    """Yield the fire times with ``start`` <= fire time < ``stop`` of a rule that ``names`` wall times.

    ``once``: each named wall time counts when the clocks first show it or a later one, as far as the walk saw, which
    begins ``before`` seconds earlier.
    """
    shown = None
    for instant, wall in clock(zone, start - before, stop, step):
        if once:
            fresh = range(wall if shown is None else shown + step, wall + step, step)
            fires = any(names(one) for one in fresh)
            shown = wall if shown is None else max(shown, wall)
        else:
            fires = names(wall)
        if fires and instant >= start:
            yield instant


def fire_times(trigger: Trigger, start: int, stop: int, most: int = 200_000) -> list[int]:
    """Return what a trigger says of ``start`` <= fire time < ``stop``, by asking again and again."""
    found: list[int] = []
    at = start - 1
    while at < stop:
        following = trigger.next_after(at)
        if following is None:
            break
        if isinstance(following, NotFound):  # the search continues from where it came to
            assert following.until > at
            at = following.until
            continue
        assert following > at
        at = following
        if at < stop:
            found.append(at)
        assert len(found) <= most
    return found
