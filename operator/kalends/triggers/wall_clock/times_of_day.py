"""The part of a wall-clock rule that says when in the day: hours times minutes times seconds, kept as a product.

Equal ones are one object, so that ten thousand schedules "at :00" share it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import lru_cache

HOUR = 3_600
MINUTE = 60
_HOURS = 24
_LONG = 60
_OF_AN_HOUR = tuple(range(HOUR))  # so that tuples of seconds share their numbers


class Times:
    """Times of day in seconds since midnight.

    Every one of ``hours`` has the same ``within``: seconds since the full hour, ascending.
    """

    __slots__ = ("first", "hours", "next_hour", "per_day", "within")

    def __init__(self, hours: tuple[int, ...], within: Sequence[int]) -> None:
        self.hours = hours
        self.within = within
        self.per_day = len(hours) * len(within)
        self.first = hours[0] * HOUR + within[0]
        following = [_HOURS] * (_HOURS + 1)
        for hour in reversed(range(_HOURS)):
            following[hour] = hour if hour in hours else following[hour + 1]
        self.next_hour = bytes(following)
        """The first hour of the rule that is not before the index; 24 if there is none."""

    def after(self, hour: int, rest: int) -> int | None:
        """Return the first time later than ``rest`` seconds into ``hour``, in seconds since midnight.

        None if there is none until midnight.
        """
        if self.next_hour[hour] == hour:
            place = bisect_right(self.within, rest)
            if place < len(self.within):
                return hour * HOUR + self.within[place]
        later = self.next_hour[hour + 1]
        return later * HOUR + self.within[0] if later < _HOURS else None

    def before(self, second: int) -> int:
        """Count the times earlier than ``second`` (0 to 86400)."""
        hour, rest = divmod(second, HOUR)
        whole = bisect_left(self.hours, hour)
        count = whole * len(self.within)
        if whole < len(self.hours) and self.hours[whole] == hour:
            count += bisect_left(self.within, rest)
        return count

    def pattern(self) -> int:
        """Return the times of a day as a bit set: bit i stands for second i."""
        return _pattern(self.hours, self.within)


@lru_cache(maxsize=64)
def _pattern(hours: tuple[int, ...], within: Sequence[int]) -> int:
    hourly = 0
    for second in within:
        hourly |= 1 << second
    daily = 0
    for hour in hours:
        daily |= hourly << hour * HOUR
    return daily


@lru_cache(maxsize=1024)
def times_of(hours: int, minutes: int, seconds: int) -> Times:
    """Return the shared ``Times`` of three bit sets, none of them empty."""
    return Times(members(hours), _within(minutes, seconds))


@lru_cache(maxsize=256)
def _within(minutes: int, seconds: int) -> Sequence[int]:
    return _compact([minute * MINUTE + second for minute in members(minutes) for second in members(seconds)])


def _compact(seconds: list[int]) -> Sequence[int]:
    """Return ascending seconds of an hour in little memory: most long lists are regular, and a range takes 48 bytes."""
    if len(seconds) > _LONG:
        regular = range(seconds[0], seconds[-1] + 1, seconds[1] - seconds[0])
        if list(regular) == seconds:
            return regular
    return tuple(_OF_AN_HOUR[second] for second in seconds)


@lru_cache(maxsize=1024)
def common_times(one: Times, other: Times) -> Times | None:
    """Return the times that both name; None if there are none."""
    hours = sorted({*one.hours} & {*other.hours})
    within = sorted({*one.within} & {*other.within})
    return Times(tuple(hours), _compact(within)) if hours and within else None


@lru_cache(maxsize=1024)
def members(bits: int) -> tuple[int, ...]:
    """Return the numbers of the bits that are set, ascending."""
    found = []
    while bits:
        low = bits & -bits
        found.append(low.bit_length() - 1)
        bits ^= low
    return tuple(found)
